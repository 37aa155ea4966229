"""What the sessions' plans make due, and when: the commands that the exchange gives itself by the time of day (PS-11).

Pure: no clock, file or thread. The writer asks what is due at a time that it names, numbers it, and hands back every
command that moves a session or says until when an order stands. Made from the market's state at a start, or kept up
from then on, it says the same, but for this: an order that was filled or cancelled keeps its end here until that time
comes, because to follow every deal would cost more than one `expire_orders` that finds nothing.
No rule of the market belongs here: whether a command is legal the market decides.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.market.reference.encoding import SessionRow, decode_state
from kirmash.market.reference.phases import FINAL, HALTED_FROM
from kirmash.messages import codec, events
from kirmash.messages.commands import (
    AmendOrder,
    CancelSession,
    ChangePhase,
    Command,
    CreateSession,
    ExpireOrders,
    HaltSession,
    PlaceOrder,
    ResumeSession,
)
from kirmash.messages.kinds import OrderState, Phase, TimeInForce
from kirmash.messages.units import NANOSECONDS, Time, nanoseconds, time_of
from kirmash.sequencer.answers import NoticeTooShort

TIMETABLE_ORIGIN: Final = "timetable"
RECOVERY: Final = "recovery"
"""The reason of the halts after a downtime (PS-11.5)."""

SLEEP_SECONDS_MAX: Final = 1.0  # seconds
"""An idle writer reads its clock so often: the clock may be set meanwhile, and its sign of life tells of this."""
SLEEP_SECONDS_MIN: Final = 0.001  # seconds

_SESSION_COMMANDS: Final = frozenset(
    {CreateSession, ChangePhase, HaltSession, CancelSession, ResumeSession, ExpireOrders}
)
_WITH_UNTIL: Final = frozenset({PlaceOrder, AmendOrder})
_OPEN: Final = frozenset({OrderState.OPEN, OrderState.PARKED})
_OVER: Final = FINAL | {Phase.CLOSING}
"""Phases in which no order is open any more (PS-1.6)."""


class Timing(Struct, frozen=True):
    """How the timetable runs, in whole seconds: the downtime after which sessions are found halted (PS-11.5), and how
    long before its time a return has to be announced (PS-11.3)."""

    downtime_seconds: int = 30
    notice_seconds: int = 300

    def was_down(self, last: Time, now: Time) -> bool:
        """Whether an exchange that was last seen then was away long enough for a downtime."""
        return nanoseconds(now) - nanoseconds(last) > self.downtime_seconds * NANOSECONDS

    def too_soon(self, command: Command, now: Time) -> NoticeTooShort | None:
        """Why this return of a session may not be announced now; None for every other command."""
        if not isinstance(command, ResumeSession):
            return None
        earliest = (now[0] + self.notice_seconds, now[1])
        return NoticeTooShort(earliest, self.notice_seconds) if command.resume_at < earliest else None


def concerns(command: Command) -> bool:
    """Whether an accepted command of this kind changes what will be due. Asked for every command, so it is cheap."""
    kind = type(command)
    if kind in _WITH_UNTIL:
        return command.until is not None  # type: ignore[union-attr]
    return kind in _SESSION_COMMANDS


class _Plan:
    """One session that is not over: where it stands, what is planned, and the ends of its `until` orders."""

    __slots__ = ("ends", "halted_at", "left", "phase", "planned", "pushed", "queue", "resume_at", "stuck")

    def __init__(self, phase: Phase, planned: list[tuple[Phase, Time]]) -> None:
        self.phase = phase
        self.planned = planned
        self.left = phase
        """While HALTED: the phase left."""
        self.halted_at: Time = (0, 0)
        """While HALTED: the time of the first halt."""
        self.resume_at: Time | None = None
        self.stuck = False
        """The market refused what the plan says: nothing more by itself until somebody moves the session."""
        self.ends: dict[int, Time] = {}
        """Order → until."""
        self.queue: list[tuple[Time, int]] = []
        """A heap of (until, order); an entry that `ends` does not confirm was amended since, and is passed over."""
        self.pushed: Time | None = None
        """The earliest time under which the timetable's own heap holds this session."""

    def change(self) -> tuple[Time, Phase] | None:
        """The next planned or announced change of phase: when, and to which."""
        if self.stuck:
            return None
        if self.phase is Phase.HALTED:
            return None if self.resume_at is None else (self.resume_at, self.left)
        place = [phase for phase, _ in self.planned].index(self.phase) + 1
        if place == len(self.planned):
            return None
        phase, at = self.planned[place]
        return at, phase

    def next_end(self) -> Time | None:
        """The first end of an order."""
        while self.queue:
            until, order = self.queue[0]
            if self.ends.get(order) == until:
                return until
            heappop(self.queue)
        return None

    def next_due(self) -> Time | None:
        """When something of this session is due next."""
        change, end = self.change(), self.next_end()
        if change is None or end is None:
            return end if change is None else change[0]
        return min(change[0], end)

    def set_end(self, order: int, until: Time) -> None:
        """An order stands until then, whatever held before."""
        self.ends[order] = until
        heappush(self.queue, (until, order))

    def pop_ends(self, until: Time) -> list[tuple[Time, int]]:
        """Forget all ends up to this time; gives them, ascending, with their orders."""
        ends: list[tuple[Time, int]] = []
        while (end := self.next_end()) is not None and end <= until:
            _, order = heappop(self.queue)
            del self.ends[order]
            ends.append((end, order))
        return ends

    def halt(self, at: Time) -> None:
        """Stop; or, while halted, withdraw the announced return (PS-11.3)."""
        self.stuck = False
        if self.phase is Phase.HALTED:
            self.resume_at = None
        else:
            self.left, self.halted_at, self.phase = self.phase, at, Phase.HALTED

    def move(self, to: Phase, at: Time) -> None:
        """Enter a phase; at the return from a halt the phases after the one left move by its length (PS-11.3)."""
        self.stuck = False
        if self.phase is Phase.HALTED:
            lost = nanoseconds(at) - nanoseconds(self.halted_at)
            place = [phase for phase, _ in self.planned].index(self.left) + 1
            later = [(phase, time_of(nanoseconds(planned) + lost)) for phase, planned in self.planned[place:]]
            self.planned = self.planned[:place] + later
            self.resume_at = None
        self.phase = to


class Timetable:
    """What is due of all sessions that are not over, in the order of PS-11.2."""

    def __init__(self) -> None:
        self._plans: dict[str, _Plan] = {}
        self._session_of: dict[int, str] = {}
        # Of each session an entry not later than its next due time; later and surplus ones are met and passed over.
        self._heap: list[tuple[Time, str]] = []
        self.next_due: Time | None = None
        """When the next command is due; it may have been due for long."""

    @classmethod
    def from_state(cls, state: bytes) -> "Timetable":
        """The timetable of a market's state (EN-4)."""
        rows = decode_state(state)
        made = cls()
        for session in rows.sessions:
            if session.phase not in FINAL:
                made._plans[session.session] = _plan_of(session)
        for order in rows.orders:
            if order.time_in_force is TimeInForce.UNTIL and order.until is not None and order.state in _OPEN:
                made._session_of[order.order] = order.session
                plan = made._plans[order.session]
                plan.ends[order.order] = order.until
                plan.queue.append((order.until, order.order))
        for name, plan in made._plans.items():
            heapify(plan.queue)
            made._push(name, plan)
        made._find_next()
        return made

    def seconds_until_due(self, now: Time) -> float | None:
        """How many seconds an idle writer may sleep: 0 if something is due, None if nothing is planned at all."""
        if self.next_due is None or self.next_due <= now:
            return None if self.next_due is None else 0
        ahead = nanoseconds(self.next_due) - nanoseconds(now)
        seconds = ahead / NANOSECONDS
        return min(SLEEP_SECONDS_MAX, max(SLEEP_SECONDS_MIN, seconds))

    def due(self, now: Time) -> Command | None:
        """The first command that is due at this time or was due before; None if there is none.

        By due time, then session id (PS-11.2), then expiry before the change of phase (PS-13.22). Ends of orders that
        have come, with no change of their session due between them, make one command, in the place of the first.
        """
        if self.next_due is None or self.next_due > now:
            return None
        name = self._heap[0][1]
        plan = self._plans[name]
        change, end = plan.change(), plan.next_end()
        if change is not None and (end is None or change[0] < end):
            return ChangePhase(session=name, from_=plan.phase, to=change[1])
        *earlier, last = plan.pop_ends(now if change is None else min(now, change[0]))
        self._forget(order for _, order in earlier)
        # The last stays until the command is handed back: who asks again before that is told the same.
        until, order = last
        plan.set_end(order, until)
        return ExpireOrders(session=name, until=until)

    def fold(self, time: Time, command: Command, made: msgspec.Raw | bytes) -> None:
        """Take note of a numbered command for which `concerns` holds: its time and its events."""
        first = codec.decode_events(made)[0]
        match first, command:
            case events.SessionCreated(session=name), CreateSession():
                planned = [(it.phase, it.at) for it in command.phases]
                self._plans[name] = _Plan(planned[0][0], planned)
            case events.PhaseChanged(session=name), _:
                self._plans[name].move(first.to, time)
            case events.SessionHalted(session=name), _:
                self._plans[name].halt(time)
            case events.SessionResuming(session=name), _:
                self._plans[name].resume_at = first.resume_at
                self._plans[name].stuck = False
            case events.SessionCancelled(session=name), _:
                self._plans[name].phase = Phase.CANCELLED
            case events.OrderAccepted(session=name), PlaceOrder(until=until) if until is not None:
                self._session_of[first.order] = name
                self._plans[name].set_end(first.order, until)
            case events.OrderAmended(), AmendOrder(until=until) if until is not None:
                name = self._session_of[first.order]
                self._plans[name].set_end(first.order, until)
            case _, ExpireOrders(session=name) if not isinstance(first, events.CommandRejected):
                self._expire(name, command.until)
            case _:
                return
        self._noted(name)

    def was_given(self, command: Command) -> None:
        """A command that was due has been numbered. If the market refused it, it is dropped: it never comes again."""
        match command:
            case ChangePhase(session=name):
                plan = self._plans.get(name)
                if plan is not None and plan.phase is command.from_:
                    plan.stuck = True
            case ExpireOrders(session=name):
                self._expire(name, command.until)
            case _:
                return
        self._noted(name)

    def after_downtime(self, now: Time) -> Iterator[Command]:
        """What is numbered at a start after a downtime before anything else (PS-11.5, PS-13.25), one at a time, each
        to be handed back before the next is asked for.

        Every session in INTAKE … DEAL_MAKING is halted, every announced return withdrawn. Then what is due comes as
        usual; a session that enters a phase that can be halted is halted there: nothing opens behind people's backs.
        """
        for name in sorted(self._plans):
            plan = self._plans[name]
            if plan.phase in HALTED_FROM or plan.resume_at is not None:
                yield HaltSession(session=name, reason=RECOVERY)
        while (command := self.due(now)) is not None:
            yield command
            if isinstance(command, ChangePhase) and command.to in HALTED_FROM:
                yield HaltSession(session=command.session, reason=RECOVERY)

    def _expire(self, name: str, until: Time) -> None:
        self._forget(order for _, order in self._plans[name].pop_ends(until))

    def _forget(self, orders: Iterable[int]) -> None:
        for order in orders:
            del self._session_of[order]

    def _noted(self, name: str) -> None:
        plan = self._plans.get(name)
        if plan is not None:
            if plan.phase in _OVER:
                self._forget(plan.ends)
                plan.ends.clear()
                plan.queue.clear()
            if plan.phase in FINAL:
                del self._plans[name]
            else:
                self._push(name, plan)
        self._find_next()

    def _push(self, name: str, plan: _Plan) -> None:
        at = plan.next_due()
        if at is not None and (plan.pushed is None or at < plan.pushed):
            heappush(self._heap, (at, name))
            plan.pushed = at

    def _find_next(self) -> None:
        while self._heap:
            time, name = self._heap[0]
            plan = self._plans.get(name)
            if plan is not None and plan.next_due() == time:
                self.next_due = time
                return
            heappop(self._heap)
            if plan is not None:
                plan.pushed = None
                self._push(name, plan)
        self.next_due = None


def _plan_of(row: SessionRow) -> _Plan:
    plan = _Plan(row.phase, list(row.plan))
    if row.halt is not None:
        plan.left, plan.halted_at, plan.resume_at = row.halt
    return plan
