"""What is wrong with a query or a body that is not of its struct, in our own words.

msgspec finds the mistake and says it in the words of Python's types; whoever sent the request may know neither. Here
its sentence becomes a field and one of ours. What is not recognised is said in general words, never in the library's.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Struct, inspect

_KINDS: Final = {
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "float": "a number",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_OTHER: Final = "must be of another kind"
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$")
_KEY: Final = re.compile(r" - at `key.*`$")
_EXPECTED: Final = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`)?(.*)")
_LENGTH: Final = re.compile(r" of length (>=|<=) (\d+)")
_BOUND: Final = re.compile(r" (>=|<=|>|<) (-?[0-9.]+)")


def worded(error: msgspec.ValidationError, kind: type[Struct], *, is_query: bool = False) -> tuple[str | None, str]:
    """The field, if one can be named, and what is wrong with it. In a query every value is text, so that this is not
    told."""
    text = _KEY.sub("", str(error))
    found = _PATH.search(text)
    path, said = (found[1] or None, text[: found.start()]) if found else (None, text)
    for start, reason in (("Object missing required field `", "is missing"), ("Object contains unknown field `", "")):
        if said.startswith(start):
            name = said[len(start) :].split("`")[0]
            field = name if path is None else f"{path}.{name}"
            return field, reason or "unknown field"
    if said.startswith("Invalid enum value"):
        options = _options(kind, path)
        return path, f"must be one of {', '.join(options)}" if options else "is none of the values that it can have"
    return path, _expected(said, is_query=is_query)


def _expected(said: str, *, is_query: bool) -> str:
    found = _EXPECTED.fullmatch(said)
    if found is None:
        return _OTHER
    wanted, got, more = found.groups()
    kinds = [_KINDS.get(name) for name in wanted.split(" | ") if name != "null"]
    if not more:
        if None in kinds:
            return _OTHER
        is_what = "" if is_query or got not in _KINDS else f", is {_KINDS[got]}"
        return f"must be {' or '.join(kind for kind in kinds if kind is not None)}{is_what}"
    if (length := _LENGTH.fullmatch(more)) is not None:
        least_or_most = "least" if length[1] == ">=" else "most"
        return f"must have at {least_or_most} {length[2]} {'entries' if wanted == 'array' else 'characters'}"
    if (bound := _BOUND.fullmatch(more)) is not None and bound[1] in (">=", "<="):
        return f"must be at {'least' if bound[1] == '>=' else 'most'} {bound[2]}"
    return "has not the form that it must have" if more.startswith(" matching") else _OTHER


def _options(kind: type[Struct], path: str | None) -> list[str]:
    """What a field of the struct itself can be, where that is one of some words."""
    shown = inspect.type_info(kind)
    assert isinstance(shown, inspect.StructType)
    name = re.sub(r"\[.*", "", path or "")
    found: Any = next((field.type for field in shown.fields if field.encode_name == name), None)
    if isinstance(found, inspect.ListType | inspect.VarTupleType):
        found = found.item_type
    several = found.types if isinstance(found, inspect.UnionType) else (found,)
    for one in several:
        if isinstance(one, inspect.EnumType):
            return [str(member.value) for member in one.cls]
        if isinstance(one, inspect.LiteralType):
            return [str(value) for value in one.values]
    return []
