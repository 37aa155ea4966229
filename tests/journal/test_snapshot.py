"""Snapshots: read back as written, the newest that fits is taken, the damaged and the impossible are refused."""

from pathlib import Path

import pytest

from kirmash.journal import snapshot
from kirmash.journal.errors import JournalDamaged, StorageFailed
from kirmash.journal.snapshot import Snapshot
from kirmash.sequencer.recovery import snapshot_of
from tests.journal.made import EXCHANGE, commands, decide, machine


def taken(number: int, chain: bytes = b"c" * 32, exchange_id: str = EXCHANGE) -> Snapshot:
    return Snapshot(1, exchange_id, number, chain, (5, 6), b"market", b"office", ())


def fits(_: int) -> bytes:
    return b"c" * 32


def test_a_snapshot_is_read_back_as_written(tmp_path: Path) -> None:
    into = machine()
    decide(into, commands(), 2, settle=False)
    made = snapshot_of(into, EXCHANGE)
    assert len(made.pending) == 1
    file = snapshot.write(tmp_path / "snapshots", made)
    assert snapshot.read(file) == made
    assert [entry.name for entry in (tmp_path / "snapshots").iterdir()] == [file.name]


def test_every_flipped_byte_and_every_cut_is_damage(tmp_path: Path) -> None:
    file = snapshot.write(tmp_path, taken(7))
    data = file.read_bytes()
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with pytest.raises(JournalDamaged, match=rf"{file.name}: .*delete this file"):
            snapshot.read(file)
        file.write_bytes(data[:at])
        with pytest.raises(JournalDamaged):
            snapshot.read(file)


def test_the_newest_that_agrees_is_taken(tmp_path: Path) -> None:
    for number in (10, 20, 30):
        snapshot.write(tmp_path, taken(number))
    found = snapshot.newest(tmp_path, EXCHANGE, 35, fits)
    assert (found.snapshot, found.skipped) == (taken(30), [])
    found = snapshot.newest(tmp_path, EXCHANGE, 35, lambda number: b"other" if number == 30 else fits(number))
    assert found.snapshot == taken(20)
    assert [file.name for file in found.skipped] == ["0000000000000030.snapshot"]
    assert snapshot.newest(tmp_path, "another", 35, fits).snapshot is None
    assert snapshot.newest(tmp_path / "nothing", EXCHANGE, 35, fits).file is None


def test_a_snapshot_ahead_of_the_journal_says_that_its_end_is_lost(tmp_path: Path) -> None:
    snapshot.write(tmp_path, taken(30))
    with pytest.raises(JournalDamaged, match=r"0030\.snapshot: was taken after record 30, but the journal ends at 29"):
        snapshot.newest(tmp_path, EXCHANGE, 29, fits)


def test_only_the_newest_are_kept_and_half_written_ones_are_ignored(tmp_path: Path) -> None:
    for number in range(1, 9):
        snapshot.write(tmp_path, taken(number))
    (tmp_path / ".0000000000000009.snapshot.partial").write_bytes(b"half")
    assert [int(file.stem) for file in snapshot.files(tmp_path)] == [8, 7, 6]


def test_a_disk_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_bytes(b"")
    with pytest.raises(StorageFailed):
        snapshot.write(tmp_path / "snapshots", taken(1))
