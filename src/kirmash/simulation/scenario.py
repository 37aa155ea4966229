"""`kirmash run`: a scenario file against a fresh exchange, without network, timetable or clock (market-rules PS-0).

The whole file is read and checked for shape before the first command is applied. The same file gives the same bytes
everywhere: times, ids and the exchange id come from the file or are fixed here. A line with what follows from it is
one batch. No file is opened here.
"""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final

import msgspec
from msgspec import Struct

from kirmash.market import Market
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.protocol.present import JsonObject, Presenter, encode_json
from kirmash.protocol.shapes import (
    ShapeError,
    command_from_json,
    load_json,
    printable,
    read_client_id,
    read_text,
    read_time,
)
from kirmash.sequencer import faults
from kirmash.sequencer.faults import Fault
from kirmash.sequencer.machine import Decided, Machine

SCENARIO_EXCHANGE_ID: Final = "scenario"
SCENARIO_ORIGIN: Final = "run"
_BLANK: Final = b" \t\r"


class ScenarioError(Exception):
    """The first bad line of a scenario file: its number from 1, the field (or None), what is wrong, and the rule."""

    exit_code = 2

    def __init__(self, name: str, line: int, error: ShapeError) -> None:
        field = f"{error.field}: " if error.field else ""
        super().__init__(f"{printable(name, most=4096)}:{line}: {field}{error.reason} ({error.rule})")
        self.line = line
        self.field = error.field
        self.reason = error.reason
        self.rule = error.rule


class ScenarioFault(Exception):
    """The exchange itself failed at a line, which is well formed (PS-9); `fault` is what is to be kept of it."""

    exit_code = 5

    def __init__(self, line: int, fault: Fault) -> None:
        super().__init__(f"line {line}: {fault.what}")
        self.line = line
        self.fault = fault


class ScenarioLine(Struct, frozen=True):
    """One command of a scenario: its line in the file, time, actor, client id."""

    line: int
    at: Time
    actor: Actor
    client_id: str
    command: Command


class RunResult(Struct, frozen=True):
    """What a run printed: every output line as an object, the end line last."""

    output: list[JsonObject]


def read_scenario(lines: Iterable[bytes], name: str) -> list[ScenarioLine]:
    """All commands of a scenario. Raises ScenarioError at the first line that is not well formed (PS-0.2)."""
    read: list[ScenarioLine] = []
    seen: dict[tuple[str, str], int] = {}
    last: Time = (0, 0)
    for number, data in enumerate(lines, start=1):
        try:
            line = _read_line(number, data.removesuffix(b"\n"))
            if line is None:
                continue
            if line.at < last:
                raise ShapeError("at", "is before the line above it", "PS-0.1")
            first = seen.setdefault((line.actor.id, line.client_id), number)
            if first != number:
                raise ShapeError("id", f"was used for the same `by` in line {first}", "PS-0.2")
        except ShapeError as error:
            raise ScenarioError(name, number, error) from None
        last = line.at
        read.append(line)
    return read


def _read_line(number: int, data: bytes) -> ScenarioLine | None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ShapeError(None, f"not UTF-8 at byte {error.start + 1}", "PS-0.1") from None
    if not data.strip(_BLANK) or data.startswith(b"#"):
        return None
    values = load_json(text)
    head: dict[str, Any] = {}
    for key, read in (("at", read_time), ("by", read_text), ("id", read_client_id)):
        if key not in values:
            raise ShapeError(key, "is missing", "PS-0.2")
        head[key] = read(values.pop(key), key)
    if "command" not in values:
        raise ShapeError("command", "is missing", "PS-0.2")
    command = command_from_json(values.pop("command"), values)
    actor = codec.OPERATOR if head["by"] == codec.OPERATOR.id else Actor(ActorKind.TRADER, head["by"])
    return ScenarioLine(number, head["at"], actor, head["id"], command)


class ScenarioRun:
    """A fresh exchange that takes the lines of one scenario; follow-ups run after each line (PS-0.3, PS-7.6)."""

    def __init__(self, market: Market) -> None:
        self.machine = Machine(market, Office(), SCENARIO_EXCHANGE_ID)
        self.presenter = Presenter()
        self._events = 0

    def apply(self, line: ScenarioLine) -> list[Decided]:
        """Number one line and all that follows from it. Raises ScenarioFault; then the exchange can't be used again."""
        with _FaultGuard(self.machine, line):
            decided = self.machine.submit(line.actor, SCENARIO_ORIGIN, line.client_id, line.command, line.at)
        with _FaultGuard(self.machine, line, decided):
            return decided + self.machine.settle(line.at)

    def present(self, decided: Iterable[Decided]) -> Iterator[JsonObject]:
        """The output lines of these records."""
        for entry in decided:
            for shown in self.presenter.present(entry.record):
                self._events += 1
                yield shown

    def end(self) -> JsonObject:
        """The last line of the output."""
        return {
            "event": "end",
            "commands": self.machine.number,
            "events": self._events,
            "state_hash": self.machine.state_hash().hex(),
            "chain_hash": self.machine.chain.hex(),
        }


class _FaultGuard:
    """Turns whatever escapes from the deciders into ScenarioFault, as the writer does (docs/internals/faults.md).

    A trap of the native market is no Exception, so no type is asked for; only the user's Ctrl-C is not theirs.
    `decided` is the line's own record, where what is tried now follows from it.
    """

    def __init__(self, machine: Machine, line: ScenarioLine, decided: Iterable[Decided] | None = None) -> None:
        self._machine = machine
        self._line = line
        self._decided = decided

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        line, follow_up = self._line, self._decided is not None
        actor = Actor(ActorKind.REACTOR, "") if follow_up else line.actor
        fault = Fault(
            faults.FAULT_FORMAT,
            self._machine.number + 1,
            line.at,
            actor.kind,
            actor.id,
            "" if follow_up else SCENARIO_ORIGIN,
            "" if follow_up else line.client_id,
            faults.NO_COMMAND if follow_up else msgspec.Raw(codec.encode(line.command)),
            f"{type(error).__name__}: {error}",
            tuple(msgspec.Raw(entry.data) for entry in self._decided or ()),
        )
        raise ScenarioFault(line.line, fault) from error


def run_lines(lines: Iterable[bytes], market: str | None, name: str = "scenario") -> RunResult:
    """Read and run a scenario held in memory. Raises ScenarioError where `kirmash run` would end with exit code 2."""
    scenario = ScenarioRun(market_loader(market)(None))
    output = [shown for line in read_scenario(lines, name) for shown in scenario.present(scenario.apply(line))]
    output.append(scenario.end())
    return RunResult([msgspec.json.decode(encode_json(line)) for line in output])
