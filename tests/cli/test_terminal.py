"""The demo and a long run on a terminal, as a user has them before his eyes."""

import json
import re
from pathlib import Path

import pytest

from kirmash import cli
from kirmash.journal.errors import JournalInUse
from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.messages.events import PhaseChanged
from tests.cli.terminal import CTRL_C, Screen, watch
from tests.cli.test_words import kirmash

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "docs" / "tutorial" / "first-session.jsonl"
SCENARIOS = ROOT / "src/kirmash/data/scenarios"
SESSION = SCENARIOS / "lumber-china-2022-12.jsonl"


def planned_phases() -> list[str]:
    """The phases to which the session's own lines lead, as people read them."""
    lines = [json.loads(line) for line in SESSION.read_text().splitlines() if line.startswith("{")]
    return [as_people_read(line["to"]) for line in lines if line["command"] == "change_phase"]


def recorded_phases(journal: Path) -> list[str]:
    """The phases to which the journal's records led."""
    with Reader(journal) as reader:
        made = [codec.decode_events(codec.decode_record(data).events) for _, data, _ in reader.records()]
    return [as_people_read(event.to.name) for events in made for event in events if isinstance(event, PhaseChanged)]


def as_people_read(phase: str) -> str:
    """The name of a phase on the demo's clock."""
    return phase.lower().removeprefix("seller_").replace("_", " ")


def is_torn(text: str) -> bool:
    """Whether a line of the frame begins and does not end."""
    return any(line[-1] not in "│╮╯" for line in text.splitlines() if line[:1] in tuple("│╭╰"))


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 50)])
def test_the_demo_is_seen_whole(columns: int, lines: int, tmp_path: Path) -> None:
    """Phases, book, events and totals on one screen while it runs; the result and the head at its end."""
    instruments = ("pine-changsha", "pine-shanghai", "pine-taicang", "pine-tianjin", "spruce-taicang")
    # Something of the book, with a price on each side, as `quantity × price`.
    both_sides = re.compile(r"pine-taicang +\d+ × \d{4} +\d+ × \d{4} ")
    wholes: list[str] = []

    def look(screen: Screen) -> None:
        text = screen.text
        if both_sides.search(text) and "Lumber to China" in text and re.search(r"\d+ orders · \d+ refused", text):
            wholes.append(text)

    code, screen = watch(columns, lines, "demo", "--data", "d", "--seconds", "1", cwd=tmp_path, look=look)
    assert code == 0, screen.history
    assert screen.reversed == planned_phases()
    assert screen.cursor_is_shown
    assert wholes, screen.history
    # Nothing was too wide: each line of the frame that begins ends. What was looked at while it was drawn is torn.
    drawn = [text for text in wholes if not is_torn(text)]
    assert len(drawn) > len(wholes) // 4, wholes[-1]
    for text in (drawn[0], drawn[-1]):
        assert all(name in text for name in (*instruments, "last events", "would uncross", "UTC"))
    assert "Session result" in screen.history
    assert "85,500,000.00 CNY" in screen.history
    with Reader(tmp_path / "d/journal.db") as reader:
        head = reader.head()
    assert f"Journal checked: {head.number} records" in screen.history
    assert f"head {head.hash}" in screen.history


def test_ctrl_c_in_the_middle_leaves_a_sound_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 130, the cursor is back, no traceback; what was shown is durable. Until then the folder was in use."""
    data = tmp_path / "d"
    in_use: list[JournalInUse] = []

    def look(screen: Screen) -> bytes | None:
        if in_use or "admission" not in screen.reversed:
            return None
        with pytest.raises(JournalInUse) as caught:
            Folder(data)
        in_use.append(caught.value)
        return CTRL_C

    code, screen = watch(80, 24, "demo", "--data", data, "--seconds", "6", cwd=tmp_path, look=look)
    assert code == 130, screen.history
    assert in_use
    assert in_use[0].pid > 0
    assert screen.cursor_is_shown
    assert "Traceback" not in screen.history
    assert f"The session so far lies in {data}." in screen.history.replace("\n", "")
    assert screen.reversed == planned_phases()[: len(screen.reversed)]
    assert cli.main(["verify", str(data), "--market", "reference"]) == 0
    assert "snapshots 1: all as recorded" in capfd.readouterr().out
    # The records reach to the phase that was on the screen, and not to the session's end.
    phases = recorded_phases(data / "journal.db")
    assert len(screen.reversed) <= len(phases) < len(planned_phases())
    assert phases == planned_phases()[: len(phases)]


def test_a_long_run_shows_its_progress_and_prints_the_same(tmp_path: Path) -> None:
    """A bar on standard error that is gone at the end; standard output is what it is without a terminal."""
    seen: list[str] = []
    out = tmp_path / "out"
    with out.open("wb") as output:
        code, screen = watch(
            80,
            24,
            "run",
            SCENARIOS / "ferrous-metals-domestic.jsonl",
            cwd=tmp_path,
            look=lambda screen: seen.append(screen.text),
            stdout=output.fileno(),
        )
    assert code == 0, screen.history
    assert any(re.search(r"running .* \d+%", text) for text in seen)
    assert screen.history.strip() == ""
    assert screen.cursor_is_shown
    plain = kirmash("run", SCENARIOS / "ferrous-metals-domestic.jsonl")
    assert plain.stderr == b""
    assert out.read_bytes() == plain.stdout


def test_a_short_run_shows_no_progress(tmp_path: Path) -> None:
    """It is done before anybody could read it."""
    seen: list[str] = []
    with (tmp_path / "out").open("wb") as output:
        code, _ = watch(
            80,
            24,
            "run",
            TOUR,
            cwd=tmp_path,
            look=lambda screen: seen.append(screen.text.strip()),
            stdout=output.fileno(),
        )
    assert code == 0
    assert set(seen) <= {""}


def test_no_bar_stands_between_events_on_one_terminal(tmp_path: Path) -> None:
    """Where the events scroll by, they are the progress. Comments make the file long, and cost nothing."""
    file = tmp_path / "long.jsonl"
    file.write_bytes(b"# nothing\n" * 20_000 + TOUR.read_bytes())
    with (tmp_path / "out").open("wb") as output:
        elsewhere, barred = watch(80, 24, "run", file, cwd=tmp_path, stdout=output.fileno())
    code, screen = watch(1_000, 24, "run", file, cwd=tmp_path)
    assert (elsewhere, code) == (0, 0)
    assert barred.controls > 0
    assert screen.controls == 0
    assert screen.history.strip() == (tmp_path / "out").read_text().strip()
