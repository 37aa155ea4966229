"""Public market data: cards, instruments, sessions with books and results, tape, bars. No journal number and nobody's
name stands in any of it, save in the register of a session, which is the parties' own."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kirmash.data import SECTIONS
from kirmash.gateway.api.asking import PREFIX as API
from kirmash.gateway.api.asking import Ask, AtNumber, Ordinal, Window, missing, view, wait_for_views
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.publication.updates import BookSnapshot
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX

TAG: Final = "market data"


class CardsQuery(Window, frozen=True, kw_only=True):
    card: str | None = None
    section: str | None = None


class InstrumentsQuery(Window, frozen=True, kw_only=True):
    card: str | None = None
    section: str | None = None
    purpose: str | None = None
    currency: str | None = None


class SessionsQuery(Window, frozen=True, kw_only=True):
    """`ended`: those that are closed or cancelled, or those that are not."""

    section: str | None = None
    purpose: str | None = None
    mechanism: str | None = None
    phase: str | None = None
    ended: bool | None = None


class InstrumentFilter(Window, frozen=True, kw_only=True):
    instrument: str | None = None


class RegisterQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None


class TapeQuery(Window, frozen=True, kw_only=True):
    """`after`: only those with a greater channel number."""

    session: str
    instrument: str
    after: Ordinal = 0


class BarsQuery(Window, frozen=True, kw_only=True):
    """`since`: a minute, as bars name it."""

    session: str
    instrument: str
    since: str | None = None


class SessionBarsQuery(Window, frozen=True, kw_only=True):
    instrument: str


class BookQuery(AtNumber, frozen=True, kw_only=True):
    """`depth`: at most so many levels of each side; the checksum is of the whole book's first ten."""

    depth: Ordinal | None = None


class SectionShown(Struct, frozen=True, kw_only=True):
    """A section: its cards (each once, whatever versions it has), its instruments, its sessions that are not over."""

    section: str
    cards: int
    instruments: int
    sessions: int


class SessionDetail(Struct, frozen=True, kw_only=True):
    """A session with its plan, its deposits and its head figures, one a currency."""

    session: rows.Session
    phases: list[rows.SessionPhase]
    deposit: list[rows.SessionDeposit]
    totals: list[rows.SessionTotal]


def _sections(queries: Queries, _: Call, __: dict[str, Any]) -> list[SectionShown]:
    shelf = queries.shelf()
    cards = Counter(it.section for it in shelf.cards.values())
    sessions = Counter(it.section for it in _running(queries))
    return [
        SectionShown(
            section=name, cards=cards[name], instruments=shelf.of_section.get(name, 0), sessions=sessions[name]
        )
        for name in [*SECTIONS, *sorted((cards.keys() | sessions.keys()) - set(SECTIONS))]
    ]


def _running(queries: Queries) -> Iterator[rows.Session]:
    """All sessions that are not over."""
    cursor: str | None = None
    while True:
        page = queries.sessions(ended=False, limit=LIMIT_MAX, cursor=cursor)
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def _session(queries: Queries, call: Call, _: dict[str, Any]) -> SessionDetail | None:
    name = call.path["session"]
    found = queries.sessions(session=name, limit=1).rows
    if not found:
        return None
    return SessionDetail(
        session=found[0],
        phases=queries.session_phases(name),
        deposit=queries.session_deposits(name),
        totals=queries.session_totals(name, public=not _is_insider(call)),
    )


def _in_session(ask: Callable[[Queries, str, Call, dict[str, Any]], Any]) -> Ask:
    """Asks about a session of the path; None where there is none."""

    def asked(queries: Queries, call: Call, given: dict[str, Any]) -> Any:
        name = call.path["session"]
        return ask(queries, name, call, given) if queries.sessions(session=name, limit=1).rows else None

    return asked


def _is_insider(call: Call) -> bool:
    return call.who is not None and Rule.AUDIT.allows(call.who)


def market_routes(services: Services) -> list[Route]:
    """What anybody may see."""
    add = _Adding(services)
    return [*_goods(add), *_sessions(add), _book(services), *_data(add)]


class _Adding:
    """Makes public views."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(
        self,
        path: str,
        summary: str,
        ask: Ask,
        row: Any,
        query: type[AtNumber],
        *,
        rule: Rule = Rule.PUBLIC,
        **more: str,
    ) -> Route:
        return view(self._services, path, rule, summary, ask, tag=TAG, row=row, query=query, **more)


def _goods(add: _Adding) -> list[Route]:
    return [
        add("/sections", "Sections, with what is in them", _sections, SectionShown, AtNumber),
        add("/cards", "Commodity cards, all versions", lambda q, _, f: q.cards(**f), rows.Card, CardsQuery),
        add(
            "/instruments",
            "Instruments",
            lambda q, _, f: q.instruments(**f),
            rows.Instrument,
            InstrumentsQuery,
        ),
        add(
            "/instruments/{instrument}",
            "One instrument",
            lambda q, c, _: q.instruments(instrument=c.path["instrument"], limit=1),
            rows.Instrument,
            AtNumber,
            one="instrument",
        ),
    ]


def _sessions(add: _Adding) -> list[Route]:
    return [
        add(
            "/sessions",
            "Sessions, the latest first",
            lambda q, _, f: q.sessions(**f),
            rows.Session,
            SessionsQuery,
        ),
        add("/sessions/{session}", "One session", _session, SessionDetail, AtNumber, one="session"),
        add(
            "/sessions/{session}/instruments",
            "The instruments of a session with their bands",
            _in_session(lambda q, name, _, f: q.session_instruments(name, **f)),
            rows.SessionInstrument,
            InstrumentFilter,
        ),
        add(
            "/sessions/{session}/events",
            "What happened to a session itself",
            _in_session(lambda q, name, c, f: q.session_events(name, public=not _is_insider(c), **f)),
            rows.SessionEvent,
            Window,
            description="`number` and `by` are told to operators and auditors only.",
        ),
        add(
            "/sessions/{session}/results",
            "What came of each instrument",
            _in_session(lambda q, name, c, f: q.results(name, public=not _is_insider(c), **f)),
            rows.Result,
            InstrumentFilter,
        ),
        add(
            "/sessions/{session}/register",
            "The register of a session: its deals with names",
            _in_session(lambda q, name, c, f: q.register(name, scope=c.own, **f)),
            rows.RegisterLine,
            RegisterQuery,
            rule=Rule.PARTICIPANT,
        ),
    ]


def _book(services: Services) -> Route:
    async def book(call: Call) -> BookSnapshot:
        await wait_for_views(services, call)
        try:
            found = services.feed.board.snapshot(call.path["session"], call.path["instrument"])
        except KeyError:
            raise missing("book") from None
        depth = call.query.depth
        if depth is None:
            return found
        return replace(found, bids=found.bids[:depth], asks=found.asks[:depth])

    return Route(
        method="GET",
        path=API + "/sessions/{session}/book/{instrument}",
        rule=Rule.PUBLIC,
        handler=book,
        summary="The book of an instrument in a session, as it is now",
        tag=TAG,
        description="A level is [price, quantity, orders, quantity of conditional orders]; best first. "
        "`number` is the channel's own; go on from it over the WebSocket.",
        query=BookQuery,
        response=BookSnapshot,
        problems=(404,),
    )


def _data(add: _Adding) -> list[Route]:
    return [
        add(
            "/tape",
            "Deals as the public sees them",
            lambda q, _, f: q.tape(f.pop("session"), f.pop("instrument"), **f),
            rows.TapeLine,
            TapeQuery,
        ),
        add(
            "/bars",
            "Bars of a minute; minutes without deals are left out",
            lambda q, _, f: q.bars(f.pop("session"), f.pop("instrument"), **f),
            rows.Bar,
            BarsQuery,
        ),
        add(
            "/bars/sessions",
            "An instrument by session, the latest first",
            lambda q, c, f: q.session_bars(f.pop("instrument"), public=not _is_insider(c), **f),
            rows.Result,
            SessionBarsQuery,
        ),
    ]
