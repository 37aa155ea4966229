"""The WebSocket of an exchange (docs/reference/websocket.md), with and without asyncio.

A connection answers requests by their id and gives everything else, in order, as messages. It does not reconnect by
itself: after a cut the numbers say where to go on (`subscribe(..., from_=…)`, `after=…`), and a command that had no
answer is given again with the same client id.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from kirmash.client.signing import Key
from kirmash.client.wire import JsonObject, Problem, Unreachable, new_client_id, read

SUBPROTOCOL: Final = Subprotocol("kirmash.v1.json")
PATH: Final = "/ws/v1"
SECONDS: Final = 10
LOGIN_PREFIX: Final = "kirmash-ws-login"


def _address(url: str) -> str:
    """The WebSocket's address for an exchange's URL."""
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}{PATH}"


def _not_open(url: str, error: Exception) -> Exception:
    """What a failed connect is to the caller: a Problem where the exchange said why, else Unreachable.

    An exchange that dies in the middle of it, or has not quite come up, is one that is not reached.
    """
    if isinstance(error, InvalidStatus):
        try:
            read(error.response.status_code, bytes(error.response.body or b""))
        except Problem as problem:
            return problem
    return Unreachable(f"{url}: {error}")


def _login(hello: Mapping[str, Any], key: Key) -> JsonObject:
    created = int(time.time())
    text = f"{LOGIN_PREFIX}\n{hello['nonce']}\n{created}\n{key.id}"
    return {"op": "login", "key": key.id, "created": created, "signature": key.sign(text.encode())}


def _result(message: JsonObject) -> Any:
    """What an answer says. Raises Problem for an error."""
    if message["type"] == "error":
        raise Problem(0, {"title": message["code"], "detail": message["text"], **message})
    return message.get("result", message.get("results"))


def _command(name: str, fields: Mapping[str, Any], client_id: str | None) -> JsonObject:
    return {
        "op": name,
        "client_id": client_id or new_client_id(),
        **{key: value for key, value in fields.items() if value is not None},
    }


def _subscription(op: str, channel: str, fields: Mapping[str, Any]) -> JsonObject:
    return {"op": op, "channel": channel, **{key.rstrip("_"): value for key, value in fields.items()}}


def _is_answer(message: JsonObject, request: int) -> bool:
    return message["type"] in ("answer", "error") and message.get("id") == request


class Socket:
    """A connection for one thread."""

    def __init__(self, url: str, key: Key | None = None) -> None:
        """Connect, and sign in if a key is given. Raises Unreachable, Problem."""
        self._open = contextlib.ExitStack()
        try:
            self._connection: ClientConnection = self._open.enter_context(
                connect(_address(url), subprotocols=[SUBPROTOCOL], max_size=None)
            )
        except (OSError, WebSocketException) as error:
            raise _not_open(url, error) from error
        self._request = 0
        self._kept: deque[JsonObject] = deque()
        with contextlib.ExitStack() as unless_good:
            unless_good.callback(self.close)
            self.hello: JsonObject = self._expect()
            if key is not None:
                self.ask(_login(self.hello, key))
            unless_good.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._open.close()

    def ask(self, message: JsonObject) -> Any:
        """Send a message and wait for its answer; what comes in between is kept. Raises Problem, Unreachable."""
        self._request += 1
        self._send({**message, "id": self._request})
        while True:
            received = self._expect()
            if _is_answer(received, self._request):
                return _result(received)
            self._kept.append(received)

    def command(self, name: str, client_id: str | None = None, **fields: Any) -> JsonObject:
        """Give a command of PS-0; the answer has number and events, or reasons where it was rejected."""
        answer: JsonObject = self.ask(_command(name, fields, client_id))
        return answer

    def subscribe(self, channel: str, **fields: Any) -> Any:
        """Follow a channel: market (session, instrument), session (session), sessions, private (after)."""
        return self.ask(_subscription("subscribe", channel, fields))

    def messages(self, seconds: float | None = None) -> Iterator[JsonObject]:
        """What comes, heartbeats too, until nothing comes for so many seconds. Raises Unreachable when it is cut."""
        while True:
            if self._kept:
                yield self._kept.popleft()
                continue
            try:
                yield self._receive(seconds)
            except TimeoutError:
                return

    def _send(self, message: JsonObject) -> None:
        try:
            self._connection.send(json.dumps(message))
        except ConnectionClosed as closed:
            raise Unreachable(str(closed)) from closed

    def _expect(self) -> JsonObject:
        """The next message, which has to come: a second without any is long for an exchange that lives."""
        try:
            return self._receive(SECONDS)
        except TimeoutError:
            raise Unreachable(f"nothing came for {SECONDS} s") from None

    def _receive(self, seconds: float | None) -> JsonObject:
        try:
            received: JsonObject = json.loads(self._connection.recv(seconds))
        except ConnectionClosed as closed:
            raise Unreachable(str(closed)) from closed
        return received


class AsyncSocket:
    """A connection for asyncio: many may ask at once, one reads the messages. Made by `await AsyncSocket.open(…)`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._request = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._messages: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self.hello: JsonObject = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, key: Key | None = None) -> Self:
        """Connect, and sign in if a key is given. Raises Unreachable, Problem."""
        try:
            connection = await connect_async(_address(url), subprotocols=[SUBPROTOCOL], max_size=None)
        except (OSError, WebSocketException) as error:
            raise _not_open(url, error) from error
        opened = cls(connection)
        async with contextlib.AsyncExitStack() as unless_good:
            unless_good.push_async_callback(opened.close)
            try:
                async with asyncio.timeout(SECONDS):
                    opened.hello = json.loads(await connection.recv())
            except (ConnectionClosed, TimeoutError) as error:
                raise Unreachable(f"{url}: {error}") from error
            opened._reading = asyncio.create_task(opened._read())
            if key is not None:
                await opened.ask(_login(opened.hello, key))
            unless_good.pop_all()
        return opened

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()
        if self._reading is not None:
            await self._reading

    async def ask(self, message: JsonObject) -> Any:
        """Send a message and wait for its answer. Raises Problem, Unreachable."""
        self._request += 1
        request = self._request
        answer = self._waiting[request] = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send(json.dumps({**message, "id": request}))
            return _result(await answer)
        except ConnectionClosed as closed:
            raise Unreachable(str(closed)) from closed
        finally:
            self._waiting.pop(request, None)

    async def command(self, name: str, client_id: str | None = None, **fields: Any) -> JsonObject:
        """As Socket.command."""
        answer: JsonObject = await self.ask(_command(name, fields, client_id))
        return answer

    async def subscribe(self, channel: str, **fields: Any) -> Any:
        """As Socket.subscribe."""
        return await self.ask(_subscription("subscribe", channel, fields))

    async def next_message(self) -> JsonObject:
        """The next message, heartbeats too. Raises Unreachable when the connection was cut."""
        message = await self._messages.get()
        if message is None:
            raise Unreachable("the connection was closed")
        return message

    async def _read(self) -> None:
        try:
            async for data in self._connection:
                message: JsonObject = json.loads(data)
                request = message.get("id")
                answer = self._waiting.get(request) if isinstance(request, int) else None
                if answer is not None and message["type"] in ("answer", "error"):
                    if not answer.done():
                        answer.set_result(message)
                else:
                    self._messages.put_nowait(message)
        except ConnectionClosed:
            pass
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unreachable("the connection was closed"))
        self._messages.put_nowait(None)
