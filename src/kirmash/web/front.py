"""The front page: what this exchange is, what runs today and this week, what came of the last sessions, notices.

Everything on it is public. It asks the views once, and the board for plans.
"""

import datetime
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.publication.board import Board
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.notices import latest
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.timeline import Timeline, timeline_of
from kirmash.web.words import Words

TAG: Final = "pages"
RESULTS_SHOWN: Final = 5
ENDED_LOOKED_AT: Final = 50
DAYS_SHOWN: Final = 7
NOTICES_SHOWN: Final = 6


class Day(Struct, frozen=True):
    """A day of the exchange and what is on then."""

    date: datetime.date
    today: bool
    sessions: list[Timeline]


class ResultLine(Struct, frozen=True):
    """A session that is over, with its totals, one a currency."""

    session: rows.Session
    ended_at: str
    totals: list[rows.SessionTotal]


class Notice(Struct, frozen=True):
    """What everybody should know of a session: it was halted, returns, or was cancelled."""

    session: str
    kind: str
    at: str
    reason: str
    resume_at: str | None


class Found(Struct, frozen=True):
    """What the views say."""

    present: list[rows.Session]
    ended: list[rows.Session]
    results: list[ResultLine]


def front_of(queries: Queries) -> Found:
    """Ask the views all that the front page needs."""
    present = queries.sessions(ended=False, limit=LIMIT_MAX).rows
    ended = queries.sessions(ended=True, limit=ENDED_LOOKED_AT).rows
    closed = [it for it in ended if it.phase == "CLOSED"][:RESULTS_SHOWN]
    lines = []
    for it in closed:
        entered = [phase.entered_at for phase in queries.session_phases(it.session) if phase.entered_at is not None]
        lines.append(ResultLine(it, entered[-1] if entered else it.at, queries.session_totals(it.session)))
    return Found(present, ended, lines)


def timelines_of(board: Board, sessions: Sequence[rows.Session]) -> list[Timeline]:
    """The plans of these sessions; one that the board does not have yet is left out."""
    found = []
    for it in sessions:
        try:
            found.append(timeline_of(board.session(it.session)))
        except KeyError:
            continue
    return found


def days_of(words: Words, timelines: Sequence[Timeline], now: datetime.datetime) -> list[Day]:
    """Today and the days after it that have sessions, up to a week; a session stands on each day it begins or runs."""
    today = now.astimezone(words.zone).date()
    days = []
    for offset in range(DAYS_SHOWN):
        date = today + datetime.timedelta(days=offset)
        on = [it for it in timelines if _is_on(words, it, date, today)]
        if on or offset == 0:
            days.append(Day(date, offset == 0, sorted(on, key=lambda it: (it.begins or "", it.session))))
    return days


def _is_on(words: Words, it: Timeline, date: datetime.date, today: datetime.date) -> bool:
    if it.begins is None or it.ends is None:
        return False
    first, last = words.local(it.begins).date(), words.local(it.ends).date()
    if date == today and it.running:
        return True
    return first <= date <= last if date == today else first == date


def notices_of(sessions: Sequence[rows.Session]) -> list[Notice]:
    """Halts that stand, returns announced, cancellations; the newest first."""
    found = []
    for it in sessions:
        if it.phase == "HALTED":
            kind = "halted" if it.resume_at is None else "resuming"
            found.append(Notice(it.session, kind, it.halted_at or it.at, it.reason or "", it.resume_at))
        elif it.phase == "CANCELLED":
            found.append(Notice(it.session, "cancelled", it.at, it.reason or "", None))
    found.sort(key=lambda it: it.at, reverse=True)
    return found[:NOTICES_SHOWN]


def front_routes(services: Services, rendering: Rendering) -> list[Route]:
    """The front page."""

    async def front(call: Call) -> Response:
        words = rendering.words[call.language]
        found = await read(lambda: front_of(services.queries))
        timelines = timelines_of(services.feed.board, [*found.present, *found.ended])
        now = rendering.now()
        days = days_of(words, timelines, now)
        later = [it for it in timelines if it.phase == "SCHEDULED" and not any(it in day.sessions for day in days)]
        return rendering.page(
            call,
            "front.html",
            days=days,
            later=sorted(later, key=lambda it: it.begins or "")[:RESULTS_SHOWN],
            running=sum(1 for it in timelines if it.running),
            results=found.results,
            notices=notices_of([*found.present, *found.ended]),
            written=await latest(services, call.language),
            historical=services.config.demo.historical,
        )

    return [
        Route(
            method="GET",
            path="/",
            rule=Rule.PUBLIC,
            handler=front,
            summary="The front page",
            tag=TAG,
            query=PageQuery,
            media_type=PAGE,
        )
    ]
