"""What can go wrong with a data folder; each class is one exit code of PS-0.5, each message names file and cure."""

from pathlib import Path
from typing import Final

CHECK_FAILED: Final = 1
WRONG_INPUT: Final = 2
JOURNAL_IN_USE: Final = 3
STORAGE_FAILED: Final = 4


class JournalError(Exception):
    """Any of the errors below; `exit_code` is what a command line ends with."""

    exit_code: int = STORAGE_FAILED


class NotAJournal(JournalError):
    """What was named is no data folder and no journal, or one of a format that this version does not know."""

    exit_code = WRONG_INPUT


class JournalExists(JournalError):
    """A new journal or copy was to be made where something is already."""

    exit_code = WRONG_INPUT


class JournalInUse(JournalError):
    """Another process writes this data folder; `pid` is its id, 0 if it could not be read."""

    exit_code = JOURNAL_IN_USE

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(f"{folder}: in use by process {pid or 'unknown'}; stop that one first")
        self.pid = pid


class JournalDamaged(JournalError):
    """A record, a snapshot or a table row is not what was written. `number` is the record concerned, if one is."""

    def __init__(self, file: Path, number: int | None, what: str) -> None:
        place = f"{file}: record {number}" if number is not None else str(file)
        super().__init__(f"{place}: {what}")
        self.file = file
        self.number = number


class StorageFailed(JournalError):
    """The disk would not take or give bytes: full, read-only, broken. Nothing that was acknowledged is lost."""
