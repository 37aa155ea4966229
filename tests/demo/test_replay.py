"""The historical session for today: the scenario's commands in their order, and nothing else of them changed."""

import io
from itertools import pairwise

import pytest

from kirmash.data import scenario_bytes
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Actor
from kirmash.messages.kinds import ActorKind, Phase, Side
from kirmash.messages.rejects import Reason
from kirmash.messages.units import NANOSECONDS
from kirmash.simulation.replay import HISTORICAL, PURPOSE, SCENARIO, SECONDS, SESSION, Replay, ReplayHeldUp
from kirmash.simulation.scenario import read_scenario
from tests.demo.fair import Fair

BEGIN = (1_800_000_000, 0)
LINES = read_scenario(io.BytesIO(scenario_bytes(SCENARIO)), SCENARIO)


def test_all_lines_in_their_order_within_two_minutes() -> None:
    """From the intake on; what prepares the session is given at once. Times never go back."""
    steps = Replay(BEGIN).steps
    assert [step.line for step in steps] == LINES
    first = next(n for n, line in enumerate(LINES) if isinstance(line.command, c.ChangePhase))
    assert {step.after for step in steps[:first]} == {None}
    times = [step.after for step in steps[first:]]
    assert times == sorted(times, key=int)  # type: ignore[arg-type]  # none of them is None
    assert (times[0], times[-1]) == (0, SECONDS * NANOSECONDS)


@pytest.mark.parametrize(("percent", "seconds"), [(50, 240), (100, 120), (2_000, 6)])
def test_speed(percent: int, seconds: int) -> None:
    assert Replay(BEGIN, percent).steps[-1].after == seconds * NANOSECONDS


def test_each_phase_can_be_seen() -> None:
    """At speed 1 none is over in less than two seconds, and the session's trading has half a minute at least."""
    entered = {it.line.command.to: it.after for it in Replay(BEGIN).steps if isinstance(it.line.command, c.ChangePhase)}
    times = [after or 0 for after in entered.values()]
    assert all(after - before > 2 * NANOSECONDS for before, after in pairwise(times))
    assert (entered[Phase.SELLER_CORRECTION] or 0) - (entered[Phase.TRADING] or 0) > 30 * NANOSECONDS


def test_ids_and_purpose_say_what_it_is_and_the_plan_is_of_today() -> None:
    replay = Replay(BEGIN)
    given = [replay.command(step) for step in replay.steps if step.after is None]
    sessions = [it for it in given if isinstance(it, c.CreateSession)]
    assert [it.session for it in sessions] == ["historical-china-lumber-2022-12"]
    assert {it.purpose for it in given if isinstance(it, c.CreateSession | c.ListInstrument | c.GrantPermission)} == {
        PURPOSE
    }
    listed = {it.instrument for it in given if isinstance(it, c.ListInstrument)}
    assert {it.instrument for it in sessions[0].instruments} == listed
    assert all(name.startswith(HISTORICAL) for name in listed)
    times = [it.at[0] - BEGIN[0] for it in sessions[0].phases]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= SECONDS + 60


def test_the_plan_is_behind_the_steps() -> None:
    """So the timetable never moves a phase before the orders of the one before are given (PS-11.2)."""
    replay = Replay(BEGIN)
    entered = {it.line.command.to: it.after for it in replay.steps if isinstance(it.line.command, c.ChangePhase)}
    session = next(it for it in map(replay.command, replay.steps[:300]) if isinstance(it, c.CreateSession))
    for planned in session.phases[1:]:
        assert planned.at[0] * NANOSECONDS > BEGIN[0] * NANOSECONDS + (entered[planned.phase] or 0) + 10 * NANOSECONDS


def test_an_order_that_did_not_come_about_holds_it_up() -> None:
    """A change of an order of which nothing was told is not given for another one."""
    replay = Replay(BEGIN)
    amend = next(step for step in replay.steps if isinstance(step.line.command, c.AmendOrder))
    with pytest.raises(ReplayHeldUp):
        replay.command(amend)


@pytest.mark.parametrize("visitor", ["demo-buyer", "demo-seller", "demo-broker"])
def test_while_it_runs_a_visitors_order_is_refused_for_his_permission_alone(visitor: str) -> None:
    """In its intake, at a good price and with enough money: [not_admitted] is all that is wrong (PS-3.1)."""
    fair = Fair(1)
    replay = Replay(BEGIN)
    for step in replay.steps:
        replay.told(fair.give(replay.actor(step), replay.command(step)).events)
        if isinstance(step.line.command, c.ChangePhase):
            break
    order = c.PlaceOrder(
        session=SESSION,
        instrument=f"{HISTORICAL}pine-taicang",
        side=Side.SELL if visitor == "demo-seller" else Side.BUY,
        price="1370",
        quantity="100",
        client="demo-client-a" if visitor == "demo-broker" else None,
    )
    record = fair.give(Actor(ActorKind.TRADER, f"t-{visitor}"), order)
    rejected = codec.decode_events(record.events)[0]
    assert isinstance(rejected, e.CommandRejected)
    assert [it.reason for it in rejected.reasons] == [Reason.NOT_ADMITTED]


@pytest.mark.parametrize("busy", [False, True])
def test_the_sum_is_exact_whoever_trades_beside_it(busy: bool) -> None:
    """85,500,000.00 CNY (S14), also when order and deal numbers are not those of the scenario."""
    fair, replay = Fair(1), Replay((BEGIN[0] + 3_600, 0))
    for step in replay.steps:
        replay.told(fair.give(replay.actor(step), replay.command(step)).events)
        if busy:
            fair.step(2_000)
    assert replay.value == "85500000.00"
    assert fair.events["ContractTerminated"] == 1
    assert not busy or fair.events["DealMade"] > replay.deals
