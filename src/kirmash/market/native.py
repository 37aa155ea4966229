"""The native market behind the common door: an adapter over the compiled module `kirmash_market`.

It only passes bytes through. The module is no part of this distribution (extra `kirmash[native]`), so it is imported
here and nowhere else; `choice.py` asks first whether it is there. No rule of the market belongs here.
"""

from collections.abc import Sequence

import kirmash_market


class NativeMarket:
    """The market in Rust. Frames, events and state bytes as in encoding.md EN-2 and EN-4.

    `state` is the bytes of another market's `state()`, of either twin; None makes an empty market. Raises ValueError
    for bytes that are no frame or state, kirmash_market.MarketFault where an assertion of the market does not hold
    (PS-9): nothing of the batch may be committed then, and the market answers no more.
    """

    def __init__(self, state: bytes | None) -> None:
        self._market = kirmash_market.Market(state)

    def apply(self, frame: bytes) -> bytes:
        """Decide one command."""
        return self._market.apply(frame)

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        """Decide commands one after another; events per command, in order."""
        return self._market.apply_batch(frames if isinstance(frames, list) else list(frames))

    def state(self) -> bytes:
        """The whole state in canonical bytes."""
        return self._market.state()

    def open_orders(self) -> int:
        """How many orders are open, parked ones included."""
        return self._market.open_orders()
