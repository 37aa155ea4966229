"""Reference data shipped with the package: small tables and the scenario files.

Everything here is read-only text made by `tools/build_reference_data.py` or by the generators of
`kirmash.simulation.scenarios` and committed. The loaders turn a table into frozen records, once per process, and fail
loudly on a row that does not have the stated form. They import nothing but the standard library, so every layer may
use them. Rules, prices and the state of an exchange do not belong here.

See docs/reference/reference-data.md for the source of each table.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

SECTIONS = ("metal", "forest", "agricultural", "industrial-consumer")


@dataclass(frozen=True, slots=True)
class CommodityCard:
    """A good that can be listed. `attributes` are the names of the properties that a card should state."""

    card: str
    name_en: str
    name_ru: str
    section: str
    group: str
    hs_code: str
    unit: str
    attributes: tuple[str, ...]
    status: str
    scope: str


@dataclass(frozen=True, slots=True)
class Country:
    """A country of ISO 3166-1 alpha-2."""

    country: str
    name_en: str
    name_ru: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure by its UN/CEFACT Recommendation 20 code."""

    unit: str
    symbol_en: str
    name_en: str
    name_ru: str
    symbol_ru: str


@dataclass(frozen=True, slots=True)
class DeliveryPoint:
    """A place where goods can be handed over; `un_locode` and `mode` are empty where they are not known."""

    point: str
    place: str
    country: str
    un_locode: str
    kind: str
    mode: str
    direction: str
    scope: str


@dataclass(frozen=True, slots=True)
class ParticipantCount:
    """The latest told number of companies of one country, each with the date it was told for (`2024`, `2024-11` …)."""

    country: str
    accredited: int | None
    accredited_as_of: str
    brokers: int | None
    brokers_as_of: str
    active: int | None
    active_as_of: str
    qualifier: str


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _rows(name: str) -> list[dict[str, str]]:
    rows = list(csv.DictReader(_text(name).splitlines()))
    if not rows or any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{name}: a row has more or fewer fields than the header")
    return rows


def _count(text: str) -> int | None:
    return int(text) if text else None


@lru_cache(maxsize=1)
def cards() -> tuple[CommodityCard, ...]:
    """Returns the commodity cards of the four sections by ascending id."""
    return tuple(
        CommodityCard(
            card=row["card"],
            name_en=row["name_en"],
            name_ru=row["name_ru"],
            section=row["section"],
            group=row["group"],
            hs_code=row["hs_code"],
            unit=row["unit"],
            attributes=tuple(filter(None, row["attributes"].split(";"))),
            status=row["status"],
            scope=row["scope"],
        )
        for row in _rows("cards.csv")
    )


@lru_cache(maxsize=1)
def countries() -> tuple[Country, ...]:
    """Returns the countries by ascending code."""
    return tuple(Country(**row) for row in _rows("countries.csv"))


@lru_cache(maxsize=1)
def units() -> tuple[Unit, ...]:
    """Returns the units of measure by ascending code."""
    return tuple(Unit(**row) for row in _rows("units.csv"))


@lru_cache(maxsize=1)
def delivery_points() -> tuple[DeliveryPoint, ...]:
    """Returns the delivery points by ascending id."""
    return tuple(DeliveryPoint(**row) for row in _rows("delivery_points.csv"))


@lru_cache(maxsize=1)
def participants_by_country() -> tuple[ParticipantCount, ...]:
    """Returns the latest counts of participants by ascending country."""
    return tuple(
        ParticipantCount(
            country=row["country"],
            accredited=_count(row["accredited"]),
            accredited_as_of=row["accredited_as_of"],
            brokers=_count(row["brokers"]),
            brokers_as_of=row["brokers_as_of"],
            active=_count(row["active"]),
            active_as_of=row["active_as_of"],
            qualifier=row["qualifier"],
        )
        for row in _rows("participants_by_country.csv")
    )


@lru_cache(maxsize=1)
def currency_digits() -> Mapping[str, int]:
    """Returns the decimals of each currency of ISO 4217. A code that is absent has two (PS-0.6)."""
    return MappingProxyType({row["code"]: int(row["digits"]) for row in _rows("currencies.csv")})


@lru_cache(maxsize=1)
def fee_rows() -> tuple[Mapping[str, str], ...]:
    """Returns the rows of the fee table as they stand; `kirmash.fees.shipped` makes lines of them."""
    return tuple(MappingProxyType(row) for row in _rows("fees.csv"))


@lru_cache(maxsize=1)
def scenario_names() -> tuple[str, ...]:
    """Returns the names of the shipped scenario files, without `.jsonl`."""
    folder = files(__package__).joinpath("scenarios")
    return tuple(sorted(f.name.removesuffix(".jsonl") for f in folder.iterdir() if f.name.endswith(".jsonl")))


def scenario_bytes(name: str) -> bytes:
    """Returns the shipped scenario file `name`. Raises KeyError if there is none."""
    if name not in scenario_names():
        raise KeyError(name)
    return files(__package__).joinpath("scenarios", f"{name}.jsonl").read_bytes()
