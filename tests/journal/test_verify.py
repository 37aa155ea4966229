"""Verify finds whatever was changed in a journal and names it, and passes what was not."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2

from kirmash.journal import hashes, snapshot
from kirmash.journal.connection import TABLES
from kirmash.journal.errors import NotAJournal
from kirmash.journal.folder import JOURNAL_FILE, SNAPSHOTS
from kirmash.journal.hashes import GrowingTree, Head
from kirmash.journal.verify import CheckFailed, Verified, verify
from kirmash.messages import codec
from tests.journal.made import EXCHANGE, make_folder, replayed

MUTATIONS = int(os.environ.get("KIRMASH_MUTATIONS", "40"))
BATCHES = (3, 1, 7, 1, 1, 12, 5, 2, 9)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    path = tmp_path_factory.mktemp("verify") / "data"
    return path, make_folder(path, BATCHES, snapshots_after=(4, 8))


@pytest.fixture
def copy(original: tuple[Path, Head], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original[0], tmp_path / "copy"))


def check(path: Path, head: str | None = None) -> Verified:
    return verify(path, replayed, expect_head=head)


def change(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with dbapi2.connect(path / JOURNAL_FILE) as connection:
        for statement, values in statements:
            assert connection.execute(statement, values).rowcount != 0
    connection.close()


def test_a_sound_journal_passes_and_its_head_is_the_writers(original: tuple[Path, Head]) -> None:
    path, head = original
    found = check(path, head.hash)
    assert (found.exchange_id, found.head, found.snapshots) == (EXCHANGE, head, 2)
    assert found.expected_at == head.number
    alone = check(path / JOURNAL_FILE)
    assert (alone.head, alone.snapshots) == (head, 0)


def test_an_empty_journal_passes(tmp_path: Path) -> None:
    head = make_folder(tmp_path / "data", ())
    assert check(tmp_path / "data", head.hash).head.number == 0


ROWS = {
    "records": ("number", "record", "chain"),
    "batches": ("batch", "first", "last", "root", "peak", "tree"),
    "clients": ("kind", "actor", "id", "number"),
    "meta": ("key", "value"),
}
KEYS = {"records": ("number",), "batches": ("batch",), "clients": ("kind", "actor", "id"), "meta": ("key",)}


def test_the_table_of_fields_is_complete(original: tuple[Path, Head]) -> None:
    """A table or column that comes later must not be left out of the mutations below."""
    connection = dbapi2.connect(original[0] / JOURNAL_FILE)
    assert set(TABLES) == {*ROWS, "trial"}
    for table, columns in ROWS.items():
        assert tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})")) == columns
    connection.close()


def changed(value: Any, chance: random.Random) -> Any:
    """The value with one random byte changed; integers have eight."""
    if isinstance(value, int):
        data = bytearray(value.to_bytes(8, "big", signed=True))
    else:
        data = bytearray(value.encode() if isinstance(value, str) else value)
    at = chance.randrange(len(data))
    if isinstance(value, str):
        data[at] = chance.choice([byte for byte in range(0x21, 0x7F) if byte != data[at]])
        return data.decode()
    data[at] ^= chance.randrange(1, 256)
    return int.from_bytes(data, "big", signed=True) if isinstance(value, int) else bytes(data)


@pytest.mark.parametrize("seed", range(MUTATIONS))
def test_one_changed_byte_of_any_field_of_any_row_is_found_and_named(copy: Path, seed: int) -> None:
    chance = random.Random(seed)
    connection = dbapi2.connect(copy / JOURNAL_FILE)
    fields = [(table, column) for table, columns in ROWS.items() for column in columns]
    table, column = fields[seed % len(fields)]
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    row = dict(zip(ROWS[table], chance.choice(rows), strict=True))
    after = dict(row)
    # A primary key may by chance become that of another row, which SQLite refuses: another byte then.
    while True:
        after[column] = changed(row[column], chance)
        keys = KEYS[table]
        taken = {tuple(dict(zip(ROWS[table], other, strict=True))[key] for key in keys) for other in rows}
        if column not in keys or tuple(after[key] for key in keys) not in taken:
            break
    where = " AND ".join(f"{key} = ?" for key in keys)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (after[column], *(row[key] for key in keys)))
    connection.commit()
    connection.close()
    if (table, column, row.get("key")) == ("meta", "value", "format"):
        with pytest.raises(NotAJournal, match="format"):
            check(copy)
        return
    if (table, column, row.get("key")) == ("meta", "key", "format"):
        with pytest.raises(NotAJournal, match="format"):
            check(copy)
        return
    with pytest.raises(CheckFailed) as failed:
        check(copy)
    assert failed.value.exit_code == 1
    assert failed.value.table == table, (failed.value, row, after)
    if table in ("records", "clients"):
        assert failed.value.number == row["number"], (failed.value, row, after)
        assert f"record {row['number']}" in str(failed.value)
    if table == "batches":
        assert failed.value.number in (row["batch"], after["batch"]), (failed.value, row, after)


def test_a_forger_who_recomputes_every_hash_is_found_by_the_records_themselves(copy: Path) -> None:
    """The chain proves nothing against who can write the file; that the commands give these events does."""
    connection = dbapi2.connect(copy / JOURNAL_FILE)
    records = [record for (record,) in connection.execute("SELECT record FROM records ORDER BY number")]
    forged = codec.decode_record(records[19])
    other = codec.encode(codec.decode_events(codec.decode_record(records[22]).events))
    assert bytes(forged.events) != other
    records[19] = records[19].replace(bytes(forged.events), other)
    chain, tree = hashes.genesis(EXCHANGE), GrowingTree()
    for number, record in enumerate(records, 1):
        chain = hashes.link(chain, record)
        connection.execute("UPDATE records SET record = ?, chain = ? WHERE number = ?", (record, chain, number))
    for batch, first, last in connection.execute("SELECT batch, first, last FROM batches ORDER BY batch").fetchall():
        root = hashes.root_of([hashes.leaf(record) for record in records[first - 1 : last]])
        peak = tree.push(hashes.batch_entry(first, last, root))
        connection.execute(
            "UPDATE batches SET root = ?, peak = ?, tree = ? WHERE batch = ?", (root, peak, tree.root(), batch)
        )
    connection.commit()
    connection.close()
    shutil.rmtree(copy / SNAPSHOTS)
    verify(copy, None)
    with pytest.raises(CheckFailed, match=r"record 20: .*events") as failed:
        check(copy)
    assert failed.value.number == 20


@pytest.mark.parametrize("keep", [0, 1, 5, len(BATCHES) - 1])
def test_a_cut_tail_is_found_only_against_a_head_noted_elsewhere(
    original: tuple[Path, Head], copy: Path, keep: int
) -> None:
    last = sum_of_records(copy, keep)
    change(copy, ("DELETE FROM records WHERE number > ?", (last,)), ("DELETE FROM batches WHERE batch > ?", (keep,)))
    change(copy, ("DELETE FROM clients WHERE number > ?", (last,)))
    shutil.rmtree(copy / SNAPSHOTS)
    assert check(copy).head.number == last
    with pytest.raises(CheckFailed, match=rf"ends at record {last} .*cut off") as failed:
        check(copy, original[1].hash)
    assert failed.value.table == "head"


def sum_of_records(path: Path, batches: int) -> int:
    connection = dbapi2.connect(path / JOURNAL_FILE)
    (last,) = connection.execute("SELECT coalesce(max(last), 0) FROM batches WHERE batch <= ?", (batches,)).fetchone()
    connection.close()
    return int(last)


def test_a_head_noted_earlier_is_found_in_the_journal_that_grew(tmp_path: Path) -> None:
    early = make_folder(tmp_path / "early", BATCHES[:4])
    late = make_folder(tmp_path / "late", BATCHES)
    assert check(tmp_path / "late", early.hash).expected_at == early.number < late.number
    other = make_folder(tmp_path / "other", BATCHES[:5])
    assert check(tmp_path / "late", f" {other.hash.upper()}\n").expected_at == other.number


def test_a_cut_tail_is_found_by_a_snapshot_beyond_it(copy: Path) -> None:
    last = sum_of_records(copy, 5)
    change(copy, ("DELETE FROM records WHERE number > ?", (last,)), ("DELETE FROM batches WHERE batch > 5", ()))
    change(copy, ("DELETE FROM clients WHERE number > ?", (last,)))
    with pytest.raises(CheckFailed, match=rf"snapshot.*the journal ends at {last}"):
        check(copy)


@pytest.mark.parametrize("table", ["records", "batches", "clients", "meta"])
def test_a_missing_row_is_found(copy: Path, table: str) -> None:
    keys = {"records": "number = 11", "batches": "batch = 3", "clients": "number = 11", "meta": "key = 'genesis'"}
    change(copy, (f"DELETE FROM {table} WHERE {keys[table]}", ()))
    with pytest.raises(CheckFailed) as failed:
        check(copy)
    assert failed.value.table == table
    assert failed.value.number == {"records": 11, "batches": 3, "clients": 11, "meta": None}[table]


def test_a_surplus_row_is_found(copy: Path) -> None:
    change(copy, ("INSERT INTO clients VALUES (2, 'nobody', 'x', 4)", ()))
    with pytest.raises(CheckFailed, match=r"clients: has"):
        check(copy)
    change(copy, ("DELETE FROM clients WHERE actor = 'nobody'", ()), ("INSERT INTO meta VALUES ('a', 'b')", ()))
    with pytest.raises(CheckFailed, match="meta: a "):
        check(copy)


def test_a_missing_follow_up_is_found_and_one_still_owed_is_not(tmp_path: Path) -> None:
    from itertools import islice

    from kirmash.journal.sqlite import Journal
    from tests.journal.made import commands, decide, machine

    path = tmp_path / "data"
    path.mkdir()
    journal = Journal.create(path / JOURNAL_FILE, EXCHANGE)
    given, into = commands(), machine()
    first = decide(into, given, 2, settle=False)
    assert [owed.client_id for owed in into.pending]
    journal.append(first)
    assert check(path).head.number == 2
    # A machine that forgets what it owes goes on to a market command.
    into._pending[next(iter(into._pending))].clear()
    journal.append(decide(into, islice(given, 1), 1))
    journal.close()
    with pytest.raises(CheckFailed, match=r"record 3: .*missing") as failed:
        check(path)
    assert failed.value.number == 3


@pytest.mark.parametrize("field", ["market", "office", "chain", "time", "exchange_id"])
def test_a_snapshot_that_the_records_do_not_give_is_found(copy: Path, field: str) -> None:
    import msgspec

    file = snapshot.files(copy / SNAPSHOTS)[0]
    taken = snapshot.read(file)
    other = {"market": b"x", "office": taken.market, "chain": b"x" * 32, "time": (1, 1), "exchange_id": "other"}
    snapshot.write(copy / SNAPSHOTS, msgspec.structs.replace(taken, **{field: other[field]}))
    with pytest.raises(CheckFailed, match=file.name):
        check(copy)


def test_a_damaged_snapshot_is_found(copy: Path) -> None:
    file = snapshot.files(copy / SNAPSHOTS)[1]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckFailed, match=f"{file.name}: snapshot: is damaged"):
        check(copy)


def test_whatever_a_replica_raises_is_a_finding(original: tuple[Path, Head]) -> None:
    class Trap(BaseException):
        pass

    class Broken:
        def replay(self, _: bytes, /) -> object:
            raise Trap("no more")

        def state_hash(self) -> bytes:
            return b""

        def differs_from(self, _: object, /) -> str | None:
            return None

    with pytest.raises(CheckFailed, match="record 1: no more"):
        verify(original[0], lambda _: Broken())


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kirmash.journal.verify.PROGRESS_EVERY", 5)
    head = make_folder(tmp_path / "data", BATCHES)
    told: list[tuple[int, int]] = []
    verify(tmp_path / "data", None, progress=lambda done, of: told.append((done, of)))
    assert told[0] == (5, head.number)
    assert len(told) == head.number // 5
