"""Every hash of the journal: the chain over records, the trees over batches, the head (docs/reference/journal.md).

Trees are those of RFC 6962 section 2.1: leaf = SHA-256(00 ‖ entry), node = SHA-256(01 ‖ left ‖ right), the left part
as large a power of two as fits. Pure functions of bytes; whoever has only this page can check a proof.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
EMPTY_TREE: Final = hashlib.sha256(b"").digest()
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def genesis(exchange_id: str) -> bytes:
    """chain₀ of PS-8.3."""
    return hashlib.sha256(b"kirmash journal 1" + exchange_id.encode()).digest()


def link(chain: bytes, record: bytes) -> bytes:
    """The chain hash after a record (PS-8.3)."""
    return hashlib.sha256(chain + record).digest()


def head_of(number: int, chain: bytes, tree: bytes) -> bytes:
    """The hash that stands for the whole journal up to a batch's end: last number, chain there, tree of batches."""
    return hashlib.sha256(b"kirmash head 1" + number.to_bytes(8, "big") + chain + tree).digest()


def leaf(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(_LEAF + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(_NODE + left + right).digest()


def batch_entry(first: int, last: int, root: bytes) -> bytes:
    """What the tree of batches has as leaf of a batch: its first and last number and the root over its records."""
    return first.to_bytes(8, "big") + last.to_bytes(8, "big") + root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaf hashes.

    Level by level; an odd one at the end moves up unchanged, which gives the tree of the RFC.
    """
    if not leaves:
        return EMPTY_TREE
    level = list(leaves)
    while len(level) > 1:
        above = [node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root, from the bottom up (RFC 6962 section 2.1.1)."""
    level, path = list(leaves), []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        above = [node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level, index = above, index // 2
    return path


def root_from_path(start: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes | None:
    """The root that a leaf hash and its audit path give; None where the path does not fit index and size.

    `index` counts from 0 in a tree of `size` leaves.
    """
    if not 0 <= index < size:
        return None
    steps, found, last = iter(path), start, size - 1
    while last:
        if index % 2:
            beside = next(steps, None)
            if beside is None:
                return None
            found = node(beside, found)
        elif index < last:
            beside = next(steps, None)
            if beside is None:
                return None
            found = node(found, beside)
        index, last = index // 2, last // 2
    return None if next(steps, None) is not None else found


class GrowingTree:
    """The tree over a list that only grows, by its peaks: the roots of the full subtrees, largest first.

    A new leaf costs one hash on average, the root at most one per peak.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count():
            raise ValueError(f"{len(self._peaks)} peaks are not those of a tree of {size}")

    def push(self, entry: bytes) -> bytes:
        """Take in an entry; gives the root of the largest full subtree that ends with it, the newest peak."""
        peak, size = leaf(entry), self.size
        while size % 2:
            peak = node(self._peaks.pop(), peak)
            size //= 2
        self._peaks.append(peak)
        self.size += 1
        return peak

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._peaks:
            return EMPTY_TREE
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node(peak, root)
        return root


def peaks_at(size: int) -> list[int]:
    """Which entries, counted from 1, completed the peaks of a tree of this size, largest first."""
    ends, end = [], 0
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            end += 1 << bit
            ends.append(end)
    return ends


class Head(NamedTuple):
    """Where a journal ends: last number, chain hash there, root of the tree of batches, how many batches."""

    number: int
    chain: bytes
    tree: bytes
    batches: int

    @property
    def hash(self) -> str:
        """The head as it is printed and noted: 64 hex digits."""
        return head_of(self.number, self.chain, self.tree).hex()
