"""Which market runs: `native`, `reference` or `both` (KIRMASH_MARKET, `--market`).

`both` is for tests and the cautious: each command is decided twice, and unequal events are a fault, never a choice.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from kirmash.market import Market, MarketLoader


class MarketsDiffer(Exception):
    """The twins gave different bytes for the same command: a fault of ours (PS-9), the process has to stop."""


class MarketMissing(Exception):
    """The native market was asked for and is not installed."""

    exit_code = 2


class BothMarkets:
    """The native and the reference market side by side; each answer is compared."""

    def __init__(self, native: Market, reference: Market) -> None:
        self._native = native
        self._reference = reference

    def apply(self, frame: bytes) -> bytes:
        native, reference = self._native.apply(frame), self._reference.apply(frame)
        if native != reference:
            raise MarketsDiffer(f"events differ: native {native.hex()} reference {reference.hex()} frame {frame.hex()}")
        return reference

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        native, reference = self._native.state(), self._reference.state()
        if native != reference:
            raise MarketsDiffer("state bytes differ")
        return reference

    def open_orders(self) -> int:
        return self._reference.open_orders()


def native_is_installed() -> bool:
    """Whether the compiled market can be imported."""
    return find_spec("kirmash_market") is not None


def market_loader(choice: str | None = None) -> MarketLoader:
    """The loader of the chosen market; without a choice the native one where it is installed, else the reference.

    Raises MarketMissing if the native market is asked for by name and is not there.
    """
    choice = choice or ("native" if native_is_installed() else "reference")
    if choice != "reference" and not native_is_installed():
        raise MarketMissing(
            "the native market is not installed: build it with `make setup` (cargo is needed), or choose --market "
            "reference"
        )
    if choice == "native":
        return _native
    if choice == "reference":
        return _reference
    return lambda state: BothMarkets(_native(state), _reference(state))


def _native(state: bytes | None) -> Market:
    from kirmash.market.native import NativeMarket

    return NativeMarket(state)


def _reference(state: bytes | None) -> Market:
    from kirmash.market.reference import ReferenceMarket

    return ReferenceMarket(state)
