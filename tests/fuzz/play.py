"""Plays hostile streams through the whole chain (office, reactors, both markets) and compares the twins (PS-8.5).

Events are compared after every command; state bytes after every command while at most 2,000 orders are open, else every
1,000 commands, at every phase change and at the end. In the end the records are replayed in batches, as recovery does.
A stream that makes a difference is cut down to a few commands.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from kirmash.market.choice import MarketsDiffer, market_loader, native_is_installed
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Actor
from kirmash.messages.kinds import CancelReason
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.protocol.present import command_json, encode_json
from kirmash.sequencer.machine import Machine, MachineFault

STATE_ALWAYS_BELOW: Final = 2_000
STATE_EVERY: Final = 1_000
REPLAY_BATCH: Final = 700
"""Records replayed at once: few enough that follow-ups fall on both sides of a seam."""


def _native_faults() -> tuple[type[Exception], ...]:
    if not native_is_installed():
        return ()
    import kirmash_market

    return (kirmash_market.MarketFault,)


FAILED: Final[tuple[type[Exception], ...]] = (
    MarketsDiffer,
    MachineFault,
    AssertionError,
    ValueError,
    *_native_faults(),
)
"""What a difference is told by; ValueError is a frame that one market reads and the other does not."""

Step = tuple[Time, Actor, c.Command]


class Mix(NamedTuple):
    """What a stream was made of, by kind."""

    accepted: int
    rejected: int
    events: Counter[str]
    reasons: Counter[str]
    most_open: int = 0
    deep_commands: int = 0
    """Commands after which more than 2,000 orders were open (PS-8.5)."""

    def plus(self, other: "Mix") -> "Mix":
        return Mix(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.events + other.events,
            self.reasons + other.reasons,
            max(self.most_open, other.most_open),
            self.deep_commands + other.deep_commands,
        )

    @property
    def commands(self) -> int:
        return self.accepted + self.rejected


EMPTY_MIX: Final = Mix(0, 0, Counter(), Counter())


class Stream(Protocol):
    """A generator of commands that learns from the events of each before it gives the next."""

    @property
    def now(self) -> Time:
        """When the command given last is submitted."""
        ...

    def commands(self) -> Iterator[tuple[Actor, c.Command]]: ...

    def observe(self, actor: Actor, events: tuple[e.Event, ...]) -> None: ...


class Difference(Exception):
    """The twins differ: the steps up to the difference and what it was."""

    def __init__(self, steps: Sequence[Step], what: str) -> None:
        super().__init__(what)
        self.steps = steps
        self.what = what


class Player:
    """A fresh exchange on the chosen market, one command at a time, with the state compared as PS-8.5 says."""

    def __init__(self, market: str) -> None:
        self._market = market_loader(market)(None)
        self._replayed_on = "native" if market == "both" else market
        self._machine = Machine(self._market, Office(), "fuzz")
        self._played = 0
        self._records: list[bytes] = []
        self.most_open = 0
        self.deep_commands = 0

    def play(self, step: Step) -> tuple[e.Event, ...]:
        """All events of one command and of what follows from it. Raises one of FAILED."""
        at, actor, command = step
        self._played += 1
        decided = self._machine.submit(actor, "fuzz", f"f-{self._played}", command, at)
        decided += self._machine.settle(at)
        self._records += [entry.data for entry in decided]
        is_open = self._market.open_orders()
        often = is_open <= STATE_ALWAYS_BELOW
        self.most_open, self.deep_commands = max(self.most_open, is_open), self.deep_commands + (not often)
        if often or self._played % STATE_EVERY == 0 or isinstance(command, c.ChangePhase):
            self._market.state()
        return tuple(event for entry in decided for event in codec.decode_events(entry.record.events))

    def end(self) -> str:
        """The state hash in the end, which a replay of all records has to reach too. Raises one of FAILED."""
        reached = self._machine.state_hash()
        again = Machine(market_loader(self._replayed_on)(None), Office(), "fuzz")
        for first in range(0, len(self._records), REPLAY_BATCH):
            again.replay_whole(self._records[first : first + REPLAY_BATCH], b"")
        if (again.number, again.state_hash()) != (self._machine.number, reached):
            raise MarketsDiffer("a replay of the records ends in another state")
        return reached.hex()


def play_stream(stream: Stream, market: str = "both") -> tuple[Mix, str]:
    """Play one stream; gives its mix and the final state hash. Raises Difference."""
    player = Player(market)
    steps: list[Step] = []
    events: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    rejected = 0
    for actor, command in stream.commands():
        steps.append((stream.now, actor, command))
        try:
            given = player.play(steps[-1])
        except FAILED as error:
            raise Difference(steps, str(error)) from error
        stream.observe(actor, given)
        for event in given:
            events[_kind(event)] += 1
            if isinstance(event, e.CommandRejected):
                reasons.update(refusal.reason.text for refusal in event.reasons)
        rejected += isinstance(given[0], e.CommandRejected)
    try:
        reached = player.end()
    except FAILED as error:
        raise Difference(steps, str(error)) from error
    return Mix(len(steps) - rejected, rejected, events, reasons, player.most_open, player.deep_commands), reached


def _kind(event: e.Event) -> str:
    name = codec.name_of(type(event))
    if isinstance(event, e.OrderCancelled) and event.reason in (CancelReason.SELF_TRADE, CancelReason.ADMISSION):
        return f"{name} {event.reason.name.lower()}"
    return name


def differs(steps: Sequence[Step]) -> str | None:
    """Whether these steps make the twins differ, and how."""
    player = Player("both")
    try:
        for step in steps:
            player.play(step)
        player.end()
    except FAILED as error:
        return str(error)
    return None


def minimised(steps: Sequence[Step], fails: Callable[[Sequence[Step]], str | None] = differs) -> list[Step]:
    """A subsequence that still fails and from which no single step can be left out."""
    kept = list(steps)
    chunk = max(1, len(kept) // 2)
    while True:
        position, shortened = len(kept), False
        while position > 0:
            start = max(0, position - chunk)
            without = kept[:start] + kept[position:]
            if fails(without) is not None:
                kept, shortened = without, True
            position = start
        if chunk == 1 and not shortened:
            return kept
        chunk = max(1, chunk // 2)


def scenario_lines(steps: Sequence[Step]) -> list[bytes]:
    """Steps as the lines of a scenario that `kirmash run --market both` takes."""
    return [
        encode_json(command_json(at, actor.id, f"f-{n}", command)) for n, (at, actor, command) in enumerate(steps, 1)
    ]


def write_scenario(steps: Sequence[Step], path: Path) -> None:
    """Keep steps as a scenario file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(scenario_lines(steps)) + b"\n")
