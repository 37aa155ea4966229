"""Resuming over a restart of the gateway, of the core too: a new gateway holds the last records, and tells from which
number on it does."""

from pathlib import Path

import pytest

from kirmash.gateway.sockets.limits import SocketLimits
from tests.gateway.running import INSTRUMENT, MARKETS, SESSION, Client, Running, run
from tests.gateway.test_ws_channels import MARKET, Book


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("core_too", [False, True])
def test_who_resumes_after_a_gateways_restart_is_told_what_he_missed(
    tmp_path: Path, market: str, core_too: bool
) -> None:
    """Public updates and private lines, though a clean stop has left a snapshot of the very end."""

    async def play() -> None:
        async with Running(tmp_path, market, link=True) as running:
            await running.set_the_stage()
            seller, watcher = await running.client("seller"), await running.client()
            await watcher.say(MARKET)
            book = Book(await watcher.next("snapshot"))
            await seller.say({"op": "subscribe", "channel": "private"})
            first = await seller.place("a-1", "sell", "900.00")
            book.take(await watcher.next("update"))
            seen = (await seller.next("private"))["number"]
            assert seen == first["number"]
            await watcher.wire.close()
            await seller.wire.close()
            other = await running.client("seller")
            missed = [(await other.place(f"b-{at}", "sell", f"{901 + at}.00"))["number"] for at in range(5)]
            await running.stop_gateway()
            if core_too:
                await running.stop_core()
                await running.start_core()
            await running.start_gateway()
            watcher, seller = await running.client(), await running.client("seller")
            assert (await watcher.say({**MARKET, "from": book.number}))["result"]["resumed"] is True
            for _ in missed:
                book.take(await watcher.next("update"))
            answer = await seller.say({"op": "subscribe", "channel": "private", "after": seen})
            assert answer["result"]["resumed"] is True
            assert await _told(seller, missed[-1]) == missed
            more = await seller.place("a-2", "sell", "990.00")
            assert (await seller.next("private"))["number"] == more["number"]
            book.take(await watcher.next("update"))
            assert book.checksum() == running.gateway.feed.board.checksum(SESSION, INSTRUMENT)

    run(play())


async def _told(client: Client, last: int) -> list[int]:
    """The numbers of the records of which it is told, once each, up to this one; several may come in one message."""
    numbers: list[int] = []
    while last not in numbers:
        lines = (await client.next("private"))["lines"]
        numbers += dict.fromkeys(line["number"] for line in lines)
    return numbers


def test_what_was_read_from_the_journal_in_one_piece_is_forgotten_in_small_ones(tmp_path: Path) -> None:
    """A new gateway gets the last records by the thousand; of a participant's lines it keeps as many as ever."""

    async def play() -> None:
        limits = SocketLimits(kept_private=150)
        async with Running(tmp_path, link=True, limits=limits) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            numbers = [(await seller.place(f"a-{at}", "sell", f"{900 + at}.00"))["number"] for at in range(60)]
            await running.stop_gateway()
            await running.start_gateway()
            seller = await running.client("seller")
            # Three lines an order: the last fifty are at hand.
            answer = await seller.say({"op": "subscribe", "channel": "private", "after": numbers[9]})
            assert answer["result"]["resumed"] is True
            assert await _told(seller, numbers[-1]) == numbers[10:]
            late = await running.client("seller")
            answer = await late.say({"op": "subscribe", "channel": "private", "after": numbers[8]})
            assert answer["result"]["resumed"] is False

    run(play())


def test_beyond_what_a_gateway_looks_back_a_resume_is_a_resync(tmp_path: Path) -> None:
    """A journal with a snapshot near its end, of which a new gateway folds only what follows it."""

    async def play() -> None:
        async with Running(tmp_path, link=True, resumable_records=2, beginning_records=0) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            numbers = [(await seller.place(f"a-{at}", "sell", f"{900 + at}.00"))["number"] for at in range(3)]
            await running.stop_gateway()
            await running.stop_core()
            await running.start_core()
            await running.start_gateway()
            seller = await running.client("seller")
            numbers += [(await seller.place(f"b-{at}", "sell", f"{910 + at}.00"))["number"] for at in range(3)]
            # Now there is a snapshot that leaves more than two records to fold.
            await running.stop_gateway()
            await running.start_gateway()
            seller = await running.client("seller")
            answer = await seller.say({"op": "subscribe", "channel": "private", "after": numbers[2]})
            assert answer["result"]["resumed"] is True
            assert await _told(seller, numbers[-1]) == numbers[3:]
            again = await running.client("seller")
            answer = await again.say({"op": "subscribe", "channel": "private", "after": numbers[0]})
            assert answer["result"]["resumed"] is False
            assert (await again.next("resync"))["after"] == numbers[0]

    run(play())
