"""Which days are trading days: the country's public holidays, working days moved to a week-end, and, above both, what
the operator decrees (docs/guides/timetable.md). Pure: which day it is, is told."""

import datetime
from collections.abc import Sequence
from functools import cache
from typing import Final

from kirmash.config import ConfigError, DayOverride

_ANY_YEAR: Final = 2020
_CODE_LETTERS: Final = 2
_WORKING_WEEK: Final = frozenset({1, 2, 3, 4, 5})


class Calendar:
    """The trading days of one country. Raises ConfigError for a country or day that there is not."""

    def __init__(self, country: str, overrides: Sequence[DayOverride] = ()) -> None:
        self._country = country
        self._overrides: dict[datetime.date, bool] = {}
        for override in overrides:
            try:
                day = datetime.date.fromisoformat(override.day)
            except ValueError:
                raise ConfigError(f"days: {override.day!r} is no date (YYYY-MM-DD)") from None
            self._overrides[day] = override.trading
        # Raises for an unknown country now, and not on some morning.
        _days_of(country, _ANY_YEAR)

    def is_trading_day(self, day: datetime.date, weekdays: Sequence[int] = (1, 2, 3, 4, 5)) -> bool:
        """Whether there are sessions on this day, for a session that is held on these days of the week (1 Monday).

        A day of the week-end that is worked by decree counts for sessions of every working day: which weekday it
        stands for, no calendar says.
        """
        decreed = self._overrides.get(day)
        if decreed is not None:
            return decreed
        off, worked = _days_of(self._country, day.year)
        if day in off:
            return False
        return day.isoweekday() in weekdays or (day in worked and _WORKING_WEEK.issubset(weekdays))

    def next_trading_days(
        self, first: datetime.date, count: int, weekdays: Sequence[int] = (1, 2, 3, 4, 5)
    ) -> list[datetime.date]:
        """The next `count` trading days from `first` on, it included; fewer if there are not so many within a year."""
        days = (first + datetime.timedelta(days=ahead) for ahead in range(366))
        found: list[datetime.date] = []
        for day in days:
            if len(found) == count:
                break
            if self.is_trading_day(day, weekdays):
                found.append(day)
        return found


@cache
def _days_of(country: str, year: int) -> tuple[frozenset[datetime.date], frozenset[datetime.date]]:
    """Public holidays of a year (days off moved by decree are among them), and days of the week-end worked for them."""
    # Slow to import, and only needed where a calendar is.
    import holidays

    try:
        if not (len(country) == _CODE_LETTERS and country.isalpha()):
            raise NotImplementedError  # it knows names too, of which only a part is countries'
        off = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        raise ConfigError(
            f"exchange: country: no calendar is known for {country!r} (ISO 3166-1, two letters)"
        ) from None
    return frozenset(off), frozenset(off.weekend_workdays)
