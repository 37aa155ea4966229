"""Snapshots: the whole state after a record, so that a start replays only the tail (PS-7.4, DESIGN: journal).

Invariants: a file appears complete or not at all; its last 32 bytes are the SHA-256 of all before them; it is of use
only if its chain hash is the journal's at that number. It is never the truth: deleting one costs time, not data.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from kirmash.journal.errors import JournalDamaged, StorageFailed
from kirmash.journal.folder import write_durably
from kirmash.messages.units import Time

SNAPSHOT_FORMAT: Final = 1
KEPT: Final = 3
_SUFFIX: Final = ".snapshot"
_DIGEST_BYTES: Final = 32


class Snapshot(Struct, frozen=True, array_like=True):
    """The state after record `number`: market and office bytes, and the follow-ups owed, in the barrier's order."""

    format: int
    exchange_id: str
    number: int
    chain: bytes
    time: Time
    market: bytes
    office: bytes
    pending: tuple[msgspec.Raw, ...]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Snapshot)


def write(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot durably and drop all but the newest. Raises StorageFailed."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{folder}: {error.strerror}") from error
    data = _encoder.encode(snapshot)
    file = folder / f"{snapshot.number:016d}{_SUFFIX}"
    write_durably(file, data + hashlib.sha256(data).digest())
    for old in files(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return file


def read(file: Path) -> Snapshot:
    """A snapshot from its file. Raises JournalDamaged where its bytes are not those that were written."""
    try:
        data = memoryview(file.read_bytes())
    except OSError as error:
        raise StorageFailed(f"{file}: {error.strerror}") from error
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise _damaged(file, "is damaged: its hash does not come out")
    try:
        snapshot = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise _damaged(file, f"is no snapshot of this program: {error}") from None
    if snapshot.format != SNAPSHOT_FORMAT:
        raise _damaged(file, f"has format {snapshot.format}, this program knows {SNAPSHOT_FORMAT}")
    return snapshot


def files(folder: Path) -> list[Path]:
    """The snapshots' files, newest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"), key=lambda file: file.name, reverse=True)


class Found(NamedTuple):
    """The snapshot to start from and its file, if there is one, and newer files that are of another journal."""

    file: Path | None
    snapshot: Snapshot | None
    skipped: list[Path]


def newest(folder: Path, exchange_id: str, last: int, chain_at: Callable[[int], bytes | None]) -> Found:
    """The newest snapshot of this journal: same exchange, and its chain hash at the snapshot's number.

    `last` is the journal's last number. Raises JournalDamaged for a damaged file, and for a snapshot ahead of the
    journal, which shows that the journal lost its end.
    """
    skipped: list[Path] = []
    for file in files(folder):
        snapshot = read(file)
        if snapshot.exchange_id == exchange_id:
            if snapshot.number > last:
                raise JournalDamaged(
                    file,
                    None,
                    f"was taken after record {snapshot.number}, but the journal ends at {last}: its end is lost; "
                    "take a backup, or delete this file to go on without those records",
                )
            if snapshot.chain == chain_at(snapshot.number):
                return Found(file, snapshot, skipped)
        skipped.append(file)
    return Found(None, None, skipped)


def _damaged(file: Path, what: str) -> JournalDamaged:
    return JournalDamaged(file, None, f"{what}; delete this file to start from an older one or from the journal alone")
