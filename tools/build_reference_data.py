"""Makes the reference tables of `kirmash.data` from a folder of facts.

    python tools/build_reference_data.py FACTS_FOLDER [--out src/kirmash/data]

Run it by hand when the facts change and commit what it writes; nothing at run time needs this program, the facts or
the libraries that it asks for. It wants two libraries that are no dependency of the product: `Babel` (names of
countries in English and Russian, from Unicode CLDR) and `iso4217` (the published table of ISO 4217).

What is left out, and why, is written next to each table. Rows are sorted by their key, so that two runs over the same
facts give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

# Territories that CLDR names and that have no officially assigned ISO 3166-1 alpha-2 code.
NOT_IN_ISO_3166 = frozenset(("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"))

CARD_COLUMNS = ("card", "name_en", "name_ru", "section", "group", "hs_code", "unit", "attributes", "status", "scope")
POINT_COLUMNS = ("point", "place", "country", "un_locode", "kind", "mode", "direction", "scope")
COUNTED = ("accredited", "brokers", "active")
PARTICIPANT_COLUMNS = ("country", *(name for kind in COUNTED for name in (kind, kind + "_as_of")), "qualifier")

# UN/CEFACT Recommendation 20 codes that the facts use, with the symbol and the names of a unit on screen.
UNITS = (
    ("C62", "pcs", "piece", "штука", "шт."),
    ("KGM", "kg", "kilogram", "килограмм", "кг"),
    ("MTK", "m²", "square metre", "квадратный метр", "м²"),
    ("MTQ", "m³", "cubic metre", "кубический метр", "м³"),
    ("MTR", "m", "metre", "метр", "м"),
    ("TNE", "t", "tonne", "тонна", "т"),
)


def read_facts(folder: Path, name: str) -> list[dict[str, str]]:
    """Returns the rows of one CSV file of the facts."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Writes one table, comma-separated with LF line ends; returns the number of its rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def slug(text: str) -> str:
    """Returns an id in kebab-case: `Chengdu, Sichuan` becomes `chengdu-sichuan`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def cards(folder: Path) -> list[tuple[str, ...]]:
    """Commodity cards. Statistical groups without an HS code are no goods that could be listed and are left out."""
    return sorted(
        (
            row["code"],
            row["name_en"],
            row["name_ru"],
            row["section"],
            row["group"],
            row["hs_code"],
            row["unit_code"],
            row["attributes"],
            row["status"],
            row["scope"],
        )
        for row in read_facts(folder, "commodities.csv")
        if row["hs_code"]
    )


def countries() -> list[tuple[str, ...]]:
    """All countries of ISO 3166-1 with their names in English and Russian."""
    from babel import Locale

    english: dict[str, str] = dict(Locale.parse("en").territories)
    russian: dict[str, str] = dict(Locale.parse("ru").territories)
    codes = sorted(c for c in english if re.fullmatch("[A-Z]{2}", c) and c not in NOT_IN_ISO_3166)
    if len(codes) != 249:
        raise SystemExit(f"countries: ISO 3166-1 has 249 codes, Babel gave {len(codes)}")
    return [(code, english[code], russian[code]) for code in codes]


def delivery_points(folder: Path) -> list[tuple[str, ...]]:
    """Places where goods can be handed over. Regions, whole countries and railway sections are no such places."""
    return sorted(
        (
            slug(row["place"]),
            row["place"],
            row["country"],
            row["un_locode"],
            row["kind"],
            row["mode"],
            row["direction"],
            row["scope"],
        )
        for row in read_facts(folder, "delivery_points.csv")
        if row["country"] and row["kind"] not in ("country", "railway section") and "region" not in row["kind"]
    )


def participants(folder: Path) -> list[tuple[str, ...]]:
    """The latest count of each kind for each country; the facts stand in order of time, so the last row wins."""
    latest: dict[str, dict[str, str]] = {}
    for row in read_facts(folder, "participants_by_country.csv"):
        for kind in COUNTED:
            # One row gives importers seen at sessions instead of a count of accredited companies.
            if row[kind] and "not a count of accredited companies" not in row["note"]:
                entry = latest.setdefault(row["country"], {})
                entry[kind] = row[kind]
                entry[kind + "_as_of"] = row["as_of"]
                entry["qualifier"] = row["qualifier"]
    return sorted(
        (country, *(entry.get(name, "") for name in PARTICIPANT_COLUMNS[1:])) for country, entry in latest.items()
    )


def currencies() -> list[tuple[str, ...]]:
    """Codes of ISO 4217 with their minor units. Codes for which it states none (gold, test codes) are left out."""
    from iso4217 import Currency

    return sorted((c.code, str(c.exponent)) for c in Currency if c.exponent is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the reference tables of kirmash.data from a folder of facts.")
    parser.add_argument("facts", type=Path, help="folder with commodities.csv, delivery_points.csv, ...")
    parser.add_argument("--out", type=Path, default=Path("src/kirmash/data"), help="folder of the tables")
    arguments = parser.parse_args()
    facts: Path = arguments.facts
    tables: list[tuple[str, Sequence[str], Iterable[Sequence[str]]]] = [
        ("cards.csv", CARD_COLUMNS, cards(facts)),
        ("countries.csv", ["country", "name_en", "name_ru"], countries()),
        ("currencies.csv", ["code", "digits"], currencies()),
        ("delivery_points.csv", POINT_COLUMNS, delivery_points(facts)),
        ("participants_by_country.csv", PARTICIPANT_COLUMNS, participants(facts)),
        ("units.csv", ["unit", "symbol_en", "name_en", "name_ru", "symbol_ru"], UNITS),
    ]
    for name, header, rows in tables:
        print(f"{name}: {write_table(arguments.out / name, header, rows)} rows")


if __name__ == "__main__":
    main()
