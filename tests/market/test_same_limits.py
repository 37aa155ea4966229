"""Limits, reject numbers and enumerations are the same in Rust as in Python, by name and value (PS-9, PS-0, EN-1).

Vectors show what a limit does; this shows that no side has one that the other lacks. The Rust sources are read as text:
their constants are private to the crate, and a door to them would be there for this test alone.
"""

import ast
import enum
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kirmash.messages import kinds, limits
from kirmash.messages.rejects import Reason

CRATE = Path(__file__).parents[2] / "crates" / "market" / "src"

ONLY_PYTHON = {
    "CLIENT_ID_BYTES_MAX": "client ids are the doors' and the journal's; no frame of the market carries one",
    "COMMAND_BYTES_MAX": "checked before a command is numbered",
    "FRAME_BYTES_MAX": "checked by the doors that take frames",
    "FOLLOW_UP_ITEMS_MAX": "follow-ups are made by the office's reactors",
    "FOLLOW_UP_CHAIN_MAX": "follow-ups are numbered by the sequencer",
    "DECIMAL_SCALE": "stands in units.rs as DECIMALS_MAX, compared below",
}
ONLY_RUST = {
    "DEAL_VALUE_MAX": "follows from ORDER_VALUE_MAX; Python's integers need no bound for a sum of products",
}
OFFICE_REASONS = {
    Reason.UNKNOWN_PARTICIPANT,
    Reason.UNKNOWN_TRADER,
    Reason.UNKNOWN_CARD,
    Reason.UNKNOWN_DEAL,
    Reason.UNKNOWN_WITHDRAWAL,
    Reason.CONTRACT_NOT_OPEN,
    Reason.WITHDRAWAL_NOT_OPEN,
}
"""Reasons of commands that the office decides alone: the market has no word for them."""
ONLY_PYTHON_ENUMERATIONS = {"Decider"}
"""Which machine owns a command is the sequencer's business."""

_CONSTANT = re.compile(r"^(?:pub\(crate\) )?const ([A-Z_]+): \w+ = ([^;]+);", re.MULTILINE)
_REASONS = re.compile(r"pub\(crate\) enum Reason \{([^}]*)\}")
_CLOSED = re.compile(r"^closed! \{(?:\s*///[^\n]*)*\s*(\w+) \{([^}]*)\}", re.MULTILINE)
_MEMBER = re.compile(r"(\w+) = (\d+)")
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
}


def rust_constants(file: str) -> dict[str, int]:
    """The integer constants of a file by name; a later one may be made of earlier ones."""
    known: dict[str, int] = {}
    for name, value in _CONSTANT.findall((CRATE / file).read_text()):
        known[name] = value_of(ast.parse(value.strip(), mode="eval").body, known)
    return known


def value_of(node: ast.expr, known: Mapping[str, int]) -> int:
    """The value of a Rust constant; what is written there so far is also an expression of Python."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](value_of(left, known), value_of(right, known))
        case _:
            raise AssertionError(f"a form of constant that this test cannot read: {ast.dump(node)}")


def python_limits() -> dict[str, int]:
    """All that the module of limits says in capitals."""
    return {name: value for name, value in vars(limits).items() if name.isupper()}


def members_of(text: str) -> dict[str, int]:
    """`SellerCorrection = 6` as Python has it: SELLER_CORRECTION, 6."""
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): int(number) for name, number in _MEMBER.findall(text)}


def rust_enumerations() -> dict[str, dict[str, int]]:
    """Every enumeration of kinds.rs by its name."""
    return {name: members_of(text) for name, text in _CLOSED.findall((CRATE / "kinds.rs").read_text())}


def python_enumerations() -> dict[str, dict[str, int]]:
    """Every enumeration of kinds.py that stands as an integer in bytes."""
    return {
        name: {member.name: member.value for member in kind}
        for name, kind in vars(kinds).items()
        if isinstance(kind, type) and issubclass(kind, enum.IntEnum)
    }


def test_both_sides_have_the_same_limits() -> None:
    """PS-9: one that only one side has must be named above, with its reason."""
    rust, python = rust_constants("limits.rs"), python_limits()
    assert len(rust) >= 14
    assert {name: rust.get(name) for name in python if name not in ONLY_PYTHON} == {
        name: python.get(name) for name in rust if name not in ONLY_RUST
    }


def test_an_exception_is_one() -> None:
    """A limit that both sides have by now, or that nobody has, must not stay among the exceptions."""
    rust, python = rust_constants("limits.rs").keys(), python_limits().keys()
    assert ONLY_PYTHON.keys() == python - rust
    assert ONLY_RUST.keys() == rust - python


def test_decimals_go_equally_far() -> None:
    """PS-0.6: at most 15 digits and 9 decimals; exact values are counts of the smallest of them."""
    text = re.findall(r"const (WHOLE_DIGITS_MAX|DECIMALS_MAX|NANO): \w+ = ([0-9_]+);", (CRATE / "units.rs").read_text())
    assert {name: int(value) for name, value in text} == {
        "WHOLE_DIGITS_MAX": 15,
        "DECIMALS_MAX": limits.DECIMAL_SCALE,
        "NANO": 10**limits.DECIMAL_SCALE,
    }


def test_reject_reasons_have_the_same_numbers_and_names() -> None:
    """PS-0: numbers are never reused; the market lacks the office's reasons and no other."""
    (text,) = _REASONS.findall((CRATE / "reject.rs").read_text())
    wanted = {reason.name: reason.value for reason in Reason if reason not in OFFICE_REASONS}
    assert members_of(text) == wanted


def test_enumerations_have_the_same_numbers_and_names() -> None:
    """EN-1: in bytes an enumeration is its integer."""
    python = python_enumerations()
    assert rust_enumerations() == {n: members for n, members in python.items() if n not in ONLY_PYTHON_ENUMERATIONS}
    assert python.keys() >= ONLY_PYTHON_ENUMERATIONS


def test_every_enumeration_of_the_rust_side_was_read() -> None:
    """A block that the pattern above does not know would otherwise go unseen."""
    assert len(rust_enumerations()) == len(re.findall(r"^closed! \{", (CRATE / "kinds.rs").read_text(), re.MULTILINE))
    assert (CRATE / "limits.rs").read_text().count("const ") == len(rust_constants("limits.rs")) + (
        (CRATE / "limits.rs").read_text().count("const _")
    )


@pytest.mark.parametrize(
    "text, value",
    [("1_000", 1_000), ("(1 << 53) - 1", 2**53 - 1), ("22 * BASE", 220), ("BASE + 1", 11)],
)
def test_constants_are_read_as_rust_means_them(text: str, value: int) -> None:
    assert value_of(ast.parse(text, mode="eval").body, {"BASE": 10}) == value
