//! The life cycle of a session as tables: which plans there are, who may do what in which phase, and which changes are
//! legal (PS-1.1, PS-1.2). What happens on entering a phase stands in `session.rs`.

use crate::kinds::{Mechanism, Phase, Side};
use crate::units::Time;

/// The phases of a mechanism in their order; a plan is a subsequence (PS-1.1).
fn phases_of(mechanism: Mechanism) -> &'static [Phase] {
    use Phase::{Admission, Closed, Closing, DealMaking, Intake, Opening, Scheduled, SellerCorrection, Trading};
    match mechanism {
        Mechanism::Cdca => &[Scheduled, Intake, Admission, Opening, Trading, Closing, Closed],
        Mechanism::Call => {
            &[Scheduled, Intake, Admission, Opening, Trading, SellerCorrection, DealMaking, Closing, Closed]
        }
    }
}

/// Whether this is a plan that a session can go through: phases of the mechanism in their order, each at most once, with
/// planned times that do not decrease, and the phases without which a session has no meaning.
pub(crate) fn is_plan(mechanism: Mechanism, plan: &[(Phase, Time)]) -> bool {
    let matching = match mechanism {
        Mechanism::Cdca => Phase::Trading,
        Mechanism::Call => Phase::DealMaking,
    };
    let holds = |phase: Phase| plan.iter().any(|planned| planned.0 == phase);
    plan.iter().all(|planned| phases_of(mechanism).contains(&planned.0))
        && plan.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        && [matching, Phase::Closing, Phase::Closed].into_iter().all(holds)
}

const NOBODY: u8 = 0;
const BUYER: u8 = 1;
const SELLER: u8 = 2;
const BOTH: u8 = BUYER | SELLER;

/// Who may do what: each field a set of sides (PS-1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rights {
    new: u8,
    better: u8,
    worse: u8,
    more: u8,
    less: u8,
    /// Minimum quantity and until.
    terms: u8,
    cancel: u8,
    /// The price of a parked order, up or down (PS-10.4).
    parked_price: u8,
}

const NONE: Rights =
    Rights { new: 0, better: 0, worse: 0, more: 0, less: 0, terms: 0, cancel: 0, parked_price: NOBODY };
const ALL: Rights = Rights {
    new: BOTH,
    better: BOTH,
    worse: BOTH,
    more: BOTH,
    less: BOTH,
    terms: BOTH,
    cancel: BOTH,
    parked_price: BOTH,
};
const CALL_TRADING: Rights = Rights { better: BOTH, more: BUYER, parked_price: BOTH, ..NONE };
const CALL_TRADING_LATE_ENTRY: Rights = Rights { new: BOTH, ..CALL_TRADING };
const CALL_SELLER_CORRECTION: Rights = Rights { better: SELLER, less: SELLER, parked_price: BOTH, ..NONE };

/// The rights in a phase. A halt leaves only the right to cancel, where the phase left gave it.
pub(crate) fn rights(mechanism: Mechanism, phase: Phase, phase_left: Option<Phase>, late_entry: bool) -> Rights {
    match (mechanism, phase) {
        (_, Phase::Intake) | (Mechanism::Cdca, Phase::Trading) => ALL,
        (Mechanism::Call, Phase::Trading) if late_entry => CALL_TRADING_LATE_ENTRY,
        (Mechanism::Call, Phase::Trading) => CALL_TRADING,
        (Mechanism::Call, Phase::SellerCorrection) => CALL_SELLER_CORRECTION,
        (_, Phase::Halted) => {
            let left = phase_left.expect("a halted session knows the phase that it left");
            assert!(left != Phase::Halted, "a halt leaves a phase of the plan");
            Rights { cancel: rights(mechanism, left, None, late_entry).cancel, ..NONE }
        }
        _ => NONE,
    }
}

/// What an amend asks to change (PS-6.1), as far as rights tell the cases apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    /// For this side: a buyer up, a seller down.
    pub(crate) price_better: bool,
    pub(crate) price_worse: bool,
    pub(crate) more: bool,
    pub(crate) less: bool,
    pub(crate) minimum: bool,
    pub(crate) until: bool,
}

impl Change {
    pub(crate) fn price(&self) -> bool {
        self.price_better || self.price_worse
    }

    pub(crate) fn anything(&self) -> bool {
        self.price() || self.more || self.less || self.minimum || self.until
    }
}

impl Rights {
    pub(crate) fn may_enter(&self, side: Side) -> bool {
        self.new & side.bit() != 0
    }

    pub(crate) fn may_cancel(&self, side: Side) -> bool {
        self.cancel & side.bit() != 0
    }

    /// Whether every right concerned is there; an amend that changes nothing needs any amend right of its side, a parked
    /// one that to its price (PS-1.2, PS-10.4, PS-13.18).
    pub(crate) fn may_amend(&self, side: Side, is_parked: bool, change: &Change) -> bool {
        let has = |sides: u8| sides & side.bit() != 0;
        if !change.anything() {
            let any = self.better | self.worse | self.more | self.less | self.terms;
            return has(if is_parked { self.parked_price } else { any });
        }
        let (better, worse) =
            if is_parked { (self.parked_price, self.parked_price) } else { (self.better, self.worse) };
        (!change.price_better || has(better))
            && (!change.price_worse || has(worse))
            && (!change.more || has(self.more))
            && (!change.less || has(self.less))
            && (!(change.minimum || change.until) || has(self.terms))
    }
}

/// Phases from which a session may be halted (PS-1.1).
pub(crate) fn may_halt(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Intake
            | Phase::Admission
            | Phase::Opening
            | Phase::Trading
            | Phase::SellerCorrection
            | Phase::DealMaking
    )
}

/// Phases that nothing leaves.
pub(crate) fn is_final(phase: Phase) -> bool {
    matches!(phase, Phase::Closed | Phase::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CHANGE: Change =
        Change { price_better: false, price_worse: false, more: false, less: false, minimum: false, until: false };

    fn at(phases: &[Phase]) -> Vec<(Phase, Time)> {
        phases.iter().map(|phase| (*phase, Time { seconds: u64::from(phase.code()), nanos: 0 })).collect()
    }

    #[test]
    fn a_plan_is_a_subsequence_with_its_matching_phase_and_its_end() {
        use Phase::{Closed, Closing, DealMaking, Intake, SellerCorrection, Trading};
        for (mechanism, phases, legal) in [
            (Mechanism::Cdca, &[Intake, Trading, Closing, Closed][..], true),
            (Mechanism::Cdca, &[Intake, Closing, Closed][..], false),
            (Mechanism::Cdca, &[Trading, Intake, Closing, Closed][..], false),
            (Mechanism::Cdca, &[Intake, Trading, SellerCorrection, Closing, Closed][..], false),
            (Mechanism::Call, &[Intake, DealMaking, Closing, Closed][..], true),
            (Mechanism::Call, &[Intake, DealMaking, Closing][..], false),
            (Mechanism::Call, &[Intake, Intake, DealMaking, Closing, Closed][..], false),
        ] {
            assert_eq!(is_plan(mechanism, &at(phases)), legal, "{mechanism:?} {phases:?}");
        }
    }

    #[test]
    fn the_call_table_of_rights_holds_cell_by_cell() {
        let better = Change { price_better: true, ..NO_CHANGE };
        let worse = Change { price_worse: true, ..NO_CHANGE };
        let more = Change { more: true, ..NO_CHANGE };
        let less = Change { less: true, ..NO_CHANGE };
        let until = Change { until: true, ..NO_CHANGE };
        let trading = rights(Mechanism::Call, Phase::Trading, None, false);
        let correction = rights(Mechanism::Call, Phase::SellerCorrection, None, false);
        for (rights, change, buyer, seller) in [
            (trading, better, true, true),
            (trading, worse, false, false),
            (trading, more, true, false),
            (trading, less, false, false),
            (trading, until, false, false),
            (trading, NO_CHANGE, true, true),
            (correction, better, false, true),
            (correction, worse, false, false),
            (correction, more, false, false),
            (correction, less, false, true),
            (correction, until, false, false),
            (correction, NO_CHANGE, false, true),
        ] {
            assert_eq!(rights.may_amend(Side::Buy, false, &change), buyer, "buyer {rights:?} {change:?}");
            assert_eq!(rights.may_amend(Side::Sell, false, &change), seller, "seller {rights:?} {change:?}");
        }
        assert!(!trading.may_enter(Side::Buy) && !trading.may_cancel(Side::Sell));
        assert!(rights(Mechanism::Call, Phase::Trading, None, true).may_enter(Side::Sell));
        assert!(correction.may_amend(Side::Buy, true, &worse), "a parked price moves either way");
        assert!(!correction.may_amend(Side::Buy, true, &less));
    }

    #[test]
    fn a_halt_leaves_the_right_to_cancel_where_it_was() {
        for (mechanism, left, may) in [
            (Mechanism::Cdca, Phase::Intake, true),
            (Mechanism::Cdca, Phase::Trading, true),
            (Mechanism::Cdca, Phase::Opening, false),
            (Mechanism::Call, Phase::Intake, true),
            (Mechanism::Call, Phase::Trading, false),
        ] {
            let halted = rights(mechanism, Phase::Halted, Some(left), true);
            assert_eq!(halted.may_cancel(Side::Buy), may, "{mechanism:?} {left:?}");
            assert!(!halted.may_enter(Side::Buy) && !halted.may_amend(Side::Sell, false, &NO_CHANGE));
        }
    }
}
