"""Phases and rights as tables: who may do what in which phase, and where a session may go from there (PS-1).

The tables are those of PS-1.2 row by row; what is not in them is forbidden. What happens on entering a phase is done in
sessions.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kirmash.market.reference.names import BUY, CALL, CDCA, SELL, SELLER_CORRECTION, TRADING
from kirmash.market.reference.state import Session
from kirmash.messages.kinds import Mechanism, Phase, Side

Sides = frozenset[Side]

NONE: Final[Sides] = frozenset()
BS: Final[Sides] = frozenset({BUY, SELL})


class Change(enum.IntEnum):
    """What an amend changes, as far as rights differ by it. Better is buyer up, seller down (PS-1.2)."""

    BETTER = 1
    WORSE = 2
    MORE = 3
    LESS = 4
    OTHER = 5
    """Minimum or until."""


BETTER, WORSE, MORE, LESS, OTHER = Change
NOTHING: Final[frozenset[Change]] = frozenset()
ANYTHING: Final = frozenset(Change)


class Rights(NamedTuple):
    """A row of PS-1.2: which sides may do what. `new_late` is added to `new` in a session with late_entry."""

    new: Sides = NONE
    new_late: Sides = NONE
    amend: Mapping[Side, frozenset[Change]] = dict.fromkeys(Side, NOTHING)
    cancel: Sides = NONE


NO_RIGHTS: Final = Rights()
EVERYTHING: Final = Rights(new=BS, amend={BUY: ANYTHING, SELL: ANYTHING}, cancel=BS)

RIGHTS: Final[dict[tuple[Mechanism, Phase], Rights]] = {
    (CDCA, Phase.INTAKE): EVERYTHING,
    (CDCA, TRADING): EVERYTHING,
    (CALL, Phase.INTAKE): EVERYTHING,
    (CALL, TRADING): Rights(
        new_late=BS,
        amend={BUY: frozenset({BETTER, MORE}), SELL: frozenset({BETTER})},
    ),
    (CALL, SELLER_CORRECTION): Rights(
        amend={BUY: NOTHING, SELL: frozenset({BETTER, LESS})},
    ),
}
"""Rights by mechanism and phase; a phase that is not here has none."""

RIGHTS_HALTED: Final[dict[tuple[Mechanism, Phase], Rights]] = {
    (CDCA, Phase.INTAKE): Rights(cancel=BS),
    (CDCA, TRADING): Rights(cancel=BS),
    (CALL, Phase.INTAKE): Rights(cancel=BS),
}
"""Rights while HALTED, by mechanism and the phase left."""

UNCROSSED_ON_ENTRY: Final = frozenset({(CDCA, TRADING), (CALL, Phase.DEAL_MAKING)})
"""The phases that begin with one uncrossing of every instrument (PS-1.2)."""

HALTED_FROM: Final = frozenset(
    {Phase.INTAKE, Phase.ADMISSION, Phase.OPENING, TRADING, SELLER_CORRECTION, Phase.DEAL_MAKING}
)
"""The phases that can be halted (PS-1.1)."""

FINAL: Final = frozenset({Phase.CLOSED, Phase.CANCELLED})
"""The phases that are never left, and in which neither a band is set nor an order expires (PS-1.1, PS-1.2)."""

PARKED_PRICE_PHASES: Final = frozenset({Phase.INTAKE, TRADING, SELLER_CORRECTION})
"""Where either side may amend the price of a parked order up or down (PS-10.4)."""


def rights_now(session: Session) -> Rights:
    """The row of PS-1.2 that holds now; while HALTED that of the phase left (EN-6.3)."""
    if session.halt is not None:
        return RIGHTS_HALTED.get((session.mechanism, session.halt.left), NO_RIGHTS)
    return RIGHTS.get((session.mechanism, session.phase), NO_RIGHTS)


def is_continuous(session: Session) -> bool:
    """Whether an incoming order matches at once: in TRADING of CDCA, where alone IOC and FOK are taken (PS-1.2)."""
    return session.phase is TRADING and session.mechanism is CDCA


def may_place(session: Session, side: Side) -> bool:
    """Whether new orders of this side are taken (PS-1.2)."""
    rights = rights_now(session)
    return side in rights.new or (session.late_entry and side in rights.new_late)


def may_cancel(session: Session, side: Side) -> bool:
    """Whether traders may cancel orders of this side; the exchange may cancel in every phase (PS-1.2)."""
    return side in rights_now(session).cancel


def may_amend(session: Session, side: Side, parked: bool, changes: Sequence[Change]) -> bool:
    """Whether every right concerned is there (PS-1.2); a parked order's price is free in more phases (PS-10.4).

    An amend that changes nothing needs any amend right of its side, that of a parked order its right to amend the price
    (PS-13.18). How far a seller may lower his total in SELLER_CORRECTION is another question (PS-1.3).
    """
    granted = rights_now(session).amend[side]
    if parked and session.phase in PARKED_PRICE_PHASES:
        granted |= {BETTER, WORSE}
    return granted.issuperset(changes) if changes else bool(granted)


def next_phase(session: Session) -> Phase | None:
    """The phase of the plan after the present one; none after the last, and none while HALTED or CANCELLED."""
    plan = [phase for phase, _ in session.plan]
    if session.phase not in plan:
        return None
    place = plan.index(session.phase) + 1
    return plan[place] if place < len(plan) else None
