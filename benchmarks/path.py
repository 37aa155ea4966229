"""How long is an order's way, from the frame in which it comes to the durable answer? WebSocket clients in this
process, gateway and core each in one of their own, a journal on this disk; against an echo through the same gateway."""

import asyncio
import base64
import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import argon2.profiles
import msgspec
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typing_extensions import override

from benchmarks.exchange import open_exchange, submit
from benchmarks.measure import RUNS, ratio, show
from kirmash.config import Config, CoreConfig, GatewayConfig, IdentityConfig, LogConfig
from kirmash.identity import Identity, NewLogin, Opened, Role
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR
from kirmash.messages.kinds import Mechanism, Phase, SelfTrade, Side
from kirmash.protocol.ws import login_text

CONNECTIONS: Final = 50
SINGLE: Final = 500
ORDERS: Final = 5_000
FRAMES: Final = 100
FRAME_ORDERS: Final = 100
READERS: Final = 1_000
READ_ORDERS: Final = 100
SESSION: Final = "today"
PASSWORD: Final = "nobody logs in by this one"

_JSON: Final = "kirmash.v1.json"
_MSGPACK: Final = "kirmash.v1.msgpack"
_encode: Final = msgspec.msgpack.Encoder().encode


def run(messages: int) -> None:  # noqa: ARG001 (every question has it; a whole path is slower than its parts)
    """Print latencies, rates and their ratios."""
    with (
        tempfile.TemporaryDirectory(dir=".") as parent,
        Served(Path(parent)) as served,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_measure(served))


async def _measure(served: "Served") -> None:
    sync = [_fdatasync(served.folder) for _ in range(RUNS)]
    await _one_in_flight(served, sync)
    await _many(served, "50 connections", CONNECTIONS, 1, ORDERS)
    await _many(served, "8 x 32", 8, 32, ORDERS)
    await _frames(served)
    await _readers(served)


async def _one_in_flight(served: "Served", sync: list[float]) -> None:
    echoes, orders = [], []
    for turn in range(RUNS):
        echo, order = await served.connect("/echo"), await served.sign_in(0)
        echoes.append(percentile(await echo.play(served.orders(f"e1-{turn}", 0, SINGLE), 1), 50))
        orders.append(percentile(await order.play(served.orders(f"o1-{turn}", 0, SINGLE), 1), 50))
        echo.close()
        order.close()
    excess = [order - echo - synced for echo, order, synced in zip(echoes, orders, sync, strict=True)]
    show("path fdatasync p50", sync, "us")
    show("path one echo p50", echoes, "us")
    show("path one order p50", orders, "us")
    show("path one order above echo and fdatasync", excess, "us")


async def _many(served: "Served", name: str, connections: int, in_flight: int, count: int) -> None:
    rates: dict[str, list[float]] = {"echo": [], "order": []}
    slowest: dict[str, list[float]] = {"echo": [], "order": []}
    for turn in range(RUNS):
        for kind in ("echo", "order"):
            wires = [
                await (served.connect("/echo") if kind == "echo" else served.sign_in(at)) for at in range(connections)
            ]
            given = [
                served.orders(f"{kind[0]}{name[0]}{in_flight}-{turn}-{at}", at, count // connections)
                for at in range(connections)
            ]
            began = time.perf_counter()
            played = await asyncio.gather(
                *(wire.play(frames, in_flight) for wire, frames in zip(wires, given, strict=True))
            )
            rates[kind].append(count / (time.perf_counter() - began))
            slowest[kind].append(percentile([seconds for latencies in played for seconds in latencies], 99))
            for wire in wires:
                wire.close()
    for kind in ("echo", "order"):
        show(f"path {name} {kind}", rates[kind], "messages/s")
        show(f"path {name} {kind} p99", slowest[kind], "us")
    ratio(f"path {name} order/echo", rates["order"], rates["echo"])
    ratio(f"path {name} p99 order/echo", slowest["order"], slowest["echo"])


async def _frames(served: "Served") -> None:
    rates: dict[str, list[float]] = {"echo": [], "order": []}
    for turn in range(RUNS):
        for kind in ("echo", "order"):
            wires = [
                await (served.connect("/echo") if kind == "echo" else served.sign_in(at, _MSGPACK)) for at in range(4)
            ]
            given = [served.frames(f"{kind[0]}f-{turn}-{at}", at, FRAMES // 4) for at in range(4)]
            began = time.perf_counter()
            await asyncio.gather(*(wire.play(frames, 2) for wire, frames in zip(wires, given, strict=True)))
            rates[kind].append(FRAMES * FRAME_ORDERS / (time.perf_counter() - began))
            for wire in wires:
                wire.close()
    show("path frames echo", rates["echo"], "orders/s")
    show("path frames order", rates["order"], "orders/s")
    ratio("path frames order/echo", rates["order"], rates["echo"])


async def _readers(served: "Served") -> None:
    wish = {"op": "subscribe", "channel": "market", "session": SESSION, "instrument": "i"}
    readers = [await served.connect("/ws/v1") for _ in range(READERS)]
    for reader in readers:
        await reader.heard()
        reader.send(_masked(msgspec.json.encode(wish), text=True))
        while b'"type":"snapshot"' not in await reader.heard():
            pass
    giver = await served.sign_in(0)
    told: list[float] = []
    for reader in readers:
        reader.on_message = lambda data: told.append(time.perf_counter()) if b'"type":"update"' in data else None
    spans, rates = [], []
    for turn in range(RUNS):
        told.clear()
        began = time.perf_counter()
        latencies = await giver.play(served.orders(f"r-{turn}", 0, READ_ORDERS), 1)
        while time.perf_counter() - (told[-1] if told else began) < 0.5:
            await asyncio.sleep(0.1)
        rates.append(len(told) / (told[-1] - began))
        spans.append(percentile(latencies, 50))
    show(f"path {READERS} readers delivered", rates, "updates/s")
    show(f"path {READERS} readers order p50", spans, "us")
    for reader in readers:
        reader.close()


def _fdatasync(folder: Path) -> float:
    """The median of writing a page and fdatasync, in microseconds."""
    taken = []
    file = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    for _ in range(100):
        began = time.perf_counter()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        taken.append(time.perf_counter() - began)
    os.close(file)
    return percentile(taken, 50)


def percentile(seconds: list[float], per_cent: int) -> float:
    """A percentile in microseconds."""
    return sorted(seconds)[min(len(seconds) - 1, len(seconds) * per_cent // 100)] * 1e6


# The servers -----------------------------------------------------------------------------------------------------


class Served:
    """A core and a gateway, and keys of the workload's traders."""

    def __init__(self, parent: Path) -> None:
        self.folder = parent
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        unlimited = IdentityConfig(
            key_per_second=1_000_000, key_burst=1_000_000, manual_per_second=1_000_000, manual_burst=1_000_000
        )
        self._config = Config(
            core=CoreConfig(data=str(parent / "data"), socket=str((parent / "core.sock").absolute())),
            gateway=GatewayConfig(port=self.port),
            identity=unlimited,
            log=LogConfig(level="error"),
        )
        self._sessions: list[Opened] = []
        self._keys: list[tuple[str, Ed25519PrivateKey]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Served":
        folder, writer = open_exchange(Path(self._config.core.data))
        submit(writer, [(OPERATOR, command) for command in _session_of_today()], "path", 10)
        writer.stop()
        folder.close()
        asyncio.run(self._make_keys())
        file = self.folder / "config.json"
        file.write_bytes(msgspec.json.encode(self._config))
        for part in ("core", "gateway"):
            command = [sys.executable, "-m", "benchmarks.path_server", part, str(file)]
            self._processes.append(subprocess.Popen(command))
        with contextlib.ExitStack() as unless_open:
            unless_open.callback(self.__exit__)
            self._wait_until_open()
            unless_open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)

    async def _make_keys(self) -> None:
        path = Path(self._config.core.data) / "identity.db"
        identity = Identity(path, password_parameters=argon2.profiles.CHEAPEST)
        new = [
            NewLogin(
                name=f"trader{at}",
                role=Role.TRADER,
                participant=f"p{at}",
                trader=f"t{at}",
                password=PASSWORD,
                keep_password=True,
            )
            for at in range(CONNECTIONS)
        ]
        for made in await identity.add_logins(new):
            private = Ed25519PrivateKey.generate()
            public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
            self._keys.append((identity.add_key(made.login.id, public, "bench").id, private))
        self._sessions = [await identity.login(f"trader{at}", PASSWORD, f"10.0.0.{at}") for at in range(CONNECTIONS)]
        identity.close()

    def _wait_until_open(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > until or any(process.poll() is not None for process in self._processes):
                    raise
                time.sleep(0.1)

    async def connect(self, path: str, subprotocol: str = _JSON) -> "Wire":
        """An open WebSocket."""
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, "127.0.0.1", self.port)
        wire.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
        )
        async with asyncio.timeout(60):
            await wire.open
        return wire

    def session(self, at: int) -> tuple[str, str]:
        """The cookie and the form's token of one of the traders."""
        opened = self._sessions[at]
        return opened.token, opened.csrf

    async def sign_in(self, at: int, subprotocol: str = _JSON) -> "Wire":
        """An open WebSocket of one of the traders."""
        wire = await self.connect("/ws/v1", subprotocol)
        text = subprotocol == _JSON
        decode: Callable[[bytes], Any] = msgspec.json.decode if text else msgspec.msgpack.decode
        encode: Callable[[Any], bytes] = msgspec.json.encode if text else msgspec.msgpack.encode
        nonce = decode(await wire.heard())["nonce"]
        key, private = self._keys[at]
        created = int(time.time())
        signature = base64.b64encode(private.sign(login_text(nonce, created, key))).decode()
        login = {"op": "login", "key": key, "created": created, "signature": signature}
        wire.send(_masked(encode(login), text=text))
        answer = decode(await wire.heard())
        assert answer["type"] == "answer", answer
        return wire

    def orders(self, prefix: str, at: int, count: int) -> list[bytes]:
        """Frames of one order each."""
        return [_masked(msgspec.json.encode(_order(prefix, at, number)), text=True) for number in range(count)]

    def frames(self, prefix: str, at: int, count: int) -> list[bytes]:
        """Frames of a hundred orders each."""
        made = []
        for frame in range(count):
            numbers = range(frame * FRAME_ORDERS, (frame + 1) * FRAME_ORDERS)
            items = [_order(prefix, at, number) for number in numbers]
            made.append(_masked(_encode({"op": "commands", "id": frame, "items": items}), text=False))
        return made


def _session_of_today() -> list[c.Command]:
    """A session in TRADING whose plan lies ahead, so that the timetable of a core that is served leaves it alone."""
    ahead = int(time.time()) + 86_400
    plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
    session = c.CreateSession(
        session=SESSION,
        section="metal",
        purpose="export",
        mechanism=Mechanism.CDCA,
        instruments=(c.SessionInstrument(instrument="i"),),
        phases=tuple(c.PlannedPhase(phase=phase, at=(ahead + place, 0)) for place, phase in enumerate(plan)),
        self_trade=SelfTrade.ALLOW,
        deposit=tuple(
            c.DepositRate(side=side, resident=True, currency="EUR", rate_ppm=2_000, floor="0.20") for side in Side
        ),
    )
    return [session, c.ChangePhase(session=SESSION, from_=Phase.INTAKE, to=Phase.TRADING)]


def _order(prefix: str, at: int, number: int) -> dict[str, Any]:
    """Every other order meets the one before it, so that the book stays small and half of the orders trade."""
    return {
        "op": "place_order",
        "client_id": f"{prefix}-{number}",
        "session": SESSION,
        "instrument": "i",
        "side": "sell" if (number + at) % 2 else "buy",
        "price": "100.00",
        "quantity": "1",
    }


# The clients -----------------------------------------------------------------------------------------------------


def _masked(payload: bytes, *, text: bool) -> bytes:
    """A client's frame, masked with zeros, which cost nothing."""
    opcode, size = (0x81 if text else 0x82), len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", opcode, 0x80 | 127, size)
    return head + bytes(4) + payload


class Wire(asyncio.Protocol):
    """A WebSocket client that costs next to nothing: the server is what is measured."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.open: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._kept: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self.on_message: Callable[[bytes], Any] = self._keep

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.open.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert b" 101 " in self._buffer[:20], bytes(self._buffer)
            del self._buffer[: end + 4]
            self.open.set_result(None)
        at, buffer = 0, self._buffer
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                if len(buffer) - at < head:
                    break
                size = int.from_bytes(buffer[at + 2 : at + head], "big")
            if len(buffer) - at < head + size:
                break
            self.on_message(bytes(buffer[at + head : at + head + size]))
            at += head + size
        del buffer[:at]

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.abort()

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def heard(self) -> bytes:
        """The next message."""
        while not self._kept:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._kept.pop(0)

    async def play(self, frames: list[bytes], in_flight: int) -> list[float]:
        """Send all, so many at a time on their way; gives what each took, in seconds."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent: list[float] = []
        taken: list[float] = []
        heartbeats = (b'"type":"heartbeat"', b"\xa4type\xa9heartbeat")

        def answered(data: bytes) -> None:
            if any(mark in data[:40] for mark in heartbeats):
                return
            now = time.perf_counter()
            assert b"rejected" not in data
            assert b"refused" not in data
            taken.append(now - sent[len(taken)])
            if len(sent) < len(frames):
                sent.append(now)
                self.send(frames[len(sent) - 1])
            elif len(taken) == len(frames):
                done.set_result(None)

        before, self.on_message = self.on_message, answered
        for frame in frames[:in_flight]:
            sent.append(time.perf_counter())
            self.send(frame)
        await done
        self.on_message = before
        return taken
