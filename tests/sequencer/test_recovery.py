"""Start: snapshot and tail give what the whole journal gives, what is owed is numbered first, damage is named."""

from itertools import count
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace
from pysqlite3 import dbapi2

from kirmash.journal import snapshot
from kirmash.journal.errors import JournalDamaged
from kirmash.journal.folder import JOURNAL_FILE, SNAPSHOTS, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market import Market
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.codec import Actor, Record
from kirmash.messages.commands import Command, GrantPermission, PlaceOrder
from kirmash.messages.events import OrderRested
from kirmash.office import Office
from kirmash.sequencer.machine import Machine, MachineFault
from kirmash.sequencer.recovery import machine_from, recover, snapshot_of
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE, commands, decide, machine, make_folder, replayed
from tests.journal.stand_ins import band, stand_in
from tests.journal.trade import command_of, day, opening


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


def test_where_it_started_stays_what_it_was(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3))
    found = recover(tmp_path / "data" / JOURNAL_FILE, stand_in)
    said = found.said
    assert f"at record {found.machine.number}" in said
    decide(found.machine, commands(), 2)
    assert found.machine.number > found.number
    assert found.said == said


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


# What the quick replay of recovery says of records that its chain vouches for ------------------------------------


def traded(*ids: str) -> tuple[Machine, list[Record]]:
    """An exchange that was opened, and what is recorded of these commands of a day and of their follow-ups."""
    into = Machine(market_loader("reference")(None), Office(), EXCHANGE)
    for actor, client_id, command in opening():
        into.submit(actor, "test", client_id, command, (1, 0))
    into.settle((1, 0))
    before = snapshot_of(into, EXCHANGE)
    records: list[Record] = []
    for at, client_id in enumerate(ids):
        actor, command = of_kind(client_id)
        records += [one.record for one in into.submit(actor, "test", f"{at}-{client_id}", command, (2 + at, 0))]
    return machine_from(before, EXCHANGE, market_loader("reference")), records


def of_kind(name: str) -> tuple[Actor, Command]:
    """The first command of a day that is an order at rest or a permission."""
    kinds: dict[str, type[Struct]] = {"order": PlaceOrder, "permit": GrantPermission}
    given = (command_of(f"k-{at}") for at in count())
    return next((actor, command) for actor, command in given if isinstance(command, kinds[name]))


def renumbered(records: list[Record], first: int) -> list[bytes]:
    return [codec.encode(replace(record, number=number)) for number, record in enumerate(records, first)]


@pytest.mark.parametrize("behind", [(), ("permit",)])
def test_a_follow_up_missing_before_a_market_command_is_found(behind: tuple[str, ...]) -> None:
    """PS-7.2, whether something that has to be looked at comes behind that command or not."""
    into, records = traded("order", "permit", "order", "order", *behind)
    assert [record.cause is None for record in records[:5]] == [True, True, False, True, True]
    first = into.number + 1
    with pytest.raises(MachineFault, match=rf"record {first + 2}: follow-up {first + 1}\.admission\.0 is missing"):
        into.replay_whole(renumbered([*records[:2], *records[3:]], first), b"")


def test_another_follow_up_than_is_owed_is_found() -> None:
    into, records = traded("permit", "order")
    first = into.number + 1
    other = replace(records[1], client_id=f"{first}.admission.1")
    with pytest.raises(MachineFault, match=rf"record {first + 1}: .* is not the one that is owed"):
        into.replay_whole(renumbered([records[0], other, *records[2:]], first), b"")


@pytest.mark.parametrize("at", [0, 1, 3])
def test_the_first_record_with_other_events_is_named(at: int) -> None:
    """An order, a permission (the office's), its follow-up, an order."""
    into, records = traded("order", "permit", "order")
    assert [int(record.decider) for record in records] == [1, 2, 1, 1]
    events = codec.encode((*codec.decode_events(records[at].events), OrderRested(order=1, open=1)))
    changed = [*records[:at], replace(records[at], events=msgspec.Raw(events)), *records[at + 1 :]]
    first = into.number + 1
    with pytest.raises(MachineFault, match=f"record {first + at}: .*other events"):
        into.replay_whole(renumbered(changed, first), b"")


def test_numbers_and_times_that_do_not_rise_are_found() -> None:
    into, records = traded("order", "order", "order")
    first = into.number + 1
    with pytest.raises(MachineFault, match=f"record {first + 2} where {first + 1} was expected"):
        into.replay_whole([codec.encode(records[0]), codec.encode(records[2])], b"")
    early = replace(records[1], time=(1, 0))
    with pytest.raises(MachineFault, match=f"record {first + 1}: its time is before"):
        into.replay_whole([codec.encode(record) for record in (records[0], early, records[2])], b"")


def test_a_day_of_trade_replayed_whole_is_the_day() -> None:
    """In chunks that end anywhere, so that what is owed is carried from one to the next."""
    into = Machine(market_loader("reference")(None), Office(), EXCHANGE)
    rows = [one.data for one in decide(into, day("w"), 200)]
    for size in (1, 7, 64, len(rows)):
        again = Machine(market_loader("reference")(None), Office(), EXCHANGE)
        for at in range(0, len(rows), size):
            again.replay_whole(rows[at : at + size], into.chain)
        same(again, into)
