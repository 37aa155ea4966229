"""One's own login: coming in and going out, password, second factor, sessions, keys.

The cookie is the only thing that is set here, and it is renewed whenever identity opens a new session. A password or
code is handed on and kept nowhere.
"""

from functools import partial
from typing import Annotated, Final

from msgspec import Meta, Struct, field
from starlette.responses import Response

from kirmash.gateway.api.asking import PREFIX, missing
from kirmash.gateway.api.shown import KeyShown, Me, SessionShown, key_of, me_of, session_of
from kirmash.gateway.app import SESSION_COOKIE, is_json
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Answered, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Opened, Role, Scope, Who
from kirmash.messages.limits import TEXT_BYTES_MAX
from kirmash.messages.units import nanoseconds
from kirmash.protocol.shapes import read_time

TAG: Final = "own login"

Word = Annotated[str, Meta(min_length=1, max_length=TEXT_BYTES_MAX)]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
Code = Annotated[str, Meta(min_length=6, max_length=10)]


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code`: of the second factor, where the login has one."""

    name: Word
    password: Password
    code: Code | None = None


class PasswordBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    old: Password
    new: Password


class CodeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code


class SecondFactor(Struct, frozen=True):
    """What the authenticator reads (otpauth://…). It is a secret and is shown this once."""

    uri: str


class KeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`public`: an Ed25519 public key, PEM or base64 of its 32 bytes. `expires`: RFC 3339. `login`: whose key it will
    be, one's own if absent; an administrator's traders', or, for operators, anybody's."""

    public: Annotated[str, Meta(min_length=1, max_length=1000)]
    label: Annotated[str, Meta(min_length=1, max_length=64)]
    scopes: Annotated[list[Scope], Meta(min_length=1)] = field(default_factory=lambda: [Scope.READ, Scope.COMMANDS])
    expires: str | None = None
    login: Word | None = None


class KeysQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`login`: whose keys; one's own if absent. `all`: of everybody whom one manages."""

    login: Word | None = None
    all: bool = False


class Sessions(Struct, frozen=True):
    items: list[SessionShown]


class KeyList(Struct, frozen=True):
    items: list[KeyShown]


def cookie_of(services: Services, opened: Opened) -> str:
    """The Set-Cookie header of a new session."""
    secure = "; Secure" if services.config.gateway.secure_cookies else ""
    return f"{SESSION_COOKIE}={opened.token}; HttpOnly; SameSite=Lax; Path=/{secure}"


def manages(services: Services, who: Who, login: str) -> bool:
    """Whether somebody may see and change this login's means of access: its own, an administrator his participant's
    traders', an operator everybody's."""
    if who.login == login or who.role is Role.OPERATOR:
        return True
    if who.role is not Role.PARTICIPANT_ADMIN:
        return False
    found = services.identity.logins(login=login)
    return bool(found) and found[0].participant == who.participant and found[0].role is Role.TRADER


class Account:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._identity = services.identity
        self._all_keys = services.identity.keys

    async def login(self, call: Call) -> Answered:
        if not is_json(call.request):
            # A form of another site cannot send this type without asking first, so nobody is logged in by one.
            raise Problem(415, "not_json", "the body has to be application/json")
        body: LoginBody = call.body
        previous = call.request.cookies.get(SESSION_COOKIE)
        opened = await self._identity.login(body.name, body.password, call.address, body.code, previous)
        return self._opened(opened)

    async def logout(self, call: Call) -> Response:
        token = call.request.cookies.get(SESSION_COOKIE)
        if token is not None:
            self._identity.logout(token)
        response = Response(None, 204)
        response.headers["Set-Cookie"] = f"{SESSION_COOKIE}=; Max-Age=0; HttpOnly; SameSite=Lax; Path=/"
        return response

    async def me(self, call: Call) -> Me:
        token = call.request.cookies.get(SESSION_COOKIE)
        by_session = call.caller.via == "session" and token is not None
        return me_of(call.caller, self._identity.csrf(token) if by_session and token is not None else None)

    async def password(self, call: Call) -> Answered:
        body: PasswordBody = call.body
        opened = await self._identity.change_password(_token(call), body.old, body.new, call.address)
        return self._opened(opened)

    async def start_totp(self, call: Call) -> SecondFactor:
        return SecondFactor(self._identity.start_totp(_token(call)))

    async def confirm_totp(self, call: Call) -> Answered:
        return self._opened(self._identity.confirm_totp(_token(call), call.body.code, call.address))

    async def sessions(self, call: Call) -> Sessions:
        who = call.caller
        return Sessions([session_of(row, who) for row in self._identity.sessions(who.login)])

    async def end_session(self, call: Call) -> None:
        self._identity.revoke_session(call.caller.login, call.path["session"])

    async def keys(self, call: Call) -> KeyList:
        query: KeysQuery = call.query
        who = call.caller
        if query.all:
            if who.role in (Role.OPERATOR, Role.AUDITOR):
                return KeyList([key_of(row) for row in self._all_keys()])
            if who.role is not Role.PARTICIPANT_ADMIN:
                raise Problem(403, "forbidden", f"this is for {Rule.OVERSIGHT.value}")
            return KeyList([key_of(row) for row in self._all_keys(participant=who.participant)])
        login = query.login or who.login
        if not manages(self._services, who, login) and who.role is not Role.AUDITOR:
            raise missing("login")
        return KeyList([key_of(row) for row in self._all_keys(login=login)])

    async def add_key(self, call: Call) -> KeyShown:
        body: KeyBody = call.body
        who = call.caller
        login = body.login or who.login
        if not manages(self._services, who, login):
            raise missing("login")
        expires = None if body.expires is None else nanoseconds(read_time(body.expires, "expires"))
        return key_of(self._identity.add_key(login, body.public, body.label, tuple(body.scopes), expires, by=who.login))

    async def revoke_key(self, call: Call) -> None:
        key = call.path["key"]
        found = [row for row in self._all_keys() if row.id == key]
        if not found or not manages(self._services, call.caller, found[0].login):
            raise missing("key")
        self._identity.revoke_key(key, by=call.caller.login)

    def _opened(self, opened: Opened) -> Answered:
        return Answered(me_of(opened.who, opened.csrf), 200, {"Set-Cookie": cookie_of(self._services, opened)})


def _token(call: Call) -> str:
    token = call.request.cookies.get(SESSION_COOKIE)
    assert token is not None, "only sessions come here (by_session)"
    return token


_own = partial(Route, rule=Rule.SIGNED_IN, tag=TAG)
_by_session = partial(Route, rule=Rule.SIGNED_IN, tag=TAG, by_session=True)


def account_routes(services: Services) -> list[Route]:
    """What everybody may do with his own login."""
    it = Account(services)
    return [*_coming_and_going(it), *_secrets(it), *_sessions(it), *_keys(it)]


def _coming_and_going(it: Account) -> list[Route]:
    return [
        Route(
            method="POST",
            path=f"{PREFIX}/login",
            rule=Rule.PUBLIC,
            handler=it.login,
            summary="Log in; the answer sets the session's cookie",
            tag=TAG,
            body=LoginBody,
            response=Me,
            problems=(401, 415, 429, 503),
            example={"name": "anna", "password": "correct horse battery staple"},
        ),
        _own(method="POST", path=f"{PREFIX}/logout", handler=it.logout, summary="End this session", status=204),
        _own(
            method="GET",
            path=f"{PREFIX}/me",
            handler=it.me,
            summary="Who is signed in, and the token that forms need",
            response=Me,
        ),
    ]


def _secrets(it: Account) -> list[Route]:
    return [
        _by_session(
            method="POST",
            path=f"{PREFIX}/password",
            handler=it.password,
            summary="Change one's password; all sessions end and a new one opens",
            body=PasswordBody,
            response=Me,
            problems=(401, 409, 422, 429, 503),
        ),
        _by_session(
            method="POST",
            path=f"{PREFIX}/totp",
            handler=it.start_totp,
            summary="Begin a second factor",
            response=SecondFactor,
            problems=(409,),
        ),
        _by_session(
            method="POST",
            path=f"{PREFIX}/totp/confirm",
            handler=it.confirm_totp,
            summary="Confirm a second factor by its first code",
            body=CodeBody,
            response=Me,
            problems=(401, 409, 429),
        ),
    ]


def _sessions(it: Account) -> list[Route]:
    return [
        _own(
            method="GET",
            path=f"{PREFIX}/me/sessions",
            handler=it.sessions,
            summary="One's running sessions",
            response=Sessions,
        ),
        _by_session(
            method="DELETE",
            path=f"{PREFIX}/me/sessions/{{session}}",
            handler=it.end_session,
            summary="End one of one's sessions",
            status=204,
            problems=(404,),
        ),
    ]


def _keys(it: Account) -> list[Route]:
    return [
        _own(
            method="GET",
            path=f"{PREFIX}/keys",
            handler=it.keys,
            summary="API keys",
            query=KeysQuery,
            response=KeyList,
            problems=(404,),
        ),
        _by_session(
            method="POST",
            path=f"{PREFIX}/keys",
            handler=it.add_key,
            summary="Make a public key known, for signed requests",
            body=KeyBody,
            response=KeyShown,
            status=201,
            problems=(401, 404, 409),
            example={"public": "3NLYeJmYuVTTJbtXTOBcVIjl0ZOg2uIYHTC3m2vhdGQ=", "label": "the warehouse's program"},
        ),
        _by_session(
            method="DELETE",
            path=f"{PREFIX}/keys/{{key}}",
            handler=it.revoke_key,
            summary="Revoke a key",
            status=204,
            problems=(404,),
        ),
    ]
