"""Journals for the tests of the views: scenarios, vectors' sessions and hostile streams through the real deciders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader
from kirmash.office import Office
from kirmash.projections.projector import Projector
from kirmash.projections.tables import METADATA
from kirmash.sequencer.machine import Decided, Machine
from kirmash.simulation.scenario import SCENARIO_EXCHANGE_ID, ScenarioRun, read_scenario
from tests.fuzz.stream import HostileStream

EXCHANGE = SCENARIO_EXCHANGE_ID
Rows = dict[str, list[tuple[Any, ...]]]


def played_lines(lines: Sequence[bytes], market: str = "reference") -> tuple[Machine, list[Decided]]:
    """A scenario with all that followed."""
    run = ScenarioRun(market_loader(market)(None))
    decided = [entry for line in read_scenario(lines, "played") for entry in run.apply(line)]
    return run.machine, decided


def played_stream(seed: int, length: int, market: str = "reference") -> tuple[Machine, list[Decided]]:
    """A hostile stream with all that followed."""
    from kirmash.messages import codec

    stream, decided = HostileStream(seed, length), list[Decided]()
    machine = Machine(market_loader(market)(None), Office(), EXCHANGE)
    for at, (actor, command) in enumerate(stream.commands()):
        made = machine.submit(actor, "fuzz", f"f-{at}", command, stream.now) + machine.settle(stream.now)
        decided += made
        stream.observe(actor, tuple(event for entry in made for event in codec.decode_events(entry.record.events)))
    return machine, decided


def journal_of(path: Path, decided: Sequence[Decided], batch: int = 500) -> Path:
    """A journal with these records."""
    journal = Journal.create(path, EXCHANGE)
    for start in range(0, len(decided), batch):
        journal.append(decided[start : start + batch])
    journal.close()
    return path


def apply(projector: Projector, decided: Sequence[Decided], batch: int) -> None:
    """Hand the records over, so many at a time."""
    for start in range(0, len(decided), batch):
        projector.apply([(entry.record, entry.chain) for entry in decided[start : start + batch]])


def rows_of(file: Path) -> Rows:
    """Every row of every table, in the order of the keys."""
    from pysqlite3 import dbapi2

    connection = dbapi2.connect(f"file:{file}?mode=ro", uri=True)
    found = {}
    for table in METADATA.sorted_tables:
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
        found[table.name] = connection.execute(f"SELECT * FROM {table.name} ORDER BY {keys}").fetchall()
    connection.close()
    return found
