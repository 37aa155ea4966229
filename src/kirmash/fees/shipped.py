"""The table that is shipped: what is told of the fees of real exchanges, each line with its source.

It is indicative. This exchange charges no fees yet, and two of the told tables are historic.
"""

from functools import lru_cache
from typing import Final

import msgspec

from kirmash.data import fee_rows
from kirmash.fees import Line, Table

_BOOL: Final = {"yes": True, "no": False, "": None}
_TEXTS: Final = ("section", "purpose", "above", "up_to", "fixed", "minimum", "maximum", "currency")


@lru_cache(maxsize=1)
def shipped_table() -> Table:
    """The lines of `data/fees.csv`. Raises TableError, KeyError and msgspec.ValidationError for a row that is none."""
    lines = []
    for row in fee_rows():
        values: dict[str, object] = {**row, "resident": _BOOL[row["resident"]]}
        values |= {name: row[name] or None for name in _TEXTS}
        values["rate_ppm"] = int(row["rate_ppm"]) if row["rate_ppm"] else None
        lines.append(msgspec.convert(values, Line))
    return Table(tuple(lines))
