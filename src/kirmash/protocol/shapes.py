"""From JSON values to commands: the shape rules of PS-0.2, PS-0.6 and PS-13, before anything is numbered.

A shape error is the sender's mistake of form: it names the field and the rule, uses up no id and reaches no decider.
Everything that needs the state of the exchange is a business reject and not decided here.
"""

import difflib
import enum
import json
import re
import typing
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

from kirmash.messages import codec, commands
from kirmash.messages.fields import Part
from kirmash.messages.kinds import HASH_PATTERN, PERSON_PATTERN, Form, Mechanism, Phase, TimeInForce
from kirmash.messages.limits import CLIENT_ID_BYTES_MAX, ORDINAL_MAX, PPM, TEXT_BYTES_MAX
from kirmash.messages.units import canonical_decimal
from kirmash.protocol.times import text_from_time, time_from_text

JsonObject = dict[str, Any]
_Reader = Callable[[Any, str], Any]

PLANS: Final[dict[Mechanism, tuple[Phase, ...]]] = {
    Mechanism.CDCA: (
        Phase.SCHEDULED,
        Phase.INTAKE,
        Phase.ADMISSION,
        Phase.OPENING,
        Phase.TRADING,
        Phase.CLOSING,
        Phase.CLOSED,
    ),
    Mechanism.CALL: tuple(p for p in Phase if p not in (Phase.HALTED, Phase.CANCELLED)),
}
"""The phases that a plan may hold, in their order (PS-1.1)."""

_DISPENSABLE: Final = frozenset({Phase.SCHEDULED, Phase.ADMISSION, Phase.OPENING, Phase.SELLER_CORRECTION})

_DECIMAL: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_FORMS: Final[dict[Form, tuple[re.Pattern[str], str]]] = {
    Form.COUNTRY: (re.compile("[A-Z]{2}", re.ASCII), "two capital letters (ISO 3166-1)"),
    Form.CURRENCY: (re.compile("[A-Z]{3}", re.ASCII), "three capital letters (ISO 4217)"),
    Form.UNIT: (re.compile("[A-Z0-9]{1,3}", re.ASCII), "one to three capital letters or digits (UN/CEFACT)"),
    Form.PERSON: (re.compile(PERSON_PATTERN, re.ASCII), "person- and 32 digits of 0-9a-f"),
    Form.HASH: (re.compile(HASH_PATTERN, re.ASCII), "a SHA-256 in 64 digits of 0-9a-f"),
}
_ORDINAL_TEXT: Final = re.compile("[0-9]{1,16}", re.ASCII)


class ShapeError(Exception):
    """A command whose form is wrong: the field (None where none can be named), what is wrong, and the rule."""

    def __init__(self, field: str | None, reason: str, rule: str) -> None:
        super().__init__(f"{field}: {reason} ({rule})" if field else f"{reason} ({rule})")
        self.field = field
        self.reason = reason
        self.rule = rule


class _Field(typing.NamedTuple):
    name: str
    json_name: str
    read: _Reader
    required: bool
    default: Any


COMMANDS: Final[dict[str, type[Struct]]] = {
    codec.name_of(command): command
    for command in (*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS)
    if command not in commands.FOLLOW_UPS
}
"""The commands that a door takes, by their name on the wire."""


_FOLLOW_UPS: Final = frozenset(codec.name_of(command) for command in commands.FOLLOW_UPS)


def load_json(text: str) -> JsonObject:
    """One JSON object; raises ShapeError for anything else and for a key given twice."""
    if text.startswith("\ufeff"):
        raise ShapeError(None, "starts with a byte order mark; save the file without one", "PS-13.1")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_float=_Number, parse_constant=_Number, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        if text.lstrip(" \t").startswith("#"):
            raise ShapeError(None, "# starts a comment in column 1 only", "PS-13.1") from None
        raise ShapeError(None, f"not JSON from column {error.colno} on", "PS-0.2") from None
    except RecursionError:
        raise ShapeError(None, "nested too deeply", "PS-0.2") from None
    if not isinstance(value, dict):
        raise ShapeError(None, "not a JSON object", "PS-0.1")
    _refuse_twice(value, "")
    return value


def command_from_json(name: Any, values: JsonObject) -> commands.Command:
    """The command of this name; absent and null optionals become their defaults. Raises ShapeError."""
    if not isinstance(name, str):
        raise ShapeError("command", f"must be text, is {_short(name)}", "PS-0.2")
    if name in _FOLLOW_UPS:
        raise ShapeError("command", f"{name} is a follow-up: only the exchange itself gives it", "PS-0.2")
    if name not in COMMANDS:
        raise ShapeError("command", f"unknown command {_short(name)}{_did_you_mean(name, COMMANDS)}", "PS-0.2")
    command: commands.Command = _read_struct(COMMANDS[name], values, "")
    _check_together(command)
    return command


def read_text(value: Any, path: str) -> str:
    """Text of 1 to 200 bytes as it stands (PS-0.6)."""
    return _sized_text(value, path, TEXT_BYTES_MAX)


def read_client_id(value: Any, path: str) -> str:
    """A client id: text of 1 to 36 bytes (PS-13.5)."""
    return _sized_text(value, path, CLIENT_ID_BYTES_MAX)


def read_time(value: Any, path: str) -> tuple[int, int]:
    """An RFC 3339 time."""
    if not isinstance(value, str):
        raise ShapeError(path, "must be text with an RFC 3339 time", "PS-0.6")
    try:
        return time_from_text(value)
    except ValueError as error:
        raise ShapeError(path, str(error), "PS-13.3") from None


class _Number(typing.NamedTuple):
    """A JSON number that is no integer from 0 to 2^53 - 1; kept until the field that holds it can be named."""

    text: str


class _Twice(JsonObject):
    """An object in which a key stands twice; kept until the field that holds it can be named."""

    key: str


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    values = dict(pairs)
    if len(values) < len(pairs):
        values = _Twice(values)
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                values.key = key
                break
            seen.add(key)
    return values


def _refuse_twice(values: JsonObject, prefix: str) -> None:
    if isinstance(values, _Twice):
        raise ShapeError(f"{prefix}{printable(values.key)}", "is given twice", "PS-0.6")


def _integer(text: str) -> int | _Number:
    return int(text) if len(text) <= 16 and not text.startswith("-") and int(text) <= ORDINAL_MAX else _Number(text)


def printable(text: str, most: int = 60) -> str:
    """Text from outside as it may stand in a message: one line, no control characters, not too long."""
    shown = text[:most] + ("…" if len(text) > most else "")
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode()


def _short(value: Any) -> str:
    """A JSON value as it stands in the file, shortened."""
    if isinstance(value, _Number):
        return printable(value.text)
    if isinstance(value, str):
        return f'"{printable(value)}"'
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return {None: "null", True: "true", False: "false"}.get(value, str(value))


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:60], [*known], n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _sized_text(value: Any, path: str, most: int) -> str:
    if not isinstance(value, str):
        raise ShapeError(path, f"must be text, is {_short(value)}", "PS-0.6")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ShapeError(path, "is not valid Unicode: it holds half of a surrogate pair", "PS-13.2") from None
    if not 1 <= size <= most:
        raise ShapeError(path, f"must have 1 to {most} bytes in UTF-8, has {size}", "PS-0.6")
    return value


def _read_decimal(value: Any, path: str) -> str:
    if isinstance(value, int | _Number) and not isinstance(value, bool):
        raise ShapeError(path, f'is the number {_short(value)}; put it in quotes: "{_short(value)}"', "PS-0.6")
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        wanted = 'must be decimal text with up to 15 digits and 9 decimals, like "98.50"'
        raise ShapeError(path, f"{wanted}, is {_short(value)}", "PS-0.6")
    return canonical_decimal(value)


def _read_amount(value: Any, path: str) -> str:
    text = _read_decimal(value, path)
    if not text.strip("0."):
        raise ShapeError(path, "an amount must be above 0", "PS-0.2")
    return text


def _read_count(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        wanted = "must be an integer from 0 to 2^53 - 1, without decimals or exponent"
        raise ShapeError(path, f"{wanted}, is {_short(value)}", "PS-13.4")
    return value


def _read_ppm(value: Any, path: str) -> int:
    count = _read_count(value, path)
    if count > PPM:
        raise ShapeError(path, "must be at most 1,000,000 (parts per million)", "PS-0.2")
    return count


def _read_ordinal(value: Any, path: str) -> int:
    if isinstance(value, str):
        if _ORDINAL_TEXT.fullmatch(value) is not None and int(value) <= ORDINAL_MAX:
            return int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    wanted = "must be an integer from 0 to 2^53 - 1, or 1 to 16 digits in text"
    raise ShapeError(path, f"{wanted}, is {_short(value)}", "PS-13.4")


def _read_version(value: Any, path: str) -> int | str:
    return read_text(value, path) if isinstance(value, str) else _read_count(value, path)


def _read_bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise ShapeError(path, f"must be true or false, is {_short(value)}", "PS-0.2")
    return value


def _read_attributes(value: Any, path: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ShapeError(path, "must be an object of texts", "PS-0.6")
    _refuse_twice(value, f"{path}.")
    return tuple(
        (read_text(key, f"name in {path}"), read_text(text, f"{path}.{printable(key)}")) for key, text in value.items()
    )


def _form_reader(form: Form) -> _Reader:
    pattern, meaning = _FORMS[form]

    def read(value: Any, path: str) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ShapeError(path, f"must be {meaning}, is {_short(value)}", "PS-0.6")
        return value

    return read


def _enum_reader(kind: type[enum.IntEnum]) -> _Reader:
    names = {(member.name if kind is Phase else member.name.lower()): member for member in kind}

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, str) or value not in names:
            raise ShapeError(path, f"must be one of {', '.join(names)}, is {_short(value)}", "PS-0.2")
        return names[value]

    return read


def _list_reader(item: _Reader, at_least_one: bool) -> _Reader:
    def read(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ShapeError(path, "must be a list", "PS-0.2")
        if at_least_one and not value:
            raise ShapeError(path, "must hold at least one", "PS-0.2")
        return tuple(item(entry, f"{path}[{index}]") for index, entry in enumerate(value))

    return read


_READERS: Final[dict[Form, _Reader]] = {
    Form.TEXT: read_text,
    Form.DECIMAL: _read_decimal,
    Form.MONEY_TEXT: _read_decimal,
    Form.AMOUNT: _read_amount,
    Form.ORDINAL: _read_ordinal,
    Form.COUNT: _read_count,
    Form.PPM: _read_ppm,
    Form.VERSION: _read_version,
    Form.TIME: read_time,
    Form.ATTRIBUTES: _read_attributes,
    **{form: _form_reader(form) for form in _FORMS},
}


def _reader_of(hint: Any, owner: type[Struct]) -> _Reader:
    forms = [m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Form)]
    if forms:
        return _READERS[forms[0]]
    origin = get_origin(hint)
    if origin is tuple:
        return _list_reader(_reader_of(get_args(hint)[0], owner), at_least_one=hint_is_kinds(hint))
    if origin is not None:
        inner = [a for a in get_args(hint) if a is not type(None)]
        return _reader_of(inner[0], owner)
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return _enum_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Part):
        return lambda value, path: _read_part(hint, value, path)
    if hint is bool:
        return _read_bool
    raise TypeError(f"no reader for {hint} in {owner.__name__}")


def hint_is_kinds(hint: Any) -> bool:
    """A list of enumerated kinds has to hold at least one (PS-0, register_participant)."""
    item = get_args(hint)[0]
    return isinstance(item, type) and issubclass(item, enum.IntEnum)


@cache
def fields_of(kind: type[Struct]) -> tuple[_Field, ...]:
    """The fields of a message class with their JSON names, readers and defaults, in schema order."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        _Field(
            field.name,
            field.name.rstrip("_"),
            _reader_of(hints[field.name], kind),
            field.default is NODEFAULT,
            None if field.default is NODEFAULT else field.default,
        )
        for field in msgspec.structs.fields(kind)
    )


def _read_part(kind: type[Struct], value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise ShapeError(path, "must be an object", "PS-0.2")
    return _read_struct(kind, value, f"{path}.")


def _read_struct(kind: type[Struct], values: JsonObject, prefix: str) -> Any:
    _refuse_twice(values, prefix)
    fields = fields_of(kind)
    known = {field.json_name for field in fields}
    for key in values:
        if key not in known:
            meant = _did_you_mean(key, known)
            raise ShapeError(f"{prefix}{printable(key)}", f"unknown field{meant}", "PS-0.1")
    read: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.json_name)
        path = f"{prefix}{field.json_name}"
        if value is not None:
            read[field.name] = field.read(value, path)
        elif not field.required:
            read[field.name] = field.default
        elif field.json_name in values:
            raise ShapeError(path, "must not be null", "PS-0.2")
        else:
            raise ShapeError(path, "is missing", "PS-0.2")
    return kind(**read)


def _check_together(command: commands.Command) -> None:
    if isinstance(command, commands.PlaceOrder):
        if (command.until is not None) != (command.time_in_force is TimeInForce.UNTIL):
            raise ShapeError("until", 'goes with time_in_force "until", and only with it', "PS-0.2")
    elif isinstance(command, commands.CreateSession):
        _check_plan(command)


def _check_plan(command: commands.CreateSession) -> None:
    phases = [planned.phase for planned in command.phases]
    order = PLANS[command.mechanism]
    places = [order.index(phase) for phase in phases if phase in order]
    if len(places) != len(phases) or any(a >= b for a, b in pairwise(places)):
        names = ", ".join(phase.name for phase in order)
        raise ShapeError("phases", f"must be some of {names}, each once and in this order", "PS-1.1")
    needed = set(order) - _DISPENSABLE
    if command.mechanism is Mechanism.CALL:
        either = {Phase.INTAKE, Phase.TRADING}
        if not either & set(phases):
            raise ShapeError("phases", "must hold INTAKE or TRADING", "PS-1.1")
        needed -= either
    if missing := needed - set(phases):
        raise ShapeError("phases", f"must hold {', '.join(phase.name for phase in sorted(missing))}", "PS-1.1")
    for place, (before, after) in enumerate(pairwise(command.phases), start=1):
        if before.at > after.at:
            times = f"{text_from_time(after.at)} is before {text_from_time(before.at)}"
            raise ShapeError(f"phases[{place}].at", f"planned times must not decrease: {times}", "PS-0.2")
