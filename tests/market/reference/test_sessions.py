"""Sessions: legal changes, halts and what they move, the uncrossing on entry (PS-1, PS-4, PS-11)."""

import pytest

from kirmash.market.reference import phases
from kirmash.messages.commands import CancelSession, ChangePhase, ExpireOrders, HaltSession, ResumeSession, SetBand
from kirmash.messages.events import (
    CommandRejected,
    DealMade,
    OrderCancelled,
    ParadoxicallyRejected,
    SessionHalted,
    Uncrossed,
)
from kirmash.messages.kinds import CancelReason, Mechanism, Phase, Side, TimeInForce
from tests.market.reference.desk import BUY, HOUR, SELL, Desk, order

CDCA_PHASES = ("SCHEDULED", "INTAKE", "ADMISSION", "OPENING", "TRADING", "CLOSING", "CLOSED")


def open_desk(mechanism: Mechanism = Mechanism.CDCA) -> Desk:
    desk = Desk()
    desk.instrument()
    for name in ("a", "b", "c"):
        desk.participant(name)
    desk.session(mechanism)
    return desk


def reasons(desk: Desk, command: object) -> list[tuple[str, str | None]]:
    """Reasons and fields of a command of the operator that must be refused."""
    assert isinstance(command, ChangePhase | HaltSession | CancelSession | ResumeSession)
    (event,) = desk.give(command)
    assert isinstance(event, CommandRejected)
    return [(it.reason.text, it.field) for it in event.reasons]


@pytest.mark.parametrize("place", range(len(CDCA_PHASES)))
def test_only_the_next_phase_of_the_plan_is_legal(place: int) -> None:
    """PS-1.1: from each phase, every phase but the next is refused; a wrong `from` is phase_moved_on alone."""
    desk = open_desk()
    desk.go(*CDCA_PHASES[1 : place + 1])
    here = Phase[CDCA_PHASES[place]]
    legal = {Phase[name] for name in CDCA_PHASES[place + 1 : place + 2]}
    for to in set(Phase) - legal:
        assert reasons(desk, ChangePhase(session="s", from_=here, to=to)) == [("phase_change_illegal", "to")]
    for other in set(Phase) - {here}:
        assert reasons(desk, ChangePhase(session="s", from_=other, to=here)) == [("phase_moved_on", "from")]
    for to in legal:
        desk.do(ChangePhase(session="s", from_=here, to=to))


def test_a_halt_moves_the_phases_after_the_one_left() -> None:
    """PS-11.3: by the time from the first halt to the return, whatever was announced between."""
    desk = open_desk()
    desk.go("INTAKE", "ADMISSION", "OPENING", "TRADING")
    desk.now = 100
    halt = HaltSession(session="s", reason="x")
    desk.do(halt)
    assert reasons(desk, halt) == [("phase_change_illegal", "session")]
    assert reasons(desk, ResumeSession(session="s", resume_at=(99, 0))) == [("phase_change_illegal", "resume_at")]
    desk.do(ResumeSession(session="s", resume_at=(100, 0)))
    desk.now = 200
    (again,) = desk.do(halt)
    assert again == SessionHalted(session="s", from_=Phase.HALTED, reason="x")
    assert reasons(desk, halt) == [("phase_change_illegal", "session")]
    desk.now = 250
    desk.do(ChangePhase(session="s", from_=Phase.HALTED, to=Phase.TRADING))
    plan = desk.market._state.sessions["s"].plan
    assert [at[0] for _, at in plan] == [0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 5 * HOUR + 150, 6 * HOUR + 150]
    until = order(BUY, 5, 1, time_in_force=TimeInForce.UNTIL, until=(5 * HOUR + 150, 0))
    desk.do(until, "t-a")
    late = order(BUY, 5, 1, time_in_force=TimeInForce.UNTIL, until=(5 * HOUR + 150, 1))
    assert desk.refused(late, "t-a") == ["until_not_in_session"]
    assert reasons(desk, ResumeSession(session="s", resume_at=(999, 0))) == [("phase_change_illegal", "session")]


def test_the_return_from_a_halt_is_no_entry() -> None:
    """PS-1.1: what crosses in INTAKE is uncrossed on entry into TRADING, and nothing on a return to it."""
    desk = open_desk()
    desk.go("INTAKE")
    desk.place("a", SELL, 100, 3, indivisible=True)
    desk.place("b", BUY, 100, 2)
    events = desk.go("ADMISSION", "OPENING", "TRADING", start="INTAKE")
    assert len(events) == 2
    desk.do(HaltSession(session="s", reason="x"))
    assert len(desk.do(ChangePhase(session="s", from_=Phase.HALTED, to=Phase.TRADING))) == 1


def test_an_indivisible_order_is_not_cut_by_the_uncrossing() -> None:
    """PS-4 example (b) through the door: price, deals and the report, in the order of PS-12."""
    desk = open_desk(Mechanism.CALL)
    desk.go("INTAKE")
    desk.place("a", BUY, 102, 5)
    desk.place("a", BUY, 101, 4, indivisible=True)
    desk.place("b", BUY, 100, 3)
    desk.place("c", SELL, 100, 7)
    desk.go("ADMISSION", "OPENING", "TRADING", "SELLER_CORRECTION", start="INTAKE")
    events = desk.do(ChangePhase(session="s", from_=Phase.SELLER_CORRECTION, to=Phase.DEAL_MAKING))
    assert events[1] == Uncrossed(session="s", instrument="i", price=100, volume=7, surplus=1)
    assert events[2] == ParadoxicallyRejected(order=2)
    assert [(it.buy_order, it.quantity) for it in events if isinstance(it, DealMade)] == [(1, 5), (3, 2)]
    ended = desk.do(ChangePhase(session="s", from_=Phase.DEAL_MAKING, to=Phase.CLOSING))
    assert [(it.order, it.reason) for it in ended if isinstance(it, OrderCancelled)] == [
        (2, CancelReason.CLOSING),
        (3, CancelReason.CLOSING),
    ]


def test_a_cancelled_session_is_final() -> None:
    """PS-1.1, PS-1.2: orders go by ascending id, parked ones too; after it neither band nor expiry."""
    desk = open_desk()
    desk.go("INTAKE")
    desk.place("a", SELL, 100, 3)
    desk.place("b", BUY, 50, 2)
    desk.do(SetBand(session="s", instrument="i", upper="90"))
    desk.do(HaltSession(session="s", reason="x"))
    events = desk.do(CancelSession(session="s", reason="y"))
    assert [(it.order, it.reason) for it in events if isinstance(it, OrderCancelled)] == [
        (1, CancelReason.SESSION_CANCELLED),
        (2, CancelReason.SESSION_CANCELLED),
    ]
    assert reasons(desk, CancelSession(session="s", reason="y")) == [("phase_change_illegal", "session")]
    assert reasons(desk, HaltSession(session="s", reason="y")) == [("phase_change_illegal", "session")]
    assert desk.refused(SetBand(session="s", instrument="i")) == ["phase_forbids"]
    assert desk.refused(ExpireOrders(session="s", until=(0, 0))) == ["phase_forbids"]


def test_rights_of_a_parked_order() -> None:
    """PS-10.4, PS-13.18: its price is free both ways; a buyer of SELLER_CORRECTION may do nothing else."""
    desk = open_desk(Mechanism.CALL)
    session = desk.market._state.sessions["s"]
    session.phase = Phase.SELLER_CORRECTION
    for side in Side:
        assert phases.may_amend(session, side, True, [phases.WORSE])
        assert phases.may_amend(session, side, True, [])
        assert not phases.may_amend(session, side, True, [phases.BETTER, phases.OTHER])
    assert not phases.may_amend(session, BUY, False, [])
    assert phases.may_amend(session, SELL, False, [])
    assert not phases.may_amend(session, SELL, False, [phases.WORSE])
    session.phase = Phase.OPENING
    assert not phases.may_amend(session, SELL, True, [])
