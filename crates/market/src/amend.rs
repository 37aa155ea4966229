//! Amends (PS-6.1 to PS-6.4): what would change, whether it may, and then either a smaller order in its place or one that
//! comes in anew. The tests that new orders share stand in `admission.rs`.

use crate::admission::{Asked, Value};
use crate::command::AmendOrder;
use crate::deposit::{self, parts, value_of};
use crate::event::Amended;
use crate::kinds::{OrderState, Phase, Side, TimeInForce};
use crate::market::{By, Givers, Market, Now};
use crate::order::{Order, ordinal, place_of};
use crate::phases::Change;
use crate::registry::Instrument;
use crate::reject::{Reason, Refused};
use crate::units::{Decimal, Handle, Minor};
use std::cmp::Ordering;

/// The order as it would be, and what of it is new.
fn asked(order: &Order, instrument: &Instrument, command: &AmendOrder) -> (Asked, Change) {
    let lots = |text: Decimal| Value::given(instrument.lot.count(text), text);
    let price = match command.price {
        Some(text) => Value::given(instrument.tick.count(text), text),
        None => Value::in_force(order.price),
    };
    let total = command
        .quantity
        .map_or_else(|| Value::in_force(order.total), lots);
    let given_minimum = command.minimum.map(lots);
    let [price_moves, total_moves] = [(price, order.price), (total, order.total)]
        .map(|(value, present)| value.count.compare(u64::from(present)));
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
        until: command
            .until
            .is_some_and(|until| order.until != Some(until)),
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

impl Market {
    pub(crate) fn amend_order(
        &mut self,
        now: Now,
        by: By,
        command: &AmendOrder,
    ) -> Result<(), Refused> {
        self.test_actor(by, Givers::Traders);
        let place = place_of(command.order, &self.orders);
        if place.is_none() {
            self.refusals.field(Reason::UnknownOrder, "order");
        }
        self.refusals.stage()?;
        let place = place.ok_or(Refused)?;

        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let (asked, change) = asked(order, self.registry.instrument(book.instrument), command);
        self.test_amend_rights(by, place, &asked, &change)?;
        self.test_amend_terms(now, place, command, &asked, &change)?;
        self.test_amend_money(place, &asked)?;
        self.amend(now, place, command, &asked, &change);
        Ok(())
    }

    /// Stage 2: 201 to 204, 208, 209. The participant tested is the actor's (PS-3.1).
    #[inline]
    fn test_amend_rights(
        &mut self,
        by: By,
        place: Handle,
        asked: &Asked,
        change: &Change,
    ) -> Result<(), Refused> {
        let order = &self.orders[place as usize];
        let session = &self.sessions[self.books[order.book as usize].session as usize];
        let trader = &self.registry.traders[by.trader as usize];
        let participant = self.registry.participant(trader.participant);
        if !participant.may_trade(session.section, order.side, session.purpose) {
            self.refusals.whole(Reason::NotAdmitted);
        }
        if !self.may_act_for(trader.participant, order.client) {
            self.refusals.field(Reason::ClientNotAdmitted, "client");
        }
        if !trader.active {
            self.refusals.field(Reason::AuthorityMissing, "by");
        }
        let is_parked = order.state == OrderState::Parked;
        if !session.rights.may_amend(order.side, is_parked, change)
            || session.phase == Phase::SellerCorrection
                && change.less
                && !self.leaves_allotment(place, asked)
        {
            self.refusals.whole(Reason::PhaseForbids);
        }
        if !order.state.is_live() {
            self.refusals.limit(
                Reason::OrderNotOpen,
                "order",
                u64::from(order.state.code()),
                None,
            );
        }
        if order.participant != trader.participant {
            self.refusals.field(Reason::NotOwner, "order");
        }
        self.refusals.stage()
    }

    /// Whether a smaller total leaves open what the uncrossing would give the order (PS-1.3, PS-13.19).
    fn leaves_allotment(&self, place: Handle, asked: &Asked) -> bool {
        let order = &self.orders[place as usize];
        let allotted = if order.state == OrderState::Open {
            self.allotment_of(place)
        } else {
            0
        };
        asked
            .total
            .count
            .compare(u64::from(order.filled) + u64::from(allotted))
            != Ordering::Less
    }

    /// Stage 3: 301 to 310, 312 to 315.
    #[inline]
    fn test_amend_terms(
        &mut self,
        now: Now,
        place: Handle,
        command: &AmendOrder,
        asked: &Asked,
        change: &Change,
    ) -> Result<(), Refused> {
        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let session = &self.sessions[book.session as usize];
        asked.test(
            self.registry.instrument(book.instrument),
            book,
            &mut self.refusals,
        );
        if let Some(until) = command.until {
            let is_in_session = now.time < until && until <= session.closing_at();
            if order.time_in_force != TimeInForce::Until || !is_in_session {
                self.refusals.field(Reason::UntilNotInSession, "until");
            }
        }
        let count = asked.price.count;
        if session.tests_own_opposite()
            && asked.price_is_in_range()
            && book.has_own_opposite(order.group, order.side, count.floor, count.ceil())
        {
            self.refusals.field(Reason::OwnOppositeOrder, "price");
        }
        if asked.total.count.compare(u64::from(order.filled)) != Ordering::Greater {
            self.refusals.limit(
                Reason::TotalNotAboveFilled,
                "quantity",
                u64::from(order.filled),
                None,
            );
        }
        if !change.anything() {
            self.refusals.whole(Reason::NoChange);
        }
        self.refusals.stage()
    }

    /// Stage 4: FREE + Reserved(old) ≥ Reserved(new) (PS-5.4).
    #[inline]
    fn test_amend_money(&mut self, place: Handle, asked: &Asked) -> Result<(), Refused> {
        let order = &self.orders[place as usize];
        if !order.is_secured() {
            return Ok(());
        }
        let k = self.books[order.book as usize].tick_lot_value;
        let open_value = value_of(
            asked.price.admitted(),
            asked.total.admitted() - order.filled,
            k,
        );
        let needed: Minor = parts(order.deal_value, open_value, order.rate_ppm, order.floor).0;
        let available = self.ledger.free(order.account) + order.reserved;
        if available < needed {
            self.refusals
                .limit(Reason::DepositShort, None, available, needed);
        }
        self.refusals.stage()
    }

    /// The amended order keeps its place if it only became smaller; else it comes in anew (PS-6.3, PS-10.4).
    fn amend(
        &mut self,
        now: Now,
        place: Handle,
        command: &AmendOrder,
        asked: &Asked,
        change: &Change,
    ) {
        let handle = self.orders[place as usize].book;
        let book = &mut self.books[handle as usize];
        let stood_in_book = self.orders[place as usize].state == OrderState::Open;
        let priority_kept = stood_in_book && !change.price() && !change.minimum && !change.more;
        let total = asked.total.admitted();
        if priority_kept {
            let order = &self.orders[place as usize];
            book.shrink(order.side, order.price, order.total - total);
        } else if stood_in_book {
            book.part(&mut self.orders, place);
        } else {
            book.parked.remove(&place);
        }
        let order = &mut self.orders[place as usize];
        order.total = total;
        order.until = command.until.or(order.until);
        if !priority_kept {
            order.price = asked.price.admitted();
            order.minimum = asked.minimum.map_or(0, |minimum| minimum.admitted());
            order.priority = now.number;
            order.state = OrderState::Open;
            if order.is_conditional() {
                book.conditional.insert(place);
            }
        }
        deposit::settle(order, book.tick_lot_value, &mut self.ledger);
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
            if self.sessions[book.session as usize].is_matching() {
                self.walk(place);
            } else {
                self.rest(place);
            }
        }
    }
}
