//! Amends (PS-6.1 to PS-6.4): what would change, whether it may, and then either a smaller order in its place or one that
//! comes in anew. The tests that new orders share stand in `admission.rs`.

use crate::admission::{Asked, Value};
use crate::auction::allotment_of;
use crate::book::Book;
use crate::command::AmendOrder;
use crate::deposit::{parts, value_of};
use crate::event::Amended;
use crate::kinds::{OrderState, Phase, Side, TimeInForce};
use crate::market::{By, Givers, Market, Now};
use crate::order::{Order, ordinal, place_of};
use crate::phases::Change;
use crate::registry::{Instrument, Registry, Trader};
use crate::reject::{Reason, Refusals, Refused};
use crate::session::Session;
use crate::units::{Handle, Minor, Time};
use std::cmp::Ordering;

/// What an amend is judged by: the order, where it stands, and who asks.
struct Scene<'a> {
    place: Handle,
    orders: &'a [Order],
    order: &'a Order,
    book: &'a Book,
    session: &'a Session,
    instrument: &'a Instrument,
    registry: &'a Registry,
    trader: &'a Trader,
}

/// The order as it would be, and what of it is new.
#[inline(always)]
fn asked<'a>(order: &Order, instrument: &Instrument, command: &'a AmendOrder) -> (Asked<'a>, Change) {
    let price = match &command.price {
        Some(text) => Value::given(&instrument.tick, text),
        None => Value::in_force(order.price),
    };
    let total = match &command.quantity {
        Some(text) => Value::given(&instrument.lot, text),
        None => Value::in_force(order.total),
    };
    let given_minimum = command.minimum.as_ref().map(|text| Value::given(&instrument.lot, text));
    let price_moves = price.count.compare(u64::from(order.price));
    let total_moves = total.count.compare(u64::from(order.total));
    let (better, worse) = match order.side {
        Side::Buy => (Ordering::Greater, Ordering::Less),
        Side::Sell => (Ordering::Less, Ordering::Greater),
    };
    let change = Change {
        price_better: price_moves == better,
        price_worse: price_moves == worse,
        more: total_moves == Ordering::Greater,
        less: total_moves == Ordering::Less,
        minimum: given_minimum.is_some_and(|given| {
            order.minimum == 0 || given.count.compare(u64::from(order.minimum)) != Ordering::Equal
        }),
        until: command.until.is_some_and(|until| order.until != Some(until)),
    };
    let asked = Asked {
        price,
        total,
        minimum: given_minimum.or(order.minimum().map(Value::in_force)),
        indivisible: order.indivisible,
        tests_band: change.price() || order.state == OrderState::Parked,
        adds_conditional: given_minimum.is_some() && !order.is_conditional(),
    };
    (asked, change)
}

impl Scene<'_> {
    /// Stage 2: 201 to 204, 208, 209. The participant tested is the actor's (PS-3.1).
    #[inline(always)]
    fn test_rights(&self, asked: &Asked<'_>, change: &Change, refusals: &mut Refusals) {
        let order = self.order;
        let participant = self.registry.participant(self.trader.participant);
        if !participant.may_trade(self.session.section, order.side, self.session.purpose) {
            refusals.whole(Reason::NotAdmitted);
        }
        if !self.registry.may_act_for(self.trader.participant, order.client) {
            refusals.field(Reason::ClientNotAdmitted, "client");
        }
        if !self.trader.active {
            refusals.field(Reason::AuthorityMissing, "by");
        }
        let is_parked = order.state == OrderState::Parked;
        let may_amend = self.session.rights.may_amend(order.side, is_parked, change);
        let corrects = self.session.phase == Phase::SellerCorrection && change.less;
        if !may_amend || corrects && !self.leaves_allotment(asked) {
            refusals.phase_forbids(self.session.phase);
        }
        if !order.state.is_live() {
            refusals.limit(Reason::OrderNotOpen, "order", u64::from(order.state.code()), None);
        }
        if order.participant != self.trader.participant {
            refusals.field(Reason::NotOwner, "order");
        }
    }

    /// Whether a smaller total leaves open what the uncrossing would give the order (PS-1.3, PS-13.19).
    #[cold]
    fn leaves_allotment(&self, asked: &Asked<'_>) -> bool {
        let stands = self.order.state == OrderState::Open;
        let allotted = if stands { allotment_of(self.book, self.orders, self.place) } else { 0 };
        let least = u64::from(self.order.filled) + u64::from(allotted);
        asked.total.count.compare(least) != Ordering::Less
    }

    /// Stage 3: 301 to 310, 312 to 315.
    #[inline(always)]
    fn test_terms(&self, now: Now, until: Option<Time>, asked: &Asked<'_>, change: &Change, refusals: &mut Refusals) {
        let order = self.order;
        asked.test(self.instrument, self.book, refusals);
        if let Some(until) = until {
            let is_in_session = now.time < until && until <= self.session.closing_at();
            if order.time_in_force != TimeInForce::Until || !is_in_session {
                refusals.field(Reason::UntilNotInSession, "until");
            }
        }
        let count = asked.price.count;
        if self.session.tests_own_opposite()
            && asked.price_is_in_range()
            && self.book.has_own_opposite(order.group, order.side, count.floor, count.ceil())
        {
            refusals.field(Reason::OwnOppositeOrder, "price");
        }
        if asked.total.count.compare(u64::from(order.filled)) != Ordering::Greater {
            refusals.limit(Reason::TotalNotAboveFilled, "quantity", u64::from(order.filled), None);
        }
        if !change.anything() {
            refusals.whole(Reason::NoChange);
        }
    }

    /// Reserved of PS-5.3 as it would be; Blocked follows from deals only and stays.
    #[inline(always)]
    fn reserved(&self, asked: &Asked<'_>) -> Minor {
        let order = self.order;
        let open = asked.total.admitted() - order.filled;
        let open_value = value_of(asked.price.admitted(), open, self.book.tick_lot_value);
        parts(order.deal_value, open_value, order.rate_ppm, order.floor).0
    }
}

impl Market {
    pub(crate) fn amend_order(&mut self, now: Now, by: By, command: &AmendOrder) -> Result<(), Refused> {
        self.test_actor(by, Givers::Traders);
        let place = place_of(command.order, &self.orders);
        if place.is_none() {
            self.refusals.field(Reason::UnknownOrder, "order");
        }
        self.refusals.stage()?;
        let place = place.ok_or(Refused)?;

        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let scene = Scene {
            place,
            orders: &self.orders,
            order,
            book,
            session: &self.sessions[book.session as usize],
            instrument: self.registry.instrument(book.instrument),
            registry: &self.registry,
            trader: &self.registry.traders[by.trader as usize],
        };
        let (asked, change) = asked(order, scene.instrument, command);
        scene.test_rights(&asked, &change, &mut self.refusals);
        self.refusals.stage()?;
        scene.test_terms(now, command.until, &asked, &change, &mut self.refusals);
        self.refusals.stage()?;
        let reserved = if order.is_secured() { scene.reserved(&asked) } else { 0 };
        // Stage 4: FREE + Reserved(old) ≥ Reserved(new) (PS-5.4).
        let available =
            if reserved > order.reserved { self.ledger.free(order.account) + order.reserved } else { reserved };
        if available < reserved {
            self.refusals.limit(Reason::DepositShort, None, available, reserved);
        }
        self.refusals.stage()?;
        self.amend(now, place, command, &asked, &change, reserved);
        Ok(())
    }

    /// The amended order keeps its place if it only became smaller; else it comes in anew (PS-6.3, PS-10.4).
    #[inline(always)]
    fn amend(
        &mut self,
        now: Now,
        place: Handle,
        command: &AmendOrder,
        asked: &Asked<'_>,
        change: &Change,
        reserved: Minor,
    ) {
        let order = &self.orders[place as usize];
        let book = &mut self.books[order.book as usize];
        let stood_in_book = order.state == OrderState::Open;
        let priority_kept = stood_in_book && !change.price() && !change.minimum && !change.more;
        let total = asked.total.admitted();
        if priority_kept {
            book.shrink(order.side, order.price, order.total - total);
        } else if stood_in_book {
            book.part(&mut self.orders, place);
        } else {
            book.parked.remove(&place);
        }
        let order = &mut self.orders[place as usize];
        order.total = total;
        if command.until.is_some() {
            order.until = command.until;
        }
        if !priority_kept {
            order.price = asked.price.admitted();
            order.minimum = asked.minimum.map_or(0, |minimum| minimum.admitted());
            order.priority = now.number;
            order.state = OrderState::Open;
            if order.is_conditional() {
                book.conditional.insert(place);
            }
        }
        if reserved != order.reserved {
            self.ledger.shift(order.account, (order.reserved, order.blocked), (reserved, order.blocked));
            order.reserved = reserved;
        }
        book.channel += u64::from(stood_in_book);
        self.events.order_amended(&Amended {
            order: ordinal(place),
            price: order.price,
            quantity: order.total,
            open: order.open(),
            minimum: order.minimum(),
            until: order.until,
            priority_kept,
            reserved: order.reserved,
        });
        if !priority_kept {
            self.come_in(place);
        }
    }
}
