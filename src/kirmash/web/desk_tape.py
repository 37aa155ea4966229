"""What happens in each session, line by line and with every name: for who watches a session from the desk.

Made from the last records that the gateway has at hand, when somebody looks: with nobody at the desk it costs nothing.
Only so many lines are kept; `floor` says up to which journal number some of a session's may be gone. Belongs to the
event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from msgspec import Struct

from kirmash.gateway.api.asking import read
from kirmash.gateway.feed import RECENT_RECORDS, Feed, JsonObject, Recent
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.kinds import ActorKind, Decider
from kirmash.queries import Queries

KEPT_LINES: Final = 500
KEPT_ORDERS: Final = 50_000
SILENT: Final = (e.OrderRested, e.AccountChanged)
"""Events that say nothing new beside another of the same command."""


class Placed(Struct, frozen=True):
    """An order as far as its lines have to name it."""

    session: str
    instrument: str
    participant: str
    client: str | None
    trader: str


class TapeLine(Struct, frozen=True, kw_only=True):
    """One event: `line` as the presenter makes it; `command` is what was asked where it was rejected."""

    number: int
    index: int
    at: str
    event: str
    line: JsonObject
    order: int | None
    placed: Placed | None
    actor_kind: str
    actor: str
    command: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which lines: all of these that are given."""

    instrument: str | None = None
    participant: str | None = None
    client: str | None = None
    trader: str | None = None


class _Kept(NamedTuple):
    """A line with the order it speaks of, since `_orders` forgets earlier than lines go."""

    recent: Recent
    place: int
    placed: Placed | None


class Tape:
    """Of all sessions."""

    def __init__(self, feed: Feed, queries: Queries) -> None:
        self._feed: Final = feed
        self._queries: Final = queries
        self._lines: Final[dict[str, deque[_Kept]]] = {}
        self._floors: Final[dict[str, int]] = {}
        self._orders: Final[dict[int, Placed]] = {}
        self._taken = 0
        self._began = 0
        self._taking: Final = asyncio.Lock()
        feed.listen(lambda _: None, self._restarted)

    async def lines(self, session: str, wanted: Wanted, most: int, after: int | None) -> list[TapeLine]:
        """The newest lines of a session, newest first: so many, or all above a journal number if they are more. Raises
        Problem where the views would be needed and cannot be read."""
        async with self._taking:
            # One at a time: two readers must not take the same records in twice, nor in another order.
            await self._catch_up()
        found: list[TapeLine] = []
        for kept in reversed(self._lines.get(session, ())):
            if len(found) >= most and (after is None or kept.recent.number <= after):
                break
            line = self._shown(kept)
            if _fits(line, wanted):
                found.append(line)
        return found

    def is_whole(self, session: str, after: int) -> bool:
        """Whether all lines above this number are at hand."""
        return after >= max(self._began, self._floors.get(session, 0))

    async def _catch_up(self) -> None:
        """Take in what was folded since; orders from before our time are looked up in the views. Raises Problem where
        they cannot be read."""
        feed, taken, reached = self._feed, self._taken, self._feed.number
        if taken == reached:
            return
        first = max(taken + 1, reached - RECENT_RECORDS + 1, 1)
        records = [it for number in range(first, reached + 1) if (it := feed.recent(number)) is not None]
        if len(self._orders) > KEPT_ORDERS:
            self._orders.clear()
        told = [it for it in records if it.record.decider is Decider.MARKET]
        for recent in told:
            for event in recent.events:
                if isinstance(event, e.OrderAccepted):
                    self._orders[event.order] = Placed(
                        event.session, event.instrument, event.participant, event.client, recent.record.actor
                    )
        strange = {order for it in told for order in _orders_of(it) if order not in self._orders}
        if strange:
            # What is taken in only counts as taken below: where the views cannot be read, the next reader tries again.
            found = await read(lambda: self._look_up(strange))
            if self._taken != taken:
                # The feed began anew meanwhile, and these records with it.
                return
            self._orders.update(found)
        if not records or records[0].number != taken + 1:
            self._began = max(self._began, (records[0].number if records else reached + 1) - 1)
        self._taken = reached
        for recent in told:
            self._take(recent)

    def _look_up(self, orders: set[int]) -> dict[int, Placed]:
        found = (self._queries.order(number, scope=None) for number in sorted(orders))
        return {
            it.order: Placed(it.session, it.instrument, it.participant, it.client, it.trader)
            for it in found
            if it is not None
        }

    def _take(self, recent: Recent) -> None:
        for index, event in enumerate(recent.events):
            if isinstance(event, SILENT):
                continue
            session = getattr(event, "session", None)
            if isinstance(event, e.CommandRejected):
                session = _asked(recent, "session")
            order = _order_of(recent, event)
            placed = None if order is None else self._orders.get(order)
            if session is None and placed is not None:
                session = placed.session
            if session is None:
                continue
            kept = self._lines.setdefault(session, deque())
            kept.append(_Kept(recent, index, placed))
            if len(kept) > KEPT_LINES:
                self._floors[session] = kept.popleft().recent.number

    def _shown(self, kept: _Kept) -> TapeLine:
        recent, record = kept.recent, kept.recent.record
        event, line = recent.events[kept.place], recent.lines[kept.place]
        placed = kept.placed
        if placed is None and isinstance(event, e.CommandRejected) and record.actor_kind is ActorKind.TRADER:
            placed = Placed(
                str(_asked(recent, "session") or ""),
                str(_asked(recent, "instrument") or ""),
                self._feed.private.owners.traders.get(record.actor, ""),
                _asked(recent, "client"),
                record.actor,
            )
        return TapeLine(
            number=record.number,
            index=kept.place,
            at=line["at"],
            event=line["event"],
            line=line,
            order=_order_of(recent, event),
            placed=placed,
            actor_kind=record.actor_kind.name.lower(),
            actor=record.actor,
            command=codec.name_of(type(codec.decode_command(record.command))),
        )

    def _restarted(self) -> None:
        self._lines.clear()
        self._floors.clear()
        self._orders.clear()
        self._taken = self._began = self._feed.number


def _asked(recent: Recent, name: str) -> Any:
    """A field of the record's command."""
    return getattr(codec.decode_command(recent.record.command), name, None)


def _order_of(recent: Recent, event: e.Event) -> int | None:
    """The order that an event speaks of; of a rejected command the one it named."""
    found = _asked(recent, "order") if isinstance(event, e.CommandRejected) else getattr(event, "order", None)
    return found if isinstance(found, int) else None


def _orders_of(recent: Recent) -> list[int]:
    return [it for event in recent.events if (it := _order_of(recent, event)) is not None]


def _fits(it: TapeLine, wanted: Wanted) -> bool:
    """Whether a line is of the orders, deals and instruments that are wanted. A deal is of both its sides; what is of
    the session as a whole fits unless somebody's own is wanted."""
    line, placed = it.line, it.placed
    sides: Callable[[str, str], tuple[Any, Any]] = lambda buy, sell: (line.get(buy), line.get(sell))  # noqa: E731
    checks = (
        (wanted.instrument, (line.get("instrument"), placed.instrument if placed else None)),
        (wanted.participant, (*sides("buyer", "seller"), placed.participant if placed else None)),
        (wanted.client, (*sides("buyer_client", "seller_client"), placed.client if placed else None)),
        (wanted.trader, (placed.trader if placed else None,)),
    )
    return all(value is None or value in among for value, among in checks)
