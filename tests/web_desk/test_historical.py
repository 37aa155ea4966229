"""A replayed session says everywhere that it is one, and takes no orders but of those who were in it."""

import datetime
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from kirmash.config import DemoConfig
from tests.gateway.house import INSTRUMENT, SESSION, give
from tests.web_desk.running import PHASES, RunningHouse, form_at, shown
from tests.web_terminal.house import TradersHouse, text_of

REPLAY = "historical-timber"
THING = "historical-thing"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    made = RunningHouse(tmp_path_factory.mktemp("desk-historical"))
    made.config = replace(made.config, demo=DemoConfig(historical=(REPLAY,)))
    with made:
        made.people()
        made.prepare()
        olga = made.enter("olga")
        give(olga, "list_instrument", instrument=THING, card="pine", version=1,
             basis={"incoterm": "FCA", "place": "Minsk"}, currency="USD", payment_term="prepayment",
             purpose="historical", lot="1", tick="0.01")  # fmt: skip
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=5)
        give(olga, "create_session", session=REPLAY, section="timber", purpose="historical", mechanism="cdca",
             instruments=[{"instrument": THING}],
             phases=[{"phase": name, "at": (now + datetime.timedelta(hours=at)).isoformat()}
                     for at, name in enumerate(PHASES)])  # fmt: skip
        for before, after in (("SCHEDULED", "INTAKE"), ("INTAKE", "OPENING"), ("OPENING", "TRADING")):
            give(olga, "change_phase", session=REPLAY, **{"from": before, "to": after})
        made.settled()
        yield made


@pytest.mark.parametrize("language", ["en", "ru"])
def test_it_is_marked_wherever_it_stands(house: TradersHouse, language: str) -> None:
    said = {"en": "replay", "ru": "повтор"}[language]
    public = {"Accept": "text/html", "Accept-Language": language}
    assert said in text_of(house.anonymous().get(f"/sessions/{REPLAY}", headers=public)).lower()
    listed = text_of(house.anonymous().get("/sessions", headers=public))
    assert {"en": "historical, replayed", "ru": "историческая, воспроизводится"}[language] in listed
    olga = house.browser("olga", language)
    for path in ("/desk/sessions", f"/desk/sessions/{REPLAY}", f"/desk/supervision/{REPLAY}"):
        assert "tag-historical" in shown(olga, path).text
    for path in ("/desk/sessions/timber-1", "/desk/supervision/timber-1"):
        assert "tag-historical" not in shown(olga, path).text


@pytest.mark.parametrize(("language", "said"), [("en", "historical replay"), ("ru", "историческая, повтор")])
def test_the_front_page_marks_it_and_no_other(house: TradersHouse, language: str, said: str) -> None:
    page = house.anonymous().get("/", headers={"Accept": "text/html", "Accept-Language": language})
    lines = {
        name: line
        for line in page.text.split('<li class="session-line">')[1:]
        for name in (REPLAY, SESSION)
        if f'href="/sessions/{name}"' in line.split("</li>")[0]
    }
    assert lines.keys() == {REPLAY, SESSION}
    assert said in lines[REPLAY].split("</li>")[0]
    assert said not in lines[SESSION].split("</li>")[0]


def test_a_visitors_order_is_refused_with_the_reason(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    room = shown(alfa, f"/terminal/{REPLAY}")
    assert "takes no orders of yours" in text_of(room)
    answer = form_at(room, f"/terminal/{REPLAY}/orders").post(alfa, side="sell", price="100.00", quantity="1")
    page = shown(alfa, answer.headers["location"])
    assert "/help/rejects#not_admitted" in page.text
    orders = house.enter("t-alfa").get("/api/v1/orders", params={"session": REPLAY}).json()["items"]
    assert not orders
    assert "takes no orders of yours" not in text_of(shown(alfa, "/terminal/timber-1"))
    assert INSTRUMENT in text_of(shown(alfa, "/terminal/timber-1"))


def test_its_result_is_marked_too(house: TradersHouse) -> None:
    olga = house.enter("olga")
    for before, after in (("TRADING", "CLOSING"), ("CLOSING", "CLOSED")):
        give(olga, "change_phase", session=REPLAY, **{"from": before, "to": after})
    house.settled()
    assert "replay of a real session" in text_of(house.anonymous().get(f"/sessions/{REPLAY}"))
