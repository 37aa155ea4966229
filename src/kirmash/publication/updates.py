"""The shapes of public market data: what a subscriber without a name is given (docs/reference/market-data.md).

No field here may ever hold an order, a deal, a participant, a client, a trader or a journal number: by them one could
count or join what is private (DESIGN §5). Decimals are text, as everywhere in JSON (PS-8.6).
"""

from typing import Any

from msgspec import Struct

from kirmash.messages.units import Time

Level = tuple[str, str, int, str]
"""Price, quantity, number of orders, and how much of the quantity belongs to conditional orders (PS-2.7)."""

LevelChange = tuple[str, str, str, int, str]
"""Side (`buy` or `sell`) and the level as it is now; a quantity of "0" says that the level is gone."""


class PublicUpdate(Struct, frozen=True, gc=False):
    """One event of a public channel (EN-5).

    `instrument` None is the session's own channel. `number` is the channel's own and rises by one with each update.
    `fields` is what the event says, ready for JSON; it is never changed after it was made.
    """

    session: str
    instrument: str | None
    number: int
    at: Time
    event: str
    fields: dict[str, Any]


class PublicBand(Struct, frozen=True):
    """The effective band, bounds included; None is no such bound, and lower above upper admits no price (PS-10.1)."""

    lower: str | None
    upper: str | None


class Indicative(Struct, frozen=True):
    """Where the book as it stands would uncross; surplus is demand minus supply there."""

    price: str
    volume: str
    surplus: str


class BookSnapshot(Struct, frozen=True):
    """The public book of one instrument of a session after the update with this number; best levels first.

    `indicative` is None where no uncrossing is ahead or the book would give no price. `checksum` is that of
    `book.checksum_text`, so that a reader of updates can tell whether his book is the exchange's.
    """

    session: str
    instrument: str
    number: int
    phase: str
    bids: list[Level]
    asks: list[Level]
    last_price: str | None
    band: PublicBand | None
    indicative: Indicative | None
    checksum: int


class PlannedPhase(Struct, frozen=True):
    """A phase of the plan and when it is due, as moved by halts (PS-11.3)."""

    phase: str
    at: str


class SessionSnapshot(Struct, frozen=True):
    """A session after the update with this number of its own channel.

    `left` is the phase to which a halted session returns, `resume_at` the time announced for that.
    """

    session: str
    number: int
    section: str
    purpose: str
    mechanism: str
    phase: str
    left: str | None
    resume_at: str | None
    plan: list[PlannedPhase]
    instruments: list[str]
