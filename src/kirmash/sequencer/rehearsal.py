"""What a command would give, without giving it: a fork of the process decides it on its own copy of the deciders.

The child shares no memory with the writer that anybody could see: pages that it changes are copied for it alone, it
writes the events to a pipe and is gone; no file, socket or finalizer of the parent is touched. So the answer comes from
the very rules that would decide, at the state between two batches, and nothing can be numbered by it. The writer
stands still for the fork only (measured in docs/internals/benchmarks.md).
"""

import contextlib
import gc
import os
import select
import signal
import time
import warnings
from concurrent.futures import Future
from typing import Final

from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.units import Time
from kirmash.sequencer.answers import Unavailable
from kirmash.sequencer.machine import Machine

TIMEOUT_SECONDS: Final = 2
_CLIENT_ID: Final = "rehearsal"
_CHUNK: Final = 1 << 16
_BYTES_MAX: Final = 16 * 1024 * 1024


class RehearsalFailed(Exception):
    """The child gave no answer in time, or failed."""


def begin(machine: Machine, actor: Actor, origin: str, command: Command, now: Time) -> tuple[int, int]:
    """Fork; gives the child's id and the end of a pipe to read from. To be called where the machine stands still."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of every fork beside threads. The child takes no lock that a thread could hold: it decides,
        # writes to one pipe and leaves without cleaning up.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _decide(machine, actor, origin, command, now, writing)
    os.close(writing)
    return child, reading


def end(child: int, reading: int) -> bytes:
    """The events that the child found. Raises RehearsalFailed. Blocks until it has answered, at most two seconds."""
    data = bytearray()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        while len(data) < _BYTES_MAX:
            if not select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
                os.kill(child, signal.SIGKILL)
                break
            chunk = os.read(reading, _CHUNK)
            if not chunk:
                break
            data += chunk
    finally:
        os.close(reading)
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(child, 0)
    if not data or status != 0:
        raise RehearsalFailed("what the command would give could not be found out; try again")
    return bytes(data)


def finish(events: Future[bytes], child: int, reading: int) -> None:
    """Tell what `end` finds."""
    try:
        events.set_result(end(child, reading))
    except RehearsalFailed as failed:
        events.set_exception(Unavailable(str(failed)))


def _decide(machine: Machine, actor: Actor, origin: str, command: Command, now: Time, writing: int) -> None:
    """The child's whole life."""
    code = 1
    try:
        # Finalizers belong to the parent: no collection, and no way out but _exit.
        gc.disable()
        events = bytes(machine.submit(actor, origin, _CLIENT_ID, command, now)[-1].record.events)
        view = memoryview(events)
        while view:
            view = view[os.write(writing, view) :]
        code = 0
    finally:
        os._exit(code)
