"""Lamps: on while all is well, out with what to do where something is not; home and its stream tell the same."""

import re
from collections.abc import Iterator

import pytest

from kirmash.gateway.services import Services
from kirmash.messages.units import Time
from kirmash.protocol.link import DoorsAre, Status
from kirmash.sequencer.answers import Unavailable
from tests.web_desk.running import running_house, shown
from tests.web_terminal.house import TradersHouse, text_of

PATH = "/desk/health"
LAMPS = {"core", "doors", "views", "clock", "disk", "feed", "snapshot", "wal"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-health")) as made:
        yield made


def lamps(page: str) -> dict[str, bool]:
    """The lamps of a page, and whether each is on."""
    found = re.findall(r'<li id="lamp-(\w+)" class="(met|unmet)">', page)
    return {name: state == "met" for name, state in found}


def ailing(**wrong: object) -> Status:
    """What a core says of itself that is well but for this."""
    now: Time = (0, 0)
    fine: dict[str, object] = {
        "number": 10, "time": now, "head": "ab" * 32, "projected": 10, "doors_open": True, "doors_reason": "",
        "waiting": 0, "wal_blocked": False, "disk_free": 50, "disk_total": 100, "snapshot_failure": None,
        "recovered": "anew", "market": "reference",
    }  # fmt: skip
    return Status(0, **{**fine, **wrong})  # type: ignore[arg-type]


def test_all_lamps_are_on(house: TradersHouse) -> None:
    page = shown(house.browser("anton"), PATH)
    assert lamps(page.text) == dict.fromkeys(LAMPS, True)
    status = house.enter("anton").get("/api/v1/status").json()
    assert status["head"] in page.text
    assert "0.1.0" in text_of(page)
    assert "Everything works" in text_of(shown(house.browser("olga"), "/desk"))


@pytest.mark.parametrize(
    ("wrong", "out", "said"),
    [
        ({"doors_open": False, "doors_reason": "disk_full"}, "doors", "disk_full"),
        ({"projected": 5, "number": 5_000}, "views", "4,995"),
        ({"number": 5_000, "projected": 5_000}, "feed", "restarting the gateway loses nothing"),
        ({"disk_free": 1}, "disk", "make room"),
        ({"snapshot_failure": "no space left"}, "snapshot", "no space left"),
        ({"wal_blocked": True}, "wal", "journal.db"),
        ({"time": (4_000_000_000, 0)}, "clock", "time service"),
    ],
)
def test_a_lamp_goes_out_and_says_what_to_do(
    house: TradersHouse, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], out: str, said: str
) -> None:
    async def status(_: object) -> Status:
        return ailing(**wrong)

    services: Services = house.services
    monkeypatch.setattr(type(services.exchange), "status", status)
    page = shown(house.browser("olga"), PATH)
    assert out in {name for name, on in lamps(page.text).items() if not on}
    part = text_of(page.text.split(f'id="lamp-{out}"')[1].split("</li>")[0])
    assert said in part
    home = shown(house.browser("olga"), "/desk")
    assert "Something needs attention" in text_of(home)
    assert f'href="{PATH}#lamp-{out}"' in home.text


def test_the_views_lamp_goes_out_where_they_cannot_be_read_or_written(
    house: TradersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both languages, on its page and on the first one; what the core says of its views is that they are whole."""
    house.settled()
    views = house.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        pages = {language: shown(house.browser("olga", language), PATH) for language in ("en", "ru")}
    finally:
        aside.rename(views)
    for language, said in (("en", "cannot be read"), ("ru", "нельзя прочитать")):
        assert lamps(pages[language].text)["views"] is False
        assert said in text_of(pages[language].text.split('id="lamp-views"')[1].split("</li>")[0])
    with monkeypatch.context() as full:
        full.setattr(house.core._projecting, "failure", "database or disk is full")
        assert "cannot be written" in text_of(shown(house.browser("olga"), PATH))
    assert lamps(shown(house.browser("olga"), PATH).text)["views"] is True


def test_a_silent_core_is_told(house: TradersHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def status(_: object) -> Status:
        raise Unavailable("the exchange's core is not reached")

    monkeypatch.setattr(type(house.services.exchange), "status", status)
    for language, said in (("en", "does not answer"), ("ru", "не отвечает")):
        page = shown(house.browser("olga", language), PATH)
        assert lamps(page.text)["core"] is False
        assert said in text_of(page)


def test_closed_doors_stand_on_the_first_page(house: TradersHouse) -> None:
    feed = house.gateway.feed
    before = feed.doors
    feed.doors = DoorsAre(False, "disk_full")
    try:
        assert "takes no commands: disk_full" in text_of(shown(house.browser("olga"), "/desk"))
    finally:
        feed.doors = before


def test_its_streams_are_pictures_of_the_same(house: TradersHouse) -> None:
    olga = house.browser("olga")
    for path, part in ((f"{PATH}/events", "health"), ("/desk/events", "needs")):
        with olga.stream("GET", f"{path}?lang=en") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            text = ""
            for chunk in stream.iter_text():
                text += chunk
                if f"event: {part}\n" in text and text.endswith("\n\n"):
                    break
        assert f"event: {part}\n" in text


def test_it_is_closed_to_participants(house: TradersHouse) -> None:
    for path in (PATH, f"{PATH}/events", "/desk/events"):
        assert house.browser("t-alfa").get(path).status_code == 403
        assert house.anonymous().get(path).status_code in (303, 401)
