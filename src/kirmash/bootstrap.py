"""The one place where parts are wired (ARCHITECTURE.md): which market, which journal, which clock.

No rule and no format belongs here, and nothing is opened when a module is imported.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from kirmash.config import BULLETIN_FILE, CONFIG_FILE, IDENTITY_FILE, VIEWS_FILE, ConfigError
from kirmash.journal.backup import backup, copy_database, sync_file
from kirmash.journal.errors import JournalExists, NotAJournal, StorageFailed
from kirmash.journal.folder import LOCK_FILE, Folder, journal_file
from kirmash.journal.hashes import Head
from kirmash.journal.profiles import Profiles
from kirmash.journal.sqlite import CommitHook, Journal
from kirmash.journal.verify import Verified, verify
from kirmash.market.choice import market_loader
from kirmash.messages.units import Time
from kirmash.protocol.present import encode_json
from kirmash.protocol.shapes import printable
from kirmash.sequencer import faults
from kirmash.sequencer.answers import OutcomeUnknown, Unavailable
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.recovery import Replayed
from kirmash.sequencer.writer import InternalFault, Writer
from kirmash.simulation.scenario import (
    SCENARIO_EXCHANGE_ID,
    SCENARIO_ORIGIN,
    ScenarioFault,
    ScenarioLine,
    ScenarioRun,
    read_scenario,
)

if TYPE_CHECKING:
    from kirmash.identity import Provisioned

COMMIT_RECORDS: Final = 1_000
"""The lines of a scenario become durable about so many records at a time; no byte depends on it."""
LONG_LINES: Final = 5_000
"""A scenario of fewer lines is done before a bar could be read."""
NEWS_EVERY_LINES: Final = 1_000

Progress = Callable[[int, int | None], None]
"""Called now and then with what is done and the whole, None while that is not known."""


class RunFault(InternalFault):
    """The exchange itself failed at a line of a scenario file; says which, what failed, and where it is kept."""

    def __init__(self, name: str, line: int, what: str, kept: str) -> None:
        super().__init__(f"{printable(name, most=4096)}:{line}: internal fault: {what}; {kept}")
        self.line = line


def run_scenario(
    source: Iterable[bytes],
    name: str,
    out: BinaryIO,
    journal: Path | None,
    market: str | None,
    progress: Progress | None = None,
) -> None:
    """`kirmash run`: events as JSON Lines to `out`, the journal into a new file if one is named.

    Events are shown when they are durable. Raises ScenarioError, JournalError and RunFault; the fault's file lies
    beside the journal (PS-9).
    """
    load_market = market_loader(market)
    if journal is not None and journal.exists():
        raise JournalExists(f"{journal}: exists already; --journal makes a new file")
    if journal is not None and not journal.absolute().parent.is_dir():
        raise NotAJournal(f"{journal}: there is no folder {journal.parent}")
    lines = read_scenario(_watched(source, progress), name)
    kept = Journal.create(journal, SCENARIO_EXCHANGE_ID) if journal is not None else None
    run = ScenarioRun(load_market(None))
    done = 0
    try:
        for batches in _commits(lines, run):
            if kept is not None and batches:
                kept.append_batches(batches)
            for batch in batches:
                for shown in run.present(batch):
                    out.write(encode_json(shown) + b"\n")
            done += len(batches)
            if progress is not None and len(lines) >= LONG_LINES:
                progress(done, len(lines))
    except ScenarioFault as fault:
        out.flush()
        raise RunFault(name, fault.line, fault.fault.what, _keep(fault, journal)) from fault.__cause__
    finally:
        if kept is not None:
            kept.close()
    out.write(encode_json(run.end()) + b"\n")
    out.flush()


def _watched(source: Iterable[bytes], progress: Progress | None) -> Iterable[bytes]:
    for number, line in enumerate(source):
        if progress is not None and number >= LONG_LINES and number % NEWS_EVERY_LINES == 0:
            progress(number, None)
        yield line


def _commits(lines: Iterable[ScenarioLine], run: ScenarioRun) -> Iterable[list[list[Decided]]]:
    """What becomes durable together: whole lines, each a batch, as the writer makes them when it is given line by line.

    The lines before one at which the exchange failed are whole; they come before the ScenarioFault.
    """
    batches: list[list[Decided]] = []
    records = 0
    for line in lines:
        try:
            batches.append(run.apply(line))
        except ScenarioFault:
            yield batches
            raise
        records += len(batches[-1])
        if records >= COMMIT_RECORDS:
            yield batches
            batches, records = [], 0
    yield batches


def _keep(fault: ScenarioFault, journal: Path | None) -> str:
    if journal is None:
        return "no file of it is kept without --journal"
    file = faults.write(journal.absolute().parent, fault.fault)
    return f"it is kept in {file}" if file is not None else "it could not be kept: the disk takes no file"


def verify_journal(
    path: Path, market: str | None, expect_head: str | None, progress: Callable[[int, int], None] | None
) -> Verified:
    """`kirmash verify`: apply every record again on the chosen market and compare all there is."""
    load_market = market_loader(market)
    return verify(
        path, lambda exchange_id: Replayed(exchange_id, load_market), expect_head=expect_head, progress=progress
    )


def backup_exchange(folder: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> Verified:
    """`kirmash backup`: a data folder with its logins, notices and configuration, consistent while the exchange runs.

    The logins are copied before the journal: whatever they speak of is in the copy, and an approved proposal whose
    command the copied journal holds is given again by the next start, under its id, and only settled. Raises as
    `journal.backup.backup`.
    """

    def before(copy: Path) -> None:
        config, identity = folder / CONFIG_FILE, folder / IDENTITY_FILE
        if config.is_file():
            copy_config = copy / CONFIG_FILE
            copy_config.write_bytes(config.read_bytes())
            sync_file(copy_config)
        if identity.is_file():
            copy_database(identity, copy / IDENTITY_FILE)
        if (folder / BULLETIN_FILE).is_file():
            copy_database(folder / BULLETIN_FILE, copy / BULLETIN_FILE)

    return backup(folder, target, progress, before)


def rebuild_views(folder: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """`kirmash rebuild`: the views of a data folder made anew, under its lock; gives the number that they hold.

    Raises JournalError, and OSError where the disk does not take them.
    """
    from kirmash.projections.rebuild import rebuild

    with Folder(folder) as locked:
        return rebuild(journal_file(locked.path), locked.path / VIEWS_FILE, progress)


def add_login(
    folder: Path, name: str, role: str, participant: str | None, trader: str | None, language: str
) -> "Provisioned":
    """`kirmash operator add` and `kirmash login add`: a new login with a one-time password, while nobody or somebody
    serves the data folder, which is made if it is not there.

    Raises ConfigError where name, role and ids make no login, or there is one of that name, StorageFailed.
    """
    import asyncio

    from kirmash.identity import Denied, Identity, NewLogin, Role, StoreFailed

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = Identity(folder / IDENTITY_FILE)
    except OSError as error:
        raise StorageFailed(f"{folder}: {error.strerror}") from error
    except StoreFailed as error:
        raise StorageFailed(str(error)) from error
    new = NewLogin(name=name, role=Role(role), participant=participant, trader=trader, language=language)
    try:
        return asyncio.run(identity.add_login(new))
    except Denied as denied:
        raise ConfigError(f"login: {denied}" + (f"; {denied.cure}" if denied.cure else "")) from None
    finally:
        identity.close()


def reset_login(folder: Path, name: str, second_factor: bool) -> "Provisioned":
    """`kirmash login reset`: a new one-time password for a login that is there, and with `second_factor` none of that
    any more, while nobody or somebody serves the data folder. Its sessions end; its ids stay, so that nobody comes out
    of it as another person (four eyes).

    Raises ConfigError where there is no such login, StorageFailed.
    """
    import asyncio

    from kirmash.identity import Identity, StoreFailed

    if not (folder / IDENTITY_FILE).is_file():
        raise ConfigError(f"login: {folder} has no logins")
    try:
        identity = Identity(folder / IDENTITY_FILE)
    except StoreFailed as error:
        raise StorageFailed(str(error)) from error
    try:
        found = identity.logins(name=name)
        if not found:
            raise ConfigError("login: there is no login of this name")
        return asyncio.run(identity.reset(found[0].id, second_factor=second_factor))
    finally:
        identity.close()


class DemoExchange:
    """A scenario's exchange in a new data folder: the real writer, whose clock is the time of the line it is given.

    The lines come one by one, each a batch, so the journal has the bytes of `kirmash run --journal` (PS-0.3). Raises
    JournalInUse where another process writes the folder, JournalExists where something else is there.
    """

    def __init__(self, path: Path, market: str | None, commit_hook: CommitHook | None = None) -> None:
        load_market = market_loader(market)
        self.folder = _new_folder(path)
        self._time: Time = (0, 0)
        self._published: SimpleQueue[Sequence[Decided]] = SimpleQueue()
        self._writer = Writer(
            self.folder,
            load_market,
            clock=lambda: self._time,
            publish=self._published.put,
            commit_hook=commit_hook,
        )
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(self.folder.close)
            Journal.create(self.folder.journal, SCENARIO_EXCHANGE_ID).close()
            self._writer.start()
            unless_started.pop_all()
        self.profiles = Profiles(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def apply(self, line: ScenarioLine) -> Sequence[Decided]:
        """Hand one line in; gives its record and those that follow from it when they are durable.

        Raises what ended the writer: InternalFault, which names the fault's file, or StorageFailed.
        """
        # The writer is idle here, so nobody reads the time while it changes.
        self._time = line.at
        try:
            self._writer.submit(line.actor, SCENARIO_ORIGIN, line.client_id, line.command).result()
        except (OutcomeUnknown, Unavailable) as refused:
            self._writer.stop()
            # The disk takes writes again; whether it took this line is not known, so the session ends here.
            raise StorageFailed(f"{self.folder.path}: a write failed; the session is not whole") from refused
        return self._published.get()

    def stop(self) -> Head:
        """Let the writer end, with a snapshot; gives where the journal ends."""
        head = self._writer.stop()
        assert head is not None, "the writer was started"
        return head

    def close(self) -> None:
        """Stop, and free the folder. Raises what ended the writer; closing twice is harmless."""
        try:
            self._writer.stop()
        finally:
            self.folder.close()


def _new_folder(path: Path) -> Folder:
    try:
        return Folder.create(path)
    except JournalExists:
        # Whether somebody is writing there is what the user has to know first (PS-0.5).
        if path.joinpath(LOCK_FILE).is_file():
            Folder(path).close()
        raise
