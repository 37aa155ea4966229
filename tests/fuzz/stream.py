"""A seeded generator of hostile command streams: mostly plausible orders in a tight book, much that must be refused.

It knows the exchange only by what it sent and the events that came back, as a trader would. Same seed and same events,
same stream; nothing here judges what the markets answer.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Mechanism, OpenOrders, Phase, Side, TimeInForce
from kirmash.messages.units import Time
from tests.fuzz import world

Given = tuple[Actor, c.Command]


@dataclass(slots=True)
class SessionView:
    """A session as far as its events tell: plan, phase, the phase left by a halt, instruments."""

    plan: tuple[Phase, ...]
    phase: Phase
    instruments: tuple[str, ...]
    is_call: bool
    left: Phase = Phase.TRADING

    @property
    def takes_orders(self) -> bool:
        """Whether most orders would get in: a call hardly takes any once it is in TRADING."""
        return self.phase is Phase.INTAKE or (self.phase is Phase.TRADING and not self.is_call)

    @property
    def is_over(self) -> bool:
        return self.phase in (Phase.CLOSED, Phase.CANCELLED)


class HostileStream:
    """Gives `length` commands after the opening; `observe` feeds back the events of each."""

    def __init__(self, seed: int, length: int) -> None:
        self._rng = random.Random(seed)
        self._length = length
        self.now: Time = world.START
        self._sessions: dict[str, SessionView] = {}
        self._session_names = 0
        self._orders: list[int] = []
        self._open: dict[int, None] = {}
        self._order_facts: dict[int, tuple[str, str, int]] = {}  # instrument, session, total
        self._owners: dict[int, str] = {}
        self._barred: set[str] = set()
        self._withdrawn: set[str] = set()
        self._deals: list[int] = []
        self._withdrawals: list[str] = []
        self._names = 0
        self._crowd = seed % 25 == 0  # every so often an instrument is filled with conditional orders
        self._rich = seed % 3 != 0

    def commands(self) -> Iterator[Given]:
        """The stream, lazily: each command may depend on the events observed so far."""
        for command in world.opening(self._rng, self._rich):
            yield OPERATOR, command
        yield OPERATOR, self._create_session()
        if self._crowd:
            yield from self._crowded_intake()
        choices, weights = zip(*self._kinds(), strict=True)
        for _ in range(self._length):
            if self._rng.random() < 0.3:
                self.now = (self.now[0] + self._rng.choice((0, 0, 1, 5, 20)), self._rng.randrange(10**9))
            yield self._rng.choices(choices, weights)[0]()

    def observe(self, actor: Actor, events: tuple[e.Event, ...]) -> None:
        """Learn ids and phases from what happened to a command of this actor."""
        for event in events:
            match event:
                case e.OrderAccepted():
                    self._orders.append(event.order)
                    self._open[event.order] = None
                    self._owners[event.order] = actor.id
                    self._order_facts[event.order] = (event.instrument, event.session, event.quantity)
                case e.AdmissionSet():
                    (self._barred.discard if event.admitted else self._barred.add)(event.participant)
                case e.AuthoritySet():
                    (self._withdrawn.discard if event.active else self._withdrawn.add)(event.trader)
                case e.OrderCancelled():
                    self._open.pop(event.order, None)
                case e.DealMade():
                    self._deals.append(event.deal)
                    for order, rest in ((event.buy_order, event.buy_open), (event.sell_order, event.sell_open)):
                        if not rest:
                            self._open.pop(order, None)
                case e.PhaseChanged():
                    self._sessions[event.session].phase = event.to
                case e.SessionHalted():
                    session = self._sessions[event.session]
                    session.left = session.left if event.from_ is Phase.HALTED else event.from_
                    session.phase = Phase.HALTED
                case e.SessionCancelled():
                    self._sessions[event.session].phase = Phase.CANCELLED
                case _:
                    pass

    def _kinds(self) -> tuple[tuple[Callable[[], Given], int], ...]:
        return (
            (self._place, 480),
            (self._amend, 190),
            (self._cancel, 50),
            (self._mass_cancel, 6),
            (self._change_phase, 40),
            (self._halt, 4),
            (self._resume, 4),
            (self._cancel_session, 1),
            (self._new_session, 6),
            (self._set_band, 18),
            (self._expire, 8),
            (self._credit, 12),
            (self._withdrawal, 22),
            (self._settle_deal, 40),
            (self._admission, 22),
            (self._authority, 12),
            (self._list_things, 5),
            (self._profile, 2),
            (self._junk, 12),
        )

    # Orders ------------------------------------------------------------------------------------------------------

    def _place(self) -> Given:
        rng = self._rng
        if rng.random() < 0.93 and not any(view.takes_orders for view in self._sessions.values()):
            return self._change_phase()
        trader = rng.choice(tuple(world.TRADERS))
        if world.TRADERS[trader] in self._barred or trader in self._withdrawn:
            trader = rng.choice(tuple(world.TRADERS))
        participant = world.TRADERS[trader]
        session = self._session()
        traded = self._sessions[session].instruments if session in self._sessions else ("i1",)
        instrument = rng.choice((*traded[:1] * 3, *traded)) if rng.random() < 0.98 else "i6"
        clients = [name for name, facts in world.CLIENTS.items() if facts[0] == participant != "p1"]
        client = None
        if clients and (participant == "p4" or rng.random() < 0.4) and rng.random() < 0.97:
            client = rng.choice(clients)
        elif rng.random() < 0.02:
            client = rng.choice(("c1", "c3", "c5", "nobody"))
        lots = rng.choice((1, 1, 2, 3, 3, 4, 5, 7, 10, 60))
        tif = rng.choices(tuple(TimeInForce), (70, 12, 10, 8))[0]
        until = (self.now[0] + rng.choice((0, 3, 30, 200, 10**6)), 0) if tif is TimeInForce.UNTIL else None
        minimum = None
        if rng.random() < 0.12:
            minimum = self._quantity(instrument, rng.randint(1, lots + 1 if rng.random() < 0.1 else lots))
        return self._trader(trader), c.PlaceOrder(
            session=session,
            instrument=instrument,
            side=rng.choice(tuple(Side)),
            price=self._price(instrument),
            quantity=self._quantity(instrument, lots),
            client=client,
            minimum=minimum,
            indivisible=rng.random() < 0.14,
            time_in_force=tif,
            until=until,
        )

    def _price(self, instrument: str) -> str:
        rng = self._rng
        chance = rng.random()
        if chance < 0.94:
            return world.price_text(instrument, 103 + rng.randint(-4, 4))
        if chance < 0.97:
            return world.price_text(instrument, rng.choice((1, 60, 90, 115, 150, 2_000_000_000, 2_000_000_001)))
        return rng.choice(("0", "0.000000001", "100.123456789", "999999999999999", "999999999999999.999999999", "51.3"))

    def _quantity(self, instrument: str, lots: int) -> str:
        rng = self._rng
        if rng.random() < 0.97:
            return world.quantity_text(instrument, lots)
        if rng.random() < 0.4:
            return world.quantity_text(instrument, rng.choice((1_000_000_000, 1_000_000_001, 10_000_000)))
        return rng.choice(("0", "0.3", "7.25", "123456789012345", "0.000000001"))

    def _order(self) -> int:
        chance = self._rng.random()
        if self._open and chance < 0.9:
            recent = tuple(self._open)[-80:]
            amendable = [n for n in recent if self._sessions[self._order_facts[n][1]].takes_orders]
            return self._rng.choice(amendable or recent)
        if self._orders and chance < 0.98:
            return self._rng.choice(self._orders[-40:])
        return self._rng.choice((0, 10**6, 2**53 - 1))

    def _amend(self) -> Given:
        rng = self._rng
        if not self._open and rng.random() < 0.8:
            return self._place()
        order = self._order()
        instrument, _, total = self._order_facts.get(order, ("i1", "", 3))
        price = self._price(instrument) if rng.random() < 0.5 else None
        quantity = None
        if rng.random() < 0.6:
            quantity = self._quantity(instrument, max(0, total + rng.choice((-3, -2, -1, -1, 0, 1, 4))))
        minimum = self._quantity(instrument, rng.randint(1, 4)) if rng.random() < 0.12 else None
        until = (self.now[0] + rng.choice((-5, 3, 40, 10**6)), 0) if rng.random() < 0.1 else None
        return self._someone(order), c.AmendOrder(
            order=order, price=price, quantity=quantity, minimum=minimum, until=until
        )

    def _cancel(self) -> Given:
        if not self._open and self._rng.random() < 0.8:
            return self._place()
        order = self._order()
        return (OPERATOR if self._rng.random() < 0.1 else self._someone(order)), c.CancelOrder(order=order)

    def _mass_cancel(self) -> Given:
        rng = self._rng
        return rng.choice((OPERATOR, self._trader(rng.choice(tuple(world.TRADERS))))), c.MassCancel(
            session=self._session(),
            instrument=rng.choice((None, "i1", "i2", "i6")),
            side=rng.choice((None, *Side)),
            trader=rng.choice((None, None, "t1", "t3", "nobody")),
            client=rng.choice((None, None, "c1", "c4", "nobody")),
        )

    def _crowded_intake(self) -> Iterator[Given]:
        """More conditional orders than one instrument takes (PS-4.7)."""
        name = "crowd"
        created = world.session(random.Random(1), name, self.now)
        plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
        phases = tuple(c.PlannedPhase(phase=p, at=(self.now[0] + 10**6 + n, 0)) for n, p in enumerate(plan))
        only = (c.SessionInstrument(instrument="i1"),)
        values = {field: getattr(created, field) for field in created.__struct_fields__}
        values |= {"mechanism": Mechanism.CDCA, "phases": phases, "instruments": only, "deposit": ()}
        self._sessions[name] = SessionView(plan, Phase.INTAKE, ("i1",), is_call=False)
        yield OPERATOR, c.CreateSession(**values)
        for position in range(1015):
            side = Side.BUY if position % 2 else Side.SELL
            trader = "t1" if side is Side.BUY else "t6"
            step = self._rng.randint(90, 99) if side is Side.BUY else self._rng.randint(104, 112)
            yield (
                self._trader(trader),
                c.PlaceOrder(
                    session=name,
                    instrument="i1",
                    side=side,
                    price=world.price_text("i1", step),
                    quantity="2",
                    indivisible=position % 3 == 0,
                    minimum=None if position % 3 == 0 else "2",
                ),
            )

    # Sessions ----------------------------------------------------------------------------------------------------

    def _session(self) -> str:
        chance = self._rng.random()
        trading = [name for name, view in self._sessions.items() if view.takes_orders]
        if trading and chance < 0.9:
            return self._rng.choice(trading)
        live = [name for name, view in self._sessions.items() if not view.is_over]
        if live and chance < 0.99:
            return self._rng.choice(live)
        return self._rng.choice((*self._sessions, "nowhere"))

    def _create_session(self) -> c.CreateSession:
        self._session_names += 1
        created = world.session(self._rng, f"s{self._session_names}", self.now)
        plan = tuple(planned.phase for planned in created.phases)
        instruments = tuple(entry.instrument for entry in created.instruments)
        self._sessions[created.session] = SessionView(plan, plan[0], instruments, created.mechanism is Mechanism.CALL)
        return created

    def _new_session(self) -> Given:
        rng = self._rng
        if rng.random() < 0.75:
            return OPERATOR, self._create_session()
        wrong = world.session(rng, rng.choice((*self._sessions, "x")), self.now)
        values = {field: getattr(wrong, field) for field in wrong.__struct_fields__}
        values["session"] = "s1"
        match rng.randrange(5):
            case 0:
                values["session"] = f"x{self._fresh()}"
                values["instruments"] = (*wrong.instruments, wrong.instruments[0])
            case 1:
                values["session"] = f"x{self._fresh()}"
                values["instruments"] = (c.SessionInstrument(instrument="i6"),)
            case 2:
                values["session"] = f"x{self._fresh()}"
                rate = c.DepositRate(side=Side.BUY, resident=True, currency="JPY", rate_ppm=1, floor="0.5")
                values["deposit"] = (rate, rate)
            case 3:
                values["instruments"] = (c.SessionInstrument(instrument="i0"),)
            case _:
                pass
        return OPERATOR, c.CreateSession(**values)

    def _change_phase(self) -> Given:
        rng = self._rng
        live = [name for name, view in self._sessions.items() if not view.is_over]
        if len(live) < 2:
            return OPERATOR, self._create_session()
        # The phases without orders are passed through quickly, or nothing would ever meet.
        idle = [name for name in live if not self._sessions[name].takes_orders]
        session = rng.choice(idle) if idle and rng.random() < 0.8 else rng.choice(live)
        view = self._sessions[session]
        to = rng.choice(tuple(Phase))
        if rng.random() < 0.93:
            later = [phase for phase in view.plan if phase > view.phase]
            to = view.left if view.phase is Phase.HALTED else later[0] if later else Phase.CLOSED
        asked_from = view.phase if rng.random() < 0.95 else rng.choice(tuple(Phase))
        return OPERATOR, c.ChangePhase(session=session, from_=asked_from, to=to)

    def _halt(self) -> Given:
        return OPERATOR, c.HaltSession(session=self._session(), reason="noise")

    def _resume(self) -> Given:
        resume_at = (self.now[0] + self._rng.choice((-1, 0, 10)), 999_999_999)
        return OPERATOR, c.ResumeSession(session=self._session(), resume_at=resume_at)

    def _cancel_session(self) -> Given:
        return OPERATOR, c.CancelSession(session=self._session(), reason="noise")

    def _set_band(self) -> Given:
        rng = self._rng
        instrument = rng.choice(("i1", "i2", "i3", "i4", "i5"))

        def bound(low: int, high: int) -> str | None:
            if rng.random() < 0.5:
                return None
            return world.price_text(instrument, rng.randint(low, high)) if rng.random() < 0.95 else "51.3"

        return OPERATOR, c.SetBand(
            session=self._session(),
            instrument=instrument,
            lower=bound(94, 103),
            upper=bound(102, 112),
            down_ppm=rng.choice((None, None, 0, 20_000, 100_000, 1_000_000)),
            up_ppm=rng.choice((None, None, 0, 20_000, 100_000, 1_000_000)),
        )

    def _expire(self) -> Given:
        until = (self.now[0] + self._rng.choice((0, 0, 5, 100)), 0)
        return OPERATOR, c.ExpireOrders(session=self._session(), until=until)

    # Office ------------------------------------------------------------------------------------------------------

    def _credit(self) -> Given:
        rng = self._rng
        amount = rng.choice(("1", "250", "1000.5", "70000", "999999999999999", "0.001", "1.00000"))
        return OPERATOR, c.CreditDeposit(
            participant=rng.choice((*world.PARTICIPANTS, *world.PARTICIPANTS, "nobody")),
            client=rng.choice((None, None, "c1", "c3", "nobody")),
            currency=rng.choice(("EUR", "BYN", "JPY", "BHD", "XYZ")),
            amount=amount,
        )

    def _withdrawal(self) -> Given:
        rng = self._rng
        if not self._withdrawals or rng.random() < 0.5:
            name = f"w{self._fresh()}" if rng.random() < 0.95 or not self._withdrawals else self._withdrawals[0]
            self._withdrawals.append(name)
            return OPERATOR, c.RequestWithdrawal(
                withdrawal=name,
                participant=rng.choice(("p1", "p2", "p3", "p5", "nobody")),
                client=rng.choice((None, None, None, "c1", "c3", "nobody")),
                currency=rng.choice(("EUR", "BYN", "JPY")),
                amount=rng.choice(("1", "3", "20", "400", "80000000", "0.001")),
            )
        kind = rng.choice((c.ConfirmWithdrawal, c.CancelWithdrawal))
        return OPERATOR, kind(withdrawal=rng.choice((*self._withdrawals[-6:], "none")))

    def _settle_deal(self) -> Given:
        rng = self._rng
        deal = rng.choice(self._deals[-60:]) if self._deals and rng.random() < 0.97 else 10**7
        kind = rng.choice((c.PerformContract, c.PerformContract, c.TerminateContract, c.AnnulDeal))
        return OPERATOR, kind(deal=deal, reason="done")

    def _admission(self) -> Given:
        rng = self._rng
        participant = rng.choice((*world.PARTICIPANTS, *world.PARTICIPANTS, "nobody"))
        match rng.randrange(12):
            case 0:
                mode = rng.choice(tuple(OpenOrders))
                return OPERATOR, c.SuspendParticipant(participant=participant, open_orders=mode, reason="x")
            case 1 | 2 | 3 | 4:
                return OPERATOR, c.ReinstateParticipant(participant=participant, reason="x")
            case 5:
                return OPERATOR, c.AccreditParticipant(participant=participant)
            case 6:
                return OPERATOR, c.RevokePermission(
                    participant=participant, section=world.SECTION, side=rng.choice(tuple(Side)), purpose=world.PURPOSE
                )
            case _:
                return OPERATOR, c.GrantPermission(
                    participant=participant, section=world.SECTION, side=rng.choice(tuple(Side)), purpose=world.PURPOSE
                )

    def _authority(self) -> Given:
        rng = self._rng
        trader = rng.choice((*world.TRADERS, "nobody", "operator"))
        if rng.random() < 0.12:
            return OPERATOR, c.WithdrawTrader(trader=trader, open_orders=rng.choice(tuple(OpenOrders)))
        participant = world.TRADERS.get(trader, "p1") if rng.random() < 0.9 else "p6"
        return OPERATOR, c.AppointTrader(trader=trader if trader != "nobody" else "t7", participant=participant)

    def _list_things(self) -> Given:
        rng = self._rng
        if rng.random() < 0.5:
            lot, tick = rng.choice((("1", "0.01"), ("1", "0.001"), ("0", "1"), ("1000", "1000"), ("0.1", "0.1")))
            return OPERATOR, c.ListInstrument(
                instrument=rng.choice(("i1", f"n{self._fresh()}")),
                card=rng.choice(("card-metal", "card-none")),
                version=rng.choice((1, "1", 2)),
                basis=Basis(incoterm="EXW", place="Brest"),
                currency=rng.choice(("EUR", "JPY", "BHD")),
                payment_term="x",
                purpose=world.PURPOSE,
                lot=lot,
                tick=tick,
            )
        number = self._fresh()
        return OPERATOR, c.RegisterClient(
            broker=rng.choice(("p3", "p4", "nobody")), client=f"k{number}", name="k", country="RU", resident=False
        )

    def _profile(self) -> Given:
        rng = self._rng
        return OPERATOR, c.RecordProfile(
            person=f"person-{rng.randrange(4):032x}",
            profile=f"{rng.getrandbits(256):064x}",
            trader=rng.choice((None, *world.TRADERS, "nobody")),
        )

    def _junk(self) -> Given:
        """Commands by people who may not give them, and about things that are not there."""
        rng = self._rng
        stranger = self._trader(rng.choice(("nobody", "t1", "t2")))
        return stranger, rng.choice(
            (
                c.AccreditParticipant(participant="p1"),
                c.CreditDeposit(participant="nobody", currency="EUR", amount="5"),
                c.ChangePhase(session="nowhere", from_=Phase.TRADING, to=Phase.CLOSING),
                c.CancelOrder(order=10**9),
                c.AmendOrder(order=1),
                c.MassCancel(session=self._session()),
                c.PlaceOrder(
                    session="nowhere", instrument="nothing", side=Side.BUY, price="1", quantity="1", client="nobody"
                ),
                c.ConfirmWithdrawal(withdrawal="none"),
                c.AnnulDeal(deal=1, reason="x"),
                self._create_session_copy(),
            )
        )

    def _create_session_copy(self) -> c.CreateSession:
        return world.session(self._rng, "s1", self.now)

    # People ------------------------------------------------------------------------------------------------------

    def _trader(self, trader: str) -> Actor:
        return Actor(ActorKind.TRADER, trader)

    def _someone(self, order: int) -> Actor:
        """Mostly the trader who placed it."""
        owner = self._owners.get(order)
        if owner is not None and self._rng.random() < 0.93:
            return self._trader(owner)
        return self._trader(self._rng.choice(tuple(world.TRADERS)))

    def _fresh(self) -> int:
        self._names += 1
        return self._names
