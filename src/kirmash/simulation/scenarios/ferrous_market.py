"""The goods and the companies of the invented day of ferrous metals."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kirmash.simulation.scenarios.companies import INVENTED, Company
from kirmash.simulation.scenarios.script import Listing

PARTICIPANTS = 800
SELLERS = 150
BOTH = 30
GROUPS = 30
BAND_PPM = 50_000


@dataclass(frozen=True, slots=True)
class Good:
    """One instrument: its card in the reference data, its attributes and its usual price in BYN per tonne."""

    listing: Listing
    card: str
    attributes: tuple[tuple[str, str], ...]
    reference: int


def _good(name: str, card: str, reference: int, **attributes: str) -> Good:
    return Good(Listing(name, "BYN", 1, 0, 1, 1), card, tuple(attributes.items()), reference)


GOODS = (
    _good("angle-50x5", "steel-angle", 2_640, size="50x5 mm", steel_grade="St3", length="12 m"),
    _good("channel-16", "steel-channel", 2_910, size="16", steel_grade="St3", length="12 m"),
    _good("pipe-57x3.5", "welded-pipe", 3_420, diameter="57 mm", wall="3.5 mm", steel_grade="St3"),
    _good("pipe-profile-40", "steel-pipe", 3_360, diameter="40x40 mm", wall="2 mm", steel_grade="St3"),
    _good("rebar-10", "rebar", 2_380, diameter="10 mm", steel_grade="S500", length="11.7 m"),
    _good("rebar-12", "rebar", 2_350, diameter="12 mm", steel_grade="S500", length="11.7 m"),
    _good("rebar-16", "rebar", 2_340, diameter="16 mm", steel_grade="S500", length="11.7 m"),
    _good("round-20", "round-bar", 2_520, diameter="20 mm", steel_grade="St3", length="6 m"),
    _good("sheet-cold-1", "steel-sheet", 3_780, thickness="1 mm", steel_grade="08ps", coating="none"),
    _good("sheet-hot-4", "hot-rolled-sheet", 3_240, thickness="4 mm", steel_grade="St3", format="1500x6000 mm"),
    _good("sheet-hot-8", "hot-rolled-sheet", 3_200, thickness="8 mm", steel_grade="St3", format="1500x6000 mm"),
    _good("wire-rod-6.5", "rolled-ferrous", 2_300, type="wire rod", steel_grade="St1", size="6.5 mm"),
)
QUIET = 1
"""The good that hardly trades until the last deals of the day."""


@dataclass(slots=True)
class Market:
    """Who may trade. `poor` has too little money for any order; he counts among the 800."""

    companies: list[Company]
    poor: Company

    def may(self, side: str) -> list[Company]:
        return [company for company in self.companies if side in company.sides and company is not self.poor]


def draw_market(rng: random.Random) -> Market:
    """Returns 800 companies: sellers, traders that do both, buyers; 30 groups of one seller and two buyers."""
    roles = [("sell",)] * SELLERS + [("buy", "sell")] * BOTH
    roles += [("buy",)] * (PARTICIPANTS - len(roles))
    rng.shuffle(roles)
    sellers = rng.sample([i for i, sides in enumerate(roles) if sides == ("sell",)], GROUPS)
    buyers = rng.sample([i for i, sides in enumerate(roles) if sides == ("buy",)], 2 * GROUPS)
    group = {i: f"g-{n // 3 + 1:02}" for n, i in enumerate(_interleaved(sellers, buyers))}
    desks = set(rng.sample(range(PARTICIPANTS), 60))
    companies = [
        Company(
            f"m{i + 1:03}",
            f"Metal Company {i + 1:03}{INVENTED}",
            "BY",
            sides,
            traders=2 if i in desks else 1,
            group=group.get(i),
        )
        for i, sides in enumerate(roles)
    ]
    poor = rng.choice([c for c in companies if c.sides == ("buy",) and c.group is None])
    return Market(companies, poor)


def _interleaved(sellers: list[int], buyers: list[int]) -> list[int]:
    """Puts one seller before each two buyers."""
    return [i for n, seller in enumerate(sellers) for i in (seller, buyers[2 * n], buyers[2 * n + 1])]
