"""The tutorial's walk on a real demo, in both languages: whatever it says can be done is done here."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.walk import CHAPTERS, Chapter, Demo, browsing
from tests.web.exchange import Exchange

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    made = Demo(tmp_path_factory.mktemp("walk") / "data")
    yield made
    made.stop()


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda it: it.__name__)
def test_the_walk_can_be_walked(demo: Demo, browser: Browser, chapter: Chapter, language: str) -> None:
    wide: list[str] = []

    def look(page: Page, name: str) -> None:
        page.wait_for_load_state()
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(name)

    with browsing(browser, language) as page:
        chapter(page, demo, look)
    assert not wide, "these scroll sideways"


def test_the_tour_leads_to_the_login_and_back(demo: Demo) -> None:
    with httpx.Client(base_url=demo.origin) as client:
        step = client.get("/tour/3")
        assert (step.status_code, step.headers["Location"]) == (303, "/login?next=%2Fterminal")
        assert client.cookies["kirmash_tour"] == "3"
        assert "Step 3 of 5" in client.get("/", headers={"Accept-Language": "en"}).text
        client.get("/tour/end")
        assert "kirmash_tour" not in client.cookies
        assert client.get("/tour/6").status_code == 404


def test_the_tour_sends_nobody_where_his_login_may_not_go(demo: Demo) -> None:
    with demo.entered("demo-buyer") as client:
        assert client.get("/tour/3").headers["Location"] == "/terminal"
        assert client.get("/tour/5").headers["Location"] == "/tour"
        assert "demo-operator-password" in client.get("/tour").text


def test_an_exchange_without_visitors_has_no_tour(exchange: Exchange) -> None:
    with httpx.Client(base_url=exchange.origin) as client:
        assert [client.get(path).status_code for path in ("/tour", "/tour/1", "/tour/end")] == [404] * 3
        assert "/tour" not in client.get("/").text
