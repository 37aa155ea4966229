"""Frames in, events out, and the whole state as canonical bytes, both ways (EN-1, EN-2, EN-4).

The rows below are EN-4 field by field; a row is an array of its fields. What follows from other values (books, reserved
and blocked of an order, counts) is not written, and made again on loading. Loaded bytes are written once more and
compared, so that whatever is not canonical, surplus or out of order is refused.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from kirmash.market.reference import book, invariants
from kirmash.market.reference.deposit import secured
from kirmash.market.reference.orders import enroll
from kirmash.market.reference.state import (
    Account,
    AccountKey,
    Client,
    Deal,
    EntryKey,
    Halt,
    Instrument,
    Line,
    Order,
    Participant,
    Session,
    State,
    Total,
    Trader,
    account_key,
)
from kirmash.messages.commands import DepositRate, MarketCommand
from kirmash.messages.kinds import (
    ActorKind,
    Mechanism,
    NamesAt,
    OrderState,
    ParticipantKind,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from kirmash.messages.units import Time, currency_digits, scaled_text

STATE_VERSION: Final = 1


class MarketFrame(Struct, frozen=True, array_like=True):
    """What the door is given (EN-2), its command decoded."""

    number: int
    time: Time
    actor_kind: ActorKind
    actor: str
    command: MarketCommand


class StateRefused(ValueError):
    """These bytes are no state of the market: cut, surplus, not canonical, or at odds with an invariant."""


class ParticipantRow(NamedTuple):
    participant: str
    resident: bool
    kinds: list[ParticipantKind]
    group: str | None
    admitted: bool
    permissions: list[tuple[str, Side, str]]


class ClientRow(NamedTuple):
    client: str
    participant: str
    resident: bool
    group: str | None


class TraderRow(NamedTuple):
    trader: str
    participant: str
    active: bool


class InstrumentRow(NamedTuple):
    instrument: str
    section: str
    purpose: str
    currency: str
    tick: str
    lot: str
    tick_lot_value: int
    conditional_allowed: bool
    order_lots_max: int | None
    entries_max: int | None


class DepositRow(NamedTuple):
    side: Side
    resident: bool
    currency: str
    rate_ppm: int
    floor: int


class LineRow(NamedTuple):
    instrument: str
    reference: int | None
    lower: int | None
    upper: int | None
    down_ppm: int | None
    up_ppm: int | None
    last_price: int | None
    channel: int


class SessionRow(NamedTuple):
    session: str
    section: str
    purpose: str
    mechanism: Mechanism
    self_trade: SelfTrade
    late_entry: bool
    names_at: NamesAt
    phase: Phase
    halt: tuple[Phase, Time, Time | None] | None
    plan: list[tuple[Phase, Time]]
    deposit: list[DepositRow]
    instruments: list[LineRow]
    entries: list[tuple[str, str, Phase, int]]
    channel: int


class OrderRow(NamedTuple):
    order: int
    session: str
    instrument: str
    side: Side
    participant: str
    client: str | None
    trader: str
    group_kind: int
    group_id: str
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


class AccountRow(NamedTuple):
    participant: str
    client: str | None
    currency: str
    free: int
    reserved: int
    blocked: int
    withdrawing: int


class StateRow(NamedTuple):
    version: Literal[1]
    last_order: int
    last_deal: int
    participants: list[ParticipantRow]
    clients: list[ClientRow]
    traders: list[TraderRow]
    instruments: list[InstrumentRow]
    sessions: list[SessionRow]
    orders: list[OrderRow]
    deals: list[tuple[int, int, int, int, int]]
    accounts: list[AccountRow]
    totals: list[tuple[str, int, int]]


encode: Final = msgspec.msgpack.Encoder().encode
"""Canonical bytes of a list of events, or of a state."""

decode_frame: Final = msgspec.msgpack.Decoder(MarketFrame).decode
decode_state: Final = msgspec.msgpack.Decoder(StateRow).decode
"""The rows of a state, of either market, as they stand; `load` is what makes a market of them and tests them."""

Key = TypeVar("Key", str, int, AccountKey, EntryKey)
Value = TypeVar("Value")


def _ascending(entries: Mapping[Key, Value]) -> list[Value]:
    """The values by ascending key. Texts compare by code points, which is the order of their UTF-8 bytes (PS-0.6)."""
    return [entries[key] for key in sorted(entries)]


def dump(state: State) -> bytes:
    """The state as EN-4 has it."""
    return encode(
        StateRow(
            version=STATE_VERSION,
            last_order=state.last_order,
            last_deal=state.last_deal,
            participants=[_participant_row(participant) for participant in _ascending(state.participants)],
            clients=[ClientRow(it.id, it.participant, it.resident, it.group) for it in _ascending(state.clients)],
            traders=[TraderRow(it.id, it.participant, it.active) for it in _ascending(state.traders)],
            instruments=[_instrument_row(instrument) for instrument in _ascending(state.instruments)],
            sessions=[_session_row(session) for session in _ascending(state.sessions)],
            orders=[_order_row(order) for order in state.orders.values()],
            deals=[(it.id, it.buy.id, it.sell.id, it.buy_value, it.sell_value) for it in state.deals.values()],
            accounts=[
                AccountRow(account.participant, account.client, account.currency, *account.balances())
                for account in _ascending(state.accounts)
            ],
            totals=[(currency, total.credits, total.paid_out) for currency, total in sorted(state.totals.items())],
        )
    )


def _participant_row(it: Participant) -> ParticipantRow:
    return ParticipantRow(it.id, it.resident, list(it.kinds), it.group, it.admitted, sorted(it.permissions))


def _instrument_row(it: Instrument) -> InstrumentRow:
    return InstrumentRow(
        instrument=it.id,
        section=it.section,
        purpose=it.purpose,
        currency=it.currency,
        tick=it.tick,
        lot=it.lot,
        tick_lot_value=it.tick_lot_value,
        conditional_allowed=it.conditional_allowed,
        order_lots_max=it.order_lots_max,
        entries_max=it.entries_max,
    )


def _session_row(it: Session) -> SessionRow:
    rates = zip(it.deposit, it.floors, strict=True)
    return SessionRow(
        session=it.id,
        section=it.section,
        purpose=it.purpose,
        mechanism=it.mechanism,
        self_trade=it.self_trade,
        late_entry=it.late_entry,
        names_at=it.names_at,
        phase=it.phase,
        halt=None if it.halt is None else (it.halt.left, it.halt.since, it.halt.resume_at),
        plan=it.plan,
        deposit=[DepositRow(rate.side, rate.resident, rate.currency, rate.rate_ppm, floor) for rate, floor in rates],
        instruments=[_line_row(line) for line in _ascending(it.lines)],
        entries=[(*key, count) for key, count in sorted(it.entries.items())],
        channel=it.channel,
    )


def _line_row(it: Line) -> LineRow:
    return LineRow(
        instrument=it.instrument.id,
        reference=it.reference,
        lower=it.lower,
        upper=it.upper,
        down_ppm=it.down_ppm,
        up_ppm=it.up_ppm,
        last_price=it.last_price,
        channel=it.channel,
    )


def _order_row(it: Order) -> OrderRow:
    return OrderRow(
        it.id,
        it.session.id,
        it.line.instrument.id,
        it.side,
        it.participant,
        it.client,
        it.trader,
        it.group[0],
        it.group[1],
        it.price,
        it.total,
        it.filled,
        it.minimum,
        it.indivisible,
        it.time_in_force,
        it.until,
        it.priority,
        it.state,
        it.rate_ppm,
        it.floor,
        it.deal_value,
    )


def load(data: bytes) -> State:
    """The state that these bytes say. Raises StateRefused for any bytes that `dump` does not give."""
    try:
        row = decode_state(data)
    except msgspec.DecodeError as wrong:
        raise StateRefused(str(wrong)) from wrong
    try:
        state = _state_of(row)
        invariants.check(state)
    except KeyError as missing:
        raise StateRefused(f"there is no {missing}") from missing
    except AssertionError as broken:
        raise StateRefused("an invariant does not hold") from broken
    if dump(state) != data:
        raise StateRefused("not in canonical form")
    return state


def _state_of(row: StateRow) -> State:
    state = State(last_order=row.last_order, last_deal=row.last_deal)
    for it in row.participants:
        state.participants[it.participant] = Participant(
            it.participant, it.resident, tuple(it.kinds), it.group, it.admitted, frozenset(it.permissions)
        )
    state.clients = {it.client: Client(*it) for it in row.clients}
    state.traders = {it.trader: Trader(*it) for it in row.traders}
    state.instruments = {it.instrument: Instrument(*it) for it in row.instruments}
    state.sessions = {it.session: _session_of(state, it) for it in row.sessions}
    for account in (Account(*it) for it in row.accounts):
        state.accounts[account.key] = account
    state.totals = {currency: Total(credits_, paid_out) for currency, credits_, paid_out in row.totals}
    state.orders = {it.order: _order_of(state, it) for it in row.orders}
    for deal, buy, sell, buy_value, sell_value in row.deals:
        state.deals[deal] = Deal(deal, state.orders[buy], state.orders[sell], buy_value, sell_value)
    _stand_orders(state)
    return state


def _session_of(state: State, row: SessionRow) -> Session:
    return Session(
        id=row.session,
        section=row.section,
        purpose=row.purpose,
        mechanism=row.mechanism,
        self_trade=row.self_trade,
        late_entry=row.late_entry,
        names_at=row.names_at,
        phase=row.phase,
        halt=None if row.halt is None else Halt(*row.halt),
        plan=row.plan,
        deposit=tuple(
            DepositRate(
                side=rate.side,
                resident=rate.resident,
                currency=rate.currency,
                rate_ppm=rate.rate_ppm,
                floor=scaled_text(rate.floor, currency_digits(rate.currency)),
            )
            for rate in row.deposit
        ),
        floors=tuple(rate.floor for rate in row.deposit),
        lines={
            it.instrument: Line(
                instrument=state.instruments[it.instrument],
                reference=it.reference,
                lower=it.lower,
                upper=it.upper,
                down_ppm=it.down_ppm,
                up_ppm=it.up_ppm,
                last_price=it.last_price,
                channel=it.channel,
            )
            for it in row.instruments
        },
        entries={(participant, instrument, phase): count for participant, instrument, phase, count in row.entries},
        channel=row.channel,
    )


def _order_of(state: State, row: OrderRow) -> Order:
    session = state.sessions[row.session]
    line = session.lines[row.instrument]
    key = account_key(row.participant, row.client, line.instrument.currency)
    order = Order(
        id=row.order,
        session=session,
        line=line,
        side=row.side,
        participant=row.participant,
        client=row.client,
        trader=row.trader,
        group=(row.group_kind, row.group_id),
        price=row.price,
        total=row.total,
        filled=row.filled,
        minimum=row.minimum,
        indivisible=row.indivisible,
        time_in_force=row.time_in_force,
        until=row.until,
        priority=row.priority,
        state=row.state,
        rate_ppm=row.rate_ppm,
        floor=row.floor,
        deal_value=row.deal_value,
        account=state.accounts[key] if row.rate_ppm or row.floor else None,
        account_key=key,
        open=row.total - row.filled if row.state in (OrderState.OPEN, OrderState.PARKED) else 0,
    )
    if order.account is not None:
        order.reserved, order.blocked = secured(order)
    return order


def _stand_orders(state: State) -> None:
    """Open orders into counts by ascending order id, and into their books by ascending priority."""
    open_orders = [order for order in state.orders.values() if order.open]
    for order in open_orders:
        enroll(state, order)
    for order in sorted(open_orders, key=lambda order: order.priority):
        if order.state is OrderState.OPEN:
            book.add(order)
