"""Times as text: RFC 3339 in UTC with nine digits and Z (market-rules PS-0.6, PS-8.6).

Every layer that shows a time needs this one way out; what reads times from outside stands in protocol/times.py.
"""

import datetime as dt
from functools import lru_cache
from typing import Final

from kirmash.messages.units import Time

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECONDS_END: Final = 253_402_300_800
"""The first second after the year 9999, with which times end."""


def text_from_time(time: Time) -> str:
    """RFC 3339 in UTC with nine digits and Z. What halts moved beyond 9999 is shown as its last instant."""
    seconds, nanos = time if time[0] < SECONDS_END else (SECONDS_END - 1, 999_999_999)
    return f"{_second(seconds)}.{nanos:09d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Times come in their order, so that many lie in the same second."""
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat()[:19]
