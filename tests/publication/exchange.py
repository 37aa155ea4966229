"""Exchanges that play scenario files and hostile streams, and their records with ids that can be told from all else."""

import io
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from kirmash.data import scenario_bytes, scenario_names
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.office import Office
from kirmash.sequencer.machine import Decided, Machine
from kirmash.simulation.scenario import read_scenario
from tests.fuzz.stream import HostileStream

MARKETS: Final = ["reference", pytest.param("native", marks=pytest.mark.native)]
SEEDS: Final = (31, 32, 33, 34, 50)
"""Hostile streams; 50 fills an instrument with conditional orders."""
LENGTH: Final = 800
SOURCES: Final[list[str | int]] = [*scenario_names(), *SEEDS]

FIRST_NUMBER: Final = 7_100_000_000_000
FIRST_ORDER: Final = 7_200_000_000_000
FIRST_DEAL: Final = 7_300_000_000_000


class Group(NamedTuple):
    """Records decided together, and the exchange behind them."""

    records: list[tuple[Record, tuple[e.Event, ...]]]
    machine: Machine


class Seams:
    """Where to start anew from a state: every so often, and the first time that a kind of follow-up is still owed."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._groups = 0
        self._owed: set[str] = set()

    def has(self, group: Group) -> bool:
        """Whether there is one behind this group."""
        self._groups += 1
        owed = {codec.name_of(type(codec.decode_command(it.command))) for it in group.machine.pending}
        is_new = not owed <= self._owed
        self._owed |= owed
        return is_new or self._groups % self._every == self._every // 2

    @property
    def kinds(self) -> int:
        """How many kinds of follow-ups were owed at a seam."""
        return len(self._owed)


def play(source: str | int, market: str) -> Iterator[Group]:
    """The groups of a scenario file (by name) or a hostile stream (by seed): each command with what is numbered before
    it, then what follows from it."""
    return _scenario(source, market) if isinstance(source, str) else _stream(source, market)


def _group(machine: Machine, decided: list[Decided]) -> Group:
    return Group([(entry.record, codec.decode_events(entry.record.events)) for entry in decided], machine)


def _scenario(name: str, market: str) -> Iterator[Group]:
    machine = Machine(market_loader(market)(None), Office(), "scenario")
    for line in read_scenario(io.BytesIO(scenario_bytes(name)), name):
        yield _group(machine, machine.submit(line.actor, "run", line.client_id, line.command, line.at))
        yield _group(machine, machine.settle(line.at))


def _stream(seed: int, market: str) -> Iterator[Group]:
    stream, machine = HostileStream(seed, LENGTH), Machine(market_loader(market)(None), Office(), "fuzz")
    for at, (actor, command) in enumerate(stream.commands()):
        for settles in (False, True):
            now = stream.now
            group = _group(
                machine, machine.settle(now) if settles else machine.submit(actor, "fuzz", f"f-{at}", command, now)
            )
            yield group
            for _, events in group.records:
                stream.observe(actor, events)


def distinct(record: Record, events: tuple[e.Event, ...]) -> tuple[Record, tuple[e.Event, ...]]:
    """The record as an exchange would write it whose numbers, orders and deals begin far up, so that an id found among
    public bytes is no price, count or channel number that happens to look like one."""
    shifted = tuple(_shifted(event) for event in events)
    return (
        replace(
            record,
            number=FIRST_NUMBER + record.number,
            cause=None if record.cause is None else FIRST_NUMBER + record.cause,
            command=msgspec.Raw(codec.encode(_shifted(codec.decode_command(record.command)))),
            events=msgspec.Raw(codec.encode(shifted)),
        ),
        shifted,
    )


def _shifted(message: Any) -> Any:
    first = {"order": FIRST_ORDER, "buy_order": FIRST_ORDER, "sell_order": FIRST_ORDER, "deal": FIRST_DEAL}
    changes = {name: first[name] + getattr(message, name) for name in message.__struct_fields__ if name in first}
    return replace(message, **changes) if changes else message
