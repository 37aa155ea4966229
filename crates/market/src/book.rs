//! The orders of one instrument in one session: two ladders with queues of orders, the parked ones, and what the
//! instrument's price did. Who may enter and who trades with whom is decided elsewhere.

use crate::codec::Fragment;
use crate::kinds::Side;
use crate::ladder::Ladder;
use crate::order::{Group, Order};
use crate::units::{Handle, NONE, Ticks};
use std::collections::{BTreeMap, BTreeSet};

/// A band as it is fixed for an instrument (PS-10.1), in ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) lower: Option<u64>,
    pub(crate) upper: Option<u64>,
    pub(crate) down_ppm: Option<u32>,
    pub(crate) up_ppm: Option<u32>,
}

/// The effective band: both bounds as they come out, also when nothing lies between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Band {
    pub(crate) low: Option<u64>,
    pub(crate) high: Option<u64>,
}

impl Band {
    /// Whether a price lies inside; `floor` and `ceil` are those of its exact quotient.
    #[inline]
    pub(crate) fn holds(&self, floor: u64, ceil: u64) -> bool {
        self.low.is_none_or(|low| floor >= low) && self.high.is_none_or(|high| ceil <= high)
    }

    pub(crate) fn holds_ticks(&self, price: Ticks) -> bool {
        self.holds(u64::from(price), u64::from(price))
    }
}

/// No order: no seller's limit is that low, no buyer's that high.
const NO_BEST: [Ticks; 2] = [0, Ticks::MAX];

/// Prices at which a group has orders in the book, for own_opposite_order (PS-2.8): how many for each.
pub(crate) type OwnPrices = BTreeMap<(u32, Side, Ticks), u32>;

pub(crate) struct Book {
    pub(crate) session: Handle,
    pub(crate) instrument: Handle,
    /// k of PS-0.7.
    pub(crate) tick_lot_value: u64,
    sides: [Ladder; 2],
    /// The best price of each side (PS-2.1), or one that crosses nothing.
    best: [Ticks; 2],
    /// By place, which is the order of their ids.
    pub(crate) parked: BTreeSet<Handle>,
    /// Live conditional orders, parked ones included (PS-4.7).
    pub(crate) conditional: BTreeSet<Handle>,
    pub(crate) reference: Option<u64>,
    pub(crate) bounds: Bounds,
    pub(crate) last_price: Option<Ticks>,
    /// The effective band that follows from the three above.
    pub(crate) band: Band,
    pub(crate) channel: u64,
    /// Kept only as long as the session may yet test own_opposite_order.
    pub(crate) own_prices: Option<OwnPrices>,
    /// Session and instrument, encoded.
    pub(crate) names: Fragment,
}

/// What is fixed when a session is made.
pub(crate) struct NewBook {
    pub(crate) session: Handle,
    pub(crate) instrument: Handle,
    pub(crate) tick_lot_value: u64,
    pub(crate) reference: Option<u64>,
    pub(crate) bounds: Bounds,
    pub(crate) keeps_own_prices: bool,
    pub(crate) names: Fragment,
}

impl Book {
    pub(crate) fn new(new: NewBook) -> Book {
        let mut book = Book {
            session: new.session,
            instrument: new.instrument,
            tick_lot_value: new.tick_lot_value,
            sides: [Ladder::default(), Ladder::default()],
            best: NO_BEST,
            parked: BTreeSet::new(),
            conditional: BTreeSet::new(),
            reference: new.reference,
            bounds: new.bounds,
            last_price: None,
            band: Band::default(),
            channel: 0,
            own_prices: new.keeps_own_prices.then(BTreeMap::new),
            names: new.names,
        };
        book.renew_band();
        book
    }

    #[inline]
    pub(crate) fn side(&self, side: Side) -> &Ladder {
        &self.sides[side.index()]
    }

    /// At least one open, not parked order (PS-1.5).
    pub(crate) fn has_open(&self) -> bool {
        self.sides.iter().any(|ladder| !ladder.is_empty())
    }

    /// The best price of a side: the highest of buyers, the lowest of sellers (PS-2.1).
    #[inline]
    pub(crate) fn best(&self, side: Side) -> Option<Ticks> {
        let best = self.best[side.index()];
        (best != NO_BEST[side.index()]).then_some(best)
    }

    /// A price came to a side.
    #[inline]
    fn raise_best(&mut self, side: Side, price: Ticks) {
        let best = &mut self.best[side.index()];
        *best = match side {
            Side::Buy => price.max(*best),
            Side::Sell => price.min(*best),
        };
    }

    /// A price has left a side.
    #[inline]
    fn lower_best(&mut self, side: Side, price: Ticks) {
        if self.best[side.index()] == price {
            self.best[side.index()] = self.next_worse(side, price).unwrap_or(NO_BEST[side.index()]);
        }
    }

    /// The best price of a side that is worse than this.
    #[inline]
    pub(crate) fn next_worse(&self, side: Side, price: Ticks) -> Option<Ticks> {
        match side {
            Side::Buy => self.side(side).at_or_below(price.checked_sub(1)?),
            Side::Sell => self.side(side).at_or_above(price.checked_add(1)?),
        }
    }

    /// The first order of a price level.
    #[inline]
    pub(crate) fn first_at(&self, side: Side, price: Ticks) -> Handle {
        self.side(side).level(price).map_or(NONE, |level| level.first)
    }

    /// Puts an order at the end of its price level. Its priority is the smallest there, since numbers rise.
    #[inline]
    pub(crate) fn join(&mut self, orders: &mut [Order], place: Handle) {
        let order = &orders[place as usize];
        let (side, price, open, group) = (order.side, order.price, order.open(), order.group);
        let level = self.sides[side.index()].level_to_join(price);
        level.add(open);
        let is_new = level.count == 1;
        let last = std::mem::replace(&mut level.last, place);
        if last == NONE {
            level.first = place;
        } else {
            orders[last as usize].after = place;
        }
        let order = &mut orders[place as usize];
        order.before = last;
        order.after = NONE;
        if is_new {
            self.raise_best(side, price);
        }
        if let Some(own_prices) = &mut self.own_prices {
            *own_prices.entry((group.key(), side, price)).or_insert(0) += 1;
        }
    }

    /// Takes an order out of its price level.
    #[inline]
    pub(crate) fn part(&mut self, orders: &mut [Order], place: Handle) {
        let order = &mut orders[place as usize];
        let (side, price, open, group) = (order.side, order.price, order.open(), order.group);
        let before = std::mem::replace(&mut order.before, NONE);
        let after = std::mem::replace(&mut order.after, NONE);
        let ladder = &mut self.sides[side.index()];
        let level = ladder.level_mut(price);
        level.remove(open);
        if before == NONE {
            level.first = after;
        } else {
            orders[before as usize].after = after;
        }
        if after == NONE {
            level.last = before;
        } else {
            orders[after as usize].before = before;
        }
        if level.count == 0 {
            ladder.leave(price);
            self.lower_best(side, price);
        }
        if let Some(own_prices) = &mut self.own_prices {
            forget_own(own_prices, (group.key(), side, price));
        }
    }

    /// An order in the book becomes smaller by so many lots and keeps its place.
    #[inline]
    pub(crate) fn shrink(&mut self, side: Side, price: Ticks, lots: u32) {
        self.sides[side.index()].level_mut(price).quantity -= u64::from(lots);
    }

    /// Whether a group has an order in the book on the other side whose price crosses; `floor` and `ceil` are those of
    /// the exact quotient of the price asked about.
    pub(crate) fn has_own_opposite(&self, group: Group, side: Side, floor: u64, ceil: u64) -> bool {
        let own_prices = self.own_prices.as_ref().expect("own prices are kept while they may be asked for");
        let ticks = |count: u64| Ticks::try_from(count).unwrap_or(Ticks::MAX);
        let group = group.key();
        let range = match side {
            Side::Buy => (group, Side::Sell, 0)..=(group, Side::Sell, ticks(floor)),
            Side::Sell => (group, Side::Buy, ticks(ceil))..=(group, Side::Buy, Ticks::MAX),
        };
        own_prices.range(range).next().is_some()
    }

    /// All live orders, parked ones too, in no order that means anything.
    pub(crate) fn collect_live(&self, orders: &[Order], into: &mut Vec<Handle>) {
        self.collect_open(orders, into);
        into.extend(&self.parked);
    }

    /// All open orders that are not parked.
    pub(crate) fn collect_open(&self, orders: &[Order], into: &mut Vec<Handle>) {
        for (_, level) in self.sides.iter().flat_map(Ladder::ascending) {
            let mut place = level.first;
            while place != NONE {
                into.push(place);
                place = orders[place as usize].after;
            }
        }
    }

    /// The session has ended: nothing will stand here again.
    pub(crate) fn forget(&mut self) {
        for ladder in &mut self.sides {
            ladder.forget();
        }
        self.own_prices = None;
    }
}

fn forget_own(own_prices: &mut OwnPrices, key: (u32, Side, Ticks)) {
    let count = own_prices.get_mut(&key).expect("the order was noted when it joined");
    *count -= 1;
    if *count == 0 {
        own_prices.remove(&key);
    }
}
