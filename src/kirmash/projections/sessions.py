"""What the life of a session does to the views: plan, phases, halts, bands, channels (PS-1, PS-10, PS-11).

Planned times move here by the rule of PS-11.3, because no event carries them; tests hold them to the market's state.
"""

from typing import Final

from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import Phase
from kirmash.messages.limits import BOUND_TICKS_CAP
from kirmash.messages.units import Time, minor_of, nano_of, nanoseconds, time_of
from kirmash.projections import rows
from kirmash.projections.moment import KINDS, Handler, Moment
from kirmash.projections.store import Views
from kirmash.projections.times import text_from_time


def _note(
    views: Views,
    now: Moment,
    row: rows.Session,
    event: e.Event,
    *,
    left: int | None = None,
    to: int | None = None,
    resume_at: str | None = None,
    reason: str | None = None,
) -> None:
    """Put the changed session, with its next channel number, and add the line of its history."""
    row.channel += 1
    row.number, row.at = now.number, now.at
    views.sessions.put(row.session, row)
    views.session_events.add(
        rows.SessionEvent(
            session=row.session,
            number=now.number,
            index=now.index,
            channel=row.channel,
            at=now.at,
            kind=KINDS[type(event)],
            left_phase=left,
            to_phase=to,
            resume_at=resume_at,
            reason=reason,
            actor_kind=now.actor_kind,
            actor=now.actor,
        )
    )


def _created(views: Views, now: Moment, event: e.SessionCreated) -> None:
    command = now.command()
    assert isinstance(command, c.CreateSession)
    row = rows.Session(
        session=command.session,
        section=command.section,
        purpose=command.purpose,
        mechanism=int(command.mechanism),
        self_trade=int(command.self_trade),
        late_entry=int(command.late_entry),
        names_at=int(command.names_at),
        phase=int(command.phases[0].phase),
        left_phase=None,
        halted_seconds=None,
        halted_nanos=None,
        resume_at=None,
        reason=None,
        channel=0,
        created=now.number,
        created_at=now.at,
        number=now.number,
        at=now.at,
    )
    _note(views, now, row, event, to=row.phase)
    for position, planned in enumerate(command.phases):
        first = position == 0
        phase = rows.SessionPhase(
            session=row.session,
            position=position,
            phase=int(planned.phase),
            planned_seconds=planned.at[0],
            planned_nanos=planned.at[1],
            first_planned=text_from_time(planned.at),
            entered_at=now.at if first else None,
            entered=now.number if first else None,
        )
        views.session_phases.put((row.session, position), phase)
    _add_instruments(views, now, command)
    for position, rate in enumerate(command.deposit):
        floor = minor_of(rate.floor, rate.currency)
        assert floor is not None, "the market takes no floor with more decimals than its currency has (PS-13.20)"
        views.session_deposits.add(
            rows.SessionDeposit(
                row.session, position, int(rate.side), int(rate.resident), rate.currency, rate.rate_ppm, floor
            )
        )


def _add_instruments(views: Views, now: Moment, command: c.CreateSession) -> None:
    for position, given in enumerate(command.instruments):
        listed = views.instruments.get(given.instrument)
        reference, lower, upper = ticks_of(given.reference, given.lower, given.upper, listed.tick)
        line = rows.SessionInstrument(
            session=command.session,
            instrument=given.instrument,
            created_at=now.at,
            position=position,
            reference=reference,
            lower=lower,
            upper=upper,
            down_ppm=given.down_ppm,
            up_ppm=given.up_ppm,
            channel=0,
            buy_orders=0,
            sell_orders=0,
            buy_participants=0,
            sell_participants=0,
            buy_bidders=0,
            sell_bidders=0,
            deals=0,
            volume=0,
            notional="0",
            first=None,
            low=None,
            high=None,
            last=None,
            uncross_price=None,
            uncross_volume=None,
            uncross_surplus=None,
            annulled=0,
        )
        views.session_instruments.put((line.session, line.instrument), line)
        key = (command.session, listed.currency)
        if views.session_totals.find(key) is None:
            views.session_totals.put(key, rows.SessionTotal(*key, 0, 0, "0", 0, 0, 0))


def ticks_of(
    reference: str | None, lower: str | None, upper: str | None, tick: str
) -> tuple[int | None, int | None, int | None]:
    """Reference and bounds in ticks: half up and at least one, up, down (PS-0.7); kept as at most 2^53 − 1 (EN-6.1)."""
    step = nano_of(tick)
    middle = None if reference is None else min(max(1, (2 * nano_of(reference) + step) // (2 * step)), BOUND_TICKS_CAP)
    low = None if lower is None else min(-(-nano_of(lower) // step), BOUND_TICKS_CAP)
    high = None if upper is None else min(nano_of(upper) // step, BOUND_TICKS_CAP)
    return middle, low, high


def _phase_changed(views: Views, now: Moment, event: e.PhaseChanged) -> None:
    row = views.sessions.get(event.session)
    row.phase = int(event.to)
    if event.from_ is Phase.HALTED:
        _move_plan(views, row, now.record.time)
        row.left_phase = row.halted_seconds = row.halted_nanos = row.resume_at = row.reason = None
    else:
        for phase in _plan(views, row):
            if phase.phase == row.phase:
                phase.entered, phase.entered_at = now.number, now.at
                views.session_phases.put((row.session, phase.position), phase)
    _note(views, now, row, event, left=int(event.from_), to=row.phase)


def _plan(views: Views, row: rows.Session) -> list[rows.SessionPhase]:
    plan: list[rows.SessionPhase] = []
    while (phase := views.session_phases.find((row.session, len(plan)))) is not None:
        plan.append(phase)
    return plan


def _move_plan(views: Views, row: rows.Session, now: Time) -> None:
    """The phases after the one left come later by the time from the first halt to now (PS-11.3)."""
    assert row.halted_seconds is not None
    assert row.halted_nanos is not None
    lost = nanoseconds(now) - nanoseconds((row.halted_seconds, row.halted_nanos))
    later = False
    for phase in _plan(views, row):
        if later:
            planned = nanoseconds((phase.planned_seconds, phase.planned_nanos)) + lost
            phase.planned_seconds, phase.planned_nanos = time_of(planned)
            views.session_phases.put((row.session, phase.position), phase)
        later = later or phase.phase == row.left_phase


def _halted(views: Views, now: Moment, event: e.SessionHalted) -> None:
    row = views.sessions.get(event.session)
    if event.from_ is not Phase.HALTED:
        row.left_phase = int(event.from_)
        row.halted_seconds, row.halted_nanos = now.record.time
    row.phase, row.resume_at, row.reason = int(Phase.HALTED), None, event.reason
    _note(views, now, row, event, left=int(event.from_), to=row.phase, reason=event.reason)


def _resuming(views: Views, now: Moment, event: e.SessionResuming) -> None:
    row = views.sessions.get(event.session)
    row.resume_at = text_from_time(event.resume_at)
    _note(views, now, row, event, resume_at=row.resume_at)


def _cancelled(views: Views, now: Moment, event: e.SessionCancelled) -> None:
    row = views.sessions.get(event.session)
    row.phase, row.reason = int(Phase.CANCELLED), event.reason
    row.left_phase = row.halted_seconds = row.halted_nanos = row.resume_at = None
    _note(views, now, row, event, left=int(event.from_), to=row.phase, reason=event.reason)


def _band_set(views: Views, now: Moment, event: e.BandSet) -> None:
    command = now.command()
    assert isinstance(command, c.SetBand)
    line = line_of(views, event.session, event.instrument)
    listed = views.instruments.get(event.instrument)
    _, line.lower, line.upper = ticks_of(None, command.lower, command.upper, listed.tick)
    line.down_ppm, line.up_ppm = command.down_ppm, command.up_ppm
    line.channel += 1


def line_of(views: Views, session: str, instrument: str) -> rows.SessionInstrument:
    """The row of an instrument of a session, to be changed."""
    key = (session, instrument)
    line = views.session_instruments.get(key)
    views.session_instruments.put(key, line)
    return line


def _uncrossed(views: Views, now: Moment, event: e.Uncrossed) -> None:
    del now
    line = line_of(views, event.session, event.instrument)
    line.uncross_price, line.uncross_volume, line.uncross_surplus = event.price, event.volume, event.surplus
    line.channel += 1


def _uncrossed_without_price(views: Views, now: Moment, event: e.UncrossedWithoutPrice) -> None:
    del now
    line = line_of(views, event.session, event.instrument)
    line.uncross_price, line.uncross_volume, line.uncross_surplus = None, 0, None
    line.channel += 1


HANDLERS: Final[dict[type, Handler]] = {
    e.SessionCreated: _created,
    e.PhaseChanged: _phase_changed,
    e.SessionHalted: _halted,
    e.SessionResuming: _resuming,
    e.SessionCancelled: _cancelled,
    e.BandSet: _band_set,
    e.Uncrossed: _uncrossed,
    e.UncrossedWithoutPrice: _uncrossed_without_price,
}
