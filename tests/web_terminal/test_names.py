"""Names before ids: whoever reads his lists sees goods, clients and sessions by their names, and no name too early."""

import csv
import io

import pytest

from tests.gateway.house import SESSION
from tests.web_terminal.house import TradersHouse, clear, part, place, room, text_of

TITLES = {"en": "timber, export · ", "ru": "timber, экспорт · "}


@pytest.fixture(autouse=True)
def _clean(house: TradersHouse) -> None:
    clear(house)


def rows_of(house: TradersHouse, name: str, listed: str) -> list[dict[str, str]]:
    """A list of the account as its file has it."""
    file = house.browser(name).get(f"/account/{listed}", params={"format": "csv"})
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_session_is_headed_by_its_title_and_keeps_its_id(house: TradersHouse, language: str) -> None:
    alfa = house.browser("t-alfa", language)
    for path in (f"/terminal/{SESSION}", f"/sessions/{SESSION}"):
        page = alfa.get(path).text
        head = page.split("<h1>")[1].split("</h1>")[0]
        assert head.startswith(TITLES[language]), path
        assert f"<title>{head}" in page, path
        assert f'code">{SESSION}<' in page, "the id stands among the facts"
    for path in ("/terminal", "/sessions", f"/account/may-i-trade/{SESSION}"):
        assert f">{TITLES[language]}" in alfa.get(path).text, path


def test_own_lists_name_goods_and_sessions_beside_their_ids(house: TradersHouse) -> None:
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    place(house.browser("t-beta"), "buy", "100.00", "2")
    house.settled()
    for listed in ("orders", "deals", "contracts"):
        line = rows_of(house, "a-alfa", listed)[0]
        assert line["Session"].startswith(TITLES["en"]), listed
        assert line["Session id"] == SESSION
        assert (line["Good"], line["Unit"], line["Currency"]) == ("Pine, FCA Minsk", "m³", "USD"), listed
        assert line["Instrument"] != line["Good"]
        shown = house.browser("a-alfa").get(f"/account/{listed}").text
        assert f'Pine, FCA Minsk</span> <span class="code quiet">{line["Instrument"]}</span>' in shown, listed


def test_nobody_learns_a_name_before_its_time(house: TradersHouse) -> None:
    """Neither as an id nor as a name, in lists, files and the room."""
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    place(house.browser("t-beta"), "buy", "100.00", "2")
    house.settled()
    deal = rows_of(house, "a-alfa", "deals")[0]
    assert (deal["Other side"], deal["Other side's id"]) == ("", "")
    for listed in ("orders", "deals", "contracts", "registers", f"registers/{SESSION}"):
        for given in ({}, {"format": "csv"}):
            said = house.browser("a-alfa").get(f"/account/{listed}", params=given).text
            assert "House of beta" not in said, (listed, given)
    assert "House of beta" not in room(house.browser("t-alfa")).text


def test_a_broker_s_orders_and_deposits_stand_under_the_client_s_name(house: TradersHouse) -> None:
    place(house.browser("t-gamma"), "buy", "90.00", "3", client="c-gamma")
    house.settled()
    page = room(house.browser("t-gamma"))
    for name in ("part-orders", "part-deposit"):
        assert "Client of gamma" in text_of(part(page, name)), name
    line = rows_of(house, "a-gamma", "orders")[0]
    assert (line["Client"], line["Client id"]) == ("Client of gamma", "c-gamma")
    for path in ("/account", "/account/deposit", "/terminal"):
        assert "Client of gamma" in house.browser("a-gamma" if path != "/terminal" else "t-gamma").get(path).text, path
