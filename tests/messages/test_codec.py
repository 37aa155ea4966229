"""Canonical bytes (PS-8.1, EN-1): the codec against a second encoder and against committed golden vectors."""

import json
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.messages import codec, commands, events
from kirmash.messages.kinds import ActorKind, Decider, Form
from kirmash.protocol.shapes import command_from_json
from tests.messages.canonical import pack, plain

GOLDEN = Path(__file__).parents[1] / "vectors" / "encoding"
MESSAGES = (*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS, *events.EVENTS)


def test_every_tag_is_given_once_and_fits_one_byte() -> None:
    """Tags are one byte below 128 and never shared inside commands or inside events."""
    for family in ((*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS), events.EVENTS):
        tags = [kind.__struct_config__.tag for kind in family]
        assert len(set(tags)) == len(tags)
        assert set(tags) <= set(range(1, 128))


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_messages_are_frozen_arrays_in_declared_order(kind: type[msgspec.Struct]) -> None:
    """A message never changes after it was made, and stands as an array on the wire."""
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.array_like


@given(st.data())
def test_the_codec_gives_the_bytes_of_the_specification(data: st.DataObject) -> None:
    """msgspec's bytes are those of an encoder written from the rule, for any content of any message."""
    kind = data.draw(st.sampled_from(MESSAGES))
    message = data.draw(_messages(kind))
    encoded = codec.encode(message)
    assert encoded == pack(plain(message))
    union = codec.decode_events(codec.encode((message,)))[0] if kind in events.EVENTS else codec.decode_command(encoded)
    assert union == message


@pytest.mark.parametrize("line", (GOLDEN / "commands.jsonl").read_text().splitlines(), ids=lambda line: line[:40])
def test_golden_commands(line: str) -> None:
    """A command of a scenario file has exactly the committed bytes; a change of them would orphan every journal."""
    golden = json.loads(line)
    command = command_from_json(golden["command"], golden["fields"])
    assert codec.encode(command).hex() == golden["hex"]
    assert codec.decode_command(bytes.fromhex(golden["hex"])) == command


def test_golden_commands_hold_every_command_of_the_doors() -> None:
    """No command of a door is without a golden vector."""
    named = {json.loads(line)["command"] for line in (GOLDEN / "commands.jsonl").read_text().splitlines()}
    doors = set(MESSAGES) - set(commands.FOLLOW_UPS) - set(events.EVENTS)
    assert named == {codec.name_of(kind) for kind in doors}


def test_a_record_keeps_command_and_events_to_the_byte() -> None:
    """A record is spliced from bytes; what was decided is what is stored."""
    command = msgspec.Raw(codec.encode(commands.CancelOrder(order=7)))
    made = msgspec.Raw(codec.encode((events.OrderRested(order=7, open=1),)))
    record = codec.Record(1, 12, (5, 6), ActorKind.TRADER, "t", "run", "c-1", Decider.MARKET, command, made, None)
    data = codec.encode(record)
    assert data == pack([1, 12, [5, 6], 2, "t", "run", "c-1", 1, [48, 7], [[4, 7, 1]], None])
    assert codec.encode(codec.decode_record(data)) == data


def _messages(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: _values(hints[name]) for name in kind.__struct_fields__})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    text = st.text(st.characters(codec="utf-8"), max_size=40)
    integers = st.integers(-(2**53), 2**64 - 1)
    form = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Form)), None)
    if form is Form.ATTRIBUTES:
        return st.lists(st.tuples(text, text), max_size=3).map(tuple)
    if form is Form.TIME:
        return st.tuples(st.integers(0, 2**38), st.integers(0, 10**9 - 1))
    if form is Form.VERSION:
        return st.one_of(integers, text)
    if form is not None:
        return _values(hint.__origin__)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=20).map(tuple)
    if arguments:
        return st.one_of(*(_values(argument) for argument in arguments))
    if hint is type(None):
        return st.none()
    if hint is str:
        return text
    if hint is int:
        return integers
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _messages(hint)
    return st.booleans() if hint is bool else st.sampled_from(list(hint))
