"""A whole exchange of a real one's size, invented: a data folder whose journal was written by the writer from commands,
and whose views the projector folded from that journal. Nothing is inserted past them.

How many companies come from which country follows the reference data; what is beyond it is the home country's. A tenth
of the companies trade, the first of them by far the most; a session in a thousand is large. Times are spread over two
years, the last sessions run now. The same size and seed give the same commands.
"""

import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple

from kirmash import data
from kirmash.config import VIEWS_FILE
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, Side
from kirmash.messages.units import Time
from kirmash.projections.rebuild import rebuild
from kirmash.sequencer.answers import Answer
from kirmash.sequencer.writer import Writer

BATCH: Final = 1_000
DAY: Final = 86_400
SPAN: Final = 730 * DAY
PURPOSES: Final = ("export", "domestic")
PLACES: Final = ("Minsk", "Brest", "Orsha", "Gomel", "Taicang", "Busan")
PHASES: Final = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
INSTRUMENTS_IN_SESSION: Final = 12
INSTRUMENTS_IN_LARGE: Final = 500
LOTS: Final = 2
"""A sale is of so many lots, each of which a purchase takes: two deals of three orders."""

Given = tuple[Actor, c.Command]


class Size(NamedTuple):
    """How much of everything. `running` sessions trade, `planned` are to come, all others are over; one running and one
    over are large, with a thirtieth of all deals each."""

    participants: int
    traders: int
    clients: int
    cards: int
    instruments: int
    sessions: int
    running: int
    planned: int
    deals: int
    resting: int

    @property
    def large_deals(self) -> int:
        """Deals of each large session."""
        return self.deals // 30


FULL: Final = Size(36_000, 3_600, 5_000, 4_000, 40_000, 3_000, 10, 30, 300_000, 15_000)
SMALL: Final = Size(400, 60, 40, 60, 600, 30, 2, 2, 1_500, 200)

HEAVY: Final = "p-0"
"""The participant with the most of everything, a broker."""
LARGE_OVER: Final = "large-over"
LARGE_RUNNING: Final = "large-running"
LARGE_CARD: Final = "card-0"
FIRST_INSTRUMENT: Final = "i-0"


def build(path: Path, size: Size, seed: int = 1) -> int:
    """Make the data folder; gives the number of its records."""
    made = _Made(size, seed)
    folder = Folder.create(path)
    try:
        Journal.create(folder.journal, "large").close()
        writer = Writer(folder, market_loader(None), clock=made.clock, snapshot_every=10**9)
        writer.start()
        try:
            for part in made.parts():
                _submit(writer, part)
        finally:
            writer.stop()
        return rebuild(folder.journal, path / VIEWS_FILE)
    finally:
        folder.close()


def _submit(writer: Writer, given: Iterable[Given]) -> None:
    waiting: list[Future[Answer]] = []
    for place, (actor, command) in enumerate(given, 1):
        waiting.append(writer.submit(actor, "bench", f"{time.monotonic_ns():x}-{place}", command))
        if len(waiting) == BATCH:
            while waiting:
                waiting.pop().result()
    for answer in waiting:
        answer.result()


class _Made:
    """The commands, and the clock that goes with them."""

    def __init__(self, size: Size, seed: int) -> None:
        self._size = size
        self._rng = random.Random(seed)
        self._end = int(time.time())
        self._now = self._end - SPAN
        self._nanos = 0
        self._deals = 0
        self._performed = 0

    def clock(self) -> Time:
        """A millisecond later at each look; the writer's thread asks while we wait for it, or is about to."""
        self._nanos += 1_000_000
        if self._nanos >= 1_000_000_000:
            self._nanos -= 1_000_000_000
            self._now += 1
        return (self._now, self._nanos)

    def parts(self) -> Iterator[Iterable[Given]]:
        """Commands that belong together, in order; each part is durable before the next is asked for."""
        yield self._goods()
        yield self._companies()
        size = self._size
        over = size.sessions - size.running - size.planned
        few = -(-(size.deals - 2 * size.large_deals) // max(1, over - 1 + size.running - 1))
        few += few % LOTS
        for number in range(over):
            # Never back: a part may have taken longer, by its clock, than there was until the next session.
            self._now = max(self._now, self._end - SPAN + (SPAN - 2 * DAY) * (number + 1) // over)
            large = number == over - 1
            yield self._session(LARGE_OVER if large else f"s-{number}", large, size.large_deals if large else few, 3)
            yield self._after(number)
            yield self._paid(number)
        self._now = max(self._now, self._end - 3_600)
        for number in range(size.running):
            large = number == 0
            name = LARGE_RUNNING if large else f"running-{number}"
            yield self._session(name, large, size.large_deals if large else few, 1, size.resting if large else 100)
        for number in range(size.planned):
            yield self._session(f"planned-{number}", False, 0, 0)

    def _goods(self) -> Iterator[Given]:
        size = self._size
        goods = data.cards()
        for number in range(size.cards):
            good = goods[number % len(goods)]
            yield (
                OPERATOR,
                c.ListCard(
                    card=f"card-{number}",
                    version="1",
                    section=data.SECTIONS[number % 4],
                    name_en=f"{good.name_en} {number} (invented)",
                    name_ru=f"{good.name_ru} {number} (выдумано)",
                    hs_code=good.hs_code or "4407",
                    unit=good.unit,
                    attributes=(("grade", str(number % 7)), ("packing", "bundles")),
                ),
            )
        for number in range(size.instruments):
            # Every fiftieth of a section's is of its first card.
            card = number % 4 if number % 200 < 4 else number % size.cards
            yield (
                OPERATOR,
                c.ListInstrument(
                    instrument=f"i-{number}",
                    card=f"card-{card}",
                    version="1",
                    basis=Basis(incoterm="FCA", place=self._rng.choice(PLACES)),
                    currency="EUR",
                    payment_term="prepayment",
                    clauses=("terms invented",),
                    purpose=PURPOSES[number // 4 % 2],
                    lot="1",
                    tick="0.01",
                ),
            )

    def _companies(self) -> Iterator[Given]:
        size = self._size
        countries = [row.country for row in data.participants_by_country() for _ in range(row.accredited or 0)]
        self._rng.shuffle(countries)
        for number in range(size.participants):
            participant, trades, broker = f"p-{number}", number < size.traders, number % 90 == 0
            country = countries[number] if number % 5 == 4 and number < len(countries) else "BY"
            resident = country == "BY"
            yield (
                OPERATOR,
                c.RegisterParticipant(
                    participant=participant,
                    name=f"Company {number} (invented)",
                    country=country,
                    resident=resident,
                    kinds=(ParticipantKind.VISITOR, ParticipantKind.BROKER) if broker else (ParticipantKind.VISITOR,),
                ),
            )
            yield OPERATOR, c.AccreditParticipant(participant=participant)
            yield OPERATOR, c.AppointTrader(trader=f"t-{number}", participant=participant)
            for section in data.SECTIONS if trades else data.SECTIONS[:1]:
                for side in Side if trades else (Side.BUY,):
                    for purpose in PURPOSES if trades else PURPOSES[:1]:
                        yield (
                            OPERATOR,
                            c.GrantPermission(participant=participant, section=section, side=side, purpose=purpose),
                        )
            yield OPERATOR, c.CreditDeposit(participant=participant, currency="EUR", amount="90000000.00")
        for number in range(size.clients):
            owner = HEAVY if number % 4 == 1 else f"p-{number * 90 % size.traders // 90 * 90}"
            yield (
                OPERATOR,
                c.RegisterClient(
                    broker=owner, client=f"c-{number}", name=f"Client {number} (invented)", country="BY", resident=True
                ),
            )
            yield OPERATOR, c.CreditDeposit(participant=owner, client=f"c-{number}", currency="EUR", amount="9000.00")

    def _session(self, name: str, large: bool, deals: int, steps: int, resting: int = 0) -> Iterator[Given]:
        """A session of one section and purpose, brought `steps` phases on, with its orders."""
        size, rng = self._size, self._rng
        start = 0 if large else rng.randrange(size.instruments // 8)
        count = min(size.instruments // 8, INSTRUMENTS_IN_LARGE if large else INSTRUMENTS_IN_SESSION)
        # Section and purpose of an instrument repeat every eight.
        instruments = [f"i-{(start + place) % (size.instruments // 8) * 8}" for place in range(count)]
        first = self._end + DAY if steps == 0 else self._now
        yield (
            OPERATOR,
            c.CreateSession(
                session=name,
                section=data.SECTIONS[0],
                purpose=PURPOSES[0],
                mechanism=Mechanism.CDCA,
                instruments=tuple(c.SessionInstrument(instrument=it, reference="500.00") for it in instruments),
                phases=tuple(
                    c.PlannedPhase(phase=phase, at=(first + (0, 60, DAY, DAY + 60)[place], 0))
                    for place, phase in enumerate(PHASES)
                ),
                deposit=tuple(
                    c.DepositRate(side=side, resident=resident, currency="EUR", rate_ppm=2_000, floor="0.20")
                    for side in Side
                    for resident in (True, False)
                ),
            ),
        )
        for place in range(min(1, steps)):
            yield OPERATOR, c.ChangePhase(session=name, from_=PHASES[place], to=PHASES[place + 1])
        for place in range(deals // LOTS):
            # Half of a session's deals are of its first instrument, as goods go.
            yield from self._deals_of(name, instruments[0 if place % 2 else place // 2 % count])
        for place in range(resting):
            side = Side.BUY if place % 2 else Side.SELL
            cents = rng.randrange(2_000)
            price = f"{480 - cents // 100 if side is Side.BUY else 520 + cents // 100}.{cents % 100:02}"
            yield self._order(name, instruments[0 if place % 2 else place // 2 % count], side, price, 1)
        for place in range(1, steps):
            yield OPERATOR, c.ChangePhase(session=name, from_=PHASES[place], to=PHASES[place + 1])

    def _deals_of(self, session: str, instrument: str) -> Iterator[Given]:
        cents = 49_000 + self._rng.randrange(2_000)
        price = f"{cents // 100}.{cents % 100:02}"
        yield self._order(session, instrument, Side.SELL, price, LOTS)
        for _ in range(LOTS):
            yield self._order(session, instrument, Side.BUY, price, 1)
        self._deals += LOTS

    def _order(self, session: str, instrument: str, side: Side, price: str, lots: int) -> Given:
        # Buyers are even and sellers odd, so that nobody meets himself; the first of either has a fiftieth.
        rng, odd = self._rng, side is Side.SELL
        half = self._size.traders // 2
        number = 2 * (0 if rng.randrange(50) == 0 else int(half * rng.random() ** 2)) + odd
        client = None
        if number == 0 and rng.randrange(2):
            client = f"c-{rng.randrange(max(1, self._size.clients // 40)) * 4 + 1}"
        return Actor(ActorKind.TRADER, f"t-{number}"), c.PlaceOrder(
            session=session, instrument=instrument, side=side, price=price, quantity=str(lots), client=client
        )

    def _after(self, number: int) -> Iterator[Given]:
        """What follows a session: old contracts are performed, a few terminated, money is asked back."""
        # The last sixth is still open. A deal that did not come about is none; its contract's end is refused.
        behind = self._deals - self._size.deals // 6
        for deal in range(self._performed + 1, behind):
            what = c.TerminateContract if deal % 500 == 0 else c.PerformContract
            yield OPERATOR, what(deal=deal, reason="invented")
        self._performed = max(self._performed, behind - 1)
        participant = f"p-{number % self._size.traders}"
        yield (
            OPERATOR,
            c.RequestWithdrawal(withdrawal=f"w-{number}", participant=participant, currency="EUR", amount="10.00"),
        )

    def _paid(self, number: int) -> Iterator[Given]:
        """And is paid, but for a third."""
        if number % 3:
            yield OPERATOR, c.ConfirmWithdrawal(withdrawal=f"w-{number}")
