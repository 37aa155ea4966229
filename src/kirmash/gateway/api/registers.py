"""Registers and money: each participant sees what is his own, his clients' rows too; operators and auditors see all.

The scope is always `Call.own`; a filter can only narrow it. Of what is another's nobody learns even that it is there.
"""

from collections.abc import Callable
from typing import Any, Final

from kirmash.gateway.api.asking import Ask, AtNumber, Ordinal, Window, path_number, view
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.queries import Queries, rows

REGISTERS: Final = "registers"
TRADING: Final = "orders and deals"
MONEY: Final = "money"


class ParticipantsQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    country: str | None = None
    group: str | None = None
    admitted: bool | None = None


class ClientsQuery(Window, frozen=True, kw_only=True):
    """`participant`: whose clients they are."""

    participant: str | None = None
    client: str | None = None


class TradersQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    trader: str | None = None
    active: bool | None = None


class PermissionsQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    section: str | None = None
    side: str | None = None


class ProfilesQuery(Window, frozen=True, kw_only=True):
    trader: str | None = None


class OrdersQuery(Window, frozen=True, kw_only=True):
    """`open`: with something left, parked ones too, or without. `instrument` needs a session beside it."""

    participant: str | None = None
    client: str | None = None
    trader: str | None = None
    session: str | None = None
    instrument: str | None = None
    side: str | None = None
    state: str | None = None
    open: bool | None = None


class OrderEventsQuery(Window, frozen=True, kw_only=True):
    """`after`: only those of later records."""

    after: Ordinal | None = None


class AllOrderEventsQuery(OrderEventsQuery, frozen=True, kw_only=True):
    """`participant`: needed from operators and auditors."""

    participant: str | None = None


class DealsQuery(Window, frozen=True, kw_only=True):
    """`participant` and `client` are on either side. `instrument` needs a session beside it."""

    participant: str | None = None
    client: str | None = None
    session: str | None = None
    instrument: str | None = None
    order: Ordinal | None = None


class ContractsQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    client: str | None = None
    session: str | None = None
    state: str | None = None


class MoneyQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    client: str | None = None
    currency: str | None = None


class StatementQuery(Window, frozen=True, kw_only=True):
    """`participant`: needed from operators and auditors. `after`: only what later records did."""

    participant: str | None = None
    client: str | None = None
    currency: str | None = None
    after: Ordinal | None = None


class WithdrawalsQuery(Window, frozen=True, kw_only=True):
    participant: str | None = None
    client: str | None = None
    withdrawal: str | None = None
    state: str | None = None


def _statement(queries: Queries, call: Call, given: dict[str, Any]) -> Any:
    participant = given.pop("participant") or call.own
    if participant is None:
        raise Problem(400, "shape", "participant: is missing", field="participant")
    return queries.statement(participant, scope=call.own, **given)


def _order_history(queries: Queries, call: Call, given: dict[str, Any]) -> Any:
    order = path_number(call, "order")
    if queries.order(order, scope=call.own) is None:
        return None
    return queries.order_events(scope=call.own, order=order, **given)


Of = Callable[..., Any]
"""A method of Queries."""


class _Adding:
    """Makes views in a participant's scope."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def view(
        self,
        path: str,
        summary: str,
        tag: str,
        ask: Ask,
        row: Any,
        query: type[AtNumber],
        *,
        rule: Rule = Rule.PARTICIPANT,
        **more: str,
    ) -> Route:
        return view(self._services, path, rule, summary, ask, tag=tag, row=row, query=query, **more)

    def listed(self, path: str, summary: str, tag: str, of: Of, row: Any, query: type[AtNumber]) -> Route:
        """A list of the queries."""
        return self.view(path, summary, tag, lambda q, c, f: of(q, scope=c.own, **f), row, query)

    def single(self, path: str, summary: str, tag: str, of: Of, row: Any, what: str) -> Route:
        """The one row of such a list that has the id in the path."""

        def ask(queries: Queries, call: Call, _: dict[str, Any]) -> Any:
            return of(queries, scope=call.own, **{what: call.path[what]}, limit=1)

        return self.view(path, summary, tag, ask, row, AtNumber, one=what)

    def numbered(self, path: str, summary: str, tag: str, of: Of, row: Any, what: str) -> Route:
        """The row with the number in the path."""

        def ask(queries: Queries, call: Call, _: dict[str, Any]) -> Any:
            return of(queries, path_number(call, what), scope=call.own)

        return self.view(path, summary, tag, ask, row, AtNumber, one=what)


def register_routes(services: Services) -> list[Route]:
    """Views in a participant's scope."""
    add = _Adding(services)
    return [*_registers(add), *_trading(add), *_money(add)]


def _registers(add: _Adding) -> list[Route]:
    return [
        add.listed(
            "/participants", "Participants", REGISTERS, Queries.participants, rows.Participant, ParticipantsQuery
        ),
        add.single(
            "/participants/{participant}",
            "One participant",
            REGISTERS,
            Queries.participants,
            rows.Participant,
            "participant",
        ),
        add.listed("/clients", "Clients of brokers", REGISTERS, Queries.clients, rows.Client, ClientsQuery),
        add.single("/clients/{client}", "One client", REGISTERS, Queries.clients, rows.Client, "client"),
        add.listed("/traders", "Traders", REGISTERS, Queries.traders, rows.Trader, TradersQuery),
        add.single("/traders/{trader}", "One trader", REGISTERS, Queries.traders, rows.Trader, "trader"),
        add.listed(
            "/permissions", "Permissions in force", REGISTERS, Queries.permissions, rows.Permission, PermissionsQuery
        ),
        add.view(
            "/profiles",
            "The latest profile of each person, by its hash",
            REGISTERS,
            lambda q, _, f: q.profiles(**f),
            rows.Profile,
            ProfilesQuery,
            rule=Rule.OPERATOR,
        ),
    ]


def _trading(add: _Adding) -> list[Route]:
    return [
        add.listed("/orders", "Orders, the latest first", TRADING, Queries.orders, rows.Order, OrdersQuery),
        add.numbered("/orders/{order}", "One order", TRADING, Queries.order, rows.Order, "order"),
        add.view(
            "/orders/{order}/history",
            "What happened to an order",
            TRADING,
            _order_history,
            rows.OrderEvent,
            OrderEventsQuery,
            of="order",
        ),
        add.listed(
            "/order-events",
            "What happened to all orders of a participant, by number",
            TRADING,
            Queries.order_events,
            rows.OrderEvent,
            AllOrderEventsQuery,
        ),
        add.listed("/deals", "Deals, the latest first", TRADING, Queries.deals, rows.Deal, DealsQuery),
        add.numbered("/deals/{deal}", "One deal", TRADING, Queries.deal, rows.Deal, "deal"),
        add.listed("/contracts", "Contracts", TRADING, Queries.contracts, rows.Contract, ContractsQuery),
        add.numbered("/contracts/{deal}", "The contract of a deal", TRADING, Queries.contract, rows.Contract, "deal"),
    ]


def _money(add: _Adding) -> list[Route]:
    return [
        add.listed("/accounts", "Deposit accounts", MONEY, Queries.accounts, rows.Account, MoneyQuery),
        add.view(
            "/statement",
            "What moved the accounts of a participant",
            MONEY,
            _statement,
            rows.StatementLine,
            StatementQuery,
        ),
        add.listed("/credits", "Money that came in", MONEY, Queries.credits, rows.Credit, MoneyQuery),
        add.listed("/withdrawals", "Withdrawals", MONEY, Queries.withdrawals, rows.Withdrawal, WithdrawalsQuery),
        add.single(
            "/withdrawals/{withdrawal}", "One withdrawal", MONEY, Queries.withdrawals, rows.Withdrawal, "withdrawal"
        ),
    ]
