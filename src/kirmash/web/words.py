"""What a page says in one language: texts of the catalog, figures, times, names of things.

Figures are decimal text and stay text: digits are grouped and the point is exchanged, nothing is computed (no float
ever). Times are shown in the exchange's zone; the reader's own zone is the browser's business.
"""

import datetime
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from kirmash.data import countries, units
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Reason
from kirmash.web.texts import LANGUAGES, catalog, form_of

THIN_SPACE: Final = "\u202f"
MINUS: Final = "\u2212"
NOTHING: Final = "–"

_VALUE: Final = "attribute.value."
_MEASURE: Final = re.compile(r"(?P<figure>[0-9][0-9.x]*) ?(?P<unit>mm|cm|m|kg|g|%)")
_GROUPS: Final = {"en": (",", "."), "ru": (THIN_SPACE, ",")}


class Words:
    """One language's words, for one exchange's time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._texts = catalog(language)

    # Texts -------------------------------------------------------------------------------------------------------

    def text(self, key: str, **values: object) -> str:
        """The text of a key with its placeholders filled. Raises KeyError."""
        found = self._texts[key]
        assert isinstance(found, str), f"{key} has forms by number"
        return found.format(**values) if values else found

    def count(self, key: str, number: int) -> str:
        """A number with its noun, in the form that the number takes."""
        forms = self._texts[key]
        assert isinstance(forms, tuple), f"{key} has no forms by number"
        return forms[form_of(self.language, number)].format(n=self.figure(str(number)))

    def known(self, prefix: str, name: str) -> str:
        """The text of `prefix.name` where the catalog has one, else the name itself: ids that operators choose."""
        found = self._texts.get(f"{prefix}.{name}")
        return found if isinstance(found, str) else name

    # Figures -----------------------------------------------------------------------------------------------------

    def figure(self, text: str | int | None) -> str:
        """Decimal text with its digits grouped; a dash for what is absent."""
        if text is None:
            return NOTHING
        group, point = _GROUPS[self.language]
        whole, _, fraction = str(text).partition(".")
        sign, digits = (MINUS, whole[1:]) if whole.startswith("-") else ("", whole)
        first = len(digits) % 3
        parts = [digits[:first]] if first else []
        parts += [digits[at : at + 3] for at in range(first, len(digits), 3)]
        return sign + group.join(parts) + (point + fraction if fraction else "")

    def percent(self, ppm: int | None) -> str:
        """Parts per million as per cent."""
        if ppm is None:
            return NOTHING
        whole, fraction = divmod(ppm, 10_000)
        text = f"{whole}.{fraction:04}".rstrip("0").rstrip(".")
        return f"{self.figure(text)}{THIN_SPACE}%"

    # Times -------------------------------------------------------------------------------------------------------

    def local(self, at: str) -> datetime.datetime:
        """An RFC 3339 time in the exchange's zone, to the second."""
        return datetime.datetime.fromisoformat(f"{at[:19]}+00:00").astimezone(self.zone)

    def day(self, at: str | datetime.date) -> str:
        """A day: 5 Dec 2022."""
        date = self.local(at) if isinstance(at, str) else at
        return f"{date.day} {self.text(f'month.{date.month}')} {date.year}"

    def weekday(self, date: datetime.date) -> str:
        """The name of a day of the week."""
        return self.text(f"weekday.{date.isoweekday()}")

    def clock(self, at: str, *, seconds: bool = False) -> str:
        """A time of day."""
        return self.local(at).strftime("%H:%M:%S" if seconds else "%H:%M")

    def moment(self, at: str | None, *, seconds: bool = False) -> str:
        """Day and time of day; a dash for what is absent."""
        return NOTHING if at is None else f"{self.day(at)}, {self.clock(at, seconds=seconds)}"

    def same_day(self, at: str | None, other: str | None) -> bool:
        """Whether two times are of one day here."""
        return at is not None and other is not None and self.local(at).date() == self.local(other).date()

    def zone_at(self, at: datetime.datetime) -> str:
        """The zone's distance from UTC: UTC+3."""
        offset = at.astimezone(self.zone).utcoffset() or datetime.timedelta()
        minutes = offset // datetime.timedelta(minutes=1)
        hours, rest = divmod(abs(minutes), 60)
        return f"UTC{MINUS if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")

    # Names -------------------------------------------------------------------------------------------------------

    def phase(self, phase: str) -> str:
        """A session's phase."""
        return self.text(f"phase.{phase}")

    def session(self, section: str, purpose: str, begins: str | None) -> str:
        """What a session is called: Metal, domestic · 21 Nov, 22:36; with the year where it is not the present one."""
        what = f"{self.section(section)}, {self.purpose(purpose)}"
        if begins is None:
            return what
        date, month = self.local(begins), self.text(f"month.{self.local(begins).month}")
        year = "" if date.year == datetime.datetime.now(self.zone).year else f" {date.year}"
        return f"{what} · {date.day} {month}{year}, {self.clock(begins)}"

    def section(self, section: str) -> str:
        """A section; operators may open others than those known here."""
        return self.known("section", section)

    def purpose(self, purpose: str) -> str:
        """A purpose."""
        return self.known("purpose", purpose)

    def good(self, card: Any) -> str:
        """A commodity card's name."""
        name: str = card.name_ru if self.language == "ru" else card.name_en
        return name

    def attribute(self, value: str) -> str:
        """An attribute's value: a word that the catalog has, or a measure in the language's way; else as it stands."""
        measured = _MEASURE.fullmatch(value)
        if measured is None:
            return self.known("attribute.value", value)
        point = _GROUPS[self.language][1]
        return f"{measured['figure'].replace('.', point)}{THIN_SPACE}{self.known('measure', measured['unit'])}"

    def country(self, code: str) -> str:
        """A country's name; its code where we know none."""
        return self._countries.get(code, code)

    def unit(self, code: str) -> str:
        """A unit's symbol; its code where we know none."""
        return self._units.get(code, code)

    def reason(self, reason: Reason) -> tuple[str, str]:
        """What a reject reason says, and its cure."""
        it = EXPLANATIONS[reason]
        return (it.text_ru, it.cure_ru) if self.language == "ru" else (it.text_en, it.cure_en)

    @cached_property
    def _countries(self) -> Mapping[str, str]:
        ru = self.language == "ru"
        return {it.country: it.name_ru if ru else it.name_en for it in countries()}

    @cached_property
    def _units(self) -> Mapping[str, str]:
        ru = self.language == "ru"
        return {it.unit: it.symbol_ru if ru else it.symbol_en for it in units()}


def values_meant(word: str) -> list[str]:
    """The attributes' values, as cards have them, that a word of either language may mean; it is in small letters."""
    texts = (it for language in LANGUAGES for it in catalog(language).items())
    return [
        key.removeprefix(_VALUE)
        for key, text in texts
        if key.startswith(_VALUE) and isinstance(text, str) and word in text.casefold()
    ]
