"""`operator_totp`: an operator without a second factor may do nothing but set one up, by REST and by pages alike."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest

from kirmash.web import Site
from tests.gateway.house import API, PASSWORD, House, Json, Program


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("strict"), pages=Site, operator_totp=True) as made:
        made.people()
        yield made


def test_an_operator_may_only_enrol(strict: House) -> None:
    client = strict.anonymous()
    entered: Json = client.post(f"{API}/login", json={"name": "olga", "password": PASSWORD}).json()
    assert entered["must_enrol"] is True
    client.headers["X-CSRF-Token"] = entered["csrf"]
    barred = [
        client.get(f"{API}/participants"),
        client.get(f"{API}/logins"),
        client.post(f"{API}/commands/list_card", json={}),
        client.post(f"{API}/keys", json={"public": "x", "label": "x"}),
        client.post(f"{API}/switches", json={}),
    ]
    assert [(it.status_code, it.json()["code"]) for it in barred] == [(403, "must_enrol")] * len(barred)
    assert "/totp" in barred[0].json()["cure"]
    assert client.get(f"{API}/sessions").status_code == 200, "what is public stays public"
    assert client.get(f"{API}/me").json()["must_enrol"] is True
    totp = pyotp.parse_uri(client.post(f"{API}/totp").json()["uri"])
    assert isinstance(totp, pyotp.TOTP)
    confirmed = client.post(f"{API}/totp/confirm", json={"code": totp.now()})
    assert (confirmed.status_code, confirmed.json()["must_enrol"]) == (200, False)
    client.headers["X-CSRF-Token"] = confirmed.json()["csrf"]
    assert client.get(f"{API}/participants").status_code == 200
    assert client.get(f"{API}/logins").status_code == 200


@pytest.mark.parametrize("name", ["anton", "t-alfa", "a-alfa"])
def test_others_need_none(strict: House, name: str) -> None:
    client = strict.enter(name)
    assert client.get(f"{API}/me").json()["must_enrol"] is False
    assert client.get(f"{API}/participants").status_code == 200


def test_a_key_of_an_operator_without_one_is_refused(tmp_path: Path) -> None:
    """A key that was made before the setting was switched on."""
    with House(tmp_path / "before") as house:
        house.people()
        program = Program(house, house.enter("oleg"))
        assert program.ask("GET", f"{API}/me").status_code == 200
    with House(tmp_path / "before", operator_totp=True) as house:
        program.house, program.http = house, house.anonymous()
        refused = program.ask("GET", f"{API}/me")
        assert (refused.status_code, refused.json()["code"]) == (403, "must_enrol")


def test_the_pages_lead_to_it(strict: House) -> None:
    with httpx.Client(base_url=strict.origin, timeout=30, follow_redirects=True) as browser:
        entered = _submitted(browser, browser.get("/login"), "/login", name="oleg", password=PASSWORD, next="/desk")
        assert entered.url.path == "/account/login"
        assert "second factor" in entered.text
        assert browser.get("/desk").url.path == "/account/login"
        shown = _submitted(browser, entered, "/account/second-factor")
        secret = re.search(r'<code class="secret">(otpauth://[^<]+)', shown.text)
        assert secret is not None
        totp = pyotp.parse_uri(secret[1].replace("&amp;", "&"))
        assert isinstance(totp, pyotp.TOTP)
        done = _submitted(browser, shown, "/account/second-factor/confirm", code=totp.at(int(time.time())))
        assert done.url.path == "/account/login"
        assert browser.get("/desk").url.path.startswith("/desk")


def _submitted(browser: httpx.Client, page: httpx.Response, action: str, **values: str) -> httpx.Response:
    """The form of a page with this action, filled in and sent."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert form is not None, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
    return browser.post(action, data={**hidden, **values})
