"""docs/reference/market-data.md tells the truth: its example comes out of its commands, its checksum of its text."""

import json
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kirmash.market.choice import market_loader
from kirmash.office import Office
from kirmash.publication import Board
from kirmash.sequencer.machine import Machine
from kirmash.simulation.scenario import read_scenario
from tests.publication.exchange import MARKETS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference/market-data.md").read_text(encoding="utf-8")
SESSION = (DOCS / "tutorial/first-session.jsonl").read_bytes().splitlines()
CHANNEL = ("oil-1", "oil-brest")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(params=MARKETS)
def played(request: pytest.FixtureRequest) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The channel's updates to the page's commands, and the snapshot behind them."""
    in_trading = next(at for at, line in enumerate(SESSION) if b'"to":"TRADING"' in line)
    (commands,) = blocks("jsonl")
    machine, board, updates = Machine(market_loader(request.param)(None), Office(), "page"), Board(), []
    for line in read_scenario([*SESSION[: in_trading + 1], *commands.encode().splitlines()], "page"):
        for decided in machine.submit(line.actor, "run", line.client_id, line.command, line.at) + machine.settle(
            line.at
        ):
            made = board.fold(decided.record)
            if line.client_id.startswith("x"):
                assert all((update.session, update.instrument) == CHANNEL for update in made)
                updates += made
    return json.loads(msgspec.json.encode(updates)), json.loads(msgspec.json.encode(board.snapshot(*CHANNEL)))


def test_the_example_comes_out_of_its_commands(played: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    updates, snapshot = played
    told, shown = blocks("json")
    assert [{key: it[key] for key in ("number", "event", "fields")} for it in updates] == [
        json.loads(line) for line in told.splitlines()
    ]
    assert snapshot == json.loads(shown)


def test_the_checksum_is_that_of_the_text_on_the_page() -> None:
    (text,) = blocks("text")
    shown = json.loads(blocks("json")[1])
    assert zlib.crc32(text.encode("ascii")) == shown["checksum"]
    levels = [["buy", *level] for level in shown["bids"]] + [["sell", *level] for level in shown["asks"]]
    assert [" ".join(map(str, level)) for level in levels] == text.splitlines()


def test_the_page_names_every_public_event() -> None:
    """Those of EN-5."""
    named = set(re.findall(r"`([a-z_]+)`", PAGE[PAGE.index("## Channels") : PAGE.index("## Snapshot")]))
    public = {
        *("order_rested", "order_parked", "deal_made", "uncrossed", "uncrossed_without_price", "band_set"),
        *("order_amended", "order_cancelled", "session_created", "phase_changed", "session_halted"),
        *("session_resuming", "session_cancelled"),
    }
    assert public <= named
