"""JSON Schema of commands and events, made from the message classes (`kirmash schema`, docs/reference/messages.md).

The classes are the one definition; this module only says in JSON Schema's words what their fields may hold.
"""

import enum
import typing
from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec
from msgspec import NODEFAULT, Struct

from kirmash.messages import codec, commands, events
from kirmash.messages.fields import Part
from kirmash.messages.kinds import HASH_PATTERN, PERSON_PATTERN, Form, Phase
from kirmash.messages.limits import CLIENT_ID_BYTES_MAX, ORDINAL_MAX, PPM, TEXT_BYTES_MAX
from kirmash.messages.rejects import Reason
from kirmash.protocol.shapes import COMMANDS

JsonObject = dict[str, Any]

_TEXT: Final[JsonObject] = {"type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX}
_INTEGER: Final[JsonObject] = {"type": "integer", "minimum": 0, "maximum": ORDINAL_MAX}
_DECIMAL_IN: Final[JsonObject] = {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,9})?$"}
_DECIMAL_OUT: Final[JsonObject] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
_TIME: Final[JsonObject] = {"type": "string", "format": "date-time"}

_HASH: Final[JsonObject] = {"type": "string", "pattern": f"^{HASH_PATTERN}$"}

_FORMS: Final[dict[Form, JsonObject]] = {
    Form.TEXT: _TEXT,
    Form.CLIENT_ID: {"type": "string", "minLength": 1, "maxLength": CLIENT_ID_BYTES_MAX},
    Form.DECIMAL: _DECIMAL_IN,
    Form.MONEY_TEXT: _DECIMAL_IN,
    Form.AMOUNT: _DECIMAL_IN,
    Form.PRICE: _DECIMAL_OUT,
    Form.QUANTITY: _DECIMAL_OUT,
    Form.MONEY: _DECIMAL_OUT,
    Form.ORDINAL: {"anyOf": [_INTEGER, {"type": "string", "pattern": "^[0-9]{1,16}$"}]},
    Form.COUNT: _INTEGER,
    Form.PPM: {"type": "integer", "minimum": 0, "maximum": PPM},
    Form.VERSION: {"anyOf": [_INTEGER, _TEXT]},
    Form.COUNTRY: {"type": "string", "pattern": "^[A-Z]{2}$"},
    Form.CURRENCY: {"type": "string", "pattern": "^[A-Z]{3}$"},
    Form.UNIT: {"type": "string", "pattern": "^[A-Z0-9]{1,3}$"},
    Form.TIME: _TIME,
    Form.ATTRIBUTES: {"type": "object", "additionalProperties": _TEXT},
    Form.PERSON: {"type": "string", "pattern": f"^{PERSON_PATTERN}$"},
    Form.HASH: _HASH,
}

_REASON: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "reason": {"enum": [reason.text for reason in Reason]},
        "field": {"type": ["string", "null"]},
        "given": {"type": ["string", "null"]},
        "limit": {"type": ["string", "null"]},
        "rule": {"type": "string"},
    },
    "required": ["reason", "field", "given", "limit", "rule"],
}

_END: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "event": {"const": "end"},
        "commands": _INTEGER,
        "events": _INTEGER,
        "state_hash": _HASH,
        "chain_hash": _HASH,
    },
    "required": ["event", "commands", "events", "state_hash", "chain_hash"],
    "additionalProperties": False,
}
_COMMAND_KINDS: Final = frozenset(COMMANDS.values())


def schema() -> JsonObject:
    """One JSON Schema document: `$defs` holds every command of the doors and every event by its name on the wire."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kirmash commands and events",
        "$comment": "maxLength counts characters; the rule counts bytes in UTF-8 (PS-0.6).",
        "$defs": {
            "command": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in COMMANDS]},
            "event": {"oneOf": [{"$ref": f"#/$defs/{codec.name_of(event)}"} for event in events.EVENTS]},
            "output": {"oneOf": [{"$ref": "#/$defs/event"}, {"$ref": "#/$defs/end"}]},
            **{name: _command(name, kind) for name, kind in COMMANDS.items()},
            **{codec.name_of(kind): _event(kind) for kind in events.EVENTS},
            "end": _END,
        },
    }


def _command(name: str, kind: type[Struct]) -> JsonObject:
    head = {"at": _TIME, "by": _TEXT, "id": _FORMS[Form.CLIENT_ID], "command": {"const": name}}
    described = _object(kind, head, head)
    described["description"] = (kind.__doc__ or "").split("\n")[0]
    return {**described, "additionalProperties": False}


def _event(kind: type[Struct]) -> JsonObject:
    number = _INTEGER
    head = {
        "number": number,
        "index": number,
        "at": _TIME,
        "cause": {"anyOf": [number, {"type": "null"}]},
        "event": {"const": codec.name_of(kind)},
    }
    required = [*head, *(f.name.rstrip("_") for f in msgspec.structs.fields(kind))]
    described = _object(kind, head, required)
    if kind is events.OrderCancelled:
        described["required"].remove("reasons")
    return described


def _object(kind: type[Struct], head: JsonObject, required: Iterable[str]) -> JsonObject:
    hints = typing.get_type_hints(kind, include_extras=True)
    properties: JsonObject = {**head}
    needed = [*required]
    for field in msgspec.structs.fields(kind):
        name = field.name.rstrip("_")
        optional = field.default is not NODEFAULT
        described = {"type": "array", "items": _REASON} if name == "reasons" else _described(hints[field.name])
        # In a command null is as good as absent (PS-0.1).
        if optional and (field.default is None or kind in _COMMAND_KINDS):
            described = {"anyOf": [described, {"type": "null"}]}
        if not optional and name not in needed:
            needed.append(name)
        properties[name] = described
    return {"type": "object", "properties": properties, "required": needed}


def _described(hint: Any) -> JsonObject:
    for form in getattr(hint, "__metadata__", ()):
        if isinstance(form, Form):
            return _FORMS[form]
    arguments = [a for a in get_args(hint) if a is not type(None) and a is not Ellipsis]
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _described(arguments[0])}
    if arguments:
        return _described(arguments[0])
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return {"enum": [member.name if hint is Phase else member.name.lower() for member in hint]}
    if isinstance(hint, type) and issubclass(hint, Part):
        return {**_object(hint, {}, ()), "additionalProperties": False}
    return {"type": "boolean"} if hint is bool else {"type": "string"}


def messages_page() -> str:
    """docs/reference/messages.md: every command, follow-up and event with tag and fields."""
    lines = [
        "# Messages",
        "",
        "Generated from `src/kirmash/messages` by `kirmash schema --page`; a test compares. Canonical bytes are "
        "`[tag, fields in this order]` (see [bytes](encoding.md)), and the forms are those of the bytes: in JSON a "
        "reason is `{reason, field, given, limit, rule}`, attributes are an object, prices, quantities and money are "
        "decimal text. JSON Schema: `kirmash schema`.",
        "",
    ]
    doors = [c for c in (*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS) if c not in commands.FOLLOW_UPS]
    follow_ups = [c for c in (*commands.OFFICE_COMMANDS, *commands.MARKET_COMMANDS) if c in commands.FOLLOW_UPS]
    for title, kinds in (("Commands", doors), ("Follow-ups", follow_ups), ("Events", events.EVENTS)):
        lines += [f"## {title}", ""]
        for kind in kinds:
            decider = f"{commands.decider_of(kind).name.lower()}, " if title != "Events" else ""
            lines += [f"### {codec.name_of(kind)}", "", f"{decider}tag {kind.__struct_config__.tag}."]
            own_text = kind.__doc__ if "__doc__" in vars(kind) else None
            if own_text:
                lines[-1] += " " + " ".join(own_text.split())
            lines += ["", "| field | form | absent |", "|---|---|---|"]
            lines += _page_rows(kind)
            lines.append("")
    return "\n".join(lines)


def _page_rows(kind: type[Struct]) -> list[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(kind):
        default = "" if field.default is NODEFAULT else _default_text(field.default)
        rows.append(f"| `{field.name.rstrip('_')}` | {_form_text(hints[field.name])} | {default} |")
    return rows


def _default_text(default: Any) -> str:
    if isinstance(default, enum.IntEnum):
        return f"`{default.name.lower()}`"
    return {None: "null", (): "[]", True: "true", False: "false"}.get(default, str(default))


def _form_text(hint: Any) -> str:
    for form in getattr(hint, "__metadata__", ()):
        if isinstance(form, Form):
            return form.value.replace("_", " ")
    arguments = [a for a in get_args(hint) if a is not type(None) and a is not Ellipsis]
    if typing.get_origin(hint) is tuple:
        return f"list of {_form_text(arguments[0])}"
    if arguments:
        return _form_text(arguments[0])
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        names = (member.name if hint is Phase else member.name.lower() for member in hint)
        return "reason" if hint is Reason else " / ".join(names)
    if isinstance(hint, type) and issubclass(hint, Part):
        return "{" + ", ".join(f.name.rstrip("_") for f in msgspec.structs.fields(hint)) + "}"
    return {bool: "true or false", int: "integer"}.get(hint, "text")
