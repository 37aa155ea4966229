"""Every error that a word can end with has its code of PS-0.5, and says what it is."""

from pathlib import Path

import pytest

from kirmash import bootstrap, cli
from kirmash.journal.errors import JournalDamaged, JournalExists, JournalInUse, StorageFailed
from kirmash.market.choice import MarketMissing, MarketsDiffer
from kirmash.sequencer.machine import MachineFault
from kirmash.sequencer.writer import InternalFault
from tests.journal.stand_ins import Trap


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JournalExists("j.db: exists already"), 2),
        (MarketMissing("the native market is not installed"), 2),
        (JournalInUse(Path("data"), 4711), 3),
        (StorageFailed("j.db: disk full"), 4),
        (JournalDamaged(Path("j.db"), 7, "does not fit its hash"), 4),
        (OSError(28, "No space left on device", "out"), 4),
        (InternalFault("a command failed"), 5),
        (MachineFault("record 7"), 5),
        (MarketsDiffer("events differ"), 5),
        (AssertionError("money is not conserved"), 5),
        (ZeroDivisionError(), 5),
        (Trap("attempt to add with overflow"), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_ends_with_its_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The code, and a message on standard error that holds what the error says."""

    def fail(*_: object) -> None:
        raise error

    file = tmp_path / "empty.jsonl"
    file.touch()
    monkeypatch.setattr(bootstrap, "run_scenario", fail)
    assert cli.main(["run", str(file)]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert str(error.strerror if isinstance(error, OSError) else error) in shown.err
    assert ("internal fault" in shown.err) == (code == 5 and not isinstance(error, InternalFault))


def test_a_stop_by_the_user_is_no_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with what shells give it, without a traceback."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "verify_journal", stop)
    assert cli.main(["verify", "anything"]) == 130
    assert capsys.readouterr().err == "kirmash: stopped\n"
