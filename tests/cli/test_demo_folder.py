"""The demo's data folder: written by the writer itself, with the bytes of `kirmash run --journal` of the same lines."""

import os
from pathlib import Path

import pytest

from kirmash import cli
from kirmash.journal.errors import JournalInUse
from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal

ROOT = Path(__file__).parents[2]
SESSION = ROOT / "src/kirmash/data/scenarios/lumber-china-2022-12.jsonl"


@pytest.mark.parametrize("market", ["reference", pytest.param("native", marks=pytest.mark.native)])
def test_the_demo_writes_the_journal_of_a_run(tmp_path: Path, market: str) -> None:
    """PS-0.3 holds for both: follow-ups after each line, at its time. Records, batches and head are the same."""
    data, file = tmp_path / "data", tmp_path / "run.db"
    assert cli.main(["demo", "--data", str(data), "--market", market]) == 0
    assert cli.main(["run", str(SESSION), "--journal", str(file), "--market", "reference"]) == 0
    with Reader(data / "journal.db") as demo, Reader(file) as run:
        assert list(demo.records()) == list(run.records())
        assert list(demo.batches()) == list(run.batches())
        assert demo.meta() == run.meta()
        assert demo.head().hash == run.head().hash


def test_each_line_with_what_follows_from_it_is_a_batch(tmp_path: Path) -> None:
    """So that the head does not depend on how many records became durable at a time."""
    file = tmp_path / "run.db"
    assert cli.main(["run", str(SESSION), "--journal", str(file), "--market", "reference"]) == 0
    lines = [line for line in SESSION.read_bytes().splitlines() if line and not line.startswith(b"#")]
    with Reader(file) as reader:
        assert len(list(reader.batches())) == len(lines)


def test_the_folder_holds_a_snapshot_of_its_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a start would go on from; verify computes it again, and the folder is free."""
    data = tmp_path / "data"
    assert cli.main(["demo", "--data", str(data), "--market", "reference"]) == 0
    with Reader(data / "journal.db") as reader:
        number = reader.head().number
    assert [int(file.stem) for file in (data / "snapshots").iterdir()] == [number]
    capfd.readouterr()
    assert cli.main(["verify", str(data), "--market", "reference"]) == 0
    assert "snapshots 1: all as recorded" in capfd.readouterr().out
    with Folder(data):
        pass


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 and the process that has it (PS-0.5); when it is gone, the folder is one that exists: 2."""
    data = tmp_path / "data"
    with Folder.create(data) as folder:
        Journal.create(folder.journal, "somebody's").close()
        before = folder.journal.read_bytes()
        assert cli.main(["demo", "--data", str(data), "--market", "reference"]) == 3
        assert f"in use by process {os.getpid()}" in capfd.readouterr().err
        with pytest.raises(JournalInUse):
            Folder(data)
    assert cli.main(["demo", "--data", str(data), "--market", "reference"]) == 2
    assert "exists already" in capfd.readouterr().err
    assert (data / "journal.db").read_bytes() == before


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and nothing is put there, no lock either."""
    (tmp_path / "letter").write_text("dear")
    assert cli.main(["demo", "--data", str(tmp_path), "--market", "reference"]) == 2
    assert "exists already" in capfd.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["letter"]
