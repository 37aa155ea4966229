"""Times as the views hold them: RFC 3339 in UTC with nine digits and Z, so that text order is time order (PS-0.6)."""

import datetime as dt
from functools import lru_cache
from typing import Final

from kirmash.messages.units import Time

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST_SECOND: Final = 253_402_300_799
_NANOS_MAX: Final = 999_999_999


def text_from_time(time: Time) -> str:
    """The time as text. What halts moved beyond the year 9999 is shown as its last instant."""
    seconds, nanos = time
    if seconds > _LAST_SECOND:
        seconds, nanos = _LAST_SECOND, _NANOS_MAX
    return f"{_second(seconds)}.{nanos:09d}Z"


def minute_of(text: str) -> str:
    """The minute in which a time of the views lies, as the time at which it begins."""
    return f"{text[:16]}:00.000000000Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat()[:19]
