"""The data folder: where each file lies, and the lock that lets one process write.

Invariant: who holds a Folder is the only writer. The lock is the operating system's (flock), so it ends with its
process however that ends; the process id inside is for people. Nothing about the content of files belongs here.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kirmash.journal.errors import JournalExists, JournalInUse, NotAJournal, StorageFailed

JOURNAL_FILE: Final = "journal.db"
SNAPSHOTS: Final = "snapshots"
BLOBS: Final = "blobs"
KEYS: Final = "keys"
LOCK_FILE: Final = "lock"


class Folder:
    """A data folder locked for writing by this process."""

    def __init__(self, path: Path) -> None:
        """Take the lock of an existing folder. Raises JournalInUse, naming who has it."""
        self.path = path
        if not path.is_dir():
            raise NotAJournal(f"{path}: no such data folder")
        self._lock = _take_lock(path)

    @classmethod
    def create(cls, path: Path) -> "Folder":
        """Make and lock a new folder. Raises JournalExists where something is at this path already."""
        try:
            # Who can read the folder can read every order.
            path.mkdir(mode=0o700, parents=True)
            sync_directory(path.parent)
        except FileExistsError:
            raise JournalExists(f"{path}: exists already") from None
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror}") from error
        return cls(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path.joinpath(JOURNAL_FILE)

    @property
    def snapshots(self) -> Path:
        """Where snapshots lie."""
        return self.path.joinpath(SNAPSHOTS)

    def close(self) -> None:
        """Give the lock back. Closing twice is harmless."""
        if self._lock >= 0:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = -1


def journal_file(path: Path) -> Path:
    """The journal that a user names: its file, or the data folder that holds it. Raises NotAJournal."""
    file = path.joinpath(JOURNAL_FILE) if path.is_dir() else path
    if not file.is_file():
        raise NotAJournal(f"{path}: no journal there")
    return file


def sync_directory(path: Path) -> None:
    """Make what was created, renamed or removed in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(file: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file so that after a crash it is there complete or not at all."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        partial.replace(file)
        sync_directory(file.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StorageFailed(f"{file}: {error.strerror}") from error


def _take_lock(path: Path) -> int:
    try:
        handle = os.open(path.joinpath(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageFailed(f"{path.joinpath(LOCK_FILE)}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 32, 0).strip()
        os.close(handle)
        raise JournalInUse(path, int(text) if text.isdigit() else 0) from None
    os.ftruncate(handle, 0)
    try:
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
    except OSError:
        # A full disk must not keep the exchange from being read; the lock holds without the text.
        os.ftruncate(handle, 0)
    return handle
