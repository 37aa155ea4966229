"""Cards and instruments (market-rules PS-0, PS-0.6, PS-0.7; rulebook COM-04)."""

import pytest

from kirmash.messages import events
from kirmash.messages.events import CommandRejected
from tests.office.desk import Desk, list_card, list_instrument


def test_a_card_is_its_id_and_version() -> None:
    """PS-0.6: another version is another card; the same one again is already_exists."""
    desk = Desk(list_card("pine", 1), list_card("pine", 2), list_card("oak", 1))
    assert desk.refused(list_card("pine", 1)) == [("already_exists", "card")]


@pytest.mark.parametrize(
    "listed, asked, same",
    [
        (1, "1", True),
        ("1", 1, True),
        (1, "01", False),
        (10, "1", False),
        ("a", "A", False),
        ("\u00e9", "e\u0301", False),
    ],
)
def test_versions_are_compared_as_text(listed: int | str, asked: int | str, same: bool) -> None:
    """PS-0.6: 1 and "1" are one version; nothing is folded or normalised (PS-8.6)."""
    desk = Desk(list_card("pine", listed))
    if same:
        assert desk.refused(list_card("pine", asked)) == [("already_exists", "card")]
        desk.accepted(list_instrument(version=asked))
    else:
        assert desk.refused(list_instrument(version=asked)) == [("unknown_card", "card")]
        desk.accepted(list_card("pine", asked))


@pytest.mark.parametrize("version", [7, "7", "2022-12"])
def test_a_version_is_printed_as_given(version: int | str) -> None:
    """PS-13.5: an integer stays an integer."""
    desk = Desk()
    (card,) = desk.accepted(list_card("pine", version))
    (instrument,) = desk.accepted(list_instrument(version=version))
    assert isinstance(card, events.CardListed)
    assert isinstance(instrument, events.InstrumentListed)
    for given in (card.version, instrument.version):
        assert (type(given), given) == (type(version), version)


def test_attributes_and_defaults_stand_in_the_events() -> None:
    """PS-13.5, PS-13.6: attributes in the order given, defaults filled in, decimals as given."""
    desk = Desk()
    (card,) = desk.accepted(list_card())
    assert isinstance(card, events.CardListed)
    assert card.attributes == (("grade", "1-3"), ("moisture", "20"))
    (instrument,) = desk.accepted(list_instrument(tick="0.50", lot="10.0"))
    assert isinstance(instrument, events.InstrumentListed)
    assert (instrument.tick, instrument.lot, instrument.clauses) == ("0.50", "10.0", ())
    assert (instrument.conditional_allowed, instrument.order_lots_max, instrument.entries_max) == (True, None, None)


def test_an_instrument_is_listed_once_and_on_a_known_card() -> None:
    """PS-3.2: both reasons together, 109 before 112; k is not looked at before they are cured."""
    desk = Desk(list_card(), list_instrument())
    assert desk.refused(list_instrument()) == [("already_exists", "instrument")]
    assert desk.refused(list_instrument("other", card="oak")) == [("unknown_card", "card")]
    assert desk.refused(list_instrument(card="oak", tick="0")) == [
        ("unknown_card", "card"),
        ("already_exists", "instrument"),
    ]


@pytest.mark.parametrize(
    "tick, lot, currency, k",
    [
        ("0.50", "10", "EUR", 500),
        ("0.01", "1", "EUR", 1),
        ("0.000000001", "10000000", "EUR", 1),
        ("100", "100", "EUR", 1_000_000),
        ("0.5", "2", "JPY", 1),
        ("1", "1", "KWD", 1_000),
        ("1", "1", "CLF", 10_000),
        ("1", "1", "XXX", 100),
        ("0.01", "0.5", "EUR", None),
        ("0.001", "1", "EUR", None),
        ("100.01", "100", "EUR", None),
        ("0.5", "1", "JPY", None),
        ("0", "1", "EUR", None),
        ("1", "0.00", "EUR", None),
        ("999999999999999", "999999999999999", "EUR", None),
    ],
)
def test_one_tick_for_one_lot_is_a_whole_number_of_minor_units(
    tick: str, lot: str, currency: str, k: int | None
) -> None:
    """PS-0.7, PS-9: k = tick × lot in minor units, an integer from 1 to 1,000,000, both included."""
    desk = Desk(list_card())
    command = list_instrument(tick=tick, lot=lot, currency=currency)
    if k is None:
        assert desk.refused(command) == [("not_whole_minor_units", "tick")]
        (event,) = desk.do(command)
        assert isinstance(event, CommandRejected)
        assert (event.reasons[0].low, event.reasons[0].high) == (1, 1_000_000)
    else:
        desk.accepted(command)
        assert desk.office.registers.instruments["pine-fob"].tick_lot_value == k


def test_counts_of_zero_and_repeated_clauses_are_accepted() -> None:
    """PS-13.7: order_lots_max or entries_max of 0 is no error."""
    desk = Desk(list_card())
    desk.accepted(list_instrument(order_lots_max=0, entries_max=0, clauses=("rear unloading", "rear unloading")))
