"""RFC 3339 text to times and back (market-rules PS-0.6, PS-8.6, PS-13.3).

In: any offset up to 23:59, at most nine decimals, 1970 to 9999, no leap second, no 24:00. Out: UTC, nine digits, Z.
"""

import datetime as dt
import re
from typing import Final

from kirmash.messages.times import SECONDS_END, text_from_time
from kirmash.messages.units import Time

__all__ = ["text_from_time", "time_from_text"]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)


def time_from_text(text: str) -> Time:
    """The time that an RFC 3339 text names. Raises ValueError saying what is wrong with it."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 time with at most nine decimals and an offset, like 2022-12-14T07:00:00Z")
    *numbers, fraction, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, numbers)
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError as error:
        raise ValueError(f"no such time: {error}") from None
    seconds = (moment - _EPOCH) // dt.timedelta(seconds=1)
    if sign is not None:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    if not 0 <= seconds < SECONDS_END:
        raise ValueError("times go from 1970 to 9999 (UTC)")
    return seconds, int((fraction or "").ljust(9, "0"))
