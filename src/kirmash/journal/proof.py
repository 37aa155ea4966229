"""Proofs: one record shown to whoever has only a head, without the rest of the journal (docs/reference/journal.md).

A proof leads from the record through the tree of its batch and the tree of batches to a head. Its size grows with the
logarithm of the journal. Checking needs nothing but the proof; what the head is worth depends on where it comes from.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.journal import hashes
from kirmash.journal.errors import NotAJournal
from kirmash.journal.folder import journal_file
from kirmash.journal.hashes import Head
from kirmash.journal.reader import Reader
from kirmash.messages import codec, events
from kirmash.messages.codec import Record

PROOF_FORMAT: Final = "kirmash proof 1"


class ProofBatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch in which the record was committed, and the way from the record to its root."""

    first: int
    last: int
    path: list[str]


class ProofTree(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch's place among the batches, from 1, and the way from it to the root over them."""

    batch: int
    batches: int
    path: list[str]


class ProofHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the head is made of, and the head."""

    number: int
    chain: str
    hash: str


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proof as it stands in JSON; all hashes and the record in hex."""

    format: str
    number: int
    record: str
    batch: ProofBatch
    tree: ProofTree
    head: ProofHead


class ProofFailed(Exception):
    """The proof does not show what it says."""

    exit_code = 1


class Proved(Struct, frozen=True):
    """What a proof shows: the record, and the head under which it stands."""

    record: Record
    head: str
    head_number: int


def prove(path: Path, number: int) -> bytes:
    """The proof of a record under the present head of a data folder or journal file, as one line of JSON.

    Raises NotAJournal where there is no such record.
    """
    file = journal_file(path)
    with Reader(file) as reader:
        head = reader.head()
        row, batch = reader.record(number), reader.batch_of(number)
        if row is None or batch is None or number > head.number:
            raise NotAJournal(f"{file}: there is no record {number}; the journal ends at {head.number}")
        leaves = [hashes.leaf(data) for _, data, _ in reader.records(batch.first - 1, batch.last)]
        batches = [
            hashes.leaf(hashes.batch_entry(other.first, other.last, other.root))
            for other in reader.batches(0, head.batches)
        ]
    proof = Proof(
        format=PROOF_FORMAT,
        number=number,
        record=row.record.hex(),
        batch=ProofBatch(
            first=batch.first,
            last=batch.last,
            path=[step.hex() for step in hashes.audit_path(leaves, number - batch.first)],
        ),
        tree=ProofTree(
            batch=batch.batch,
            batches=head.batches,
            path=[step.hex() for step in hashes.audit_path(batches, batch.batch - 1)],
        ),
        head=ProofHead(number=head.number, chain=head.chain.hex(), hash=head.hash),
    )
    return msgspec.json.encode(proof)


def parties_of(record: Record) -> list[str]:
    """The participants of whose orders, deals or accounts this record tells, by id."""
    named: set[str] = set()
    for event in codec.decode_events(record.events):
        match event:
            case events.DealMade(buyer=buyer, seller=seller):
                named |= {buyer, seller}
            case events.AccountChanged(participant=participant):
                named.add(participant)
    return sorted(named)


def check_proof(data: bytes, head: str | None = None) -> Proved:
    """What a proof shows, checked without the journal; with `head` (hex), also that it is under this very head.

    Raises ProofFailed.
    """
    try:
        proof = msgspec.json.decode(data, type=Proof)
        record_bytes = bytes.fromhex(proof.record)
        record = codec.decode_record(record_bytes)
        batch_path, tree_path = _hashes(proof.batch.path), _hashes(proof.tree.path)
        (chain,) = _hashes([proof.head.chain])
    except (msgspec.DecodeError, ValueError) as error:
        raise ProofFailed(f"this is no proof: {error}") from None
    if proof.format != PROOF_FORMAT:
        raise ProofFailed(f"the format is {proof.format!r}, this program knows {PROOF_FORMAT!r}")
    first, last, number = proof.batch.first, proof.batch.last, proof.number
    if not 1 <= first <= number <= last <= proof.head.number <= _NUMBER_MAX or record.number != number:
        raise ProofFailed(f"the record says that it is {record.number}; the proof is for {number}")
    root = hashes.root_from_path(hashes.leaf(record_bytes), number - first, last - first + 1, batch_path)
    if root is None:
        raise ProofFailed("the path to the batch's root does not fit the batch's size")
    entry = hashes.leaf(hashes.batch_entry(first, last, root))
    tree = hashes.root_from_path(entry, proof.tree.batch - 1, proof.tree.batches, tree_path)
    if tree is None:
        raise ProofFailed("the path to the head does not fit the number of batches")
    found = Head(proof.head.number, chain, tree, proof.tree.batches).hash
    if found != proof.head.hash.lower():
        raise ProofFailed(f"record {number} does not lead to the head {proof.head.hash}, but to {found}")
    if head is not None and found != head.strip().lower():
        raise ProofFailed(f"the proof is under the head {found} (record {proof.head.number}), not {head}")
    return Proved(record, found, proof.head.number)


_NUMBER_MAX: Final = 2**53 - 1


def _hashes(texts: list[str]) -> list[bytes]:
    found = [bytes.fromhex(text) for text in texts]
    if any(len(value) != hashes.HASH_BYTES for value in found):
        raise ValueError("a hash has 32 bytes")
    return found
