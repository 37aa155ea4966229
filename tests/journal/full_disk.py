"""A process whose files may not grow beyond a limit, like a full disk: what the writer does then, told as JSON.

`python -m tests.journal.full_disk FOLDER MARKET`: a day's commands until the storage refuses, then reads, then the
limit is lifted, and the command whose outcome was unknown is given again.
"""

import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.market.choice import market_loader
from kirmash.sequencer.answers import OutcomeUnknown, Refused
from kirmash.sequencer.writer import Writer
from tests.journal.trade import Given, day

ROOM_BYTES = 600_000
PATIENCE_SECONDS = 60
CLOSED_SECONDS = 1.0


def give(writer: Writer, given: Given) -> int | Refused:
    actor, client_id, command = given
    answer = writer.submit(actor, "test", client_id, command)
    error = answer.exception(PATIENCE_SECONDS)
    if isinstance(error, Refused):
        return error
    return answer.result().number


def give_until_closed(writer: Writer) -> tuple[dict[str, int], list[str], Given]:
    """Commands one after another, each retried until it has a number, or the doors stay closed.

    The first full WAL closes them only for a moment: moved into the journal it makes room. Gives what was acknowledged,
    the ids whose outcome was unknown for a time, and the command at which it stayed so.
    """
    acknowledged: dict[str, int] = {}
    unknown: list[str] = []
    for given in day("c"):
        _, client_id, _ = given
        closed_since = time.monotonic()
        while not isinstance(number := give(writer, given), int):
            if isinstance(number, OutcomeUnknown):
                unknown.append(client_id)
            elif time.monotonic() - closed_since > CLOSED_SECONDS:
                return acknowledged, unknown, given
            time.sleep(0.01)
        acknowledged[client_id] = number
    raise AssertionError


def main() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    told: dict[str, Any] = {}
    path, market = Path(sys.argv[1]), market_loader(sys.argv[2])
    first = next(day("c"))
    with Folder(path) as folder, Writer(folder, market, retry_seconds=0.05) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))
        told["acknowledged"], told["unknown"], stuck = give_until_closed(writer)
        told["stuck"] = stuck[1]
        closed = give(writer, first)
        told["closed"] = [type(closed).__name__, str(closed), writer.doors.open]
        with Reader(folder.journal) as reader:
            told["read_while_closed"] = reader.head().number
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not writer.doors.open and time.monotonic() < deadline:
            time.sleep(0.01)
        told["retried"] = give(writer, stuck)
        told["repeated"] = give(writer, first)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
