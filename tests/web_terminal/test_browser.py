"""The terminal in real browsers: live without reload, by keyboard, and over a lost connection."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

import tests.e2e.conftest as chromium
from tests.web_terminal.house import PRICED_ROOM, ROOM, TradersHouse, clear, open_orders, place

AXE = Path(chromium.__file__).parent.joinpath("vendor", "axe.min.js").read_text(encoding="utf-8")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=chromium.ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _clean(house: TradersHouse) -> None:
    clear(house)


@contextmanager
def visiting(
    house: TradersHouse, browser: Browser, name: str, path: str = ROOM, *, language: str = "en", width: int = 1280
) -> Iterator[Page]:
    """A page of somebody who is logged in; an error of a script, or a breach of the policy, fails the test."""
    house.enter(name)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark")
    context.add_cookies(
        [
            {"name": "kirmash_session", "value": house.opened[name][0], "url": house.origin},
            {"name": "kirmash_language", "value": language, "url": house.origin},
        ]
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(house.origin + path)
    yield page
    assert not errors
    context.close()


def send(page: Page, side: str, price: str, quantity: str) -> None:
    page.locator(f'input[name="side"][value="{side}"]').check()
    page.fill("#field-price", price)
    page.fill("#field-quantity", quantity)
    page.locator("button.send").click()


def test_a_deal_between_two_browsers_is_seen_without_reload(house: TradersHouse, browser: Browser) -> None:
    with visiting(house, browser, "t-alfa") as alfa, visiting(house, browser, "t-beta") as beta:
        expect(alfa.locator("[data-live-state]")).to_have_text("live")
        expect(beta.locator("[data-live-state]")).to_have_text("live")
        before = alfa.locator("#part-deals tbody tr").count()
        send(alfa, "sell", "100.00", "5")
        expect(beta.locator("#part-depth")).to_contain_text("100.00")
        send(beta, "buy", "100.00", "5")
        expect(beta.locator("#answer")).to_contain_text(re.compile(r"Deal \d+: buy 5 m³ at 100\.00"))
        expect(alfa.locator("#part-deals tbody tr")).to_have_count(before + 1, timeout=5_000)
        expect(alfa.locator("#part-orders")).to_contain_text("No open order", timeout=5_000)
        assert alfa.url == beta.url == house.origin + ROOM
    assert not open_orders(house, "alfa")


def test_a_connection_lost_in_the_middle_of_a_ticket_gives_one_order(house: TradersHouse, browser: Browser) -> None:
    with visiting(house, browser, "t-alfa") as page:
        page.context.set_offline(True)
        send(page, "sell", "101.00", "5")
        expect(page.locator("#answer")).to_contain_text("sent again by itself")
        page.context.set_offline(False)
        expect(page.locator("#answer")).to_contain_text("accepted: sell 5 m³ at 101.00", timeout=15_000)
    assert len(open_orders(house, "alfa")) == 1


def test_an_answer_that_was_lost_is_asked_for_again_without_a_second_order(
    house: TradersHouse, browser: Browser
) -> None:
    with visiting(house, browser, "t-alfa") as page:
        lost: list[Route] = []

        def lose(route: Route) -> None:
            if lost:
                route.continue_()
                return
            # The exchange has the order, the page does not hear of it.
            lost.append(route)
            route.fetch(max_redirects=0)
            route.abort()

        page.route("**/orders", lose)
        send(page, "sell", "102.00", "5")
        expect(page.locator("#answer")).to_contain_text("accepted: sell 5 m³ at 102.00", timeout=15_000)
        assert lost
    assert len(open_orders(house, "alfa")) == 1


def test_another_price_takes_the_answer_to_a_far_one_back(house: TradersHouse, browser: Browser) -> None:
    with visiting(house, browser, "t-alfa", PRICED_ROOM) as page:
        button, hint = page.locator("button.send"), page.locator("[data-far-hint]")
        page.fill("#field-price", "250.00")
        expect(hint).to_be_visible()
        send(page, "sell", "250.00", "1")
        expect(button).to_have_text("Yes, at this price")
        page.fill("#field-price", "260.00")
        expect(button).to_have_text("Send the order")
        expect(page.locator('#ticket-form input[name="confirmed"]')).to_have_count(0)
        button.click()
        expect(page.locator("#answer")).to_contain_text("260.00 is 160 %")
        # Of an order that would be refused the page says so, and does not promise a question.
        page.fill("#field-price", "250.001")
        expect(page.locator("#preview .notice-warning")).to_be_visible(timeout=10_000)
        expect(hint).to_be_hidden()
    assert not open_orders(house, "alfa")


def test_on_a_phone_the_ticket_stands_above_book_and_deals(house: TradersHouse, browser: Browser) -> None:
    with visiting(house, browser, "t-alfa", width=390) as page:
        ticket, book = (page.locator(it).bounding_box() for it in (".room-ticket", ".room-depth"))
        assert ticket is not None
        assert book is not None
        assert ticket["y"] + ticket["height"] <= book["y"]


def test_everything_goes_by_keyboard(house: TradersHouse, browser: Browser) -> None:
    with visiting(house, browser, "t-alfa") as page:
        keys = page.keyboard
        keys.press("?")
        expect(page.locator("#keys")).to_be_visible()
        keys.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        keys.press("s")
        keys.press("q")
        expect(page.locator("#field-quantity")).to_be_focused()
        keys.press("p")
        expect(page.locator("#field-price")).to_have_value("")
        keys.type("100.99")
        keys.press("ArrowUp")
        expect(page.locator("#field-price")).to_have_value("101.00")
        keys.press("Tab")
        keys.type("7")
        keys.press("Enter")
        expect(page.locator("#answer")).to_contain_text("accepted: sell 7 m³ at 101.00")
        keys.press("Escape")
        keys.press("o")
        keys.press("x")
        expect(page.locator("#answer")).to_contain_text("on request")
    assert not open_orders(house, "alfa")


def test_the_ticket_says_what_the_order_would_do(house: TradersHouse, browser: Browser) -> None:
    place(house.browser("t-beta"), "buy", "100.00", "3")
    with visiting(house, browser, "t-alfa") as page:
        page.locator('a[data-side="sell"]').first.click()
        expect(page.locator("#field-price")).to_have_value("100.00")
        page.fill("#field-quantity", "2")
        expect(page.locator("#preview")).to_contain_text("Would trade at once")
    assert not open_orders(house, "alfa")


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ru", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_too_wide(
    house: TradersHouse, browser: Browser, language: str, width: int
) -> None:
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    place(house.browser("t-alfa"), "sell", "100.005", "5")
    paths = [ROOM, "/terminal", "/account", "/account/deposit", "/account/orders", "/account/login"]
    paths.append(f"/account/may-i-trade/{ROOM.rsplit('/', 1)[1]}")
    for path in paths:
        with visiting(house, browser, "t-alfa", path, language=language, width=width) as page:
            page.evaluate(AXE)
            found = page.evaluate("axe.run().then((it) => it.violations)")
            serious = [
                (it["id"], [node["html"][:120] for node in it["nodes"]][:3])
                for it in found
                if it["impact"] in ("serious", "critical")
            ]
            assert not serious, f"{path}: {serious}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
