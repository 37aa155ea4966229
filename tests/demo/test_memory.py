"""Hours of the live demo leave the gateway and the views as small as they were: what grows has a bound, and is held to
it here by counting bytes and rows. What may grow is named in docs/internals/views.md: a session's plan and books on the
board, and in the market's state, for as long as the exchange exists."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from kirmash.gateway import feed as feed_module
from kirmash.gateway.feed import Feed
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.ws import Channels
from kirmash.messages.codec import Record
from kirmash.projections.projector import Projector
from kirmash.projections.store import KEPT_ROWS, Register
from kirmash.sequencer.machine import Decided
from tests.demo.fair import Fair
from tests.demo.test_day import HOUR, size_of

HOURS = 3
KEPT = 300
RECENT = 500
LIMITS = SocketLimits(kept_ended=2, kept_private_of_all=1_000)
STEP = 2_000
PER_SESSION_BYTES = 12_000
"""Of an ended session with its three or four instruments, on the board."""


class Watched(Fair):
    """A fair whose records a gateway and the views take in, as they do in the demo."""

    def __init__(self, folder: Path) -> None:
        self.feed = Feed()
        self.channels = Channels(self.feed, LIMITS)
        self.projector = Projector.create(folder / "views.db", "fair")
        for view in self.projector._views.each():
            if isinstance(view, Register):
                view._keep = KEPT
        self._new: list[Decided] = []
        super().__init__(1, "native")

    def _hear(self, decided: Iterable[Decided]) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        known = list(decided)
        super()._hear(known)
        self._new += known

    def tell(self) -> None:
        """As the core does, a commit at a time."""
        if self._new:
            records: list[Record] = [entry.record for entry in self._new]
            self.feed._fold(records)
            self.projector.apply([(entry.record, entry.chain) for entry in self._new])
            self._new.clear()


@pytest.mark.native
def test_hours_leave_gateway_and_views_as_small_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RECENT_RECORDS", RECENT)
    fair = Watched(tmp_path)
    registers = [view for view in fair.projector._views.each() if isinstance(view, Register)]
    boards, others, sessions, channels = [], [], [], []
    for _ in range(HOURS):
        for _ in range(HOUR * 1_000 // STEP):
            fair.step(STEP)
            fair.tell()
        feed = fair.feed
        assert len(feed._recent) <= RECENT
        assert max(register.kept for register in registers) <= KEPT
        public, private = fair.channels.public, fair.channels.private
        assert sum(len(own.kept) for own in private._own.values()) <= LIMITS.kept_private_of_all
        channels.append(len(public._channels))
        boards.append(size_of(feed.board._sessions, feed.board._books, feed.board._shown))
        others.append(size_of(feed.presenter, feed.private.owners, feed.board._orders))
        sessions.append(len(feed.board._sessions))
    fair.projector.close()
    assert fair.machine.number > 20_000, "nothing happened: this tests nothing"
    assert sessions[-1] - sessions[0] > 10
    assert boards[-1] - boards[0] <= (sessions[-1] - sessions[0]) * PER_SESSION_BYTES
    assert max(others[1:]) < 2.5 * min(others), f"it grows by the hour: {others}"
    # A session has one of its own and one an instrument; at once there are some ahead, some open, two that ended.
    assert max(channels) < 60 < sessions[-1] * 3, f"channels of ended sessions stay: {channels}"


def test_what_is_kept_of_rows_is_bounded() -> None:
    """A score of registers with this many rows, most of a kilobyte each, is what the views may take."""
    assert KEPT_ROWS <= 10_000
