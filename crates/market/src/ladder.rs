//! The price levels of one side of a book. Prices near each other stand in a window, an array by price with a bitmap over
//! it; those beyond it in an ordered map. The window grows with the number of levels and moves with the prices, so that
//! no price, however far away, costs more than its entry in the map. Which order stands where in a level is not known here.

use crate::units::{Handle, Lots, NONE, Ticks};
use std::collections::BTreeMap;

/// A price level: the sum and number of its orders, and the ends of their queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) quantity: u64,
    pub(crate) count: u32,
    pub(crate) first: Handle,
    pub(crate) last: Handle,
}

const EMPTY: Level = Level { quantity: 0, count: 0, first: NONE, last: NONE };

const WORD: usize = 64;
const WINDOW_MIN: usize = 64;
const WINDOW_MAX: usize = 1 << 16;
/// Slots of window allowed for each level in use, so that memory follows the number of orders.
const SLOTS_PER_LEVEL: usize = 64;

#[derive(Default)]
pub(crate) struct Ladder {
    /// The price of the first slot.
    base: Ticks,
    slots: Vec<Level>,
    /// One bit for each slot in use, and one for each of these words that is not 0.
    words: Vec<u64>,
    summary: Vec<u64>,
    outside: BTreeMap<Ticks, Level>,
    inside: usize,
    /// Levels made outside since the window was last placed.
    misses: usize,
}

impl Ladder {
    /// How many prices are in use.
    pub(crate) fn len(&self) -> usize {
        self.inside + self.outside.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of a price in the window.
    #[inline]
    fn slot(&self, price: Ticks) -> Option<usize> {
        let slot = price.wrapping_sub(self.base) as usize;
        (slot < self.slots.len()).then_some(slot)
    }

    #[inline]
    pub(crate) fn level(&self, price: Ticks) -> Option<&Level> {
        match self.slot(price) {
            Some(slot) => Some(&self.slots[slot]).filter(|level| level.count != 0),
            None => self.outside.get(&price),
        }
    }

    /// The level at a price where orders stand.
    #[inline]
    pub(crate) fn level_mut(&mut self, price: Ticks) -> &mut Level {
        match self.slot(price) {
            Some(slot) => &mut self.slots[slot],
            None => self.outside.get_mut(&price).expect("a level in use"),
        }
    }

    /// The level at a price to which an order is about to be added.
    #[inline]
    pub(crate) fn level_to_join(&mut self, price: Ticks) -> &mut Level {
        let slot = match self.slot(price) {
            Some(slot) => slot,
            None => match self.place_window(price) {
                Some(slot) => slot,
                None => {
                    self.misses += usize::from(!self.outside.contains_key(&price));
                    return self.outside.entry(price).or_insert(EMPTY);
                }
            },
        };
        if self.slots[slot].count == 0 {
            self.inside += 1;
            self.words[slot / WORD] |= 1 << (slot % WORD);
            self.summary[slot / WORD / WORD] |= 1 << (slot / WORD % WORD);
        }
        &mut self.slots[slot]
    }

    /// The level at this price has no orders any more.
    #[inline]
    pub(crate) fn leave(&mut self, price: Ticks) {
        match self.slot(price) {
            Some(slot) => {
                assert!(self.slots[slot].count == 0, "only an empty level is given up");
                self.slots[slot] = EMPTY;
                self.inside -= 1;
                let word = &mut self.words[slot / WORD];
                *word &= !(1 << (slot % WORD));
                if *word == 0 {
                    self.summary[slot / WORD / WORD] &= !(1 << (slot / WORD % WORD));
                }
            }
            None => {
                let level = self.outside.remove(&price).expect("a level in use");
                assert!(level.count == 0, "only an empty level is given up");
            }
        }
    }

    /// Makes or moves the window so that it holds this price, if that is worth it; the slot of the price then.
    #[cold]
    fn place_window(&mut self, price: Ticks) -> Option<usize> {
        let limit = ((self.len() + 1) * SLOTS_PER_LEVEL).clamp(WINDOW_MIN, WINDOW_MAX);
        let span = if self.inside == 0 {
            (price, price)
        } else {
            let low = self.base + Ticks::try_from(self.lowest_slot()?).ok()?;
            let high = self.base + Ticks::try_from(self.highest_slot()?).ok()?;
            (low.min(price), high.max(price))
        };
        let needed = (span.1 - span.0) as usize + 1;
        if needed <= limit {
            self.move_window(span, limit);
        } else if self.misses > self.inside + WINDOW_MIN {
            // The prices have moved away from the window: it follows the newest, and what it leaves goes to the map.
            self.move_window((price, price), limit);
        } else {
            return None;
        }
        self.slot(price)
    }

    /// A new window around these prices with room on both sides, at most `limit` slots long.
    fn move_window(&mut self, span: (Ticks, Ticks), limit: usize) {
        let needed = (span.1 - span.0) as usize + 1;
        let length =
            needed.saturating_mul(2).next_power_of_two().clamp(WINDOW_MIN, WINDOW_MAX).min(limit.next_power_of_two());
        let length = length.max(needed.next_power_of_two());
        let room = Ticks::try_from((length - needed) / 2).expect("a window of at most 2^16 slots");
        let old_base = self.base;
        let old_slots = std::mem::replace(&mut self.slots, vec![EMPTY; length]);
        let words = length.div_ceil(WORD);
        self.words = vec![0; words];
        self.summary = vec![0; words.div_ceil(WORD)];
        self.base = span.0.saturating_sub(room);
        self.inside = 0;
        self.misses = 0;
        for (slot, level) in old_slots.into_iter().enumerate().filter(|(_, level)| level.count != 0) {
            self.put(old_base + Ticks::try_from(slot).expect("a window of at most 2^16 slots"), level);
        }
        let end = self.base.saturating_add(Ticks::try_from(length).expect("a window of at most 2^16 slots"));
        let met: Vec<(Ticks, Level)> =
            self.outside.range(self.base..end).map(|(price, level)| (*price, *level)).collect();
        for (price, level) in met {
            self.outside.remove(&price);
            self.put(price, level);
        }
    }

    fn put(&mut self, price: Ticks, level: Level) {
        match self.slot(price) {
            Some(slot) => {
                self.slots[slot] = level;
                self.words[slot / WORD] |= 1 << (slot % WORD);
                self.summary[slot / WORD / WORD] |= 1 << (slot / WORD % WORD);
                self.inside += 1;
            }
            None => {
                self.outside.insert(price, level);
            }
        }
    }

    fn lowest_slot(&self) -> Option<usize> {
        first_from(&self.words, &self.summary, 0)
    }

    fn highest_slot(&self) -> Option<usize> {
        last_to(&self.words, &self.summary, self.slots.len().checked_sub(1)?)
    }

    #[inline]
    fn price_of(&self, slot: usize) -> Ticks {
        self.base + Ticks::try_from(slot).expect("a window of at most 2^16 slots")
    }

    /// The lowest price in use that is at least this.
    #[inline]
    pub(crate) fn at_or_above(&self, price: Ticks) -> Option<Ticks> {
        let from = price.saturating_sub(self.base) as usize;
        let inside = if self.inside == 0 { None } else { first_from(&self.words, &self.summary, from) };
        let inside = inside.map(|slot| self.price_of(slot));
        if self.outside.is_empty() {
            return inside;
        }
        let outside = self.outside.range(price..).next().map(|(price, _)| *price);
        match (inside, outside) {
            (Some(inside), Some(outside)) => Some(inside.min(outside)),
            (inside, outside) => inside.or(outside),
        }
    }

    /// The highest price in use that is at most this.
    #[inline]
    pub(crate) fn at_or_below(&self, price: Ticks) -> Option<Ticks> {
        let inside = if self.inside == 0 || price < self.base {
            None
        } else {
            last_to(&self.words, &self.summary, ((price - self.base) as usize).min(self.slots.len() - 1))
        };
        let inside = inside.map(|slot| self.price_of(slot));
        if self.outside.is_empty() {
            return inside;
        }
        let outside = self.outside.range(..=price).next_back().map(|(price, _)| *price);
        inside.max(outside)
    }

    /// Every level in use, by ascending price.
    pub(crate) fn ascending(&self) -> impl Iterator<Item = (Ticks, &Level)> {
        std::iter::successors(self.at_or_above(0), |price| self.at_or_above(price + 1))
            .map(|price| (price, self.level(price).expect("a level in use")))
    }

    /// Gives the memory of an empty ladder back.
    pub(crate) fn forget(&mut self) {
        assert!(self.is_empty(), "only an empty ladder is given up");
        *self = Ladder::default();
    }
}

/// The first bit set at or after `from`.
#[inline]
fn first_from(words: &[u64], summary: &[u64], from: usize) -> Option<usize> {
    let word = from / WORD;
    let rest = words.get(word)? >> (from % WORD);
    if rest != 0 {
        return Some(from + rest.trailing_zeros() as usize);
    }
    let word = first_word(summary, word + 1)?;
    Some(word * WORD + words[word].trailing_zeros() as usize)
}

#[inline]
fn first_word(summary: &[u64], from: usize) -> Option<usize> {
    let start = from / WORD;
    let rest = summary.get(start)? >> (from % WORD);
    if rest != 0 {
        return Some(from + rest.trailing_zeros() as usize);
    }
    let (at, bits) = summary.iter().enumerate().skip(start + 1).find(|(_, bits)| **bits != 0)?;
    Some(at * WORD + bits.trailing_zeros() as usize)
}

/// The last bit set at or before `to`.
#[inline]
fn last_to(words: &[u64], summary: &[u64], to: usize) -> Option<usize> {
    let word = to / WORD;
    let rest = words.get(word)? << (WORD - 1 - to % WORD);
    if rest != 0 {
        return Some(to - rest.leading_zeros() as usize);
    }
    let word = last_word(summary, word.checked_sub(1)?)?;
    Some(word * WORD + WORD - 1 - words[word].leading_zeros() as usize)
}

#[inline]
fn last_word(summary: &[u64], to: usize) -> Option<usize> {
    let start = to / WORD;
    let rest = summary.get(start)? << (WORD - 1 - to % WORD);
    if rest != 0 {
        return Some(to - rest.leading_zeros() as usize);
    }
    let (at, bits) = summary.iter().enumerate().take(start).rev().find(|(_, bits)| **bits != 0)?;
    Some(at * WORD + WORD - 1 - bits.leading_zeros() as usize)
}

/// A level with one more order in it.
impl Level {
    pub(crate) fn add(&mut self, open: Lots) {
        self.quantity += u64::from(open);
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, open: Lots) {
        self.quantity -= u64::from(open);
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(ladder: &mut Ladder, model: &mut BTreeMap<Ticks, u32>, price: Ticks) {
        ladder.level_to_join(price).add(1);
        *model.entry(price).or_insert(0) += 1;
    }

    fn remove(ladder: &mut Ladder, model: &mut BTreeMap<Ticks, u32>, price: Ticks) {
        let level = ladder.level_mut(price);
        level.remove(1);
        if level.count == 0 {
            ladder.leave(price);
        }
        let count = model.get_mut(&price).expect("the model has it");
        *count -= 1;
        if *count == 0 {
            model.remove(&price);
        }
    }

    /// A ladder and an ordered map get the same prices, near, drifting and far; every question has the same answer.
    #[test]
    fn a_ladder_answers_like_an_ordered_map_wherever_prices_go() {
        let mut ladder = Ladder::default();
        let mut model = BTreeMap::new();
        let mut seed = 88_172_645_463_325_252_u64;
        let mut centre = 1_000_u64;
        for round in 0..60_000_u64 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let random = seed >> 20;
            centre = match random % 5_000 {
                0 => random % 2_000_000_000,
                1 => 1,
                _ => (centre + random % 7).saturating_sub(2),
            };
            let spread = if random % 50 == 0 { random % 1_000_000 } else { random % 300 };
            let price = Ticks::try_from((centre + spread).clamp(1, 2_000_000_000)).expect("a price");
            let victim = model.range(price..).next().map(|(price, _)| *price);
            match victim {
                Some(victim) if random % 3 == 0 || model.len() > 400 => remove(&mut ladder, &mut model, victim),
                _ => add(&mut ladder, &mut model, price),
            }
            assert_eq!(ladder.len(), model.len());
            assert_eq!(ladder.at_or_above(price), model.range(price..).next().map(|(price, _)| *price));
            assert_eq!(ladder.at_or_below(price), model.range(..=price).next_back().map(|(price, _)| *price));
            assert_eq!(ladder.level(price).map(|level| level.count), model.get(&price).copied());
            if round % 500 == 0 {
                let levels: Vec<_> = ladder.ascending().map(|(price, level)| (price, level.count)).collect();
                assert_eq!(levels, model.iter().map(|(price, count)| (*price, *count)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn far_prices_take_no_window() {
        let mut ladder = Ladder::default();
        for price in (0..1_000).map(|step| 1 + step * 2_000_000) {
            ladder.level_to_join(price).add(1);
        }
        assert!(ladder.slots.len() <= WINDOW_MAX);
        assert_eq!(ladder.ascending().count(), 1_000);
    }
}
