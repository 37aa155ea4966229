//! New orders: every test of PS-3 in its stage, then acceptance. Tests that an amend shares stand here as functions over
//! `Asked`. Nothing changes before all tests have passed; matching stands in `matching.rs`.

use crate::book::Book;
use crate::command::PlaceOrder;
use crate::deposit::{self, secured, value_of};
use crate::event::Accepted;
use crate::kinds::{OrderState, TimeInForce};
use crate::limits::{
    ACCOUNT_SESSION_OPEN_ORDERS_MAX, CONDITIONAL_ORDERS_MAX, OPEN_ORDERS_MAX, ORDER_VALUE_MAX, PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
};
use crate::market::{By, Givers, Market, Now};
use crate::order::{Group, GroupKind, Order, ordinal};
use crate::registry::Instrument;
use crate::reject::{Reason, Refusals, Refused};
use crate::units::{Decimal, Handle, Lots, Minor, Multiple, NONE, Step, Ticks, product_exceeds};
use std::cmp::Ordering;

/// A number as it would stand on an order: given with the command, or in force already.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) count: Multiple,
    given: Option<&'a Decimal>,
}

impl<'a> Value<'a> {
    /// A value given as text, in steps.
    #[inline(always)]
    pub(crate) fn given(step: &Step, text: &'a Decimal) -> Value<'a> {
        Value { count: step.count(*text), given: Some(text) }
    }

    #[inline(always)]
    pub(crate) fn in_force(count: u32) -> Value<'a> {
        Value { count: Multiple::whole(u64::from(count)), given: None }
    }

    #[inline(always)]
    fn is_in_range(&self, most: u64) -> bool {
        self.count.floor >= 1 && self.count.compare(most) != Ordering::Greater
    }

    /// The exact value in 10^-9, from what was given or from the steps in force.
    fn nano(&self, step: u128) -> u128 {
        self.given.map_or_else(|| u128::from(self.count.floor) * step, |text| text.nano())
    }

    /// The count of an admitted value.
    pub(crate) fn admitted(&self) -> u32 {
        assert!(self.count.exact, "only whole steps are admitted");
        u32::try_from(self.count.floor).expect("an admitted value is below its limit")
    }
}

/// Price, total and minimum of an order as it would be.
pub(crate) struct Asked<'a> {
    pub(crate) price: Value<'a>,
    pub(crate) total: Value<'a>,
    pub(crate) minimum: Option<Value<'a>>,
    pub(crate) indivisible: bool,
    /// PS-3.2: on amend only if the price changes or the order is parked.
    pub(crate) tests_band: bool,
    /// PS-4.7: one conditional order more would stand in the book.
    pub(crate) adds_conditional: bool,
}

impl Asked<'_> {
    pub(crate) fn price_is_in_range(&self) -> bool {
        self.price.is_in_range(PRICE_TICKS_MAX)
    }

    /// 301 to 310. Most orders are whole numbers in range without a condition: for them only band, greatest order and
    /// value are left to test.
    #[inline(always)]
    pub(crate) fn test(&self, instrument: &Instrument, book: &Book, refusals: &mut Refusals) {
        let price_fits = self.price_is_in_range();
        let total_fits = self.total.is_in_range(QUANTITY_LOTS_MAX);
        let is_whole = self.price.count.exact && self.total.count.exact;
        if !(price_fits && total_fits && is_whole) || self.is_conditional() {
            self.test_forms(instrument, refusals);
            self.test_conditions(instrument, book, refusals);
        }
        let price = self.price.count;
        if self.tests_band && price_fits && !book.band.holds(price.floor, price.ceil()) {
            refusals.limit(Reason::BandExceeded, "price", book.band.low, book.band.high);
        }
        if let Some(most) = instrument.order_lots_max {
            self.test_greatest(most, refusals);
        }
        if price_fits && total_fits && self.exceeds_value(instrument) {
            refusals.limit(Reason::ValueTooLarge, "price", None, ORDER_VALUE_MAX);
        }
    }

    fn is_conditional(&self) -> bool {
        self.indivisible || self.minimum.is_some()
    }

    /// 301, 302, 304, 305, 308: quantities of total and minimum, each reason once; grids only in range.
    #[inline(never)]
    fn test_forms(&self, instrument: &Instrument, refusals: &mut Refusals) {
        if !self.price_is_in_range() {
            refusals.limit(Reason::PriceOutOfRange, "price", 1, PRICE_TICKS_MAX);
        } else if !self.price.count.exact {
            refusals.field(Reason::PriceOffGrid, "price");
        }
        let in_range = |value: &Value<'_>| value.is_in_range(QUANTITY_LOTS_MAX);
        if let Some(field) = self.first_quantity(|value| !in_range(value)) {
            refusals.limit(Reason::QuantityOutOfRange, field, 1, QUANTITY_LOTS_MAX);
        }
        if let Some(field) = self.first_quantity(|value| in_range(value) && !value.count.exact) {
            refusals.field(Reason::QuantityOffGrid, field);
        }
        if let Some(minimum) = self.minimum.filter(|minimum| in_range(minimum) && in_range(&self.total)) {
            let lot = instrument.lot.nano();
            if minimum.nano(lot) > self.total.nano(lot) {
                refusals.limit(Reason::MinimumAboveQuantity, "minimum", None, self.total.count.floor);
            }
        }
    }

    /// 309 and 310.
    #[inline(never)]
    fn test_conditions(&self, instrument: &Instrument, book: &Book, refusals: &mut Refusals) {
        let field = if self.indivisible { "indivisible" } else { "minimum" };
        if self.is_conditional() && !instrument.conditional_allowed {
            refusals.field(Reason::ConditionalNotAllowed, field);
        }
        if self.adds_conditional && book.conditional.len() >= CONDITIONAL_ORDERS_MAX {
            refusals.limit(Reason::ConditionalOrdersFull, field, None, CONDITIONAL_ORDERS_MAX as u64);
        }
    }

    /// 307, for quantities in range.
    #[inline(never)]
    fn test_greatest(&self, most: u64, refusals: &mut Refusals) {
        let is_large =
            |value: &Value<'_>| value.is_in_range(QUANTITY_LOTS_MAX) && value.count.compare(most) == Ordering::Greater;
        if let Some(field) = self.first_quantity(is_large) {
            refusals.limit(Reason::OrderTooLarge, field, None, most);
        }
    }

    /// The field of the first of total and minimum that fails.
    fn first_quantity(&self, fails: impl Fn(&Value<'_>) -> bool) -> Option<&'static str> {
        if fails(&self.total) {
            return Some("quantity");
        }
        self.minimum.filter(|minimum| fails(minimum)).map(|_| "minimum")
    }

    /// Whether price × total × k is above its limit, on exact quotients.
    #[inline]
    fn exceeds_value(&self, instrument: &Instrument) -> bool {
        let k = instrument.tick_lot_value;
        if self.price.count.exact && self.total.count.exact {
            return match (self.price.count.floor * self.total.count.floor).checked_mul(k) {
                Some(value) => value > ORDER_VALUE_MAX,
                None => true,
            };
        }
        let (tick, lot) = (instrument.tick.nano(), instrument.lot.nano());
        product_exceeds((self.price.nano(tick), self.total.nano(lot), k), (tick, lot, ORDER_VALUE_MAX))
    }
}

/// What stage 1 of place_order found.
struct Found {
    participant: Handle,
    session: Handle,
    book: Handle,
    instrument: Handle,
    client: Handle,
}

/// What stages 3 and 4 computed.
struct Entry {
    price: Ticks,
    total: Lots,
    minimum: Lots,
    group: Group,
    rate_ppm: u32,
    floor: Minor,
}

impl Market {
    pub(crate) fn place_order(&mut self, now: Now, by: By, command: &PlaceOrder) -> Result<(), Refused> {
        let found = self.find_for_order(by, command)?;
        self.test_entry_rights(by, &found, command)?;
        let entry = self.test_entry_terms(now, &found, command)?;
        self.test_entry_money(&found, &entry)?;
        let place = self.accept(now, by, &found, command, &entry);
        self.come_in(place);
        Ok(())
    }

    /// Stage 1: 101, 102, 103, 104, 106.
    #[inline]
    fn find_for_order(&mut self, by: By, command: &PlaceOrder) -> Result<Found, Refused> {
        self.test_actor(by, Givers::Traders);
        self.test_session(command.session);
        let book = self.find_book(command.session, command.instrument);
        if command.client.is_none() {
            self.refusals.field(Reason::UnknownClient, "client");
        }
        self.refusals.stage()?;
        Ok(Found {
            participant: self.registry.traders[by.trader as usize].participant,
            session: command.session.ok_or(Refused)?,
            book: book.ok_or(Refused)?,
            instrument: command.instrument.ok_or(Refused)?,
            client: command.client.ok_or(Refused)?,
        })
    }

    /// Stage 2: 201 to 204, 207.
    #[inline]
    fn test_entry_rights(&mut self, by: By, found: &Found, command: &PlaceOrder) -> Result<(), Refused> {
        let session = &self.sessions[found.session as usize];
        let participant = self.registry.participant(found.participant);
        if !participant.may_trade(session.section, command.side, session.purpose) {
            self.refusals.whole(Reason::NotAdmitted);
        }
        if !self.registry.may_act_for(found.participant, found.client) {
            self.refusals.field(Reason::ClientNotAdmitted, "client");
        }
        if !self.registry.traders[by.trader as usize].active {
            self.refusals.field(Reason::AuthorityMissing, "by");
        }
        if !session.rights.may_enter(command.side) {
            self.refusals.phase_forbids(session.phase);
        }
        if let Some(most) = self.registry.instrument(found.instrument).entries_max {
            let key = (found.participant, found.instrument, session.phase);
            if session.entries.get(&key).copied().unwrap_or(0) >= most {
                self.refusals.limit(Reason::EntriesExceeded, "instrument", None, most);
            }
        }
        self.refusals.stage()
    }

    /// Stage 3: 301 to 313, 318.
    fn test_entry_terms(&mut self, now: Now, found: &Found, command: &PlaceOrder) -> Result<Entry, Refused> {
        let session = &self.sessions[found.session as usize];
        let book = &self.books[found.book as usize];
        let instrument = self.registry.instrument(found.instrument);

        let asked = Asked {
            price: Value::given(&instrument.tick, &command.price),
            total: Value::given(&instrument.lot, &command.quantity),
            minimum: command.minimum.as_ref().map(|text| Value::given(&instrument.lot, text)),
            indivisible: command.indivisible,
            tests_band: true,
            adds_conditional: command.indivisible || command.minimum.is_some(),
        };
        asked.test(instrument, book, &mut self.refusals);
        let is_immediate = matches!(command.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        if is_immediate && !session.is_matching() {
            self.refusals.field(Reason::TimeInForceNotNow, "time_in_force");
        }
        if command.until.is_some_and(|until| until <= now.time || until > session.closing_at()) {
            self.refusals.field(Reason::UntilNotInSession, "until");
        }
        let group = self.group_of(found.participant, found.client);
        let count = asked.price.count;
        if session.tests_own_opposite()
            && asked.price_is_in_range()
            && book.has_own_opposite(group, command.side, count.floor, count.ceil())
        {
            self.refusals.field(Reason::OwnOppositeOrder, "price");
        }
        let currency = instrument.currency;
        let resident = self.residency_of(found.participant, found.client);
        let (rate_ppm, floor) = session.deposit_terms(command.side, resident, currency);
        if let Some(most) = self.open_orders_limit(found, currency) {
            self.refusals.limit(Reason::LimitExceeded, None, None, most);
        }
        self.refusals.stage()?;
        Ok(Entry {
            price: asked.price.admitted(),
            total: asked.total.admitted(),
            minimum: asked.minimum.map_or(0, |minimum| minimum.admitted()),
            group,
            rate_ppm,
            floor,
        })
    }

    /// The limit of open orders that is reached, the exchange's before the account's (EN-3, 318).
    #[inline]
    fn open_orders_limit(&self, found: &Found, currency: Handle) -> Option<u64> {
        if self.live >= OPEN_ORDERS_MAX {
            return Some(OPEN_ORDERS_MAX);
        }
        let account = self.ledger.find(found.participant, found.client, currency)?;
        let seat = self.find_seat(found.session, account)?;
        let is_full = self.seats[seat as usize].live >= ACCOUNT_SESSION_OPEN_ORDERS_MAX;
        is_full.then_some(u64::from(ACCOUNT_SESSION_OPEN_ORDERS_MAX))
    }

    /// Stage 4: FREE ≥ f(Vo) (PS-5.4).
    #[inline]
    fn test_entry_money(&mut self, found: &Found, entry: &Entry) -> Result<(), Refused> {
        if entry.rate_ppm == 0 && entry.floor == 0 {
            return Ok(());
        }
        let instrument = self.registry.instrument(found.instrument);
        let value = value_of(entry.price, entry.total, instrument.tick_lot_value);
        let needed = secured(value, entry.rate_ppm, entry.floor);
        let account = self.ledger.find(found.participant, found.client, instrument.currency);
        let free = account.map_or(0, |account| self.ledger.free(account));
        if free < needed {
            self.refusals.limit(Reason::DepositShort, None, free, needed);
        }
        self.refusals.stage()
    }

    /// The self-trade group that an order gets (PS-2.8).
    fn group_of(&self, participant: Handle, client: Handle) -> Group {
        let (own, handle, kind) = if client == NONE {
            (self.registry.participant(participant).group, participant, GroupKind::Participant)
        } else {
            (self.registry.clients[client as usize].group, client, GroupKind::Client)
        };
        if own == NONE { Group::new(kind, handle) } else { Group::new(GroupKind::Affiliation, own) }
    }

    /// The client's residency if one is named, else the participant's (PS-5.1).
    fn residency_of(&self, participant: Handle, client: Handle) -> bool {
        if client == NONE {
            self.registry.participant(participant).resident
        } else {
            self.registry.clients[client as usize].resident
        }
    }

    fn accept(&mut self, now: Now, by: By, found: &Found, command: &PlaceOrder, entry: &Entry) -> Handle {
        let currency = self.registry.instrument(found.instrument).currency;
        let account = self.enter_account(found.participant, found.client, currency);
        let seat = self.enter_seat(found.session, account);
        let place = Handle::try_from(self.orders.len()).expect("fewer than 2^32 orders");
        let book = &mut self.books[found.book as usize];
        let mut order = Order {
            price: entry.price,
            total: entry.total,
            filled: 0,
            minimum: entry.minimum,
            before: NONE,
            after: NONE,
            book: found.book,
            seat,
            account,
            participant: found.participant,
            client: found.client,
            trader: by.trader,
            group: entry.group,
            rate_ppm: entry.rate_ppm,
            side: command.side,
            state: OrderState::Open,
            time_in_force: command.time_in_force,
            indivisible: command.indivisible,
            priority: now.number,
            deal_value: 0,
            floor: entry.floor,
            reserved: 0,
            blocked: 0,
            until: command.until,
        };
        deposit::settle(&mut order, book.tick_lot_value, &mut self.ledger);
        if order.is_conditional() {
            book.conditional.insert(place);
        }
        self.seats[seat as usize].live += 1;
        self.live += 1;
        self.tell_accepted(place, &order);
        self.orders.push(order);
        let session = &mut self.sessions[found.session as usize];
        if self.registry.instrument(found.instrument).entries_max.is_some() {
            *session.entries.entry((found.participant, found.instrument, session.phase)).or_insert(0) += 1;
        }
        place
    }

    fn tell_accepted(&mut self, place: Handle, order: &Order) {
        self.events.order_accepted(&Accepted {
            order: ordinal(place),
            place: &self.books[order.book as usize].names,
            side: order.side,
            price: order.price,
            quantity: order.total,
            client: self.registry.client_names.optional(order.client),
            minimum: order.minimum(),
            indivisible: order.indivisible,
            time_in_force: order.time_in_force,
            until: order.until,
            reserved: order.reserved,
            participant: self.registry.participant_names.text(order.participant),
        });
    }
}
