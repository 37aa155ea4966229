"""A process that writes a data folder under load from several threads and tells each answer that it got.

`python -m tests.journal.load FOLDER --round N` prints `ready`, then `give CLIENT_ID` and `ack CLIENT_ID NUMBER`, one
line a write, until it is killed. Ids named with --retry come first, with the commands that they had. The commits are
delayed: without a delay a writer that answers before it commits would go unnoticed. --early puts such a writer in.
"""

import argparse
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from kirmash.journal.errors import JournalError
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import ClientKey, Entry, Journal, Moment
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.sequencer.answers import Answer, Refused
from kirmash.sequencer.writer import InternalFault, Writer
from tests.journal.made import TRADER
from tests.journal.stand_ins import accredit, band, register, stand_in

THREADS = 4
IN_FLIGHT = 12


def command_of(client_id: str) -> tuple[Actor, Command]:
    """The command that belongs to an id; a retry after a kill gives the same."""
    kind = int(client_id.rpartition("-")[2]) % 3
    if kind == 0:
        return codec.OPERATOR, register(f"company-{client_id}")
    if kind == 1:
        return codec.OPERATOR, accredit(f"company-{client_id}")
    return TRADER, band("session", client_id)


def plant_early_answers() -> None:
    """The defect: the journal appends in a thread of its own, so that the writer answers while the commit runs."""
    append, find = Journal.append, Journal.find
    running: list[threading.Thread] = []

    def settle() -> None:
        while running:
            running.pop().join()

    def append_late(journal: Journal, entries: Sequence[Entry]) -> None:
        settle()
        running.append(threading.Thread(target=append, args=(journal, entries), daemon=True))
        running[0].start()

    def find_settled(journal: Journal, keys: Sequence[ClientKey]) -> dict[ClientKey, int]:
        settle()
        return find(journal, keys)

    for name, planted in (("append", append_late), ("find", find_settled)):
        setattr(Journal, name, planted)


class Delays:
    """Holds each commit for a random time below the given one."""

    def __init__(self, most_ms: int, seed: int) -> None:
        self._most_ms = most_ms
        self._chance = random.Random(seed)

    def __call__(self, _: Moment) -> None:
        time.sleep(self._chance.random() * self._most_ms / 1000)


def tell(line: str) -> None:
    """One line in one write: a kill leaves it whole or out."""
    os.write(1, f"{line}\n".encode())


def submit(writer: Writer, client_id: str) -> Future[Answer]:
    actor, command = command_of(client_id)
    answer = writer.submit(actor, "load", client_id, command)

    def told(done: Future[Answer]) -> None:
        if done.exception() is None:
            tell(f"ack {client_id} {done.result().number}")

    answer.add_done_callback(told)
    return answer


def work(writer: Writer, thread: int, round_: int, retry: Sequence[str]) -> None:
    flying = [submit(writer, client_id) for client_id in retry]
    at = 0
    while writer.doors.open:
        while len(flying) < IN_FLIGHT:
            tell(f"give {round_}-{thread}-{at}")
            flying.append(submit(writer, f"{round_}-{thread}-{at}"))
            at += 1
        try:
            flying.pop(0).result()
        except Refused:
            continue


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--delay-ms", type=int, default=4)
    parser.add_argument("--retry", default="")
    parser.add_argument("--early", action="store_true")
    arguments = parser.parse_args()
    if arguments.early:
        plant_early_answers()
    try:
        with Folder(arguments.folder) as folder:
            hook = Delays(arguments.delay_ms, arguments.round)
            with Writer(folder, stand_in, commit_hook=hook, snapshot_every=150) as writer:
                tell("ready")
                retry = [client_id for client_id in arguments.retry.split(",") if client_id]
                threads = [
                    threading.Thread(target=work, args=(writer, at, arguments.round, retry[at::THREADS]), daemon=True)
                    for at in range(THREADS)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
    except (JournalError, InternalFault) as error:
        print(f"load: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
