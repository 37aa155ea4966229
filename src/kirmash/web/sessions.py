"""Sessions: the list, and the page of one before, while and after it runs.

While it runs the page's moving parts are those of `live`; without a script they are as of the page's making. What is
shown of orders is the public book; who gave them is nobody's business, and what came of single orders is their owners'.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from kirmash.data import SECTIONS
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.queries import Page, rows
from kirmash.queries.names import MECHANISMS, PHASES
from kirmash.web import columns
from kirmash.web.catalogue import Catalogue, Named
from kirmash.web.live import PARTS, Live
from kirmash.web.paths import good_path, session_path
from kirmash.web.rendering import Rendering
from kirmash.web.tables import WHOLE_MAX, Column, Row, TableQuery, ask_all, exported, table_of
from kirmash.web.timeline import ENDED, Timeline, timeline_of
from kirmash.web.words import Words

TAG: Final = "pages"
PURPOSES: Final = ("domestic", "export", "import", "transit")
EVENTS_SHOWN: Final = 200

SESSIONS: Final = (
    columns.SESSION,
    columns.SECTION,
    columns.PURPOSE,
    Column(name="mechanism", label="common.mechanism", words=lambda w, value: w.text(f"mechanism.{value}"), short=True),
    columns.PHASE,
    Column(name="begins", label="session.begins", kind="moment"),
    Column(name="ends", label="session.ends", kind="moment"),
    columns.INSTRUMENTS,
)
RESULTS: Final = (
    columns.TITLE,
    columns.INSTRUMENT,
    columns.BASIS,
    Column(name="buy_orders", label="result.buy_orders", kind="count"),
    Column(name="sell_orders", label="result.sell_orders", kind="count"),
    Column(name="bidders", label="result.bidders", short=True),
    columns.DEALS,
    Column(name="volume", label="result.volume", kind="figure"),
    columns.UNIT,
    Column(name="low", label="result.low", kind="figure"),
    Column(name="weighted", label="result.weighted", kind="figure"),
    Column(name="high", label="result.high", kind="figure"),
    columns.NOTIONAL,
    columns.CURRENCY,
)
CATALOGUE: Final = (
    columns.TITLE,
    columns.INSTRUMENT,
    columns.BASIS,
    columns.CURRENCY,
    Column(name="reference", label="instrument.reference", kind="figure"),
    Column(name="lower", label="instrument.lower", kind="figure"),
    Column(name="upper", label="instrument.upper", kind="figure"),
    columns.TICK,
    columns.LOT,
    columns.UNIT,
)
DEALS: Final = (
    columns.TIME,
    columns.PRICE,
    columns.QUANTITY,
    Column(name="aggressor", label="deal.aggressor", words=lambda w, value: w.text(f"aggressor.{value}"), short=True),
)


class SessionsQuery(TableQuery, frozen=True, kw_only=True):
    """`state`: open or over."""

    section: str | None = None
    purpose: str | None = None
    mechanism: str | None = None
    phase: str | None = None
    state: str | None = None


class SessionQuery(TableQuery, frozen=True, kw_only=True):
    """`instrument`: whose book and deals; `table`: which table `sort`, `cursor` and `format` belong to."""

    instrument: str | None = None
    table: str | None = None


class Detail(Struct, frozen=True, kw_only=True):
    """What the views say of a session."""

    session: rows.Session
    phases: list[rows.SessionPhase]
    deposit: list[rows.SessionDeposit]
    totals: list[rows.SessionTotal]
    results: list[rows.Result]
    lines: list[rows.SessionInstrument]
    events: list[rows.SessionEvent]
    deals: Page[rows.TapeLine] | None


class Sessions:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering, catalogue: Catalogue, live: Live) -> None:
        self._services = services
        self._queries = services.queries
        self._rendering = rendering
        self._catalogue = catalogue
        self._live = live

    # The list ----------------------------------------------------------------------------------------------------

    async def list(self, call: Call) -> Response:
        query: SessionsQuery = call.query
        words = self._rendering.words[call.language]
        filters: dict[str, Any] = {
            "section": query.section or None,
            "purpose": query.purpose or None,
            "mechanism": query.mechanism if query.mechanism in MECHANISMS.values() else None,
            "phase": query.phase if query.phase in PHASES.values() else None,
            "ended": {"open": False, "over": True}.get(query.state or ""),
        }
        if query.format:
            found = await read(lambda: [*self._present(filters), *self._over(filters)])
            given = [self._row(it) for it in self._in_order(found)]
            return await exported(words, call, given, SESSIONS, "sessions", query.format)
        page = await read(lambda: self._page_of(filters, query.cursor))
        page = replace(page, rows=[*self._in_order(page.rows)])
        table = table_of(
            words,
            query,
            page,
            self._row,
            name="sessions",
            caption="sessions.caption",
            columns=SESSIONS,
            empty="sessions.empty",
        )
        known = [*SECTIONS, *sorted({it.section for it in page.rows} - set(SECTIONS))]
        return self._rendering.page(
            call,
            "sessions.html",
            table=table,
            query=query,
            sections=known,
            purposes=[*PURPOSES, *sorted({it.purpose for it in page.rows} - set(PURPOSES))],
            mechanisms=tuple(MECHANISMS.values()),
            phases=tuple(PHASES.values()),
        )

    def _present(self, filters: dict[str, Any]) -> Sequence[rows.Session]:
        """What runs or is planned: all of it, since that is never many."""
        if filters["ended"]:
            return []
        open_ones = {**filters, "ended": False}
        return ask_all(lambda cursor, limit: self._queries.sessions(**open_ones, cursor=cursor, limit=limit))

    def _over(self, filters: dict[str, Any]) -> Sequence[rows.Session]:
        if filters["ended"] is False:
            return []
        over = {**filters, "ended": True}
        return ask_all(lambda cursor, limit: self._queries.sessions(**over, cursor=cursor, limit=limit))

    def _page_of(self, filters: dict[str, Any], cursor: str | None) -> Page[rows.Session]:
        """What runs or is planned and the latest that ended; by a cursor, further ones that ended."""
        present = [] if cursor is not None else self._present(filters)
        if filters["ended"] is False:
            return Page([*present], None, 0)
        over = self._queries.sessions(**{**filters, "ended": True}, cursor=cursor, limit=WHOLE_MAX)
        return replace(over, rows=[*present, *over.rows])

    def _in_order(self, found: Sequence[rows.Session]) -> Sequence[rows.Session]:
        """What runs, then what is planned by its start, then what ended, the latest first as the views give it."""

        def key(it: rows.Session) -> tuple[int, str, str]:
            timeline = self._timeline(it.session)
            if timeline is None or timeline.ended or it.phase in ENDED:
                return 2, "", ""
            return 0 if timeline.running else 1, timeline.begins or "", it.session

        return sorted(found, key=key)

    def _timeline(self, session: str) -> Timeline | None:
        try:
            return timeline_of(self._services.feed.board.session(session))
        except KeyError:
            return None

    def _row(self, it: rows.Session) -> Row:
        timeline = self._timeline(it.session)
        return {
            "session": it.session,
            "session_title": self._rendering.titles.name(it.session),
            "href": session_path(it.session),
            "section": it.section,
            "purpose": it.purpose,
            "mechanism": it.mechanism,
            "phase": it.phase,
            "begins": None if timeline is None else timeline.begins,
            "ends": None if timeline is None else timeline.ends,
            "instruments": None if timeline is None else len(timeline.instruments),
        }

    # One session -------------------------------------------------------------------------------------------------

    async def one(self, call: Call) -> Response:
        name = call.path["session"]
        query: SessionQuery = call.query
        try:
            timeline = self._live.timeline(name)
        except KeyError:
            raise missing("session") from None
        if query.instrument and query.instrument not in timeline.instruments:
            raise missing("book")
        chosen = query.instrument or self._liveliest(timeline)
        detail = await read(lambda: self._ask(name, chosen, timeline, query))
        if detail is None:
            raise missing("session")
        names = await self._catalogue.names(timeline.instruments)
        words = self._rendering.words[call.language]
        if query.format:
            return await self._export(call, words, detail, names, chosen)
        values: dict[str, Any] = {
            "it": timeline,
            "detail": detail,
            "chosen": chosen,
            "named": names.get(chosen),
            "names": names,
            "stage": "after" if timeline.ended else "during" if timeline.running else "before",
            "tables": self._tables(words, query, detail, names),
            "left": _left_over(words, detail, names),
            "parts": {},
            "after": "",
            "historical": name in self._services.config.demo.historical,
        }
        if not timeline.ended:
            await self._live.prepare(name, chosen)
            stamp = self._live.stamp(name, chosen)
            values["parts"] = {part: await self._live.part(part, name, chosen, call.language) for part in PARTS}
            values["after"] = stamp.id()
        return self._rendering.page(call, "session.html", **values)

    def _liveliest(self, timeline: Timeline) -> str:
        """The instrument that is shown where none was asked for: the first with deals, else with orders."""
        board = self._services.feed.board
        books = [board.glance(timeline.session, name) for name in timeline.instruments]
        traded = (book.instrument for book in books if book.last_price is not None)
        asked_for = (book.instrument for book in books if book.bids or book.asks)
        return next(traded, None) or next(asked_for, None) or timeline.instruments[0]

    def _ask(self, name: str, chosen: str, timeline: Timeline, query: SessionQuery) -> Detail | None:
        q = self._queries
        found = q.sessions(session=name, limit=1).rows
        if not found:
            return None
        cursor, over = query.cursor if query.table == "deals" else None, timeline.ended
        return Detail(
            session=found[0],
            phases=q.session_phases(name),
            deposit=q.session_deposits(name),
            totals=q.session_totals(name),
            # What is shown while it runs, or of what came of it; hundreds of rows each in a large session.
            results=ask_all(lambda at, limit: q.results(name, cursor=at, limit=limit)) if over or query.format else [],
            lines=ask_all(lambda at, limit: q.session_instruments(name, cursor=at, limit=limit))
            if query.format or not over
            else [],
            events=q.session_events(name, public=True, limit=EVENTS_SHOWN).rows,
            deals=q.tape(name, chosen, newest_first=True, cursor=cursor, limit=WHOLE_MAX) if timeline.ended else None,
        )

    def _tables(self, words: Words, query: SessionQuery, detail: Detail, names: dict[str, Named]) -> dict[str, Any]:
        def asked(table: str) -> TableQuery:
            return query if (query.table or "results") == table else TableQuery()

        found = {
            "results": table_of(
                words,
                asked("results"),
                detail.results,
                lambda it: _result(words, it, names),
                name="results",
                caption="session.results_caption",
                columns=RESULTS,
                empty="session.no_results",
            ),
            "catalogue": table_of(
                words,
                asked("catalogue"),
                detail.lines,
                lambda it: self._line(words, it, names),
                name="catalogue",
                caption="session.catalogue_caption",
                columns=CATALOGUE,
                empty="session.no_instruments",
            ),
        }
        if detail.deals is not None:
            found["deals"] = table_of(
                words,
                asked("deals"),
                detail.deals,
                _deal,
                name="deals",
                caption="session.deals_caption",
                columns=DEALS,
                empty="session.no_deals",
            )
        return found

    def _line(self, words: Words, it: rows.SessionInstrument, names: dict[str, Named]) -> Row:
        """An instrument's terms in the session; the band is the one in force."""
        named = names.get(it.instrument)
        band = self._services.feed.board.glance(it.session, it.instrument).band
        return {
            "title": it.instrument if named is None else named.title(words),
            "href": None if named is None else good_path(named.instrument.card),
            "instrument": it.instrument,
            "basis": None if named is None else named.basis(),
            "currency": it.currency,
            "reference": it.reference,
            "lower": None if band is None else band.lower,
            "upper": None if band is None else band.upper,
            "tick": it.tick,
            "lot": it.lot,
            "unit": None if named is None else named.unit(words),
        }

    async def _export(self, call: Call, words: Words, detail: Detail, names: dict[str, Named], chosen: str) -> Response:
        query: SessionQuery = call.query
        session = detail.session.session
        shown: tuple[Column, ...] = {"deals": DEALS, "catalogue": CATALOGUE}.get(query.table or "", RESULTS)
        if query.table == "deals":
            q = self._queries

            def ask(cursor: str | None, limit: int) -> Page[Any]:
                return q.tape(session, chosen, newest_first=True, cursor=cursor, limit=limit)

            return await exported(words, call, ask, shown, f"deals-{session}", query.format or "", _deal)
        if query.table == "catalogue":
            given = [self._line(words, it, names) for it in detail.lines]
        else:
            given = [_result(words, it, names) for it in detail.results]
        return await exported(words, call, given, shown, f"{query.table or 'results'}-{session}", query.format or "")


class LeftOver(Struct, frozen=True):
    """What of an instrument found no deal, and why, as far as the public may know."""

    instrument: str
    title: str
    basis: str
    why: str
    surplus: str | None
    unit: str


def _left_over(words: Words, detail: Detail, names: dict[str, Named]) -> list[LeftOver]:
    found = []
    for it in detail.results:
        surplus = it.uncross_surplus
        if detail.session.phase == "CANCELLED":
            why = "cancelled"
        elif it.buy_orders + it.sell_orders == 0:
            why = "no_orders"
        elif it.buy_orders == 0 or it.sell_orders == 0:
            why = "no_sellers" if it.sell_orders == 0 else "no_buyers"
        elif it.deals == 0:
            why = "prices_apart"
        elif surplus is not None and surplus.strip("-0.") != "":
            why = "supply_left" if surplus.startswith("-") else "demand_left"
        else:
            continue
        named = names.get(it.instrument)
        found.append(
            LeftOver(
                it.instrument,
                it.instrument if named is None else named.title(words),
                "" if named is None else named.basis(),
                why,
                surplus.removeprefix("-") if surplus is not None and why.endswith("_left") else None,
                "" if named is None else named.unit(words),
            )
        )
    return found


def _result(words: Words, it: rows.Result, names: dict[str, Named]) -> Row:
    named = names.get(it.instrument)
    return {
        "title": it.instrument if named is None else named.title(words),
        "href": session_path(it.session, it.instrument),
        "instrument": it.instrument,
        "basis": None if named is None else named.basis(),
        "buy_orders": it.buy_orders,
        "sell_orders": it.sell_orders,
        "bidders": f"{it.buy_bidders} / {it.sell_bidders}",
        "deals": it.deals,
        "volume": it.volume,
        "unit": None if named is None else named.unit(words),
        "low": it.low,
        "weighted": it.weighted,
        "high": it.high,
        "notional": it.notional,
        "currency": it.currency,
    }


def _deal(it: rows.TapeLine) -> Row:
    return {"at": it.at, "price": it.price, "quantity": it.quantity, "aggressor": it.aggressor}


def sessions_routes(services: Services, rendering: Rendering, catalogue: Catalogue, live: Live) -> list[Route]:
    """The list and the page of a session."""
    it = Sessions(services, rendering, catalogue, live)
    page = partial(Route, method="GET", rule=Rule.PUBLIC, tag=TAG, media_type=PAGE)
    return [
        page(path="/sessions", handler=it.list, summary="Sessions", query=SessionsQuery),
        page(path="/sessions/{session}", handler=it.one, summary="One session", query=SessionQuery),
    ]
