"""The one place where parts are wired (ARCHITECTURE.md): which market, which journal, which clock.

No rule and no format belongs here, and nothing is opened when a module is imported.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from kirmash.journal.errors import JournalExists, NotAJournal
from kirmash.journal.folder import Folder
from kirmash.journal.hashes import Head
from kirmash.journal.profiles import Profiles
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import Verified, verify
from kirmash.market.choice import market_loader
from kirmash.protocol.present import encode_json
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.recovery import Replayed
from kirmash.simulation.scenario import SCENARIO_EXCHANGE_ID, ScenarioLine, ScenarioRun, read_scenario

BATCH_RECORDS: Final = 1_000
"""A scenario is written in batches of about so many records; the bytes shown do not depend on it."""


def run_scenario(source: Iterable[bytes], name: str, out: BinaryIO, journal: Path | None, market: str | None) -> None:
    """`kirmash run`: events as JSON Lines to `out`, the journal into a new file if one is named.

    Events are shown when they are durable. Raises ScenarioError, JournalError and faults.
    """
    load_market = market_loader(market)
    if journal is not None and journal.exists():
        raise JournalExists(f"{journal}: exists already; --journal makes a new file")
    if journal is not None and not journal.absolute().parent.is_dir():
        raise NotAJournal(f"{journal}: there is no folder {journal.parent}")
    lines = read_scenario(source, name)
    kept = Journal.create(journal, SCENARIO_EXCHANGE_ID) if journal is not None else None
    run = ScenarioRun(load_market(None))
    try:
        for batch in _batches(lines, run):
            if kept is not None and batch:
                kept.append(batch)
            for shown in run.present(batch):
                out.write(encode_json(shown) + b"\n")
    finally:
        if kept is not None:
            kept.close()
    out.write(encode_json(run.end()) + b"\n")
    out.flush()


def _batches(lines: Iterable[ScenarioLine], run: ScenarioRun) -> Iterable[list[Decided]]:
    batch: list[Decided] = []
    for line in lines:
        batch += run.apply(line)
        if len(batch) >= BATCH_RECORDS:
            yield batch
            batch = []
    yield batch


def verify_journal(
    path: Path, market: str | None, expect_head: str | None, progress: Callable[[int, int], None] | None
) -> Verified:
    """`kirmash verify`: apply every record again on the chosen market and compare all there is."""
    load_market = market_loader(market)
    return verify(
        path, lambda exchange_id: Replayed(exchange_id, load_market), expect_head=expect_head, progress=progress
    )


class DemoExchange:
    """A scenario's exchange in a data folder of its own, written line by line, each durable before it is shown."""

    def __init__(self, path: Path, market: str | None) -> None:
        load_market = market_loader(market)
        self.folder = Folder.create(path)
        self._journal = Journal.create(self.folder.journal, SCENARIO_EXCHANGE_ID)
        self._run = ScenarioRun(load_market(None))
        self.profiles = Profiles(path)

    def apply(self, line: ScenarioLine) -> list[Decided]:
        """Number, decide and store one line and what follows from it."""
        decided = self._run.apply(line)
        self._journal.append(decided)
        return decided

    @property
    def head(self) -> Head:
        """Where the journal ends."""
        return self._journal.head

    def close(self) -> None:
        """End: the journal is whole, the folder free."""
        self._journal.close()
        self.folder.close()
