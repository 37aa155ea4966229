//! Sessions: how they are made, go through their phases, stop and end, and what that does to their orders (PS-1, PS-11).
//! Rights are tables in `phases.rs`; uncrossing stands in `auction.rs`.

use crate::band;
use crate::book::{Book, NewBook};
use crate::codec::Fragment;
use crate::command::{CreateSession, SetBand};
use crate::kinds::{CancelReason, Mechanism, NamesAt, OrderState, Phase, SelfTrade, Side};
use crate::limits::SESSION_INSTRUMENTS_MAX;
use crate::market::{By, Givers, Market, Now};
use crate::order::ordinal;
use crate::phases::{self, Rights};
use crate::reject::{Reason, Refused};
use crate::units::{Handle, Minor, Time};
use std::collections::BTreeMap;

/// The phase left and when it was left first; an announced return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Halt {
    pub(crate) left: Phase,
    pub(crate) since: Time,
    pub(crate) resume_at: Option<Time>,
}

/// What an order has to secure by side, residency and currency (PS-5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DepositRow {
    pub(crate) side: Side,
    pub(crate) resident: bool,
    pub(crate) currency: Handle,
    pub(crate) rate_ppm: u32,
    pub(crate) floor: Minor,
}

pub(crate) struct Session {
    pub(crate) section: Handle,
    pub(crate) purpose: Handle,
    pub(crate) mechanism: Mechanism,
    pub(crate) self_trade: SelfTrade,
    pub(crate) late_entry: bool,
    pub(crate) names_at: NamesAt,
    pub(crate) phase: Phase,
    pub(crate) halt: Option<Halt>,
    pub(crate) plan: Vec<(Phase, Time)>,
    pub(crate) deposit: Vec<DepositRow>,
    /// Its books, ascending by instrument id.
    pub(crate) books: Vec<Handle>,
    /// Accepted orders by (participant, instrument, phase), where the instrument has a limit (PS-3.2).
    pub(crate) entries: BTreeMap<(Handle, Handle, Phase), u64>,
    pub(crate) channel: u64,
    /// Who may do what in the present phase.
    pub(crate) rights: Rights,
}

impl Session {
    pub(crate) fn renew_rights(&mut self) {
        let left = self.halt.map(|halt| halt.left);
        self.rights = phases::rights(self.mechanism, self.phase, left, self.late_entry);
    }

    /// Incoming orders trade at once.
    #[inline]
    pub(crate) fn is_matching(&self) -> bool {
        self.mechanism == Mechanism::Cdca && self.phase == Phase::Trading
    }

    /// Whether own_opposite_order is or may yet be tested: never where self-trade is allowed, and in CDCA only up to
    /// TRADING, since no earlier phase comes back (PS-2.8).
    pub(crate) fn keeps_own_prices(&self) -> bool {
        let phase = self.halt.map_or(self.phase, |halt| halt.left);
        self.self_trade == SelfTrade::CancelNewest
            && !phases::is_final(phase)
            && (self.mechanism == Mechanism::Call || phase < Phase::Trading)
    }

    /// Whether own_opposite_order is tested now.
    pub(crate) fn tests_own_opposite(&self) -> bool {
        self.self_trade == SelfTrade::CancelNewest && !self.is_matching()
    }

    /// The planned time of CLOSING, as moved by halts.
    pub(crate) fn closing_at(&self) -> Time {
        let closing = self.plan.iter().find(|planned| planned.0 == Phase::Closing);
        closing.expect("every plan holds CLOSING").1
    }

    /// Rate and floor for an order; no row means none (EN-6.7).
    pub(crate) fn deposit_terms(&self, side: Side, resident: bool, currency: Handle) -> (u32, Minor) {
        self.deposit
            .iter()
            .find(|row| row.side == side && row.resident == resident && row.currency == currency)
            .map_or((0, 0), |row| (row.rate_ppm, row.floor))
    }

    /// Whether a change to this phase is legal: the next of the plan, or back from a halt (PS-1.1).
    fn may_change_to(&self, to: Phase) -> bool {
        match self.halt {
            Some(halt) => to == halt.left,
            None => self.plan.windows(2).any(|pair| pair[0].0 == self.phase && pair[1].0 == to),
        }
    }

    /// Planned times after the phase left move by the length of the halt (PS-11.3).
    fn return_from(&mut self, halt: Halt, now: Time) {
        assert!(now >= halt.since, "time does not go backwards");
        let length = now.nanoseconds() - halt.since.nanoseconds();
        for planned in self.plan.iter_mut().filter(|planned| planned.0 > halt.left) {
            planned.1 = planned.1.later_by(length);
        }
    }
}

/// Session and instrument, encoded as they stand in events.
pub(crate) fn encoded_names(session: &str, instrument: &str) -> Fragment {
    Fragment::new(|writer| {
        writer.text(session);
        writer.text(instrument);
    })
}

impl Market {
    pub(crate) fn create_session(&mut self, by: By, command: &CreateSession<'_>) -> Result<(), Refused> {
        let floors = self.admit_session(by, command)?;
        let session = self.session_names.enter(command.session);
        let words = &mut self.registry.words;
        let deposit = command.deposit.iter().zip(floors).map(|(row, floor)| DepositRow {
            side: row.side,
            resident: row.resident,
            currency: words.enter(row.currency),
            rate_ppm: row.rate_ppm,
            floor,
        });
        let mut made = Session {
            deposit: deposit.collect(),
            section: words.enter(command.section),
            purpose: words.enter(command.purpose),
            mechanism: command.mechanism,
            self_trade: command.self_trade,
            late_entry: command.late_entry,
            names_at: command.names_at,
            phase: command.phases[0].0,
            halt: None,
            plan: command.phases.clone(),
            books: Vec::new(),
            entries: BTreeMap::new(),
            channel: 1,
            rights: phases::rights(command.mechanism, command.phases[0].0, None, command.late_entry),
        };
        let mut instruments: Vec<_> = command.instruments.iter().collect();
        instruments.sort_unstable_by_key(|listed| listed.instrument);
        for listed in instruments {
            let instrument = self.registry.instrument_names.find(listed.instrument).expect("admitted above");
            let terms = self.registry.instrument(instrument);
            let book = Book::new(NewBook {
                session,
                instrument,
                tick_lot_value: terms.tick_lot_value,
                reference: listed.reference.map(|reference| band::reference_on_grid(reference, &terms.tick)),
                bounds: band::bounds_on_grid(&listed.bounds, &terms.tick),
                keeps_own_prices: made.keeps_own_prices(),
                names: encoded_names(command.session, listed.instrument),
            });
            made.books.push(self.add_book(book));
        }
        self.sessions.push(made);
        self.events.session_created(command.session);
        Ok(())
    }

    /// Stages 1 and 3 of create_session; the floors in minor units.
    fn admit_session(&mut self, by: By, command: &CreateSession<'_>) -> Result<Vec<Minor>, Refused> {
        self.test_actor(by, Givers::Exchange);
        if self.session_names.find(command.session).is_some() {
            self.refusals.field(Reason::AlreadyExists, "session");
        }
        let registry = &self.registry;
        let found: Vec<Option<Handle>> =
            command.instruments.iter().map(|listed| registry.instrument_names.find(listed.instrument)).collect();
        if found.contains(&None) {
            self.refusals.field(Reason::UnknownInstrument, "instruments");
        }
        self.refusals.stage()?;

        let floors: Vec<Option<Minor>> = command.deposit.iter().map(|row| row.floor.minor(row.currency)).collect();
        if floors.contains(&None) {
            self.refusals.field(Reason::NotWholeMinorUnits, "deposit");
        }
        let is_foreign = |instrument: &Handle| {
            let terms = registry.instrument(*instrument);
            registry.words.text(terms.section) != command.section
                || registry.words.text(terms.purpose) != command.purpose
        };
        let mut listed: Vec<Handle> = found.into_iter().flatten().collect();
        listed.sort_unstable();
        let mut rows: Vec<_> = command.deposit.iter().map(|row| (row.side, row.resident, row.currency)).collect();
        rows.sort_unstable();
        if listed.iter().any(is_foreign) || listed.windows(2).any(|pair| pair[0] == pair[1]) {
            self.refusals.field(Reason::TermsDisagree, "instruments");
        } else if rows.windows(2).any(|pair| pair[0] == pair[1]) {
            self.refusals.field(Reason::TermsDisagree, "deposit");
        }
        if listed.len() > SESSION_INSTRUMENTS_MAX {
            self.refusals.limit(Reason::LimitExceeded, "instruments", None, SESSION_INSTRUMENTS_MAX as u64);
        }
        self.refusals.stage()?;
        Ok(floors.into_iter().flatten().collect())
    }

    pub(crate) fn change_phase(&mut self, now: Now, by: By, name: &str, from: Phase, to: Phase) -> Result<(), Refused> {
        let handle = self.known_session(by, name)?;
        let session = &mut self.sessions[handle as usize];
        if from != session.phase {
            self.refusals.field(Reason::PhaseMovedOn, "from");
        } else if !session.may_change_to(to) {
            self.refusals.field(Reason::PhaseChangeIllegal, "to");
        }
        self.refusals.stage()?;

        let halt = session.halt.take();
        if let Some(halt) = halt {
            session.return_from(halt, now.time);
        }
        session.phase = to;
        session.renew_rights();
        session.channel += 1;
        self.events.phase_changed(name, from, to);
        if halt.is_none() {
            self.enter_phase(handle, to);
        }
        Ok(())
    }

    /// What entering a phase does (PS-1.4 to PS-1.6). A return from a halt enters nothing.
    fn enter_phase(&mut self, session: Handle, phase: Phase) {
        match (self.sessions[session as usize].mechanism, phase) {
            (_, Phase::Admission) => self.test_admission_again(session),
            (Mechanism::Cdca, Phase::Trading) => {
                self.uncross_all(session);
                for book in &self.sessions[session as usize].books {
                    self.books[*book as usize].own_prices = None;
                }
            }
            (Mechanism::Call, Phase::DealMaking) => self.uncross_all(session),
            (_, Phase::Closing) => self.cancel_all(session, CancelReason::Closing),
            _ => {}
        }
    }

    /// Every live order of a session ends, by ascending id.
    fn cancel_all(&mut self, session: Handle, reason: CancelReason) {
        let places = self.live_orders(session);
        for place in &places {
            self.cancel(*place, reason);
        }
        self.give_back(places);
        for book in &self.sessions[session as usize].books {
            self.books[*book as usize].forget();
        }
    }

    /// The admission test of PS-1.4, by ascending priority. Those that fail leave with the reasons.
    fn test_admission_again(&mut self, session: Handle) {
        let mut places = self.live_orders(session);
        places.sort_unstable_by_key(|place| self.orders[*place as usize].priority);
        for place in &places {
            self.test_order_again(*place);
            if !self.refusals.is_empty() {
                self.cancel(*place, CancelReason::Admission);
                self.refusals.clear();
            }
        }
        self.give_back(places);
    }

    fn test_order_again(&mut self, place: Handle) {
        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let session = &self.sessions[book.session as usize];
        let participant = self.registry.participant(order.participant);
        if !participant.may_trade(session.section, order.side, session.purpose) {
            self.refusals.whole(Reason::NotAdmitted);
        }
        if !self.registry.may_act_for(order.participant, order.client) {
            self.refusals.whole(Reason::ClientNotAdmitted);
        }
        if self.refusals.is_empty() && !book.band.holds_ticks(order.price) {
            self.refusals.limit(Reason::BandExceeded, None, book.band.low, book.band.high);
        }
    }

    pub(crate) fn halt_session(&mut self, now: Now, by: By, name: &str, reason: &str) -> Result<(), Refused> {
        let handle = self.known_session(by, name)?;
        let session = &mut self.sessions[handle as usize];
        let withdraws = session.halt.is_some_and(|halt| halt.resume_at.is_some());
        if !phases::may_halt(session.phase) && !withdraws {
            self.refusals.field(Reason::PhaseChangeIllegal, "session");
        }
        self.refusals.stage()?;

        let from = session.phase;
        let since = session.halt.map_or(now.time, |halt| halt.since);
        let left = session.halt.map_or(from, |halt| halt.left);
        session.halt = Some(Halt { left, since, resume_at: None });
        session.phase = Phase::Halted;
        session.renew_rights();
        session.channel += 1;
        self.events.session_halted(name, from, reason);
        Ok(())
    }

    pub(crate) fn cancel_session(&mut self, by: By, name: &str, reason: &str) -> Result<(), Refused> {
        let handle = self.known_session(by, name)?;
        let session = &mut self.sessions[handle as usize];
        if phases::is_final(session.phase) {
            self.refusals.field(Reason::PhaseChangeIllegal, "session");
        }
        self.refusals.stage()?;

        let from = std::mem::replace(&mut session.phase, Phase::Cancelled);
        session.halt = None;
        session.renew_rights();
        session.channel += 1;
        self.events.session_cancelled(name, from, reason);
        self.cancel_all(handle, CancelReason::SessionCancelled);
        Ok(())
    }

    pub(crate) fn resume_session(&mut self, now: Now, by: By, name: &str, resume_at: Time) -> Result<(), Refused> {
        let handle = self.known_session(by, name)?;
        let session = &mut self.sessions[handle as usize];
        match &mut session.halt {
            None => self.refusals.field(Reason::PhaseChangeIllegal, "session"),
            Some(_) if resume_at < now.time => self.refusals.field(Reason::PhaseChangeIllegal, "resume_at"),
            Some(halt) => halt.resume_at = Some(resume_at),
        }
        self.refusals.stage()?;

        session.channel += 1;
        self.events.session_resuming(name, resume_at);
        Ok(())
    }

    /// Sets all four bounds anew and parks every open order outside the new effective band (PS-10.4).
    pub(crate) fn set_band(&mut self, by: By, command: &SetBand<'_>) -> Result<(), Refused> {
        self.test_actor(by, Givers::Exchange);
        let session = self.session_names.find(command.session);
        self.test_session(session);
        let instrument = self.registry.instrument_names.find(command.instrument);
        let book = self.find_book(session, instrument);
        self.refusals.stage()?;
        let (session, book) = (session.expect("tested above"), book.expect("tested above"));
        if phases::is_final(self.sessions[session as usize].phase) {
            self.refusals.phase_forbids(self.sessions[session as usize].phase);
        }
        self.refusals.stage()?;

        let mut outside = self.take_places();
        let target = &mut self.books[book as usize];
        target.bounds = band::bounds_on_grid(&command.bounds, &self.registry.instrument(target.instrument).tick);
        target.renew_band();
        target.channel += 1;
        self.events.band_set(&target.names);
        target.collect_open(&self.orders, &mut outside);
        outside.retain(|place| !target.band.holds_ticks(self.orders[*place as usize].price));
        outside.sort_unstable();
        for place in &outside {
            target.part(&mut self.orders, *place);
            target.parked.insert(*place);
            target.channel += 1;
            let order = &mut self.orders[*place as usize];
            order.state = OrderState::Parked;
            self.events.order_parked(ordinal(*place), order.open());
        }
        self.give_back(outside);
        Ok(())
    }
}
