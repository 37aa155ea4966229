"""Ids are any text (PS-9): one with a slash is asked for by REST and shown by pages like every other, and a quoted
slash separates nothing."""

import datetime
import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote, urljoin, urlsplit

import html5lib
import httpx
import pytest

from kirmash.gateway.api import routes_of
from kirmash.gateway.routes import PAGE, STREAM, Route, Rule
from kirmash.identity import NewLogin, Role
from kirmash.web import Site
from tests.gateway.house import API, PASSWORD, give
from tests.web_desk.running import PHASES, followed, form_at, running_house, shown
from tests.web_terminal.house import TradersHouse, text_of

IDS = {
    "session": "торги/2026 07/весна",
    "instrument": "oak/minsk?1",
    "card": "oak/board",
    "participant": "house/one",
    "client": "c/1",
    "trader": "t/1",
    "withdrawal": "w/1",
}
NUMBERS = {"order": 1, "deal": 1}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("slashes")) as made:
        olga = made.enter("olga")
        who, client, session, instrument = (IDS[it] for it in ("participant", "client", "session", "instrument"))
        give(olga, "list_card", card=IDS["card"], version="1/2", section="timber", name_en="Oak", name_ru="Дуб",
             hs_code="440791", unit="MTQ")  # fmt: skip
        give(olga, "list_instrument", instrument=instrument, card=IDS["card"], version="1/2",
             basis={"incoterm": "FCA", "place": "Minsk"}, currency="USD", payment_term="prepayment", purpose="export",
             lot="1", tick="0.01")  # fmt: skip
        give(olga, "register_participant", participant=who, name="One", country="BY", resident=True, kinds=["broker"])
        give(olga, "accredit_participant", participant=who)
        give(olga, "appoint_trader", trader=IDS["trader"], participant=who)
        for side in ("buy", "sell"):
            give(olga, "grant_permission", participant=who, section="timber", side=side, purpose="export")
        give(olga, "register_client", broker=who, client=client, name="Client", country="BY", resident=True)
        give(olga, "credit_deposit", participant=who, client=client, currency="USD", amount="100000.00")
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        times = [(first + datetime.timedelta(hours=at)).isoformat() for at in range(len(PHASES))]
        give(olga, "create_session", session=session, section="timber", purpose="export", mechanism="cdca",
             instruments=[{"instrument": instrument, "reference": "100.00", "down_ppm": 200_000, "up_ppm": 200_000}],
             phases=[{"phase": name, "at": at} for name, at in zip(PHASES, times, strict=True)])  # fmt: skip
        for before, after in pairwise(PHASES[:4]):
            give(olga, "change_phase", session=session, **{"from": before, "to": after})
        give(olga, "request_withdrawal", withdrawal=IDS["withdrawal"], participant=who, client=client, currency="USD",
             amount="1.00")  # fmt: skip
        login = NewLogin(
            name="one", role=Role.TRADER, participant=who, trader=IDS["trader"], password=PASSWORD, keep_password=True
        )
        made.run(made.services.identity.add_login(login))
        line = {"session": session, "instrument": instrument, "price": "100.00", "quantity": "2", "client": client}
        give(made.enter("one"), "place_order", side="sell", **line)
        give(made.enter("t-alfa"), "place_order", side="buy", **{**line, "client": None})
        made.settled()
        yield made


def address(route: Route, ids: dict[str, str]) -> str | None:
    """The address of a route with these ids; None where it names something else."""
    names = re.findall(r"\{(\w+)\}", route.path)
    known = {**ids, **{name: str(number) for name, number in NUMBERS.items()}}
    if not set(names) & set(ids) or not set(names) <= set(known) or "me/sessions" in route.path:
        return None
    return re.sub(r"\{(\w+)\}", lambda found: quote(known[found[1]], safe=""), route.path)


def test_every_route_of_rest_takes_them(house: TradersHouse) -> None:
    asked = 0
    for route in routes_of(house.services):
        path = address(route, IDS)
        if path is None or route.method != "GET":
            continue
        answer = house.enter("one" if route.rule is Rule.TRADER else "olga").get(path)
        assert answer.status_code == 200, f"{path}: {answer.text[:200]}"
        asked += 1
    assert asked > 10
    session = house.anonymous().get(f"{API}/sessions/{quote(IDS['session'], safe='')}").json()
    assert session["session"]["session"] == IDS["session"]


def test_every_page_takes_them_and_leads_on(house: TradersHouse) -> None:
    """What a page leads to with a quoted slash answers, too; without quotes nothing of it stands in an address."""
    asked, links = 0, set()
    for route in Site(house.services).routes:
        path = address(route, IDS)
        if path is None or route.method != "GET" or route.media_type != PAGE:
            continue
        name = "one" if path.startswith(("/terminal", "/account")) else "olga"
        if path.endswith("/band"):
            path += f"?instrument={quote(IDS['instrument'], safe='')}"
        page = house.browser(name).get(path)
        if page.status_code != 200 and "reinstate" in path:
            continue
        assert page.status_code == 200, f"{path}: {page.status_code} {text_of(page)[:300]}"
        asked += 1
        for element in html5lib.parse(page.text, namespaceHTMLElements=False).iter("a"):
            link = urljoin(path, element.get("href") or "").partition("#")[0]
            if "lang=" not in link and "theme=" not in link:
                assert not any(it in urlsplit(link).path for it in IDS.values()), f"{path}: {link}"
                if "%2F" in urlsplit(link).path:
                    links.add((name, link))
    assert asked > 15
    assert len(links) > 20
    for name, link in links:
        assert house.browser(name).get(link).status_code == 200, link


def test_a_stream_takes_them(house: TradersHouse) -> None:
    session, instrument = (quote(IDS[it], safe="") for it in ("session", "instrument"))
    client = house.browser("one")
    for path in (f"/live/sessions/{session}", f"/terminal/{session}/events"):
        with client.stream("GET", f"{path}?instrument={instrument}", headers={"Accept": STREAM}) as answer:
            assert answer.status_code == 200, path
            assert next(answer.iter_lines()).startswith("retry")


def test_forms_work_there(house: TradersHouse) -> None:
    path = f"/desk/sessions/{quote(IDS['session'], safe='')}"
    olga = house.browser("olga")
    followed(olga, form_at(shown(olga, path), f"{path}/halt").post(olga, reason="a trial"))
    followed(olga, form_at(shown(olga, f"{path}/phase"), f"{path}/phase").post(olga))
    room = f"/terminal/{quote(IDS['session'], safe='')}"
    one = house.browser("one")
    page = one.get(room)
    answer = form_at(page, f"{room}/orders").post(one, side="sell", price="101.00", quantity="1", client=IDS["client"])
    assert answer.status_code == 303, text_of(answer)[:500]
    assert shown(one, answer.headers["location"]).status_code == 200


def test_the_way_to_the_login_leads_back_there(house: TradersHouse) -> None:
    room = f"/terminal/{quote(IDS['session'], safe='')}"
    away = house.anonymous().get(room, headers={"Accept": "text/html"}, follow_redirects=False)
    assert f"next={quote(room, safe='')}" in away.headers["location"]


@pytest.mark.parametrize(
    "path",
    [
        "/desk%2Fsessions",
        f"{API}%2Fsessions",
        "/api%2Fv1/sessions",
        "/desk/sessions/%2F",
        "/sessions/none%2Fsuch",
        "/desk/sessions/timber-1%2Fcancel",
        f"{API}/sessions/timber-1%2Finstruments",
        "/desk/sessions/%2f%2e%2e%2fhealth",
    ],
)
def test_a_quoted_slash_separates_nothing(house: TradersHouse, path: str) -> None:
    assert house.browser("olga").get(path).status_code == 404


def test_what_is_open_before_the_password_is_changed_is_no_matter_of_spelling(house: TradersHouse) -> None:
    made = house.run(house.services.identity.add_login(NewLogin(name="fresh", role=Role.OPERATOR)))
    opened = house.run(house.services.identity.login("fresh", made.password, "192.0.2.1"))
    with httpx.Client(base_url=house.origin, cookies={"kirmash_session": opened.token}) as client:
        assert client.get(f"{API}/me").status_code == 200
        assert client.get(f"{API}/logins").status_code in (401, 403)
        assert client.get(f"{API}/sessions/x%2F..%2Fme", headers={"Accept": "*/*"}).status_code == 404
