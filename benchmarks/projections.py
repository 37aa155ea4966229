"""How far behind may the views be? A journal of the market workload folded into views.db, in batches of 1,000, against
bare batched inserts of the rows that come of it into the same tables, with the same indexes and settings."""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2 as sqlite

from benchmarks.exchange import open_exchange, submit, trading
from benchmarks.measure import RUNS, ratio, show
from benchmarks.workload import make_workload
from kirmash.journal.reader import Reader
from kirmash.messages.codec import decode_record
from kirmash.projections.projector import BATCH_RECORDS, Entry, Projector
from kirmash.projections.tables import METADATA, statements

MESSAGES_MAX: Final = 50_000


def run(messages: int) -> None:
    """Print the rates and the ratio."""
    given = trading(make_workload(min(messages, MESSAGES_MAX), 2))
    with tempfile.TemporaryDirectory(dir=".") as parent:
        folder, writer = open_exchange(Path(parent) / "data")
        submit(writer, given, "r", 1_000)
        writer.stop()
        folder.close()
        with Reader(folder.journal) as reader:
            entries: list[Entry] = [(decode_record(data), chain) for _, data, chain in reader.records(0)]
        records, folds, bares = [], [], []
        for turn in range(RUNS):
            views = Path(parent) / f"views-{turn}.db"
            seconds = _fold(folder.journal, views, entries)
            rows = _rows(views)
            count = sum(map(len, rows.values()))
            records.append(len(entries) / seconds)
            folds.append(count / seconds)
            bares.append(count / _insert(Path(parent) / f"bare-{turn}.db", rows))
    show("projections records", records, "records/s")
    show("projections fold", folds, "rows/s")
    show("projections bare", bares, "rows/s")
    ratio("projections fold/bare", folds, bares)


def _fold(journal: Path, views: Path, entries: list[Entry]) -> float:
    with Projector.open(views, journal) as projector:
        started = time.perf_counter()
        for start in range(0, len(entries), BATCH_RECORDS):
            projector.apply(entries[start : start + BATCH_RECORDS])
        return time.perf_counter() - started


def _rows(views: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite.connect(str(views))
    rows = {}
    for table in METADATA.sorted_tables:
        if table.name != "checkpoint":
            by = "number" if "number" in table.columns else "1"
            rows[table.name] = connection.execute(f"SELECT * FROM {table.name} ORDER BY {by}").fetchall()
    connection.close()
    return rows


def _insert(file: Path, rows: dict[str, list[tuple[Any, ...]]]) -> float:
    """The rows of all tables side by side, about as many in a transaction as a batch of records gives."""
    Projector.create(file, "bench").close()
    connection = sqlite.connect(str(file), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-65536")
    batches = max(1, max(map(len, rows.values())) // (2 * BATCH_RECORDS))
    inserts = {name: statements(METADATA.tables[name]).insert for name in rows}
    started = time.perf_counter()
    for turn in range(batches):
        connection.execute("BEGIN IMMEDIATE")
        for name, lines in rows.items():
            part = lines[len(lines) * turn // batches : len(lines) * (turn + 1) // batches]
            if part:
                connection.executemany(inserts[name], part)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds
