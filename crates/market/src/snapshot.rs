//! The whole state in canonical bytes, and back (EN-4, PS-8.4). Every list ascends by its key, so that equal markets give
//! equal bytes whatever their history; what comes in is believed only after every invariant has been proved.

use crate::book::Book;
use crate::codec::{Malformed, Writer};
use crate::kinds::ParticipantKind;
use crate::market::Market;
use crate::order::{GroupKind, Order, ordinal};
use crate::session::Session;
use crate::units::{Handle, Time};

pub(crate) const VERSION: u64 = 1;
pub(crate) const ORDER_FIELDS: usize = 21;

/// The number of a group's kind (EN-4).
pub(crate) fn group_number(kind: GroupKind) -> u64 {
    match kind {
        GroupKind::Affiliation => 1,
        GroupKind::Client => 2,
        GroupKind::Participant => 3,
    }
}

impl Market {
    /// The whole state in canonical bytes (EN-4): equal for equal markets, loadable by either twin.
    pub fn state(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.reserve(self.orders.len() * 96);
        writer.array(12);
        writer.uint(VERSION);
        writer.uint(self.orders.len() as u64);
        writer.uint(self.deals.last());
        self.write_participants(&mut writer);
        self.write_clients(&mut writer);
        self.write_traders(&mut writer);
        self.write_instruments(&mut writer);
        self.write_sessions(&mut writer);
        writer.array(self.orders.len());
        for (place, order) in (0..).zip(&self.orders) {
            self.write_order(&mut writer, place, order);
        }
        self.write_deals(&mut writer);
        self.write_accounts(&mut writer);
        self.write_totals(&mut writer);
        writer.into_bytes()
    }

    fn write_participants(&self, writer: &mut Writer) {
        let names = &self.registry.participant_names;
        let mut known = names.sorted();
        known.retain(|handle| self.registry.participant(*handle).is_known);
        writer.array(known.len());
        for handle in known {
            let participant = self.registry.participant(handle);
            writer.array(6);
            writer.text(names.text(handle));
            writer.boolean(participant.resident);
            let kinds =
                [(participant.is_visitor, ParticipantKind::Visitor), (participant.is_broker, ParticipantKind::Broker)];
            writer.array(kinds.iter().filter(|kind| kind.0).count());
            for (_, kind) in kinds.iter().filter(|kind| kind.0) {
                writer.uint(u64::from(kind.code()));
            }
            writer.optional_text(self.registry.groups.optional(participant.group));
            writer.boolean(participant.admitted);
            let words = &self.registry.words;
            let mut permissions: Vec<_> = participant
                .permissions
                .iter()
                .map(|(section, side, purpose)| (words.text(*section), *side, words.text(*purpose)))
                .collect();
            permissions.sort_unstable();
            writer.array(permissions.len());
            for (section, side, purpose) in permissions {
                writer.array(3);
                writer.text(section);
                writer.uint(u64::from(side.code()));
                writer.text(purpose);
            }
        }
    }

    fn write_clients(&self, writer: &mut Writer) {
        let names = &self.registry.client_names;
        let mut known = names.sorted();
        known.retain(|handle| self.registry.clients[*handle as usize].is_known);
        writer.array(known.len());
        for handle in known {
            let client = &self.registry.clients[handle as usize];
            writer.array(4);
            writer.text(names.text(handle));
            writer.text(self.registry.participant_names.text(client.participant));
            writer.boolean(client.resident);
            writer.optional_text(self.registry.groups.optional(client.group));
        }
    }

    fn write_traders(&self, writer: &mut Writer) {
        let names = &self.registry.trader_names;
        writer.array(names.len());
        for handle in names.sorted() {
            let trader = &self.registry.traders[handle as usize];
            writer.array(3);
            writer.text(names.text(handle));
            writer.text(self.registry.participant_names.text(trader.participant));
            writer.boolean(trader.active);
        }
    }

    fn write_instruments(&self, writer: &mut Writer) {
        let names = &self.registry.instrument_names;
        writer.array(names.len());
        for handle in names.sorted() {
            let instrument = self.registry.instrument(handle);
            writer.array(10);
            writer.text(names.text(handle));
            for word in [instrument.section, instrument.purpose, instrument.currency] {
                writer.text(self.registry.words.text(word));
            }
            writer.text(&instrument.tick_text);
            writer.text(&instrument.lot_text);
            writer.uint(instrument.tick_lot_value);
            writer.boolean(instrument.conditional_allowed);
            writer.optional_uint(instrument.order_lots_max);
            writer.optional_uint(instrument.entries_max);
        }
    }

    fn write_sessions(&self, writer: &mut Writer) {
        writer.array(self.session_names.len());
        for handle in self.session_names.sorted() {
            let session = &self.sessions[handle as usize];
            let words = &self.registry.words;
            writer.array(14);
            writer.text(self.session_names.text(handle));
            writer.text(words.text(session.section));
            writer.text(words.text(session.purpose));
            writer.uint(u64::from(session.mechanism.code()));
            writer.uint(u64::from(session.self_trade.code()));
            writer.boolean(session.late_entry);
            writer.uint(u64::from(session.names_at.code()));
            writer.uint(u64::from(session.phase.code()));
            write_course(writer, session);
            writer.array(session.deposit.len());
            for row in &session.deposit {
                writer.array(5);
                writer.uint(u64::from(row.side.code()));
                writer.boolean(row.resident);
                writer.text(words.text(row.currency));
                writer.uint(u64::from(row.rate_ppm));
                writer.uint(row.floor);
            }
            writer.array(session.books.len());
            for book in &session.books {
                self.write_book(writer, &self.books[*book as usize]);
            }
            self.write_entries(writer, session);
            writer.uint(session.channel);
        }
    }

    fn write_book(&self, writer: &mut Writer, book: &Book) {
        writer.array(8);
        writer.text(self.registry.instrument_names.text(book.instrument));
        writer.optional_uint(book.reference);
        writer.optional_uint(book.bounds.lower);
        writer.optional_uint(book.bounds.upper);
        writer.optional_uint(book.bounds.down_ppm.map(u64::from));
        writer.optional_uint(book.bounds.up_ppm.map(u64::from));
        writer.optional_uint(book.last_price.map(u64::from));
        writer.uint(book.channel);
    }

    fn write_entries(&self, writer: &mut Writer, session: &Session) {
        let (participants, instruments) = (&self.registry.participant_names, &self.registry.instrument_names);
        let mut entries: Vec<_> = session
            .entries
            .iter()
            .map(|((participant, instrument, phase), count)| {
                (participants.text(*participant), instruments.text(*instrument), *phase, *count)
            })
            .collect();
        entries.sort_unstable();
        writer.array(entries.len());
        for (participant, instrument, phase, count) in entries {
            writer.array(4);
            writer.text(participant);
            writer.text(instrument);
            writer.uint(u64::from(phase.code()));
            writer.uint(count);
        }
    }

    fn write_order(&self, writer: &mut Writer, place: Handle, order: &Order) {
        let registry = &self.registry;
        writer.array(ORDER_FIELDS);
        writer.uint(ordinal(place));
        writer.fragment(&self.books[order.book as usize].names);
        writer.uint(u64::from(order.side.code()));
        writer.fragment(&self.ledger.accounts[order.account as usize].party);
        writer.text(registry.trader_names.text(order.trader));
        writer.uint(group_number(order.group.kind()));
        let group = order.group.handle();
        writer.text(match order.group.kind() {
            GroupKind::Affiliation => registry.groups.text(group),
            GroupKind::Client => registry.client_names.text(group),
            GroupKind::Participant => registry.participant_names.text(group),
        });
        writer.uint(u64::from(order.price));
        writer.uint(u64::from(order.total));
        writer.uint(u64::from(order.filled));
        writer.optional_uint(order.minimum().map(u64::from));
        writer.boolean(order.indivisible);
        writer.uint(u64::from(order.time_in_force.code()));
        writer.optional_time(order.until);
        writer.uint(order.priority);
        writer.uint(u64::from(order.state.code()));
        writer.uint(u64::from(order.rate_ppm));
        writer.uint(order.floor);
        writer.uint(order.deal_value);
    }

    fn write_deals(&self, writer: &mut Writer) {
        writer.array(self.deals.iter().count());
        for (deal, values) in self.deals.iter() {
            writer.array(5);
            writer.uint(deal);
            writer.uint(ordinal(values.buy));
            writer.uint(ordinal(values.sell));
            writer.uint(values.buy_value);
            writer.uint(values.sell_value);
        }
    }

    fn write_accounts(&self, writer: &mut Writer) {
        let mut accounts: Vec<Handle> =
            (0..).zip(&self.ledger.accounts).filter(|(_, account)| account.exists).map(|(handle, _)| handle).collect();
        accounts.sort_unstable_by(|a, b| self.ledger.compare(*a, *b, &self.registry));
        writer.array(accounts.len());
        for handle in accounts {
            let account = &self.ledger.accounts[handle as usize];
            writer.array(7);
            writer.fragment(&account.holder);
            for balance in account.balances.list() {
                writer.uint(balance);
            }
        }
    }

    fn write_totals(&self, writer: &mut Writer) {
        let words = &self.registry.words;
        let mut totals: Vec<_> =
            self.ledger.totals.iter().map(|(currency, total)| (words.text(*currency), *total)).collect();
        totals.sort_unstable_by_key(|total| total.0);
        writer.array(totals.len());
        for (currency, total) in totals {
            writer.array(3);
            writer.text(currency);
            writer.uint(total.credits);
            writer.uint(total.paid);
        }
    }

    /// The market of these bytes.
    ///
    /// # Errors
    /// [`Malformed`] where they are no canonical state, are not consumed whole, or break an invariant.
    pub fn load(state: &[u8]) -> Result<Market, Malformed> {
        crate::loading::load(state)
    }
}

/// Halt and plan of a session.
fn write_course(writer: &mut Writer, session: &Session) {
    match session.halt {
        None => writer.nil(),
        Some(halt) => {
            writer.array(3);
            writer.uint(u64::from(halt.left.code()));
            writer.time(halt.since);
            writer.optional_time(halt.resume_at);
        }
    }
    writer.array(session.plan.len());
    for (phase, at) in &session.plan {
        write_planned(writer, phase.code(), *at);
    }
}

fn write_planned(writer: &mut Writer, phase: u8, at: Time) {
    writer.array(2);
    writer.uint(u64::from(phase));
    writer.time(at);
}
