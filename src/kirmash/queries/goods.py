"""Questions about commodity cards and instruments; all of it is public."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, func, select

from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX, Asking, Page, by


class Shelf(msgspec.Struct, frozen=True):
    """All cards in their newest version, with the text in which they are searched (id, names and attributes, in
    small letters, a line each), and how many instruments there are of each card and section. `number` is the record up
    to which this holds."""

    number: int
    cards: Mapping[str, rows.Card]
    texts: Mapping[str, str]
    of_card: Mapping[str, int]
    of_section: Mapping[str, int]

    def find(
        self, section: str | None = None, wanted: str = "", also: Callable[[str], Iterable[str]] = lambda _: ()
    ) -> list[rows.Card]:
        """The cards of a section, or all, that have all words wanted, in any order: each as a part of the id, a name or
        an attribute, or as the beginning of the HS code; by id. `also` says which values of attributes a word may mean
        besides, as it does in another language than the card's."""
        sought = [(word, *(_line(it) for it in also(word))) for word in wanted.casefold().split()[:WORDS_MAX]]
        return [
            card
            for name, card in self.cards.items()
            if (section is None or card.section == section)
            and all(
                any(it in self.texts[name] for it in either) or card.hs_code.startswith(either[0]) for either in sought
            )
        ]


WORDS_MAX: Final = 12
"""Of what is wanted, as many words are looked for."""
_EMPTY: Final = Shelf(0, {}, {}, {}, {})


class Goods(Asking):
    """Cards and instruments."""

    _shelf: Shelf = _EMPTY

    def shelf(self) -> Shelf:
        """What is listed now. Cards are never changed or taken away, so only those are read that came since the last
        time; any thread may ask."""
        with self._reading() as connection:
            number, known = self._checkpoint(connection), self._shelf
            if number < known.number:
                # These are not the views that we knew.
                known = _EMPTY
            if number > known.number:
                known = _added(known, number, connection)
        self._shelf = known
        return known

    def cards(
        self,
        *,
        card: str | None = None,
        section: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Card]:
        """Versions of commodity cards, by card and version."""
        c = t.CARDS.c
        statement = select(t.CARDS)
        for column, value in ((c.card, card), (c.section, section)):
            if value is not None:
                statement = statement.where(column == value)
        return self._page("cards", statement, [c.card, c.version], _card, limit=limit, cursor=cursor)

    def instruments(
        self,
        *,
        instrument: str | None = None,
        card: str | None = None,
        section: str | None = None,
        purpose: str | None = None,
        currency: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Instrument]:
        """Instruments by id."""
        c = t.INSTRUMENTS.c
        statement = select(t.INSTRUMENTS)
        given = (
            (c.instrument, instrument),
            (c.card, card),
            (c.section, section),
            (c.purpose, purpose),
            (c.currency, currency),
        )
        for column, value in given:
            if value is not None:
                statement = statement.where(column == value)
        return self._page("instruments", statement, [c.instrument], _instrument, limit=limit, cursor=cursor)

    def named(self, instruments: Sequence[str]) -> list[tuple[rows.Instrument, rows.Card | None]]:
        """These instruments, each with its version of its card, in no order; one that there is not is left out."""
        c, card = t.INSTRUMENTS.c, t.CARDS.c
        same = and_(card.card == c.card, card.version == c.version)
        statement = select(t.INSTRUMENTS, t.CARDS).outerjoin(t.CARDS, same)
        width = len(t.INSTRUMENTS.columns)

        def show(row: Any, connection: Connection) -> tuple[rows.Instrument, rows.Card | None]:
            known = row[width] is not None
            return _instrument(row[:width], connection), _card(row[width:], connection) if known else None

        found: list[tuple[rows.Instrument, rows.Card | None]] = []
        for part in (instruments[at : at + LIMIT_MAX] for at in range(0, len(instruments), LIMIT_MAX)):
            found += self._all(statement.where(c.instrument.in_(part)), show)
        return found


def _added(known: Shelf, number: int, connection: Connection) -> Shelf:
    """The shelf with what was listed after it."""
    since = t.CARDS.c.number > known.number
    listed = [
        _card(row, connection) for row in connection.execute(select(t.CARDS).where(since).order_by(t.CARDS.c.number))
    ]
    c = t.INSTRUMENTS.c
    counted = connection.execute(
        # By number, and not by section as the grouping would have it: mostly nothing was listed since.
        select(by(c.section, index=False), c.card, func.count())
        .where(c.number > known.number)
        .group_by(by(c.section, index=False), c.card)
    ).all()
    if not listed and not counted:
        return msgspec.structs.replace(known, number=number)
    cards, texts = dict(known.cards), dict(known.texts)
    of_card, of_section = dict(known.of_card), dict(known.of_section)
    for card in listed:
        older = cards.get(card.card)
        if older is None or (card.at, card.version) >= (older.at, older.version):
            cards[card.card] = card
            texts[card.card] = _text(card)
    for section, name, count in counted:
        of_card[name] = of_card.get(name, 0) + count
        of_section[section] = of_section.get(section, 0) + count
    return Shelf(number, dict(sorted(cards.items())), texts, of_card, of_section)


def _text(card: rows.Card) -> str:
    """The text in which a card is searched."""
    attributes = (it for pair in card.attributes.items() for it in pair)
    return "".join(_line(it) for it in (card.card, card.name_en, card.name_ru, *attributes))


def _line(text: str) -> str:
    return f"\n{text.casefold()}\n"


def _card(row: Any, _: object) -> rows.Card:
    it = r.Card(*row)
    return rows.Card(
        card=it.card,
        version=it.version,
        section=it.section,
        name_en=it.name_en,
        name_ru=it.name_ru,
        hs_code=it.hs_code,
        unit=it.unit,
        attributes=dict(msgspec.json.decode(it.attributes, type=list[tuple[str, str]])),
        at=it.at,
    )


def _instrument(row: Any, _: object) -> rows.Instrument:
    it = r.Instrument(*row)
    return rows.Instrument(
        instrument=it.instrument,
        card=it.card,
        version=it.version,
        section=it.section,
        incoterm=it.incoterm,
        place=it.place,
        currency=it.currency,
        payment_term=it.payment_term,
        clauses=msgspec.json.decode(it.clauses, type=list[str]),
        purpose=it.purpose,
        lot=it.lot,
        tick=it.tick,
        conditional_allowed=bool(it.conditional_allowed),
        order_lots_max=it.order_lots_max,
        entries_max=it.entries_max,
        at=it.at,
        listed=it.effective is not None,
    )
