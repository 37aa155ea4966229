"""The data folder: one writer, named; a lock that dies with its process; files that appear whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kirmash.journal.errors import JournalExists, JournalInUse, NotAJournal, StorageFailed
from kirmash.journal.folder import LOCK_FILE, Folder, journal_file, write_durably

KEEPER = """
import sys, time
from pathlib import Path
from kirmash.journal.folder import Folder
with Folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_who_has_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "data"
    Folder.create(path).close()
    with subprocess.Popen([sys.executable, "-c", KEEPER, str(path)], stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"locked\n"
        with pytest.raises(JournalInUse, match=rf"in use by process {keeper.pid}\b") as refused:
            Folder(path)
        assert refused.value.pid == keeper.pid
        assert refused.value.exit_code == 3
        os.kill(keeper.pid, signal.SIGKILL)
        keeper.wait()
    # The dead process left its id in the file; the lock itself went with it.
    assert (path / LOCK_FILE).read_text().strip() == str(keeper.pid)
    with Folder(path):
        assert (path / LOCK_FILE).read_text().strip() == str(os.getpid())


def test_one_process_cannot_take_the_lock_twice(tmp_path: Path) -> None:
    folder = Folder.create(tmp_path / "data")
    with pytest.raises(JournalInUse):
        Folder(tmp_path / "data")
    folder.close()
    folder.close()
    Folder(tmp_path / "data").close()


def test_paths_that_are_no_journal_are_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(NotAJournal) as missing:
        Folder(tmp_path / "nothing")
    assert missing.value.exit_code == 2
    with pytest.raises(NotAJournal):
        journal_file(tmp_path)
    with pytest.raises(NotAJournal):
        journal_file(tmp_path / "nothing")
    with pytest.raises(JournalExists):
        Folder.create(tmp_path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "name"
    write_durably(file, b"old")
    (tmp_path / ".name.partial").mkdir()
    with pytest.raises(StorageFailed, match="name"):
        write_durably(file, b"new")
    assert file.read_bytes() == b"old"
