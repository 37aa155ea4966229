"""Forms: reading what a browser posts, and the token of forms that nobody has signed in for yet.

A form inside a session carries the session's token, which the gateway checks. The login form has no session; it carries
a token bound to a random cookie, by a secret of this process, so that no other site can log somebody in.
"""

import hashlib
import hmac
import secrets
from typing import Final, TypeVar
from urllib.parse import parse_qs, quote

import msgspec
from starlette.responses import Response

from kirmash.gateway.app import CSRF_FIELD
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call

T = TypeVar("T", bound=msgspec.Struct)

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
COOKIE: Final = "kirmash_form"
FIELDS_MAX: Final = 200
ADDRESS: Final = "/:?#[]@!$&'()*+,;=%~"
"""What an address may hold unquoted besides letters, digits and -._ (RFC 3986)."""


def read_form(call: Call, kind: type[T]) -> T:
    """The posted fields as a struct; empty ones are as if absent. Raises Problem."""
    try:
        return msgspec.convert(read_fields(call), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, "shape", f"the form: {error}") from None


def read_fields(call: Call, most: int = FIELDS_MAX) -> dict[str, str]:
    """The posted fields by name, but for the token; empty ones are absent. Raises Problem."""
    if call.request.headers.get("content-type", "").split(";")[0].strip().lower() != MEDIA_TYPE:
        raise Problem(415, "not_a_form", "the body has to be a form's")
    try:
        given = parse_qs(call.raw.decode("utf-8"), max_num_fields=most, strict_parsing=bool(call.raw))
    except ValueError as error:
        raise Problem(400, "shape", f"the form: {error}") from None
    if any(len(values) > 1 for values in given.values()):
        raise Problem(400, "shape", "a field of the form is given twice")
    return {name: values[0] for name, values in given.items() if name != CSRF_FIELD}


class FormTokens:
    """Tokens of forms outside sessions."""

    def __init__(self) -> None:
        self._secret: Final = secrets.token_bytes(32)

    def issue(self, call: Call, *, secure: bool) -> tuple[str, str | None]:
        """The token for the form, and the Set-Cookie header if the browser has no cookie yet."""
        cookie = call.request.cookies.get(COOKIE)
        if cookie:
            return self._token(cookie), None
        cookie = secrets.token_urlsafe(24)
        flags = "; Secure" if secure else ""
        return self._token(cookie), f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/login{flags}"

    def fits(self, call: Call) -> bool:
        """Whether the posted form is one that we gave this browser."""
        cookie = call.request.cookies.get(COOKIE, "")
        given = parse_qs(call.raw.decode("latin-1"), max_num_fields=FIELDS_MAX).get(CSRF_FIELD, [""])[0]
        return bool(cookie) and hmac.compare_digest(self._token(cookie).encode(), given.encode())

    def _token(self, cookie: str) -> str:
        return hmac.digest(self._secret, cookie.encode(), hashlib.sha256).hex()


def own_path(given: str | None) -> str:
    """A path of ours to go on to; the front page for anything that could lead elsewhere."""
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")) or "\\" in given:
        return "/"
    return given if given.isprintable() and given.isascii() else "/"


def go_to(path: str) -> Response:
    """See another page, by GET. What of the path is quoted already stays as it is."""
    return Response(None, 303, {"Location": quote(path, safe=ADDRESS), "Cache-Control": "no-store"})
