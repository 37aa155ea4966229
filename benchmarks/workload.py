"""The market workload: one instrument, 1,000 resting orders, 1,000 users; rules in docs/internals/benchmarks.md.

The stream of steps is made once from a seed with the careful book as model, then written in the form of each engine, so
that all of them do the same work. Floats are used for the start price only, as the workload's definition has them.
"""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from benchmarks.careful_book import CarefulBook
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages.codec import Actor, Frame
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, SelfTrade, Side, TimeInForce

USERS: Final = 1_000
TARGET: Final = 1_000
SAMPLE_EVERY: Final = 512
RESTING, IMMEDIATE, CANCEL, MOVE = range(4)


class Step(NamedTuple):
    """One command of the workload: kind, order ordinal, user, side (0 buy, 1 sell), price, quantity."""

    kind: int
    order: int
    user: int
    side: int
    price: int
    quantity: int


class Workload(NamedTuple):
    """Steps with the checksum that every engine has to reach."""

    steps: list[Step]
    trades: int
    quantity: int
    left: int


def make_workload(messages: int, seed: int) -> Workload:
    """A fill phase of resting orders, then so many messages."""
    maker = _Maker(seed)
    steps = [maker.resting() for _ in range(TARGET)]
    steps += [maker.step(position) for position in range(messages)]
    book = maker.book
    return Workload(steps, book.trades, book.quantity, len(book.live))


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        uniform = self.rng.random
        self.start = int(10 ** (3.3 + uniform() * 1.5 + uniform() * 1.5))
        self.deviation = min(self.start // 20, 10_000)
        self.low, self.high = self.start - 5 * self.deviation, self.start + 5 * self.deviation
        self.book = CarefulBook()
        self.book.last_price = self.start
        self.orders = 0
        self.owners: dict[int, int] = {}
        self.counts = [0, 0]
        self.was_full = False

    def resting(self) -> Step:
        """A good-till-cancelled order on the passive side of the last price."""
        rng = self.rng
        side = rng.randrange(2)
        distance = 1 + int(rng.random() ** 2 * self.deviation)
        price = sum(rng.randrange(distance) for _ in range(4)) // 4 * 2 - distance
        passive = -abs(price) if side == 0 else abs(price)
        return self._place(RESTING, side, self._banded(self.book.last_price + passive))

    def step(self, position: int) -> Step:
        """The next message."""
        rng = self.rng
        if position % SAMPLE_EVERY == 0:
            self.counts = [0, 0]
            for side, _ in self.book.live.values():
                self.counts[side] += 1
            self.was_full = self.was_full or min(self.counts) >= TARGET // 2
        side = rng.randrange(2)
        lack = TARGET // 2 - self.counts[side]
        if lack > 0:
            urgent = not self.was_full or lack > min(512, 3 * TARGET // 8)
            draw = rng.randrange(2 if urgent else 10)
        else:
            draw = rng.randrange(40)
        if draw < 2 or not self.book.live:
            if lack > 0 or not self.book.live:
                return self.resting()
            return self._place(IMMEDIATE, side, self.high if side == 0 else self.low)
        victim = self._victim()
        if draw == 2:
            self.book.cancel(victim)
            return Step(CANCEL, victim, self.owners.pop(victim), 0, 0, 0)
        return self._move(victim)

    def _victim(self) -> int:
        # Dicts keep insertion order; a moved order is taken out and put back, so its age is remembered in `owners`.
        wanted = self.rng.randrange(min(512, len(self.book.live)))
        for order in self.owners:
            if order in self.book.live:
                if wanted == 0:
                    return order
                wanted -= 1
        raise AssertionError("a live order without an owner")

    def _move(self, order: int) -> Step:
        book = self.book
        price, last = book.price_of(order), book.last_price
        side = book.live[order][0]
        if price == last:
            target = last + self.rng.choice((-1, 1))
        else:
            distance = last - price
            pull = max(1, -(-abs(distance) // 100))
            target = price + (pull if distance > 0 else -pull)
        target = self._banded(target)
        if target == price:
            target = price - 1 if price == self.high else price + 1
        book.move(order, target)
        step = Step(MOVE, order, self.owners[order], side, target, 0)
        self._forget_filled()
        return step

    def _place(self, kind: int, side: int, price: int) -> Step:
        rng = self.rng
        roll = rng.randrange(6)
        quantity = 1 + roll * roll * roll
        self.orders += 1
        order, user = self.orders, rng.randrange(USERS)
        self.owners[order] = user
        self.book.place(order, side, price, quantity, rests=kind == RESTING)
        self._forget_filled()
        return Step(kind, order, user, side, price, quantity)

    def _forget_filled(self) -> None:
        if len(self.owners) > 2 * len(self.book.live) + 64:
            self.owners = {order: user for order, user in self.owners.items() if order in self.book.live}

    def _banded(self, price: int) -> int:
        return min(max(price, self.low, 1), self.high)


def setting(self_trade: SelfTrade) -> Iterator[bytes]:
    """Frames that bring an empty market to a CDCA session in TRADING with deposits on and 1,000 rich traders."""
    commands: list[c.MarketCommand] = []
    for user in range(USERS):
        participant = f"p{user}"
        kinds = (ParticipantKind.VISITOR,)
        permissions = tuple(c.Permission(section="metal", side=side, purpose="export") for side in Side)
        commands += [
            c.SetAdmission(participant=participant, resident=True, kinds=kinds, admitted=True, permissions=permissions),
            c.SetAuthority(trader=f"t{user}", participant=participant, active=True, resident=True, kinds=kinds),
            c.Credit(participant=participant, currency="EUR", amount=10**15),
        ]
    commands.append(
        c.AddInstrument(
            instrument="i", section="metal", purpose="export", currency="EUR", tick="0.01", lot="1", tick_lot_value=1
        )
    )
    plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
    commands.append(
        c.CreateSession(
            session="s",
            section="metal",
            purpose="export",
            mechanism=Mechanism.CDCA,
            instruments=(c.SessionInstrument(instrument="i"),),
            phases=tuple(c.PlannedPhase(phase=phase, at=(n, 0)) for n, phase in enumerate(plan)),
            self_trade=self_trade,
            deposit=tuple(
                c.DepositRate(side=side, resident=True, currency="EUR", rate_ppm=2_000, floor="0.20") for side in Side
            ),
        )
    )
    commands.append(c.ChangePhase(session="s", from_=Phase.INTAKE, to=Phase.TRADING))
    for number, command in enumerate(commands, start=1):
        kind = ActorKind.OPERATOR if isinstance(command, c.CreateSession | c.ChangePhase) else ActorKind.REACTOR
        yield _frame(number, Actor(kind, "operator"), command)


SETTING_COMMANDS: Final = 3 * USERS + 3


def frames(workload: Workload) -> list[bytes]:
    """The steps as frames for a market that took `setting`."""
    return [
        _frame(SETTING_COMMANDS + position, Actor(ActorKind.TRADER, f"t{step.user}"), command_of(step))
        for position, step in enumerate(workload.steps, start=1)
    ]


def command_of(step: Step) -> c.MarketCommand:
    """A step as a command of ours."""
    if step.kind == CANCEL:
        return c.CancelOrder(order=step.order)
    price = f"{step.price // 100}.{step.price % 100:02d}"
    if step.kind == MOVE:
        return c.AmendOrder(order=step.order, price=price)
    return c.PlaceOrder(
        session="s",
        instrument="i",
        side=Side.BUY if step.side == 0 else Side.SELL,
        price=price,
        quantity=str(step.quantity),
        time_in_force=TimeInForce.SESSION if step.kind == RESTING else TimeInForce.IOC,
    )


def _frame(number: int, actor: Actor, command: c.MarketCommand) -> bytes:
    frame = Frame(number, (1_700_000_000, number), actor.kind, actor.id, msgspec.Raw(codec.encode(command)))
    return codec.encode(frame)
