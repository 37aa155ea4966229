"""The views in a process of their own: they follow, they survive being killed, and they never outlive the core."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kirmash.config import LogConfig
from kirmash.core.views_process import ViewsProcess
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader
from kirmash.messages.codec import OPERATOR
from kirmash.messages.commands import AccreditParticipant
from kirmash.projections.projector import Projector
from kirmash.sequencer.writer import Writer

PATIENCE_SECONDS = 20


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


class Kept:
    """A writer and views beside it."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder.create(path)
        Journal.create(self.folder.journal, "views-process").close()
        self.numbers: list[int] = []
        self.views = ViewsProcess(self.folder.journal, path / "views.db", self.numbers.append, LogConfig())
        self.writer = Writer(self.folder, market_loader("reference"), publish=self.views.take)
        self.writer.start()
        self.views.start(0)

    def give(self, count: int, prefix: str) -> int:
        """So many records; they are rejects, which are records like others. Gives the last number."""
        given = [
            self.writer.submit(OPERATOR, "test", f"{prefix}{at}", AccreditParticipant(participant="nobody"))
            for at in range(count)
        ]
        return given[-1].result(PATIENCE_SECONDS).number

    def child(self) -> int:
        wait_until(lambda: self.views._child is not None)
        assert self.views._child is not None
        return self.views._child.pid

    def close(self) -> None:
        self.writer.stop()
        self.views.stop()
        self.folder.close()


def test_views_follow_and_end_complete(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "data")
    try:
        last = kept.give(2_500, "a")
        wait_until(lambda: kept.views.number == last)
        assert kept.numbers == sorted(kept.numbers)
        last = kept.give(700, "b")
    finally:
        kept.close()
    with Projector.open(tmp_path / "data" / "views.db", kept.folder.journal) as projector:
        assert projector.checkpoint == last


def test_a_killed_process_is_started_again_and_goes_on(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "data")
    try:
        before = kept.give(20, "before")
        wait_until(lambda: kept.views.number == before)
        first = kept.child()
        os.kill(first, signal.SIGKILL)
        last = kept.give(300, "after")
        wait_until(lambda: kept.views.number == last)
        assert kept.child() != first
        assert kept.views.failure is None
    finally:
        kept.close()


def test_damaged_views_are_made_anew_and_said(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "data")
    last = kept.give(50, "a")
    wait_until(lambda: kept.views.number == last)
    kept.close()
    file = tmp_path / "data" / "views.db"
    file.write_bytes(b"no database" * 1_000)
    told = threading.Event()
    views = ViewsProcess(kept.folder.journal, file, lambda number: told.set() if number == last else None, LogConfig())
    views.start(last)
    assert told.wait(PATIENCE_SECONDS)
    views.stop()


@pytest.mark.parametrize(
    ("log", "lines"), [(LogConfig(level="warning"), 1), (LogConfig(level="error"), 0), (LogConfig(format="text"), 1)]
)
def test_the_child_logs_as_it_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], log: LogConfig, lines: int
) -> None:
    """What it says of damaged views is a warning."""
    folder = Folder.create(tmp_path / "data")
    Journal.create(folder.journal, "views-process").close()
    file = tmp_path / "data" / "views.db"
    file.write_bytes(b"no database" * 1_000)
    told = threading.Event()
    views = ViewsProcess(folder.journal, file, lambda _: told.set(), log)
    views.start(0)
    assert told.wait(PATIENCE_SECONDS)
    views.stop()
    folder.close()
    said = [line for line in capfd.readouterr().err.splitlines() if "views are made anew" in line]
    assert len(said) == lines
    for line in said:
        assert line.startswith("{") == (log.format == "json")
        if log.format == "json":
            assert json.loads(line)["level"] == "warning"


_PARENT = """
import sys, time
from pathlib import Path
from kirmash.config import LogConfig
from kirmash.core.views_process import ViewsProcess
views = ViewsProcess(Path(sys.argv[1]), Path(sys.argv[2]), lambda number: None, LogConfig())
views.start(0)
while views._child is None:
    time.sleep(0.01)
print(views._child.pid, flush=True)
time.sleep(60)
"""


def test_views_do_not_outlive_a_core_that_was_killed(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "data")
    kept.close()
    command = [sys.executable, "-c", _PARENT, str(kept.folder.journal), str(tmp_path / "data" / "views.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()

    def gone() -> bool:
        state = Path(f"/proc/{child}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"

    wait_until(gone)
