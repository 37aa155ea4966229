"""A public book kept up to date from a snapshot and updates, checked against the exchange's own (market-data.md)."""

import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

DEPTH_CHECKED: Final = 10

Level = tuple[str, str, int, str]
"""Price, quantity, number of orders, and how much of the quantity belongs to conditional orders."""


class BookBroken(Exception):
    """An update is missing, or the checksum does not come out: take a new snapshot."""


class Book:
    """The book of one instrument in one session."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        """From a snapshot as REST or WebSocket gives it. Raises BookBroken if its checksum does not come out."""
        self.session: str = snapshot["session"]
        self.instrument: str = snapshot["instrument"]
        self.number: int = snapshot["number"]
        self.last_price: str | None = snapshot["last_price"]
        self._levels: dict[str, dict[str, Level]] = {
            "buy": {level[0]: _level(level) for level in snapshot["bids"]},
            "sell": {level[0]: _level(level) for level in snapshot["asks"]},
        }
        self.check(snapshot["checksum"])

    @property
    def bids(self) -> list[Level]:
        """Who buys, best first."""
        return sorted(self._levels["buy"].values(), key=_price, reverse=True)

    @property
    def asks(self) -> list[Level]:
        """Who sells, best first."""
        return sorted(self._levels["sell"].values(), key=_price)

    def apply(self, update: Mapping[str, Any]) -> None:
        """Take the next update in. Raises BookBroken where it is not the next one."""
        if update["number"] != self.number + 1:
            raise BookBroken(f"update {update['number']} where {self.number + 1} was expected")
        self.number = update["number"]
        fields = update["fields"]
        for side, *level in fields.get("levels", ()):
            if level[1] == "0":
                self._levels[side].pop(level[0], None)
            else:
                self._levels[side][level[0]] = _level(level)
        if "deal" in fields:
            self.last_price = fields["deal"]["price"]
        if "checksum" in update:
            self.check(update["checksum"])

    def checksum(self) -> int:
        """CRC-32 over the text of the best ten levels of either side."""
        lines = [("buy", level) for level in self.bids[:DEPTH_CHECKED]]
        lines += [("sell", level) for level in self.asks[:DEPTH_CHECKED]]
        text = "".join(f"{side} {' '.join(map(str, level))}\n" for side, level in lines)
        return zlib.crc32(text.encode())

    def check(self, checksum: int) -> None:
        """Raises BookBroken where this is not the exchange's checksum."""
        if self.checksum() != checksum:
            raise BookBroken(f"after update {self.number} the checksum does not come out")


def _price(level: Level) -> Decimal:
    return Decimal(level[0])


def _level(given: Sequence[Any]) -> Level:
    price, quantity, orders, conditional = given
    return price, quantity, orders, conditional
