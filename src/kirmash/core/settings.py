"""What a core has to be told. Made from the configuration by `kirmash.serve`, by tests from what they try."""

import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from kirmash.config import LogConfig
from kirmash.journal.sqlite import CommitHook
from kirmash.market import MarketLoader
from kirmash.messages.units import Time
from kirmash.sequencer.timetable import Timing

DiskUsage = Callable[[Path], tuple[int, int]]
"""All bytes of the disk on which a path lies, and how many of them are free."""


def disk_usage(path: Path) -> tuple[int, int]:
    """What the operating system says. Raises OSError."""
    usage = shutil.disk_usage(path)
    return usage.total, usage.free


class CoreSettings(Struct, frozen=True, kw_only=True):
    """Which market, which clock, how often a snapshot, when the disk is too full (per cent free)."""

    load_market: MarketLoader
    timetable: Timing | None = None
    snapshot_every: int = 100_000
    disk_warn_percent: int = 10
    disk_close_percent: int = 2
    disk_usage: DiskUsage = disk_usage
    watch_seconds: float = 1.0
    resumable_records: int = 5_000
    """How many of the last records a new gateway has folded, so that its clients can resume there over its restart."""
    beginning_records: int = 20_000
    """A journal of so few is folded from its beginning (0.6 s) where all of its snapshots are too new for that."""
    log: LogConfig = LogConfig()
    """How the processes log that the core starts."""
    views_beside: bool = False
    """Keep the views in a process of their own, so that they never hold the interpreter that the writer needs."""
    clock: Callable[[], Time] | None = None
    commit_hook: CommitHook | None = None
