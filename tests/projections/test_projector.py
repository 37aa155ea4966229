"""The projector's file: what it is made of, when it refuses to go on with it, and who may ask how far it is."""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from pysqlite3 import dbapi2
from sqlalchemy import Integer, LargeBinary, Text

from kirmash.messages.events import EVENTS
from kirmash.projections import store
from kirmash.projections.fold import HANDLERS
from kirmash.projections.projector import Projector, ViewsFailed, ViewsStale
from kirmash.projections.tables import METADATA
from kirmash.sequencer.machine import Decided
from tests.projections.played import apply, journal_of, played_stream, rows_of

MIDDLE = 300


@cache
def decided() -> Sequence[Decided]:
    return played_stream(51, 500)[1]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return journal_of(tmp_path / "journal.db", decided())


@pytest.fixture
def views(tmp_path: Path, journal: Path) -> Path:
    file = tmp_path / "views.db"
    with Projector.open(file, journal) as projector:
        apply(projector, decided()[:MIDDLE], 100)
    return file


def change(file: Path, statement: str) -> None:
    connection = dbapi2.connect(str(file), isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_no_column_can_hold_a_float_and_every_constraint_has_a_name() -> None:
    for table in METADATA.sorted_tables:
        assert table.dialect_options["sqlite"]["strict"], table.name
        for column in table.columns:
            assert type(column.type) in (Integer, Text, LargeBinary), column
        for constraint in table.constraints:
            assert constraint.name, table.name


def test_the_file_is_strict_and_refuses_a_float(views: Path) -> None:
    with pytest.raises(dbapi2.IntegrityError, match="cannot store REAL"):
        change(views, 'UPDATE orders SET price = 1.5 WHERE "order" = 1')
    with pytest.raises(dbapi2.IntegrityError, match="ck_accounts_free"):
        change(views, "UPDATE accounts SET free = -1")


def test_every_kind_of_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(EVENTS)


def test_views_that_were_closed_are_gone_on_with(views: Path, journal: Path) -> None:
    with Projector.open(views, journal) as projector:
        assert projector.checkpoint == MIDDLE
        assert projector.chain == decided()[MIDDLE - 1].chain
        with pytest.raises(ValueError, match=f"record {MIDDLE} where {MIDDLE + 1} was expected"):
            apply(projector, decided()[MIDDLE - 1 :], 10)


def test_records_may_come_as_bytes(tmp_path: Path, views: Path, journal: Path) -> None:
    other = tmp_path / "other.db"
    with Projector.open(other, journal) as projector:
        projector.apply([(entry.data, entry.chain) for entry in decided()[:MIDDLE]])
    assert rows_of(other) == rows_of(views)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE checkpoint SET exchange = 'another'", "views of exchange another"),
        ("UPDATE checkpoint SET format = '0'", "of format 0"),
        ("UPDATE checkpoint SET number = 100000", "ahead of the journal"),
        ("UPDATE checkpoint SET chain = zeroblob(32)", f"chain at {MIDDLE} differs"),
        ("DROP INDEX ix_orders_session_order", "ix_orders_session_order missing"),
        ("DROP TABLE checkpoint", "no views"),
    ],
)
def test_views_that_do_not_fit_are_stale(statement: str, reason: str, views: Path, journal: Path) -> None:
    change(views, statement)
    with pytest.raises(ViewsStale, match=reason):
        Projector.open(views, journal)


@pytest.mark.parametrize("cut", [0, 50, 4096, 100_000])
def test_a_file_cut_short_is_stale(cut: int, views: Path, journal: Path) -> None:
    projector = Projector.open(views, journal)
    apply(projector, decided()[MIDDLE : MIDDLE + 1], 1)
    projector.drop()
    change(views, "PRAGMA wal_checkpoint(TRUNCATE)")
    views.write_bytes(views.read_bytes()[:cut])
    with pytest.raises(ViewsStale):
        Projector.open(views, journal)


def test_a_page_that_was_overwritten_is_found_after_a_crash(views: Path, journal: Path) -> None:
    projector = Projector.open(views, journal)
    apply(projector, decided()[MIDDLE:], 100)
    projector.drop()
    change(views, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(views.read_bytes())
    for page in range(5, len(data) // 4096, 7):
        data[page * 4096 : page * 4096 + 512] = b"\xaa" * 512
    views.write_bytes(data)
    with pytest.raises(ViewsStale, match="damaged"):
        Projector.open(views, journal)


def test_a_file_that_cannot_be_written_is_no_stale_one(views: Path, journal: Path) -> None:
    with Projector.open(views, journal) as projector:
        blocking = dbapi2.connect(str(views), isolation_level=None)
        blocking.execute("BEGIN IMMEDIATE")
        projector._connection.execute("PRAGMA busy_timeout=10")
        with pytest.raises(ViewsFailed, match="locked"):
            apply(projector, decided()[MIDDLE:], 100)
        blocking.execute("ROLLBACK")
        blocking.close()
        assert projector.checkpoint == MIDDLE
        apply(projector, decided()[MIDDLE:], 100)
        assert projector.checkpoint == len(decided())


def test_another_thread_waits_for_a_number(views: Path, journal: Path) -> None:
    with Projector.open(views, journal) as projector:
        assert projector.wait_for(MIDDLE, 0)
        assert not projector.wait_for(MIDDLE + 1, 0.01)
        reached: list[bool] = []
        waiting = threading.Thread(target=lambda: reached.append(projector.wait_for(MIDDLE + 50, 10)))
        waiting.start()
        apply(projector, decided()[MIDDLE:], 25)
        waiting.join()
        assert reached == [True]


def test_memory_is_bounded_and_what_was_let_go_is_read_again(
    tmp_path: Path, views: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With next to nothing kept between batches the same rows are written."""
    original = store.Register.__init__

    def forgetful(self: store.Register, *arguments: object, **options: object) -> None:
        original(self, *arguments, **{**options, "keep": 2})  # type: ignore[arg-type]

    monkeypatch.setattr(store.Register, "__init__", forgetful)
    other = tmp_path / "other.db"
    with Projector.open(other, journal) as projector:
        for start in range(0, MIDDLE, 10):
            apply(projector, decided()[start : start + 10], 10)
            assert projector.kept_rows <= 2 * len(METADATA.tables)
    assert rows_of(other) == rows_of(views)
