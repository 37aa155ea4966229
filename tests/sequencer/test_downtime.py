"""Stops, starts and failures under a timetable: nothing lost or doubled, and nobody finds trading open the moment after
a downtime (PS-11.5, PS-13.25). Each test ends with a journal that `verify` replays (day.py).
"""

import shutil
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Moment
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import Mechanism, OpenOrders, Side
from kirmash.sequencer import alive, faults
from kirmash.sequencer.alive import Sign
from kirmash.sequencer.answers import OutcomeUnknown
from kirmash.sequencer.writer import InternalFault, Writer
from tests.sequencer.day import ANT, CALL_DAY, CDCA_DAY, EXCHANGE, NOTHING, USUAL, Day, at, day, move, order, session
from tests.sequencer.gate import PATIENCE_SECONDS

MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
both_markets = pytest.mark.parametrize("market", MARKETS)

SHORT = "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300"
LONG = "INTAKE 0 TRADING 200 CLOSING 300 CLOSED 400"
HALT = c.HaltSession(session="s", reason="fire alarm")


def after(exchange: Day) -> list[str]:
    """What was numbered since the last look, once a further command has been."""
    exchange.give(NOTHING)
    *before, last = exchange.numbered()
    assert "mass_cancel" in last
    return before


def last_record_at(exchange: Day, seconds: int) -> None:
    exchange.tick(seconds)
    exchange.give(NOTHING)


# Silence ---------------------------------------------------------------------------------------------------------


@both_markets
@pytest.mark.parametrize("silence", [29, 30])
def test_a_start_after_a_short_silence_goes_on(tmp_path: Path, market: str, silence: int) -> None:
    """What came due meanwhile runs as if nothing had been, in its order."""
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.give(order(Side.BUY, at(99)), ANT)
        last_record_at(exchange, 80)
        exchange.restart(80 + silence)
        assert after(exchange) == [
            f"{80 + silence} timetable expire_orders s order 1",
            f"{80 + silence} timetable change_phase s INTAKE>TRADING",
        ]


@both_markets
@pytest.mark.parametrize("nanoseconds", [1, 10**9])
def test_a_start_after_a_longer_silence_halts_and_waits(tmp_path: Path, market: str, nanoseconds: int) -> None:
    """By session id, before anything else; what the plans said waits for the return and moves with it."""
    with day(tmp_path / "data", market, session("s", LONG), session("r", LONG)) as exchange:
        last_record_at(exchange, 80)
        exchange.restart(110, nanoseconds)
        exchange_start, start = exchange.now, exchange.now[0] - at(0)[0]
        assert exchange.numbered() == [f"{start} timetable halt_session r", f"{start} timetable halt_session s"]
        halted = codec.decode_events(exchange.published[-1].record.events)[0]
        assert isinstance(halted, e.SessionHalted)
        assert halted.reason == "recovery"
        exchange.tick(1_000)
        assert after(exchange) == []
        exchange.give(c.ResumeSession(session="s", resume_at=at(1_400)))
        exchange.tick(1_400)
        assert exchange.until_numbered(2)[1:] == ["1400 timetable change_phase s HALTED>INTAKE"]
        # The halt began at the start, so TRADING comes (1,400 - start) later than planned, and not a nanosecond sooner.
        lost = (at(1_400)[0] - exchange_start[0]) * 10**9 - exchange_start[1]
        exchange.now = at(200, lost - 1)
        assert after(exchange) == []
        exchange.now = at(200, lost)
        assert len(after(exchange)) == 1


def left(exchange: Day, seconds: int, exchange_id: str = EXCHANGE, ahead: int = 0) -> None:
    """A sign of life of this moment, by an exchange that had this journal, or `ahead` records more."""
    alive.leave(exchange.path, Sign(exchange_id, exchange.published[-1].record.number + ahead, at(seconds)))


@both_markets
def test_a_thin_market_is_not_halted_by_a_short_restart(tmp_path: Path, market: str) -> None:
    """PS-11.5: nobody gave a command for ten minutes, and the exchange was there until five seconds before."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 700 CLOSING 800 CLOSED 900")) as exchange:
        last_record_at(exchange, 5)
        left(exchange, 605)
        exchange.restart(610)
        assert after(exchange) == []
        left(exchange, 640)
        exchange.restart(671)
        assert exchange.numbered() == ["671 timetable halt_session s"]


@both_markets
def test_a_sign_older_than_the_last_record_counts_for_nothing(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", LONG)) as exchange:
        left(exchange, 20)
        last_record_at(exchange, 80)
        exchange.restart(110)
        assert after(exchange) == []


@both_markets
@pytest.mark.parametrize("sign", ["none", "damaged", "cut", "empty", "foreign", "of a longer journal", "of the future"])
def test_without_a_good_sign_the_last_record_counts(tmp_path: Path, market: str, sign: str) -> None:
    """PS-13.25: in doubt the session is halted."""
    with day(tmp_path / "data", market, session("s", LONG)) as exchange:
        last_record_at(exchange, 50)
        exchange.writer.stop()
        match sign:
            case "foreign":
                left(exchange, 99, "another exchange")
            case "of a longer journal":
                left(exchange, 99, ahead=1)
            case "of the future":
                left(exchange, 101)
            case "none":
                pass
            case _:
                left(exchange, 99)
                file = exchange.path / alive.ALIVE_FILE
                data = {"damaged": b"\xff" + file.read_bytes(), "cut": file.read_bytes()[:-9], "empty": b""}[sign]
                file.write_bytes(data)
        exchange.numbered()
        exchange.start(100)
        assert exchange.numbered() == ["100 timetable halt_session s"]


def test_a_writer_gives_a_sign_while_it_takes_commands_and_reads_its_clock(tmp_path: Path) -> None:
    """Also where nothing is planned any more; none while the storage takes no writes."""
    with day(tmp_path / "data", "reference", session("s", SHORT)) as exchange:
        exchange.give(c.CancelSession(session="s", reason="no goods"))
        number = exchange.published[-1].record.number
        exchange.tick(700)
        seen_within(exchange, Sign(EXCHANGE, number, at(700)))
        exchange.gate.broken = "before commit"
        exchange.send(NOTHING).exception(PATIENCE_SECONDS)
        assert exchange.writer.sign is None
        exchange.gate.broken = None
        until_open(exchange)
        exchange.tick(701)
        seen_within(exchange, Sign(EXCHANGE, number, at(701)))


def seen_within(exchange: Day, sign: Sign) -> None:
    """The writer looks at its clock once a second at least."""
    pause, tries = threading.Event(), 0
    while exchange.writer.sign != sign:
        tries += 1
        assert tries < 400, exchange.writer.sign
        pause.wait(0.01)


@both_markets
def test_every_phase_of_trading_is_halted_and_no_other(tmp_path: Path, market: str) -> None:
    """PS-11.5: INTAKE … DEAL_MAKING; a halted session stays as it is, one that is over, too."""
    phases = CALL_DAY.split()[::2]
    plan = " ".join(f"{phase} {9_000 + place}" for place, phase in enumerate(phases))
    sessions = [session(f"{place}-{phase}", plan, Mechanism.CALL) for place, phase in enumerate(phases)]
    halted, cancelled = session("x-halted", SHORT.replace(" 0", " 1")), session("y-cancelled", SHORT)
    with day(tmp_path / "data", market, *sessions, halted, cancelled) as exchange:
        for place, made in enumerate(sessions):
            for before, following in pairwise(phases[: place + 1]):
                exchange.give(move(before, following, made.session))
        exchange.give(c.HaltSession(session="x-halted", reason="fire alarm"))
        exchange.give(c.CancelSession(session="y-cancelled", reason="no goods"))
        exchange.restart(60)
        found = [it.split()[-1].split("-")[-1] for it in exchange.numbered()]
        assert found == ["INTAKE", "ADMISSION", "OPENING", "TRADING", "SELLER_CORRECTION", "DEAL_MAKING"]
        # A second start finds nothing left to halt.
        exchange.restart(61)
        assert after(exchange) == []


@both_markets
def test_an_announced_return_is_withdrawn(tmp_path: Path, market: str) -> None:
    """PS-13.25: else trading would open at a time of which nobody could be sure that the exchange would be there."""
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.give(HALT)
        exchange.give(c.ResumeSession(session="s", resume_at=at(400)))
        exchange.restart(20)
        assert after(exchange) == []
        exchange.restart(390)
        assert exchange.numbered() == ["390 timetable halt_session s"]
        exchange.tick(500)
        assert after(exchange) == []
        exchange.restart(1_000)
        assert after(exchange) == []


@both_markets
def test_a_session_that_would_open_behind_a_downtime_is_halted_as_it_enters(tmp_path: Path, market: str) -> None:
    """PS-13.25: SCHEDULED cannot be halted; its INTAKE, TRADING and CLOSING were planned for the silence. One that is
    in CLOSING is closed, and what ended meanwhile has expired."""
    sessions = (session("s", CDCA_DAY), session("c", "INTAKE 0 TRADING 1 CLOSING 2 CLOSED 450"), session("u", SHORT))
    with day(tmp_path / "data", market, *sessions) as exchange:
        exchange.give(order(Side.BUY, at(90), "u"), ANT)
        exchange.tick(50)
        assert [it.split()[-1] for it in exchange.until_numbered(3)[1:]] == ["INTAKE>TRADING", "TRADING>CLOSING"]
        exchange.restart(550)
        assert exchange.numbered() == [
            "550 timetable halt_session u",
            "550 timetable expire_orders u order 1",
            "550 timetable change_phase s SCHEDULED>INTAKE",
            "550 timetable halt_session s",
            "550 timetable change_phase c CLOSING>CLOSED",
        ]


@both_markets
def test_what_the_market_is_owed_comes_before_the_halts(tmp_path: Path, market: str) -> None:
    """PS-13.25, PS-7.4: killed after a suspension, before its follow-up had a number."""
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.writer.stop()
        exchange.owe(c.SuspendParticipant(participant="ant", open_orders=OpenOrders.KEEP, reason="fees"), 10)
        exchange.start(41)
        assert exchange.until_numbered(2) == ["41 admission set_admission", "41 timetable halt_session s"]


@both_markets
def test_a_new_exchange_and_one_that_only_sleeps_are_not_down(tmp_path: Path, market: str) -> None:
    """An empty journal has no last record; silence alone halts nothing while the exchange runs."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 9000 CLOSING 9500 CLOSED 9600")) as exchange:
        exchange.tick(5_000)
        assert after(exchange) == []
        exchange.tick(9_000)
        assert exchange.until_numbered(1) == ["9000 timetable change_phase s INTAKE>TRADING"]


@both_markets
def test_a_restart_in_the_middle_of_the_day_goes_on(tmp_path: Path, market: str) -> None:
    """Also from the state of a halted session with an announcement, and with orders that end."""
    with day(tmp_path / "data", market, session("s", SHORT), session("h", SHORT)) as exchange:
        exchange.give(order(Side.BUY, at(150)), ANT)
        exchange.give(c.HaltSession(session="h", reason="fire alarm"))
        exchange.give(c.ResumeSession(session="h", resume_at=at(310)))
        seen: list[str] = []
        for seconds in range(20, 520, 10):
            exchange.restart(seconds)
            seen += after(exchange)
        assert seen == [
            "100 timetable change_phase s INTAKE>TRADING",
            "150 timetable expire_orders s order 1",
            "200 timetable change_phase s TRADING>CLOSING",
            "300 timetable change_phase s CLOSING>CLOSED",
            "310 timetable change_phase h HALTED>INTAKE",
            "410 timetable change_phase h INTAKE>TRADING",
            "510 timetable change_phase h TRADING>CLOSING",
        ]


@both_markets
def test_killed_in_the_commit_of_the_timetable_it_is_done_once(tmp_path: Path, market: str) -> None:
    """The files as they lie there while the commit is under way are what a kill leaves behind."""
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        last_record_at(exchange, 99)
        exchange.gate.hold()
        exchange.tick(100)
        assert exchange.gate.waiting.wait(PATIENCE_SECONDS)
        shutil.copytree(tmp_path / "data", tmp_path / "killed")
        exchange.gate.open.set()
        assert exchange.until_numbered(2)[1:] == ["100 timetable change_phase s INTAKE>TRADING"]
        exchange.tick(200)
        exchange.until_numbered(1)
        exchange.writer.stop()
        first = Reader(exchange.folder.journal)
        with first, Folder(tmp_path / "killed") as folder:
            clock = at(110)
            with Writer(folder, market_loader(market), clock=lambda: clock, timetable=USUAL) as writer:
                writer.submit(codec.OPERATOR, "test", "after", NOTHING).result(PATIENCE_SECONDS)
            with Reader(folder.journal) as again:
                one, other = ([codec.decode_record(data) for _, data, _ in it.records()] for it in (first, again))
        assert [it.command for it in other[:-1]] == [it.command for it in one[:-1]]
        assert (other[-2].time, other[-1].client_id) == (at(110), "after")


# Storage and faults ----------------------------------------------------------------------------------------------


@both_markets
@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_failed_commit_of_the_timetable_loses_and_doubles_nothing(
    tmp_path: Path, market: str, moment: Moment
) -> None:
    """Idle for 90 s before: that was no downtime, because the exchange was there all the time."""
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.gate.broken = moment
        exchange.tick(100)
        pause = threading.Event()
        while exchange.writer.doors.open:
            pause.wait(0.005)
        exchange.gate.broken = None
        assert exchange.until_numbered(1) == ["100 timetable change_phase s INTAKE>TRADING"]
        until_open(exchange)
        exchange.tick(200)
        assert exchange.until_numbered(1) == ["200 timetable change_phase s TRADING>CLOSING"]


@both_markets
@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_failed_commit_of_a_command_and_what_was_due_before_it(tmp_path: Path, market: str, moment: Moment) -> None:
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.gate.broken = moment
        exchange.now = at(100)
        error = exchange.send(order(Side.BUY), ANT, "order").exception(PATIENCE_SECONDS)
        assert isinstance(error, OutcomeUnknown)
        exchange.gate.broken = None
        until_open(exchange)
        exchange.told(exchange.send(order(Side.BUY), ANT, "order"))
        assert exchange.numbered() == ["100 timetable change_phase s INTAKE>TRADING", "100 t-ant place_order"]


@both_markets
def test_a_storage_that_fails_for_long_is_a_downtime(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", SHORT)) as exchange:
        exchange.gate.broken = "before commit"
        exchange.tick(50)
        exchange.send(NOTHING).exception(PATIENCE_SECONDS)
        # A sign from before the failure is older than the failure, and none that somebody leaves meanwhile counts.
        left(exchange, 80)
        exchange.now = at(81)
        exchange.gate.broken = None
        assert exchange.until_numbered(1) == ["81 timetable halt_session s"]
        until_open(exchange)


def until_open(exchange: Day) -> None:
    """A failed write closes the doors; they open by themselves."""
    pause = threading.Event()
    while not exchange.writer.doors.open:
        pause.wait(0.005)


def test_a_fault_in_a_timetable_command_is_kept_with_its_name(tmp_path: Path) -> None:
    """Nothing of it is committed, and the file says which command it was."""
    with day(tmp_path / "data", "reference", session("s", SHORT.replace("100", "20"))) as exchange:
        number = exchange.published[-1].record.number
        apply = exchange.writer._machine.market.apply

        def broken(frame: bytes) -> bytes:
            assert codec.decode_frame(frame).actor != "timetable", "the market was told to fail"
            return apply(frame)

        vars(exchange.writer._machine.market)["apply"] = broken
        exchange.tick(20)
        with pytest.raises(InternalFault, match="told to fail"):
            exchange.writer.wait()
        fault = faults.read(exchange.path / f"fault-{number + 1}.bin")
        assert (fault.actor, fault.client_id) == ("timetable", str(number + 1))
        assert codec.decode_command(fault.command) == move("INTAKE", "TRADING")
        exchange.start(30)
        assert after(exchange) == ["30 timetable change_phase s INTAKE>TRADING"]
