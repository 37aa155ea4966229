"""A market that watches itself: what has to hold after any command of any stream is asserted after each (PS-3.3, PS-8).

Both markets decide every command where the native one is installed, else the reference market alone. After each: the
same events and state bytes (PS-8.5), every invariant of either market, and no trace of a command that was refused. From
`reload` on, markets that were loaded from the state bytes go along, and have to go on as those that wrote them.
"""

from collections.abc import Sequence
from typing import Any

from kirmash.market import Market
from kirmash.market.choice import MarketsDiffer, market_loader, native_is_installed
from kirmash.market.reference import ReferenceMarket
from kirmash.messages import codec
from kirmash.messages.events import CommandRejected

MARKETS = ("reference", "native") if native_is_installed() else ("reference",)


class WatchedMarket:
    """The markets of `MARKETS` behind one door, and those loaded from their bytes. Raises MarketsDiffer."""

    def __init__(self) -> None:
        self._markets: dict[str, Market] = {name: market_loader(name)(None) for name in MARKETS}
        self._state = self._markets["reference"].state()

    def apply(self, frame: bytes) -> bytes:
        given = {name: market.apply(frame) for name, market in self._markets.items()}
        events = given["reference"]
        _all_same("events", given, frame)
        states = {name: market.state() for name, market in self._markets.items()}
        _all_same("state bytes", states, frame)
        for market in self._markets.values():
            _check(market)
        if isinstance(codec.decode_events(events)[0], CommandRejected):
            assert states["reference"] == self._state, "a reject left a trace (PS-3.3)"
        self._state = states["reference"]
        return events

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        return self._state

    def open_orders(self) -> int:
        return self._markets["reference"].open_orders()

    def reload(self) -> None:
        """From here on, markets made from the present bytes go along in place of those of the last reload."""
        for name in MARKETS:
            self._markets[f"{name}, loaded"] = market_loader(name)(self._state)


def _check(market: Any) -> None:
    """The native market's own check stands behind its adapter: no door of the exchange needs it."""
    (market if isinstance(market, ReferenceMarket) else market._market).check()


def _all_same(what: str, given: dict[str, bytes], frame: bytes) -> None:
    if len(set(given.values())) > 1:
        shown = ", ".join(f"{name}: {data.hex()}" for name, data in given.items())
        raise MarketsDiffer(f"{what} differ after frame {frame.hex()}: {shown}")
