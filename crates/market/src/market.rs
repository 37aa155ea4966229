//! The door: a frame in, events out, and the tables that every command works on. Each command stands in the module of its
//! subject; here is what they share: who gives it, what it names, how it ends.

use crate::account::Ledger;
use crate::book::Book;
use crate::codec::{Malformed, Read, Reader};
use crate::command::{
    AMEND_ORDER, CANCEL_ORDER, Command, Known, PLACE_ORDER, read_amend_order, read_command, read_head,
    read_place_order, read_tag,
};
use crate::event::Events;
use crate::kinds::{ActorKind, OrderState};
use crate::limits::ORDINAL_MAX;
use crate::names::{Names, Table};
use crate::order::{Deals, Order};
use crate::registry::Registry;
use crate::reject::{Reason, Refusals, Refused};
use crate::session::Session;
use crate::units::{Handle, NONE, Ordinal, Time};

/// A market: a pure fold over its own numbered commands.
pub struct Market {
    pub(crate) registry: Registry,
    pub(crate) ledger: Ledger,
    pub(crate) session_names: Names,
    pub(crate) sessions: Vec<Session>,
    pub(crate) books: Vec<Book>,
    /// By (session, instrument).
    book_index: Table<(Handle, Handle)>,
    pub(crate) seats: Vec<Seat>,
    /// By (session, account).
    seat_index: Table<(Handle, Handle)>,
    pub(crate) orders: Vec<Order>,
    pub(crate) deals: Deals,
    /// Live orders of the exchange, parked ones included.
    pub(crate) live: u64,
    pub(crate) events: Events,
    pub(crate) refusals: Refusals,
    pub(crate) scratch: Scratch,
    /// The last command's number; no part of the state (PS-8.4).
    number: Ordinal,
    /// A command was begun and not ended: its assertion did not hold, and nothing here can be trusted.
    is_faulty: bool,
}

/// An account in a session, whose live orders are counted (PS-9).
pub(crate) struct Seat {
    pub(crate) live: u32,
}

/// Lists that are used again, so that a command allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    places: Vec<Handle>,
    pub(crate) plan: Vec<(Handle, u32)>,
}

/// Number and time of the command.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) number: Ordinal,
    pub(crate) time: Time,
}

/// Who gives the command; `trader` is `NONE` for the exchange and for an unknown trader.
#[derive(Clone, Copy)]
pub(crate) struct By {
    pub(crate) kind: ActorKind,
    pub(crate) trader: Handle,
}

impl By {
    pub(crate) fn is_trader(self) -> bool {
        self.kind == ActorKind::Trader
    }
}

/// Who may give a command (PS-0). Operator, timetable and reactors are the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Givers {
    Exchange,
    Traders,
    Both,
    Reactors,
}

impl Default for Market {
    fn default() -> Market {
        Market::new()
    }
}

impl Market {
    /// An empty market.
    pub fn new() -> Market {
        Market {
            registry: Registry::default(),
            ledger: Ledger::default(),
            session_names: Names::default(),
            sessions: Vec::new(),
            books: Vec::new(),
            book_index: Table::default(),
            seats: Vec::new(),
            seat_index: Table::default(),
            orders: Vec::new(),
            deals: Deals::new(0),
            live: 0,
            events: Events::new(),
            refusals: Refusals::default(),
            scratch: Scratch::default(),
            number: 0,
            is_faulty: false,
        }
    }

    /// Decides one command. `frame` is `[number, [seconds, nanoseconds], actor kind, actor id, command]`; the answer is
    /// the array of its events, never empty (EN-2). A business reject is the event `command_rejected`.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are no frame of the market, or its number does not rise. Nothing has changed then.
    ///
    /// # Panics
    /// Where an assertion of the market does not hold: a fault (PS-9). The market panics from then on.
    pub fn apply(&mut self, frame: &[u8]) -> Result<&[u8], Malformed> {
        assert!(!self.is_faulty, "a command before this one was a fault");
        self.read_and_decide(frame)?;
        Ok(self.events.finish())
    }

    /// Decides commands whose frames stand one behind the other, each ending where `ends` says. Gives the events
    /// likewise: their bytes, and where those of each command end.
    ///
    /// # Errors
    /// [`Malformed`] as [`Market::apply`]; the commands before have been decided then, and their events are lost.
    ///
    /// # Panics
    /// As [`Market::apply`].
    pub fn apply_packed(&mut self, frames: &[u8], ends: &[usize]) -> Result<(Vec<u8>, Vec<usize>), Malformed> {
        let mut answers = Vec::with_capacity(2 * frames.len());
        let mut answer_ends = Vec::with_capacity(ends.len());
        let mut start = 0;
        for end in ends {
            let frame = frames.get(start..*end).ok_or(Malformed::new(&"frames end in order, within the bytes"))?;
            answers.extend_from_slice(self.apply(frame)?);
            answer_ends.push(answers.len());
            start = *end;
        }
        if start != frames.len() {
            return Err(Malformed::new(&"nothing may follow the last frame"));
        }
        Ok((answers, answer_ends))
    }

    /// How many orders are open, parked ones included.
    pub fn open_orders(&self) -> u64 {
        self.live
    }

    /// A command is read to its end before anything changes.
    #[inline]
    fn read_and_decide(&mut self, frame: &[u8]) -> Read<()> {
        let mut reader = Reader::new(frame);
        let from = &mut reader;
        let head = read_head(from, &self.registry.trader_names)?;
        from.expect(head.number > self.number, &"numbers rise")?;
        let now = Now { number: head.number, time: head.time };
        let by = By { kind: head.kind, trader: head.trader.unwrap_or(NONE) };
        let decided = match read_tag(from)? {
            AMEND_ORDER => {
                let command = read_amend_order(from)?;
                from.end()?;
                self.begin(now);
                self.amend_order(now, by, &command)
            }
            PLACE_ORDER => {
                let known = Known { sessions: &self.session_names, registry: &self.registry };
                let command = read_place_order(from, &known)?;
                from.end()?;
                self.begin(now);
                self.place_order(now, by, &command)
            }
            CANCEL_ORDER => {
                let order = from.uint_to(ORDINAL_MAX)?;
                from.end()?;
                self.begin(now);
                self.cancel_order(by, order)
            }
            tag => {
                // A copy goes out of line, so that the reader itself can stay in registers.
                let mut rare = from.clone();
                let command = read_command(tag, &mut rare)?;
                rare.end()?;
                self.begin(now);
                self.decide(now, by, &command)
            }
        };
        self.complete(decided);
        Ok(())
    }

    #[inline(always)]
    fn begin(&mut self, now: Now) {
        self.is_faulty = true;
        self.number = now.number;
        self.events.clear();
        self.ledger.begin();
    }

    #[inline(always)]
    fn complete(&mut self, decided: Result<(), Refused>) {
        match decided {
            Ok(()) => {
                assert!(self.refusals.is_empty(), "an accepted command has no reasons against it");
                self.ledger.finish(&self.registry, &mut self.events);
            }
            Err(Refused) => {
                self.events.command_rejected(self.refusals.list());
                self.refusals.clear();
            }
        }
        self.is_faulty = false;
    }

    fn decide(&mut self, now: Now, by: By, command: &Command<'_>) -> Result<(), Refused> {
        match command {
            Command::MassCancel(command) => self.mass_cancel(by, command),
            Command::CreateSession(command) => self.create_session(by, command),
            Command::ChangePhase { session, from, to } => self.change_phase(now, by, session, *from, *to),
            Command::HaltSession { session, reason } => self.halt_session(now, by, session, reason),
            Command::CancelSession { session, reason } => self.cancel_session(by, session, reason),
            Command::ResumeSession { session, resume_at } => self.resume_session(now, by, session, *resume_at),
            Command::SetBand(command) => self.set_band(by, command),
            Command::ExpireOrders { session, until } => self.expire_orders(by, session, *until),
            follow_up => self.follow_up(by, follow_up),
        }
    }

    /// 101 and 102 (EN-6.5).
    #[inline]
    pub(crate) fn test_actor(&mut self, by: By, givers: Givers) {
        if by.is_trader() {
            if by.trader == NONE {
                self.refusals.field(Reason::UnknownActor, "by");
            } else if matches!(givers, Givers::Exchange | Givers::Reactors) {
                self.refusals.field(Reason::ActorMayNot, "by");
            }
        } else if givers == Givers::Traders || givers == Givers::Reactors && by.kind != ActorKind::Reactor {
            self.refusals.field(Reason::ActorMayNot, "by");
        }
    }

    /// 103.
    #[inline]
    pub(crate) fn test_session(&mut self, session: Option<Handle>) {
        if session.is_none() {
            self.refusals.field(Reason::UnknownSession, "session");
        }
    }

    /// Stage 1 of a command of the exchange about a session.
    pub(crate) fn known_session(&mut self, by: By, session: &str) -> Result<Handle, Refused> {
        self.test_actor(by, Givers::Exchange);
        let found = self.session_names.find(session);
        self.test_session(found);
        self.refusals.stage()?;
        found.ok_or(Refused)
    }

    /// The book, or reason 104: not in the session; under an unknown session, listed nowhere.
    #[inline]
    pub(crate) fn find_book(&mut self, session: Option<Handle>, instrument: Option<Handle>) -> Option<Handle> {
        let book = match (session, instrument) {
            (Some(session), Some(instrument)) => self.book_of(session, instrument),
            _ => None,
        };
        let is_found = if session.is_some() { book.is_some() } else { instrument.is_some() };
        if !is_found {
            self.refusals.field(Reason::UnknownInstrument, "instrument");
        }
        book
    }

    pub(crate) fn book_of(&self, session: Handle, instrument: Handle) -> Option<Handle> {
        self.book_index.get(&(session, instrument)).copied()
    }

    /// Numbers have come up to this one.
    pub(crate) fn resume_after(&mut self, number: Ordinal) {
        self.number = number;
    }

    pub(crate) fn add_book(&mut self, book: Book) -> Handle {
        let handle = Handle::try_from(self.books.len()).expect("fewer than 2^32 books");
        self.book_index.insert((book.session, book.instrument), handle);
        self.books.push(book);
        handle
    }

    pub(crate) fn find_seat(&self, session: Handle, account: Handle) -> Option<Handle> {
        self.seat_index.get(&(session, account)).copied()
    }

    pub(crate) fn enter_seat(&mut self, session: Handle, account: Handle) -> Handle {
        if let Some(seat) = self.find_seat(session, account) {
            return seat;
        }
        let handle = Handle::try_from(self.seats.len()).expect("fewer than 2^32 seats");
        self.seat_index.insert((session, account), handle);
        self.seats.push(Seat { live: 0 });
        handle
    }

    /// The account of a holder, made where there is none.
    pub(crate) fn enter_account(&mut self, participant: Handle, client: Handle, currency: Handle) -> Handle {
        let names = &self.registry;
        self.ledger.enter(
            (participant, client, currency),
            (
                names.participant_names.text(participant),
                names.client_names.optional(client),
                names.words.text(currency),
            ),
        )
    }

    /// An empty list of places; give it back after use.
    pub(crate) fn take_places(&mut self) -> Vec<Handle> {
        let mut places = std::mem::take(&mut self.scratch.places);
        places.clear();
        places
    }

    pub(crate) fn give_back(&mut self, places: Vec<Handle>) {
        self.scratch.places = places;
    }

    /// Every live order of a session, parked ones too, ascending by id. Give the list back after use.
    pub(crate) fn live_orders(&mut self, session: Handle) -> Vec<Handle> {
        let mut places = self.take_places();
        for book in &self.sessions[session as usize].books {
            self.books[*book as usize].collect_live(&self.orders, &mut places);
        }
        places.sort_unstable();
        places
    }

    /// An order comes to its final state: it is counted no more, and its reservation is settled. It has left the book.
    #[inline]
    pub(crate) fn end(&mut self, place: Handle, state: OrderState) {
        assert!(!state.is_live(), "an order ends in a final state");
        let order = &mut self.orders[place as usize];
        assert!(order.state.is_live(), "an order ends once");
        order.state = state;
        let book = &mut self.books[order.book as usize];
        if order.is_conditional() {
            book.conditional.remove(&place);
        }
        self.seats[order.seat as usize].live -= 1;
        self.live -= 1;
        crate::deposit::settle(order, book.tick_lot_value, &mut self.ledger);
    }

    /// What is left of an order joins the book with its priority (PS-12).
    #[inline]
    pub(crate) fn rest(&mut self, place: Handle) {
        let order = &self.orders[place as usize];
        let (open, book) = (order.open(), order.book);
        let book = &mut self.books[book as usize];
        book.join(&mut self.orders, place);
        book.channel += 1;
        self.events.order_rested(crate::order::ordinal(place), open);
    }
}
