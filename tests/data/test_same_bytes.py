"""Each shipped scenario gives the same bytes on every market, Python and machine (PS-0.4): the committed hashes.

`chain_hash` stands for every record, `state_hash` for both deciders' states. After a change that is meant to change
bytes (said in docs/reference/encoding.md first): `python -m tests.data.test_same_bytes`.
"""

import io
import json
from pathlib import Path

import pytest

from kirmash.data import scenario_bytes, scenario_names
from kirmash.simulation.scenario import run_lines

FILE = Path(__file__).parents[1] / "vectors" / "encoding" / "scenario-ends.json"
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]


def _end(name: str, market: str) -> dict[str, object]:
    return run_lines(io.BytesIO(scenario_bytes(name)), market, name).output[-1]


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_ends_in_the_committed_hashes(name: str, market: str) -> None:
    """Counts, state hash and chain hash."""
    assert _end(name, market) == json.loads(FILE.read_text())[name]


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: _end(name, "reference") for name in scenario_names()}, indent=1) + "\n")
