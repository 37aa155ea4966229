"""The small world that hostile streams play in: few participants, few instruments, tight prices.

Small on purpose: with five price steps and ten traders orders meet, cross, park and starve all the time. The opening
commands are always accepted; everything hostile comes from `stream.py`.
"""

import random
from collections.abc import Iterator

from kirmash.messages import commands as c
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import Mechanism, NamesAt, ParticipantKind, Phase, SelfTrade, Side
from kirmash.messages.units import Time

START: Time = (1_700_000_000, 0)
SECTION = "metal"
PURPOSE = "export"

PARTICIPANTS: dict[str, tuple[tuple[ParticipantKind, ...], bool, str | None]] = {
    "p1": ((ParticipantKind.VISITOR,), True, None),
    "p2": ((ParticipantKind.VISITOR,), False, "g1"),
    "p3": ((ParticipantKind.VISITOR, ParticipantKind.BROKER), True, "g1"),
    "p4": ((ParticipantKind.BROKER,), False, None),
    "p5": ((ParticipantKind.VISITOR,), True, "g2"),
    "p6": ((ParticipantKind.VISITOR,), False, None),
}
CLIENTS: dict[str, tuple[str, bool, str | None]] = {
    "c1": ("p3", True, None),
    "c2": ("p3", False, "g2"),
    "c3": ("p4", True, None),
    "c4": ("p4", False, "g1"),
    "c5": ("p1", True, None),  # of a participant that is no broker: never admitted
}
TRADERS = {"t1": "p1", "t2": "p2", "t3": "p3", "t4": "p4", "t5": "p5", "t6": "p6", "t7": "p1"}

# Currency, lot, tick, whether conditional orders are allowed, the greatest order, the most entries, the section.
INSTRUMENTS: dict[str, tuple[str, str, str, bool, int | None, int | None, str]] = {
    "i1": ("EUR", "1", "0.50", True, None, None, SECTION),
    "i2": ("BYN", "5", "0.01", True, 40, None, SECTION),
    "i3": ("JPY", "0.5", "10", True, None, 4, SECTION),
    "i4": ("BHD", "2", "0.0005", False, None, None, SECTION),
    "i5": ("EUR", "100", "100", True, None, None, SECTION),  # one tick for one lot is 1,000,000 minor units
    "i6": ("EUR", "1", "1", True, None, None, "forest"),  # of another section: terms disagree
}

CDCA_PLAN = (Phase.SCHEDULED, Phase.INTAKE, Phase.ADMISSION, Phase.OPENING, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
CALL_PLAN = tuple(phase for phase in Phase if phase not in (Phase.HALTED, Phase.CANCELLED))


def opening(rng: random.Random, rich: bool) -> Iterator[c.Command]:
    """Everything that has to be there before orders: companies, people, goods, money."""
    for participant, (kinds, resident, group) in PARTICIPANTS.items():
        yield c.RegisterParticipant(
            participant=participant,
            name=participant.upper(),
            country="BY" if resident else "CN",
            resident=resident,
            kinds=kinds,
            group=group,
        )
        yield c.AccreditParticipant(participant=participant)
        for side in Side:
            yield c.GrantPermission(participant=participant, section=SECTION, side=side, purpose=PURPOSE)
    for client, (broker, resident, group) in CLIENTS.items():
        yield c.RegisterClient(broker=broker, client=client, name=client, country="BY", resident=resident, group=group)
    for trader, participant in TRADERS.items():
        yield c.AppointTrader(trader=trader, participant=participant)
    for section in (SECTION, "forest"):
        yield c.ListCard(
            card=f"card-{section}", version=1, section=section, name_en="x", name_ru="х", hs_code="7214", unit="TNE"
        )
    for instrument, (currency, lot, tick, conditional, most, entries, section) in INSTRUMENTS.items():
        yield c.ListInstrument(
            instrument=instrument,
            card=f"card-{section}",
            version="1",
            basis=Basis(incoterm="FCA", place="Minsk"),
            currency=currency,
            payment_term="prepaid",
            purpose=PURPOSE,
            lot=lot,
            tick=tick,
            conditional_allowed=conditional,
            order_lots_max=most,
            entries_max=entries,
        )
    for participant, (kinds, _, _) in PARTICIPANTS.items():
        owners: list[str | None] = [None] if ParticipantKind.VISITOR in kinds else []
        owners += [client for client, (broker, _, _) in CLIENTS.items() if broker == participant]
        for owner in owners:
            for currency in ("EUR", "BYN", "JPY", "BHD"):
                amount = "90000000" if rich else str(rng.choice((20, 300, 5000, 100000)))
                yield c.CreditDeposit(participant=participant, client=owner, currency=currency, amount=amount)


def session(rng: random.Random, name: str, at: Time) -> c.CreateSession:
    """A session of a random mechanism, plan, deposit and band over most instruments."""
    mechanism = rng.choice(tuple(Mechanism))
    plan = list(CDCA_PLAN if mechanism is Mechanism.CDCA else CALL_PLAN)
    for phase in (Phase.SCHEDULED, Phase.ADMISSION, Phase.OPENING, Phase.SELLER_CORRECTION):
        if phase in plan and rng.random() < 0.35:
            plan.remove(phase)
    if mechanism is Mechanism.CALL and rng.random() < 0.2:
        plan.remove(rng.choice((Phase.INTAKE, Phase.TRADING)))
    names = [name for name in INSTRUMENTS if name != "i6" and rng.random() < 0.9] or ["i1"]
    rates = [
        c.DepositRate(
            side=side,
            resident=resident,
            currency=currency,
            rate_ppm=rng.choice((0, 1, 2000, 333_333, 1_000_000)),
            floor=rng.choice(("0", "1", "7", "20")),
        )
        for side in Side
        for resident in (True, False)
        for currency in ("EUR", "BYN", "JPY", "BHD")
        if rng.random() < 0.7
    ]
    return c.CreateSession(
        session=name,
        section=SECTION,
        purpose=PURPOSE,
        mechanism=mechanism,
        instruments=tuple(_instrument(rng, instrument) for instrument in names),
        phases=tuple(c.PlannedPhase(phase=phase, at=(at[0] + 60 * position, 0)) for position, phase in enumerate(plan)),
        self_trade=rng.choices((SelfTrade.CANCEL_NEWEST, SelfTrade.ALLOW), (9, 1))[0],
        late_entry=rng.random() < 0.7,
        names_at=rng.choice((NamesAt.CLOSE, NamesAt.DEAL)),
        deposit=tuple(rates),
    )


def _instrument(rng: random.Random, instrument: str) -> c.SessionInstrument:
    def bound(step: int) -> str | None:
        return price_text(instrument, step) if rng.random() < 0.15 else None

    return c.SessionInstrument(
        instrument=instrument,
        reference=price_text(instrument, rng.randint(95, 110)) if rng.random() < 0.6 else None,
        lower=bound(rng.randint(90, 100)),
        upper=bound(rng.randint(100, 112)),
        down_ppm=rng.choice((50_000, 100_000, 200_000)) if rng.random() < 0.2 else None,
        up_ppm=rng.choice((50_000, 100_000, 200_000)) if rng.random() < 0.2 else None,
    )


def price_text(instrument: str, ticks: int) -> str:
    """So many ticks of an instrument as decimal text."""
    return _multiple(INSTRUMENTS[instrument][2], ticks)


def quantity_text(instrument: str, lots: int) -> str:
    """So many lots of an instrument as decimal text."""
    return _multiple(INSTRUMENTS[instrument][1], lots)


def _multiple(step: str, count: int) -> str:
    whole, _, fraction = step.partition(".")
    digits = str(int(whole + fraction) * count).rjust(len(fraction) + 1, "0")
    return f"{digits[: -len(fraction)]}.{digits[-len(fraction) :]}" if fraction else digits
