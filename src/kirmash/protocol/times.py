"""RFC 3339 text to times and back (market-rules PS-0.6, PS-8.6, PS-13.3).

In: any offset up to 23:59, at most nine decimals, 1970 to 9999, no leap second, no 24:00. Out: UTC, nine digits, Z.
"""

import datetime as dt
import re
from functools import lru_cache
from typing import Final

from kirmash.messages.units import Time

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECONDS_END: Final = int((dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC) - _EPOCH).total_seconds()) + 1
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
        moment = dt.datetime(*map(int, numbers), tzinfo=dt.UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise ValueError(f"no such time: {error}") from None
    seconds = (moment - _EPOCH) // dt.timedelta(seconds=1)
    if sign is not None:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    if not 0 <= seconds < _SECONDS_END:
        raise ValueError("times go from 1970 to 9999 (UTC)")
    return seconds, int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=4096)
def text_from_time(time: Time) -> str:
    """RFC 3339 in UTC with nine digits and Z. What halts moved beyond 9999 is shown as its last instant."""
    seconds, nanos = time if time[0] < _SECONDS_END else (_SECONDS_END - 1, 999_999_999)
    moment = _EPOCH + dt.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"
