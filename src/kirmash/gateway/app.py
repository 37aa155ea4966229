"""The HTTP application: finds out who asks, judges the route's rule, reads the parts, calls the handler, shows.

Order of a request: size, credentials, rule, CSRF, throttle, form, handler. Whatever is refused leaves as a problem
document; what nobody foresaw is logged with an id and leaves as 500 without a word about its cause. No route stands
here, and nothing about the market.
"""

import difflib
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, unquote

import msgspec
import structlog
from msgspec import UNSET
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as StarletteRoute

from kirmash.gateway.problems import Problem, denied_problem, refused_problem, shape_problem
from kirmash.gateway.routes import PAGE, STREAM, Answered, Call, Route, Rule, json_response
from kirmash.gateway.wording import worded
from kirmash.identity import Denied, Identity, Scope, Throttled, Who
from kirmash.messages.limits import FRAME_BYTES_MAX
from kirmash.protocol.shapes import COMMANDS, ShapeError
from kirmash.sequencer.answers import Refused

SESSION_COOKIE: Final = "kirmash_session"
CSRF_HEADER: Final = "x-csrf-token"
NUMBER_HEADER: Final = "X-Kirmash-Number"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LANGUAGES: Final = ("en", "ru")
LANGUAGE_PARAMETER: Final = "lang"
LANGUAGE_COOKIE: Final = "kirmash_language"
CSRF_FIELD: Final = "csrf"
FORM_FIELDS_MAX: Final = 1_000
BEFORE_CHANGE: Final = frozenset({"/api/v1/password", "/api/v1/me", "/api/v1/logout", "/password", "/logout"})
"""What is open to a login whose one-time password is still to be changed."""
BEFORE_ENROLMENT: Final = frozenset(
    {
        "/api/v1/totp",
        "/api/v1/totp/confirm",
        "/account/login",
        "/account/second-factor",
        "/account/second-factor/confirm",
    }
)
"""What is open besides to an operator who has to set up a second factor first."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
PROXY_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

_log: Final = structlog.get_logger("http")

Observe = Callable[[str, str, int, float], None]
"""Told of each request: method, the route's path, status, seconds."""


class ProblemPages(Protocol):
    """What shows a refusal to a person in a browser, where a program gets the document."""

    def problem(self, request: Request, problem: Problem, language: str, who: Who | None) -> Response:
        """The page; or a way on, such as to the login."""
        ...


class Segments(StarletteRoute):
    """A route whose parts are those of the path on the wire: an id may hold a slash (PS-9: any text), which then stands
    as %2F and separates nothing. Starlette takes quotes away before it looks for separators."""

    def matches(  # type: ignore[explicit-override]  # typing.override came with 3.12
        self, scope: MutableMapping[str, Any]
    ) -> tuple[Match, MutableMapping[str, Any]]:
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] != "http" or b"%2f" not in raw.lower():
            return super().matches(scope)
        wanted = self.path.split("/")
        given = [unquote(part) for part in raw.decode("latin-1").partition("?")[0].split("/")]
        if len(wanted) != len(given):
            return Match.NONE, {}
        names: dict[str, str] = {}
        for part, text in zip(wanted, given, strict=True):
            if part.startswith("{") and text:
                names[part[1:-1]] = text
            elif part != text:
                return Match.NONE, {}
        found = Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL
        return found, {"endpoint": self.endpoint, "path_params": names}


class Http:
    """What every route needs: who asks, and what became of it."""

    def __init__(
        self,
        identity: Identity,
        number: Callable[[], int],
        observe: Observe,
        pages: ProblemPages | None = None,
    ) -> None:
        self._identity = identity
        self._number = number
        self._observe = observe
        self._pages = pages

    def application(self, routes: Sequence[Route], further: Sequence[BaseRoute] = ()) -> Starlette:
        """The application of these routes and of others that are none of ours (WebSocket)."""
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            assert route.method not in methods, f"{route.method} {route.path} stands twice"
            methods[route.method] = route
        starlette = [
            Segments(path, self._endpoint(path, methods), methods=[*methods]) for path, methods in by_path.items()
        ]
        return Starlette(
            routes=[*further, *starlette],
            exception_handlers={HTTPException: self._unrouted, Exception: self._unforeseen},
        )

    def _endpoint(self, path: str, methods: dict[str, Route]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            began = time.perf_counter()
            # Starlette answers HEAD by a GET route.
            route = methods["GET" if request.method == "HEAD" else request.method]
            response = await self._answer(route, request)
            if getattr(request.state, "who", None) is not None:
                # The public is not told numbers of the journal: who counts them beside a public channel can tell
                # which order is whose (docs/reference/rest.md).
                response.headers[NUMBER_HEADER] = str(self._number())
            self._observe(request.method, path, response.status_code, time.perf_counter() - began)
            return response

        return endpoint

    async def _answer(self, route: Route, request: Request) -> Response:
        language = language_of(request, None)
        headers: dict[str, str] = {"Cache-Control": "no-store"}
        try:
            raw = await read_body(request)
            who = request.state.who = self._who(request, raw, use=route.media_type != STREAM)
            language = language_of(request, who)
            headers["Content-Language"] = language
            self._judge(route, request, who, raw)
            if route.throttled and who is not None:
                headers |= self._throttle(who)
            call = Call(
                request,
                who,
                language,
                request.path_params,
                read_query(route, request),
                None if route.raw_body or route.body is None else read_struct(route.body, raw),
                raw,
            )
            return self._show(route, await route.handler(call), headers)
        except Problem as problem:
            refusal = problem
        except ShapeError as error:
            refusal = shape_problem(error)
        except Refused as refused:
            refusal = refused_problem(refused)
        except Denied as denied:
            refusal = denied_problem(denied)
        told = route.media_type == STREAM and refusal.status == 401 and STREAM in request.headers.get("accept", "")
        if self._pages is None or not (told or route.media_type == PAGE):
            return refusal.response(language, headers)
        page = self._pages.problem(request, refusal, language, getattr(request.state, "who", None))
        for name, content in {**headers, **refusal.headers}.items():
            page.headers.setdefault(name, content)
        return page

    def _who(self, request: Request, raw: bytes, *, use: bool) -> Who | None:
        """Who asks: by a signature if there is one, else by the session's cookie."""
        if "signature-input" in request.headers or "signature" in request.headers:
            target = request.scope["raw_path"].decode("latin-1").split("?")[0]
            query = request.scope["query_string"].decode("latin-1")
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
            return self._identity.verify_signature(
                request.method, f"{target}?{query}" if query else target, headers, raw
            )
        token = request.cookies.get(SESSION_COOKIE)
        return None if token is None else self._resolved(request, token, use=use)

    def _resolved(self, request: Request, token: str, *, use: bool) -> Who | None:
        path = request.scope["route"].path
        try:
            return self._identity.resolve(
                token, changing_password=path in BEFORE_CHANGE, enrolling=path in BEFORE_ENROLMENT, use=use
            )
        except Denied as denied:
            # An old cookie must not bar anybody from what is public, nor from logging in anew; elsewhere it is the
            # answer (see _judge).
            request.state.denied = denied
            return None

    def _judge(self, route: Route, request: Request, who: Who | None, raw: bytes) -> None:
        if not route.rule.allows(who) and not (route.rule is Rule.LOCAL and is_local(request)):
            if who is None:
                denied: Denied | None = getattr(request.state, "denied", None)
                if denied is not None:
                    raise denied
                raise Problem(401, "not_signed_in", "log in, or sign the request with an API key")
            raise Problem(403, "forbidden", f"this is for {route.rule.value}")
        if who is None or route.rule is Rule.PUBLIC:
            return
        safe = request.method in SAFE_METHODS
        if who.via == "session" and not safe:
            token = request.cookies[SESSION_COOKIE]
            self._identity.check_csrf(token, request.headers.get(CSRF_HEADER) or form_token(request, raw))
        if who.via == "key" and route.by_session:
            raise Problem(403, "forbidden", "this is for a person's session, not for a key")
        if (Scope.READ if safe else Scope.COMMANDS) not in who.scopes:
            raise Problem(403, "forbidden", f"the key's scopes are {', '.join(who.scopes)}")
        self._identity.check_standing(who, use=route.media_type != STREAM)

    def _throttle(self, who: Who) -> dict[str, str]:
        allowance = self._identity.throttle(who)
        headers = allowance.headers()
        if not allowance.allowed:
            raise Throttled("too many commands in too short a time", allowance.retry_after, headers)
        return headers

    def _show(self, route: Route, value: Any, headers: dict[str, str]) -> Response:
        status = route.status
        if isinstance(value, Response):
            for name, content in headers.items():
                value.headers.setdefault(name, content)
            return value
        if isinstance(value, Answered):
            status = status if value.status is UNSET else int(value.status)
            headers |= value.headers
            value = value.value
        if value is None:
            return Response(None, 204, headers)
        return json_response(value, status, headers)

    async def _unrouted(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        _, is_command, name = request.url.path.partition("/api/v1/commands/")
        if error.status_code == 405 and is_command and not name.isdigit():
            # The path of a command's number takes any text; what was meant is the name of a command.
            near = difflib.get_close_matches(name, COMMANDS, 1)
            cure = f"did you mean {near[0]}?" if near else "the commands stand in /api/v1/openapi.json"
            problem = Problem(404, "not_found", "no such command", cure=cure)
        elif error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            problem = Problem(405, "method_not_allowed", f"this path takes {allowed}", headers={"Allow": allowed})
        elif error.status_code == 404:
            problem = Problem(404, "not_found", "no such path", cure="see /api/v1/openapi.json")
        else:
            problem = Problem(error.status_code, "shape", str(error.detail))
        return self._outside_routes(request, problem)

    async def _unforeseen(self, request: Request, error: Exception) -> Response:
        incident = secrets.token_hex(6)
        _log.error("unforeseen", incident=incident, path=request.url.path, error=repr(error), exc_info=error)
        detail = f"an error of the exchange; it is in the log as {incident}"
        return self._outside_routes(request, Problem(500, "internal_error", detail, extra={"incident": incident}))

    def _outside_routes(self, request: Request, problem: Problem) -> Response:
        """A refusal where no route can say in which form: a page for a browser, outside the API."""
        language = language_of(request, None)
        if self._pages is None or request.url.path.startswith("/api/") or PAGE not in request.headers.get("accept", ""):
            return problem.response(language)
        return self._pages.problem(request, problem, language, getattr(request.state, "who", None))


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine, and no proxy passed it on."""
    host = request.client.host if request.client is not None else ""
    return host in LOOPBACK and not any(name in request.headers for name in PROXY_HEADERS)


def is_json(request: Request) -> bool:
    """Whether the body is said to be JSON."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def form_token(request: Request, raw: bytes) -> str:
    """The token against forged forms that a form sends along, where no script could set the header. Raises Problem."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return ""
    try:
        return parse_qs(raw.decode("latin-1"), max_num_fields=FORM_FIELDS_MAX).get(CSRF_FIELD, [""])[0]
    except ValueError:
        raise Problem(400, "shape", f"a form has at most {FORM_FIELDS_MAX} fields") from None


def language_of(request: Request, who: Who | None) -> str:
    """English or Russian: what the request asks for first, else what was chosen before, else what the login prefers."""
    for chosen in (request.query_params.get(LANGUAGE_PARAMETER), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return language_for(asked_language(request.headers.getlist("accept-language")), who)


def asked_language(headers: Sequence[str]) -> str | None:
    """The first of our languages in Accept-Language; None if it asks for none of them."""
    for part in ",".join(headers).split(","):
        tag = part.split(";")[0].strip().split("-")[0].lower()
        if tag in LANGUAGES:
            return tag
    return None


def language_for(asked: str | None, who: Who | None) -> str:
    """What was asked for, else what the login prefers, else English."""
    if asked is not None:
        return asked
    return who.language if who is not None and who.language in LANGUAGES else LANGUAGES[0]


async def read_body(request: Request) -> bytes:
    """The body, at most a frame (PS-9)."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > FRAME_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FRAME_BYTES_MAX:
            raise _too_large()
    return bytes(body)


def read_query(route: Route, request: Request) -> Any:
    """The query as the route's struct; None where it has none."""
    given = dict(request.query_params)
    if len(given) != len(request.query_params.multi_items()):
        raise Problem(400, "shape", "a query parameter is given twice")
    if route.query is None:
        if given:
            raise Problem(400, "shape", "this path takes no query parameters", field=next(iter(given)))
        return None
    try:
        return msgspec.convert(given, route.query, strict=False)
    except msgspec.ValidationError as error:
        raise _misshapen(*worded(error, route.query, is_query=True)) from None


def read_struct(kind: type[msgspec.Struct], raw: bytes) -> Any:
    """The body as this struct."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _misshapen(*worded(error, kind)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "shape", f"the body is not JSON{_where(error)}") from None


_BYTE: Final = re.compile(r"byte (\d+)")


def _where(error: Exception) -> str:
    """From which byte on a body is no JSON, if that is known."""
    found = _BYTE.search(str(error))
    return f" from byte {found[1]} on" if found else ""


def _misshapen(field: str | None, text: str) -> Problem:
    return Problem(400, "shape", text if field is None else f"{field}: {text}", field=field)


def _too_large() -> Problem:
    return Problem(413, "too_large", f"a request has at most {FRAME_BYTES_MAX} bytes", rule="PS-9")
