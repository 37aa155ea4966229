"""The market's Python face: one door for both markets.

The reference market (`reference/`, plain Python) and the native market (`native.py`, Rust behind it) take the same
frames and give the same bytes; `both` runs them side by side and stops at the first difference. What a market decides
stands in docs/reference/market-rules.md, the bytes in docs/reference/encoding.md. No clock, randomness or I/O here.
"""

from collections.abc import Callable, Sequence
from typing import Protocol


class Market(Protocol):
    """A market: a pure fold over its own numbered commands."""

    def apply(self, frame: bytes) -> bytes:
        """Decide one command. `frame` and the events given back are as in EN-2."""
        ...

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        """Decide commands one after another; events per command, in order."""
        ...

    def state(self) -> bytes:
        """The whole state in canonical bytes (EN-4)."""
        ...

    def open_orders(self) -> int:
        """How many orders are open, parked ones included."""
        ...


MarketLoader = Callable[[bytes | None], Market]
"""Makes a market from the bytes of `state()`, or an empty one from None."""
