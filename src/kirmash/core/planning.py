"""Gives what the planner plans: every minute, the sessions of the coming days that are not there yet.

A session that the market would reject (an instrument that is not listed yet, say) is rehearsed and not given, so that
its client id is not used up: it is told once and tried again for as long as its day has not begun. Nothing is decided
here; the commands go the way of every other.
"""

import asyncio
import datetime
from collections.abc import Sequence
from typing import Final

import structlog

from kirmash.core.planner import Planned, Planner
from kirmash.core.process import Core, Said
from kirmash.core.requests import Requests
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.events import CommandRejected
from kirmash.messages.kinds import ActorKind
from kirmash.messages.rejects import Reason
from kirmash.messages.units import nanoseconds
from kirmash.protocol.link import DoorsAre, Projected
from kirmash.sequencer.answers import Refused
from kirmash.sequencer.machine import Decided

PLAN_SECONDS: Final = 60.0
ORIGIN: Final = "plan"
PLANNER: Final = Actor(ActorKind.OPERATOR, "planner")
_THERE_ALREADY: Final = (Reason.ALREADY_EXISTS, "session")

_log: Final = structlog.get_logger("plan")


class Planning:
    """Keeps the sessions of a planner created, on a core that was started in this loop; a follower of it."""

    def __init__(self, core: Core, planner: Planner, *, seconds: float = PLAN_SECONDS) -> None:
        self._core = core
        self._planner = planner
        self._seconds = seconds
        self._requests = Requests(core, self)
        self._done: set[str] = set()
        # Why a session could not be created, as last told.
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Plan now and every minute, until cancelled."""
        self._core.follow(self)
        try:
            while True:
                await self.plan()
                await asyncio.sleep(self._seconds)
        finally:
            self._core.unfollow(self)

    async def plan(self) -> None:
        """Create what is planned and not there."""
        for planned in self._planner.plan(self._now()):
            if planned.session not in self._done:
                try:
                    reason = await self._give(planned)
                except Refused as refused:
                    # Busy, closed, or unknown: the same is given again next time, under the same id.
                    reason = f"{refused.code}: {refused}"
                self._tell(planned.session, reason)

    async def _give(self, planned: Planned) -> str | None:
        """Create a session; why it could not be created, None if it is there now. Raises Refused."""
        rejected = _rejected(await self._core.rehearse(PLANNER, ORIGIN, planned.command))
        if rejected is not None:
            there = any((refusal.reason, refusal.field) == _THERE_ALREADY for refusal in rejected.reasons)
            return None if there else _text(rejected)
        given = await self._requests.give(PLANNER, ORIGIN, planned.client_id, planned.command)
        rejected = _rejected(given.events)
        if rejected is None:
            _log.info("session is planned", session=planned.session, number=given.number)
        return None if rejected is None else _text(rejected)

    def _tell(self, session: str, reason: str | None) -> None:
        if reason is None:
            self._done.add(session)
        elif self._told.get(session) != reason:
            self._told[session] = reason
            _log.error("a session cannot be planned yet", session=session, reason=reason)

    def _now(self) -> datetime.datetime:
        seconds = nanoseconds(self._core.clock()) // 1_000_000_000
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)

    # From the core -----------------------------------------------------------------------------------------------

    def told(self, _: Sequence[Decided], answers: Sequence[Said]) -> None:
        self._requests.told(answers)

    def noted(self, _: Projected | DoorsAre) -> None:
        return


def _rejected(events: bytes) -> CommandRejected | None:
    first = codec.decode_events(events)[0]
    return first if isinstance(first, CommandRejected) else None


def _text(rejected: CommandRejected) -> str:
    return ", ".join(f"{refusal.reason.text} ({refusal.field})" for refusal in rejected.reasons)
