"""From a frame's bytes to what its sender wants: one of the wishes of `protocol.ws`, or commands to be given.

No I/O and nothing of who may say what. Invariant: the fast path gives exactly the commands that `protocol.shapes`
gives, or leaves a message to it; a test compares them. A mistake in one item of many is that item's alone.
"""

import datetime
import difflib
import re
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET

from kirmash.gateway.services import CLIENT_ID_CHARACTERS, read_command
from kirmash.gateway.wording import worded
from kirmash.messages import commands as c
from kirmash.messages.kinds import Side, TimeInForce
from kirmash.messages.limits import TEXT_BYTES_MAX
from kirmash.messages.units import canonical_decimal
from kirmash.protocol import ws
from kirmash.protocol.shapes import (
    COMMANDS,
    JsonObject,
    ShapeError,
    fields_of,
    load_json,
    printable,
    read_client_id,
)
from kirmash.protocol.ws import AnyOrder, AnyWish, Format

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,36}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_SIDES: Final = {side.name.lower(): side for side in Side}
_TIMES: Final = {time.name.lower(): time for time in TimeInForce}
_FRAME_FIELDS: Final = ("op", "id", "client_id")

assert not any(field.json_name in _FRAME_FIELDS for kind in COMMANDS.values() for field in fields_of(kind))


class Wanted(NamedTuple):
    """A command to be given, or what is wrong with its form."""

    client_id: str | None
    name: str
    command: c.Command | ShapeError


class Commands(NamedTuple):
    """The commands of one frame; `op` is `commands`, or the name of the only one."""

    id: int | str | None
    op: str
    items: list[Wanted]


class BadMessage(Exception):
    """A frame that is no message: what is wrong, and as far as that could be read, whose answer it would be."""

    def __init__(self, error: ShapeError, id: int | str | None = None, op: str | None = None) -> None:  # noqa: A002
        super().__init__(str(error))
        self.error = error
        self.id = id
        self.op = op


_FAST: Final = AnyWish | AnyOrder | ws.Orders
_fast_json: Final = msgspec.json.Decoder(_FAST)
_fast_msgpack: Final = msgspec.msgpack.Decoder(_FAST)


def read(data: bytes, form: Format) -> AnyWish | Commands:
    """What a frame says. Raises BadMessage."""
    try:
        said: Any = (_fast_json if form is Format.JSON else _fast_msgpack).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_slowly(data, form)
    if isinstance(said, ws.Orders):
        items = [_fast_command(item) for item in said.items]
        if None in items or not _keys_are_unique(data, form, said.items, said.id):
            return _read_slowly(data, form)
        return Commands(said.id, "commands", [item for item in items if item is not None])
    if isinstance(said, ws.PlaceOrder | ws.AmendOrder | ws.CancelOrder | ws.MassCancel):
        item = _fast_command(said)
        if item is None or not _keys_are_unique(data, form, [said], UNSET):
            return _read_slowly(data, form)
        return Commands(None if said.id is UNSET else said.id, item.name, [item])
    if form is Format.JSON:
        _load(data, form)
    return said  # type: ignore[no-any-return]  # what is left of the union is a wish


# The fast path ---------------------------------------------------------------------------------------------------


def _keys_are_unique(data: bytes, form: Format, items: list[AnyOrder], frame_id: Any) -> bool:
    """Whether no key stands twice in a frame of orders (PS-0.6), by the quotation marks that it should have.

    A key that is repeated adds two at least; marks that are escaped only ever add to the count, and then the frame is
    read slowly. MessagePack has none: there a key given twice has the value given last.
    """
    if form is not Format.JSON:
        return True
    marks = 0
    for item in items:
        marks += 4
        for name in item.__struct_fields__:
            value = getattr(item, name)
            if value is not UNSET:
                marks += 4 if isinstance(value, str) else 2
    if frame_id is not UNSET:
        # {"op":"commands","items":[…]}, and the id if there is one.
        marks += 6
        if frame_id is not None:
            marks += 4 if isinstance(frame_id, str) else 2
    return data.count(b'"') == marks


def _fast_command(order: AnyOrder) -> Wanted | None:
    """The command of an order whose texts are plain; None leaves it to the slow path."""
    if _CLIENT_ID.fullmatch(order.client_id) is None:
        return None
    match order:
        case ws.PlaceOrder():
            command = _fast_place(order)
            return None if command is None else Wanted(order.client_id, "place_order", command)
        case ws.CancelOrder():
            return Wanted(order.client_id, "cancel_order", c.CancelOrder(order=order.order))
        case ws.AmendOrder(price=price, quantity=quantity):
            if order.minimum is not UNSET or order.until is not UNSET or not (_number(price) and _number(quantity)):
                return None
            amend = c.AmendOrder(order=order.order, price=_canonical(price), quantity=_canonical(quantity))
            return Wanted(order.client_id, "amend_order", amend)
    return None


def _fast_place(order: ws.PlaceOrder) -> c.PlaceOrder | None:
    client = None if order.client is UNSET else order.client
    if not (
        _plain(order.session)
        and _plain(order.instrument)
        and (client is None or _plain(client))
        and _DECIMAL.fullmatch(order.price)
        and _DECIMAL.fullmatch(order.quantity)
        and order.minimum is UNSET
        and order.until is UNSET
        and order.time_in_force != "until"
    ):
        return None
    return c.PlaceOrder(
        session=order.session,
        instrument=order.instrument,
        side=_SIDES[order.side],
        price=canonical_decimal(order.price),
        quantity=canonical_decimal(order.quantity),
        client=client,
        indivisible=order.indivisible is True,
        time_in_force=TimeInForce.SESSION if order.time_in_force is UNSET else _TIMES[order.time_in_force],
    )


def _plain(text: str) -> bool:
    """Whether a text is in normal form as it stands and of a size that may be."""
    return text.isascii() and 1 <= len(text) <= TEXT_BYTES_MAX and text[0] > " " and text[-1] > " "


def _number(text: Any) -> bool:
    return text is UNSET or (text is not None and _DECIMAL.fullmatch(text) is not None)


def _canonical(text: Any) -> str | None:
    return None if text is UNSET else canonical_decimal(text)


# The slow path ---------------------------------------------------------------------------------------------------


def _read_slowly(data: bytes, form: Format) -> AnyWish | Commands:
    values = _load(data, form)
    mark, op = _mark(values.get("id")), values.get("op")
    shown = op if isinstance(op, str) else None
    try:
        if op == "commands":
            return Commands(mark, op, _items(values))
        if isinstance(op, str) and op in COMMANDS:
            return Commands(mark, op, [_item({name: value for name, value in values.items() if name != "id"})])
        if not isinstance(op, str):
            raise ShapeError("op", "is missing" if op is None else "must be text", "PS-0.2")
        if op in ws.WISHES:
            return _wish(values, ws.WISHES[op])
        near = difflib.get_close_matches(op[:60], [*ws.WISHES, "commands", *COMMANDS], n=1, cutoff=0.75)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ShapeError("op", f'there is no message "{printable(op)}"{meant}', "PS-0.2")
    except ShapeError as error:
        raise BadMessage(error, mark, shown) from None


def _wish(values: JsonObject, kind: type[ws.Wish]) -> AnyWish:
    try:
        return msgspec.convert(values, kind)  # type: ignore[return-value]  # all in WISHES are of the union
    except msgspec.ValidationError as error:
        raise ShapeError(*worded(error, kind), "PS-0.2") from None


def _items(values: JsonObject) -> list[Wanted]:
    further = values.keys() - {"op", "id", "items"}
    if further:
        raise ShapeError(printable(min(further)), "unknown field", "PS-0.1")
    items = values.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= ws.ITEMS_MAX:
        raise ShapeError("items", f"must be a list of 1 to {ws.ITEMS_MAX} commands", "PS-9")
    return [_item(item) for item in items]


def _item(values: Any) -> Wanted:
    """One command with its client id, or why it is none."""
    client_id, name = None, ""
    try:
        if not isinstance(values, dict):
            raise ShapeError(None, "not an object", "PS-0.1")
        if type(values) is not dict:
            # How `load_json` notes an object in which a key stands twice.
            raise ShapeError(printable(getattr(values, "key", "")), "is given twice", "PS-0.6")
        given = values.get("op")
        name = given if isinstance(given, str) else ""
        client_id = _client_id(values.get("client_id"))
        fields = {key: value for key, value in values.items() if key not in ("op", "client_id")}
        return Wanted(client_id, name, read_command(given, fields))
    except ShapeError as error:
        if error.field == "command":
            error = ShapeError("op", error.reason, error.rule)
        return Wanted(client_id, printable(name), error)


def _client_id(value: Any) -> str:
    if value is None:
        raise ShapeError("client_id", "is missing: it is what makes it safe to send a command again", "PS-9")
    given = read_client_id(value, "client_id")
    if not CLIENT_ID_CHARACTERS.issuperset(given):
        raise ShapeError("client_id", "may hold letters, digits and . _ : - only", "PS-9")
    return given


def _mark(value: Any) -> int | str | None:
    """The id of a message as far as it is one."""
    if isinstance(value, str):
        return value[:64]
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _load(data: bytes, form: Format) -> JsonObject:
    """A frame as an object. Raises BadMessage."""
    try:
        if form is Format.JSON:
            return load_json(data.decode())
        value = msgspec.msgpack.decode(data)
        # Through JSON, so that numbers and repeated depth meet the same rules.
        return load_json(msgspec.json.encode(_plain_values(value)).decode())
    except UnicodeDecodeError:
        raise BadMessage(ShapeError(None, "not UTF-8", "PS-0.2")) from None
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise BadMessage(ShapeError(None, "not MessagePack", "PS-0.2")) from None
    except RecursionError:
        raise BadMessage(ShapeError(None, "nested too deeply", "PS-0.2")) from None
    except ShapeError as error:
        raise BadMessage(error) from None


def _plain_values(value: Any) -> Any:
    """MessagePack as JSON would have it. Raises ShapeError for what JSON does not know."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain_values(entry) for entry in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ShapeError(None, "a key is not text", "PS-0.1")
        return {key: _plain_values(entry) for key, entry in value.items()}
    kind = {float: "a number with decimals", datetime.datetime: "a time"}.get(type(value), "binary data")
    raise ShapeError(None, f"holds {kind}: put it into text", "PS-0.6")
