"""Questions about sessions: plans, what happened in them, and what came of them. Public, save numbers and actors."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, and_, select

from kirmash.messages.kinds import Phase
from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.projections.times import text_from_time
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX, Asking, Page, code, money
from kirmash.queries.names import EVENTS, MECHANISMS, NAMES_AT, PHASES, SELF_TRADES, SIDES

_ENDED = (int(Phase.CLOSED), int(Phase.CANCELLED))
_RESULTS = select(t.SESSION_INSTRUMENTS, t.SESSIONS.c.phase).join(
    t.SESSIONS, t.SESSIONS.c.session == t.SESSION_INSTRUMENTS.c.session
)
"""What came of instruments, each with its session's phase, which says how much of it the public is shown."""


class Sessions(Asking):
    """Sessions, their instruments and results."""

    def sessions(
        self,
        *,
        session: str | None = None,
        section: str | None = None,
        purpose: str | None = None,
        mechanism: str | None = None,
        phase: str | None = None,
        ended: bool | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Session]:
        """Sessions, the latest first."""
        c = t.SESSIONS.c
        statement = select(t.SESSIONS)
        for column, value in ((c.session, session), (c.section, section), (c.purpose, purpose)):
            if value is not None:
                statement = statement.where(column == value)
        if mechanism is not None:
            statement = statement.where(c.mechanism == code(MECHANISMS, mechanism, "mechanism"))
        if phase is not None:
            statement = statement.where(c.phase == code(PHASES, phase, "phase"))
        if ended is not None:
            statement = statement.where(c.phase.in_(_ENDED) if ended else c.phase.not_in(_ENDED))
        return self._page(
            "sessions", statement, [c.created_at, c.session], _session, limit=limit, cursor=cursor, descending=True
        )

    def session_kinds(self, sessions: Sequence[str]) -> list[rows.SessionKind]:
        """What these sessions are called by, asked at once, in no order; one that there is not is left out."""
        c, p = t.SESSIONS.c, t.SESSION_PHASES.c
        # Plans begin with SCHEDULED where they have it at all, so that one of the first two phases is the first other.
        first = and_(p.session == c.session, p.position <= 1, p.phase != int(Phase.SCHEDULED))
        columns = (c.session, c.section, c.purpose, p.planned_seconds, p.planned_nanos)
        statement = select(*columns).outerjoin(t.SESSION_PHASES, first).order_by(c.session, p.position)
        found: dict[str, rows.SessionKind] = {}
        for part in (sessions[at : at + LIMIT_MAX] for at in range(0, len(sessions), LIMIT_MAX)):
            for row in self._all(statement.where(c.session.in_(part)), lambda row, _: row):
                begins = None if row[3] is None else text_from_time((row[3], row[4]))
                found.setdefault(row[0], rows.SessionKind(row[0], row[1], row[2], begins))
        return list(found.values())

    def session_phases(self, session: str) -> list[rows.SessionPhase]:
        """The plan of a session, with when each phase was entered; empty for an unknown session."""
        c = t.SESSION_PHASES.c
        statement = select(t.SESSION_PHASES).where(c.session == session)
        return self._all(statement.order_by(c.position), _phase)

    def session_deposits(self, session: str) -> list[rows.SessionDeposit]:
        """What orders in the session have to secure, in the order given."""
        c = t.SESSION_DEPOSITS.c
        statement = select(t.SESSION_DEPOSITS).where(c.session == session)
        return self._all(statement.order_by(c.position), _deposit)

    def session_events(
        self, session: str, *, public: bool, limit: int = LIMIT_DEFAULT, cursor: str | None = None
    ) -> Page[rows.SessionEvent]:
        """What happened to a session, by its channel number; the public sees neither journal number nor actor."""
        c = t.SESSION_EVENTS.c
        statement = select(t.SESSION_EVENTS).where(c.session == session)

        def show(row: Any, _: object) -> rows.SessionEvent:
            it = r.SessionEvent(*row)
            return rows.SessionEvent(
                channel=it.channel,
                at=it.at,
                event=EVENTS[it.kind],
                left_phase=None if it.left_phase is None else PHASES[it.left_phase],
                to_phase=None if it.to_phase is None else PHASES[it.to_phase],
                resume_at=it.resume_at,
                reason=it.reason,
                number=None if public else it.number,
                by=None if public else it.actor,
            )

        name = "session_events" if public else "session_events all"
        keys = [c.channel] if public else [c.number, c.index]
        return self._page(name, statement, keys, show, limit=limit, cursor=cursor)

    def session_instruments(
        self, session: str, *, instrument: str | None = None, limit: int = LIMIT_DEFAULT, cursor: str | None = None
    ) -> Page[rows.SessionInstrument]:
        """The instruments of a session with their bands, by id."""
        c = t.SESSION_INSTRUMENTS.c
        statement = select(t.SESSION_INSTRUMENTS).where(c.session == session)
        if instrument is not None:
            statement = statement.where(c.instrument == instrument)
        return self._page(
            "session_instruments", statement, [c.instrument], self._show_line, limit=limit, cursor=cursor, listed=True
        )

    def results(
        self,
        session: str,
        *,
        instrument: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
        public: bool = True,
    ) -> Page[rows.Result]:
        """What came of each instrument of a session, by id. `public`: without counts of people while it runs."""
        c = t.SESSION_INSTRUMENTS.c
        statement = _RESULTS.where(c.session == session)
        if instrument is not None:
            statement = statement.where(c.instrument == instrument)
        return self._page(
            "results", statement, [c.instrument], self._show_result(public), limit=limit, cursor=cursor, listed=True
        )

    def session_bars(
        self, instrument: str, *, limit: int = LIMIT_DEFAULT, cursor: str | None = None, public: bool = True
    ) -> Page[rows.Result]:
        """What came of an instrument in each session that had it, the latest first: its bars by session. `public` as
        of `results`."""
        c = t.SESSION_INSTRUMENTS.c
        return self._page(
            "session_bars",
            _RESULTS.where(c.instrument == instrument),
            [c.created_at, c.session],
            self._show_result(public),
            limit=limit,
            cursor=cursor,
            descending=True,
            listed=True,
        )

    def session_totals(self, session: str, *, public: bool = True) -> list[rows.SessionTotal]:
        """The head of a session's result: one row a currency. `public` as of `results`."""
        c = t.SESSION_TOTALS.c
        statement = select(t.SESSION_TOTALS).where(c.session == session)
        totals = self._all(statement.order_by(c.currency), _total)
        if not public or (totals and self._has_ended(session)):
            return totals
        return [replace(total, buyers=None, sellers=None, participants=None) for total in totals]

    def _has_ended(self, session: str) -> bool:
        c = t.SESSIONS.c
        return self._one(select(c.phase).where(c.session == session), lambda row, _: row.phase) in _ENDED

    def _show_line(self, row: Any, connection: Connection) -> rows.SessionInstrument:
        it = r.SessionInstrument(*row)
        listing = self._listing(it.instrument, connection)
        return rows.SessionInstrument(
            session=it.session,
            instrument=it.instrument,
            tick=listing.tick,
            lot=listing.lot,
            currency=listing.currency,
            reference=listing.maybe_price(it.reference),
            lower=listing.maybe_price(it.lower),
            upper=listing.maybe_price(it.upper),
            down_ppm=it.down_ppm,
            up_ppm=it.up_ppm,
            last=listing.maybe_price(it.last),
            channel=it.channel,
        )

    def _show_result(self, public: bool) -> Callable[[Any, Connection], rows.Result]:
        """Whoever sees how many bid can tell how many he bids against: so not before the end (MKD-01)."""

        def show(row: Any, connection: Connection) -> rows.Result:
            *columns, phase = row
            found = self._show_result_to_insiders(columns, connection)
            if not public or phase in _ENDED:
                return found
            return replace(found, buy_participants=None, sell_participants=None, buy_bidders=None, sell_bidders=None)

        return show

    def _show_result_to_insiders(self, columns: Sequence[Any], connection: Connection) -> rows.Result:
        it = r.SessionInstrument(*columns)
        listing = self._listing(it.instrument, connection)
        return rows.Result(
            session=it.session,
            instrument=it.instrument,
            currency=listing.currency,
            buy_orders=it.buy_orders,
            sell_orders=it.sell_orders,
            buy_participants=it.buy_participants,
            sell_participants=it.sell_participants,
            buy_bidders=it.buy_bidders,
            sell_bidders=it.sell_bidders,
            deals=it.deals,
            annulled=it.annulled,
            volume=listing.quantity(it.volume),
            notional=listing.money(int(it.notional)),
            first=listing.maybe_price(it.first),
            low=listing.maybe_price(it.low),
            high=listing.maybe_price(it.high),
            last=listing.maybe_price(it.last),
            weighted=listing.weighted(int(it.notional), it.volume),
            uncross_price=listing.maybe_price(it.uncross_price),
            uncross_volume=listing.maybe_quantity(it.uncross_volume),
            uncross_surplus=listing.maybe_quantity(it.uncross_surplus),
        )


def _session(row: Any, _: object) -> rows.Session:
    it = r.Session(*row)
    halted_at = None
    if it.halted_seconds is not None and it.halted_nanos is not None:
        halted_at = text_from_time((it.halted_seconds, it.halted_nanos))
    return rows.Session(
        session=it.session,
        section=it.section,
        purpose=it.purpose,
        mechanism=MECHANISMS[it.mechanism],
        self_trade=SELF_TRADES[it.self_trade],
        late_entry=bool(it.late_entry),
        names_at=NAMES_AT[it.names_at],
        phase=PHASES[it.phase],
        left_phase=None if it.left_phase is None else PHASES[it.left_phase],
        halted_at=halted_at,
        resume_at=it.resume_at,
        reason=it.reason,
        channel=it.channel,
        created_at=it.created_at,
        at=it.at,
    )


def _phase(row: Any, _: object) -> rows.SessionPhase:
    it = r.SessionPhase(*row)
    return rows.SessionPhase(
        phase=PHASES[it.phase],
        planned=text_from_time((it.planned_seconds, it.planned_nanos)),
        first_planned=it.first_planned,
        entered_at=it.entered_at,
    )


def _deposit(row: Any, _: object) -> rows.SessionDeposit:
    it = r.SessionDeposit(*row)
    return rows.SessionDeposit(
        side=SIDES[it.side],
        resident=bool(it.resident),
        currency=it.currency,
        rate_ppm=it.rate_ppm,
        floor=money(it.floor, it.currency),
    )


def _total(row: Any, _: object) -> rows.SessionTotal:
    it = r.SessionTotal(*row)
    return rows.SessionTotal(
        session=it.session,
        currency=it.currency,
        orders=it.orders,
        deals=it.deals,
        notional=money(int(it.notional), it.currency),
        buyers=it.buyers,
        sellers=it.sellers,
        participants=it.participants,
    )
