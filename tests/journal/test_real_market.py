"""With the real markets: the writer gives what `kirmash run` gives; each market starts from the other's snapshot."""

from pathlib import Path

import pytest

from kirmash.journal.folder import Folder
from kirmash.journal.hashes import Head
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market.choice import market_loader
from kirmash.sequencer.recovery import Replayed, recover, snapshot_of
from kirmash.sequencer.writer import Writer
from kirmash.simulation.scenario import (
    SCENARIO_EXCHANGE_ID,
    SCENARIO_ORIGIN,
    ScenarioLine,
    read_scenario,
    run_lines,
)

SCENARIO = Path(__file__).resolve().parents[2] / "docs/tutorial/first-session.jsonl"
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]


def lines() -> list[ScenarioLine]:
    with SCENARIO.open("rb") as source:
        return read_scenario(source, SCENARIO.name)


def play(path: Path, market: str, given: list[ScenarioLine], snapshot_every: int = 10**6) -> Head:
    """Hand the lines to a writer one by one, at their times."""
    now = (0, 0)
    with Folder(path) as folder:
        writer = Writer(folder, market_loader(market), clock=lambda: now, snapshot_every=snapshot_every)
        writer.start()
        for line in given:
            now = line.at
            writer.submit(line.actor, SCENARIO_ORIGIN, line.client_id, line.command).result(60)
        head = writer.stop()
    assert head is not None
    return head


def new_folder(path: Path) -> Path:
    with Folder.create(path) as folder:
        Journal.create(folder.journal, SCENARIO_EXCHANGE_ID).close()
    return path


@pytest.mark.parametrize("market", MARKETS)
def test_the_writer_gives_the_records_of_a_run(tmp_path: Path, market: str) -> None:
    head = play(new_folder(tmp_path / "data"), market, lines())
    with SCENARIO.open("rb") as source:
        end = run_lines(source, market).output[-1]
    assert head.chain.hex() == end["chain_hash"]
    assert head.number == end["commands"]
    verified = verify(
        tmp_path / "data",
        lambda exchange_id: Replayed(exchange_id, market_loader(market)),
        expect_head=head.hash,
    )
    assert verified.state_hash is not None
    assert verified.state_hash.hex() == end["state_hash"]
    assert verified.snapshots == 1


@pytest.mark.native
@pytest.mark.parametrize(("first", "second"), [("native", "reference"), ("reference", "native"), ("native", "both")])
def test_each_market_goes_on_from_the_others_snapshot(tmp_path: Path, first: str, second: str) -> None:
    given = lines()
    path = new_folder(tmp_path / "data")
    half = play(path, first, given[: len(given) // 2])
    started = recover(path / "journal.db", market_loader(second))
    assert (started.replayed, started.machine.number) == (0, half.number)
    head = play(path, second, given[len(given) // 2 :])
    whole = play(new_folder(tmp_path / "whole"), first, given)
    assert head.chain == whole.chain
    left, right = (recover(tmp_path / name / "journal.db", market_loader("both")) for name in ("data", "whole"))
    assert snapshot_of(left.machine, "x") == snapshot_of(right.machine, "x")


@pytest.mark.parametrize("market", MARKETS)
def test_a_start_from_any_snapshot_gives_the_state_of_a_full_replay(tmp_path: Path, market: str) -> None:
    path = new_folder(tmp_path / "data")
    play(path, market, lines(), snapshot_every=3)
    load = market_loader(market)
    snapshots = sorted((path / "snapshots").iterdir(), reverse=True)
    # A snapshot is left out while the one before it is still being written.
    assert len(snapshots) >= 2
    states = []
    for file in [*snapshots, None]:
        started = recover(path / "journal.db", load)
        assert started.snapshot == file
        states.append(snapshot_of(started.machine, "x"))
        if file is not None:
            file.unlink()
    assert all(state == states[0] for state in states)
