"""Coming in and going out: the login form, the change of a one-time password, the way back.

A password or code is handed on to identity and never put into a page again. What was wrong with a login is told only
as far as identity tells it. Where somebody goes on to afterwards is always a path of ours.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from msgspec.structs import replace
from starlette.responses import Response

from kirmash.config import DemoLogin
from kirmash.gateway.api.account import cookie_of
from kirmash.gateway.app import SESSION_COOKIE
from kirmash.gateway.problems import Problem, denied_problem
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Denied, Opened, Role
from kirmash.web.forms import FormTokens, go_to, own_path, read_form
from kirmash.web.own_login import LOGIN_PAGE
from kirmash.web.rendering import PageQuery, Rendering

TAG: Final = "pages"
LOGIN: Final = "/login"
PASSWORD: Final = "/password"  # noqa: S105 (a path)
LOGOUT: Final = "/logout"
WORK: Final = {
    Role.TRADER: "/terminal",
    Role.PARTICIPANT_ADMIN: "/account",
    Role.OPERATOR: "/desk",
    Role.AUDITOR: "/desk",
}
"""The page on which each role begins."""

Word = Annotated[str, Meta(max_length=200)]
Secret = Annotated[str, Meta(max_length=1024)]


class LoginQuery(PageQuery, frozen=True, kw_only=True):
    """`next`: where to go on to; `why`: what brought the reader here."""

    next: str | None = None
    why: str | None = None


class LoginForm(Struct, frozen=True, kw_only=True):
    """`demo`: the button of a login that the demo shows, which fills in name and password."""

    name: Word = ""
    password: Secret = ""
    code: Annotated[str, Meta(max_length=10)] = ""
    next: str = ""
    demo: Word = ""


class PasswordForm(Struct, frozen=True, kw_only=True):
    old: Secret = ""
    new: Secret = ""
    again: Secret = ""


class Entry:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self._services = services
        self._identity = services.identity
        self._rendering = rendering
        self._tokens = FormTokens()
        self._secure = services.config.gateway.secure_cookies

    async def show_login(self, call: Call) -> Response:
        query: LoginQuery = call.query
        if call.who is not None and query.next:
            return go_to(own_path(query.next))
        why = query.why if query.why in ("signed_out", "needed", "ended") else None
        return self._login_page(call, 200, next_path=_next_path(query.next), notice=why)

    async def login(self, call: Call) -> Response:
        form = self._filled_in(read_form(call, LoginForm))
        next_path = _next_path(form.next)
        if not self._tokens.fits(call):
            return self._login_page(call, 403, next_path=next_path, name=form.name, error="form_outdated")
        missing = [field for field in ("name", "password") if not getattr(form, field)]
        if missing:
            return self._login_page(call, 422, next_path=next_path, name=form.name, missing=missing)
        previous = call.request.cookies.get(SESSION_COOKIE)
        try:
            opened = await self._identity.login(
                form.name, form.password, _address(call), form.code.replace(" ", "") or None, previous
            )
        except Denied as denied:
            problem = denied_problem(denied)
            response = self._login_page(call, problem.status, next_path=next_path, name=form.name, error=problem.code)
            response.headers.update(problem.headers)
            return response
        return self._entered(opened, _first(opened, next_path))

    def _filled_in(self, form: LoginForm) -> LoginForm:
        """The form as its button fills it in, where it is one of a login that is shown."""
        shown = next((it for it in self._shown() if it.name == form.demo), None)
        return form if shown is None else replace(form, name=shown.name, password=shown.password, code="")

    def _shown(self) -> Sequence[DemoLogin]:
        """The logins that stand on the page: those of a demo, and never of an exchange that is not invented."""
        config = self._services.config
        return config.demo.logins if config.exchange.invented else ()

    async def logout(self, call: Call) -> Response:
        token = call.request.cookies.get(SESSION_COOKIE)
        if token is not None:
            self._identity.logout(token)
        response = go_to(f"{LOGIN}?why=signed_out")
        response.headers["Set-Cookie"] = f"{SESSION_COOKIE}=; Max-Age=0; HttpOnly; SameSite=Lax; Path=/"
        return response

    async def show_password(self, call: Call) -> Response:
        return self._password_page(call, 200)

    async def password(self, call: Call) -> Response:
        form = read_form(call, PasswordForm)
        missing = [field for field in ("old", "new", "again") if not getattr(form, field)]
        if missing:
            return self._password_page(call, 422, missing=missing)
        if form.new != form.again:
            return self._password_page(call, 422, error="passwords_differ")
        token = call.request.cookies[SESSION_COOKIE]
        try:
            opened = await self._identity.change_password(token, form.old, form.new, _address(call))
        except Denied as denied:
            problem = denied_problem(denied)
            if problem.code == "session_ended":
                raise
            response = self._password_page(call, problem.status, error=problem.code)
            response.headers.update(problem.headers)
            return response
        return self._entered(opened, _first(opened, ""))

    def _entered(self, opened: Opened, path: str) -> Response:
        response = go_to(path)
        response.headers["Set-Cookie"] = cookie_of(self._services, opened)
        return response

    def _login_page(self, call: Call, status: int, **values: Any) -> Response:
        token, cookie = self._tokens.issue(call, secure=self._secure)
        given = {"notice": None, "error": None, "missing": [], "name": "", **values}
        given["logins"] = self._shown()
        response = self._rendering.page(call, "login.html", status, form_token=token, **given)
        if cookie is not None:
            response.headers.append("Set-Cookie", cookie)
        return response

    def _password_page(self, call: Call, status: int, **values: Any) -> Response:
        given = {"error": None, "missing": [], **values}
        return self._rendering.page(call, "password.html", status, must_change=call.caller.must_change, **given)


def _first(opened: Opened, path: str) -> str:
    """Where somebody who came in has to go before he may go where he wants; who wants nothing goes to his work."""
    if opened.who.must_change:
        return PASSWORD
    return LOGIN_PAGE if opened.who.must_enrol else path or WORK[opened.who.role]


def _next_path(given: str | None) -> str:
    """A path of ours to go on to; empty where none was asked for."""
    return own_path(given) if given else ""


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client is not None else ""


def entry_routes(services: Services, rendering: Rendering) -> list[Route]:
    """Login, logout, password."""
    it = Entry(services, rendering)
    page: dict[str, Any] = {"tag": TAG, "media_type": PAGE}
    own: dict[str, Any] = {"rule": Rule.SIGNED_IN, "by_session": True, **page}
    form: dict[str, Any] = {"method": "POST", "raw_body": True}
    return [
        Route(
            method="GET",
            path=LOGIN,
            rule=Rule.PUBLIC,
            handler=it.show_login,
            summary="The login form",
            query=LoginQuery,
            **page,
        ),
        Route(path=LOGIN, rule=Rule.PUBLIC, handler=it.login, summary="Log in by the form", **form, **page),
        Route(path=LOGOUT, handler=it.logout, summary="End this session", **form, **own),
        Route(
            method="GET", path=PASSWORD, handler=it.show_password, summary="The password's form", query=PageQuery, **own
        ),
        Route(path=PASSWORD, handler=it.password, summary="Change the password by the form", **form, **own),
    ]


def login_path(path: str, query: str, why: str) -> str:
    """The login's address that leads back to where one wanted to go."""
    from urllib.parse import urlencode

    return f"{LOGIN}?{urlencode({'next': f'{path}?{query}' if query else path, 'why': why})}"


def not_a_page(problem: Problem) -> bool:
    """Whether the way on is the login."""
    return problem.status == 401 and problem.code in ("not_signed_in", "session_ended")
