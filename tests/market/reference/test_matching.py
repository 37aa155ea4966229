"""Continuous matching, amend and bands on the smallest market that shows them (PS-2, PS-6, PS-10)."""

from typing import Any

import pytest

from kirmash.messages.commands import AmendOrder, ChangePhase, MassCancel, SetBand
from kirmash.messages.events import (
    DealMade,
    OrderAmended,
    OrderCancelled,
    OrderParked,
    OrderRested,
    OrdersMassCancelled,
)
from kirmash.messages.kinds import CancelReason, Mechanism, Phase, TimeInForce
from tests.market.reference.desk import BUY, SELL, Desk, order

FOK, IOC = TimeInForce.FOK, TimeInForce.IOC


@pytest.fixture
def desk() -> Desk:
    """Participants a to d, of whom a and a2 are of one group, in TRADING."""
    desk = Desk()
    desk.instrument()
    for name in ("a", "b", "c", "d"):
        desk.participant(name, group="ga" if name == "a" else None)
    desk.participant("a2", group="ga")
    desk.session()
    desk.trading()
    return desk


def deals(events: list[Any]) -> list[tuple[int, int, int, int]]:
    """(buy order, sell order, price, quantity)."""
    return [(it.buy_order, it.sell_order, it.price, it.quantity) for it in events if isinstance(it, DealMade)]


def ends(events: list[Any]) -> list[tuple[int, int, str]]:
    """What became of the rest: (order, quantity, how)."""
    found = []
    for it in events:
        if isinstance(it, OrderRested):
            found.append((it.order, it.open, "rested"))
        if isinstance(it, OrderCancelled):
            found.append((it.order, it.quantity, it.reason.name.lower()))
    return found


def test_example_a_walks_behind_a_skipped_order(desk: Desk) -> None:
    """PS-2 example (a), first half."""
    desk.place("a", SELL, 100, 3)
    desk.place("a", SELL, 100, 5)
    desk.place("a", SELL, 101, 4, indivisible=True)
    events = desk.place("b", BUY, 101, 9)
    assert deals(events) == [(4, 1, 100, 3), (4, 2, 100, 5)]
    assert ends(events) == [(4, 1, "rested")]
    assert deals(desk.place("c", SELL, 101, 1)) == [(4, 5, 101, 1)]


def test_example_a_leaves_a_crossed_book(desk: Desk) -> None:
    """PS-2 example (a), second half, and PS-2.7."""
    desk.place("a", SELL, 100, 3)
    desk.place("a", SELL, 100, 5)
    desk.place("a", SELL, 101, 4, indivisible=True)
    desk.place("b", BUY, 101, 9)
    assert ends(desk.place("c", BUY, 101, 3)) == [(5, 3, "rested")]


def test_example_b_plans_without_backtracking(desk: Desk) -> None:
    """PS-2 example (b)."""
    for quantity in (3, 2, 2):
        desk.place("a", SELL, 100, quantity, indivisible=True)
    assert ends(desk.place("b", BUY, 100, 4, time_in_force=FOK)) == [(4, 4, "killed")]
    assert deals(desk.place("b", BUY, 100, 5, time_in_force=FOK)) == [(5, 1, 100, 3), (5, 2, 100, 2)]


def test_example_c_fills_a_rest_below_the_minimum_whole(desk: Desk) -> None:
    """PS-2 example (c)."""
    desk.place("a", SELL, 100, 10, minimum=4)
    assert deals(desk.place("b", BUY, 100, 7)) == [(2, 1, 100, 7)]
    assert deals(desk.place("b", BUY, 100, 2)) == []
    assert deals(desk.place("b", BUY, 100, 3)) == [(4, 1, 100, 3)]


def test_example_d_cancels_the_newest_of_a_group(desk: Desk) -> None:
    """PS-2 example (d)."""
    desk.place("b", SELL, 100, 2)
    desk.place("a", SELL, 100, 2)
    assert ends(desk.place("a2", BUY, 100, 5, time_in_force=FOK)) == [(3, 5, "self_trade")]
    events = desk.place("a2", BUY, 100, 5)
    assert deals(events) == [(4, 1, 100, 2)]
    assert ends(events) == [(4, 3, "self_trade")]


def test_example_e_tests_self_trade_after_the_skip(desk: Desk) -> None:
    """PS-2 example (e)."""
    desk.place("a", SELL, 100, 4, indivisible=True)
    desk.place("b", SELL, 101, 2)
    assert deals(desk.place("a2", BUY, 101, 2)) == [(3, 2, 101, 2)]


def test_an_incoming_minimum_skips_what_is_too_small(desk: Desk) -> None:
    """PS-2.3 for the incoming order: 2 < 3 is skipped, 4 taken, then the rest of 1 needs 1."""
    desk.place("a", SELL, 100, 2)
    desk.place("b", SELL, 101, 4)
    events = desk.place("c", BUY, 101, 5, minimum=3)
    assert deals(events) == [(3, 2, 101, 4)]
    assert ends(events) == [(3, 1, "rested")]
    assert desk.market._state.orders[1].open == 2


@pytest.mark.parametrize(
    "terms,end",
    [({}, "rested"), ({"time_in_force": IOC}, "killed"), ({"indivisible": True}, "rested")],
)
def test_the_rest_of_an_order(desk: Desk, terms: dict[str, Any], end: str) -> None:
    """PS-2.6; an indivisible order takes all or nothing and then rests."""
    desk.place("a", SELL, 100, 2)
    events = desk.place("b", BUY, 100, 3, **terms)
    assert ends(events) == [(2, 3 if terms.get("indivisible") else 1, end)]


def test_ioc_and_indivisible_together_mean_fok(desk: Desk) -> None:
    """PS-2.5."""
    desk.place("a", SELL, 100, 2)
    events = desk.place("b", BUY, 100, 3, indivisible=True, time_in_force=IOC)
    assert deals(events) == []
    assert ends(events) == [(2, 3, "killed")]


def test_amend_keeps_priority_only_if_it_asks_for_less(desk: Desk) -> None:
    """PS-6, example: 100×10, filled 4."""
    desk.place("a", SELL, 100, 10)
    desk.place("c", SELL, 100, 1)
    desk.place("b", BUY, 100, 4)
    assert desk.refused(AmendOrder(order=1, quantity="4"), "t-a") == ["total_not_above_filled"]
    assert desk.refused(AmendOrder(order=1, quantity="10"), "t-a") == ["no_change"]
    (kept,) = desk.amend("a", 1, quantity=6)
    assert isinstance(kept, OrderAmended)
    assert (kept.open, kept.priority_kept) == (2, True)
    assert deals(desk.place("b", BUY, 100, 1)) == [(4, 1, 100, 1)]
    lost = desk.amend("a", 1, quantity=12)
    assert isinstance(lost[0], OrderAmended)
    assert (lost[0].open, lost[0].priority_kept) == (7, False)
    assert ends(lost) == [(1, 7, "rested")]
    assert deals(desk.place("b", BUY, 100, 1)) == [(5, 2, 100, 1)]


def test_a_re_placed_order_walks_as_the_newest(desk: Desk) -> None:
    """PS-6.3: it meets the book at its new price, and an own order there cancels it."""
    desk.place("b", BUY, 99, 5)
    desk.place("a", SELL, 101, 3)
    assert deals(desk.amend("a", 2, price=99)) == [(1, 2, 99, 3)]
    desk.place("a2", SELL, 105, 2)
    desk.place("a", BUY, 98, 2)
    assert ends(desk.amend("a", 4, price=105)) == [(4, 2, "self_trade")]


def test_set_band_parks_and_only_an_amend_brings_back(desk: Desk) -> None:
    """PS-10.4: parked by ascending id, not matched, back with new priority."""
    desk.place("a", SELL, 110, 1)
    desk.place("b", SELL, 100, 2)
    events = desk.do(SetBand(session="s", instrument="i", upper="105"))
    assert [it.order for it in events if isinstance(it, OrderParked)] == [1]
    desk.do(SetBand(session="s", instrument="i"))
    assert deals(desk.place("c", BUY, 120, 3)) == [(3, 2, 100, 2)]
    assert deals(desk.amend("a", 1, price=111)) == [(3, 1, 120, 1)]


def test_mass_cancel_counts_what_the_phase_keeps(desk: Desk) -> None:
    """PS-6.6: in CLOSING there is nothing; a halt from TRADING lets traders cancel; a trader reaches his own side."""
    desk.place("a", SELL, 110, 1)
    desk.place("b", SELL, 110, 1)
    events = desk.do(MassCancel(session="s"), "t-a")
    assert ends(events) == [(1, 1, "mass")]
    assert isinstance(events[-1], OrdersMassCancelled)
    assert (events[-1].cancelled, events[-1].kept) == (1, 0)


def test_call_phases_forbid_but_mass_cancel_is_never_refused() -> None:
    """PS-1.2, PS-6.6: in TRADING of a CALL session traders cancel nothing, the operator everything."""
    desk = Desk()
    desk.instrument()
    desk.participant("a")
    desk.session(Mechanism.CALL)
    desk.go("INTAKE")
    desk.place("a", SELL, 100, 1)
    desk.go("ADMISSION", "OPENING", "TRADING", start="INTAKE")
    events = desk.do(MassCancel(session="s"), "t-a")
    assert isinstance(events[0], OrdersMassCancelled)
    assert (events[0].cancelled, events[0].kept) == (0, 1)
    assert ends(desk.do(MassCancel(session="s"))) == [(1, 1, "mass")]


def test_a_seller_corrects_down_to_what_the_uncrossing_would_give() -> None:
    """PS-1.3: 6 of 10 would trade, so that the total may fall to 6 and no further."""
    desk = Desk()
    desk.instrument()
    desk.participant("a")
    desk.participant("b")
    desk.session(Mechanism.CALL)
    desk.go("INTAKE")
    desk.place("a", SELL, 100, 10)
    desk.place("b", BUY, 100, 6)
    desk.go("ADMISSION", "OPENING", "TRADING", "SELLER_CORRECTION", start="INTAKE")
    assert desk.refused(AmendOrder(order=1, quantity="5"), "t-a") == ["phase_forbids"]
    desk.amend("a", 1, quantity=6)
    assert desk.refused(AmendOrder(order=2, quantity="5"), "t-b") == ["phase_forbids"]
    assert deals(desk.do(ChangePhase(session="s", from_=Phase.SELLER_CORRECTION, to=Phase.DEAL_MAKING))) == [
        (2, 1, 100, 6)
    ]


def test_admission_cancels_by_priority_with_the_reasons() -> None:
    """PS-1.4: what is not permitted any more is cancelled; the band is tested only where nothing else is found."""
    desk = Desk()
    desk.instrument()
    desk.participant("a")
    desk.participant("b")
    desk.session()
    desk.go("INTAKE")
    desk.place("a", SELL, 200, 1)
    desk.place("b", SELL, 200, 1)
    desk.place("b", SELL, 100, 1)
    desk.amend("a", 1, quantity=2)
    desk.participant("a", admitted=False)
    desk.do(SetBand(session="s", instrument="i", upper="150"))
    events = desk.go("ADMISSION", start="INTAKE")
    cancelled = [it for it in events if isinstance(it, OrderCancelled)]
    assert [(it.order, it.reason) for it in cancelled] == [(2, CancelReason.ADMISSION), (1, CancelReason.ADMISSION)]
    assert [[(r.reason.text, r.low, r.high) for r in it.reasons or ()] for it in cancelled] == [
        [("band_exceeded", None, 150)],
        [("not_admitted", None, None)],
    ]


def test_entry_in_a_phase_without_matching_refuses_an_own_opposite_order() -> None:
    """PS-2.8: in INTAKE, also for the other participant of the group; a price that does not cross is taken."""
    desk = Desk()
    desk.instrument()
    desk.participant("a", group="g")
    desk.participant("b", group="g")
    desk.session()
    desk.go("INTAKE")
    desk.place("a", SELL, 100, 1)
    assert desk.refused(order(BUY, "100.5", 1), "t-b") == ["price_off_grid", "own_opposite_order"]
    desk.place("b", BUY, 99, 1)
    assert desk.refused(AmendOrder(order=2, price="100"), "t-b") == ["own_opposite_order"]
