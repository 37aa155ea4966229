"""A second, tiny encoder of canonical bytes, from EN-1 and MessagePack's specification alone; it judges the codec."""

import enum
from typing import Any

from msgspec import Struct


def pack(value: Any) -> bytes:
    """Canonical bytes of a plain value: nil, booleans, integers, text, lists."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, str):
        data = value.encode()
        return _header(len(data), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + data
    if isinstance(value, list | tuple):
        return _header(len(value), 0x90, 16, (None, 0xDC, 0xDD)) + b"".join(pack(item) for item in value)
    raise TypeError(type(value))


def plain(message: Any) -> Any:
    """A message as plain lists: [tag, fields…] for a tagged struct, [fields…] for a part."""
    if isinstance(message, Struct):
        tag = message.__struct_config__.tag
        fields = [plain(getattr(message, name)) for name in message.__struct_fields__]
        return fields if tag is None else [tag, *fields]
    if isinstance(message, enum.IntEnum):
        return int(message)
    if isinstance(message, list | tuple):
        return [plain(item) for item in message]
    return message


def _pack_integer(value: int) -> bytes:
    if value >= 0:
        for limit, lead, size in ((2**7, b"", 1), (2**8, b"\xcc", 1), (2**16, b"\xcd", 2), (2**32, b"\xce", 4)):
            if value < limit:
                return lead + value.to_bytes(size, "big")
        return b"\xcf" + value.to_bytes(8, "big")
    if value >= -32:
        return value.to_bytes(1, "big", signed=True)
    for bits, lead, size in ((7, b"\xd0", 1), (15, b"\xd1", 2), (31, b"\xd2", 4), (63, b"\xd3", 8)):
        if value >= -(2**bits):
            return lead + value.to_bytes(size, "big", signed=True)
    raise OverflowError(value)


def _header(length: int, short: int, short_below: int, leads: tuple[int | None, int, int]) -> bytes:
    if length < short_below:
        return bytes([short | length])
    for lead, size in zip(leads, (1, 2, 4), strict=True):
        if lead is not None and length < 256**size:
            return bytes([lead]) + length.to_bytes(size, "big")
    raise OverflowError(length)
