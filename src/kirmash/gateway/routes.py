"""The table of routes: what can be asked by HTTP, by whom, with what, and what comes back.

Invariants: every route has a rule, without which it cannot be made; the rule is judged before anything of the request
but its credentials is read; the OpenAPI document, the authorisation tests and the reference page are made from this
table, so that none of them can say anything else than the server does.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from kirmash.identity.who import Role, Who

PAGE: Final = "text/html"
"""The media type of routes that show pages to people; their refusals are pages, too."""
STREAM: Final = "text/event-stream"
"""The media type of routes that tell an open page what moves. A page does that by itself, so it is no use of a session;
who comes to one without a session is told that as an event, if that is what he asks for (`Pages.problem`)."""


class Rule(enum.Enum):
    """Who may use a route. What a command may do to whom is decided by the deciders, not here."""

    PUBLIC = "anybody"
    SIGNED_IN = "anybody with a login"
    PARTICIPANT = "participants, for what is their own; operators and auditors, for all"
    TRADER = "traders"
    ADMIN = "a participant's administrator, for his own participant; operators, for all"
    OPERATOR = "operators"
    AUDIT = "operators and auditors"
    OVERSIGHT = "a participant's administrator, for his own participant; operators and auditors, for all"
    LOCAL = "whoever asks from the machine itself; operators and auditors"
    COMMAND = "whoever the command is open to: traders or operators"

    def allows(self, who: Who | None) -> bool:
        """Whether this caller may use the route at all."""
        if self is Rule.PUBLIC:
            return True
        return who is not None and who.role in _ROLES[self]


_ALL: Final = frozenset(Role)
_ROLES: Final[dict[Rule, frozenset[Role]]] = {
    Rule.SIGNED_IN: _ALL,
    Rule.PARTICIPANT: _ALL,
    Rule.TRADER: frozenset({Role.TRADER}),
    Rule.ADMIN: frozenset({Role.PARTICIPANT_ADMIN, Role.OPERATOR}),
    Rule.OPERATOR: frozenset({Role.OPERATOR}),
    Rule.AUDIT: frozenset({Role.OPERATOR, Role.AUDITOR}),
    Rule.OVERSIGHT: frozenset({Role.PARTICIPANT_ADMIN, Role.OPERATOR, Role.AUDITOR}),
    Rule.LOCAL: frozenset({Role.OPERATOR, Role.AUDITOR}),
    Rule.COMMAND: frozenset({Role.TRADER, Role.OPERATOR}),
}


class Call:
    """One request on its way: who asks, in which language, and its parts as the route declares them."""

    __slots__ = ("body", "language", "path", "query", "raw", "request", "who")

    def __init__(
        self,
        request: Request,
        who: Who | None,
        language: str,
        path: Mapping[str, str],
        query: Any,
        body: Any,
        raw: bytes,
    ) -> None:
        self.request = request
        self.who = who
        self.language = language
        self.path = path
        self.query = query
        self.body = body
        self.raw = raw

    @property
    def caller(self) -> Who:
        """Who asks, on a route that is not public."""
        assert self.who is not None
        return self.who

    @property
    def address(self) -> str:
        """From where the request comes; empty if that is not known."""
        return self.request.client.host if self.request.client is not None else ""

    @property
    def own(self) -> str | None:
        """The participant to whose rows the caller is confined; None for operators and auditors."""
        return None if self.caller.role in _ROLES[Rule.AUDIT] else self.caller.participant or ""


Handler = Callable[[Call], Awaitable[Any]]
"""Gives a struct or a mapping to be shown as JSON, or a Response made by itself."""


class Route(Struct, frozen=True, kw_only=True):
    """One method on one path. `path` has `{names}`; `query` and `body` are struct classes; `response` is a type,
    or a tuple of types of which one comes back.

    `raw_body` leaves the body to the handler, for commands, whose shape errors name rules; `body_schema` then says in
    the API's document what it holds. `throttled` says whether it counts against the caller's commands, `by_session`
    that no key is good for it, `headers` which request headers it reads, with what they are for. `answers` are further
    good answers and `problems` further codes of refusal, by status.
    """

    method: str
    path: str
    rule: Rule
    handler: Handler
    summary: str
    tag: str
    description: str = ""
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    body_schema: dict[str, Any] | None = None
    response: Any = None
    status: int = 200
    raw_body: bool = False
    throttled: bool = False
    by_session: bool = False
    headers: dict[str, str] = {}
    answers: dict[int, tuple[str, Any]] = {}
    problems: tuple[int, ...] = ()
    example: Any = None
    media_type: str = "application/json"

    def __post_init__(self) -> None:
        assert isinstance(self.rule, Rule), f"{self.method} {self.path} has no rule"


class Answered(Struct, frozen=True):
    """What a handler gives where the status or a header is not the usual one."""

    value: Any
    status: int | UnsetType = UNSET
    headers: dict[str, str] = {}


def json_response(value: Any, status: int, headers: Mapping[str, str]) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, dict(headers), "application/json")
