"""All that the market knows, as plain records: participants, sessions, orders, deals, accounts (PS-8.4, EN-4).

What EN-4 writes down is primary; everything else in these classes (books, reserved and blocked of an order, counts of
open orders) follows from it and is kept only so that it need not be counted anew. Prices are in ticks, quantities in
lots, money in minor units, times in seconds and nanoseconds. No rule is decided here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kirmash.market.reference.book import Book
from kirmash.messages.commands import DepositRate
from kirmash.messages.kinds import (
    Mechanism,
    NamesAt,
    OrderState,
    ParticipantKind,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from kirmash.messages.units import Time, nano_of

Group = tuple[int, str]
"""A self-trade group (PS-2.8): 1 an affiliation group, 2 the client itself, 3 the participant itself; and its id."""

AccountKey = tuple[str, str, str]
"""Participant, client ("" is none, and so sorts first), currency: the order of accounts (PS-0.6)."""

EntryKey = tuple[str, str, Phase]
"""Participant, instrument, phase: what entries are counted by (PS-3.2)."""


def account_key(participant: str, client: str | None, currency: str) -> AccountKey:
    """How an account is found; ids are never empty, so that "" can stand for no client."""
    return (participant, client or "", currency)


@dataclass(slots=True, eq=False)
class Participant:
    """A participant as the market needs it; permissions are (section, side, purpose)."""

    id: str
    resident: bool
    kinds: tuple[ParticipantKind, ...]
    group: str | None
    admitted: bool
    permissions: frozenset[tuple[str, Side, str]]


@dataclass(slots=True, eq=False)
class Client:
    """Whom a broker represents."""

    id: str
    participant: str
    resident: bool
    group: str | None


@dataclass(slots=True, eq=False)
class Trader:
    """Who acts for a participant, and whether he still does."""

    id: str
    participant: str
    active: bool


@dataclass(slots=True, eq=False)
class Instrument:
    """What can be traded as one line. `tick_nano` and `lot_nano` are its tick and lot in units of 10^-9."""

    id: str
    section: str
    purpose: str
    currency: str
    tick: str
    lot: str
    tick_lot_value: int
    conditional_allowed: bool
    order_lots_max: int | None
    entries_max: int | None
    tick_nano: int = field(init=False)
    lot_nano: int = field(init=False)

    def __post_init__(self) -> None:
        self.tick_nano = nano_of(self.tick)
        self.lot_nano = nano_of(self.lot)


@dataclass(slots=True, eq=False)
class Line:
    """An instrument in a session: its reference, band, last price, book and open orders.

    `open` holds the open orders, parked ones too, by ascending order id; `groups` the same by side and self-trade
    group; `conditional` says how many of them have a minimum or are indivisible.
    """

    instrument: Instrument
    reference: int | None
    lower: int | None
    upper: int | None
    down_ppm: int | None
    up_ppm: int | None
    last_price: int | None = None
    channel: int = 0
    book: Book = field(default_factory=Book)
    open: "dict[int, Order]" = field(default_factory=dict)
    groups: "dict[tuple[Side, Group], dict[int, Order]]" = field(default_factory=dict)
    conditional: int = 0


@dataclass(slots=True, eq=False)
class Halt:
    """Why a session is not in the phase that it was in: the phase left, when, and when it is announced to return."""

    left: Phase
    since: Time
    resume_at: Time | None = None


@dataclass(slots=True, eq=False)
class Session:
    """One bounded run of trading. `floors` are those of `deposit` in minor units; `open_counts` counts open orders."""

    id: str
    section: str
    purpose: str
    mechanism: Mechanism
    self_trade: SelfTrade
    late_entry: bool
    names_at: NamesAt
    phase: Phase
    halt: Halt | None
    plan: list[tuple[Phase, Time]]
    deposit: tuple[DepositRate, ...]
    floors: tuple[int, ...]
    lines: dict[str, Line]
    entries: dict[EntryKey, int] = field(default_factory=dict)
    channel: int = 0
    open_counts: dict[AccountKey, int] = field(default_factory=dict)

    def open_orders(self) -> "list[Order]":
        """Every open order of the session, parked ones too, by ascending order id."""
        found = [order for line in self.lines.values() for order in line.open.values()]
        found.sort(key=lambda order: order.id)
        return found

    def planned(self, phase: Phase) -> Time:
        """When a phase of the plan is due, as moved by halts."""
        return next(at for planned, at in self.plan if planned is phase)


@dataclass(slots=True, eq=False)
class Account:
    """A deposit account; all four sums are at least 0 (PS-5.1)."""

    participant: str
    client: str | None
    currency: str
    free: int = 0
    reserved: int = 0
    blocked: int = 0
    withdrawing: int = 0

    @property
    def key(self) -> AccountKey:
        """Its place among accounts."""
        return account_key(self.participant, self.client, self.currency)

    def balances(self) -> tuple[int, int, int, int]:
        """FREE, RESERVED, BLOCKED, WITHDRAWING."""
        return (self.free, self.reserved, self.blocked, self.withdrawing)


@dataclass(slots=True, eq=False)
class Order:
    """An order, from acceptance on for ever.

    `trader` placed it; `priority` is the number of the command that last placed or re-placed it; `deal_value` is Vf of
    PS-5.3. `account` is None where the order never needs a deposit. `open` is the quantity not filled, cancelled or
    expired: above 0 while the order is open or parked, else 0. It is not `in_book` while it walks, is parked or final.
    """

    id: int
    session: Session
    line: Line
    side: Side
    participant: str
    client: str | None
    trader: str
    group: Group
    price: int
    total: int
    filled: int
    minimum: int | None
    indivisible: bool
    time_in_force: TimeInForce
    until: Time | None
    priority: int
    state: OrderState
    rate_ppm: int
    floor: int
    deal_value: int
    account: Account | None
    account_key: AccountKey
    open: int
    reserved: int = 0
    blocked: int = 0
    in_book: bool = False

    @property
    def is_conditional(self) -> bool:
        """Whether it has a minimum or is indivisible (PS-3.2); FOK alone is not conditional."""
        return self.minimum is not None or self.indivisible


@dataclass(slots=True, eq=False)
class Deal:
    """A deal not yet performed, terminated or annulled, with its value in Vf of each order (PS-5.3)."""

    id: int
    buy: Order
    sell: Order
    buy_value: int
    sell_value: int


@dataclass(slots=True, eq=False)
class Total:
    """What ever came into and left the exchange in a currency."""

    credits: int = 0
    paid_out: int = 0


@dataclass(slots=True, eq=False)
class State:
    """The whole market. Orders and deals are in ascending order because they are made so."""

    last_order: int = 0
    last_deal: int = 0
    participants: dict[str, Participant] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    traders: dict[str, Trader] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    deals: dict[int, Deal] = field(default_factory=dict)
    accounts: dict[AccountKey, Account] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)
    open_count: int = 0

    def open_orders(self) -> Iterator[Order]:
        """Every open order of the exchange, parked ones too; in no order that a rule knows."""
        return (
            order
            for session in self.sessions.values()
            for line in session.lines.values()
            for order in line.open.values()
        )
