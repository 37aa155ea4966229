"""The room of a session as one trader sees it: public market, his participant's orders, deals, deposit and messages.

A picture is made whole from the board and the views, never from increments, so that who missed some loses nothing by
the next one. Page and stream use the same parts. Everything private is read in the scope of the caller's participant.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.app import CSRF_FIELD
from kirmash.gateway.services import Services
from kirmash.identity import Who
from kirmash.publication.updates import BookSnapshot
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.catalogue import Catalogue, Named
from kirmash.web.holdings import DEALS_SHOWN, ORDERS_SHOWN, Depth, Holdings, best_of, depth_of, holdings_of
from kirmash.web.live import LEVELS_SHOWN, Live, rungs_of
from kirmash.web.naming import CLIENTS, ids_of
from kirmash.web.own_news import OwnNews
from kirmash.web.rendering import Rendering
from kirmash.web.ticket import new_client_id
from kirmash.web.timeline import ENDED, Timeline, timeline_of
from kirmash.web.told import JsonObject, Known, Message, messages_of
from kirmash.web.words import Words

PARTS: Final = ("clock", "sessions", "watch", "depth", "tape", "orders", "deals", "deposit", "messages")
SHARED: Final = {"clock": "clock", "tape": "deals"}
"""Parts that are the same for everybody, by their name in the public live pictures."""
MESSAGES_SHOWN: Final = 30
VIEWS_SECONDS: Final = 2.0
_OTHERS: Final = ("buyer", "seller")
INSTRUMENTS_SHOWN: Final = 200


class Pair(Struct, frozen=True):
    """A line of the depth: a level of each side, and how far its bar reaches, in twentieths."""

    bid: Depth | None
    ask: Depth | None
    bid_reach: int
    ask_reach: int


class Watched(Struct, frozen=True, kw_only=True):
    """An instrument of the session; `own`: how many own orders stand in it."""

    instrument: str
    named: Named | None
    book: BookSnapshot
    bid: str | None
    ask: str | None
    own: int


class Mine(Struct, frozen=True):
    """What a participant is to the exchange, as the views have it."""

    participant: rows.Participant
    permissions: list[rows.Permission]
    clients: list[rows.Client]

    def permitted(self, it: Timeline) -> bool:
        """Whether he may trade any side there."""
        return any(one.section == it.section and one.purpose == it.purpose for one in self.permissions)

    @property
    def all_clients(self) -> bool:
        """Whether these are all of his clients, so that one can be chosen from the list."""
        return len(self.clients) < LIMIT_MAX

    @property
    def is_broker(self) -> bool:
        """Whether he acts for clients."""
        return "broker" in self.participant.kinds

    @property
    def is_visitor(self) -> bool:
        """Whether he acts for himself."""
        return "visitor" in self.participant.kinds


class Room(Struct, frozen=True, kw_only=True):
    """Everything that the parts show. `number` is the last journal number with lines of his that is in it."""

    who: Who
    csrf: str
    it: Timeline
    instrument: str
    names: dict[str, Named]
    book: BookSnapshot
    holdings: Holdings
    number: int


def mine_of(queries: Queries, participant: str) -> Mine | None:
    """Ask the views for a participant."""
    found = queries.participants(scope=participant, limit=1).rows
    if not found:
        return None
    return Mine(
        found[0],
        queries.permissions(scope=participant, limit=LIMIT_MAX).rows,
        queries.clients(scope=participant, limit=LIMIT_MAX).rows,
    )


class Rooms:
    """Makes rooms and their parts."""

    def __init__(self, services: Services, rendering: Rendering, catalogue: Catalogue, live: Live) -> None:
        self._services: Final = services
        self._rendering: Final = rendering
        self._catalogue: Final = catalogue
        self._live: Final = live
        self.news: Final = OwnNews(services.feed)

    async def mine(self, who: Who) -> Mine:
        """The caller's participant."""
        found = await read(lambda: mine_of(self._services.queries, who.participant or ""))
        if found is None:
            raise missing("participant")
        return found

    def sessions(self) -> list[Timeline]:
        """All sessions that are not over, by their beginning."""
        found = [timeline_of(it) for it in self._services.feed.board.sessions() if it.phase not in ENDED]
        return sorted(found, key=lambda it: (it.begins or "", it.session))

    async def enter(self, who: Who, csrf: str, session: str, instrument: str | None) -> Room:
        """The room as it is now. Raises Problem for what is not there."""
        number = self.news.number(who.participant or "")
        board, services = self._services.feed.board, self._services
        if not await services.feed.views_at(number, VIEWS_SECONDS):
            # The picture is older than the feed, and says so, so that it is made again.
            number = services.feed.projected
        try:
            timeline = self._live.timeline(session)
        except KeyError:
            raise missing("session") from None
        chosen = instrument or timeline.instruments[0]
        if chosen not in timeline.instruments:
            raise missing("instrument")
        await self._live.prepare(session, chosen)
        holdings = await read(lambda: holdings_of(services.queries, who.participant or "", session))
        return Room(
            who=who,
            csrf=csrf,
            it=self._live.timeline(session),
            instrument=chosen,
            names=await self._catalogue.names([*timeline.instruments[:INSTRUMENTS_SHOWN], chosen]),
            book=board.snapshot(session, chosen),
            holdings=holdings,
            number=number,
        )

    def event_id(self, room: Room) -> str:
        """What a room shows, as an event id: the participant's journal number and the numbers of its channels."""
        return f"{room.number}-{self._live.stamp(room.it.session, room.instrument).id()}"

    def stamp(self, part: str, room: Room) -> object:
        """What a part depends on; it need not be made again while this is the same."""
        own = room.number
        match part:
            case "clock":
                return room.it.number
            case "sessions":
                return self.news.phases
            case "tape":
                return room.book.number
            case "watch":
                return self.news.changes(room.it.session), own
            case "depth":
                return room.book.number, room.it.number, own
        return own

    async def part(self, part: str, room: Room, language: str, after: int | None = None) -> str:
        """A part's HTML. `after`: the journal number up to which the reader was told before."""
        if part in SHARED:
            return await self._live.part(SHARED[part], room.it.session, room.instrument, language)
        values: dict[str, Any] = {
            "room": room,
            "it": room.it,
            "chosen": room.instrument,
            "csrf": room.csrf,
            "csrf_field": CSRF_FIELD,
            "new_client_id": new_client_id,
        }
        match part:
            case "sessions":
                mine = await self.mine(room.who)
                values["sessions"] = [it for it in self.sessions() if mine.permitted(it)]
            case "watch":
                values["watched"] = self._watched(room)
                values["cut"] = len(room.it.instruments) > INSTRUMENTS_SHOWN
            case "depth":
                values |= self._depth(room)
            case "orders":
                values["orders"] = room.holdings.orders[:ORDERS_SHOWN]
                values |= await self._naming(values["orders"])
            case "deals":
                values["most"] = DEALS_SHOWN
                values |= await self._naming(room.holdings.deals)
            case "deposit":
                values["currencies"] = {named.instrument.currency for named in room.names.values()}
                values |= await self._naming(room.holdings.accounts)
            case "messages":
                values |= await self._messages(room, language, after)
        return self._rendering.fragment(language, f"terminal/{part}.html", **values)

    def _watched(self, room: Room) -> list[Watched]:
        counts: dict[str, int] = {}
        for order in room.holdings.orders:
            counts[order.instrument] = counts.get(order.instrument, 0) + 1
        found = []
        names = list(dict.fromkeys([*room.it.instruments[:INSTRUMENTS_SHOWN], room.instrument]))
        for name in names:
            book = self._services.feed.board.glance(room.it.session, name)
            bid, ask = best_of(book)
            found.append(
                Watched(
                    instrument=name,
                    named=room.names.get(name),
                    book=book,
                    bid=None if bid is None else bid[0],
                    ask=None if ask is None else ask[0],
                    own=counts.get(name, 0),
                )
            )
        return found

    def _depth(self, room: Room) -> dict[str, Any]:
        book, orders = room.book, room.holdings.orders
        bids, asks = book.bids[:LEVELS_SHOWN], book.asks[:LEVELS_SHOWN]
        own_bids = depth_of(bids, orders, room.instrument, "buy")
        own_asks = depth_of(asks, orders, room.instrument, "sell")
        pairs = [
            Pair(
                own_bids[at] if at < len(own_bids) else None,
                own_asks[at] if at < len(own_asks) else None,
                rung.bid_reach,
                rung.ask_reach,
            )
            for at, rung in enumerate(rungs_of(bids, asks))
        ]
        return {"book": book, "pairs": pairs, "named": room.names.get(room.instrument), "levels": LEVELS_SHOWN}

    async def _naming(self, rows_shown: Sequence[Any]) -> dict[str, Any]:
        """What the rows of a part name: goods, and companies and clients as far as the rows have their ids."""
        names = self._rendering.names(self._services.queries)
        known = await self._catalogue.names(it for row in rows_shown if (it := getattr(row, "instrument", None)))
        companies, clients = ids_of(rows_shown, _OTHERS), ids_of(rows_shown, CLIENTS)
        if companies or clients:
            await read(lambda: names.learn_ids(companies, clients))
        return {"goods": known, "companies": names.companies, "clients": names.clients}

    async def told(self, who: Who, words: Words, lines: Sequence[JsonObject], here: str) -> list[Message]:
        """The sentences of private lines, in which goods, clients, companies and other sessions have their names."""
        names, queries = self._rendering.names(self._services.queries), self._services.queries
        of_orders = [it["order"] for it in lines if "instrument" not in it and it.get("order") is not None]
        of_others = [it for line in lines if (it := line.get("counterparty")) is not None]
        of_clients = [it for line in lines if (it := line.get("client")) is not None]

        def ask() -> dict[int, tuple[str, str]]:
            names.learn_ids(of_others, of_clients)
            return queries.order_places(of_orders, scope=who.participant or "") if of_orders else {}

        places = await read(ask) if of_others or of_clients or of_orders else {}
        placed = [line["instrument"] for line in lines if line.get("instrument") is not None]
        goods = await self._catalogue.names([*placed, *(instrument for _, instrument in places.values())])
        known = Known(goods, names.companies, names.clients, places, here, self._rendering.titles)
        return messages_of(words, lines, known)

    async def _messages(self, room: Room, language: str, after: int | None) -> dict[str, Any]:
        participant = room.who.participant or ""
        lines = self.news.lines(participant, MESSAGES_SHOWN, after)
        told = await self.told(room.who, self._rendering.words[language], lines, room.it.session)
        return {
            "messages": told[::-1],
            "gap": after is not None and not self.news.is_whole(participant, after),
            "after": after,
        }
