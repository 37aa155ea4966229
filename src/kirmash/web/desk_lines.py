"""Lines of records as sentences for who runs the exchange: with every name, and nothing left out.

Figures come as decimal text from the presenter and stay it. An event that has no sentence here is shown by its name
with its fields; nothing is decided.
"""

from typing import Any, Final

from msgspec import Struct

from kirmash.gateway.feed import JsonObject
from kirmash.web.desk_tape import Placed, TapeLine
from kirmash.web.naming import CLIENTS, COMPANIES, Names
from kirmash.web.told import Why, why_of
from kirmash.web.words import Words

HEAD: Final = frozenset({"number", "index", "at", "cause", "event"})
_BAD: Final = frozenset({"command_rejected", "session_halted", "session_cancelled", "withdrawal_refused"})
_GOOD: Final = frozenset({"deal_made", "uncrossed"})
_NAMES: Final = (
    *("order", "deal", "session", "instrument", "client", "trader", "participant", "reason", "buyer", "seller"),
    *("buyer_client", "seller_client", "withdrawal", "currency", "card", "version", "person", "section"),
)
_FIGURES: Final = (
    *("price", "quantity", "open", "reserved", "volume", "surplus", "cancelled", "kept", "expired", "amount"),
    *("free", "blocked", "withdrawing"),
)


class Told(Struct, frozen=True, kw_only=True):
    """A line for people. `kind` is info, success or danger; `fields`: name and value of what the event says."""

    number: int
    index: int
    at: str
    kind: str
    text: str
    actor: str
    order: int | None
    participant: str
    client: str | None
    reasons: list[Why]


def told_of(words: Words, it: TapeLine, names: Names) -> Told:
    """A line of a session's tape."""
    placed = it.placed
    return Told(
        number=it.number,
        index=it.index,
        at=it.at,
        kind="danger" if it.event in _BAD else "success" if it.event in _GOOD else "info",
        text=sentence_of(words, it.line, placed, it.command, names),
        actor=actor_of(words, it.actor_kind, it.actor),
        order=it.order,
        participant="" if placed is None else placed.participant,
        client=None if placed is None else placed.client,
        reasons=reasons_of(words, it.line),
    )


def sentence_of(words: Words, line: JsonObject, placed: Placed | None, command: str, names: Names | None = None) -> str:
    """What an event says, as a sentence; its name where there is none. `names` of what the line has by id."""
    event = line["event"]
    given: dict[str, str] = dict.fromkeys((*_NAMES, *_FIGURES, "side", "phase", "what", "why", "place"), "")
    if placed is not None:
        given |= {"participant": placed.participant, "client": placed.client or "", "instrument": placed.instrument}
    given |= {name: str(line[name]) for name in _NAMES if line.get(name) is not None}
    given |= {name: words.figure(str(line[name])) for name in _FIGURES if line.get(name) is not None}
    if line.get("side"):
        given["side"] = words.text(f"told.side.{line['side']}")
    if line.get("to"):
        given["phase"] = words.phase(line["to"])
    elif line.get("from"):
        given["phase"] = words.phase(line["from"])
    if line.get("resume_at"):
        given["what"] = words.moment(line["resume_at"], seconds=True)
    if event == "command_rejected":
        given["what"] = words.known("run.command", command)
    if event == "order_cancelled":
        given["why"] = words.text(f"run.cancel.{line['reason']}")
    if names is not None:
        _name(words, given, names)
    for name in CLIENTS:
        if given[name]:
            client = None if names is None else names.client(given[name])
            given[name] = f" ({given[name]})" if client in (None, given[name]) else f", {client} ({given[name]})"
    found = words.known("run.line", event)
    return event if found == event else words.text(f"run.line.{event}", **given)


def _name(words: Words, given: dict[str, str], names: Names) -> None:
    """Put names before the ids of companies and for those of goods, units and currencies behind figures."""
    for key in COMPANIES:
        if given[key] and names.company(given[key]) != given[key]:
            given[key] = f"{names.company(given[key])} ({given[key]})"
    good = names.good(given["instrument"])
    if good is None:
        return
    unit, currency = good.unit(words), good.instrument.currency
    given["instrument"] = good.full(words)
    ends = {"price": f"{currency} / {unit}", "reserved": currency}
    ends |= dict.fromkeys(("quantity", "open", "volume", "surplus"), unit)
    given.update((key, f"{given[key]} {end}".rstrip()) for key, end in ends.items() if given[key])


def reasons_of(words: Words, line: JsonObject) -> list[Why]:
    """Why a command was rejected, or an order did not pass the admission."""
    reasons: Any = line.get("reasons")
    return [why_of(words, it) for it in reasons or ()]


def actor_of(words: Words, kind: str, actor: str) -> str:
    """Who gave a command: his id, or the exchange itself."""
    return actor if kind in ("operator", "trader") else words.text(f"run.by.{kind}")


def fields_of(line: JsonObject) -> list[tuple[str, str]]:
    """What an event or command says, field by field, as it stands in JSON; absent ones are left out."""
    return [(name, _shown(value)) for name, value in line.items() if name not in HEAD and value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in value.items() if entry is not None)
    if isinstance(value, list):
        return "; ".join(_shown(entry) for entry in value)
    return str(value)
