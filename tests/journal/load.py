"""A process that writes a data folder under load from several threads and tells each answer that it got.

`python -m tests.journal.load FOLDER --market M --round N` prints `ready`, then `give CLIENT_ID` and
`ack CLIENT_ID NUMBER DIGEST`, one line a write, until it is killed. What opens the exchange is given first in every
round, then the ids named with --retry, each with the command that it had. The commits are delayed: without a delay a
writer that answers before it commits would go unnoticed. --early puts such a writer in.
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
from kirmash.market.choice import market_loader
from kirmash.sequencer.answers import Answer, Refused
from kirmash.sequencer.writer import InternalFault, Writer
from tests.journal.trade import Given, command_of, digest, opening

THREADS = 4
IN_FLIGHT = 12


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


def submit(writer: Writer, given: Given) -> Future[Answer]:
    actor, client_id, command = given
    tell(f"give {client_id}")
    answer = writer.submit(actor, "load", client_id, command)

    def told(done: Future[Answer]) -> None:
        if done.exception() is None:
            tell(f"ack {client_id} {done.result().number} {digest(done.result())}")

    answer.add_done_callback(told)
    return answer


def of_the_day(client_id: str) -> Given:
    actor, command = command_of(client_id)
    return actor, client_id, command


def work(writer: Writer, thread: int, round_: int, retry: Sequence[str]) -> None:
    flying = [submit(writer, of_the_day(client_id)) for client_id in retry]
    at = 0
    while writer.doors.open:
        while len(flying) < IN_FLIGHT:
            flying.append(submit(writer, of_the_day(f"{round_}-{thread}-{at}")))
            at += 1
        try:
            flying.pop(0).result()
        except Refused:
            continue


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--market", default="reference")
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--delay-ms", type=int, default=4)
    parser.add_argument("--retry", default="")
    parser.add_argument("--early", action="store_true")
    arguments = parser.parse_args()
    if arguments.early:
        plant_early_answers()
    try:
        with Folder(arguments.folder) as folder:
            hook, load = Delays(arguments.delay_ms, arguments.round), market_loader(arguments.market)
            with Writer(folder, load, commit_hook=hook, snapshot_every=150) as writer:
                tell("ready")
                for answer in [submit(writer, given) for given in opening()]:
                    answer.result()
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
