"""What the answer to a trader's own command may tell him: of the record's events those of his participant, as in the
private feed, and nothing of the other side.

Pure, and made of the record's lines alone, so that a command that is repeated years later gets the same answer. It
tells less than the private feed: of a participant's other orders only those that the record itself shows to be his.
What the operator is told is everything, and not made here.
"""

from collections.abc import Sequence
from typing import Any, Final

from kirmash.messages import commands as c
from kirmash.messages.rejects import Reason

JsonObject = dict[str, Any]

_OF_ORDER: Final = frozenset(
    {"order_amended", "order_rested", "order_cancelled", "order_parked", "paradoxically_rejected"}
)
_DEAL_PUBLIC: Final = ("number", "index", "at", "event", "deal", "session", "instrument")
_SIDES: Final = (("buy", "buyer"), ("sell", "seller"))


def own_lines(lines: Sequence[JsonObject], participant: str, command: c.Command) -> list[JsonObject]:
    """The lines of a record that a trader of `participant` may read, when the record is that of his own `command`.

    Each gets its index among them, so that it does not tell how much there was for others.
    """
    own: set[int] = set()
    if isinstance(command, c.AmendOrder | c.CancelOrder):
        own.add(command.order)
    told: list[JsonObject] = []
    for line in lines:
        for shown in _shown(line, participant, command, own):
            shown.pop("cause", None)
            shown["index"] = len(told)
            told.append(shown)
    return told


def _shown(line: JsonObject, participant: str, command: c.Command, own: set[int]) -> list[JsonObject]:
    event = line["event"]
    if event == "command_rejected":
        return [_rejected(line)]
    if event == "deal_made":
        return _own_sides(line, participant, own)
    if event == "order_accepted":
        own.add(line["order"])
    elif event in _OF_ORDER:
        # A trader's mass cancel reaches orders of his participant only (PS-6.6).
        return [dict(line)] if line["order"] in own or isinstance(command, c.MassCancel) else []
    elif event == "orders_mass_cancelled":
        return [dict(line)]
    return [dict(line)] if line.get("participant") == participant else []


def _rejected(line: JsonObject) -> JsonObject:
    """Of an order that is not his a trader is told that it is not, and nothing else."""
    not_owner = [reason for reason in line["reasons"] if reason["reason"] == Reason.NOT_OWNER.text]
    return {**line, "reasons": not_owner} if not_owner else dict(line)


def _own_sides(line: JsonObject, participant: str, own: set[int]) -> list[JsonObject]:
    """The own side of a deal; both, if a broker's clients met each other."""
    sides: list[JsonObject] = []
    for side, party in _SIDES:
        if line[party] == participant:
            own.add(line[f"{side}_order"])
            shown = {name: line[name] for name in _DEAL_PUBLIC}
            shown |= {"side": side, "order": line[f"{side}_order"]}
            shown |= {name: line[name] for name in ("price", "quantity", "aggressor")}
            shown |= {"open": line[f"{side}_open"], "client": line[f"{party}_client"]}
            sides.append(shown)
    return sides
