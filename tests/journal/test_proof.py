"""A proof shows one record to whoever has a head and nothing else; one that was touched shows nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from kirmash.journal.errors import NotAJournal
from kirmash.journal.hashes import Head
from kirmash.journal.proof import ProofFailed, check_proof, prove
from kirmash.journal.reader import Reader
from tests.journal.made import make_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    path = tmp_path_factory.mktemp("proof") / "data"
    return path, make_folder(path, (5, 1, 8, 2, 1, 1, 3))


def test_every_record_can_be_proved(made: tuple[Path, Head]) -> None:
    path, head = made
    with Reader(path / "journal.db") as reader:
        records = [data for _, data, _ in reader.records()]
    for number, data in enumerate(records, 1):
        proof = prove(path, number)
        shown = check_proof(proof, head.hash)
        assert (shown.record.number, shown.head, shown.head_number) == (number, head.hash, head.number)
        assert json.loads(proof)["record"] == data.hex()
        assert b"\n" not in proof


def test_there_is_no_proof_of_what_is_not_there(made: tuple[Path, Head]) -> None:
    for number in (-1, 0, made[1].number + 1):
        with pytest.raises(NotAJournal, match="no record"):
            prove(made[0], number)


def flipped(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


TOUCHED: dict[str, tuple[list[Any], Any]] = {
    "the record": (["record"], lambda text: text[:-2] + flipped(text[-2:])),
    "the number": (["number"], lambda number: number + 1),
    "a step in the batch": (["batch", "path", 0], flipped),
    "a step less": (["batch", "path"], lambda path: path[:-1]),
    "a step more": (["tree", "path"], lambda path: [*path, path[0]]),
    "the batch's first": (["batch", "first"], lambda number: number - 1),
    "the batch's last": (["batch", "last"], lambda number: number + 1),
    "the place among batches": (["tree", "batch"], lambda number: number - 1),
    "the number of batches": (["tree", "batches"], lambda number: number + 4),
    "a step to the head": (["tree", "path", 1], flipped),
    "the head's number": (["head", "number"], lambda number: number + 1),
    "the chain": (["head", "chain"], flipped),
    "the head": (["head", "hash"], flipped),
    "a hash too short": (["head", "chain"], lambda text: text[2:]),
    "no hex": (["record"], lambda text: "xy" + text[2:]),
    "the format": (["format"], lambda text: text + "0"),
    "a negative number": (["batch", "first"], lambda number: -number),
}


@pytest.mark.parametrize("what", TOUCHED)
def test_a_proof_that_was_touched_shows_nothing(made: tuple[Path, Head], what: str) -> None:
    place, touch = TOUCHED[what]
    proof = json.loads(prove(made[0], 10))
    at = proof
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = touch(at[place[-1]])
    with pytest.raises(ProofFailed):
        check_proof(json.dumps(proof).encode())


def test_a_proof_under_another_head_is_refused(made: tuple[Path, Head], tmp_path: Path) -> None:
    other = make_folder(tmp_path / "data", (5, 1))
    assert check_proof(prove(tmp_path / "data", 2), other.hash).head == other.hash
    with pytest.raises(ProofFailed, match="under the head"):
        check_proof(prove(made[0], 2), other.hash)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"format":"kirmash proof 1"}'])
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(ProofFailed, match="no proof"):
        check_proof(data)


def test_a_proof_grows_with_the_logarithm_of_the_journal(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", [1] * 300)
    proof = json.loads(prove(tmp_path / "data", 150))
    assert len(proof["tree"]["path"]) <= 9
