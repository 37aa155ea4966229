"""Live supervision of a session: its orders, deals and events as they come, with every name.

Page and stream show the same parts, whole each time: who lost the connection is shown what is now, and all lines since
he last saw any, or is told that some are gone. Filters stand in the address. What can be done from here (cancel an
order, annul a deal) has pages of its own (desk_interventions.py); nothing is decided.
"""

from functools import partial
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.identity import Role
from kirmash.queries import Page, Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.queries.orders import BestOrders
from kirmash.web import columns
from kirmash.web.account_columns import goods_of
from kirmash.web.catalogue import Catalogue
from kirmash.web.desk import TAG, Desk, DeskQuery, desk_page
from kirmash.web.desk_company import participant_path
from kirmash.web.desk_lines import told_of
from kirmash.web.desk_live import DeskLive, Picture, of_session
from kirmash.web.desk_tape import Tape, TapeLine, Wanted
from kirmash.web.live import MEDIA_TYPE, Live
from kirmash.web.naming import CLIENTS, COMPANIES, Names, ids_of
from kirmash.web.rendering import here
from kirmash.web.tables import WHOLE_MAX, Column, Row, exported, table_of
from kirmash.web.timeline import Timeline, timeline_of

PATH: Final = "/desk/supervision"
PARTS: Final = ("clock", "orders", "deals", "tape")
ORDERS_SHOWN: Final = 40
DEALS_SHOWN: Final = 25
LINES_SHOWN: Final = 40
VIEWS_SECONDS: Final = 2.0
EVERY_SECONDS: Final = 1.0
"""What is rejected wakes no public channel; it is seen within this time."""

ORDERS: Final = (
    Column(name="order", label="own.order", kind="count", href="href"),
    Column(name="at", label="account.accepted", kind="moment", seconds=True),
    columns.GOOD,
    columns.SIDE,
    columns.PRICE,
    columns.CURRENCY,
    columns.QUANTITY,
    columns.OPEN,
    columns.GOOD_UNIT,
    Column(name="state", label="own.state", words=lambda w, value: w.text(f"run.state.{value}"), short=True),
    columns.named("participant", "run.participant", "company"),
    columns.named("client", "own.client"),
    columns.TRADER,
)
DEALS: Final = (
    Column(name="deal", label="own.deal", kind="count", href="href"),
    columns.INSTANT,
    columns.GOOD,
    columns.PRICE,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    columns.NOTIONAL,
    columns.CURRENCY,
    columns.named("buyer", "account.buyer", "buyer_page"),
    columns.named("buyer_client", "account.buyer_client"),
    Column(name="buy_trader", label="run.buy_trader", kind="code"),
    columns.named("seller", "account.seller", "seller_page"),
    columns.named("seller_client", "account.seller_client"),
    Column(name="sell_trader", label="run.sell_trader", kind="code"),
)


class WatchQuery(DeskQuery, frozen=True, kw_only=True):
    """Filters. `after`: the journal number that the page shows already; `open`: yes or no."""

    instrument: str | None = None
    participant: str | None = None
    client: str | None = None
    trader: str | None = None
    side: str | None = None
    open: str | None = None
    after: str | None = None

    @property
    def wanted(self) -> Wanted:
        """The filters, empty ones as absent."""
        return Wanted(
            instrument=self.instrument or None,
            participant=self.participant or None,
            client=self.client or None,
            trader=self.trader or None,
        )


class Seen(Struct, frozen=True):
    """What the views have of a session. `contracts`: states of the contracts of the deals."""

    buys: BestOrders
    sells: BestOrders
    deals: list[rows.Deal]
    contracts: dict[int, str]


class Supervision:
    """The handlers."""

    def __init__(self, desk: Desk, live: Live, streams: DeskLive, catalogue: Catalogue) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._live: Final = live
        self._streams: Final = streams
        self._catalogue: Final = catalogue
        self._tape: Final = Tape(desk.services.feed, desk.services.queries)

    async def home(self, call: Call) -> Response:
        """Which sessions there are to watch."""
        board = self._services.feed.board
        found = [timeline_of(it) for it in board.sessions()]
        running = sorted((it for it in found if it.running), key=lambda it: (it.phase != "HALTED", it.begins or ""))
        ahead = sorted((it for it in found if it.phase == "SCHEDULED"), key=lambda it: it.begins or "")[:20]
        over = sorted((it for it in found if it.ended), key=lambda it: it.ends or "", reverse=True)[:20]
        return await self._desk.page(call, "desk/supervision.html", running=running, ahead=ahead, over=over)

    async def watch(self, call: Call) -> Response:
        """One session, live."""
        timeline, query = self._timeline(call), call.query
        picture = await self._picture(call, query, None)
        names = await self._catalogue.names(timeline.instruments[:LIMIT_MAX])
        given = {name: value for name in _FILTERS if (value := getattr(query, name))}
        path = watch_href(call.path["session"])
        return await self._desk.page(
            call,
            "desk/supervision_session.html",
            it=timeline,
            query=query,
            parts=picture.parts,
            names=names,
            stream=here(f"{path}/events", {}, {**given, "lang": call.language, "after": picture.number}),
            watch_path=path,
            given=given,
            historical=timeline.session in self._services.config.demo.historical,
        )

    async def events(self, call: Call) -> Response:
        """The same as a stream."""
        self._timeline(call)

        async def make(after: int | None) -> Picture:
            return await self._picture(call, call.query, after)

        wakes = of_session(call.path["session"])
        return self._streams.stream(call, make, every=EVERY_SECONDS, wakes=wakes)

    async def orders(self, call: Call) -> Response:
        """All orders of the session, as a table."""
        session, query = self._timeline(call).session, call.query
        given: dict[str, Any] = {name: value for name in _FILTERS if (value := getattr(query, name))}
        is_open = {"yes": True, "no": False}.get(query.open or "")
        if query.side in ("buy", "sell"):
            given["side"] = query.side

        def ask(queries: Queries, cursor: str | None, limit: int) -> Page[Any]:
            return queries.orders(scope=None, session=session, open=is_open, cursor=cursor, limit=limit, **given)

        return await self._listed(call, "orders", ORDERS, ask, order_row)

    async def deals(self, call: Call) -> Response:
        """All deals of the session, as a table."""
        session, query = self._timeline(call).session, call.query
        given: dict[str, Any] = {
            name: value for name in ("instrument", "participant", "client") if (value := getattr(query, name))
        }

        def ask(queries: Queries, cursor: str | None, limit: int) -> Page[Any]:
            return queries.deals(scope=None, session=session, cursor=cursor, limit=limit, **given)

        return await self._listed(call, "deals", DEALS, ask, deal_row)

    async def _listed(self, call: Call, name: str, shown: tuple[Column, ...], ask: Any, row: Any) -> Response:
        query: WatchQuery = call.query
        session, queries, words = call.path["session"], self._services.queries, self._desk.words(call)
        names = self._desk.rendering.names(queries)
        row = partial(row, names=names)

        def named(cursor: str | None, limit: int) -> Page[Any]:
            return names.page(ask(queries, cursor, limit))

        if query.format:
            return await exported(words, call, named, shown, f"{name}-{session}", query.format, row)
        page = await read(lambda: named(query.cursor, WHOLE_MAX))
        table = table_of(
            words, query, page, row, name=name, caption=f"run.{name}", columns=shown, empty=f"run.{name}.empty"
        )
        return await self._desk.page(
            call,
            "desk/supervision_list.html",
            session=session,
            table=table,
            query=query,
            what=name,
            list_path=f"{watch_href(session)}/{name}",
        )

    # Pictures ----------------------------------------------------------------------------------------------------

    async def _picture(self, call: Call, query: WatchQuery, after: int | None) -> Picture:
        """The parts as they are now. Raises Problem for a session that is gone."""
        feed, session, language = self._services.feed, call.path["session"], call.language
        number = feed.number
        if not await feed.views_at(number, VIEWS_SECONDS):
            # The picture is older than the feed, and says so, so that what it lacks is made again.
            number = feed.projected
        timeline = self._timeline(call)
        wanted = query.wanted
        seen = await read(lambda: self._seen(timeline, wanted))
        lines = await self._tape.lines(session, wanted, LINES_SHOWN, after)
        names = await self._names(seen, lines)
        words, may_act = self._desk.rendering.words[language], call.caller.role is Role.OPERATOR
        actor = self._desk.names.actor
        common = {"it": timeline, "may_act": may_act, "watch_path": watch_href(session), "actor": actor, "names": names}
        fragment = self._desk.rendering.fragment
        return Picture(
            number,
            {
                "clock": await self._live.part("clock", session, timeline.instruments[0], language),
                "orders": fragment(language, "desk/watch_orders.html", seen=seen, wanted=wanted, **common),
                "deals": fragment(language, "desk/watch_deals.html", seen=seen, **common),
                "tape": fragment(
                    language,
                    "desk/watch_tape.html",
                    lines=[told_of(words, it, names) for it in lines],
                    gap=after is not None and not self._tape.is_whole(session, after),
                    **common,
                ),
            },
        )

    async def _names(self, seen: Seen, lines: list[TapeLine]) -> Names:
        """The names of all that a picture shows."""
        names = self._desk.rendering.names(self._services.queries)
        shown = [*seen.buys.rows, *seen.sells.rows, *seen.deals]
        companies, clients = ids_of(shown, COMPANIES), ids_of(shown, CLIENTS)
        goods = set(ids_of(shown, ("instrument",)))
        for line in lines:
            placed = line.placed
            companies += [name for key in COMPANIES if (name := line.line.get(key)) is not None]
            clients += [name for key in CLIENTS if (name := line.line.get(key)) is not None]
            goods |= {name for name in (line.line.get("instrument"), placed and placed.instrument) if name}
            if placed is not None:
                companies.append(placed.participant)
                clients += [] if placed.client is None else [placed.client]
        names.goods(await self._catalogue.names(goods))
        await read(lambda: names.learn_ids(companies, clients))
        return names

    def _seen(self, it: Timeline, wanted: Wanted) -> Seen:
        q, session = self._services.queries, it.session
        given: dict[str, Any] = {name: getattr(wanted, name) for name in _FILTERS}

        buys, sells = (q.best_orders(session, side, limit=ORDERS_SHOWN, **given) for side in ("buy", "sell"))
        trader = given.pop("trader")
        deals = q.deals(scope=None, session=session, limit=DEALS_SHOWN, **given).rows
        if trader is not None:
            deals = [deal for deal in deals if trader in (deal.buy_trader, deal.sell_trader)]
        return Seen(buys=buys, sells=sells, deals=deals, contracts=q.contract_states([deal.deal for deal in deals]))

    def _timeline(self, call: Call) -> Timeline:
        try:
            return self._live.timeline(call.path["session"])
        except KeyError:
            raise missing("session") from None


_FILTERS: Final = ("instrument", "participant", "client", "trader")


def watch_href(session: str) -> str:
    """The address at which a session is watched."""
    return f"{PATH}/{quote(session, safe='')}"


def order_row(it: rows.Order, names: Names) -> Row:
    """An order with its names."""
    fields = ("order", "side", "price", "quantity", "open", "state", "participant", "client", "trader")
    good = names.good(it.instrument)
    return {
        **{name: getattr(it, name) for name in fields},
        **goods_of(it.instrument, names),
        "currency": None if good is None else good.instrument.currency,
        "participant_name": names.company(it.participant),
        "company": participant_path(it.participant),
        "client_name": names.client(it.client),
        "at": it.accepted_at,
        "href": f"/desk/orders/{it.order}",
    }


def deal_row(it: rows.Deal, names: Names) -> Row:
    """A deal with the names of both sides."""
    fields = (
        *("deal", "at", "price", "quantity", "notional", "currency"),
        *("buyer", "buyer_client", "buy_trader", "seller", "seller_client", "sell_trader"),
    )
    return {
        **{name: getattr(it, name) for name in fields},
        **goods_of(it.instrument, names),
        "buyer_name": names.company(it.buyer),
        "buyer_page": participant_path(it.buyer or ""),
        "buyer_client_name": names.client(it.buyer_client),
        "seller_name": names.company(it.seller),
        "seller_page": participant_path(it.seller or ""),
        "seller_client_name": names.client(it.seller_client),
        "href": f"/desk/deals/{it.deal}",
    }


def supervision_routes(desk: Desk, live: Live, streams: DeskLive, catalogue: Catalogue) -> list[Route]:
    """Supervision, for operators; auditors read along."""
    it = Supervision(desk, live, streams, catalogue)
    read_too: dict[str, Any] = {"rule": Rule.AUDIT, "query": WatchQuery}
    return [
        desk_page("/supervision", it.home, "Sessions to watch", rule=Rule.AUDIT),
        desk_page("/supervision/{session}", it.watch, "A session, live, with every name", **read_too),
        desk_page("/supervision/{session}/orders", it.orders, "All orders of a session", **read_too),
        desk_page("/supervision/{session}/deals", it.deals, "All deals of a session", **read_too),
        Route(
            method="GET",
            path=f"{PATH}/{{session}}/events",
            handler=it.events,
            summary="What moves in a session, for the desk",
            tag=TAG,
            by_session=True,
            media_type=MEDIA_TYPE,
            **read_too,
        ),
    ]
