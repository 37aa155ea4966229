"""Scenarios: real sessions of the exchange, written out as command files from a seed.

Each module makes one scenario: `generate(seed)` returns its commands in the form of PS-0 and in exact order, and
`HEADER` says what is known and what is invented. The totals that are known (volume, sum, number of deals) hold for
every seed because the books are built so that the market's arithmetic gives them; everything else differs. Only
`random.Random(seed)` and integers are used, so a seed gives the same bytes everywhere.

The committed files under `kirmash/data/scenarios` are those of seed 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

NAMES = (
    "acetone-cyanohydrin-2022-12",
    "butter-moldova-2025-02",
    "ferrous-metals-domestic",
    "flax-export-2024-11",
    "lumber-china-2022-11",
    "lumber-china-2022-12",
)
SHIPPED_SEED = 1


def _module(name: str) -> Any:
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"{__name__}.{name.replace('-', '_')}")


def generate(name: str, seed: int) -> list[dict[str, Any]]:
    """Returns the commands of scenario `name`. Raises KeyError for a name that is not in NAMES."""
    commands: list[dict[str, Any]] = _module(name).generate(seed)
    return commands


def lines(name: str, seed: int) -> Iterator[str]:
    """Yields the lines of the scenario file, without line ends: comments first, then one command a line."""
    for text in (*_module(name).HEADER, f"Made by: python -m kirmash.simulation.scenarios {name} --seed {seed}"):
        yield f"# {text}"
    for command in generate(name, seed):
        yield json.dumps(command, ensure_ascii=False, separators=(",", ":"))
