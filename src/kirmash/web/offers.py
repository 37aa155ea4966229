"""Current purchase and sale orders: the public books of all sessions that are not over, level by level.

From the board, so it is what the market data shows and no more: prices, quantities, numbers of orders, nobody's name.
"""

from typing import Any, Final

from starlette.responses import Response

from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.publication.updates import BookSnapshot, SessionSnapshot
from kirmash.web import columns
from kirmash.web.catalogue import Catalogue, Named
from kirmash.web.paths import good_path, session_path
from kirmash.web.rendering import Rendering
from kirmash.web.tables import Column, Row, TableQuery, exported, table_of
from kirmash.web.timeline import ENDED
from kirmash.web.titles import SessionName
from kirmash.web.words import Words

TAG: Final = "pages"
LEVELS_MAX: Final = 10
SIDES: Final = ("buy", "sell")

OFFERS: Final = (
    columns.SIDE,
    Column(name="good", label="good.name", href="good_href", beside=columns.INSTRUMENT),
    columns.BASIS,
    columns.PRICE,
    columns.CURRENCY,
    columns.QUANTITY,
    columns.UNIT,
    Column(name="orders", label="common.orders", kind="count"),
    columns.SESSION,
    columns.PHASE,
)


class OffersQuery(TableQuery, frozen=True, kw_only=True):
    """`q`: part of a good's name, an instrument or a place."""

    section: str | None = None
    side: str | None = None
    q: str | None = None


def _lines(
    words: Words, session: SessionSnapshot, book: BookSnapshot, named: Named | None, of: SessionName
) -> list[Row]:
    title = book.instrument if named is None else named.title(words)
    common = {
        "good": title,
        "good_href": None if named is None else good_path(named.instrument.card),
        "basis": None if named is None else named.basis(),
        "currency": None if named is None else named.instrument.currency,
        "unit": None if named is None else named.unit(words),
        "session": session.session,
        "session_title": of,
        "href": session_path(session.session, book.instrument),
        "phase": session.phase,
        "instrument": book.instrument,
    }
    found: list[Row] = []
    for side, levels in (("buy", book.bids), ("sell", book.asks)):
        found += [
            {**common, "side": side, "price": price, "quantity": quantity, "orders": orders}
            for price, quantity, orders, _ in levels[:LEVELS_MAX]
        ]
    return found


def offers_routes(services: Services, rendering: Rendering, catalogue: Catalogue) -> list[Route]:
    """The page of current orders."""

    async def offers(call: Call) -> Response:
        query: OffersQuery = call.query
        words = rendering.words[call.language]
        board = services.feed.board
        open_sessions = [it for it in board.sessions() if it.phase not in ENDED]
        sections = sorted({it.section for it in open_sessions})
        chosen = [it for it in open_sessions if not query.section or it.section == query.section]
        names = await catalogue.names(name for it in chosen for name in it.instruments)
        found = [
            line
            for it in chosen
            for name in it.instruments
            for line in _lines(
                words, it, board.glance(it.session, name), names.get(name), rendering.titles.name(it.session)
            )
        ]
        wanted = (query.q or "").strip().casefold()
        found = [
            line
            for line in found
            if (query.side not in SIDES or line["side"] == query.side)
            and (not wanted or any(wanted in str(line[name]).casefold() for name in ("good", "basis", "instrument")))
        ]
        if query.format:
            return await exported(words, call, found, OFFERS, "orders", query.format)
        table = table_of(
            words,
            query,
            found,
            lambda line: line,
            name="offers",
            caption="offers.caption",
            columns=OFFERS,
            empty="offers.empty",
        )
        values: dict[str, Any] = {"table": table, "sections": sections, "sides": SIDES, "query": query}
        return rendering.page(call, "offers.html", **values, levels=LEVELS_MAX)

    return [
        Route(
            method="GET",
            path="/offers",
            rule=Rule.PUBLIC,
            handler=offers,
            summary="Current purchase and sale orders",
            tag=TAG,
            query=OffersQuery,
            media_type=PAGE,
        )
    ]
