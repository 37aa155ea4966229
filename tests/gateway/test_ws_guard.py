"""Orders do not outlive a client who asked that they should not: cancel on disconnect, and the dead man's switch."""

import asyncio
import time
from pathlib import Path

import pytest

from kirmash.messages import commands as c
from tests.gateway.running import SESSION, Client, Running, order, run


async def open_orders(running: Running) -> int:
    """How many orders stand in the book."""
    return sum(level[2] for level in running.gateway.feed.board.snapshot(SESSION, "oil-brest").asks)


async def until_cancelled(running: Running, orders: int = 0) -> None:
    async with asyncio.timeout(5):
        while await open_orders(running) != orders:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_orders_are_cancelled_when_a_connection_ends_if_that_was_asked_for(tmp_path: Path, ending: str) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            guarded, other = await running.client("seller"), await running.client("seller")
            await guarded.place("a-1", "sell", "900.00")
            await other.place("a-2", "sell", "901.00")
            assert (await guarded.say({"op": "cancel_on_disconnect", "on": True}))["result"] == {"on": True}
            await other.wire.close()
            await asyncio.sleep(0.1)
            assert await open_orders(running) == 2
            await _end(guarded, ending)
            # All of the trader's orders in the sessions in which the connection placed any.
            await until_cancelled(running)

    run(play())


async def _end(client: Client, ending: str) -> None:
    if ending == "close":
        await client.wire.close()
    else:
        client.wire.transport.abort()


def test_orders_of_others_stand_and_a_connection_that_placed_none_cancels_none(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            trading, idle = await running.client("seller"), await running.client("seller")
            await trading.place("a-1", "sell", "900.00")
            await idle.say({"op": "cancel_on_disconnect", "on": True})
            await idle.wire.close()
            changed = await running.client("seller")
            await changed.place("a-2", "sell", "900.00")
            await changed.say({"op": "cancel_on_disconnect", "on": True})
            await changed.say({"op": "cancel_on_disconnect", "on": False})
            await changed.wire.close()
            await asyncio.sleep(0.2)
            assert await open_orders(running) == 2

    run(play())


@pytest.mark.parametrize("way", ["cancel_on_disconnect", "cancel_after"])
def test_names_of_sessions_that_are_invented_make_no_commands(tmp_path: Path, way: str) -> None:
    """What a cancellation costs is no more than the sessions in which an order may stand."""

    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            client = await running.client("seller")
            await client.place("a-1", "sell", "900.00")
            items = [order(f"x-{at}", "sell", "900.00", session=f"invented-{at}") for at in range(100)]
            answer = await client.say({"op": "commands", "items": items})
            assert len(answer["results"]) == 100, answer
            before = running.gateway.feed.number
            if way == "cancel_after":
                await client.say({"op": "cancel_after", "seconds": 1})
                told = await client.next("cancelled")
                assert [it["session"] for it in told["sessions"]] == [SESSION]
            else:
                await client.say({"op": "cancel_on_disconnect", "on": True})
                await client.wire.close()
            await until_cancelled(running)
            await asyncio.sleep(0.3)
            assert running.gateway.feed.number == before + 1

    run(play())


def test_a_session_that_is_over_is_not_cancelled_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            before, after = await running.client("seller"), await running.client("seller")
            await before.place("a-1", "sell", "900.00")
            await running.give(c.CancelSession(session=SESSION, reason="no sellers"))
            await until_cancelled(running)
            await after.say(order("a-2", "sell", "900.00"))
            number = running.gateway.feed.number
            for client in (before, after):
                await client.say({"op": "cancel_on_disconnect", "on": True})
                await client.wire.close()
            await asyncio.sleep(0.3)
            assert running.gateway.feed.number == number

    run(play())


def test_a_stop_of_the_gateway_cancels_before_it_ends(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, link=True) as running:
            await running.set_the_stage()
            clients = [await running.client("seller") for _ in range(3)]
            for at, client in enumerate(clients):
                await client.place(f"a-{at}", "sell", "900.00")
            await clients[0].say({"op": "cancel_on_disconnect", "on": True})
            began = time.monotonic()
            await running.stop_gateway()
            assert time.monotonic() - began < 5
            await running.start_gateway()
            await until_cancelled(running)

    run(play())


def test_while_the_core_is_away_a_cancellation_waits_for_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, link=True) as running:
            await running.set_the_stage()
            client = await running.client("seller")
            await client.place("a-1", "sell", "900.00")
            await client.say({"op": "cancel_on_disconnect", "on": True})
            await running.stop_core()
            await client.wire.close()
            await asyncio.sleep(0.3)
            await running.start_core()
            await until_cancelled(running)

    run(play())


def test_the_dead_mans_switch_cancels_unless_it_is_said_again(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            client = await running.client("seller")
            placed = await client.place("a-1", "sell", "900.00")
            for _ in range(3):
                assert (await client.say({"op": "cancel_after", "seconds": 1}))["result"] == {"seconds": 1}
                await asyncio.sleep(0.5)
                assert await open_orders(running) == 1
            told = await client.next("cancelled")
            assert told["sessions"][0]["session"] == SESSION
            assert told["sessions"][0]["status"] == "accepted"
            assert told["sessions"][0]["number"] > placed["number"]
            assert await open_orders(running) == 0
            await client.place("a-2", "sell", "900.00")
            await client.say({"op": "cancel_after", "seconds": 1})
            await client.say({"op": "cancel_after", "seconds": 0})
            await asyncio.sleep(1.2)
            assert await open_orders(running) == 1
            # The switch of a client who is gone runs on.
            await client.say({"op": "cancel_after", "seconds": 1})
            await client.wire.close()
            assert await open_orders(running) == 1
            await until_cancelled(running)

    run(play())


def test_a_session_that_has_ended_does_not_keep_its_owners_orders_alive(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            client = await running.client("seller")
            await client.place("a-1", "sell", "900.00")
            await client.say({"op": "cancel_on_disconnect", "on": True})
            identity = running.identity()
            identity.revoke_key(running.keys["seller"].id)
            identity.close()
            await client.wire.close()
            await until_cancelled(running)

    run(play())
