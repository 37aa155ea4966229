"""The fee table's page and its line in the ticket."""

import csv
import io

import pytest

from kirmash.web.fees import amount_of, fee_shown, percent_of
from kirmash.web.timeline import Timeline
from tests.web.exchange import BOARD, PASSWORD, RUNNING, Exchange
from tests.web_terminal.house import form_to, text_of


@pytest.mark.parametrize(("language", "words"), [("en", "does not yet charge fees"), ("ru", "пока не взимает сбор")])
def test_the_table_says_that_it_is_indicative_and_where_each_line_stands(
    exchange: Exchange, language: str, words: str
) -> None:
    answer = exchange.client().get("/fees", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert words in answer.text
    assert answer.text.count("FEE-03") == 10
    assert answer.text.count("FEE-07") == 1


def test_the_table_is_in_the_reader_s_language(exchange: Exchange) -> None:
    english = exchange.client().get("/fees", headers={"Accept-Language": "en"}).text
    assert "1 Jan 2005" in english
    assert "old table of the industrial" in english
    russian = exchange.client().get("/fees", headers={"Accept-Language": "ru"}).text
    assert "1 янв 2005" in russian
    assert "прежняя таблица" in russian
    for other in ("old table", "sawn timber", "address deal", "2005-01-01"):
        assert other not in russian


def test_the_table_as_a_file(exchange: Exchange) -> None:
    answer = exchange.client().get("/fees?format=csv", headers={"Accept-Language": "en"})
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 11
    timber = [it for it in lines if it["HS code begins with"] == "4407"]
    assert [(it["Rate, %"], it["Valid from"]) for it in timber] == [("0.2", "2025-01-01")] * 2


def test_the_ticket_shows_the_fee_of_its_side(exchange: Exchange) -> None:
    """Oak boards for export, 10 × 490.00 USD at 0.2 %: 9.80, which a resident pays in BYN (FEE-02)."""
    browser = exchange.client(headers={"Accept": "text/html", "Accept-Language": "en"}, follow_redirects=False)
    login = browser.get("/login")
    assert form_to(login, "/login").post(browser, name="beta", password=PASSWORD).status_code == 303
    room = browser.get(f"/terminal/{RUNNING}?instrument={BOARD}")
    form = form_to(room, f"/terminal/{RUNNING}/orders")
    checked = form.post(browser, side="buy", price="490.00", quantity="10", action="check")
    text = text_of(checked)
    assert "Fee if filled whole , Buy 9.80 USD (0.2 %)" in text
    assert "payable in BYN by the official rate" in text
    assert "Indicative: this exchange does not yet charge fees." in text


def test_it_says_when_no_line_fits() -> None:
    shown = fee_shown(_timeline("metal"), None, "buy", True, "1.00", "2026-01-01")
    assert (shown.why, shown.amount) == ("no_line", None)


def test_amounts_and_rates_are_exact_text() -> None:
    assert amount_of("0.05", "1.500") == "0.07500"
    assert amount_of("490.00", "10") == "4900.00"
    assert [percent_of(it) for it in (2_000, 2_500, 10_000, 1)] == ["0.2", "0.25", "1", "0.0001"]


def _timeline(section: str) -> Timeline:
    return Timeline(
        session="s",
        path="/",
        section=section,
        purpose="export",
        mechanism="cdca",
        phase="TRADING",
        left=None,
        resume_at=None,
        steps=[],
        next_phase=None,
        next_at=None,
        begins=None,
        ends=None,
        instruments=[],
        number=1,
    )
