"""Who may say what on the WebSocket: made from the table of messages, for everybody there is."""

from pathlib import Path
from typing import Any

import pytest

from kirmash.gateway.sockets.table import MESSAGES, Row
from kirmash.protocol import ws
from kirmash.protocol.shapes import COMMANDS
from tests.gateway.running import BUYER, INSTRUMENT, SELLER, SESSION, Client, Running, order, run

EVERYBODY = (None, "seller", "buyer", "admin", "auditor", "operator")

MAY: dict[str, frozenset[str | None]] = {
    "anybody": frozenset(EVERYBODY),
    "participants, for what is their own; operators and auditors, for all": frozenset(EVERYBODY) - {None},
    "traders": frozenset({"seller", "buyer"}),
    "operators": frozenset({"operator"}),
    "whoever the command is open to: traders or operators": frozenset({"seller", "buyer", "operator"}),
}
"""Who is let through by a rule, in the rule's own words."""

OWN: dict[str | None, str | None] = {"seller": SELLER, "buyer": BUYER, "admin": SELLER}


def wish(row: Row, who: str | None) -> dict[str, Any]:
    """A message of a row that is right but for who says it."""
    op, _, channel = row.op.partition(" ")
    if op == "commands":
        return {"op": op, "items": [order("x", "sell", "900.00")]}
    if op in COMMANDS:
        return {"op": op, "client_id": "x"}
    more: dict[str, dict[str, Any]] = {
        "cancel_on_disconnect": {"on": False},
        "cancel_after": {"seconds": 0},
        "login": {"key": "x", "created": 0, "signature": ""},
    }
    message: dict[str, Any] = {"op": op, **more.get(op, {})}
    if channel:
        message["channel"] = channel
    if channel in ("market", "session"):
        message["session"] = SESSION
    if channel == "market":
        message["instrument"] = INSTRUMENT
    if channel == "private" and who in ("auditor", "operator"):
        message["participant"] = SELLER
    return message


def code_of(answer: dict[str, Any]) -> str | None:
    """Why it was not taken, if it was not."""
    shown = answer.get("result", answer)
    code = answer["results"][0].get("code") if "results" in answer else shown.get("code")
    assert code is None or isinstance(code, str)
    return code


def test_every_message_there_is_stands_in_the_table_and_has_a_rule_that_is_known() -> None:
    ops = {op.partition(" ")[0] for op in MESSAGES}
    assert ops == {*ws.WISHES, *COMMANDS, "commands"}
    assert {row.rule.value for row in MESSAGES.values()} <= MAY.keys()
    trading = {row.op for row in MESSAGES.values() if "traders or operators" in row.rule.value}
    assert trading == {"commands", "place_order", "amend_order", "cancel_order", "mass_cancel"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_message_is_taken_from_those_whom_its_rule_names_and_from_nobody_else(
    tmp_path: Path, who: str | None
) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            for row in MESSAGES.values():
                async with await running.client(who) as client:
                    answer = await client.say(wish(row, who))
                    code = code_of(answer)
                    if who in MAY[row.rule.value]:
                        assert code not in ("not_signed_in", "forbidden", "not_allowed"), (row.op, answer)
                    else:
                        assert code in ("not_signed_in", "forbidden"), (row.op, answer)

    run(play(), 120)


@pytest.mark.parametrize("who", EVERYBODY)
def test_private_lines_are_a_participants_own_or_the_exchanges(tmp_path: Path, who: str | None) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            client = await running.client(who)
            for participant in (SELLER, BUYER):
                wish = {"op": "subscribe", "channel": "private", "participant": participant}
                code = code_of(await client.say(wish))
                if who in ("auditor", "operator") or OWN.get(who) == participant:
                    assert code is None
                else:
                    assert code == ("not_signed_in" if who is None else "forbidden")

    run(play())


def test_a_key_that_may_only_read_gives_no_commands_and_arms_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            client: Client = await running.client()
            await client.say(running.read_only.login(client.hello["nonce"]))
            assert code_of(await client.say({"op": "subscribe", "channel": "private"})) is None
            assert code_of(await client.say(order("x", "sell", "900.00"))) == "forbidden"
            assert code_of(await client.say({"op": "cancel_after", "seconds": 5})) == "forbidden"

    run(play())
