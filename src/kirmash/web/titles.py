"""What sessions are called for people: the operator's id says nothing to most, so a title is made of what a session is.

Section, purpose, day and time of its beginning (the first phase after SCHEDULED, as moved by halts) in the exchange's
zone. Ids stay beside titles, since records and commands have only those. Nothing here asks the views.
"""

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from kirmash.gateway.feed import Feed
from kirmash.web.timeline import timeline_of
from kirmash.web.words import Words

REPLAYED: Final = "historical"
"""The purpose of replays says itself what they are."""


class SessionName(Struct, frozen=True):
    """What a title is made of. `section` is None for a session of which nothing is known but its id."""

    session: str
    section: str | None = None
    purpose: str = ""
    begins: str | None = None
    historical: bool = False

    def title(self, words: Words) -> str:
        """Metal, domestic · 21 Nov, 22:36."""
        if self.section is None:
            return self.session
        title = words.session(self.section, self.purpose, self.begins)
        return f"{title} · {words.text('run.historical')}" if self.historical else title

    @property
    def order(self) -> tuple[str, str]:
        """By what titles are sorted: the time, not its text."""
        return self.begins or "", self.session


class Titles:
    """Titles of the board's sessions. Belongs to the event loop."""

    def __init__(self, feed: Feed, historical: Collection[str]) -> None:
        self._feed: Final = feed
        self._historical: Final = frozenset(historical)

    def name(self, session: str) -> SessionName:
        """What the title is made of; of a session that the board does not have, no more than its id."""
        try:
            it = timeline_of(self._feed.board.session(session))
        except KeyError:
            return SessionName(session)
        return SessionName(session, it.section, it.purpose, it.begins, self.is_marked(session, it.purpose))

    def is_marked(self, session: str, purpose: str) -> bool:
        """Whether its title says that it is a replay, besides its purpose."""
        return session in self._historical and purpose != REPLAYED

    def of(self, words: Words, session: str) -> str:
        """The title of a session by its id."""
        return self.name(session).title(words)
