"""Which form of the demo the words on the command line ask for."""

import pytest

from kirmash import cli
from kirmash.demo import live, terminal


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was called, instead of it."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(live, "run_live", lambda *given: calls.append(("live", *given[2:])))
    monkeypatch.setattr(terminal, "run_demo", lambda *given: calls.append(("terminal", *given[2:])))
    return calls


@pytest.mark.parametrize(
    ("words", "is_terminal", "wanted"),
    [
        ([], True, ("live", None, None, 100)),
        ([], False, ("terminal", None, 75)),
        (["--port", "9000"], False, ("live", None, 9000, 100)),
        (["--speed", "2.5", "--seed", "3"], False, ("live", 3, None, 250)),
        (["--terminal", "--seed", "3"], True, ("terminal", 3, 75)),
        (["--seconds", "6"], True, ("terminal", None, 6)),
    ],
)
def test_pages_or_terminal(
    words: list[str],
    is_terminal: bool,
    wanted: tuple[object, ...],
    asked: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    assert cli.main(["demo", *words]) == 0
    assert asked == [wanted]


@pytest.mark.parametrize("words", [["--terminal", "--port", "1"], ["--seconds", "5", "--speed", "2"]])
def test_what_does_not_go_together_is_refused(words: list[str], asked: list[tuple[object, ...]]) -> None:
    assert cli.main(["demo", *words]) == cli.WRONG_INPUT
    assert not asked


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf", "1e99", "0.001"])
def test_a_speed_that_is_none_is_refused(speed: str, asked: list[tuple[object, ...]]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", f"--speed={speed}"])
    assert ended.value.code == cli.WRONG_INPUT
    assert not asked


@pytest.mark.parametrize("port", ["70000", "-1", "http", "²", "9" * 5_000])
def test_a_port_that_is_none_is_refused(port: str, asked: list[tuple[object, ...]]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", f"--port={port}"])
    assert ended.value.code == cli.WRONG_INPUT
    assert not asked
