"""RFC 3339 both ways (PS-0.6, PS-8.6, PS-13.3)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.protocol.times import text_from_time, time_from_text

LAST = (253_402_300_799, 999_999_999)


@given(st.integers(0, LAST[0]), st.integers(0, 10**9 - 1))
def test_a_time_goes_out_and_comes_back(seconds: int, nanos: int) -> None:
    """Every time from 1970 to 9999 survives its text, which has nine digits and Z."""
    text = text_from_time((seconds, nanos))
    assert len(text) == 30
    assert text.endswith("Z")
    assert time_from_text(text) == (seconds, nanos)


@given(
    st.datetimes(min_value=dt.datetime.fromisoformat("1971-01-01"), max_value=dt.datetime.fromisoformat("9998-12-31")),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_names_the_same_instant(moment: dt.datetime, minutes: int) -> None:
    """A local time with its offset is the UTC time that Python's own arithmetic gives."""
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    local = moment.replace(tzinfo=zone)
    expected = local.astimezone(dt.UTC)
    seconds, nanos = time_from_text(local.isoformat())
    assert text_from_time((seconds, nanos)) == f"{expected:%Y-%m-%dT%H:%M:%S}.{expected.microsecond:06d}000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2022-12-14T07:00:00",  # no offset
        "2022-12-14 07:00:00Z",
        "2022-12-14T07:00Z",
        "2022-12-14T24:00:00Z",
        "2022-12-14T07:00:60Z",
        "2022-12-14T07:00:00+24:00",
        "2022-12-14T07:00:00+23:60",
        "2022-12-14T07:00:00.Z",
        "2022-12-14T07:00:00.1234567890Z",
        "2022-02-29T07:00:00Z",
        "2022-13-01T07:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "٢٠٢٢-12-14T07:00:00Z",  # digits of another script
        "",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Leap seconds, 24:00, missing offsets, tenth decimals and years outside 1970 to 9999 are not times here."""
    with pytest.raises(ValueError, match="time"):
        time_from_text(text)


def test_the_ends_of_the_range_are_times() -> None:
    """1970 and the last nanosecond of 9999 are inside."""
    assert time_from_text("1970-01-01T00:00:00Z") == (0, 0)
    assert time_from_text("9999-12-31T23:59:59.999999999Z") == LAST
    assert text_from_time((LAST[0] + 5, 0)) == text_from_time(LAST)
