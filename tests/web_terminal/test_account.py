"""The personal account: own rows, the way to know whether one may trade, one's login, the kill switch."""

import base64
import re

import httpx
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kirmash.identity import NewLogin, Role, Subject
from tests.gateway.house import SESSION, give, order
from tests.web_terminal.house import (
    PRICED,
    PROBE,
    ROOM,
    Form,
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

LISTS = ("deposit", "orders", "deals", "contracts", "registers", "people", "clients")
LOGIN = "/account/login"


@pytest.fixture(autouse=True)
def _clean(house: TradersHouse) -> None:
    clear(house)


def may(client: httpx.Client, session: str) -> dict[str, str]:
    """Each condition of the page with its whole text."""
    page = client.get(f"/account/may-i-trade/{session}")
    assert page.status_code == 200
    found = re.findall(r'<li class="(?:met|unmet)">(.*?)</li>', page.text, flags=re.DOTALL)
    lines = [text_of(one) for one in found]
    return {re.split(r" (?=rule )", line)[0]: line for line in lines}


def unmet(client: httpx.Client, session: str) -> list[str]:
    return [line for line in may(client, session).values() if line.startswith("no ")]


def test_every_list_shows_own_rows_and_is_exported_alike(house: TradersHouse) -> None:
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    place(house.browser("t-beta"), "buy", "100.00", "2")
    house.settled()
    for name in ("t-alfa", "a-alfa"):
        client = house.browser(name)
        for one in LISTS:
            page = client.get(f"/account/{one}")
            assert page.status_code == 200, one
            assert "beta" not in text_of(page)
            file = client.get(f"/account/{one}", params={"format": "csv"})
            assert file.headers["content-type"].startswith("text/csv")
            assert "beta" not in file.text
    orders = house.browser("a-alfa").get("/account/orders", params={"open": "yes", "format": "csv"}).text
    assert len(orders.splitlines()) == 1 + len(open_orders(house, "alfa"))


def test_statement_and_history_tell_what_happened(house: TradersHouse) -> None:
    alfa = house.browser("t-alfa")
    place(alfa, "sell", "100.00", "10", f"/terminal/{PRICED}")
    [mine] = open_orders(house, "alfa")
    statement = text_of(alfa.get("/account/deposit"))
    # A tenth of 1,000.00.
    assert re.search(rf"order accepted {mine['order']} – USD −100\.00 100\.00", statement)
    history = alfa.get(f"/account/orders/{mine['order']}")
    assert "order accepted" in text_of(history)
    assert house.browser("a-alfa").get(f"/account/orders/{mine['order']}").status_code == 200
    assert house.browser("a-beta").get(f"/account/orders/{mine['order']}").status_code == 404


def test_a_register_names_the_other_side_only_after_the_session(house: TradersHouse) -> None:
    place(house.browser("t-alfa"), "sell", "100.00", "5")
    place(house.browser("t-beta"), "buy", "100.00", "2")
    house.settled()
    page = house.browser("a-alfa").get(f"/account/registers/{SESSION}")
    assert "House of alfa" in text_of(page)
    assert "House of beta" not in page.text
    assert "named when the session is over" in text_of(page)
    assert house.browser("a-alfa").get("/account/registers/nowhere").status_code == 404


def test_who_has_no_company_has_a_login_only(house: TradersHouse) -> None:
    olga = house.browser("olga")
    assert olga.get("/account").status_code == 200
    assert olga.get(LOGIN).status_code == 200
    for one in (*LISTS, f"may-i-trade/{SESSION}"):
        assert olga.get(f"/account/{one}").status_code == 404, one


def test_names_that_would_do_harm_are_text_everywhere(house: TradersHouse) -> None:
    give(house.enter("olga"), "register_client", broker="gamma", client="c-probe", name=PROBE, country="BY",
         resident=True)  # fmt: skip
    house.settled()
    broker = house.browser("t-gamma")
    for page in (room(broker), broker.get("/account/clients"), broker.get("/account/clients?format=csv")):
        assert "49" not in page.text.split("onerror", 1)[1][:40]
        if page.headers["content-type"].startswith("text/html"):
            assert "<img" not in page.text.replace('<img src="/static', "")
            assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
    assert PROBE not in house.browser("t-delta").get("/account/clients").text
    assert "c-probe" not in room(house.browser("t-delta")).text


def test_a_broker_trades_for_a_client_by_the_ticket(house: TradersHouse) -> None:
    broker = house.browser("t-gamma")
    page = place(broker, "sell", "100.00", "1", client="c-gamma")
    assert "accepted" in text_of(part(page, "answer"))
    [mine] = open_orders(house, "gamma")
    assert mine["client"] == "c-gamma"
    refused = place(broker, "sell", "100.00", "1", client="")
    assert 'href="/help/rejects#client_not_admitted"' in part(refused, "answer")


def test_nothing_stands_in_the_way_of_who_has_everything(house: TradersHouse) -> None:
    page = text_of(house.browser("t-alfa").get(f"/account/may-i-trade/{PRICED}"))
    assert page.count("Yes: nothing stands in the way") == 2
    assert not unmet(house.browser("t-alfa"), PRICED)
    assert not unmet(house.browser("a-alfa"), PRICED)


def test_a_switch_on_a_trader_called_as_his_company_stops_him_alone(house: TradersHouse) -> None:
    identity = house.identity()
    twin = NewLogin(name="alfa-twin", role=Role.TRADER, participant="alfa", trader="alfa")
    house.run(identity.add_login(twin))
    identity.set_switch(Subject.TRADER, "alfa", on=True, by=None, reason="a reason")
    try:
        assert not unmet(house.browser("t-alfa"), PRICED)
        identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=None, reason="a reason")
        assert len(unmet(house.browser("t-alfa"), PRICED)) == 1
    finally:
        for kind in Subject:
            identity.set_switch(kind, "alfa", on=False, by=None, reason="a reason")
        identity.close()


def test_each_missing_condition_is_told_with_rule_and_cure(house: TradersHouse) -> None:
    operator, delta = house.enter("olga"), house.browser("t-delta")
    terms = {"participant": "delta", "section": "timber", "side": "buy", "purpose": "export"}
    give(operator, "revoke_permission", **terms)
    house.settled()
    [line] = unmet(delta, PRICED)
    assert line.startswith("no Permission to buy timber, export, Buy rule ACC-06 What to do: Apply")
    said = text_of(delta.get(f"/account/may-i-trade/{PRICED}"))
    assert said.count("Yes: nothing stands in the way") == 1
    give(operator, "grant_permission", **terms)

    give(operator, "suspend_participant", participant="delta", open_orders="keep", reason="papers out of date")
    house.settled()
    [line] = unmet(delta, PRICED)
    assert line.startswith("no The company is not suspended papers out of date rule")
    give(operator, "reinstate_participant", participant="delta", reason="papers renewed")

    give(operator, "withdraw_trader", trader="t-delta", open_orders="keep")
    house.settled()
    assert any("authority stands" in line and "rule TRD-04" in line for line in unmet(delta, PRICED))
    give(operator, "appoint_trader", trader="t-delta", participant="delta")

    give(operator, "halt_session", session=PRICED, reason="a look at the phase")
    house.settled()
    [line] = unmet(delta, PRICED)
    assert "takes new orders Halted rule PS-1.2" in line
    give(operator, "change_phase", session=PRICED, **{"from": "HALTED", "to": "TRADING"})
    house.settled()
    assert not unmet(delta, PRICED)


def test_the_kill_switch_cancels_stops_and_is_lifted(house: TradersHouse) -> None:
    admin, trader = house.browser("a-beta"), house.browser("t-beta")
    place(trader, "buy", "99.00", "4")
    house.settled()
    page = admin.get("/account/switches")
    forms = [form for form in _switches(page) if form.fields["subject"] == "t-beta"]
    switched = forms[0].post(admin, reason="the program runs wild")
    assert switched.status_code == 200
    assert "Orders cancelled: 1" in text_of(switched)
    assert not open_orders(house, "beta")
    refused = form_to(room(trader), f"{ROOM}/orders").post(trader, side="buy", price="99.00", quantity="1")
    assert refused.status_code == 403
    assert "kill switch" in text_of(part(refused, "answer"))
    [line] = unmet(trader, SESSION)
    assert "No kill switch is on" in line
    again = next(form for form in _switches(switched) if form.fields["subject"] == "t-beta")
    assert again.fields["on"] == "off"
    assert again.post(admin, reason="mended").status_code == 200
    assert not unmet(trader, SESSION)


def test_a_kill_switch_needs_a_reason_and_is_the_administrators(house: TradersHouse) -> None:
    admin, trader = house.browser("a-beta"), house.browser("t-beta")
    form = _switches(admin.get("/account/switches"))[0]
    assert form.post(admin, reason=" ").status_code == 422
    assert form.post(admin, reason="x", csrf="wrong").status_code == 403
    assert form.post(admin, reason="x", subject="alfa").status_code == 404
    assert trader.get("/account/switches").status_code == 403
    own = form_to(room(trader), f"{ROOM}/orders").fields["csrf"]
    assert form.post(trader, reason="x", csrf=own).status_code == 403
    give(house.enter("t-beta"), "place_order", **order("buy", "99.00", "1"))


def _switches(page: httpx.Response) -> list[Form]:
    return [form for form in forms_of(page) if form.action == "/account/switches"]


def test_keys_are_added_and_revoked_by_their_owner_and_his_administrator(house: TradersHouse) -> None:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = base64.b64encode(raw).decode()
    trader, admin, other = house.browser("t-alfa"), house.browser("a-alfa"), house.browser("a-beta")
    form = form_to(trader.get(LOGIN), "/account/keys")
    wrong = form.post(trader, label="program", public="no key at all")
    assert wrong.status_code == 401
    assert "no key at all" in wrong.text
    assert form.post(trader, label="program", public=public, scopes="read").status_code == 303
    key = trader.get("/api/v1/keys").json()["items"][-1]
    assert key["scopes"] == ["read"]
    revoke = f"/account/keys/{key['id']}/revoke"
    elsewhere = form_to(other.get(LOGIN), "/account/keys").fields["csrf"]
    assert other.post(revoke, data={"csrf": elsewhere}).status_code == 404
    assert form_to(admin.get(LOGIN), revoke).post(admin).status_code == 303
    assert trader.get("/api/v1/keys").json()["items"][-1]["revoked"]
    assert "revoked" in text_of(trader.get(LOGIN))


def test_a_session_is_ended_by_its_own_login_only(house: TradersHouse) -> None:
    trader, other = house.browser("t-delta"), house.browser("t-gamma")
    second = house.enter("t-delta", fresh=True)
    listed = trader.get("/api/v1/me/sessions").json()["items"]
    [far] = [it["id"] for it in second.get("/api/v1/me/sessions").json()["items"] if it["current"]]
    assert far in {it["id"] for it in listed}
    path = f"/account/sessions/{far}/end"
    strange = form_to(other.get(LOGIN), "/account/keys").fields["csrf"]
    assert other.post(path, data={"csrf": strange}).status_code == 404
    assert form_to(trader.get(LOGIN), path).post(trader).status_code == 303
    assert second.get("/api/v1/me").status_code == 401


def test_a_second_factor_is_shown_once_and_confirmed(house: TradersHouse) -> None:
    client = house.enter("a-delta", fresh=True)
    shown = form_to(client.get(LOGIN), "/account/second-factor").post(client)
    secret = re.findall(r'<code class="secret">([^<]*)</code>', shown.text)[0].replace(" ", "")
    form = form_to(shown, "/account/second-factor/confirm")
    assert form.post(client, code="000000").status_code == 401
    done = form.post(client, code=pyotp.TOTP(secret).now())
    assert done.status_code == 303
    page = client.get(done.headers["location"])
    assert page.status_code == 200
    assert "second factor is set up" in text_of(page)
    assert secret not in page.text
