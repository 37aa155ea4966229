"""Start: snapshot and tail give what the whole journal gives, what is owed is numbered first, damage is named."""

from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from kirmash.journal import snapshot
from kirmash.journal.errors import JournalDamaged
from kirmash.journal.folder import JOURNAL_FILE, SNAPSHOTS, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market import Market
from kirmash.messages import codec
from kirmash.sequencer.machine import Machine, MachineFault
from kirmash.sequencer.recovery import recover, snapshot_of
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE, commands, decide, machine, make_folder, replayed
from tests.journal.stand_ins import band, stand_in


def same(left: Machine, right: Machine) -> None:
    assert snapshot_of(left, EXCHANGE) == snapshot_of(right, EXCHANGE)


def test_snapshot_and_tail_are_the_full_replay(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5, 2), snapshots_after=(2,))
    make_folder(tmp_path / "plain", (4, 3, 5, 2))
    short = recover(tmp_path / "data" / JOURNAL_FILE, stand_in)
    long = recover(tmp_path / "plain" / JOURNAL_FILE, stand_in)
    same(short.machine, long.machine)
    assert short.snapshot == snapshot.files(tmp_path / "data" / SNAPSHOTS)[0]
    assert 0 < short.replayed < long.replayed == long.machine.number
    assert short.snapshot.name in short.said
    assert "beginning" in long.said


def test_a_snapshot_with_follow_ups_owed_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    journal = Journal.create(path / JOURNAL_FILE, EXCHANGE)
    into, given = machine(), commands()
    journal.append(decide(into, given, 2, settle=False))
    assert into.pending
    snapshot.write(path / SNAPSHOTS, snapshot_of(into, EXCHANGE))
    same(recover(path / JOURNAL_FILE, stand_in).machine, into)
    # PS-7 example (b): the journal has the cause, its follow-up has no number yet; it gets one before the doors open.
    journal.close()
    with Folder(path) as folder:
        with Writer(folder, stand_in) as writer:
            answer = writer.submit(codec.OPERATOR, "test", "next", band()).result(30)
        with Writer(folder, stand_in) as writer:
            assert writer.submit(codec.OPERATOR, "test", "next", band()).result(30) == answer
    assert answer.number == 4
    assert verify(path, replayed).head.number == 4


def test_a_snapshot_of_another_journal_is_passed_over_and_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3), snapshots_after=(1,))
    other = machine()
    decide(other, commands(), 6)
    file = snapshot.write(tmp_path / "data" / SNAPSHOTS, snapshot_of(other, "another"))
    started = recover(tmp_path / "data" / JOURNAL_FILE, stand_in)
    assert started.skipped == (file,)
    assert file.name in started.said
    assert started.replayed > 0


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 0x20
    file.write_bytes(data)


def test_one_byte_flipped_in_a_record_stops_the_start_and_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5))
    file = tmp_path / "data" / JOURNAL_FILE
    with Reader(file) as reader:
        row = reader.record(9)
    assert row is not None
    flip(file, file.read_bytes().index(row.record) + len(row.record) // 2)
    with pytest.raises(JournalDamaged, match=r"journal\.db: record 9: .*backup") as damaged:
        recover(file, stand_in)
    assert damaged.value.number == 9
    assert damaged.value.exit_code == 4


def test_one_byte_flipped_in_a_snapshot_stops_the_start_and_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5), snapshots_after=(2,))
    file = snapshot.files(tmp_path / "data" / SNAPSHOTS)[0]
    flip(file, 40)
    with pytest.raises(JournalDamaged, match=f"{file.name}: is damaged.*delete this file"):
        recover(tmp_path / "data" / JOURNAL_FILE, stand_in)
    file.unlink()
    recover(tmp_path / "data" / JOURNAL_FILE, stand_in)


def test_a_writer_does_not_start_on_a_damaged_journal(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5))
    file = tmp_path / "data" / JOURNAL_FILE
    flip(file, file.read_bytes().index(b"company-2") + 4)
    with Folder(tmp_path / "data") as folder:
        writer = Writer(folder, stand_in)
        with pytest.raises(JournalDamaged):
            writer.start()
        assert not writer.doors.open


def test_a_record_taken_out_of_the_tail_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5))
    with dbapi2.connect(tmp_path / "data" / JOURNAL_FILE) as connection:
        connection.execute("DELETE FROM records WHERE number = 6")
    connection.close()
    with pytest.raises(JournalDamaged) as damaged:
        recover(tmp_path / "data" / JOURNAL_FILE, stand_in)
    assert damaged.value.number in (6, 7)


def test_a_journal_that_lost_its_end_is_not_gone_on_with(tmp_path: Path) -> None:
    """SQLite drops the rest of a WAL that was damaged in the middle, without a word; a later snapshot tells."""
    make_folder(tmp_path / "data", (4, 3, 5), snapshots_after=(3,))
    with dbapi2.connect(tmp_path / "data" / JOURNAL_FILE) as connection:
        connection.execute("DELETE FROM records WHERE number > (SELECT last FROM batches WHERE batch = 2)")
        connection.execute("DELETE FROM batches WHERE batch = 3")
    connection.close()
    with pytest.raises(JournalDamaged, match="its end is lost"):
        recover(tmp_path / "data" / JOURNAL_FILE, stand_in)


def test_sound_records_that_give_other_events_now_are_a_fault_of_ours(tmp_path: Path) -> None:
    def changed(state: bytes | None) -> Market:
        market = stand_in(state)
        given = market.apply
        vars(market)["apply"] = lambda frame: given(frame).replace(b"someone", b"anybody")
        return market

    make_folder(tmp_path / "data", (4, 3))
    with pytest.raises(MachineFault, match=r"record 3: .*other events"):
        recover(tmp_path / "data" / JOURNAL_FILE, changed)
