"""What the demo trades: three series of sessions with their goods, of three sections, as commands.

The goods are those of the reference data, on terms that are invented; prices are near those of the scenarios or plain
guesses. Everything is in ticks, lots and minor units. Who trades stands in `population`, when in `keeper`.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from kirmash.messages.commands import Command
from kirmash.messages.kinds import Mechanism, Phase
from kirmash.protocol.shapes import command_from_json
from kirmash.simulation.scenarios.listing import card_command, instrument_command
from kirmash.simulation.scenarios.script import Listing

BAND_PPM: Final = 100_000
"""A session's band around the last deal, or the reference before the first."""
RATE_PPM: Final = 5_000
"""What every order secures, of its value; no floor."""


class Exhibit(NamedTuple):
    """One instrument: the good of the reference data that it is of, its terms, and what it is usually worth."""

    listing: Listing
    good: str
    attributes: tuple[tuple[str, str], ...]
    incoterm: str
    place: str
    value: int
    """The usual price in ticks."""
    lots: tuple[int, int]
    """The least and the greatest usual size of an order, in lots."""

    @property
    def instrument(self) -> str:
        """Its id."""
        return self.listing.instrument

    @property
    def tick_lot_value(self) -> int:
        """A tick times a lot in minor units."""
        return self.listing.tick_lot_value


class Series(NamedTuple):
    """Sessions of one kind, one after another. `phases`: how many seconds after the session's begin each is entered;
    the last is CLOSED, and the next session of the series begins with it."""

    name: str
    section: str
    purpose: str
    mechanism: Mechanism
    currency: str
    exhibits: tuple[Exhibit, ...]
    phases: tuple[tuple[Phase, int], ...]

    @property
    def seconds(self) -> int:
        """From the begin of one session to that of the next."""
        return self.phases[-1][1]


def _exhibit(
    listing: Listing, good: str, attributes: dict[str, str], basis: tuple[str, str], value: int, lots: tuple[int, int]
) -> Exhibit:
    return Exhibit(listing, good, tuple(attributes.items()), *basis, value, lots)


def _metal(name: str, good: str, value: int, lots: tuple[int, int], **attributes: str) -> Exhibit:
    return _exhibit(Listing(name, "BYN", 1, 0, 1, 1), good, attributes, ("FCA", "Minsk"), value, lots)


def _food(name: str, good: str, place: str, value: int, lots: tuple[int, int], **attributes: str) -> Exhibit:
    return _exhibit(Listing(name, "USD", 1, 0, 1, 0), good, attributes, ("FCA", place), value, lots)


def _timber(name: str, good: str, place: str, value: int, **attributes: str) -> Exhibit:
    return _exhibit(Listing(name, "USD", 5, 1, 10, 0), good, attributes, ("FCA", place), value, (3, 40))


_CONTINUOUS: Final = ((Phase.INTAKE, 0), (Phase.OPENING, 60), (Phase.TRADING, 70))
_CALL: Final = (
    (Phase.INTAKE, 0),
    (Phase.ADMISSION, 360),
    (Phase.TRADING, 375),
    (Phase.DEAL_MAKING, 780),
    (Phase.CLOSING, 840),
    (Phase.CLOSED, 870),
)

SERIES: Final = (
    Series(
        "metals-domestic",
        "metal",
        "domestic",
        Mechanism.CDCA,
        "BYN",
        (
            _metal("demo-rebar-12", "rebar", 2_350, (5, 120), diameter="12 mm", steel_grade="S500", length="11.7 m"),
            _metal("demo-angle-50", "steel-angle", 2_640, (5, 90), size="50x5 mm", steel_grade="St3", length="12 m"),
            _metal("demo-pipe-57", "welded-pipe", 3_420, (5, 60), diameter="57 mm", wall="3.5 mm", steel_grade="St3"),
            _metal("demo-sheet-4", "hot-rolled-sheet", 3_240, (10, 150), thickness="4 mm", steel_grade="St3"),
        ),
        (*_CONTINUOUS, (Phase.CLOSING, 7_080), (Phase.CLOSED, 7_110)),
    ),
    Series(
        "food-export",
        "agricultural",
        "export",
        Mechanism.CDCA,
        "USD",
        (
            _food(
                "demo-sugar-brest", "white-sugar", "Brest", 560, (20, 200), category="TS2", packaging="bags of 50 kg"
            ),
            _food("demo-skim-milk-orsha", "skim-milk-powder", "Orsha", 2_640, (5, 60), fat_content="1.5 %"),
            _food("demo-rapeseed-oil-brest", "rapeseed-oil", "Brest", 1_020, (10, 80), refined="yes"),
        ),
        (*_CONTINUOUS, (Phase.CLOSING, 5_340), (Phase.CLOSED, 5_370)),
    ),
    Series(
        "timber-export",
        "forest",
        "export",
        Mechanism.CALL,
        "USD",
        (
            _timber("demo-pine-orsha", "sawn-softwood-edged", "Orsha", 372, species="pine", thickness="50 mm"),
            _timber("demo-spruce-orsha", "sawn-softwood-edged", "Orsha", 384, species="spruce", thickness="50 mm"),
            _timber("demo-oak-brest", "sawn-hardwood-edged", "Brest", 1_010, species="oak", thickness="32 mm"),
        ),
        _CALL,
    ),
)
"""The sessions that the demo keeps open. All goods are traded at the real exchange; terms and prices are invented."""


def listings() -> Iterator[Command]:
    """The commands that list all cards and instruments of the series."""
    for series in SERIES:
        for it in series.exhibits:
            yield _operators(card_command("", it.good, it.instrument, dict(it.attributes)))
            clauses = ["terms invented for the demo"]
            more = {"clauses": clauses, "conditional_allowed": series.mechanism is Mechanism.CDCA}
            yield _operators(
                instrument_command("", it.listing, it.instrument, it.incoterm, it.place, series.purpose, **more)
            )


def _operators(line: dict[str, object]) -> Command:
    """The command of a scenario's line, whose head is of no use here."""
    values = {name: value for name, value in line.items() if name not in ("at", "by", "id", "command")}
    return command_from_json(line["command"], values)
