"""The historical session again, live: the scenario's commands in their order, at compressed times, for today.

What has to differ from the scenario is said here and nowhere else. Session, cards and instruments get names that say
what they are; the session's purpose is `historical`, which is granted to those who were in it and to nobody else, so
the market itself refuses every other order (not_admitted, PS-3.1); planned times are today's. Order and deal numbers
are those of an exchange on which others trade at the same time, so they are translated as the answers come.

Pure: the times are offsets from the begin, and answers come from outside.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from kirmash.data import scenario_bytes
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind, Phase
from kirmash.messages.rejects import Reason
from kirmash.messages.units import NANOSECONDS, Time, nanoseconds, scaled_text, time_of
from kirmash.simulation.scenario import ScenarioLine, read_scenario
from kirmash.simulation.scenarios import lumber_china_2022_12 as lumber

SCENARIO: Final = "lumber-china-2022-12"
HISTORICAL: Final = "historical-"
"""What the ids of the historical session, its cards and its instruments begin with."""
SESSION: Final = HISTORICAL + lumber.SESSION
"""The id of the historical session."""
PURPOSE: Final = "historical"
SECONDS: Final = 120
"""How long the session takes at speed 1, from its intake to the last contract."""
PLAN_MARGIN_SECONDS: Final = 15
"""The plan is so much behind the replay that the timetable never moves a phase before the orders it waits for."""

_SESSION_SHARE: Final = 90
"""Of a hundred parts of the time, the session has so many; the weeks after it the rest."""
_GAP_NS: Final = 20_000_000_000
"""Silences of the session that are longer than this are cut to it before all is compressed."""
_PHASE_GAP_NS: Final = 160_000_000_000
"""The same before a change of phase, so that each phase is seen."""
_HELD_UP: Final = frozenset({Reason.PHASE_MOVED_ON, Reason.PHASE_CHANGE_ILLEGAL})
"""No command of the scenario itself is refused for these."""


class ReplayHeldUp(Exception):
    """The session does not follow its steps any more: an operator or a pause of the host came in between."""


class Step(NamedTuple):
    """A command and when it is to be given, in nanoseconds after the begin; None: before it, at once."""

    after: int | None
    line: ScenarioLine


class Replay:
    """The steps of one replay. Ask `command` for each in order, and tell it the events of its answer."""

    def __init__(self, begin: Time, speed_percent: int = 100) -> None:
        """`begin` is when the first step of the session is given; `speed_percent`: 100 takes `SECONDS`."""
        lines = read_scenario(io.BytesIO(scenario_bytes(SCENARIO)), f"{SCENARIO}.jsonl")
        self.steps: Final = tuple(_steps(lines, SECONDS * NANOSECONDS * 100 // speed_percent))
        self._begin = nanoseconds(begin)
        self._orders = _Numbers()
        self._deals = _Numbers()

    @property
    def value(self) -> str:
        """The sum of the deals so far in CNY, as decimal text; all instruments have one tick and one lot."""
        return scaled_text(self._deals.value * lumber.BASES[0].listing.tick_lot_value, 2)

    @property
    def deals(self) -> int:
        """How many deals were made."""
        return self._deals.count

    def actor(self, step: Step) -> Actor:
        """Who gives the step's command."""
        if step.line.actor.kind is ActorKind.OPERATOR:
            return Actor(ActorKind.OPERATOR, "demo-replay")
        return step.line.actor

    def client_id(self, step: Step) -> str:
        """Its client id."""
        return f"replay.{step.line.client_id}"

    def command(self, step: Step) -> Command:
        """The step's command as it is given now; every earlier one was given and its events told.

        Raises ReplayHeldUp where it speaks of an order or deal that did not come about.
        """
        match step.line.command:
            case c.CreateSession() as given:
                plan = tuple(c.PlannedPhase(phase=phase, at=self._at(at)) for phase, at in self._plan(given))
                instruments = tuple(
                    msgspec.structs.replace(it, instrument=HISTORICAL + it.instrument) for it in given.instruments
                )
                made: Command = msgspec.structs.replace(given, instruments=instruments, phases=plan, purpose=PURPOSE)
            case c.AmendOrder() | c.CancelOrder() as given:
                made = msgspec.structs.replace(given, order=self._orders.now(given.order))
            case c.PerformContract() | c.TerminateContract() as given:
                made = msgspec.structs.replace(given, deal=self._deals.now(given.deal))
            case c.ListInstrument() as given:
                made = msgspec.structs.replace(
                    given, instrument=HISTORICAL + given.instrument, card=HISTORICAL + given.card, purpose=PURPOSE
                )
            case c.ListCard() as given:
                made = msgspec.structs.replace(given, card=HISTORICAL + given.card)
            case c.PlaceOrder() as given:
                made = msgspec.structs.replace(given, instrument=HISTORICAL + given.instrument)
            case c.GrantPermission() as given:
                made = msgspec.structs.replace(given, purpose=PURPOSE)
            case other:
                made = other
        if isinstance(made, c.CreateSession | c.PlaceOrder | c.ChangePhase):
            made = msgspec.structs.replace(made, session=HISTORICAL + made.session)
        return made

    def told(self, events: msgspec.Raw | bytes) -> None:
        """The events of the last command. Raises ReplayHeldUp if it was a change of phase that was refused."""
        for event in codec.decode_events(events):
            if isinstance(event, e.CommandRejected) and {it.reason for it in event.reasons} & _HELD_UP:
                raise ReplayHeldUp
            if isinstance(event, e.OrderAccepted):
                self._orders.add(event.order, 0)
            elif isinstance(event, e.DealMade):
                self._deals.add(event.deal, event.price * event.quantity)

    def _plan(self, given: c.CreateSession) -> Iterator[tuple[Phase, int]]:
        """Each phase and when it is entered, in nanoseconds after the begin."""
        entered = {it.line.command.to: it.after for it in self.steps if isinstance(it.line.command, c.ChangePhase)}
        yield given.phases[0].phase, -PLAN_MARGIN_SECONDS * NANOSECONDS
        yield from ((it.phase, entered[it.phase] or 0) for it in given.phases[1:])

    def _at(self, after: int) -> Time:
        whole_seconds = (self._begin + after) // NANOSECONDS + PLAN_MARGIN_SECONDS
        return time_of(whole_seconds * NANOSECONDS)


class _Numbers:
    """The numbers that the exchange gave, in the order of the scenario's own, which are 1, 2, 3 …"""

    def __init__(self) -> None:
        self._given: list[int] = []
        self.value = 0

    @property
    def count(self) -> int:
        return len(self._given)

    def add(self, number: int, value: int) -> None:
        self._given.append(number)
        self.value += value

    def now(self, ordinal: int) -> int:
        if ordinal > len(self._given):
            raise ReplayHeldUp
        return self._given[ordinal - 1]


def _steps(lines: Iterable[ScenarioLine], whole: int) -> Iterator[Step]:
    """All lines with their times compressed to `whole` nanoseconds; what comes before the intake is given at once."""
    lines = list(lines)
    changes = [number for number, line in enumerate(lines) if isinstance(line.command, c.ChangePhase)]
    first, last = changes[0], changes[-1]
    session = _cut(lines[first : last + 1])
    after = _cut(lines[last:])
    session_time = whole * _SESSION_SHARE // 100
    for number, line in enumerate(lines):
        if number < first:
            yield Step(None, line)
        elif number <= last:
            yield Step(session[number - first] * session_time // session[-1], line)
        else:
            yield Step(session_time + after[number - last] * (whole - session_time) // after[-1], line)


def _cut(lines: list[ScenarioLine]) -> list[int]:
    """The times of lines after the first of them, long silences cut: 0 first, then never less than before."""
    times, at = [0], 0
    for before, line in pairwise(lines):
        most = _PHASE_GAP_NS if isinstance(line.command, c.ChangePhase) else _GAP_NS
        at += min(most, nanoseconds(line.at) - nanoseconds(before.at))
        times.append(at)
    return times
