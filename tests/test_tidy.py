"""Our own sources read as STYLE.md asks; each rule is also shown a text that breaks it and one that does not.

The rules stand in tidy_rules.py. Whoever adds one adds its two texts to `BITES` and marks it in STYLE.md.
"""

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import tidy_rules as rules
from tests.tidy_rules import Rule

ROOT = Path(__file__).resolve().parent.parent
TEXTS = (
    ".py",
    ".rs",
    ".toml",
    ".md",
    ".sh",
    ".jsonl",
    ".json",
    ".yml",
    ".cfg",
    ".pyi",
    ".lock",
    ".css",
    ".html",
    ".js",
    "",
)
PARTS = ("src", "crates", "tests", "benchmarks", "examples", "docs", "tools", ".ci")


@cache
def texts() -> dict[str, str]:
    """Every text of the repository that git has or would take, by its path below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    there = sorted({path for path in paths if path.suffix in TEXTS and (ROOT / path).is_file()})
    return {path.as_posix(): (ROOT / path).read_text(encoding="utf-8") for path in there}


def sources(*suffixes: str) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in texts().items() if path.endswith(suffixes) and path.startswith(PARTS))


FORBIDDEN = rules.forbidden_words((ROOT / "docs/glossary.md").read_text(encoding="utf-8"))
SYNONYMS = rules.one_word_each(FORBIDDEN)

PYTHON_RULES: dict[str, Rule] = {
    "functions are short": rules.functions_are_short,
    "modules are short": rules.modules_are_short,
    "modules say why": rules.modules_say_why,
    "no floats": rules.no_floats,
    "deciders are pure": rules.deciders_are_pure,
    "no blind except": rules.no_blind_except,
    "no dead code": rules.no_dead_python,
    "one word each": SYNONYMS,
    "nothing is left for later": rules.nothing_is_left_for_later,
}
RUST_RULES: dict[str, Rule] = {
    "functions are short": rules.rust_functions_are_short,
    "modules are short": rules.modules_are_short,
    "modules say why": rules.rust_files_say_why,
    "no floats": rules.no_rust_floats,
    "deciders are pure": rules.rust_market_is_pure,
    "assertions stay on": rules.assertions_stay_on,
    "no dead code": rules.no_dead_rust,
    "one word each": SYNONYMS,
    "nothing is left for later": rules.nothing_is_left_for_later,
}


def findings(rule: Rule, *suffixes: str) -> list[str]:
    return [finding for path, text in sources(*suffixes) for finding in rule(path, text)]


@pytest.mark.parametrize("name", PYTHON_RULES)
def test_python_sources_are_tidy(name: str) -> None:
    found = findings(PYTHON_RULES[name], ".py")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", RUST_RULES)
def test_rust_sources_are_tidy(name: str) -> None:
    found = findings(RUST_RULES[name], ".rs")
    assert not found, "\n".join(found)


def test_no_text_names_the_place_where_it_was_written() -> None:
    found = [finding for path, text in texts().items() for finding in rules.names_no_workplace(path, text)]
    assert not found, "\n".join(found)


def test_the_repository_was_really_read() -> None:
    """A path filter that goes wrong must not turn all of the above into tests of nothing."""
    read = {path for path, _ in sources(".py", ".rs")}
    assert {"src/kirmash/__init__.py", "tests/test_tidy.py", "crates/market/src/lib.rs"} <= read


F = "src/kirmash/market/reference/book.py"
R = "crates/market/src/book.rs"
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 70
LONG_RUST = "fn f() {\n" + "    g('{', \"}\");\n" * 69 + "}\n"
FIRST_RUST = "//! Says why.\n"

# Rule, path, a text that breaks it, a text that does not.
BITES: list[tuple[Rule, str, str, str]] = [
    (rules.functions_are_short, F, LONG_FUNCTION, "# long because: a table of cases\n" + LONG_FUNCTION),
    (rules.functions_are_short, F, "class A:\n    async " + LONG_FUNCTION.replace("\n", "\n    "), LONG_FUNCTION[:-10]),
    (rules.modules_are_short, F, "x = 1\n" * 501, "x = 1\n" * 500),
    (rules.modules_are_short, F, "x = 1\n" * 600, '"""Doc."""\n# long because: one table\n' + "x = 1\n" * 600),
    (rules.modules_are_short, R, "\n" * 801, "\n" * 800),
    (rules.modules_say_why, F, "x = 1\n", '"""Says why."""\nx = 1\n'),
    (rules.no_floats, F, "x = 0.5\n", "x = 5\n"),
    (rules.no_floats, F, "x: float\n", "ok = isinstance(x, (int, float)) or type(x) is float\n"),
    (rules.no_floats, F, "x = a / b\n", "x = a // b\n"),
    (rules.no_floats, F, "x /= b\n", "x //= b\n"),
    (rules.no_floats, F, "x = float(y)\n", 'x = folder / "journal.db"\n'),
    (rules.no_floats, F, "seconds = 0.5\n", "seconds = 5\n"),
    (rules.no_floats, "src/kirmash/journal/a.py", "x = 0.5\n", "pause_seconds = 0.5\n"),
    (rules.deciders_are_pure, F, "import time\n", "import bisect\n"),
    (rules.deciders_are_pure, "src/kirmash/office/fees.py", "from datetime import date\n", "from .time import x\n"),
    (rules.deciders_are_pure, F, "def f():\n    import os.path\n", "from kirmash.messages import events\n"),
    (
        rules.no_blind_except,
        F,
        "try:\n    f()\nexcept Exception:\n    pass\n",
        "try:\n    f()\nexcept OSError:\n    pass\n",
    ),
    (rules.no_blind_except, F, "try:\n    f()\nexcept:\n    pass\n", "try:\n    f()\nfinally:\n    pass\n"),
    (
        rules.no_blind_except,
        F,
        "def main():\n    try:\n        f()\n    except (A, BaseException):\n        pass\n",
        "x = 1\n",
    ),
    (rules.no_dead_python, F, "# x = 1\n", "# x is one here: it was given so\n"),
    (rules.no_dead_python, F, "    # apply(command)\n", "# (1) existence, (2) rights\n"),
    (rules.no_dead_python, F, "# return None\n", "# return what is left to its owner\n"),
    (SYNONYMS, F, "class TradeBook: pass\n", "class TraderBook: pass\nclass TradingDay: pass\n"),
    (SYNONYMS, F, "def f(): pass\nmembers = 1\n", "_members = 1\nself_trade = 1\nhold_withdrawal = 1\n"),
    (SYNONYMS, F, "class Account:\n    collateral: int\n", "class Account:\n    deposit: int\n"),
    (SYNONYMS, R, "pub struct MatchingEngine {}\n", "struct MatchingEngine {}\n// pub struct Engine\n"),
    (rules.nothing_is_left_for_later, F, "# TO" + "DO: later\n", "# To do this, add a row.\n"),
    (rules.nothing_is_left_for_later, F, "x = 1  # X" + "XX\n", 'NO_CURRENCY = "X' + 'XX"\n'),
    (rules.nothing_is_left_for_later, R, "unimple" + "mented!()\n", "unimplemented\n"),
    (rules.rust_functions_are_short, R, LONG_RUST, LONG_RUST.replace("fn f", "// long because: a table\nfn f")),
    (
        rules.rust_functions_are_short,
        R,
        "impl A { pub " + LONG_RUST + "}",
        LONG_RUST.replace("    g('{', \"}\");\n", "", 1),
    ),
    (rules.rust_files_say_why, R, "use std::fmt;\n", FIRST_RUST),
    (rules.no_rust_floats, R, "let x: f64 = y;\n", "// an f64 would round\nlet range = 0..5;\nlet t = pair.0.1;\n"),
    (rules.no_rust_floats, R, "let x = 1.5;\n", 'let x = "1.5";\n'),
    (rules.rust_market_is_pure, R, "use std::time::Instant;\n", "use std::collections::BTreeMap;\n"),
    (rules.assertions_stay_on, R, "debug_assert!(x);\n", "assert!(x);\n"),
    (
        rules.assertions_stay_on,
        R,
        "debug_assert_eq!(x, 1);\n",
        '// debug_assert!(x) would vanish\nassert!(x, "debug_assert!");\n',
    ),
    (rules.no_dead_rust, R, "    // let x = 1;\n", "    // let the rest wait; it keeps its place\n"),
    (rules.no_dead_rust, R, "// if a {\n//     b();\n// }\n", "/// `}` closes it;\n"),
    (rules.names_no_workplace, "README.md", "see /wo" + "rk/main\n", "see the frame/work/main\n"),
    (rules.names_no_workplace, "README.md", "a sub" + "agent wrote\n", "an agent of the seller\n"),
    (rules.names_no_workplace, "a.lock", "--index" + "-url https://a.example\n", "--no-index\n"),
]


@pytest.mark.parametrize("case", BITES, ids=lambda case: f"{getattr(case[0], '__name__', 'rule')}-{BITES.index(case)}")
def test_each_rule_finds_what_breaks_it_and_passes_what_does_not(case: tuple[Rule, str, str, str]) -> None:
    rule, path, bad, good = case
    assert list(rule(path, bad)), f"not found:\n{bad}"
    assert not list(rule(path, good))


def test_the_glossary_gives_the_words_to_avoid() -> None:
    assert {"trade", "member", "hold", "engine", "collateral", "trades"} <= FORBIDDEN


def test_each_rule_has_a_text_that_breaks_it() -> None:
    shown = {id(case[0]) for case in BITES}
    known = {*PYTHON_RULES.values(), *RUST_RULES.values(), rules.names_no_workplace}
    assert all(id(rule) in shown for rule in known)


def manifest(path: str) -> dict[str, object]:
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def unlinked(folder: str, read: Callable[[str], str]) -> list[str]:
    """Pages of a docs folder that its index does not name."""
    index = read(f"{folder}/index.md")
    pages = [path for path in texts() if path.startswith(f"{folder}/") and path.endswith(".md")]
    names = [Path(path).stem for path in pages if Path(path).parent.as_posix() == folder]
    return [
        name for name in names if name != "index" and not re.search(rf"(?m)^{re.escape(name)}$|\({name}\.md\)", index)
    ]


def test_each_decision_is_linked_from_its_index() -> None:
    assert not unlinked("docs/decisions", lambda path: texts()[path])
    assert "layout" in unlinked("docs/decisions", lambda _: "# Decisions\n"), "a page without a link must be found"


def test_versions_agree() -> None:
    import kirmash

    project, cargo = manifest("pyproject.toml"), manifest("Cargo.toml")
    assert cargo["workspace"]["package"]["version"] == kirmash.__version__  # type: ignore[index]
    assert project["project"]["optional-dependencies"]["native"] == [f"kirmash-market=={kirmash.__version__}"]  # type: ignore[index]


def test_the_native_market_depends_on_nothing() -> None:
    crate = manifest("crates/market/Cargo.toml")
    assert not crate["dependencies"]
    assert not {"build-dependencies", "dev-dependencies", "target", "features"} & set(crate)


def test_overflow_traps_in_release_builds() -> None:
    assert manifest("Cargo.toml")["profile"]["release"]["overflow-checks"] is True  # type: ignore[index]


def unpinned(lock: str) -> list[str]:
    """Entries of a lock file that name no version or no hash."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    return [entry for entry in entries if not re.match(r"[\w.-]+==[^ ]+", entry) or "--hash=sha256:" not in entry]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_every_package_with_hashes(lock: str) -> None:
    text = texts()[lock]
    assert not unpinned(text)
    assert "://" not in text
    assert unpinned(text.replace("--hash=sha256:", "", 1) + "\nstray>=1\n")
    wanted = manifest("pyproject.toml")["project"]
    needed = wanted["dependencies"] + (wanted["optional-dependencies"]["dev"] if "dev" in lock else [])  # type: ignore[index]
    names = {re.split(r"[>=<]", need)[0] for need in needed}
    assert names <= {line.split("==")[0] for line in text.splitlines() if "==" in line}


def test_every_make_target_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    helped = set(re.findall(r"(?m)^([a-z-]+):.*## \S", text))
    assert {"setup", "demo", "test", "check", "bench", "fuzz", "docs", "run", "sim"} <= helped
    assert set(re.findall(r"(?m)^([a-z-]+):", text)) - helped == {"setup-dev"}
