//! What must hold of a market as a whole, computed from scratch (PS-5.7, PS-9, promises 3 and 4 of the design). Commands
//! assert what they touch as they go; this is for tests and for state that comes from outside.

use crate::book::{Book, OwnPrices};
use crate::codec::Fragment;
use crate::kinds::{Mechanism, OrderState, Phase, Side, TimeInForce};
use crate::ladder::Level;
use crate::limits::{
    ACCOUNT_MAX, CONDITIONAL_ORDERS_MAX, CURRENCY_SUM_MAX, DEAL_VALUE_MAX, OPEN_ORDERS_MAX, ORDER_VALUE_MAX,
    PRICE_TICKS_MAX, QUANTITY_LOTS_MAX,
};
use crate::market::Market;
use crate::order::Order;
use crate::units::{Handle, Minor, NONE, Ticks};
use std::collections::BTreeSet;

/// Which sentence does not hold.
pub(crate) type Broken = &'static &'static str;

fn holds(holds: bool, sentence: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(sentence) }
}

impl Market {
    /// Proves every invariant of the market anew; for tests, since it takes as long as the market is large.
    ///
    /// # Errors
    /// The sentence that does not hold.
    pub fn check(&self) -> Result<(), &'static str> {
        self.prove().map_err(|broken| *broken)
    }

    pub(crate) fn prove(&self) -> Result<(), Broken> {
        for order in &self.orders {
            self.check_order(order)?;
        }
        self.check_deals()?;
        self.check_money()?;
        for (handle, book) in (0..).zip(&self.books) {
            self.check_book(handle, book)?;
        }
        self.check_counts()
    }

    fn check_order(&self, order: &Order) -> Result<(), Broken> {
        let k = self.books[order.book as usize].tick_lot_value;
        let (price, total) = (u64::from(order.price), u64::from(order.total));
        holds((1..=PRICE_TICKS_MAX).contains(&price), &"a price is within its limits")?;
        holds((1..=QUANTITY_LOTS_MAX).contains(&total), &"a total is within its limits")?;
        let value = u128::from(price) * u128::from(total) * u128::from(k);
        holds(value <= u128::from(ORDER_VALUE_MAX), &"an order's value is within its limit")?;
        holds(order.minimum <= order.total, &"a minimum is at most the total")?;
        let is_full = order.filled == order.total;
        holds(order.filled <= order.total, &"no order is filled beyond its total")?;
        holds(is_full == (order.state == OrderState::Filled), &"an order that is full is FILLED, and only that")?;
        holds(order.deal_value <= DEAL_VALUE_MAX, &"limits bound what an order can trade")?;
        holds(order.parts(k) == (order.reserved, order.blocked), &"reserved and blocked follow from an order's values")
    }

    fn check_deals(&self) -> Result<(), Broken> {
        let mut values: Vec<Minor> = vec![0; self.orders.len()];
        for (_, deal) in self.deals.iter() {
            values[deal.buy as usize] += deal.buy_value;
            values[deal.sell as usize] += deal.sell_value;
        }
        let agree = self.orders.iter().zip(values).all(|(order, value)| order.deal_value == value);
        holds(agree, &"Vf of an order is the sum over its deals")
    }

    fn check_money(&self) -> Result<(), Broken> {
        let mut secured: Vec<(u128, u128)> = vec![(0, 0); self.ledger.accounts.len()];
        for order in &self.orders {
            let sum = &mut secured[order.account as usize];
            sum.0 += u128::from(order.reserved);
            sum.1 += u128::from(order.blocked);
        }
        let mut held: Vec<u128> = vec![0; self.registry.words.len()];
        for (account, sum) in self.ledger.accounts.iter().zip(secured) {
            let balances = &account.balances;
            let found = (u128::from(balances.reserved), u128::from(balances.blocked));
            holds(found == sum, &"an account's reserved and blocked are those of its orders")?;
            holds(account.exists || balances.sum() == 0, &"only an account holds money")?;
            holds(balances.sum() <= ACCOUNT_MAX, &"an account is within its limit")?;
            held[account.currency as usize] += u128::from(balances.sum());
        }
        for (handle, sum) in (0..).zip(held) {
            let total = self.ledger.total(handle);
            let Some(expected) = total.credits.checked_sub(total.paid) else {
                return Err(&"no more is paid out than came in");
            };
            holds(sum == u128::from(expected), &"accounts sum to credits less payments")?;
            holds(expected <= CURRENCY_SUM_MAX, &"a currency is within its limit")?;
        }
        Ok(())
    }

    fn check_book(&self, handle: Handle, book: &Book) -> Result<(), Broken> {
        let mut own_prices = OwnPrices::new();
        let mut renewed = empty_like(book);
        renewed.renew_band();
        holds(renewed.band == book.band, &"the effective band follows from bounds and anchor")?;
        for side in [Side::Buy, Side::Sell] {
            for (price, level) in book.side(side).ascending() {
                self.check_level(handle, (side, price), level, &mut own_prices)?;
            }
        }
        if let Some(kept) = &book.own_prices {
            holds(*kept == own_prices, &"own prices are those of the orders in the book")?;
        }
        for place in &book.parked {
            let order = &self.orders[*place as usize];
            holds(order.book == handle && order.state == OrderState::Parked, &"only parked orders are parked")?;
        }
        holds(book.conditional.len() <= CONDITIONAL_ORDERS_MAX, &"conditional orders are within their limit")?;
        self.check_uncrossed(book)
    }

    fn check_level(
        &self,
        book: Handle,
        (side, price): (Side, Ticks),
        level: &Level,
        own_prices: &mut OwnPrices,
    ) -> Result<(), Broken> {
        let (mut before, mut place) = (NONE, level.first);
        let (mut quantity, mut count, mut priority) = (0, 0, 0);
        while place != NONE {
            let order = &self.orders[place as usize];
            let belongs = (order.book, order.side, order.price) == (book, side, price);
            holds(belongs && order.state == OrderState::Open, &"an order stands at its own price")?;
            holds(order.before == before, &"a queue reads the same from both ends")?;
            holds(order.priority > priority, &"a queue is in the order of priority")?;
            priority = order.priority;
            quantity += u64::from(order.open());
            count += 1;
            *own_prices.entry((order.group.key(), side, price)).or_insert(0) += 1;
            (before, place) = (place, order.after);
        }
        holds(level.last == before, &"a level knows its last order")?;
        holds((level.quantity, level.count) == (quantity, count) && count > 0, &"a level is the sum of its orders")
    }

    /// In continuous trading only conditional orders can leave a book crossed (PS-2.7).
    fn check_uncrossed(&self, book: &Book) -> Result<(), Broken> {
        let session = &self.sessions[book.session as usize];
        let phase = session.halt.map_or(session.phase, |halt| halt.left);
        if session.mechanism != Mechanism::Cdca || phase != Phase::Trading {
            return Ok(());
        }
        let mut open = Vec::new();
        book.collect_open(&self.orders, &mut open);
        let prices = |side: Side| {
            let orders = open.iter().map(|place| &self.orders[*place as usize]);
            orders.filter(move |order| order.side == side && !order.is_conditional()).map(|order| order.price)
        };
        match (prices(Side::Buy).max(), prices(Side::Sell).min()) {
            (Some(buy), Some(sell)) => holds(buy < sell, &"unconditional orders that cross have traded"),
            _ => Ok(()),
        }
    }

    fn check_counts(&self) -> Result<(), Broken> {
        let mut seats = vec![0; self.seats.len()];
        let mut listed: BTreeSet<Handle> = BTreeSet::new();
        let mut found = Vec::new();
        for book in &self.books {
            book.collect_live(&self.orders, &mut found);
        }
        listed.extend(&found);
        holds(listed.len() == found.len(), &"an order stands in one place")?;
        let mut live = 0;
        for (place, order) in (0..).zip(&self.orders) {
            let is_live = order.state.is_live();
            live += u64::from(is_live);
            seats[order.seat as usize] += u32::from(is_live);
            holds(listed.contains(&place) == is_live, &"live orders stand in a book or are parked, and only they")?;
            let is_noted = self.books[order.book as usize].conditional.contains(&place);
            holds(is_noted == (is_live && order.is_conditional()), &"live conditional orders are noted")?;
            let is_immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
            holds(!(is_live && is_immediate), &"immediate orders do not rest")?;
        }
        holds(live == self.live && live <= OPEN_ORDERS_MAX, &"open orders are counted")?;
        holds(self.seats.iter().zip(seats).all(|(seat, live)| seat.live == live), &"an account's orders are counted")
    }
}

/// A book with the same bounds and anchor and nothing in it.
fn empty_like(book: &Book) -> Book {
    let mut copy = Book::new(crate::book::NewBook {
        session: book.session,
        instrument: book.instrument,
        tick_lot_value: book.tick_lot_value,
        reference: book.reference,
        bounds: book.bounds,
        keeps_own_prices: false,
        names: Fragment::new(|_| ()),
    });
    copy.last_price = book.last_price;
    copy
}
