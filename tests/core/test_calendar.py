"""Trading days: facts of the calendars themselves, the operator's decrees above them, and what is no calendar."""

import datetime
from datetime import date
from typing import Any

import pytest

from kirmash.config import Config, ConfigError, DayOverride, ExchangeConfig, SessionTemplate, TemplateInstrument
from kirmash.core.calendar import Calendar
from kirmash.core.planner import Planner
from kirmash.messages.commands import CreateSession
from kirmash.messages.kinds import Phase

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("day", "trading"),
    [
        # Belarus moved Monday 20 April 2026 to Saturday 25 April, to join the days after Easter (Radunitsa, 21 April).
        (date(2026, 4, 17), True),
        (date(2026, 4, 18), False),
        (date(2026, 4, 20), False),
        (date(2026, 4, 21), False),
        (date(2026, 4, 22), True),
        (date(2026, 4, 25), True),
        (date(2026, 4, 26), False),
        (date(2026, 5, 1), False),
        (date(2026, 7, 3), False),
        (date(2026, 12, 25), False),
    ],
)
def test_the_days_of_belarus_in_2026(day: date, trading: bool) -> None:
    assert Calendar("BY").is_trading_day(day) is trading


def test_a_worked_saturday_is_no_day_of_sessions_that_are_held_on_some_weekdays_only() -> None:
    calendar = Calendar("BY")
    assert not calendar.is_trading_day(date(2026, 4, 25), (3,))
    assert calendar.is_trading_day(date(2026, 4, 25), (6,))
    assert not calendar.is_trading_day(date(2026, 5, 1), EVERY_DAY)


def test_what_the_operator_decrees_wins() -> None:
    decrees = (
        DayOverride(day="2026-05-01", trading=True),
        DayOverride(day="2026-04-25", trading=False, why="maintenance"),
        DayOverride(day="2026-04-22", trading=False),
    )
    calendar = Calendar("BY", decrees)
    assert calendar.is_trading_day(date(2026, 5, 1))
    assert not calendar.is_trading_day(date(2026, 4, 25))
    assert calendar.next_trading_days(date(2026, 4, 17), 3) == [date(2026, 4, 17), date(2026, 4, 23), date(2026, 4, 24)]


def test_a_decreed_day_is_one_for_every_session() -> None:
    """Also for one that is not held on this day of the week: the operator says so."""
    assert Calendar("BY", (DayOverride(day="2026-04-26", trading=True),)).is_trading_day(date(2026, 4, 26), (3,))


@pytest.mark.parametrize("country", ["XX", "", "Belarus"])
def test_a_country_without_a_calendar_is_an_error(country: str) -> None:
    with pytest.raises(ConfigError, match="no calendar is known"):
        Calendar(country)


@pytest.mark.parametrize("day", ["2026-02-30", "1 May", ""])
def test_a_decree_for_no_day_is_an_error(day: str) -> None:
    with pytest.raises(ConfigError, match="no date"):
        Calendar("BY", (DayOverride(day=day, trading=True),))


# Templates ---------------------------------------------------------------------------------------------------------

PHASES = {
    "SCHEDULED": "08:00:00",
    "INTAKE": "09:00:00",
    "TRADING": "10:00:00",
    "CLOSING": "15:00",
    "CLOSED": "15:30:00",
}


def template(**changes: object) -> SessionTemplate:
    values: dict[str, object] = {
        "name": "oil",
        "section": "agricultural",
        "purpose": "export",
        "mechanism": "cdca",
        "phases": PHASES,
        "instruments": (TemplateInstrument(instrument="oil-brest"),),
    }
    return SessionTemplate(**{**values, **changes})  # type: ignore[arg-type]


def planner(zone: str = "Europe/Minsk", country: str = "BY", days: int = 2, **changes: object) -> Planner:
    exchange = ExchangeConfig(time_zone=zone, country=country)
    return Planner(Config(exchange=exchange, sessions=(template(**changes),), plan_days=days))


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def planned(of: Planner, now: str) -> dict[str, dict[Phase, datetime.datetime]]:
    found = {}
    for it in of.plan(utc(now)):
        assert isinstance(it.command, CreateSession)
        found[it.session] = {
            phase.phase: datetime.datetime.fromtimestamp(phase.at[0], datetime.UTC) for phase in it.command.phases
        }
    return found


def test_the_next_trading_days_are_planned_and_a_day_that_began_is_not() -> None:
    found = planned(planner(), "2026-04-17 04:59:59")
    assert list(found) == ["oil-2026-04-17", "oil-2026-04-22"]
    assert found["oil-2026-04-17"][Phase.TRADING] == utc("2026-04-17 07:00:00")
    # 08:00 in Minsk is 05:00 UTC: what should have begun is not created any more.
    assert list(planned(planner(), "2026-04-17 05:00:00")) == ["oil-2026-04-22"]


def test_the_day_is_that_of_the_exchange_and_not_of_utc() -> None:
    """At 22:30 UTC it is the next day in Minsk."""
    assert list(planned(planner(days=1), "2026-04-22 22:30:00")) == ["oil-2026-04-23"]


def test_local_times_stay_where_the_clocks_are_moved() -> None:
    """Germany: summer time from 29 March 2026, winter time from 25 October."""
    berlin = planner("Europe/Berlin", "DE", days=3)
    spring = planned(berlin, "2026-03-27 00:00:00")
    assert [phases[Phase.TRADING] for phases in spring.values()] == [
        utc("2026-03-27 09:00:00"),
        utc("2026-03-30 08:00:00"),
        utc("2026-03-31 08:00:00"),
    ]
    autumn = planned(berlin, "2026-10-23 00:00:00")
    assert [phases[Phase.TRADING].hour for phases in autumn.values()] == [8, 9, 9]


def test_planning_again_gives_the_same_ids() -> None:
    first, second = (list(planner().plan(utc("2026-04-17 00:00:00"))) for _ in range(2))
    assert [(it.session, it.client_id) for it in first] == [(it.session, it.client_id) for it in second]
    assert len({it.client_id for it in first}) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mechanism": "lottery"}, "mechanism"),
        ({"phases": {"NOON": "12:00"}}, "phase"),
        ({"phases": {"TRADING": "25:00"}}, "no time"),
        ({"phases": {"TRADING": "10:00+03:00"}}, "no time"),
        ({"phases": {}}, "empty"),
        ({"weekdays": ()}, "empty"),
        ({"instruments": (TemplateInstrument(instrument="oil", lower="cheap"),)}, "lower"),
    ],
)
def test_a_template_that_is_no_session_is_told_at_the_start(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        planner(**changes)


def test_two_templates_of_one_name_are_an_error() -> None:
    with pytest.raises(ConfigError, match="two templates"):
        Planner(Config(sessions=(template(), template(section="timber"))))


def test_a_time_zone_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        planner("Europe/Atlantis")
