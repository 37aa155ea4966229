"""What requests and answers are, without sending any: shared by the clients with and without asyncio.

Decimals stay text, as the exchange gives them; whoever reckons with them takes `decimal.Decimal`. Rows of lists are
plain objects with the fields of the reference page, because an exchange may add some.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

PREFIX: Final = "/api/v1"
RETRY_SECONDS: Final = (0, 1, 2, 4)
"""How long to wait before each try of what may be tried again."""

AGAIN: Final = frozenset({"busy", "unavailable", "outcome_unknown", "views_behind", "views_unavailable"})
"""Problems after which the same request, with the same client id, is safe and useful (docs/reference/problems.md)."""

JsonObject = dict[str, Any]


class Reason(Struct, frozen=True):
    """One reason of a reject: the stable name and number, the rule, and what it says to a person."""

    reason: str
    code: int
    rule: str
    text: str
    cure: str
    field: str | None = None
    given: str | None = None
    limit: str | None = None


class Problem(Exception):
    """An answer that is an error (RFC 9457). `code` is stable; `value` is the whole document."""

    def __init__(self, status: int, value: JsonObject) -> None:
        super().__init__(f"{value.get('title', '')}: {value.get('detail', '')}")
        self.status = status
        self.value = value
        self.code: str = value.get("code", "")
        self.field: str | None = value.get("field")
        self.rule: str | None = value.get("rule")
        self.cure: str | None = value.get("cure")


class Rejected(Problem):
    """The exchange numbered the command and rejected it; nothing was changed by it."""

    def __init__(self, status: int, value: JsonObject) -> None:
        super().__init__(status, value)
        self.number: int = value["number"]
        self.reasons = msgspec.convert(value["reasons"], list[Reason])


class Proposed(Exception):
    """The command needs a second operator: it was proposed and not numbered (four eyes). `proposal` is what stands in
    /api/v1/proposals."""

    def __init__(self, proposal: JsonObject) -> None:
        super().__init__(f"proposed as {proposal['id']}; another operator has to approve it")
        self.proposal = proposal


class Unreachable(Exception):
    """No answer from the exchange, after all tries. The command may have been numbered: repeat it with the same id."""


class Answer(Struct, frozen=True):
    """A command that was numbered: durable, and accepted."""

    number: int
    at: str
    client_id: str
    events: list[JsonObject]
    command: str = ""
    effective: str | None = None

    def event(self, name: str) -> JsonObject | None:
        """The first event of this name."""
        return next((event for event in self.events if event["event"] == name), None)

    @property
    def order(self) -> int | None:
        """The order that the command was about, where it placed or amended one."""
        found = self.event("order_accepted") or self.event("order_amended")
        return None if found is None else found["order"]


class Page(Struct, frozen=True):
    """Rows of a list and where the next begin. `number`: the views held all records up to it."""

    items: list[JsonObject]
    next: str | None = None
    number: int | None = None


class Request(Struct, frozen=True):
    """A request that is still to be sent."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str]


def request(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request under /api/v1; parameters that are None are left out."""
    given = {key: _text(value) for key, value in (query or {}).items() if value is not None}
    target = PREFIX + path + (f"?{urlencode(given)}" if given else "")
    data = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    kept = dict(headers or {})
    if data:
        kept["Content-Type"] = "application/json"
    return Request(method, target, data, kept)


def command(name: str, fields: Mapping[str, Any], client_id: str | None, *, dry_run: bool = False) -> Request:
    """A command (PS-0). Without a client id a new one is taken, so that a second try can do no harm."""
    body = {key.rstrip("_"): value for key, value in fields.items() if value is not None}
    query = {"dry_run": "true"} if dry_run else None
    return request(
        "POST", f"/commands/{name}", query=query, body=body, headers={"Idempotency-Key": client_id or new_client_id()}
    )


def segment(text: str | int) -> str:
    """A part of a path."""
    return quote(str(text), safe="")


def read(status: int, data: bytes) -> Any:
    """The answer's JSON. Raises Problem or Rejected for an error."""
    try:
        value = json.loads(data) if data else None
    except ValueError:
        raise Problem(status, {"title": "no JSON", "detail": data[:200].decode("utf-8", "replace")}) from None
    if status >= 400:
        document = value if isinstance(value, dict) else {"detail": str(value)}
        raise (Rejected if document.get("code") == "rejected" else Problem)(status, document)
    return value


def answer(value: JsonObject) -> Answer:
    """The answer to a command. Raises Proposed."""
    if "proposal" in value:
        raise Proposed(value["proposal"])
    return msgspec.convert(value, Answer)


def may_be_tried_again(problem: Problem) -> bool:
    """Whether the same request may succeed in a moment."""
    return problem.code in AGAIN or problem.status == 429


def new_client_id() -> str:
    """An id that nobody used before."""
    return secrets.token_hex(16)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
