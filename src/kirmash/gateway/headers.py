"""Headers that every answer over HTTP has, whoever made it: pages and documents, files, refusals, redirects, streams.

An answer that has a header already keeps its own; so a page has its policy, and everything else the narrowest. Nothing
is judged here.
"""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS: Final[Sequence[tuple[bytes, bytes]]] = (
    # What is no page loads nothing, is shown in no frame and sends no form.
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Headed:
    """An application whose answers all have DEFAULTS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                there = {name.lower() for name, _ in given}
                message = {**message, "headers": given + [entry for entry in DEFAULTS if entry[0] not in there]}
            await send(message)

        await self._app(scope, receive, send_headed)
