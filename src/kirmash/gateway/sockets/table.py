"""The table of messages: what a client may say on the WebSocket, and who may say it.

Invariants: a message that does not stand here is not taken; the rule is judged before anything is done; the reference
page and the authorisation tests are made from this table.
"""

from typing import Final

from msgspec import Struct

from kirmash.gateway.routes import Rule
from kirmash.identity import Scope, Who
from kirmash.protocol import ws
from kirmash.protocol.shapes import COMMANDS

TRADING: Final = ("place_order", "amend_order", "cancel_order", "mass_cancel")
"""The commands that traders give; all others are the operators'."""


class Row(Struct, frozen=True):
    """A message: its `op` (for subscriptions with the channel), the rule, what answers it, what it is for."""

    op: str
    rule: Rule
    answered_by: str
    about: str


def _rows() -> dict[str, Row]:
    rows = [
        Row("login", Rule.PUBLIC, "answer", "sign in by an API key: sign the nonce of `hello`"),
        Row("ping", Rule.PUBLIC, "answer", "say that the client is there"),
        Row("time", Rule.PUBLIC, "answer", "ask what time it is at the exchange"),
        Row("subscribe market", Rule.PUBLIC, "answer, snapshot, update", "follow the book of an instrument"),
        Row("subscribe session", Rule.PUBLIC, "answer, snapshot, update", "follow a session's phases"),
        Row("subscribe sessions", Rule.PUBLIC, "answer, sessions, update", "follow all sessions' phases, with a list"),
        Row(
            "subscribe private",
            Rule.PARTICIPANT,
            "answer, private, resync",
            "follow a participant's own lines; operators and auditors name the participant",
        ),
        *(
            Row(f"unsubscribe {channel}", Rule.PUBLIC, "answer", "follow it no longer")
            for channel in ("market", "session", "sessions")
        ),
        Row("unsubscribe private", Rule.PARTICIPANT, "answer", "follow them no longer"),
        Row("cancel_on_disconnect", Rule.TRADER, "answer", "have open orders cancelled when the connection ends"),
        Row("cancel_after", Rule.TRADER, "answer, cancelled", "the dead man's switch: cancel unless it is said again"),
        Row("commands", Rule.COMMAND, "answer", f"up to {ws.ITEMS_MAX} commands in one frame"),
        *(Row(name, Rule.COMMAND, "answer", "the command of this name") for name in TRADING),
        *(
            Row(name, Rule.OPERATOR, "answer", "the command of this name")
            for name in sorted(COMMANDS)
            if name not in TRADING
        ),
    ]
    return {row.op: row for row in rows}


MESSAGES: Final[dict[str, Row]] = _rows()


def row_of(wish: ws.AnyWish) -> Row:
    """The row of a message that is no command."""
    op = str(type(wish).__struct_config__.tag)
    return MESSAGES[f"{op} {wish.channel}" if isinstance(wish, ws.Subscribe | ws.Unsubscribe) else op]


def allows(row: Row, who: Who | None) -> bool:
    """Whether this client may say it at all; of an API key, also by its scopes."""
    if not row.rule.allows(who):
        return False
    if who is None or row.rule is Rule.PUBLIC:
        return True
    return (Scope.READ if row.rule is Rule.PARTICIPANT else Scope.COMMANDS) in who.scopes


def as_markdown() -> str:
    """The table as it stands in docs/reference/websocket.md."""
    lines = ["| `op` | who may say it | answered by | for |", "|---|---|---|---|"]
    for row in MESSAGES.values():
        op, _, channel = row.op.partition(" ")
        shown = f"`{op}`" + (f" {{channel: {channel}}}" if channel else "")
        lines.append(f"| {shown} | {row.rule.value} | {row.answered_by} | {row.about} |")
    return "\n".join(lines)
