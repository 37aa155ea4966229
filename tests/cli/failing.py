"""A real market that fails at its first command of one kind, as a market with an error of ours would."""

from collections.abc import Sequence

from kirmash.market import Market, MarketLoader
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.commands import Command


class FailingMarket:
    """Decides as the reference market until a command of this kind comes; then it raises what it was given."""

    def __init__(self, kind: type[Command], error: BaseException) -> None:
        self._market = market_loader("reference")(None)
        self._kind = kind
        self._error = error

    def apply(self, frame: bytes) -> bytes:
        if isinstance(codec.decode_command(codec.decode_frame(frame).command), self._kind):
            raise self._error
        return self._market.apply(frame)

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        return self._market.state()

    def open_orders(self) -> int:
        return self._market.open_orders()


def failing_at(kind: type[Command], error: BaseException) -> MarketLoader:
    """The loader of a market that fails at its first command of this kind."""

    def load(_: bytes | None) -> Market:
        return FailingMarket(kind, error)

    return load
