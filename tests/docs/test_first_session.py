"""The tutorial tells the truth: every event that it quotes comes out of the scenario that it shows.

The quoted events were written from the rules, not copied from a run. A quoted event may leave out fields, but never
change them.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "tutorial/first-session.md"
SCENARIO = DOCS / "tutorial/first-session.jsonl"


def quoted() -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [json.loads(line) for block in blocks for line in block.splitlines()]


def run(scenario: Path) -> subprocess.CompletedProcess[str]:
    start = "import sys; from kirmash.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "run", str(scenario)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def says(quote: Any, event: Any) -> bool:
    """Whether everything in the quote stands in the event too; lists have the same length."""
    if isinstance(quote, dict) and isinstance(event, dict):
        return all(key in event and says(value, event[key]) for key, value in quote.items())
    if isinstance(quote, list) and isinstance(event, list):
        return len(quote) == len(event) and all(map(says, quote, event))
    return bool(quote == event)


@pytest.fixture(scope="module")
def events() -> dict[tuple[int, int], dict[str, Any]]:
    done = run(SCENARIO)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["event"] == "end"
    return {(line["number"], line["index"]): line for line in lines[:-1]}


def test_the_page_quotes_events_of_every_stage() -> None:
    kinds = {event["event"] for event in quoted()}
    assert {"order_accepted", "deal_made", "contract_opened", "command_rejected", "deal_released"} <= kinds


def test_every_quoted_event_comes_out_of_the_scenario(events: dict[tuple[int, int], dict[str, Any]]) -> None:
    for quote in quoted():
        event = events.get((quote["number"], quote["index"]))
        assert event is not None, f"no event {quote['number']}.{quote['index']}"
        assert says(quote, event), f"the page says {quote}\nthe exchange says {event}"


def test_the_readme_quotes_the_scenario() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("{")]
    assert lines
    assert set(lines) <= set(SCENARIO.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"price":"900.00","quantity":"200"', '"price":"900.00","quantity":"2000"', "deposit_short"),
        ('"by":"foods-desk","id":"16"', '"by":"mill-desk","id":"16"', "not_admitted"),
    ],
)
def test_the_suggested_changes_are_refused_as_the_page_says(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = SCENARIO.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "changed.jsonl"
    changed.write_text(text.replace(old, new), encoding="utf-8")
    rejected = [line for line in run(changed).stdout.splitlines() if '"command_rejected"' in line]
    assert any(reason in line for line in rejected)


def test_a_misspelt_field_is_refused_with_its_line(tmp_path: Path) -> None:
    changed = tmp_path / "changed.jsonl"
    changed.write_text(SCENARIO.read_text(encoding="utf-8").replace('"hs_code"', '"hscode"'), encoding="utf-8")
    done = run(changed)
    line = 1 + next(at for at, text in enumerate(changed.read_text(encoding="utf-8").splitlines()) if "hscode" in text)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"changed.jsonl:{line}:" in done.stderr
