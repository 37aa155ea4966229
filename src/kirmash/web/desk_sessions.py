"""Sessions as the operator runs them: planned from an earlier one or anew, moved on, halted, resumed, cancelled.

Every act is a command of the market, given by the one way of the desk. What cannot be undone has a page of its own that
says what will happen: the next phase by hand, and cancelling, which takes a second operator too. What the timetable
will do by itself is said beside what the operator may do.
"""

import datetime
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from kirmash.data import SECTIONS
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.identity import State
from kirmash.queries import rows
from kirmash.queries.names import MECHANISMS, NAMES_AT, SELF_TRADES
from kirmash.web.desk import VIEWS_SECONDS, Desk, DeskQuery, Failed, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.desk_plan import (
    FIELDS_MAX,
    LINES_MAX,
    NEEDED,
    ONLY_CALL,
    PHASES,
    blank_plan,
    copied_plan,
    counts_of,
    earlier_of,
    read_plan,
    with_more_rows,
)
from kirmash.web.desk_proposals import FOUND_MAX
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Row, exported, table_of
from kirmash.web.ticket import moment_in
from kirmash.web.timeline import Timeline, timeline_of
from kirmash.web.words import Words

PATH: Final = "/desk/sessions"
MAY_BE_HALTED: Final = frozenset(
    {"INTAKE", "ADMISSION", "OPENING", "TRADING", "SELLER_CORRECTION", "DEAL_MAKING", "HALTED"}
)
NOTICE_MARGIN: Final = datetime.timedelta(minutes=2)
OFFERED_MAX: Final = 500
PURPOSES: Final = ("domestic", "export", "import", "transit")

SESSIONS: Final = (
    Column(name="session", label="common.session", href="href"),
    Column(name="section", label="common.section", words=lambda w, value: w.section(value), short=True),
    Column(name="purpose", label="common.purpose", words=lambda w, value: w.purpose(value), short=True),
    Column(name="mechanism", label="common.mechanism", words=lambda w, value: w.text(f"mechanism.{value}"), short=True),
    Column(name="phase", label="common.phase", kind="phase"),
    Column(name="begins", label="session.begins", kind="moment"),
    Column(name="ends", label="session.ends", kind="moment"),
    Column(name="instruments", label="good.instruments", kind="count"),
)


class SessionsQuery(DeskQuery, frozen=True, kw_only=True):
    """`day`: only the sessions that begin on it."""

    day: str | None = None


class PlanQuery(DeskQuery, frozen=True, kw_only=True):
    """`copy`: the session to hold again; `day`: when."""

    copy: str | None = None
    day: str | None = None


class Due(Struct, frozen=True):
    """What the timetable does by itself and when."""

    phase: str
    at: str
    overdue: bool


class Sessions:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._queries: Final = desk.services.queries
        self._zone: Final = desk.rendering.zone

    # The list ----------------------------------------------------------------------------------------------------

    async def listed(self, call: Call) -> Response:
        query, words = call.query, self._desk.words(call)
        found = sorted(self._timelines(), key=lambda it: (it.begins or "", it.session))
        today = self._desk.rendering.now().astimezone(self._zone).date()
        day = _day(query.day)
        days: dict[datetime.date, list[Timeline]] = {}
        for it in found:
            date = _begins_on(words, it)
            if date is not None and (date == day if day else date >= today or not it.ended):
                days.setdefault(max(date, today) if day is None else date, []).append(it)
        listed = [self._row(it) for it in reversed(found) if day is None or _begins_on(words, it) == day]
        if query.format:
            return await exported(words, call, listed, SESSIONS, "sessions", query.format)
        table = table_of(
            words,
            query,
            listed,
            lambda it: it,
            name="sessions",
            caption="sessions.caption",
            columns=SESSIONS,
            empty="sessions.empty",
        )
        return await self._desk.page(
            call,
            "desk/sessions.html",
            days=sorted(days.items()),
            today=today,
            day=day,
            table=table,
            historical=self._services.config.demo.historical,
        )

    def _timelines(self) -> list[Timeline]:
        return [timeline_of(it) for it in self._services.feed.board.sessions()]

    def _row(self, it: Timeline) -> Row:
        names = ("session", "section", "purpose", "mechanism", "phase", "begins", "ends")
        return {
            **{name: getattr(it, name) for name in names},
            "href": session_href(it.session),
            "instruments": len(it.instruments),
        }

    # Planning ----------------------------------------------------------------------------------------------------

    async def show_plan(self, call: Call) -> Response:
        query = call.query
        tomorrow = self._desk.rendering.now().astimezone(self._zone).date() + datetime.timedelta(days=1)
        day = _day(query.day) or tomorrow
        values, note = blank_plan(day), ""
        if query.copy:
            earlier = await read(lambda: earlier_of(self._queries, query.copy))
            if earlier is None:
                raise missing("session")
            values = copied_plan(earlier, day, self._zone)
            note = "cut" if len(earlier.lines) > LINES_MAX else "copied"
        return await self._plan_page(call, fresh("plan", **values), note=note, day=day)

    async def plan(self, call: Call) -> Response:
        values, client_id = form_of(call, FIELDS_MAX)
        action = values.pop("action", "")
        form = Form(name="plan", values=values, client_id=client_id)
        if action == "more":
            return await self._plan_page(call, Form(name="plan", values=with_more_rows(values), client_id=client_id))
        plan = read_plan(self._desk.words(call), values)
        try:
            if plan.faults:
                raise Failed(plan.faults, 422)
            if action == "check":
                await self._desk.rehearse(call, "create_session", plan.values)
                return await self._plan_page(call, form, note="good")
            done = await self._desk.give(call, "create_session", plan.values, client_id)
        except Failed as failed:
            placed = Failed(plan.at_fields(failed.faults), failed.status, spent=failed.spent, headers=failed.headers)
            return await self._plan_page(call, form.failed(placed, values, client_id))
        return go_to(done.then(session_href(plan.values["session"])))

    async def _plan_page(self, call: Call, form: Form, note: str = "", day: datetime.date | None = None) -> Response:
        lines, rates = counts_of(form.values)
        offered = await read(lambda: self._queries.instruments(limit=OFFERED_MAX).rows)
        known = sorted(self._timelines(), key=lambda it: it.begins or "", reverse=True)
        return await self._desk.page(
            call,
            "desk/sessions_plan.html",
            form.status,
            form=form,
            note=note,
            day=day,
            lines=range(1, lines + 1),
            rates=range(1, rates + 1),
            phases=PHASES,
            only_call=ONLY_CALL,
            needed=NEEDED,
            instruments=[it for it in offered if it.listed],
            sections=sorted({*SECTIONS, *(it.section for it in offered)}),
            purposes=sorted({*PURPOSES, *(it.purpose for it in offered)}),
            mechanisms=tuple(MECHANISMS.values()),
            self_trades=tuple(SELF_TRADES.values()),
            names_at=tuple(NAMES_AT.values()),
            earlier=[it.session for it in known[:200]],
            labels=_labels(self._desk.words(call), lines, rates),
        )

    # One session -------------------------------------------------------------------------------------------------

    async def one(self, call: Call) -> Response:
        return await self._session_page(call, None)

    async def show_move(self, call: Call) -> Response:
        return await self._move_page(call, fresh("move"))

    async def move(self, call: Call) -> Response:
        """Into the next phase, from the one that the page showed: who was slower than the timetable is told so."""
        values, client_id = form_of(call)
        given = {"session": call.path["session"], "from": values.get("from", ""), "to": values.get("to", "")}
        self._timeline(call)
        try:
            done = await self._desk.give(call, "change_phase", given, client_id)
        except Failed as failed:
            return await self._move_page(call, fresh("move").failed(failed, values, client_id))
        return go_to(done.then(session_href(call.path["session"])))

    async def _move_page(self, call: Call, form: Form) -> Response:
        """What the next phase would do, counted and not rehearsed, as of cancelling: on entering CLOSING every open
        order expires (PS-1.6)."""
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        it = self._timeline(call)
        orders = await read(lambda: self._queries.open_orders(it.session))
        return await self._desk.page(
            call,
            "desk/sessions_move.html",
            form.status,
            it=it,
            form=form,
            to=_following(it),
            orders=orders,
            due=_due(it, self._desk.rendering.now()),
        )

    async def halt(self, call: Call) -> Response:
        values, client_id = form_of(call)
        given = {"session": call.path["session"], "reason": values.get("reason", "")}
        return await self._act(call, "halt", "halt_session", given, values, client_id)

    async def resume(self, call: Call) -> Response:
        values, client_id = form_of(call)
        at = values.get("resume_at", "")
        given = {"session": call.path["session"], "resume_at": moment_in(at, self._zone) if at else ""}
        return await self._act(call, "resume", "resume_session", given, values, client_id)

    async def _act(
        self, call: Call, form: str, command: str, given: dict[str, Any], values: dict[str, str], client_id: str
    ) -> Response:
        self._timeline(call)
        try:
            done = await self._desk.give(call, command, given, client_id)
        except Failed as failed:
            return await self._session_page(call, fresh(form).failed(failed, values, client_id))
        return go_to(done.then(session_href(call.path["session"])))

    async def _session_page(self, call: Call, form: Form | None) -> Response:
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        it = self._timeline(call)
        found = await read(lambda: self._detail(it.session))
        if found is None:
            raise missing("session")
        session, phases, events, totals = found
        now = self._desk.rendering.now()
        notice = datetime.timedelta(seconds=self._services.config.core.notice_seconds)
        proposed = (now + notice + NOTICE_MARGIN).astimezone(self._zone).strftime("%Y-%m-%dT%H:%M")
        forms = {"halt": fresh("halt"), "resume": fresh("resume", resume_at=proposed)}
        if form is not None:
            forms[form.name] = form
        return await self._desk.page(
            call,
            "desk/sessions_one.html",
            200 if form is None else form.status,
            it=it,
            session=session,
            phases=phases,
            events=events,
            totals=totals,
            forms=forms,
            due=_due(it, now),
            may_halt=it.phase in MAY_BE_HALTED and (it.phase != "HALTED" or it.resume_at is not None),
            to=_following(it),
            notice_minutes=-(-self._services.config.core.notice_seconds // 60),
            historical=it.session in self._services.config.demo.historical,
            waiting=self._proposed(it.session),
        )

    def _detail(
        self, name: str
    ) -> tuple[rows.Session, list[rows.SessionPhase], list[rows.SessionEvent], list[rows.SessionTotal]] | None:
        q = self._queries
        found = q.sessions(session=name, limit=1).rows
        if not found:
            return None
        events = q.session_events(name, public=False, limit=200).rows
        return found[0], q.session_phases(name), events, q.session_totals(name)

    def _proposed(self, session: str) -> list[str]:
        """Proposals to cancel this session that wait for a second operator."""
        found = self._services.identity.proposals(state=State.OPEN, limit=FOUND_MAX)
        return [it.id for it in found if it.command == "cancel_session" and it.body.get("session") == session]

    # Cancelling --------------------------------------------------------------------------------------------------

    async def show_cancel(self, call: Call) -> Response:
        return await self._cancel_page(call, fresh("cancel"))

    async def cancel(self, call: Call) -> Response:
        values, client_id = form_of(call)
        it = self._timeline(call)
        given = {"session": it.session, "reason": values.get("reason", "")}
        try:
            done = await self._desk.give(call, "cancel_session", given, client_id)
        except Failed as failed:
            return await self._cancel_page(call, fresh("cancel").failed(failed, values, client_id))
        return go_to(done.then(session_href(it.session)))

    async def _cancel_page(self, call: Call, form: Form) -> Response:
        """What cancelling would do, counted and not rehearsed: a rehearsal makes a line of every open order. A session
        that has not ended can be cancelled (PS-1.1), and then all its open orders go (PS-1.6)."""
        self._timeline(call)
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        it, q = self._timeline(call), self._queries
        orders, totals = await read(lambda: (q.open_orders(it.session), q.session_totals(it.session)))
        return await self._desk.page(
            call,
            "desk/sessions_cancel.html",
            form.status,
            it=it,
            form=form,
            orders=orders,
            totals=totals,
            possible=not it.ended,
            waiting=self._proposed(it.session),
            four_eyes=self._services.config.identity.four_eyes,
        )

    def _timeline(self, call: Call) -> Timeline:
        try:
            return timeline_of(self._services.feed.board.session(call.path["session"]))
        except KeyError:
            raise missing("session") from None


def session_href(session: str) -> str:
    """The address of a session at the desk."""
    return f"{PATH}/{quote(session, safe='')}"


def _day(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _begins_on(words: Words, it: Timeline) -> datetime.date | None:
    return None if it.begins is None else words.local(it.begins).date()


def _following(it: Timeline) -> str | None:
    """The phase into which an operator can bring it by hand."""
    return it.left if it.phase == "HALTED" else it.next_phase


def _due(it: Timeline, now: datetime.datetime) -> list[Due]:
    """What comes by itself: the phases that are ahead, or the announced return and what then follows it."""
    if it.ended:
        return []
    said = now.strftime("%Y-%m-%dT%H:%M:%S")
    if it.phase == "HALTED":
        return [] if it.resume_at is None else [Due(it.left or "", it.resume_at, it.resume_at[:19] <= said)]
    return [Due(step.phase, step.at, step.at[:19] <= said) for step in it.steps if step.state == "ahead"]


def _labels(words: Words, lines: int, rates: int) -> dict[str, str]:
    """What the fields are called where a fault above the form names them."""
    plain = {"session": "run.session_id", "section": "common.section", "purpose": "common.purpose"}
    plain["mechanism"] = "common.mechanism"
    found = {name: words.text(key) for name, key in plain.items()}
    found |= {f"at_{phase}": words.phase(phase) for phase in PHASES}
    for at in range(1, lines + 1):
        for name in ("instrument", "reference", "lower", "upper", "down", "up"):
            found[f"i{at}_{name}"] = f"{words.text(f'run.line_of.{name}')}, {at}"
    for at in range(1, rates + 1):
        for name in ("side", "resident", "currency", "rate", "floor"):
            found[f"d{at}_{name}"] = f"{words.text(f'run.rate_of.{name}')}, {at}"
    return found


def session_routes(desk: Desk) -> list[Route]:
    """Sessions of the desk; auditors read."""
    it = Sessions(desk)
    one = "/sessions/{session}"
    return [
        desk_page("/sessions", it.listed, "Sessions by day", rule=Rule.AUDIT, query=SessionsQuery),
        desk_page("/sessions-new", it.show_plan, "The form of a new session", query=PlanQuery),
        desk_form("/sessions-new", it.plan, "Plan a session"),
        desk_page(one, it.one, "One session and what can be done with it", rule=Rule.AUDIT),
        desk_page(f"{one}/phase", it.show_move, "What the next phase would do"),
        desk_form(f"{one}/phase", it.move, "Into the next phase"),
        desk_form(f"{one}/halt", it.halt, "Halt a session"),
        desk_form(f"{one}/resume", it.resume, "Announce a session's return"),
        desk_page(f"{one}/cancel", it.show_cancel, "What cancelling a session would do"),
        desk_form(f"{one}/cancel", it.cancel, "Propose to cancel a session"),
    ]
