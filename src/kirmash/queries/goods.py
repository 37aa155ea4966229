"""Questions about commodity cards and instruments; all of it is public."""

from typing import Any

import msgspec
from sqlalchemy import select

from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, Asking, Page


class Goods(Asking):
    """Cards and instruments."""

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
