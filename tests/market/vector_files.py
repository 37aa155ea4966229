"""Reads, expands and compares the test vectors of tests/vectors.

A vector is one JSON line: commands of PS-0 and the events that the rules demand (tests/vectors/README.md gives the
form). This module knows the form and the comparison only; it runs no market and holds no expectation of its own.
Invariant: a comparison never passes by leaving something out silently; only what the form names (`account_changed`,
fields that the vector does not give) is not compared. Rules of the exchange must not go here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
PRELUDES = VECTORS / "preludes"
START = "2022-12-14T06:00:00Z"
"""The time of the first command of a vector without a prelude, if it gives none."""


@dataclass(frozen=True)
class Vector:
    """One vector: the raw JSON object and where it stands."""

    file: str
    line: int
    data: Json

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def rule(self) -> str:
        return str(self.data["rule"])

    @property
    def is_shape_error(self) -> bool:
        return "shape_error" in self.data

    @property
    def is_raw(self) -> bool:
        """True for a vector that gives its scenario file line by line and no commands."""
        return "commands" not in self.data


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    found: Json = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key given twice: {key}")
        found[key] = value
    return found


def parse_line(text: str) -> Json:
    """One vector or prelude line as an object; ValueError for anything else, a key given twice included."""
    value = json.loads(text, object_pairs_hook=_no_duplicates)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _content_lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_bytes().decode("utf-8")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip(" \t\r") and not line.startswith("#"):
            yield number, line


def vector_paths() -> list[Path]:
    """All vector files, by name."""
    return sorted(VECTORS.glob("*.jsonl"))


def read_vectors(path: Path) -> list[Vector]:
    """The vectors of one file in its order; ValueError names file and line of one that is not JSON."""
    found = []
    for number, line in _content_lines(path):
        try:
            found.append(Vector(path.name, number, parse_line(line)))
        except ValueError as error:
            raise ValueError(f"{path.name}:{number}: {error}") from error
    return found


def read_prelude(name: str) -> list[Json]:
    """The commands of tests/vectors/preludes/<name>.jsonl."""
    return [parse_line(line) for _, line in _content_lines(PRELUDES / f"{name}.jsonl")]


def prelude_commands(vector: Vector) -> list[Json]:
    """The commands that run before those of the vector; empty without a prelude."""
    name = vector.data.get("prelude")
    return [] if name is None else read_prelude(name)


def expand_commands(commands: list[Json], last_at: str) -> list[Json]:
    """The commands with `at`, `by` and `id` filled in; `last_at` is the time of the command before the first."""
    expanded = []
    at = last_at
    for position, command in enumerate(commands, start=1):
        at = command.get("at", at)
        filled = {"at": at, "by": command.get("by", "operator"), "id": command.get("id", f"v-{position}")}
        filled.update({key: value for key, value in command.items() if key not in filled})
        expanded.append(filled)
    return expanded


def scenario_lines(vector: Vector) -> list[bytes]:
    """The scenario file of a vector as lines without their LF."""
    if "raw_base64" in vector.data:
        return base64.b64decode(vector.data["raw_base64"], validate=True).split(b"\n")
    if "file" in vector.data:
        return "\n".join(vector.data["file"]).encode("utf-8").split(b"\n")
    prelude = prelude_commands(vector)
    last_at = prelude[-1]["at"] if prelude else START
    commands = prelude + expand_commands(vector.data["commands"], last_at)
    return [json.dumps(command, ensure_ascii=False, separators=(",", ":")).encode("utf-8") for command in commands]


def group_events(output: list[Json]) -> list[list[Json]]:
    """The events of each outside command, with those of all follow-ups that ran after it; without the end line."""
    groups: list[list[Json]] = []
    current: int | None = None
    for event in output:
        if event["event"] == "end":
            break
        if event["cause"] is None and event["number"] != current:
            groups.append([])
            current = event["number"]
        if not groups:
            raise ValueError("the first event has a cause")
        groups[-1].append(event)
    return groups


def same_json(expected: object, given: object) -> bool:
    """Equality of JSON values; unlike Python's, true is not 1 and 1 is not 1.0."""
    if type(expected) is not type(given):
        return False
    if isinstance(expected, dict) and isinstance(given, dict):
        return expected.keys() == given.keys() and all(same_json(expected[key], given[key]) for key in expected)
    if isinstance(expected, list) and isinstance(given, list):
        return len(expected) == len(given) and all(map(same_json, expected, given))
    return expected == given


def _field_differs(field: str, expected: object, event: Json) -> bool:
    if field == "absent":
        return isinstance(expected, list) and any(name in event for name in expected)
    if field not in event:
        return True
    given = event[field]
    if field == "reasons" and isinstance(expected, list) and all(isinstance(name, str) for name in expected):
        given = [reason.get("reason") for reason in given] if isinstance(given, list) else given
    return not same_json(expected, given)


def differing_fields(expected: Json, event: Json) -> list[str]:
    """The fields of an expected event that the event does not bear out."""
    return [field for field, value in expected.items() if _field_differs(field, value, event)]


def _short(event: Json) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def compare_command(expected: list[Json], events: list[Json], accounts: bool) -> list[str]:
    """Differences between expected and given events of one command, as lines for people; empty if there are none."""
    if not accounts:
        events = [event for event in events if event["event"] != "account_changed"]
        expected = [event for event in expected if event["event"] != "account_changed"]
    lines = []
    for place in range(max(len(expected), len(events))):
        if place >= len(events):
            lines.append(f"  missing {_short(expected[place])}")
        elif place >= len(expected):
            lines.append(f"  surplus {_short(events[place])}")
        else:
            fields = differing_fields(expected[place], events[place])
            if fields:
                lines.append(f"  expected {_short(expected[place])}")
                lines.append(f"  given    {_short(events[place])}")
                lines.append(f"  differs in {', '.join(fields)}")
    return lines


def compare_run(vector: Vector, output: list[Json]) -> list[str]:
    """Differences between a vector and the output of its run, as lines for people; empty if there are none."""
    groups = group_events(output)
    prelude = prelude_commands(vector) if not vector.is_raw else []
    expect = vector.data["expect"]
    if len(groups) != len(prelude) + len(expect):
        return [f"  {len(groups)} commands gave events, expected {len(prelude) + len(expect)}"]
    lines = []
    for command, events in zip(prelude, groups, strict=False):
        if any(event["event"] == "command_rejected" for event in events):
            lines.append(f"  prelude command {command['id']} was rejected: {_short(events[0])}")
    accounts = bool(vector.data.get("accounts", False))
    for position, (expected, events) in enumerate(zip(expect, groups[len(prelude) :], strict=True), start=1):
        if expected is None:
            continue
        differences = compare_command(expected, events, accounts)
        if differences:
            lines.append(f"  command {position}:")
            lines.extend(f"  {line}" for line in differences)
    return lines
