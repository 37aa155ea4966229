"""The writer: takes commands from any thread, has them decided in one, makes them durable, and only then answers.

Invariants: nothing is answered or published before its batch is committed, and then in number order; a repeated client
id is never numbered again; the queue is bounded; after a commit that failed nothing is decided before both
deciders were made anew from what is durable. Which number, time and follow-ups a command gets is Machine's business.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Final, Self

import msgspec

from kirmash.journal.checkpoint import Checkpointer
from kirmash.journal.errors import JournalError, StorageFailed
from kirmash.journal.folder import Folder
from kirmash.journal.hashes import Head
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import CommitHook, Journal
from kirmash.market import MarketLoader
from kirmash.messages import codec
from kirmash.messages.codec import TIMETABLE, Actor
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind, Decider
from kirmash.messages.units import Time, time_of
from kirmash.sequencer import faults, rehearsal
from kirmash.sequencer.alive import Sign, last_seen
from kirmash.sequencer.answers import (
    Answer,
    IdReused,
    NotFromOutside,
    OutcomeUnknown,
    Refused,
    RefusedFault,
    Unavailable,
    answer_of,
    first_difference,
    too_large,
)
from kirmash.sequencer.faults import Fault, Key
from kirmash.sequencer.intake import (
    BATCH_COMMANDS_MAX,
    QUEUE_COMMANDS_MAX,
    Doors,
    Intake,
    Item,
    Rehearsal,
    Reply,
    is_from_inside,
)
from kirmash.sequencer.machine import Decided, Machine
from kirmash.sequencer.recovery import Recovered, recover
from kirmash.sequencer.snapshots import Snapshotter
from kirmash.sequencer.timetable import SLEEP_SECONDS_MAX, TIMETABLE_ORIGIN, Timetable, Timing, concerns

RETRY_SECONDS: Final = 1.0  # seconds

_UNKNOWN: Final = "unavailable: outcome unknown, retry with the same id"


class InternalFault(Exception):
    """The exchange itself failed at a command; the process has to end with exit code 5 (PS-9)."""

    exit_code = 5


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
        timetable: Timing | None = None,
    ) -> None:
        self._folder = folder
        self._load_market = load_market
        self._clock = clock
        self._publish = publish
        self._hook = commit_hook
        self._intake = Intake(queue_max)
        self._retry_seconds = retry_seconds
        self._timing = timetable
        # What is due next, made anew with the machine; the writer's thread alone looks at it. None: no timetable runs.
        self._timetable: Timetable | None = None
        # When a write failed last: until then the exchange was not down.
        self._failed_at: Time | None = None
        # When the thread last looked at its clock with nothing else to do.
        self._turned_at: Time = (0, 0)
        self._rehearsing = ThreadPoolExecutor(1, "rehearsal")
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
        return self._intake.doors

    @property
    def snapshots(self) -> Snapshotter:
        """When snapshots were taken and how long they held the writer."""
        return self._snapshots

    @property
    def wal_is_blocked(self) -> bool:
        """Whether a reader with an open transaction keeps the WAL from being emptied."""
        return self._checkpointer is not None and self._checkpointer.blocked

    @property
    def waiting(self) -> int:
        """How many commands wait to be decided."""
        return self._intake.waiting

    @property
    def head(self) -> Head:
        """Where the journal ends; for any thread, so it may be one batch old."""
        return self._journal.head

    @property
    def last_time(self) -> Time:
        """The time of the last record that was decided."""
        return self._machine.time

    @property
    def sign(self) -> Sign | None:
        """The sign of life that can be left now (PS-11.5); None while no commands are taken."""
        if not self.doors.open:
            return None
        return Sign(self._journal.exchange_id, self.head.number, max(self._turned_at, self._machine.time))

    def submit(self, actor: Actor, origin: str, client_id: str, command: Command) -> Future[Answer]:
        """Hand in a command. The future gives the durable answer, or raises a Refused; it never blocks.

        The doors before this one have checked who asks and the command's shape.
        """
        answer: Future[Answer] = Future()
        self.submit_to(answer, actor, origin, client_id, command)
        return answer

    def submit_to(self, answer: Reply, actor: Actor, origin: str, client_id: str, command: Command) -> None:
        """Hand in a command; `answer` is told the outcome, after everything that it rests on was published."""
        key = (actor.kind, actor.id, client_id)
        item = Item(key, actor, origin, client_id, command, codec.encode(command), answer)
        refusal: Refused | None
        if is_from_inside(actor, command):
            refusal = NotFromOutside("only the exchange itself gives this command")
        elif item.key in self._refused:
            refusal = RefusedFault(f"client id {client_id} made the exchange fail; ask the operator")
        else:
            refusal = too_large(type(command), len(item.data)) or self._intake.put(item)
        if refusal is not None:
            answer.set_exception(refusal)

    def rehearse(self, actor: Actor, origin: str, command: Command) -> Future[bytes]:
        """What a command would give if it were numbered next: its events in canonical bytes; nothing is numbered.

        The future raises a Refused where that cannot be told now.
        """
        events: Future[bytes] = Future()
        if is_from_inside(actor, command):
            events.set_exception(NotFromOutside("only the exchange itself gives this command"))
        elif (refusal := self._intake.put_rehearsal(Rehearsal(actor, origin, command, events))) is not None:
            events.set_exception(refusal)
        return events

    def start(self) -> Recovered:
        """Recover, number what was owed, and open the doors. Raises JournalError or a fault; then nothing runs."""
        self._open()
        self._ended = self._thread.submit(self._run)
        self._thread.shutdown(wait=False)
        assert self.recovered is not None
        return self.recovered

    def wake(self) -> None:
        """Have an idle writer read its clock again, for clocks that jump; without this it does so within a second."""
        self._intake.wake()

    def stop(self) -> Head | None:
        """Close the doors, answer what waits, take a snapshot, empty the WAL, end. Gives the head, None after a fault.

        Raises what ended the writer, an InternalFault above all.
        """
        self._intake.stop()
        return self.wait()

    def wait(self) -> Head | None:
        """Wait until the writer has ended; raises what ended it."""
        if self._ended is None:
            return None
        self._ended.result()
        return self._journal.head

    def ending(self) -> BaseException | None:
        """Wait until the writer has ended; what ended it, None where that was a stop."""
        return None if self._ended is None else self._ended.exception()

    # The writer's thread ---------------------------------------------------------------------------------------

    def _seconds_until_due(self) -> float | None:
        if self._timetable is None:
            return None
        now = self._turned_at = self._now()
        seconds = self._timetable.seconds_until_due(now)
        return SLEEP_SECONDS_MAX if seconds is None else seconds

    def _now(self) -> Time:
        """The time that a command numbered now gets (PS-8.7)."""
        return max(self._machine.time, self._clock())

    def _run(self) -> None:
        try:
            while (taken := self._intake.take(self._seconds_until_due)) is not None:
                # A future that its owner gave up is not decided; from here on giving up comes too late.
                self._batch([item for item in taken if item.answer.set_running_or_notify_cancel()])
                if (wanted := self._intake.take_rehearsal()) is not None:
                    self._rehearse(wanted)
            if self._intake.doors.open:
                self._snapshots.take(self._machine, self._journal.exchange_id)
        finally:
            self._intake.close("the exchange has stopped")
            self._snapshots.close()
            self._rehearsing.shutdown()
            self._close_journal()

    def _batch(self, items: list[Item]) -> None:
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
            self._failed_at = self._now()
            self._reopen(failure)
            return
        assert outcomes is not None
        # Published before it is answered, so that whoever has the answer finds what it speaks of.
        self._tell(decided)
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Refused):
                item.answer.set_exception(outcome)
            else:
                item.answer.set_result(outcome)
        self._snapshots.take_if_due(self._machine, self._journal.exchange_id)

    def _rehearse(self, wanted: Rehearsal) -> None:
        """Begin a rehearsal; its end is waited for elsewhere."""
        try:
            begun = rehearsal.begin(self._machine, wanted.actor, wanted.origin, wanted.command, self._now())
        except OSError as error:
            wanted.events.set_exception(Unavailable(f"no process can be made for it: {error.strerror}"))
        else:
            self._rehearsing.submit(rehearsal.finish, wanted.events, *begun)

    def _decide_durably(self, items: Sequence[Item], decided: list[Decided]) -> list[Answer | Refused]:
        """An outcome for each command, which may be told: what it rests on is committed."""
        outcomes = self._decide(items, decided)
        if decided:
            self._journal.append(decided)
            if self._checkpointer is not None:
                self._checkpointer.noted(sum(len(entry.data) for entry in decided))
        return outcomes

    def _decide(self, items: Sequence[Item], decided: list[Decided]) -> list[Answer | Refused]:
        """An outcome for each command, not to be told before `decided` is durable."""
        outcomes: list[Answer | Refused] = []
        fresh: dict[Key, tuple[Item, Answer]] = {}
        known = self._journal.find([item.key for item in items])
        if not items:
            self._number_due(self._now(), decided)
        for item in items:
            outcome = self._repeated(item, known.get(item.key), fresh)
            if outcome is None:
                outcome = self._number_in_turn(item, decided)
                if isinstance(outcome, Answer):
                    fresh[item.key] = (item, outcome)
            outcomes.append(outcome)
        if decided:
            with _FaultGuard(self, None, decided):
                decided += self._machine.settle(self._clock())
        return outcomes

    def _number_in_turn(self, item: Item, decided: list[Decided]) -> Answer | Refused:
        """Number a command from outside behind what was due before it (PS-11.2)."""
        now = self._clock()
        if self._timing is not None and self._timetable is not None:
            now = max(self._machine.time, now)
            if (too_soon := self._timing.too_soon(item.command, now)) is not None:
                return too_soon
            if self._timetable.next_due is not None and self._timetable.next_due <= now:
                self._number_due(now, decided)
        self._number(item, now, decided)
        return answer_of(decided[-1].record)

    def _number(self, item: Item, now: Time, decided: list[Decided]) -> None:
        with _FaultGuard(self, item, decided):
            decided += self._machine.submit(item.actor, item.origin, item.client_id, item.command, now)
            if self._timetable is not None and concerns(item.command):
                record = decided[-1].record
                self._timetable.fold(record.time, item.command, record.events)

    def _number_due(self, now: Time, decided: list[Decided]) -> None:
        """Number every command of the timetable that is due at this time."""
        with _FaultGuard(self, None, decided):
            while self._timetable is not None and (command := self._timetable.due(now)) is not None:
                self._number_own(command, now, decided)

    def _number_own(self, command: Command, now: Time, decided: list[Decided]) -> None:
        """Number a command of the timetable, inside of a guard. Its client id is its own number, so nobody else's."""
        assert self._timetable is not None
        decided += self._machine.settle(now, Decider.MARKET)
        client_id = str(self._machine.number + 1)
        key = (TIMETABLE.kind, TIMETABLE.id, client_id)
        nobody: Future[Answer] = Future()
        item = Item(key, TIMETABLE, TIMETABLE_ORIGIN, client_id, command, codec.encode(command), nobody)
        self._number(item, now, decided)
        self._timetable.was_given(command)

    def _number_owed(self, decided: list[Decided]) -> None:
        """Number what a start owes before the doors open: halts after a downtime (PS-11.5), follow-ups (PS-7.4)."""
        machine, clock = self._machine, self._clock()
        last = max(machine.time, self._last_seen(clock))
        with _FaultGuard(self, None, decided):
            if self._timing is not None:
                self._timetable = Timetable.from_state(machine.market.state())
                if self._timing.was_down(last, clock):
                    for command in self._timetable.after_downtime(clock):
                        self._number_own(command, clock, decided)
            decided += machine.settle(clock)

    def _last_seen(self, now: Time) -> Time:
        """Until when the exchange was at work, besides its records: a failed write, or what the last process left."""
        if self._failed_at is not None:
            return self._failed_at
        machine = self._machine
        return last_seen(self._folder.path, self._journal.exchange_id, machine.number, now) or machine.time

    def _repeated(
        self, item: Item, number: int | None, fresh: dict[Key, tuple[Item, Answer]]
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
            self._machine = self.recovered.machine
            journal.try_write()
            journal.grow_wal()
            owed: list[Decided] = []
            self._number_owed(owed)
            if owed:
                journal.append(owed)
        except (JournalError, InternalFault):
            journal.close()
            raise
        self._checkpointer = Checkpointer(self._folder.journal)
        self._snapshots.began_at(self.recovered.machine.number - self.recovered.replayed - len(owed))
        self._intake.open()
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
            self._intake.close(str(error))
            self._close_journal()
            try:
                self._open()
            except StorageFailed as again:
                error = again
                if self._intake.wait_for_stop(self._retry_seconds):
                    raise
            else:
                return

    def _close_journal(self) -> None:
        """Close every connection of ours, so that the next one reads what the disk really has."""
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None
        self._journal.close()

    def keep_fault(self, item: Item | None, before: Sequence[Decided], error: BaseException) -> str:
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

    def __init__(self, writer: Writer, item: Item | None = None, before: Sequence[Decided] | None = None) -> None:
        self._writer = writer
        self._item = item
        # None while the journal is replayed: what fails then is in the journal already.
        self._before = before

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A guard within this one has kept what it guarded, and said so.
        if error is None or isinstance(error, JournalError | InternalFault):
            return
        where = "while the journal was replayed"
        if self._before is not None:
            where = self._writer.keep_fault(self._item, self._before, error)
        raise InternalFault(f"{type(error).__name__}: {error}; {where}") from error
