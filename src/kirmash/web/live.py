"""What moves on a session's page: its clock, its instruments, one book, the last deals, as server-sent events.

Each part of a picture is rendered once per language and change, for all readers. A reader is owed the newest picture,
not every change: while he is slow nothing is stored for him, and what he missed is in the next one. Event ids are
channel numbers, `session.instrument`; who comes back with one gets the parts that differ. Streams end when the gateway
stops. Belongs to the event loop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.feed import Told
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import STREAM, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.messages.times import text_from_time
from kirmash.web.catalogue import Catalogue
from kirmash.web.rendering import HEADERS, PageQuery, Rendering
from kirmash.web.timeline import ENDED, Timeline, timeline_of

MEDIA_TYPE: Final = STREAM
PATH: Final = "/live/sessions/{session}"
PARTS: Final = ("clock", "market", "book", "deals")
TAPE_LINES: Final = 20
TAPES_MAX: Final = 5_000
"""Beyond so many, the tapes of ended sessions are forgotten, whoever looks at those."""
LEVELS_SHOWN: Final = 10
MARKET_SHOWN: Final = 150
"""How many instruments the market's table shows; a session may have thousands, and its catalogue has them all."""
READERS_MAX: Final = 5_000
COALESCE_SECONDS: Final = 0.15
HEARTBEAT_SECONDS: Final = 10.0
VIEWS_SECONDS: Final = 0.5
RETRY_MILLISECONDS: Final = 1_000
ENDED_EVENT: Final = "event: ended\ndata: session\n\n"
"""Tells a page that its reader's session is over: it says so, and does not come back."""


class LiveQuery(PageQuery, frozen=True, kw_only=True):
    """`after`: what the page shows already, as an event id."""

    instrument: str
    after: str | None = None


class TapeDeal(Struct, frozen=True):
    """A deal as the public sees it."""

    number: int
    at: str
    price: str
    quantity: str
    aggressor: str


class Stamp(NamedTuple):
    """Which state of its channels a picture shows."""

    session: int
    instrument: int

    def id(self) -> str:
        """As an event id."""
        return f"{self.session}.{self.instrument}"


class Reader:
    """One stream: what it follows, and that there is news."""

    def __init__(self, session: str, instrument: str, language: str) -> None:
        self.session = session
        self.instrument = instrument
        self.language = language
        self.news = asyncio.Event()


class Live:
    """All live pictures of the gateway."""

    def __init__(self, services: Services, rendering: Rendering, catalogue: Catalogue) -> None:
        self._services = services
        self._rendering = rendering
        self._catalogue = catalogue
        self._tapes: dict[tuple[str, str], deque[TapeDeal]] = {}
        self._loaded: set[tuple[str, str]] = set()
        self._readers: dict[str, set[Reader]] = {}
        self._changes: dict[str, int] = {}
        self._rendered: dict[tuple[str, str, str, str], tuple[object, str]] = {}
        self._closing = False
        services.feed.listen(self._told, self._restarted)

    def routes(self) -> list[Route]:
        """The stream's route."""
        return [
            Route(
                method="GET",
                path=PATH,
                rule=Rule.PUBLIC,
                handler=self._stream,
                summary="What moves on a session's page",
                tag="pages",
                query=LiveQuery,
                media_type=MEDIA_TYPE,
            )
        ]

    async def close(self) -> None:
        """End all streams; their readers come back when there is a gateway again."""
        self._closing = True
        for readers in self._readers.values():
            for reader in readers:
                reader.news.set()

    @property
    def count(self) -> int:
        """How many streams there are."""
        return sum(len(readers) for readers in self._readers.values())

    # Pictures ----------------------------------------------------------------------------------------------------

    def timeline(self, session: str) -> Timeline:
        """A session as the board has it. Raises KeyError."""
        return timeline_of(self._services.feed.board.session(session))

    def stamp(self, session: str, instrument: str) -> Stamp:
        """The present state. Raises KeyError."""
        board = self._services.feed.board
        return Stamp(board.session(session).number, board.number(session, instrument))

    async def prepare(self, session: str, instrument: str) -> None:
        """Read what pictures of this instrument need beside the board: names, and deals before our time."""
        await self._catalogue.names(self.timeline(session).instruments)
        key = (session, instrument)
        if key in self._loaded:
            return
        page = await read(lambda: self._services.queries.tape(session, instrument, newest_first=True, limit=TAPE_LINES))
        found = {it.channel: TapeDeal(it.channel, it.at, it.price, it.quantity, it.aggressor) for it in page.rows}
        found.update((it.number, it) for it in self._tapes.get(key, ()))
        if len(self._loaded) >= TAPES_MAX:
            self._forget_ended()
        self._tapes[key] = deque((found[number] for number in sorted(found)), maxlen=TAPE_LINES)
        self._loaded.add(key)

    async def part(self, part: str, session: str, instrument: str, language: str) -> str:
        """A part of a picture as it is now. Raises KeyError."""
        stamp: object = self._stamp_of(part, session, instrument)
        key = (session, instrument if part in ("book", "deals") else "", language, part)
        known = self._rendered.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        html = await self._render(part, session, instrument, language)
        if session in self._readers:
            self._rendered[key] = (stamp, html)
        return html

    def _stamp_of(self, part: str, session: str, instrument: str) -> object:
        if part == "market":
            return self._services.feed.board.session(session).number, self._changes.get(session, 0)
        stamp = self.stamp(session, instrument)
        return stamp.session if part == "clock" else stamp

    async def _render(self, part: str, session: str, instrument: str, language: str) -> str:
        board = self._services.feed.board
        timeline = self.timeline(session)
        names = await self._catalogue.names(timeline.instruments)
        if part == "clock":
            halted_for = await self._halted_for(timeline)
            return self._rendering.fragment(language, "live/clock.html", it=timeline, halted_for=halted_for)
        if part == "market":
            books = [board.glance(session, name) for name in timeline.instruments[:MARKET_SHOWN]]
            cut = len(timeline.instruments) - len(books)
            return self._rendering.fragment(
                language, "live/market.html", it=timeline, books=books, names=names, chosen=instrument, cut=cut
            )
        if part == "book":
            book = board.snapshot(session, instrument)
            return self._rendering.fragment(
                language,
                "live/book.html",
                it=timeline,
                book=book,
                named=names.get(instrument),
                rungs=rungs_of(book.bids[:LEVELS_SHOWN], book.asks[:LEVELS_SHOWN]),
                levels=LEVELS_SHOWN,
            )
        deals = list(self._tapes.get((session, instrument), ()))[::-1]
        return self._rendering.fragment(language, "live/deals.html", it=timeline, deals=deals)

    async def _halted_for(self, timeline: Timeline) -> str | None:
        """Why a session is halted, which the board does not say; None where the views do not know of it in time."""
        if timeline.phase != "HALTED":
            return None
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        found = await read(lambda: self._services.queries.sessions(session=timeline.session, limit=1).rows)
        return found[0].reason if found and found[0].phase == "HALTED" else None

    # News --------------------------------------------------------------------------------------------------------

    def _told(self, told: Told) -> None:
        for update in told.public:
            self._changes[update.session] = self._changes.get(update.session, 0) + 1
            if update.instrument is not None and "deal" in update.fields:
                deal = update.fields["deal"]
                line = TapeDeal(
                    update.number, text_from_time(update.at), deal["price"], deal["quantity"], deal["aggressor"]
                )
                self._tapes.setdefault((update.session, update.instrument), deque(maxlen=TAPE_LINES)).append(line)
            for reader in self._readers.get(update.session, ()):
                reader.news.set()
            if update.instrument is None:
                self._forget_if_over(update.session)

    def _forget_if_over(self, session: str) -> None:
        """Let go of a session's tapes when it has ended: its deals are in the views, and every day brings new ones."""
        if self._services.feed.board.session(session).phase not in ENDED:
            return
        for key in [key for key in self._tapes if key[0] == session]:
            del self._tapes[key]
        self._loaded = {key for key in self._loaded if key[0] != session}
        self._changes.pop(session, None)

    def _forget_ended(self) -> None:
        board = self._services.feed.board
        for session in {key[0] for key in self._loaded}:
            if board.session(session).phase in ENDED:
                self._forget_if_over(session)

    def _restarted(self) -> None:
        self._tapes.clear()
        self._loaded.clear()
        self._rendered.clear()
        for readers in self._readers.values():
            for reader in readers:
                reader.news.set()

    # Streams -----------------------------------------------------------------------------------------------------

    async def _stream(self, call: Call) -> Response:
        session, instrument = call.path["session"], call.query.instrument
        if self._closing or self.count >= READERS_MAX:
            raise Problem(503, "busy", "too many readers of live pages", headers={"Retry-After": "5"})
        try:
            self.stamp(session, instrument)
            await self.prepare(session, instrument)
        except KeyError:
            raise missing("book") from None
        seen = read_stamp(call.request.headers.get("last-event-id") or call.query.after)
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        reader = Reader(session, instrument, call.language)
        return StreamingResponse(self._tell(reader, seen), headers=headers, media_type=MEDIA_TYPE)

    async def _tell(self, reader: Reader, seen: Stamp | None) -> AsyncIterator[str]:
        """The events of one stream, until its reader goes or the gateway stops."""
        self._readers.setdefault(reader.session, set()).add(reader)
        try:
            sent = self._as_sent(reader, seen)
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
            while not self._closing:
                reader.news.clear()
                changed = await self._changed(reader, sent)
                if changed:
                    yield changed
                try:
                    await asyncio.wait_for(reader.news.wait(), HEARTBEAT_SECONDS)
                    await asyncio.sleep(COALESCE_SECONDS)
                except TimeoutError:
                    yield ": here\n\n"
        except Problem:
            # The views cannot be read now; who comes back is told so, or finds that they can.
            return
        finally:
            self._leave(reader)

    def _as_sent(self, reader: Reader, seen: Stamp | None) -> dict[str, object]:
        """What the reader's page shows already: all of it if nothing changed since, nothing we could name if it did."""
        if seen is None or seen != self.stamp(reader.session, reader.instrument):
            return {}
        return {part: self._stamp_of(part, reader.session, reader.instrument) for part in PARTS if part != "market"}

    async def _changed(self, reader: Reader, sent: dict[str, object]) -> str:
        events = []
        try:
            await self.prepare(reader.session, reader.instrument)
            for part in PARTS:
                stamp = self._stamp_of(part, reader.session, reader.instrument)
                if sent.get(part) != stamp:
                    html = await self.part(part, reader.session, reader.instrument, reader.language)
                    sent[part] = stamp
                    events.append((part, html))
            number = self.stamp(reader.session, reader.instrument).id()
        except KeyError:
            # The board was made anew and does not have the session yet; the next news brings it.
            return ""
        return "".join(event_of(part, number, html) for part, html in events)

    def _leave(self, reader: Reader) -> None:
        readers = self._readers.get(reader.session, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.session, None)
            for key in [key for key in self._rendered if key[0] == reader.session]:
                del self._rendered[key]


class Rung(Struct, frozen=True):
    """A line of a book: a level of each side, and how far its bar reaches, in twentieths of the greatest quantity."""

    bid: tuple[str, str, int, str] | None
    ask: tuple[str, str, int, str] | None
    bid_reach: int
    ask_reach: int


def rungs_of(bids: list[tuple[str, str, int, str]], asks: list[tuple[str, str, int, str]]) -> list[Rung]:
    """Both sides beside each other, best first."""
    most = max((_whole(level[1]) for level in [*bids, *asks]), default=1) or 1

    def reach(level: tuple[str, str, int, str] | None) -> int:
        return 0 if level is None else max(1, _whole(level[1]) * 20 // most)

    rungs = []
    for index in range(max(len(bids), len(asks))):
        bid = bids[index] if index < len(bids) else None
        ask = asks[index] if index < len(asks) else None
        rungs.append(Rung(bid, ask, reach(bid), reach(ask)))
    return rungs


def _whole(text: str) -> int:
    """A quantity as an integer of its millionths: good enough for the length of a bar, and no float."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction[:6].ljust(6, "0"))


def event_of(name: str, number: str, html: str) -> str:
    """A server-sent event."""
    lines = "".join(f"data: {line}\n" for line in html.strip().splitlines())
    return f"event: {name}\nid: {number}\n{lines}\n"


def read_stamp(text: str | None) -> Stamp | None:
    """An event id of ours; None for anything else."""
    parts = (text or "").split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 16 for part in parts):
        return None
    return Stamp(int(parts[0]), int(parts[1]))
