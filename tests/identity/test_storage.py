"""identity.db as a file: modes, pragmas, versions, two processes, and errors that tell nothing they should not."""

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pysqlite3 import dbapi2
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import IntegrityError

from kirmash.identity import StoreFailed
from kirmash.identity.storage import Store
from kirmash.identity.tables import META, STEPS
from tests.identity.made import HandClock, House


def test_only_the_owner_reads_the_files(house: House) -> None:
    house.make("anna")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in house.path.parent.iterdir()}
    assert modes["identity.db"] == modes["identity.db-wal"] == modes["identity.db-shm"] == 0o600


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    path.touch()
    path.chmod(0o644)
    Store(path, HandClock()).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_database_is_as_safe_as_it_says(tmp_path: Path) -> None:
    store = Store(tmp_path / "identity.db", HandClock())
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "trusted_schema": 0}
    with store.write(quiet=True):
        assert store._raw.execute("PRAGMA synchronous").fetchone() == (1,)
    with store.read() as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas} == pragmas
    store.close()


def shape_of(path: str) -> dict[str, object]:
    engine = create_engine(f"sqlite:///{path}", module=dbapi2)
    seen = inspect(engine)
    shape: dict[str, object] = {}
    for table in sorted(seen.get_table_names()):
        columns = {column["name"]: (str(column["type"]), column["nullable"]) for column in seen.get_columns(table)}
        indexes = {index["name"]: (index["column_names"], bool(index["unique"])) for index in seen.get_indexes(table)}
        unique = sorted(tuple(found["column_names"]) for found in seen.get_unique_constraints(table))
        foreign = sorted(
            (tuple(key["constrained_columns"]), key["referred_table"]) for key in seen.get_foreign_keys(table)
        )
        primary = seen.get_pk_constraint(table)["constrained_columns"]
        shape[table] = (columns, primary, indexes, unique, foreign)
    engine.dispose()
    return shape


def test_the_steps_make_the_tables_that_the_queries_know(tmp_path: Path) -> None:
    Store(tmp_path / "stepped.db", HandClock()).close()
    engine = create_engine(f"sqlite:///{tmp_path}/described.db", module=dbapi2)
    META.create_all(engine)
    engine.dispose()
    assert shape_of(f"{tmp_path}/stepped.db") == shape_of(f"{tmp_path}/described.db")


def test_an_older_file_is_brought_up_step_by_step_and_keeps_its_rows(house: House) -> None:
    house.make("anna")
    house.identity.close()
    further = (*STEPS, ("ALTER TABLE logins ADD COLUMN note VARCHAR", "UPDATE logins SET note = name || '!'"))
    for _ in range(2):
        store = Store(house.path, house.clock, further)
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT name, note FROM logins").all() == [("anna", "anna!")]
        store.close()
    with pytest.raises(StoreFailed, match=f"version {len(STEPS) + 1}"):
        house.another()
    house.path = house.path.with_name("other.db")
    house.identity = house.another()


def test_a_step_that_fails_leaves_the_file_as_it_was(house: House) -> None:
    house.make("anna")
    house.identity.close()
    broken = (*STEPS, ("ALTER TABLE logins ADD COLUMN note VARCHAR", "UPDATE nothing SET x = 1"))
    with pytest.raises(StoreFailed):
        Store(house.path, house.clock, broken)
    house.identity = house.another()
    assert [row.name for row in house.identity.logins()] == ["anna"]
    with house.identity._store.read() as connection:
        names = connection.exec_driver_sql("SELECT name FROM pragma_table_info('logins')").scalars().all()
    assert "note" not in names


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 20, None])
def test_another_file_is_not_taken_for_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "identity.db"
    if content is None:
        other = dbapi2.connect(str(path))
        other.execute("CREATE TABLE records(number INTEGER)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreFailed):
        Store(path, HandClock())
    assert content is None or path.read_bytes() == before


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="No such file"):
        Store(tmp_path / "none" / "identity.db", HandClock())


ADD = """
import asyncio, sys
from pathlib import Path
import argon2.profiles
from kirmash.identity import Identity, NewLogin, Role
identity = Identity(Path(sys.argv[1]), password_parameters=argon2.profiles.CHEAPEST)
for number in range(25):
    asyncio.run(identity.add_login(NewLogin(name=f"{sys.argv[2]}-{number}", role=Role.AUDITOR)))
identity.close()
"""


def test_processes_that_open_a_new_file_at_once_share_it(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    started = [subprocess.Popen([sys.executable, "-c", ADD, str(path), f"p{n}"]) for n in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    house = House(tmp_path)
    assert len(house.identity.logins()) == 75
    house.identity.close()


def test_two_that_read_and_then_write_wait_for_each_other(tmp_path: Path) -> None:
    """A transaction that began as a reader could not become a writer once the other had written."""
    stores = [Store(tmp_path / "identity.db", HandClock()) for _ in range(2)]
    with stores[0].write() as connection:
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('count', '0')")
    failed: list[Exception] = []

    def count(store: Store) -> None:
        try:
            for _ in range(50):
                with store.write() as connection:
                    seen = connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'count'").scalar_one()
                    time.sleep(0.001)
                    statement = "UPDATE meta SET value = ? WHERE key = 'count'"
                    connection.exec_driver_sql(statement, (str(int(seen) + 1),))
        except StoreFailed as error:
            failed.append(error)

    threads = [threading.Thread(target=count, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with stores[0].read() as connection:
        assert connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'count'").scalar() == "100"
    for store in stores:
        store.close()


def test_errors_of_the_database_do_not_show_values(house: House) -> None:
    def insert_twice() -> None:
        with house.identity._store.write() as connection:
            for _ in range(2):
                statement = "INSERT INTO meta (key, value) VALUES (?, ?)"
                connection.exec_driver_sql(statement, ("a-secret-key", "a-secret-value"))

    with pytest.raises(IntegrityError) as refused:
        insert_twice()
    assert "a-secret" not in str(refused.value)


def test_a_locked_file_is_unavailable_not_a_crash(house: House) -> None:
    house.identity._store._raw.execute("PRAGMA busy_timeout=10")
    other = dbapi2.connect(str(house.path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="locked") as refused:
        house.make("anna")
    assert refused.value.code == "unavailable"
    other.execute("ROLLBACK")
    other.close()
    house.make("anna")


def test_the_umask_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "identity.db", HandClock())
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(before)
