"""What waits for the writer: a bounded queue of commands, rehearsals, the doors, and the wish to stop.

Everything here may be used from any thread and never blocks, but for `take`, in which the writer's thread waits.
Nothing is decided: a command is refused here only because too many wait or the doors are shut.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, NamedTuple, Protocol

from kirmash.messages.codec import Actor
from kirmash.messages.commands import FOLLOW_UPS, Command
from kirmash.messages.kinds import ActorKind
from kirmash.sequencer.answers import Answer, Busy, Refused, Unavailable
from kirmash.sequencer.faults import Key

BATCH_COMMANDS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
QUEUE_COMMANDS_MAX: Final = 20_000
QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024
REHEARSALS_MAX: Final = 20


class Doors(NamedTuple):
    """Whether commands are taken, and why not."""

    open: bool
    reason: str


class Reply(Protocol):
    """Who is told the outcome of a command, in the writer's thread: a Future, or something quicker."""

    def set_running_or_notify_cancel(self) -> bool:
        """Whether the command is still wanted."""
        ...

    def set_result(self, result: Answer, /) -> None:
        """The durable answer."""
        ...

    def set_exception(self, exception: BaseException | None, /) -> None:
        """A Refused."""
        ...


class Item(NamedTuple):
    """A command that waits."""

    key: Key
    actor: Actor
    origin: str
    client_id: str
    command: Command
    data: bytes
    answer: Reply


class Rehearsal(NamedTuple):
    """A command of which somebody wants to know what it would give."""

    actor: Actor
    origin: str
    command: Command
    events: Future[bytes]


class Intake:
    """The writer's waiting room."""

    def __init__(self, queue_max: int) -> None:
        self._queue_max = queue_max
        self._queue: deque[Item] = deque()
        self._queued_bytes = 0
        self._rehearsals: deque[Rehearsal] = deque()
        # Guards all of this; the writer's thread waits on it for commands.
        self._changed = threading.Condition()
        self._stopping = False
        self._doors = Doors(False, "starting")

    @property
    def doors(self) -> Doors:
        """Whether commands are taken."""
        return self._doors

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return len(self._queue)

    def put(self, item: Item) -> Refused | None:
        """Add a command, or say why not."""
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

    def put_rehearsal(self, wanted: Rehearsal) -> Refused | None:
        """Add a rehearsal, or say why not."""
        with self._changed:
            if self._stopping or not self._doors.open:
                return Unavailable("the exchange takes no commands")
            if len(self._rehearsals) >= REHEARSALS_MAX:
                return Busy("too many rehearsals are waiting; try again")
            self._rehearsals.append(wanted)
            self._changed.notify_all()
        return None

    def take(self, seconds_until_due: Callable[[], float | None]) -> list[Item] | None:
        """The commands of the next batch, none where something else is due; None when the writer is to end."""
        with self._changed:
            while not self._queue:
                if self._stopping:
                    return None
                seconds = seconds_until_due()
                if seconds == 0 or self._rehearsals:
                    return []
                self._changed.wait(seconds)
            taken: list[Item] = []
            size = 0
            while self._queue and len(taken) < BATCH_COMMANDS_MAX:
                if taken and size + len(self._queue[0].data) > BATCH_BYTES_MAX:
                    break
                taken.append(self._queue.popleft())
                size += len(taken[-1].data)
            self._queued_bytes -= size
        return taken

    def take_rehearsal(self) -> Rehearsal | None:
        """A rehearsal that is still wanted."""
        with self._changed:
            while self._rehearsals:
                wanted = self._rehearsals.popleft()
                if wanted.events.set_running_or_notify_cancel():
                    return wanted
        return None

    def open(self) -> None:
        """Take commands from now on."""
        with self._changed:
            self._doors = Doors(True, "open")

    def close(self, reason: str) -> None:
        """Take none from now on, and send away what waits."""
        with self._changed:
            self._doors = Doors(False, reason)
            waiting: list[Reply | Future[bytes]] = [item.answer for item in self._queue]
            waiting += [wanted.events for wanted in self._rehearsals]
            self._queue.clear()
            self._rehearsals.clear()
            self._queued_bytes = 0
        for reply in waiting:
            if reply.set_running_or_notify_cancel():
                reply.set_exception(Unavailable(f"the exchange takes no commands: {reason}"))

    def wake(self) -> None:
        """Have the writer look again."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Take nothing more; the writer ends when the queue is empty."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def wait_for_stop(self, seconds: float) -> bool:
        """Whether the end was asked for within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping, seconds)


def is_from_inside(actor: Actor, command: Command) -> bool:
    """Whether only the exchange itself may give this: follow-ups, and what reactors and the timetable give."""
    return type(command) in FOLLOW_UPS or actor.kind in (ActorKind.REACTOR, ActorKind.TIMETABLE)
