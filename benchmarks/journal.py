"""What does durability cost? Commands through sequencer, deciders and SQLite, acknowledged durably, at batches of 1,
100 and 1,000, against bare inserts of rows of that size in transactions of that size (WAL, synchronous FULL)."""

import hashlib
import tempfile
import time
from pathlib import Path
from typing import Final

from pysqlite3 import dbapi2 as sqlite

from benchmarks.exchange import Given, open_exchange, submit, trading
from benchmarks.measure import RUNS, ratio, show
from benchmarks.workload import make_workload
from kirmash.sequencer.writer import Writer

BATCHES: Final = {1: 1_000, 100: 20_000, 1_000: 60_000}
"""Commands of one run, by batch."""
ROW_BYTES: Final = 190
"""About a record of the workload."""


def run(messages: int) -> None:
    """Print the rates and ratios."""
    del messages
    given = trading(make_workload(sum(BATCHES.values()) * RUNS, 2))
    with tempfile.TemporaryDirectory(dir=".") as parent:
        folder, writer = open_exchange(Path(parent) / "data")
        bare = sqlite.connect(str(Path(parent) / "bare.db"), isolation_level=None)
        bare.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE records(number INTEGER PRIMARY KEY, record BLOB NOT NULL, chain BLOB NOT NULL) STRICT"
        )
        taken = 0
        rates: dict[str, list[float]] = {}
        for _ in range(RUNS):
            for batch, count in BATCHES.items():
                exchange = _exchange(writer, given[taken : taken + count], f"r{taken}", batch)
                rates.setdefault(f"journal exchange-{batch}", []).append(exchange)
                rates.setdefault(f"journal bare-{batch}", []).append(_bare(bare, count, batch))
                taken += count
        writer.stop()
        folder.close()
    for name, values in rates.items():
        show(name, values, "commands/s" if "exchange" in name else "rows/s")
    for batch in BATCHES:
        ratio(f"journal exchange/bare-{batch}", rates[f"journal exchange-{batch}"], rates[f"journal bare-{batch}"])


def _exchange(writer: Writer, given: list[Given], prefix: str, batch: int) -> float:
    started = time.perf_counter()
    submit(writer, given, prefix, batch)
    return len(given) / (time.perf_counter() - started)


def _bare(connection: sqlite.Connection, count: int, batch: int) -> float:
    last = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()[0]
    record, chain = bytes(ROW_BYTES), hashlib.sha256().digest()
    started = time.perf_counter()
    for start in range(last + 1, last + 1 + count, batch):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(number, record, chain) for number in range(start, start + batch)]
        connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    return count / (time.perf_counter() - started)
