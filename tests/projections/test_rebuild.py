"""Rebuilt rows equal live rows: whatever the batches were, and whenever the process died in between."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from kirmash.projections.projector import Projector
from kirmash.projections.rebuild import rebuild
from kirmash.sequencer.machine import Decided
from tests.projections.played import apply, journal_of, played_lines, played_stream, rows_of

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "src/kirmash/data/scenarios").glob("*.jsonl"))
SEEDS = range(41, 47)


@cache
def stream(seed: int) -> Sequence[Decided]:
    return played_stream(seed, 800)[1]


def live(tmp_path: Path, decided: Sequence[Decided], batch: int) -> Path:
    """Views as a running exchange makes them, with this size of batch."""
    journal, views = tmp_path / "journal.db", tmp_path / f"views-{batch}.db"
    if not journal.exists():
        journal_of(journal, decided)
    with Projector.open(views, journal) as projector:
        apply(projector, decided, batch)
    return views


def rebuilt(tmp_path: Path) -> Path:
    views = tmp_path / "rebuilt.db"
    rebuild(tmp_path / "journal.db", views)
    return views


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_rebuilt_is_the_scenario_lived(path: Path, tmp_path: Path) -> None:
    _, decided = played_lines(path.read_bytes().splitlines())
    expected = rows_of(live(tmp_path, decided, 37))
    assert rows_of(rebuilt(tmp_path)) == expected
    assert len(expected["order_events"]) > len(expected["orders"]) > 0
    assert expected["deals"]


@pytest.mark.parametrize("seed", SEEDS)
def test_sizes_of_batches_leave_no_trace(seed: int, tmp_path: Path) -> None:
    decided = stream(seed)
    expected = rows_of(live(tmp_path, decided, 1_000))
    for batch in (1, 13, 250):
        assert rows_of(live(tmp_path, decided, batch)) == expected, batch
    assert rows_of(rebuilt(tmp_path)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_dying_between_batches_leaves_no_trace(seed: int, tmp_path: Path) -> None:
    """The process dies after each batch: memory is lost, the file is opened again, and goes on from its checkpoint."""
    decided = stream(seed)
    journal = journal_of(tmp_path / "journal.db", decided)
    views = tmp_path / "views.db"
    while True:
        projector = Projector.open(views, journal)
        rest = decided[projector.checkpoint :]
        if not rest:
            projector.close()
            break
        apply(projector, rest[:41], 17)
        projector.drop()
    assert rows_of(views) == rows_of(rebuilt(tmp_path))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_that_fails_leaves_no_trace(seed: int, tmp_path: Path) -> None:
    """A gap in the middle of a batch: nothing of it is there, neither in the file nor in what follows."""
    decided = stream(seed)
    journal = journal_of(tmp_path / "journal.db", decided)
    views = tmp_path / "views.db"
    with Projector.open(views, journal) as projector:
        for start in range(0, len(decided), 100):
            batch = [(entry.record, entry.chain) for entry in decided[start : start + 100]]
            if len(batch) > 60:
                with pytest.raises(ValueError, match="was expected"):
                    projector.apply(batch[:50] + batch[51:])
                assert projector.checkpoint == start
            projector.apply(batch)
    assert rows_of(views) == rows_of(rebuilt(tmp_path))


def test_a_rebuild_tells_how_far_it_is_and_replaces_what_was_there(tmp_path: Path) -> None:
    decided = stream(SEEDS[0])
    journal = journal_of(tmp_path / "journal.db", decided)
    views = tmp_path / "views.db"
    views.write_bytes(b"not views at all")
    Path(f"{views}-wal").write_bytes(b"of another file")
    told: list[tuple[int, int]] = []
    assert rebuild(journal, views, lambda number, head: told.append((number, head))) == len(decided)
    assert told[-1] == (len(decided), len(decided))
    assert [number for number, _ in told] == sorted({number for number, _ in told})
    with Projector.open(views, journal) as projector:
        assert projector.checkpoint == len(decided)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
