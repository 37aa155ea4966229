"""The last private lines of each participant, and who waits for more: what the terminal's messages and streams rest on.

Lines are those of the feed and are made when somebody first reads them. Only so many are kept, of one participant and
of all together; `floor` says up to which journal number some of them may be gone. Belongs to the event loop.
"""

import asyncio
from collections import deque
from typing import Any, Final

from kirmash.gateway.feed import Feed, Own, Told

JsonObject = dict[str, Any]

KEPT_COMMITS: Final = 100
KEPT_COMMITS_OF_ALL: Final = 50_000


class _Kept:
    __slots__ = ("floor", "number", "parts", "readers")

    def __init__(self, began: int) -> None:
        self.floor = began
        self.number = began
        self.parts: Final[deque[Own]] = deque()
        self.readers: Final[set[asyncio.Event]] = set()


class OwnNews:
    """Of all participants."""

    def __init__(self, feed: Feed) -> None:
        self._feed: Final = feed
        self._began = feed.number
        self._kept: Final[dict[str, _Kept]] = {}
        self._order: Final[deque[_Kept]] = deque()
        self._sessions: Final[dict[str, set[asyncio.Event]]] = {}
        self._changes: Final[dict[str, int]] = {}
        self.phases = 0
        """Rises with each change of any session as such."""
        feed.listen(self._told, self._restarted)

    def number(self, participant: str) -> int:
        """The last journal number with lines of his, as far as is known here."""
        return self._of(participant).number

    def changes(self, session: str) -> int:
        """Rises with each public update of a session."""
        return self._changes.get(session, 0)

    def lines(self, participant: str, most: int, after: int | None) -> list[JsonObject]:
        """The last lines, oldest first: so many, or all above a journal number if they are more."""
        found = [line for part in self._of(participant).parts for line in part.lines]
        wanted = sum(line["number"] > after for line in found) if after is not None else 0
        return found[-max(most, wanted) :]

    def is_whole(self, participant: str, after: int) -> bool:
        """Whether all lines above this number are at hand."""
        return after >= self._of(participant).floor

    def follow(self, participant: str, session: str, news: asyncio.Event) -> None:
        """Set the event at news of either."""
        self._of(participant).readers.add(news)
        self._sessions.setdefault(session, set()).add(news)

    def unfollow(self, participant: str, session: str, news: asyncio.Event) -> None:
        """Not any more."""
        self._of(participant).readers.discard(news)
        readers = self._sessions.get(session, set())
        readers.discard(news)
        if not readers:
            self._sessions.pop(session, None)

    def _told(self, told: Told) -> None:
        for participant, own in told.private.items():
            kept = self._of(participant)
            kept.parts.append(own)
            kept.number = own.number
            self._order.append(kept)
            if len(kept.parts) > KEPT_COMMITS:
                kept.floor = kept.parts.popleft().number
            for news in kept.readers:
                news.set()
        while len(self._order) > KEPT_COMMITS_OF_ALL:
            oldest = self._order.popleft()
            if len(oldest.parts) > 1:
                oldest.floor = oldest.parts.popleft().number
        for update in told.public:
            self._changes[update.session] = self._changes.get(update.session, 0) + 1
            if update.instrument is None:
                self.phases += 1
        for session in {update.session for update in told.public}:
            for news in self._sessions.get(session, ()):
                news.set()

    def _restarted(self) -> None:
        self._began = self._feed.number
        self._order.clear()
        self.phases += 1
        for kept in self._kept.values():
            kept.parts.clear()
            kept.floor = kept.number = self._began
            for news in kept.readers:
                news.set()

    def _of(self, participant: str) -> _Kept:
        kept = self._kept.get(participant)
        if kept is None:
            kept = self._kept[participant] = _Kept(self._began)
        return kept
