"""Figures and times as a reader of each language expects them; all of it on text, nothing is computed."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from kirmash.messages.rejects import Reason
from kirmash.web.titles import SessionName
from kirmash.web.words import Words

EN, RU = (Words(language, ZoneInfo("Europe/Minsk")) for language in ("en", "ru"))


@pytest.mark.parametrize(
    ("text", "english", "russian"),
    [
        ("0", "0", "0"),
        ("999", "999", "999"),
        ("1000", "1,000", "1\u202f000"),
        ("1234567.89", "1,234,567.89", "1\u202f234\u202f567,89"),
        ("-85500000.00", "\u221285,500,000.00", "\u221285\u202f500\u202f000,00"),
        ("100.005", "100.005", "100,005"),
        ("123456789012345678901234567890", "123,456,789,012,345,678,901,234,567,890", None),
        (None, "–", "–"),
    ],
)
def test_digits_are_grouped_and_no_digit_changes(text: str | None, english: str, russian: str | None) -> None:
    assert EN.figure(text) == english
    if russian is not None:
        assert RU.figure(text) == russian


@pytest.mark.parametrize(
    ("ppm", "text"), [(0, "0"), (2_000, "0.2"), (50_000, "5"), (1_000_000, "100"), (123, "0.0123")]
)
def test_parts_per_million_are_per_cent(ppm: int, text: str) -> None:
    assert EN.percent(ppm) == f"{text}\u202f%"


def test_times_are_those_of_the_exchange() -> None:
    assert EN.moment("2022-12-31T22:30:00.123456789Z", seconds=True) == "1 Jan 2023, 01:30:00"
    assert RU.moment("2022-12-14T07:45:00Z") == "14 дек 2022, 10:45"
    assert EN.moment(None) == "–"
    kolkata = Words("en", ZoneInfo("Asia/Kolkata"))
    assert kolkata.zone_at(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)) == "UTC+5:30"
    summer, winter = (datetime.datetime(2026, month, 1, tzinfo=datetime.UTC) for month in (7, 1))
    york = Words("en", ZoneInfo("America/New_York"))
    assert (york.zone_at(summer), york.zone_at(winter)) == ("UTC\u22124", "UTC\u22125")


def test_a_number_takes_its_form() -> None:
    assert [EN.count("n.deals", n) for n in (1, 2)] == ["1 deal", "2 deals"]
    assert [RU.count("n.deals", n) for n in (1, 3, 11, 1200)] == [
        "1 сделка",
        "3 сделки",
        "11 сделок",
        "1\u202f200 сделок",
    ]


def test_what_nobody_has_a_word_for_stands_as_it_is() -> None:
    assert EN.section("forest") == "Forest"
    assert RU.section("timber-of-the-moon") == "timber-of-the-moon"
    assert RU.country("BY") == "Беларусь"
    assert RU.country("XX") == "XX"


def test_values_of_attributes_are_words_or_measures() -> None:
    assert [EN.attribute(it) for it in ("pine", "12 mm", "50x5 mm", "1.5 %", "S500")] == [
        "pine",
        "12\u202fmm",
        "50x5\u202fmm",
        "1.5\u202f%",
        "S500",
    ]
    assert [RU.attribute(it) for it in ("pine", "12 mm", "11.7 m", "1.5 %", "12 miles", "mm")] == [
        "сосна",
        "12\u202fмм",
        "11,7\u202fм",
        "1,5\u202f%",
        "12 miles",
        "mm",
    ]


def test_every_reject_reason_is_explained_in_both_languages() -> None:
    for reason in Reason:
        assert all(EN.reason(reason))
        assert all(RU.reason(reason))
        assert EN.reason(reason) != RU.reason(reason)


def test_a_session_is_called_by_what_it_is_and_when_it_begins() -> None:
    """In the exchange's zone, which is three hours ahead; with the year where it is another than the present one."""
    year = datetime.datetime.now(datetime.UTC).astimezone(EN.zone).year
    at = f"{year}-11-21T19:36:00.000000000Z"
    assert EN.session("metal", "domestic", at) == "Metal, domestic · 21 Nov, 22:36"
    assert RU.session("metal", "domestic", at) == "Металлопродукция, внутренний рынок · 21 ноя, 22:36"
    assert EN.session("metal", "export", "2022-12-31T21:30:00Z") == "Metal, export · 1 Jan 2023, 00:30"
    assert EN.session("gems", "barter", None) == "gems, barter", "what operators call a section stands as it is"


def test_a_replay_says_so_in_its_title_once() -> None:
    name = SessionName("lumber-1", "forest", "export", None, historical=True)
    assert name.title(EN) == "Forest, export · historical replay"
    assert name.title(RU) == "Лесопродукция, экспорт · историческая, повтор"
    assert SessionName("x-1").title(RU) == "x-1", "of one that nobody knows there is only its id"
