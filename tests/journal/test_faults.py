"""Promise 1: no acknowledged command is ever lost. Real processes, real kills, torn and full disks, on both markets.

`make fuzz` asks for more: KIRMASH_KILL_ROUNDS (of the native market; the reference has a fifth), KIRMASH_WAL_CUTS (0:
at every byte).
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
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from kirmash.journal.checkpoint import WAL_MAX_BYTES, Checkpointer
from kirmash.journal.connection import WAL_KEPT_BYTES
from kirmash.journal.folder import JOURNAL_FILE, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import Verified, verify
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.commands import ListCard, OpenContracts, ReleaseDeal
from kirmash.messages.events import ContractOpened, DealMade, DealReleased
from kirmash.messages.kinds import ActorKind, Decider
from kirmash.office import Office
from kirmash.sequencer.answers import answer_of
from kirmash.sequencer.machine import Machine
from kirmash.sequencer.recovery import Replayed, recover, snapshot_of
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE, decide
from tests.journal.stand_ins import large_card
from tests.journal.trade import actor_of, day, digest

ROOT = Path(__file__).resolve().parents[2]
KILL_ROUNDS = int(os.environ.get("KIRMASH_KILL_ROUNDS", "5"))
WAL_CUTS = int(os.environ.get("KIRMASH_WAL_CUTS", "1500"))
ON_BOTH = pytest.mark.parametrize("market", ["reference", pytest.param("native", marks=pytest.mark.native)])

Acknowledged = dict[str, tuple[int, str]]
"""Client id: number and digest of the answer."""


def start_load(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.journal.load", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def verified(path: Path, market: str) -> Verified:
    return verify(path, lambda exchange_id: Replayed(exchange_id, market_loader(market)))


def new_folder(path: Path) -> Path:
    with Folder.create(path) as folder:
        Journal.create(folder.journal, EXCHANGE).close()
    return path


def kill_under_load(process: "subprocess.Popen[bytes]", chance: random.Random) -> tuple[set[str], Acknowledged]:
    """Let it work for a while, kill it; gives the ids that it gave and what was acknowledged of them."""
    assert process.stdout is not None
    given: set[str] = set()
    acknowledged: Acknowledged = {}
    enough = chance.randrange(1, 600)
    for line in process.stdout:
        words = line.decode().split()
        if words[0] == "give":
            given.add(words[1])
        if words[0] == "ack":
            acknowledged[words[1]] = (int(words[2]), words[3])
            if len(acknowledged) == enough:
                time.sleep(chance.random() * 0.006)
                process.kill()
    assert process.stderr is not None
    assert process.wait() == -9, process.stderr.read().decode()
    process.stderr.close()
    process.stdout.close()
    return given, acknowledged


class Found:
    """What a journal holds: how often each actor used each id, the load's answers, and what was decided."""

    def __init__(self, folder: Path) -> None:
        self.times: Counter[tuple[ActorKind, str, str]] = Counter()
        self.answers: dict[tuple[ActorKind, str, str], tuple[int, str]] = {}
        self.kinds: Counter[type] = Counter()
        with Reader(folder / JOURNAL_FILE) as reader:
            for _, data, _ in reader.records():
                record = codec.decode_record(data)
                key = (record.actor_kind, record.actor, record.client_id)
                self.times[key] += 1
                if record.origin == "load":
                    self.answers[key] = (record.number, digest(answer_of(record)))
                self.kinds[type(codec.decode_command(record.command))] += 1
                self.kinds.update(type(event) for event in codec.decode_events(record.events))

    def missing(self, acknowledged: Acknowledged) -> list[str]:
        """The ids that are not there under the number, or not with the answer, that was acknowledged."""
        actors = {client_id: actor_of(client_id) for client_id in acknowledged}
        keys = {client_id: (actor.kind, actor.id, client_id) for client_id, actor in actors.items()}
        return sorted(at for at, answer in acknowledged.items() if self.answers.get(keys[at]) != answer)


@pytest.mark.slow
@ON_BOTH
def test_what_was_acknowledged_outlives_kill_9_and_is_there_once(tmp_path: Path, market: str) -> None:
    folder = new_folder(tmp_path / "data")
    chance = random.Random(1)
    rounds = KILL_ROUNDS if market == "native" else max(3, KILL_ROUNDS // 5)
    acknowledged: Acknowledged = {}
    open_ids: set[str] = set()
    for round_ in range(rounds):
        retry = ",".join(sorted(at for at in open_ids if not at.startswith("open-")))
        with start_load(folder, "--market", market, "--round", str(round_), "--retry", retry) as process:
            given, told = kill_under_load(process, chance)
        for client_id, answer in told.items():
            assert acknowledged.setdefault(client_id, answer) == answer, "a retry got another answer"
        found = Found(folder)
        assert not (lost := found.missing(acknowledged)), f"round {round_}: acknowledged and not found: {lost}"
        twice = [key for key, times in found.times.items() if times != 1]
        assert not twice, f"round {round_}: more than once: {twice[:3]}"
        started = recover(folder / JOURNAL_FILE, market_loader(market))
        assert started.machine.state_hash() == verified(folder, market).state_hash
        open_ids = (open_ids | given) - acknowledged.keys()
    assert len(acknowledged) > rounds
    found = Found(folder)
    # The load was a market's: deals went to the office as contracts, and contracts that ended came back as releases.
    assert found.kinds[DealMade] == found.kinds[ContractOpened] > rounds
    assert found.kinds[OpenContracts] > rounds
    assert found.kinds[ReleaseDeal] == found.kinds[DealReleased] > 0
    if market == "native":
        assert verified(folder, "reference").head == verified(folder, "native").head


@pytest.mark.slow
def test_the_kill_test_notices_a_writer_that_answers_before_it_commits(tmp_path: Path) -> None:
    """The planted defect. Were the commits not delayed, it would go unnoticed."""
    chance = random.Random(2)
    for round_ in range(12):
        folder = new_folder(tmp_path / f"data-{round_}")
        with start_load(folder, "--early", "--round", str(round_), "--delay-ms", "20") as process:
            _, acknowledged = kill_under_load(process, chance)
        if Found(folder).missing(acknowledged):
            return
    pytest.fail("a writer that answers early went unnoticed")


@ON_BOTH
def test_a_wal_cut_within_its_last_transaction_loses_that_and_nothing_else(tmp_path: Path, market: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    load, given = market_loader(market), day("d")
    journal = Journal.create(source / JOURNAL_FILE, EXCHANGE)
    into = Machine(load(None), Office(), EXCHANGE)
    journal.append(decide(into, given, 40))
    journal.append(decide(into, given, 30))
    acknowledged, before = journal.head, snapshot_of(into, EXCHANGE)
    wal = Path(f"{source / JOURNAL_FILE}-wal")
    whole = wal.stat().st_size
    # As many as make a deal, with its contract in the same transaction.
    lost = decide(into, given, 1)
    while not any(type(event) is ContractOpened for one in lost for event in codec.decode_events(one.record.events)):
        lost += decide(into, given, 1)
    journal.append(lost)
    last, after = journal.head, snapshot_of(into, EXCHANGE)
    database, log = (source / JOURNAL_FILE).read_bytes(), wal.read_bytes()
    journal.close()
    assert whole < len(log)
    target = tmp_path / JOURNAL_FILE
    for at, cut in enumerate(some_of(range(whole, len(log) + 1))):
        for end in ("-shm", "-wal"):
            Path(f"{target}{end}").unlink(missing_ok=True)
        target.write_bytes(database)
        Path(f"{target}-wal").write_bytes(log[:cut])
        with Reader(target) as reader:
            head = reader.head()
        assert head == (last if cut == len(log) else acknowledged), f"cut at {cut} of {len(log)}"
        if at % 50 == 0 or cut == len(log):
            started = recover(target, load)
            assert snapshot_of(started.machine, EXCHANGE) == (after if cut == len(log) else before)
    shutil.rmtree(source)


def some_of(cuts: range) -> Sequence[int]:
    """All places of a cut, or so many as are asked for: both ends and what chance takes between."""
    if not WAL_CUTS or len(cuts) <= WAL_CUTS:
        return cuts
    edges = [*cuts[:60], *cuts[-60:]]
    return sorted({*edges, *random.Random(3).sample(cuts, WAL_CUTS - len(edges))})


@ON_BOTH
def test_a_full_disk_closes_the_doors_and_leaves_the_journal_readable(tmp_path: Path, market: str) -> None:
    folder = new_folder(tmp_path / "data")
    shown = subprocess.run(
        [sys.executable, "-m", "tests.journal.full_disk", str(folder), market],
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
    # Behind the last acknowledged command come its own follow-ups only, and behind these the one that was stuck.
    readable = told["read_while_closed"]
    assert readable >= max(told["acknowledged"].values())
    assert told["retried"] == readable + 1
    assert told["repeated"] == told["acknowledged"]["open-0"]
    with Reader(folder / JOURNAL_FILE) as reader:
        records = [codec.decode_record(data) for _, data, _ in reader.records()]
    outside = {record.client_id: record.number for record in records if record.cause is None}
    assert outside == {**told["acknowledged"], told["stuck"]: told["retried"]}
    assert all(record.cause is not None for record in records[max(told["acknowledged"].values()) : readable])
    assert len({(record.actor_kind, record.actor, record.client_id) for record in records}) == len(records)
    assert any(record.decider is Decider.OFFICE and record.cause is not None for record in records), "no deal was made"
    assert recover(folder / JOURNAL_FILE, market_loader(market)).machine.state_hash() == (
        verified(folder, market).state_hash
    )


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

LARGE = large_card(20, 190)


def large(card: str) -> ListCard:
    return replace(LARGE, card=card)


def write_much(journal: Journal, checkpointer: Checkpointer | None, batches: int) -> int:
    """Batches of a hundred records of 4 KB; gives the size of the WAL file at its greatest."""
    into, at, most = Machine(market_loader("reference")(None), Office(), EXCHANGE), journal.number, 0
    assert at == 0
    for _ in range(batches):
        decided = []
        for _ in range(100):
            at += 1
            decided += into.submit(codec.OPERATOR, "test", f"c-{at}", large(f"card-{at}"), (at, 0))
        journal.append(decided)
        if checkpointer is not None:
            checkpointer.noted(sum(len(entry.data) for entry in decided))
        most = max(most, Path(f"{journal.file}-wal").stat().st_size)
    return most


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)


@ON_BOTH
def test_the_wal_stays_below_its_bound_with_a_reader_open(tmp_path: Path, market: str) -> None:
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
        with Folder(path) as folder, Writer(folder, market_loader(market)) as writer:
            orders = day("w")
            for batch in range(250):
                given = [
                    *((codec.OPERATOR, f"c-{batch}-{at}", large(f"card-{batch}-{at}")) for at in range(100)),
                    *islice(orders, 20),
                ]
                answers = [writer.submit(actor, "test", client_id, command) for actor, client_id, command in given]
                assert not wait(answers, 60).not_done
                most = max(most, Path(f"{file}-wal").stat().st_size)
    finally:
        done.set()
        thread.join()
    assert file.stat().st_size > 1.5 * WAL_MAX_BYTES, "too little was written to show anything"
    assert most < WAL_MAX_BYTES
    assert max(rows) > 1_000
    assert Found(path).kinds[ContractOpened] > 250


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
