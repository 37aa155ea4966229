"""The ticket's own small decisions: figures as people write them, what is far, what of an order changed."""

from zoneinfo import ZoneInfo

import pytest

from kirmash.publication.updates import BookSnapshot
from kirmash.queries import rows
from kirmash.web.ticket import (
    Amendment,
    Anchor,
    Ticket,
    amend_values,
    anchor_of,
    far_off,
    figure_in,
    order_values,
    times_of,
)

MINSK = ZoneInfo("Europe/Minsk")


@pytest.mark.parametrize(
    ("language", "typed", "meant"),
    [
        ("en", "1383.50", "1383.50"),
        ("en", "1,383.50", "1383.50"),
        ("en", "12,345,678", "12345678"),
        ("en", " 1 383.50 ", "1383.50"),
        ("ru", "1383,50", "1383.50"),
        ("ru", "1\u202f383,50", "1383.50"),
        ("ru", "1\u00a0383", "1383"),
        ("ru", "1383.50", "1383.50"),
        ("ru", "12 500,50", "12500.50"),
        ("en", "12,500.50", "12500.50"),
        ("en", "1 383 500.5", "1383500.5"),
        # Of two readings, or none: left for the exchange to refuse.
        ("en", "12 500,50", "12 500,50"),
        ("ru", "12,500.50", "12,500.50"),
        ("ru", "12 50", "12 50"),
        ("en", "1 2,500", "1 2,500"),
        ("en", "1,5", "1,5"),
        ("en", "1383,50", "1383,50"),
        ("ru", "1.383,50", "1.383,50"),
        ("ru", "1,383,500", "1,383,500"),
        ("en", "-5", "-5"),
        ("en", "1e3", "1e3"),
        ("ru", "٣", "٣"),
    ],
)
def test_a_figure_is_read_only_where_it_can_be_meant_in_one_way(language: str, typed: str, meant: str) -> None:
    assert figure_in(typed, language) == meant


@pytest.mark.parametrize(
    ("price", "percent"),
    [
        ("100.00", None),
        ("110.00", None),
        ("90.00", None),
        ("110.01", 10),
        ("89.99", 10),
        ("250", 150),
        ("0", 100),
        ("ten", None),
        ("NaN", None),
        ("Infinity", None),
    ],
)
def test_more_than_a_tenth_away_is_far(price: str, percent: int | None) -> None:
    found = far_off(price, Anchor("last", "100.00"))
    assert (None if found is None else found.percent) == percent


def test_without_last_price_and_reference_no_price_is_far() -> None:
    assert far_off("1000000", None) is None


@pytest.mark.parametrize(
    ("last", "reference", "anchor"),
    [("101.00", "99.00", "101.00"), (None, "99.00", "99.00"), (None, None, None)],
)
def test_the_last_deal_goes_before_the_reference(last: str | None, reference: str | None, anchor: str | None) -> None:
    book = BookSnapshot("s", "i", 1, "TRADING", [], [], last, None, None, 0)
    line = rows.SessionInstrument(
        session="s", instrument="i", tick="0.01", lot="1", currency="USD", reference=reference, lower=None, upper=None,
        down_ppm=None, up_ppm=None, last=last, channel=1,
    )  # fmt: skip
    found = anchor_of(book, line)
    assert (None if found is None else found.price) == anchor


def test_an_order_has_only_the_conditions_that_were_given() -> None:
    plain = Ticket(instrument="i", side="buy", price="1", quantity="2")
    assert order_values(plain, "s", "en", MINSK) == {
        "session": "s", "instrument": "i", "side": "buy", "price": "1", "quantity": "2", "time_in_force": "session",
    }  # fmt: skip
    full = Ticket(
        instrument="i", side="sell", price="1", quantity="2", client="c", minimum="1", indivisible="on",
        time_in_force="until", until="2031-03-05T12:30",
    )  # fmt: skip
    found = order_values(full, "s", "en", MINSK)
    assert (found["client"], found["minimum"], found["indivisible"]) == ("c", "1", True)
    # Minsk is three hours before UTC all the year.
    assert found["until"] == "2031-03-05T12:30:00+03:00"


def test_a_change_holds_only_what_is_not_as_it_was() -> None:
    order = rows.Order(
        order=7, session="s", instrument="i", side="buy", participant="p", client=None, trader="t", price="100.00",
        quantity="5", filled="0", open="5", minimum="2", indivisible=False, time_in_force="until",
        until="2031-03-05T09:30:00.000000000Z", state="open", accepted=1, accepted_at="x", number=1, at="x",
    )  # fmt: skip
    same = Amendment(price="100", quantity="5.0", minimum="2", until="2031-03-05T12:30")
    assert amend_values(same, order, "en", MINSK) == {"order": 7}
    other = Amendment(price="101", quantity="6", until="2031-03-05T12:31")
    assert amend_values(other, order, "en", MINSK) == {
        "order": 7, "price": "101", "quantity": "6", "until": "2031-03-05T12:31:00+03:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mechanism", "phase", "at_once"),
    [("cdca", "TRADING", True), ("cdca", "INTAKE", False), ("call", "TRADING", False)],
)
def test_at_once_is_offered_in_continuous_trading_only(mechanism: str, phase: str, at_once: bool) -> None:
    assert ("ioc" in times_of(mechanism, phase)) is at_once
    assert "session" in times_of(mechanism, phase)
