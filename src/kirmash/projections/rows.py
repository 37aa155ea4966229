"""One class a table: the rows of views.db, field by field in the order of the columns.

Prices are in ticks, quantities in lots, money in minor units; `instruments` holds the tick, lot and currency that make
decimal text of them. Sums of money stand as the digits of a whole number, because a sum may pass 64 bits. Enumerations
are their integers (messages.kinds), times are RFC 3339 text, `number` is the journal number of the record that wrote
the row last. `effective` is the number of the follow-up by which the other decider heard of that record, absent until
then (PS-7.3). An absent client is the empty text where it is part of a key: no id is empty (PS-0.6).

A row is mutable while its batch is folded; nothing outside this package holds one.
"""

from typing import Annotated

from msgspec import Struct

Flag = Annotated[int, "flag"]
"""0 or 1."""
Natural = Annotated[int, "natural"]
"""Zero or more."""
Positive = Annotated[int, "positive"]
Digits = Annotated[str, "digits"]
"""A whole number as decimal digits."""
Json = Annotated[str, "json"]


class Row(Struct, gc=False):
    """What every row is: plain values in the order of the columns."""


class Checkpoint(Row):
    """One row: whose journal, and up to which record with which chain hash the views have taken it in."""

    one: int
    format: str
    exchange: str
    number: Natural
    chain: bytes


class Participant(Row):
    participant: str
    name: str
    country: str
    resident: Flag
    visitor: Flag
    broker: Flag
    group: str | None
    accredited: Flag
    suspended: Flag
    suspended_for: str | None
    admitted: Flag
    """What the market acts on; follows accreditation and suspension by a follow-up."""
    registered: Positive
    registered_at: str
    number: Positive
    at: str
    effective: int | None


class Client(Row):
    client: str
    participant: str
    name: str
    country: str
    resident: Flag
    group: str | None
    number: Positive
    at: str
    effective: int | None


class Trader(Row):
    trader: str
    participant: str
    active: Flag
    number: Positive
    at: str
    effective: int | None


class Permission(Row):
    participant: str
    section: str
    side: int
    purpose: str
    number: Positive
    at: str


class Card(Row):
    card: str
    version: str
    section: str
    name_en: str
    name_ru: str
    hs_code: str
    unit: str
    attributes: Json
    number: Positive
    at: str


class Instrument(Row):
    instrument: str
    card: str
    version: str
    section: str
    incoterm: str
    place: str
    currency: str
    payment_term: str
    clauses: Json
    purpose: str
    lot: str
    tick: str
    conditional_allowed: Flag
    order_lots_max: int | None
    entries_max: int | None
    tick_lot_value: Positive
    """One tick for one lot in minor units."""
    number: Positive
    at: str
    effective: int | None


class Profile(Row):
    person: str
    profile: str
    trader: str | None
    number: Positive
    at: str


class Session(Row):
    session: str
    section: str
    purpose: str
    mechanism: int
    self_trade: int
    late_entry: Flag
    names_at: int
    phase: int
    left_phase: int | None
    """While halted: the phase to which it will return."""
    halted_seconds: int | None
    halted_nanos: int | None
    """Time of the first halt since trading stopped (PS-11.3)."""
    resume_at: str | None
    reason: str | None
    """Why it was halted or cancelled last."""
    channel: Natural
    created: Positive
    created_at: str
    number: Positive
    at: str


class SessionPhase(Row):
    session: str
    position: Natural
    phase: int
    planned_seconds: int
    planned_nanos: int
    """As moved by halts (PS-11.3)."""
    first_planned: str
    entered_at: str | None
    entered: int | None


class SessionDeposit(Row):
    session: str
    position: Natural
    side: int
    resident: Flag
    currency: str
    rate_ppm: Natural
    floor: Natural


class SessionEvent(Row):
    session: str
    number: Positive
    index: Natural
    channel: Positive
    at: str
    kind: int
    left_phase: int | None
    to_phase: int | None
    resume_at: str | None
    reason: str | None
    actor_kind: int
    actor: str


class SessionInstrument(Row):
    """An instrument of a session: its band and what came of it."""

    session: str
    instrument: str
    created_at: str
    """When the session was made."""
    position: Natural
    reference: int | None
    lower: int | None
    upper: int | None
    down_ppm: int | None
    up_ppm: int | None
    channel: Natural
    buy_orders: Natural
    sell_orders: Natural
    buy_participants: Natural
    sell_participants: Natural
    buy_bidders: Natural
    """Participants for themselves and clients, each counted once."""
    sell_bidders: Natural
    deals: Natural
    volume: Natural
    notional: Digits
    first: int | None
    low: int | None
    high: int | None
    last: int | None
    uncross_price: int | None
    uncross_volume: int | None
    uncross_surplus: int | None
    annulled: Natural
    """How many of the deals were annulled later; they stay in the other columns."""


class SessionTotal(Row):
    session: str
    currency: str
    orders: Natural
    deals: Natural
    notional: Digits
    buyers: Natural
    """Participants that entered a buy order."""
    sellers: Natural
    participants: Natural


class Bidder(Row):
    """Who entered an order in an instrument of a session. account: 0 the participant, 1 for itself, 2 for a client."""

    session: str
    instrument: str
    side: int
    participant: str
    account: int
    client: str


class SessionBidder(Row):
    """Who entered an order in a session. side 0: on any side."""

    session: str
    currency: str
    side: int
    participant: str


class Order(Row):
    order: Positive
    session: str
    instrument: str
    side: int
    participant: str
    client: str | None
    trader: str
    """Who placed it."""
    price: Positive
    quantity: Positive
    filled: Natural
    open: Natural
    minimum: int | None
    indivisible: Flag
    time_in_force: int
    until: str | None
    state: int
    accepted: Positive
    accepted_at: str
    number: Positive
    at: str


class OrderEvent(Row):
    """A line of an order's history. For a deal: its price and quantity, and what stays open of the order."""

    order: Positive
    number: Positive
    index: Natural
    at: str
    kind: int
    participant: str
    actor_kind: int | None
    actor: str | None
    """Absent for a deal: it may have been brought about by the other side."""
    price: int | None
    quantity: int | None
    open: int | None
    minimum: int | None
    until: str | None
    priority_kept: int | None
    reserved: int | None
    reason: int | None
    reasons: str | None
    deal: int | None


class Deal(Row):
    deal: Positive
    session: str
    instrument: str
    channel: Positive
    price: Positive
    quantity: Positive
    notional: Positive
    aggressor: int
    number: Positive
    index: Natural
    at: str
    buy_order: Positive
    buyer: str
    buyer_client: str | None
    buy_trader: str
    sell_order: Positive
    seller: str
    seller_client: str | None
    sell_trader: str


class Contract(Row):
    deal: Positive
    state: int
    session: str
    instrument: str
    price: Positive
    quantity: Positive
    buyer: str
    buyer_client: str | None
    seller: str
    seller_client: str | None
    reason: str | None
    opened: Positive
    opened_at: str
    number: Positive
    at: str
    effective: int | None
    """The number by which the market released the deposit of a contract that ended."""


class Account(Row):
    participant: str
    client: str
    currency: str
    free: Natural
    reserved: Natural
    blocked: Natural
    withdrawing: Natural
    number: Positive
    at: str


class StatementLine(Row):
    """What one command did to one account. `order`, `deal`: the one concerned, absent where there are several."""

    participant: str
    client: str
    currency: str
    number: Positive
    at: str
    why: str
    """Names of the events that moved the account, in order, each once."""
    order: int | None
    orders: Natural
    deal: int | None
    deals: Natural
    withdrawal: str | None
    free: Natural
    reserved: Natural
    blocked: Natural
    withdrawing: Natural
    free_change: int
    reserved_change: int
    blocked_change: int
    withdrawing_change: int


class Credit(Row):
    """Money that the office entered. `refused`: the market would not take it (PS-9)."""

    number: Positive
    at: str
    participant: str
    client: str | None
    currency: str
    amount: Natural
    refused: Flag
    effective: int | None


class Withdrawal(Row):
    withdrawal: str
    participant: str
    client: str | None
    currency: str
    amount: Natural
    state: int
    requested: Positive
    requested_at: str
    number: Positive
    at: str
    effective: int | None
    """The number by which the market held, paid out or gave back the money."""


class Bar(Row):
    session: str
    instrument: str
    minute: str
    first: Positive
    high: Positive
    low: Positive
    last: Positive
    volume: Positive
    notional: Digits
    deals: Positive
