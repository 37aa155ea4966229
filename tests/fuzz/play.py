"""Plays hostile streams through the whole chain (office, reactors, both markets) and compares the twins (PS-8.5).

Events are compared after every command; state bytes after every command while at most 2,000 orders are open, else every
1,000 commands, at every phase change and at the end. A stream that makes a difference is cut down to a few commands.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from kirmash.market.choice import MarketsDiffer, market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Actor
from kirmash.messages.kinds import CancelReason
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.protocol.present import command_json, encode_json
from kirmash.sequencer.machine import Machine
from tests.fuzz.stream import HostileStream

STATE_ALWAYS_BELOW: Final = 2_000
STATE_EVERY: Final = 1_000

Step = tuple[Time, Actor, c.Command]


class Mix(NamedTuple):
    """What a stream was made of, by kind."""

    accepted: int
    rejected: int
    events: Counter[str]
    reasons: Counter[str]

    def plus(self, other: "Mix") -> "Mix":
        return Mix(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.events + other.events,
            self.reasons + other.reasons,
        )

    @property
    def commands(self) -> int:
        return self.accepted + self.rejected


EMPTY_MIX: Final = Mix(0, 0, Counter(), Counter())


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
        self._machine = Machine(self._market, Office(), "fuzz")
        self._played = 0

    def play(self, step: Step) -> tuple[e.Event, ...]:
        """All events of one command and of what follows from it. Raises MarketsDiffer."""
        at, actor, command = step
        self._played += 1
        decided = self._machine.submit(actor, "fuzz", f"f-{self._played}", command, at)
        decided += self._machine.settle(at)
        often = self._market.open_orders() <= STATE_ALWAYS_BELOW
        if often or self._played % STATE_EVERY == 0 or isinstance(command, c.ChangePhase):
            self._market.state()
        return tuple(event for entry in decided for event in codec.decode_events(entry.record.events))

    def end(self) -> str:
        """The state hash in the end."""
        return self._machine.state_hash().hex()


def play_stream(seed: int, length: int, market: str = "both") -> tuple[Mix, str]:
    """Play one stream; gives its mix and the final state hash. Raises Difference."""
    stream, player = HostileStream(seed, length), Player(market)
    steps: list[Step] = []
    events: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    rejected = 0
    for actor, command in stream.commands():
        steps.append((stream.now, actor, command))
        try:
            given = player.play(steps[-1])
        except (MarketsDiffer, AssertionError) as error:
            raise Difference(steps, str(error)) from error
        stream.observe(actor, given)
        for event in given:
            events[_kind(event)] += 1
            if isinstance(event, e.CommandRejected):
                reasons.update(refusal.reason.text for refusal in event.reasons)
        rejected += isinstance(given[0], e.CommandRejected)
    return Mix(len(steps) - rejected, rejected, events, reasons), player.end()


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
    except (MarketsDiffer, AssertionError) as error:
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


def write_scenario(steps: Sequence[Step], path: Path) -> None:
    """Keep steps as a scenario file that `kirmash run --market both` takes."""
    lines = [
        encode_json(command_json(at, actor.id, f"f-{n}", command)) for n, (at, actor, command) in enumerate(steps, 1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")
