"""The disk as gateways see it: full at a commit, nearly full, and views that lag or cannot be written."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from kirmash.core.projecting import Projecting
from kirmash.core.views_process import ViewsProcess
from kirmash.gateway.link import LinkExchange
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.projections.projector import Projector, ViewsFailed, ViewsStale
from kirmash.sequencer import alive
from kirmash.sequencer.answers import OutcomeUnknown, Refused, Unavailable
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.timetable import Timing
from tests.core.hall import SELLER, Hall, Heard, credit, gateway, order, run, until
from tests.sequencer.gate import Gate


async def until_taken(heard: Heard, client_id: str) -> int:
    """Repeat a command as the book says: with the same id, for as long as it is refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                return (await heard.give(order(), client_id, SELLER)).number
            except (OutcomeUnknown, Unavailable):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_full_disk_is_unknown_then_closed_then_open_again(moment: str, tmp_path: Path) -> None:
    """Nothing is told that is not durable; the doors say why they are shut, and open by themselves."""
    gate = Gate()

    async def scene() -> None:
        hall = Hall(tmp_path / "data", commit_hook=gate, watch_seconds=0.02)
        async with hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            gate.broken = moment  # type: ignore[assignment]
            with pytest.raises(OutcomeUnknown):
                await heard.give(order(), "o-1", SELLER)
            assert heard.numbers[-1] == last
            if moment == "before commit":
                await until(lambda: heard.doors[-1] is False)
                with pytest.raises(Unavailable, match="No space left"):
                    await heard.give(order(), "o-2", SELLER)
                status = await heard.exchange.status()
                assert (status.doors_open, status.number) == (False, last)
            gate.broken = None
            # Whether it was durable or not: by the same id it stands there once.
            assert await until_taken(heard, "o-1") == last + 1
            await until(lambda: heard.doors[-1] is True)
            assert (await heard.give(order(), "o-2", SELLER)).number == last + 2
            assert heard.numbers == list(range(1, last + 3))
        ids = [record.client_id for record in hall.journal()]
        assert ids.count("o-1") == 1
        hall.verify()

    run(scene())


def test_below_two_per_cent_no_commands_are_taken_and_all_can_be_read(tmp_path: Path) -> None:
    free = [50]

    async def scene() -> None:
        hall = Hall(tmp_path / "data", disk_usage=lambda _: (100, free[0]), watch_seconds=0.02)
        async with hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            free[0] = 2
            await asyncio.sleep(0.1)
            assert (await heard.give(order(), "at-two", SELLER)).number == last + 1
            free[0] = 1
            await until(lambda: heard.doors[-1] is False)
            with pytest.raises(Unavailable, match="less than 2 % of the disk is free"):
                await heard.give(order(), "o-1", SELLER)
            assert (await heard.exchange.record(1)).records
            status = await heard.exchange.status()
            assert (status.doors_open, status.disk_free, status.disk_total) == (False, 1, 100)
            free[0] = 30
            await until(lambda: heard.doors[-1] is True)
            assert (await heard.give(order(), "o-1", SELLER)).number == last + 2

    run(scene())


def test_a_folder_that_cannot_be_looked_at_closes_the_doors(tmp_path: Path) -> None:
    broken = [False]

    def usage(_: Path) -> tuple[int, int]:
        if broken[0]:
            raise OSError(5, os.strerror(5))
        return 100, 50

    async def scene() -> None:
        async with Hall(tmp_path / "data", disk_usage=usage, watch_seconds=0.02) as hall:
            exchange = LinkExchange(hall.socket)
            await exchange.start()
            broken[0] = True
            await asyncio.sleep(0.2)
            with pytest.raises(Refused, match="Input/output error"):
                await exchange.submit(SELLER, "test", "o-1", order())
            await exchange.close()

    run(scene())


# The views ---------------------------------------------------------------------------------------------------------


def recorded(path: Path, count: int) -> list[Decided]:
    """A journal of so many orders, as the writer publishes them."""

    async def scene() -> None:
        async with Hall(path) as hall, gateway(hall.socket) as heard:
            await heard.set_the_stage()
            await heard.exchange.submit_many([(SELLER, "test", f"o-{at}", order()) for at in range(count)])
            await until(lambda: heard.projected == hall.core.published)

    run(scene())
    (path / "views.db").unlink()
    with Reader(path / "journal.db") as reader:
        return [Decided(codec.decode_record(data), data, chain) for _, data, chain in reader.records(0)]


def reached(projecting: Projecting, target: int) -> None:
    """Wait until the views are there."""
    deadline = time.monotonic() + 20
    while projecting.number < target:
        assert time.monotonic() < deadline, projecting.failure
        time.sleep(0.01)


def test_views_that_lag_are_fed_from_the_journal_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More is published than is kept in memory; what was dropped comes from the journal."""
    monkeypatch.setattr("kirmash.core.projecting.BACKLOG_RECORDS", 50)
    monkeypatch.setattr("kirmash.core.projecting.BATCH_RECORDS", 7)
    decided = recorded(tmp_path / "data", 400)
    told: list[int] = []
    projecting = Projecting(tmp_path / "data/journal.db", tmp_path / "views.db", told.append)
    projecting.start(0)
    for at in range(0, len(decided), 3):
        projecting.take(decided[at : at + 3])
    reached(projecting, len(decided))
    projecting.stop()
    assert told == sorted(set(told))
    with Projector.open(tmp_path / "views.db", tmp_path / "data/journal.db") as live:
        assert (live.checkpoint, live.chain) == (len(decided), decided[-1].chain)


def test_a_start_does_not_forget_what_was_published_before_it(tmp_path: Path) -> None:
    """The writer numbers what it owes before the views are begun; no later record has to come for those."""
    decided = recorded(tmp_path / "data", 5)
    projecting = Projecting(tmp_path / "data/journal.db", tmp_path / "views.db", lambda _: None)
    projecting.take(decided)
    projecting.start(3)
    reached(projecting, len(decided))
    projecting.stop()


def test_two_never_write_the_views_at_once(tmp_path: Path) -> None:
    """What a killed core leaves behind has to end first; then the other goes on from where it was."""
    decided = recorded(tmp_path / "data", 50)
    views, journal = tmp_path / "views.db", tmp_path / "data/journal.db"
    left, fresh = (Projecting(journal, views, lambda _: None) for _ in range(2))
    left.start(10)
    reached(left, 10)
    fresh.start(len(decided))
    time.sleep(0.5)
    assert fresh.number == 0
    left.aim(20)
    reached(left, 20)
    left.stop()
    reached(fresh, len(decided))
    fresh.stop()
    assert fresh.failure is None
    with Projector.open(views, journal) as kept:
        assert (kept.checkpoint, kept.chain) == (len(decided), decided[-1].chain)


def test_the_views_have_a_process_of_their_own_that_is_started_again(tmp_path: Path) -> None:
    """Killed, it comes again and goes on; it ends with the core."""

    async def scene() -> None:
        async with Hall(tmp_path / "data", views_beside=True) as hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            await until(lambda: heard.projected == last)
            keeper = hall.core._projecting
            assert isinstance(keeper, ViewsProcess)
            assert keeper._child is not None
            first = keeper._child
            first.kill()
            await until(lambda: keeper._child is not first and keeper.failure is None)
            answer = await heard.give(order(), "o-1", SELLER)
            await until(lambda: heard.projected == answer.number)
            child = keeper._child
        assert child.poll() == 0

    run(scene())


@pytest.mark.parametrize("failure", [ViewsFailed(28, "No space left on device"), ViewsStale("a row is not unique")])
def test_views_that_cannot_be_written_say_so_and_go_on_later(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is tried again; damaged views are made anew. The exchange trades on meanwhile."""
    decided = recorded(tmp_path / "data", 5)
    apply, failures = Projector.apply, [failure, failure] if isinstance(failure, ViewsFailed) else [failure]
    seen: list[str | None] = []
    projecting = Projecting(tmp_path / "data/journal.db", tmp_path / "views.db", lambda _: None, retry_seconds=0.05)

    def failing(self: Projector, entries: list[tuple[object, bytes]]) -> None:
        seen.append(projecting.failure)
        if failures:
            raise failures.pop()
        apply(self, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(Projector, "apply", failing)
    projecting.start(len(decided))
    reached(projecting, len(decided))
    projecting.stop()
    assert seen[0] is None
    assert str(failure) in seen[1:] or isinstance(failure, ViewsStale)
    assert projecting.failure is None


def test_a_stop_does_not_wait_for_views_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decided = recorded(tmp_path / "data", 5)

    def failing(*_: object) -> None:
        raise ViewsFailed(28, "No space left on device")

    monkeypatch.setattr(Projector, "apply", failing)
    projecting = Projecting(tmp_path / "data/journal.db", tmp_path / "views.db", lambda _: None, retry_seconds=60)
    projecting.start(len(decided))
    projecting.stop()
    assert not projecting._thread.is_alive()


def test_a_sign_of_life_is_left_every_second_and_none_while_nothing_can_be_written(tmp_path: Path) -> None:
    """PS-11.5: what a start takes for the last moment at which the exchange was there. No follower is told of it."""
    now, gate = [1_800_000_000], Gate()
    file = tmp_path / "data" / alive.ALIVE_FILE

    def seen() -> int | None:
        time = alive.last_seen(file.parent, "hall", 10**9, (now[0], 0)) if file.exists() else None
        return None if time is None else time[0]

    async def scene() -> None:
        async with (
            Hall(
                tmp_path / "data",
                timetable=Timing(),
                clock=lambda: (now[0], 0),
                commit_hook=gate,
                watch_seconds=0.02,
            ) as hall,
            gateway(hall.socket) as heard,
        ):
            for _ in range(2):
                now[0] += 100
                await until(lambda: seen() == now[0])
            gate.broken = "before commit"
            with pytest.raises(OutcomeUnknown):
                await heard.give(credit(), "c-1")
            now[0] += 100
            # What was on its way has arrived.
            await asyncio.sleep(0.1)
            file.unlink()
            await asyncio.sleep(0.2)
            assert not file.exists()
            gate.broken = None
            await until(lambda: seen() == now[0])
            assert heard.records == []

    run(scene())


def test_an_exchange_that_can_leave_no_sign_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data", timetable=Timing(), watch_seconds=0.02) as hall:
            file = hall.path / alive.ALIVE_FILE
            await until(file.exists)
            file.unlink()
            file.mkdir()
            async with gateway(hall.socket) as heard:
                assert (await heard.give(credit(), "c-1")).number == 1
            await asyncio.sleep(0.1)
            assert not hall.core.ended.done()

    run(scene())
