"""Runs every test vector of tests/vectors on both markets, and checks the vectors themselves.

The vectors are written from docs/reference/market-rules.md alone; a market that differs is wrong, or the rule has a
gap. What a vector cannot show is proved elsewhere, as PROVED_ELSEWHERE says. Expectations must not go here: they stand
in the vector files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.market.vector_files import (
    VECTORS,
    Json,
    Vector,
    compare_command,
    compare_run,
    group_events,
    prelude_commands,
    read_prelude,
    read_vectors,
    same_json,
    scenario_lines,
    vector_paths,
)
from tests.market.vector_tables import (
    CANCEL_REASONS,
    ENVELOPE,
    MARKET_EVENTS,
    OFFICE_EVENTS,
    OPTIONAL,
    REASONS,
    REQUIRED,
)

RULES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "market-rules.md"
FILES = [path.name for path in vector_paths()]
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
ENVELOPE_OUT = ["number", "index", "at", "cause", "event"]
ALL_EVENTS = {**OFFICE_EVENTS, **MARKET_EVENTS}

PROVED_ELSEWHERE = {
    "PS-0.5": "exit codes are those of processes: tests of the command line",
    "PS-7.3": "answers to clients belong to the sequencer: tests of the journal",
    "PS-7.4": "recovery of pending follow-ups: tests of the journal",
    "PS-7.5": "replay and verify: tests of the journal",
    "PS-7.7": "a statement about clusters; nothing of one process can show it",
    "PS-8.1": "canonical encoding: golden bytes of the messages",
    "PS-8.2": "records: tests of the journal",
    "PS-8.3": "chain and head: tests of the journal",
    "PS-8.4": "state encoding: golden bytes and comparison of both markets",
    "PS-8.5": "state hash: comparison of both markets",
    "PS-8.6": "purity of the deciders: import contracts and tests of the doors",
    "PS-8.7": "time of a record: tests of the journal",
    "PS-11.2": "the timetable is the writer's; `run` has none (PS-0.3): tests of the sequencer",
    "PS-11.5": "downtime is the writer's: tests of the sequencer",
    "PS-13.21": "order of the timetable's commands: tests of the sequencer",
    "PS-13.22": "order of the timetable's commands: tests of the sequencer",
    "PS-13.23": "notice: tests of the sequencer",
    "PS-13.24": "sizes: tests of the messages and of the sequencer",
    "PS-13.25": "downtime: tests of the sequencer",
}
"""Numbered rules that a scenario file cannot show, and where they are proved."""


def _all_vectors() -> list[Vector]:
    return [vector for path in vector_paths() for vector in read_vectors(path)]


def _run(vector: Vector, market: str) -> list[Json]:
    from kirmash.simulation.scenario import run_lines

    output: list[Json] = run_lines(scenario_lines(vector), market, vector.name).output
    return output


def _order_differences(event: Json) -> list[str]:
    """PS-0.4: keys in schema order, those of every event first."""
    keys = list(event)
    table = list(ALL_EVENTS.get(event["event"], ()))
    if keys[:5] != ENVELOPE_OUT or keys[5 : 5 + len(table)] != table:
        return [f"  keys of {event['event']} are {keys}"]
    return []


def _form_differences(output: list[Json]) -> list[str]:
    """PS-0.4 for a whole output: numbers, indexes, causes, the end line and the order of keys."""
    lines: list[str] = []
    *events, end = output
    number, index = 0, -1
    for event in events:
        index = index + 1 if event["number"] == number else 0
        if event["number"] not in (number, number + 1) or event["index"] != index:
            lines.append(f"  number {event['number']} index {event['index']} after number {number}")
        number = event["number"]
        cause = event["cause"]
        if cause is not None and not 0 < cause < number:
            lines.append(f"  number {number} has cause {cause}")
        lines.extend(_order_differences(event))
    if list(end) != ["event", "commands", "events", "state_hash", "chain_hash"]:
        lines.append(f"  end line has keys {list(end)}")
    if (end.get("event"), end.get("commands"), end.get("events")) != ("end", number, len(events)):
        lines.append(f"  end line {end} after {number} commands and {len(events)} events")
    return lines


def _shape_differences(vector: Vector, market: str) -> list[str]:
    from kirmash.simulation.scenario import ScenarioError, run_lines

    wanted = vector.data["shape_error"]
    try:
        run_lines(scenario_lines(vector), market, vector.name)
    except ScenarioError as error:
        lines = []
        if error.line != wanted["line"]:
            lines.append(f"  line {error.line}, expected {wanted['line']} ({error})")
        if wanted["field"] is not None and error.field != wanted["field"]:
            lines.append(f"  field {error.field}, expected {wanted['field']} ({error})")
        return lines
    return ["  accepted, expected a shape error"]


def _differences(vector: Vector, market: str) -> list[str]:
    """Everything in which a market's run differs from the vector."""
    if vector.is_shape_error:
        return _shape_differences(vector, market)
    from kirmash.simulation.scenario import ScenarioError

    try:
        output = _run(vector, market)
    except ScenarioError as error:
        return [f"  refused as a shape error: line {error.line}, field {error.field}: {error}"]
    return _form_differences(output) + compare_run(vector, output)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("file", FILES)
def test_vectors_hold(file: str, market: str) -> None:
    """Each vector of the file gives exactly its events (or its shape error) on the market."""
    failed = {}
    for vector in read_vectors(VECTORS / file):
        lines = _differences(vector, market)
        if lines:
            failed[f"{vector.name} ({file}:{vector.line}): {vector.data['text']}"] = lines
    report = "\n".join(f"{name}\n" + "\n".join(lines) for name, lines in failed.items())
    assert not failed, f"{len(failed)} vectors differ on {market}:\n{report}"


def _reject_samples() -> list[Vector]:
    """For each list of reasons one vector that ends with exactly that reject."""
    found: dict[tuple[str, ...], Vector] = {}
    for vector in _all_vectors():
        last = None if vector.is_shape_error or vector.is_raw else vector.data["expect"][-1]
        if last is not None and len(last) == 1 and last[0]["event"] == "command_rejected":
            found.setdefault(tuple(last[0]["reasons"]), vector)
    return list(found.values())


@pytest.mark.parametrize("market", MARKETS)
def test_reject_changes_no_state(market: str) -> None:
    """PS-3.3: a reject is journaled (the chain goes on) and leaves the state hash as it was."""
    from kirmash.simulation.scenario import run_lines

    samples = _reject_samples()
    assert len(samples) > 40
    for vector in samples:
        lines = scenario_lines(vector)
        with_reject = run_lines(lines, market, vector.name).output[-1]
        without = run_lines(lines[:-1], market, vector.name).output[-1]
        assert with_reject["state_hash"] == without["state_hash"], vector.name
        assert with_reject["chain_hash"] != without["chain_hash"], vector.name
        assert with_reject["commands"] == without["commands"] + 1, vector.name


def _command_faults(command: Json, expanded: bool) -> list[str]:
    name = command.get("command")
    if name not in REQUIRED:
        return [f"unknown command {name}"]
    known = {*ENVELOPE, *REQUIRED[name], *OPTIONAL.get(name, ())}
    needed = {*REQUIRED[name], *(ENVELOPE if expanded else ())}
    faults = [f"{name}: unknown field {field}" for field in command if field not in known]
    return faults + [f"{name}: missing field {field}" for field in sorted(needed - command.keys())]


def _event_faults(event: Json) -> list[str]:
    name = event.get("event")
    if name not in ALL_EVENTS:
        return [f"unknown event {name}"]
    known = {*ENVELOPE_OUT, *ALL_EVENTS[name], "absent"}
    if name == "order_cancelled":
        known.add("reasons")
    faults = [f"{name}: unknown field {field}" for field in event if field not in known]
    if name == "order_cancelled" and event.get("reason", "closing") not in CANCEL_REASONS:
        faults.append(f"unknown reason {event['reason']}")
    reasons = event.get("reasons", [])
    if [reason for reason in REASONS if reason in reasons] != reasons:
        faults.append(f"reasons unknown or not ascending: {reasons}")
    return faults


def _shape_vector_faults(data: Json) -> list[str]:
    faults = []
    if sorted(data["shape_error"]) != ["field", "line"]:
        faults.append("shape_error gives line and field")
    if ("file" in data) == ("raw_base64" in data):
        faults.append("a shape error has either file or raw_base64")
    return faults


def _vector_faults(vector: Vector) -> list[str]:
    data = vector.data
    faults = [f"no {field}" for field in ("name", "rule", "text") if not isinstance(data.get(field), str)]
    if faults:
        return faults
    known_rule = re.fullmatch(r"PS-\d+(\.\d+)?|RULEBOOK-[\d.]+", vector.rule)
    if not known_rule or not vector.name.startswith(vector.rule.lower() + "-"):
        faults.append(f"name does not begin with the rule {vector.rule}")
    if vector.is_shape_error:
        return faults + _shape_vector_faults(data)
    commands = [] if vector.is_raw else data["commands"]
    if not vector.is_raw and len(commands) != len(data["expect"]):
        faults.append(f"{len(commands)} commands, {len(data['expect'])} expectations")
    for command in commands:
        faults.extend(_command_faults(command, expanded=False))
    for event in (event for events in data["expect"] for event in events or ()):
        faults.extend(_event_faults(event))
    if all(events is None for events in data["expect"]):
        faults.append("nothing is compared")
    known = {"name", "rule", "text", "prelude", "commands", "expect", "accounts", "file"}
    return faults + [f"unknown key {key}" for key in data if key not in known]


def test_vectors_are_well_formed() -> None:
    """Every vector parses, uses the names of PS-0 only, and compares something; names are unique over all files."""
    vectors = _all_vectors()
    faults = [f"{v.file}:{v.line} {v.data.get('name')}: {fault}" for v in vectors for fault in _vector_faults(v)]
    repeated = [name for name, count in Counter(v.name for v in vectors).items() if count > 1]
    assert vectors
    assert not faults, "\n".join(faults)
    assert not repeated, f"names given twice: {repeated}"


def test_preludes_are_well_formed() -> None:
    """Every prelude is a complete scenario file with its own client ids; every prelude that a vector names is there."""
    names = {path.stem for path in (VECTORS / "preludes").glob("*.jsonl")}
    for name in sorted(names):
        commands = read_prelude(name)
        assert [fault for command in commands for fault in _command_faults(command, expanded=True)] == [], name
        ids = [(command["by"], command["id"]) for command in commands]
        assert len(set(ids)) == len(ids), name
        assert not [client for _, client in ids if client.startswith("v-")], name
    used = {vector.data.get("prelude") for vector in _all_vectors()} - {None}
    assert used <= names


def _numbered_rules(lines: Iterable[str]) -> list[str]:
    rules, section = [], ""
    for line in lines:
        heading = re.match(r"### (PS-\d+) ", line)
        item = re.match(r"(\d+)\. ", line)
        if heading:
            section = heading.group(1)
        elif item and section:
            rules.append(f"{section}.{item.group(1)}")
    return rules


def test_every_numbered_rule_has_three_vectors() -> None:
    """Each PS-x.y of the rule text has at least three vectors or stands in PROVED_ELSEWHERE."""
    rules = _numbered_rules(RULES.read_text(encoding="utf-8").splitlines())
    counts = Counter(vector.rule for vector in _all_vectors())
    few = [f"{rule}: {counts[rule]}" for rule in rules if rule not in PROVED_ELSEWHERE and counts[rule] < 3]
    assert len(rules) > 80
    assert not few, f"fewer than three vectors: {few}"
    assert set(PROVED_ELSEWHERE) <= set(rules)
    numbered = {rule for rule in counts if rule.startswith("PS-") and "." in rule}
    assert numbered <= set(rules), f"vectors for rules that are not there: {sorted(numbered - set(rules))}"


def test_every_reject_reason_occurs() -> None:
    """Each reject reason of PS-0 is expected by at least one vector."""
    seen: set[str] = set()
    for vector in _all_vectors():
        for events in vector.data.get("expect", []):
            for event in events or ():
                seen.update(event.get("reasons", ()))
    assert sorted(set(REASONS) - seen) == []


# The comparison itself: a wrong expectation must fail, or every vector would prove nothing.

NO_CHANGE = [{"reason": "no_change"}]
OUTPUT: list[Json] = [
    {"number": 1, "index": 0, "at": "t", "cause": None, "event": "order_accepted", "order": 1, "indivisible": False},
    {"number": 1, "index": 1, "at": "t", "cause": None, "event": "order_rested", "order": 1, "open": "3"},
    {"number": 1, "index": 2, "at": "t", "cause": None, "event": "account_changed", "participant": "b1"},
    {"number": 2, "index": 0, "at": "t", "cause": 1, "event": "contract_opened", "deal": 1},
    {"number": 3, "index": 0, "at": "t", "cause": None, "event": "command_rejected", "reasons": NO_CHANGE},
    {"event": "end", "commands": 3, "events": 5, "state_hash": "00", "chain_hash": "00"},
]
FIRST = [
    {"event": "order_accepted", "order": 1},
    {"event": "order_rested", "open": "3"},
    {"event": "contract_opened", "deal": 1},
]
SECOND = [{"event": "command_rejected", "reasons": ["no_change"]}]


def _differs(expect: list[Any], **extra: Any) -> bool:
    data = {"name": "n", "rule": "PS-0", "text": "t", "prelude": None, "commands": [{}, {}], "expect": expect, **extra}
    return bool(compare_run(Vector("f", 1, data), OUTPUT))


def test_comparison_takes_what_is_right() -> None:
    """Right expectations, null and left-out fields pass; account_changed is left out unless asked for."""
    assert not _differs([FIRST, SECOND])
    assert not _differs([None, SECOND])
    assert not _differs([[*FIRST[:2], {"event": "account_changed"}, FIRST[2]], SECOND], accounts=True)
    assert not _differs([FIRST, [{"event": "command_rejected", "absent": ["order"]}]])
    assert [len(group) for group in group_events(OUTPUT)] == [4, 1]


@pytest.mark.parametrize(
    "expect",
    [
        [FIRST[:2], SECOND],
        [[*FIRST, FIRST[2]], SECOND],
        [[FIRST[1], FIRST[0], FIRST[2]], SECOND],
        [[{"event": "order_accepted", "order": 2}, *FIRST[1:]], SECOND],
        [[{"event": "order_accepted", "order": True}, *FIRST[1:]], SECOND],
        [[{"event": "order_accepted", "indivisible": 0}, *FIRST[1:]], SECOND],
        [[{"event": "order_accepted", "client": None}, *FIRST[1:]], SECOND],
        [[{"event": "order_accepted", "absent": ["order"]}, *FIRST[1:]], SECOND],
        [[FIRST[0], {"event": "order_rested", "open": 3}, FIRST[2]], SECOND],
        [FIRST, [{"event": "command_rejected", "reasons": []}]],
        [FIRST, [{"event": "command_rejected", "reasons": ["no_change", "no_change"]}]],
        [FIRST, []],
        [FIRST],
        [FIRST, SECOND, SECOND],
    ],
)
def test_comparison_finds_what_is_wrong(expect: list[Any]) -> None:
    """Missing, surplus and swapped events, other values and other types are all found."""
    assert _differs(expect)


def test_comparison_finds_a_rejected_prelude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prelude command that is rejected fails the vector even where all else is as expected."""
    (tmp_path / "p.jsonl").write_text('{"at":"t","by":"operator","id":"p-1","command":"cancel_order","order":1}\n')
    monkeypatch.setattr("tests.market.vector_files.PRELUDES", tmp_path)
    vector = Vector("f", 1, {"name": "n", "prelude": "p", "commands": [{}], "expect": [SECOND]})
    rejected = {"number": 1, "index": 0, "at": "t", "cause": None, "event": "command_rejected", "reasons": []}
    accepted = {"number": 1, "index": 0, "at": "t", "cause": None, "event": "order_cancelled"}
    last = {**OUTPUT[4], "number": 2}
    assert prelude_commands(vector)[0]["id"] == "p-1"
    assert not compare_run(vector, [accepted, last, OUTPUT[5]])
    assert compare_run(vector, [rejected, last, OUTPUT[5]])


def test_form_of_output_is_checked() -> None:
    """Gaps in numbers or indexes, a later cause, keys out of order and a wrong end line are found."""
    good: list[Json] = [
        {"number": 1, "index": 0, "at": "t", "cause": None, "event": "withdrawal_held", "withdrawal": "w"},
        {"number": 2, "index": 0, "at": "t", "cause": 1, "event": "withdrawal_ready", "withdrawal": "w"},
        {"event": "end", "commands": 2, "events": 2, "state_hash": "00", "chain_hash": "00"},
    ]
    assert _form_differences(good) == []
    inside: list[tuple[int, Json]] = [(1, {"number": 3}), (1, {"index": 1}), (1, {"cause": 2})]
    for place, change in [*inside, (2, {"commands": 3}), (2, {"events": 1})]:
        assert _form_differences([*good[:place], {**good[place], **change}, *good[place + 1 :]])
    assert _form_differences([dict(reversed(good[0].items())), *good[1:]])


def test_comparison_is_strict_about_types() -> None:
    """JSON true is not 1, 1 is not 1.0, and objects and lists are compared whole."""
    assert same_json({"a": [1, None]}, {"a": [1, None]})
    assert not same_json(True, 1)
    assert not same_json(1, 1.0)
    assert not same_json([1], [1, 2])
    assert not same_json({"a": 1}, {"a": 1, "b": 2})
    assert compare_command([{"event": "x", "a": {"b": 1}}], [{"event": "x", "a": {"b": 2}}], accounts=False)
