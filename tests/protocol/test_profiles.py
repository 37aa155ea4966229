"""record_profile at the door: the forms of PS-0's table, in shapes, schema and output."""

import json
import re
from typing import Any

import msgspec
import pytest

from kirmash.messages import codec, commands, events
from kirmash.messages.codec import Record
from kirmash.messages.kinds import ActorKind, Decider
from kirmash.protocol.present import Presenter, command_json
from kirmash.protocol.schema import schema
from kirmash.protocol.shapes import ShapeError, command_from_json

PERSON, PROFILE = "person-" + "0123456789abcdef" * 2, "0f" * 32
WRONG = [
    *(("person", value) for value in ("", PERSON[:-1], PERSON + "0", PERSON[7:], PERSON.upper(), f" {PERSON}")),
    *(("person", value) for value in (PERSON[:-1] + "\n", PERSON[:-1] + "g", "person-" + "٣" * 32)),
    *(
        ("profile", value)
        for value in ("", PROFILE[:-1], PROFILE + "0", PROFILE.upper(), f"{PROFILE}\n", "../" + PROFILE)
    ),
]


def read(**changes: Any) -> commands.Command:
    values = {"person": PERSON, "profile": PROFILE, "trader": "t1", **changes}
    return command_from_json("record_profile", values)


def test_the_good_form_is_read() -> None:
    assert read() == commands.RecordProfile(person=PERSON, profile=PROFILE, trader="t1")
    assert read(trader=None) == commands.RecordProfile(person=PERSON, profile=PROFILE)


@pytest.mark.parametrize("field, value", [*WRONG, ("person", 1), ("profile", None), ("trader", ""), ("trader", 7)])
def test_another_form_is_a_shape_error_of_its_field(field: str, value: Any) -> None:
    """PS-0.2: a value outside the grammar; the message shows no more than a line of it."""
    with pytest.raises(ShapeError) as refused:
        read(**{field: value})
    assert refused.value.field == field
    assert str(refused.value).isprintable()


def test_the_schema_says_the_same() -> None:
    """What the schema's patterns refuse is what the door refuses; both take the good form."""
    described = schema()["$defs"]["record_profile"]
    assert described["required"][-2:] == ["person", "profile"]
    patterns = {name: re.compile(described["properties"][name]["pattern"]) for name in ("person", "profile")}
    assert patterns["person"].search(PERSON)
    assert patterns["profile"].search(PROFILE)
    # Python's $ also matches before a last line feed, that of JSON Schema (ECMA 262) does not.
    wrong = [(field, value) for field, value in WRONG if not value.endswith("\n")]
    assert [value for field, value in wrong if patterns[field].search(value)] == []


def test_output_and_input_are_the_same_text() -> None:
    """PS-0.4: the event has the command's fields, null printed; a command shown is one that can be read."""
    command = commands.RecordProfile(person=PERSON, profile=PROFILE)
    event = events.ProfileRecorded(person=PERSON, profile=PROFILE)
    record = Record(
        *(1, 7, (1_671_000_000, 0), ActorKind.OPERATOR, "operator", "run", "c-1", Decider.OFFICE),
        msgspec.Raw(codec.encode(command)),
        msgspec.Raw(codec.encode((event,))),
    )
    (line,) = Presenter().present(record)
    assert json.dumps(line).endswith(
        f'"event": "profile_recorded", "person": "{PERSON}", "profile": "{PROFILE}", "trader": null}}'
    )
    shown = command_json((1_671_000_000, 0), "operator", "c-1", command)
    fields = {name: value for name, value in shown.items() if name not in ("at", "by", "id", "command")}
    assert command_from_json(shown["command"], fields) == command
