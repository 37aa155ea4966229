"""The closed enumerations of commands and events, and what the JSON form may say in a field.

In canonical bytes an enumeration is its integer; in JSON it is its name in lower case (phases: upper case).
Numbers are never reused. Source: market-rules PS-0, PS-1.1, PS-8.1.
"""

import enum
from typing import Annotated, Final

from kirmash.messages.units import Time


class Side(enum.IntEnum):
    """Which way an order trades."""

    BUY = 1
    SELL = 2


class ParticipantKind(enum.IntEnum):
    """For whom a participant may act: visitor for itself, broker for clients (ACC-01)."""

    VISITOR = 1
    BROKER = 2


class OpenOrders(enum.IntEnum):
    """What becomes of open orders when their participant is suspended or their trader withdrawn (PS-6.6)."""

    KEEP = 1
    CANCEL = 2


class Mechanism(enum.IntEnum):
    """How a session forms prices: continuous double auction or uniform-price call."""

    CDCA = 1
    CALL = 2


class SelfTrade(enum.IntEnum):
    """What happens when both sides of a match are of one group (PS-2.8)."""

    CANCEL_NEWEST = 1
    ALLOW = 2


class NamesAt(enum.IntEnum):
    """When the counterparty of a deal is named to its parties."""

    CLOSE = 1
    DEAL = 2


class TimeInForce(enum.IntEnum):
    """How long an order lives."""

    SESSION = 1
    IOC = 2
    FOK = 3
    UNTIL = 4


class Phase(enum.IntEnum):
    """The present stage of a session, in the order in which plans go through them (PS-1.1)."""

    SCHEDULED = 1
    INTAKE = 2
    ADMISSION = 3
    OPENING = 4
    TRADING = 5
    SELLER_CORRECTION = 6
    DEAL_MAKING = 7
    CLOSING = 8
    CLOSED = 9
    HALTED = 10
    CANCELLED = 11


class Aggressor(enum.IntEnum):
    """Which side of a deal came in; none in an uncrossing."""

    BUY = 1
    SELL = 2
    NONE = 3


class CancelReason(enum.IntEnum):
    """Why an order's open rest was taken away."""

    REQUESTED = 1
    MASS = 2
    KILLED = 3
    SELF_TRADE = 4
    EXPIRED = 5
    CLOSING = 6
    SESSION_CANCELLED = 7
    ADMISSION = 8
    ADMISSION_WITHDRAWN = 9


class OrderState(enum.IntEnum):
    """Where an order stands. A final state is FILLED or 10 + the reason of its cancellation."""

    OPEN = 1
    PARKED = 2
    FILLED = 3
    REQUESTED = 11
    MASS = 12
    KILLED = 13
    SELF_TRADE = 14
    EXPIRED = 15
    CLOSING = 16
    SESSION_CANCELLED = 17
    ADMISSION = 18
    ADMISSION_WITHDRAWN = 19


class ActorKind(enum.IntEnum):
    """Who gave a command. Reactors and timetable are the exchange itself."""

    OPERATOR = 1
    TRADER = 2
    REACTOR = 3
    TIMETABLE = 4


class Decider(enum.IntEnum):
    """The machine that owns a command."""

    MARKET = 1
    OFFICE = 2


class Form(enum.Enum):
    """How a field stands in JSON where its Python type does not say it all."""

    TEXT = "text"  # 1 to 200 bytes
    CLIENT_ID = "client_id"
    DECIMAL = "decimal"  # decimal text, printed as given
    PRICE = "price"  # ticks; printed by the instrument's tick
    QUANTITY = "quantity"  # lots; printed by the instrument's lot
    MONEY = "money"  # minor units; printed by the currency
    MONEY_TEXT = "money_text"  # decimal text; printed by the currency
    AMOUNT = "amount"  # decimal text above zero; printed by the currency
    ORDINAL = "ordinal"  # order or deal: integer, or digits in text
    COUNT = "count"
    PPM = "ppm"
    VERSION = "version"  # integer or text
    COUNTRY = "country"
    CURRENCY = "currency"
    UNIT = "unit"
    TIME = "time"
    ATTRIBUTES = "attributes"
    PERSON = "person_id"
    HASH = "hash"  # SHA-256 in hex digits


PERSON_PATTERN: Final = "person-[0-9a-f]{32}"
"""A natural person's id: random, so that it says nothing about him."""
HASH_PATTERN: Final = "[0-9a-f]{64}"
"""A SHA-256 as text, the name of a profile's file (EN-1)."""


Text = Annotated[str, Form.TEXT]
DecimalText = Annotated[str, Form.DECIMAL]
MoneyText = Annotated[str, Form.MONEY_TEXT]
AmountText = Annotated[str, Form.AMOUNT]
PriceTicks = Annotated[int, Form.PRICE]
QuantityLots = Annotated[int, Form.QUANTITY]
MoneyMinor = Annotated[int, Form.MONEY]
Ordinal = Annotated[int, Form.ORDINAL]
Count = Annotated[int, Form.COUNT]
Ppm = Annotated[int, Form.PPM]
Version = Annotated[int | str, Form.VERSION]
Country = Annotated[str, Form.COUNTRY]
Currency = Annotated[str, Form.CURRENCY]
Unit = Annotated[str, Form.UNIT]
Person = Annotated[str, Form.PERSON]
Hash = Annotated[str, Form.HASH]
Instant = Annotated[Time, Form.TIME]
Attributes = Annotated[tuple[tuple[str, str], ...], Form.ATTRIBUTES]
