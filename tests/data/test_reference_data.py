"""The reference tables: complete, well formed, and read without anything outside the standard library."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kirmash import data

SECTIONS = ("metal", "forest", "agricultural", "industrial-consumer")


def test_cards_have_what_list_card_asks_for() -> None:
    """PS-0: card, section, two names, HS code and unit, each a text of 1 to 200 bytes; the unit in its form."""
    cards = data.cards()
    assert len({card.card for card in cards}) == len(cards) > 200
    for card in cards:
        for text in (card.card, card.section, card.name_en, card.name_ru, card.hs_code, card.unit, *card.attributes):
            assert 1 <= len(text.encode()) <= 200
        assert re.fullmatch(r"[0-9]{4}([0-9]{2})?", card.hs_code)
        assert re.fullmatch(r"[A-Z0-9]{1,3}", card.unit)
        assert re.search("[А-Яа-яЁё]", card.name_ru)
        assert card.attributes


@pytest.mark.parametrize("section", SECTIONS)
def test_each_of_the_four_sections_has_cards(section: str) -> None:
    assert sum(card.section == section for card in data.cards()) >= 15


def test_no_card_is_in_a_fifth_section() -> None:
    assert {card.section for card in data.cards()} == set(SECTIONS)


@pytest.mark.parametrize(
    "card, section, hs_code, unit",
    [
        ("sawn-softwood-edged", "forest", "4407", "MTQ"),
        ("acetone-cyanohydrin", "industrial-consumer", "292690", "TNE"),
        ("butter", "agricultural", "040510", "TNE"),
        ("flax-fibre-cottonized", "agricultural", "530129", "TNE"),
        ("rebar", "metal", "7214", "TNE"),
    ],
)
def test_the_goods_of_the_scenarios_are_there(card: str, section: str, hs_code: str, unit: str) -> None:
    found = next(c for c in data.cards() if c.card == card)
    assert (found.section, found.hs_code, found.unit) == (section, hs_code, unit)


def test_every_unit_of_a_card_is_in_the_table_of_units() -> None:
    assert {card.unit for card in data.cards()} <= {unit.unit for unit in data.units()}


def test_countries_are_those_of_iso_3166() -> None:
    countries = {c.country: c for c in data.countries()}
    assert len(countries) == len(data.countries()) == 249
    assert all(re.fullmatch("[A-Z]{2}", code) for code in countries)
    assert (countries["BY"].name_en, countries["BY"].name_ru) == ("Belarus", "Беларусь")
    assert "XK" not in countries
    assert "EU" not in countries


@pytest.mark.parametrize(
    "code, digits",
    [("BYN", 2), ("CNY", 2), ("EUR", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("CLF", 4)],
)
def test_currencies_have_the_digits_of_iso_4217(code: str, digits: int) -> None:
    assert data.currency_digits()[code] == digits


def test_currencies_are_many_and_in_form() -> None:
    table = data.currency_digits()
    assert len(table) > 150
    assert all(re.fullmatch("[A-Z]{3}", code) and 0 <= digits <= 4 for code, digits in table.items())
    assert not {"XAU", "XTS", "XXX"} & set(table)


def test_the_currency_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        data.currency_digits()["BYN"] = 4  # type: ignore[index]


def test_delivery_points_are_places_in_countries() -> None:
    points = {p.point: p for p in data.delivery_points()}
    countries = {c.country for c in data.countries()}
    assert len(points) == len(data.delivery_points()) >= 25
    assert {"taicang", "tianjin", "shanghai", "changsha"} <= set(points)
    for point in points.values():
        assert point.country in countries
        assert not point.un_locode or re.fullmatch(point.country + "[A-Z2-9]{3}", point.un_locode)


def test_participants_are_the_latest_told_counts() -> None:
    """Facts participants_by_country: 274 Chinese companies in mid-May 2025, 62 of Moldova, 112 of Turkey."""
    counts = {p.country: p for p in data.participants_by_country()}
    assert (counts["CN"].accredited, counts["CN"].accredited_as_of, counts["CN"].brokers) == (274, "2025-05-15", 4)
    assert counts["MD"].accredited == 62
    assert counts["TR"].accredited == 112
    assert counts["ET"].accredited == 0
    assert "PL" not in counts
    assert set(counts) <= {c.country for c in data.countries()}


@pytest.mark.parametrize(
    "load", [data.cards, data.countries, data.units, data.delivery_points, data.participants_by_country]
)
def test_records_are_frozen_and_sorted_by_their_key(load: Callable[[], Sequence[Any]]) -> None:
    records = load()
    key = dataclasses.fields(records[0])[0].name
    keys = [getattr(record, key) for record in records]
    assert keys == sorted(keys)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(records[0], key, "other")


def test_loading_imports_nothing_outside_the_standard_library() -> None:
    program = (
        "import json, sys\n"
        "from kirmash import data\n"
        "data.cards(), data.countries(), data.units(), data.delivery_points(), data.participants_by_country()\n"
        "data.currency_digits(), [data.scenario_bytes(n) for n in data.scenario_names()]\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules if not m.startswith('_')})))\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    others = {name for name in json.loads(shown) if name not in sys.stdlib_module_names}
    before = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert others - set(json.loads(before)) == {"kirmash"}


def test_an_unknown_scenario_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        data.scenario_bytes("../currencies")
