"""The tests can fail: each promise has defects that were planted on purpose, and each is caught by the tests it names.

`make test` plants QUICK, one for each of promises 1 to 5; KIRMASH_DEFECTS=all (`make fuzz`) plants all, and then every
test that a defect names has to catch it alone. KIRMASH_DEFECTS may also name some of them, separated by commas.
"""

import os
import re
import shutil
from difflib import unified_diff
from pathlib import Path
from typing import Final

import pytest

from tests.defects import planted
from tests.defects.planted import ROOT, Defect, Run, complaint, defects, judge, plant, read_defect, run

QUICK: Final = (
    "answer-before-commit",
    "snapshot-without-follow-ups",
    "deposit-rounded-down",
    "last-in-first-out",
    "other-content-under-a-known-id",
)
WANTED: Final = os.environ.get("KIRMASH_DEFECTS", "")
ALL: Final = {defect.file.stem: defect for defect in defects()}


def chosen() -> list[Defect]:
    """The defects that this run plants."""
    if WANTED == "all":
        return list(ALL.values())
    return [ALL[name] for name in (WANTED.split(",") if WANTED else QUICK)]


@pytest.mark.parametrize("defect", chosen(), ids=lambda defect: defect.file.stem)
def test_a_planted_defect_is_caught(defect: Defect, tmp_path: Path) -> None:
    if defect.is_native and shutil.which("cargo") is None:
        pytest.skip("the native market cannot be built without cargo")
    wrong = judge(defect, tmp_path, each_test=bool(WANTED))
    assert wrong is None, wrong


def test_every_promise_has_a_planted_defect() -> None:
    assert {ALL[name].promise for name in QUICK} == {1, 2, 3, 4, 5}
    assert {defect.promise for defect in ALL.values()} == {1, 2, 3, 4, 5, 6, 7}


def test_every_patch_applies(tmp_path: Path) -> None:
    """Also those that this run does not plant: a patch is renewed with the change that moved its context."""
    planted.copy_sources(tmp_path, native=True)
    wrong = [planted.apply(defect, tmp_path, "--check") for defect in ALL.values()]
    assert not any(wrong), "\n".join(filter(None, wrong))


# The judge itself ------------------------------------------------------------------------------------------------


def made(tmp_path: Path, version: str, *tests: str) -> Defect:
    """A patch that puts another line in the place of __version__ in kirmash/__init__.py."""
    path = "src/kirmash/__init__.py"
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    other = [version if line.startswith("__version__") else line for line in lines]
    head = ["# promise: 1", "# what: made for a test", *(f"# caught by: {test}" for test in tests)]
    file = tmp_path / "made.patch"
    file.write_text("\n".join([*head, *unified_diff(lines, other, f"a/{path}", f"b/{path}", lineterm=""), ""]))
    return read_defect(file)


def test_a_patch_that_breaks_nothing_is_not_caught(tmp_path: Path) -> None:
    """Neither the copying nor the patching makes a test fail: what the quick defects name passes on the copy."""
    tests = tuple(ALL[name].tests[0] for name in QUICK)
    defect = made(tmp_path, '__version__ = "0.0.0"', *tests)
    copy = tmp_path / "copy"
    copy.mkdir()
    assert plant(defect, copy) is None
    found = run(tests, copy, tmp_path)
    assert str(complaint(defect, found)).startswith("not caught: made.patch"), found.output
    passed = re.search(r"(\d+) passed", found.output)
    assert passed is not None
    assert int(passed[1]) >= len(tests)


def test_a_patch_that_does_not_apply_says_how_to_renew_it(tmp_path: Path) -> None:
    defect = made(tmp_path, '__version__ = "0.0.0"', "tests/messages/test_units.py")
    defect.file.write_text(defect.file.read_text().replace("-__version__", "-__moved__"), encoding="utf-8")
    wrong = judge(defect, tmp_path, each_test=False)
    assert wrong is not None
    assert "does not apply" in wrong
    assert "README.md" in wrong


@pytest.mark.parametrize(
    ("line", "test"),
    [
        ("import kirmash.nowhere", "tests/messages/test_units.py::test_tick_lot_value"),
        ("__version__ = nowhere", "tests/messages/test_units.py::test_tick_lot_value"),
        ('__version__ = "0.0.0"', "tests/messages/test_units.py::test_that_is_not_there"),
    ],
)
def test_a_copy_that_does_not_run_is_not_a_defect_caught(tmp_path: Path, line: str, test: str) -> None:
    wrong = judge(made(tmp_path, line, test), tmp_path, each_test=False)
    assert wrong is not None
    assert "not shown" in wrong


def test_a_failure_that_comes_from_a_broken_copy_or_a_hung_test_does_not_count(tmp_path: Path) -> None:
    defect = made(tmp_path, '__version__ = "0.0.0"', "tests/x.py")
    right = Run(1, ("AssertionError: assert 1 == 2",), 0, "")
    assert complaint(defect, right) is None
    for wrong in (
        Run(1, ("NameError: name 'x' is not defined",), 0, ""),
        Run(1, ("Failed: Timeout (>120.0s) from pytest-timeout.",), 0, ""),
        Run(1, ("AssertionError",), 1, ""),
        Run(1, (), 0, ""),
        Run(2, ("AssertionError",), 0, ""),
    ):
        assert "not shown" in str(complaint(defect, wrong))


def test_the_witness_refuses_a_run_against_the_working_tree(tmp_path: Path) -> None:
    """A copy that shadows nothing: pytest must not end with 0 or 1, which would be taken for a verdict."""
    (tmp_path / "src").mkdir()
    found = planted.run(("tests/messages/test_units.py::test_tick_lot_value",), tmp_path, tmp_path)
    assert found.code == pytest.ExitCode.INTERNAL_ERROR
    assert "witness: not from" in found.output


def test_a_patch_without_its_head_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.patch"
    file.write_text("# promise: 1\n# what: x\n--- a/x\n+++ b/x\n")
    with pytest.raises(ValueError, match="caught by"):
        read_defect(file)
