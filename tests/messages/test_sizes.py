"""PS-9 "command 4 KiB except lists" and PS-13.24: the greatest command of every class, made from the definitions.

A field added to a class is in these commands by itself; one of a form that this page does not know fails the test.
"""

import enum
import types
import typing
from typing import Any, Final

import pytest
from msgspec import Struct

from kirmash.messages import codec, commands
from kirmash.messages.fields import Part
from kirmash.messages.kinds import Form
from kirmash.messages.limits import COMMAND_BYTES_MAX, ORDINAL_MAX, PPM, TEXT_BYTES_MAX
from kirmash.protocol.shapes import ShapeError, command_from_json

ALL: Final = (*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS)
LARGEST_TIME: Final = (253_402_300_799, 999_999_999)
"""The end of the year 9999 (PS-13.3)."""

LARGEST: Final[dict[str, Any]] = {
    "TEXT": "x" * TEXT_BYTES_MAX,
    "VERSION": "x" * TEXT_BYTES_MAX,
    "DECIMAL": f"{'9' * 15}.{'9' * 9}",
    "MONEY_TEXT": f"{'9' * 15}.{'9' * 9}",
    "AMOUNT": f"{'9' * 15}.{'9' * 9}",
    "PRICE": ORDINAL_MAX,
    "QUANTITY": ORDINAL_MAX,
    "MONEY": 4 * 10**18,
    "ORDINAL": ORDINAL_MAX,
    "COUNT": ORDINAL_MAX,
    "PPM": PPM,
    "COUNTRY": "BY",
    "CURRENCY": "EUR",
    "UNIT": "MTQ",
    "TIME": LARGEST_TIME,
    "ATTRIBUTES": (),
    "PERSON": f"person-{'f' * 32}",
    "HASH": "f" * 64,
}
"""The longest value of each form (PS-0.6); nothing where the form is a list."""


def largest_value(hint: Any) -> Any:
    """A value of this type that takes as many bytes as any; a list is left out."""
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Form):
            return LARGEST[mark.name]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return largest_value(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return max(
            (largest_value(it) for it in arguments if it is not type(None)), key=lambda it: len(codec.encode(it))
        )
    if origin is tuple:
        assert arguments[-1] is ..., f"a tuple that is neither list nor time: {hint}"
        return ()
    if hint is bool:
        return True
    if issubclass(hint, enum.IntEnum):
        return max(hint)
    assert issubclass(hint, Part), f"no largest value known of {hint}"
    return largest(hint)


def largest(kind: type[Struct]) -> Struct:
    """The largest message of a class, without its lists."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(**{name: largest_value(hints[name]) for name in kind.__struct_fields__})


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_no_command_without_its_lists_has_more_than_4_kib(kind: type[Struct]) -> None:
    made = largest(kind)
    data = codec.encode(made)
    assert codec.decode_command(data) == made, "the largest command is one"
    assert len(data) <= COMMAND_BYTES_MAX


def test_the_largest_order_is_as_large_as_one_counts() -> None:
    """By hand, so that the sum above is known to hold texts: 2 for head and tag, two texts of 202, and a client."""
    texts, decimals, time = 3 * 202, 3 * 26, 1 + 9 + 5
    assert len(codec.encode(largest(commands.PlaceOrder))) == 2 + texts + decimals + time + 3


def test_the_doors_bound_what_was_counted_with() -> None:
    """A byte or digit more than the longest value is a shape error (PS-0.6)."""
    given = {
        "session": LARGEST["TEXT"],
        "instrument": LARGEST["TEXT"],
        "side": "sell",
        "price": LARGEST["DECIMAL"],
        "quantity": LARGEST["DECIMAL"],
        "client": LARGEST["TEXT"],
        "minimum": LARGEST["DECIMAL"],
        "indivisible": True,
        "time_in_force": "until",
        "until": "9999-12-31T23:59:59.999999999Z",
    }
    assert codec.encode(command_from_json("place_order", given)) == codec.encode(largest(commands.PlaceOrder))
    for field in ("session", "instrument", "price", "quantity", "client", "minimum"):
        with pytest.raises(ShapeError, match=field):
            command_from_json("place_order", {**given, field: given[field] + "9"})
