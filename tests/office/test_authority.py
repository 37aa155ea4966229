"""Traders act for one participant at a time (market-rules PS-0, PS-13.8; rulebook TRD-02, TRD-04)."""

from kirmash.messages import events
from kirmash.messages.kinds import OpenOrders
from tests.office.desk import COMPANIES, Desk, appoint, suspend, withdraw_trader


def test_a_trader_is_appointed_and_appointed_again() -> None:
    """PS-0: saying it again is accepted and changes nothing."""
    desk = Desk(*COMPANIES)
    assert desk.accepted(appoint()) == (events.TraderAppointed(trader="tom", participant="ant"),)
    before = desk.office.state()
    assert desk.accepted(appoint()) == (events.TraderAppointed(trader="tom", participant="ant"),)
    assert desk.office.state() == before


def test_an_active_trader_cannot_be_appointed_elsewhere() -> None:
    """PS-0: already_exists while he is active; once withdrawn he may go where he likes, and back."""
    desk = Desk(*COMPANIES, appoint("tom", "ant"))
    assert desk.refused(appoint("tom", "bee")) == [("already_exists", "trader")]
    desk.accepted(withdraw_trader())
    desk.accepted(appoint("tom", "bee"))
    assert desk.refused(appoint("tom", "ant")) == [("already_exists", "trader")]


def test_two_traders_may_act_for_one_participant() -> None:
    """TRD-02 binds the trader, not the participant; a suspended one may have traders too."""
    desk = Desk(*COMPANIES, appoint("tom"), suspend())
    desk.accepted(appoint("una"))


def test_operator_is_no_name_for_a_trader() -> None:
    """PS-0: `operator` is reserved, whoever appoints him; with an unknown participant both reasons stand."""
    desk = Desk(*COMPANIES)
    assert desk.refused(appoint("operator")) == [("already_exists", "trader")]
    assert desk.refused(appoint("operator", "fox")) == [
        ("unknown_participant", "participant"),
        ("already_exists", "trader"),
    ]


def test_appointing_for_an_unknown_participant_is_refused() -> None:
    """PS-3.1; an active trader is also told that he acts elsewhere."""
    desk = Desk(*COMPANIES, appoint())
    assert desk.refused(appoint("una", "fox")) == [("unknown_participant", "participant")]
    assert desk.refused(appoint("tom", "fox")) == [
        ("unknown_participant", "participant"),
        ("already_exists", "trader"),
    ]


def test_a_trader_is_withdrawn_and_withdrawn_again() -> None:
    """PS-0: accepted each time, with what it said about open orders; an id never appointed is unknown_trader."""
    desk = Desk(*COMPANIES, appoint())
    for open_orders in OpenOrders:
        (event,) = desk.accepted(withdraw_trader("tom", open_orders))
        assert event == events.TraderWithdrawn(trader="tom", open_orders=open_orders)
    assert desk.refused(withdraw_trader("una")) == [("unknown_trader", "trader")]
    assert desk.refused(withdraw_trader("operator")) == [("unknown_trader", "trader")]
