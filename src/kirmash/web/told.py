"""What a participant is told of his own affairs, as sentences: lines of the private feed, rejects with rule and cure.

A line that says nothing to a person besides what a table shows already has no sentence. Figures come as decimal text
and stay it. Nothing is added to what the private feed gives: who may know what was settled there.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from kirmash.gateway.problems import explanation
from kirmash.messages.rejects import Reason
from kirmash.web.catalogue import Named
from kirmash.web.titles import Titles
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

_ABOUT_RIGHTS: Final = frozenset(
    it.text for it in (Reason.NOT_ADMITTED, Reason.CLIENT_NOT_ADMITTED, Reason.AUTHORITY_MISSING)
)
_LIMITS: Final = {
    Reason.PRICE_OFF_GRID.text: "told.limit.tick",
    Reason.QUANTITY_OFF_GRID.text: "told.limit.lot",
    Reason.PRICE_OUT_OF_RANGE.text: "told.limit.allowed",
    Reason.BAND_EXCEEDED.text: "told.limit.allowed",
    Reason.QUANTITY_OUT_OF_RANGE.text: "told.limit.allowed",
}
"""What a limit is called, where it is more than one."""
_FIGURE_FIELDS: Final = frozenset({"price", "quantity", "minimum", "amount", "tick", "lot", "reference"})
_FIGURE: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class Why(Struct, frozen=True, kw_only=True):
    """A reason of a reject. `facts`: the field, what was given and what is allowed; `anchor`: its place in the help."""

    text: str
    cure: str
    rule: str
    facts: list[str]
    anchor: str

    @property
    def about_rights(self) -> bool:
        """Whether the page of one's rights in a session says what is missing."""
        return self.anchor in _ABOUT_RIGHTS


class Message(Struct, frozen=True, kw_only=True):
    """A sentence of the feed. `kind` is a notice's: info, success, danger."""

    number: int
    index: int
    at: str
    kind: str
    text: str
    client: str | None
    reasons: list[Why]
    about: str = ""


class Known(Struct, frozen=True):
    """What the ids of lines stand for. `places`: session and instrument of orders; `here`: the session that goes
    without saying."""

    goods: Mapping[str, Named]
    companies: Mapping[str, str]
    clients: Mapping[str, str]
    places: Mapping[int, tuple[str, str]]
    here: str
    titles: Titles

    def place(self, line: JsonObject) -> tuple[str | None, Named | None]:
        """The session and the good of a line, as far as it has any."""
        session, instrument = self.places.get(line.get("order", 0), (None, None))
        return line.get("session") or session, self.goods.get(line.get("instrument") or instrument or "")


def message_of(words: Words, line: JsonObject, known: Known) -> Message | None:
    """The sentence of a private line; None for one without."""
    event = line["event"]
    if event in SILENT:
        return None
    reasons = [why_of(words, it) for it in line["reasons"]] if event == "command_rejected" else []
    client = line.get("client")
    return Message(
        number=line["number"],
        index=line["index"],
        at=line["at"],
        kind="danger" if event in _BAD else "success" if event in _GOOD else "info",
        text=_sentence(words, event, line, known),
        client=None if client is None else _with_id(known.clients.get(client), client),
        reasons=reasons,
        about=_about(words, line, known),
    )


def messages_of(words: Words, lines: Iterable[JsonObject], known: Known) -> list[Message]:
    """The sentences of lines, in their order."""
    return [it for it in (message_of(words, line, known) for line in lines) if it is not None]


def _about(words: Words, line: JsonObject, known: Known) -> str:
    """The good of a line, and its session where that is another than the reader's."""
    session, good = known.place(line)
    told = [] if good is None else [good.full(words)]
    if session is not None and session != known.here:
        told.append(known.titles.of(words, session))
    return " · ".join(told)


def _with_id(name: str | None, id_: str) -> str:
    """A name with its id behind it."""
    return id_ if name in (None, id_) else f"{name} ({id_})"


def why_of(words: Words, reason: JsonObject) -> Why:
    """A reason of a reject in the reader's language."""
    said = explanation(reason["reason"], words.language)
    facts: list[str] = []
    if reason["field"] is not None:
        facts.append(words.known("told.field", reason["field"]))
        if reason["given"] is not None:
            given = _figures(words, reason["given"]) if reason["field"] in _FIGURE_FIELDS else reason["given"]
            facts.append(words.text("told.given", given=given))
    if reason["limit"] is not None:
        facts.append(_limit(words, reason["reason"], reason["limit"]))
    return Why(text=said["text"], cure=said["cure"], rule=reason["rule"], facts=facts, anchor=reason["reason"])


def _limit(words: Words, reason: str, limit: str) -> str:
    """A limit with what it is, which the presenter words in English where it is more than a figure."""
    if reason == Reason.PHASE_FORBIDS.text:
        return words.text("told.limit.phase", phase=words.phase(limit))
    if reason == Reason.DEPOSIT_SHORT.text and limit.startswith("free "):
        free, _, needed = limit.removeprefix("free ").partition(", needed ")
        return words.text("told.limit.deposit", free=words.figure(free), needed=words.figure(needed))
    if reason == Reason.TOTAL_NOT_ABOVE_FILLED.text and limit.startswith("above "):
        return words.text("told.limit.above", filled=words.figure(limit.removeprefix("above ")))
    if reason == Reason.ORDER_NOT_OPEN.text:
        return words.text(f"own.state.{limit}")
    return words.text(_LIMITS.get(reason, "told.limit"), limit=_figures(words, limit))


def _figures(words: Words, text: str) -> str:
    """A figure, or two with an ellipsis between them, as the language writes them; anything else as it is."""
    parts = text.split("…")
    if len(parts) > 2 or not all(_FIGURE.fullmatch(it) for it in parts):
        return text
    return " … ".join(words.figure(it) for it in parts)


def _sentence(words: Words, event: str, line: JsonObject, known: Known) -> str:
    if event == "command_rejected":
        return words.text("told.command_rejected", what=words.known("told.command", line["command"]))
    if event not in _STATED:
        return event
    given = dict.fromkeys(("order", "deal", "withdrawal", "session", "instrument", "trader", "client"), "")
    given |= {name: str(line[name]) for name in given if line.get(name) is not None}
    figures = ("price", "quantity", "open", "reserved", "amount", "cancelled", "kept")
    given |= {name: words.figure(line[name]) for name in figures if line.get(name) is not None}
    _, good = known.place(line)
    if good is not None:
        unit, currency = good.unit(words), good.instrument.currency
        ends = {"price": f"{currency} / {unit}", "quantity": unit, "open": unit, "reserved": currency}
        given |= {name: f"{given[name]} {end}".rstrip() for name, end in ends.items() if given.get(name)}
    if "side" in line and line["side"] is not None:
        given["side"] = words.text(f"told.side.{line['side']}")
    if event == "order_cancelled":
        given["why"] = words.text(f"told.cancel.{line['reason']}")
    if event in ("deposit_credited", "withdrawal_requested"):
        given["currency"] = line["currency"]
    if event == "counterparty_named":
        given["counterparty"] = _with_id(known.companies.get(line["counterparty"]), line["counterparty"])
    if event in ("permission_granted", "permission_revoked"):
        given["section"], given["purpose"] = words.section(line["section"]), words.purpose(line["purpose"])
    if event == "admission_set":
        event = "admission_set.yes" if line["admitted"] else "admission_set.no"
    return words.text(f"told.{event}", **given)
