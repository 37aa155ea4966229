"""How much of what this server can do at all does an order by REST get? Orders by a session's cookie, each answered
when it is durable, against a request of the same size that the same server only reads, checks for form and answers.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop
from typing_extensions import override

from benchmarks.measure import RUNS, ratio, show
from benchmarks.path import SESSION, Served, percentile

CONNECTIONS: Final = 32
REQUESTS: Final = 3_200
CHECKED: Final = "/checked"
KINDS: Final = ("checked", "order")


def run(messages: int) -> None:  # noqa: ARG001 (every question has it)
    """Print rates, latencies and their ratios."""
    with (
        tempfile.TemporaryDirectory(dir=".") as parent,
        Served(Path(parent)) as served,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_measure(served))


async def _measure(served: Served) -> None:
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    slowest: dict[str, list[float]] = {kind: [] for kind in KINDS}
    clients = [await Client.open(served.port) for _ in range(CONNECTIONS)]
    opened = [served.session(at) for at in range(CONNECTIONS)]
    for turn in range(RUNS):
        for kind in KINDS:
            given = [
                [_request(kind, f"{kind}-{turn}-{at}-{number}", number + at, *opened[at]) for number in _numbers()]
                for at in range(CONNECTIONS)
            ]
            began = time.perf_counter()
            taken = await asyncio.gather(
                *(client.play(requests) for client, requests in zip(clients, given, strict=True))
            )
            rates[kind].append(REQUESTS / (time.perf_counter() - began))
            slowest[kind].append(percentile([seconds for one in taken for seconds in one], 99))
    for kind in KINDS:
        show(f"rest {kind}", rates[kind], "requests/s")
        show(f"rest {kind} p99", slowest[kind], "us")
    ratio("rest order/checked", rates["order"], rates["checked"])
    for client in clients:
        client.close()


def _numbers() -> range:
    return range(REQUESTS // CONNECTIONS)


def _request(kind: str, client_id: str, number: int, cookie: str, csrf: str) -> bytes:
    """Every other order meets the one before it."""
    body = msgspec.json.encode(
        {
            "session": SESSION,
            "instrument": "i",
            "side": "sell" if number % 2 else "buy",
            "price": "100.00",
            "quantity": "1",
        }
    )
    path = CHECKED if kind == "checked" else "/api/v1/commands/place_order"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Cookie: kirmash_session={cookie}\r\nX-CSRF-Token: {csrf}\r\nIdempotency-Key: {client_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """An HTTP client that costs next to nothing: it counts bytes of answers with a length."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport
        self._on_answer: Callable[[bytes], None] = lambda _: None

    @classmethod
    async def open(cls, port: int) -> "Client":
        """A connection."""
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return client

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            answer, self._buffer = self._buffer[: end + 4 + length], b""
            self._on_answer(answer)

    def close(self) -> None:
        self._transport.abort()

    async def play(self, requests: list[bytes]) -> list[float]:
        """Send one after the other; gives what each took, in seconds."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        taken: list[float] = []
        sent = time.perf_counter()

        def answered(answer: bytes) -> None:
            nonlocal sent
            if not answer.startswith(b"HTTP/1.1 200"):
                done.set_exception(AssertionError(answer))
                return
            now = time.perf_counter()
            taken.append(now - sent)
            if len(taken) == len(requests):
                done.set_result(None)
            else:
                sent = now
                self._transport.write(requests[len(taken)])

        self._on_answer = answered
        self._transport.write(requests[0])
        await done
        return taken
