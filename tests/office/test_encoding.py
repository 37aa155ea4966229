"""The office's state in bytes (docs/reference/encoding.md EN-7, market-rules PS-8.4).

The expected layout is written out by hand from EN-7 and packed by MessagePack's rules for plain lists.
"""

import itertools
from typing import Any

import msgspec
import pytest

from kirmash.messages.commands import Command
from kirmash.messages.kinds import Side
from kirmash.office import Office, StateError
from tests.office.desk import (
    BEE,
    COMPANIES,
    EVERY_COMMAND,
    Desk,
    accredit,
    annul,
    appoint,
    confirm,
    grant,
    list_card,
    list_instrument,
    open_contracts,
    perform,
    person,
    record_profile,
    register,
    register_client,
    request,
    settle,
    suspend,
    terminate,
    withdraw_trader,
)

Layout = list[Any]

FULL: tuple[Command, ...] = (
    BEE,
    register("ant"),
    accredit("bee"),
    suspend("bee"),
    grant("bee", "metal", Side.SELL, "export"),
    grant("bee", "forest", Side.SELL, "domestic"),
    grant("bee", "forest", Side.BUY, "transit"),
    register_client("dog", "bee", group="kennel"),
    register_client("cat", "ant", resident=True),
    appoint("una", "bee"),
    appoint("tom", "ant"),
    withdraw_trader("una"),
    list_card("pine", 9),
    list_card("pine", 10),
    list_card("oak", "1"),
    list_instrument(version=10),
    list_instrument("oak-exw", card="oak", tick="0.01", lot="1"),
    request("w-2", "bee", client="dog", currency="JPY", amount="1000"),
    request("w-1", "ant"),
    settle("w-1"),
    open_contracts(10, 2, 1, 3),
    perform(10),
    terminate(1),
    annul(3),
    record_profile(person(2), "cd" * 32, None),
    record_profile(person(1), "ab" * 32, "una"),
    record_profile(person(2), "ef" * 32, "tom"),
)
TERMS = ["s-1", "pine-fob", "bee", "cat", "ant", None, 25_000, 3]
EXPECTED: Layout = [
    1,
    [
        ["ant", True, [1], None, False, False, []],
        [
            "bee",
            False,
            [1, 2],
            "hive",
            True,
            True,
            [["forest", 1, "transit"], ["forest", 2, "domestic"], ["metal", 2, "export"]],
        ],
    ],
    [["cat", "ant", True, None], ["dog", "bee", False, "kennel"]],
    [["tom", "ant", True], ["una", "bee", False]],
    [["oak", "1", "forest"], ["pine", "10", "forest"], ["pine", "9", "forest"]],
    [["oak-exw", "oak", "1", 1], ["pine-fob", "pine", "10", 500]],
    [["w-1", "ant", None, "EUR", 15_050, 2], ["w-2", "bee", "dog", "JPY", 1_000, 1]],
    [[[1, *TERMS], 4], [[2, *TERMS], 2], [[3, *TERMS], 5], [[10, *TERMS], 3]],
    [["person-" + "0" * 31 + "1", "ab" * 32, "una"], ["person-" + "0" * 31 + "2", "ef" * 32, "tom"]],
]


def test_the_layout_is_that_of_the_page() -> None:
    """EN-7: lists ascending by key, ids by bytes, deals as integers, enumerations as integers."""
    assert msgspec.msgpack.decode(Desk(*FULL).office.state()) == EXPECTED


def test_the_bytes_are_canonical() -> None:
    """EN-1: integers in the shortest form, no maps: what msgspec gives for plain lists."""
    assert Desk(*FULL).office.state() == msgspec.msgpack.encode(EXPECTED)
    assert Office().state() == bytes([0x99, 1, *[0x90] * 8])


def test_ids_sort_by_their_bytes() -> None:
    """PS-0.6: UTF-8 bytes decide, also beyond the basic plane, where UTF-16 would sort otherwise."""
    names = ["a", "ab", "b", "B", "é", "я", "\uffee", "\U00010348"]
    desk = Desk(*(register(name) for name in names))
    rows = msgspec.msgpack.decode(desk.office.state())[1]
    assert [row[0] for row in rows] == sorted(names, key=str.encode)


def test_the_bytes_do_not_tell_in_which_order_registers_grew() -> None:
    """Equal registers, equal bytes."""
    commands: list[Command] = [register("ant"), register("bee"), grant("ant", "metal"), grant("ant", "forest")]
    orders = [order for order in itertools.permutations(commands) if order.index(commands[0]) == 0]
    assert len(orders) == 6
    assert len({Desk(*order).office.state() for order in orders}) == 1


@pytest.mark.parametrize("count", range(len(EVERY_COMMAND) + 1))
def test_state_loads_to_the_same_state(count: int) -> None:
    """state() → Office(state) → state(), after each prefix of all commands."""
    state = Desk(*EVERY_COMMAND[:count]).office.state()
    assert Office(state).state() == state


def test_a_reject_leaves_no_trace_of_number_or_time() -> None:
    """PS-8.4: the state holds neither, so equal histories of accepted commands have equal bytes."""
    quiet, noisy = Desk(*COMPANIES), Desk(*COMPANIES)
    for _ in range(3):
        noisy.refused(confirm("w-9"))
    assert quiet.office.state() == noisy.office.state()


def test_bytes_that_are_no_state_are_refused() -> None:
    """EN-7.3: cut, lengthened, of another version or of another form."""
    state = msgspec.msgpack.encode(EXPECTED)
    for at in range(len(state)):
        with pytest.raises(StateError):
            Office(state[:at])
    for wrong in (state + b"\x00", b"\x99\x02" + state[2:], b"\x99\xcc\x01" + state[2:], b"\x80"):
        with pytest.raises(StateError):
            Office(wrong)


def broken(*path: int, value: Any) -> bytes:
    """The full state with the value at this path replaced."""
    layout = msgspec.msgpack.decode(msgspec.msgpack.encode(EXPECTED))
    at = layout
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return msgspec.msgpack.encode(layout)


@pytest.mark.parametrize(
    "state",
    [
        broken(1, value=[EXPECTED[1][1], EXPECTED[1][0]]),
        broken(1, value=[EXPECTED[1][0], EXPECTED[1][0], EXPECTED[1][1]]),
        broken(1, 0, 2, value=[2, 1]),
        broken(1, 0, 2, value=[1, 1]),
        broken(1, 0, 2, value=[3]),
        broken(1, 0, value=["ant", True, [1], None, False, False, [], "more"]),
        broken(1, 1, 6, value=[["metal", 2, "export"], ["forest", 1, "transit"]]),
        broken(1, 1, 6, value=[["metal", 2, "export"], ["metal", 2, "export"]]),
        broken(2, 0, 1, value="fox"),
        broken(3, 0, 1, value="fox"),
        broken(3, value=[["operator", "ant", True]]),
        broken(4, 0, 1, value=1),
        broken(5, 0, 2, value="2"),
        broken(5, 0, 3, value=0),
        broken(5, 0, 3, value=1_000_001),
        broken(6, 0, 1, value="fox"),
        broken(6, 0, 2, value="dog"),
        broken(6, 0, 2, value="fox"),
        broken(6, 0, 4, value=0),
        broken(6, 0, 5, value=6),
        broken(7, 1, 1, value=1),
        broken(7, 0, 0, 0, value=2),
        broken(8, 0, 2, value="fox"),
        broken(8, value=[EXPECTED[8][1], EXPECTED[8][0]]),
    ],
)
def test_a_state_that_no_journal_leads_to_is_refused(state: bytes) -> None:
    """EN-7.3: out of order, doubled, surplus, of unknown owners, beyond a limit, or in a state that nothing has."""
    with pytest.raises(StateError):
        Office(state)


def test_the_broken_states_are_each_one_change_from_a_good_one() -> None:
    """Were the unbroken layout refused, the test above would show nothing."""
    assert Office(broken(0, value=1)).state() == msgspec.msgpack.encode(EXPECTED)
