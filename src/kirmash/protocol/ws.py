"""The messages of the WebSocket `/ws/v1`: what a client may say, what the exchange says, and how either is read.

The same maps stand in JSON and in MessagePack. Pure: no socket, no clock, nothing of who may say what. Orders have
typed shapes for a fast path; whatever does not fit them as it stands is read by the rules of `protocol.shapes`, which
alone decide what is wrong and say it in words, so that both doors refuse alike.
"""

import enum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from kirmash.messages.limits import ORDINAL_MAX

VERSION: Final = 1
ITEMS_MAX: Final = 100
"""Commands in one frame."""

LOGIN_PREFIX: Final = "kirmash-ws-login"


class Format(enum.Enum):
    """How messages are written on a connection; the value is the name of its subprotocol."""

    JSON = "kirmash.v1.json"
    MSGPACK = "kirmash.v1.msgpack"


RequestId = Annotated[int, Meta(ge=0, le=ORDINAL_MAX)] | Annotated[str, Meta(max_length=64)] | None
"""A client's own mark of a message; it comes back with the answer."""

Number = Annotated[int, Meta(ge=0, le=ORDINAL_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Channel = Literal["market", "session", "sessions", "private"]


# From the client -------------------------------------------------------------------------------------------------


class Wish(Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True):
    """What every message of a client has."""

    id: RequestId = None


class Login(Wish, frozen=True, kw_only=True, tag="login"):
    """Sign in by an API key. `signature`: base64 of Ed25519 over `login_text`; `created`: seconds since 1970."""

    key: Name
    created: Number
    signature: Annotated[str, Meta(max_length=120)]


class Ping(Wish, frozen=True, kw_only=True, tag="ping"):
    """I am here. Answered at once."""


class AskTime(Wish, frozen=True, kw_only=True, tag="time"):
    """What time is it at the exchange?"""


class Subscribe(Wish, frozen=True, kw_only=True, tag="subscribe"):
    """Follow a channel. `from`: the last channel number that the client has; `after`: the last journal number.

    market needs `session` and `instrument`, session needs `session`; private takes `after`, and from operators and
    auditors needs `participant`.
    """

    channel: Channel
    session: Name | None = None
    instrument: Name | None = None
    participant: Name | None = None
    from_: Number | None = msgspec.field(default=None, name="from")
    after: Number | None = None


class Unsubscribe(Wish, frozen=True, kw_only=True, tag="unsubscribe"):
    """Follow a channel no longer."""

    channel: Channel
    session: Name | None = None
    instrument: Name | None = None
    participant: Name | None = None


class CancelOnDisconnect(Wish, frozen=True, kw_only=True, tag="cancel_on_disconnect"):
    """Whether the trader's open orders are cancelled when this connection ends."""

    on: bool


class CancelAfter(Wish, frozen=True, kw_only=True, tag="cancel_after"):
    """Cancel the trader's open orders so many seconds from now, unless said again before; 0: not at all."""

    seconds: Annotated[int, Meta(ge=0, le=86_400)]


class Order(Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True):
    """What the fast path of every order command has. UNSET tells what was not sent."""

    client_id: str
    id: RequestId | UnsetType = UNSET


class PlaceOrder(Order, frozen=True, kw_only=True, tag="place_order"):
    """As the command of this name (PS-0)."""

    session: str
    instrument: str
    side: Literal["buy", "sell"]
    price: str
    quantity: str
    client: str | UnsetType | None = UNSET
    minimum: str | UnsetType | None = UNSET
    indivisible: bool | UnsetType = UNSET
    time_in_force: Literal["session", "ioc", "fok", "until"] | UnsetType = UNSET
    until: str | UnsetType | None = UNSET


class AmendOrder(Order, frozen=True, kw_only=True, tag="amend_order"):
    """As the command of this name (PS-0)."""

    order: Number
    price: str | UnsetType | None = UNSET
    quantity: str | UnsetType | None = UNSET
    minimum: str | UnsetType | None = UNSET
    until: str | UnsetType | None = UNSET


class CancelOrder(Order, frozen=True, kw_only=True, tag="cancel_order"):
    """As the command of this name (PS-0)."""

    order: Number


class MassCancel(Order, frozen=True, kw_only=True, tag="mass_cancel"):
    """As the command of this name (PS-0)."""

    session: str
    instrument: str | UnsetType | None = UNSET
    side: Literal["buy", "sell"] | UnsetType = UNSET
    trader: str | UnsetType | None = UNSET
    client: str | UnsetType | None = UNSET


AnyOrder = PlaceOrder | AmendOrder | CancelOrder | MassCancel


class Orders(Wish, frozen=True, kw_only=True, tag="commands"):
    """Up to a hundred commands, given at once and in their order."""

    items: Annotated[list[AnyOrder], Meta(min_length=1, max_length=ITEMS_MAX)]


AnyWish = Login | Ping | AskTime | Subscribe | Unsubscribe | CancelOnDisconnect | CancelAfter
WISHES: Final[dict[str, type[Wish]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Login, Ping, AskTime, Subscribe, Unsubscribe, CancelOnDisconnect, CancelAfter)
}
"""What a client may say besides commands, by its `op`."""


# From the exchange -----------------------------------------------------------------------------------------------


class Said(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What every message of the exchange has: its `type`."""


class Hello(Said, frozen=True, kw_only=True, tag="hello"):
    """The first message. `nonce` is to be signed for a login by key; `who` is None before that."""

    version: int
    exchange: str
    time: str
    nonce: str
    heartbeat_seconds: int
    silence_seconds: int
    who: dict[str, Any] | None
    number: int | UnsetType = UNSET


class Answer(Said, frozen=True, kw_only=True, tag="answer"):
    """The answer to one message: `result`, or for `commands` `results`, in the order of the items."""

    id: int | str | None
    op: str
    result: dict[str, Any] | UnsetType = UNSET
    results: list[dict[str, Any]] | UnsetType = UNSET


class Error(Said, frozen=True, kw_only=True, tag="error"):
    """A message that was not taken: what is wrong, where, by which rule, and how to mend it."""

    id: int | str | None
    op: str | None
    code: str
    text: str
    field: str | None = None
    rule: str | None = None
    cure: str | None = None
    retry_after: int | None = None


class Snapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """A channel as it stands after its update `number`. `conflated`: updates before it were left out."""

    channel: str
    session: str
    instrument: str | UnsetType = UNSET
    number: int
    conflated: bool = False
    snapshot: Any


class Sessions(Said, frozen=True, kw_only=True, tag="sessions"):
    """All sessions as they stand, ended ones too."""

    sessions: list[Any]
    conflated: bool = False


class Update(Said, frozen=True, kw_only=True, tag="update"):
    """One event of a public channel. `checksum` stands on the last of those made together, where somebody reads."""

    channel: str
    session: str
    instrument: str | UnsetType = UNSET
    number: int
    at: str
    event: str
    fields: dict[str, Any]
    checksum: int | UnsetType = UNSET


class Private(Said, frozen=True, kw_only=True, tag="private"):
    """Private lines of a participant, whole records, up to `number`."""

    participant: str
    number: int
    lines: list[dict[str, Any]]


class Resync(Said, frozen=True, kw_only=True, tag="resync"):
    """Lines above `after` are no longer at hand up to `number`: ask by REST, then go on with what follows here."""

    channel: str
    participant: str
    after: int
    number: int
    queries: list[str]


class Heartbeat(Said, frozen=True, kw_only=True, tag="heartbeat"):
    """A second of silence. `number` for those who are signed in: the last record that the exchange told."""

    time: str
    doors_open: bool
    number: int | UnsetType = UNSET


class Cancelled(Said, frozen=True, kw_only=True, tag="cancelled"):
    """The dead man's switch has cancelled: in which sessions, and in which records; None: it could not yet."""

    why: str
    sessions: list[dict[str, Any]]


class Closing(Said, frozen=True, kw_only=True, tag="closing"):
    """The connection is closed by the exchange: the code of the close frame, and why."""

    code: int
    text: str
    cure: str | None = None


SAID: Final[tuple[type[Said], ...]] = (
    Hello,
    Answer,
    Error,
    Snapshot,
    Sessions,
    Update,
    Private,
    Resync,
    Heartbeat,
    Cancelled,
    Closing,
)

_encode_json: Final = msgspec.json.Encoder().encode
_encode_msgpack: Final = msgspec.msgpack.Encoder().encode


def encode(message: Said, form: Format) -> bytes:
    """A message's bytes in a format."""
    return _encode_json(message) if form is Format.JSON else _encode_msgpack(message)


def login_text(nonce: str, created: int, key: str) -> bytes:
    """What a client signs to sign in."""
    return f"{LOGIN_PREFIX}\n{nonce}\n{created}\n{key}".encode()
