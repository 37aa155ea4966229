"""The demo runs on and on without growing, and always has an open session of each section."""

import gc
import sys
from itertools import pairwise
from types import FunctionType, ModuleType

import pytest

from kirmash.messages.commands import CancelSession, HaltSession
from kirmash.messages.kinds import Phase
from kirmash.simulation.crowd import series_of
from kirmash.simulation.exhibits import SERIES
from kirmash.simulation.keeper import HALTED_SECONDS, PERFORMED_SECONDS
from kirmash.simulation.participants import ORDERS_MAX
from tests.demo.fair import HOST, Fair

HOUR = 3_600
SOME_HOURS = 4


def size_of(*roots: object) -> int:
    """The bytes of these objects and of everything of theirs, each once; of the demo's own classes and plain ones."""
    seen: set[int] = set()
    waiting, size = list(roots), 0
    while waiting:
        it = waiting.pop()
        if id(it) in seen or isinstance(it, type | ModuleType | FunctionType):
            continue
        seen.add(id(it))
        size += sys.getsizeof(it)
        waiting += gc.get_referents(it)
    return size


@pytest.mark.native
def test_hours_leave_nothing_behind() -> None:
    """Its own memory is that of seats, open orders and contracts under way; the market's deposits come free again."""
    fair = Fair(1, "native")
    sizes, deals = [], [0]
    for _ in range(SOME_HOURS):
        for _ in range(HOUR):
            fair.step(1_000)
        sizes.append(size_of(fair.crowd, fair.keeper))
        deals.append(fair.events["DealMade"])
        assert fair.crowd.open_orders == len(fair.books) <= ORDERS_MAX * len(fair.population.seats)
        assert fair.keeper.contracts <= fair.events["DealMade"] - fair.events["DealReleased"]
    assert max(sizes[1:]) < 1.5 * sizes[0]
    # Nobody runs dry: as many deals in the last hour as in any, within reason.
    per_hour = [after - before for before, after in pairwise(deals)]
    assert min(per_hour) * 2 > max(per_hour) > 100
    # Human rates: a few commands a second in all.
    given = sum(fair.commands.values())
    assert 1 <= given // (SOME_HOURS * HOUR) <= 4


def test_contracts_are_performed_and_deposits_released() -> None:
    fair = Fair(2)
    for _ in range((PERFORMED_SECONDS + 300) // 3):
        fair.step(3_000)
    assert fair.events["ContractPerformed"] == fair.events["DealReleased"] > 0


def test_each_series_always_has_one_session_open_and_one_ahead() -> None:
    """Read off the timetable, when the second call of timber has begun."""
    fair = Fair(4)
    created: dict[str, int] = {}
    for _ in range(500):
        fair.step(2_000)
    for session in fair.timetable._plans:
        series = series_of(session)
        assert series is not None
        created[series.name] = created.get(series.name, 0) + 1
    assert created == {series.name: 2 for series in SERIES}
    assert fair.events["SessionCreated"] == 2 * len(SERIES) + 1


def open_sessions(fair: Fair, name: str) -> list[str]:
    return sorted(it for it in fair.timetable._plans if it.startswith(f"{name}."))


@pytest.mark.parametrize("which", ["open", "ahead"])
def test_another_session_takes_the_place_of_one_that_a_visitor_cancels(which: str) -> None:
    """Nobody has to wait two hours because an operator of the minute before tried what cancelling does."""
    fair = Fair(6)
    for _ in range(200):
        fair.step(1_000)
    present, ahead = open_sessions(fair, "metals-domestic")
    fair.give(HOST, CancelSession(session=present if which == "open" else ahead, reason="tried"))
    for _ in range(90):
        fair.step(1_000)
    now = open_sessions(fair, "metals-domestic")
    assert len(now) == 2
    assert (present in now, ahead in now) == (which == "ahead", False)
    assert fair.timetable._plans[now[0]].phase is Phase.TRADING
    assert set(fair.reasons) <= {"ORDER_NOT_OPEN", "PHASE_FORBIDS"}


def test_a_session_that_is_left_halted_is_given_up_in_time() -> None:
    fair = Fair(6)
    for _ in range(200):
        fair.step(1_000)
    present, _ = open_sessions(fair, "metals-domestic")
    fair.give(HOST, HaltSession(session=present, reason="tried"))
    for _ in range((HALTED_SECONDS - 60) // 3):
        fair.step(3_000)
    assert present in open_sessions(fair, "metals-domestic")
    for _ in range(60):
        fair.step(3_000)
    now = open_sessions(fair, "metals-domestic")
    assert present not in now
    assert fair.timetable._plans[now[0]].phase is Phase.TRADING
