"""Both languages are whole: no English word is left on a Russian page, no key is without its text."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import kirmash.web
from kirmash.messages.kinds import CancelReason, OrderState, TimeInForce
from kirmash.queries.names import CONTRACT_STATES
from kirmash.web.texts import catalog
from kirmash.web.told import why_of
from kirmash.web.words import Words
from tests.gateway.house import SESSION, give, order
from tests.web_terminal.house import PRICED, TradersHouse, form_to, place, room, text_of

PAGES = (
    "/terminal",
    f"/terminal/{SESSION}",
    f"/terminal/{PRICED}",
    "/account",
    "/account/deposit",
    "/account/orders",
    "/account/orders/1",
    "/account/deals",
    "/account/contracts",
    "/account/registers",
    f"/account/registers/{SESSION}",
    "/account/people",
    "/account/clients",
    "/account/login",
    f"/account/may-i-trade/{SESSION}",
)
# Data of the house, ids, codes, and names of things that are called so in Russian, too.
DATA = re.compile(
    r"Kirmash|Pine|timber(-\d)?|[atc]-\w+|alfa|beta|gamma|USD|UTC|English|Europe/Minsk"
    r"|CSV|XLSX|API|PEM|base64|Ed25519|Enter|Shift|Esc|[bspqcjkoaxm]|X|(?:PS|ACC|TRD|BND|DEP|BRK|ORD)-[\d.]+|prepayment"
)


@pytest.fixture(scope="module")
def busy(house: TradersHouse) -> TradersHouse:
    """With an order of each end, a deal, and a reject."""
    alfa, beta = house.browser("t-alfa"), house.browser("t-beta")
    place(alfa, "sell", "100.00", "5", minimum="2")
    place(beta, "buy", "100.00", "3")
    place(alfa, "sell", "100.005", "5")
    give(house.enter("t-alfa"), "place_order", **order("buy", "95.00", "1", time_in_force="ioc"))
    house.settled()
    return house


@pytest.mark.parametrize("path", PAGES)
def test_a_russian_page_has_no_english_words(busy: TradersHouse, path: str) -> None:
    page = busy.browser("t-alfa", "ru").get(path)
    assert page.status_code == 200
    assert 'lang="ru"' in page.text
    said = text_of(page)
    attributes = re.findall(
        r'(?:aria-label|title|placeholder|data-(?:retrying|sending|failed|far|live|lost|label))="([^"]*)"', page.text
    )
    for text in (said, *attributes):
        words = [word for word in re.findall(r"[A-Za-z][\w./-]*", text) if not DATA.fullmatch(word.rstrip("."))]
        left = [word for word in words if word not in {"House", "of", "Client", "FCA", "Minsk"}]
        assert not left, f"{path}: {left}"


def test_answers_to_forms_are_russian(busy: TradersHouse) -> None:
    alfa = busy.browser("t-alfa", "ru")
    path = f"/terminal/{SESSION}/orders"
    far = form_to(room(alfa), path).post(alfa, side="sell", price="200", quantity="1")
    assert "Ничего ещё не отправлено" in text_of(far)
    wrong = form_to(room(alfa), path).post(alfa, side="sell", price="сто", quantity="1")
    assert "нужно число" in text_of(wrong)
    rejected = form_to(room(alfa), path).post(alfa, side="sell", price="100", quantity="1,5")
    assert "Отклонено: новая заявка" in text_of(alfa.get(rejected.headers["location"]))


@pytest.mark.parametrize(
    ("reason", "english", "said"),
    [
        (("price_off_grid", "price", "2300.5", "0.01"), "price, given: 2,300.5, tick: 0.01", "указано: 2\u202f300,5"),
        (("band_exceeded", "price", "9999", "90.00…110.00"), "allowed: 90.00 … 110.00", "допустимо: 90,00 … 110,00"),
        (("deposit_short", None, None, "free 12.00, needed 1700.00"), "12.00 free, 1,700.00 needed", "свободно 12,00"),
        (("unknown_order", "order", "1234", None), "order, given: 1234", "заявка, указано: 1234"),
        (("phase_forbids", None, None, "HALTED"), "the phase is “Halted”", "сейчас этап «Приостановлена»"),
    ],
)
def test_a_reject_says_figures_in_the_readers_way(reason: tuple[str | None, ...], english: str, said: str) -> None:
    told = dict(zip(("reason", "field", "given", "limit"), reason, strict=True), rule="PS-3.2")
    for language, wanted in (("en", english), ("ru", said)):
        assert wanted in ", ".join(why_of(Words(language, ZoneInfo("Europe/Minsk")), told).facts)


def test_every_state_and_reason_has_its_words() -> None:
    for language in ("en", "ru"):
        texts = catalog(language)
        wanted = [f"own.state.{it.name.lower()}" for it in OrderState]
        wanted += [f"own.state.{it.name.lower()}" for it in CancelReason]
        wanted += [f"told.cancel.{it.name.lower()}" for it in CancelReason]
        wanted += [f"own.time.{it.name.lower()}" for it in TimeInForce]
        wanted += [f"account.contract_state.{it}" for it in CONTRACT_STATES.values()]
        assert not [key for key in wanted if key not in texts]


def test_templates_hold_no_text_of_their_own() -> None:
    folder = Path(kirmash.web.__file__).parent / "templates"
    for name in ("terminal", "account"):
        for file in sorted((folder / name).iterdir()):
            html = re.sub(
                r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", file.read_text(encoding="utf-8"), flags=re.DOTALL
            )
            assert not re.findall(r"[A-Za-zА-Яа-я]{2,}", html), f"{file.name}: {html.split()}"


def test_no_template_breaks_the_content_security_policy() -> None:
    folder = Path(kirmash.web.__file__).parent / "templates"
    for name in ("terminal", "account"):
        for file in sorted((folder / name).iterdir()):
            html = file.read_text(encoding="utf-8")
            assert not re.search(r'\sstyle="|<style|\son\w+="|javascript:|hx-on', html), file.name
            assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html)), file.name
