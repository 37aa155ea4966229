"""People on the desk: traders, clients of brokers, logins with their one-time passwords, kill switches.

Commands go the way of all forms of the desk; logins and switches are identity's, by the same handlers as REST. A
one-time password is shown on the answer to the form that made it; it is kept for a few seconds only, so that the second
of two clicks does not take it away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.api.managing import (
    Managing,
    NewLoginBody,
    ReasonBody,
    ResetBody,
    SwitchBody,
    page_of_logins,
)
from kirmash.gateway.api.shown import LoginShown, ProvisionedShown, login_of, switch_of
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.identity import Denied, Role
from kirmash.identity.switches import Side, Subject
from kirmash.queries import Page, Queries, rows
from kirmash.web.desk import Desk, Failed, Fault, Form, desk_form, desk_page, form_of, fresh, given_only
from kirmash.web.desk_company import Companies, participant_path
from kirmash.web.desk_lists import Filter, Listing, choices_of, list_routes
from kirmash.web.desk_participants import LISTING, id_from, resident_of
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Row
from kirmash.web.words import Words

SECRET_SECONDS: Final = 15
"""How long the answer to a form with a one-time password is given again to the same form."""
OF_PARTICIPANT: Final = (Role.TRADER.value, Role.PARTICIPANT_ADMIN.value)
OF_EXCHANGE: Final = (Role.OPERATOR.value, Role.AUDITOR.value)
LANGUAGES: Final = ("ru", "en")
SWITCH_PLACES: Final = frozenset(it.value for it in Subject)

TRADERS: Final = (
    Column(name="trader", label="account.trader", kind="code"),
    Column(name="participant", label="desk.field.participant", kind="code", href="href"),
    Column(name="active", label="account.active", words=lambda w, value: w.text(f"common.{value}"), short=True),
    Column(name="at", label="account.since", kind="moment"),
)
CLIENTS: Final = (
    Column(name="name", label="desk.field.name"),
    Column(name="client", label="own.client", kind="code"),
    Column(name="participant", label="desk.field.broker", kind="code", href="href"),
    Column(name="country", label="account.country", words=lambda w, value: w.country(value), short=True),
    Column(name="resident", label="account.resident", words=lambda w, value: w.text(f"common.{value}"), short=True),
    Column(name="group", label="account.group", kind="code"),
    Column(name="at", label="account.since", kind="moment"),
)
LOGINS: Final = (
    Column(name="name", label="login.name", kind="code", href="href"),
    Column(name="role", label="desk.field.role", words=lambda w, value: w.text(f"role.{value}"), short=True),
    Column(name="participant", label="desk.field.participant", kind="code", href="company"),
    Column(name="trader", label="account.trader", kind="code"),
    Column(name="state", label="desk.field.state", words=lambda w, value: w.text(f"desk.login.{value}"), short=True),
    Column(name="second_factor", label="desk.field.second_factor", words=lambda w, value: w.text(f"common.{value}")),
    Column(name="created", label="desk.field.created", kind="moment"),
)


def login_path(login: str) -> str:
    """A login's page on the desk."""
    return f"/desk/logins/{quote(login, safe='')}"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def state_of_login(it: LoginShown) -> str:
    """blocked, one_time (its password was never changed) or good."""
    if it.blocked:
        return "blocked"
    return "one_time" if it.must_change else "good"


def _trader_row(_: Words, it: rows.Trader) -> Row:
    return {
        "trader": it.trader,
        "participant": it.participant,
        "href": participant_path(it.participant),
        "active": _yes_no(it.active),
        "at": it.at,
    }


def _client_row(_: Words, it: rows.Client) -> Row:
    return {
        **{name: getattr(it, name) for name in ("name", "client", "participant", "country", "group", "at")},
        "href": participant_path(it.participant),
        "resident": _yes_no(it.resident),
    }


def _login_row(_: Words, it: LoginShown) -> Row:
    return {
        "name": it.name,
        "href": login_path(it.id),
        "role": it.role,
        "participant": it.participant,
        "company": None if it.participant is None else participant_path(it.participant),
        "trader": it.trader,
        "state": state_of_login(it),
        "second_factor": _yes_no(it.second_factor),
        "created": it.created,
    }


def _traders(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    active = {"yes": True, "no": False}.get(given.pop("state", ""))
    return q.traders(scope=None, active=active, cursor=cursor, limit=limit, **given)


def _clients(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.clients(scope=None, cursor=cursor, limit=limit, **given)


_PARTICIPANT: Final = Filter(name="participant", label="desk.field.participant")


class Secrets:
    """Answers to forms with a one-time password, for as long as somebody may click twice."""

    def __init__(self) -> None:
        self._made: Final[dict[tuple[str, str, str], asyncio.Task[ProvisionedShown]]] = {}

    async def once(
        self, login: str, client_id: str, about: str, make: Callable[[], Awaitable[ProvisionedShown]]
    ) -> ProvisionedShown:
        """What `make` gives, made once for this form. Raises what it raises, and forgets it then."""
        key = (login, client_id, about)
        task = self._made.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(make))
            if client_id:
                self._made[key] = task
                asyncio.get_running_loop().call_later(SECRET_SECONDS, self._made.pop, key, None)
        try:
            return await asyncio.shield(task)
        except Denied:
            self._made.pop(key, None)
            raise


async def _awaited(make: Callable[[], Awaitable[ProvisionedShown]]) -> ProvisionedShown:
    return await make()


class People:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._identity = desk.services.identity
        self._companies: Final = Companies(desk)
        self._managing: Final = Managing(desk.services)
        self._secrets: Final = Secrets()
        self._country = desk.services.config.exchange.country

    # Traders and clients -----------------------------------------------------------------------------------------

    async def appoint(self, call: Call) -> Response:
        participant = call.path["participant"]
        typed, client_id = form_of(call)
        values = given_only(trader=typed.get("trader"), participant=participant)
        return await self._give(call, "trader", "appoint_trader", values, typed, client_id)

    async def register_client(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        country = typed.get("country", "").strip().upper()
        values = given_only(
            broker=call.path["participant"],
            client=typed.get("client", "").strip() or id_from(typed.get("name", "")),
            name=typed.get("name"),
            country=country,
            resident=resident_of(typed.get("resident", ""), country, self._country),
            group=typed.get("group"),
        )
        kept = {**typed, "client": values.get("client", "")}
        return await self._give(call, "client", "register_client", values, kept, client_id)

    async def _give(
        self, call: Call, form: str, command: str, values: dict[str, Any], typed: dict[str, str], client_id: str
    ) -> Response:
        participant = call.path["participant"]
        try:
            self._desk.check_id(call, form, values.get(form, ""))
            if form == "trader" and len(values.get(form, "").split()) > 1:
                # What is typed with blanks is mostly a person's name, which the journal would keep for ever.
                raise Failed([Fault(field=form, text=self._desk.words(call).text("desk.trader.wrong"))], 422)
            done = await self._desk.give(call, command, values, client_id)
        except Failed as error:
            return await self._companies.page(call, participant, fresh(form).failed(error, typed, client_id))
        return go_to(done.then(participant_path(participant)))

    async def ask_withdraw(self, call: Call) -> Response:
        return await self._withdraw_page(call, fresh("withdraw", open_orders="keep"))

    async def _withdraw_page(self, call: Call, form: Form) -> Response:
        trader = await self._trader(call.path["trader"])
        company = await self._companies.found(trader.participant)
        return await self._desk.page(
            call,
            "desk/participants_trader.html",
            form.status,
            form=form,
            it=trader,
            company=company,
            path_of=participant_path,
        )

    async def _trader(self, trader: str) -> rows.Trader:
        found = await read(lambda: self._desk.services.queries.traders(scope=None, trader=trader, limit=1).rows)
        if not found:
            raise missing("trader")
        return found[0]

    async def withdraw(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        trader = await self._trader(call.path["trader"])
        values = given_only(trader=trader.trader, open_orders=typed.get("open_orders"))
        try:
            done = await self._desk.give(call, "withdraw_trader", values, client_id)
        except Failed as error:
            return await self._withdraw_page(call, fresh("withdraw").failed(error, typed, client_id))
        return go_to(done.then(participant_path(trader.participant)))

    # Logins ------------------------------------------------------------------------------------------------------

    async def add_login(self, call: Call) -> Response:
        """A login of a participant's people."""
        participant = call.path["participant"]
        typed, client_id = form_of(call)
        company = await self._companies.found(participant)
        try:
            role = self._one_of(call, typed, "role", OF_PARTICIPANT)
            trader = None
            if role == Role.TRADER.value:
                active = [it.trader for it in company.traders if it.active]
                trader = self._one_of(call, typed, "trader", tuple(active))
            made = await self._make_login(call, typed, client_id, role, participant, trader)
        except Failed as error:
            return await self._companies.page(call, participant, fresh("login").failed(error, typed, client_id))
        return await self._secret_page(call, made)

    async def _make_login(
        self,
        call: Call,
        typed: dict[str, str],
        client_id: str,
        role: str,
        participant: str | None,
        trader: str | None,
    ) -> ProvisionedShown:
        words = self._desk.words(call)
        values = {
            "name": typed.get("name", "").strip(),
            "role": role,
            "participant": participant,
            "trader": trader,
            "language": self._one_of(call, typed, "language", LANGUAGES),
        }
        try:
            body = msgspec.convert(values, NewLoginBody)
        except msgspec.ValidationError:
            key = "form.missing" if not values["name"] else "desk.login.name_wrong"
            raise Failed([Fault(field="name", text=words.text(key))], 422) from None
        try:
            return await self._secrets.once(
                call.caller.login, client_id, body.name, lambda: self._managing.add(_with(call, body, call.path))
            )
        except Denied as error:
            raise self._desk.denied(call, error, "name") from None

    def _one_of(self, call: Call, typed: dict[str, str], field: str, choices: tuple[str, ...]) -> str:
        value = typed.get(field, "")
        if value not in choices:
            text = self._desk.words(call).text("desk.choose" if choices else "desk.login.no_trader")
            raise Failed([Fault(field=field, text=text)], 422)
        return value

    async def _secret_page(self, call: Call, made: ProvisionedShown) -> Response:
        hours = self._identity.settings.one_time_password // 3600
        login = made.login
        back = login_path(login.id) if login.participant is None else participant_path(login.participant)
        return await self._desk.page(
            call, "desk/participants_secret.html", it=login, password=made.password, hours=hours, back=back
        )

    async def logins(self, call: Call) -> Response:
        return await self._login_page(call)

    def _login(self, call: Call) -> LoginShown:
        found = self._identity.logins(login=call.path["login"])
        if not found:
            raise missing("login")
        return login_of(found[0])

    async def _login_page(self, call: Call, failed: Form | None = None) -> Response:
        it = self._login(call)
        forms = {"block": fresh("block"), "unblock": fresh("unblock"), "reset": fresh("reset")}
        if failed is not None:
            forms[failed.name] = failed
        return await self._desk.page(
            call,
            "desk/participants_login.html",
            200 if failed is None else failed.status,
            it=it,
            state=state_of_login(it),
            forms=forms,
            own=it.id == call.caller.login,
            on_console=it.role in OF_EXCHANGE,
            sessions=len(self._identity.sessions(it.id)),
            keys=len([key for key in self._identity.keys(login=it.id) if key.revoked is None]),
            path_of=participant_path,
            path_of_login=login_path,
        )

    async def block(self, call: Call) -> Response:
        return await self._block(call, "block")

    async def unblock(self, call: Call) -> Response:
        return await self._block(call, "unblock")

    async def _block(self, call: Call, what: str) -> Response:
        typed, client_id = form_of(call)
        it = self._login(call)
        try:
            body = ReasonBody(reason=self._reason(call, typed))
            if what == "block":
                await self._managing.block(_with(call, body, call.path))
            else:
                await self._managing.unblock(_with(call, body, call.path))
        except Denied as error:
            failed = self._desk.denied(call, error)
            return await self._login_page(call, fresh(what).failed(failed, typed, client_id))
        except Failed as error:
            return await self._login_page(call, fresh(what).failed(error, typed, client_id))
        return go_to(login_path(it.id))

    def _reason(self, call: Call, typed: dict[str, str]) -> str:
        reason = typed.get("reason", "").strip()
        if not reason:
            raise Failed([Fault(field="reason", text=self._desk.words(call).text("form.missing"))], 422)
        return reason[:200]

    async def reset(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        body = ResetBody(second_factor=bool(typed.get("second_factor")))
        self._login(call)
        try:
            made = await self._secrets.once(
                call.caller.login,
                client_id,
                call.path["login"],
                lambda: self._managing.reset(_with(call, body, call.path)),
            )
        except Denied as error:
            return await self._login_page(call, fresh("reset").failed(self._desk.denied(call, error), typed, client_id))
        return await self._secret_page(call, made)

    # Kill switches -----------------------------------------------------------------------------------------------

    async def ask_switch(self, call: Call) -> Response:
        return await self._switch_page(call, fresh("switch"))

    async def _switch_page(self, call: Call, form: Form, switched: Any = None) -> Response:
        kind, subject = call.path["kind"], call.path["subject"]
        if kind not in SWITCH_PLACES:
            raise missing("switch")
        participant = subject
        if kind == Subject.TRADER.value:
            participant = (await self._trader(subject)).participant
        company = await self._companies.found(participant)
        found = [switch_of(it) for it in self._identity.switches(participant=None, only_on=True)]
        on = {it.side: it for it in found if (it.kind, it.subject) == (kind, subject)}
        return await self._desk.page(
            call,
            "desk/participants_switch.html",
            form.status,
            form=form,
            kind=kind,
            subject=subject,
            company=company,
            ours=on.get(Side.OPERATOR.value),
            theirs=on.get(Side.PARTICIPANT.value),
            switched=switched,
            path_of=participant_path,
        )

    async def switch(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        kind, subject = call.path["kind"], call.path["subject"]
        if kind not in SWITCH_PLACES or typed.get("on") not in ("on", "off"):
            raise missing("switch")
        # Who it is has to be known to the register: the page finds him, or answers 404.
        page = await self._switch_page(call, fresh("switch"))
        assert page.status_code == 200
        try:
            reason = self._reason(call, typed)
            self._desk.throttle(call.caller)
            body = SwitchBody(kind=Subject(kind), subject=subject, on=typed["on"] == "on", reason=reason)
            switched = await self._managing.switch(_with(call, body, call.path))
        except Denied as error:
            failed = self._desk.denied(call, error)
            return await self._switch_page(call, fresh("switch").failed(failed, typed, client_id))
        except Failed as error:
            return await self._switch_page(call, fresh("switch").failed(error, typed, client_id))
        return await self._switch_page(call, fresh("switch"), switched)


def _with(call: Call, body: Any, path: Any) -> Call:
    """The call as the handler of REST takes it."""
    return Call(call.request, call.who, call.language, path, call.query, body, call.raw)


def people_routes(desk: Desk) -> list[Route]:
    """Traders, clients, logins, switches."""
    it = People(desk)

    def logins(_: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any] | list[Any]:
        identity, participant = desk.services.identity, given.get("participant")
        name, state = given.get("q", "").casefold(), given.get("state")
        if not name and not state:
            return page_of_logins(identity, participant=participant, cursor=cursor, limit=limit)
        found = [login_of(row) for row in identity.logins(participant=participant)]
        return [row for row in found if name in row.name and (not state or state_of_login(row) == state)]

    listings = (
        Listing(
            name="traders",
            path="/desk/traders",
            columns=TRADERS,
            ask=_traders,
            row=_trader_row,
            filters=(
                _PARTICIPANT,
                Filter(name="trader", label="account.trader"),
                Filter(name="state", label="account.active", choices=choices_of("common", "yes", "no")),
            ),
            siblings=LISTING.siblings,
        ),
        Listing(
            name="clients",
            path="/desk/clients",
            columns=CLIENTS,
            ask=_clients,
            row=_client_row,
            filters=(_PARTICIPANT, Filter(name="client", label="own.client")),
            siblings=LISTING.siblings,
        ),
        Listing(
            name="logins",
            path="/desk/logins",
            columns=LOGINS,
            ask=logins,
            row=_login_row,
            filters=(
                Filter(name="q", label="desk.filter.search"),
                _PARTICIPANT,
                Filter(name="state", label="desk.field.state", choices=choices_of("desk.login", *STATES_OF_LOGIN)),
            ),
            siblings=LISTING.siblings,
        ),
    )
    one = "/participants/{participant}"
    return [
        *list_routes(desk, listings),
        desk_form(f"{one}/traders", it.appoint, "Appoint a trader by the form"),
        desk_form(f"{one}/clients", it.register_client, "Register a client by the form"),
        desk_form(f"{one}/logins", it.add_login, "Make a login by the form"),
        desk_page("/traders/{trader}/withdraw", it.ask_withdraw, "Desk: withdraw a trader?"),
        desk_form("/traders/{trader}/withdraw", it.withdraw, "Withdraw a trader by the form"),
        desk_page("/logins/{login}", it.logins, "Desk: one login", Rule.AUDIT),
        desk_form("/logins/{login}/block", it.block, "Block a login by the form"),
        desk_form("/logins/{login}/unblock", it.unblock, "Unblock a login by the form"),
        desk_form("/logins/{login}/reset", it.reset, "A new one-time password by the form"),
        desk_page("/switches/{kind}/{subject}", it.ask_switch, "Desk: stop somebody?"),
        desk_form("/switches/{kind}/{subject}", it.switch, "Set a kill switch by the form"),
    ]


STATES_OF_LOGIN: Final = ("good", "one_time", "blocked")
