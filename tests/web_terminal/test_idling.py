"""A page that is left open: its stream is no use of the session, ends with it, and the page says so and leads to the
login and back, without losing what was typed into the ticket."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

import tests.e2e.conftest as chromium
from tests.gateway.house import INSTRUMENT, PASSWORD
from tests.web_terminal.house import ROOM, TradersHouse, open_orders, place
from tests.web_terminal.test_browser import visiting

MINUTE_NS = 60_000_000_000
STREAM = {"Accept": "text/event-stream"}
EVENTS = f"{ROOM}/events?instrument={INSTRUMENT}"


class Ahead:
    """How far the clock of sessions is ahead of the machine's."""

    def __init__(self) -> None:
        self.minutes = 0

    def now(self) -> int:
        return time.time_ns() + self.minutes * MINUTE_NS


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch, house: TradersHouse) -> Iterator[Ahead]:
    """The clock of this house, to be moved forwards; logins enter anew afterwards."""
    made = Ahead()
    monkeypatch.setattr(house.services.identity.clock, "now", made.now)
    yield made
    house.opened.clear()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    made = TradersHouse(tmp_path_factory.mktemp("idling"))
    with made:
        made.people()
        made.prepare()
        made.settled()
        yield made


def lines_of(response: httpx.Response, most: float) -> Iterator[str]:
    """The lines of a stream, until it ends or the time is over."""
    deadline = time.monotonic() + most
    for line in response.iter_lines():
        yield line
        if time.monotonic() > deadline:
            return


@pytest.mark.parametrize(
    ("name", "path"), [("t-alfa", EVENTS), ("olga", "/desk/events"), ("olga", "/desk/health/events")]
)
def test_a_stream_does_not_keep_the_session_and_ends_with_it(
    house: TradersHouse, ahead: Ahead, name: str, path: str
) -> None:
    client = house.browser(name)
    with client.stream("GET", path, headers=STREAM) as response:
        assert response.status_code == 200
        said: list[str] = []
        for line in lines_of(response, 40):
            said.append(line)
            if len(said) == 3:
                ahead.minutes = 20
            if ahead.minutes == 20 and len(said) > 4:
                # Coming back by itself, as a browser does after a lost connection, is no use either.
                with client.stream("GET", path, headers=STREAM) as again:
                    assert next(again.iter_lines()).startswith("retry")
                ahead.minutes = 31
    assert said[-3:-1] == ["event: ended", "data: session"] or said[-2:] == ["event: ended", "data: session"]
    assert client.get("/account", follow_redirects=False).headers["location"].startswith("/login?")


def test_who_comes_back_too_late_is_told_by_an_event_and_a_program_by_the_status(
    house: TradersHouse, ahead: Ahead
) -> None:
    client = house.browser("t-alfa")
    ahead.minutes = 31
    answer = client.get(EVENTS, headers=STREAM)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert "event: ended" in answer.text
    assert "timber" not in answer.text
    assert client.get(EVENTS, headers={"Accept": "*/*"}).status_code == 401
    assert house.anonymous().get(EVENTS, headers={"Accept": "*/*"}).status_code == 401
    # Who may not see it at all is refused as ever.
    house.opened.clear()
    assert house.browser("olga").get(EVENTS, headers=STREAM).status_code == 403


def test_what_is_done_is_use(house: TradersHouse, ahead: Ahead) -> None:
    client = house.browser("t-alfa")
    for _ in range(4):
        ahead.minutes += 20
        assert client.get(ROOM).status_code == 200


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=chromium.ARGUMENTS)
        yield made
        made.close()


@pytest.mark.browser
@pytest.mark.parametrize("how", ["the link", "the order"])
def test_a_half_filled_ticket_comes_back(house: TradersHouse, browser: Browser, ahead: Ahead, how: str) -> None:
    with visiting(house, browser, "t-alfa") as page:
        expect(page.locator("[data-live-state]")).to_have_text("live")
        expect(page.locator("[data-session-ended]")).to_be_hidden()
        page.locator('input[name="side"][value="sell"]').check()
        page.fill("#field-price", "123.45")
        page.fill("#field-quantity", "7")
        ahead.minutes = 31
        if how == "the link":
            # Something moves, and the stream looks whether it may still tell of it. Beta logged in just now.
            house.opened.pop("t-beta", None)
            place(house.browser("t-beta"), "buy", "50.00", "1")
            expect(page.locator("[data-session-ended]")).to_be_visible(timeout=20_000)
            expect(page.locator("#field-price")).to_have_value("123.45")
            page.get_by_role("link", name="Log in again and come back here").click()
        else:
            page.locator("button.send").click()
        expect(page).to_have_url(re.compile(r"/login\?next="))
        page.locator("#field-name").fill("t-alfa")
        page.locator("#field-password").fill(PASSWORD)
        page.locator("main button[type=submit]").first.click()
        expect(page).to_have_url(re.compile(re.escape(ROOM)))
        expect(page.locator("#field-price")).to_have_value("123.45")
        expect(page.locator("#field-quantity")).to_have_value("7")
        expect(page.locator('input[name="side"][value="sell"]')).to_be_checked()
        house.opened.clear()
        assert not open_orders(house, "alfa"), "nothing was sent by itself"
        # Once: a later visit begins with an empty ticket.
        page.reload()
        expect(page.locator("#field-price")).not_to_have_value("123.45")


@pytest.mark.browser
def test_what_one_typed_is_not_shown_to_another(house: TradersHouse, browser: Browser, ahead: Ahead) -> None:
    with visiting(house, browser, "t-alfa") as page:
        expect(page.locator("[data-live-state]")).to_have_text("live")
        page.fill("#field-price", "123.45")
        page.locator('input[name="side"][value="sell"]').check()
        page.fill("#field-quantity", "7")
        ahead.minutes = 31
        page.locator("button.send").click()
        expect(page).to_have_url(re.compile(r"/login\?next="))
        page.locator("#field-name").fill("t-beta")
        page.locator("#field-password").fill(PASSWORD)
        page.locator("main button[type=submit]").first.click()
        expect(page.locator("[data-live-state]")).to_have_text("live")
        expect(page.locator("#field-price")).not_to_have_value("123.45")


def test_the_words_are_there_in_russian(house: TradersHouse) -> None:
    page = house.browser("t-alfa", "ru").get(ROOM)
    assert "Ваш сеанс окончен" in page.text
    assert "Войти снова и вернуться сюда" in page.text
