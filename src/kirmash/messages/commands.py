"""Every command, one frozen class each: what may be asked of the exchange (market-rules PS-0).

Canonical form: [tag, fields in declared order]; tags are never reused, fields only added at the end with a default.
Prices, quantities and sums stand as the decimal text in which they were given, because only a decider that knows the
instrument can refuse one that is off its grid; follow-ups, which the exchange gives itself, carry integers.
A trailing underscore is no part of a field's name in JSON.
"""

from typing import Final

from msgspec import Struct

from kirmash.messages import fields
from kirmash.messages.fields import Message
from kirmash.messages.kinds import (
    Count,
    Currency,
    Decider,
    DecimalText,
    Instant,
    Mechanism,
    MoneyMinor,
    MoneyText,
    NamesAt,
    OpenOrders,
    Ordinal,
    ParticipantKind,
    Phase,
    Ppm,
    PriceTicks,
    QuantityLots,
    SelfTrade,
    Side,
    Text,
    TimeInForce,
)

# Office, from the operator ---------------------------------------------------------------------------------------


class RegisterParticipant(fields.ParticipantCard, frozen=True, tag=1):
    """Enter a company into the register; it may not trade yet (ACC-01)."""


class AccreditParticipant(fields.ParticipantOnly, frozen=True, tag=2):
    """Admit a registered participant to the exchange."""


class SuspendParticipant(fields.Suspension, frozen=True, tag=3):
    """Bar a participant from entering orders; its open orders stay or are cancelled."""


class ReinstateParticipant(fields.Reinstatement, frozen=True, tag=4):
    """End a suspension."""


class RegisterClient(fields.ClientCard, frozen=True, tag=5):
    """Enter a client of a broker (BRK-03). Clients have ids of their own over the whole exchange."""


class GrantPermission(fields.PermissionTerms, frozen=True, tag=6):
    """Permit a participant to trade one side in a section for a purpose (ACC-06)."""


class RevokePermission(fields.PermissionTerms, frozen=True, tag=7):
    """Take a permission back."""


class AppointTrader(fields.TraderAppointment, frozen=True, tag=8):
    """Let a person act for a participant; he acts for one at a time (TRD-02)."""


class WithdrawTrader(fields.TraderWithdrawal, frozen=True, tag=9):
    """End a trader's authority; the open orders that he placed stay or are cancelled (TRD-04)."""


class ListCard(fields.CommodityCard, frozen=True, tag=10):
    """List a version of a commodity card (COM-04)."""


class ListInstrument(fields.InstrumentTerms, frozen=True, tag=11):
    """List what can be traded as one line: a card on stated terms."""


class CreditDeposit(fields.DepositCreditTerms, frozen=True, tag=12):
    """Enter money that came in (DEP-01)."""


class RequestWithdrawal(fields.WithdrawalTerms, frozen=True, tag=13):
    """Ask for free deposit back (DEP-04); the market holds it until the payment is confirmed or cancelled."""


class ConfirmWithdrawal(fields.WithdrawalOnly, frozen=True, tag=14):
    """The money has left."""


class CancelWithdrawal(fields.WithdrawalOnly, frozen=True, tag=15):
    """The money stays."""


class PerformContract(fields.DealDecision, frozen=True, tag=16):
    """A contract was performed: its deposit is released."""


class TerminateContract(fields.DealDecision, frozen=True, tag=17):
    """A contract was ended without performance."""


class AnnulDeal(fields.DealDecision, frozen=True, tag=18):
    """A deal is void (CTR-08)."""


class RecordProfile(fields.ProfileTerms, frozen=True, tag=19):
    """Note the hash of a person's encrypted profile, and the trader that he is; said again, a new version of it."""


# Office, from reactors -------------------------------------------------------------------------------------------


class SettleRequest(Message, frozen=True, kw_only=True, tag=30):
    """Tell the office whether the market holds the money of a withdrawal."""

    withdrawal: Text
    held: bool


class DealTerms(fields.Part, frozen=True, kw_only=True):
    """A deal as its contract needs it: price in ticks, quantity in lots."""

    deal: Ordinal
    session: Text
    instrument: Text
    buyer: Text
    buyer_client: Text | None = None
    seller: Text
    seller_client: Text | None = None
    price: PriceTicks
    quantity: QuantityLots


class OpenContracts(Message, frozen=True, kw_only=True, tag=31):
    """Open a contract for each deal of a market command, in the order of the deals."""

    deals: tuple[DealTerms, ...]


# Market, from doors ----------------------------------------------------------------------------------------------


class SessionInstrument(fields.Part, frozen=True, kw_only=True):
    """An instrument of a session with its reference price and band (PS-10)."""

    instrument: Text
    reference: DecimalText | None = None
    lower: DecimalText | None = None
    upper: DecimalText | None = None
    down_ppm: Ppm | None = None
    up_ppm: Ppm | None = None


class PlannedPhase(fields.Part, frozen=True, kw_only=True):
    phase: Phase
    at: Instant


class DepositRate(fields.Part, frozen=True, kw_only=True):
    """What an order has to secure: rate in parts per million of its value, at least the floor (PS-5.2)."""

    side: Side
    resident: bool
    currency: Currency
    rate_ppm: Ppm
    floor: MoneyText


class CreateSession(Message, frozen=True, kw_only=True, tag=40):
    """Plan a session: its instruments, phases and terms."""

    session: Text
    section: Text
    purpose: Text
    mechanism: Mechanism
    instruments: tuple[SessionInstrument, ...]
    phases: tuple[PlannedPhase, ...]
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST
    late_entry: bool = False
    names_at: NamesAt = NamesAt.CLOSE
    deposit: tuple[DepositRate, ...] = ()


class ChangePhase(Message, frozen=True, kw_only=True, tag=41):
    """Move a session from its present phase to another (PS-1.1, PS-11.1)."""

    session: Text
    from_: Phase
    to: Phase


class HaltSession(Message, frozen=True, kw_only=True, tag=42):
    """Stop a session for a stated reason; it keeps the phase left (PS-11.3)."""

    session: Text
    reason: Text


class CancelSession(Message, frozen=True, kw_only=True, tag=43):
    """End a session for good; its open orders are cancelled, its deals stand (PS-1.6)."""

    session: Text
    reason: Text


class ResumeSession(Message, frozen=True, kw_only=True, tag=44):
    """Announce when a halted session returns to the phase left."""

    session: Text
    resume_at: Instant


class SetBand(Message, frozen=True, kw_only=True, tag=45):
    """Set all four bounds of an instrument anew; an absent one means none. Orders outside are parked (PS-10.4)."""

    session: Text
    instrument: Text
    lower: DecimalText | None = None
    upper: DecimalText | None = None
    down_ppm: Ppm | None = None
    up_ppm: Ppm | None = None


class PlaceOrder(Message, frozen=True, kw_only=True, tag=46):
    """Offer to buy or sell at a limit."""

    session: Text
    instrument: Text
    side: Side
    price: DecimalText
    quantity: DecimalText
    client: Text | None = None
    minimum: DecimalText | None = None
    indivisible: bool = False
    time_in_force: TimeInForce = TimeInForce.SESSION
    until: Instant | None = None


class AmendOrder(Message, frozen=True, kw_only=True, tag=47):
    """Change an order's price, total quantity, minimum or end; what is absent stays (PS-6)."""

    order: Ordinal
    price: DecimalText | None = None
    quantity: DecimalText | None = None
    minimum: DecimalText | None = None
    until: Instant | None = None


class CancelOrder(Message, frozen=True, kw_only=True, tag=48):
    """Take an order's open rest back (PS-6.5)."""

    order: Ordinal


class MassCancel(Message, frozen=True, kw_only=True, tag=49):
    """Cancel all orders that match, as far as the phase lets the actor (PS-6.6)."""

    session: Text
    instrument: Text | None = None
    side: Side | None = None
    trader: Text | None = None
    client: Text | None = None


class ExpireOrders(Message, frozen=True, kw_only=True, tag=50):
    """Expire the `until` orders that are due (PS-11.4)."""

    session: Text
    until: Instant


# Market, from reactors -------------------------------------------------------------------------------------------


class Permission(fields.Part, frozen=True, kw_only=True):
    section: Text
    side: Side
    purpose: Text


class SetAdmission(Message, frozen=True, kw_only=True, tag=60):
    """All that the market knows of a participant: kinds and permissions ascending, each once."""

    participant: Text
    resident: bool
    kinds: tuple[ParticipantKind, ...]
    group: Text | None = None
    admitted: bool
    permissions: tuple[Permission, ...]
    open_orders: OpenOrders = OpenOrders.KEEP


class SetClient(Message, frozen=True, kw_only=True, tag=61):
    """A client and the participant it belongs to."""

    client: Text
    participant: Text
    resident: bool
    group: Text | None = None


class SetAuthority(Message, frozen=True, kw_only=True, tag=62):
    """For whom a trader acts, and whether he still does. Carries the participant's kinds because a participant that was
    never accredited is otherwise unknown to the market, whose rejects still have to be complete (PS-3.2)."""

    trader: Text
    participant: Text
    active: bool
    open_orders: OpenOrders = OpenOrders.KEEP
    resident: bool
    kinds: tuple[ParticipantKind, ...]
    group: Text | None = None


class AddInstrument(Message, frozen=True, kw_only=True, tag=63):
    """An instrument's terms as the market needs them."""

    instrument: Text
    section: Text
    purpose: Text
    currency: Currency
    tick: DecimalText
    lot: DecimalText
    tick_lot_value: Count
    conditional_allowed: bool = True
    order_lots_max: Count | None = None
    entries_max: Count | None = None


class Credit(Message, frozen=True, kw_only=True, tag=64):
    """Money into FREE, in minor units; makes the account if there is none."""

    participant: Text
    client: Text | None = None
    currency: Currency
    amount: MoneyMinor


class WithdrawalMove(Message, frozen=True, kw_only=True):
    withdrawal: Text
    participant: Text
    client: Text | None = None
    currency: Currency
    amount: MoneyMinor


class HoldWithdrawal(WithdrawalMove, frozen=True, tag=65):
    """FREE → WITHDRAWING."""


class PayWithdrawal(WithdrawalMove, frozen=True, tag=66):
    """WITHDRAWING → out of the exchange."""


class ReleaseWithdrawal(WithdrawalMove, frozen=True, tag=67):
    """WITHDRAWING → FREE."""


class ReleaseDeal(Message, frozen=True, kw_only=True, tag=68):
    """A deal was performed, terminated or annulled: it secures nothing more (PS-5.6)."""

    deal: Ordinal


OfficeCommand = (
    RegisterParticipant
    | AccreditParticipant
    | SuspendParticipant
    | ReinstateParticipant
    | RegisterClient
    | GrantPermission
    | RevokePermission
    | AppointTrader
    | WithdrawTrader
    | ListCard
    | ListInstrument
    | CreditDeposit
    | RequestWithdrawal
    | ConfirmWithdrawal
    | CancelWithdrawal
    | PerformContract
    | TerminateContract
    | AnnulDeal
    | RecordProfile
    | SettleRequest
    | OpenContracts
)
MarketCommand = (
    CreateSession
    | ChangePhase
    | HaltSession
    | CancelSession
    | ResumeSession
    | SetBand
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | MassCancel
    | ExpireOrders
    | SetAdmission
    | SetClient
    | SetAuthority
    | AddInstrument
    | Credit
    | HoldWithdrawal
    | PayWithdrawal
    | ReleaseWithdrawal
    | ReleaseDeal
)
Command = OfficeCommand | MarketCommand

OFFICE_COMMANDS: Final[tuple[type[Struct], ...]] = OfficeCommand.__args__
MARKET_COMMANDS: Final[tuple[type[Struct], ...]] = MarketCommand.__args__
FOLLOW_UPS: Final[frozenset[type[Struct]]] = frozenset(
    {
        SettleRequest,
        OpenContracts,
        SetAdmission,
        SetClient,
        SetAuthority,
        AddInstrument,
        Credit,
        HoldWithdrawal,
        PayWithdrawal,
        ReleaseWithdrawal,
        ReleaseDeal,
    }
)
"""Given by reactors only; refused from every door (DESIGN: one door each)."""

_DECIDERS: Final = {
    **dict.fromkeys(OFFICE_COMMANDS, Decider.OFFICE),
    **dict.fromkeys(MARKET_COMMANDS, Decider.MARKET),
}


def decider_of(command: type[Struct]) -> Decider:
    """Which machine decides this class of command; each belongs to exactly one."""
    return _DECIDERS[command]
