"""A session's way through its phases as people see it: what was, what is, what comes when.

Made from the board's snapshot alone, so that a page and its live part never differ.
"""

from typing import Final

from msgspec import Struct

from kirmash.publication.updates import SessionSnapshot
from kirmash.web.paths import session_path

ENDED: Final = frozenset({"CLOSED", "CANCELLED"})
TAKES_ORDERS: Final = frozenset({"INTAKE", "OPENING", "TRADING", "SELLER_CORRECTION"})


class Step(Struct, frozen=True):
    """A planned phase. `state`: done, now, ahead."""

    phase: str
    at: str
    state: str


class Timeline(Struct, frozen=True, kw_only=True):
    """A session's plan as it stands. `next_*` is None where nothing is due by itself."""

    session: str
    path: str
    section: str
    purpose: str
    mechanism: str
    phase: str
    left: str | None
    resume_at: str | None
    steps: list[Step]
    next_phase: str | None
    next_at: str | None
    begins: str | None
    ends: str | None
    instruments: list[str]
    number: int

    @property
    def ended(self) -> bool:
        """Whether nothing can happen in it any more."""
        return self.phase in ENDED

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return not self.ended and self.phase != "SCHEDULED"


_MADE: Final[dict[str, tuple[SessionSnapshot, Timeline]]] = {}
"""The timelines of the snapshots seen last, one a session; the board gives the same snapshot until there is news."""
MADE_MAX: Final = 10_000


def timeline_of(it: SessionSnapshot) -> Timeline:
    """The timeline of a session of the board."""
    known = _MADE.get(it.session)
    if known is not None and known[0] is it:
        return known[1]
    if len(_MADE) >= MADE_MAX:
        _MADE.clear()
    timeline = _timeline_of(it)
    _MADE[it.session] = (it, timeline)
    return timeline


def _timeline_of(it: SessionSnapshot) -> Timeline:
    names = [planned.phase for planned in it.plan]
    at_phase = it.left if it.phase == "HALTED" and it.left is not None else it.phase
    position = names.index(at_phase) if at_phase in names else (len(names) if it.phase in ENDED else -1)
    steps = []
    for index, planned in enumerate(it.plan):
        if index == position and it.phase not in ENDED:
            state = "now"
        else:
            state = "done" if index <= position and it.phase != "CANCELLED" else "ahead"
        steps.append(Step(planned.phase, planned.at, state))
    next_phase = next_at = None
    if it.phase == "HALTED":
        next_phase, next_at = (it.left, it.resume_at) if it.resume_at is not None else (None, None)
    elif it.phase not in ENDED and position + 1 < len(it.plan):
        following = it.plan[position + 1]
        next_phase, next_at = following.phase, following.at
    begins = next((planned.at for planned in it.plan if planned.phase != "SCHEDULED"), None)
    return Timeline(
        session=it.session,
        path=session_path(it.session),
        section=it.section,
        purpose=it.purpose,
        mechanism=it.mechanism,
        phase=it.phase,
        left=it.left,
        resume_at=it.resume_at,
        steps=steps,
        next_phase=next_phase,
        next_at=next_at,
        begins=begins,
        ends=it.plan[-1].at if it.plan else None,
        instruments=it.instruments,
        number=it.number,
    )
