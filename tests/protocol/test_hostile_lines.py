"""Lines made to hurt are refused as shape errors, with their line, and cost no more than others (PS-0.2, promise 7)."""

import json
import time

import pytest

from kirmash.protocol.shapes import ShapeError, load_json
from kirmash.simulation.scenario import ScenarioError, read_scenario

DEPTH = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEPTH,
        '{"a":' * DEPTH,
        "[" * DEPTH + "]" * DEPTH,
        '{"a":' * DEPTH + "1" + "}" * DEPTH,
        '{"a":[' * DEPTH + "]}" * DEPTH,
    ],
    ids=["lists-open", "objects-open", "lists", "objects", "both"],
)
def test_deep_nesting_is_a_shape_error(text: str) -> None:
    """Python's parser gives up at its recursion limit; that must not be how the exchange ends."""
    with pytest.raises(ShapeError) as refused:
        load_json(text)
    assert refused.value.rule in ("PS-0.1", "PS-0.2")


def test_a_deeply_nested_line_of_a_file_is_named() -> None:
    lines = [b"# the line after the comment is the bad one", b'{"at":' + b"[" * DEPTH]
    with pytest.raises(ScenarioError) as refused:
        read_scenario(lines, "hostile")
    assert (refused.value.line, refused.value.exit_code) == (2, 2)


@pytest.mark.parametrize("digits", [5_000, 1_000_000])
def test_a_number_of_very_many_digits_is_a_shape_error_of_its_field(digits: int) -> None:
    """Beyond 4,300 digits Python refuses to make an integer at all, with an error of its own."""
    line = '{"at":"2022-12-14T08:00:00Z","by":"t","id":"1","command":"cancel_order","order":' + "9" * digits + "}"
    with pytest.raises(ScenarioError) as refused:
        read_scenario([line.encode()], "hostile")
    assert refused.value.field == "order"
    assert len(str(refused.value)) < 1_000


def test_what_is_told_of_a_long_name_is_short() -> None:
    line = {"at": "2022-12-14T08:00:00Z", "by": "t", "id": "1", "command": "cancel_order", "order": 1, "x" * 10**6: 1}
    with pytest.raises(ScenarioError) as refused:
        read_scenario([json.dumps(line).encode()], "hostile")
    assert len(str(refused.value)) < 1_000


def test_what_is_told_of_a_long_command_is_short() -> None:
    line = {"at": "2022-12-14T08:00:00Z", "by": "t", "id": "1", "command": "x" * 10**6}
    with pytest.raises(ScenarioError) as refused:
        read_scenario([json.dumps(line).encode()], "hostile")
    assert refused.value.field == "command"
    assert len(str(refused.value)) < 1_000


def test_a_key_given_twice_among_very_many_is_found_in_bounded_time() -> None:
    """Looking through all keys before each key would take many seconds here, and minutes for a line of a megabyte."""
    keys = [f'"k{at}":1' for at in range(40_000)]
    started = time.monotonic()
    with pytest.raises(ShapeError, match="given twice"):
        load_json("{" + ",".join([*keys, keys[-1]]) + "}")
    assert time.monotonic() - started < 3
