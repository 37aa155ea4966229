"""The views in a process of their own: the same keeper (projecting.py), fed from the journal's file.

Parent and child speak by lines: down goes the number that the journal has reached, up come `N number` for what the
views hold and `F reason` for why they stand still (empty: they go on). The child ends when its input does, so it never
outlives a parent that was killed; one that dies is started again. Why a process: on the interpreter's lock the views
cost the writer more than everything else together (docs/internals/benchmarks.md).
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from kirmash.config import LogConfig
from kirmash.core import logs
from kirmash.core.projecting import STOP_SECONDS, Projecting
from kirmash.sequencer.machine import Decided

RESTART_SECONDS: Final = 0.5
FAILURE_SECONDS: Final = 1.0
NICENESS: Final = 10
"""The views come after the orders."""

_log: Final = structlog.get_logger("views")


class ViewsProcess:
    """Looks like a Projecting to the core. `told` is called in a thread with each number reached; `log` is how the
    child logs."""

    def __init__(self, journal: Path, views: Path, told: Callable[[int], None], log: LogConfig) -> None:
        module = ("-m", "kirmash.core.views_process")
        self._command = [sys.executable, *module, str(journal), str(views), log.level, log.format]
        self._told = told
        self._target = 0
        self._sent = 0
        self._changed = threading.Condition()
        self._stopping = self._died = False
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="views", daemon=True)
        self.number = 0
        """The views hold all records up to this one."""
        self.failure: str | None = None
        """Why the views stand still; the exchange trades on."""

    def start(self, target: int) -> None:
        """Begin, with the journal at this number, or where the writer has published more in the meantime."""
        self._target = self._target or target
        self._thread.start()

    def stop(self) -> None:
        """Bring the views up to what was committed, as far as that is quick, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            child = self._child
        if child is not None:
            self._aim(child)
            with contextlib.suppress(OSError):
                assert child.stdin is not None
                child.stdin.close()
        if self._thread.is_alive():
            self._thread.join(2 * STOP_SECONDS)
        if child is not None and child.poll() is None:
            child.kill()

    def take(self, decided: Sequence[Decided]) -> None:
        """Committed records, in number order. From the writer's thread; never blocks."""
        self._target = decided[-1].record.number
        # One number is on its way at most: the next follows when the child has said how far it is.
        if self._sent <= self.number and self._child is not None:
            self._aim(self._child)

    def _aim(self, child: subprocess.Popen[bytes]) -> None:
        self._sent = target = self._target
        assert child.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            os.write(child.stdin.fileno(), b"%d\n" % target)

    def _watch(self) -> None:
        while not self._stopping:
            with subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 (our own words)
                self._adopt(child)
                self._sent = 0
                self._aim(child)
                assert child.stdout is not None
                for line in child.stdout:
                    self._heard(child, line.decode().rstrip("\n"))
            if not self._stopping:
                self._died = True
                self.failure = f"the process of the views ended with {child.returncode}"
                _log.error("views stand still", reason=self.failure)
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, RESTART_SECONDS)

    def _adopt(self, child: subprocess.Popen[bytes]) -> None:
        with self._changed:
            self._child = child
            if self._stopping and child.stdin is not None:
                # The stop came before it could see this child.
                child.stdin.close()

    def _heard(self, child: subprocess.Popen[bytes], line: str) -> None:
        kind, _, text = line.partition(" ")
        if kind == "F":
            self.failure = text or None
            return
        self.number = int(text)
        if self._died:
            self._died, self.failure = False, None
            _log.info("views go on", number=self.number)
        if self._target > self._sent or self._sent > self.number:
            self._aim(child)
        self._told(self.number)


def main(journal: str, views: str, log: LogConfig) -> None:
    """The child's life."""
    # The terminal's Ctrl-C is the parent's to hear; he closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    logs.set_up(log)
    projecting = Projecting(Path(journal), Path(views), lambda number: _say(f"N {number}"))
    waiting = b""
    started = False
    said: str | None = None
    while True:
        if select.select([0], [], [], FAILURE_SECONDS)[0]:
            data = os.read(0, 65536)
            if not data:
                break
            waiting += data
            *lines, waiting = waiting.split(b"\n")
            if lines and not started:
                projecting.start(int(lines[-1]))
                started = True
            elif lines:
                projecting.aim(int(lines[-1]))
        if projecting.failure != said:
            said = projecting.failure
            _say(f"F {(said or '').splitlines()[0] if said else ''}")
    if started:
        projecting.stop()


def _say(line: str) -> None:
    # A parent that is gone is told nothing; our input says so next.
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], msgspec.convert({"level": sys.argv[3], "format": sys.argv[4]}, LogConfig))
