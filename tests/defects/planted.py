"""Planted defects: what a patch file says, how it is put into a copy of the sources, and whether its tests catch it.

A defect counts as caught only by a test that failed: a copy that cannot be imported, a test that is not there or that
hung proves nothing about the tests. The working tree is never touched.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
CARGO_TARGET: Final = ROOT / "build" / "defects"
TEST_SECONDS: Final = 120
RUN_SECONDS: Final = 300

SHORT: Final = {
    "KIRMASH_KILL_ROUNDS": "12",
    "KIRMASH_WAL_CUTS": "200",
    "KIRMASH_MUTATIONS": "40",
    "KIRMASH_SEEDS": "2",
}
"""The long tests in their short forms: a defect is found early or it is not found."""

BROKEN: Final = (
    "ImportError",
    "ModuleNotFoundError",
    "SyntaxError",
    "IndentationError",
    "NameError",
    "UnboundLocalError",
    "AttributeError",
    "Failed: Timeout",
    "Timeout",
)
"""How a failure begins that shows a patch that is no program any more, or a test that hung."""

_HEAD: Final = re.compile(r"# (promise|what|caught by): (.+)")


class Defect(Struct, frozen=True):
    """A patch file: which promise it breaks, what it does, the tests that have to notice, and what it changes."""

    file: Path
    promise: int
    what: str
    tests: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def is_native(self) -> bool:
        """Whether the native market has to be built anew."""
        return any(path.startswith("crates/") for path in self.changes)


class Run(Struct, frozen=True):
    """One run of pytest against a copy: its exit code, how each test failed, how many errors, and what it printed."""

    code: int
    failures: tuple[str, ...]
    errors: int
    output: str


def read_defect(file: Path) -> Defect:
    """The head lines and the changed files of a patch. Raises ValueError where one is missing."""
    text = file.read_text(encoding="utf-8")
    head: dict[str, list[str]] = {"promise": [], "what": [], "caught by": []}
    for line in text.partition("\n--- ")[0].splitlines():
        if found := _HEAD.fullmatch(line):
            head[found[1]].append(found[2].strip())
    if [len(head["promise"]), len(head["what"])] != [1, 1] or not head["caught by"]:
        raise ValueError(f"{file.name}: wants one line `# promise:`, one `# what:`, and `# caught by:` for each test")
    changes = tuple(re.findall(r"(?m)^\+\+\+ b/(\S+)", text))
    if not changes:
        raise ValueError(f"{file.name}: changes no file; paths are to begin with a/ and b/")
    return Defect(file, int(head["promise"][0]), head["what"][0], tuple(head["caught by"]), changes)


def defects() -> list[Defect]:
    """Every planted defect, by name."""
    return [read_defect(file) for file in sorted(HERE.glob("*.patch"))]


def copy_sources(into: Path, *, native: bool) -> None:
    """Lay a copy of the sources into a folder: Python's, and those of the native market if asked for."""
    for part in ("src", *(("crates", "Cargo.toml", "Cargo.lock") if native else ())):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, into / part, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy2(source, into / part)


def apply(defect: Defect, copy: Path, *options: str) -> str | None:
    """Apply a patch to a copy; what is wrong with the patch, or None."""
    # No repository may be found above the copy: git would then leave out what lies beyond it, without a word.
    done = subprocess.run(
        ["git", "apply", "-p1", *options, str(defect.file)],
        cwd=copy,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    return (
        f"{defect.file.name} does not apply any more: the code around it has moved. Renew it as tests/defects/README.md"
        f' says under "When a patch does not apply".\n{done.stderr}'
    )


def plant(defect: Defect, into: Path) -> str | None:
    """Copy the sources and apply the patch there; what is wrong with the patch, or None."""
    copy_sources(into, native=defect.is_native)
    return apply(defect, into)


def build_native(copy: Path) -> None:
    """Build the native market of a copy and lay the module into `copy/native`.

    The target folder is shared, since dependencies are the same for all; one build at a time. To cargo every copy is
    the same workspace, and what is older than the last build counts as built: so all sources are made new first, and
    the module's age is looked at afterwards. Without that a defect would be tested with the module of another.
    """
    CARGO_TARGET.mkdir(parents=True, exist_ok=True)
    with (CARGO_TARGET / "one-at-a-time").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = time.time_ns()
        for source in filter(Path.is_file, (copy / "crates").rglob("*")):
            os.utime(source, ns=(started, started))
        # Link-time optimisation costs a minute a build and changes no answer.
        quick = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
        done = subprocess.run(
            ["cargo", "build", "--quiet", "--locked", "--release", "-p", "kirmash-market"],
            cwd=copy,
            env={**os.environ, **quick, "CARGO_TARGET_DIR": str(CARGO_TARGET), "PYO3_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"the native market with the defect cannot be built:\n{done.stderr}"
        made = CARGO_TARGET / "release" / "libkirmash_market.so"
        assert made.stat().st_mtime_ns >= started, "cargo took the module of another copy for this one's"
        (copy / "native").mkdir()
        shutil.copy2(made, copy / "native" / "kirmash_market.abi3.so")


def run(tests: tuple[str, ...], copy: Path, scratch: Path, *, native: bool = False) -> Run:
    """Run these tests against the copy, up to the first failure."""
    report = scratch / "report.xml"
    command = [
        *(sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-p", "tests.defects.witness"),
        *("-x", "--tb=short", f"--timeout={TEST_SECONDS}", f"--basetemp={scratch / 'tests'}", f"--junitxml={report}"),
        *tests,
    ]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "KIRMASH_"))}
    environment = {
        **inherited,
        **SHORT,
        "KIRMASH_MARKET": "both" if native else "reference",
        "KIRMASH_DEFECT_COPY": str(copy),
        "KIRMASH_DEFECT_MODULES": "kirmash,kirmash_market" if native else "kirmash",
        "PYTHONPATH": os.pathsep.join([str(copy / "src"), *([str(copy / "native")] if native else [])]),
        "REQUIRE": "native" if native else "",
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    return _read_report(report, done.returncode, done.stdout)


def _read_report(report: Path, code: int, output: str) -> Run:
    if not report.exists():
        return Run(code, (), 0, output)
    tree = ElementTree.parse(report)
    failures = tuple(failure.get("message", "") for failure in tree.iter("failure"))
    return Run(code, failures, sum(1 for _ in tree.iter("error")), output)


def complaint(defect: Defect, found: Run) -> str | None:
    """Why this run does not show that the defect is caught; None if it is caught."""
    name = f"{defect.file.name} ({defect.what})"
    if found.code == 0:
        return f"not caught: {name}: its tests pass as if nothing were wrong"
    if found.code != 1 or not found.failures or found.errors:
        return f"not shown: {name}: pytest ended with {found.code}, no test failed as a test:\n{found.output[-3000:]}"
    broken = [message for message in found.failures if message.startswith(BROKEN)]
    if broken:
        return f"not shown: {name}: the copy does not run, or a test hung: {broken[0]}\n{found.output[-3000:]}"
    return None


def judge(defect: Defect, scratch: Path, *, each_test: bool) -> str | None:
    """Plant a defect and run its tests: why it does not count as caught, or None.

    With `each_test` every test that it names has to fail by itself, otherwise the first.
    """
    copy = scratch / "copy"
    copy.mkdir()
    if (wrong := plant(defect, copy)) is not None:
        return wrong
    if defect.is_native:
        build_native(copy)
    for at, test in enumerate(defect.tests if each_test else defect.tests[:1]):
        place = scratch / f"run-{at}"
        place.mkdir()
        if (wrong := complaint(defect, run((test,), copy, place, native=defect.is_native))) is not None:
            return f"{test}: {wrong}"
    return None
