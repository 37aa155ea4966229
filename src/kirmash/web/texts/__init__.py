"""Every text that a page shows, in English and Russian: one catalog of all `*.toml` files of this folder.

A key stands for a pair `[en, ru]`, or, where a number decides, for the forms of each language. Placeholders are
`{name}`. A key that is asked for and is not there is a KeyError, which the tests of all pages would meet.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "ru")

Texts = Mapping[str, str | tuple[str, ...]]
"""By key: a text, or its forms by number."""


class CatalogError(Exception):
    """A catalog file does not have the stated form."""


@cache
def catalog(language: str) -> Texts:
    """All texts of a language. Raises CatalogError."""
    position = LANGUAGES.index(language)
    found: dict[str, str | tuple[str, ...]] = {}
    folder = files(__name__)
    for file in sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")):
        for key, value in tomllib.loads(folder.joinpath(file).read_text(encoding="utf-8")).items():
            if key in found:
                raise CatalogError(f"{file}: {key} stands twice")
            if isinstance(value, list) and len(value) == len(LANGUAGES) and all(isinstance(it, str) for it in value):
                found[key] = value[position]
            elif isinstance(value, dict) and set(value) == set(LANGUAGES):
                found[key] = tuple(value[language])
            else:
                raise CatalogError(f"{file}: {key} is neither a pair of texts nor forms by number")
    return found


def form_of(language: str, count: int) -> int:
    """Which form a number takes: in English one or many; in Russian one (1, 21), few (2 to 4, 22), many (5, 11)."""
    if language == "en":
        return 0 if count == 1 else 1
    last, lasts = count % 10, count % 100
    if last == 1 and lasts != 11:
        return 0
    return 1 if 2 <= last <= 4 and not 12 <= lasts <= 14 else 2
