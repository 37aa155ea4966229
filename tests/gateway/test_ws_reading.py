"""Frames are read the same way whether they take the fast path or the slow one."""

from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.gateway.sockets import reading
from kirmash.gateway.sockets.reading import BadMessage, Commands, read
from kirmash.protocol.shapes import ShapeError
from kirmash.protocol.ws import Format

TEXTS = st.sampled_from(
    ["oil-1", " oil-1", "oil-1\t", "", "масло", "e\u0301", "x" * 200, "x" * 201, "a b", 'a"b', "a\\b"]
)
DECIMALS = st.sampled_from(
    ["900.00", "900", "0900.50", "0.1", ".5", "5.", "-1", "1e3", "", "9" * 16, "1.0000000001", "1\n"]
)
ORDERS = st.sampled_from([0, 1, 2**53 - 1, 2**53, -1, "7", "007", "x", 1.5, True, None])
SIDES = st.sampled_from(["buy", "sell", "BUY", "", None, 1])
TIMES = st.sampled_from(["2024-11-12T10:00:00Z", "2024-11-12", None])
IDS = st.sampled_from(["a-1", "x" * 36, "x" * 37, "", "a b", "ж", None, 5])
MARKS = st.sampled_from([1, "mark", None, 0])


def _message(op: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: value for name, value in fields.items() if name not in ("session", "side", "order")}
    required = {name: value for name, value in fields.items() if name not in optional}
    return st.fixed_dictionaries(
        {"op": st.just(op), "client_id": IDS, **required}, optional={"id": MARKS, "odd": st.just(1), **optional}
    )


ITEMS = st.one_of(
    _message(
        "place_order",
        session=TEXTS,
        instrument=TEXTS,
        side=SIDES,
        price=DECIMALS,
        quantity=DECIMALS,
        client=TEXTS,
        minimum=DECIMALS,
        indivisible=st.sampled_from([True, False, None, 1]),
        time_in_force=st.sampled_from(["session", "ioc", "fok", "until", "day", None]),
        until=TIMES,
    ),
    _message("amend_order", order=ORDERS, price=DECIMALS, quantity=DECIMALS, minimum=DECIMALS, until=TIMES),
    _message("cancel_order", order=ORDERS),
    _message("mass_cancel", session=TEXTS, instrument=TEXTS, side=SIDES, trader=TEXTS),
)


def outcome(data: bytes, form: Format) -> Any:
    """What is read, in a form that can be compared."""
    try:
        said = read(data, form)
    except BadMessage as bad:
        return "bad", str(bad.error), bad.error.field, bad.error.rule, bad.id, bad.op
    if isinstance(said, Commands):
        items = [
            (item.client_id, item.name, str(item.command) if isinstance(item.command, ShapeError) else item.command)
            for item in said.items
        ]
        return said.id, said.op, items
    return said


def slowly(data: bytes, form: Format) -> Any:
    """The same, with the fast path closed."""
    with patch.object(reading, "_fast_command", lambda _: None):
        return outcome(data, form)


@pytest.mark.parametrize("form", list(Format))
@given(items=st.lists(ITEMS, min_size=1, max_size=3), mark=MARKS)
def test_the_fast_path_reads_what_the_slow_one_reads(form: Format, items: list[dict[str, Any]], mark: Any) -> None:
    encode = msgspec.json.encode if form is Format.JSON else msgspec.msgpack.encode
    for message in (items[0], {"op": "commands", "id": mark, "items": items}):
        data = encode(message)
        assert outcome(data, form) == slowly(data, form)


def test_a_plain_order_takes_the_fast_path() -> None:
    """Else the test above compares the slow path with itself."""
    order = {"op": "place_order", "client_id": "a", "session": "s", "instrument": "i", "side": "buy", "price": "1.50"}
    frames = [{**order, "quantity": "2"}, {"op": "commands", "items": [{**order, "quantity": "2"}] * 2}]
    frames += [{"op": "cancel_order", "client_id": "a", "order": 5, "id": "x"}]
    with patch.object(reading, "_read_slowly", side_effect=AssertionError):
        for frame in frames:
            read(msgspec.json.encode(frame), Format.JSON)
            read(msgspec.msgpack.encode(frame), Format.MSGPACK)


@pytest.mark.parametrize(
    "twice",
    [
        '{"op":"cancel_order","client_id":"a","order":1,"order":2}',
        '{"op":"cancel_order","client_id":"a","order":1,"client_id" : "b"}',
        '{"op":"cancel_order","client_id":"a","order":1,"ord\\u0065r":2}',
        '{"op":"cancel_order","op":"cancel_order","client_id":"a","order":1}',
        '{"op":"commands","items":[{"op":"cancel_order","client_id":"a","order":1,"order":1}]}',
        '{"op":"commands","id":1,"id":2,"items":[{"op":"cancel_order","client_id":"a","order":1}]}',
        '{"op":"commands","items":[],"items":[{"op":"cancel_order","client_id":"a","order":1}]}',
    ],
)
def test_a_key_that_stands_twice_is_refused(twice: str) -> None:
    assert "twice" in str(outcome(twice.encode(), Format.JSON))


def test_what_comes_through_is_in_normal_form() -> None:
    order = {"op": "mass_cancel", "client_id": "a", "session": " cafe\u0301 "}
    said = read(msgspec.json.encode(order), Format.JSON)
    assert isinstance(said, Commands)
    assert said.items[0].command.session == "caf\u00e9"  # type: ignore[union-attr]
