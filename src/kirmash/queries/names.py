"""Names for the integers of the views: those of PS-0, in lower case, phases in capitals."""

import enum
from collections.abc import Mapping
from typing import Final, TypeVar

from kirmash.messages import codec
from kirmash.messages.kinds import (
    Aggressor,
    CancelReason,
    Mechanism,
    NamesAt,
    OrderState,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from kirmash.messages.rejects import Reason
from kirmash.projections.moment import KINDS

E = TypeVar("E", bound=enum.IntEnum)


def _names(kind: type[enum.IntEnum]) -> dict[int, str]:
    return {int(member): member.name if kind is Phase else member.name.lower() for member in kind}


SIDES: Final = _names(Side)
MECHANISMS: Final = _names(Mechanism)
SELF_TRADES: Final = _names(SelfTrade)
NAMES_AT: Final = _names(NamesAt)
TIMES_IN_FORCE: Final = _names(TimeInForce)
PHASES: Final = _names(Phase)
AGGRESSORS: Final = _names(Aggressor)
CANCEL_REASONS: Final = _names(CancelReason)
ORDER_STATES: Final = _names(OrderState)
REASONS: Final = {int(reason): reason.text for reason in Reason}
EVENTS: Final = {tag: codec.name_of(kind) for kind, tag in KINDS.items()}
CONTRACT_STATES: Final = {2: "forming", 3: "performed", 4: "terminated", 5: "annulled"}
WITHDRAWAL_STATES: Final = {1: "requested", 2: "ready", 3: "refused", 4: "confirmed", 5: "cancelled"}


def code_of(names: Mapping[int, str], name: str) -> int | None:
    """The integer of a name, if it is one."""
    return next((code for code, known in names.items() if known == name), None)
