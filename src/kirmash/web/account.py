"""The personal account: what a participant's people may see of their own company, its orders, deals, money, registers.

Every list is a question to the views in the scope of the caller's participant, so that a filter can only narrow it;
what is another's is a 404 like what is not there. Lists are one kind of page, described by `Listing`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, path_number, read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Role, Who
from kirmash.queries import Page, Queries
from kirmash.queries.asking import LIMIT_MAX
from kirmash.queries.deals import SessionDeals
from kirmash.queries.names import CONTRACT_STATES, ORDER_STATES, SIDES
from kirmash.web.account_columns import (
    ACCOUNTS,
    CLIENTS,
    CONTRACTS,
    DEALS,
    HISTORY,
    ORDERS,
    REGISTER,
    REGISTERS,
    STATEMENT,
    TRADERS,
    account_row,
    client_row,
    contract_row,
    deal_row,
    history_row,
    order_row,
    register_row,
    registers_row,
    statement_row,
    trader_row,
)
from kirmash.web.may_i_trade import conditions_routes
from kirmash.web.naming import Names
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.room import mine_of
from kirmash.web.tables import WHOLE_MAX, Column, Row, Table, TableQuery, ask_all, exported, table_of

TAG: Final = "pages"


class AccountQuery(TableQuery, frozen=True, kw_only=True):
    """Filters of the lists; each knows some of them. `open`: yes or no; `table` says which of two tables is meant."""

    session: str | None = None
    client: str | None = None
    currency: str | None = None
    side: str | None = None
    state: str | None = None
    open: str | None = None
    table: str | None = None


Ask = Callable[[Queries, str, dict[str, Any], str | None, int], Page[Any]]
"""Queries, participant, filters, cursor, limit."""


class Filter(Struct, frozen=True, kw_only=True):
    """A filter of a list: a text, or a choice of values with the prefix of their texts' keys."""

    name: str
    label: str
    choices: tuple[str, ...] = ()
    prefix: str = ""


class Listing(Struct, frozen=True, kw_only=True):
    """A list of the account. `name` is the end of its path and the beginning of its texts' keys (account.orders)."""

    name: str
    columns: tuple[Column, ...]
    ask: Ask
    row: Callable[[Any, Names], Row]
    filters: tuple[Filter, ...] = ()


def _own(of: Callable[..., Page[Any]]) -> Ask:
    """A question to the views in the participant's scope."""

    def ask(q: Queries, participant: str, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
        return of(q, scope=participant, cursor=cursor, limit=limit, **given)

    return ask


def _orders(q: Queries, participant: str, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    is_open = {"yes": True, "no": False}.get(given.get("open", ""))
    return q.orders(scope=participant, cursor=cursor, limit=limit, **{**given, "open": is_open})


def _statement(q: Queries, participant: str, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.statement(participant, scope=participant, cursor=cursor, limit=limit, **given)


_SESSION: Final = Filter(name="session", label="common.session")
_CLIENT: Final = Filter(name="client", label="own.client")
_CURRENCY: Final = Filter(name="currency", label="common.currency")
_SIDE: Final = Filter(name="side", label="common.side", choices=tuple(SIDES.values()), prefix="side.")

LISTINGS: Final = (
    Listing(
        name="orders",
        columns=ORDERS,
        ask=_orders,
        row=order_row,
        filters=(
            _SESSION,
            _CLIENT,
            _SIDE,
            Filter(name="open", label="own.open", choices=("yes", "no"), prefix="common."),
            Filter(name="state", label="own.state", choices=tuple(ORDER_STATES.values()), prefix="own.state."),
        ),
    ),
    Listing(name="deals", columns=DEALS, ask=_own(Queries.deals), row=deal_row, filters=(_SESSION, _CLIENT)),
    Listing(
        name="contracts",
        columns=CONTRACTS,
        ask=_own(Queries.contracts),
        row=contract_row,
        filters=(
            _SESSION,
            _CLIENT,
            Filter(
                name="state",
                label="own.state",
                choices=tuple(CONTRACT_STATES.values()),
                prefix="account.contract_state.",
            ),
        ),
    ),
    Listing(name="clients", columns=CLIENTS, ask=_own(Queries.clients), row=client_row),
    Listing(name="people", columns=TRADERS, ask=_own(Queries.traders), row=trader_row),
)
MONEY: Final = (
    Listing(
        name="deposit", columns=ACCOUNTS, ask=_own(Queries.accounts), row=account_row, filters=(_CLIENT, _CURRENCY)
    ),
    Listing(name="statement", columns=STATEMENT, ask=_statement, row=statement_row, filters=(_CLIENT, _CURRENCY)),
)


def common_of(who: Who) -> dict[str, Any]:
    """What every page of the account is given: its own navigation."""
    found = []
    if who.participant is not None:
        found += ["", "deposit", "orders", "deals", "contracts", "registers", "people", "clients"]
    if who.role is Role.PARTICIPANT_ADMIN:
        found.append("switches")
    return {"account_pages": [*found, "login"]}


class Account:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self._services = services
        self._queries = services.queries
        self._rendering = rendering

    async def company(self, call: Call) -> Response:
        who = call.caller
        if who.participant is None:
            return self._rendering.page(call, "account/company.html", mine=None, **common_of(who))
        mine = await read(lambda: mine_of(self._queries, who.participant or ""))
        if mine is None:
            raise missing("participant")
        traders = await read(lambda: self._queries.traders(scope=who.participant, limit=LIMIT_MAX).rows)
        accounts = await read(lambda: self._queries.accounts(scope=who.participant, limit=20).rows)
        names = self._rendering.names(self._queries)
        await read(lambda: names.learn(accounts))
        return self._rendering.page(
            call,
            "account/company.html",
            mine=mine,
            traders=traders,
            accounts=accounts,
            client_names=names.clients,
            **common_of(who),
        )

    async def listing(self, call: Call, it: Listing) -> Response:
        query = call.query
        if query.format:
            return await self._exported(call, it)
        table = await self._table(call, it, query)
        return self._rendering.page(
            call,
            "account/listing.html",
            tables=[(table, {})],
            listing=it,
            query=query,
            head=it.name,
            filters_path=f"/account/{it.name}",
            **common_of(call.caller),
        )

    async def deposit(self, call: Call) -> Response:
        """Accounts, and below them what moved them."""
        query = call.query
        if query.format:
            return await self._exported(call, MONEY[1] if query.table == "statement" else MONEY[0])
        tables = []
        for it in MONEY:
            asked = query if (query.table or "statement") == it.name else TableQuery()
            tables.append((await self._table(call, it, asked), {"table": it.name}))
        return self._rendering.page(
            call,
            "account/listing.html",
            tables=tables,
            listing=MONEY[0],
            query=query,
            head="deposit",
            filters_path="/account/deposit",
            **common_of(call.caller),
        )

    async def order(self, call: Call) -> Response:
        participant, number = self._participant(call), path_number(call, "order")
        words = self._rendering.words[call.language]
        order = await read(lambda: self._queries.order(number, scope=participant))
        if order is None:
            raise missing("order")
        history = await read(
            lambda: ask_all(
                lambda cursor, limit: self._queries.order_events(
                    scope=participant, order=number, cursor=cursor, limit=limit
                )
            )
        )
        if call.query.format:
            return await exported(words, call, history, HISTORY, f"order-{number}", call.query.format, history_row)
        table = table_of(
            words,
            call.query,
            history,
            history_row,
            name="history",
            caption="account.history",
            columns=HISTORY,
            empty="account.history",
        )
        names = self._rendering.names(self._queries)
        await read(lambda: names.learn([order]))
        return self._rendering.page(
            call,
            "account/order.html",
            order=order,
            table=table,
            named=names.good(order.instrument),
            client=names.client(order.client),
            **common_of(call.caller),
        )

    async def registers(self, call: Call) -> Response:
        """The sessions in which the company made deals."""
        participant, query = self._participant(call), call.query
        words, names = self._rendering.words[call.language], self._rendering.names(self._queries)
        row = partial(registers_row, names=names)

        def ask(cursor: str | None, limit: int) -> Page[SessionDeals]:
            return names.page(self._queries.sessions_of(participant, cursor=cursor, limit=limit))

        if query.format:
            return await exported(words, call, ask, REGISTERS, "registers", query.format, row)
        page = await read(lambda: ask(query.cursor, WHOLE_MAX))
        table = table_of(
            words,
            query,
            page,
            row,
            name="registers",
            caption="account.registers",
            columns=REGISTERS,
            empty="account.registers.empty",
        )
        return self._listed(call, [(table, {})], "registers")

    async def register(self, call: Call) -> Response:
        """A company's register of one session (CTR-02)."""
        participant, session, query = self._participant(call), call.path["session"], call.query
        words, names = self._rendering.words[call.language], self._rendering.names(self._queries)
        row = partial(register_row, names=names)
        known = await read(lambda: self._queries.sessions(session=session, limit=1).rows)
        if not known:
            raise missing("session")

        def ask(cursor: str | None, limit: int) -> Page[Any]:
            return names.page(self._queries.register(session, scope=participant, cursor=cursor, limit=limit))

        if query.format:
            return await exported(words, call, ask, REGISTER, f"register-{session}", query.format, row)
        page = await read(lambda: ask(query.cursor, WHOLE_MAX))
        table = table_of(
            words,
            query,
            page,
            row,
            name="register",
            caption="account.register",
            columns=REGISTER,
            empty="account.register.empty",
        )
        return self._rendering.page(
            call, "account/register.html", session=known[0], table=table, **common_of(call.caller)
        )

    def _listed(self, call: Call, tables: list[tuple[Any, dict[str, str]]], head: str) -> Response:
        return self._rendering.page(
            call,
            "account/listing.html",
            tables=tables,
            listing=None,
            query=call.query,
            head=head,
            filters_path="",
            **common_of(call.caller),
        )

    async def _table(self, call: Call, it: Listing, asked: TableQuery) -> Table:
        """A list with the filters of the page, sorted and paged as `asked` says."""
        participant, given = self._participant(call), self._given(it, call.query)
        names = self._rendering.names(self._queries)
        page = await read(lambda: names.page(it.ask(self._queries, participant, given, asked.cursor, WHOLE_MAX)))
        return table_of(
            self._rendering.words[call.language],
            asked,
            page,
            lambda one: it.row(one, names),
            name=it.name,
            caption=f"account.{it.name}",
            columns=it.columns,
            empty=f"account.{it.name}.empty",
        )

    async def _exported(self, call: Call, it: Listing) -> Response:
        participant, given = self._participant(call), self._given(it, call.query)
        words, names = self._rendering.words[call.language], self._rendering.names(self._queries)

        def ask(cursor: str | None, limit: int) -> Page[Any]:
            return names.page(it.ask(self._queries, participant, given, cursor, limit))

        name, form = it.name, call.query.format or ""
        return await exported(words, call, ask, it.columns, name, form, lambda one: it.row(one, names))

    def _participant(self, call: Call) -> str:
        """The caller's own; who has none has no company's account."""
        if call.caller.participant is None:
            raise missing("participant")
        return call.caller.participant

    def _given(self, it: Listing, query: AccountQuery) -> dict[str, Any]:
        """The filters that the list knows, as the views take them; a choice that is none counts as none."""
        given: dict[str, Any] = {}
        for one in it.filters:
            value = getattr(query, one.name)
            if value and (not one.choices or value in one.choices):
                given[one.name] = value
        return given


def account_routes(services: Services, rendering: Rendering) -> list[Route]:
    """The account's pages but for those of one's own login."""
    it = Account(services, rendering)

    def listed(one: Listing) -> Callable[[Call], Any]:
        async def handler(call: Call) -> Response:
            return await it.listing(call, one)

        return handler

    page = partial(Route, method="GET", rule=Rule.PARTICIPANT, tag=TAG, media_type=PAGE)
    return [
        page(path="/account", handler=it.company, summary="The personal account", query=PageQuery, rule=Rule.SIGNED_IN),
        *[
            page(path=f"/account/{one.name}", handler=listed(one), summary=f"Own {one.name}", query=AccountQuery)
            for one in LISTINGS
        ],
        page(path="/account/deposit", handler=it.deposit, summary="Own deposit", query=AccountQuery),
        page(path="/account/orders/{order}", handler=it.order, summary="One own order", query=TableQuery),
        page(path="/account/registers", handler=it.registers, summary="Own registers", query=AccountQuery),
        page(
            path="/account/registers/{session}",
            handler=it.register,
            summary="Own register of a session",
            query=TableQuery,
        ),
        *conditions_routes(services, rendering, common_of),
    ]
