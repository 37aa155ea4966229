"""From session templates to sessions: each trading day of a template becomes one create_session some days ahead.

The timetable of the sequencer then does the rest, because a session carries its plan. Planning again is harmless: the
session's id and the client id are made of template and day, so that a session is created once, whatever is restarted.
Pure, but for the configuration it is made from: now is told. Who gives the commands stands in planning.py.
"""

import datetime
import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from kirmash.config import Config, ConfigError, SessionTemplate
from kirmash.core.calendar import Calendar
from kirmash.messages.commands import Command
from kirmash.protocol.shapes import ShapeError, command_from_json

_SOME_MONDAY: Final = datetime.date(2024, 1, 8)


class Planned(NamedTuple):
    """A session to be created."""

    session: str
    client_id: str
    command: Command


class Planner:
    """Plans the sessions of a configuration. Raises ConfigError where a template is no session."""

    def __init__(self, config: Config) -> None:
        try:
            self._zone = ZoneInfo(config.exchange.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigError(f"exchange: time_zone: {config.exchange.time_zone!r} is no time zone") from None
        self._calendar = Calendar(config.exchange.country, config.days)
        self._templates = config.sessions
        self._days = config.plan_days
        names = [template.name for template in config.sessions]
        for template in config.sessions:
            if names.count(template.name) > 1:
                raise ConfigError(f"sessions: {template.name}: two templates have this name")
            if not template.phases or not template.weekdays:
                raise ConfigError(f"sessions: {template.name}: phases and weekdays must not be empty")
            # A template that is no session is told at the start, and not on its first day.
            self._planned(template, _SOME_MONDAY)

    def plan(self, now: datetime.datetime) -> Iterator[Planned]:
        """The sessions of the next trading days whose first phase is still to come."""
        today = now.astimezone(self._zone).date()
        for template in self._templates:
            for day in self._calendar.next_trading_days(today, self._days, template.weekdays):
                if self._first(template, day) > now:
                    yield self._planned(template, day)

    def _planned(self, template: SessionTemplate, day: datetime.date) -> Planned:
        session = f"{template.name}-{day.isoformat()}"
        values: dict[str, Any] = {
            "session": session,
            "section": template.section,
            "purpose": template.purpose,
            "mechanism": template.mechanism,
            "instruments": list(msgspec.to_builtins(template.instruments)),
            "phases": [
                {"phase": phase, "at": self._at(template, day, at).isoformat()} for phase, at in template.phases.items()
            ],
            "self_trade": template.self_trade,
            "late_entry": template.late_entry,
            "names_at": template.names_at,
            "deposit": list(template.deposit),
        }
        try:
            command = command_from_json("create_session", values)
        except ShapeError as error:
            raise ConfigError(f"sessions: {template.name}: {error}") from None
        digest = hashlib.sha256(session.encode()).hexdigest()
        return Planned(session, f"plan.{digest[:24]}", command)

    def _first(self, template: SessionTemplate, day: datetime.date) -> datetime.datetime:
        return min(self._at(template, day, at) for at in template.phases.values())

    def _at(self, template: SessionTemplate, day: datetime.date, text: str) -> datetime.datetime:
        try:
            time = datetime.time.fromisoformat(text)
            if time.tzinfo is not None:
                raise ValueError
            local = datetime.datetime.combine(day, time, self._zone)
        except ValueError:
            raise ConfigError(f"sessions: {template.name}: phases: {text!r} is no time (HH:MM:SS)") from None
        return local.astimezone(datetime.UTC)
