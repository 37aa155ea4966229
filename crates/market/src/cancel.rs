//! Cancels by id, by filter and by time (PS-6.5, PS-6.6, PS-11.4), and what every cancel does to an order. Cancels that
//! follow from phases, self-trade or admission are asked for where their rules stand.

use crate::command::MassCancel;
use crate::kinds::{CancelReason, OrderState, TimeInForce};
use crate::market::{By, Givers, Market};
use crate::order::{Order, ordinal, place_of};
use crate::phases;
use crate::reject::{Reason, Refused};
use crate::units::{Handle, NONE, Ordinal, Time};

/// Which orders a mass cancel means; what is absent matches all.
struct Filter {
    participant: Option<Handle>,
    instrument: Option<Handle>,
    side: Option<crate::kinds::Side>,
    trader: Option<Handle>,
    client: Option<Handle>,
}

impl Filter {
    fn matches(&self, order: &Order, instrument: Handle) -> bool {
        self.participant.is_none_or(|participant| order.participant == participant)
            && self.instrument.is_none_or(|wanted| instrument == wanted)
            && self.side.is_none_or(|side| order.side == side)
            && self.trader.is_none_or(|trader| order.trader == trader)
            && self.client.is_none_or(|client| order.client == client)
    }
}

impl Market {
    /// The open rest of an order, in the book or parked, ends. Reasons of an admission test stand in `refusals`.
    pub(crate) fn cancel(&mut self, place: Handle, reason: CancelReason) {
        let order = &self.orders[place as usize];
        let open = order.open();
        let book = &mut self.books[order.book as usize];
        match order.state {
            OrderState::Open => {
                book.part(&mut self.orders, place);
                book.channel += 1;
            }
            OrderState::Parked => {
                book.parked.remove(&place);
            }
            _ => panic!("only a live order is cancelled"),
        }
        self.end(place, OrderState::cancelled(reason));
        self.events.order_cancelled(ordinal(place), open, reason, self.refusals.list());
    }

    pub(crate) fn cancel_order(&mut self, by: By, order: Ordinal) -> Result<(), Refused> {
        self.test_actor(by, Givers::Both);
        let place = place_of(order, &self.orders);
        if place.is_none() {
            self.refusals.field(Reason::UnknownOrder, "order");
        }
        self.refusals.stage()?;
        let place = place.ok_or(Refused)?;
        self.test_cancel_rights(by, place)?;
        self.cancel(place, CancelReason::Requested);
        Ok(())
    }

    /// Stage 2: 203, 204, 208, 209; the exchange may cancel in every phase (PS-1.2).
    #[inline]
    fn test_cancel_rights(&mut self, by: By, place: Handle) -> Result<(), Refused> {
        let order = &self.orders[place as usize];
        if by.is_trader() {
            let trader = &self.registry.traders[by.trader as usize];
            let session = &self.sessions[self.books[order.book as usize].session as usize];
            if !trader.active {
                self.refusals.field(Reason::AuthorityMissing, "by");
            }
            if !session.rights.may_cancel(order.side) {
                self.refusals.phase_forbids(session.phase);
            }
            if order.participant != trader.participant {
                self.refusals.field(Reason::NotOwner, "order");
            }
        }
        if !order.state.is_live() {
            self.refusals.limit(Reason::OrderNotOpen, "order", u64::from(order.state.code()), None);
        }
        self.refusals.stage()
    }

    pub(crate) fn mass_cancel(&mut self, by: By, command: &MassCancel<'_>) -> Result<(), Refused> {
        self.test_actor(by, Givers::Both);
        let session = self.session_names.find(command.session);
        self.test_session(session);
        let instrument = command.instrument.and_then(|name| {
            let instrument = self.registry.instrument_names.find(name);
            self.find_book(session, instrument);
            instrument
        });
        let client = command.client.and_then(|client| self.registry.find_client(client.as_bytes()));
        if command.client.is_some() && client.is_none() {
            self.refusals.field(Reason::UnknownClient, "client");
        }
        self.refusals.stage()?;
        let session = session.ok_or(Refused)?;
        let participant = by.is_trader().then(|| self.registry.traders[by.trader as usize].participant);
        if by.is_trader() && !self.registry.traders[by.trader as usize].active {
            self.refusals.field(Reason::AuthorityMissing, "by");
        }
        self.refusals.stage()?;

        // Who placed the order, whomever he acts for now (EN-6.10); an unknown trader placed none.
        let trader = command.trader.map(|trader| self.registry.trader_names.find(trader).unwrap_or(NONE));
        let filter = Filter { participant, instrument, side: command.side, trader, client };
        let mut places = self.live_orders(session);
        places.retain(|place| {
            let order = &self.orders[*place as usize];
            filter.matches(order, self.books[order.book as usize].instrument)
        });
        let (mut cancelled, mut kept) = (0, 0);
        for place in &places {
            let side = self.orders[*place as usize].side;
            if by.is_trader() && !self.sessions[session as usize].rights.may_cancel(side) {
                kept += 1;
            } else {
                self.cancel(*place, CancelReason::Mass);
                cancelled += 1;
            }
        }
        self.give_back(places);
        self.events.orders_mass_cancelled(command.session, cancelled, kept);
        Ok(())
    }

    pub(crate) fn expire_orders(&mut self, by: By, name: &str, until: Time) -> Result<(), Refused> {
        let session = self.known_session(by, name)?;
        if phases::is_final(self.sessions[session as usize].phase) {
            self.refusals.phase_forbids(self.sessions[session as usize].phase);
        }
        self.refusals.stage()?;

        let mut places = self.live_orders(session);
        places.retain(|place| {
            let order = &self.orders[*place as usize];
            order.time_in_force == TimeInForce::Until && order.until.is_some_and(|end| end <= until)
        });
        for place in &places {
            self.cancel(*place, CancelReason::Expired);
        }
        self.events.orders_expired(name, places.len() as u64);
        self.give_back(places);
        Ok(())
    }

    /// Every live order for which `belongs` holds ends with reason admission_withdrawn, by ascending id (EN-6.4).
    pub(crate) fn withdraw_orders(&mut self, belongs: impl Fn(&Order) -> bool) {
        let mut places = self.take_places();
        for book in &self.books {
            book.collect_live(&self.orders, &mut places);
        }
        places.retain(|place| belongs(&self.orders[*place as usize]));
        places.sort_unstable();
        for place in &places {
            self.cancel(*place, CancelReason::AdmissionWithdrawn);
        }
        self.give_back(places);
    }
}
