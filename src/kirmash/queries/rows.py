"""The rows that queries give: decimal text, names and times ready to be shown; absent is None.

`number` is the journal number that changed the row last, `effective` that by which the other decider heard of it, None
until then (PS-7.3). What is public carries neither (DESIGN: public channels).
"""

from msgspec import Struct


class Shown(Struct, frozen=True, kw_only=True):
    """A row as it is given out."""


class Participant(Shown, frozen=True):
    participant: str
    name: str
    country: str
    resident: bool
    kinds: list[str]
    group: str | None
    accredited: bool
    suspended: bool
    suspended_for: str | None
    admitted: bool
    registered_at: str
    number: int
    at: str
    effective: int | None


class Client(Shown, frozen=True):
    client: str
    participant: str
    name: str
    country: str
    resident: bool
    group: str | None
    number: int
    at: str
    effective: int | None


class Trader(Shown, frozen=True):
    trader: str
    participant: str
    active: bool
    number: int
    at: str
    effective: int | None


class Permission(Shown, frozen=True):
    participant: str
    section: str
    side: str
    purpose: str
    number: int
    at: str


class Card(Shown, frozen=True):
    card: str
    version: str
    section: str
    name_en: str
    name_ru: str
    hs_code: str
    unit: str
    attributes: dict[str, str]
    at: str


class Instrument(Shown, frozen=True):
    """`listed`: the market knows it too, so that sessions can be made with it."""

    instrument: str
    card: str
    version: str
    section: str
    incoterm: str
    place: str
    currency: str
    payment_term: str
    clauses: list[str]
    purpose: str
    lot: str
    tick: str
    conditional_allowed: bool
    order_lots_max: int | None
    entries_max: int | None
    at: str
    listed: bool


class Profile(Shown, frozen=True):
    person: str
    profile: str
    trader: str | None
    number: int
    at: str


class Session(Shown, frozen=True):
    session: str
    section: str
    purpose: str
    mechanism: str
    self_trade: str
    late_entry: bool
    names_at: str
    phase: str
    left_phase: str | None
    halted_at: str | None
    resume_at: str | None
    reason: str | None
    channel: int
    created_at: str
    at: str


class SessionKind(Shown, frozen=True):
    """What people call a session by. `begins`: when its first phase after SCHEDULED is due, as moved by halts."""

    session: str
    section: str
    purpose: str
    begins: str | None


class SessionPhase(Shown, frozen=True):
    """`planned` as moved by halts, `first_planned` as first given, `entered_at` as it was."""

    phase: str
    planned: str
    first_planned: str
    entered_at: str | None


class SessionDeposit(Shown, frozen=True):
    side: str
    resident: bool
    currency: str
    rate_ppm: int
    floor: str


class SessionEvent(Shown, frozen=True):
    """`number` and `by` are None for the public."""

    channel: int
    at: str
    event: str
    left_phase: str | None
    to_phase: str | None
    resume_at: str | None
    reason: str | None
    number: int | None
    by: str | None


class SessionInstrument(Shown, frozen=True):
    """An instrument's terms in a session."""

    session: str
    instrument: str
    tick: str
    lot: str
    currency: str
    reference: str | None
    lower: str | None
    upper: str | None
    down_ppm: int | None
    up_ppm: int | None
    last: str | None
    channel: int


class Result(Shown, frozen=True):
    """What came of an instrument in a session. `bidders`: participants for themselves and clients, each once.

    `weighted` is the sum of price times quantity over the sum of quantity, rounded half up to the decimals of the tick.
    Deals that were annulled later are in all columns; `annulled` says how many they are. How many people there were is
    told to operators and auditors only while the session runs, and null to everybody else (MKD-01).
    """

    session: str
    instrument: str
    currency: str
    buy_orders: int
    sell_orders: int
    buy_participants: int | None
    sell_participants: int | None
    buy_bidders: int | None
    sell_bidders: int | None
    deals: int
    annulled: int
    volume: str
    notional: str
    first: str | None
    low: str | None
    high: str | None
    last: str | None
    weighted: str | None
    uncross_price: str | None
    uncross_volume: str | None
    uncross_surplus: str | None


class SessionTotal(Shown, frozen=True):
    """A session in one currency; participants that entered orders, each once, and null while the session runs as in
    `Result`."""

    session: str
    currency: str
    orders: int
    deals: int
    notional: str
    buyers: int | None
    sellers: int | None
    participants: int | None


class Order(Shown, frozen=True):
    order: int
    session: str
    instrument: str
    side: str
    participant: str
    client: str | None
    trader: str
    price: str
    quantity: str
    filled: str
    open: str
    minimum: str | None
    indivisible: bool
    time_in_force: str
    until: str | None
    state: str
    accepted: int
    accepted_at: str
    number: int
    at: str


class OrderEvent(Shown, frozen=True):
    """A line of an order's history. For deal_made: price and quantity of the deal and what stays open."""

    order: int
    number: int
    index: int
    at: str
    event: str
    by: str | None
    price: str | None
    quantity: str | None
    open: str | None
    minimum: str | None
    until: str | None
    priority_kept: bool | None
    reserved: str | None
    reason: str | None
    reasons: list[str] | None
    deal: int | None


class Deal(Shown, frozen=True):
    """A deal. In a participant's scope the other side is None, but for its name once it may be known."""

    deal: int
    session: str
    instrument: str
    price: str
    quantity: str
    notional: str
    currency: str
    aggressor: str
    number: int
    at: str
    buy_order: int | None
    buyer: str | None
    buyer_client: str | None
    buy_trader: str | None
    sell_order: int | None
    seller: str | None
    seller_client: str | None
    sell_trader: str | None


class RegisterLine(Shown, frozen=True):
    """A line of a session's register, with the names as they stand in the register of participants."""

    deal: int
    at: str
    instrument: str
    price: str
    quantity: str
    notional: str
    currency: str
    buyer: str | None
    buyer_name: str | None
    buyer_client: str | None
    seller: str | None
    seller_name: str | None
    seller_client: str | None
    contract: str | None


class Contract(Shown, frozen=True):
    """As Deal for what a scope shows."""

    deal: int
    state: str
    session: str
    instrument: str
    price: str
    quantity: str
    currency: str
    buyer: str | None
    buyer_client: str | None
    seller: str | None
    seller_client: str | None
    reason: str | None
    opened_at: str
    number: int
    at: str
    effective: int | None


class Account(Shown, frozen=True):
    participant: str
    client: str | None
    currency: str
    free: str
    reserved: str
    blocked: str
    withdrawing: str
    number: int
    at: str


class StatementLine(Shown, frozen=True):
    """What one command did to one account: why, by how much, and what stands since."""

    participant: str
    client: str | None
    currency: str
    number: int
    at: str
    why: list[str]
    order: int | None
    orders: int
    deal: int | None
    deals: int
    withdrawal: str | None
    free_change: str
    reserved_change: str
    blocked_change: str
    withdrawing_change: str
    free: str
    reserved: str
    blocked: str
    withdrawing: str


class Credit(Shown, frozen=True):
    number: int
    at: str
    participant: str
    client: str | None
    currency: str
    amount: str
    refused: bool
    effective: int | None


class Withdrawal(Shown, frozen=True):
    withdrawal: str
    participant: str
    client: str | None
    currency: str
    amount: str
    state: str
    requested_at: str
    number: int
    at: str
    effective: int | None


class TapeLine(Shown, frozen=True):
    """A deal as the public sees it, by the instrument's channel number (EN-5)."""

    session: str
    instrument: str
    channel: int
    at: str
    price: str
    quantity: str
    aggressor: str


class Bar(Shown, frozen=True):
    session: str
    instrument: str
    minute: str
    first: str
    high: str
    low: str
    last: str
    volume: str
    notional: str
    deals: int
