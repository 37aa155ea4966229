"""Journals made for tests: by the real machine and office over the stand-in market, in batches of chosen sizes."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from kirmash.journal import snapshot
from kirmash.journal.folder import JOURNAL_FILE, SNAPSHOTS
from kirmash.journal.hashes import Head
from kirmash.journal.sqlite import Journal
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind
from kirmash.office import Office
from kirmash.sequencer.machine import Decided, Machine
from kirmash.sequencer.recovery import Replayed, snapshot_of
from tests.journal.stand_ins import accredit, band, register, stand_in

EXCHANGE = "tested"
TRADER = Actor(ActorKind.TRADER, "trader-1")


def commands() -> Iterator[tuple[Actor, str, Command]]:
    """Ever more commands: companies registered and accredited, bands set, each with its client id."""
    for at in count(1):
        yield codec.OPERATOR, f"r-{at}", register(f"company-{at}")
        yield codec.OPERATOR, f"a-{at}", accredit(f"company-{at}")
        yield TRADER, f"b-{at}", band("session", f"instrument-{at}")


def machine() -> Machine:
    """An empty exchange."""
    return Machine(stand_in(None), Office(), EXCHANGE)


def replayed(exchange_id: str) -> Replayed:
    """What verify applies records to."""
    return Replayed(exchange_id, stand_in)


def decide(
    into: Machine, given: Iterator[tuple[Actor, str, Command]], number: int, *, settle: bool = True
) -> list[Decided]:
    """So many further commands, decided, with what follows from them."""
    decided: list[Decided] = []
    for _ in range(number):
        actor, client_id, command = next(given)
        decided += into.submit(actor, "test", client_id, command, (1_700_000_000 + into.number, 0))
    return decided + into.settle((1_700_000_000 + into.number, 0)) if settle else decided


def make_folder(path: Path, batches: Sequence[int], *, snapshots_after: Sequence[int] = ()) -> Head:
    """A data folder with batches of so many commands each, and snapshots after some of them (counted from 1)."""
    path.mkdir(parents=True)
    journal = Journal.create(path / JOURNAL_FILE, EXCHANGE)
    into, given = machine(), commands()
    for ordinal, size in enumerate(batches, 1):
        journal.append(decide(into, given, size))
        if ordinal in snapshots_after:
            snapshot.write(path / SNAPSHOTS, snapshot_of(into, EXCHANGE))
    head = journal.head
    journal.close()
    return head
