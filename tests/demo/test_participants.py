"""Simulated participants keep to what is promised of them, whatever chance and the market do to them.

All is read off the events of a market that decides as always; what a participant believes of himself is not asked.
"""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kirmash.messages.kinds import CancelReason, Phase, Side
from kirmash.simulation.exhibits import SERIES
from kirmash.simulation.participants import ORDERS_MAX, REFILL_MS, STOCK_ORDERS, WANDER_PPM, Worth
from tests.demo.fair import BEGIN, Fair

EXHIBITS = {it.instrument: it for series in SERIES for it in series.exhibits}
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]


def assert_promises(fair: Fair) -> None:
    """No crossing, few orders, nothing beyond stock and needs."""
    prices: dict[tuple[str, str, Side], list[int]] = {}
    resting: Counter[tuple[str, str, Side]] = Counter()
    for trader, _, instrument, side, price, open_lots in fair.books.values():
        prices.setdefault((trader, instrument, side), []).append(price)
        resting[trader, instrument, side] += open_lots
    for (trader, instrument, side), own in prices.items():
        sells = prices.get((trader, instrument, Side.SELL), []) if side is Side.BUY else []
        assert not sells or max(own) < min(sells), (trader, instrument)
    assert max(Counter(it[0] for it in fair.books.values()).values(), default=0) <= ORDERS_MAX
    refills = (fair.now - BEGIN * 1_000) // REFILL_MS + 1
    for seat in fair.population.seats:
        for instrument, it in EXHIBITS.items():
            key, most = (seat.trader, instrument), STOCK_ORDERS * it.lots[1]
            buying = fair.bought[key] + resting[(*key, Side.BUY)]
            selling = fair.sold[key] + resting[(*key, Side.SELL)]
            if len(seat.sides) == 2:
                # He has what he began with, half of the most, or bought since.
                assert selling - fair.bought[key] <= most // 2 + 1
                assert buying - fair.sold[key] <= most // 2 + 1
            else:
                assert buying + selling <= most + refills * max(1, it.lots[0] // 2)


def assert_sensible(fair: Fair) -> None:
    """The market never had to refuse them for money, prices, places or their own orders.

    Somebody else's deal with an order at the same moment (order_not_open), or a phase that changed, is no fault.
    """
    assert set(fair.reasons) <= {"ORDER_NOT_OPEN", "PHASE_FORBIDS"}, fair.reasons
    assert fair.cancelled[CancelReason.SELF_TRADE] == 0


@pytest.mark.parametrize("market", MARKETS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), pace=st.integers(1_000, 4_000))
def test_orders_do_not_cross_and_stay_within_stock_and_needs(market: str, seed: int, pace: int) -> None:
    fair = Fair(seed, market)
    for step in range(500_000 // pace):
        fair.step(pace)
        if step % 20 == 0:
            assert_promises(fair)
    assert_promises(fair)
    assert_sensible(fair)
    assert fair.events["DealMade"] > 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), units=st.integers(1, 300))
def test_orders_stay_within_a_small_deposit(seed: int, units: int) -> None:
    """With so little money most orders are too large; nobody asks the market to find that out (deposit_short)."""
    fair = Fair(seed, units=units)
    for _ in range(250):
        fair.step(2_000)
    assert fair.reasons["DEPOSIT_SHORT"] == 0
    assert_sensible(fair)


def test_a_small_deposit_is_used_and_is_what_limits() -> None:
    """Else the test above could not fail."""
    poor, rich = Fair(3, units=150), Fair(3)
    for fair in (poor, rich):
        for _ in range(250):
            fair.step(2_000)
    assert 0 < poor.events["OrderAccepted"] < rich.events["OrderAccepted"]


def test_in_trading_of_a_call_prices_only_become_better() -> None:
    """PS-1.2: nothing is refused for the phase, and there are better prices. The commands of this session only."""
    fair = Fair(5)
    timber = next(series for series in SERIES if series.name == "timber-export")
    times = dict(timber.phases)
    for _ in range(times[Phase.TRADING] + 5):
        fair.step(1_000)
    before = {order: it for order, it in fair.books.items() if it[1].startswith("timber-export")}
    assert before
    for _ in range(times[Phase.DEAL_MAKING] - times[Phase.TRADING] - 20):
        fair.step(1_000)
    after = {order: fair.books[order] for order in before}
    moved = 0
    for order, (_, _, _, side, price, open_lots) in before.items():
        now = after[order]
        assert now[5] == open_lots
        assert now[4] >= price if side is Side.BUY else now[4] <= price
        moved += now[4] != price
    assert moved > 0


def test_the_same_seed_gives_the_same_exchange() -> None:
    chains = []
    for seed in (7, 7, 8):
        fair = Fair(seed)
        for _ in range(100):
            fair.step(2_000)
        chains.append(fair.machine.chain)
    assert chains[0] == chains[1] != chains[2]


@given(seed=st.randoms(use_true_random=False), usual=st.integers(1, 100_000), prices=st.lists(st.integers(1, 10**9)))
def test_worth_stays_near_the_usual_price(seed: Random, usual: int, prices: list[int]) -> None:
    """Whatever visitors pay: within the reach that keeps orders inside of a session's band."""
    worth = Worth(usual)
    reach = usual * WANDER_PPM // 1_000_000 + 1
    for price in prices:
        worth.drawn(price)
        worth.wander(seed)
        assert usual - reach <= worth.ticks <= usual + reach
