"""One record as the fold goes through it: what all its events share, and why they move money."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.commands import Command, OpenContracts
from kirmash.messages.events import EVENTS, AccountChanged, Event
from kirmash.projections.store import Views
from kirmash.projections.times import text_from_time

AccountKey = tuple[str, str, str]
"""Participant, client or empty text, currency."""
Cause = tuple[type[Event], int | None, int | None, str | None]
"""An event that moves an account, with its order, deal, withdrawal."""


class Moment:
    """A record's number, time and actor, the place of the present event, and what the events before it left behind."""

    __slots__ = (
        "actor",
        "actor_kind",
        "at",
        "cause",
        "index",
        "moved",
        "moves",
        "number",
        "opening",
        "record",
        "walking",
    )

    def __init__(self, record: Record, events: tuple[Event, ...]) -> None:
        self.record: Final = record
        self.number = record.number
        self.at = text_from_time(record.time)
        self.actor = record.actor
        self.actor_kind = int(record.actor_kind)
        self.cause = record.cause
        self.index = 0
        self.walking: set[int] = set()
        """Orders that this command brought in and that do not stand in the book (EN-5)."""
        self.moves = type(events[-1]) is AccountChanged
        """Accounts changed; those events are the last of a command (PS-0)."""
        self.opening: OpenContracts | None = None
        """The command, once it was decoded, where it opens contracts."""
        self.moved: dict[AccountKey, list[Cause]] = {}

    def command(self) -> Command:
        """The record's command; decoded anew at each call."""
        return codec.decode_command(self.record.command)

    def moves_account(
        self, key: AccountKey, kind: type[Any], order: int | None, deal: int | None, withdrawal: str | None = None
    ) -> None:
        """Note why an account moves; the statement will say it."""
        self.moved.setdefault(key, []).append((kind, order, deal, withdrawal))


Handler = Callable[[Views, Moment, Any], None]
"""What one kind of event does to the views."""


def _tag(kind: type[Struct]) -> int:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int)
    return tag


KINDS: Final[dict[type[Struct], int]] = {kind: _tag(kind) for kind in EVENTS}
"""What stands for an event's class in a view: its tag."""
