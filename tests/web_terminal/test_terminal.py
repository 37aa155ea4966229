"""Orders by forms: what a trader does, what he is told, what of others he must not see or touch."""

import re

import pytest
from msgspec.structs import replace

from kirmash.config import IdentityConfig
from tests.gateway.house import INSTRUMENT, SESSION, give, order
from tests.web_terminal.house import (
    PRICED,
    PRICED_ROOM,
    ROOM,
    TradersHouse,
    clear,
    form_to,
    forms_of,
    open_orders,
    part,
    place,
    room,
    text_of,
)


@pytest.fixture(autouse=True)
def _clean(house: TradersHouse) -> None:
    clear(house)


def test_two_traders_make_a_deal_by_forms_and_neither_learns_the_other(house: TradersHouse) -> None:
    alfa, beta = house.browser("t-alfa"), house.browser("t-beta")
    offered = place(alfa, "sell", "100.00", "5")
    assert "accepted: sell 5 m³ at 100.00" in text_of(part(offered, "answer"))
    assert "100.00" in part(room(beta), "part-depth")
    met = place(beta, "buy", "100.50", "3")
    assert re.search(r"Deal \d+: buy 3 m³ at 100\.00", text_of(part(met, "answer")))
    assert "named later" in text_of(part(met, "part-deals"))
    seen = room(alfa)
    assert re.search(
        r"Deal \d+: sell 3 m³ at 100\.00 USD / m³, order \d+; 2 m³ left open", text_of(part(seen, "part-messages"))
    )
    for page, other in ((met, "alfa"), (seen, "beta")):
        assert other not in text_of(page).split("Log out", 1)[1]


def test_own_quantity_is_marked_in_the_depth(house: TradersHouse) -> None:
    alfa, beta = house.browser("t-alfa"), house.browser("t-beta")
    place(alfa, "sell", "105.00", "4")
    place(beta, "sell", "105.00", "6")
    cells = re.findall(r'<strong class="mine">([^<]*)</strong>', part(room(alfa), "part-depth"))
    assert cells == ["4"]
    assert ">10<" in part(room(alfa), "part-depth")


def test_a_reject_is_shown_with_rule_and_cure_and_the_ticket_stays_filled_in(house: TradersHouse) -> None:
    page = place(house.browser("t-alfa"), "sell", "100.005", "5")
    answer = part(page, "answer")
    assert "Rejected: new order" in text_of(answer)
    assert 'href="/help/rejects#price_off_grid"' in answer
    assert "What to do:" in answer
    assert "tick: 0.01" in text_of(answer)
    fields = form_to(page, f"{ROOM}/orders").fields
    assert (fields["side"], fields["price"], fields["quantity"]) == ("sell", "100.005", "5")
    assert not open_orders(house, "alfa")


def test_who_may_not_is_led_to_what_he_may(house: TradersHouse) -> None:
    """A reject about rights leads to “May I trade in this session?”; one about the price does not."""
    alfa, operator = house.browser("t-alfa"), house.enter("olga")
    right = {"participant": "alfa", "section": "timber", "side": "sell", "purpose": "export"}
    link = f'href="/account/may-i-trade/{SESSION}">May I trade in this session?'
    give(operator, "revoke_permission", **right)
    house.settled()
    try:
        answer = part(place(alfa, "sell", "100.00", "5"), "answer")
        assert "#not_admitted" in answer
        assert link in answer
        checked = form_to(room(alfa), f"{ROOM}/orders").post(
            alfa, side="sell", price="100.00", quantity="5", action="check"
        )
        assert link in part(checked, "preview")
    finally:
        give(operator, "grant_permission", **right)
        house.settled()
    assert link not in part(place(alfa, "sell", "100.005", "5"), "answer")


def test_that_there_are_more_deals_is_said_where_there_are(house: TradersHouse) -> None:
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    met = place(house.browser("t-beta"), "buy", "100.00", "5")
    deals = part(met, "part-deals")
    assert "<table" in deals
    assert "are shown" not in deals


def test_a_mistake_of_form_is_told_with_its_field_and_numbers_nothing(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    before = house.settled()
    answer = form_to(room(alfa), f"{ROOM}/orders").post(alfa, side="buy", price="ten", quantity="5")
    assert answer.status_code == 400
    assert "The price cannot be read as a number in one way only: write it like" in text_of(part(answer, "answer"))
    assert form_to(answer, f"{ROOM}/orders").fields["price"] == "ten"
    assert house.settled() == before


def test_a_form_posted_twice_gives_one_order_and_the_same_answer(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    ticket = form_to(room(alfa), f"{ROOM}/orders")
    first, second = (ticket.post(alfa, side="sell", price="101.00", quantity="5") for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert len(open_orders(house, "alfa")) == 1


def test_a_form_changed_after_it_was_sent_is_refused_and_gets_a_fresh_id(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    ticket = form_to(room(alfa), f"{ROOM}/orders")
    ticket.post(alfa, side="sell", price="101.00", quantity="5")
    again = ticket.post(alfa, side="sell", price="101.00", quantity="6")
    assert again.status_code == 409
    assert form_to(again, f"{ROOM}/orders").fields["client_id"] != ticket.fields["client_id"]
    assert [it["quantity"] for it in open_orders(house, "alfa")] == ["5"]


def test_a_far_price_is_sent_only_after_a_second_look_at_this_very_price(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    path = f"{PRICED_ROOM}/orders"
    asked = form_to(room(alfa, PRICED_ROOM), path).post(alfa, side="sell", price="111.00", quantity="1")
    assert asked.status_code == 422
    assert "11 % away from the reference 100.00" in text_of(part(asked, "answer"))
    assert not open_orders(house, "alfa")
    other = form_to(asked, path).post(alfa, price="150.00")
    assert other.status_code == 422
    assert not open_orders(house, "alfa")
    assert form_to(asked, path).post(alfa).status_code == 303
    assert [it["price"] for it in open_orders(house, "alfa")] == ["111.00"]


def test_nobody_is_asked_about_a_far_price_that_would_be_rejected(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    path = f"{PRICED_ROOM}/orders"
    before = house.settled()
    told = form_to(room(alfa, PRICED_ROOM), path).post(alfa, side="sell", price="150.00", quantity="1.5")
    assert told.status_code == 422
    assert 'href="/help/rejects#quantity_off_grid"' in part(told, "ticket")
    assert "Is this the price you mean" not in text_of(told)
    assert "confirmed" not in form_to(told, path).fields
    assert house.settled() == before


def test_a_tenth_away_is_not_far(house: TradersHouse) -> None:
    place(house.browser("t-alfa"), "sell", "110.00", "1", PRICED_ROOM)
    assert len(open_orders(house, "alfa")) == 1


def test_checking_tells_what_is_reserved_and_left_free_and_sends_nothing(house: TradersHouse) -> None:
    beta = house.browser("t-beta")
    [account] = beta.get("/api/v1/accounts").json()["items"]
    before = house.settled()
    ticket = form_to(room(beta, PRICED_ROOM), f"{PRICED_ROOM}/orders")
    checked = ticket.post(beta, side="buy", price="100.00", quantity="30", action="check")
    assert checked.status_code == 200
    # 30 times 100.00, a tenth of it.
    said = text_of(part(checked, "ticket"))
    assert "Would reserve 300.00 USD" in said
    whole, cents = account["free"].split(".")
    assert f"Would leave free {int(whole) - 300:,}.{cents} USD" in said
    assert house.settled() == before
    rejected = ticket.post(beta, side="buy", price="100.00", quantity="30.5", action="check")
    assert 'href="/help/rejects#quantity_off_grid"' in part(rejected, "ticket")


def test_the_preview_for_the_script_is_a_fragment_once_a_second(house: TradersHouse) -> None:
    beta = house.browser("t-beta")
    ticket = form_to(room(beta, PRICED_ROOM), f"{PRICED_ROOM}/orders")
    ticket.action = f"{PRICED_ROOM}/preview"
    first = ticket.post(beta, side="sell", price="99.00", quantity="10")
    assert first.status_code == 200
    assert "<html" not in first.text
    assert "Would reserve 99.00 USD" in text_of(first)
    assert ticket.post(beta, side="sell", price="99.00", quantity="10").status_code == 429


def test_the_preview_says_when_a_figure_is_none(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    ticket = form_to(room(alfa, PRICED_ROOM), f"{PRICED_ROOM}/orders")
    ticket.action = f"{PRICED_ROOM}/preview"
    said = ticket.post(alfa, side="sell", price="99.00", quantity="1,5")
    assert said.status_code == 200
    assert "The quantity cannot be read as a number" in text_of(said)


def test_an_order_is_changed_and_cancelled_by_forms(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    place(alfa, "sell", "100.00", "5")
    [mine] = open_orders(house, "alfa")
    number = mine["order"]
    form = form_to(room(alfa, amend=str(number)), f"{ROOM}/orders/{number}/amend")
    assert (form.fields["price"], form.fields["quantity"]) == ("100.00", "5")
    assert form.post(alfa, quantity="7").status_code == 303
    assert [it["quantity"] for it in open_orders(house, "alfa")] == ["7"]
    cancel = form_to(room(alfa), f"{ROOM}/orders/{number}/cancel")
    led = alfa.get(cancel.post(alfa).headers["location"])
    assert "on request" in text_of(part(led, "answer"))
    assert not open_orders(house, "alfa")
    # The second click on the same button is the same command.
    assert (
        cancel.post(alfa).headers["location"].endswith(led.request.url.query.decode().split("answer=")[1] + "#answer")
    )


def test_all_orders_of_the_session_are_cancelled_by_one_button(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    for price in ("100.00", "101.00"):
        place(alfa, "sell", price, "5")
    place(alfa, "sell", "100.00", "1", PRICED_ROOM)
    led = alfa.get(form_to(room(alfa), f"{ROOM}/cancel-all").post(alfa).headers["location"])
    assert "Orders cancelled: 2; kept, because the phase forbids cancelling: 0" in text_of(part(led, "answer"))
    assert [it["session"] for it in open_orders(house, "alfa")] == [PRICED]


def test_another_participants_order_cannot_be_seen_changed_or_cancelled(house: TradersHouse) -> None:
    beta, alfa = house.browser("t-beta"), house.browser("t-alfa")
    place(beta, "buy", "95.00", "5")
    [theirs] = open_orders(house, "beta")
    number = theirs["order"]
    assert alfa.get(f"/account/orders/{number}").status_code == 404
    assert alfa.get(ROOM, params={"amend": number}).status_code == 404
    form = form_to(room(beta), f"{ROOM}/orders/{number}/cancel")
    mine = form_to(room(alfa), f"{ROOM}/orders")
    for action in ("cancel", "amend"):
        form.action = f"{ROOM}/orders/{number}/{action}"
        answer = form.post(alfa, csrf=mine.fields["csrf"], price="96.00")
        assert answer.status_code == 404
    assert [it["order"] for it in open_orders(house, "beta")] == [number]
    assert f">{number}<" not in part(room(alfa), "part-orders")


def test_the_answer_to_anothers_command_is_not_shown(house: TradersHouse) -> None:
    number = give(house.enter("t-beta"), "place_order", **order("buy", "96.00", "5"))["number"]
    assert "accepted" in text_of(part(room(house.browser("t-beta"), answer=str(number)), "answer"))
    assert "accepted" not in text_of(part(room(house.browser("t-alfa"), answer=str(number)), "answer"))


def test_only_traders_have_a_terminal(house: TradersHouse) -> None:
    for name in ("a-alfa", "olga", "anton"):
        client = house.enter(name)
        client.headers["Accept"] = "text/html"
        assert client.get("/terminal").status_code == 403
        assert client.get(ROOM).status_code == 403
        for path in (f"{ROOM}/orders", f"{ROOM}/preview", f"{ROOM}/cancel-all", f"{ROOM}/orders/1/cancel"):
            posted = client.post(path, data={"side": "buy", "price": "1", "quantity": "1", "instrument": INSTRUMENT})
            assert posted.status_code == 403, (name, path)
    stranger = house.anonymous().get(ROOM, headers={"Accept": "text/html"})
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/login?next=%2Fterminal")


@pytest.mark.parametrize("csrf", [None, "", "wrong"])
def test_without_the_forms_token_nothing_is_given(house: TradersHouse, csrf: str | None) -> None:
    alfa = house.browser("t-alfa")
    before = house.settled()
    for form in forms_of(room(alfa)):
        if form.action.startswith("/terminal"):
            assert form.post(alfa, csrf=csrf, side="buy", price="95.00", quantity="1").status_code == 403
    assert house.settled() == before


def test_a_throttled_trader_gets_his_ticket_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    slow = TradersHouse(tmp_path_factory.mktemp("throttled"))
    slow.config = replace(slow.config, identity=IdentityConfig(manual_per_second=1, manual_burst=60))
    with slow:
        slow.people()
        slow.prepare()
        slow.settled()
        alfa = slow.browser("t-alfa")
        ticket = form_to(room(alfa), f"{ROOM}/orders")
        answers = (ticket.post(alfa, side="sell", price="101.00", quantity="5") for _ in range(200))
        refused = next(it for it in answers if it.status_code != 303)
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        kept = form_to(refused, f"{ROOM}/orders").fields
        assert (kept["price"], kept["client_id"]) == ("101.00", ticket.fields["client_id"])


def test_figures_are_read_and_shown_as_the_language_writes_them(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa", "ru")
    answer = form_to(room(alfa), f"{ROOM}/orders").post(alfa, side="sell", price="99,50", quantity="1\u00a0000")
    assert answer.status_code == 303
    [mine] = open_orders(house, "alfa")
    assert (mine["price"], mine["quantity"]) == ("99.50", "1000")
    assert "99,50" in part(room(alfa), "part-orders")


def test_an_unknown_session_or_instrument_is_404(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    assert alfa.get("/terminal/nowhere").status_code == 404
    assert alfa.get(ROOM, params={"instrument": "nothing"}).status_code == 404
    assert SESSION in text_of(alfa.get("/terminal"))
