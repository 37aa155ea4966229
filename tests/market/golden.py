"""Makes the golden sessions of tests/vectors/encoding (see test_golden.py): `python -m tests.market.golden`."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kirmash.data import scenario_bytes
from kirmash.market import Market
from kirmash.market.choice import market_loader
from kirmash.office import Office
from kirmash.protocol.present import encode_json
from kirmash.sequencer.machine import Machine
from kirmash.simulation.scenario import read_scenario

ROOT: Final = Path(__file__).parents[2]
SESSIONS: Final = ("first-session", "acetone-cyanohydrin-2022-12", "butter-moldova-2025-02")


def golden_file(name: str) -> Path:
    """Where the golden bytes of a session lie."""
    return ROOT / "tests" / "vectors" / "encoding" / f"session-{name}.jsonl"


class Recorder:
    """A market that keeps what goes in and comes out."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.lines: list[bytes] = []

    def apply(self, frame: bytes) -> bytes:
        events = self.market.apply(frame)
        self.lines.append(encode_json({"frame": frame.hex(), "events": events.hex()}))
        return events

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        return self.market.state()

    def open_orders(self) -> int:
        return self.market.open_orders()


def main() -> None:
    """Write all golden sessions from the reference market."""
    for name in SESSIONS:
        tour = ROOT / "docs" / "tutorial" / f"{name}.jsonl"
        data = tour.read_bytes() if tour.exists() else scenario_bytes(name)
        recorder = Recorder(market_loader("reference")(None))
        machine = Machine(recorder, Office(), "golden")
        for line in read_scenario(io.BytesIO(data), name):
            machine.submit(line.actor, "golden", line.client_id, line.command, line.at)
            machine.settle(line.at)
        end = encode_json({"state": recorder.state().hex()})
        golden_file(name).write_bytes(b"\n".join([*recorder.lines, end]) + b"\n")


if __name__ == "__main__":
    main()
