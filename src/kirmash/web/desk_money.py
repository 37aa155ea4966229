"""Money on the desk: accounts, money that came in, withdrawals, statements, contracts and the deposit that they free.

Whoever enters money sees first what he is about to enter. Above the limit it becomes a proposal, as REST does it.
"""

import secrets
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from kirmash.data import currency_digits
from kirmash.gateway.api.asking import missing, path_number, read
from kirmash.gateway.api.commands import needs_second
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.queries import Page, Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.queries.names import CONTRACT_STATES, WITHDRAWAL_STATES
from kirmash.web import columns
from kirmash.web.account_columns import STATEMENT, goods_of, statement_row
from kirmash.web.desk import Desk, DeskQuery, Failed, Fault, Form, desk_form, desk_page, form_of, fresh, given_only
from kirmash.web.desk_company import participant_path
from kirmash.web.desk_lists import Filter, Listing, ListQuery, Lists, choices_of, list_routes
from kirmash.web.forms import go_to
from kirmash.web.naming import Names
from kirmash.web.paths import session_path
from kirmash.web.tables import Column, Row
from kirmash.web.ticket import figure_in
from kirmash.web.words import Words

MONEY: Final = "/desk/money"
WITHDRAWALS: Final = "/desk/withdrawals"
CONTRACTS: Final = "/desk/contracts"
USUAL: Final = ("BYN", "USD", "EUR", "RUB", "CNY")
"""Currencies that stand first where one is chosen."""
READY: Final = "ready"
ENDS: Final = {"perform": "perform_contract", "terminate": "terminate_contract"}
DECISIONS: Final = {"confirm": "confirm_withdrawal", "cancel": "cancel_withdrawal"}

_WHOSE: Final = (
    columns.named("participant", "desk.field.participant", "company"),
    columns.named("client", "own.client"),
)
ACCOUNTS: Final = (
    *_WHOSE,
    Column(name="currency", label="common.currency", kind="code"),
    Column(name="free", label="own.free", kind="figure"),
    Column(name="reserved", label="own.reserved", kind="figure"),
    Column(name="blocked", label="own.blocked", kind="figure"),
    Column(name="withdrawing", label="account.withdrawing", kind="figure"),
    Column(name="at", label="account.changed", kind="moment"),
    Column(name="statement", label="account.statement", kind="link", href="statement_of", sortable=False, short=True),
)
CREDITS: Final = (
    Column(name="number", label="account.number", kind="count"),
    Column(name="at", label="common.time", kind="moment"),
    *_WHOSE,
    Column(name="amount", label="desk.field.amount", kind="figure"),
    Column(name="currency", label="common.currency", kind="code"),
    Column(name="state", label="desk.field.state", words=lambda w, value: w.text(f"desk.credit.{value}"), short=True),
)
WITHDRAWN: Final = (
    Column(name="withdrawal", label="desk.field.withdrawal", kind="code", href="href"),
    *_WHOSE,
    Column(name="amount", label="desk.field.amount", kind="figure"),
    Column(name="currency", label="common.currency", kind="code"),
    Column(
        name="state", label="desk.field.state", words=lambda w, value: w.text(f"desk.withdrawal.{value}"), short=True
    ),
    Column(name="requested_at", label="desk.field.requested", kind="moment"),
    Column(name="at", label="account.changed", kind="moment"),
)
CONTRACTED: Final = (
    Column(name="deal", label="own.deal", kind="count", href="href"),
    Column(name="state", label="desk.field.state", words=lambda w, value: w.text(f"account.contract_state.{value}")),
    columns.session("session_page"),
    columns.GOOD,
    columns.PRICE,
    columns.CURRENCY,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    columns.named("buyer", "account.buyer", "buyer_page"),
    columns.named("seller", "account.seller", "seller_page"),
    Column(name="opened_at", label="account.opened", kind="moment"),
    Column(name="reason", label="account.reason"),
)


class FromQuery(DeskQuery, frozen=True, kw_only=True):
    """For whom a form begins."""

    participant: str | None = None
    client: str | None = None
    currency: str | None = None


def statement_path(participant: str) -> str:
    """The statement of a participant."""
    return f"/desk/statement/{quote(participant, safe='')}"


def withdrawal_path(withdrawal: str) -> str:
    """A withdrawal's page."""
    return f"{WITHDRAWALS}/{quote(withdrawal, safe='')}"


def whose(it: Any, names: Names) -> Row:
    """Whose money a row is about."""
    return {
        "participant": it.participant,
        "participant_name": names.company(it.participant),
        "company": participant_path(it.participant),
        "client": it.client,
        "client_name": names.client(it.client),
    }


def _account_row(words: Words, it: rows.Account, names: Names) -> Row:
    fields = ("participant", "client", "currency", "free", "reserved", "blocked", "withdrawing", "at")
    return {
        **{name: getattr(it, name) for name in fields},
        **whose(it, names),
        "statement": words.text("desk.open"),
        "statement_of": statement_path(it.participant),
    }


def _credit_row(_: Words, it: rows.Credit, names: Names) -> Row:
    fields = ("number", "at", "participant", "client", "amount", "currency")
    state = "refused" if it.refused else "pending" if it.effective is None else "there"
    return {
        **{name: getattr(it, name) for name in fields},
        **whose(it, names),
        "state": state,
    }


def _withdrawal_row(_: Words, it: rows.Withdrawal, names: Names) -> Row:
    fields = ("withdrawal", "participant", "client", "amount", "currency", "state", "requested_at", "at")
    return {
        **{name: getattr(it, name) for name in fields},
        **whose(it, names),
        "href": withdrawal_path(it.withdrawal),
    }


def _contract_row(_: Words, it: rows.Contract, names: Names) -> Row:
    fields = ("deal", "state", "session", "price", "quantity", "currency", "buyer", "seller", "opened_at", "reason")
    return {
        **{name: getattr(it, name) for name in fields},
        **goods_of(it.instrument, names),
        "session_title": names.session(it.session),
        "session_page": session_path(it.session),
        "buyer_name": names.company(it.buyer),
        "seller_name": names.company(it.seller),
        "href": f"{CONTRACTS}/{it.deal}",
        "buyer_page": participant_path(it.buyer or ""),
        "seller_page": participant_path(it.seller or ""),
    }


def _statement_row(_: Words, it: rows.StatementLine, names: Names) -> Row:
    # The number of an order leads nowhere from here: its history is its owner's page.
    return {**statement_row(it, names), "href": None}


def _accounts(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.accounts(scope=None, cursor=cursor, limit=limit, **given)


def _credits(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.credits(scope=None, cursor=cursor, limit=limit, **given)


def _withdrawals(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.withdrawals(scope=None, cursor=cursor, limit=limit, **given)


def _contracts(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.contracts(scope=None, cursor=cursor, limit=limit, **given)


_PARTICIPANT: Final = Filter(name="participant", label="desk.field.participant")
_CLIENT: Final = Filter(name="client", label="own.client")
_CURRENCY: Final = Filter(name="currency", label="common.currency")
_SIBLINGS: Final = (
    (MONEY, "desk.money"),
    (f"{MONEY}/credits", "desk.credits"),
    (WITHDRAWALS, "desk.withdrawals"),
    (CONTRACTS, "desk.contracts"),
)
_ACTIONS: Final = ((f"{MONEY}/credit", "desk.money_in"), (f"{WITHDRAWALS}/new", "desk.money_out"))
LISTINGS: Final = (
    Listing(
        name="money",
        path=MONEY,
        columns=ACCOUNTS,
        ask=_accounts,
        row=_account_row,
        named=True,
        filters=(_PARTICIPANT, _CLIENT, _CURRENCY),
        actions=_ACTIONS,
        siblings=_SIBLINGS,
    ),
    Listing(
        name="credits",
        path=f"{MONEY}/credits",
        columns=CREDITS,
        ask=_credits,
        row=_credit_row,
        named=True,
        filters=(_PARTICIPANT, _CLIENT, _CURRENCY),
        actions=_ACTIONS[:1],
        siblings=_SIBLINGS,
    ),
    Listing(
        name="withdrawals",
        path=WITHDRAWALS,
        columns=WITHDRAWN,
        ask=_withdrawals,
        row=_withdrawal_row,
        named=True,
        filters=(
            Filter(
                name="state",
                label="desk.field.state",
                choices=choices_of("desk.withdrawal", *WITHDRAWAL_STATES.values()),
                first=READY,
            ),
            _PARTICIPANT,
            _CLIENT,
        ),
        actions=_ACTIONS[1:],
        siblings=_SIBLINGS,
    ),
    Listing(
        name="contracts",
        path=CONTRACTS,
        columns=CONTRACTED,
        ask=_contracts,
        row=_contract_row,
        named=True,
        filters=(
            Filter(
                name="state",
                label="desk.field.state",
                choices=choices_of("account.contract_state", *CONTRACT_STATES.values()),
            ),
            _PARTICIPANT,
            Filter(name="session", label="common.session"),
        ),
        siblings=_SIBLINGS,
    ),
)


def currency_choices(*first: str) -> list[tuple[str, str]]:
    """Currencies, the usual ones before the others."""
    head = [it for it in dict.fromkeys((*first, *USUAL)) if it]
    return [(it, it) for it in [*head, *(code for code in sorted(currency_digits()) if code not in head)]]


class Money:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._queries: Final[Queries] = desk.services.queries
        self._lists: Final = Lists(desk)

    # Money in ----------------------------------------------------------------------------------------------------

    async def new_credit(self, call: Call) -> Response:
        return await self._amount_page(call, await self._begun(call, "credit"))

    async def _begun(self, call: Call, name: str) -> Form:
        """Whose it is comes from the address; of which account, from those that he has."""
        query: FromQuery = call.query
        participant = (query.participant or "").strip()
        _, accounts, __ = await read(lambda: self._whose(participant))
        account = accounts[0] if accounts else None
        return fresh(
            name,
            participant=participant,
            client=query.client or ((account.client or "") if account else ""),
            currency=query.currency or (account.currency if account else USUAL[0]),
            withdrawal=f"w-{secrets.token_hex(4)}",
        )

    async def _amount_page(self, call: Call, form: Form) -> Response:
        """The form of money in or out, with the accounts of whom it is for."""
        participant = form.value("participant").strip()
        found, accounts, clients = await read(lambda: self._whose(participant))
        return await self._desk.page(
            call,
            "desk/money_form.html",
            form.status,
            form=form,
            found=found,
            accounts=accounts,
            clients=[it.client for it in clients],
            client_names={it.client: it.name for it in clients},
            currencies=currency_choices(*sorted({it.currency for it in accounts})),
            path_of=participant_path,
        )

    def _whose(self, participant: str) -> tuple[rows.Participant | None, list[rows.Account], list[rows.Client]]:
        q = self._queries
        found = q.participants(scope=None, participant=participant, limit=1).rows if participant else []
        if not found:
            return None, [], []
        accounts = q.accounts(scope=None, participant=participant, limit=LIMIT_MAX).rows
        return found[0], accounts, q.clients(scope=None, participant=participant, limit=LIMIT_MAX).rows

    async def credit(self, call: Call) -> Response:
        """Asked once more before it is entered; what would be rejected is told at once."""
        typed, client_id = form_of(call)
        values = given_only(
            participant=typed.get("participant"),
            client=typed.get("client"),
            currency=typed.get("currency"),
            amount=figure_in(typed.get("amount", ""), call.language),
        )
        try:
            if typed.get("step") != "enter":
                await self._desk.rehearse(call, "credit_deposit", values)
                return await self._asked(call, fresh("credit").again(typed, client_id), values)
            done = await self._desk.give(call, "credit_deposit", values, client_id, typed.get("reason", "").strip())
        except Failed as error:
            return await self._amount_page(call, fresh("credit").failed(error, typed, client_id))
        return go_to(
            done.then(MONEY if done.proposal is None else "/desk/proposals", participant=values["participant"])
        )

    async def _asked(self, call: Call, form: Form, values: dict[str, Any]) -> Response:
        found, accounts, clients = await read(lambda: self._whose(values["participant"].strip()))
        whose = (values.get("client"), values["currency"])
        return await self._desk.page(
            call,
            "desk/money_asked.html",
            form=form,
            values=values,
            client=values.get("client"),
            client_names={it.client: it.name for it in clients},
            found=found,
            account=next((it for it in accounts if (it.client, it.currency) == whose), None),
            second=needs_second(self._desk.services, call.caller, "credit_deposit", values),
            limit=self._desk.services.config.identity.credit_above,
        )

    # Money out ---------------------------------------------------------------------------------------------------

    async def new_withdrawal(self, call: Call) -> Response:
        return await self._amount_page(call, await self._begun(call, "withdrawal"))

    async def request(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        values = given_only(
            withdrawal=typed.get("withdrawal"),
            participant=typed.get("participant"),
            client=typed.get("client"),
            currency=typed.get("currency"),
            amount=figure_in(typed.get("amount", ""), call.language),
        )
        try:
            self._desk.check_id(call, "withdrawal", typed.get("withdrawal", ""))
            done = await self._desk.give(call, "request_withdrawal", values, client_id)
        except Failed as error:
            return await self._amount_page(call, fresh("withdrawal").failed(error, typed, client_id))
        return go_to(done.then(withdrawal_path(values["withdrawal"].strip())))

    async def withdrawal(self, call: Call) -> Response:
        return await self._withdrawal_page(call, fresh("decide"))

    async def _withdrawal_page(self, call: Call, form: Form) -> Response:
        name = call.path["withdrawal"]
        # What was just asked for is settled by the market a moment later; the page tells of both.
        said = await self._desk.waited(call)
        found = await read(lambda: self._queries.withdrawals(scope=None, withdrawal=name, limit=1).rows)
        if not found:
            raise missing("withdrawal")
        it = found[0]
        whose, _, clients = await read(lambda: self._whose(it.participant))
        waiting = await read(lambda: self._queries.withdrawals(scope=None, state=READY, limit=2).rows)
        return await self._desk.page(
            call,
            "desk/money_withdrawal.html",
            form.status,
            form=form,
            it=it,
            found=whose,
            client_names={one.client: one.name for one in clients},
            said=said,
            path_of=participant_path,
            following=next((withdrawal_path(one.withdrawal) for one in waiting if one.withdrawal != name), None),
        )

    async def decide(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        name = call.path["withdrawal"]
        command = DECISIONS.get(typed.get("decision", ""))
        try:
            if command is None:
                raise Failed([Fault(field=None, text=self._desk.words(call).text("desk.choose"))], 422)
            done = await self._desk.give(call, command, {"withdrawal": name}, client_id)
        except Failed as error:
            return await self._withdrawal_page(call, fresh("decide").failed(error, typed, client_id))
        return go_to(done.then(withdrawal_path(name)))

    # Statement ---------------------------------------------------------------------------------------------------

    async def statement(self, call: Call) -> Response:
        participant = call.path["participant"]
        found, _, __ = await read(lambda: self._whose(participant))
        if found is None:
            raise missing("participant")

        def ask(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
            return q.statement(participant, scope=participant, cursor=cursor, limit=limit, **given)

        listing = Listing(
            name="statement",
            path=statement_path(participant),
            columns=STATEMENT,
            ask=ask,
            row=_statement_row,
            named=True,
            filters=(_CLIENT, _CURRENCY),
            siblings=((participant_path(participant), "desk.to_participant"), *_SIBLINGS),
        )
        return await self._lists.show(call, listing, subject=found.name)

    # Contracts ---------------------------------------------------------------------------------------------------

    async def contract(self, call: Call) -> Response:
        return await self._contract_page(call, fresh("end"))

    async def _contract_page(self, call: Call, form: Form) -> Response:
        deal = path_number(call, "deal")
        said = await self._desk.waited(call)
        it = await read(lambda: self._queries.contract(deal, scope=None))
        if it is None:
            raise missing("contract")
        names = self._desk.rendering.names(self._queries)
        await read(lambda: names.learn([it]))
        return await self._desk.page(
            call,
            "desk/money_contract.html",
            form.status,
            form=form,
            it=it,
            said=said,
            path_of=participant_path,
            named=names.good(it.instrument),
            names=names,
        )

    async def end(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        deal = path_number(call, "deal")
        command = ENDS.get(typed.get("how", ""))
        try:
            if command is None:
                raise Failed([Fault(field="how", text=self._desk.words(call).text("desk.choose"))], 422)
            values = given_only(deal=deal, reason=typed.get("reason"))
            done = await self._desk.give(call, command, values, client_id)
        except Failed as error:
            return await self._contract_page(call, fresh("end").failed(error, typed, client_id))
        return go_to(done.then(f"{CONTRACTS}/{deal}"))


def money_routes(desk: Desk) -> list[Route]:
    """Accounts, credits, withdrawals, statements, contracts."""
    it = Money(desk)
    return [
        *list_routes(desk, LISTINGS),
        desk_page("/money/credit", it.new_credit, "Desk: money in", query=FromQuery),
        desk_form("/money/credit", it.credit, "Enter money by the form"),
        desk_page("/withdrawals/new", it.new_withdrawal, "Desk: money out", query=FromQuery),
        desk_form("/withdrawals/new", it.request, "Ask for a withdrawal by the form"),
        desk_page("/withdrawals/{withdrawal}", it.withdrawal, "Desk: one withdrawal", Rule.AUDIT),
        desk_form("/withdrawals/{withdrawal}", it.decide, "Confirm or cancel a withdrawal by the form"),
        desk_page("/statement/{participant}", it.statement, "Desk: a statement", Rule.AUDIT, query=ListQuery),
        desk_page("/contracts/{deal}", it.contract, "Desk: one contract", Rule.AUDIT),
        desk_form("/contracts/{deal}", it.end, "End a contract by the form"),
    ]
