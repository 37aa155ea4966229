"""Every event, one frozen class each: what has happened (market-rules PS-0, PS-12).

Canonical form: [tag, fields in declared order]; tags are never reused, fields only added at the end with a default.
Prices are in ticks, quantities in lots, money in minor units. The fields that the rules name come first, in their
order; what the exchange needs besides stands after them.
"""

from typing import Final

from msgspec import Struct

from kirmash.messages import fields
from kirmash.messages.fields import Message
from kirmash.messages.kinds import (
    Aggressor,
    CancelReason,
    Count,
    Currency,
    Instant,
    MoneyMinor,
    Ordinal,
    Phase,
    PriceTicks,
    QuantityLots,
    Side,
    Text,
    TimeInForce,
)
from kirmash.messages.rejects import Reason


class Refusal(fields.Part, frozen=True, kw_only=True):
    """One reason with the field concerned and its limits as plain numbers (docs/reference/encoding.md says which)."""

    reason: Reason
    field: str | None = None
    low: int | None = None
    high: int | None = None


class CommandRejected(Message, frozen=True, kw_only=True, tag=1):
    reasons: tuple[Refusal, ...]


# Market ----------------------------------------------------------------------------------------------------------


class OrderAccepted(Message, frozen=True, kw_only=True, tag=2):
    order: Ordinal
    session: Text
    instrument: Text
    side: Side
    price: PriceTicks
    quantity: QuantityLots
    client: Text | None = None
    minimum: QuantityLots | None = None
    indivisible: bool = False
    time_in_force: TimeInForce = TimeInForce.SESSION
    until: Instant | None = None
    reserved: MoneyMinor
    participant: Text


class OrderAmended(Message, frozen=True, kw_only=True, tag=3):
    order: Ordinal
    price: PriceTicks
    quantity: QuantityLots
    open: QuantityLots
    minimum: QuantityLots | None = None
    until: Instant | None = None
    priority_kept: bool
    reserved: MoneyMinor


class OrderRested(Message, frozen=True, kw_only=True, tag=4):
    order: Ordinal
    open: QuantityLots


class OrderCancelled(Message, frozen=True, kw_only=True, tag=5):
    """`reasons` only where the reason is admission; otherwise the key is absent (PS-13.10)."""

    order: Ordinal
    quantity: QuantityLots
    reason: CancelReason
    reasons: tuple[Refusal, ...] | None = None


class OrderParked(Message, frozen=True, kw_only=True, tag=6):
    order: Ordinal
    open: QuantityLots


class DealMade(Message, frozen=True, kw_only=True, tag=7):
    deal: Ordinal
    session: Text
    instrument: Text
    buy_order: Ordinal
    sell_order: Ordinal
    price: PriceTicks
    quantity: QuantityLots
    aggressor: Aggressor
    buy_open: QuantityLots
    sell_open: QuantityLots
    buyer: Text
    buyer_client: Text | None = None
    seller: Text
    seller_client: Text | None = None


class Uncrossed(Message, frozen=True, kw_only=True, tag=8):
    session: Text
    instrument: Text
    price: PriceTicks
    volume: QuantityLots
    surplus: QuantityLots


class UncrossedWithoutPrice(Message, frozen=True, kw_only=True, tag=9):
    session: Text
    instrument: Text


class ParadoxicallyRejected(Message, frozen=True, kw_only=True, tag=10):
    order: Ordinal


class AccountChanged(Message, frozen=True, kw_only=True, tag=11):
    participant: Text
    client: Text | None = None
    currency: Currency
    free: MoneyMinor
    reserved: MoneyMinor
    blocked: MoneyMinor
    withdrawing: MoneyMinor


class PhaseChanged(Message, frozen=True, kw_only=True, tag=12):
    session: Text
    from_: Phase
    to: Phase


class SessionCreated(Message, frozen=True, kw_only=True, tag=13):
    session: Text


class SessionHalted(Message, frozen=True, kw_only=True, tag=14):
    session: Text
    from_: Phase
    reason: Text


class SessionCancelled(Message, frozen=True, kw_only=True, tag=15):
    session: Text
    from_: Phase
    reason: Text


class SessionResuming(Message, frozen=True, kw_only=True, tag=16):
    session: Text
    resume_at: Instant


class BandSet(Message, frozen=True, kw_only=True, tag=17):
    session: Text
    instrument: Text


class OrdersMassCancelled(Message, frozen=True, kw_only=True, tag=18):
    session: Text
    cancelled: Count
    kept: Count


class OrdersExpired(Message, frozen=True, kw_only=True, tag=19):
    session: Text
    expired: Count


class AdmissionSet(Message, frozen=True, kw_only=True, tag=20):
    participant: Text
    admitted: bool


class ClientSet(Message, frozen=True, kw_only=True, tag=21):
    client: Text


class AuthoritySet(Message, frozen=True, kw_only=True, tag=22):
    trader: Text
    active: bool


class InstrumentAdded(Message, frozen=True, kw_only=True, tag=23):
    instrument: Text


class DepositCredited(Message, frozen=True, kw_only=True, tag=24):
    participant: Text
    client: Text | None = None
    currency: Currency
    amount: MoneyMinor


class WithdrawalHeld(fields.WithdrawalOnly, frozen=True, tag=25):
    pass


class WithdrawalPaid(fields.WithdrawalOnly, frozen=True, tag=26):
    pass


class WithdrawalReleased(fields.WithdrawalOnly, frozen=True, tag=27):
    pass


class DealReleased(Message, frozen=True, kw_only=True, tag=28):
    deal: Ordinal


# Office ----------------------------------------------------------------------------------------------------------


class ParticipantRegistered(fields.ParticipantCard, frozen=True, tag=41):
    pass


class ParticipantAccredited(fields.ParticipantOnly, frozen=True, tag=42):
    pass


class ParticipantSuspended(fields.Suspension, frozen=True, tag=43):
    pass


class ParticipantReinstated(fields.Reinstatement, frozen=True, tag=44):
    pass


class ClientRegistered(fields.ClientCard, frozen=True, tag=45):
    pass


class PermissionGranted(fields.PermissionTerms, frozen=True, tag=46):
    pass


class PermissionRevoked(fields.PermissionTerms, frozen=True, tag=47):
    pass


class TraderAppointed(fields.TraderAppointment, frozen=True, tag=48):
    pass


class TraderWithdrawn(fields.TraderWithdrawal, frozen=True, tag=49):
    pass


class CardListed(fields.CommodityCard, frozen=True, tag=50):
    pass


class InstrumentListed(fields.InstrumentTerms, frozen=True, tag=51):
    pass


class DepositCreditEntered(fields.DepositCreditTerms, frozen=True, tag=52):
    pass


class WithdrawalRequested(fields.WithdrawalTerms, frozen=True, tag=53):
    pass


class WithdrawalConfirmed(fields.WithdrawalOnly, frozen=True, tag=54):
    pass


class WithdrawalCancelled(fields.WithdrawalOnly, frozen=True, tag=55):
    pass


class ContractPerformed(fields.DealDecision, frozen=True, tag=56):
    pass


class ContractTerminated(fields.DealDecision, frozen=True, tag=57):
    pass


class DealAnnulled(fields.DealDecision, frozen=True, tag=58):
    pass


class ProfileRecorded(fields.ProfileTerms, frozen=True, tag=59):
    pass


class ContractOpened(Message, frozen=True, kw_only=True, tag=70):
    deal: Ordinal


class WithdrawalReady(fields.WithdrawalOnly, frozen=True, tag=71):
    pass


class WithdrawalRefused(fields.WithdrawalOnly, frozen=True, tag=72):
    pass


MarketEvent = (
    CommandRejected
    | OrderAccepted
    | OrderAmended
    | OrderRested
    | OrderCancelled
    | OrderParked
    | DealMade
    | Uncrossed
    | UncrossedWithoutPrice
    | ParadoxicallyRejected
    | AccountChanged
    | PhaseChanged
    | SessionCreated
    | SessionHalted
    | SessionCancelled
    | SessionResuming
    | BandSet
    | OrdersMassCancelled
    | OrdersExpired
    | AdmissionSet
    | ClientSet
    | AuthoritySet
    | InstrumentAdded
    | DepositCredited
    | WithdrawalHeld
    | WithdrawalPaid
    | WithdrawalReleased
    | DealReleased
)
OfficeEvent = (
    CommandRejected
    | ParticipantRegistered
    | ParticipantAccredited
    | ParticipantSuspended
    | ParticipantReinstated
    | ClientRegistered
    | PermissionGranted
    | PermissionRevoked
    | TraderAppointed
    | TraderWithdrawn
    | CardListed
    | InstrumentListed
    | DepositCreditEntered
    | WithdrawalRequested
    | WithdrawalConfirmed
    | WithdrawalCancelled
    | ContractPerformed
    | ContractTerminated
    | DealAnnulled
    | ProfileRecorded
    | ContractOpened
    | WithdrawalReady
    | WithdrawalRefused
)
Event = MarketEvent | OfficeEvent

EVENTS: Final[tuple[type[Struct], ...]] = Event.__args__
