"""From records to the JSON lines of `kirmash run`: decimals, times and names for people (market-rules PS-0.4, PS-0.6).

Events carry ticks, lots and minor units; what one tick or lot is stands in the listing of the instrument, so a
presenter folds over the records in number order and remembers instruments and the instrument of each order that is not
final; a final one is forgotten, as the board does it, so that this does not grow with the journal.
Nothing is decided here.

Every record passes through here, so what an event class needs is found out once (`_shape_of`). Folding (`learn`) is
apart from making lines (`line`), since most lines are never asked for. A line may be made as late as one likes: an
instrument's listing never changes, and the instruments of the orders that a record speaks of are given to who learns
it, to be kept with the record. Rejects alone may speak of what is not there yet, and so
their lines have to be made before the next record is learned.
"""

import enum
import typing
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import cache
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, astuple

from kirmash.messages import codec, commands, events
from kirmash.messages.codec import Record
from kirmash.messages.events import Event
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.fields import Part
from kirmash.messages.kinds import Form, OrderState, Phase
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time, currency_digits, decimals_of, multiple, scaled_text
from kirmash.protocol.times import text_from_time

JsonObject = dict[str, Any]
encode_json: Final = msgspec.json.encode
"""JSON without blanks, UTF-8 unescaped, keys in the order of the object."""


class Listing(NamedTuple):
    """What turns an instrument's integers into decimal text; `digits`: decimals of its currency, `nought`: its 0."""

    tick: str
    lot: str
    currency: str
    digits: int
    nought: str


def listing_of(tick: str, lot: str, currency: str) -> Listing:
    """The listing of an instrument by its terms."""
    digits = currency_digits(currency)
    return Listing(tick, lot, currency, digits, scaled_text(0, digits))


@cache
def _only_money(currency: str) -> Listing:
    """For what has a currency, but no instrument."""
    return listing_of("1", "1", currency)


_UNLISTED: Final = listing_of("1", "1", "XXX")
_OPEN: Final = (OrderState.OPEN, OrderState.PARKED)


class Presenter:
    """Folds over records in number order and gives each event as a JSON object with its keys in schema order."""

    def __init__(self) -> None:
        self._listings: MutableMapping[str, Listing] = {}
        self._instrument_of_order: MutableMapping[int, str] = {}
        # The events of a record, and often those of several, are of one time.
        self._time: Time = (0, 0)
        self._at = text_from_time(self._time)

    @classmethod
    def from_state(cls, market_state: bytes) -> "Presenter":
        """The presenter right behind the record whose market state this is (EN-4).

        An instrument that the market has not heard of yet is learned from the follow-up that tells it.
        """
        from kirmash.market.reference.encoding import decode_state

        state = decode_state(market_state)
        presenter = cls()
        presenter._listings = {it.instrument: listing_of(it.tick, it.lot, it.currency) for it in state.instruments}
        presenter._instrument_of_order = {it.order: it.instrument for it in state.orders if it.state in _OPEN}
        return presenter

    def aside(self, instruments: Mapping[int, str]) -> "Presenter":
        """For one record out of turn: knows what this one knows, and the instruments of these orders; what it learns
        stays with it."""
        presenter = Presenter()
        presenter._listings = ChainMap({}, self._listings)
        presenter._instrument_of_order = ChainMap(dict(instruments), self._instrument_of_order)
        return presenter

    def instrument_of(self, order: int) -> str | None:
        """The instrument of an order that was not final yet at the last record; None for any other."""
        return self._instrument_of_order.get(order)

    def present(self, record: Record) -> list[JsonObject]:
        """Take the next record in; one object an event: number, index, at, cause, event, then the event's fields."""
        events = codec.decode_events(record.events)
        told = self.learn(record, events)
        return [self.line(record, index, event, told) for index, event in enumerate(events)]

    def learn(self, record: Record, events: Iterable[Event]) -> Mapping[int, str]:
        """Take the next record in, by its decoded events, without making lines of it; gives the instruments of the
        orders whose events do not say it, for `line`."""
        told: dict[int, str] = {}
        for event in events:
            learner = _LEARNERS.get(type(event))
            if learner is not None:
                learner(self, event, record, told)
        return told

    def line(self, record: Record, index: int, event: Event, told: Mapping[int, str]) -> JsonObject:
        """The object of one event of a record that was learned, the caller's own; `index` is its place there, `told`
        what `learn` gave of the record."""
        shape = _SHAPES[type(event)]
        at = self._at if record.time == self._time else self._text_of(record.time)
        line = {
            "number": record.number,
            "index": index,
            "at": at,
            "cause": record.cause,
            "event": shape.event,
            **(dict(zip(shape.keys, astuple(event), strict=True)) if shape.is_renamed else asdict(event)),
        }
        if shape.needs_listing:
            instrument = line["instrument"] if shape.has_instrument else told.get(line.get("order", -1))
            listing = self._listings.get(instrument or "") or self._listing_of(event, record)
            self._show(line, shape, listing, record)
        return line

    def _text_of(self, time: Time) -> str:
        self._time, self._at = time, text_from_time(time)
        return self._at

    def _show(self, line: JsonObject, shape: "_Shape", listing: Listing, record: Record) -> None:
        for names, step in ((shape.prices, listing.tick), (shape.quantities, listing.lot)):
            for name in names:
                value = line[name]
                if value is not None:
                    line[name] = multiple(value, step)
        for name in shape.money:
            # Mostly two of the four numbers of an account are 0.
            value = line[name]
            line[name] = scaled_text(value, listing.digits) if value else listing.nought
        for name, show in shape.others:
            value = line[name]
            if value is not None:
                line[name] = show(value, listing)
        if shape.has_reasons:
            reasons = line["reasons"]
            if reasons is None:
                del line["reasons"]
            else:
                line["reasons"] = [self._reason(refusal, record, listing) for refusal in reasons]

    def listing(self, instrument: str) -> Listing:
        """The tick, lot and currency of an instrument."""
        return self._listings.get(instrument, _UNLISTED)

    def learn_listed(self, event: events.InstrumentListed, _: Record, __: dict[int, str]) -> None:
        self._listings[event.instrument] = listing_of(event.tick, event.lot, event.currency)

    def learn_added(self, _: events.InstrumentAdded, record: Record, __: dict[int, str]) -> None:
        added = codec.decode_command(record.command)
        assert isinstance(added, commands.AddInstrument)
        self._listings[added.instrument] = listing_of(added.tick, added.lot, added.currency)

    def learn_order(self, event: events.OrderAccepted, _: Record, __: dict[int, str]) -> None:
        self._instrument_of_order[event.order] = event.instrument

    def tell_order(
        self,
        event: events.OrderAmended | events.OrderRested | events.OrderParked,
        _: Record,
        told: dict[int, str],
    ) -> None:
        instrument = self._instrument_of_order.get(event.order)
        if instrument is not None:
            told[event.order] = instrument

    def forget_cancelled(self, event: events.OrderCancelled, _: Record, told: dict[int, str]) -> None:
        instrument = self._instrument_of_order.get(event.order)
        if instrument is not None:
            told[event.order] = instrument
            self._instrument_of_order.pop(event.order, None)

    def forget_filled(self, event: events.DealMade, _: Record, __: dict[int, str]) -> None:
        if not event.buy_open:
            self._instrument_of_order.pop(event.buy_order, None)
        if not event.sell_open:
            self._instrument_of_order.pop(event.sell_order, None)

    def _listing_of(self, message: Any, record: Record) -> Listing:
        """By the message's instrument, else its order's, else its currency; a reject is read by its command."""
        if type(message) is events.CommandRejected:
            message = codec.decode_command(record.command)
        instrument = getattr(message, "instrument", None)
        if instrument is None:
            order = getattr(message, "order", None)
            if order is not None:
                instrument = self._instrument_of_order.get(order)
        if instrument is not None:
            listing = self._listings.get(instrument)
            if listing is not None:
                return listing
        currency = getattr(message, "currency", None)
        return _UNLISTED if currency is None else _only_money(currency)

    def _reason(self, refusal: events.Refusal, record: Record, listing: Listing) -> JsonObject:
        command = codec.decode_command(record.command)
        return {
            "reason": refusal.reason.text,
            "field": refusal.field,
            "given": _given(command, refusal.field, record),
            "limit": _limit(refusal, listing, command),
            "rule": EXPLANATIONS[refusal.reason].rule,
        }


_LEARNERS: Final[dict[type[Struct], Callable[[Presenter, Any, Record, dict[int, str]], None]]] = {
    events.InstrumentListed: Presenter.learn_listed,
    events.InstrumentAdded: Presenter.learn_added,
    events.OrderAccepted: Presenter.learn_order,
    events.OrderAmended: Presenter.tell_order,
    events.OrderRested: Presenter.tell_order,
    events.OrderParked: Presenter.tell_order,
    events.OrderCancelled: Presenter.forget_cancelled,
    events.DealMade: Presenter.forget_filled,
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
    return text_from_time(value) if field in ("until", "resume_at") and isinstance(value, tuple) else None


def _limit(refusal: events.Refusal, listing: Listing, command: Any) -> str | None:
    def money(value: int) -> str:
        return scaled_text(value, listing.digits)

    def price(ticks: int) -> str:
        return multiple(ticks, listing.tick)

    def quantity(lots: int) -> str:
        return multiple(lots, listing.lot)

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
    return scaled_text(int(value.replace(".", "")) * 10 ** (listing.digits - decimals_of(value)), listing.digits)


_SHOWS: Final[dict[Form, _Show]] = {
    Form.PRICE: lambda value, listing: multiple(value, listing.tick),
    Form.QUANTITY: lambda value, listing: multiple(value, listing.lot),
    Form.MONEY: lambda value, listing: scaled_text(value, listing.digits),
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
        names = {member: _name(member) for member in hint}
        return lambda value, _: names[value]
    if isinstance(hint, type) and issubclass(hint, Part):
        return _show_part
    return _as_is


@cache
def _fields_of(kind: type[Struct]) -> tuple[tuple[str, str, _Show], ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        (field.name, field.name.rstrip("_"), _show_of(hints[field.name])) for field in msgspec.structs.fields(kind)
    )


class _Shape(NamedTuple):
    """What it takes to show the events of one class: keys in schema order (`is_renamed`: not those of the class), then
    which of them are shown how."""

    event: str
    keys: tuple[str, ...]
    is_renamed: bool
    prices: tuple[str, ...]
    quantities: tuple[str, ...]
    money: tuple[str, ...]
    others: tuple[tuple[str, _Show], ...]
    has_reasons: bool
    has_instrument: bool
    needs_listing: bool


_STEPS: Final = (_SHOWS[Form.PRICE], _SHOWS[Form.QUANTITY], _SHOWS[Form.MONEY])


def _shape_of(kind: type[Struct]) -> _Shape:
    fields = [(json_name, show) for _, json_name, show in _fields_of(kind)]
    has_reasons = any(name == "reasons" for name, _ in fields)
    shown = [(name, show) for name, show in fields if show is not _as_is and name != "reasons"]
    prices, quantities, money = (tuple(name for name, show in shown if show is step) for step in _STEPS)
    return _Shape(
        event=codec.name_of(kind),
        keys=tuple(name for name, _ in fields),
        is_renamed=[name for name, _ in fields] != list(kind.__struct_fields__),
        prices=prices,
        quantities=quantities,
        money=money,
        others=tuple((name, show) for name, show in shown if show not in _STEPS),
        has_reasons=has_reasons,
        has_instrument="instrument" in kind.__struct_fields__,
        needs_listing=has_reasons or bool(shown),
    )


_SHAPES: Final[dict[type[Struct], _Shape]] = {kind: _shape_of(kind) for kind in events.EVENTS}
