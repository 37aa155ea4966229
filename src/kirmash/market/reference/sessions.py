"""Sessions: how one is made, goes through its plan, is halted, resumed and cancelled, and what that does to its orders
(PS-1, PS-10.4, PS-11)."""

from collections.abc import Sequence

from kirmash.market.reference import bands, existence, phases, rights, terms
from kirmash.market.reference.auction import uncross_lines
from kirmash.market.reference.orders import cancel, park
from kirmash.market.reference.state import Halt, Line, Order, Session, State
from kirmash.market.reference.step import Refused, Step, refuse
from kirmash.messages.commands import (
    CancelSession,
    ChangePhase,
    CreateSession,
    HaltSession,
    ResumeSession,
    SessionInstrument,
    SetBand,
)
from kirmash.messages.events import (
    BandSet,
    PhaseChanged,
    Refusal,
    SessionCancelled,
    SessionCreated,
    SessionHalted,
    SessionResuming,
)
from kirmash.messages.kinds import CancelReason, Phase
from kirmash.messages.limits import SESSION_INSTRUMENTS_MAX
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time, minor_of, nanoseconds, time_of


def create_session(step: Step, command: CreateSession) -> None:
    """Make a session in the first phase of its plan; creation is no entry into that phase (PS-1.1)."""
    existence.of_create_session(step, command)
    floors = [minor_of(row.floor, row.currency) for row in command.deposit]
    refuse(_session_terms(step.state, command, floors))
    session = Session(
        id=command.session,
        section=command.section,
        purpose=command.purpose,
        mechanism=command.mechanism,
        self_trade=command.self_trade,
        late_entry=command.late_entry,
        names_at=command.names_at,
        phase=command.phases[0].phase,
        halt=None,
        plan=[(planned.phase, planned.at) for planned in command.phases],
        deposit=command.deposit,
        floors=tuple(floor for floor in floors if floor is not None),
        lines={given.instrument: _line_of(step.state, given) for given in command.instruments},
    )
    step.state.sessions[session.id] = session
    step.tell_session(session, SessionCreated(session=session.id))


def _session_terms(state: State, command: CreateSession, floors: Sequence[int | None]) -> list[Refusal]:
    """Stage 3 of create_session (PS-3.2, PS-13.20)."""
    reasons: list[Refusal] = []
    if None in floors:
        reasons.append(Refusal(reason=Reason.NOT_WHOLE_MINOR_UNITS, field="deposit"))
    listed = [state.instruments[given.instrument] for given in command.instruments]
    foreign = any((it.section, it.purpose) != (command.section, command.purpose) for it in listed)
    rows = {(row.side, row.resident, row.currency) for row in command.deposit}
    if foreign or len(set(listed)) < len(listed):
        reasons.append(Refusal(reason=Reason.TERMS_DISAGREE, field="instruments"))
    elif len(rows) < len(command.deposit):
        reasons.append(Refusal(reason=Reason.TERMS_DISAGREE, field="deposit"))
    if len(listed) > SESSION_INSTRUMENTS_MAX:
        reasons.append(Refusal(reason=Reason.LIMIT_EXCEEDED, field="instruments", high=SESSION_INSTRUMENTS_MAX))
    return reasons


def _line_of(state: State, given: SessionInstrument) -> Line:
    instrument = state.instruments[given.instrument]
    return Line(
        instrument=instrument,
        reference=bands.reference_ticks(given.reference, instrument),
        lower=bands.lower_ticks(given.lower, instrument),
        upper=bands.upper_ticks(given.upper, instrument),
        down_ppm=given.down_ppm,
        up_ppm=given.up_ppm,
    )


def change_phase(step: Step, command: ChangePhase) -> None:
    """To the next phase of the plan, with what its entry brings; or from HALTED back to the phase left, which is no
    entry (PS-1.1)."""
    session = existence.of_session_command(step, command.session)
    if command.from_ is not session.phase:
        raise Refused([Refusal(reason=Reason.PHASE_MOVED_ON, field="from")])
    legal = session.halt.left if session.halt is not None else phases.next_phase(session)
    if command.to is not legal:
        raise Refused([Refusal(reason=Reason.PHASE_CHANGE_ILLEGAL, field="to")])
    session.phase = command.to
    step.tell_session(session, PhaseChanged(session=session.id, from_=command.from_, to=command.to))
    if session.halt is not None:
        session.plan = moved_plan(session, session.halt, step.time)
        session.halt = None
    else:
        _enter(step, session)


def moved_plan(session: Session, halt: Halt, now: Time) -> list[tuple[Phase, Time]]:
    """The plan after a halt: the phases after the one left move by the time from the first halt to now (PS-11.3)."""
    lost = nanoseconds(now) - nanoseconds(halt.since)
    place = [phase for phase, _ in session.plan].index(halt.left)
    kept, later = session.plan[: place + 1], session.plan[place + 1 :]
    return kept + [(phase, time_of(nanoseconds(at) + lost)) for phase, at in later]


def _enter(step: Step, session: Session) -> None:
    """What entering a phase brings (PS-1.2, PS-1.4, PS-1.6)."""
    if session.phase is Phase.ADMISSION:
        _test_admission(step, session)
    elif (session.mechanism, session.phase) in phases.UNCROSSED_ON_ENTRY:
        uncross_lines(step, session)
    elif session.phase is Phase.CLOSING:
        _end_orders(step, session, CancelReason.CLOSING)


def _test_admission(step: Step, session: Session) -> None:
    """Every open order, parked ones too, is tested again by ascending priority; what fails is cancelled (PS-1.4)."""
    for order in sorted(session.open_orders(), key=lambda order: order.priority):
        reasons = _admission_reasons(step.state, order)
        if reasons:
            cancel(step, order, CancelReason.ADMISSION, reasons)


def _admission_reasons(state: State, order: Order) -> list[Refusal]:
    """not_admitted and client_not_admitted of the order's participant; only if these find nothing, band_exceeded."""
    participant = state.participants[order.participant]
    reasons: list[Refusal] = []
    if not rights.is_admitted(participant, order.session, order.side):
        reasons.append(rights.NOT_ADMITTED)
    if not rights.is_client_admitted(participant, rights.client_of(state, order)):
        reasons.append(rights.CLIENT_NOT_ADMITTED_LATER)
    band = bands.effective_band(order.line)
    if not reasons and not band.has(order.price):
        reasons.append(terms.band_exceeded(band, None))
    return reasons


def _end_orders(step: Step, session: Session, reason: CancelReason) -> None:
    """Every open order ends, parked ones too, by ascending order id; deals made stand (PS-1.6)."""
    for order in session.open_orders():
        cancel(step, order, reason)


def halt_session(step: Step, command: HaltSession) -> None:
    """Stop a session and keep the phase left; while halted, withdraw the announcement of its return (PS-11.3)."""
    session = existence.of_session_command(step, command.session)
    left = session.phase
    if session.halt is None:
        legal = session.phase in phases.HALTED_FROM
    else:
        legal = session.halt.resume_at is not None
    if not legal:
        raise Refused([Refusal(reason=Reason.PHASE_CHANGE_ILLEGAL, field="session")])
    if session.halt is None:
        session.halt = Halt(left, step.time)
        session.phase = Phase.HALTED
    else:
        session.halt.resume_at = None
    step.tell_session(session, SessionHalted(session=session.id, from_=left, reason=command.reason))


def cancel_session(step: Step, command: CancelSession) -> None:
    """End a session for good, from any phase but CLOSED and CANCELLED (PS-1.1, PS-1.6)."""
    session = existence.of_session_command(step, command.session)
    if session.phase in phases.FINAL:
        raise Refused([Refusal(reason=Reason.PHASE_CHANGE_ILLEGAL, field="session")])
    event = SessionCancelled(session=session.id, from_=session.phase, reason=command.reason)
    session.phase, session.halt = Phase.CANCELLED, None
    step.tell_session(session, event)
    _end_orders(step, session, CancelReason.SESSION_CANCELLED)


def resume_session(step: Step, command: ResumeSession) -> None:
    """Announce the return of a halted session, not before now; the latest announcement counts (PS-11.3, PS-13.16)."""
    session = existence.of_session_command(step, command.session)
    if session.halt is None:
        raise Refused([Refusal(reason=Reason.PHASE_CHANGE_ILLEGAL, field="session")])
    if command.resume_at < step.time:
        raise Refused([Refusal(reason=Reason.PHASE_CHANGE_ILLEGAL, field="resume_at")])
    session.halt.resume_at = command.resume_at
    step.tell_session(session, SessionResuming(session=session.id, resume_at=command.resume_at))


def set_band(step: Step, command: SetBand) -> None:
    """Set all four bounds anew, and park every order that stands outside, whatever moved it there, by ascending order
    id (PS-10.4)."""
    session, line = existence.of_set_band(step, command.session, command.instrument)
    rights.of_running_session(session)
    line.lower = bands.lower_ticks(command.lower, line.instrument)
    line.upper = bands.upper_ticks(command.upper, line.instrument)
    line.down_ppm, line.up_ppm = command.down_ppm, command.up_ppm
    step.tell_line(line, BandSet(session=session.id, instrument=line.instrument.id))
    band = bands.effective_band(line)
    for order in list(line.open.values()):
        if order.in_book and not band.has(order.price):
            park(step, order)
