"""The desk's records in Russian: no English word is left on a page, whatever it shows."""

import re

import httpx
import pytest

from tests.gateway.house import API, give, order
from tests.web_desk.house import RecordsHouse, post, text_of

PAGES = (
    "/desk/participants",
    "/desk/participants?q=ничего",
    "/desk/participants/new",
    "/desk/participants/several",
    "/desk/participants/fresh",
    "/desk/participants/alfa",
    "/desk/participants/gamma",
    "/desk/participants/delta",
    "/desk/participants/alfa/suspend",
    "/desk/participants/delta/reinstate",
    "/desk/traders",
    "/desk/traders/t-alfa/withdraw",
    "/desk/clients",
    "/desk/logins",
    "/desk/logins/{login}",
    "/desk/switches/participant/alfa",
    "/desk/switches/trader/t-alfa",
    "/desk/goods",
    "/desk/goods/pine",
    "/desk/goods/new?like=pine",
    "/desk/instruments",
    "/desk/goods/pine/instrument",
    "/desk/money",
    "/desk/money/credits",
    "/desk/money/credit",
    "/desk/money/credit?participant=gamma",
    "/desk/withdrawals",
    "/desk/withdrawals/w-1",
    "/desk/withdrawals/new",
    "/desk/contracts",
    "/desk/contracts/{deal}",
    "/desk/statement/alfa",
    "/desk/proposals",
    "/desk/proposals/{proposal}",
)
# Data of the house, ids and codes, names of things that are called so in Russian, too.
DATA = re.compile(
    r"Kirmash|new|several|House|of|Client|Pine|timber(-\d)?|[atc]-\w+|alfa(-\d)?|beta|gamma|delta|fresh|olga|oleg|anton|w-\w+"
    r"|[A-Z]{3}|UTC|English|Europe/Minsk|CSV|XLSX|API|Minsk|prepayment|pine|MTQ|[A-Z]{1,4}-[\d.]+"
)


@pytest.fixture(scope="module")
def filled(records: RecordsHouse) -> RecordsHouse:
    """With something on every page: a company at its beginning, one suspended, a deal, a withdrawal, a proposal."""
    olga = records.enter("olga")
    give(olga, "register_participant", participant="fresh", name="Новая", country="BY", resident=True,
         kinds=["visitor"])  # fmt: skip
    give(olga, "suspend_participant", participant="delta", open_orders="keep", reason="договор не подписан")
    give(olga, "request_withdrawal", withdrawal="w-1", participant="alfa", currency="USD", amount="125.00")
    give(records.enter("t-alfa"), "place_order", **order("sell", "100.00", "10"))
    give(records.enter("t-beta"), "place_order", **order("buy", "100.00", "4"))
    body = {"participant": "beta", "currency": "USD", "amount": "2500000.00"}
    assert olga.post(f"{API}/commands/credit_deposit", json=body, params={"reason": "платёж"}).status_code == 202
    switch = {"kind": "trader", "subject": "t-gamma", "on": True, "reason": "проверка"}
    assert olga.post(f"{API}/switches", json=switch).status_code == 200
    records.settled()
    return records


def left(page: httpx.Response) -> list[str]:
    """English words of a page, of what is read aloud too; the names of languages in a choice are their own."""
    attributes = re.findall(r'(?:aria-label|title|placeholder|data-(?:label|over|days))="([^"]*)"', page.text)
    # What may be chosen are currencies, units and places by their codes and names.
    said = text_of(re.sub(r"<(select|datalist)\b.*?</\1>", " ", page.text, flags=re.DOTALL))
    words = [word for text in (said, *attributes) for word in re.findall(r"[A-Za-z][\w./-]*", text)]
    return [word for word in words if not DATA.fullmatch(word.rstrip("."))]


@pytest.mark.parametrize("path", PAGES)
def test_a_russian_page_has_no_english_words(filled: RecordsHouse, path: str) -> None:
    ids = {
        "login": filled.asked("/logins", name="t-alfa")[0]["id"],
        "deal": filled.asked("/contracts")[0]["deal"],
        "proposal": filled.asked("/proposals")[0]["id"],
    }
    page = filled.browser("oleg", "ru").get(path.format(**ids))
    assert page.status_code == 200
    assert 'lang="ru"' in page.text
    assert not left(page)


def test_an_english_page_would_be_found(filled: RecordsHouse) -> None:
    assert "Register" in left(filled.browser("olga").get("/desk/participants"))


@pytest.mark.parametrize(
    ("page", "action", "fields"),
    [
        ("/desk/participants/new", "/desk/participants/new", {"name": "", "country": ""}),
        ("/desk/participants/new", "/desk/participants/new", {"name": "Новая", "participant": "fresh"}),
        ("/desk/participants/new", "/desk/participants/new", {"name": "Новая", "participant": "fresh/2"}),
        ("/desk/participants/new", "/desk/participants/new", {"name": "я" * 101}),
        ("/desk/participants/alfa", "/desk/participants/alfa/permissions", {}),
        ("/desk/participants/alfa", "/desk/participants/alfa/logins", {"name": "t-alfa", "role": "participant-admin"}),
        ("/desk/participants/alfa", "/desk/participants/alfa/logins", {"name": "два слова"}),
        ("/desk/money/credit", "/desk/money/credit", {"participant": "никто", "amount": "5"}),
        ("/desk/money/credit", "/desk/money/credit", {"participant": "alfa", "amount": "пять"}),
        ("/desk/withdrawals/new", "/desk/withdrawals/new", {"participant": "alfa", "amount": "1,005"}),
        ("/desk/goods/pine/instrument", "/desk/goods/pine/instrument", {"place": "", "tick": ""}),
    ],
)
def test_what_is_wrong_is_said_in_russian(filled: RecordsHouse, page: str, action: str, fields: dict[str, str]) -> None:
    answer = post(filled.browser("oleg", "ru"), page, action, **fields)
    assert 400 <= answer.status_code < 500
    assert not left(answer)
