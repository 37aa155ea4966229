"""The order ticket: what a person typed, as the fields of a command, and what he should know before he sends it.

A figure is taken as people of the language write it (digits in groups of three, a decimal comma) only where there is
one reading; everything else is left as typed, for the exchange to refuse with its rule. Whether an order is admitted is
decided by the market alone; here stands the one question of ours, whether a price that is far from the market is really
meant.
"""

import datetime
import re
import secrets
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from kirmash.publication.updates import BookSnapshot
from kirmash.queries import rows

JsonObject = dict[str, Any]

FAR_PERCENT: Final = 10
"""How far, in per cent of the last deal or the reference, a price may be away without a question."""

TIMES: Final = ("session", "until", "ioc", "fok")
SIDES: Final = ("buy", "sell")
AT_ONCE: Final = frozenset({"ioc", "fok"})
MATCHING: Final = "TRADING"

_BLANK: Final = r"[ \t\u00a0\u2007\u2009\u202f]"
_WHOLE: Final = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{_BLANK}[0-9]{{3}})+)"
_FIGURE: Final = {
    "en": re.compile(rf"(?:{_WHOLE}|[0-9]{{1,3}}(?:,[0-9]{{3}})+)(?:\.[0-9]+)?"),
    "ru": re.compile(rf"{_WHOLE}(?:[.,][0-9]+)?"),
}
_NO_DIGIT: Final = re.compile(rf"{_BLANK}|,")

Word = Annotated[str, Meta(max_length=200)]
Figure = Annotated[str, Meta(max_length=60)]
Name = Annotated[str, Meta(max_length=36)]


class Ticket(Struct, frozen=True, kw_only=True):
    """The form as posted. `client_id` was made when it was rendered; `confirmed` is the price that was asked about;
    `order` is set where an order is amended."""

    client_id: Name = ""
    instrument: Word = ""
    side: Word = ""
    price: Figure = ""
    quantity: Figure = ""
    client: Word = ""
    minimum: Figure = ""
    indivisible: Word = ""
    time_in_force: Word = "session"
    until: Figure = ""
    confirmed: Figure = ""
    action: Word = ""
    order: Word = ""


class Amendment(Struct, frozen=True, kw_only=True):
    """The form of an order's change. A field that is as it was is left out of the command."""

    client_id: Name = ""
    instrument: Word = ""
    price: Figure = ""
    quantity: Figure = ""
    minimum: Figure = ""
    until: Figure = ""
    confirmed: Figure = ""
    action: Word = ""


class Simple(Struct, frozen=True, kw_only=True):
    """A form that is a button."""

    client_id: Name = ""
    instrument: Word = ""


class Anchor(Struct, frozen=True):
    """What a price is measured by: the last deal's price, or the reference. `kind`: last, reference."""

    kind: str
    price: str


class Far(Struct, frozen=True):
    """A price that should be confirmed; `price` is as the command would have it, `percent` whole, rounded down."""

    price: str
    percent: int
    anchor: Anchor


def new_client_id() -> str:
    """An id for the command of a form that is being rendered."""
    return f"web.{secrets.token_hex(14)}"


def figure_in(text: str, language: str) -> str:
    """A figure as typed, in the exchange's own form where it can only be meant so."""
    plain = text.strip()
    if not _FIGURE[language].fullmatch(plain):
        return plain
    return _NO_DIGIT.sub("", plain if language == "en" else plain.replace(",", "."))


def order_values(ticket: Ticket, session: str, language: str, zone: ZoneInfo) -> JsonObject:
    """The fields of place_order."""
    values: JsonObject = {
        "session": session,
        "instrument": ticket.instrument,
        "side": ticket.side,
        "price": figure_in(ticket.price, language),
        "quantity": figure_in(ticket.quantity, language),
        "time_in_force": ticket.time_in_force or "session",
    }
    if ticket.client:
        values["client"] = ticket.client
    if ticket.minimum.strip():
        values["minimum"] = figure_in(ticket.minimum, language)
    if ticket.indivisible:
        values["indivisible"] = True
    if ticket.until.strip():
        values["until"] = moment_in(ticket.until, zone)
    return {name: value for name, value in values.items() if value != ""}


def amend_values(form: Amendment, order: rows.Order, language: str, zone: ZoneInfo) -> JsonObject:
    """The fields of amend_order: what is not as it was."""
    values: JsonObject = {"order": order.order}
    for name in ("price", "quantity", "minimum"):
        given = figure_in(getattr(form, name), language)
        if given and not _same(given, getattr(order, name)):
            values[name] = given
    if form.until.strip():
        until = moment_in(form.until, zone)
        if order.until is None or form.until.strip() != moment_out(order.until, zone):
            values["until"] = until
    return values


def moment_in(text: str, zone: ZoneInfo) -> str:
    """A day and time of the exchange's zone, as RFC 3339; what is none is left as it is."""
    try:
        given = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return text.strip()
    return (given.replace(tzinfo=zone) if given.tzinfo is None else given).isoformat()


def moment_out(at: str, zone: ZoneInfo) -> str:
    """A time as a field of a form shows it, in the exchange's zone."""
    return datetime.datetime.fromisoformat(f"{at[:19]}+00:00").astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def anchor_of(book: BookSnapshot, line: rows.SessionInstrument) -> Anchor | None:
    """The last deal's price, else the reference; None where there is neither."""
    if book.last_price is not None:
        return Anchor("last", book.last_price)
    return None if line.reference is None else Anchor("reference", line.reference)


def far_off(price: str, anchor: Anchor | None) -> Far | None:
    """Whether a price is more than FAR_PERCENT away; what is no figure is not for us to judge."""
    if anchor is None:
        return None
    try:
        given, by = Decimal(price), Decimal(anchor.price)
    except InvalidOperation:
        return None
    if not given.is_finite() or by <= 0:
        return None
    away = abs(given - by) * 100
    if away <= by * FAR_PERCENT:
        return None
    return Far(price, int(min(away // by, Decimal(999_999))), anchor)


def times_of(mechanism: str, phase: str) -> tuple[str, ...]:
    """The times in force that the present phase takes (PS-1.2)."""
    if mechanism == "cdca" and phase == MATCHING:
        return TIMES
    return tuple(name for name in TIMES if name not in AT_ONCE)


def _same(given: str, present: str | None) -> bool:
    if present is None:
        return False
    try:
        return Decimal(given) == Decimal(present)
    except InvalidOperation:
        return False
