"""The timetable: due commands before all others, halts and returns, ends of orders, downtimes (PS-11, PS-13.21 ff.).

Every test ends with a journal that `verify` replays (day.py). Numbers in the lines are seconds after noon.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import ActorKind, CancelReason, Mechanism, OpenOrders, Phase, Side
from kirmash.messages.rejects import Reason
from kirmash.office import Office
from kirmash.sequencer.answers import NotFromOutside, NoticeTooShort
from kirmash.sequencer.machine import Machine
from kirmash.sequencer.timetable import Timetable, Timing, concerns
from tests.fuzz.stream import HostileStream
from tests.sequencer.day import ANT, BEE, CALL_DAY, CDCA_DAY, NOTHING, Day, at, day, move, order, session
from tests.sequencer.gate import PATIENCE_SECONDS

MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
both_markets = pytest.mark.parametrize("market", MARKETS)

BUY, SELL = Side.BUY, Side.SELL
HALT = c.HaltSession(session="s", reason="fire alarm")


def resume(seconds: int) -> c.ResumeSession:
    return c.ResumeSession(session="s", resume_at=at(seconds))


def changes(plan: str) -> list[str]:
    """What the timetable has to number in the course of a plan."""
    phases, times = plan.split()[::2], plan.split()[1::2]
    moves = [f"{before}>{after}" for before, after in pairwise(phases)]
    return [f"{planned} timetable change_phase s {moved}" for planned, moved in zip(times[1:], moves, strict=True)]


def in_trading(seconds: int) -> str:
    """A short plan in TRADING from 1 to so many seconds after noon."""
    return f"INTAKE 0 TRADING 1 CLOSING {seconds} CLOSED {seconds + 100}"


def opened(exchange: Day) -> None:
    """Past the opening of `in_trading`."""
    exchange.tick(1)
    assert exchange.until_numbered(1) == ["1 timetable change_phase s INTAKE>TRADING"]


# The plan alone --------------------------------------------------------------------------------------------------


@both_markets
@pytest.mark.parametrize(("plan", "mechanism"), [(CDCA_DAY, Mechanism.CDCA), (CALL_DAY, Mechanism.CALL)])
def test_a_whole_day_goes_by_its_plan_alone(tmp_path: Path, market: str, plan: str, mechanism: Mechanism) -> None:
    """Each change at its time and not a nanosecond before; the intake is uncrossed where the plan says."""
    with day(tmp_path / "data", market, session("s", plan, mechanism)) as exchange:
        seen: list[str] = []
        for expected in changes(plan):
            seconds = int(expected.split()[0])
            exchange.tick(seconds, -1)
            if "INTAKE>ADMISSION" in expected:
                exchange.give(order(BUY), ANT)
                exchange.give(order(SELL), BEE)
            else:
                exchange.give(NOTHING)
            assert not [it for it in exchange.numbered() if "timetable" in it]
            exchange.tick(seconds)
            seen += [it for it in exchange.until_numbered(1) if "open_contracts" not in it]
        assert seen == changes(plan)
        deals = [
            it
            for decided in exchange.published
            for it in codec.decode_events(decided.record.events)
            if isinstance(it, e.DealMade)
        ]
        assert len(deals) == 1


@both_markets
def test_a_clock_that_jumps_over_the_day_skips_no_phase(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", CDCA_DAY)) as exchange:
        exchange.tick(10_000)
        assert exchange.until_numbered(6) == [f"10000 {it.split(maxsplit=1)[1]}" for it in changes(CDCA_DAY)]


def test_without_a_timetable_nothing_happens_by_itself(tmp_path: Path) -> None:
    with day(tmp_path / "data", "reference", session("s", CDCA_DAY), timing=None) as exchange:
        exchange.tick(10_000)
        exchange.give(NOTHING)
        exchange.restart(20_000)
        exchange.give(NOTHING)
        assert exchange.numbered() == ["20000 operator mass_cancel"]


def test_a_timetable_command_says_that_it_is_one(tmp_path: Path) -> None:
    """PS-13.21: kind, id and origin; a client id of its own, its number; and nobody else may use that actor."""
    with day(tmp_path / "data", "reference", session("s", CDCA_DAY)) as exchange:
        exchange.tick(100)
        exchange.until_numbered(1)
        record = exchange.published[-1].record
        assert (record.actor_kind, record.actor, record.origin) == (ActorKind.TIMETABLE, "timetable", "timetable")
        assert (record.client_id, record.cause) == (str(record.number), None)
        refused = exchange.send(NOTHING, codec.TIMETABLE, str(record.number)).exception(PATIENCE_SECONDS)
        assert isinstance(refused, NotFromOutside)


# The order of what is due ----------------------------------------------------------------------------------------


@both_markets
def test_what_is_due_is_numbered_by_time_then_session_before_any_command(tmp_path: Path, market: str) -> None:
    """PS-11.2, also before an office command: two sessions at one instant, a third that was due earlier."""
    late, early = "INTAKE 0 TRADING 100 CLOSING 900 CLOSED 900", "INTAKE 0 TRADING 99 CLOSING 900 CLOSED 900"
    sessions = (session("b", late), session("a", late), session("z", early))
    with day(tmp_path / "data", market, *sessions) as exchange:
        exchange.now = at(100)
        exchange.give(c.SuspendParticipant(participant="bee", open_orders=OpenOrders.KEEP, reason="fees"))
        assert exchange.until_numbered(5) == [
            "100 timetable change_phase z INTAKE>TRADING",
            "100 timetable change_phase a INTAKE>TRADING",
            "100 timetable change_phase b INTAKE>TRADING",
            "100 operator suspend_participant",
            "100 admission set_admission",
        ]


@both_markets
def test_phases_planned_for_one_instant_are_all_gone_through(tmp_path: Path, market: str) -> None:
    """PS-11.2: at equal times a session's second change comes before that of a session with a greater id."""
    plan = "INTAKE 0 ADMISSION 100 TRADING 100 CLOSING 900 CLOSED 900"
    with day(tmp_path / "data", market, session("b", plan), session("a", plan)) as exchange:
        exchange.tick(100)
        assert [it.split(maxsplit=3)[3] for it in exchange.until_numbered(4)] == [
            "a INTAKE>ADMISSION",
            "a ADMISSION>TRADING",
            "b INTAKE>ADMISSION",
            "b ADMISSION>TRADING",
        ]


@both_markets
def test_a_timetable_command_obeys_the_barrier(tmp_path: Path, market: str) -> None:
    """PS-7.2, PS-13.21: what the market is owed when a change comes due in the middle of a batch goes before it."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 900 CLOSED 900")) as exchange:
        exchange.gate.hold()
        exchange.send(NOTHING)
        assert exchange.gate.waiting.wait(PATIENCE_SECONDS)
        exchange.script = [at(99), at(100)]
        exchange.send(c.SuspendParticipant(participant="ant", open_orders=OpenOrders.KEEP, reason="fees"))
        last = exchange.send(order(BUY), ANT)
        exchange.gate.open.set()
        last.result(PATIENCE_SECONDS)
        assert exchange.numbered()[1:] == [
            "99 operator suspend_participant",
            "100 admission set_admission",
            "100 timetable change_phase s INTAKE>TRADING",
            "100 t-ant place_order not_admitted",
        ]


@both_markets
def test_the_operator_wins_a_race_and_the_plan_goes_on(tmp_path: Path, market: str) -> None:
    """PS-11.1: he opens early; at the planned time nothing happens, the next phase comes at its own."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")) as exchange:
        exchange.tick(99)
        exchange.give(move("INTAKE", "TRADING"))
        exchange.tick(100)
        exchange.give(NOTHING)
        exchange.tick(200)
        assert exchange.until_numbered(3) == [
            "99 operator change_phase s INTAKE>TRADING",
            "100 operator mass_cancel",
            "200 timetable change_phase s TRADING>CLOSING",
        ]


@both_markets
def test_the_operator_loses_a_race_and_no_phase_is_skipped(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")) as exchange:
        exchange.now = at(100)
        exchange.give(move("INTAKE", "TRADING"))
        assert exchange.numbered() == [
            "100 timetable change_phase s INTAKE>TRADING",
            "100 operator change_phase phase_moved_on",
        ]


# Halts and returns -----------------------------------------------------------------------------------------------


@both_markets
def test_a_halted_session_returns_as_announced_and_its_plan_moves(tmp_path: Path, market: str) -> None:
    """PS-11.3: halted at 50, TRADING planned for 100 does not come; back at 460, so 410 later: TRADING at 510."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")) as exchange:
        exchange.tick(50)
        exchange.give(HALT)
        exchange.tick(120)
        exchange.give(resume(430))
        exchange.give(resume(460))
        exchange.tick(459)
        exchange.give(NOTHING)
        exchange.numbered()
        exchange.tick(460)
        assert exchange.until_numbered(1) == ["460 timetable change_phase s HALTED>INTAKE"]
        exchange.tick(509)
        exchange.give(NOTHING)
        assert exchange.numbered() == ["509 operator mass_cancel"]
        for seconds, moved in ((510, "INTAKE>TRADING"), (610, "TRADING>CLOSING"), (710, "CLOSING>CLOSED")):
            exchange.tick(seconds)
            assert exchange.until_numbered(1) == [f"{seconds} timetable change_phase s {moved}"]


@both_markets
def test_a_return_numbered_late_moves_the_plan_by_its_own_time(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")) as exchange:
        exchange.give(HALT)
        exchange.give(resume(300))
        exchange.tick(350)
        assert exchange.until_numbered(3)[2:] == ["350 timetable change_phase s HALTED>INTAKE"]
        exchange.tick(449)
        exchange.give(NOTHING)
        exchange.tick(450)
        assert exchange.until_numbered(2)[1:] == ["450 timetable change_phase s INTAKE>TRADING"]


@both_markets
def test_a_second_halt_withdraws_the_announcement(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", CDCA_DAY.replace("SCHEDULED 0 ", ""))) as exchange:
        for command in (HALT, resume(300), HALT):
            exchange.give(command)
        exchange.tick(1_000)
        exchange.give(NOTHING)
        exchange.give(move("HALTED", "INTAKE"))
        # The operator ended the halt himself; what was planned for 200 comes 1,000 later.
        exchange.tick(1_200)
        assert exchange.until_numbered(6)[3:] == [
            "1000 operator mass_cancel",
            "1000 operator change_phase s HALTED>INTAKE",
            "1200 timetable change_phase s INTAKE>ADMISSION",
        ]


@both_markets
def test_a_return_announced_too_late_is_refused_and_uses_up_nothing(tmp_path: Path, market: str) -> None:
    """PS-11.3, PS-13.23: exactly the notice is enough; the id that was refused is free, a known one has its answer."""
    with day(tmp_path / "data", market, session("s", in_trading(900)), timing=Timing(notice_seconds=60)) as exchange:
        opened(exchange)
        exchange.give(HALT)
        early = c.ResumeSession(session="s", resume_at=at(61, -1))
        refused = exchange.send(early, client_id="resume").exception(PATIENCE_SECONDS)
        assert isinstance(refused, NoticeTooShort)
        assert (refused.code, refused.rule, refused.earliest) == ("notice_too_short", "PS-11.3", at(61))
        answer = exchange.send(resume(61), client_id="resume").result(PATIENCE_SECONDS)
        assert isinstance(codec.decode_events(answer.events)[0], e.SessionResuming)
        assert exchange.numbered() == ["1 operator halt_session s", "1 operator resume_session s"]
        exchange.now = at(30)
        assert exchange.send(resume(61), client_id="resume").result(PATIENCE_SECONDS) == answer


# Ends of orders --------------------------------------------------------------------------------------------------


@both_markets
def test_an_order_trades_until_its_end_and_not_at_it(tmp_path: Path, market: str) -> None:
    """PS-11.4: a nanosecond before it is met; at it, it has expired before the order of that time is looked at."""
    with day(tmp_path / "data", market, session("s", in_trading(900))) as exchange:
        opened(exchange)
        for side, until in ((BUY, at(50)), (BUY, at(60)), (SELL, None)):
            if side is SELL:
                exchange.tick(50, -1)
            exchange.give(order(side, until), BEE if side is SELL else ANT)
        exchange.now = at(60)
        exchange.give(order(SELL), BEE)
        assert [it for it in exchange.numbered() if "open_contracts" not in it] == [
            "1 t-ant place_order",
            "1 t-ant place_order",
            "49 t-bee place_order deal 1",
            # Order 1 was filled; its end is asked for all the same, together with that of order 2.
            "60 timetable expire_orders s order 2",
            "60 t-bee place_order",
        ]


@both_markets
def test_an_end_moves_with_an_amend(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", in_trading(900))) as exchange:
        opened(exchange)
        exchange.give(order(BUY, at(50)), ANT)
        exchange.give(order(BUY, at(80)), ANT)
        exchange.give(c.AmendOrder(order=1, until=at(70)), ANT)
        exchange.give(c.AmendOrder(order=2, until=at(60)), ANT)
        exchange.numbered()
        for seconds, number in ((60, 2), (70, 1)):
            exchange.tick(seconds, -1)
            exchange.give(order(BUY), ANT)
            exchange.tick(seconds)
            assert exchange.until_numbered(2)[1:] == [f"{seconds} timetable expire_orders s order {number}"]


@both_markets
def test_an_order_that_ends_with_the_phase_expires_before_it(tmp_path: Path, market: str) -> None:
    """PS-13.22; the later end is CLOSING's business, and no command is left over for it."""
    with day(tmp_path / "data", market, session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")) as exchange:
        exchange.give(order(BUY, at(100)), ANT)
        exchange.give(order(SELL, at(100)), BEE)
        exchange.give(order(SELL, at(200)), BEE)
        exchange.tick(1_000)
        assert exchange.until_numbered(8)[3:] == [
            "1000 timetable expire_orders s order 1 order 2",
            "1000 timetable change_phase s INTAKE>TRADING",
            "1000 timetable expire_orders s order 3",
            "1000 timetable change_phase s TRADING>CLOSING",
            "1000 timetable change_phase s CLOSING>CLOSED",
        ]
        reasons = [
            it.reason
            for decided in exchange.published
            for it in codec.decode_events(decided.record.events)
            if isinstance(it, e.OrderCancelled)
        ]
        assert reasons == [CancelReason.EXPIRED] * 3


@both_markets
def test_ends_due_together_make_one_command(tmp_path: Path, market: str) -> None:
    """PS-13.22: else a trader could have the market search its orders as often as there are nanoseconds."""
    with day(tmp_path / "data", market, session("s", in_trading(900))) as exchange:
        opened(exchange)
        for nanosecond in range(40):
            exchange.give(order(BUY, at(50, nanosecond)), ANT)
        exchange.give(order(BUY, at(60)), ANT)
        exchange.numbered()
        exchange.now = at(55)
        exchange.give(order(BUY), ANT)
        expired, placed = exchange.numbered()
        assert expired.count("order ") == 40
        assert placed == "55 t-ant place_order"


@both_markets
def test_orders_expire_while_their_session_is_halted(tmp_path: Path, market: str) -> None:
    with day(tmp_path / "data", market, session("s", in_trading(900))) as exchange:
        opened(exchange)
        exchange.give(order(BUY, at(50)), ANT)
        exchange.give(HALT)
        exchange.tick(50)
        assert exchange.until_numbered(3)[2:] == ["50 timetable expire_orders s order 1"]


# Made from the state, or kept up ---------------------------------------------------------------------------------


@both_markets
def test_kept_up_and_made_from_the_state_it_says_the_same(market: str) -> None:
    """On hostile streams: every session as the market has it, and no end of an order missing or other."""
    ends = halts = 0
    for seed in range(50, 58):
        stream = HostileStream(seed, 600)
        machine, kept = Machine(market_loader(market)(None), Office(), "fuzz"), Timetable()
        for at_, (actor, command) in enumerate(stream.commands()):
            for decided in machine.submit(actor, "fuzz", f"f-{at_}", command, stream.now) + machine.settle(stream.now):
                record = decided.record
                stream.observe(actor, codec.decode_events(record.events))
                given = codec.decode_command(record.command)
                if concerns(given):
                    kept.fold(record.time, given, record.events)
            if at_ % 10 == 0 or isinstance(command, c.ChangePhase | c.HaltSession | c.ResumeSession):
                made = Timetable.from_state(machine.market.state())
                assert kept._plans.keys() == made._plans.keys()
                for name, plan in made._plans.items():
                    other = kept._plans[name]
                    assert (other.phase, other.planned, other.resume_at) == (plan.phase, plan.planned, plan.resume_at)
                    if plan.phase is Phase.HALTED:
                        halts += 1
                        assert (other.left, other.halted_at) == (plan.left, plan.halted_at)
                    assert other.ends.items() >= plan.ends.items()
                    ends += len(plan.ends)
                assert kept.next_due is not None or made.next_due is None
                assert made.next_due is None or kept.next_due is None or kept.next_due <= made.next_due
    assert ends > 100, "no order with an end was ever compared"
    assert halts > 20, "no halted session was ever compared"


def test_a_command_that_the_market_refuses_is_dropped() -> None:
    """PS-13.21: it is not given for ever; the plan goes on when somebody moves the session."""
    timetable = Timetable()
    made = session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")
    timetable.fold(at(0), made, codec.encode((e.SessionCreated(session="s"),)))
    placed = order(BUY, at(50))
    accepted = e.OrderAccepted(
        order=1, session="s", instrument="i", side=BUY, price=1, quantity=1, until=at(50), reserved=0, participant="ant"
    )
    timetable.fold(at(0), placed, codec.encode((accepted,)))
    rejected = codec.encode((e.CommandRejected(reasons=(e.Refusal(reason=Reason.PHASE_FORBIDS),)),))
    for expected in (c.ExpireOrders(session="s", until=at(50)), move("INTAKE", "TRADING")):
        due = timetable.due(at(1_000))
        assert due == timetable.due(at(1_000)) == expected
        timetable.fold(at(1_000), expected, rejected)
        timetable.was_given(expected)
    assert (timetable.due(at(1_000)), timetable.next_due) == (None, None)
    changed = e.PhaseChanged(session="s", from_=Phase.INTAKE, to=Phase.TRADING)
    timetable.fold(at(1_000), move("INTAKE", "TRADING"), codec.encode((changed,)))
    assert timetable.due(at(1_000)) == move("TRADING", "CLOSING")


def test_an_idle_writer_sleeps_until_something_is_due_and_a_second_at_most() -> None:
    timetable = Timetable()
    assert timetable.seconds_until_due(at(0)) is None
    made = session("s", "INTAKE 0 TRADING 100 CLOSING 200 CLOSED 300")
    timetable.fold(at(0), made, codec.encode((e.SessionCreated(session="s"),)))
    slept = [timetable.seconds_until_due(now) for now in (at(0), at(99), at(100, -(10**8)), at(100, -1), at(100))]
    assert slept == [1.0, 1.0, 0.1, 0.001, 0]
