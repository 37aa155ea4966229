"""The words of the command line as a user calls them: output, errors and exit codes of PS-0.5, in real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from kirmash.journal.folder import Folder
from kirmash.journal.profiles import Profiles

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "docs" / "tutorial" / "first-session.jsonl"
START = "import sys; from kirmash.cli import main; sys.exit(main())"


def kirmash(
    *words: str | Path, env: Mapping[str, str] | None = None, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one word in a process of its own, on the reference market unless told otherwise."""
    given = {**os.environ, "KIRMASH_MARKET": "reference", **(env or {})}
    command = [sys.executable, "-c", START, *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, env=given, input=stdin, cwd=cwd)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of the tutorial's session."""
    file = tmp_path_factory.mktemp("tour") / "tour.db"
    assert kirmash("run", TOUR, "--journal", file).returncode == 0
    return file


def test_run_prints_events_and_the_end_line() -> None:
    """JSON Lines on standard output, nothing on standard error, exit code 0."""
    done = kirmash("run", TOUR)
    assert done.returncode == 0
    assert done.stderr == b""
    lines = done.stdout.splitlines()
    end = json.loads(lines[-1])
    assert end["event"] == "end"
    assert end["events"] == len(lines) - 1
    assert end["commands"] == len({json.loads(line)["number"] for line in lines[:-1]})


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8", "LANG": "C"},
        {"PYTHONHASHSEED": "3", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    ],
    ids=["zone", "locale", "encoding"],
)
def test_the_bytes_depend_on_nothing_but_the_file(env: dict[str, str]) -> None:
    """Locale, time zone, hash seed and terminal encoding change no byte (PS-0.4)."""
    assert kirmash("run", TOUR, env=env).stdout == kirmash("run", TOUR).stdout


def test_run_reads_standard_input() -> None:
    """`-` is standard input, and gives the same bytes."""
    assert kirmash("run", "-", stdin=TOUR.read_bytes()).stdout == kirmash("run", TOUR).stdout


def test_a_bad_line_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    """FILE:LINE: field: reason (rule), exit code 2, no output, no journal (PS-0.2)."""
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(
        TOUR.read_bytes() + b'{"at":"2030-01-01T00:00:00Z","by":"operator","id":"z","command":"cancel_order"}\n'
    )
    done = kirmash("run", bad, "--journal", tmp_path / "j.db")
    line = len(bad.read_bytes().splitlines())
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode() == f"{bad}:{line}: order: is missing (PS-0.2)\n"
    assert not (tmp_path / "j.db").exists()


def test_a_journal_that_exists_is_refused(journal: Path) -> None:
    """--journal makes a new file and touches no other (PS-0.1)."""
    before = journal.read_bytes()
    done = kirmash("run", TOUR, "--journal", journal)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"exists" in done.stderr
    assert journal.read_bytes() == before


def test_a_missing_file_is_wrong_input(tmp_path: Path) -> None:
    """The name and what is wrong, without a traceback."""
    done = kirmash("run", tmp_path / "none.jsonl")
    assert done.returncode == 2
    assert b"none.jsonl: No such file" in done.stderr


def test_an_unknown_market_is_wrong_input() -> None:
    """KIRMASH_MARKET takes the three names."""
    done = kirmash("run", TOUR, env={"KIRMASH_MARKET": "fast"})
    assert done.returncode == 2
    assert b"native, reference, both" in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`kirmash run … | head -1` ends quietly."""
    command = (
        f"{sys.executable} -c '{START}' run {ROOT}/src/kirmash/data/scenarios/ferrous-metals-domestic.jsonl | head -n 1"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "KIRMASH_MARKET": "reference"},
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_verify_accepts_the_journal_and_its_own_head(journal: Path) -> None:
    """Exit code 0, and the head printed is one that the journal has."""
    done = kirmash("verify", journal)
    assert done.returncode == 0, done.stderr
    head = next(line.split()[1] for line in done.stdout.decode().splitlines() if line.startswith("head"))
    assert kirmash("verify", journal, "--expect-head", head).returncode == 0
    other = kirmash("verify", journal, "--expect-head", "00" * 32)
    assert other.returncode == 1
    assert b"head" in other.stderr


def test_verify_names_the_record_that_was_changed(journal: Path, tmp_path: Path) -> None:
    """The tour's forger: exit code 1 and the number of the first record changed."""
    forged = tmp_path / "forged.db"
    forged.write_bytes(journal.read_bytes().replace(b"baltic-foods", b"baltic-goods"))
    done = kirmash("verify", forged)
    assert done.returncode == 1
    assert b"record 2" in done.stderr


def test_a_proof_is_checked_without_the_journal(journal: Path, tmp_path: Path) -> None:
    """prove prints it, verify --proof takes it, and a changed digit of it fails."""
    proof = tmp_path / "deal.proof"
    proof.write_bytes(kirmash("prove", journal, "25").stdout)
    done = kirmash("verify", "--proof", proof, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"deal_made" in done.stdout
    data = json.loads(proof.read_bytes())
    data["record"] = data["record"][:-2] + ("00" if data["record"][-2:] != "00" else "01")
    proof.write_text(json.dumps(data))
    assert kirmash("verify", "--proof", proof).returncode == 1


def test_a_proof_that_tells_of_both_sides_says_so(journal: Path) -> None:
    """The deal's record names both companies; the one before it, an order, only its own."""
    both, one = kirmash("prove", journal, "25"), kirmash("prove", journal, "23")
    assert (both.returncode, one.returncode) == (0, 0)
    assert b"baltic-foods, brest-oil" in both.stderr
    assert one.stderr == b""
    assert json.loads(both.stdout)["record"]


def test_prove_of_a_record_that_is_not_there(journal: Path) -> None:
    """Wrong input, naming the number."""
    done = kirmash("prove", journal, "1000")
    assert done.returncode == 2
    assert b"1000" in done.stderr


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    """Wrong input for every word that takes a journal, and the file stays as it is."""
    file = tmp_path / "x.db"
    file.write_bytes(b"not a journal at all" * 500)
    for words in (("verify", file), ("prove", file, "1"), ("backup", file, tmp_path / "copy")):
        done = kirmash(*words)
        assert done.returncode == 2, (words, done)
        assert b"Traceback" not in done.stderr
    assert file.read_bytes() == b"not a journal at all" * 500


def test_backup_and_forget(tmp_path: Path) -> None:
    """A demo's folder is copied; the copy verifies; a forgotten person stays forgotten; both journals still verify."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    assert kirmash("demo", "--data", data, cwd=tmp_path).returncode == 0
    assert kirmash("backup", data, copy).returncode == 0
    assert kirmash("verify", copy).stdout == kirmash("verify", data).stdout
    assert kirmash("backup", data, copy).returncode == 2
    (person,) = (file.stem for file in (data / "keys").iterdir())
    assert kirmash("forget", data, person).returncode == 0
    assert kirmash("forget", data, person).returncode == 2
    assert list((data / "keys").iterdir()) == []
    assert kirmash("verify", data).returncode == 0


def test_a_folder_that_another_process_writes_is_left_alone(tmp_path: Path) -> None:
    """Exit code 3, naming the process; nothing is forgotten (PS-0.5)."""
    data = tmp_path / "data"
    with Folder.create(data):
        person = Profiles(data).new_person()
        done = kirmash("forget", data, person)
        assert done.returncode == 3
        assert f"process {os.getpid()}" in done.stderr.decode()
        assert Profiles(data).knows(person)
    assert kirmash("forget", data, person).returncode == 0


def test_the_demo_shows_the_sum_of_its_deals(tmp_path: Path) -> None:
    """The known total, from the events; another seed gives another journal with the same total."""
    first = kirmash("demo", "--data", tmp_path / "a", cwd=tmp_path).stdout.decode()
    other = kirmash("demo", "--data", tmp_path / "b", "--seed", "5", cwd=tmp_path).stdout.decode()
    for shown in (first, other):
        assert "85,500,000.00 CNY" in shown
        assert "every event computed again" in shown
    heads = [next(line for line in shown.splitlines() if line.startswith("head ")) for shown in (first, other)]
    assert heads[0] != heads[1]


def test_schema_is_json_and_names_every_command() -> None:
    """A document that tools can read."""
    document = json.loads(kirmash("schema").stdout)
    assert {"place_order", "create_session", "deal_made", "account_changed"} <= document["$defs"].keys()


def test_the_reference_page_of_messages_is_current() -> None:
    """docs/reference/messages.md is what `kirmash schema --page` prints."""
    assert kirmash("schema", "--page").stdout.decode() == (ROOT / "docs/reference/messages.md").read_text()
