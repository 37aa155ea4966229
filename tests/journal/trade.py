"""A small exchange that trades: what opens it, and ever more commands that are given to it afterwards.

A command is made from its client id alone, so that a process that was killed and one that comes after it mean the same
by an id. The prices meet, so that orders make deals, deals contracts, and contracts that are performed releases; money
and permissions go by way of follow-ups, too. Some commands are refused: orders are amended and cancelled by guess.
No rule is tested here, only that what a real market decided is found again.
"""

import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import count

from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.commands import Command
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, SelfTrade, Side, TimeInForce
from kirmash.sequencer.answers import Answer

Given = tuple[Actor, str, Command]
"""Actor, client id, command."""

SECTION, PURPOSE = "metal", "export"
TRADERS = 4
FAR = 4_000_000_000
"""A time, in seconds, that no test lives to see: the session's plan moves nothing."""


def opening() -> Iterator[Given]:
    """What has to be there before the first order, in this order; given again it gets its old answers."""
    for at, command in enumerate(_opening()):
        yield OPERATOR, f"open-{at}", command


def _opening() -> Iterator[Command]:
    yield c.ListCard(card="c", version=1, section=SECTION, name_en="x", name_ru="x", hs_code="7214", unit="TNE")
    yield c.ListInstrument(
        instrument="i",
        card="c",
        version=1,
        basis=Basis(incoterm="FCA", place="Minsk"),
        currency="EUR",
        payment_term="prepaid",
        purpose=PURPOSE,
        lot="1",
        tick="0.01",
    )
    for trader in range(TRADERS):
        name = f"p{trader}"
        yield c.RegisterParticipant(
            participant=name, name=name, country="BY", resident=True, kinds=(ParticipantKind.VISITOR,)
        )
        yield c.AccreditParticipant(participant=name)
        for side in Side:
            yield c.GrantPermission(participant=name, section=SECTION, side=side, purpose=PURPOSE)
        yield c.AppointTrader(trader=f"t{trader}", participant=name)
        yield c.CreditDeposit(participant=name, currency="EUR", amount="900000000.00")
    plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
    yield c.CreateSession(
        session="s",
        section=SECTION,
        purpose=PURPOSE,
        mechanism=Mechanism.CDCA,
        instruments=(c.SessionInstrument(instrument="i"),),
        phases=tuple(c.PlannedPhase(phase=phase, at=(FAR + at, 0)) for at, phase in enumerate(plan)),
        self_trade=SelfTrade.ALLOW,
        deposit=tuple(
            c.DepositRate(side=side, resident=True, currency="EUR", rate_ppm=2_000, floor="0.20") for side in Side
        ),
    )
    yield c.ChangePhase(session="s", from_=Phase.INTAKE, to=Phase.TRADING)


def command_of(client_id: str) -> tuple[Actor, Command]:
    """The command that belongs to an id of the day, and who gives it."""
    chance = random.Random(client_id)
    trader = chance.randrange(TRADERS)
    actor = Actor(ActorKind.TRADER, f"t{trader}")
    match chance.choices(("order", "amend", "cancel", "perform", "credit", "permit"), (60, 8, 8, 8, 8, 8))[0]:
        case "order":
            return actor, _order(chance)
        case "amend":
            return actor, c.AmendOrder(order=chance.randint(1, 300), quantity=str(chance.randint(1, 40)))
        case "cancel":
            return actor, c.CancelOrder(order=chance.randint(1, 300))
        case "perform":
            return OPERATOR, c.PerformContract(deal=chance.randint(1, 300), reason="delivered")
        case "credit":
            return OPERATOR, c.CreditDeposit(participant=f"p{trader}", currency="EUR", amount="1.50")
    section = f"section-{chance.randrange(20)}"
    return OPERATOR, c.GrantPermission(participant=f"p{trader}", section=section, side=Side.BUY, purpose=PURPOSE)


def _order(chance: random.Random) -> Command:
    return c.PlaceOrder(
        session="s",
        instrument="i",
        side=chance.choice(tuple(Side)),
        price=f"{chance.randint(98, 102)}.00",
        quantity=str(chance.randint(1, 9)),
        time_in_force=chance.choice((TimeInForce.SESSION, TimeInForce.SESSION, TimeInForce.IOC)),
    )


def day(name: str) -> Iterator[Given]:
    """The opening and then commands without end, their ids beginning with this name."""
    yield from opening()
    for at in count():
        client_id = f"{name}-{at}"
        actor, command = command_of(client_id)
        yield actor, client_id, command


def actor_of(client_id: str) -> Actor:
    """Who gives the command of an id, of the opening or of the day."""
    return OPERATOR if client_id.startswith("open-") else command_of(client_id)[0]


def digest(answer: Answer) -> str:
    """An answer in one word: equal words are equal numbers, times and events."""
    return sha256(repr((answer.number, answer.time, bytes(answer.events))).encode()).hexdigest()
