//! The closed enumerations of commands and events; in bytes an enumeration is its integer (EN-1). Numbers are never
//! reused and equal those of `src/kirmash/messages/kinds.py`. What may be done in which case is not said here.

macro_rules! closed {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub(crate) enum $name { $($variant = $number),+ }

        #[allow(dead_code, reason = "not every enumeration goes both ways")]
        impl $name {
            /// The member with this number, if there is one.
            pub(crate) fn of(number: u64) -> Option<$name> {
                match number { $($number => Some($name::$variant),)+ _ => None }
            }

            pub(crate) fn code(self) -> u8 {
                self as u8
            }
        }
    };
}

closed! {
    /// Which way an order trades.
    Side { Buy = 1, Sell = 2 }
}

impl Side {
    pub(crate) fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Its place in a pair.
    pub(crate) fn index(self) -> usize {
        match self {
            Side::Buy => 0,
            Side::Sell => 1,
        }
    }

    /// Its bit in a set of sides.
    pub(crate) fn bit(self) -> u8 {
        self.code()
    }
}

closed! {
    /// For whom a participant may act: itself, or clients.
    ParticipantKind { Visitor = 1, Broker = 2 }
}

closed! {
    /// What becomes of open orders when their participant is suspended or their trader withdrawn (PS-6.6).
    OpenOrders { Keep = 1, Cancel = 2 }
}

closed! {
    /// How a session forms prices.
    Mechanism { Cdca = 1, Call = 2 }
}

closed! {
    /// What happens when both sides of a match are of one group (PS-2.8).
    SelfTrade { CancelNewest = 1, Allow = 2 }
}

closed! {
    /// When the counterparty of a deal is named to its parties.
    NamesAt { Close = 1, Deal = 2 }
}

closed! {
    /// How long an order lives.
    TimeInForce { Session = 1, Ioc = 2, Fok = 3, Until = 4 }
}

closed! {
    /// The present stage of a session; the first nine in the order of every plan (PS-1.1).
    Phase {
        Scheduled = 1, Intake = 2, Admission = 3, Opening = 4, Trading = 5, SellerCorrection = 6, DealMaking = 7,
        Closing = 8, Closed = 9, Halted = 10, Cancelled = 11,
    }
}

closed! {
    /// Which side of a deal came in; none in an uncrossing.
    Aggressor { Buy = 1, Sell = 2, None = 3 }
}

closed! {
    /// Why an order's open rest was taken away.
    CancelReason {
        Requested = 1, Mass = 2, Killed = 3, SelfTrade = 4, Expired = 5, Closing = 6, SessionCancelled = 7,
        Admission = 8, AdmissionWithdrawn = 9,
    }
}

closed! {
    /// Where an order stands. A final state is `Filled` or 10 + the reason of its cancellation.
    OrderState {
        Open = 1, Parked = 2, Filled = 3, Requested = 11, Mass = 12, Killed = 13, SelfTrade = 14, Expired = 15,
        Closing = 16, SessionCancelled = 17, Admission = 18, AdmissionWithdrawn = 19,
    }
}

impl OrderState {
    /// Open or parked: its rest may still be filled, cancelled or expire.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, OrderState::Open | OrderState::Parked)
    }

    pub(crate) fn cancelled(reason: CancelReason) -> OrderState {
        match reason {
            CancelReason::Requested => OrderState::Requested,
            CancelReason::Mass => OrderState::Mass,
            CancelReason::Killed => OrderState::Killed,
            CancelReason::SelfTrade => OrderState::SelfTrade,
            CancelReason::Expired => OrderState::Expired,
            CancelReason::Closing => OrderState::Closing,
            CancelReason::SessionCancelled => OrderState::SessionCancelled,
            CancelReason::Admission => OrderState::Admission,
            CancelReason::AdmissionWithdrawn => OrderState::AdmissionWithdrawn,
        }
    }
}

closed! {
    /// Who gave a command. Reactors and timetable are the exchange itself.
    ActorKind { Operator = 1, Trader = 2, Reactor = 3, Timetable = 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_order_has_ten_more_than_its_reason_as_state() {
        for number in 1..=9 {
            let reason = CancelReason::of(number).expect("reasons are 1 to 9");
            assert_eq!(OrderState::cancelled(reason).code(), 10 + reason.code());
        }
        assert!(CancelReason::of(10).is_none() && CancelReason::of(0).is_none());
    }
}
