"""Promise 1: no acknowledged command is ever lost. Real processes, real kills, torn and full disks (DESIGN §7).

`make fuzz` asks for more: KIRMASH_KILL_ROUNDS, KIRMASH_WAL_CUTS (0: at every byte).
"""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from kirmash.journal.checkpoint import WAL_MAX_BYTES, Checkpointer
from kirmash.journal.connection import WAL_KEPT_BYTES
from kirmash.journal.folder import JOURNAL_FILE, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.messages import codec
from kirmash.messages.commands import ListCard
from kirmash.sequencer.recovery import recover
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE, commands, decide, machine, replayed
from tests.journal.stand_ins import stand_in

ROOT = Path(__file__).resolve().parents[2]
KILL_ROUNDS = int(os.environ.get("KIRMASH_KILL_ROUNDS", "5"))
WAL_CUTS = int(os.environ.get("KIRMASH_WAL_CUTS", "1500"))


def start_load(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.journal.load", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def new_folder(path: Path) -> Path:
    with Folder.create(path) as folder:
        Journal.create(folder.journal, EXCHANGE).close()
    return path


def kill_under_load(process: "subprocess.Popen[bytes]", chance: random.Random) -> tuple[set[str], dict[str, int]]:
    """Let it work for a while, kill it; gives the ids that it gave and the numbers of those acknowledged."""
    assert process.stdout is not None
    given: set[str] = set()
    acknowledged: dict[str, int] = {}
    enough = chance.randrange(1, 600)
    for line in process.stdout:
        words = line.decode().split()
        if words[0] == "give":
            given.add(words[1])
        if words[0] == "ack":
            acknowledged[words[1]] = int(words[2])
            if len(acknowledged) == enough:
                time.sleep(chance.random() * 0.006)
                process.kill()
    assert process.stderr is not None
    assert process.wait() == -9, process.stderr.read().decode()
    process.stderr.close()
    process.stdout.close()
    return given, acknowledged


def numbers_of(folder: Path) -> tuple[dict[str, int], Counter[str]]:
    """Every client id of the load with its number, and how often it is there."""
    numbers: dict[str, int] = {}
    times: Counter[str] = Counter()
    with Reader(folder / JOURNAL_FILE) as reader:
        for _, data, _ in reader.records():
            record = codec.decode_record(data)
            if record.origin == "load":
                numbers[record.client_id] = record.number
                times[record.client_id] += 1
    return numbers, times


@pytest.mark.slow
def test_what_was_acknowledged_outlives_kill_9_and_is_there_once(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "data")
    chance = random.Random(1)
    acknowledged: dict[str, int] = {}
    open_ids: set[str] = set()
    for round_ in range(KILL_ROUNDS):
        retry = ",".join(sorted(open_ids))
        with start_load(folder, "--round", str(round_), "--retry", retry) as process:
            given, told = kill_under_load(process, chance)
        for client_id, number in told.items():
            assert acknowledged.setdefault(client_id, number) == number, "a retry got another number"
        numbers, times = numbers_of(folder)
        lost = {client_id for client_id in acknowledged if numbers.get(client_id) != acknowledged[client_id]}
        assert not lost, f"round {round_}: acknowledged and not found: {sorted(lost)}"
        assert all(found == 1 for found in times.values()), f"round {round_}: more than once: {times.most_common(3)}"
        verify(folder, replayed)
        open_ids = (open_ids | given) - acknowledged.keys()
    assert len(acknowledged) > KILL_ROUNDS


@pytest.mark.slow
def test_the_kill_test_notices_a_writer_that_answers_before_it_commits(tmp_path: Path) -> None:
    """The planted defect. Were the commits not delayed, it would go unnoticed."""
    chance = random.Random(2)
    for round_ in range(12):
        folder = new_folder(tmp_path / f"data-{round_}")
        with start_load(folder, "--early", "--round", str(round_), "--delay-ms", "20") as process:
            _, acknowledged = kill_under_load(process, chance)
        numbers, _ = numbers_of(folder)
        if any(numbers.get(client_id) != number for client_id, number in acknowledged.items()):
            return
    pytest.fail("a writer that answers early went unnoticed")


def test_a_wal_cut_within_its_last_transaction_loses_that_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    journal = Journal.create(source / JOURNAL_FILE, EXCHANGE)
    into, given = machine(), commands()
    journal.append(decide(into, given, 4))
    journal.append(decide(into, given, 3))
    acknowledged = journal.head
    wal = Path(f"{source / JOURNAL_FILE}-wal")
    whole = wal.stat().st_size
    journal.append(decide(into, given, 2))
    last = journal.head
    database, log = (source / JOURNAL_FILE).read_bytes(), wal.read_bytes()
    journal.close()
    assert whole < len(log)
    cuts = range(whole, len(log) + 1)
    if WAL_CUTS and len(cuts) > WAL_CUTS:
        chance = random.Random(3)
        edges = [*cuts[:60], *cuts[-60:]]
        cuts = sorted({*edges, *chance.sample(cuts, WAL_CUTS - len(edges))})  # type: ignore[assignment]
    target = tmp_path / JOURNAL_FILE
    for cut in cuts:
        for end in ("-shm", "-wal"):
            Path(f"{target}{end}").unlink(missing_ok=True)
        target.write_bytes(database)
        Path(f"{target}-wal").write_bytes(log[:cut])
        with Reader(target) as reader:
            head = reader.head()
        assert head == (last if cut == len(log) else acknowledged), f"cut at {cut} of {len(log)}"
        if cut % 500 == 0:
            assert recover(target, stand_in).machine.chain == head.chain
    shutil.rmtree(source)


def test_a_full_disk_closes_the_doors_and_leaves_the_journal_readable(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "data")
    shown = subprocess.run(
        [sys.executable, "-m", "tests.journal.full_disk", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr.decode()
    told = json.loads(shown.stdout)
    assert told["closed"][0] == "Unavailable"
    assert "journal.db: " in told["closed"][1]
    assert told["closed"][2] is False
    assert told["unknown"], "no commit ever failed: the limit was not met"
    assert len(told["acknowledged"]) > 100
    assert told["read_while_closed"] == len(told["acknowledged"])
    assert told["retried"] == len(told["acknowledged"]) + 1
    assert told["repeated"] == told["acknowledged"]["c-0"]
    with Reader(folder / JOURNAL_FILE) as reader:
        numbers = {codec.decode_record(data).client_id: number for number, data, _ in reader.records()}
    assert numbers == {**told["acknowledged"], told["stuck"]: told["retried"]}
    verify(folder, replayed)


def test_a_second_process_ends_with_exit_code_3(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "data")
    with start_load(folder) as first:
        assert first.stdout is not None
        drain = threading.Thread(target=first.stdout.read)
        try:
            assert first.stdout.readline() == b"ready\n"
            drain.start()
            with start_load(folder, "--round", "1") as second:
                try:
                    _, errors = second.communicate(timeout=60)
                finally:
                    second.kill()
        finally:
            # Leaving the `with` waits for the process, and closing its pipe for whoever reads there.
            first.kill()
        drain.join()
    assert second.returncode == 3
    assert f"process {first.pid}" in errors.decode()


# Checkpoints -----------------------------------------------------------------------------------------------------

LARGE = ListCard(
    card="c",
    version=1,
    section="s",
    name_en="n",
    name_ru="n",
    hs_code="1",
    unit="C62",
    attributes=tuple((f"key-{at}", "v" * 190) for at in range(20)),
)


def write_much(journal: Journal, checkpointer: Checkpointer | None, batches: int) -> int:
    """Batches of a hundred records of 4 KB; gives the size of the WAL file at its greatest."""
    into, at, most = machine(), journal.number, 0
    assert at == 0
    for _ in range(batches):
        decided = []
        for _ in range(100):
            at += 1
            decided += into.submit(codec.OPERATOR, "test", f"c-{at}", LARGE, (at, 0))
        journal.append(decided)
        if checkpointer is not None:
            checkpointer.noted(sum(len(entry.data) for entry in decided))
        most = max(most, Path(f"{journal.file}-wal").stat().st_size)
    return most


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)


def test_the_wal_stays_below_its_bound_with_a_reader_open(tmp_path: Path) -> None:
    path = new_folder(tmp_path / "data")
    file = path / JOURNAL_FILE
    done = threading.Event()
    rows: list[int] = []

    def read_all_the_time() -> None:
        with Reader(file) as reader:
            while not done.is_set():
                rows.append(sum(1 for _ in reader.records()))

    thread = threading.Thread(target=read_all_the_time)
    thread.start()
    most = 0
    try:
        with Folder(path) as folder, Writer(folder, stand_in) as writer:
            for batch in range(250):
                answers = [writer.submit(codec.OPERATOR, "test", f"c-{batch}-{at}", LARGE) for at in range(100)]
                assert not wait(answers, 60).not_done
                most = max(most, Path(f"{file}-wal").stat().st_size)
    finally:
        done.set()
        thread.join()
    assert file.stat().st_size > 1.5 * WAL_MAX_BYTES, "too little was written to show anything"
    assert most < WAL_MAX_BYTES
    assert max(rows) > 1_000


def test_without_checkpoints_the_same_load_breaks_the_bound(journal: Journal) -> None:
    assert write_much(journal, None, 250) > WAL_MAX_BYTES
    journal.close()


def test_a_reader_that_keeps_a_transaction_is_noticed_and_the_wal_shrinks_when_it_goes(journal: Journal) -> None:
    checkpointer = Checkpointer(journal.file)
    with Reader(journal.file) as reader:
        reader._connection.execute("BEGIN")
        reader._connection.execute("SELECT count(*) FROM records").fetchone()
        most = write_much(journal, checkpointer, 220)
        assert until(lambda: checkpointer.blocked)
        reader._connection.execute("COMMIT")
    assert until(lambda: not checkpointer.blocked)
    assert most > WAL_MAX_BYTES, "the reader was not in the way"
    journal.try_write()
    assert Path(f"{journal.file}-wal").stat().st_size <= WAL_KEPT_BYTES < WAL_MAX_BYTES
    checkpointer.close()
    journal.close()


def test_a_checkpointer_that_is_closed_between_its_waits_ends(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the end looked for after a wake-up only, `close` would wait forever for a thread that missed it."""
    checkpointer = Checkpointer(journal.file)
    wake = threading.Event()
    clear = wake.clear

    def close_and_clear() -> None:
        checkpointer._closing.set()
        wake.set()
        clear()

    monkeypatch.setattr(wake, "clear", close_and_clear)
    checkpointer._wake = wake
    checkpointer._thread.join(5)
    assert not checkpointer._thread.is_alive()
    checkpointer.close()
    journal.close()


def until(holds: Callable[[], bool], seconds: int = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return False
