"""Lumber to China, December 2022: the record session, as a uniform-price auction.

Known (facts S14, D013): half of the offer was sold, ten sale lots, 62,200 m³ for 85,500,000 CNY, buyers from China and
Singapore. All else is invented; docs/reference/scenarios/lumber-china-2022-12.md says what and why.

How the total becomes exact. An instrument has one price, and 85,500,000 is no multiple of 311, while 6,220 is: ten
whole sale lots, each at one price, can never make that sum. So one sale lot is a multi-basis lot: its seller moves
part of it, m lots of 10 m³, from port a to port b. Then 622 · (sum of price times sale lots) + m · (price b - price a)
must be 8,550,000, which is solved in integers for m and for the price of the last instrument.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kirmash.simulation.scenarios import call_book, companies, listing, negotiation
from kirmash.simulation.scenarios.call_book import Plan
from kirmash.simulation.scenarios.companies import Client, Company
from kirmash.simulation.scenarios.negotiation import Agenda, Life
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, Script, decimal_text, with_ids

HEADER = (
    "Lumber to China, December 2022 (CALL). Known: 20 sale lots of 6,220 m3 offered, ten sold, 62,200 m3 for",
    "85,500,000.00 CNY, buyers of China and Singapore (facts S14, D013); the delivery bases of November (S13).",
    "Invented: days and times, companies, grades, orders, prices, deposits, refused commands, what was performed.",
)

SESSION = "china-lumber-2022-12"
SALE_LOT = 622
TOTAL = 8_550_000
"""The notional in units of one tick (1 CNY per m³) times one lot (10 m³)."""

SELLERS = 8
RATE = DepositRate(2_000, 1_600_00)
RATE_RESIDENT = DepositRate(2_000, 0)
BAND_PPM = 150_000


@dataclass(frozen=True, slots=True)
class Base:
    """One instrument: where it is delivered and what November's session would suggest for it, in CNY per m³."""

    listing: Listing
    card: str
    place: str
    reference: int


def _base(name: str, card: str, place: str, reference: int) -> Base:
    return Base(Listing(name, "CNY", 1, 0, 10, 0), card, place, reference)


BASES = (
    _base("pine-changsha", "pine-board", "Changsha", 1394),
    _base("pine-shanghai", "pine-board", "Shanghai", 1376),
    _base("pine-taicang", "pine-board", "Taicang", 1368),
    _base("pine-tianjin", "pine-board", "Tianjin", 1352),
    _base("spruce-taicang", "spruce-board", "Taicang", 1402),
)
PORTS = (0, 1, 2, 3)
"""The bases between which a pine sale lot may be divided."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the session must come to: price and sold sale lots of each base, and the divided sale lot."""

    prices: tuple[int, ...]
    sold: tuple[int, ...]
    source: int
    destination: int
    moved: int

    def volume(self, base: int) -> int:
        """Returns the lots sold at `base`."""
        moved = self.moved if base == self.destination else -self.moved if base == self.source else 0
        return self.sold[base] * SALE_LOT + moved


def draw_target(rng: random.Random) -> Target:
    """Draws prices and volumes that make the known total; redraws until the integer equation has a solution."""
    while True:
        sold = [rng.randint(1, 3) for _ in BASES]
        if sum(sold) != 10:
            continue
        source, destination = rng.sample(PORTS, 2)
        prices = [base.reference + rng.randint(-14, 14) for base in BASES]
        step = prices[destination] - prices[source]
        fitting = [m for m in range(120, 503) if (TOTAL - m * step) % SALE_LOT == 0]
        if not step or not fitting:
            continue
        moved = rng.choice(fitting)
        last = rng.choice([i for i in range(len(BASES)) if i not in (source, destination)])
        rest = (TOTAL - moved * step) // SALE_LOT - sum(
            n * p for i, (n, p) in enumerate(zip(sold, prices, strict=True)) if i != last
        )
        prices[last], remainder = divmod(rest, sold[last])
        near = abs(prices[last] - BASES[last].reference) <= 25
        if not remainder and near and len(set(prices)) >= 4:
            return Target(tuple(prices), tuple(sold), source, destination, moved)


def buyers(rng: random.Random) -> list[Company]:
    """Returns 17 buyers: 13 visitors of China, two brokers with two clients each, two visitors of Singapore."""
    names = companies.invented_names(rng, "CN", 20)
    made = [Company(f"cn-{i + 1:02}", names[i], "CN", ("buy",)) for i in range(13)]
    for i in (13, 14):
        clients = tuple(Client(f"cn-{i + 1:02}-c{j + 1}", names[15 + 2 * (i - 13) + j], "CN") for j in range(2))
        made.append(Company(f"cn-{i + 1:02}", names[i], "CN", ("buy",), ("broker",), 2, clients))
    for i, name in enumerate(companies.invented_names(rng, "SG", 2)):
        made.append(Company(f"sg-{i + 1:02}", name, "SG", ("buy",)))
    return made


def sellers(rng: random.Random) -> list[Company]:
    names = companies.invented_names(rng, "BY", SELLERS)
    return [Company(f"by-{i + 1:02}", name, "BY", ("sell",)) for i, name in enumerate(names)]


@dataclass(slots=True)
class Cast:
    """Everybody in the session. The newcomer waits for his permission, the short one for his money."""

    buyers: list[Company]
    sellers: list[Company]
    suspended: Company
    newcomer: Company
    short: Company

    @property
    def all(self) -> list[Company]:
        return [*self.sellers, *self.buyers, self.suspended]


def draw_cast(rng: random.Random) -> Cast:
    made = buyers(rng)
    newcomer, short = rng.sample([c for c in made if c.kinds == ("visitor",)], 2)
    name = "Expired Papers Trading" + companies.INVENTED
    return Cast(made, sellers(rng), Company("cn-90", name, "CN", ("buy",)), newcomer, short)


def draw_plans(rng: random.Random, target: Target) -> tuple[list[list[Plan]], list[list[Plan]]]:
    """Returns the planned buys and the planned whole sale lots of each base.

    The divided sale lot is not among the sells. One base holds the paradox, another an indivisible buy that is filled.
    """
    bought: list[list[Plan]] = []
    offered: list[list[Plan]] = []
    paradox, whole = rng.sample([i for i in range(len(BASES)) if target.volume(i) >= SALE_LOT], 2)
    for i, price in enumerate(target.prices):
        volume, parts, floor = target.volume(i), rng.randint(5, 6), price
        if i == paradox:
            plans, floor = call_book.paradox_buys(rng, price, volume, parts, 15, 16)
        else:
            plans = call_book.crossing_buys(rng, price, volume, parts, 15, 16, minimum=i != whole)
        if i == whole:
            plans[0] = Plan("buy", plans[0].ticks, plans[0].lots, "filled", indivisible=True)
        plans += call_book.low_buys(rng, price, rng.randint(9, 11), (12, 180), 45)
        rng.shuffle(plans)
        bought.append(plans)
        here = target.sold[i] - (i == target.source)
        lots = [call_book.sold(rng, price, SALE_LOT, 18) for _ in range(here)]
        lots += [call_book.unsold(rng, floor, SALE_LOT, 40) for _ in range(4 - target.sold[i])]
        offered.append(lots)
    return bought, offered


def draw_lives(
    rng: random.Random, cast: Cast, bought: list[list[Plan]], offered: list[list[Plan]]
) -> tuple[list[Life], list[Life]]:
    """Gives every planned order an owner and a way to its final terms: buyers' lives, sellers' lives."""
    desks: list[tuple[str, str | None]] = []
    for company in cast.buyers:
        clients: list[str | None] = [c.client for c in company.clients] or [None]
        desks += [(company.trader(i % company.traders), client) for i, client in enumerate(clients)]
    rng.shuffle(desks)
    buys: list[Life] = []
    # Orders that will be filled come first, so that they go round the whole table of buyers.
    numbered = [(plan.fate == "priced_out", i, plan) for i, plans in enumerate(bought) for plan in plans]
    for turn, (_, i, plan) in enumerate(sorted(numbered, key=lambda entry: entry[0])):
        trader, client = desks[turn % len(desks)]
        buys.append(negotiation.buyer_life(rng, plan, BASES[i].listing, trader, client, 3, 6))
    sells: list[Life] = []
    numbered = [(False, i, plan) for i, plans in enumerate(offered) for plan in plans]
    rng.shuffle(numbered)
    for k, (_, i, plan) in enumerate(numbered):
        trader = cast.sellers[(k + 1) % SELLERS].trader()
        sells.append(negotiation.seller_life(rng, plan, BASES[i].listing, trader, 2, 8))
    return buys, sells


class Story:
    """The session as a sequence of phases, written into one script."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.target = draw_target(rng)
        self.cast = draw_cast(rng)
        bought, offered = draw_plans(rng, self.target)
        self.buys, self.sells = draw_lives(rng, self.cast, bought, offered)
        rates = companies.rates_of(self.cast.all, RATE, RATE_RESIDENT)
        traders = companies.participant_of(self.cast.all)
        self.script = Script("2022-12-14T03:00:00Z", SESSION, traders, rates)
        self.divided = (0, 0)
        self.top_up: Command = {}
        self.doomed: list[int] = []

    def intake(self) -> None:
        """Orders come in; some are refused, some withdrawn; one seller divides his sale lot between two ports."""
        script, agenda = self.script, Agenda(self.script, 10_500)
        script.phase("SCHEDULED", "INTAKE")
        self._refused_in_intake(agenda)
        negotiation.enter_lives(self.rng, agenda, script, [*self.buys, *self.sells], 8_400, 10_200)
        self._divided_lot(agenda)
        self._withdrawn_orders(agenda)
        agenda.run()
        script.go_to("2022-12-14T06:00:00Z")

    def _refused_in_intake(self, agenda: Agenda) -> None:
        script, rng, pine = self.script, self.rng, BASES[2]
        first, second, third = rng.sample(self.cast.buyers[:13], 3)
        fine = str(pine.reference)

        def refused(who: Company, price: str, quantity: str) -> Callable[[], None]:
            return lambda: script.offer(who.trader(), pine.listing, "buy", price, quantity)

        agenda.put(60, refused(self.cast.newcomer, fine, "500"))
        agenda.put(240, lambda: self._permit(self.cast.newcomer))
        agenda.put(300, refused(self.cast.short, fine, "1200"))
        agenda.put(480, self._pay_in)
        agenda.put(rng.randint(700, 2_000), refused(first, fine + ".5", "400"))
        agenda.put(rng.randint(2_001, 3_500), refused(second, fine, "155"))
        agenda.put(rng.randint(3_501, 5_000), refused(third, str(pine.reference * 5 // 4), "600"))
        agenda.put(rng.randint(5_001, 6_000), refused(first, fine, "25000"))

    def _permit(self, company: Company) -> None:
        fields = {"participant": company.participant, "section": "forest", "side": "buy", "purpose": "export"}
        self.script.add("operator", "grant_permission", **fields)

    def _pay_in(self) -> None:
        """The amount is known only when all orders are written: it is filled in by `generate`."""
        account = {"participant": self.cast.short.participant, "currency": "CNY", "amount": ""}
        self.script.add("operator", "credit_deposit", **account)
        self.top_up = self.script.commands[-1]

    def _divided_lot(self, agenda: Agenda) -> None:
        """One sale lot is placed whole and then divided between two bases; both parts will be sold."""
        script, rng, target = self.script, self.rng, self.target
        trader = self.cast.sellers[0].trader()
        here, there = (BASES[i].listing for i in (target.source, target.destination))
        prices = [target.prices[i] - rng.randint(0, 12) for i in (target.source, target.destination)]
        orders: list[int] = []
        agenda.put(1_200, lambda: orders.append(script.place(trader, here, "sell", prices[0], SALE_LOT)))
        agenda.put(9_000, lambda: script.amend(trader, orders[0], lots=SALE_LOT - target.moved))
        agenda.put(9_001, lambda: orders.append(script.place(trader, there, "sell", prices[1], target.moved)))

    def _withdrawn_orders(self, agenda: Agenda) -> None:
        """Buyers who change their mind, and one whose papers expire before admission."""
        script, rng = self.script, self.rng
        for company in rng.sample(self.cast.buyers[:13], 6):
            base = rng.choice(BASES)
            self._changed_mind(agenda, company.trader(), base, rng.randint(700, 8_000), rng.randint(120, 1_500))
        bidder = self.cast.suspended
        for base in rng.sample(BASES, 2):
            terms = (base.listing, "buy", base.reference + rng.randint(0, 20), rng.randint(20, 60))
            agenda.put(rng.randint(700, 8_000), partial(self._doom, bidder, terms))
        suspension = {
            "participant": bidder.participant,
            "open_orders": "keep",
            "reason": "accreditation papers expired",
        }
        agenda.put(10_400, lambda: script.add("operator", "suspend_participant", **suspension))

    def _doom(self, bidder: Company, terms: tuple[Listing, str, int, int]) -> None:
        self.doomed.append(self.script.place(bidder.trader(), *terms))

    def _changed_mind(self, agenda: Agenda, trader: str, base: Base, second: int, later: int) -> None:
        ticks, lots, orders = base.reference + self.rng.randint(-20, 10), self.rng.randint(15, 90), list[int]()
        agenda.put(second, lambda: orders.append(self.script.place(trader, base.listing, "buy", ticks, lots)))
        agenda.put(second + later, lambda: self.script.cancel(trader, orders[0]))

    def trading(self) -> None:
        """Buyers raise and sellers lower; nobody may come in, go back or leave any more."""
        script, rng = self.script, self.rng
        for before, after, at in (
            ("INTAKE", "ADMISSION", "2022-12-14T06:00:00Z"),
            ("ADMISSION", "OPENING", "2022-12-14T06:15:00Z"),
            ("OPENING", "TRADING", "2022-12-14T06:30:00Z"),
        ):
            script.go_to(at)
            script.phase(before, after)
        agenda = Agenda(script, 3_600)
        for life in [*self.buys, *self.sells]:
            agenda.steps(rng, life, negotiation.last_terms(life, "TRADING"), life.trading, 20, 3_580)
        late, worse, leaving = (rng.choice(self.buys) for _ in range(3))
        agenda.put(400, lambda: script.offer(late.trader, late.listing, "buy", "1390", "300", client=late.client))
        lower = worse.listing.price(worse.plan.ticks - 60)
        agenda.put(900, lambda: script.add(worse.trader, "amend_order", order=worse.order, price=lower))
        agenda.put(1_700, lambda: script.cancel(leaving.trader, leaving.order))
        agenda.run()
        script.go_to("2022-12-14T07:30:00Z")

    def correction(self) -> None:
        """Sellers may still come down; a buyer who would raise and a seller who would sell less are refused."""
        script, rng = self.script, self.rng
        script.phase("TRADING", "SELLER_CORRECTION")
        agenda = Agenda(script, 900)
        for life in self.sells:
            before = negotiation.last_terms(life, "SELLER_CORRECTION")
            agenda.steps(rng, life, before, life.correction, 20, 780)
        buyer = rng.choice(self.buys)
        higher = buyer.listing.price(buyer.plan.ticks + 4)
        agenda.put(300, lambda: script.add(buyer.trader, "amend_order", order=buyer.order, price=higher))
        seller = rng.choice([life for life in self.sells if life.plan.fate == "filled"])
        agenda.put(840, lambda: script.add(seller.trader, "amend_order", order=seller.order, quantity="6000"))
        agenda.run()
        script.go_to("2022-12-14T07:45:00Z")

    def closing(self) -> None:
        """Deals are made, the session closes, and in the weeks after it contracts are performed."""
        script, rng = self.script, self.rng
        script.phase("SELLER_CORRECTION", "DEAL_MAKING")
        script.go_to("2022-12-14T08:00:00Z")
        script.phase("DEAL_MAKING", "CLOSING")
        script.go_to("2022-12-14T08:05:00Z")
        script.phase("CLOSING", "CLOSED")
        # Every base makes at least as many deals as it has filled buys, so these deals exist.
        certain = sum(life.plan.fate in ("filled", "marginal") for life in self.buys)
        chosen = sorted(rng.sample(range(1, certain + 1), certain // 2))
        ended = rng.choice(chosen)
        for deal in chosen:
            script.wait(rng.randint(20_000, 90_000))
            if deal == ended:
                script.add("operator", "terminate_contract", deal=deal, reason="agreed by both parties")
            else:
                script.add("operator", "perform_contract", deal=deal, reason="delivery and payment confirmed")
        account = {"participant": self.cast.suspended.participant, "currency": "CNY", "amount": "5000.00"}
        script.add("operator", "request_withdrawal", withdrawal="w-1", **account)
        script.wait(3_600)
        script.add("operator", "confirm_withdrawal", withdrawal="w-1")


def _setup(story: Story) -> list[Command]:
    """Returns cards, instruments, companies with their deposits, and the session."""
    at, needs = "2022-12-12T07:00:00Z", story.script.needs()
    grade = {"grade": "1-3", "thickness": "50 mm", "width": "100-200 mm", "length": "3-6 m", "moisture": "18-22 %"}
    made = [
        listing.card_command(at, "sawn-softwood-edged", "pine-board", {"species": "pine", **grade}),
        listing.card_command(at, "sawn-softwood-edged", "spruce-board", {"species": "spruce", **grade}),
    ]
    clauses = ["container delivery", "tolerance 0 %"]
    for base in BASES:
        more = {"clauses": clauses, "order_lots_max": 2_000}
        made.append(listing.instrument_command(at, base.listing, base.card, "CPT", base.place, "export", **more))
    for company in story.cast.all:
        accounts: list[str | None] = [c.client for c in company.clients] or [None]
        funds = [(c, companies.generous(needs.get((company.participant, c), 0), 5_000_00)) for c in accounts]
        if company is story.cast.short:
            # 1,000 CNY is below the floor of 1,600, so his first order can not be covered.
            story.top_up["amount"] = decimal_text(funds[0][1], 2)
            funds = [(None, 1_000_00)]
        commands = companies.enrolment(company, at, "forest", "export", "CNY", funds)
        if company is story.cast.newcomer:
            commands = [c for c in commands if c["command"] != "grant_permission"]
        made += commands
    made.append(_session(at))
    return made


def _session(at: str) -> Command:
    day = "2022-12-14T"
    return listing.operator_command(
        at,
        "create_session",
        session=SESSION,
        section="forest",
        purpose="export",
        mechanism="call",
        instruments=[
            {
                "instrument": base.listing.instrument,
                "reference": base.listing.price(base.reference),
                "down_ppm": BAND_PPM,
                "up_ppm": BAND_PPM,
            }
            for base in BASES
        ],
        phases=listing.plan(
            (
                ("SCHEDULED", at),
                ("INTAKE", day + "03:00:00Z"),
                ("ADMISSION", day + "06:00:00Z"),
                ("OPENING", day + "06:15:00Z"),
                ("TRADING", day + "06:30:00Z"),
                ("SELLER_CORRECTION", day + "07:30:00Z"),
                ("DEAL_MAKING", day + "07:45:00Z"),
                ("CLOSING", day + "08:00:00Z"),
                ("CLOSED", day + "08:05:00Z"),
            )
        ),
        deposit=listing.export_deposit("CNY", RATE, RATE_RESIDENT),
    )


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    story = Story(random.Random(seed))
    story.intake()
    story.trading()
    story.correction()
    story.closing()
    setup = _setup(story)
    return with_ids([*setup, *story.script.commands])
