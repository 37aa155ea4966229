"""What does an order cost the gateway? Microseconds a command, each step of its way alone: reading JSON, writing to the
link, reading the records that come back, the folds, the lines of its trader, and the answer's JSON.

Ratios are of the sum of a step's kind to the decoding of the same records, which no gateway can do without.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.exchange import open_exchange, submit
from benchmarks.measure import RUNS, ratio, show
from benchmarks.workload import command_of, make_workload
from kirmash.gateway.feed import Recent
from kirmash.gateway.sockets.reading import Commands, read
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.messages.codec import Actor, Record
from kirmash.messages.commands import MarketCommand
from kirmash.messages.kinds import ActorKind
from kirmash.protocol import link, ws
from kirmash.protocol.present import Presenter, command_json
from kirmash.protocol.shapes import command_from_json
from kirmash.publication import Board, PrivateFeed

MESSAGES_MAX = 20_000


def run(messages: int) -> None:
    """Print the cost of each step and of all folds and lines against decoding."""
    work = make_workload(min(messages, MESSAGES_MAX), 2)
    given = [(Actor(ActorKind.TRADER, f"t{step.user}"), command_of(step)) for step in work.steps]
    with tempfile.TemporaryDirectory(dir=".") as parent:
        folder, writer = open_exchange(Path(parent) / "data")
        submit(writer, given, "r", 1_000)
        writer.stop()
        folder.close()
        with Reader(folder.journal) as reader:
            data = [record for _, record, _ in reader.records(0)]
    costs: dict[str, list[float]] = {}
    for _ in range(RUNS):
        _in(costs, [command for _, command in given])
        _out(costs, data)
    for name, values in costs.items():
        show(f"presenting {name}", values, "us")
    folding = [sum(of) for of in zip(*(costs[name] for name in ("learn", "board", "address")), strict=True)]
    decoding = costs["decode"]
    ratio("presenting folds/decode", folding, decoding)
    ratio("presenting lines/decode", costs["own-lines"], decoding)


def _timed(costs: dict[str, list[float]], name: str, step: Callable[[Any], object], inputs: Sequence[Any]) -> None:
    gc.collect()
    gc.disable()
    started = time.process_time()
    for one in inputs:
        step(one)
    costs.setdefault(name, []).append((time.process_time() - started) / len(inputs) * 1e6)
    gc.enable()


def _in(costs: dict[str, list[float]], given: list[MarketCommand]) -> None:
    shown = []
    for command in given:
        line = command_json((0, 0), "t", "c-1", command)
        shown.append((line["command"], {name: it for name, it in line.items() if name not in _HEAD and it is not None}))
    frames = [msgspec.json.encode({"op": name, "client_id": "c-1", **fields}) for name, fields in shown]
    assert all(isinstance(read(frame, ws.Format.JSON), Commands) for frame in frames)
    _timed(costs, "read-frame", lambda frame: read(frame, ws.Format.JSON), frames)
    _timed(costs, "command-from-json", lambda it: command_from_json(*it), shown)
    _timed(costs, "encode-command", codec.encode, given)

    def submit_frame(command: MarketCommand) -> bytes:
        raw = msgspec.Raw(codec.encode(command))
        return link.frame(link.Submit(1, ActorKind.TRADER, "t1", "ws", "c-1", raw))

    _timed(costs, "encode-and-frame", submit_frame, given)
    wire = b"".join(submit_frame(command) for command in given)
    pieces = [wire[at : at + 65_536] for at in range(0, len(wire), 65_536)]
    cut = link.Frames()
    _timed(costs, "cut-and-decode", lambda piece: [link.to_core.decode(one) for one in cut.feed(piece)], pieces)
    costs["cut-and-decode"][-1] *= len(pieces) / len(given)


_HEAD = ("at", "by", "id", "command")


def _out(costs: dict[str, list[float]], data: list[bytes]) -> None:
    presenter, board = Presenter(), Board()
    private = PrivateFeed(presenter.present)

    def decoded(record: bytes) -> tuple[Record, tuple[Any, ...]]:
        made = codec.decode_record(record)
        return made, codec.decode_events(made.events)

    start = next(at for at, record in enumerate(data) if codec.decode_record(record).client_id == "r-0")
    setting, pairs = [decoded(it) for it in data[:start]], [decoded(it) for it in data[start:]]
    for record, events in setting:
        presenter.learn(record, events)
        board.fold_events(record, events)
        private.address(record, events)
    _timed(costs, "decode", decoded, data[start:])
    learned: list[Any] = []
    _timed(costs, "learn", lambda it: learned.append(presenter.learn(*it)), pairs)
    _timed(costs, "board", lambda it: board.fold_events(*it), pairs)
    addressed: list[Any] = []
    _timed(costs, "address", lambda it: addressed.append(private.address(*it)), pairs)
    recents = [
        (Recent(record, events, presenter, of_orders, whose), whose)
        for (record, events), of_orders, whose in zip(pairs, learned, addressed, strict=True)
    ]
    told = [(recent, next(iter(whose))) for recent, whose in recents if whose]
    _timed(costs, "own-lines", lambda it: it[0].own(it[1]), told)
    _timed(costs, "encode-answer", msgspec.json.encode, [recent.own(name) for recent, name in told])
