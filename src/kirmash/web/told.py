"""What a participant is told of his own affairs, as sentences: lines of the private feed, rejects with rule and cure.

A line that says nothing to a person besides what a table shows already has no sentence. Figures come as decimal text
and stay it. Nothing is added to what the private feed gives: who may know what was settled there.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from kirmash.gateway.problems import explanation
from kirmash.messages.rejects import Reason
from kirmash.web.words import Words

JsonObject = dict[str, Any]

SILENT: Final = frozenset({"account_changed", "order_rested", "deposit_credit_entered", "authority_set", "client_set"})
"""Events that say nothing new beside another of the same command, or beside the tables."""

_BAD: Final = frozenset({"command_rejected", "withdrawal_refused", "participant_suspended", "trader_withdrawn"})
_GOOD: Final = frozenset({"order_accepted", "order_amended", "deal_made", "deposit_credited", "contract_performed"})
_STATED: Final = frozenset(
    {
        *("order_accepted", "order_amended", "order_parked", "order_cancelled", "paradoxically_rejected", "deal_made"),
        *("orders_mass_cancelled", "deposit_credited", "counterparty_named", "contract_opened", "contract_performed"),
        *("contract_terminated", "deal_annulled", "deal_released", "withdrawal_requested", "withdrawal_held"),
        *("withdrawal_ready", "withdrawal_confirmed", "withdrawal_cancelled", "withdrawal_paid"),
        *("withdrawal_released", "withdrawal_refused", "participant_registered", "participant_accredited"),
        *("participant_suspended", "participant_reinstated", "permission_granted", "permission_revoked"),
        *("admission_set", "trader_appointed", "trader_withdrawn", "client_registered"),
    }
)


class Why(Struct, frozen=True, kw_only=True):
    """A reason of a reject. `given` and `limit` are figures and ids; `anchor` is its place in the help."""

    text: str
    cure: str
    rule: str
    field: str | None
    given: str | None
    limit: str | None
    anchor: str


class Message(Struct, frozen=True, kw_only=True):
    """A sentence of the feed. `kind` is a notice's: info, success, danger."""

    number: int
    index: int
    at: str
    kind: str
    text: str
    client: str | None
    reasons: list[Why]


def message_of(words: Words, line: JsonObject) -> Message | None:
    """The sentence of a private line; None for one without."""
    event = line["event"]
    if event in SILENT:
        return None
    reasons = [why_of(words, it) for it in line["reasons"]] if event == "command_rejected" else []
    return Message(
        number=line["number"],
        index=line["index"],
        at=line["at"],
        kind="danger" if event in _BAD else "success" if event in _GOOD else "info",
        text=_sentence(words, event, line),
        client=line.get("client"),
        reasons=reasons,
    )


def messages_of(words: Words, lines: Iterable[JsonObject]) -> list[Message]:
    """The sentences of lines, in their order."""
    return [it for it in (message_of(words, line) for line in lines) if it is not None]


def why_of(words: Words, reason: JsonObject) -> Why:
    """A reason of a reject in the reader's language."""
    said = explanation(reason["reason"], words.language)
    limit = reason["limit"]
    if limit is not None and reason["reason"] == Reason.PHASE_FORBIDS.text:
        limit = words.phase(limit)
    elif limit is not None:
        limit = _limit(words, reason["reason"], limit)
    return Why(
        text=said["text"],
        cure=said["cure"],
        rule=reason["rule"],
        field=None if reason["field"] is None else words.known("told.field", reason["field"]),
        given=reason["given"],
        limit=limit,
        anchor=reason["reason"],
    )


def _limit(words: Words, reason: str, limit: str) -> str:
    """A limit, which the presenter words in English where it is more than a figure."""
    if reason == Reason.DEPOSIT_SHORT.text and limit.startswith("free "):
        free, _, needed = limit.removeprefix("free ").partition(", needed ")
        return words.text("told.limit.deposit", free=words.figure(free), needed=words.figure(needed))
    if reason == Reason.TOTAL_NOT_ABOVE_FILLED.text and limit.startswith("above "):
        return words.text("told.limit.above", filled=words.figure(limit.removeprefix("above ")))
    if reason == Reason.ORDER_NOT_OPEN.text:
        return words.text(f"own.state.{limit}")
    return limit


def _sentence(words: Words, event: str, line: JsonObject) -> str:
    if event == "command_rejected":
        return words.text("told.command_rejected", what=words.known("told.command", line["command"]))
    if event not in _STATED:
        return event
    given = dict.fromkeys(("order", "deal", "withdrawal", "session", "instrument", "trader", "client"), "")
    given |= {name: str(line[name]) for name in given if line.get(name) is not None}
    figures = ("price", "quantity", "open", "reserved", "amount", "cancelled", "kept")
    given |= {name: words.figure(line[name]) for name in figures if line.get(name) is not None}
    if "side" in line and line["side"] is not None:
        given["side"] = words.text(f"told.side.{line['side']}")
    if event == "order_cancelled":
        given["why"] = words.text(f"told.cancel.{line['reason']}")
    if event in ("deposit_credited", "withdrawal_requested"):
        given["currency"] = line["currency"]
    if event == "counterparty_named":
        given["counterparty"] = line["counterparty"]
    if event in ("permission_granted", "permission_revoked"):
        given["section"], given["purpose"] = words.section(line["section"]), words.purpose(line["purpose"])
    if event == "admission_set":
        event = "admission_set.yes" if line["admitted"] else "admission_set.no"
    return words.text(f"told.{event}", **given)
