//! Orders in a slab by ordinal: every order ever accepted, open or final, and the deals that still secure something.
//! An order knows its own values; where it stands in a book is the book's affair.

use crate::kinds::{OrderState, Side, TimeInForce};
use crate::units::{Handle, Lots, Minor, NONE, Ordinal, Ticks, Time};
use std::collections::{BTreeMap, VecDeque};

/// A self-trade group as stamped at entry (PS-2.8): the kind in the two highest bits, the handle below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Group(u32);

/// What a group is (EN-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GroupKind {
    Affiliation,
    Client,
    Participant,
}

const GROUP_SHIFT: u32 = 30;

impl Group {
    pub(crate) fn new(kind: GroupKind, handle: Handle) -> Group {
        assert!(handle >> GROUP_SHIFT == 0, "fewer than 2^30 names of a kind");
        let number = match kind {
            GroupKind::Affiliation => 1,
            GroupKind::Client => 2,
            GroupKind::Participant => 3,
        };
        Group(number << GROUP_SHIFT | handle)
    }

    pub(crate) fn kind(self) -> GroupKind {
        match self.0 >> GROUP_SHIFT {
            1 => GroupKind::Affiliation,
            2 => GroupKind::Client,
            _ => GroupKind::Participant,
        }
    }

    pub(crate) fn handle(self) -> Handle {
        self.0 & ((1 << GROUP_SHIFT) - 1)
    }

    /// For keys of ordered maps; the order means nothing.
    pub(crate) fn key(self) -> u32 {
        self.0
    }
}

pub(crate) struct Order {
    pub(crate) price: Ticks,
    pub(crate) total: Lots,
    pub(crate) filled: Lots,
    /// 0 where there is none.
    pub(crate) minimum: Lots,
    /// Neighbours in the queue of its price level; `NONE` at the ends and outside the book.
    pub(crate) before: Handle,
    pub(crate) after: Handle,
    pub(crate) book: Handle,
    pub(crate) seat: Handle,
    pub(crate) account: Handle,
    pub(crate) participant: Handle,
    /// `NONE` where none is named.
    pub(crate) client: Handle,
    pub(crate) trader: Handle,
    pub(crate) group: Group,
    pub(crate) rate_ppm: u32,
    pub(crate) side: Side,
    pub(crate) state: OrderState,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) indivisible: bool,
    pub(crate) priority: Ordinal,
    /// Vf of PS-5.3.
    pub(crate) deal_value: Minor,
    pub(crate) floor: Minor,
    /// What it secures at present (PS-5.3), kept so that a change moves the difference.
    pub(crate) reserved: Minor,
    pub(crate) blocked: Minor,
    pub(crate) until: Option<Time>,
}

impl Order {
    /// Not filled, cancelled or expired.
    #[inline]
    pub(crate) fn open(&self) -> Lots {
        if self.state.is_live() { self.total - self.filled } else { 0 }
    }

    pub(crate) fn is_conditional(&self) -> bool {
        self.indivisible || self.minimum != 0
    }

    /// need(x) of PS-2.3, with `open` what is left of it.
    #[inline]
    pub(crate) fn need(&self, open: Lots) -> Lots {
        if self.indivisible { open } else { self.minimum.min(open) }
    }

    pub(crate) fn minimum(&self) -> Option<Lots> {
        (self.minimum != 0).then_some(self.minimum)
    }

    /// Whether its limit is at least as good as this price.
    #[inline]
    pub(crate) fn accepts(&self, price: Ticks) -> bool {
        match self.side {
            Side::Buy => self.price >= price,
            Side::Sell => self.price <= price,
        }
    }
}

/// The ordinal of the order at this place.
#[inline]
pub(crate) fn ordinal(place: Handle) -> Ordinal {
    Ordinal::from(place) + 1
}

/// The place of an order in the slab, if there is such an order.
#[inline]
pub(crate) fn place_of(order: Ordinal, orders: &[Order]) -> Option<Handle> {
    let place = Handle::try_from(order.checked_sub(1)?).ok()?;
    ((place as usize) < orders.len()).then_some(place)
}

/// A deal that is not yet performed, terminated or annulled, with its values as they stand in Vf.
#[derive(Clone, Copy)]
pub(crate) struct Deal {
    pub(crate) buy: Handle,
    pub(crate) sell: Handle,
    pub(crate) buy_value: Minor,
    pub(crate) sell_value: Minor,
}

const RELEASED: Deal = Deal { buy: NONE, sell: NONE, buy_value: 0, sell_value: 0 };

/// Deals not yet released. New ones stand in a queue in the order of their ordinals, whose front moves on as they are
/// released; those that came from a snapshot, with gaps between them, in an ordered map.
pub(crate) struct Deals {
    loaded: BTreeMap<Ordinal, Deal>,
    queue: VecDeque<Deal>,
    /// The ordinal of the front.
    first: Ordinal,
}

impl Deals {
    pub(crate) fn new(last: Ordinal) -> Deals {
        Deals { loaded: BTreeMap::new(), queue: VecDeque::new(), first: last + 1 }
    }

    pub(crate) fn last(&self) -> Ordinal {
        self.first + self.queue.len() as u64 - 1
    }

    /// Notes a new deal and gives its ordinal.
    #[inline]
    pub(crate) fn make(&mut self, deal: Deal) -> Ordinal {
        self.queue.push_back(deal);
        self.last()
    }

    /// Puts back a deal from a snapshot.
    pub(crate) fn load(&mut self, ordinal: Ordinal, deal: Deal) {
        assert!(ordinal < self.first && self.queue.is_empty(), "deals are loaded before any is made");
        self.loaded.insert(ordinal, deal);
    }

    /// Takes a deal that is not yet released.
    pub(crate) fn release(&mut self, ordinal: Ordinal) -> Option<Deal> {
        if ordinal < self.first {
            return self.loaded.remove(&ordinal);
        }
        let place = usize::try_from(ordinal - self.first).ok()?;
        let deal = self.queue.get_mut(place).filter(|deal| deal.buy != NONE)?;
        let taken = std::mem::replace(deal, RELEASED);
        while self.queue.front().is_some_and(|deal| deal.buy == NONE) {
            self.queue.pop_front();
            self.first += 1;
        }
        Some(taken)
    }

    /// Those not yet released, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ordinal, &Deal)> {
        let made = (self.first..).zip(&self.queue).filter(|(_, deal)| deal.buy != NONE);
        self.loaded.iter().map(|(ordinal, deal)| (*ordinal, deal)).chain(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(buy: Handle) -> Deal {
        Deal { buy, sell: 0, buy_value: 1, sell_value: 1 }
    }

    #[test]
    fn deals_are_released_once_and_in_any_order() {
        let mut deals = Deals::new(0);
        assert_eq!([deals.make(deal(1)), deals.make(deal(2)), deals.make(deal(3))], [1, 2, 3]);
        assert_eq!(deals.release(2).map(|deal| deal.buy), Some(2));
        assert!(deals.release(2).is_none() && deals.release(0).is_none() && deals.release(4).is_none());
        assert_eq!(deals.release(1).map(|deal| deal.buy), Some(1));
        assert_eq!(deals.iter().map(|(ordinal, _)| ordinal).collect::<Vec<_>>(), [3]);
        assert_eq!(deals.release(3).map(|deal| deal.buy), Some(3));
        assert_eq!((deals.last(), deals.make(deal(4))), (3, 4));
    }

    #[test]
    fn loaded_deals_go_on_from_the_last_ordinal() {
        let mut deals = Deals::new(9);
        deals.load(3, deal(1));
        deals.load(5, deal(2));
        assert_eq!(deals.make(deal(7)), 10);
        assert_eq!(deals.iter().map(|(ordinal, _)| ordinal).collect::<Vec<_>>(), [3, 5, 10]);
        assert!(deals.release(4).is_none());
        assert_eq!(deals.release(3).map(|deal| deal.buy), Some(1));
        assert!(deals.release(3).is_none());
    }
}
