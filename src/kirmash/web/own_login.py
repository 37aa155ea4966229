"""One's own login by pages: running sessions, API keys, the second factor; and, for administrators, the kill switches.

What may be done is what REST allows: the same judge (`manages`), the same switch with its cancellations. A secret is
shown on the answer to the form that made it and never again; nothing of it is kept here.
"""

from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Meta, Struct
from starlette.responses import Response

from kirmash.gateway.api.account import cookie_of, manages
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.api.managing import Managing, SwitchBody, Switched
from kirmash.gateway.api.shown import key_of, session_of, switch_of
from kirmash.gateway.app import SESSION_COOKIE
from kirmash.gateway.problems import denied_problem, shape_problem
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Denied, LoginRow, Role, Scope
from kirmash.identity.errors import SessionEnded
from kirmash.identity.switches import Subject
from kirmash.messages.units import nanoseconds
from kirmash.protocol.shapes import ShapeError, read_time
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.account import common_of
from kirmash.web.forms import go_to, read_form
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.ticket import moment_in

TAG: Final = "pages"
LOGIN_PAGE: Final = "/account/login"
SWITCHES_PAGE: Final = "/account/switches"
SCOPES: Final = {"read": (Scope.READ,), "both": (Scope.READ, Scope.COMMANDS)}

Word = Annotated[str, Meta(max_length=200)]
Why = Annotated[str, Meta(max_length=200)]


class DoneQuery(PageQuery, frozen=True, kw_only=True):
    """`done`: what was done just now."""

    done: str | None = None


class KeyForm(Struct, frozen=True, kw_only=True):
    """A new key: whose, its public half, what for, until when (empty: for ever)."""

    login: Word = ""
    public: Annotated[str, Meta(max_length=1000)] = ""
    label: Annotated[str, Meta(max_length=64)] = ""
    scopes: Word = "both"
    expires: Annotated[str, Meta(max_length=40)] = ""


class CodeForm(Struct, frozen=True, kw_only=True):
    code: Annotated[str, Meta(max_length=10)] = ""


class SwitchForm(Struct, frozen=True, kw_only=True):
    """`kind`: participant or trader; `on`: on or off."""

    kind: Word = ""
    subject: Word = ""
    on: Word = ""
    reason: Why = ""


DONE: Final = frozenset({"session_ended", "key_added", "key_revoked", "second_factor"})


class OwnLogin:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self._services = services
        self._identity = services.identity
        self._rendering = rendering
        self._all_keys = services.identity.keys
        self._managing = Managing(services)

    # The login ---------------------------------------------------------------------------------------------------

    async def show(self, call: Call) -> Response:
        done = call.query.done
        return self._page(call, 200, done=done if done in DONE else None)

    def _page(self, call: Call, status: int, **values: Any) -> Response:
        who = call.caller
        logins = {it.id: it for it in self._logins(call)}
        admin = who.role is Role.PARTICIPANT_ADMIN
        keys = self._identity.keys(participant=who.participant) if admin else self._identity.keys(login=who.login)
        given: dict[str, Any] = {"done": None, "error": None, "secret": None, "form": KeyForm(), **values}
        return self._rendering.page(
            call,
            "account/login.html",
            status,
            me=logins[who.login],
            must_enrol=who.must_enrol,
            logins=logins,
            sessions=[session_of(row, who) for row in self._identity.sessions(who.login)],
            keys=[key_of(row) for row in keys],
            scopes=SCOPES,
            **given,
            **common_of(who),
        )

    def _logins(self, call: Call) -> list[LoginRow]:
        """The logins whose keys the caller may manage by this page: his own, an administrator his traders'."""
        who = call.caller
        own = self._identity.logins(login=who.login)
        if who.role is not Role.PARTICIPANT_ADMIN:
            return own
        others = self._identity.logins(participant=who.participant)
        return [*own, *[it for it in others if it.id != who.login and it.role is Role.TRADER]]

    async def end_session(self, call: Call) -> Response:
        self._identity.revoke_session(call.caller.login, call.path["session"])
        return go_to(f"{LOGIN_PAGE}?done=session_ended")

    async def add_key(self, call: Call) -> Response:
        form, who = read_form(call, KeyForm), call.caller
        login = form.login or who.login
        if not manages(self._services, who, login):
            raise missing("login")
        try:
            expires = None
            if form.expires:
                expires = nanoseconds(read_time(moment_in(form.expires, self._rendering.zone), "expires"))
            scopes = SCOPES.get(form.scopes, SCOPES["read"])
            self._identity.add_key(login, form.public.strip(), form.label.strip(), scopes, expires, by=who.login)
        except SessionEnded:
            raise
        except (Denied, ShapeError) as error:
            return self._failed(call, error, form=form)
        return go_to(f"{LOGIN_PAGE}?done=key_added")

    async def revoke_key(self, call: Call) -> Response:
        found = [row for row in self._all_keys() if row.id == call.path["key"]]
        if not found or not manages(self._services, call.caller, found[0].login):
            raise missing("key")
        self._identity.revoke_key(found[0].id, by=call.caller.login)
        return go_to(f"{LOGIN_PAGE}?done=key_revoked")

    async def start_second_factor(self, call: Call) -> Response:
        try:
            uri = self._identity.start_totp(call.request.cookies[SESSION_COOKIE])
        except SessionEnded:
            raise
        except Denied as error:
            return self._failed(call, error)
        return self._page(call, 200, secret=secret_of(uri))

    async def confirm_second_factor(self, call: Call) -> Response:
        form = read_form(call, CodeForm)
        token = call.request.cookies[SESSION_COOKIE]
        try:
            opened = self._identity.confirm_totp(token, form.code.replace(" ", ""), call.address)
        except SessionEnded:
            raise
        except Denied as error:
            return self._failed(call, error)
        response = go_to(f"{LOGIN_PAGE}?done=second_factor")
        response.headers["Set-Cookie"] = cookie_of(self._services, opened)
        return response

    def _failed(self, call: Call, error: Denied | ShapeError, **values: Any) -> Response:
        problem = shape_problem(error) if isinstance(error, ShapeError) else denied_problem(error)
        response = self._page(call, problem.status, error=problem.value(call.language), **values)
        response.headers.update(problem.headers)
        return response

    # Kill switches -----------------------------------------------------------------------------------------------

    async def switches(self, call: Call) -> Response:
        return await self._switches_page(call, 200)

    async def switch(self, call: Call) -> Response:
        form = read_form(call, SwitchForm)
        if form.kind not in tuple(Subject) or not form.subject or form.on not in ("on", "off"):
            raise missing("switch")
        if not form.reason.strip():
            return await self._switches_page(call, 422, lacking=form)
        body = SwitchBody(kind=Subject(form.kind), subject=form.subject, on=form.on == "on", reason=form.reason.strip())
        switched = await self._managing.switch(
            Call(call.request, call.who, call.language, call.path, call.query, body, call.raw)
        )
        return await self._switches_page(call, 200, switched=switched)

    async def _switches_page(
        self, call: Call, status: int, switched: Switched | None = None, lacking: SwitchForm | None = None
    ) -> Response:
        who = call.caller
        if who.participant is None:
            raise missing("participant")
        traders = await read(lambda: self._services.queries.traders(scope=who.participant, limit=LIMIT_MAX).rows)
        with_login = {it.trader for it in self._identity.logins(participant=who.participant) if it.trader}
        found = [switch_of(it) for it in self._identity.switches(participant=who.participant)]
        subjects = [("participant", who.participant)]
        subjects += [("trader", it.trader) for it in traders if it.trader in with_login]
        return self._rendering.page(
            call,
            "account/switches.html",
            status,
            subjects=subjects,
            on={(it.kind, it.subject, it.side): it for it in found if it.on},
            switches=found,
            switched=switched,
            lacking=lacking,
            **common_of(who),
        )


def secret_of(uri: str) -> tuple[str, str]:
    """A second factor's address for the device, and its secret in groups of four for typing."""
    secret = parse_qs(urlsplit(uri).query).get("secret", [""])[0]
    return uri, " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def own_login_routes(services: Services, rendering: Rendering) -> list[Route]:
    """Sessions, keys, second factor, kill switches."""
    it = OwnLogin(services, rendering)
    own = partial(Route, tag=TAG, media_type=PAGE, by_session=True)
    page = partial(own, method="GET")
    form = partial(own, method="POST", rule=Rule.SIGNED_IN, raw_body=True)
    return [
        page(rule=Rule.SIGNED_IN, path=LOGIN_PAGE, handler=it.show, summary="One's own login", query=DoneQuery),
        form(path="/account/sessions/{session}/end", handler=it.end_session, summary="End a session"),
        form(path="/account/keys", handler=it.add_key, summary="Add a key by the form"),
        form(path="/account/keys/{key}/revoke", handler=it.revoke_key, summary="Revoke a key by the form"),
        form(path="/account/second-factor", handler=it.start_second_factor, summary="Begin a second factor"),
        form(
            path="/account/second-factor/confirm",
            handler=it.confirm_second_factor,
            summary="Confirm a second factor by the form",
        ),
        page(
            rule=Rule.OVERSIGHT,
            path=SWITCHES_PAGE,
            handler=it.switches,
            summary="Kill switches",
            query=PageQuery,
        ),
        form(path=SWITCHES_PAGE, handler=it.switch, summary="Set a kill switch", rule=Rule.ADMIN),
    ]
