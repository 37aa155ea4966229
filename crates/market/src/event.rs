//! The events of one command in canonical bytes, written straight into one buffer that is used again and again (PS-0,
//! PS-12). Fields stand in the order of `src/kirmash/messages/events.py`. Nothing is decided here.

use crate::codec::{Cursor, Fragment, Writer, array_header};
use crate::kinds::{Aggressor, CancelReason, Phase, Side, TimeInForce};
use crate::reject::Refusal;
use crate::units::{Lots, Minor, Ordinal, Ticks, Time};

/// Room for the header of the array of events, whose length is known only at the end.
const HEADER: usize = 5;

pub(crate) struct Events {
    writer: Writer,
    count: usize,
}

/// What `order_accepted` says.
pub(crate) struct Accepted<'a> {
    pub(crate) order: Ordinal,
    /// Session and instrument, encoded.
    pub(crate) place: &'a Fragment,
    pub(crate) side: Side,
    pub(crate) price: Ticks,
    pub(crate) quantity: Lots,
    pub(crate) client: Option<&'a str>,
    pub(crate) minimum: Option<Lots>,
    pub(crate) indivisible: bool,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) until: Option<Time>,
    pub(crate) reserved: Minor,
    pub(crate) participant: &'a str,
}

/// What `order_amended` says.
pub(crate) struct Amended {
    pub(crate) order: Ordinal,
    pub(crate) price: Ticks,
    pub(crate) quantity: Lots,
    pub(crate) open: Lots,
    pub(crate) minimum: Option<Lots>,
    pub(crate) until: Option<Time>,
    pub(crate) priority_kept: bool,
    pub(crate) reserved: Minor,
}

/// What `deal_made` says.
pub(crate) struct Made<'a> {
    pub(crate) deal: Ordinal,
    /// Session and instrument, encoded.
    pub(crate) place: &'a Fragment,
    pub(crate) buy_order: Ordinal,
    pub(crate) sell_order: Ordinal,
    pub(crate) price: Ticks,
    pub(crate) quantity: Lots,
    pub(crate) aggressor: Aggressor,
    pub(crate) buy_open: Lots,
    pub(crate) sell_open: Lots,
    /// Participant and client, encoded.
    pub(crate) buyer: &'a Fragment,
    pub(crate) seller: &'a Fragment,
}

impl Events {
    pub(crate) fn new() -> Events {
        let mut writer = Writer::default();
        writer.bytes([0; HEADER]);
        Events { writer, count: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.writer.truncate(HEADER);
        self.count = 0;
    }

    /// The array of all events since `clear`.
    pub(crate) fn finish(&mut self) -> &[u8] {
        assert!(self.count > 0, "every command gives an event");
        let (header, used) = array_header(self.count);
        let bytes = self.writer.written();
        bytes[..HEADER].copy_from_slice(&header);
        &bytes[HEADER - used..]
    }

    /// An event with so many fields. Every event has at most 14, and every tag is below 128.
    #[inline(always)]
    fn event(&mut self, tag: u8, fields: u8, write: impl FnOnce(&mut Cursor<'_>)) {
        self.count += 1;
        self.writer.write(|to| {
            to.bytes([0x91 + fields, tag]);
            write(to);
        });
    }

    pub(crate) fn command_rejected(&mut self, reasons: &[Refusal]) {
        self.event(1, 1, |to| {
            write_refusals(to, reasons);
        });
    }

    pub(crate) fn order_accepted(&mut self, event: &Accepted<'_>) {
        self.event(2, 13, |to| {
            to.uint(event.order);
            to.fragment(event.place);
            to.uint(u64::from(event.side.code()));
            to.uint(u64::from(event.price));
            to.uint(u64::from(event.quantity));
            to.optional_text(event.client);
            to.optional_uint(event.minimum.map(u64::from));
            to.boolean(event.indivisible);
            to.uint(u64::from(event.time_in_force.code()));
            to.optional_time(event.until);
            to.uint(event.reserved);
            to.text(event.participant);
        });
    }

    #[inline]
    pub(crate) fn order_amended(&mut self, event: &Amended) {
        self.event(3, 8, |to| {
            to.uint(event.order);
            to.uint(u64::from(event.price));
            to.uint(u64::from(event.quantity));
            to.uint(u64::from(event.open));
            to.optional_uint(event.minimum.map(u64::from));
            to.optional_time(event.until);
            to.boolean(event.priority_kept);
            to.uint(event.reserved);
        });
    }

    #[inline]
    pub(crate) fn order_rested(&mut self, order: Ordinal, open: Lots) {
        self.event(4, 2, |to| {
            to.uint(order);
            to.uint(u64::from(open));
        });
    }

    /// `reasons` only where the reason is admission (PS-13.10).
    pub(crate) fn order_cancelled(
        &mut self,
        order: Ordinal,
        quantity: Lots,
        reason: CancelReason,
        reasons: &[Refusal],
    ) {
        self.event(5, 4, |to| {
            to.uint(order);
            to.uint(u64::from(quantity));
            to.uint(u64::from(reason.code()));
            if reason == CancelReason::Admission {
                write_refusals(to, reasons);
            } else {
                to.nil();
            }
        });
    }

    pub(crate) fn order_parked(&mut self, order: Ordinal, open: Lots) {
        self.event(6, 2, |to| {
            to.uint(order);
            to.uint(u64::from(open));
        });
    }

    pub(crate) fn deal_made(&mut self, event: &Made<'_>) {
        self.event(7, 14, |to| {
            to.uint(event.deal);
            to.fragment(event.place);
            to.uint(event.buy_order);
            to.uint(event.sell_order);
            to.uint(u64::from(event.price));
            to.uint(u64::from(event.quantity));
            to.uint(u64::from(event.aggressor.code()));
            to.uint(u64::from(event.buy_open));
            to.uint(u64::from(event.sell_open));
            to.fragment(event.buyer);
            to.fragment(event.seller);
        });
    }

    pub(crate) fn uncrossed(&mut self, place: &Fragment, price: Ticks, volume: u64, surplus: i64) {
        self.event(8, 5, |to| {
            to.fragment(place);
            to.uint(u64::from(price));
            to.uint(volume);
            to.int(surplus);
        });
    }

    pub(crate) fn uncrossed_without_price(&mut self, place: &Fragment) {
        self.event(9, 2, |to| to.fragment(place));
    }

    pub(crate) fn paradoxically_rejected(&mut self, order: Ordinal) {
        self.event(10, 1, |to| to.uint(order));
    }

    /// `holder` is participant, client and currency, encoded; the balances are free, reserved, blocked, withdrawing.
    #[inline]
    pub(crate) fn account_changed(&mut self, holder: &Fragment, balances: [Minor; 4]) {
        self.event(11, 7, |to| {
            to.fragment(holder);
            for balance in balances {
                to.uint(balance);
            }
        });
    }

    pub(crate) fn phase_changed(&mut self, session: &str, from: Phase, into: Phase) {
        self.event(12, 3, |to| {
            to.text(session);
            to.uint(u64::from(from.code()));
            to.uint(u64::from(into.code()));
        });
    }

    pub(crate) fn session_created(&mut self, session: &str) {
        self.event(13, 1, |to| to.text(session));
    }

    pub(crate) fn session_halted(&mut self, session: &str, from: Phase, reason: &str) {
        self.event(14, 3, |to| {
            to.text(session);
            to.uint(u64::from(from.code()));
            to.text(reason);
        });
    }

    pub(crate) fn session_cancelled(&mut self, session: &str, from: Phase, reason: &str) {
        self.event(15, 3, |to| {
            to.text(session);
            to.uint(u64::from(from.code()));
            to.text(reason);
        });
    }

    pub(crate) fn session_resuming(&mut self, session: &str, resume_at: Time) {
        self.event(16, 2, |to| {
            to.text(session);
            to.time(resume_at);
        });
    }

    pub(crate) fn band_set(&mut self, place: &Fragment) {
        self.event(17, 2, |to| to.fragment(place));
    }

    pub(crate) fn orders_mass_cancelled(&mut self, session: &str, cancelled: u64, kept: u64) {
        self.event(18, 3, |to| {
            to.text(session);
            to.uint(cancelled);
            to.uint(kept);
        });
    }

    pub(crate) fn orders_expired(&mut self, session: &str, expired: u64) {
        self.event(19, 2, |to| {
            to.text(session);
            to.uint(expired);
        });
    }

    pub(crate) fn admission_set(&mut self, participant: &str, admitted: bool) {
        self.event(20, 2, |to| {
            to.text(participant);
            to.boolean(admitted);
        });
    }

    pub(crate) fn client_set(&mut self, client: &str) {
        self.event(21, 1, |to| to.text(client));
    }

    pub(crate) fn authority_set(&mut self, trader: &str, active: bool) {
        self.event(22, 2, |to| {
            to.text(trader);
            to.boolean(active);
        });
    }

    pub(crate) fn instrument_added(&mut self, instrument: &str) {
        self.event(23, 1, |to| to.text(instrument));
    }

    /// `holder` is participant, client and currency, encoded.
    pub(crate) fn deposit_credited(&mut self, holder: &Fragment, amount: Minor) {
        self.event(24, 4, |to| {
            to.fragment(holder);
            to.uint(amount);
        });
    }

    pub(crate) fn withdrawal_held(&mut self, withdrawal: &str) {
        self.event(25, 1, |to| to.text(withdrawal));
    }

    pub(crate) fn withdrawal_paid(&mut self, withdrawal: &str) {
        self.event(26, 1, |to| to.text(withdrawal));
    }

    pub(crate) fn withdrawal_released(&mut self, withdrawal: &str) {
        self.event(27, 1, |to| to.text(withdrawal));
    }

    pub(crate) fn deal_released(&mut self, deal: Ordinal) {
        self.event(28, 1, |to| to.uint(deal));
    }
}

#[inline(always)]
fn write_refusals(to: &mut Cursor<'_>, reasons: &[Refusal]) {
    to.array(reasons.len());
    for refusal in reasons {
        refusal.write(to);
    }
}
