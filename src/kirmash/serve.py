"""`kirmash serve`: core and gateway as processes, wired from the configuration.

Without a further word one parent starts both and starts either again if it dies; `--only core` and `--only gateway` are
the halves, for a process manager that watches them itself; `--one-process` puts both into one. A fault of the exchange
(exit code 5) is never tried again: somebody has to look. Which process does what: docs/internals/processes.md.
"""

import asyncio
import contextlib
import ctypes
import errno
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog

from kirmash.config import VIEWS_FILE, Config, ConfigError
from kirmash.core import logs
from kirmash.core.local import LocalExchange
from kirmash.core.planner import Planner
from kirmash.core.planning import Planning
from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.journal.errors import JournalInUse, NotAJournal
from kirmash.journal.folder import BLOBS, KEYS, SNAPSHOTS, Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader, native_is_installed
from kirmash.sequencer.timetable import Timing

RESTART_SECONDS: Final = 0.5
RESTART_SECONDS_MAX: Final = 30.0
STOP_MARGIN_SECONDS: Final = 1.5
"""What a child may take to stop beyond the gateway's `stop_seconds`, before it is killed."""
HEIR_SECONDS: Final = 4.0
"""How long a dead core's lock is waited for; a rehearsal takes two seconds at most."""
PARENT: Final = "KIRMASH_PARENT"
"""The environment variable by which a child knows its parent's process id."""

_DONE: Final = 0
_NEVER_AGAIN: Final = frozenset({1, 2, 3, 5})
"""Exit codes after which starting again cannot help: a check that failed, wrong input, data folder in use, internal
fault (PS-0.5)."""
_PR_SET_PDEATHSIG: Final = 1
_ADDRESS_ERRORS: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})

_log: Final = structlog.get_logger("serve")


def set_up_logging(config: Config) -> None:
    """The log of this process; those that it starts are told the same."""
    logs.set_up(config.log)


def open_folder(config: Config) -> Folder:
    """The data folder, locked; with an empty journal where there has been no exchange yet.

    Logins and the configuration may be there before. Raises JournalError, and ConfigError for another's exchange.
    """
    path = config.data
    folder = _lock(path) if path.is_dir() else Folder.create(path)
    with contextlib.ExitStack() as unless_good:
        unless_good.callback(folder.close)
        wanted = config.exchange.exchange_id
        if not folder.journal.exists():
            _make_journal(folder, wanted or f"kirmash-{secrets.token_hex(8)}")
        elif wanted:
            with Reader(folder.journal) as reader:
                found = reader.exchange_id
            if found != wanted:
                raise ConfigError(f"exchange: exchange_id: the journal in {path} is of {found!r}, not of {wanted!r}")
        unless_good.pop_all()
    return folder


def _lock(path: Path) -> Folder:
    """The folder of a core that was killed may be held a moment longer by a rehearsal's fork of it. Raises JournalInUse
    at once where who holds it lives."""
    deadline = time.monotonic() + HEIR_SECONDS
    while True:
        try:
            return Folder(path)
        except JournalInUse as in_use:
            if time.monotonic() > deadline or in_use.pid == 0 or _lives(in_use.pid):
                raise
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _make_journal(folder: Folder, exchange_id: str) -> None:
    """An empty journal, whole or not at all. Raises NotAJournal where there was one that is missing now."""
    for name in (SNAPSHOTS, BLOBS, KEYS, VIEWS_FILE):
        if folder.path.joinpath(name).exists():
            raise NotAJournal(
                f"{folder.journal} is missing, but {name} of an exchange is there; put the journal back, "
                "or name another data folder"
            )
    Journal.create(folder.journal, exchange_id).close()


def make_core(folder: Folder, config: Config, *, views_beside: bool) -> Core:
    """A core for this folder, not started."""
    name = config.core.market or ("native" if native_is_installed() else "reference")
    settings = CoreSettings(
        load_market=market_loader(name),
        timetable=Timing(downtime_seconds=config.core.downtime_seconds, notice_seconds=config.core.notice_seconds),
        snapshot_every=config.core.snapshot_every,
        disk_warn_percent=config.core.disk_warn_percent,
        disk_close_percent=config.core.disk_close_percent,
        views_beside=views_beside,
        log=config.log,
    )
    return Core(folder, settings, name)


# The parts, each as the life of one process ----------------------------------------------------------------------


async def serve_core(config: Config) -> None:
    """A core and its socket, until a signal or a fault ends it."""
    planner = Planner(config)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(contextlib.closing(open_folder(config)))
        core = make_core(folder, config, views_beside=True)
        server = LinkServer(core, config.socket)
        # Ends last: all answers are written to it by then.
        stack.push_async_callback(server.close)
        stack.push_async_callback(core.stop)
        await core.start()
        try:
            await server.start()
        except OSError as error:
            raise ConfigError(f"core: socket: {config.socket}: {error.strerror or error}") from None
        planning = _plan(stack, core, planner)
        settle_collector()
        _log.info("core is up", socket=str(config.socket), number=core.published)
        await until_signal_or(core.ended, planning)


async def serve_gateway(config: Config) -> None:
    """The doors, until a signal ends them."""
    from kirmash.gateway.link import LinkExchange
    from kirmash.gateway.server import Gateway
    from kirmash.web import Site

    exchange = LinkExchange(config.socket)
    gateway = Gateway(config, exchange, Site)
    try:
        await _open(gateway.start())
        settle_collector()
        await until_signal_or(gateway.ended, exchange.ended)
    finally:
        await gateway.stop()


async def serve_one_process(config: Config) -> None:
    """Both in one event loop."""
    from kirmash.gateway.server import Gateway
    from kirmash.web import Site

    planner = Planner(config)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(contextlib.closing(open_folder(config)))
        core = make_core(folder, config, views_beside=False)
        stack.push_async_callback(core.stop)
        await core.start()
        planning = _plan(stack, core, planner)
        gateway = Gateway(config, LocalExchange(core), Site)
        stack.push_async_callback(gateway.stop)
        await _open(gateway.start())
        settle_collector()
        await until_signal_or(core.ended, gateway.ended, planning)


def run_part(part: Callable[[Config], Coroutine[Any, Any, None]], config: Config) -> None:
    """Run a part's life in an event loop of its own.

    Until it is up, a signal ends it as a crash would, which is safe at every moment: a recovery may take long, and
    nothing else could cut it short.
    """
    import uvloop

    _end_with_parent()
    # Or the loop would turn the first Ctrl-C into a cancellation, which a recovery in its thread does not hear.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    set_up_logging(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(part(config))


# The parent ------------------------------------------------------------------------------------------------------


def supervise(arguments: list[str], config: Config) -> int:
    """Run core and gateway as children, each started again when it dies; gives the exit code when all has ended."""
    set_up_logging(config)
    command = [sys.executable, "-m", "kirmash", *arguments]
    return asyncio.run(Supervisor(command, config.gateway.stop_seconds + STOP_MARGIN_SECONDS).run())


class Supervisor:
    """Keeps two children: the command with `--only core`, and with `--only gateway`."""

    def __init__(self, command: list[str], stop_seconds: float, *, restart_seconds: float = RESTART_SECONDS) -> None:
        self._command = command
        self._stop_seconds = stop_seconds
        self._restart_seconds = restart_seconds
        self._stopping = asyncio.Event()
        self._gateway_ended = asyncio.Event()
        self._code = _DONE

    async def run(self) -> int:
        """Until a signal, or until a child ends for good; gives the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await asyncio.gather(self._keep("core"), self._keep_gateway())
        return self._code

    async def _keep_gateway(self) -> None:
        try:
            await self._keep("gateway")
        finally:
            self._gateway_ended.set()

    async def _keep(self, part: str) -> None:
        wait = self._restart_seconds
        while not self._stopping.is_set():
            began = time.monotonic()
            # A session of its own: Ctrl-C in the terminal reaches the parent alone, which then ends both in order.
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "--only",
                part,
                start_new_session=True,
                env={**os.environ, PARENT: str(os.getpid())},
            )
            _log.info("a process is started", part=part, pid=process.pid)
            code = await self._code_of(process, part)
            if self._stopping.is_set():
                self._code = max(self._code, code)
                return
            if code in _NEVER_AGAIN:
                _log.error("a process ended for good", part=part, code=code)
                self._code = max(self._code, code)
                self._stopping.set()
                return
            if time.monotonic() - began > RESTART_SECONDS_MAX:
                wait = self._restart_seconds
            _log.error("a process died and is started again", part=part, code=code, seconds=wait)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            wait = min(wait * 2, RESTART_SECONDS_MAX)

    async def _code_of(self, process: asyncio.subprocess.Process, part: str) -> int:
        """Wait for the end of a child, or for the wish to stop, and then end it."""
        ended = asyncio.create_task(process.wait())
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not ended.done() and part == "core":
            # The gateway goes first: what it promised to cancel for those who are cut off needs open doors.
            gone = asyncio.create_task(self._gateway_ended.wait())
            await asyncio.wait({ended, gone}, timeout=self._stop_seconds, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait({ended}, timeout=self._stop_seconds)
        if not ended.done():
            _log.error("a process does not stop and is killed", part=part)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return await ended


def _end_with_parent() -> None:
    """Have the operating system send us SIGTERM when the parent that named itself dies, however it dies."""
    parent = os.environ.pop(PARENT, "")
    if not parent.isdigit():
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        # It died before the call above.
        raise SystemExit(_DONE)


# Helpers ---------------------------------------------------------------------------------------------------------


def _plan(stack: contextlib.AsyncExitStack, core: Core, planner: Planner) -> "asyncio.Future[None]":
    """Keep the sessions of the configuration planned until the stack is closed."""
    planning = asyncio.ensure_future(Planning(core, planner).run())
    stack.callback(planning.cancel)
    return planning


async def _open(starting: Coroutine[Any, Any, None]) -> None:
    """Wait for a gateway's start. Raises ConfigError where it cannot listen as the configuration says."""
    try:
        await starting
    except OSError as error:
        if error.errno not in _ADDRESS_ERRORS:
            raise
        raise ConfigError(f"gateway: {error.strerror}") from None


async def until_signal_or(*ended: asyncio.Future[Any]) -> None:
    """Wait for SIGTERM or SIGINT, or for one of these; raises what it raises."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def signalled() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    await asyncio.wait({stop, *ended}, return_when=asyncio.FIRST_COMPLETED)
    for future in ended:
        if future.done():
            future.result()


def settle_collector() -> None:
    """What start-up made stays; the collector need not look at it again and again, nor every few hundred objects at
    what is young: with its usual settings it took a third of a gateway's time (docs/internals/benchmarks.md)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
