"""A core: one data folder, its writer, its views, and those who follow it.

Three threads meet here. The writer decides and commits; the projecting thread writes the views; everything else,
followers above all, belongs to one event loop. What the writer says passes through one queue and is handed on in the
loop in the order in which it was said: records first, then the answers that rest on them. Who fails to hand it on ends
the core: a follower with a gap would be worse than none (docs/internals/processes.md).
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from kirmash.config import VIEWS_FILE
from kirmash.core.projecting import Projecting
from kirmash.core.settings import CoreSettings, DiskUsage
from kirmash.core.views_process import ViewsProcess
from kirmash.journal import snapshot as snapshots
from kirmash.journal.errors import JournalError
from kirmash.journal.folder import Folder
from kirmash.journal.proof import prove
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.units import Time
from kirmash.protocol.link import DoorsAre, Projected, Recorded, State, Status
from kirmash.sequencer import alive
from kirmash.sequencer.alive import Sign
from kirmash.sequencer.answers import Answer, Refused, Unavailable
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.recovery import Recovered
from kirmash.sequencer.writer import InternalFault, Writer, system_clock

_log: Final = structlog.get_logger("core")

NO_TIME: Final[Time] = (0, 0)


class Follower(Protocol):
    """Who is told the news, in the loop's thread."""

    def told(self, records: Sequence[Decided], answers: Sequence["Said"]) -> None:
        """New records, and the outcomes of this follower's own requests; either may be empty."""
        ...

    def noted(self, news: Projected | DoorsAre) -> None:
        """How far the views are; whether the doors are open."""
        ...


class Said(NamedTuple):
    """The outcome of one request."""

    request: int
    outcome: Answer | Refused


class _Reply:
    """Stands where the writer expects a future: takes the outcome and passes it on, once."""

    __slots__ = ("_core", "_follower", "_request")

    def __init__(self, core: "Core", follower: Follower, request: int) -> None:
        self._core = core
        self._follower = follower
        self._request = request

    def set_running_or_notify_cancel(self) -> bool:
        return True

    def set_result(self, result: Answer) -> None:
        self._core.say((self._follower, Said(self._request, result)))

    def set_exception(self, exception: BaseException | None) -> None:
        assert isinstance(exception, Refused)
        self._core.say((self._follower, Said(self._request, exception)))


class Core:
    """The exchange of one data folder. `start` in the loop that followers live in; `stop` ends it in order."""

    def __init__(self, folder: Folder, settings: CoreSettings, market_name: str) -> None:
        self._folder = folder
        self._settings = settings
        self._market_name = market_name
        self._said: deque[tuple[Follower, Said] | Sequence[Decided]] = deque()
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop
        self._followers: set[Follower] = set()
        self._closed_for: str | None = None
        self._doors_told: DoorsAre | None = None
        self._disk: Final = Disk(
            folder.path, settings.disk_warn_percent, settings.disk_close_percent, settings.disk_usage
        )
        self._watching: asyncio.Task[None] | None = None
        # The last sign of life that was left; None if the last try failed.
        self._sign: Sign | None = None
        views = folder.path / VIEWS_FILE
        self._projecting: Projecting | ViewsProcess
        if settings.views_beside:
            self._projecting = ViewsProcess(folder.journal, views, self._projected, settings.log)
        else:
            self._projecting = Projecting(folder.journal, views, self._projected)
        self.ended: asyncio.Future[None]
        """Done when the writer has ended; it raises what ended it."""
        self.exchange_id = ""
        """Whose exchange it is; known from `start` on."""
        self.clock: Final = settings.clock or system_clock
        """What time it is, for everybody in this core."""
        self.writer: Final = Writer(
            folder,
            settings.load_market,
            clock=self.clock,
            publish=self._publish,
            commit_hook=settings.commit_hook,
            snapshot_every=settings.snapshot_every,
            timetable=settings.timetable,
        )
        # Where the journal ended when the doors opened: what the start owed is in it.
        self._began = 0
        self.published = 0
        """The last number that followers may know."""

    # In the loop's thread --------------------------------------------------------------------------------------

    async def start(self) -> Recovered:
        """Recover, bring the views up to date in the background, open the doors. Raises JournalError or a fault."""
        loop = self._loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        # Followers start from the journal as it is before the writer is at work: what he numbers himself at the start
        # is published like everything after it, and must not be told twice.
        self.exchange_id, self.published = await loop.run_in_executor(None, _look_into, self._folder.journal)
        recovered = await loop.run_in_executor(None, self.writer.start)
        self._began = self.writer.head.number
        _log.info("recovered", said=recovered.said, number=self.published)
        self._projecting.start(self.published)
        self._watching = loop.create_task(self._watch())
        threading.Thread(target=self._wait_for_writer, name="writer-end", daemon=True).start()
        return recovered

    async def stop(self) -> None:
        """Answer what waits, take a snapshot, empty the WAL, finish the views. Raises what ended the writer.

        Stopping twice is harmless; so is stopping what was not started.
        """
        if self._watching is not None:
            self._watching.cancel()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, self.writer.stop)
        finally:
            # What the writer said last is queued by now; nobody waits for the views with it.
            self._flush()
            await loop.run_in_executor(None, self._projecting.stop)

    def follow(self, follower: Follower) -> None:
        """Tell `follower` all news from now on."""
        self._followers.add(follower)
        follower.noted(self.doors)
        follower.noted(Projected(self._projecting.number))

    def unfollow(self, follower: Follower) -> None:
        """Tell it nothing more."""
        self._followers.discard(follower)

    def submit(
        self, follower: Follower, request: int, actor: Actor, origin: str, client_id: str, command: Command
    ) -> None:
        """Hand a command to the writer; the outcome is told to the follower."""
        if self._closed_for is not None:
            refusal = Unavailable(f"the exchange takes no commands: {self._closed_for}")
            self.say((follower, Said(request, refusal)))
            return
        self.writer.submit_to(_Reply(self, follower, request), actor, origin, client_id, command)

    async def rehearse(self, actor: Actor, origin: str, command: Command) -> bytes:
        """The events that the command would give now. Raises Refused."""
        return await asyncio.wrap_future(self.writer.rehearse(actor, origin, command))

    def state(self) -> State:
        """Where a new follower can start: a sound snapshot of this journal, or the beginning. Reads files.

        The newest that leaves the follower the last `resumable_records` to fold, so that he can tell them again to
        those who resume. Where all lie nearer: the beginning if it is not far, else the oldest.
        """
        published, settings = self.published, self._settings
        nearest: State | None = None
        with Reader(self._folder.journal) as reader:
            for file in snapshots.files(self._folder.snapshots):
                try:
                    found = snapshots.read(file)
                except JournalError:
                    # Dropped since the listing, or damaged, which the next start says; an older one serves.
                    continue
                if found.exchange_id != self.exchange_id or not 1 <= found.number <= published:
                    continue
                row = reader.record(found.number)
                if row is not None and row.chain == found.chain:
                    nearest = State(found.number, found.time, found.market, found.office)
                    if found.number <= published - settings.resumable_records:
                        return nearest
        far = published > settings.beginning_records
        return nearest if nearest is not None and far else State(0, NO_TIME, b"", b"")

    async def records(self, after: int) -> list[bytes]:
        """Some of the records above `after`, ascending, as they stand in the journal; none if there are none yet."""
        return await self._loop.run_in_executor(None, _read_records, self._folder.journal, after, self.published)

    async def record(self, request: int, number: int, *, proof: bool) -> Recorded:
        """A record with its follow-ups, from the journal; none above what followers may know."""
        file, published = self._folder.journal, self.published
        return await self._loop.run_in_executor(None, _read_record, file, request, number, published, proof)

    @property
    def doors(self) -> DoorsAre:
        """Whether commands are taken."""
        if self._closed_for is not None:
            return DoorsAre(False, self._closed_for)
        return DoorsAre(*self.writer.doors)

    def status(self, request: int) -> Status:
        """How the core is now."""
        doors, head = self.doors, self.writer.head
        recovered = self.writer.recovered
        return Status(
            request,
            self.published,
            self.writer.last_time,
            head.hash,
            self._projecting.number,
            doors.open,
            doors.reason,
            self.writer.waiting,
            self.writer.wal_is_blocked,
            self._disk.free,
            self._disk.total,
            self.writer.snapshots.failure,
            recovered.said if recovered is not None else "",
            self._market_name,
            self._projecting.failure,
            self._began,
        )

    async def _watch(self) -> None:
        """Doors and disk, looked at every second; a sign of life is left."""
        while True:
            with _Guard(self):
                self._look()
                await self._leave_sign()
            await asyncio.sleep(self._settings.watch_seconds)

    async def _leave_sign(self) -> None:
        """Tell the next start that the exchange was at work until now (PS-11.5)."""
        sign = self.writer.sign
        if sign is None or sign == self._sign:
            return
        try:
            await self._loop.run_in_executor(None, alive.leave, self._folder.path, sign)
        except OSError as error:
            if self._sign is not None:
                _log.error("no sign of life can be left; a restart may halt sessions", error=error.strerror)
            self._sign = None
        else:
            self._sign = sign

    def _look(self) -> None:
        found = self._disk.look()
        if (found is None) is not (self._closed_for is None):
            if found is not None:
                _log.error("closed for commands", reason=found)
            else:
                _log.info("open for commands again")
        self._closed_for = found
        doors = self.doors
        if doors != self._doors_told:
            self._doors_told = doors
            for follower in tuple(self._followers):
                follower.noted(doors)

    def _flush(self) -> None:
        """Hand on what was said since the last time."""
        # Before the queue is emptied: who adds to it from now on schedules the next time.
        self._scheduled = False
        records: list[Decided] = []
        answers: dict[Follower, list[Said]] = {}
        while self._said:
            said = self._said.popleft()
            if isinstance(said, tuple):
                answers.setdefault(said[0], []).append(said[1])
            else:
                records += said
        if records:
            self.published = records[-1].record.number
        with _Guard(self):
            for follower in tuple(self._followers):
                mine = answers.get(follower, ())
                if records or mine:
                    follower.told(records, mine)

    # In the writer's and the projecting thread -------------------------------------------------------------------

    def say(self, said: tuple[Follower, Said] | Sequence[Decided]) -> None:
        """Queue something for the loop; from any thread."""
        self._said.append(said)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._flush)

    def _publish(self, decided: Sequence[Decided]) -> None:
        self._projecting.take(decided)
        self.say(list(decided))

    def _projected(self, number: int) -> None:
        self._soon(self._tell_projected, number)

    def _tell_projected(self, number: int) -> None:
        with _Guard(self):
            for follower in tuple(self._followers):
                follower.noted(Projected(number))

    def _wait_for_writer(self) -> None:
        self._soon(self.end, self.writer.ending())

    def _soon(self, what: Callable[..., object], told: object) -> None:
        # A loop that was closed belongs to a process that ends: nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, told)

    def end(self, error: BaseException | None) -> None:
        """Say that this core is over, in the loop's thread; what came first counts."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


class _Guard:
    """Whatever fails while news is handed on ends the core with a fault; the error itself goes its way to the log."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, asyncio.CancelledError):
            return
        fault = InternalFault(f"news could not be handed on: {type(error).__name__}: {error}")
        fault.__cause__ = error
        self._core.end(fault)


FOLLOW_UPS_WITHIN: Final = 5_000
"""How many records behind a cause are searched for its follow-ups; they are numbered as soon as the writer rests."""


class Disk:
    """How full the disk is on which the journal lies."""

    def __init__(self, path: Path, warn_percent: int, close_percent: int, usage: DiskUsage) -> None:
        self._path = path
        self._warn = warn_percent
        self._close = close_percent
        self._usage = usage
        self._warned = False
        self.free = self.total = 0

    def look(self) -> str | None:
        """Why the exchange has to be closed for commands, if the disk is nearly full or cannot be looked at."""
        try:
            self.total, self.free = self._usage(self._path)
        except OSError as error:
            return f"the data folder cannot be looked at: {error.strerror}"
        warn = self.free * 100 < self.total * self._warn
        if warn and not self._warned:
            _log.warning("disk is filling up", free=self.free, total=self.total)
        self._warned = warn
        if self.free * 100 < self.total * self._close:
            return f"less than {self._close} % of the disk is free"
        return None


def _look_into(journal: Path) -> tuple[str, int]:
    with Reader(journal) as reader:
        return reader.exchange_id, reader.head().number


def _read_records(journal: Path, after: int, to: int) -> list[bytes]:
    with Reader(journal) as reader:
        for chunk in reader.record_chunks(after, to):
            return [data for _, data, _ in chunk]
    return []


def _read_record(journal: Path, request: int, number: int, published: int, proof: bool) -> Recorded:
    with Reader(journal) as reader:
        head = reader.head()
        row = reader.record(number) if 1 <= number <= published else None
        if row is None:
            return Recorded(request, (), "", head.hash, head.number)
        causes, found = {number}, [row.record]
        for following, data, _ in reader.records(number, min(published, number + FOLLOW_UPS_WITHIN)):
            if codec.decode_record(data).cause in causes:
                causes.add(following)
                found.append(data)
    shown = prove(journal, number) if proof else b""
    return Recorded(request, tuple(msgspec.Raw(data) for data in found), row.chain.hex(), head.hash, head.number, shown)
