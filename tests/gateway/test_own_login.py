"""Coming in: sessions, cookies, the form's token, passwords, second factors, keys, throttles, kill switches."""

import base64
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from kirmash.gateway.api import managing
from kirmash.projections.projector import Projector
from tests.gateway.house import API, PASSWORD, House, Json, Program, give, order


@pytest.fixture(scope="module")
def olga(house: House) -> httpx.Client:
    return house.enter("olga")


def provision(house: House, olga: httpx.Client, name: str, **more: str) -> httpx.Client:
    """A new login that has changed its one-time password."""
    made = olga.post(f"{API}/logins", json={"name": name, **more})
    assert made.status_code == 201, made.text
    client = house.anonymous()
    entered = client.post(f"{API}/login", json={"name": name, "password": made.json()["password"]})
    client.headers["X-CSRF-Token"] = entered.json()["csrf"]
    changed = client.post(f"{API}/password", json={"old": made.json()["password"], "new": PASSWORD})
    assert changed.status_code == 200, changed.text
    client.headers["X-CSRF-Token"] = changed.json()["csrf"]
    return client


def test_the_cookie(house: House) -> None:
    client = house.anonymous()
    answer = client.post(f"{API}/login", json={"name": "t-alfa", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert answer.json()["csrf"] == client.get(f"{API}/me").json()["csrf"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_wrong_password_and_unknown_name_are_one_answer(house: House) -> None:
    client = house.anonymous()
    wrong = client.post(f"{API}/login", json={"name": "t-beta", "password": "nothing like it"})
    unknown = client.post(f"{API}/login", json={"name": "nobody-here", "password": "nothing like it"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json() == unknown.json()


def test_logins_come_in_pages(house: House, olga: httpx.Client) -> None:
    """An administrator's pages hold his own people only, and no other's login is a cursor of his."""
    whole = olga.get(f"{API}/logins", params={"limit": 500}).json()
    assert whole["next"] is None
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = olga.get(f"{API}/logins", params={"limit": 2, **cursor}).json()
        found += page["items"]
        if page["next"] is None:
            break
        assert len(page["items"]) == 2
        cursor = {"cursor": page["next"]}
    assert found == whole["items"]
    assert len(found) > 4
    own = house.enter("a-beta").get(f"{API}/logins", params={"limit": 1}).json()
    assert [it["participant"] for it in own["items"]] == ["beta"]
    foreign = next(it["id"] for it in found if it["participant"] == "alfa")
    for wrong in ({"cursor": foreign}, {"cursor": "login-none"}, {"limit": 501}, {"limit": 0}):
        refused = house.enter("a-beta").get(f"{API}/logins", params=wrong)
        assert (refused.status_code, refused.json()["code"]) == (400, "shape"), wrong


def test_a_form_of_another_site_logs_nobody_in(house: House) -> None:
    client = house.anonymous()
    body = b'{"name":"t-alfa","password":"' + PASSWORD.encode() + b'"}'
    answer = client.post(f"{API}/login", content=body, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")
    assert not client.cookies


def test_changes_need_the_forms_token(house: House) -> None:
    client = house.enter("t-alfa")
    token = client.headers.pop("X-CSRF-Token")
    other = house.enter("t-beta").headers["X-CSRF-Token"]
    body = order("sell", "200.00", "1")
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": other}):
        answer = client.post(f"{API}/commands/place_order", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    good = client.post(f"{API}/commands/place_order", json=body, headers={"X-CSRF-Token": token})
    assert good.status_code == 200


def test_logout_ends_the_session(house: House) -> None:
    client = house.enter("t-alfa", fresh=True)
    cookie = dict(client.cookies)
    assert client.post(f"{API}/logout").status_code == 204
    stale = httpx.get(f"{house.origin}{API}/me", cookies=cookie)
    assert (stale.status_code, stale.json()["code"]) == (401, "session_ended")


def test_an_old_cookie_does_not_bar_from_what_is_public(house: House) -> None:
    cookies = {"kirmash_session": "long-gone"}
    assert httpx.get(f"{house.origin}{API}/sessions", cookies=cookies).status_code == 200
    again = httpx.post(f"{house.origin}{API}/login", cookies=cookies, json={"name": "t-alfa", "password": PASSWORD})
    assert again.status_code == 200


def test_a_one_time_password_opens_only_its_own_change(house: House, olga: httpx.Client) -> None:
    made = olga.post(
        f"{API}/logins", json={"name": "new-one", "role": "participant-admin", "participant": "alfa"}
    ).json()
    client = house.anonymous()
    entered = client.post(f"{API}/login", json={"name": "new-one", "password": made["password"]}).json()
    assert entered["must_change"] is True
    client.headers["X-CSRF-Token"] = entered["csrf"]
    barred = client.get(f"{API}/orders")
    assert (barred.status_code, barred.json()["code"]) == (403, "not_allowed")
    short = client.post(f"{API}/password", json={"old": made["password"], "new": "short"})
    assert (short.status_code, short.json()["code"]) == (422, "password_refused")
    changed = client.post(f"{API}/password", json={"old": made["password"], "new": PASSWORD})
    assert changed.json()["must_change"] is False
    assert client.get(f"{API}/orders").status_code == 200


def test_second_factor(house: House, olga: httpx.Client) -> None:
    client = provision(house, olga, "careful", role="participant-admin", participant="alfa")
    uri = client.post(f"{API}/totp").json()["uri"]
    totp = pyotp.parse_uri(uri)
    assert isinstance(totp, pyotp.TOTP)
    code = totp.now()
    confirmed = client.post(f"{API}/totp/confirm", json={"code": code})
    assert confirmed.status_code == 200, confirmed.text
    fresh = house.anonymous()
    without = fresh.post(f"{API}/login", json={"name": "careful", "password": PASSWORD})
    assert (without.status_code, without.json()["code"]) == (401, "second_factor_needed")
    replayed = fresh.post(f"{API}/login", json={"name": "careful", "password": PASSWORD, "code": code})
    assert (replayed.status_code, replayed.json()["code"]) == (401, "login_failed")


def test_sessions_are_listed_and_ended(house: House) -> None:
    here, there = house.enter("a-delta", fresh=True), house.enter("a-delta", fresh=True)
    listed = here.get(f"{API}/me/sessions").json()["items"]
    assert len(listed) == 2
    other = next(it["id"] for it in listed if not it["current"])
    assert here.delete(f"{API}/me/sessions/{other}").status_code == 204
    assert there.get(f"{API}/me").status_code == 401
    assert here.get(f"{API}/me").status_code == 200


def test_a_signed_order(house: House) -> None:
    program = Program(house, house.enter("t-alfa"))
    body = b'{"session":"timber-1","instrument":"timber","side":"sell","price":"210.00","quantity":"1"}'
    answer = program.ask("POST", f"{API}/commands/place_order", body)
    assert answer.status_code == 200, answer.text
    listed = program.ask("GET", f"{API}/orders?session=timber-1&limit=1")
    assert listed.status_code == 200
    assert program.ask("GET", f"{API}/me").json()["via"] == "key"


def test_a_signed_request_sent_again_is_refused(house: House) -> None:
    program = Program(house, house.enter("t-alfa"))
    target = f"{API}/commands/mass_cancel"
    body = b'{"session":"timber-1","trader":"nobody"}'
    headers = program.signed("POST", target, body)
    first = program.http.post(target, content=body, headers=headers)
    second = program.http.post(target, content=body, headers=headers)
    assert first.status_code == 200, first.text
    assert (second.status_code, second.json()["code"]) == (401, "replayed")
    changed = program.http.post(target, content=body + b" ", headers=program.signed("POST", target, body))
    assert (changed.status_code, changed.json()["code"]) == (401, "bad_signature")


def test_a_reading_key_only_reads(house: House) -> None:
    program = Program(house, house.enter("t-alfa"), scopes=["read"])
    assert program.ask("GET", f"{API}/orders").status_code == 200
    body = b'{"order":1}'
    assert program.ask("POST", f"{API}/commands/cancel_order", body).status_code == 403


def test_a_key_makes_no_keys(house: House) -> None:
    program = Program(house, house.enter("t-alfa"))
    answer = program.ask("POST", f"{API}/keys", b'{"public":"x","label":"y"}')
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_keys_are_managed_by_owner_and_administrator_only(house: House) -> None:
    trader, admin, stranger = house.enter("t-alfa"), house.enter("a-alfa"), house.enter("a-beta")
    program = Program(house, trader)
    login = trader.get(f"{API}/me").json()["login"]
    assert program.key in {it["id"] for it in admin.get(f"{API}/keys", params={"login": login}).json()["items"]}
    assert stranger.get(f"{API}/keys", params={"login": login}).status_code == 404
    assert stranger.delete(f"{API}/keys/{program.key}").status_code == 404
    new = {"public": base64.b64encode(b"\x01" * 32).decode(), "label": "foisted", "login": login}
    assert stranger.post(f"{API}/keys", json=new).status_code == 404
    assert admin.delete(f"{API}/keys/{program.key}").status_code == 204
    assert program.ask("GET", f"{API}/orders").status_code == 401


def test_a_blocked_login_is_out(house: House, olga: httpx.Client) -> None:
    client = provision(house, olga, "blocked-one", role="participant-admin", participant="alfa")
    login = client.get(f"{API}/me").json()["login"]
    assert olga.post(f"{API}/logins/{login}/block", json={"reason": "left"}).json()["blocked"] is True
    assert client.get(f"{API}/me").status_code == 401
    assert olga.post(f"{API}/logins/{login}/unblock", json={"reason": "back"}).json()["blocked"] is False
    reset = olga.post(f"{API}/logins/{login}/reset", json={}).json()
    assert house.anonymous().post(f"{API}/login", json={"name": "blocked-one", "password": PASSWORD}).status_code == 401
    assert reset["login"]["must_change"] is True


# Kill switches ---------------------------------------------------------------------------------------------------


def open_orders(client: httpx.Client) -> list[Json]:
    return client.get(f"{API}/orders", params={"open": "true"}).json()["items"]


@pytest.mark.parametrize("who", ["a-gamma", "olga"])
@pytest.mark.parametrize("kind", ["trader", "participant"])
def test_a_kill_switch_stops_and_cancels(house: House, who: str, kind: str) -> None:
    trader, admin = house.enter("t-gamma"), house.enter(who)
    give(trader, "place_order", **order("buy", "10.00", "1", client="c-gamma"))
    house.settled()
    assert open_orders(trader)
    switch = {"kind": kind, "subject": "t-gamma" if kind == "trader" else "gamma", "on": True, "reason": "too fast"}
    switched = admin.post(f"{API}/switches", json=switch)
    assert switched.status_code == 200, switched.text
    assert sum(entry["cancelled"] for entry in switched.json()["cancellations"]) == 1
    assert switched.json()["still_open"] == []
    stopped = trader.post(f"{API}/commands/place_order", json=order("buy", "10.00", "1", client="c-gamma"))
    assert (stopped.status_code, stopped.json()["code"]) == (403, "stopped")
    cancelling = trader.post(f"{API}/commands/mass_cancel", json={"session": "timber-1"})
    assert cancelling.status_code == 200
    house.settled()
    assert open_orders(trader) == []
    assert admin.post(f"{API}/switches", json=switch | {"on": False}).status_code == 200
    give(trader, "place_order", **order("buy", "10.00", "1", client="c-gamma"))
    give(trader, "mass_cancel", session="timber-1")
    house.settled()


@pytest.mark.parametrize("kind", ["trader", "participant"])
def test_a_kill_switch_cancels_what_no_view_shows_yet(house: House, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The views follow; a switch must not."""
    trader, admin = house.enter("t-gamma"), house.enter("a-gamma")
    house.settled()
    held, apply = threading.Event(), Projector.apply

    def waiting(self: Projector, entries: Sequence[Any]) -> None:
        held.wait(10)
        apply(self, entries)

    with monkeypatch.context() as lagging:
        lagging.setattr(Projector, "apply", waiting)
        lagging.setattr(managing, "VIEWS_SECONDS", 0.05)
        give(trader, "place_order", **order("buy", "10.00", "1", client="c-gamma"))
        switch = {"kind": kind, "subject": "t-gamma" if kind == "trader" else "gamma", "on": True, "reason": "too fast"}
        switched = admin.post(f"{API}/switches", json=switch).json()
        held.set()
    assert sum(entry["cancelled"] for entry in switched["cancellations"]) == 1
    assert switched["still_open"] is None
    house.settled()
    assert open_orders(trader) == []
    assert admin.post(f"{API}/switches", json=switch | {"on": False}).status_code == 200


def test_anothers_kill_switch_is_not_there(house: House) -> None:
    admin = house.enter("a-beta")
    for subject in ("t-gamma", "t-nobody"):
        switch = {"kind": "trader", "subject": subject, "on": True, "reason": "mischief"}
        answer = admin.post(f"{API}/switches", json=switch)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert b"gamma" not in admin.get(f"{API}/switches").content


# Throttles -------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow_house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, manual_burst=3) as made:
        made.people()
        yield made


def test_rate_limit(slow_house: House) -> None:
    """ORD-09: an allowance of commands by login; what is over it says when to come again."""
    trader = slow_house.enter("t-alfa")
    began = time.monotonic()
    answers = [trader.post(f"{API}/commands/cancel_order", json={"order": 1}) for _ in range(40)]
    first = answers[0]
    assert "r=2" in first.headers["RateLimit"]
    assert "q=3" in first.headers["RateLimit-Policy"]
    assert first.status_code == 409
    if time.monotonic() - began < 0.03:
        assert 429 in {answer.status_code for answer in answers}
    refused = [answer for answer in answers if answer.status_code == 429]
    for answer in refused:
        assert answer.json()["code"] == "throttled"
        assert int(answer.headers["Retry-After"]) >= 1
