"""What DESIGN promises of every stream, asked of the events alone: money, limits, bands, price-time priority.

The twins may agree and both be wrong. This watcher keeps accounts and books from commands and events only, and looks
into no market: an assertion here fails where a rule is broken, whichever market broke it.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import Aggressor, Phase, Side
from kirmash.sequencer.machine import Decided

LineKey = tuple[str, str]
"""Session and instrument."""

PPM = 1_000_000


@dataclass
class Standing:
    """An order as the events tell of it."""

    line: LineKey
    side: Side
    price: int
    priority: int
    open: int
    minimum: int | None
    indivisible: bool
    in_book: bool = False

    @property
    def is_conditional(self) -> bool:
        return self.indivisible or self.minimum is not None

    def is_before(self, other: "Standing") -> bool:
        """Better price, or the same price and earlier (PS-2.1)."""
        if self.price != other.price:
            return (self.price > other.price) == (self.side is Side.BUY)
        return self.priority < other.priority


@dataclass
class Bounds:
    """What was set for a line, as text and ppm, and the last price in ticks."""

    tick: Fraction
    reference: str | None
    lower: str | None
    upper: str | None
    down_ppm: int | None
    up_ppm: int | None
    last_price: int | None = None

    def hold(self, price: int) -> bool:
        """Whether a price in ticks lies within, bounds included (PS-0.7, PS-10.1, PS-10.2)."""
        lowest = [] if self.lower is None else [ceil(Fraction(self.lower) / self.tick)]
        highest = [] if self.upper is None else [floor(Fraction(self.upper) / self.tick)]
        anchor = self.last_price
        if anchor is None and self.reference is not None:
            anchor = max(floor(Fraction(self.reference) / self.tick + Fraction(1, 2)), 1)
        if anchor is not None and self.down_ppm is not None:
            lowest.append(max(ceil(Fraction(anchor * (PPM - self.down_ppm), PPM)), 1))
        if anchor is not None and self.up_ppm is not None:
            highest.append(floor(Fraction(anchor * (PPM + self.up_ppm), PPM)))
        return all(price >= bound for bound in lowest) and all(price <= bound for bound in highest)


class Watcher:
    """Watches the records of one exchange from its first. `seen` counts what there was to judge."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._balances: dict[tuple[str, str | None, str], tuple[int, int, int, int]] = {}
        self._money: Counter[str] = Counter()
        self._orders: dict[int, Standing] = {}
        self._ticks: dict[str, Fraction] = {}
        self._bounds: dict[LineKey, Bounds] = {}

    def watch(self, entry: Decided) -> None:
        """One record: what it did to money and books must be what the promises allow."""
        record = entry.record
        command, events = codec.decode_command(record.command), codec.decode_events(record.events)
        if isinstance(events[0], e.CommandRejected):
            assert len(events) == 1, "a reject is alone"
            self.seen["reject"] += 1
            return
        self._follow(command)
        self._books(record.number, events)
        if isinstance(command, c.SetBand):
            self._all_within((command.session, command.instrument))
        self._accounts(events)

    # Money -------------------------------------------------------------------------------------------------------

    def _accounts(self, events: tuple[e.Event, ...]) -> None:
        for event in events:
            if isinstance(event, e.AccountChanged):
                balances = (event.free, event.reserved, event.blocked, event.withdrawing)
                assert min(balances) >= 0, event
                self._balances[event.participant, event.client, event.currency] = balances
                self.seen["account"] += 1
        there: Counter[str] = Counter()
        for (_, _, currency), balances in self._balances.items():
            there[currency] += sum(balances)
        assert +there == +self._money, "money was made or lost"

    # Commands that were accepted ---------------------------------------------------------------------------------

    def _follow(self, command: c.Command) -> None:
        match command:
            case c.Credit():
                self._money[command.currency] += command.amount
            case c.PayWithdrawal():
                self._money[command.currency] -= command.amount
            case c.ListInstrument():
                self._ticks[command.instrument] = Fraction(command.tick)
            case c.CreateSession():
                for it in command.instruments:
                    self._bounds[command.session, it.instrument] = Bounds(
                        self._ticks[it.instrument], it.reference, it.lower, it.upper, it.down_ppm, it.up_ppm
                    )
            case c.SetBand():
                line = self._bounds[command.session, command.instrument]
                line.lower, line.upper = command.lower, command.upper
                line.down_ppm, line.up_ppm = command.down_ppm, command.up_ppm
            case _:
                pass

    def _all_within(self, line: LineKey) -> None:
        outside = [it for it in self._standing(line) if not self._bounds[line].hold(it.price)]
        assert not outside, "an order outside of the band set was not parked (PS-10.4)"
        self.seen["band set"] += 1

    # Books -------------------------------------------------------------------------------------------------------

    def _standing(self, line: LineKey) -> list[Standing]:
        return [it for it in self._orders.values() if it.in_book and it.line == line]

    def _books(self, number: int, events: tuple[e.Event, ...]) -> None:
        uncrossed: e.Uncrossed | None = None
        met: list[Standing] = []
        for event in events:
            match event:
                case e.Uncrossed() | e.UncrossedWithoutPrice():
                    self._uncrossing_was_fair(uncrossed, met)
                    uncrossed, met = event if isinstance(event, e.Uncrossed) else None, []
                case e.DealMade():
                    pair = self._deal(event, uncrossed)
                    met += pair if event.aggressor is Aggressor.NONE else ()
                case _:
                    self._order_event(number, event)
        self._uncrossing_was_fair(uncrossed, met)
        for order in [order for order, it in self._orders.items() if it.open == 0]:
            del self._orders[order]

    def _order_event(self, number: int, event: e.Event) -> None:
        match event:
            case e.OrderAccepted():
                line = (event.session, event.instrument)
                assert self._bounds[line].hold(event.price), "accepted outside of the band (PS-10.1)"
                self._orders[event.order] = Standing(
                    line, event.side, event.price, number, event.quantity, event.minimum, event.indivisible
                )
            case e.OrderAmended():
                it = self._orders[event.order]
                if event.price != it.price:
                    assert self._bounds[it.line].hold(event.price), "amended to a price outside of the band (PS-10.1)"
                kept = it.in_book and (event.price, event.minimum) == (it.price, it.minimum) and event.open <= it.open
                assert event.priority_kept == kept, "priority is kept if nothing but less is asked for (PS-6.3)"
                it.price, it.open, it.minimum = event.price, event.open, event.minimum
                if not kept:
                    it.priority, it.in_book = number, False
                self.seen["amend"] += 1
            case e.OrderRested():
                self._orders[event.order].in_book = True
            case e.OrderParked():
                self._orders[event.order].in_book = False
                self.seen["parked"] += 1
            case e.OrderCancelled():
                self._orders[event.order].open = 0
                self._orders[event.order].in_book = False
            case e.PhaseChanged(to=Phase.CLOSED):
                assert not [it for it in self._orders.values() if it.line[0] == event.session], "open after closing"
            case _:
                pass

    def _deal(self, deal: e.DealMade, uncrossed: e.Uncrossed | None) -> tuple[Standing, Standing]:
        buy, sell = self._orders[deal.buy_order], self._orders[deal.sell_order]
        assert buy.line == sell.line == (deal.session, deal.instrument)
        assert (buy.side, sell.side) == (Side.BUY, Side.SELL)
        assert sell.price <= deal.price <= buy.price, "a deal beyond a limit (PS-2.4)"
        assert (deal.buy_open, deal.sell_open) == (buy.open - deal.quantity, sell.open - deal.quantity)
        if deal.aggressor is Aggressor.NONE:
            assert uncrossed is not None
            assert deal.price == uncrossed.price
            self.seen["deal of an uncrossing"] += 1
        else:
            resting, incoming = (sell, buy) if deal.aggressor is Aggressor.BUY else (buy, sell)
            self._walk_was_fair(deal, resting, incoming)
        for it in (buy, sell):
            it.open -= deal.quantity
            it.in_book = it.in_book and it.open > 0
        self._bounds[buy.line].last_price = deal.price
        return buy, sell

    def _walk_was_fair(self, deal: e.DealMade, resting: Standing, incoming: Standing) -> None:
        """Nobody who had to be asked first still stands; conditions of either side may pass an order over (PS-2.3)."""
        assert resting.in_book
        assert not incoming.in_book
        assert deal.price == resting.price
        self.seen["deal"] += 1
        if incoming.minimum is not None:
            return
        others = [it for it in self._standing(resting.line) if it.side is resting.side and it is not resting]
        self.seen["deal with others waiting"] += bool(others)
        passed_over = [it for it in others if not it.is_conditional and it.is_before(resting)]
        assert not passed_over, f"{passed_over} stood before {resting} (PS-2.1)"

    def _uncrossing_was_fair(self, uncrossed: e.Uncrossed | None, met: list[Standing]) -> None:
        """Who is given something stands behind nobody unconditional who is left with a rest (PS-4.2)."""
        if uncrossed is None:
            return
        left = [it for it in self._standing(met[0].line) if it.open > 0 and not it.is_conditional]
        for side in Side:
            worst = [it for it in met if it.side is side]
            passed_over = [it for it in left if it.side is side and any(it.is_before(other) for other in worst)]
            assert not passed_over, f"{passed_over} stood before {worst} (PS-4.2)"
        self.seen["uncrossing"] += 1
