"""Sections and goods: commodity cards with their attributes, and what can be traded of each.

A card is shown in its newest version, older ones beside it. All of it is public.
"""

from collections import Counter
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from kirmash.data import SECTIONS
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web import columns
from kirmash.web.paths import good_path, session_path
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.tables import Column, Row, TableQuery, ask_all, exported, table_of
from kirmash.web.titles import SessionName
from kirmash.web.words import values_meant

TAG: Final = "pages"
SESSIONS_SHOWN: Final = 50


class GoodsQuery(TableQuery, frozen=True, kw_only=True):
    """`q`: words of a name, id or attribute, or the beginning of an HS code."""

    section: str | None = None
    q: str | None = None


class SectionShown(Struct, frozen=True):
    """A section and what is in it."""

    section: str
    goods: int
    instruments: int
    sessions: int


GOODS: Final = (
    columns.TITLE,
    Column(name="card", label="good.card", kind="code"),
    columns.SECTION,
    Column(name="hs_code", label="good.hs_code", kind="code"),
    Column(name="unit", label="good.unit", words=lambda w, value: w.unit(value), short=True),
    columns.INSTRUMENTS,
)
INSTRUMENTS: Final = (
    columns.INSTRUMENT,
    columns.BASIS,
    columns.PURPOSE,
    columns.CURRENCY,
    columns.TICK,
    columns.LOT,
    Column(name="payment_term", label="instrument.payment_term", words=lambda w, value: w.known("payment", value)),
    Column(name="clauses", label="instrument.clauses", words=lambda w, it: w.known("clause", it), sortable=False),
)
TRADED: Final = (
    columns.SESSION,
    columns.INSTRUMENT,
    columns.DEALS,
    Column(name="volume", label="result.volume", kind="figure"),
    Column(name="weighted", label="result.weighted", kind="figure"),
    columns.CURRENCY,
)


def newest(cards: list[rows.Card]) -> dict[str, rows.Card]:
    """Each card in its newest version, by the time of its listing."""
    found: dict[str, rows.Card] = {}
    for card in cards:
        known = found.get(card.card)
        if known is None or (card.at, card.version) >= (known.at, known.version):
            found[card.card] = card
    return found


class Goods:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self._services = services
        self._queries = services.queries
        self._rendering = rendering

    async def sections(self, call: Call) -> Response:
        shelf = await read(self._queries.shelf)
        present = await read(lambda: self._queries.sessions(ended=False, limit=LIMIT_MAX).rows)
        goods = Counter(it.section for it in shelf.cards.values())
        running = Counter(it.section for it in present)
        names = [*SECTIONS, *sorted(goods.keys() - set(SECTIONS))]
        shown = [SectionShown(name, goods[name], shelf.of_section.get(name, 0), running[name]) for name in names]
        return self._rendering.page(call, "sections.html", sections=shown)

    async def goods(self, call: Call) -> Response:
        query: GoodsQuery = call.query
        words = self._rendering.words[call.language]
        shelf = await read(self._queries.shelf)
        found = shelf.find(query.section or None, query.q or "", values_meant)

        def row(card: rows.Card) -> Row:
            return {
                "title": words.good(card),
                "href": good_path(card.card),
                "card": card.card,
                "section": card.section,
                "hs_code": card.hs_code,
                "unit": card.unit,
                "instruments": shelf.of_card.get(card.card, 0),
            }

        if query.format:
            return await exported(words, call, [row(card) for card in found], GOODS, "goods", query.format)
        table = table_of(
            words, query, found, row, name="goods", caption="goods.caption", columns=GOODS, empty="goods.empty"
        )
        sections = [*SECTIONS, *sorted({it.section for it in shelf.cards.values()} - set(SECTIONS))]
        return self._rendering.page(call, "goods.html", table=table, sections=sections, query=query)

    async def good(self, call: Call) -> Response:
        name = call.path["card"]
        query: TableQuery = call.query
        words = self._rendering.words[call.language]
        versions = await read(lambda: self._queries.cards(card=name, limit=LIMIT_MAX).rows)
        if not versions:
            raise missing("card")
        card = newest(versions)[name]
        instruments, traded = await read(lambda: self._instruments_of(name))
        if query.format:
            given = [_instrument(it) for it in instruments]
            return await exported(words, call, given, INSTRUMENTS, f"instruments-{name}", query.format)
        table = table_of(
            words,
            query,
            instruments,
            _instrument,
            name="instruments",
            caption="good.instruments_caption",
            columns=INSTRUMENTS,
            empty="good.no_instruments",
        )
        results = table_of(
            words,
            TableQuery(),
            traded,
            lambda it: _traded(it, self._rendering.titles.name(it.session)),
            name="traded",
            caption="good.traded_caption",
            columns=_unsorted(TRADED),
            empty="good.not_traded",
        )
        older = [it for it in sorted(versions, key=lambda it: it.at, reverse=True) if it.version != card.version]
        return self._rendering.page(call, "good.html", card=card, table=table, results=results, older=older)

    def _instruments_of(self, card: str) -> tuple[list[rows.Instrument], list[rows.Result]]:
        instruments = ask_all(lambda cursor, limit: self._queries.instruments(card=card, cursor=cursor, limit=limit))
        results: list[rows.Result] = []
        for it in instruments[:SESSIONS_SHOWN]:
            room = SESSIONS_SHOWN - len(results)
            if room == 0:
                break
            results += self._queries.session_bars(it.instrument, limit=min(10, room)).rows
        return instruments, results


def _unsorted(given: tuple[Column, ...]) -> tuple[Column, ...]:
    """Columns of a table that stands beside the page's main one, whose sorting the address holds."""
    return tuple(replace(it, sortable=False) for it in given)


def _instrument(it: rows.Instrument) -> Row:
    return {
        "instrument": it.instrument,
        "basis": f"{it.incoterm} {it.place}",
        "purpose": it.purpose,
        "currency": it.currency,
        "tick": it.tick,
        "lot": it.lot,
        "payment_term": it.payment_term,
        "clauses": "; ".join(it.clauses) or None,
    }


def _traded(it: rows.Result, session: SessionName) -> Row:
    return {
        "session": it.session,
        "session_title": session,
        "href": session_path(it.session),
        "instrument": it.instrument,
        "deals": it.deals,
        "volume": it.volume,
        "weighted": it.weighted,
        "currency": it.currency,
    }


def goods_routes(services: Services, rendering: Rendering) -> list[Route]:
    """Sections, goods, one good."""
    it = Goods(services, rendering)
    page = partial(Route, method="GET", rule=Rule.PUBLIC, tag=TAG, media_type=PAGE)
    return [
        page(path="/sections", handler=it.sections, summary="Sections", query=PageQuery),
        page(path="/goods", handler=it.goods, summary="Goods", query=GoodsQuery),
        page(path="/goods/{card}", handler=it.good, summary="One good", query=TableQuery),
    ]
