"""The sign of life: a small file beside the journal that tells when the exchange was last at work (PS-11.5).

A start takes the time since then for downtime, so that a thin market, in which nobody gives a command for minutes, is
not halted by a restart of five seconds. Invariants: it is no part of the journal, and no decider sees it; whatever is
wrong with it, it is as if it were not there, and the last record counts, which can only halt more. The file is replaced
as a whole and not synced: after a power cut an older one, or none, halts more, too.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.messages.units import Time

ALIVE_FILE: Final = "alive"
SIGN_BYTES_MAX: Final = 4096


class Sign(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose exchange it was, the last record that it had then, and when that was."""

    exchange_id: str
    number: int
    time: Time


def leave(folder: Path, sign: Sign) -> None:
    """Put a sign in the place of the one before. Raises OSError."""
    partial = folder.joinpath(f".{ALIVE_FILE}.partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, msgspec.json.encode(sign) + b"\n")
        finally:
            os.close(handle)
        partial.replace(folder.joinpath(ALIVE_FILE))
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def last_seen(folder: Path, exchange_id: str, number: int, now: Time) -> Time | None:
    """When the exchange whose journal ends at `number` was last at work; None without a sign that is good for it."""
    try:
        with folder.joinpath(ALIVE_FILE).open("rb") as file:
            sign = msgspec.json.decode(file.read(SIGN_BYTES_MAX), type=Sign)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if sign.exchange_id != exchange_id or sign.number > number or sign.time > now:
        return None
    return sign.time
