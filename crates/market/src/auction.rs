//! Uniform-price uncrossing (PS-4): the price over the sums of levels, the setting aside and readmission of conditional
//! orders, allotment and pairing. Simulated on sums first, so that a question (PS-1.3) changes nothing.

use crate::book::Book;
use crate::kinds::{Aggressor, Side};
use crate::ladder::Level;
use crate::market::Market;
use crate::order::{Order, ordinal};
use crate::units::{Handle, Lots, NONE, Ordinal, Ticks};

/// A candidate price with what stands there on each side; without orders it is no candidate.
#[derive(Clone, Copy)]
struct Sum {
    price: Ticks,
    quantity: [u64; 2],
    count: [u32; 2],
}

/// A conditional order in the book.
struct Conditional {
    place: Handle,
    side: Side,
    price: Ticks,
    priority: Ordinal,
    open: Lots,
    /// The least that it may be given (PS-4.3).
    need: Lots,
    /// Quantity before it at its price level, nobody set aside.
    ahead: u64,
    is_aside: bool,
}

/// A price that the book gives.
#[derive(Clone, Copy)]
pub(crate) struct Price {
    pub(crate) price: Ticks,
    pub(crate) volume: u64,
    /// Demand and supply at the price.
    demand: u64,
    supply: u64,
}

/// What an uncrossing comes to. `aside` are the orders set aside and not put back, by ascending priority.
pub(crate) struct Uncrossing {
    pub(crate) price: Option<Price>,
    aside: Vec<Handle>,
}

/// A book of sums, from which conditional orders are taken and put back.
struct Simulation {
    sums: Vec<Sum>,
    conditionals: Vec<Conditional>,
    reference: Option<u64>,
}

/// The prices with the greatest volume and, among them, the smallest surplus, by the sign of their surplus (PS-4.1).
#[derive(Default)]
struct Remaining {
    volume: u64,
    distance: u64,
    positive_greatest: Option<Ticks>,
    negative_least: Option<Ticks>,
    zero: Option<(Ticks, Ticks)>,
}

impl Remaining {
    /// Prices come ascending.
    fn note(&mut self, price: Ticks, demand: u64, supply: u64) {
        let volume = demand.min(supply);
        let distance = demand.abs_diff(supply);
        if volume > self.volume || volume == self.volume && distance < self.distance {
            *self = Remaining { volume, distance, ..Remaining::default() };
        }
        if volume == self.volume && distance == self.distance {
            if demand > supply {
                self.positive_greatest = Some(price);
            } else if demand < supply {
                self.negative_least = self.negative_least.or(Some(price));
            } else {
                self.zero = Some((self.zero.map_or(price, |zero| zero.0), price));
            }
        }
    }

    /// One price out of those that remain: step 3 of the rule with its intervals.
    fn choose(&self, reference: Option<u64>) -> Option<Ticks> {
        let (low, high) = match (self.zero, self.positive_greatest, self.negative_least) {
            (Some(zero), _, _) => zero,
            (None, Some(low), Some(high)) => (low, high),
            (None, one, other) => return one.or(other),
        };
        let middle = u64::from(low).midpoint(u64::from(high));
        let price = reference.map_or(middle, |reference| reference.max(u64::from(low)).min(u64::from(high)));
        Ticks::try_from(price).ok()
    }
}

impl Simulation {
    fn of(book: &Book, orders: &[Order]) -> Simulation {
        Simulation { sums: sums_of(book), conditionals: conditionals_of(book, orders), reference: book.reference }
    }

    /// Steps 1 to 4 of the price rule on the book as it stands in the simulation.
    fn price(&self) -> Option<Price> {
        let mut demand: u64 = self.sums.iter().map(|sum| sum.quantity[Side::Buy.index()]).sum();
        let mut supply = 0;
        let mut remaining = Remaining::default();
        for sum in &self.sums {
            supply += sum.quantity[Side::Sell.index()];
            if sum.count != [0, 0] {
                remaining.note(sum.price, demand, supply);
            }
            demand -= sum.quantity[Side::Buy.index()];
        }
        if remaining.volume == 0 {
            return None;
        }
        let price = remaining.choose(self.reference)?;
        let [demand, supply] = [Side::Buy, Side::Sell].map(|side| self.willing(side, price));
        assert!(demand.min(supply) == remaining.volume, "the price chosen gives the greatest volume");
        Some(Price { price, volume: remaining.volume, demand, supply })
    }

    /// What a side offers at a price.
    fn willing(&self, side: Side, price: Ticks) -> u64 {
        let cut = self.sums.partition_point(|sum| sum.price < price);
        let willing = match side {
            Side::Buy => &self.sums[cut..],
            Side::Sell => &self.sums[..self.sums.partition_point(|sum| sum.price <= price)],
        };
        willing.iter().map(|sum| sum.quantity[side.index()]).sum()
    }

    /// The conditional order that would be cut against its condition, if there is one (PS-4.3).
    fn forbidden_cut(&self, price: &Price) -> Option<usize> {
        let side = match price.demand.cmp(&price.supply) {
            std::cmp::Ordering::Greater => Side::Buy,
            std::cmp::Ordering::Less => Side::Sell,
            std::cmp::Ordering::Equal => return None,
        };
        let (margin, left) = self.margin(side, price.volume)?;
        let at_margin = |other: &Conditional| other.side == side && other.price == margin && !other.is_aside;
        self.conditionals.iter().position(|cut| {
            if !at_margin(cut) {
                return false;
            }
            let ahead = cut.ahead - self.aside_ahead(cut);
            let given = left.saturating_sub(ahead).min(u64::from(cut.open));
            given > 0 && given < u64::from(cut.open) && given < u64::from(cut.need)
        })
    }

    /// The price level at which a side's volume runs out, and what is left of it there.
    fn margin(&self, side: Side, volume: u64) -> Option<(Ticks, u64)> {
        let mut left = volume;
        let mut margin = |sum: &Sum| {
            let quantity = sum.quantity[side.index()];
            if quantity > left {
                return Some((sum.price, left));
            }
            left -= quantity;
            None
        };
        match side {
            Side::Buy => self.sums.iter().rev().find_map(&mut margin),
            Side::Sell => self.sums.iter().find_map(&mut margin),
        }
    }

    /// Quantity of those set aside that stands before an order at its level.
    fn aside_ahead(&self, order: &Conditional) -> u64 {
        self.conditionals
            .iter()
            .filter(|other| other.is_aside && other.side == order.side && other.price == order.price)
            .filter(|other| other.priority < order.priority)
            .map(|other| u64::from(other.open))
            .sum()
    }

    fn set_aside(&mut self, which: usize, is_aside: bool) {
        let conditional = &mut self.conditionals[which];
        assert!(conditional.is_aside != is_aside, "an order is in the book or aside");
        conditional.is_aside = is_aside;
        let (price, side, open) = (conditional.price, conditional.side.index(), u64::from(conditional.open));
        let at = self.sums.binary_search_by_key(&price, |sum| sum.price).expect("its level is in the sums");
        let sum = &mut self.sums[at];
        if is_aside {
            sum.quantity[side] -= open;
            sum.count[side] -= 1;
        } else {
            sum.quantity[side] += open;
            sum.count[side] += 1;
        }
    }

    /// PS-4.1 to PS-4.4.
    fn uncross(mut self) -> Uncrossing {
        let mut result = self.price();
        while let Some(cut) = result.as_ref().and_then(|price| self.forbidden_cut(price)) {
            self.set_aside(cut, true);
            result = self.price();
        }
        let mut aside: Vec<usize> =
            (0..self.conditionals.len()).filter(|which| self.conditionals[*which].is_aside).collect();
        aside.sort_unstable_by_key(|which| self.conditionals[*which].priority);
        for which in &aside {
            self.set_aside(*which, false);
            let present = result.map_or(0, |price| price.volume);
            match self.price().filter(|price| price.volume > present && self.forbidden_cut(price).is_none()) {
                Some(better) => result = Some(better),
                None => self.set_aside(*which, true),
            }
        }
        aside.retain(|which| self.conditionals[*which].is_aside);
        Uncrossing { price: result, aside: aside.iter().map(|which| self.conditionals[*which].place).collect() }
    }
}

/// The levels of both sides merged, by ascending price.
fn sums_of(book: &Book) -> Vec<Sum> {
    let [buys, sells] = [Side::Buy, Side::Sell].map(|side| book.side(side));
    let mut sums = Vec::with_capacity(buys.len() + sells.len());
    let at = |side: Side, (price, level): (Ticks, &Level)| {
        let mut sum = Sum { price, quantity: [0, 0], count: [0, 0] };
        sum.quantity[side.index()] = level.quantity;
        sum.count[side.index()] = level.count;
        sum
    };
    let mut buys = buys.ascending().peekable();
    for sell in sells.ascending() {
        while let Some(buy) = buys.next_if(|buy| buy.0 < sell.0) {
            sums.push(at(Side::Buy, buy));
        }
        let mut sum = at(Side::Sell, sell);
        if let Some(buy) = buys.next_if(|buy| buy.0 == sell.0) {
            sum.quantity[Side::Buy.index()] = buy.1.quantity;
            sum.count[Side::Buy.index()] = buy.1.count;
        }
        sums.push(sum);
    }
    sums.extend(buys.map(|buy| at(Side::Buy, buy)));
    sums
}

/// The conditional orders in the book, level by level, so that each level is walked once.
fn conditionals_of(book: &Book, orders: &[Order]) -> Vec<Conditional> {
    let in_book = |place: &&Handle| orders[**place as usize].state == crate::kinds::OrderState::Open;
    let mut levels: Vec<(Side, Ticks)> = book
        .conditional
        .iter()
        .filter(in_book)
        .map(|place| (orders[*place as usize].side, orders[*place as usize].price))
        .collect();
    levels.sort_unstable();
    levels.dedup();
    let mut conditionals = Vec::with_capacity(book.conditional.len());
    for (side, price) in levels {
        let mut ahead = 0;
        let mut place = book.first_at(side, price);
        while place != NONE {
            let order = &orders[place as usize];
            let open = order.open();
            if order.is_conditional() {
                let (priority, need) = (order.priority, order.need(open));
                conditionals.push(Conditional { place, side, price, priority, open, need, ahead, is_aside: false });
            }
            ahead += u64::from(open);
            place = order.after;
        }
    }
    conditionals
}

/// What the orders of a side are given, best price first, then priority (PS-4.2).
fn allot(book: &Book, orders: &[Order], side: Side, price: &Price, aside: &[Handle]) -> Vec<(Handle, Lots)> {
    let mut left = price.volume;
    let mut given = Vec::new();
    let mut level = book.best(side);
    while let Some(at) = level.filter(|_| left > 0) {
        let mut place = book.first_at(side, at);
        while place != NONE && left > 0 {
            let order = &orders[place as usize];
            assert!(order.accepts(price.price), "the volume is found among willing orders");
            if aside.binary_search(&place).is_err() {
                let lots = u64::from(order.open()).min(left);
                left -= lots;
                given.push((place, Lots::try_from(lots).expect("at most what an order has open")));
            }
            place = order.after;
        }
        level = book.next_worse(side, at);
    }
    assert!(left == 0, "each side is given the whole volume");
    given
}

impl Market {
    /// Uncrosses every instrument of a session that has open orders, by ascending id (PS-1.5).
    pub(crate) fn uncross_all(&mut self, session: Handle) {
        for at in 0..self.sessions[session as usize].books.len() {
            let book = self.sessions[session as usize].books[at];
            if self.books[book as usize].has_open() {
                self.uncross(book);
            }
        }
    }

    fn uncross(&mut self, handle: Handle) {
        let book = &mut self.books[handle as usize];
        let Uncrossing { price, mut aside } = Simulation::of(book, &self.orders).uncross();
        book.channel += 1;
        let Some(price) = price else {
            self.events.uncrossed_without_price(&book.names);
            return;
        };
        let surplus = i64::try_from(price.demand).expect("the quantity of a book fits")
            - i64::try_from(price.supply).expect("the quantity of a book fits");
        self.events.uncrossed(&book.names, price.price, price.volume, surplus);
        for place in &aside {
            let order = &self.orders[*place as usize];
            if order.price != price.price && order.accepts(price.price) {
                self.events.paradoxically_rejected(ordinal(*place));
            }
        }
        aside.sort_unstable();
        let book = &self.books[handle as usize];
        let [buys, sells] = [Side::Buy, Side::Sell].map(|side| allot(book, &self.orders, side, &price, &aside));
        self.pair(price.price, &buys, &sells);
    }

    /// Two pointers over what was allotted (PS-4.6).
    fn pair(&mut self, price: Ticks, buys: &[(Handle, Lots)], sells: &[(Handle, Lots)]) {
        let (mut buys, mut sells) = (buys.iter().copied(), sells.iter().copied());
        let (mut buy, mut sell) = (buys.next(), sells.next());
        while let (Some((buyer, bought)), Some((seller, sold))) = (buy, sell) {
            let lots = bought.min(sold);
            self.make_deal(buyer, seller, price, lots, Aggressor::None);
            buy = if bought == lots { buys.next() } else { Some((buyer, bought - lots)) };
            sell = if sold == lots { sells.next() } else { Some((seller, sold - lots)) };
        }
        assert!(buy.is_none() && sell.is_none(), "both sides are allotted the same");
    }
}

/// What the uncrossing of the book as it stands would give an order (PS-1.3).
pub(crate) fn allotment_of(book: &Book, orders: &[Order], place: Handle) -> Lots {
    let order = &orders[place as usize];
    let Uncrossing { price, mut aside } = Simulation::of(book, orders).uncross();
    let Some(price) = price.filter(|price| order.accepts(price.price)) else {
        return 0;
    };
    aside.sort_unstable();
    let given = allot(book, orders, order.side, &price, &aside);
    given.iter().find(|allotted| allotted.0 == place).map_or(0, |allotted| allotted.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buys and sells as (price, quantity).
    fn price_of(buys: &[(Ticks, u64)], sells: &[(Ticks, u64)], reference: Option<u64>) -> Option<(Ticks, u64)> {
        let mut prices: Vec<Ticks> = buys.iter().chain(sells).map(|order| order.0).collect();
        prices.sort_unstable();
        prices.dedup();
        let at =
            |orders: &[(Ticks, u64)], price| orders.iter().filter(|order| order.0 == price).map(|order| order.1).sum();
        let sums =
            prices.into_iter().map(|price| Sum { price, quantity: [at(buys, price), at(sells, price)], count: [1, 1] });
        let simulation = Simulation { sums: sums.collect(), conditionals: Vec::new(), reference };
        simulation.price().map(|price| (price.price, price.volume))
    }

    #[test]
    fn the_vectors_of_the_rulebook_come_out() {
        for (buys, sells, reference, result) in [
            (&[(102, 50), (101, 30), (100, 40)][..], &[(99, 40), (100, 30), (101, 60)][..], None, Some((101, 80))),
            (&[(102, 100)], &[(100, 60)], None, Some((102, 60))),
            (&[(102, 60)], &[(100, 100)], None, Some((100, 60))),
            (&[(102, 80)], &[(100, 80)], Some(101), Some((101, 80))),
            (&[(102, 80)], &[(100, 80)], Some(105), Some((102, 80))),
            (&[(102, 80)], &[(100, 80)], None, Some((101, 80))),
            (&[(99, 10)], &[(100, 10)], None, None),
            (&[], &[], Some(5), None),
        ] {
            assert_eq!(price_of(buys, sells, reference), result, "{buys:?} {sells:?} {reference:?}");
        }
    }

    #[test]
    fn mixed_signs_bound_the_interval_from_inside() {
        // At 100 demand 20, supply 10; at 105 demand 10, supply 20: both surpluses 10 apart, volume 10.
        let buys = [(105, 10), (100, 10)];
        let sells = [(100, 10), (105, 10)];
        assert_eq!(price_of(&buys, &sells, None), Some((102, 10)));
        assert_eq!(price_of(&buys, &sells, Some(90)), Some((100, 10)));
        assert_eq!(price_of(&buys, &sells, Some(104)), Some((104, 10)));
    }
}
