"""Supervision: every name as it happens, by a stream that resumes; cancelling an order, annulling a deal by two."""

import re
import time
from collections.abc import Iterator
from csv import DictReader
from io import StringIO
from urllib.parse import urljoin

import httpx
import pytest

from kirmash.gateway.problems import Problem
from kirmash.web import desk_tape
from kirmash.web.desk_tape import Tape, Wanted
from tests.gateway.house import SESSION, give, order
from tests.web_desk.running import followed, form_at, place, plan_session, rest, running_house, send, shown
from tests.web_terminal.house import TradersHouse, text_of

WATCH = f"/desk/supervision/{SESSION}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-watch")) as made:
        yield made


def stream_of(page: httpx.Response) -> str:
    """The address of a page's stream."""
    found = re.search(r'sse-connect="([^"]+)"', page.text)
    assert found is not None
    return found[1].replace("&amp;", "&")


def heard(browser: httpx.Client, path: str, until: str, last: str | None = None) -> str:
    """What a stream says until a text was in it."""
    text, deadline = "", time.monotonic() + 5
    headers = {} if last is None else {"Last-Event-ID": last}
    with browser.stream("GET", path, headers=headers, timeout=5) as stream:
        assert stream.status_code == 200
        for chunk in stream.iter_text():
            text += chunk
            if until in text and text.endswith("\n\n"):
                return text
            assert time.monotonic() < deadline, f"{until} was not heard: {text[-800:]}"
    raise AssertionError(f"the stream ended: {text[-800:]}")


def test_a_tape_misses_nothing_while_the_views_cannot_be_read(house: TradersHouse) -> None:
    """It has to look up orders from before its time, says 503 while it cannot, and tells all of it later."""
    number = place(house, "alfa", SESSION, "sell", "118.00", "2")
    house.settled()

    async def begun() -> Tape:
        tape = Tape(house.gateway.feed, house.services.queries)
        tape._taken = tape._began = house.gateway.feed.number
        return tape

    tape = house.run(begun())
    give(house.enter("t-alfa"), "cancel_order", order=number)
    house.settled()
    views = house.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        for _ in range(2):
            with pytest.raises(Problem) as refused:
                house.run(tape.lines(SESSION, Wanted(), 10, None))
            assert (refused.value.status, refused.value.code) == (503, "views_unavailable")
    finally:
        aside.rename(views)
    [line] = house.run(tape.lines(SESSION, Wanted(participant="alfa"), 10, None))
    assert (line.event, line.order) == ("order_cancelled", number)


def test_a_kept_line_keeps_its_names_when_older_orders_are_forgotten(
    house: TradersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_session(house, "forgets")
    monkeypatch.setattr(desk_tape, "KEPT_ORDERS", 0)

    async def made() -> Tape:
        return Tape(house.gateway.feed, house.services.queries)

    tape = house.run(made())
    first = place(house, "alfa", "forgets", "sell", "118.00", "2")
    for wanted in (Wanted(participant="alfa"), Wanted(trader="t-alfa")):
        assert [it.order for it in house.run(tape.lines("forgets", wanted, 10, None))] == [first]
    second = place(house, "alfa", "forgets", "sell", "119.00", "2")
    for _ in range(2):
        # The second order is taken in after the first was forgotten; both lines still stand there.
        found = house.run(tape.lines("forgets", Wanted(trader="t-alfa"), 10, None))
        assert [(it.order, it.placed and it.placed.participant) for it in found] == [(second, "alfa"), (first, "alfa")]


def test_orders_and_deals_stand_there_with_every_name(house: TradersHouse) -> None:
    sold = place(house, "alfa", SESSION, "sell", "120.00", "9")
    bought = place(house, "gamma", SESSION, "buy", "120.00", "4", client="c-gamma")
    resting = place(house, "delta", SESSION, "buy", "80.00", "2", client="c-delta")
    page = shown(house.browser("olga"), WATCH)
    orders = page.text.split('sse-swap="orders"')[1].split("</section>")[0]
    row = next(it for it in orders.split("<tr") if f'data-order="{resting}"' in it)
    for name in (">House of delta</a>", "delta", "c-delta", "t-delta", "80.00", "USD", "m³"):
        assert name in row
    assert f'href="/desk/orders/{resting}/cancel"' in row
    assert f'data-order="{sold}"' in orders
    assert f'data-order="{bought}"' not in orders, "it was filled"
    deals = page.text.split('sse-swap="deals"')[1].split("</section>")[0]
    for name in ("House of alfa", "t-alfa", "House of gamma", "gamma", "c-gamma", "t-gamma", "120.00", "USD"):
        assert name in deals


def test_the_best_stands_first(house: TradersHouse) -> None:
    plan_session(house, "sorted")
    sells = [place(house, "alfa", "sorted", "sell", price, "1") for price in ("102.00", "101.00", "101.00")]
    buys = [place(house, "beta", "sorted", "buy", price, "1") for price in ("90.00", "95.00", "90.00")]
    orders = shown(house.browser("olga"), "/desk/supervision/sorted").text.split('sse-swap="orders"')[1]
    shown_orders = [int(it) for it in re.findall(r'data-order="(\d+)"', orders)]
    assert shown_orders == [sells[1], sells[2], sells[0], buys[1], buys[0], buys[2]]


def test_filters_narrow_all_parts(house: TradersHouse) -> None:
    plan_session(house, "filtered")
    mine = place(house, "alfa", "filtered", "sell", "100.00", "5")
    other = place(house, "beta", "filtered", "buy", "90.00", "5")
    for query in ("participant=alfa", "trader=t-alfa", "participant=alfa&trader=t-alfa"):
        page = shown(house.browser("olga"), f"/desk/supervision/filtered?{query}")
        assert f'data-order="{mine}"' in page.text
        assert f'data-order="{other}"' not in page.text
        tape = page.text.split('sse-swap="tape"')[1].split("</section>")[0]
        assert f"Order {mine}:" in text_of(tape)
        assert f"Order {other}:" not in text_of(tape)
        assert query.split("&")[0] in stream_of(page)
    nobody = shown(house.browser("olga"), "/desk/supervision/filtered?client=none")
    assert "data-order" not in nobody.text


def test_news_come_by_the_stream_within_a_second(house: TradersHouse) -> None:
    plan_session(house, "live-1")
    olga = house.browser("olga")
    path = stream_of(shown(olga, "/desk/supervision/live-1"))
    began = time.monotonic()
    placed = place(house, "alfa", "live-1", "sell", "100.00", "5")
    text = heard(olga, path, f'data-order="{placed}"')
    assert time.monotonic() - began < 1.5
    assert "event: orders" in text
    assert "alfa" in text
    assert f"Order {placed}:" in text_of(text)


def test_a_rejected_command_is_seen_too(house: TradersHouse) -> None:
    plan_session(house, "live-2")
    olga = house.browser("olga")
    path = stream_of(shown(olga, "/desk/supervision/live-2"))
    answer = house.enter("t-beta").post(
        "/api/v1/commands/place_order", json={**order("buy", "500.00", "1"), "session": "live-2"}
    )
    assert answer.json()["code"] == "rejected"
    text = text_of(heard(olga, path, "Rejected"))
    assert "beta" in text
    assert answer.json()["reasons"][0]["rule"] in text


def test_who_comes_back_is_told_what_he_missed_and_nothing_else(house: TradersHouse) -> None:
    plan_session(house, "resumed")
    olga = house.browser("olga")
    path = stream_of(shown(olga, "/desk/supervision/resumed")).split("&after")[0]
    first = heard(olga, path, "event: tape")
    seen = re.findall(r"^id: (\d+)$", first, re.MULTILINE)[-1]
    placed = [place(house, "alfa", "resumed", "sell", "100.00", "1") for _ in range(60)]
    again = heard(olga, path, "event: tape", seen)
    tape = text_of(again.split("event: tape")[1])
    assert all(f"Order {number}:" in tape for number in placed), "more than the page shows at first, if they are news"
    assert "more happened than is kept" not in tape
    # Who has seen everything is sent nothing of it again, only what comes then.
    last = str(house.gateway.feed.number)
    with olga.stream("GET", path, headers={"Last-Event-ID": last}, timeout=5) as stream:
        pieces = stream.iter_text()
        assert "event:" not in next(pieces)
        place(house, "alfa", "resumed", "sell", "101.00", "1")
        text = ""
        while "event: orders" not in text:
            text += next(pieces)
    assert "event: clock" not in text
    from_long_ago = text_of(heard(olga, path, "event: tape", "0").split("event: tape")[1])
    assert all(f"Order {number}:" in from_long_ago for number in placed)
    for nonsense in ("x", "-1", "9" * 40):
        orders = heard(olga, path, "event: orders", nonsense).split("event: orders")[1]
        assert all(f'data-order="{number}"' in orders for number in placed[:5])


def test_nobody_is_told_of_a_gap_where_there_is_none(house: TradersHouse) -> None:
    plan_session(house, "quiet")
    place(house, "alfa", "quiet", "sell", "100.00", "1")
    olga, path = house.browser("olga"), "/desk/supervision/quiet/events?lang=en"
    before = house.gateway.feed.number
    number = place(house, "alfa", "quiet", "sell", "101.00", "1")
    for _ in range(3):
        tape = text_of(heard(olga, path, "event: tape", str(before)).split("event: tape")[1])
        assert "more happened than is kept" not in tape
        assert tape.count(f"Order {number}:") == 1


def test_an_order_is_cancelled_for_its_participant_with_a_reason(house: TradersHouse) -> None:
    plan_session(house, "cancels")
    number = place(house, "beta", "cancels", "buy", "100.00", "10")
    olga, path = house.browser("olga"), f"/desk/orders/{number}/cancel"
    asked = text_of(shown(olga, path))
    assert "10 m³ leave the book" in asked
    assert "House of beta beta" in asked, "the company's name beside its id"
    assert "Pine, FCA Minsk timber" in asked
    assert "free deposit is then" in asked
    empty = send(olga, path, path, reason="  ")
    assert empty.status_code == 422
    assert rest(house, f"/orders/{number}")["state"] == "open"
    form = form_at(shown(olga, path), path)
    first, second = (form.post(olga, reason="he asked by telephone") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    page = followed(olga, first)
    assert "he asked by telephone olga" in text_of(page), "with the name of the operator's login"
    cancelled = rest(house, f"/orders/{number}")
    assert cancelled["state"] == "requested"
    record = rest(house, f"/journal/{cancelled['number']}")
    assert record["actor_kind"] == "operator"
    assert "he asked by telephone" not in str(record), "the journal has no place for it"
    assert "he asked by telephone" in text_of(shown(olga, f"/desk/journal/{cancelled['number']}"))
    gone = shown(olga, path)
    assert "not possible now" in text_of(gone)
    assert f'action="{path}"' not in gone.text


def test_a_deal_is_annulled_by_two(house: TradersHouse) -> None:
    plan_session(house, "annuls")
    place(house, "alfa", "annuls", "sell", "100.00", "5")
    place(house, "beta", "annuls", "buy", "100.00", "5")
    deal = rest(house, "/deals", session="annuls")["items"][0]["deal"]
    olga, path = house.browser("olga"), f"/desk/deals/{deal}/annul"
    assert send(olga, path, path, reason="").status_code == 422
    form = form_at(shown(olga, path), path)
    first, second = (form.post(olga, reason="a typing error of both") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert "waits for a second operator" in text_of(followed(olga, first))
    assert rest(house, f"/contracts/{deal}")["state"] == "forming"
    waiting = [it for it in rest(house, "/proposals", state="open")["items"] if it["body"].get("deal") == deal]
    assert len(waiting) == 1
    told = shown(olga, f"/desk/deals/{deal}")
    assert "annulment was proposed" in text_of(told)
    assert f'href="/desk/proposals/{waiting[0]["id"]}"' in told.text
    assert f'href="{path}"' not in told.text, "nobody is led to propose it again"
    assert house.enter("oleg").post(f"/api/v1/proposals/{waiting[0]['id']}/approve").status_code == 200
    deadline = time.monotonic() + 5
    while rest(house, f"/contracts/{deal}")["state"] != "annulled":
        assert time.monotonic() < deadline
    assert "annulled" in text_of(shown(olga, f"/desk/deals/{deal}"))
    assert "not possible now" in text_of(shown(olga, path))


def test_all_orders_and_deals_as_tables_and_files(house: TradersHouse) -> None:
    for price in ("130.00", "131.00"):
        place(house, "alfa", SESSION, "sell", price, "5")
        place(house, "beta", SESSION, "buy", price, "5")
    olga = house.browser("olga")
    for what in ("orders", "deals"):
        page = shown(olga, f"{WATCH}/{what}?sort=-price")
        assert 'aria-sort="descending"' in page.text
        csv = olga.get(f"{WATCH}/{what}?format=csv")
        assert csv.headers["content-type"].startswith("text/csv")
        lines = list(DictReader(StringIO(csv.content.decode("utf-8-sig"))))
        whose = "Participant" if what == "orders" else "Seller"
        found = next(it for it in lines if it[f"{whose} id"] == "alfa")
        assert found[whose] == "House of alfa", "name and id are two columns"
        assert (found["Good"], found["Unit"], found["Currency"]) == ("Pine, FCA Minsk", "m³", "USD")
        assert olga.get(f"{WATCH}/{what}?format=xlsx").content.startswith(b"PK")
        assert olga.get(f"{WATCH}/{what}?format=exe").status_code == 400
        assert "fits this" in text_of(shown(olga, f"{WATCH}/{what}?participant=none"))
    assert "sell" not in text_of(shown(olga, f"{WATCH}/orders?side=buy").text.split("<tbody")[1]).lower()


def test_an_auditor_watches_and_can_do_nothing(house: TradersHouse) -> None:
    number = place(house, "alfa", SESSION, "sell", "140.00", "5")
    anton = house.browser("anton")
    page = shown(anton, WATCH)
    assert f'data-order="{number}"' in page.text
    assert "/cancel" not in page.text
    assert anton.get(f"/desk/orders/{number}/cancel").status_code == 403
    token = form_at(page, "/logout").fields["csrf"]
    assert anton.post(f"/desk/orders/{number}/cancel", data={"csrf": token, "reason": "x"}).status_code == 403
    assert rest(house, f"/orders/{number}")["state"] == "open"
    assert "t-alfa" in text_of(shown(anton, f"/desk/orders/{number}"))


def test_it_is_closed_to_participants(house: TradersHouse) -> None:
    number = place(house, "alfa", SESSION, "sell", "141.00", "5")
    for name in ("t-alfa", "a-alfa", "t-beta"):
        browser = house.browser(name)
        for path in (WATCH, f"{WATCH}/events", f"{WATCH}/orders", f"/desk/orders/{number}", "/desk/deals/1"):
            assert browser.get(path).status_code == 403, (name, path)


def test_what_is_not_there_is_not_found(house: TradersHouse) -> None:
    olga = house.browser("olga")
    for path in ("/desk/supervision/none/events", "/desk/orders/99999", "/desk/orders/x", "/desk/deals/99999",
                 "/desk/orders/99999/cancel", "/desk/deals/99999/annul"):  # fmt: skip
        assert olga.get(path).status_code == 404, path


def test_every_link_of_the_watch_answers(house: TradersHouse) -> None:
    olga = house.browser("olga")
    page = shown(olga, WATCH)
    links = {
        urljoin(WATCH, it.replace("&amp;", "&")).split("#")[0] for it in re.findall(r'href="(/desk[^"]*)"', page.text)
    }
    assert len(links) > 15
    for link in links:
        assert olga.get(link).status_code == 200, link


def test_an_order_from_before_the_gateway_is_named_too(house: TradersHouse) -> None:
    """The tape knows only records at hand; whose an older order was it asks the views."""
    number = place(house, "alfa", SESSION, "sell", "150.00", "5")
    site = house.gateway._pages
    tape = next(it for it in _objects(site) if isinstance(it, Tape))
    house.loop.call_soon_threadsafe(tape._restarted)
    give(house.enter("t-alfa"), "cancel_order", order=number)
    house.settled()
    text = text_of(shown(house.browser("olga"), WATCH))
    assert re.search(rf"Order {number} of House of alfa \(alfa\) cancelled, 5 m³: on request", text)


def _objects(site: object) -> list[object]:
    """The parts of the site's desk, as far as routes hold them."""
    routes = site.routes  # type: ignore[attr-defined]
    owners = [getattr(route.handler, "__self__", None) for route in routes]
    return [value for owner in owners if owner is not None for value in vars(owner).values()]
