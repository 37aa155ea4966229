"""What is told on the WebSocket: no gaps, books that agree with the exchange's, nobody's secrets, slow readers."""

import asyncio
import socket
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.messages import codec
from kirmash.protocol.ws import Format
from kirmash.sequencer.answers import Refused
from tests.fuzz.stream import HostileStream
from tests.gateway.running import BUYER, INSTRUMENT, MARKETS, SELLER, SESSION, Client, JsonObject, Running, order, run

MARKET: dict[str, Any] = {"op": "subscribe", "channel": "market", "session": SESSION, "instrument": INSTRUMENT}
SMALL = SocketLimits(
    socket_bytes=4096, outbox_messages=60, outbox_bytes=64 * 1024, closing_seconds=20, kept_private=5000
)


class Book:
    """A book kept by a client from nothing but what it was sent."""

    def __init__(self, snapshot: JsonObject) -> None:
        self.number: int = snapshot["number"]
        book = snapshot["snapshot"]
        self.levels: dict[str, dict[str, list[Any]]] = {
            side: {level[0]: level for level in book[name]} for side, name in (("buy", "bids"), ("sell", "asks"))
        }
        assert self.checksum() == book["checksum"]
        self.checked = 0

    def take(self, update: JsonObject) -> None:
        assert update["number"] == self.number + 1, "a gap"
        self.number += 1
        for side, price, quantity, orders, conditional in update["fields"].get("levels", ()):
            if quantity == "0":
                del self.levels[side][price]
            else:
                self.levels[side][price] = [price, quantity, orders, conditional]
        if "checksum" in update:
            assert self.checksum() == update["checksum"], update
            self.checked += 1

    def checksum(self) -> int:
        text = ""
        for side in ("buy", "sell"):
            prices = sorted(self.levels[side], key=Decimal, reverse=side == "buy")[:10]
            text += "".join(f"{side} {' '.join(str(part) for part in self.levels[side][price])}\n" for price in prices)
        return crc32(text.encode())


async def read_until(client: Client, quiet: float = 0.3) -> None:
    """Everything that comes until it is quiet."""
    try:
        while True:
            async with asyncio.timeout(quiet):
                client.inbox.append(await client.receive())
    except TimeoutError:
        return


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("seed", [31, 34])
def test_a_clients_book_over_a_hostile_stream_has_the_exchanges_checksum_and_no_gap(
    tmp_path: Path, market: str, seed: int
) -> None:
    async def play() -> None:
        async with Running(tmp_path, market) as running:
            client = await running.client(form=Format.MSGPACK)
            assert (await client.say({"op": "subscribe", "channel": "sessions"}))["type"] == "answer"
            stream = HostileStream(seed, 500)
            books: dict[Any, Book] = {}
            phases: dict[str, int] = {}
            for at, (actor, command) in enumerate(stream.commands()):
                try:
                    answer = await running.give(command, actor, f"f-{at}")
                except Refused:
                    continue
                stream.observe(actor, codec.decode_events(answer.events))
                if codec.name_of(type(command)) == "create_session":
                    await _follow_new(client, running, books, phases)
            await read_until(client)
            for update in client.of("update"):
                if update["channel"] == "market":
                    books[update["session"], update["instrument"]].take(update)
                elif update["session"] in phases:
                    assert update["number"] == phases[update["session"]] + 1
                    phases[update["session"]] += 1
            assert sum(book.checked for book in books.values()) > 50
            board = running.gateway.feed.board
            for (session, instrument), book in books.items():
                assert book.number == board.snapshot(session, instrument).number
                assert book.checksum() == board.checksum(session, instrument)
            assert all(number == board.session(session).number for session, number in phases.items())

    run(play())


async def _follow_new(client: Client, running: Running, books: dict[Any, Book], phases: dict[str, int]) -> None:
    for session in running.gateway.feed.board.sessions():
        if session.session in phases:
            continue
        # The list of sessions tells of every session's own channel, from its first update on.
        phases[session.session] = 0
        for instrument in session.instruments:
            market = {"op": "subscribe", "channel": "market", "session": session.session, "instrument": instrument}
            assert (await client.say(market))["type"] == "answer"
            books[session.session, instrument] = Book(await client.next("snapshot", when=_of(instrument)))


def _of(instrument: str) -> Any:
    return lambda message: message.get("instrument") == instrument


def test_who_comes_back_with_a_number_gets_what_he_missed_or_else_a_snapshot(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(kept_updates=5)) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            for at in range(10):
                await seller.place(f"a-{at}", "sell", f"{900 + at}.00")
            for number, resumed in ((10, True), (5, True), (4, False), (0, False), (11, False)):
                client = await running.client()
                answer = await client.say({**MARKET, "from": number})
                assert answer["result"] == {"channel": "market", "resumed": resumed, "number": 10}, number
                if resumed:
                    for expected in range(number + 1, 11):
                        assert (await client.next("update"))["number"] == expected
                else:
                    assert (await client.next("snapshot"))["number"] == 10
                await seller.say({"op": "ping"})
            late = await running.client()
            await late.say({**MARKET, "from": 10})
            await seller.place("a-10", "sell", "950.00")
            assert (await late.next("update"))["number"] == 11

    run(play())


def test_private_lines_are_resumed_by_journal_number_or_resync_names_the_queries(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(kept_private=12)) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            numbers = [(await seller.place(f"a-{at}", "sell", f"{900 + at}.00"))["number"] for at in range(6)]
            again = await running.client("seller")
            answer = await again.say({"op": "subscribe", "channel": "private", "after": numbers[2]})
            assert answer["result"]["resumed"] is True
            told = [await again.next("private") for _ in range(3)]
            assert [message["number"] for message in told] == numbers[3:]
            assert {line["event"] for line in told[0]["lines"]} == {"order_accepted", "order_rested", "account_changed"}
            late = await running.client("seller")
            answer = await late.say({"op": "subscribe", "channel": "private", "after": numbers[0]})
            assert answer["result"]["resumed"] is False
            resync = await late.next("resync")
            assert (resync["after"], resync["number"]) == (numbers[0], numbers[5])
            assert f"/api/v1/orders?min_number={numbers[5]}" in resync["queries"]
            for view in ("order-events", "statement"):
                assert f"/api/v1/{view}?after={numbers[0]}&min_number={numbers[5]}" in resync["queries"]
            more = (await seller.place("a-6", "sell", "990.00"))["number"]
            for client in (again, late):
                assert (await client.next("private"))["number"] == more
                assert not [*client.of("private")]

    run(play())


def test_an_outsider_and_a_rival_are_sent_nothing_of_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            outsider, seller, rival = (
                await running.client(),
                await running.client("seller"),
                await running.client("buyer"),
            )
            for client in (outsider, seller, rival):
                for wish in (MARKET, {"op": "subscribe", "channel": "session", "session": SESSION}):
                    assert (await client.say(wish))["type"] == "answer"
                assert (await client.say({"op": "subscribe", "channel": "sessions"}))["type"] == "answer"
            for client in (seller, rival):
                assert (await client.say({"op": "subscribe", "channel": "private"}))["type"] == "answer"
            await _trade(running, seller, rival)
            for client in (outsider, seller, rival):
                await read_until(client)
            secrets = {
                "seller": (SELLER, "mill-desk", "seller-secret", running.keys["seller"].id),
                "buyer": (BUYER, "foods-desk", "buyer-secret", running.keys["buyer"].id),
            }
            for client, whose in ((outsider, ("seller", "buyer")), (rival, ("seller",)), (seller, ("buyer",))):
                every = b"".join(client.bytes)
                for name in whose:
                    for secret in secrets[name]:
                        assert secret.encode() not in every, (name, secret)
            # Ids are small numbers, so they are looked for by what they are called.
            public = [*outsider.of("update"), *outsider.of("snapshot"), *outsider.of("sessions")]
            assert any(update.get("event") == "deal_made" for update in public)
            names = set().union(*(_names(message) for message in public))
            assert not names & {
                "order",
                "buy_order",
                "sell_order",
                "cause",
                "participant",
                "client",
                "trader",
                "by",
                "id",
            }
            assert _own_orders(rival).isdisjoint(_own_orders(seller))
            assert _own_orders(rival)
            assert "number" not in outsider.hello
            assert not any("number" in beat for beat in outsider.of("heartbeat"))

    run(play())


async def _trade(running: Running, seller: Client, rival: Client) -> None:
    await seller.place("seller-secret-1", "sell", "900.00", "200")
    await running.open_trading()
    made = await rival.place("buyer-secret-1", "buy", "905.00", "60")
    assert made["status"] == "accepted"
    own = next(event["order"] for event in made["events"] if event["event"] == "order_accepted")
    theirs = (await rival.say({"op": "cancel_order", "client_id": "buyer-secret-2", "order": own - 1}))["result"]
    assert [reason["reason"] for reason in theirs["reasons"]] == ["not_owner"]
    await rival.place("buyer-secret-3", "buy", "899.00", "40")
    await seller.place("seller-secret-2", "sell", "898.00", "60")
    await seller.say({"op": "mass_cancel", "client_id": "seller-secret-3", "session": SESSION})
    await rival.say(order("buyer-secret-1", "buy", "905.00", "60"))


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(_names(entry) for entry in value.values()))
    return set().union(*(_names(entry) for entry in value)) if isinstance(value, list) else set()


def _own_orders(client: Client) -> set[int]:
    """Every order of which a client's private lines speak."""
    lines = [line for message in client.of("private") for line in message["lines"]]
    return {line["order"] for line in lines if "order" in line}


@pytest.mark.parametrize("market", MARKETS)
def test_channel_numbers_go_on_over_a_restart_of_the_core_and_of_the_gateway(tmp_path: Path, market: str) -> None:
    async def play() -> None:
        async with Running(tmp_path, market, link=True) as running:
            await running.set_the_stage()
            seller, watcher = await running.client("seller"), await running.client()
            await watcher.say(MARKET)
            await seller.say({"op": "subscribe", "channel": "private"})
            book = Book(await watcher.next("snapshot"))
            first = await seller.place("a-1", "sell", "900.00")
            await running.stop_core()
            refused = await seller.place("a-2", "sell", "901.00")
            assert refused["code"] in ("unavailable", "outcome_unknown")
            await running.start_core()
            while (second := await seller.place("a-2", "sell", "901.00"))["status"] == "refused":
                await asyncio.sleep(0.05)
            assert second["number"] > first["number"]
            for _ in range(2):
                book.take(await watcher.next("update"))
            told = [await seller.next("private") for _ in range(2)]
            assert [message["number"] for message in told] == [first["number"], second["number"]]

            await running.stop_gateway()
            assert (await watcher.closed())[0] == 1001
            await running.start_gateway()
            watcher, seller = await running.client(), await running.client("seller")
            answer = await watcher.say({**MARKET, "from": book.number})
            if not answer["result"]["resumed"]:
                book = Book(await watcher.next("snapshot"))
            await seller.place("a-3", "sell", "902.00")
            while book.number < 3:
                book.take(await watcher.next("update"))
            assert (book.number, book.checked >= 1) == (3, True)
            assert book.checksum() == running.gateway.feed.board.checksum(SESSION, INSTRUMENT)

    run(play())


async def slow_client(running: Running, login: str | None = None) -> Client:
    """A client that reads no more than it is asked to, with little room in the kernel."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", running.gateway.port))
    return await running.client(login, sock=sock, max_queue=1)


def test_a_reader_who_is_too_slow_is_left_out_and_told_anew_while_others_miss_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SMALL) as running:
            await running.set_the_stage()
            slow, fast, seller = await slow_client(running), await running.client(), await running.client("seller")
            for client in (slow, fast):
                await client.say(MARKET)
            books = [Book(await client.next("snapshot")) for client in (slow, fast)]
            for turn in range(12):
                items = [order(f"a-{turn}-{at}", "sell", f"{900 + turn * 50 + at / 2:.2f}") for at in range(100)]
                answer = await seller.say({"op": "commands", "items": items})
                assert {result["status"] for result in answer["results"]} == {"accepted"}
                await read_until(fast, 0.05)
            await read_until(fast)
            for update in fast.of("update"):
                books[1].take(update)
            assert books[1].number == 1200
            await read_until(slow)
            told = [message for message in slow.inbox if message["type"] in ("update", "snapshot")]
            assert len(told) < 1200
            conflated = 0
            for message in told:
                if message["type"] == "snapshot":
                    assert message["conflated"] is True
                    books[0] = Book(message)
                    conflated += 1
                else:
                    books[0].take(message)
            assert conflated >= 1
            assert (books[0].number, books[0].checksum()) == (1200, books[1].checksum())
            assert b'kirmash_slow_readers_total{what="conflated"}' in running.gateway.metrics.text()

    run(play())


def test_a_reader_too_slow_for_his_own_lines_is_closed_with_4008_and_resumes_by_number(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SMALL) as running:
            await running.set_the_stage()
            slow = await slow_client(running, "seller")
            answer = await slow.say({"op": "subscribe", "channel": "private"})
            seen = answer["result"]["number"]
            seller = await running.client("seller")
            for turn in range(60):
                items = [order(f"a-{turn}-{at}", "sell", f"{900 + turn * 10 + at / 2:.2f}") for at in range(20)]
                await seller.say({"op": "commands", "items": items})
            seen = await _read_to_the_end(slow, seen)
            again = await running.client("seller")
            answer = await again.say({"op": "subscribe", "channel": "private", "after": seen})
            assert answer["result"]["resumed"] is True
            await read_until(again)
            lines = [line for message in again.of("private") for line in message["lines"]]
            accepted = [line["id"] for line in lines if line["event"] == "order_accepted"]
            before = [
                line["id"]
                for message in slow.of("private")
                for line in message["lines"]
                if line["event"] == "order_accepted"
            ]
            assert before + accepted == [f"a-{turn}-{at}" for turn in range(60) for at in range(20)]

    run(play())


async def _read_to_the_end(client: Client, seen: int) -> int:
    code, _ = await client.closed()
    assert code == 4008
    numbers = [message["number"] for message in client.of("private")]
    assert all(a < b for a, b in pairwise(numbers))
    return numbers[-1] if numbers else seen


def test_a_thousand_readers_of_one_book_all_get_every_update(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            readers: list[Client] = []
            for _ in range(20):
                readers += await asyncio.gather(*(running.client() for _ in range(50)))
            await asyncio.gather(*(reader.say(MARKET) for reader in readers))
            seller = await running.client("seller")
            for turn in range(3):
                items = [order(f"a-{turn}-{at}", "sell", "900.00") for at in range(10)]
                await seller.say({"op": "commands", "items": items})
            assert {await _counted(reader) for reader in readers} == {(30, 1)}
            assert len({b"".join(reader.bytes[-30:]) for reader in readers}) >= 1

    run(play(), 120)


async def _counted(reader: Client) -> tuple[int, int]:
    numbers = [(await reader.next("update", 60))["number"] for _ in range(30)]
    assert numbers == list(range(1, 31))
    return len(numbers), len([*reader.of("snapshot")])


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            clients = [await running.client(form=form) for form in Format]
            for client in clients:
                await client.say(MARKET)
            seller = await running.client("seller")
            await seller.place("a-1", "sell", "900.00")
            for kind in ("snapshot", "update"):
                said = [await client.next(kind) for client in clients]
                assert said[0] == said[1]
                assert msgspec.json.encode(said[0]) == msgspec.json.encode(said[1])

    run(play())
