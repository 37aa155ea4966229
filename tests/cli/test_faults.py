"""PS-9 at the command line: what is kept when the exchange itself fails, what is said of it, and exit codes 4 and 5."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kirmash import bootstrap, cli
from kirmash.bootstrap import DemoExchange
from kirmash.journal.errors import StorageFailed
from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Moment
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.commands import AddInstrument, ListInstrument, PlaceOrder
from kirmash.messages.kinds import ActorKind
from kirmash.sequencer import faults
from kirmash.simulation.scenario import read_scenario
from tests.cli.failing import failing_at
from tests.journal.stand_ins import Trap

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "docs" / "tutorial" / "first-session.jsonl"
ROOM_BYTES = 256 * 1024


def first_line(command: str) -> tuple[int, dict[str, Any]]:
    """The number in the file, and the fields, of the tour's first line with this command."""
    for number, line in enumerate(TOUR.read_text().splitlines(), 1):
        if f'"command":"{command}"' in line:
            fields: dict[str, Any] = json.loads(line)
            return number, fields
    raise AssertionError(command)


def records(journal: Path) -> list[Record]:
    with Reader(journal) as reader:
        return [codec.decode_record(data) for _, data, _ in reader.records()]


def verifies(journal: Path) -> bool:
    """Whether the sound reference market gives what the journal holds."""
    return cli.main(["verify", str(journal), "--market", "reference"]) == 0


@pytest.fixture
def good(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What a sound exchange prints for the tour."""
    assert cli.main(["run", str(TOUR), "--market", "reference"]) == 0
    return capfd.readouterr().out.splitlines()


@pytest.mark.parametrize("error", [AssertionError("money is lost"), Trap("overflow")], ids=["assertion", "trap"])
def test_a_fault_of_a_run_is_kept_beside_its_journal(
    error: BaseException,
    good: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The command, who gave it, what was raised; the lines before it are durable and shown, nothing of its own is."""
    journal = tmp_path / "j.db"
    number, line = first_line("place_order")
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "market_loader", lambda _: failing_at(PlaceOrder, error))
        assert cli.main(["run", str(TOUR), "--journal", str(journal)]) == 5
    shown = capfd.readouterr()
    kept = records(journal)
    file = tmp_path / f"fault-{len(kept) + 1}.bin"
    what = f"{type(error).__name__}: {error}"
    assert shown.err.splitlines()[-1] == f"{TOUR}:{number}: internal fault: {what}; it is kept in {file}"
    fault = faults.read(file)
    assert (fault.number, fault.actor_kind, fault.actor) == (len(kept) + 1, ActorKind.TRADER, line["by"])
    assert (fault.client_id, fault.what, fault.before) == (line["id"], what, ())
    command = codec.decode_command(fault.command)
    assert isinstance(command, PlaceOrder)
    assert command.instrument == line["instrument"]
    # The order would have been the next; what came before is as in a run that does not fail.
    printed = shown.out.splitlines()
    assert printed == good[: len(printed)]
    assert json.loads(printed[-1])["number"] == len(kept)
    assert json.loads(good[len(printed)])["number"] == len(kept) + 1
    assert verifies(journal)


def test_a_fault_in_a_follow_up_leaves_nothing_of_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Line and follow-ups are one batch: the line's own record is in the fault's file and not in the journal."""
    journal = tmp_path / "j.db"
    number, line = first_line("list_instrument")
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "market_loader", lambda _: failing_at(AddInstrument, AssertionError("no room")))
        assert cli.main(["run", str(TOUR), "--journal", str(journal)]) == 5
    assert f"{TOUR}:{number}: internal fault: AssertionError: no room" in capfd.readouterr().err
    kept = records(journal)
    assert not any(isinstance(codec.decode_command(record.command), ListInstrument) for record in kept)
    (file,) = tmp_path.glob("fault-*.bin")
    fault = faults.read(file)
    assert fault.number == len(kept) + 2
    assert (fault.command, fault.client_id) == (faults.NO_COMMAND, "")
    (own,) = [codec.decode_record(data) for data in fault.before]
    assert (own.number, own.client_id) == (len(kept) + 1, line["id"])
    assert verifies(journal)


def test_a_fault_without_a_journal_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No file is made where none was asked for; line and reason are named all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "market_loader", lambda _: failing_at(PlaceOrder, AssertionError("money is lost")))
    assert cli.main(["run", str(TOUR)]) == 5
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"{TOUR}:{first_line('place_order')[0]}: internal fault: AssertionError: money is lost; ")
    assert list(tmp_path.iterdir()) == []


def test_a_stop_by_the_user_is_kept_as_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C may come while a command is being decided; nobody failed then."""
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "market_loader", lambda _: failing_at(PlaceOrder, KeyboardInterrupt()))
        assert cli.main(["run", str(TOUR), "--journal", str(tmp_path / "j.db")]) == 130
    assert list(tmp_path.glob("fault-*")) == []
    assert verifies(tmp_path / "j.db")


@pytest.mark.parametrize("error", [AssertionError("money is lost"), Trap("overflow")], ids=["assertion", "trap"])
def test_a_fault_of_the_demo_is_kept_in_its_folder(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 5, the file is named, and the journal ends before the command."""
    data = tmp_path / "data"
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "market_loader", lambda _: failing_at(PlaceOrder, error))
        assert cli.main(["demo", "--data", str(data)]) == 5
    kept = records(data / "journal.db")
    file = data / f"fault-{len(kept) + 1}.bin"
    said = f"kirmash: {type(error).__name__}: {error}; it is kept in {file}"
    assert capfd.readouterr().err.splitlines()[-1] == said
    fault = faults.read(file)
    assert isinstance(codec.decode_command(fault.command), PlaceOrder)
    assert fault.number == len(kept) + 1
    assert verifies(data)


def test_a_disk_that_takes_no_more_ends_the_demo(tmp_path: Path) -> None:
    """Exit code 4, naming the file, without a traceback; what was shown before is whole (PS-0.5)."""
    data = tmp_path / "data"
    start = (
        "import resource, sys; from kirmash.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM_BYTES}, {ROOM_BYTES})); sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", start, "demo", "--data", str(data), "--market", "reference"],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 4, done.stderr
    assert str(data) in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert len(records(data / "journal.db")) > 0
    assert list(data.glob("fault-*")) == []
    assert verifies(data)


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_disk_that_fails_once_ends_the_demo_too(moment: Moment, tmp_path: Path) -> None:
    """Whether the line is there is not known, and the lines after it need it; the folder is whole and free."""
    data, failures = tmp_path / "data", [OSError(5, "Input/output error")]
    applied: list[int] = []

    def hook(now: Moment) -> None:
        if len(applied) == 9 and now == moment and failures:
            raise failures.pop()

    with TOUR.open("rb") as source:
        lines = read_scenario(source, TOUR.name)

    def play() -> None:
        with DemoExchange(data, "reference", hook) as exchange:
            for line in lines:
                applied.append(exchange.apply(line)[-1].record.number)

    with pytest.raises(StorageFailed) as caught:
        play()
    assert caught.value.exit_code == 4
    assert str(data) in str(caught.value)
    assert len(applied) == 9
    with Reader(data / "journal.db") as reader:
        assert len(list(reader.batches())) == (9 if moment == "before commit" else 10)
    with Folder(data):
        assert verifies(data)
