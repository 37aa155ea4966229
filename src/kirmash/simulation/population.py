"""The demo's people: participants and brokers by country from the reference data, scaled down, and the visitors' own.

Pure: the same seed gives the same commands in the same order. Every name is invented and ends with "(invented)"; how
many come from which country is told in the reference data, but for the residents, whom it does not count. Nobody here
may trade in the historical session: its purpose is one that is granted only to those who were in it (`replay`).
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from kirmash import data
from kirmash.messages.commands import Command
from kirmash.protocol.shapes import command_from_json
from kirmash.simulation import exhibits
from kirmash.simulation.exhibits import SERIES
from kirmash.simulation.scenarios.companies import INVENTED

HOME: Final = "BY"
SCALE: Final = 100
"""One participant of the demo stands for so many accredited companies of its country, rounded up."""
RESIDENTS: Final = 60
"""Companies of the exchange's own country, which the reference data does not count: invented."""

_FIRST: Final = (
    *("Amber", "Birch", "Bright", "Cedar", "Clover", "Crane", "Dawn", "Eastern", "Falcon", "Golden", "Granite"),
    *("Green Valley", "Harbour", "Highland", "Lake", "Linden", "Long Road", "Meadow", "Mill", "Northern", "Old Bridge"),
    *("Pine", "River", "Silver", "Southern", "Steppe", "Stork", "Summit", "Three Rivers", "Western", "White Stone"),
)
_SECOND: Final = (
    *("Commodities", "Export", "Foods", "Group", "Import", "Industries", "Materials", "Metals", "Mills", "Partners"),
    *("Resources", "Supply", "Timber", "Trading", "Union", "Works"),
)


class Account(NamedTuple):
    """Money paid in for a participant or a broker's client, in whole units of the currency."""

    client: str | None
    currency: str
    units: int


class Company(NamedTuple):
    """A participant, its one trader, what it may do (series name, side), and its money."""

    participant: str
    name: str
    country: str
    broker: bool
    clients: tuple[tuple[str, str], ...]
    """Id and name; a broker's clients are of its country."""
    rights: tuple[tuple[str, str], ...]
    accounts: tuple[Account, ...]

    @property
    def trader(self) -> str:
        """The id of its trader."""
        return f"t-{self.participant}"


class Seat(NamedTuple):
    """A place at a series that a simulated participant takes: who, for which client, and the sides that it trades."""

    series: str
    trader: str
    participant: str
    client: str | None
    sides: tuple[str, ...]


class Visitor(NamedTuple):
    """A login for visitors; operators and auditors belong to no company."""

    login: str
    part: str
    """buyer, seller, broker, operator or auditor."""
    company: Company | None


class Population(NamedTuple):
    """All companies, the visitors' among them, and the seats of those that the demo moves by itself."""

    companies: tuple[Company, ...]
    seats: tuple[Seat, ...]

    def commands(self) -> Iterator[Command]:
        """Goods, instruments and companies, in the order in which they are given."""
        yield from exhibits.listings()
        for company in self.companies:
            yield from enrolment(company)


def _visitor(part: str, sides: tuple[str, ...], clients: tuple[tuple[str, str], ...] = ()) -> Visitor:
    participant, name = f"demo-{part}", f"Visitors' {part} of the demo{INVENTED}"
    rights = tuple((series.name, side) for series in SERIES for side in sides)
    owners: list[str | None] = [client for client, _ in clients] or [None]
    accounts = tuple(Account(owner, currency, 500_000) for owner in owners for currency in ("BYN", "USD"))
    company = Company(participant, name, HOME, bool(clients), clients, rights, accounts)
    return Visitor(participant, part, company)


VISITORS: Final = (
    _visitor("buyer", ("buy",)),
    _visitor("seller", ("sell",)),
    _visitor(
        "broker",
        ("buy", "sell"),
        (("demo-client-a", f"First client of the demo{INVENTED}"), ("demo-client-b", f"Second client{INVENTED}")),
    ),
    Visitor("demo-operator", "operator", None),
    Visitor("demo-operator-2", "operator", None),
    Visitor("demo-auditor", "auditor", None),
)
"""The logins that a visitor may use. Two operators, because some commands need a second person."""


def populate(seed: int) -> Population:
    """Draw the population of a seed."""
    rng = random.Random(seed)
    names = _names(rng)
    made = [_resident(rng, number, next(names)) for number in range(1, RESIDENTS + 1)]
    for row in data.participants_by_country():
        count = -(-(row.accredited or 0) // SCALE)
        made += [_foreigner(rng, row.country, number, next(names)) for number in range(1, count + 1)]
        # Brokers are few enough to be halved only.
        made += [_broker(row.country, number, names) for number in range(1, -(-(row.brokers or 0) // 2) + 1)]
    seats = _seats(rng, made)
    visitors = tuple(it.company for it in VISITORS if it.company is not None)
    return Population((*made, *visitors), tuple(seats))


def _names(rng: random.Random) -> Iterator[str]:
    """Different names in an order of chance; when all pairs are used up, numbered ones."""
    pairs = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    rng.shuffle(pairs)
    ordinal = 1
    while True:
        yield from (f"{pair}{'' if ordinal == 1 else f' {ordinal}'}{INVENTED}" for pair in pairs)
        ordinal += 1


def _resident(rng: random.Random, number: int, name: str) -> Company:
    """Residents deal in metals with each other, and sell abroad."""
    sides = (("buy",), ("sell",), ("buy", "sell"))[number % 3]
    rights = [("metals-domestic", side) for side in sides]
    rights += [(series, "sell") for series in ("food-export", "timber-export") if rng.randrange(2)]
    accounts = (Account(None, "BYN", rng.randint(6, 40) * 1_000), Account(None, "USD", rng.randint(4, 20) * 1_000))
    return Company(f"by-demo-{number:03}", name, HOME, False, (), tuple(rights), accounts)


def _foreigner(rng: random.Random, country: str, number: int, name: str) -> Company:
    rights = (("food-export", "buy"), ("timber-export", "buy"))
    participant = f"{country.lower()}-demo-{number:03}"
    return Company(participant, name, country, False, (), rights, (Account(None, "USD", rng.randint(4, 40) * 1_000),))


def _broker(country: str, number: int, names: Iterator[str]) -> Company:
    participant = f"{country.lower()}-demo-broker-{number:02}"
    clients = tuple((f"{participant}-c{ordinal}", next(names)) for ordinal in (1, 2))
    rights = (("food-export", "buy"), ("timber-export", "buy"))
    accounts = tuple(Account(client, "USD", 12_000) for client, _ in clients)
    return Company(participant, next(names), country, True, clients, rights, accounts)


_SEATS: Final = {"metals-domestic": (10, 10, 4), "food-export": (8, 14, 0), "timber-export": (8, 14, 0)}
"""How many sell, buy and do both in each series."""


def _seats(rng: random.Random, companies: Iterable[Company]) -> list[Seat]:
    """Draw who sits where; each company at one series at most, so that its account is moved by one head."""
    free = list(companies)
    rng.shuffle(free)
    seats: list[Seat] = []
    for series, counts in _SEATS.items():
        for sides, count in zip((("sell",), ("buy",), ("buy", "sell")), counts, strict=True):
            able = [it for it in free if tuple(side for name, side in it.rights if name == series) == sides]
            for company in able[:count]:
                free.remove(company)
                client = company.clients[0][0] if company.clients else None
                seats.append(Seat(series, company.trader, company.participant, client, sides))
    return seats


def enrolment(company: Company) -> Iterator[Command]:
    """The commands by which a company comes to the market."""
    participant, resident = company.participant, company.country == HOME
    yield _command(
        "register_participant",
        participant=participant,
        name=company.name,
        country=company.country,
        resident=resident,
        kinds=["broker"] if company.broker else ["visitor"],
    )
    for client, name in company.clients:
        facts = {"client": client, "name": name, "country": company.country, "resident": resident}
        yield _command("register_client", broker=participant, **facts)
    yield _command("accredit_participant", participant=participant)
    terms = {series.name: (series.section, series.purpose) for series in SERIES}
    for name, side in company.rights:
        section, purpose = terms[name]
        yield _command("grant_permission", participant=participant, section=section, side=side, purpose=purpose)
    yield _command("appoint_trader", trader=company.trader, participant=participant)
    for owner, currency, units in company.accounts:
        money = {"currency": currency, "amount": f"{units}.00"}
        yield _command("credit_deposit", participant=participant, client=owner, **money)


def _command(command: str, /, **values: Any) -> Command:
    return command_from_json(command, values)
