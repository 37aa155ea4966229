"""The uncrossing as arithmetic: price rule, allotment, setting aside, readmission, pairing (PS-4, RULEBOOK 1.8.2)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.market.reference.uncrossing import Equilibrium, Interest, Match, Uncrossing, equilibrium, uncross
from kirmash.messages.kinds import Side

BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    "bids,asks,reference,expected",
    [
        ({102: 50, 101: 30, 100: 40}, {99: 40, 100: 30, 101: 60}, None, (101, 80, -50)),  # V1
        ({102: 100}, {100: 60}, None, (102, 60, 40)),  # V2
        ({102: 60}, {100: 100}, None, (100, 60, -40)),  # V3
        ({102: 80}, {100: 80}, 101, (101, 80, 0)),  # V4
        ({102: 80}, {100: 80}, 105, (102, 80, 0)),  # V5
        ({102: 80}, {100: 80}, 95, (100, 80, 0)),
        ({102: 80}, {100: 80}, None, (101, 80, 0)),  # V6
        ({103: 80}, {100: 80}, None, (101, 80, 0)),  # the middle is rounded down
        ({99: 10}, {100: 10}, None, None),  # V7
        ({99: 10}, {}, 99, None),
        # Of two prices with the greatest volume the one with the smaller surplus is taken.
        ({102: 5, 101: 1}, {100: 5}, None, (102, 5, 0)),
        # Mixed signs: from the greatest price with demand left (100) to the least with supply left (103).
        ({103: 5, 100: 5}, {100: 5, 103: 5}, None, (101, 5, 0)),
        ({103: 5, 100: 5}, {100: 5, 103: 5}, 102, (102, 5, 0)),
        ({103: 5, 100: 5}, {100: 5, 103: 5}, 200, (103, 5, -5)),
        ({103: 5, 100: 5}, {100: 5, 103: 5}, 1, (100, 5, 5)),
    ],
)
def test_price_rule(
    bids: dict[int, int], asks: dict[int, int], reference: int | None, expected: tuple[int, int, int] | None
) -> None:
    """Most volume, then least surplus, then market pressure, then the reference or the middle."""
    assert equilibrium(bids, asks, reference) == (None if expected is None else Equilibrium(*expected))


def interests(side: Side, *orders: tuple[int, int, int] | tuple[int, int, int, int]) -> list[Interest]:
    """Interests from (order, price, open, needs=0), sorted as the book has them; the order is its own priority."""
    made = [
        Interest(order=it[0], side=side, price=it[1], priority=it[0], open=it[2], needs=(*it, 0)[3]) for it in orders
    ]
    return sorted(made, key=lambda it: (-it.price if side is BUY else it.price, it.priority))


def test_example_a_pairs_with_two_pointers() -> None:
    """PS-4 example (a)."""
    done = uncross(interests(BUY, (1, 102, 5), (2, 101, 3)), interests(SELL, (3, 99, 4), (4, 100, 4)), None)
    assert done.equilibrium == Equilibrium(100, 8, 0)
    assert done.matches == [Match(1, 3, 4), Match(1, 4, 1), Match(2, 4, 3)]


def test_example_b_sets_an_indivisible_order_aside_and_reports_it() -> None:
    """PS-4 example (b)."""
    done = uncross(interests(BUY, (1, 102, 5), (2, 101, 4, 4), (3, 100, 3)), interests(SELL, (4, 100, 7)), None)
    assert done.equilibrium == Equilibrium(100, 7, 1)
    assert done.matches == [Match(1, 4, 5), Match(3, 4, 2)]
    assert done.rejected == [2]


def test_example_c_readmits_by_priority_not_by_order_of_removal() -> None:
    """PS-4 example (c)."""
    buys = interests(BUY, (1, 103, 6, 6), (2, 101, 5, 5), (3, 102, 4, 4))
    done = uncross(buys, interests(SELL, (4, 100, 5), (5, 101, 3, 3)), None)
    assert done.equilibrium is not None
    assert (done.equilibrium.price, done.equilibrium.volume) == (100, 5)
    assert done.matches == [Match(2, 4, 5)]
    assert done.rejected == [1, 3]


def test_readmission_asks_for_a_strictly_greater_volume() -> None:
    """PS-4.4. Set aside in turn 3 (1 of 5 left), 5 (5 of 6), 1 (2 of 4): 2 and 4 trade 2. Then 1 would be cut; with 3,
    which would get nothing, the volume would still be 2, so that it stays out; 5 would be cut without it."""
    buys = interests(BUY, (1, 102, 4, 4), (2, 102, 3), (3, 102, 5, 5))
    done = uncross(buys, interests(SELL, (4, 101, 2), (5, 101, 6, 6)), None)
    assert done.equilibrium == Equilibrium(102, 2, 1)
    assert done.matches == [Match(2, 4, 2)]
    assert done.rejected == [5]


def test_a_minimum_binds_the_allotment_not_the_single_deal() -> None:
    """PS-4.6: order 1 needs 4 and gets 4, in two deals of 2."""
    done = uncross(interests(BUY, (1, 100, 6, 4)), interests(SELL, (2, 100, 2), (3, 100, 2)), None)
    assert done.matches == [Match(1, 2, 2), Match(1, 3, 2)]


def test_an_order_given_nothing_is_not_cut() -> None:
    """PS-4.3: order 2 stands behind what is left, so that nothing is set aside."""
    done = uncross(interests(BUY, (1, 100, 5), (2, 100, 4, 4)), interests(SELL, (3, 100, 5)), None)
    assert done.equilibrium == Equilibrium(100, 5, 4)
    assert done.given == {1: 5, 3: 5}
    assert done.rejected == []


def test_no_price_reports_nobody() -> None:
    """PS-4.5: with X = 0 there is no report, though order 1 was set aside."""
    done = uncross(interests(BUY, (1, 101, 5, 5)), interests(SELL, (2, 100, 3)), None)
    assert done == Uncrossing(None, {}, (), ())


def test_a_thousand_conditional_orders_are_set_aside_one_by_one() -> None:
    """PS-4.7: every buy is indivisible and larger than all that is offered."""
    buys = interests(BUY, *((n, 2000 + n % 7, 10, 10) for n in range(1, 1001)))
    done = uncross(buys, interests(SELL, (2001, 1000, 9)), None)
    assert done.equilibrium is None
    plain = interests(BUY, *((n, 2000 + n % 7, 10, 10) for n in range(1, 1001)), (1001, 1500, 4))
    done = uncross(plain, interests(SELL, (2001, 1000, 9)), None)
    assert done.matches == [Match(1001, 2001, 4)]
    assert done.rejected == list(range(1, 1001))


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Interest], list[Interest], int | None]:
    """Two small sides at few prices, many of them conditional."""
    ids = iter(range(1, 100))
    sides = []
    for _ in (BUY, SELL):
        rows = draw(st.lists(st.tuples(st.integers(95, 105), st.integers(1, 9), st.integers(0, 9)), max_size=9))
        sides.append([(next(ids), price, quantity, min(needs, quantity)) for price, quantity, needs in rows])
    reference = draw(st.none() | st.integers(90, 110))
    return interests(BUY, *sides[0]), interests(SELL, *sides[1]), reference


@given(books())
def test_allotment_keeps_limits_needs_and_priority(book: tuple[list[Interest], list[Interest], int | None]) -> None:
    """Whatever the book: nobody beyond his limit, nobody cut below his need, nobody served before a better one."""
    buys, sells, reference = book
    done = uncross(buys, sells, reference)
    if done.equilibrium is None:
        assert done == Uncrossing(None, {}, (), ())
        return
    price, volume = done.equilibrium.price, done.equilibrium.volume
    for side in (buys, sells):
        assert sum(done.given.get(it.order, 0) for it in side) == volume > 0
        for it in side:
            given_to = done.given.get(it.order, 0)
            assert given_to <= it.open
            assert given_to == 0 or not worse(it, price)
            assert given_to in (0, it.open) or given_to >= it.needs
        cut = [it for it in side if 0 < done.given.get(it.order, 0) < it.open]
        assert len(cut) <= 1
        unconditional = [it for it in side if it.needs <= 1]
        assert served_in_order(unconditional, done)
    traded: dict[int, int] = {}
    for match in done.matches:
        for order in (match.buy, match.sell):
            traded[order] = traded.get(order, 0) + match.quantity
    assert traded == done.given


@given(books())
def test_without_conditions_the_volume_is_the_greatest_that_any_price_gives(
    book: tuple[list[Interest], list[Interest], int | None],
) -> None:
    """PS-4.1 against a search over every price, also those that no order names."""
    buys, sells, reference = (free(book[0]), free(book[1]), book[2])
    done = uncross(buys, sells, reference)

    def volume(price: int) -> int:
        wanted = sum(it.open for it in buys if it.price >= price)
        return min(wanted, sum(it.open for it in sells if it.price <= price))

    most = max(map(volume, range(94, 107)))
    assert (0 if done.equilibrium is None else done.equilibrium.volume) == most
    if done.equilibrium is not None:
        assert volume(done.equilibrium.price) == most


def worse(it: Interest, price: int) -> bool:
    return it.price < price if it.side is BUY else it.price > price


def free(side: Sequence[Interest]) -> list[Interest]:
    """The same orders without their conditions."""
    return [Interest(it.order, it.side, it.price, it.priority, it.open) for it in side]


def served_in_order(side: Sequence[Interest], done: Uncrossing) -> bool:
    """Once one is not filled whole, none behind it gets anything."""
    given_to = [(it.open, done.given.get(it.order, 0)) for it in side]
    short = next((place for place, (wanted, got) in enumerate(given_to) if got < wanted), len(given_to))
    return all(got == 0 for _, got in given_to[short + 1 :])
