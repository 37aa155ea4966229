"""The writer: nothing told before it is durable, each client id numbered once, failures that leave no doubt behind."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kirmash.journal.errors import StorageFailed
from kirmash.journal.folder import JOURNAL_FILE, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal, Moment
from kirmash.journal.verify import verify
from kirmash.messages import codec, commands
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected, ParticipantRegistered
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time
from kirmash.sequencer import faults
from kirmash.sequencer.answers import (
    Answer,
    Busy,
    IdReused,
    NotFromOutside,
    OutcomeUnknown,
    RefusedFault,
    Unavailable,
)
from kirmash.sequencer.intake import BATCH_BYTES_MAX, BATCH_COMMANDS_MAX
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.writer import InternalFault, Writer
from tests.journal.made import EXCHANGE, TRADER, replayed
from tests.journal.stand_ins import (
    FAULT_SESSION,
    TRAP_SESSION,
    accredit,
    band,
    first_event,
    large_card,
    register,
    stand_in,
)
from tests.sequencer.gate import PATIENCE_SECONDS, Gate, started


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.create(tmp_path / "data") as made:
        Journal.create(made.journal, EXCHANGE).close()
        yield made


def submit(writer: Writer, client_id: str, command: Command, actor: Actor = codec.OPERATOR) -> Future[Answer]:
    return writer.submit(actor, "test", client_id, command)


def told(answer: Future[Answer]) -> Answer:
    return answer.result(PATIENCE_SECONDS)


def refusal(answer: Future[Answer]) -> BaseException | None:
    return answer.exception(PATIENCE_SECONDS)


def records(folder: Folder) -> list[codec.Record]:
    with Reader(folder.journal) as reader:
        return [codec.decode_record(data) for _, data, _ in reader.records()]


def test_a_command_is_numbered_answered_and_published(folder: Folder) -> None:
    published: list[Decided] = []
    with Writer(folder, stand_in, clock=lambda: (1_000, 5), publish=published.extend) as writer:
        first = told(submit(writer, "c-1", register("company")))
        second = told(submit(writer, "c-2", accredit("company")))
    assert (first.number, first.time) == (1, (1_000, 5))
    assert isinstance(first_event(first.events), ParticipantRegistered)
    assert second.number == 2
    kept = records(folder)
    assert [(record.number, record.client_id, record.origin) for record in kept] == [
        (1, "c-1", "test"),
        (2, "c-2", "test"),
        (3, kept[2].client_id, "reactor"),
    ]
    assert [entry.record for entry in published] == kept
    assert kept[2].cause == 2


def test_nothing_is_told_before_the_commit(folder: Folder) -> None:
    gate, published = Gate(), []  # type: tuple[Gate, list[Decided]]
    with Writer(folder, stand_in, commit_hook=gate, publish=published.extend) as writer, gate:
        gate.hold()
        answer = submit(writer, "c-1", register("company"))
        assert gate.waiting.wait(PATIENCE_SECONDS)
        assert not answer.done()
        assert not published
        assert records(folder) == []
        gate.open.set()
        assert told(answer).number == 1
    assert len(published) == 1


def test_commands_that_came_during_a_commit_share_the_next(folder: Folder) -> None:
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate) as writer, gate:
        gate.hold()
        first = submit(writer, "first", band())
        assert gate.waiting.wait(PATIENCE_SECONDS)
        before = gate.commits
        rest = [submit(writer, f"c-{at}", band(), TRADER) for at in range(BATCH_COMMANDS_MAX + 1)]
        gate.open.set()
        assert [told(answer).number for answer in [first, *rest]] == list(range(1, BATCH_COMMANDS_MAX + 3))
    # The first, a full batch, and the one that was too many.
    assert gate.commits - before == 3
    with Reader(folder.journal) as reader:
        assert [row.last - row.first + 1 for row in reader.batches()] == [1, BATCH_COMMANDS_MAX, 1]


def test_a_batch_is_bounded_in_bytes(folder: Folder) -> None:
    gate = Gate()
    large = large_card(4_000)
    assert BATCH_BYTES_MAX // 5 < len(codec.encode(large)) < BATCH_BYTES_MAX // 4
    with Writer(folder, stand_in, commit_hook=gate) as writer, gate:
        gate.hold()
        answers = [submit(writer, "first", band())]
        assert gate.waiting.wait(PATIENCE_SECONDS)
        answers += [submit(writer, f"c-{at}", large) for at in range(9)]
        gate.open.set()
        wait(answers, PATIENCE_SECONDS)
    with Reader(folder.journal) as reader:
        assert [row.last - row.first + 1 for row in reader.batches()] == [1, 4, 4, 1]


def test_a_repeated_command_gets_the_stored_answer_and_no_number(folder: Folder) -> None:
    with Writer(folder, stand_in) as writer:
        answer = told(submit(writer, "c-1", register("company")))
        rejected = told(submit(writer, "c-2", register("company")))
        assert isinstance(first_event(rejected.events), CommandRejected)
        assert told(submit(writer, "c-1", register("company"))) == answer
        assert told(submit(writer, "c-2", register("company"))) == rejected
        # The same id of another actor is another id.
        assert told(submit(writer, "c-1", band(), TRADER)).number == 3
        assert told(submit(writer, "c-1", band(), Actor(ActorKind.TRADER, "trader-2"))).number == 4
    with Writer(folder, stand_in) as writer:
        assert told(submit(writer, "c-1", register("company"))) == answer
        assert told(submit(writer, "c-3", band())).number == 5


def test_a_repetition_in_the_same_batch_waits_for_the_same_commit(folder: Folder) -> None:
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate) as writer, gate:
        gate.hold()
        answers = [submit(writer, "first", band())]
        assert gate.waiting.wait(PATIENCE_SECONDS)
        answers += [submit(writer, "c-1", register("company")) for _ in range(3)]
        other = submit(writer, "c-1", register("company", name="Other"))
        gate.open.set()
        assert [told(answer).number for answer in answers] == [1, 2, 2, 2]
        assert isinstance(refusal(other), IdReused)
    assert len(records(folder)) == 2


@pytest.mark.parametrize("same_batch", [True, False])
@pytest.mark.parametrize(
    ("other", "field"),
    [
        (band("other", "i", "1"), "session"),
        (band("s", "j", "2"), "instrument"),
        (band("s", "i", "1.0"), "lower"),
        (band("s", "i"), "lower"),
        (commands.CancelSession(session="s", reason="r"), "command"),
    ],
)
def test_an_id_reused_names_the_first_field_that_differs(
    folder: Folder, other: Command, field: str, same_batch: bool
) -> None:
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate) as writer, gate:
        if same_batch:
            gate.hold()
            submit(writer, "first", band())
            assert gate.waiting.wait(PATIENCE_SECONDS)
        first = submit(writer, "c-1", band("s", "i", "1"))
        if not same_batch:
            told(first)
        refused = submit(writer, "c-1", other)
        gate.open.set()
        error = refusal(refused)
        assert isinstance(error, IdReused)
        assert (error.code, error.field) == ("id_reused", field)
        told(first)
        last = told(submit(writer, "c-2", band()))
        assert last.number == told(first).number + 1


def test_the_field_of_an_id_reused_has_its_name_on_the_wire(folder: Folder) -> None:
    from kirmash.messages.kinds import Phase

    with Writer(folder, stand_in) as writer:
        change = commands.ChangePhase(session="s", from_=Phase.INTAKE, to=Phase.TRADING)
        told(submit(writer, "c-1", change))
        error = refusal(submit(writer, "c-1", commands.ChangePhase(session="s", from_=Phase.OPENING, to=Phase.TRADING)))
        assert isinstance(error, IdReused)
        assert error.field == "from"


@pytest.mark.parametrize("full_of", ["commands", "bytes"])
def test_a_full_queue_is_busy_and_uses_up_nothing(
    folder: Folder, full_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    if full_of == "bytes":
        monkeypatch.setattr("kirmash.sequencer.intake.QUEUE_BYTES_MAX", 3 * len(codec.encode(band())))
    with Writer(folder, stand_in, commit_hook=gate, queue_max=3 if full_of == "commands" else 1_000) as writer, gate:
        gate.hold()
        answers = [submit(writer, "first", band())]
        assert gate.waiting.wait(PATIENCE_SECONDS)
        answers += [submit(writer, f"c-{at}", band()) for at in range(3)]
        busy = submit(writer, "late", band())
        assert busy.done()
        assert isinstance(refusal(busy), Busy)
        gate.open.set()
        wait(answers, PATIENCE_SECONDS)
        assert told(submit(writer, "late", band())).number == 5
        # What was taken leaves room again, however often the queue was full.
        for round_ in range(3):
            gate.hold()
            again = [submit(writer, f"{round_}-{at}", band()) for at in range(3)]
            gate.open.set()
            assert len({told(answer).number for answer in again}) == 3


def test_a_future_given_up_in_time_is_not_decided(folder: Folder) -> None:
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate) as writer, gate:
        gate.hold()
        first = submit(writer, "first", band())
        assert gate.waiting.wait(PATIENCE_SECONDS)
        second, third = submit(writer, "second", band()), submit(writer, "third", band())
        assert second.cancel()
        assert not first.cancel()
        gate.open.set()
        assert [told(first).number, told(third).number] == [1, 2]
    assert [record.client_id for record in records(folder)] == ["first", "third"]


@pytest.mark.parametrize("actor", [TRADER, codec.OPERATOR, Actor(ActorKind.REACTOR, "admission")])
def test_what_only_reactors_give_is_refused_at_the_door(folder: Folder, actor: Actor) -> None:
    follow_up = commands.SetAuthority(trader="t", participant="p", active=True, resident=True, kinds=())
    with Writer(folder, stand_in) as writer:
        assert isinstance(refusal(submit(writer, "c-1", follow_up, actor)), NotFromOutside)
        assert isinstance(refusal(submit(writer, "c-2", band(), Actor(ActorKind.REACTOR, "admission"))), NotFromOutside)
    assert records(folder) == []


def test_time_never_goes_back_and_equal_times_are_legal(folder: Folder) -> None:
    times: Iterator[Time] = iter([(0, 0), (9, 0), (9, 0), (5, 999_999_999), (5, 0), (9, 1), (9, 1)])
    with Writer(folder, stand_in, clock=lambda: next(times, (9, 1))) as writer:
        found = [told(submit(writer, f"c-{at}", band())).time for at in range(3)]
    assert found == sorted(found)
    assert found[0] == (9, 0)


def test_numbers_and_answers_keep_the_order_of_many_threads(folder: Folder) -> None:
    published: list[int] = []
    order: list[int] = []

    def work(thread: int, writer: Writer) -> None:
        for at in range(50):
            answer = submit(writer, f"{thread}-{at}", band(), TRADER)
            answer.add_done_callback(lambda done: order.append(done.result().number))

    with Writer(folder, stand_in, publish=lambda batch: published.extend(e.record.number for e in batch)) as writer:
        threads = [threading.Thread(target=work, args=(at, writer)) for at in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert published == list(range(1, 301))
    assert sorted(order) == published
    assert len({record.client_id for record in records(folder)}) == 300


# Storage that fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_failed_commit_leaves_the_outcome_open_and_a_retry_settles_it(folder: Folder, moment: Moment) -> None:
    gate, published = Gate(), []  # type: tuple[Gate, list[Decided]]
    with Writer(folder, stand_in, commit_hook=gate, publish=published.extend, retry_seconds=0.01) as writer, gate:
        told(submit(writer, "c-1", register("one")))
        gate.broken = moment
        lost = submit(writer, "c-2", register("two"))
        error = refusal(lost)
        assert isinstance(error, OutcomeUnknown)
        assert str(error) == "unavailable: outcome unknown, retry with the same id"
        if moment == "before commit":
            # The trial write meets the same disk: closed, and it says why. Not before the refusal: c-2 is told first.
            late = refusal(submit(writer, "c-3", register("three")))
            assert isinstance(late, Unavailable)
            assert "No space left" in str(late)
            assert not writer.doors.open
            assert [record.client_id for record in records(folder)] == ["c-1"]
        gate.broken = None
        answer = until_open(writer, "c-2", register("two"))
        assert answer.number == 2
        assert told(submit(writer, "c-3", register("three"))).number == 3
    assert [record.client_id for record in records(folder)] == ["c-1", "c-2", "c-3"]
    # Failed after the commit, c-2 was durable all the same, and is published without anybody's retry.
    assert [(entry.record.number, entry.record.client_id) for entry in published] == [
        (1, "c-1"),
        (2, "c-2"),
        (3, "c-3"),
    ]
    verify(folder.path, replayed)


def until_open(writer: Writer, client_id: str, command: Command) -> Answer:
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 100):
        answer = submit(writer, client_id, command)
        if not isinstance(refusal(answer), Unavailable):
            return told(answer)
        pause.wait(0.01)
    raise AssertionError(f"still closed: {writer.doors.reason}")


def test_the_deciders_forget_what_was_not_committed(folder: Folder) -> None:
    """A machine that went on after a failed commit would know a company that the journal does not."""
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate, retry_seconds=0.01) as writer, gate:
        gate.broken = "before commit"
        refusal(submit(writer, "c-1", register("company")))
        gate.broken = None
        again = until_open(writer, "c-2", register("company"))
        assert isinstance(first_event(again.events), ParticipantRegistered)
    assert [record.client_id for record in records(folder)] == ["c-2"]


def test_what_waits_when_the_storage_fails_is_told_that_it_was_not_numbered(folder: Folder) -> None:
    gate = Gate()
    with Writer(folder, stand_in, commit_hook=gate, retry_seconds=0.01) as writer, gate:
        gate.hold()
        first = submit(writer, "first", band())
        assert gate.waiting.wait(PATIENCE_SECONDS)
        waiting = submit(writer, "waiting", band())
        gate.broken = "before commit"
        gate.open.set()
        assert isinstance(refusal(first), OutcomeUnknown)
        assert isinstance(refusal(waiting), Unavailable)
        gate.broken = None
        until_open(writer, "waiting", band())
    assert [record.client_id for record in records(folder)] == ["waiting"]


def test_a_stop_while_the_storage_fails_ends_with_its_error(folder: Folder) -> None:
    gate = Gate()
    with started(Writer(folder, stand_in, commit_hook=gate, retry_seconds=PATIENCE_SECONDS)) as writer:
        gate.broken = "before commit"
        refusal(submit(writer, "c-1", band()))
        with pytest.raises(StorageFailed, match="No space left") as ended:
            writer.stop()
    assert ended.value.exit_code == 4


# Our own faults --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [FAULT_SESSION, TRAP_SESSION])
def test_a_fault_commits_nothing_of_its_batch_and_ends_the_writer(folder: Folder, session: str) -> None:
    gate = Gate()
    with started(Writer(folder, stand_in, commit_hook=gate, clock=lambda: (77, 0))) as writer, gate:
        told(submit(writer, "c-0", register("company")))
        gate.hold()
        answers = [submit(writer, "c-1", band())]
        assert gate.waiting.wait(PATIENCE_SECONDS)
        answers += [submit(writer, "c-2", accredit("company")), submit(writer, "c-3", band(session), TRADER)]
        answers += [submit(writer, "c-4", band())]
        gate.open.set()
        assert told(answers[0]).number == 2
        assert [type(refusal(answer)) for answer in answers[1:]] == [OutcomeUnknown] * 3
        with pytest.raises(InternalFault, match=r"told to .*fault-5\.bin") as ended:
            writer.wait()
        assert ended.value.exit_code == 5
        assert isinstance(refusal(submit(writer, "c-5", band())), Unavailable)
    assert [record.client_id for record in records(folder)] == ["c-0", "c-1"]
    fault = faults.read(folder.path / "fault-5.bin")
    assert fault.key == (ActorKind.TRADER, TRADER.id, "c-3")
    assert codec.decode_command(fault.command) == band(session)
    # With the batch up to it, what it met can be built again; the accreditation's follow-up is 4, the fault came at 5.
    assert [codec.decode_record(data).number for data in fault.before] == [3]
    verify(folder.path, replayed)


def fault_once(folder: Folder, client_id: str) -> Any:
    with started(Writer(folder, stand_in)) as writer:
        error = refusal(submit(writer, client_id, band(FAULT_SESSION), TRADER))
        if isinstance(error, RefusedFault):
            writer.stop()
        else:
            with pytest.raises(InternalFault):
                writer.wait()
    return error


def test_a_client_id_that_faulted_twice_is_refused_until_it_is_lifted(folder: Folder) -> None:
    assert isinstance(fault_once(folder, "bad"), OutcomeUnknown)
    assert isinstance(fault_once(folder, "bad"), OutcomeUnknown)
    assert {file.name for file in folder.path.glob("fault-*")} == {"fault-1.bin", "fault-1-2.bin"}
    refused = fault_once(folder, "bad")
    assert isinstance(refused, RefusedFault)
    assert refused.code == "internal_fault"
    with Writer(folder, stand_in) as writer:
        assert told(submit(writer, "bad", band(), codec.OPERATOR)).number == 1
        assert told(submit(writer, "good", band(), TRADER)).number == 2
    assert faults.lift(folder.path, TRADER.id, "bad") == 2
    assert isinstance(fault_once(folder, "bad"), OutcomeUnknown)


def test_files_that_are_no_faults_refuse_nobody(folder: Folder) -> None:
    (folder.path / "fault-1.bin").write_bytes(b"something")
    assert faults.refused(folder.path) == frozenset()


# Start, stop, snapshots ------------------------------------------------------------------------------------------


def test_a_stop_answers_what_waits_and_gives_the_head(folder: Folder) -> None:
    gate = Gate()
    with started(Writer(folder, stand_in, commit_hook=gate)) as writer, gate:
        gate.hold()
        answers = [submit(writer, f"c-{at}", band()) for at in range(5)]
        assert gate.waiting.wait(PATIENCE_SECONDS)
        stopper = threading.Thread(target=writer.stop)
        stopper.start()
        late = submit(writer, "late", band())
        gate.open.set()
        assert [told(answer).number for answer in answers] == [1, 2, 3, 4, 5]
        stopper.join(PATIENCE_SECONDS)
        assert late.done()
        assert not Path(f"{folder.journal}-wal").exists()
        head = writer.stop()
        assert head is not None
        with Reader(folder.journal) as reader:
            assert head == reader.head()
        assert isinstance(refusal(submit(writer, "later", band())), Unavailable)


def test_snapshots_are_taken_between_batches_and_start_the_next_run(folder: Folder) -> None:
    numbers = count(1)
    with Writer(folder, stand_in, snapshot_every=10) as writer:
        for _ in range(45):
            at = next(numbers)
            told(submit(writer, f"c-{at}", register(f"company-{at}")))
    taken = sorted(int(file.stem) for file in folder.snapshots.iterdir())
    assert taken[-1] == 45
    assert len(taken) == 3
    with Writer(folder, stand_in) as writer:
        found = writer.recovered
        assert found is not None
        assert (found.replayed, found.machine.number) == (0, 45)
        assert "0000000000000045.snapshot" in found.said
        told(submit(writer, "more", register("more")))
    verify(folder.path, replayed)
    assert (folder.path / JOURNAL_FILE).exists()
