"""What instruments are called: each is a version of a card at a basis, in a currency.

None of it changes once it is listed, so what was read is kept. Only names stand here; terms that a session sets, and
prices, are read where they are shown.
"""

from collections.abc import Iterable

from msgspec import Struct

from kirmash.gateway.api.asking import read
from kirmash.queries import Queries, rows
from kirmash.web.words import Words


class Named(Struct, frozen=True):
    """An instrument and its card."""

    instrument: rows.Instrument
    card: rows.Card | None

    def title(self, words: Words) -> str:
        """The good's name; the instrument's id where its card is not known."""
        return self.instrument.instrument if self.card is None else words.good(self.card)

    def full(self, words: Words) -> str:
        """Good and basis: Pine boards, CPT Changsha."""
        return f"{self.title(words)}, {self.basis()}"

    def basis(self) -> str:
        """Delivery basis: CPT Changsha."""
        return f"{self.instrument.incoterm} {self.instrument.place}"

    def unit(self, words: Words) -> str:
        """The unit's symbol."""
        return "" if self.card is None else words.unit(self.card.unit)


class Catalogue:
    """Instruments by id, read when first asked for. Belongs to the event loop."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._known: dict[str, Named] = {}

    async def names(self, instruments: Iterable[str]) -> dict[str, Named]:
        """The names of these instruments; one that the views do not have yet is left out. Raises Problem."""
        wanted = tuple(dict.fromkeys(instruments))
        unknown = [name for name in wanted if name not in self._known]
        if unknown:
            self._known.update(await read(lambda: self._read(unknown)))
        return {name: self._known[name] for name in wanted if name in self._known}

    def _read(self, instruments: list[str]) -> dict[str, Named]:
        return {it.instrument: Named(it, card) for it, card in self._queries.named(instruments)}
