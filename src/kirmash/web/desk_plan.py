"""The form that plans a session: its fields, filled from an earlier session or from nothing, and as create_session.

Times are those of the exchange's zone; bounds and rates are typed in per cent and become parts per million, exactly or
not at all. What cannot be a session is refused by the command's own reader, and brought back to the field it stands in.
Pure, but for the views that an earlier session is read from.
"""

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from kirmash.messages.kinds import Mechanism
from kirmash.protocol.shapes import PLANS
from kirmash.queries import Queries, rows
from kirmash.web.desk import Fault
from kirmash.web.tables import ask_all
from kirmash.web.ticket import figure_in, moment_in
from kirmash.web.words import Words

PHASES: Final = tuple(phase.name for phase in PLANS[Mechanism.CALL])
"""Every phase that a plan may hold, in order; a continuous auction knows all but two of them."""
ONLY_CALL: Final = frozenset(PHASES) - {phase.name for phase in PLANS[Mechanism.CDCA]}
NEEDED: Final = ("INTAKE", "TRADING", "CLOSING", "CLOSED")

LINES_MAX: Final = 120
RATES_MAX: Final = 24
LINES_SPARE: Final = 3
RATES_SPARE: Final = 2
MORE: Final = 5
FIELDS_MAX: Final = 900
LINE: Final = ("instrument", "reference", "lower", "upper", "down", "up")
RATE: Final = ("side", "resident", "currency", "rate", "floor")
PPM_OF_PERCENT: Final = 10_000

_PATH: Final = re.compile(r"(instruments|phases|deposit)\[(\d+)\](?:\.(\w+))?", re.ASCII)
_NAMES: Final = {"down_ppm": "down", "up_ppm": "up", "rate_ppm": "rate"}
_DATED: Final = re.compile(r"(?:[-_.]?(?:\d{4}-\d{2}-\d{2}|\d{8})(?:[-_T]?\d{4,6})?)+$", re.ASCII)
"""What an id ends with that names a day, and perhaps a time of day: no part of the series' name."""


class Plan(Struct, frozen=True, kw_only=True):
    """A form as typed, read: the command's fields, what was wrong already, and which field stands for which."""

    values: dict[str, Any]
    faults: list[Fault]
    places: dict[str, str]

    def at_fields(self, faults: list[Fault]) -> list[Fault]:
        """Faults of the command, at the fields of the form."""
        return [
            Fault(field=self._place(it.field), text=it.text, cure=it.cure, rule=it.rule, anchor=it.anchor)
            for it in faults
        ]

    def _place(self, field: str | None) -> str | None:
        found = _PATH.fullmatch(field or "")
        if found is None:
            return {"phases": "at_SCHEDULED", "instruments": "i1_instrument"}.get(field or "", field)
        row = self.places.get(f"{found[1]}[{found[2]}]", field or "")
        if found[1] == "phases":
            return row
        name = found[3] or ("instrument" if found[1] == "instruments" else "currency")
        return f"{row}_{_NAMES.get(name, name)}"


def counts_of(values: Mapping[str, str]) -> tuple[int, int]:
    """How many rows of instruments and of deposit rates the form has."""
    return (
        _count(values.get("lines"), LINES_SPARE, LINES_MAX),
        _count(values.get("rates"), RATES_SPARE, RATES_MAX),
    )


def read_plan(words: Words, values: Mapping[str, str]) -> Plan:
    """The form as create_session; rows without an instrument or currency are left out."""
    faults: list[Fault] = []
    places: dict[str, str] = {}
    lines, rates = counts_of(values)

    def typed(name: str) -> str:
        return values.get(name, "").strip()

    def figure(row: dict[str, Any], name: str, field: str) -> None:
        if typed(field):
            row[name] = figure_in(typed(field), words.language)

    def percent(row: dict[str, Any], name: str, field: str) -> None:
        if not typed(field):
            return
        ppm = ppm_of(figure_in(typed(field).removesuffix("%"), words.language))
        if ppm is None:
            faults.append(Fault(field=field, text=words.text("run.bad_percent"), rule="PS-0.2"))
        else:
            row[name] = ppm

    phases: list[dict[str, Any]] = []
    for phase in PHASES:
        if typed(f"at_{phase}"):
            places[f"phases[{len(phases)}]"] = f"at_{phase}"
            phases.append({"phase": phase, "at": moment_in(typed(f"at_{phase}"), words.zone)})
    instruments: list[dict[str, Any]] = []
    for at in range(1, lines + 1):
        if any(typed(f"i{at}_{name}") for name in LINE):
            row: dict[str, Any] = {"instrument": typed(f"i{at}_instrument")}
            for name in ("reference", "lower", "upper"):
                figure(row, name, f"i{at}_{name}")
            percent(row, "down_ppm", f"i{at}_down")
            percent(row, "up_ppm", f"i{at}_up")
            places[f"instruments[{len(instruments)}]"] = f"i{at}"
            instruments.append(row)
    deposit: list[dict[str, Any]] = []
    for at in range(1, rates + 1):
        if any(typed(f"d{at}_{name}") for name in ("currency", "rate", "floor")):
            rate: dict[str, Any] = {
                "side": typed(f"d{at}_side"),
                "resident": typed(f"d{at}_resident") != "no",
                "currency": typed(f"d{at}_currency").upper(),
                "rate_ppm": 0,
                "floor": figure_in(typed(f"d{at}_floor"), words.language) or "0",
            }
            percent(rate, "rate_ppm", f"d{at}_rate")
            places[f"deposit[{len(deposit)}]"] = f"d{at}"
            deposit.append(rate)
    given: dict[str, Any] = {
        name: typed(name)
        for name in ("session", "section", "purpose", "mechanism", "self_trade", "names_at")
        if typed(name)
    }
    given |= {"late_entry": bool(typed("late_entry")), "phases": phases, "instruments": instruments, "deposit": deposit}
    return Plan(values=given, faults=faults, places=places)


def ppm_of(percent: str) -> int | None:
    """Parts per million; None where it is no figure, or is finer than that."""
    try:
        ppm = Decimal(percent) * PPM_OF_PERCENT
    except InvalidOperation:
        return None
    if not ppm.is_finite() or ppm < 0 or ppm != ppm.to_integral_value() or ppm > PPM_OF_PERCENT * 100:
        return None
    return int(ppm)


def percent_of(ppm: int | None) -> str:
    """Per cent as a field shows it."""
    if ppm is None:
        return ""
    whole, rest = divmod(ppm, PPM_OF_PERCENT)
    return f"{whole}.{rest:04}".rstrip("0").rstrip(".")


def blank_plan(day: datetime.date) -> dict[str, str]:
    """What is sensible where there is nothing to copy: a continuous auction of one morning."""
    times = {"SCHEDULED": "08:00", "INTAKE": "09:00", "OPENING": "09:45", "TRADING": "10:00", "CLOSING": "12:00"}
    times["CLOSED"] = "12:05"
    return {
        "mechanism": "cdca",
        "self_trade": "cancel_newest",
        "names_at": "close",
        **{f"at_{phase}": f"{day.isoformat()}T{time}" for phase, time in times.items()},
        "lines": str(LINES_SPARE + 1),
        "rates": str(RATES_SPARE + 2),
        **{f"d{at}_side": side for at, side in enumerate(("buy", "sell", "buy", "sell"), 1)},
        **{f"d{at}_resident": "yes" if at <= 2 else "no" for at in range(1, 5)},
    }


class Earlier(Struct, frozen=True):
    """A session that is to be held again."""

    session: rows.Session
    phases: list[rows.SessionPhase]
    deposit: list[rows.SessionDeposit]
    lines: list[rows.SessionInstrument]


def earlier_of(queries: Queries, session: str) -> Earlier | None:
    """Ask the views for a session as it was planned."""
    found = queries.sessions(session=session, limit=1).rows
    if not found:
        return None
    return Earlier(
        found[0],
        queries.session_phases(session),
        queries.session_deposits(session),
        ask_all(lambda cursor, limit: queries.session_instruments(session, cursor=cursor, limit=limit), LINES_MAX + 1),
    )


def id_of_copy(session: str, day: datetime.date) -> str:
    """What a session is called that is held again: the name of the series and the new day."""
    return f"{_DATED.sub('', session)}-{day.isoformat()}".lstrip("-")


def copied_plan(earlier: Earlier, day: datetime.date, zone: ZoneInfo) -> dict[str, str]:
    """The same session on another day: its plan as first made, moved to begin on that day."""
    it = earlier.session
    planned = [(phase.phase, _local(phase.first_planned, zone)) for phase in earlier.phases]
    first = min((at for _, at in planned), default=datetime.datetime.combine(day, datetime.time(), zone))
    by = day - first.date()
    values = {
        "session": id_of_copy(it.session, day),
        "section": it.section,
        "purpose": it.purpose,
        "mechanism": it.mechanism,
        "self_trade": it.self_trade,
        "names_at": it.names_at,
        "late_entry": "on" if it.late_entry else "",
    }
    values |= {f"at_{phase}": _field(at.replace(tzinfo=None) + by) for phase, at in planned}
    lines = earlier.lines[:LINES_MAX]
    for at, line in enumerate(lines, 1):
        percents = (percent_of(line.down_ppm), percent_of(line.up_ppm))
        shown = (line.instrument, line.reference, line.lower, line.upper, *percents)
        values |= {f"i{at}_{name}": value or "" for name, value in zip(LINE, shown, strict=True)}
    for at, rate in enumerate(earlier.deposit[:RATES_MAX], 1):
        given = (rate.side, "yes" if rate.resident else "no", rate.currency, percent_of(rate.rate_ppm), rate.floor)
        values |= {f"d{at}_{name}": value for name, value in zip(RATE, given, strict=True)}
    values["lines"] = str(min(len(lines) + LINES_SPARE, LINES_MAX))
    values["rates"] = str(min(len(earlier.deposit) + RATES_SPARE, RATES_MAX))
    return values


def with_more_rows(values: Mapping[str, str]) -> dict[str, str]:
    """The same form with room for more instruments and rates."""
    lines, rates = counts_of(values)
    return {**values, "lines": str(min(lines + MORE, LINES_MAX)), "rates": str(min(rates + MORE, RATES_MAX))}


def _local(at: str, zone: ZoneInfo) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{at[:19]}+00:00").astimezone(zone)


def _field(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S" if at.second else "%Y-%m-%dT%H:%M")


def _count(text: str | None, least: int, most: int) -> int:
    return min(max(int(text), least), most) if text and text.isascii() and text.isdigit() and len(text) < 6 else least
