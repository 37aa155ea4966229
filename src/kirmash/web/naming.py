"""The names of what rows of the views name by id: sessions, instruments, companies, clients; for lists and their files.

All names of a page are asked at once, one statement a kind however many rows it has, in the thread in which the page
is asked; what was learnt is kept for the pages that follow. Nothing here decides who may see a name: it is asked for an
id that the row shows already, and the views leave out the ids that a scope may not see (names_at).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from kirmash.queries import Page, Queries
from kirmash.web.catalogue import Named
from kirmash.web.titles import SessionName, Titles

COMPANIES: Final = ("participant", "buyer", "seller")
CLIENTS: Final = ("client", "buyer_client", "seller_client")

T = TypeVar("T")


class Names:
    """The names of one list. Its questions are for a thread."""

    def __init__(self, queries: Queries, titles: Titles) -> None:
        self._queries: Final = queries
        self._titles: Final = titles
        self._sessions: Final[dict[str, SessionName]] = {}
        self._instruments: Final[dict[str, Named]] = {}
        self._companies: Final[dict[str, str]] = {}
        self._clients: Final[dict[str, str]] = {}

    def page(self, found: Page[T]) -> Page[T]:
        """The same page, once the names of all that its rows name are known. Raises as the views do."""
        self.learn(found.rows)
        return found

    def learn(self, rows: Iterable[Any]) -> None:
        """Ask for the names that these rows need and that are not known yet."""
        rows = list(rows)
        self.learn_ids(ids_of(rows, COMPANIES), ids_of(rows, CLIENTS))
        sessions = [it for it in ids_of(rows, ("session",)) if it not in self._sessions]
        instruments = [it for it in ids_of(rows, ("instrument",)) if it not in self._instruments]
        if sessions:
            for it in self._queries.session_kinds(sessions):
                marked = self._titles.is_marked(it.session, it.purpose)
                self._sessions[it.session] = SessionName(it.session, it.section, it.purpose, it.begins, marked)
        if instruments:
            found = self._queries.named(instruments)
            self._instruments.update((it.instrument, Named(it, card)) for it, card in found)

    def learn_ids(self, companies: Iterable[str], clients: Iterable[str]) -> None:
        """As `learn`, of companies and clients alone."""
        wanted = [it for it in dict.fromkeys(companies) if it not in self._companies]
        if wanted:
            self._companies.update(self._queries.company_names(wanted))
        wanted = [it for it in dict.fromkeys(clients) if it not in self._clients]
        if wanted:
            self._clients.update(self._queries.client_names(wanted))

    def goods(self, known: Mapping[str, Named]) -> None:
        """Take in instruments that were asked for elsewhere."""
        self._instruments.update(known)

    def session(self, session: str) -> SessionName:
        """What the title of a session is made of."""
        return self._sessions.get(session) or SessionName(session)

    def good(self, instrument: str) -> Named | None:
        """The instrument and its card."""
        return self._instruments.get(instrument)

    def company(self, participant: str | None) -> str | None:
        """The name of a participant, or its id where there is none; None for none."""
        return None if participant is None else self._companies.get(participant, participant)

    def client(self, client: str | None) -> str | None:
        """As `company`, of a client."""
        return None if client is None else self._clients.get(client, client)

    @property
    def companies(self) -> dict[str, str]:
        """All names of participants that are known, by id."""
        return self._companies

    @property
    def clients(self) -> dict[str, str]:
        """As `companies`, of clients."""
        return self._clients

    @property
    def instruments(self) -> dict[str, Named]:
        """All instruments that are known, by id."""
        return self._instruments


def ids_of(rows: Iterable[Any], fields: tuple[str, ...]) -> list[str]:
    """What the rows have in these fields, each once; a field that they do not have is none."""
    found = dict.fromkeys(getattr(row, field, None) for row in rows for field in fields)
    return [it for it in found if it is not None]
