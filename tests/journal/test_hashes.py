"""The trees are those of RFC 6962, whichever way they are computed; the chain and the head are what the pages say."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.journal import hashes

# The entries and roots with which implementations of RFC 6962 are commonly tested.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_the_rfc(entries: list[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + by_the_rfc(entries[:k]) + by_the_rfc(entries[k:])).digest()


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_the_well_known_ones(size: int) -> None:
    assert hashes.root_of([hashes.leaf(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=3), max_size=40))
def test_both_ways_to_a_root_agree_with_the_rfc(entries: list[bytes]) -> None:
    growing = hashes.GrowingTree()
    peaks = [growing.push(entry) for entry in entries]
    expected = by_the_rfc(entries)
    assert growing.root() == expected
    assert hashes.root_of([hashes.leaf(entry) for entry in entries]) == expected
    kept = [peaks[end - 1] for end in hashes.peaks_at(len(entries))]
    again = hashes.GrowingTree(len(entries), kept)
    assert again.root() == expected
    again.push(b"one more")
    assert again.root() == by_the_rfc([*entries, b"one more"])


@given(st.integers(1, 70), st.data())
def test_a_path_leads_to_the_root_and_only_from_its_own_place(size: int, data: st.DataObject) -> None:
    entries = [bytes([at]) for at in range(size)]
    leaves = [hashes.leaf(entry) for entry in entries]
    index = data.draw(st.integers(0, size - 1))
    path = hashes.audit_path(leaves, index)
    root = by_the_rfc(entries)
    assert hashes.root_from_path(leaves[index], index, size, path) == root
    assert len(path) <= (size - 1).bit_length()
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index) if size > 1 else st.none())
    if other is not None:
        assert hashes.root_from_path(leaves[other], index, size, path) != root
        assert hashes.root_from_path(leaves[index], other, size, path) != root
        assert hashes.root_from_path(leaves[index], index, size, path[:-1]) != root
    assert hashes.root_from_path(leaves[index], index, size, [*path, root]) is None
    assert hashes.root_from_path(leaves[index], size, size, path) is None
    assert hashes.root_from_path(leaves[index], -1, size, path) is None


def test_chain_and_head_are_as_documented() -> None:
    start = hashlib.sha256(b"kirmash journal 1" + b"exchange").digest()
    assert hashes.genesis("exchange") == start
    assert hashes.link(start, b"record") == hashlib.sha256(start + b"record").digest()
    head = hashes.Head(258, start, hashes.EMPTY_TREE, 0)
    expected = hashlib.sha256(b"kirmash head 1" + b"\0\0\0\0\0\0\x01\x02" + start + hashes.EMPTY_TREE)
    assert head.hash == expected.hexdigest()
    assert hashes.batch_entry(1, 256, start) == b"\0" * 7 + b"\x01" + b"\0" * 6 + b"\x01\0" + start


def test_peaks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="peaks"):
        hashes.GrowingTree(3, [hashes.EMPTY_TREE])
