"""The REST API of an exchange, with and without asyncio: the same methods, the second to be awaited.

A request that failed in a way that leaves it safe to repeat is repeated with the same client id: connection lost,
`busy`, `unavailable`, `outcome_unknown`, throttled. So a command given once is numbered at most once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from kirmash.client import wire
from kirmash.client.signing import Key
from kirmash.client.wire import Answer, JsonObject, Page, Problem, Request, Unreachable

CSRF_HEADER: Final = "X-CSRF-Token"
SECONDS: Final = 10


class _Common:
    """What both clients know: where the exchange is, and how they show who they are."""

    def __init__(self, url: str, key: Key | None, language: str) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._language = language
        self._csrf: str | None = None

    def _prepare(self, request: Request) -> tuple[str, dict[str, str]]:
        """Where a request goes and its header fields, signed anew for each try."""
        url = self._url + request.target
        headers = {**request.headers, "Accept-Language": self._language}
        if self._key is not None:
            headers |= self._key.headers(request.method, url, request.body)
        elif self._csrf is not None and request.method != "GET":
            headers[CSRF_HEADER] = self._csrf
        return url, headers

    def _given_up(self, failed: Exception | None) -> Problem | Unreachable:
        """What the last try ended with, to be raised."""
        if isinstance(failed, Problem):
            return failed
        unreachable = Unreachable(f"{self._url}: {failed}")
        unreachable.__cause__ = failed
        return unreachable

    @staticmethod
    def _login(name: str, password: str, code: str | None) -> Request:
        body = {"name": name, "password": password} | ({"code": code} if code else {})
        return wire.request("POST", "/login", body=body)


class Client(_Common):
    """An exchange by its URL. By an API key, or after `login` by a session; without either only what is public."""

    def __init__(self, url: str, key: Key | None = None, *, language: str = "en") -> None:
        super().__init__(url, key, language)
        self._http = httpx.Client(timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def login(self, name: str, password: str, code: str | None = None) -> JsonObject:
        """Open a session. Raises Problem (login_failed, second_factor_needed, throttled)."""
        opened: JsonObject = self._once(self._login(name, password, code))
        self._csrf = opened["csrf"]
        return opened

    def command(self, name: str, client_id: str | None = None, **fields: Any) -> Answer:
        """Give a command of PS-0: `command("place_order", session=…, …)`.

        Raises Rejected, Proposed (where it needs a second operator), Problem, Unreachable.
        """
        return wire.answer(self.send(wire.command(name, fields, client_id)))

    def rehearse(self, name: str, **fields: Any) -> list[JsonObject]:
        """The events that a command would give now, the one event command_rejected for one that would be rejected;
        nothing is numbered. Raises Problem, Unreachable."""
        shown: JsonObject = self.send(wire.command(name, fields, None, dry_run=True))
        events: list[JsonObject] = shown["events"]
        return events

    def place_order(
        self,
        session: str,
        instrument: str,
        side: str,
        price: str,
        quantity: str,
        *,
        client_id: str | None = None,
        **further: Any,
    ) -> Answer:
        """Offer to buy or sell at a limit (PS-3)."""
        return self.command(
            "place_order",
            client_id,
            session=session,
            instrument=instrument,
            side=side,
            price=price,
            quantity=quantity,
            **further,
        )

    def cancel_order(self, order: int, client_id: str | None = None) -> Answer:
        """Take an order's open rest back (PS-6.5)."""
        return self.command("cancel_order", client_id, order=order)

    def get(self, path: str, **query: Any) -> Any:
        """What stands at a path under /api/v1, as JSON."""
        return self.send(wire.request("GET", path, query=query))

    def page(self, path: str, **query: Any) -> Page:
        """A page of a list."""
        return msgspec.convert(self.get(path, **query), Page)

    def rows(self, path: str, **query: Any) -> Iterator[JsonObject]:
        """All rows of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.page(path, **query, cursor=cursor)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def book(self, session: str, instrument: str) -> JsonObject:
        """The public book as it is now."""
        found: JsonObject = self.get(_book_path(session, instrument))
        return found

    def send(self, request: Request) -> Any:
        """Send, and again where that is safe. Raises Problem, Rejected, Unreachable."""
        failed: Exception | None = None
        for seconds in wire.RETRY_SECONDS:
            time.sleep(seconds)
            try:
                return self._once(request)
            except (httpx.TransportError, Problem) as error:
                failed = _temporary(error)
        raise self._given_up(failed)

    def _once(self, request: Request) -> Any:
        url, headers = self._prepare(request)
        answer = self._http.request(request.method, url, content=request.body, headers=headers)
        return wire.read(answer.status_code, answer.content)


class AsyncClient(_Common):
    """As Client, for asyncio."""

    def __init__(self, url: str, key: Key | None = None, *, language: str = "en") -> None:
        super().__init__(url, key, language)
        self._http = httpx.AsyncClient(timeout=SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def login(self, name: str, password: str, code: str | None = None) -> JsonObject:
        """As Client.login."""
        opened: JsonObject = await self._once(self._login(name, password, code))
        self._csrf = opened["csrf"]
        return opened

    async def command(self, name: str, client_id: str | None = None, **fields: Any) -> Answer:
        """As Client.command."""
        return wire.answer(await self.send(wire.command(name, fields, client_id)))

    async def rehearse(self, name: str, **fields: Any) -> list[JsonObject]:
        """As Client.rehearse."""
        shown: JsonObject = await self.send(wire.command(name, fields, None, dry_run=True))
        events: list[JsonObject] = shown["events"]
        return events

    async def place_order(
        self,
        session: str,
        instrument: str,
        side: str,
        price: str,
        quantity: str,
        *,
        client_id: str | None = None,
        **further: Any,
    ) -> Answer:
        """As Client.place_order."""
        return await self.command(
            "place_order",
            client_id,
            session=session,
            instrument=instrument,
            side=side,
            price=price,
            quantity=quantity,
            **further,
        )

    async def cancel_order(self, order: int, client_id: str | None = None) -> Answer:
        """As Client.cancel_order."""
        return await self.command("cancel_order", client_id, order=order)

    async def get(self, path: str, **query: Any) -> Any:
        """As Client.get."""
        return await self.send(wire.request("GET", path, query=query))

    async def page(self, path: str, **query: Any) -> Page:
        """As Client.page."""
        return msgspec.convert(await self.get(path, **query), Page)

    async def rows(self, path: str, **query: Any) -> AsyncIterator[JsonObject]:
        """As Client.rows."""
        cursor: str | None = None
        while True:
            page = await self.page(path, **query, cursor=cursor)
            for row in page.items:
                yield row
            cursor = page.next
            if cursor is None:
                return

    async def book(self, session: str, instrument: str) -> JsonObject:
        """As Client.book."""
        found: JsonObject = await self.get(_book_path(session, instrument))
        return found

    async def send(self, request: Request) -> Any:
        """As Client.send."""
        failed: Exception | None = None
        for seconds in wire.RETRY_SECONDS:
            await asyncio.sleep(seconds)
            try:
                return await self._once(request)
            except (httpx.TransportError, Problem) as error:
                failed = _temporary(error)
        raise self._given_up(failed)

    async def _once(self, request: Request) -> Any:
        url, headers = self._prepare(request)
        answer = await self._http.request(request.method, url, content=request.body, headers=headers)
        return wire.read(answer.status_code, answer.content)


def _temporary(error: httpx.TransportError | Problem) -> Exception:
    """An error after which the same request may succeed; every other is raised."""
    if isinstance(error, Problem) and not wire.may_be_tried_again(error):
        raise error
    return error


def _book_path(session: str, instrument: str) -> str:
    return f"/sessions/{wire.segment(session)}/book/{wire.segment(instrument)}"
