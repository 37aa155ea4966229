//! Why a command is refused: the closed list of reasons (PS-0) and what each carries (EN-3). Which of them applies is
//! decided where the rule stands, not here.

use crate::codec::Cursor;
use crate::kinds::Phase;

/// The reasons that the market gives. The hundreds digit is the stage (PS-3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u16)]
pub(crate) enum Reason {
    UnknownActor = 101,
    ActorMayNot = 102,
    UnknownSession = 103,
    UnknownInstrument = 104,
    UnknownOrder = 105,
    UnknownClient = 106,
    AlreadyExists = 112,
    NotAdmitted = 201,
    ClientNotAdmitted = 202,
    AuthorityMissing = 203,
    PhaseForbids = 204,
    PhaseMovedOn = 205,
    PhaseChangeIllegal = 206,
    EntriesExceeded = 207,
    OrderNotOpen = 208,
    NotOwner = 209,
    PriceOutOfRange = 301,
    QuantityOutOfRange = 302,
    ValueTooLarge = 303,
    PriceOffGrid = 304,
    QuantityOffGrid = 305,
    BandExceeded = 306,
    OrderTooLarge = 307,
    MinimumAboveQuantity = 308,
    ConditionalNotAllowed = 309,
    ConditionalOrdersFull = 310,
    TimeInForceNotNow = 311,
    UntilNotInSession = 312,
    OwnOppositeOrder = 313,
    TotalNotAboveFilled = 314,
    NoChange = 315,
    NotWholeMinorUnits = 316,
    TermsDisagree = 317,
    LimitExceeded = 318,
    DepositShort = 401,
}

/// One reason with the field concerned and its limits as plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) field: Option<&'static str>,
    pub(crate) low: Option<u64>,
    pub(crate) high: Option<u64>,
}

impl Refusal {
    #[inline(always)]
    pub(crate) fn write(&self, to: &mut Cursor<'_>) {
        to.array(4);
        to.uint(u64::from(self.reason as u16));
        to.optional_text(self.field);
        to.optional_uint(self.low);
        to.optional_uint(self.high);
    }
}

/// The reasons found so far. All of one stage are found before the next is looked at (PS-3.2).
#[derive(Default)]
pub(crate) struct Refusals {
    found: Vec<Refusal>,
}

/// A command was refused; the reasons stand in the market's `Refusals`.
#[derive(Debug)]
pub(crate) struct Refused;

impl Refusals {
    pub(crate) fn clear(&mut self) {
        self.found.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn list(&self) -> &[Refusal] {
        &self.found
    }

    /// A reason with its limits.
    #[cold]
    pub(crate) fn limit(
        &mut self,
        reason: Reason,
        field: impl Into<Option<&'static str>>,
        low: impl Into<Option<u64>>,
        high: impl Into<Option<u64>>,
    ) {
        let refusal = Refusal { reason, field: field.into(), low: low.into(), high: high.into() };
        let place = self.found.partition_point(|other| other.reason <= reason);
        let is_first = place == 0 || self.found[place - 1].reason != reason;
        assert!(is_first, "each reason stands at most once");
        self.found.insert(place, refusal);
    }

    /// A reason about a field.
    #[cold]
    pub(crate) fn field(&mut self, reason: Reason, field: &'static str) {
        self.limit(reason, field, None, None);
    }

    /// A reason about the command as a whole.
    #[cold]
    pub(crate) fn whole(&mut self, reason: Reason) {
        self.limit(reason, None, None, None);
    }

    /// The phase does not allow it; the reason says which phase (EN-3).
    #[cold]
    pub(crate) fn phase_forbids(&mut self, phase: Phase) {
        self.limit(Reason::PhaseForbids, None, u64::from(phase.code()), None);
    }

    /// The end of a stage: on to the next one only if nothing was found.
    #[inline]
    pub(crate) fn stage(&self) -> Result<(), Refused> {
        if self.found.is_empty() { Ok(()) } else { Err(Refused) }
    }
}
