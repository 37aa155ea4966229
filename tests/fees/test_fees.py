"""The fee table by its rules (RULEBOOK FEE-01 to FEE-07): which line fits, rounding, brackets, days; and that no table
charges less for more (ARB-05). Expected sums are worked out by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kirmash.fees import Deal, Fee, Line, NoFee, Rate, Table, TableError, falls, rounded
from kirmash.fees.shipped import shipped_table

DAY = "2026-03-02"


def deal(side: str = "sell", **given: object) -> Deal:
    known = {"section": "industrial-consumer", "hs": "392010", "purpose": "export", "resident": True}
    return Deal(**{**known, "side": side, "amount": "10000.00", "currency": "BYN", "day": DAY, **given})  # type: ignore[arg-type]


def line(name: str, **given: object) -> Line:
    known = {"side": "sell", "valid_from": "2020-01-01", "status": "told", "source": "test"}
    return Line(**{"line": name, **known, **given})  # type: ignore[arg-type]


def fee(table: Table, of: Deal, rate: Rate | None = None) -> Fee:
    found = table.fee(of, rate)
    assert isinstance(found, Fee), found
    return found


# FEE-03, the shipped table: who, what, and what 10 000.00 come to.
SHIPPED = [
    ("leather, buyer", deal("buy", hs="410411"), "10.00"),
    ("leather, seller", deal("sell", hs="410719"), "10.00"),
    ("leather, non-resident seller: the longer code wins over the residency", deal(hs="4104", resident=False), "10.00"),
    ("other leather is no such leather", deal("buy", hs="410510"), "30.00"),
    ("seller at home", deal(purpose="domestic"), "50.00"),
    ("non-resident seller at home", deal(purpose="domestic", resident=False, currency="USD"), "50.00"),
    ("non-resident seller exporting", deal(resident=False, currency="USD"), "50.00"),
    ("resident seller exporting", deal(), "25.00"),
    ("resident buyer", deal("buy"), "30.00"),
    ("non-resident buyer", deal("buy", resident=False, currency="EUR"), "30.00"),
    ("sawn timber, seller", deal(section="forest", hs="440711"), "20.00"),
    ("sawn timber, buyer abroad", deal("buy", section="forest", hs="440791", resident=False, currency="EUR"), "20.00"),
]


@pytest.mark.parametrize(("of", "amount"), [it[1:] for it in SHIPPED], ids=[it[0] for it in SHIPPED])
def test_the_told_rates(of: Deal, amount: str) -> None:
    assert fee(shipped_table(), of).amount == amount


@pytest.mark.parametrize(
    "of",
    [
        deal(section="forest", hs="440711", day="2024-12-31"),
        deal(section="forest", hs="440711", purpose="domestic"),
        deal(section="forest", hs="470321"),
        deal(section="metal", hs="721420"),
        deal(section="agricultural", hs="040210"),
        deal(purpose="transit"),
    ],
)
def test_what_no_line_speaks_of_has_no_fee(of: Deal) -> None:
    assert shipped_table().fee(of) == NoFee("no_line")


def test_each_shipped_line_says_where_it_stands_and_that_old_ones_are_historic() -> None:
    for it in shipped_table().lines:
        assert it.source.startswith("FEE-0")
        assert (it.status == "historic") == (it.section == "industrial-consumer")


def test_an_address_deal() -> None:
    """FEE-07: the buyer 1 BYN, the seller the ordinary rate."""
    of = deal("buy", kind="address", section="metal", hs="7214")
    assert fee(shipped_table(), of)[1:3] == ("1.00", "BYN")
    assert fee(shipped_table(), deal("sell", kind="address")).amount == "25.00"


def test_a_resident_pays_in_byn_by_the_official_rate() -> None:
    """FEE-02: converted first, rounded then. 123.45 USD × 0.25 % × 3.2751 = 1.0107..."""
    of = deal(amount="123.45", currency="USD")
    assert fee(shipped_table(), of)[1:] == ("0.31", "USD", "BYN"), "without a rate it says what it is payable in"
    assert fee(shipped_table(), of, Rate("USD", "3.2751"))[1:] == ("1.01", "BYN", "BYN")
    # Rates are quoted for 100 rubles: 1 000 000 × 0.25 % × 3.5002 / 100 = 87.505.
    rubles = deal(amount="1000000", currency="RUB")
    assert fee(shipped_table(), rubles, Rate("RUB", "3.5002", 100)).amount == "87.51"
    abroad = deal("buy", resident=False, amount="123.45", currency="USD")
    assert fee(shipped_table(), abroad, Rate("USD", "3.2751"))[1:] == ("0.37", "USD", "USD")


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.005", "BYN", "0.01"),
        ("0.00499", "BYN", "0.00"),
        ("0.015", "BYN", "0.02"),
        ("2.5", "JPY", "3"),
        ("1.2345", "KWD", "1.23"),
    ],
)
def test_half_goes_up_to_hundredths(amount: str, currency: str, expected: str) -> None:
    assert rounded(Fraction(amount), currency) == expected


def test_brackets_bounds_minimum_and_maximum() -> None:
    table = Table(
        (
            line("a", up_to="1000.00", fixed="5.00", currency="BYN"),
            line("b", above="1000.00", up_to="5000.00", rate_ppm=6_000, currency="BYN"),
            line("c", above="5000.00", rate_ppm=7_000, maximum="50.00", currency="BYN"),
        )
    )
    found = {amount: fee(table, deal(amount=amount)).amount for amount in ("0.01", "1000.00", "1000.01", "5000.00")}
    assert found == {"0.01": "5.00", "1000.00": "5.00", "1000.01": "6.00", "5000.00": "30.00"}
    assert fee(table, deal(amount="5000.01")).amount == "35.00"
    assert fee(table, deal(amount="999999.99")).amount == "50.00"
    assert not falls(table.lines)
    small = Table((line("d", rate_ppm=1_000, minimum="2.00", currency="BYN"),))
    assert fee(small, deal(amount="10.00")).amount == "2.00"


def test_sums_in_another_currency_cannot_be_compared_without_a_rate() -> None:
    table = Table((line("a", rate_ppm=1_000, minimum="2.00", currency="BYN"),))
    dollars = deal(amount="10.00", currency="USD")
    assert table.fee(dollars) == NoFee("no_rate", table.lines[0])
    assert fee(table, dollars, Rate("USD", "3.00"))[1:3] == ("2.00", "BYN")


def test_a_later_day_replaces_a_scale_whole() -> None:
    table = Table(
        (
            line("a1", up_to="100", rate_ppm=1_000, currency="BYN"),
            line("a2", above="100", rate_ppm=2_000, currency="BYN"),
            line("b", rate_ppm=3_000, valid_from="2026-03-03"),
        )
    )
    assert fee(table, deal(amount="50")).line.line == "a1"
    assert fee(table, deal(amount="150")).line.line == "a2"
    assert fee(table, deal(amount="50", day="2026-03-03")).line.line == "b"


def test_the_longest_code_wins_then_who_names_more() -> None:
    table = Table(
        (
            line("any", rate_ppm=1),
            line("39", hs="39", rate_ppm=2),
            line("3920", hs="3920", rate_ppm=3),
            line("3920-export", hs="3920", purpose="export", rate_ppm=4),
            line("3920-resident", hs="3920", resident=True, rate_ppm=5),
        )
    )
    assert fee(table, deal()).line.line == "3920-resident"
    assert fee(table, deal(resident=False)).line.line == "3920-export"
    assert fee(table, deal(resident=False, purpose="transit")).line.line == "3920"
    assert fee(table, deal(resident=False, hs="391000")).line.line == "39"
    assert fee(table, deal(resident=False, hs="72")).line.line == "any"


@pytest.mark.parametrize(
    "lines",
    [
        (line("both", rate_ppm=1, fixed="1.00", currency="BYN"),),
        (line("neither"),),
        (line("no currency", fixed="1.00"),),
        (line("backwards", above="10", up_to="10", rate_ppm=1, currency="BYN"),),
        (line("min over max", minimum="2", maximum="1", rate_ppm=1, currency="BYN"),),
        (line("more than all", rate_ppm=1_000_001),),
        (line("thousandths", fixed="0.001", currency="BYN"),),
        (line("a", rate_ppm=1), line("the same twice", rate_ppm=2)),
        (
            line("a", up_to="100", rate_ppm=1, currency="BYN"),
            line("overlaps", above="99", rate_ppm=1, currency="BYN"),
        ),
        (
            line("a", up_to="100", rate_ppm=1, currency="BYN"),
            line("other currency", above="100", rate_ppm=1, currency="USD"),
        ),
    ],
    ids=lambda lines: lines[-1].line,
)
def test_what_is_no_table(lines: tuple[Line, ...]) -> None:
    with pytest.raises(TableError):
        Table(lines)


def test_a_table_on_which_more_costs_less_is_found() -> None:
    cheap = (
        line("dear", up_to="1000", rate_ppm=5_000, currency="BYN"),
        line("cheap", above="1000", rate_ppm=3_000, currency="BYN"),
    )
    assert falls(cheap) == [cheap]
    # A minimum at the edge makes good for it: 0.3 % of 1000 is 3, and 5 at least.
    assert not falls((cheap[0], replace(cheap[1], minimum="5")))


amounts = st.integers(0, 10**13).map(lambda minor: f"{minor // 100}.{minor % 100:02}")
sides = st.sampled_from(["buy", "sell"])


@given(amounts, amounts, sides, st.booleans(), st.sampled_from(["410411", "392010", "440711"]))
def test_no_shipped_scale_charges_less_for_more(one: str, other: str, side: str, resident: bool, hs: str) -> None:
    section = "forest" if hs.startswith("44") else "industrial-consumer"
    less, more = sorted((Fraction(one), one) for one in (one, other))
    given = {"hs": hs, "resident": resident, "section": section}
    cheap, dear = (fee(shipped_table(), deal(side, amount=text, **given)).amount for _, text in (less, more))
    assert Fraction(cheap) <= Fraction(dear)


steps = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 20_000)), min_size=2, max_size=6)


@given(steps, st.integers(0, 10**7), st.integers(0, 10**7))
def test_what_is_called_fair_is_fair(given: list[tuple[int, int]], one: int, other: int) -> None:
    """Where `falls` finds nothing, no greater amount costs less; every amount has exactly one line."""
    above, lines = 0, []
    for place, (width, ppm) in enumerate(given):
        last = place == len(given) - 1
        up_to = None if last else str(above + width)
        lines.append(line(str(place), above=str(above) if place else None, up_to=up_to, rate_ppm=ppm, currency="BYN"))
        above += width
    table = Table(tuple(lines))
    less, more = sorted((one, other))
    cheap, dear = (Fraction(fee(table, deal(amount=str(amount))).amount) for amount in (less, more))
    if not falls(table.lines):
        assert cheap <= dear
