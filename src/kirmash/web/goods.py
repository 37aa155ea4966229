"""Sections and goods: commodity cards with their attributes, and what can be traded of each.

A card is shown in its newest version, older ones beside it. All of it is public.
"""

from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.data import SECTIONS
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.paths import good_path, session_path
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.tables import Column, Row, TableQuery, ask_all, exported, table_of
from kirmash.web.words import Words

TAG: Final = "pages"
CARDS_MAX: Final = 5_000
INSTRUMENTS_MAX: Final = 20_000
SESSIONS_SHOWN: Final = 50


class GoodsQuery(TableQuery, frozen=True, kw_only=True):
    """`q`: part of a name or id, or the beginning of an HS code."""

    section: str | None = None
    q: str | None = None


class SectionShown(Struct, frozen=True):
    """A section and what is in it."""

    section: str
    goods: int
    instruments: int
    sessions: int


GOODS: Final = (
    Column(name="title", label="good.name", href="href"),
    Column(name="card", label="good.card", kind="code"),
    Column(name="section", label="common.section", words=lambda w, value: w.section(value), short=True),
    Column(name="hs_code", label="good.hs_code", kind="code"),
    Column(name="unit", label="good.unit", words=lambda w, value: w.unit(value), short=True),
    Column(name="instruments", label="good.instruments", kind="count"),
)
INSTRUMENTS: Final = (
    Column(name="instrument", label="instrument.id", kind="code"),
    Column(name="basis", label="instrument.basis", short=True),
    Column(name="purpose", label="common.purpose", words=lambda w, value: w.purpose(value), short=True),
    Column(name="currency", label="common.currency", kind="code"),
    Column(name="tick", label="instrument.tick", kind="figure"),
    Column(name="lot", label="instrument.lot", kind="figure"),
    Column(name="payment_term", label="instrument.payment_term"),
    Column(name="clauses", label="instrument.clauses", sortable=False),
)
TRADED: Final = (
    Column(name="session", label="common.session", href="href", short=True),
    Column(name="instrument", label="instrument.id", kind="code"),
    Column(name="deals", label="result.deals", kind="count"),
    Column(name="volume", label="result.volume", kind="figure"),
    Column(name="weighted", label="result.weighted", kind="figure"),
    Column(name="currency", label="common.currency", kind="code"),
)


def newest(cards: list[rows.Card]) -> dict[str, rows.Card]:
    """Each card in its newest version, by the time of its listing."""
    found: dict[str, rows.Card] = {}
    for card in cards:
        known = found.get(card.card)
        if known is None or (card.at, card.version) >= (known.at, known.version):
            found[card.card] = card
    return found


def _all_cards(queries: Queries) -> list[rows.Card]:
    return ask_all(lambda cursor, limit: queries.cards(cursor=cursor, limit=limit), CARDS_MAX)


def _all_instruments(queries: Queries) -> list[rows.Instrument]:
    return ask_all(lambda cursor, limit: queries.instruments(cursor=cursor, limit=limit), INSTRUMENTS_MAX)


def matches(card: rows.Card, wanted: str) -> bool:
    """Whether a card is meant by what somebody typed."""
    text = wanted.strip().casefold()
    names = (card.name_en, card.name_ru, card.card)
    return not text or card.hs_code.startswith(text) or any(text in name.casefold() for name in names)


class Goods:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self._services = services
        self._queries = services.queries
        self._rendering = rendering

    async def sections(self, call: Call) -> Response:
        cards, instruments = await read(lambda: (_all_cards(self._queries), _all_instruments(self._queries)))
        present = await read(lambda: self._queries.sessions(ended=False, limit=LIMIT_MAX).rows)
        names = [*SECTIONS, *sorted({it.section for it in cards} - set(SECTIONS))]
        shown = [
            SectionShown(
                name,
                len({it.card for it in cards if it.section == name}),
                sum(it.section == name for it in instruments),
                sum(it.section == name for it in present),
            )
            for name in names
        ]
        return self._rendering.page(call, "sections.html", sections=shown)

    async def goods(self, call: Call) -> Response:
        query: GoodsQuery = call.query
        words = self._rendering.words[call.language]
        cards, instruments = await read(lambda: (_all_cards(self._queries), _all_instruments(self._queries)))
        counts: dict[str, int] = {}
        for it in instruments:
            counts[it.card] = counts.get(it.card, 0) + 1
        found = [
            card
            for card in newest(cards).values()
            if (not query.section or card.section == query.section) and matches(card, query.q or "")
        ]

        def row(card: rows.Card) -> Row:
            return {
                "title": words.good(card),
                "href": good_path(card.card),
                "card": card.card,
                "section": card.section,
                "hs_code": card.hs_code,
                "unit": card.unit,
                "instruments": counts.get(card.card, 0),
            }

        if query.format:
            return exported(words, call, [row(card) for card in found], GOODS, "goods", query.format)
        table = table_of(
            words, query, found, row, name="goods", caption="goods.caption", columns=GOODS, empty="goods.empty"
        )
        sections = [*SECTIONS, *sorted({it.section for it in cards} - set(SECTIONS))]
        return self._rendering.page(call, "goods.html", table=table, sections=sections, query=query)

    async def good(self, call: Call) -> Response:
        name = call.path["card"]
        query: TableQuery = call.query
        words = self._rendering.words[call.language]
        versions = await read(lambda: self._queries.cards(card=name, limit=LIMIT_MAX).rows)
        if not versions:
            raise missing("card")
        card = newest(versions)[name]
        instruments, traded = await read(lambda: self._traded(name))
        if query.format:
            given = [_instrument(it) for it in instruments]
            return exported(words, call, given, INSTRUMENTS, f"instruments-{name}", query.format)
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
            lambda it: _traded(words, it),
            name="traded",
            caption="good.traded_caption",
            columns=tuple(_unsorted(TRADED)),
            empty="good.not_traded",
        )
        older = [it for it in sorted(versions, key=lambda it: it.at, reverse=True) if it.version != card.version]
        return self._rendering.page(call, "good.html", card=card, table=table, results=results, older=older)

    def _traded(self, card: str) -> tuple[list[rows.Instrument], list[rows.Result]]:
        instruments = ask_all(lambda cursor, limit: self._queries.instruments(card=card, cursor=cursor, limit=limit))
        results: list[rows.Result] = []
        for it in instruments[:SESSIONS_SHOWN]:
            results += self._queries.session_bars(it.instrument, limit=10).rows
        return instruments, results[:SESSIONS_SHOWN]


def _unsorted(columns: tuple[Column, ...]) -> list[Column]:
    """Columns of a table that stands beside the page's main one, whose sorting the address holds."""
    return [
        Column(name=it.name, label=it.label, kind=it.kind, href=it.href, words=it.words, short=it.short, sortable=False)
        for it in columns
    ]


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


def _traded(_: Words, it: rows.Result) -> Row:
    return {
        "session": it.session,
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
    page: dict[str, Any] = {"method": "GET", "rule": Rule.PUBLIC, "tag": TAG, "media_type": PAGE}
    return [
        Route(path="/sections", handler=it.sections, summary="Sections", query=PageQuery, **page),
        Route(path="/goods", handler=it.goods, summary="Goods", query=GoodsQuery, **page),
        Route(path="/goods/{card}", handler=it.good, summary="One good", query=TableQuery, **page),
    ]
