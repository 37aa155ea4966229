"""Core, gateway, or both are killed while real clients trade as fast as they are answered. Each client reconnects,
resumes its private lines from its number and repeats what was not answered, as the reference page tells it to; in the
end the journal has what was acknowledged, once, and every client was told every line of his own, once.

The parts are those of `kirmash serve`, started as a process manager would (`--only`), so that each comes again at once.
"""

import asyncio
import base64
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import argon2.profiles
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kirmash.client import AsyncSocket, Key, Unreachable
from kirmash.identity import Identity, NewLogin, Role, Scope
from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.codec import OPERATOR, Record
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind
from kirmash.protocol.present import Presenter
from kirmash.protocol.shapes import command_from_json
from kirmash.publication.private import PrivateFeed
from kirmash.sequencer.recovery import Replayed
from kirmash.sequencer.writer import Writer
from tests.core.hall import until
from tests.serve.processes import free_port

ROUNDS = int(os.environ.get("KIRMASH_SERVE_KILLS", "1"))
KILLS = (("core",), ("gateway",), ("core", "gateway"))
BETWEEN = 60
"""Answers between two kills."""
SESSION, INSTRUMENT = "timber-1", "timber"
PARTICIPANTS = ("alfa", "beta", "gamma")
TRADERS = tuple(f"{participant}-{at}" for participant in PARTICIPANTS for at in (1, 2))
PHASES = ("SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED")
PATIENCE = 60


def _stage() -> list[tuple[str, dict[str, Any]]]:
    """Three companies with two traders each, money, one instrument, a session in which it is traded already."""
    first = datetime.now(UTC) + timedelta(days=1)
    plan = [{"phase": phase, "at": (first + timedelta(hours=at)).isoformat()} for at, phase in enumerate(PHASES)]
    card = {"card": "pine", "version": 1}
    told: list[tuple[str, dict[str, Any]]] = [
        ("list_card", {**card, "section": "timber", "name_en": "Pine", "name_ru": "Сосна", "hs_code": "440711",
                       "unit": "MTQ"}),
        ("list_instrument", {**card, "instrument": INSTRUMENT, "basis": {"incoterm": "FCA", "place": "Minsk"},
                             "currency": "USD", "payment_term": "prepayment", "purpose": "export", "lot": "1",
                             "tick": "0.01"}),
    ]  # fmt: skip
    for name in PARTICIPANTS:
        told += [
            ("register_participant", {"participant": name, "name": name, "country": "BY", "resident": True,
                                      "kinds": ["visitor"]}),
            ("accredit_participant", {"participant": name}),
            *(("grant_permission", {"participant": name, "section": "timber", "side": side, "purpose": "export"})
              for side in ("buy", "sell")),
            ("credit_deposit", {"participant": name, "currency": "USD", "amount": "900000000.00"}),
        ]  # fmt: skip
    told += [("appoint_trader", {"trader": name, "participant": name[:-2]}) for name in TRADERS]
    told.append(
        ("create_session", {"session": SESSION, "section": "timber", "purpose": "export", "mechanism": "cdca",
                            "instruments": [{"instrument": INSTRUMENT}], "phases": plan})
    )  # fmt: skip
    told += [
        ("change_phase", {"session": SESSION, "from": before, "to": after}) for before, after in pairwise(PHASES[:4])
    ]
    return told


def _make_exchange(data: Path) -> tuple[int, dict[str, Key]]:
    """The data folder of an exchange that is open for trading, with a key for each trader; its last record's number."""
    keys: dict[str, Key] = {}
    with Folder.create(data) as folder:
        Journal.create(folder.journal, "killed").close()
        with Writer(folder, market_loader(None)) as writer:
            for at, (name, fields) in enumerate(_stage()):
                answer = writer.submit(OPERATOR, "test", f"stage-{at}", command_from_json(name, fields))
                events = codec.decode_events(answer.result(PATIENCE).events)
                assert type(events[0]).__name__ != "CommandRejected", events
        number = writer.head.number
    identity = Identity(data / "identity.db", password_parameters=argon2.profiles.CHEAPEST)
    new = [
        NewLogin(name=name, role=Role.TRADER, participant=name[:-2], trader=name, password="a goose on the green",
                 keep_password=True)
        for name in TRADERS
    ]  # fmt: skip
    for made in asyncio.run(identity.add_logins(new)):
        private = Ed25519PrivateKey.generate()
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        key = identity.add_key(made.login.id, public, "test", (Scope.READ, Scope.COMMANDS))
        keys[str(made.login.trader)] = Key(key.id, private)
    identity.close()
    return number, keys


class Parts:
    """Core and gateway as processes."""

    def __init__(self, data: Path, port: int, log: Path) -> None:
        self._words = ("--data", str(data), "--port", str(port))
        self._log = log
        self._environment = {
            **os.environ,
            "KIRMASH_CORE_SOCKET": str(data.parent / "core.sock"),
            "KIRMASH_IDENTITY_KEY_PER_SECOND": "5000",
            "KIRMASH_IDENTITY_KEY_BURST": "5000",
            "KIRMASH_LOG_LEVEL": "error",
        }
        self.running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, *parts: str) -> None:
        for part in parts:
            with self._log.open("ab") as out:
                self.running[part] = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "kirmash", "serve", "--only", part, *self._words),
                    stdout=out,
                    stderr=out,
                    env=self._environment,
                )

    async def kill(self, *parts: str) -> None:
        for part in parts:
            self.running[part].kill()
        for part in parts:
            assert await self.running[part].wait() == -signal.SIGKILL, self._log.read_text(encoding="utf-8")

    async def stop(self) -> None:
        for part in ("gateway", "core"):
            self.running[part].terminate()
            assert await self.running[part].wait() == 0, self._log.read_text(encoding="utf-8")

    async def end(self) -> None:
        for process in self.running.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


class Trader:
    """A client program: one command at a time, until it is answered."""

    def __init__(self, name: str, url: str, key: Key, after: int) -> None:
        self.name = name
        self.participant = name[:-2]
        self._url = url
        self._key = key
        self._chance = random.Random(name)
        self._seen = after
        self._sent = 0
        self._orders: list[int] = []
        self.acknowledged: dict[str, int] = {}
        self.repeated: set[str] = set()
        self.commands: dict[str, tuple[str, dict[str, Any]]] = {}
        self.lines: list[tuple[int, int]] = []
        self.resumed = 0
        self.resyncs: list[dict[str, Any]] = []

    async def trade(self, stop: asyncio.Event) -> None:
        """Until told to stop, and then until the last command is answered."""
        open_one: str | None = None
        while not stop.is_set() or open_one is not None:
            try:
                socket = await AsyncSocket.open(self._url, self._key)
            except Unreachable:
                await asyncio.sleep(0.05)
                continue
            reading = asyncio.create_task(self._read(socket))
            try:
                answer = await socket.subscribe("private", after=self._seen)
                self.resumed += answer["resumed"]
                while not stop.is_set() or open_one is not None:
                    open_one = open_one or self._next()
                    if await self._give(socket, open_one):
                        open_one = None
            except Unreachable:
                if open_one is not None:
                    self.repeated.add(open_one)
            finally:
                await socket.close()
                await reading

    async def listen(self, until_number: int) -> None:
        """Read on until all lines up to a number must have been told."""
        socket = await AsyncSocket.open(self._url, self._key)
        await socket.subscribe("private", after=self._seen)
        reading = asyncio.create_task(self._read(socket))
        try:
            await until(lambda: self.last_record >= until_number, PATIENCE)
        finally:
            await socket.close()
            await reading

    @property
    def last_record(self) -> int:
        return self.lines[-1][0] if self.lines else 0

    async def _read(self, socket: AsyncSocket) -> None:
        try:
            while True:
                message = await socket.next_message()
                if message["type"] == "private":
                    self.lines += [(line["number"], line["index"]) for line in message["lines"]]
                    self._seen = message["number"]
                elif message["type"] == "resync":
                    self.resyncs.append(message)
        except Unreachable:
            return

    def _next(self) -> str:
        self._sent += 1
        client_id = f"{self.name}.{self._sent}"
        if self._orders and self._chance.random() < 0.3:
            self.commands[client_id] = "cancel_order", {"order": self._orders.pop(0)}
        else:
            self.commands[client_id] = (
                "place_order",
                {
                    "session": SESSION,
                    "instrument": INSTRUMENT,
                    "side": self._chance.choice(("buy", "sell")),
                    "price": f"{self._chance.randint(9_900, 10_100) / 100:.2f}",
                    "quantity": str(self._chance.randint(1, 9)),
                },
            )
        return client_id

    async def _give(self, socket: AsyncSocket, client_id: str) -> bool:
        """Whether it has a number now."""
        name, fields = self.commands[client_id]
        result = await socket.command(name, client_id, **fields)
        if result["status"] == "refused":
            assert result["code"] in ("unavailable", "outcome_unknown", "busy"), result
            self.repeated.add(client_id)
            await asyncio.sleep(0.02)
            return False
        self.acknowledged[client_id] = result["number"]
        self._orders += [event["order"] for event in result.get("events", ()) if event["event"] == "order_accepted"]
        return True


def _records(data: Path) -> list[Record]:
    with Reader(data / "journal.db") as reader:
        return [codec.decode_record(record) for _, record, _ in reader.records(0)]


def _own_lines(records: Sequence[Record]) -> dict[str, list[tuple[int, int]]]:
    """Which lines each participant has to be told, by a fold of the whole journal."""
    presenter = Presenter()
    feed = PrivateFeed(presenter.present)
    told: dict[str, list[tuple[int, int]]] = {}
    for record in records:
        for participant, lines in feed.fold(record).items():
            told.setdefault(participant, []).extend((line["number"], line["index"]) for line in lines)
    return told


async def _killed(parts: Parts, traders: Sequence[Trader], chance: random.Random) -> None:
    """Trade; kill core, gateway and both in turn, at moments of no meaning; come to rest; stop."""
    stop = asyncio.Event()
    trading = [asyncio.create_task(trader.trade(stop)) for trader in traders]

    async def answered(more: int) -> None:
        reached = sum(len(trader.acknowledged) for trader in traders) + more

        def is_there() -> bool:
            fallen = any(task.done() for task in trading)
            return fallen or sum(len(trader.acknowledged) for trader in traders) >= reached

        await until(is_there, PATIENCE)
        for task in trading:
            if task.done():
                task.result()

    await answered(BETWEEN)
    for victims in KILLS * ROUNDS:
        await asyncio.sleep(chance.random() * 0.05)
        await parts.kill(*victims)
        await parts.start(*victims)
        await answered(BETWEEN)
    stop.set()
    await asyncio.gather(*trading)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_and_every_client_resumes(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    stage, keys = _make_exchange(data)
    parts = Parts(data, port, tmp_path / "log")
    traders = [Trader(name, f"http://127.0.0.1:{port}", keys[name], stage) for name in TRADERS]

    async def scene() -> None:
        async with asyncio.timeout(PATIENCE + 30 * ROUNDS):
            try:
                await parts.start("core", "gateway")
                await _killed(parts, traders, random.Random(ROUNDS))
                own = _own_lines(_records(data))
                await asyncio.gather(*(trader.listen(own[trader.participant][-1][0]) for trader in traders))
                await parts.stop()
            finally:
                await parts.end()

    asyncio.run(scene())
    records = _records(data)
    _check_commands(records[stage:], traders)
    own = _own_lines(records)
    for trader in traders:
        assert trader.resyncs == []
        assert trader.resumed >= 2, "he resumes when he begins, and a gateway's death cuts him off"
        assert trader.lines == [line for line in own[trader.participant] if line[0] > stage], trader.name
    # One who is slow to come back may see two deaths as one; not everybody does.
    assert max(trader.resumed for trader in traders) >= 1 + 2 * ROUNDS
    assert any(trader.repeated for trader in traders), "nothing was under way at any kill: the load is too small"
    verify(data, lambda exchange_id: Replayed(exchange_id, market_loader(None)))


def _check_commands(records: Sequence[Record], traders: Sequence[Trader]) -> None:
    """Each acknowledged command stands in the journal once, with its number and content; nothing else was given."""
    given = [record for record in records if record.actor_kind is ActorKind.TRADER]
    assert Counter((record.actor, record.client_id) for record in given).most_common(1)[0][1] == 1
    for trader in traders:
        numbered = {record.client_id: record for record in given if record.actor == trader.name}
        assert {client_id: record.number for client_id, record in numbered.items()} == trader.acknowledged
        for client_id, record in numbered.items():
            sent: Command = command_from_json(*trader.commands[client_id])
            assert codec.decode_command(record.command) == sent
    # What a kill caught under way and was given again has to be among them, or no repetition was tried.
    repeated = {(trader.name, client_id) for trader in traders for client_id in trader.repeated}
    assert repeated & {(record.actor, record.client_id) for record in given}
