"""Which goods are meant by words: all of them in any order, in names, ids, codes and attributes of either language."""

import time
from typing import Final

import pytest

from kirmash.queries.goods import Shelf, _text
from kirmash.queries.rows import Card
from kirmash.web.words import values_meant


def card(name: str, en: str, ru: str, hs_code: str, **attributes: str) -> Card:
    return Card(
        card=name,
        version="1",
        section="forest",
        name_en=en,
        name_ru=ru,
        hs_code=hs_code,
        unit="m3",
        attributes=attributes,
        at="2026-01-01T00:00:00Z",
    )


CARDS: Final = (
    card("bar-12", "Steel rebar", "Арматура стальная", "721420", diameter="12 mm"),
    card("sawn-1", "Sawn timber", "Пиломатериалы", "440711", species="pine"),
    card("sawn-2", "Sawn timber", "Пиломатериалы", "440712", species="spruce", packaging="bags of 50 kg"),
)


def shelf_of(*cards: Card) -> Shelf:
    return Shelf(1, {it.card: it for it in cards}, {it.card: _text(it) for it in cards}, {}, {})


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("steel rebar", ["bar-12"]),
        ("rebar steel", ["bar-12"]),
        ("СТАЛЬНАЯ арматура", ["bar-12"]),
        ("rebar 7214", ["bar-12"]),
        ("rebar 1420", []),
        ("rebar pine", []),
        ("12 mm", ["bar-12"]),
        ("pine", ["sawn-1"]),
        ("сосна", ["sawn-1"]),
        ("ель пиломатериалы", ["sawn-2"]),
        ("мешки", ["sawn-2"]),
        ("sawn-2", ["sawn-2"]),
        ("  timber ", ["sawn-1", "sawn-2"]),
        ("", ["bar-12", "sawn-1", "sawn-2"]),
    ],
)
def test_all_words_in_any_order(wanted: str, found: list[str]) -> None:
    assert [it.card for it in shelf_of(*CARDS).find(None, wanted, values_meant)] == found


def test_thousands_of_cards_are_searched_within_the_time_of_a_page() -> None:
    many = shelf_of(*(card(f"card-{at}", "Steel rebar", "Арматура", "721420", species="pine") for at in range(4_000)))
    began = time.perf_counter()
    assert not many.find(None, "rebar steel сосна арматура nothing-of-this", values_meant)
    assert time.perf_counter() - began < 0.1
