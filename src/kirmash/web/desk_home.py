"""The desk's first page: what needs the operator now, today's sessions, and whether the exchange is well.

Everything on it leads on to the page where it is done. Live: a phase that changes, a proposal that comes, a lamp that
goes out are seen without reload.
"""

import asyncio
import datetime
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import read
from kirmash.gateway.api.shown import ProposalShown, proposal_of
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.identity import State
from kirmash.queries import rows
from kirmash.web.desk import HOME, TAG, Desk, desk_page
from kirmash.web.desk_health import LiveQuery, Watch
from kirmash.web.desk_live import DeskLive, Picture, of_phases
from kirmash.web.live import MEDIA_TYPE
from kirmash.web.timeline import Timeline, timeline_of
from kirmash.web.words import Words

EVERY_SECONDS: Final = 3.0
SHOWN: Final = 8
SESSIONS_SHOWN: Final = 40


class Needs(Struct, frozen=True, kw_only=True):
    """What waits for the operator."""

    proposals: list[ProposalShown]
    withdrawals: list[rows.Withdrawal]
    more_withdrawals: bool
    halted: list[Timeline]
    overdue: list[Timeline]
    doors_open: bool
    doors_reason: str

    @property
    def nothing(self) -> bool:
        """Whether nothing waits."""
        return self.doors_open and not (self.proposals or self.withdrawals or self.halted or self.overdue)


class DeskHome:
    """The handlers."""

    def __init__(self, desk: Desk, streams: DeskLive, watch: Watch) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._streams: Final = streams
        self._watch: Final = watch

    async def page(self, call: Call) -> Response:
        picture = await self._picture(call)
        return await self._desk.page(
            call, "desk/home.html", parts=picture.parts, stream=f"{HOME}/events?lang={call.language}"
        )

    async def events(self, call: Call) -> Response:
        async def make(_: int | None) -> Picture:
            return await self._picture(call)

        return self._streams.stream(call, make, every=EVERY_SECONDS, wakes=of_phases)

    async def _picture(self, call: Call) -> Picture:
        words, fragment = self._desk.words(call), self._desk.rendering.fragment
        number = self._services.feed.number
        now = self._desk.rendering.now()
        sessions = [timeline_of(it) for it in self._services.feed.board.sessions()]
        today = _todays(words, sessions, now)
        today.sort(key=lambda it: (it.ended, it.phase == "SCHEDULED", it.begins or "", it.session))
        health = await self._watch.look(words)
        needs = await self._needs(sessions, now)
        bodies = [it.body.get("participant") for it in needs.proposals]
        names = await self._desk.names.participants(
            [*(it for it in bodies if isinstance(it, str)), *(it.participant for it in needs.withdrawals)]
        )
        return Picture(
            number,
            {
                "needs": fragment(call.language, "desk/home_needs.html", needs=needs, names=names),
                "sessions": fragment(
                    call.language,
                    "desk/home_sessions.html",
                    sessions=today[:SESSIONS_SHOWN],
                    more=len(today) > SESSIONS_SHOWN,
                    historical=self._services.config.demo.historical,
                ),
                "lamps": fragment(call.language, "desk/home_lamps.html", health=health),
            },
        )

    async def _needs(self, sessions: list[Timeline], now: datetime.datetime) -> Needs:
        services = self._services
        said = now.strftime("%Y-%m-%dT%H:%M:%S")
        withdrawals = await read(lambda: services.queries.withdrawals(scope=None, state="ready", limit=SHOWN + 1).rows)
        # In a thread: the look may close proposals that nobody decided in time, and so wait for the disk.
        proposals = await asyncio.to_thread(services.identity.proposals, state=State.OPEN, limit=SHOWN)
        return Needs(
            proposals=[proposal_of(it) for it in proposals],
            withdrawals=withdrawals[:SHOWN],
            more_withdrawals=len(withdrawals) > SHOWN,
            halted=[it for it in sessions if it.phase == "HALTED"],
            overdue=[it for it in sessions if it.phase != "HALTED" and _is_overdue(it, said)],
            doors_open=services.feed.doors.open,
            doors_reason=services.feed.doors.reason,
        )


def _is_overdue(it: Timeline, said: str) -> bool:
    """Whether the timetable should have moved it by now: a minute's grace is the core's to use."""
    return it.next_at is not None and not it.ended and it.next_at[:16] < said[:16]


def _todays(words: Words, sessions: list[Timeline], now: datetime.datetime) -> list[Timeline]:
    """Those that run, and those whose days in the exchange's zone have today among them."""
    today = now.astimezone(words.zone).date()
    # By the text of its times alone, nearly all of thousands of sessions are days away in any zone.
    far = datetime.timedelta(days=2)
    first, last = (today - far).isoformat(), (today + far).isoformat()

    def is_todays(it: Timeline) -> bool:
        if it.running:
            return True
        if it.begins is None or it.begins > last or (it.ends is not None and it.ends < first):
            return False
        ends = words.local(it.ends).date() if it.ends is not None else today
        return words.local(it.begins).date() <= today <= ends

    return [it for it in sessions if is_todays(it)]


def home_routes(desk: Desk, streams: DeskLive, watch: Watch) -> list[Route]:
    """The first page, for operators and auditors."""
    it = DeskHome(desk, streams, watch)
    reading: dict[str, Any] = {"rule": Rule.AUDIT, "query": LiveQuery}
    return [
        desk_page("", it.page, "The operator's desk", **reading),
        Route(
            method="GET",
            path=f"{HOME}/events",
            handler=it.events,
            summary="What needs the operator, as it changes",
            tag=TAG,
            by_session=True,
            media_type=MEDIA_TYPE,
            **reading,
        ),
    ]
