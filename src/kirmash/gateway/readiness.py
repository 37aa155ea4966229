"""Whether this exchange can do its work now: one check each for what it needs (docs/guides/operate.md says what to do
where one is not good). Each check is a fact of this moment; nothing is remembered but the clocks' first reading."""

import asyncio
import time
from typing import Final

from msgspec import Struct

from kirmash.gateway.services import Services
from kirmash.messages.units import nanoseconds
from kirmash.projections.projector import ViewsFailed, ViewsStale
from kirmash.protocol.link import Status
from kirmash.sequencer.answers import Refused

VIEWS_LAG_MAX: Final = 1_000
"""Records that the views may be behind."""

CLOCK_JUMP_MAX: Final = 5
"""Seconds by which the wall clock may have left the steady one since the start, and the journal be ahead of it."""

_SECOND: Final = 1_000_000_000


class Check(Struct, frozen=True):
    """One thing that is needed; `says` is for people."""

    name: str
    good: bool
    says: str


class Look(Struct, frozen=True):
    """A check with the figures in it by name, for who words them otherwise; `why` names what is not good where that
    is none of the figures."""

    check: Check
    figures: dict[str, int] = {}
    why: str = ""


class Readiness:
    """Looks at everything when asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # The difference of the two clocks stays the same for as long as nobody moves the wall clock.
        self._difference = time.time_ns() - time.monotonic_ns()

    async def checks(self) -> list[Check]:
        """All checks, in the order in which one rests on the other."""
        try:
            status: Status | Refused = await self._services.exchange.status()
        except Refused as refused:
            status = refused
        return [look.check for look in self.looks(status, await self.unread())]

    async def unread(self) -> str | None:
        """Why the views answer no question now; None if they do."""
        queries = self._services.queries
        try:
            await asyncio.to_thread(lambda: queries.sessions(limit=1))
        except (ViewsFailed, ViewsStale) as error:
            return str(error)
        return None

    def looks(self, status: Status | Refused, unread: str | None) -> list[Look]:
        """The same of what the core said of itself, or why it said nothing, and of what `unread` said."""
        if isinstance(status, Refused):
            return [Look(Check("core", False, str(status))), self._clock(None)]
        return [
            Look(Check("core", True, "the core answers")),
            self._doors(status),
            self._views(status, unread),
            self._clock(status),
            self._disk(status),
        ]

    def _doors(self, status: Status) -> Look:
        says = "commands are taken" if status.doors_open else f"no commands are taken: {status.doors_reason}"
        return Look(Check("doors", status.doors_open, says))

    def _views(self, status: Status, unread: str | None) -> Look:
        """They answer, hold what the core had numbered when its doors opened, and keep step."""
        projected = min(status.projected, self._services.feed.projected)
        behind = max(0, status.number - projected)
        good, says, why = behind <= VIEWS_LAG_MAX, f"{behind} records behind; {VIEWS_LAG_MAX} are the most", ""
        if status.views_failure is not None:
            good, says, why = False, f"{says}; they cannot be written: {status.views_failure}", "unwritten"
        elif unread is not None:
            good, says, why = False, f"they cannot be read: {unread}", "unread"
        elif projected < status.began:
            good, says = False, f"at record {projected}; the core started at {status.began}"
        return Look(Check("views", good, says), {"behind": behind, "most": VIEWS_LAG_MAX}, why)

    def _clock(self, status: Status | None) -> Look:
        now = time.time_ns()
        jumped = abs(now - time.monotonic_ns() - self._difference) // _SECOND
        ahead = 0 if status is None else max(0, nanoseconds(status.time) - now) // _SECOND
        good = jumped <= CLOCK_JUMP_MAX and ahead <= CLOCK_JUMP_MAX
        says = f"moved by {jumped} s since the start; the journal is {ahead} s ahead of it"
        return Look(Check("clock", good, says), {"jumped": jumped, "ahead": ahead})

    def _disk(self, status: Status) -> Look:
        closing = self._services.config.core.disk_close_percent
        good = status.disk_free * 100 >= status.disk_total * closing
        free = status.disk_free * 100 // status.disk_total if status.disk_total else 0
        says = f"{free} % free; commands are taken down to {closing} %"
        return Look(Check("disk", good or not status.disk_total, says), {"free": free, "closing": closing})
