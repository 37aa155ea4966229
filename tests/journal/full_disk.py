"""A process whose files may not grow beyond a limit, like a full disk: what the writer does then, told as JSON.

`python -m tests.journal.full_disk FOLDER`: commands until the storage refuses, then reads, then the limit is lifted,
and the command whose outcome was unknown is given again.
"""

import json
import resource
import signal
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.sequencer.answers import OutcomeUnknown, Refused
from kirmash.sequencer.writer import Writer
from tests.journal.stand_ins import register, stand_in

ROOM_BYTES = 600_000
PATIENCE_SECONDS = 60
CLOSED_SECONDS = 1.0


def give(writer: Writer, client_id: str) -> int | Refused:
    answer = writer.submit(codec.OPERATOR, "test", client_id, register(f"company-{client_id}"))
    error = answer.exception(PATIENCE_SECONDS)
    if isinstance(error, Refused):
        return error
    return answer.result().number


def give_until_closed(writer: Writer) -> tuple[dict[str, int], list[str], str]:
    """Commands one after another, each retried until it has a number, or the doors stay closed.

    The first full WAL closes them only for a moment: moved into the journal it makes room. Gives what was acknowledged,
    the ids whose outcome was unknown for a time, and the id at which it stayed so.
    """
    acknowledged: dict[str, int] = {}
    unknown: list[str] = []
    for at in count():
        client_id, closed_since = f"c-{at}", time.monotonic()
        while not isinstance(given := give(writer, client_id), int):
            if isinstance(given, OutcomeUnknown):
                unknown.append(client_id)
            elif time.monotonic() - closed_since > CLOSED_SECONDS:
                return acknowledged, unknown, client_id
            time.sleep(0.01)
        acknowledged[client_id] = given
    raise AssertionError


def main() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    told: dict[str, Any] = {}
    with Folder(Path(sys.argv[1])) as folder, Writer(folder, stand_in, retry_seconds=0.05) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))
        told["acknowledged"], told["unknown"], told["stuck"] = give_until_closed(writer)
        closed = give(writer, "while-closed")
        told["closed"] = [type(closed).__name__, str(closed), writer.doors.open]
        with Reader(folder.journal) as reader:
            told["read_while_closed"] = reader.head().number
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not writer.doors.open and time.monotonic() < deadline:
            time.sleep(0.01)
        told["retried"] = give(writer, told["stuck"])
        told["repeated"] = give(writer, "c-0")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
