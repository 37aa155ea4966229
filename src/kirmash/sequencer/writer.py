"""The writer: takes commands from any thread, has them decided in one, makes them durable, and only then answers.

Invariants: nothing is answered or published before its batch is committed, and then in number order; a repeated client
id is never numbered again; the queue is bounded; after a commit that failed nothing is decided before both
deciders were made anew from what is durable. Which number, time and follow-ups a command gets is Machine's business.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from kirmash.journal.checkpoint import Checkpointer
from kirmash.journal.errors import JournalError, StorageFailed
from kirmash.journal.folder import Folder
from kirmash.journal.hashes import Head
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import CommitHook, Journal
from kirmash.market import MarketLoader
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import FOLLOW_UPS, Command
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time, time_of
from kirmash.sequencer import faults
from kirmash.sequencer.answers import (
    Answer,
    Busy,
    IdReused,
    NotFromOutside,
    OutcomeUnknown,
    Refused,
    RefusedFault,
    Unavailable,
    answer_of,
    first_difference,
)
from kirmash.sequencer.faults import Fault, Key
from kirmash.sequencer.machine import Decided, Machine
from kirmash.sequencer.recovery import Recovered, recover
from kirmash.sequencer.snapshots import Snapshotter

BATCH_COMMANDS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
QUEUE_COMMANDS_MAX: Final = 20_000
QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024
RETRY_SECONDS: Final = 1.0  # seconds

_UNKNOWN: Final = "unavailable: outcome unknown, retry with the same id"


class InternalFault(Exception):
    """The exchange itself failed at a command; the process has to end with exit code 5 (PS-9)."""

    exit_code = 5


class Doors(NamedTuple):
    """Whether commands are taken, and why not."""

    open: bool
    reason: str


class _Item(NamedTuple):
    """A command that waits."""

    key: Key
    actor: Actor
    origin: str
    client_id: str
    command: Command
    data: bytes
    answer: Future[Answer]


def system_clock() -> Time:
    """The host's clock. The only reading of a clock on the way of a command."""
    return time_of(time.time_ns())


class Writer:
    """The sequencer of one data folder. `start` before the first command, `stop` at the end, or use it in a `with`."""

    def __init__(
        self,
        folder: Folder,
        load_market: MarketLoader,
        *,
        clock: Callable[[], Time] = system_clock,
        publish: Callable[[Sequence[Decided]], None] | None = None,
        commit_hook: CommitHook | None = None,
        snapshot_every: int = 100_000,
        queue_max: int = QUEUE_COMMANDS_MAX,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._folder = folder
        self._load_market = load_market
        self._clock = clock
        self._publish = publish
        self._hook = commit_hook
        self._queue_max = queue_max
        self._retry_seconds = retry_seconds
        self._queue: deque[_Item] = deque()
        self._queued_bytes = 0
        # Guards the queue, the doors and the wish to stop; the writer's thread waits on it for commands.
        self._changed = threading.Condition()
        self._stopping = False
        self._doors = Doors(False, "starting")
        self._refused = faults.refused(folder.path)
        self._snapshots = Snapshotter(folder.snapshots, snapshot_every)
        self._thread = ThreadPoolExecutor(1, "writer")
        self._ended: Future[None] | None = None
        self._journal: Journal
        self._machine: Machine
        self._checkpointer: Checkpointer | None = None
        # The last number that was published; None before the first start, when readers begin at the journal's head.
        self._published: int | None = None
        self.recovered: Recovered | None = None
        """How the last start or reopening went."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # For any thread --------------------------------------------------------------------------------------------

    @property
    def doors(self) -> Doors:
        """Whether commands are taken now."""
        return self._doors

    @property
    def snapshots(self) -> Snapshotter:
        """When snapshots were taken and how long they held the writer."""
        return self._snapshots

    @property
    def wal_is_blocked(self) -> bool:
        """Whether a reader with an open transaction keeps the WAL from being emptied."""
        return self._checkpointer is not None and self._checkpointer.blocked

    def submit(self, actor: Actor, origin: str, client_id: str, command: Command) -> Future[Answer]:
        """Hand in a command. The future gives the durable answer, or raises a Refused; it never blocks.

        The doors before this one have checked who asks and the command's shape.
        """
        answer: Future[Answer] = Future()
        key = (actor.kind, actor.id, client_id)
        item = _Item(key, actor, origin, client_id, command, codec.encode(command), answer)
        if type(command) in FOLLOW_UPS or actor.kind is ActorKind.REACTOR:
            answer.set_exception(NotFromOutside("only the exchange itself gives this command"))
            return answer
        if item.key in self._refused:
            answer.set_exception(RefusedFault(f"client id {client_id} made the exchange fail; ask the operator"))
            return answer
        refusal = self._enqueue(item)
        if refusal is not None:
            answer.set_exception(refusal)
        return answer

    def start(self) -> Recovered:
        """Recover, number what was owed, and open the doors. Raises JournalError or a fault; then nothing runs."""
        self._open()
        self._ended = self._thread.submit(self._run)
        self._thread.shutdown(wait=False)
        assert self.recovered is not None
        return self.recovered

    def stop(self) -> Head | None:
        """Close the doors, answer what waits, take a snapshot, empty the WAL, end. Gives the head, None after a fault.

        Raises what ended the writer, an InternalFault above all.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        return self.wait()

    def wait(self) -> Head | None:
        """Wait until the writer has ended; raises what ended it."""
        if self._ended is None:
            return None
        self._ended.result()
        return self._journal.head

    # The writer's thread ---------------------------------------------------------------------------------------

    def _enqueue(self, item: _Item) -> Refused | None:
        with self._changed:
            if self._stopping:
                return Unavailable("the exchange is stopping")
            if not self._doors.open:
                return Unavailable(f"the exchange takes no commands: {self._doors.reason}")
            if len(self._queue) >= self._queue_max or self._queued_bytes + len(item.data) > QUEUE_BYTES_MAX:
                return Busy("too many commands are waiting; try again")
            if not self._queue:
                self._changed.notify_all()
            self._queue.append(item)
            self._queued_bytes += len(item.data)
        return None

    def _take(self) -> list[_Item]:
        """The commands of the next batch; empty when the writer is to end."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            taken: list[_Item] = []
            size = 0
            while self._queue and len(taken) < BATCH_COMMANDS_MAX:
                if taken and size + len(self._queue[0].data) > BATCH_BYTES_MAX:
                    break
                taken.append(self._queue.popleft())
                size += len(taken[-1].data)
            self._queued_bytes -= size
        return taken

    def _run(self) -> None:
        try:
            while taken := self._take():
                # A future that its owner gave up is not decided; from here on giving up comes too late.
                self._batch([item for item in taken if item.answer.set_running_or_notify_cancel()])
            if self._doors.open:
                self._snapshots.take(self._machine, self._journal.exchange_id)
        finally:
            self._close_doors("the exchange has stopped")
            self._snapshots.close()
            self._close_journal()

    def _batch(self, items: list[_Item]) -> None:
        decided: list[Decided] = []
        outcomes: list[Answer | Refused] | None = None
        failure: StorageFailed | None = None
        try:
            outcomes = self._decide_durably(items, decided)
        except StorageFailed as error:
            failure = error
        finally:
            if outcomes is None:
                for item in items:
                    item.answer.set_exception(OutcomeUnknown(_UNKNOWN))
        if failure is not None:
            self._reopen(failure)
            return
        assert outcomes is not None
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Refused):
                item.answer.set_exception(outcome)
            else:
                item.answer.set_result(outcome)
        self._tell(decided)
        self._snapshots.take_if_due(self._machine, self._journal.exchange_id)

    def _decide_durably(self, items: Sequence[_Item], decided: list[Decided]) -> list[Answer | Refused]:
        """An outcome for each command, which may be told: what it rests on is committed."""
        outcomes = self._decide(items, decided)
        if decided:
            self._journal.append(decided)
            if self._checkpointer is not None:
                self._checkpointer.noted(sum(len(entry.data) for entry in decided))
        return outcomes

    def _decide(self, items: Sequence[_Item], decided: list[Decided]) -> list[Answer | Refused]:
        """An outcome for each command, not to be told before `decided` is durable."""
        outcomes: list[Answer | Refused] = []
        fresh: dict[Key, tuple[_Item, Answer]] = {}
        known = self._journal.find([item.key for item in items])
        for item in items:
            outcome = self._repeated(item, known.get(item.key), fresh)
            if outcome is None:
                with _FaultGuard(self, item, decided):
                    decided += self._machine.submit(
                        item.actor, item.origin, item.client_id, item.command, self._clock()
                    )
                outcome = answer_of(decided[-1].record)
                fresh[item.key] = (item, outcome)
            outcomes.append(outcome)
        if fresh:
            with _FaultGuard(self, None, decided):
                decided += self._machine.settle(self._clock())
        return outcomes

    def _repeated(
        self, item: _Item, number: int | None, fresh: dict[Key, tuple[_Item, Answer]]
    ) -> Answer | Refused | None:
        """The outcome of a command whose id was used before, in this batch or under a number; else None."""
        if number is None:
            same = fresh.get(item.key)
            if same is None:
                return None
            before, answer = same
            differs = first_difference(item.command, before.command) if item.data != before.data else None
        else:
            record = codec.decode_record(self._journal.record(number))
            answer = answer_of(record)
            differs = None
            if item.data != bytes(record.command):
                differs = first_difference(item.command, codec.decode_command(record.command))
        return answer if differs is None else IdReused(item.client_id, differs)

    def _open(self) -> None:
        """Machine and journal at the durable head; what was owed is numbered; then the doors open."""
        journal = self._journal = Journal.open(self._folder.journal, self._hook)
        try:
            with _FaultGuard(self):
                self.recovered = recover(self._folder.journal, self._load_market)
            if self._published is None:
                self._published = self.recovered.machine.number
            machine = self._machine = self.recovered.machine
            journal.try_write()
            journal.grow_wal()
            with _FaultGuard(self, None, []):
                owed = machine.settle(self._clock())
            if owed:
                journal.append(owed)
        except (JournalError, InternalFault):
            journal.close()
            raise
        self._checkpointer = Checkpointer(self._folder.journal)
        self._snapshots.began_at(self.recovered.machine.number - self.recovered.replayed - len(owed))
        with self._changed:
            self._doors = Doors(True, "open")
        self._tell_from_journal()

    def _tell(self, decided: Sequence[Decided]) -> None:
        """Publish a committed batch."""
        if decided:
            self._published = decided[-1].record.number
            if self._publish is not None:
                self._publish(decided)

    def _tell_from_journal(self) -> None:
        """Publish what is durable and was not published: a commit that failed may have succeeded, follow-ups owed."""
        with Reader(self._folder.journal) as reader:
            rows = reader.records(self._published)
            while chunk := list(islice(rows, BATCH_COMMANDS_MAX)):
                self._tell([Decided(codec.decode_record(data), data, chain) for _, data, chain in chunk])

    def _reopen(self, error: JournalError) -> None:
        """After a failed write: stay closed until the disk takes writes again, then go on from what is durable."""
        while True:
            self._close_doors(str(error))
            self._close_journal()
            try:
                self._open()
            except StorageFailed as again:
                error = again
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, self._retry_seconds):
                        raise
            else:
                return

    def _close_journal(self) -> None:
        """Close every connection of ours, so that the next one reads what the disk really has."""
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None
        self._journal.close()

    def _close_doors(self, reason: str) -> None:
        with self._changed:
            self._doors = Doors(False, reason)
            waiting = list(self._queue)
            self._queue.clear()
            self._queued_bytes = 0
        for item in waiting:
            if item.answer.set_running_or_notify_cancel():
                item.answer.set_exception(Unavailable(f"the exchange takes no commands: {reason}"))

    def keep_fault(self, item: _Item | None, before: Sequence[Decided], error: BaseException) -> str:
        """Write down the command at which the exchange failed, or that it was a follow-up; gives the file's name."""
        actor = item.actor if item is not None else Actor(ActorKind.REACTOR, "")
        fault = Fault(
            faults.FAULT_FORMAT,
            self._machine.number + 1,
            self._clock(),
            actor.kind,
            actor.id,
            item.origin if item is not None else "",
            item.client_id if item is not None else "",
            msgspec.Raw(item.data) if item is not None else faults.NO_COMMAND,
            f"{type(error).__name__}: {error}",
            tuple(msgspec.Raw(decided.data) for decided in before),
        )
        file = faults.write(self._folder.path, fault)
        return f"it is kept in {file}" if file is not None else "it could not be kept: the disk takes no file"


class _FaultGuard:
    """Turns whatever escapes from the deciders into InternalFault.

    A decider that raises has broken its promise, whatever it raises: a failed assertion, a trap of the native market
    (no Exception at all), unequal twins. So the guard asks for no type, and it swallows nothing. Storage is not theirs.
    """

    def __init__(self, writer: Writer, item: _Item | None = None, before: Sequence[Decided] | None = None) -> None:
        self._writer = writer
        self._item = item
        # None while the journal is replayed: what fails then is in the journal already.
        self._before = before

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, JournalError):
            return
        where = "while the journal was replayed"
        if self._before is not None:
            where = self._writer.keep_fault(self._item, self._before, error)
        raise InternalFault(f"{type(error).__name__}: {error}; {where}") from error
