"""The native market of Kirmash: conversion of bytes, nothing else."""

from typing import final

__all__ = ["Market", "MarketFault"]

class MarketFault(RuntimeError):
    """An assertion of the market does not hold: nothing of the batch may be committed (PS-9)."""

@final
class Market:
    """A market decided in Rust: a pure fold over its own numbered commands."""

    def __new__(cls, state: bytes | None = None) -> Market: ...
    def apply(self, frame: bytes) -> bytes:
        """Decide one command (EN-2). ValueError where the frame is malformed; nothing has changed then."""

    def apply_batch(self, frames: list[bytes]) -> list[bytes]:
        """Decide commands one after another; the events of each, in order."""

    def apply_packed(self, frames: bytes, ends: list[int]) -> tuple[bytes, list[int]]:
        """Decide frames that stand one behind the other, each ending where `ends` says; events likewise."""

    def state(self) -> bytes:
        """The whole state in canonical bytes (EN-4)."""

    def open_orders(self) -> int:
        """How many orders are open, parked ones included."""

    def check(self) -> None:
        """Prove every invariant from scratch; for tests. MarketFault with the sentence that does not hold."""
