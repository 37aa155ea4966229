"""Whether this exchange can do its work now: one check each for what it needs (docs/guides/operate.md says what to do
where one is not good). Each check is a fact of this moment; nothing is remembered but the clocks' first reading."""

import time
from typing import Final

from msgspec import Struct

from kirmash.gateway.services import Services
from kirmash.messages.units import nanoseconds
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


class Readiness:
    """Looks at everything when asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # The difference of the two clocks stays the same for as long as nobody moves the wall clock.
        self._difference = time.time_ns() - time.monotonic_ns()

    async def checks(self) -> list[Check]:
        """All checks, in the order in which one rests on the other."""
        try:
            status = await self._services.exchange.status()
        except Refused as refused:
            return [Check("core", False, str(refused)), self._clock(None)]
        return [
            Check("core", True, "the core answers"),
            self._doors(status),
            self._views(status),
            self._clock(status),
            self._disk(status),
        ]

    def _doors(self, status: Status) -> Check:
        says = "commands are taken" if status.doors_open else f"no commands are taken: {status.doors_reason}"
        return Check("doors", status.doors_open, says)

    def _views(self, status: Status) -> Check:
        behind = max(0, status.number - status.projected)
        return Check("views", behind <= VIEWS_LAG_MAX, f"{behind} records behind; {VIEWS_LAG_MAX} are the most")

    def _clock(self, status: Status | None) -> Check:
        now = time.time_ns()
        jumped = abs(now - time.monotonic_ns() - self._difference) // _SECOND
        ahead = 0 if status is None else max(0, nanoseconds(status.time) - now) // _SECOND
        good = jumped <= CLOCK_JUMP_MAX and ahead <= CLOCK_JUMP_MAX
        return Check("clock", good, f"moved by {jumped} s since the start; the journal is {ahead} s ahead of it")

    def _disk(self, status: Status) -> Check:
        closing = self._services.config.core.disk_close_percent
        good = status.disk_free * 100 >= status.disk_total * closing
        free = status.disk_free * 100 // status.disk_total if status.disk_total else 0
        return Check("disk", good or not status.disk_total, f"{free} % free; commands are taken down to {closing} %")
