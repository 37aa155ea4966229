"""How long until the doors open again? A journal of 95 % market and 5 % office records, applied again from the first
record, against reading and decoding the same rows; and from a snapshot, against reading and decoding its bytes."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.exchange import open_exchange, submit, trading
from benchmarks.measure import RUNS, ratio, show
from benchmarks.workload import make_workload
from kirmash.journal import snapshot
from kirmash.journal.folder import JOURNAL_FILE, SNAPSHOTS
from kirmash.journal.reader import Reader
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.sequencer.recovery import recover


def run(messages: int) -> None:
    """Print the rates and ratios."""
    given = trading(make_workload(messages, 2))
    with tempfile.TemporaryDirectory(dir=".") as parent:
        data = Path(parent) / "data"
        folder, writer = open_exchange(data)
        submit(writer, given, "r", 1_000)
        writer.stop()
        folder.close()
        without = Path(parent) / "without"
        without.mkdir()
        shutil.copy(data / JOURNAL_FILE, without / JOURNAL_FILE)
        replays, reads, opens, decodes = [], [], [], []
        for _ in range(RUNS):
            reads.append(_read(without / JOURNAL_FILE))
            replays.append(_recover(without / JOURNAL_FILE))
            decodes.append(_decode_snapshot(data))
            opens.append(_open_snapshot(data))
    show("recovery replay", replays, "records/s")
    show("recovery read-and-decode", reads, "records/s")
    ratio("recovery replay/read-and-decode", replays, reads)
    show("recovery snapshot-ready", opens, "s")
    show("recovery snapshot-decode", decodes, "s")
    ratio("recovery snapshot-ready/snapshot-decode", opens, decodes)


def _read(journal: Path) -> float:
    started, count = time.perf_counter(), 0
    with Reader(journal) as reader:
        for _, data, _ in reader.records(0, reader.head().number):
            record = codec.decode_record(data)
            codec.decode_command(record.command)
            codec.decode_events(record.events)
            count += 1
    return count / (time.perf_counter() - started)


def _recover(journal: Path) -> float:
    started = time.perf_counter()
    recovered = recover(journal, market_loader(None))
    return recovered.machine.number / (time.perf_counter() - started)


def _newest(data: Path) -> Path:
    return max(snapshot.files(data / SNAPSHOTS))


def _decode_snapshot(data: Path) -> float:
    started = time.perf_counter()
    found = snapshot.read(_newest(data))
    decoded: Any = msgspec.msgpack.decode(found.market)
    assert decoded
    assert msgspec.msgpack.decode(found.office)
    return time.perf_counter() - started


def _open_snapshot(data: Path) -> float:
    started = time.perf_counter()
    recovered = recover(data / JOURNAL_FILE, market_loader(None))
    assert recovered.snapshot is not None, "the snapshot was not used"
    return time.perf_counter() - started
