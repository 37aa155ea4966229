"""From records to the JSON lines of `kirmash run`: decimals, times and names for people (market-rules PS-0.4, PS-0.6).

Events carry ticks, lots and minor units; what one tick or lot is stands in the listing of the instrument, so a
presenter folds over the records in number order and remembers instruments and the instrument of each order.
Nothing is decided here.
"""

import enum
import typing
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Struct

from kirmash.messages import codec, commands, events
from kirmash.messages.codec import Record
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.fields import Part
from kirmash.messages.kinds import Form, OrderState, Phase
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time, currency_digits, decimals_of, multiple_text, scaled_text
from kirmash.protocol.times import text_from_time

JsonObject = dict[str, Any]
encode_json: Final = msgspec.json.encode
"""JSON without blanks, UTF-8 unescaped, keys in the order of the object."""


class Listing(NamedTuple):
    """What turns an instrument's integers into decimal text."""

    tick: str
    lot: str
    currency: str


_UNLISTED: Final = Listing("1", "1", "XXX")


class Presenter:
    """Folds over records in number order and gives each event as a JSON object with its keys in schema order."""

    def __init__(self) -> None:
        self._listings: MutableMapping[str, Listing] = {}
        self._instrument_of_order: MutableMapping[int, str] = {}

    @classmethod
    def from_state(cls, market_state: bytes) -> "Presenter":
        """The presenter right behind the record whose market state this is (EN-4).

        An instrument that the market has not heard of yet is learned from the follow-up that tells it.
        """
        from kirmash.market.reference.encoding import decode_state

        state = decode_state(market_state)
        presenter = cls()
        presenter._listings = {it.instrument: Listing(it.tick, it.lot, it.currency) for it in state.instruments}
        presenter._instrument_of_order = {it.order: it.instrument for it in state.orders}
        return presenter

    def aside(self, instruments: Mapping[int, str]) -> "Presenter":
        """For one record out of turn: knows what this one knows, and the instruments of these orders; what it learns
        stays with it."""
        presenter = Presenter()
        presenter._listings = ChainMap({}, self._listings)
        presenter._instrument_of_order = ChainMap(dict(instruments), self._instrument_of_order)
        return presenter

    def present(self, record: Record) -> Iterator[JsonObject]:
        """One object an event: number, index, at, cause, event, then the event's fields."""
        at = text_from_time(record.time)
        for index, event in enumerate(codec.decode_events(record.events)):
            self._observe(event, record)
            line: JsonObject = {
                "number": record.number,
                "index": index,
                "at": at,
                "cause": record.cause,
                "event": codec.name_of(type(event)),
            }
            listing = self._listing_of(event, record)
            for name, json_name, show in _fields_of(type(event)):
                value = getattr(event, name)
                if json_name == "reasons":
                    if value is not None:
                        line[json_name] = [self._reason(refusal, record, listing) for refusal in value]
                else:
                    line[json_name] = None if value is None else show(value, listing)
            yield line

    def listing(self, instrument: str) -> Listing:
        """The tick, lot and currency of an instrument."""
        return self._listings.get(instrument, _UNLISTED)

    def _observe(self, event: events.Event, record: Record) -> None:
        if isinstance(event, events.InstrumentListed):
            self._listings[event.instrument] = Listing(event.tick, event.lot, event.currency)
        elif isinstance(event, events.InstrumentAdded):
            added = codec.decode_command(record.command)
            assert isinstance(added, commands.AddInstrument)
            self._listings[added.instrument] = Listing(added.tick, added.lot, added.currency)
        elif isinstance(event, events.OrderAccepted):
            self._instrument_of_order[event.order] = event.instrument

    def _listing_of(self, message: Any, record: Record) -> Listing:
        """By the message's instrument, else its order's, else its currency; a reject is read by its command."""
        if isinstance(message, events.CommandRejected):
            message = codec.decode_command(record.command)
        instrument = getattr(message, "instrument", None)
        order = getattr(message, "order", None)
        if instrument is None and order is not None:
            instrument = self._instrument_of_order.get(order)
        if instrument in self._listings:
            return self._listings[instrument]
        currency = getattr(message, "currency", None)
        return _UNLISTED if currency is None else Listing("1", "1", currency)

    def _reason(self, refusal: events.Refusal, record: Record, listing: Listing) -> JsonObject:
        command = codec.decode_command(record.command)
        return {
            "reason": refusal.reason.text,
            "field": refusal.field,
            "given": _given(command, refusal.field, record),
            "limit": _limit(refusal, listing, command),
            "rule": EXPLANATIONS[refusal.reason].rule,
        }


def command_json(at: Time, actor: str, client_id: str, command: Struct) -> JsonObject:
    """A command as a line of a scenario file: what `kirmash run` would read to give the same command."""
    line: JsonObject = {"at": text_from_time(at), "by": actor, "id": client_id, "command": codec.name_of(type(command))}
    for name, json_name, show in _fields_of(type(command)):
        value = getattr(command, name)
        line[json_name] = value if value is None or isinstance(value, str) else show(value, _UNLISTED)
    return line


def show_record(record: Record) -> Iterator[str]:
    """A record alone, for people: the command as a scenario line, then its events with plain integers (ticks, lots,
    minor units), because what a tick or lot is stands in other records."""
    command = codec.decode_command(record.command)
    yield encode_json(command_json(record.time, record.actor, record.client_id, command)).decode()
    for event in codec.decode_events(record.events):
        yield encode_json({"event": codec.name_of(type(event)), **_plain(event)}).decode()


def _plain(message: Struct) -> JsonObject:
    def show(value: Any) -> Any:
        if isinstance(value, Struct):
            return _plain(value)
        if isinstance(value, enum.IntEnum):
            return _name(value)
        return [show(entry) for entry in value] if isinstance(value, tuple) else value

    return {name.rstrip("_"): show(getattr(message, name)) for name in message.__struct_fields__}


def _given(command: Any, field: str | None, record: Record) -> str | None:
    if field == "by":
        return record.actor
    value = getattr(command, field, getattr(command, f"{field}_", None)) if field is not None else None
    if isinstance(value, enum.IntEnum):
        return _name(value)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    return text_from_time(value) if field in ("until", "resume_at") and value is not None else None


def _limit(refusal: events.Refusal, listing: Listing, command: Any) -> str | None:
    def money(value: int) -> str:
        return scaled_text(value, currency_digits(listing.currency))

    def price(ticks: int) -> str:
        return multiple_text(ticks, listing.tick)

    def quantity(lots: int) -> str:
        return multiple_text(lots, listing.lot)

    match refusal.reason:
        case Reason.PRICE_OFF_GRID:
            return listing.tick
        case Reason.QUANTITY_OFF_GRID:
            return listing.lot
        case Reason.ORDER_NOT_OPEN:
            return None if refusal.low is None else OrderState(refusal.low).name.lower()
        case Reason.MINIMUM_ABOVE_QUANTITY if command.quantity is not None:
            return str(command.quantity)
        case Reason.TOTAL_NOT_ABOVE_FILLED if refusal.low is not None:
            return f"above {quantity(refusal.low)}"
        case Reason.DEPOSIT_SHORT if refusal.low is not None and refusal.high is not None:
            return f"free {money(refusal.low)}, needed {money(refusal.high)}"
        case Reason.PHASE_FORBIDS:
            return None if refusal.low is None else Phase(refusal.low).name
        case Reason.PRICE_OUT_OF_RANGE | Reason.BAND_EXCEEDED:
            show: Callable[[int], str] = price
        case Reason.QUANTITY_OUT_OF_RANGE | Reason.ORDER_TOO_LARGE | Reason.MINIMUM_ABOVE_QUANTITY:
            show = quantity
        case Reason.VALUE_TOO_LARGE:
            show = money
        case _:
            show = str
    if refusal.low is None and refusal.high is None:
        return None
    low = "" if refusal.low is None else show(refusal.low)
    high = "" if refusal.high is None else show(refusal.high)
    return f"{low}…{high}" if refusal.low is not None else high


_Show = Callable[[Any, Listing], Any]


def _name(value: enum.IntEnum) -> str:
    return value.name if isinstance(value, Phase) else value.name.lower()


def _money_text(value: str, listing: Listing) -> str:
    digits = currency_digits(listing.currency)
    return scaled_text(int(value.replace(".", "")) * 10 ** (digits - decimals_of(value)), digits)


_SHOWS: Final[dict[Form, _Show]] = {
    Form.PRICE: lambda value, listing: multiple_text(value, listing.tick),
    Form.QUANTITY: lambda value, listing: multiple_text(value, listing.lot),
    Form.MONEY: lambda value, listing: scaled_text(value, currency_digits(listing.currency)),
    Form.AMOUNT: _money_text,
    Form.TIME: lambda value, _: text_from_time(value),
    Form.ATTRIBUTES: lambda value, _: dict(value),
}


def _as_is(value: Any, _: Listing) -> Any:
    return value


def _show_part(value: Struct, listing: Listing) -> JsonObject:
    return {json_name: show(getattr(value, name), listing) for name, json_name, show in _fields_of(type(value))}


def _show_of(hint: Any) -> _Show:
    for form in getattr(hint, "__metadata__", ()):
        if isinstance(form, Form):
            return _SHOWS.get(form, _as_is)
    arguments = [a for a in get_args(hint) if a is not type(None) and a is not Ellipsis]
    if typing.get_origin(hint) is tuple:
        item = _show_of(arguments[0])
        return lambda value, listing: [item(entry, listing) for entry in value]
    if arguments:
        return _show_of(arguments[0])
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return lambda value, _: _name(value)
    if isinstance(hint, type) and issubclass(hint, Part):
        return _show_part
    return _as_is


@cache
def _fields_of(kind: type[Struct]) -> tuple[tuple[str, str, _Show], ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        (field.name, field.name.rstrip("_"), _show_of(hints[field.name])) for field in msgspec.structs.fields(kind)
    )
