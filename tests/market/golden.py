"""Makes the golden sessions of tests/vectors/encoding (see test_golden.py): `python -m tests.market.golden`.

A line is a frame with the events that the market gave and the hash of the state after it, or the state bytes at a point
where much is in play: before a session closes or is cancelled, and at the end.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kirmash.data import scenario_bytes
from kirmash.market import Market
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.commands import CancelSession, ChangePhase
from kirmash.messages.kinds import Phase
from kirmash.office import Office
from kirmash.protocol.present import encode_json
from kirmash.sequencer.machine import Machine
from kirmash.simulation.scenario import read_scenario

ROOT: Final = Path(__file__).parents[2]
OWN: Final = Path(__file__).parent / "golden_sessions"
SESSIONS: Final = ("first-session", "acetone-cyanohydrin-2022-12", "butter-moldova-2025-02", "call", "continuous")
"""The tour, two of the scenarios that come with the exchange, and those of golden_sessions/."""


def golden_file(name: str) -> Path:
    """Where the golden bytes of a session lie."""
    return ROOT / "tests" / "vectors" / "encoding" / f"session-{name}.jsonl"


def scenario_of(name: str) -> bytes:
    """The scenario that a golden session was made from."""
    for path in (OWN / f"{name}.jsonl", ROOT / "docs" / "tutorial" / f"{name}.jsonl"):
        if path.exists():
            return path.read_bytes()
    return scenario_bytes(name)


class Recorder:
    """A market that keeps what goes in and comes out."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.lines: list[bytes] = []

    def apply(self, frame: bytes) -> bytes:
        command = codec.decode_command(codec.decode_frame(frame).command)
        if isinstance(command, CancelSession) or (isinstance(command, ChangePhase) and command.to is Phase.CLOSING):
            self.keep_state()
        events = self.market.apply(frame)
        state_hash = hashlib.sha256(self.market.state()).hexdigest()
        self.lines.append(encode_json({"frame": frame.hex(), "events": events.hex(), "state_hash": state_hash}))
        return events

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def keep_state(self) -> None:
        """A line with the state bytes of this moment."""
        self.lines.append(encode_json({"state": self.state().hex()}))

    def state(self) -> bytes:
        return self.market.state()

    def open_orders(self) -> int:
        return self.market.open_orders()


def main() -> None:
    """Write all golden sessions from the reference market."""
    for name in SESSIONS:
        recorder = Recorder(market_loader("reference")(None))
        machine = Machine(recorder, Office(), "golden")
        for line in read_scenario(io.BytesIO(scenario_of(name)), name):
            machine.submit(line.actor, "golden", line.client_id, line.command, line.at)
            machine.settle(line.at)
        recorder.keep_state()
        golden_file(name).write_bytes(b"\n".join(recorder.lines) + b"\n")


if __name__ == "__main__":
    main()
