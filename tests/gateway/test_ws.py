"""The WebSocket's door: handshake, login, commands, what is no message, limits."""

import asyncio
import base64
import contextlib
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.identity import Replayed, Subject, Who
from kirmash.protocol.ws import Format
from tests.gateway.running import BUYER, INSTRUMENT, MARKETS, SESSION, Client, Running, order, run


async def turned(running: Running, **how: Any) -> tuple[int, dict[str, Any]]:
    """An upgrade that is refused: status and problem."""
    url = how.pop("url", running.url)
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, **how)
    response = refused.value.response
    assert response.body is not None
    return response.status_code, msgspec.json.decode(response.body)


def test_a_subprotocol_that_is_not_ours_a_path_that_is_none_and_too_many_are_refused(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            status, problem = await turned(running, subprotocols=[Subprotocol("soap")])
            assert (status, problem["code"]) == (400, "shape")
            status, problem = await turned(running, url=running.url + "x")
            assert (status, problem["code"]) == (404, "not_found")
            both = [Subprotocol("soap"), Subprotocol(Format.MSGPACK.value)]
            async with connect(running.url, subprotocols=both) as wire:
                assert wire.subprotocol == Format.MSGPACK.value
                assert isinstance(await wire.recv(), bytes)
            async with await running.client(form=None) as client:
                assert client.wire.subprotocol is None
                assert client.hello["type"] == "hello"

    run(play())


def test_more_connections_than_configured_are_turned_away_and_one_that_ends_makes_room(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, connections_max=2) as running:
            first = await running.client()
            async with await running.client():
                status, problem = await turned(running)
                assert (status, problem["code"]) == (503, "busy")
            await first.wire.close()
            async with await running.client():
                pass

    run(play())


def test_a_session_signs_in_by_its_cookie_from_the_exchanges_own_pages_only(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            cookie = {"Cookie": f"theme=dark; kirmash_session={await running.cookie('seller')}"}
            own = await running.client(additional_headers=cookie, origin=Origin(running.origin))
            assert own.hello["who"]["trader"] == "mill-desk"
            assert own.hello["who"]["via"] == "session"
            for origin in ("http://evil.example", None):
                status, problem = await turned(
                    running, additional_headers=cookie, origin=None if origin is None else Origin(origin)
                )
                assert (status, problem["code"]) == (403, "forbidden")
            # A cookie that is worth nothing bars nobody from what is public.
            old = await running.client(
                additional_headers={"Cookie": "kirmash_session=old"}, origin=Origin(running.origin)
            )
            assert old.hello["who"] is None
            # Another site may read what is public, without anybody's name.
            assert (await running.client(origin=Origin("http://evil.example"))).hello["who"] is None

    run(play())


def test_a_key_signs_in_by_signing_the_connections_own_nonce_soon_and_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            key, client = running.keys["seller"], await running.client()
            nonce = client.hello["nonce"]
            bad: list[tuple[dict[str, Any], str]] = [
                (key.login("another-nonce-of-24-letters"), "bad_signature"),
                (key.login(nonce, int(time.time()) - 40), "outside_window"),
                (key.login(nonce, int(time.time()) + 40), "outside_window"),
                ({**key.login(nonce), "key": "key-of-nobody"}, "key_refused"),
                ({**key.login(nonce), "signature": "no base64!"}, "shape"),
                ({**key.login(nonce), "key": running.keys["buyer"].id}, "bad_signature"),
            ]
            for message, code in bad:
                assert (await client.say(message))["code"] == code
            good = key.login(nonce)
            answer = await client.say(good)
            assert answer["result"]["who"]["trader"] == "mill-desk"
            # Heard by somebody, said again: on this connection, and on one of his own.
            assert (await client.say(good))["code"] == "conflict"
            assert (await (await running.client()).say(good))["code"] == "bad_signature"

    run(play())


def test_a_nonce_that_was_used_is_remembered(tmp_path: Path) -> None:
    """The connection's nonce differs each time; should it ever not, the memory of used ones refuses it."""

    async def play() -> None:
        async with Running(tmp_path) as running:
            key = running.keys["seller"]
            login = key.login("n" * 24)
            identity = running.identity()
            text = f"kirmash-ws-login\n{'n' * 24}\n{login['created']}\n{key.id}".encode()
            signature = base64.b64decode(login["signature"])
            who = identity.verify_challenge("n" * 24, key.id, login["created"], text, signature)
            assert isinstance(who, Who)
            with pytest.raises(Replayed):
                identity.verify_challenge("n" * 24, key.id, login["created"], text, signature)
            identity.close()

    run(play())


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("form", list(Format))
def test_orders_are_placed_amended_and_cancelled_and_a_repeat_gets_the_same_answer(
    tmp_path: Path, market: str, form: Format
) -> None:
    async def play() -> None:
        async with Running(tmp_path, market) as running:
            await running.set_the_stage()
            seller = await running.client("seller", form)
            placed = await seller.place("a-1", "sell", "900.00", "200")
            assert placed["status"] == "accepted"
            assert [event["event"] for event in placed["events"]] == [
                "order_accepted",
                "order_rested",
                "account_changed",
            ]
            assert placed["events"][0]["price"] == "900.00"
            assert await seller.place("a-1", "sell", "900.00", "200") == placed
            reused = await seller.place("a-1", "sell", "901.00", "200")
            assert (reused["status"], reused["code"], reused["field"]) == ("refused", "id_reused", "price")
            number = placed["events"][0]["order"]
            amended = await seller.say({"op": "amend_order", "client_id": "a-2", "order": number, "price": "905"})
            assert amended["result"]["events"][0]["price"] == "905.00"
            cancelled = await seller.say({"op": "cancel_order", "client_id": "a-3", "order": number})
            assert cancelled["result"]["events"][0]["event"] == "order_cancelled"
            mass = await seller.say({"op": "mass_cancel", "client_id": "a-4", "session": SESSION})
            assert mass["result"]["events"][-1]["cancelled"] == 0
            assert mass["result"]["number"] == cancelled["result"]["number"] + 1

    run(play())


def test_a_reject_is_explained_in_the_language_that_the_connection_asked_for(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            seller = await running.client("seller", additional_headers={"Accept-Language": "ru, en;q=0.5"})
            rejected = await seller.place("a-1", "sell", "900.25", "30")
            assert rejected["status"] == "rejected"
            assert [reason["reason"] for reason in rejected["reasons"]] == ["price_off_grid", "quantity_off_grid"]
            assert all(set("абвгдежзиклмн") & set(reason["text"]) for reason in rejected["reasons"])
            assert all(reason["code"] and reason["rule"] and reason["cure"] for reason in rejected["reasons"])

    run(play())


def test_of_a_hundred_commands_in_a_frame_each_is_judged_by_itself_and_the_order_is_kept(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            items: list[Any] = [order(f"a-{at}", "sell", f"{900 + at}.00") for at in range(100)]
            items[10] = {**items[10], "price": 900}
            items[20] = {"op": "credit_deposit", "client_id": "x", "participant": "p", "currency": "EUR", "amount": "1"}
            items[30] = {key: value for key, value in items[30].items() if key != "client_id"}
            items[40] = "not an object"
            items[50] = {**items[50], "price": "900.01"}
            answer = await seller.say({"op": "commands", "items": items})
            results = answer["results"]
            assert len(results) == 100
            assert (results[10]["code"], results[10]["field"], results[10]["rule"]) == ("shape", "price", "PS-0.6")
            assert results[20]["code"] == "forbidden"
            assert (results[30]["code"], results[30]["field"]) == ("shape", "client_id")
            assert results[40]["code"] == "shape"
            assert results[50]["status"] == "rejected"
            numbered = [result["number"] for at, result in enumerate(results) if at not in (10, 20, 30, 40)]
            assert numbered == list(range(numbered[0], numbered[0] + 96))
            for items in ([], [order("b", "sell", "900")] * 101):
                refused = await seller.say({"op": "commands", "items": items})
                assert (refused["type"], refused["field"], refused["rule"]) == ("error", "items", "PS-9")

    run(play())


def test_who_gives_too_many_commands_is_throttled_and_told_for_how_long(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, key_burst=3) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            items = [order(f"a-{at}", "sell", "900.00") for at in range(4)]
            refused = await seller.say({"op": "commands", "items": items})
            assert {result["code"] for result in refused["results"]} == {"throttled"}
            accepted = await seller.say({"op": "commands", "items": items[:3]})
            assert {result["status"] for result in accepted["results"]} == {"accepted"}
            one = (await seller.say(items[3]))["result"]
            assert (one["status"], one["code"]) == ("refused", "throttled")
            assert one["retry_after"] >= 1

    run(play())


GARBAGE: list[tuple[str | bytes, str | None]] = [
    ("", None),
    ("hello", None),
    ("[1,2]", None),
    ('{"op":"ping"', None),
    ('{"op":"ping","op":"time"}', "op"),
    ('{"id":1}', "op"),
    ('{"op":7}', "op"),
    ('{"op":"pong"}', "op"),
    ('{"op":"plase_order"}', "op"),
    ('{"op":"open_contracts","client_id":"x"}', "op"),
    ('{"op":"ping","id":{"a":1}}', "id"),
    ('{"op":"ping","extra":1}', "extra"),
    ('{"op":"subscribe"}', "channel"),
    ('{"op":"subscribe","channel":"gossip"}', "channel"),
    ('{"op":"subscribe","channel":"market","session":"oil-1"}', "instrument"),
    ('{"op":"subscribe","channel":"session"}', "session"),
    ('{"op":"subscribe","channel":"session","session":"oil-1","from":-1}', "from"),
    ('{"op":"subscribe","channel":"session","session":"oil-1","from":1.5}', "from"),
    ('{"op":"subscribe","channel":"session","session":"none"}', "session"),
    ("[" * 100_000, None),
    (b"\x81\xa2op\xa4ping", None),
]


def test_what_is_no_message_is_answered_with_what_is_wrong_and_where(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(mistakes=1_000)) as running:
            await running.set_the_stage()
            client = await running.client()
            for garbage, field in GARBAGE:
                await client.wire.send(garbage)
                error = await client.next("error")
                assert error["code"] in ("shape", "not_found"), garbage[:80]
                assert error["text"]
                assert error.get("field") == field, (garbage[:80], error)
            assert (await client.say({"op": "ping"}))["type"] == "answer"
            packed = await running.client(form=Format.MSGPACK)
            for data in (b"", b"\xc1", b"\x93\x01\x02\x03", msgspec.msgpack.encode({1: 2}), b"\x81\xa2op\xc4\x01x"):
                await packed.wire.send(data)
                assert (await packed.next("error"))["code"] == "shape"
            await packed.wire.send('{"op":"ping"}')
            assert (await packed.next("error"))["code"] == "shape"

    run(play())


def test_who_sends_nothing_but_mistakes_is_let_go(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(mistakes=5)) as running:
            client = await running.client()
            for _ in range(8):
                await client.wire.send("garbage")
            code, _ = await client.closed()
            assert code == 4001
            assert len([*client.of("error")]) == 5
            (closing,) = client.of("closing")
            assert closing["code"] == 4001
            # Whoever says something sensible in between may stay.
            patient = await running.client()
            for _ in range(20):
                await patient.write("garbage")
                assert (await patient.say({"op": "ping"}))["type"] == "answer"

    run(play())


def test_a_frame_above_the_limit_ends_the_connection_with_1009_and_nobody_elses(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            other = await running.client()
            just = await running.client()
            await just.wire.send(b" " * (1 << 20))
            assert (await just.next("error"))["code"] == "shape"
            for parts in ([" " * ((1 << 20) + 1)], [" " * (1 << 19)] * 3):
                client = await running.client()
                with contextlib.suppress(ConnectionClosed):
                    await client.wire.send(iter(parts))
                assert (await client.closed())[0] == 1009
            assert (await other.say({"op": "ping"}))["type"] == "answer"

    run(play())


def test_a_client_hears_heartbeats_and_is_closed_when_it_gives_no_sign_of_life(tmp_path: Path) -> None:
    async def play() -> None:
        limits = SocketLimits(heartbeat_seconds=0.1, silence_seconds=1.0, ping_seconds=0.3, sweep_seconds=0.05)
        async with Running(tmp_path, limits=limits) as running:
            watching, signed_in = await running.client(), await running.client("seller")
            assert "number" not in await watching.next("heartbeat")
            assert (await signed_in.next("heartbeat"))["number"] == running.gateway.feed.number
            # One whose library answers no pings, and one whose library does and who says nothing himself.
            reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.port)
            writer.write(
                b"GET /ws/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            told = await reader.readuntil(b"no sign of life for 1 s")
            assert told.count(b'"type":"heartbeat"') >= 5
            assert b"\x89\x00" in told
            assert b'"code":4000' in told
            writer.close()
            await asyncio.sleep(1)
            assert (await watching.say({"op": "ping"}))["type"] == "answer"

    run(play())


def test_a_key_that_is_revoked_ends_its_connections_and_gives_no_more_commands(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(standing_seconds=0.1, sweep_seconds=0.05)) as running:
            await running.set_the_stage()
            seller, buyer = await running.client("seller"), await running.client("buyer")
            identity = running.identity()
            identity.revoke_key(running.keys["seller"].id)
            identity.close()
            code, _ = await seller.closed()
            assert code == 4003
            assert (await buyer.say({"op": "ping"}))["type"] == "answer"

    run(play())


def test_a_kill_switch_leaves_cancelling_possible_and_nothing_else(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            placed = await seller.place("a-1", "sell", "900.00")
            identity = running.identity()
            identity.set_switch(Subject.PARTICIPANT, "brest-oil", on=True, by=None, reason="test")
            identity.close()
            number = placed["events"][0]["order"]
            answer = await seller.say(
                {
                    "op": "commands",
                    "items": [
                        order("a-2", "sell", "900.00"),
                        {"op": "cancel_order", "client_id": "a-3", "order": number},
                    ],
                }
            )
            assert [result["status"] for result in answer["results"]] == ["refused", "accepted"]
            assert answer["results"][0]["code"] == "stopped"

    run(play())


def test_a_connection_follows_so_many_channels_and_no_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path, limits=SocketLimits(subscriptions=2)) as running:
            await running.set_the_stage()
            client = await running.client()
            market = {"channel": "market", "session": SESSION, "instrument": INSTRUMENT}
            assert (await client.say({"op": "subscribe", "channel": "sessions"}))["type"] == "answer"
            assert (await client.say({"op": "subscribe", **market}))["type"] == "answer"
            assert (await client.say({"op": "subscribe", **market}))["code"] == "conflict"
            session = {"op": "subscribe", "channel": "session", "session": SESSION}
            assert (await client.say(session))["code"] == "too_many"
            assert (await client.say({"op": "unsubscribe", **market}))["type"] == "answer"
            assert (await client.say({"op": "unsubscribe", **market}))["code"] == "not_found"
            assert (await client.say(session))["type"] == "answer"

    run(play())


def test_a_thousand_idle_connections_are_kept_and_an_order_gets_through_beside_them(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            idle: list[Client] = []
            for _ in range(20):
                idle += await asyncio.gather(*(running.client() for _ in range(50)))
            seller = await running.client("seller")
            assert (await seller.place("a-1", "sell", "900.00"))["status"] == "accepted"
            await asyncio.gather(*(client.next("heartbeat") for client in idle))
            began = time.monotonic()
            await running.gateway.stop()
            assert time.monotonic() - began < 5
            codes = await asyncio.gather(*(client.closed() for client in idle))
            assert {code for code, _ in codes} == {1001}
            await running.start_gateway()

    run(play(), 120)


def test_an_operator_gives_the_offices_commands_and_what_takes_four_eyes_is_to_be_proposed(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            operator = await running.client("operator")
            card = {"participant": "new-one", "name": "New", "country": "BY", "resident": True, "kinds": ["visitor"]}
            registered = await operator.say({"op": "register_participant", "client_id": "o-1", **card})
            assert registered["result"]["events"][0]["event"] == "participant_registered"
            cancel = {"op": "cancel_session", "client_id": "o-2", "session": SESSION, "reason": "test"}
            assert (await operator.say(cancel))["result"]["code"] == "four_eyes_needed"
            credit = {"op": "credit_deposit", "client_id": "o-3", "participant": BUYER, "currency": "EUR"}
            assert (await operator.say({**credit, "amount": "9999999999.00"}))["result"]["code"] == "four_eyes_needed"

    run(play())
