"""Goods on the desk: commodity cards and their versions, instruments on them, and the forms that list new ones.

A card is changed by a new version of it, which begins as a copy of the last; an instrument never changes, because deals
stand on its terms. A new card may begin from the reference list of goods that comes with the exchange.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from kirmash.data import SECTIONS, delivery_points, units
from kirmash.data import cards as known_cards
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.queries import Page, Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.desk import Desk, DeskQuery, Failed, Fault, Form, desk_form, desk_page, form_of, fresh, given_only
from kirmash.web.desk_company import PURPOSES
from kirmash.web.desk_lists import Filter, Listing, Lists, choices_of, list_routes
from kirmash.web.desk_money import currency_choices
from kirmash.web.desk_participants import id_from
from kirmash.web.forms import go_to
from kirmash.web.goods import newest
from kirmash.web.tables import Column, Row, ask_all, table_of
from kirmash.web.ticket import figure_in
from kirmash.web.words import Words, values_meant

LIST: Final = "/desk/goods"
INCOTERMS: Final = ("EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP", "FAS", "FOB", "CFR", "CIF")
"""Incoterms 2020; other terms can be given, the exchange takes any text."""
PAYMENT_TERMS: Final = ("prepayment", "prepayment 30 %", "payment within 10 days", "letter of credit")
_PAIR: Final = re.compile(r"\s*[:=\t]\s*")

CARDS: Final = (
    Column(name="title", label="good.name", href="href"),
    Column(name="card", label="good.card", kind="code"),
    Column(name="version", label="desk.field.version", kind="code"),
    Column(name="section", label="common.section", words=lambda w, value: w.section(value), short=True),
    Column(name="hs_code", label="good.hs_code", kind="code"),
    Column(name="unit", label="good.unit", words=lambda w, value: w.unit(value), short=True),
    Column(name="at", label="desk.field.listed", kind="moment"),
)
INSTRUMENTS: Final = (
    Column(name="instrument", label="instrument.id", kind="code"),
    Column(name="card", label="good.card", kind="code", href="href"),
    Column(name="version", label="desk.field.version", kind="code"),
    Column(name="basis", label="instrument.basis", short=True),
    Column(name="purpose", label="common.purpose", words=lambda w, value: w.purpose(value), short=True),
    Column(name="currency", label="common.currency", kind="code"),
    Column(name="tick", label="instrument.tick", kind="figure"),
    Column(name="lot", label="instrument.lot", kind="figure"),
    Column(name="payment_term", label="instrument.payment_term", words=lambda w, value: w.known("payment", value)),
    Column(name="conditional", label="desk.field.conditional", words=lambda w, value: w.text(f"common.{value}")),
    Column(name="listed", label="desk.field.in_market", words=lambda w, value: w.text(f"common.{value}")),
)


class CardQuery(DeskQuery, frozen=True, kw_only=True):
    """`like`: a card, of this exchange or the reference list, with which a form begins; `section`: where."""

    like: str | None = None
    section: str | None = None


def card_path(card: str, rest: str = "") -> str:
    """A card's page on the desk."""
    return f"{LIST}/{quote(card, safe='')}{rest}"


def attributes_in(text: str) -> tuple[dict[str, str], str | None]:
    """Lines `name: value` as attributes, as they are pasted, without those whose value was left open; and the first
    line that is none."""
    found: dict[str, str] = {}
    for line in filter(None, (it.strip() for it in text.splitlines())):
        name, *value = _PAIR.split(line, maxsplit=1)
        if not value or not name or name in found:
            return found, line
        if not value[0]:
            continue
        found[name] = value[0]
    return found, None


def attributes_out(attributes: Mapping[str, str]) -> str:
    """Attributes as a form shows them."""
    return "\n".join(f"{name}: {value}" for name, value in attributes.items())


def following_version(version: str) -> str:
    """What a new version is called, unless somebody calls it otherwise."""
    return str(int(version) + 1) if version.isascii() and version.isdigit() and len(version) < 10 else f"{version}-2"


def instrument_row(_: Words, it: rows.Instrument) -> Row:
    """An instrument in a list."""
    names = ("instrument", "card", "version", "purpose", "currency", "tick", "lot", "payment_term")
    return {
        **{name: getattr(it, name) for name in names},
        "href": card_path(it.card),
        "basis": f"{it.incoterm} {it.place}",
        "conditional": "yes" if it.conditional_allowed else "no",
        "listed": "yes" if it.listed else "no",
    }


def _card_row(words: Words, it: rows.Card) -> Row:
    names = ("card", "version", "section", "hs_code", "unit", "at")
    return {
        **{name: getattr(it, name) for name in names},
        "title": words.good(it),
        "href": card_path(it.card),
    }


def _cards(q: Queries, given: dict[str, Any], _: str | None, __: int) -> list[Any]:
    return [*q.shelf().find(given.get("section"), given.get("q", ""), values_meant)]


def _instruments(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    return q.instruments(cursor=cursor, limit=limit, **given)


_SIBLINGS: Final = ((LIST, "desk.goods"), ("/desk/instruments", "desk.instruments"))
_SECTION: Final = Filter(name="section", label="common.section", choices=choices_of("section", *SECTIONS))
LISTINGS: Final = (
    Listing(
        name="goods",
        path=LIST,
        columns=CARDS,
        ask=_cards,
        row=_card_row,
        filters=(Filter(name="q", label="desk.filter.search"), _SECTION),
        actions=((f"{LIST}/new", "desk.card.new"),),
        siblings=_SIBLINGS,
    ),
    Listing(
        name="instruments",
        path="/desk/instruments",
        columns=INSTRUMENTS,
        ask=_instruments,
        row=instrument_row,
        filters=(
            _SECTION,
            Filter(name="card", label="good.card"),
            Filter(name="purpose", label="common.purpose", choices=choices_of("purpose", *PURPOSES)),
            Filter(name="currency", label="common.currency"),
        ),
        siblings=_SIBLINGS,
    ),
)


class GoodsOfDesk:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._queries: Final[Queries] = desk.services.queries
        self._lists: Final = Lists(desk)

    # Cards -------------------------------------------------------------------------------------------------------

    async def card(self, call: Call) -> Response:
        said = await self._desk.waited(call)
        card, versions = await self._versions(call.path["card"])
        words = self._desk.words(call)
        found = await read(
            lambda: ask_all(lambda at, limit: self._queries.instruments(card=card.card, cursor=at, limit=limit))
        )
        table = table_of(
            words,
            call.query,
            found,
            lambda it: instrument_row(words, it),
            name="instruments",
            caption="desk.instruments",
            columns=INSTRUMENTS,
            empty="desk.card.no_instruments",
        )
        return await self._desk.page(
            call, "desk/goods_card.html", said=said, it=card, versions=versions, table=table, path_of=card_path
        )

    async def _versions(self, name: str) -> tuple[rows.Card, list[rows.Card]]:
        """A card in its newest version, and all of them, the newest first. Raises Problem."""
        found = await read(lambda: self._queries.cards(card=name, limit=LIMIT_MAX).rows)
        if not found:
            raise missing("card")
        return newest(found)[name], sorted(found, key=lambda it: (it.at, it.version), reverse=True)

    async def new_card(self, call: Call) -> Response:
        query: CardQuery = call.query
        like = (query.like or "").strip()
        own = await read(lambda: self._queries.cards(card=like, limit=LIMIT_MAX).rows) if like else []
        known = next((it for it in known_cards() if it.card == like), None)
        section = query.section if query.section else SECTIONS[0]
        form = fresh("card", version="1", section=section, unit="TNE")
        if own:
            card = newest(own)[like]
            attributes = attributes_out(card.attributes)
            form = fresh("card", **_head_of(card), version=following_version(card.version), attributes=attributes)
        elif known is not None:
            form = fresh(
                "card", **_head_of(known), version="1", attributes="\n".join(f"{name}: " for name in known.attributes)
            )
        elif like:
            raise missing("card")
        return await self._card_page(call, form)

    async def _card_page(self, call: Call, form: Form) -> Response:
        words = self._desk.words(call)
        listed = await read(lambda: {it.card for it in _cards(self._queries, {}, None, 0)})
        known = [(it.card, f"{words.good(it)} · {it.hs_code}") for it in known_cards() if it.card not in listed]
        return await self._desk.page(
            call,
            "desk/goods_form.html",
            form.status,
            form=form,
            known=sorted(known, key=lambda it: it[1].casefold()),
            sections=[(it, words.section(it)) for it in SECTIONS],
            units=[(it.unit, f"{words.unit(it.unit)} ({it.unit})") for it in units()],
            again=form.value("card") in listed,
        )

    async def list_card(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        attributes, wrong = attributes_in(typed.get("attributes", ""))
        card = typed.get("card", "").strip() or id_from(typed.get("name_en", "") or typed.get("name_ru", ""))
        values = given_only(
            card=card,
            version=typed.get("version", "").strip(),
            section=typed.get("section"),
            name_en=typed.get("name_en"),
            name_ru=typed.get("name_ru"),
            hs_code="".join(typed.get("hs_code", "").split()),
            unit=typed.get("unit", "").strip().upper(),
            attributes=attributes or None,
        )
        try:
            if wrong is not None:
                text = self._desk.words(call).text("desk.card.attributes_wrong", line=wrong[:60])
                raise Failed([Fault(field="attributes", text=text)], 422)
            self._desk.check_id(call, "card", card)
            done = await self._desk.give(call, "list_card", values, client_id)
        except Failed as error:
            return await self._card_page(call, fresh("card").failed(error, {**typed, "card": card}, client_id))
        return go_to(done.then(card_path(card)))

    # Instruments -------------------------------------------------------------------------------------------------

    async def new_instrument(self, call: Call) -> Response:
        card, _ = await self._versions(call.path["card"])
        query: CardQuery = call.query
        terms: dict[str, str] = {"incoterm": "FCA", "currency": "USD", "lot": "1", "tick": "0.01"}
        terms |= {"payment_term": PAYMENT_TERMS[0], "purpose": "export", "conditional_allowed": "on"}
        if query.like:
            like = await read(lambda: self._queries.instruments(instrument=query.like, limit=1).rows)
            if like:
                terms = _terms_of(like[0])
        return await self._instrument_page(call, fresh("instrument", version=card.version, **terms))

    async def _instrument_page(self, call: Call, form: Form) -> Response:
        card, versions = await self._versions(call.path["card"])
        words = self._desk.words(call)
        return await self._desk.page(
            call,
            "desk/goods_instrument.html",
            form.status,
            form=form,
            it=card,
            versions=[(one.version, one.version) for one in versions],
            currencies=currency_choices(),
            purposes=[(one, words.purpose(one)) for one in PURPOSES],
            incoterms=INCOTERMS,
            places=sorted({one.place for one in delivery_points()}),
            payment_terms=PAYMENT_TERMS,
            path_of=card_path,
        )

    async def list_instrument(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        card = call.path["card"]
        place, incoterm = typed.get("place", "").strip(), typed.get("incoterm", "").strip().upper()
        instrument = typed.get("instrument", "").strip() or id_from(f"{card} {incoterm} {place}")
        values = given_only(
            instrument=instrument,
            card=card,
            version=typed.get("version"),
            basis={"incoterm": incoterm, "place": place},
            currency=typed.get("currency"),
            payment_term=typed.get("payment_term"),
            clauses=[line for line in (it.strip() for it in typed.get("clauses", "").splitlines()) if line] or None,
            purpose=typed.get("purpose"),
            lot=figure_in(typed.get("lot", ""), call.language),
            tick=figure_in(typed.get("tick", ""), call.language),
        )
        values["conditional_allowed"] = bool(typed.get("conditional_allowed"))
        for name in ("order_lots_max", "entries_max"):
            given = figure_in(typed.get(name, ""), call.language)
            if given:
                values[name] = int(given) if given.isascii() and given.isdigit() and len(given) <= 16 else given
        try:
            self._desk.check_id(call, "instrument", instrument)
            self._check_basis(call, incoterm, place)
            done = await self._desk.give(call, "list_instrument", values, client_id)
        except Failed as error:
            kept = {**typed, "instrument": instrument}
            return await self._instrument_page(call, fresh("instrument").failed(_flat(error), kept, client_id))
        return go_to(done.then(card_path(card)))

    def _check_basis(self, call: Call, incoterm: str, place: str) -> None:
        lacking = [name for name, value in (("incoterm", incoterm), ("place", place)) if not value]
        if lacking:
            text = self._desk.words(call).text("form.missing")
            raise Failed([Fault(field=name, text=text, rule="PS-0.2") for name in lacking], 400)


def _head_of(card: Any) -> dict[str, str]:
    """What a card of the exchange and one of the reference list have in common."""
    names = ("card", "section", "name_en", "name_ru", "hs_code", "unit")
    return {name: getattr(card, name) for name in names}


def _flat(error: Failed) -> Failed:
    """Parts of the basis and of lists are fields of the form by their own names."""
    faults = [
        Fault(
            field=None if it.field is None else it.field.removeprefix("basis.").split("[")[0],
            text=it.text,
            cure=it.cure,
            rule=it.rule,
            anchor=it.anchor,
        )
        for it in error.faults
    ]
    return Failed(faults, error.status, spent=error.spent, headers=error.headers)


def _terms_of(it: rows.Instrument) -> dict[str, str]:
    """The terms of an instrument as another one begins with them."""
    names = ("incoterm", "place", "currency", "payment_term", "purpose", "lot", "tick")
    return {
        **{name: str(getattr(it, name)) for name in names},
        "clauses": "\n".join(it.clauses),
        "conditional_allowed": "on" if it.conditional_allowed else "",
        "order_lots_max": "" if it.order_lots_max is None else str(it.order_lots_max),
        "entries_max": "" if it.entries_max is None else str(it.entries_max),
    }


def goods_of_desk_routes(desk: Desk) -> list[Route]:
    """Cards and instruments."""
    it = GoodsOfDesk(desk)
    return [
        *list_routes(desk, LISTINGS),
        desk_page("/goods/new", it.new_card, "Desk: a new card", query=CardQuery),
        desk_form("/goods/new", it.list_card, "List a card by the form"),
        desk_page("/goods/{card}", it.card, "Desk: one good", Rule.AUDIT),
        desk_page("/goods/{card}/instrument", it.new_instrument, "Desk: a new instrument", query=CardQuery),
        desk_form("/goods/{card}/instrument", it.list_instrument, "List an instrument by the form"),
    ]
