"""Admission: which reasons are reported together, and which only where others found nothing (PS-3, PS-9, PS-13)."""

from typing import Any

import pytest

from kirmash.market.reference import terms
from kirmash.messages.commands import (
    AmendOrder,
    CancelOrder,
    CreateSession,
    DepositRate,
    PlannedPhase,
    SessionInstrument,
    SetAuthority,
    SetBand,
)
from kirmash.messages.events import CommandRejected, Refusal
from kirmash.messages.kinds import Mechanism, ParticipantKind, Phase, TimeInForce
from kirmash.messages.rejects import Reason
from tests.market.reference.desk import BUY, SELL, Desk, order


@pytest.fixture
def desk() -> Desk:
    """In TRADING of CDCA: a visitor `a`, a broker `k` with client `c`, a visitor `n` that is not admitted."""
    desk = Desk()
    desk.instrument(order_lots_max=1000)
    desk.instrument("big", tick_lot_value=1_000_000)
    desk.instrument("plain", conditional_allowed=False, entries_max=1)
    desk.participant("a", kinds=(ParticipantKind.VISITOR,))
    desk.participant("k", kinds=(ParticipantKind.BROKER,))
    desk.participant("n", admitted=False)
    desk.client("c", "k")
    desk.session(instruments=("i", "plain", SessionInstrument(instrument="big", upper="2000000000")))
    desk.trading()
    return desk


@pytest.mark.parametrize(
    "given,reasons",
    [
        ({"price": "0.5"}, ["price_out_of_range"]),
        ({"price": "1.5"}, ["price_off_grid"]),
        ({"price": "2000000000.5"}, ["price_out_of_range"]),  # neither grid nor band
        ({"quantity": "0"}, ["quantity_out_of_range"]),
        ({"quantity": "0.5", "minimum": "0.5"}, ["quantity_out_of_range"]),
        ({"quantity": "1000.5"}, ["quantity_off_grid", "order_too_large"]),
        ({"quantity": "5", "minimum": "6"}, ["minimum_above_quantity"]),
        ({"quantity": "5", "minimum": "5.5"}, ["quantity_off_grid", "minimum_above_quantity"]),
        ({"quantity": "5", "minimum": "0"}, ["quantity_out_of_range"]),
        ({"quantity": "5", "minimum": "1001"}, ["order_too_large", "minimum_above_quantity"]),
        ({"instrument": "big", "price": "2000000000", "quantity": "1"}, ["value_too_large"]),
        # Too large a value only if price and quantity are in range: 0.9 lots would be worth 1.8 × 10^15.
        ({"instrument": "big", "price": "2000000000", "quantity": "0.9"}, ["quantity_out_of_range"]),
        ({"instrument": "big", "price": "2000000001", "quantity": "1"}, ["price_out_of_range"]),
        ({"instrument": "plain", "indivisible": True}, ["conditional_not_allowed"]),
        ({"time_in_force": TimeInForce.UNTIL, "until": (0, 0)}, ["until_not_in_session"]),
    ],
)
def test_terms(desk: Desk, given: dict[str, Any], reasons: list[str]) -> None:
    """PS-3.2, stage 3."""
    assert desk.refused(order(BUY, **{"price": "5", "quantity": "1", **given}), "t-a") == reasons


def test_stages_follow_each_other(desk: Desk) -> None:
    """The example of PS-3: rights hide terms, terms hide money."""
    desk.do(SetBand(session="s", instrument="i", upper="10"))
    assert desk.refused(order(BUY, 11, 0), "t-a") == ["quantity_out_of_range", "band_exceeded"]
    desk.go("CLOSING", start="TRADING")
    assert desk.refused(order(BUY, 11, 0), "t-n") == ["not_admitted", "phase_forbids"]
    assert desk.refused(order(BUY, 11, 0, session="?", client="?"), "t-n") == ["unknown_session", "unknown_client"]
    assert desk.refused(order(BUY, 11, 0, instrument="?"), "nobody") == ["unknown_actor", "unknown_instrument"]
    assert desk.refused(order(BUY, 11, 0)) == ["actor_may_not"]


def test_whose_account(desk: Desk) -> None:
    """PS-3.1: own account for a visitor, a client for his own broker."""
    assert desk.refused(order(BUY, 1, 1), "t-k") == ["client_not_admitted"]
    assert desk.refused(order(BUY, 1, 1, client="c"), "t-a") == ["client_not_admitted"]
    desk.place("k", BUY, 1, 1, client="c")


def test_an_amend_of_another_participants_dead_order_says_all(desk: Desk) -> None:
    """PS-13.3: phase, state and owner together; the state with its number."""
    desk.place("a", BUY, 5, 1)
    desk.cancel("a", 1)
    desk.go("CLOSING", start="TRADING")
    (event,) = desk.give(AmendOrder(order=1, price="6"), "t-k")
    assert isinstance(event, CommandRejected)
    assert event.reasons == (
        Refusal(reason=Reason.CLIENT_NOT_ADMITTED, field="client"),
        Refusal(reason=Reason.PHASE_FORBIDS, low=Phase.CLOSING),
        Refusal(reason=Reason.ORDER_NOT_OPEN, field="order", low=11),
        Refusal(reason=Reason.NOT_OWNER, field="order"),
    )
    assert desk.refused(CancelOrder(order=1)) == ["order_not_open"]


def test_a_trader_acts_on_the_orders_of_his_participant(desk: Desk) -> None:
    """PS-3.1: whoever of it placed them; a withdrawn trader on none."""
    given: dict[str, Any] = {"participant": "a", "resident": True, "kinds": (ParticipantKind.VISITOR,)}
    desk.do(SetAuthority(trader="t-a2", active=True, **given))
    desk.place("a", BUY, 5, 3)
    desk.amend("a2", 1, quantity=2)
    desk.do(SetAuthority(trader="t-a", active=False, **given))
    assert desk.refused(CancelOrder(order=1), "t-a") == ["authority_missing"]
    assert desk.refused(order(BUY, 5, 1), "t-a") == ["authority_missing"]
    desk.cancel("a2", 1)


def test_entries_are_counted_per_phase(desk: Desk) -> None:
    """PS-3.2: an entry cancelled gives nothing back, an amend is none."""
    desk.place("a", BUY, 5, 1, instrument="plain")
    desk.amend("a", 1, price=6)
    desk.cancel("a", 1)
    assert desk.refused(order(BUY, 5, 1, instrument="plain"), "t-a") == ["entries_exceeded"]
    desk.place("k", BUY, 5, 1, instrument="plain", client="c")


def test_limits_on_open_orders(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """PS-9: the limit is reached and not passed, IOC too; the exchange's limit is named first (EN-3)."""
    monkeypatch.setattr(terms, "ACCOUNT_SESSION_OPEN_ORDERS_MAX", 2)
    desk.place("a", BUY, 5, 1)
    desk.place("a", BUY, 5, 1)
    assert desk.refused(order(BUY, 5, 1, time_in_force=TimeInForce.IOC), "t-a") == ["limit_exceeded"]
    desk.place("k", BUY, 5, 1, client="c")
    monkeypatch.setattr(terms, "OPEN_ORDERS_MAX", 3)
    (event,) = desk.give(order(BUY, 5, 1), "t-a")
    assert isinstance(event, CommandRejected)
    assert event.reasons[0].high == 3
    desk.cancel("a", 1)
    desk.place("k", BUY, 5, 1, client="c")


def test_limit_on_conditional_orders(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """PS-4.7: a new one, or an amend that makes one, of any time in force; one that is conditional may be amended."""
    monkeypatch.setattr(terms, "CONDITIONAL_ORDERS_MAX", 1)
    desk.place("a", BUY, 5, 3, indivisible=True)
    desk.place("a", BUY, 5, 3)
    fok = order(BUY, 5, 3, minimum=2, time_in_force=TimeInForce.FOK)
    assert desk.refused(fok, "t-a") == ["conditional_orders_full"]
    assert desk.refused(AmendOrder(order=2, minimum="2"), "t-a") == ["conditional_orders_full"]
    desk.amend("a", 1, minimum=2)
    desk.cancel("a", 1)
    desk.amend("a", 2, minimum=2)


def test_create_session_reports_its_terms_together(desk: Desk) -> None:
    """PS-3.2, PS-13.20: the floor once, instruments before deposit rows, what exists before what agrees."""
    desk.instrument("wood", section="forest")
    one, two = SessionInstrument(instrument="i"), SessionInstrument(instrument="wood")
    fine, coarse = floor_row("5"), floor_row("0.001")
    assert session_refused(desk, instruments=(one, two), deposit=(coarse, coarse)) == [
        ("not_whole_minor_units", "deposit"),
        ("terms_disagree", "instruments"),
    ]
    assert session_refused(desk, instruments=(one, one)) == [("terms_disagree", "instruments")]
    assert session_refused(desk, instruments=(one,), deposit=(fine, fine)) == [("terms_disagree", "deposit")]
    assert session_refused(desk, session="s", instruments=(SessionInstrument(instrument="?"),)) == [
        ("unknown_instrument", "instruments"),
        ("already_exists", "session"),
    ]


def floor_row(floor: str) -> DepositRate:
    return DepositRate(side=SELL, resident=True, currency="EUR", rate_ppm=0, floor=floor)


def session_refused(desk: Desk, **terms: Any) -> list[tuple[str, str | None]]:
    """Reasons and fields of a create_session that must be refused."""
    plan = tuple(PlannedPhase(phase=phase, at=at) for phase, at in desk.market._state.sessions["s"].plan)
    given = {"session": "t", "section": "metal", "purpose": "export", "mechanism": Mechanism.CDCA, "phases": plan}
    (event,) = desk.give(CreateSession(**{**given, **terms}))
    assert isinstance(event, CommandRejected)
    return [(it.reason.text, it.field) for it in event.reasons]
