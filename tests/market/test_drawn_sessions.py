"""What holds for any stream of commands, on sessions that hypothesis draws, on both markets side by side.

Each session goes through the whole chain (office, follow-ups, markets). After every command both markets must have
given the same events and state bytes, keep their invariants, leave no trace of a reject, and go on as markets do that
were loaded from their bytes (watched.py); the events have to be such as the rules allow (drawn.py); and a session that
is over holds no money (PS-1.6, PS-5). Without the native market the same is asked of the reference market alone.

The sessions trade from the start with money enough, and what there was to judge is counted: the tests fail where there
was too little of it. KIRMASH_EXAMPLES=20 (`make fuzz`) plays so many times as many, other ones in every run.

A session that fails is made small by hypothesis and printed as a scenario: put it into tests/fuzz/failures, from where
the suite plays it ever after.
"""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import Phase as Search
from hypothesis import strategies as st

from kirmash.market.choice import MarketsDiffer
from kirmash.messages import codec
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.commands import (
    AccreditParticipant,
    AmendOrder,
    AppointTrader,
    CancelOrder,
    CancelWithdrawal,
    ChangePhase,
    Command,
    CreateSession,
    CreditDeposit,
    DepositRate,
    ExpireOrders,
    GrantPermission,
    HaltSession,
    ListCard,
    ListInstrument,
    MassCancel,
    PerformContract,
    PlaceOrder,
    PlannedPhase,
    RegisterParticipant,
    RequestWithdrawal,
    ResumeSession,
    SessionInstrument,
    SetBand,
)
from kirmash.messages.events import CommandRejected, Event
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Decider, Mechanism, ParticipantKind, Phase, SelfTrade, Side, TimeInForce
from kirmash.office import Office
from kirmash.sequencer.machine import Machine
from kirmash.simulation.scenario import run_lines
from tests.fuzz.play import FAILED, Step, scenario_lines
from tests.fuzz.world import START
from tests.market import drawn
from tests.market.drawn import BUY, GROUPS, HOUR, MONEY, SELL, TRADERS, Book, Drawn
from tests.market.reference.desk import PLANS
from tests.market.watched import MARKETS, WatchedMarket

RELOAD_EVERY = 12
TIMES = int(os.environ.get("KIRMASH_EXAMPLES", "1"))


def opening() -> list[Command]:
    """Everything that has to be there before the session."""
    kinds = (ParticipantKind.VISITOR, ParticipantKind.BROKER)
    given: list[Command] = [
        ListCard(card="c", version=1, section="metal", name_en="x", name_ru="x", hs_code="7214", unit="TNE"),
        ListInstrument(
            instrument="i",
            card="c",
            version=1,
            basis=Basis(incoterm="FCA", place="Minsk"),
            currency="EUR",
            payment_term="prepaid",
            purpose="export",
            lot="1",
            tick="1",
        ),
    ]
    for name, group in GROUPS.items():
        given += [
            RegisterParticipant(participant=name, name=name, country="BY", resident=True, kinds=kinds, group=group),
            AccreditParticipant(participant=name),
            *(GrantPermission(participant=name, section="metal", side=side, purpose="export") for side in Side),
            AppointTrader(trader=f"t-{name}", participant=name),
            CreditDeposit(participant=name, currency="EUR", amount=f"{MONEY // 100}.{MONEY % 100:02}"),
        ]
    return given


def session_of(mechanism: Mechanism, self_trade: SelfTrade) -> CreateSession:
    """Session s with the whole plan of its mechanism, a phase an hour from the start on."""
    rates = ((BUY, 3333, "0.70"), (SELL, 0, "1.00"))
    return CreateSession(
        session="s",
        section="metal",
        purpose="export",
        mechanism=mechanism,
        instruments=(SessionInstrument(instrument="i", reference="100"),),
        phases=tuple(
            PlannedPhase(phase=Phase[name], at=(START[0] + place * HOUR, 0))
            for place, name in enumerate(PLANS[mechanism].split())
        ),
        self_trade=self_trade,
        late_entry=True,
        deposit=tuple(
            DepositRate(side=side, resident=True, currency="EUR", rate_ppm=rate, floor=floor)
            for side, rate, floor in rates
        ),
    )


class Session:
    """A fresh exchange with one session, and the book of it. `steps` are the scenario so far."""

    def __init__(self, mechanism: Mechanism, self_trade: SelfTrade) -> None:
        self.market = WatchedMarket()
        self.machine = Machine(self.market, Office(), "drawn")
        self.steps: list[Step] = []
        self.book = Book(
            prevents_self_trade=self_trade is not SelfTrade.ALLOW, is_continuous=mechanism is Mechanism.CDCA
        )
        for command in (*opening(), session_of(mechanism, self_trade)):
            assert not isinstance(self.give(command)[0], CommandRejected)

    def give(self, command: Command, by: str | None = None) -> list[Event]:
        """A command with all that follows from it; the market's events go to the book. Time stands still."""
        actor = OPERATOR if by is None else Actor(ActorKind.TRADER, by)
        self.steps.append((START, actor, command))
        if len(self.steps) % RELOAD_EVERY == 0:
            self.market.reload()
        decided = self.machine.submit(actor, "drawn", f"f-{len(self.steps)}", command, START)
        decided += self.machine.settle(START)
        given: list[Event] = []
        for entry in decided:
            events = codec.decode_events(entry.record.events)
            given += events
            if entry.record.decider is Decider.MARKET or isinstance(command, RequestWithdrawal):
                self.book.watch(entry.record.number, events)
        return given

    def go(self, phase: Phase) -> None:
        self.give(ChangePhase(session="s", from_=self.book.phase, to=phase))
        assert self.book.phase is phase

    def give_drawn(self, it: Drawn) -> None:
        """What was drawn, as far as there is an order or a deal for it; nothing is placed while halted."""
        match it:
            case ("place", trader, side, price, quantity, condition, force, until):
                self.resume()
                terms = {**condition, "time_in_force": force}
                if force is TimeInForce.UNTIL:
                    terms["until"] = until
                self.give(_order(side, price, quantity, terms), f"t-{trader}")
            case ("amend", is_stranger, at, price, quantity, minimum, until) if open_ := self.book.open:
                named = open_[at % len(open_)]
                numbers = {"price": price, "quantity": quantity, "minimum": minimum}
                texts: dict[str, Any] = {name: str(value) for name, value in numbers.items() if value is not None}
                self.give(AmendOrder(order=named, until=until, **texts), self.trader(named, is_stranger))
            case ("cancel", is_stranger, at) if open_ := self.book.open:
                named = open_[at % len(open_)]
                self.give(CancelOrder(order=named), self.trader(named, is_stranger))
            case ("perform", kind, at) if deals := self.book.deals:
                self.give(kind(deal=deals.pop(at % len(deals)), reason="x"))
            case ("mass", trader, side):
                self.give(MassCancel(session="s", side=side), None if trader is None else f"t-{trader}")
            case ("withdraw", trader, amount):
                name = f"w{len(self.steps)}"
                self.give(RequestWithdrawal(withdrawal=name, participant=trader, currency="EUR", amount=amount))
            case ("withdrawn", at) if held := self.book.withdrawals:
                self.give(CancelWithdrawal(withdrawal=held.pop(at % len(held))))
            case _:
                self.give_of_session(it)

    def give_of_session(self, it: Drawn) -> None:
        """What the operator does to the whole session."""
        match it:
            case ("band", terms):
                self.give(SetBand(session="s", instrument="i", **terms))
            case ("expire", until):
                self.give(ExpireOrders(session="s", until=until))
            case ("announce", is_late):
                self.give(ResumeSession(session="s", resume_at=(START[0] + is_late, 0)))
            case ("halt",):
                self.give(HaltSession(session="s", reason="x"))

    def resume(self) -> None:
        if self.book.phase is Phase.HALTED:
            self.go(self.book.left)

    def trader(self, named: int, is_stranger: bool) -> str:
        owner = self.book.orders[named].trader
        return f"t-{TRADERS[TRADERS.index(owner) - 1]}" if is_stranger else f"t-{owner}"

    def is_over(self) -> None:
        """Every order has ended; once every deal is performed and nothing is withdrawn, all money is free again."""
        assert self.book.phase is Phase.CLOSED
        assert not self.book.open
        for deal in self.book.deals:
            assert not isinstance(self.give(PerformContract(deal=deal, reason="x"))[0], CommandRejected)
        for withdrawal in self.book.withdrawals:
            assert not isinstance(self.give(CancelWithdrawal(withdrawal=withdrawal))[0], CommandRejected)
        assert set(self.book.balances.values()) <= {(MONEY, 0, 0, 0)}


def _order(side: Side, price: int, quantity: int, terms: dict[str, Any]) -> PlaceOrder:
    texts: dict[str, Any] = {name: str(value) if name == "minimum" else value for name, value in terms.items()}
    return PlaceOrder(session="s", instrument="i", side=side, price=str(price), quantity=str(quantity), **texts)


def play(
    mechanism: Mechanism,
    self_trade: SelfTrade,
    phases: dict[Phase, list[Drawn]],
) -> Counter[str]:
    """A session from beginning to end with these commands in its phases; what there was to judge."""
    session = Session(mechanism, self_trade)
    try:
        for name in PLANS[mechanism].split()[1:]:
            session.go(Phase[name])
            for it in phases.get(Phase[name], ()):
                session.give_drawn(it)
            session.resume()
        session.is_over()
    except FAILED:
        note("scenario:\n" + b"\n".join(scenario_lines(session.steps)).decode())
        raise
    return session.book.seen


self_trades = st.sampled_from((SelfTrade.CANCEL_NEWEST,) * 3 + (SelfTrade.ALLOW,))


def judged(
    mechanism: Mechanism,
    phases: dict[Phase, tuple[int, int]],
    examples: int,
) -> Counter[str]:
    """Plays drawn sessions with so many commands in each phase; what there was to judge in all of them."""
    seen: Counter[str] = Counter()
    streams = st.fixed_dictionaries({phase: drawn.streams(*sizes) for phase, sizes in phases.items()})

    @settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        phases=(Search.generate, Search.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(self_trades, streams)
    def plays(self_trade: SelfTrade, stream: dict[Phase, list[Drawn]]) -> None:
        seen.update(play(mechanism, self_trade, stream))

    plays()
    return seen


# To make a failing session small takes minutes.
pytestmark = pytest.mark.timeout(600 + 60 * TIMES)


def test_any_stream_of_continuous_trading_keeps_the_rules() -> None:
    seen = judged(Mechanism.CDCA, {Phase.INTAKE: (2, 12), Phase.TRADING: (20, 50)}, 200)
    # With less than this the streams would be streams of rejects, and pass whatever the market did.
    assert min(seen["deal of a walk"], seen["rested"], seen["amend"]) > 200, seen
    assert min(seen["behind in its level"], seen["cancel: SELF_TRADE"], seen["cancel: KILLED"], seen["parked"]) > 50, (
        seen
    )
    assert min(seen["reject of stage 2"], seen["reject of stage 3"]) > 50, seen
    assert min(seen["skipped"], seen["reject of stage 4"], seen["deal of an uncrossing"]) > 10, seen
    assert min(seen["cancel: EXPIRED"], seen["withdrawal held"]) > 10, seen


def test_any_stream_of_a_call_keeps_the_rules() -> None:
    phases = {Phase.INTAKE: (15, 30), Phase.TRADING: (0, 8), Phase.SELLER_CORRECTION: (0, 5), Phase.DEAL_MAKING: (0, 5)}
    seen = judged(Mechanism.CALL, phases, 100)
    assert min(seen["amend"], seen["reject of stage 2"], seen["reject of stage 3"]) > 50, seen
    assert min(seen["deal of an uncrossing"], seen["parked"]) > 10, seen
    assert seen["deal of a walk"] == 0


@pytest.mark.native
def test_both_markets_were_watched() -> None:
    """Where the native market is, it decides every drawn command."""
    assert MARKETS == ("reference", "native")


@pytest.mark.native
@pytest.mark.parametrize("what", ["apply", "state"])
def test_a_native_market_that_differs_is_told(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more from the native market, in events or in the state."""
    from kirmash.market.native import NativeMarket

    real = getattr(NativeMarket, what)
    monkeypatch.setattr(NativeMarket, what, lambda self, *frame: real(self, *frame) + b"x")
    with pytest.raises(MarketsDiffer, match="^events" if what == "apply" else "^state bytes"):
        Session(Mechanism.CDCA, SelfTrade.ALLOW)


def test_a_session_that_fails_is_printed_as_a_small_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is left is the opening, the phases before, and the one command that fails; it runs as a scenario."""
    real = WatchedMarket.apply

    def apply(self: WatchedMarket, frame: bytes) -> bytes:
        read = codec.decode_frame(frame)
        is_hit = isinstance(codec.decode_command(read.command), MassCancel) and read.actor == OPERATOR.id
        assert not is_hit, "forgets itself"
        return real(self, frame)

    monkeypatch.setattr(WatchedMarket, "apply", apply)
    with pytest.raises(AssertionError, match="forgets itself") as caught:
        judged(Mechanism.CDCA, {Phase.INTAKE: (2, 12), Phase.TRADING: (20, 50)}, 100)
    (shown,) = (text for text in caught.value.__notes__ if "scenario:" in text)
    lines = [line.encode() for line in shown.split("scenario:\n")[1].splitlines() if line.startswith("{")]
    before = len(opening()) + 1
    output = run_lines(lines, "reference").output[:-1]
    firsts = [line["event"] for line in output if line["index"] == 0 and line["cause"] is None]
    *phases, last = firsts[before:]
    assert last == "orders_mass_cancelled"
    assert set(phases) == {"phase_changed"}
