"""What the pages tell a reader to type exists: words of `kirmash`, targets of `make`; and no word goes untold."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
WORDS = {
    *("run", "demo", "verify", "prove", "backup", "forget", "schema"),
    *("serve", "rebuild", "operator", "login"),
}


def typed(pattern: str) -> set[str]:
    """What stands behind the prompt in the console blocks of all pages, by a pattern with one group."""
    blocks = (re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL) for page in PAGES)
    lines = (line for found in blocks for block in found for line in block.splitlines() if line.startswith("$ "))
    return {found for line in lines for found in re.findall(pattern, line)}


def help_of(*words: str) -> subprocess.CompletedProcess[str]:
    start = "import sys; from kirmash.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, *words, "--help"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_each_word_has_help(word: str) -> None:
    done = help_of(word)
    assert done.returncode == 0, done.stderr
    assert f"kirmash {word}" in done.stdout


def test_help_answers_in_less_than_three_tenths_of_a_second() -> None:
    def once() -> float:
        start = time.perf_counter()
        assert help_of().returncode == 0
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.3


def test_the_pages_show_words_that_exist() -> None:
    assert typed(r"bin/kirmash ([a-z]+)") <= WORDS


def test_the_readme_tells_every_word_and_help_lists_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^\| `kirmash ([a-z]+)", readme)) == WORDS
    assert set(re.findall(r"(?m)^    ([a-z]+)  ", help_of().stdout)) == WORDS


def test_the_pages_show_options_that_exist() -> None:
    shown = {option for word in WORDS for option in re.findall(r"--[a-z-]+", help_of(word).stdout)}
    assert typed(r"bin/kirmash .*?(--[a-z-]+)") <= shown


def test_the_pages_show_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = typed(r"\bmake ([a-z-]+)")
    assert {"demo", "test"} <= wanted
    assert wanted <= set(re.findall(r"(?m)^([a-z-]+):", makefile))
