"""Every page in both languages: it answers, is well formed, keeps the policy, escapes what others wrote, leads on."""

import re
from urllib.parse import quote, urljoin, urlsplit

import html5lib
import httpx
import pytest
from msgspec.structs import force_setattr

from kirmash.config import DemoConfig, DemoLogin
from kirmash.web.rendering import POLICY
from tests.web.exchange import (
    BEAM,
    BOARD,
    CANCELLED,
    HALTED,
    INTAKE,
    OVER,
    PASSWORD,
    PLANNED,
    PROBE,
    RUNNING,
    Exchange,
)

PAGES = (
    "/",
    "/sessions",
    "/sessions?state=over&section=forest",
    "/sessions?phase=HALTED",
    f"/sessions/{OVER}",
    f"/sessions/{OVER}?instrument=spruce-taicang&table=deals&sort=-quantity",
    f"/sessions/{RUNNING}",
    f"/sessions/{RUNNING}?instrument={BEAM}",
    f"/sessions/{INTAKE}",
    f"/sessions/{PLANNED}",
    f"/sessions/{HALTED}",
    f"/sessions/{CANCELLED}",
    "/sections",
    "/goods",
    "/goods?q=дуб",
    "/goods?q=nothing-like-this",
    "/goods/oak-board",
    "/goods/pine-board",
    "/offers",
    "/offers?side=buy",
    "/notices",
    "/help",
    "/help/glossary",
    "/help/rejects",
    "/fees",
    "/components",
    "/login",
    "/there-is-no-such-page",
    "/sessions/there-is-no-such-session",
)
LANGUAGES = ("en", "ru")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NOT_FOUND = {"/there-is-no-such-page", "/sessions/there-is-no-such-session"}


def get(exchange: Exchange, path: str, language: str = "en", client: httpx.Client | None = None) -> httpx.Response:
    return (client or exchange.client()).get(path, headers=BROWSER | {"Accept-Language": language})


def all_pages() -> list[tuple[str, str]]:
    return [(path, language) for path in PAGES for language in LANGUAGES]


@pytest.mark.parametrize(("path", "language"), all_pages())
def test_a_page_answers_well_formed_and_keeps_the_policy(exchange: Exchange, path: str, language: str) -> None:
    answer = get(exchange, path, language)
    assert answer.status_code == (404 if path in NOT_FOUND else 200)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}"' in answer.text
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert not re.search(r"<[^>]*\s(style|on[a-z]+)\s*=", answer.text), "an inline style or handler"
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style", answer.text)
    assert "javascript:" not in answer.text


def test_the_policy_has_no_exception() -> None:
    assert "unsafe" not in POLICY
    assert "data:" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_what_others_wrote_is_escaped_everywhere(exchange: Exchange) -> None:
    seen = 0
    for path, language in all_pages():
        text = get(exchange, path, language).text
        assert "<img src=x" not in text, path
        assert "<b>Центр" not in text, path
        assert "49}}" not in text, path
        seen += "&lt;img src=x" in text
    assert seen >= 4, "the probe was shown nowhere: this test tests nothing"
    probe = get(exchange, f"/goods?q={PROBE}").text
    assert "<img src=x" not in probe
    assert "&lt;img src=x" in probe


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_of_every_page_answers(exchange: Exchange, language: str) -> None:
    client = exchange.client()
    known: dict[str, str] = {}
    for path in PAGES:
        tree = html5lib.parse(get(exchange, path, language, client).text, namespaceHTMLElements=False)
        for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("form", "action")):
            for element in tree.iter(tag):
                address = element.get(attribute)
                if address and element.get("method", "get") == "get":
                    known.setdefault(urljoin(path, address).split("#")[0], path)
    assert len(known) > 100
    for address, at in known.items():
        assert not urlsplit(address).netloc, f"{at} leads to another site: {address}"
        # A choice of language would stay with the client.
        if "lang=" in address or "theme=" in address:
            continue
        assert client.get(address, headers=BROWSER).status_code in (200, 404 if at in NOT_FOUND else 200), (
            f"{at}: {address}"
        )


def test_anchors_lead_somewhere(exchange: Exchange) -> None:
    for path in PAGES:
        tree = html5lib.parse(get(exchange, path).text, namespaceHTMLElements=False)
        ids = [element.get("id") for element in tree.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), f"{path}: an id stands twice"
        for element in tree.iter():
            for attribute in ("aria-labelledby", "aria-describedby", "for"):
                if (wanted := element.get(attribute)) is not None:
                    assert set(wanted.split()) <= set(ids), f"{path}: {attribute} {wanted}"


@pytest.mark.parametrize("path", PAGES)
def test_a_russian_page_has_no_english_text(exchange: Exchange, path: str) -> None:
    """Latin letters stand only in ids, codes, brands and what participants wrote."""
    tree = html5lib.parse(get(exchange, path, "ru").text, namespaceHTMLElements=False)
    for element in [*tree.iter("script"), *tree.iter("style")]:
        element.clear()
    for element in tree.iter():
        if "code" in (element.get("class") or "").split() or element.tag in ("q", "kbd"):
            element.text = ""
    body = tree.find("body")
    assert body is not None
    text = " ".join(body.itertext())
    known = r"Kirmash|Europe/Minsk|UTC|English|API|CSV|XLSX|[A-Z]{2,3}\b|mm\b|[a-z0-9_]+-[a-z0-9-]+|Incoterms|FCA"
    known += r"|Brest|Minsk|Changsha|Shanghai|Taicang|Tianjin|prepayment|container delivery|tolerance|oak|<b>|</b>"
    known += r"|PS-\S+|\bm\b"
    left = re.sub(known, " ", text.replace(PROBE, " "))
    assert not re.findall(r"[A-Za-z]{3,}", left)


def test_language_and_theme_are_kept(exchange: Exchange) -> None:
    client = exchange.client()
    assert '<html lang="ru"' in client.get("/?lang=ru", headers=BROWSER).text
    assert '<html lang="ru"' in client.get("/goods", headers=BROWSER | {"Accept-Language": "en"}).text
    assert 'data-theme="dark"' in client.get("/?theme=dark", headers=BROWSER).text
    assert 'data-theme="dark"' in client.get("/goods", headers=BROWSER).text
    assert "data-theme=" not in client.get("/?theme=auto", headers=BROWSER).text.split(">")[1]
    assert '<html lang="en"' in client.get("/?lang=en", headers=BROWSER).text
    assert client.get("/?lang=<script>&theme=<script>", headers=BROWSER).status_code == 200


def test_a_program_gets_a_document_and_a_person_a_page(exchange: Exchange) -> None:
    client = exchange.client()
    for path in ("/api/v1/nothing", "/nothing"):
        assert client.get(path).headers["content-type"] == "application/problem+json"
    assert client.get("/api/v1/nothing", headers=BROWSER).headers["content-type"] == "application/problem+json"
    page = client.get("/nothing", headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert client.post("/", headers=BROWSER).status_code == 405


def test_wrong_questions_get_a_page(exchange: Exchange) -> None:
    client = exchange.client()
    for path in ("/sessions?cursor=%%%", "/goods?format=pdf", "/sessions?q=1&q=2"):
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == 400, path
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_of_ours_is_a_page_that_tells_nothing_but_its_number(
    exchange: Exchange, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kirmash.web import rendering

    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(rendering.Rendering, "now", broken)
    monkeypatch.setattr(rendering.Rendering, "_common", _once_broken(rendering.Rendering._common))
    answer = get(exchange, "/help", language)
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == POLICY
    assert "a secret of the house" not in answer.text
    assert "RuntimeError" not in answer.text
    assert re.search(r'<span class="code">[0-9a-f]{12}</span>', answer.text)


def _once_broken(common: object) -> object:
    """Fails the first time, as a page would; then the page of the error can be made."""
    calls: list[int] = []

    def made(self: object, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("a secret of the house")
        import datetime

        type(self).now = lambda _: datetime.datetime.now(datetime.UTC)  # type: ignore[attr-defined]
        return common(self, *arguments)  # type: ignore[operator]

    return made


# Coming in --------------------------------------------------------------------------------------------------------


def form_of(text: str) -> dict[str, str]:
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    form = next(it for it in tree.iter("form") if it.get("action") in ("/login", "/password"))
    return {it.get("name"): it.get("value") or "" for it in form.iter("input") if it.get("name")}


def enter(exchange: Exchange, name: str, path: str = "/login") -> tuple[httpx.Client, httpx.Response]:
    client = exchange.client()
    form = form_of(client.get(path, headers=BROWSER).text)
    return client, client.post("/login", data=form | {"name": name, "password": PASSWORD}, headers=BROWSER)


def test_a_trader_logs_in_by_the_form_and_out_again(exchange: Exchange) -> None:
    client, answer = enter(exchange, "alfa", "/login?next=/offers")
    assert (answer.status_code, answer.headers["location"]) == (303, "/offers")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = client.get("/", headers=BROWSER).text
    assert "Trader" in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    assert client.post("/logout", data={"csrf": "wrong"}, headers=BROWSER).status_code == 403
    assert client.post("/logout", data={}, headers=BROWSER).status_code == 403
    out = client.post("/logout", data={"csrf": token[1]}, headers=BROWSER)
    assert out.headers["location"] == "/login?why=signed_out"
    assert "Log in" in client.get("/", headers=BROWSER).text


def test_a_wrong_password_says_no_more_than_that(exchange: Exchange) -> None:
    client = exchange.client()
    form = form_of(client.get("/login", headers=BROWSER).text)
    texts = []
    for name in ("alfa", "nobody-of-that-name"):
        answer = client.post("/login", data=form | {"name": name, "password": "not it"}, headers=BROWSER)
        assert answer.status_code == 401
        assert "not it" not in answer.text
        texts.append(re.sub(r'value="[^"]*"|datetime="[^"]*"|content="[^"]*"|>\d\d:\d\d<', "", answer.text))
    assert texts[0] == texts[1]


def test_a_login_form_of_another_site_is_refused(exchange: Exchange) -> None:
    client = exchange.client()
    for fields in ({}, {"csrf": "0" * 64}):
        answer = client.post("/login", data=fields | {"name": "alfa", "password": PASSWORD}, headers=BROWSER)
        assert answer.status_code == 403
        assert "kirmash_session" not in answer.headers.get("set-cookie", "")
    other = form_of(exchange.client().get("/login", headers=BROWSER).text)
    answer = client.post("/login", data=other | {"name": "alfa", "password": PASSWORD}, headers=BROWSER)
    assert answer.status_code == 403, "the token of another browser"
    assert client.post("/login", json={"name": "alfa", "password": PASSWORD}).status_code == 415


def test_a_session_that_was_there_before_is_not_taken_over(exchange: Exchange) -> None:
    client = exchange.client()
    form = form_of(client.get("/login", headers=BROWSER).text)
    client.cookies.set("kirmash_session", "planted-by-somebody")
    answer = client.post("/login", data=form | {"name": "alfa", "password": PASSWORD}, headers=BROWSER)
    assert answer.status_code == 303
    assert "planted-by-somebody" not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "next_path", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:1", "x"]
)
def test_nobody_is_led_to_another_site(exchange: Exchange, next_path: str) -> None:
    client = exchange.client()
    form = form_of(client.get("/login", params={"next": next_path}, headers=BROWSER).text)
    assert form["next"] == "/"
    answer = client.post(
        "/login", data=form | {"name": "alfa", "password": PASSWORD, "next": next_path}, headers=BROWSER
    )
    assert answer.headers["location"] == "/"


def test_a_page_behind_the_login_leads_there_and_back(exchange: Exchange) -> None:
    client = exchange.client()
    answer = client.get("/password?x=1", headers=BROWSER)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fpassword%3Fx%3D1&why=needed"


def test_a_one_time_password_is_changed_first(exchange: Exchange) -> None:
    client, answer = enter(exchange, "once")
    if answer.status_code == 401:
        pytest.fail("the one-time password was not taken")
    assert answer.headers["location"] == "/password"
    page = client.get("/password", headers=BROWSER)
    assert page.status_code == 200
    form = form_of(page.text)
    new = "a different goose altogether"
    wrong = client.post("/password", data=form | {"old": PASSWORD, "new": new, "again": "other"}, headers=BROWSER)
    assert wrong.status_code == 422
    assert new not in wrong.text
    bad = client.post("/password", data=form | {"old": "no", "new": new, "again": new}, headers=BROWSER)
    assert bad.status_code == 401
    done = client.post("/password", data=form | {"old": PASSWORD, "new": new, "again": new}, headers=BROWSER)
    assert (done.status_code, done.headers["location"]) == (303, "/desk")
    assert "Operator" in client.get("/", headers=BROWSER).text


def test_who_asked_for_no_page_goes_to_his_work(exchange: Exchange) -> None:
    assert enter(exchange, "alfa")[1].headers["location"] == "/terminal"
    assert enter(exchange, "olga")[1].headers["location"] == "/desk"


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(exchange: Exchange) -> None:
    client = exchange.client()
    room = "/terminal/some-session"
    page = urljoin(str(client.base_url), f"{room}?instrument=oil")
    sent = client.post(f"{room}/orders", data={}, headers={**BROWSER, "Referer": page})
    assert sent.headers["location"] == f"/login?next={quote(room + '?instrument=oil', safe='')}&why=needed"
    other = client.post(f"{room}/orders", data={}, headers={**BROWSER, "Referer": "https://evil.example/terminal"})
    assert other.headers["location"] == "/login?next=%2F&why=needed"


# What stands on them ----------------------------------------------------------------------------------------------


def test_the_result_of_december_is_the_known_one(exchange: Exchange) -> None:
    text = get(exchange, f"/sessions/{OVER}").text
    assert "85,500,000.00" in text
    assert "85\u202f500\u202f000,00" in get(exchange, f"/sessions/{OVER}", "ru").text
    assert "85,500,000.00" in get(exchange, "/").text


def test_nobody_is_named_to_the_public(exchange: Exchange) -> None:
    for path in PAGES:
        text = get(exchange, path).text
        for name in ("alfa", "beta", "t-alfa", "by-01", "cn-01", "op-test", "Upper Dnieper"):
            assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), f"{path} names {name}"


def test_the_order_book_is_the_public_one(exchange: Exchange) -> None:
    text = get(exchange, f"/sessions/{RUNNING}?instrument={BOARD}").text
    assert "499.50" in text
    assert "501.50" in text
    answer = exchange.client().get(f"/api/v1/sessions/{RUNNING}/book/{BOARD}").json()
    for side in ("bids", "asks"):
        for price, *_ in answer[side][:10]:
            assert price in text


def test_the_states_of_sessions_are_told(exchange: Exchange) -> None:
    assert "power cut" in get(exchange, "/").text
    assert "the seller withdrew" in get(exchange, f"/sessions/{CANCELLED}").text
    halted = get(exchange, f"/sessions/{HALTED}").text
    assert "Trading is halted" in halted
    clock = halted[halted.index('class="phase-clock"') : halted.index('class="phases"')]
    assert "power cut" in clock
    assert "has not begun" in get(exchange, f"/sessions/{PLANNED}").text
    assert "demand exceeded supply at this price" in get(exchange, f"/sessions/{OVER}").text


def test_goods_are_found_by_name_in_either_language_and_by_code(exchange: Exchange) -> None:
    for wanted in ("oak", "ДУБ", "4407", "oak-board"):
        assert "/goods/oak-board" in get(exchange, f"/goods?q={wanted}").text, wanted
    assert "/goods/oak-board" not in get(exchange, "/goods?q=spruce").text


def test_goods_are_found_by_all_words_in_any_order_and_by_attributes(exchange: Exchange) -> None:
    for wanted in ("board oak", "oak board", "дуб ДОСКИ", "4407 oak"):
        assert "/goods/oak-board" in get(exchange, f"/goods?q={wanted}").text, wanted
    for wanted in ("oak board steel", "board spruce"):
        assert "/goods/oak-board" not in get(exchange, f"/goods?q={wanted}").text, wanted


def test_a_page_that_is_not_there_is_called_so(exchange: Exchange) -> None:
    for path in ("/there-is-none", "/sessions/there-is-none", "/goods/there-is-none"):
        answer = exchange.client().get(path, headers={**BROWSER, "Accept-Language": "en"})
        assert answer.status_code == 404
        assert "<title>Not found" in answer.text
        russian = exchange.client().get(path, headers={**BROWSER, "Accept-Language": "ru"})
        assert "<title>Страница не найдена" in russian.text


def test_sessions_stand_as_they_matter(exchange: Exchange) -> None:
    order = {"SCHEDULED": 1, "CLOSED": 2, "CANCELLED": 2}
    for path in ("/sessions", "/sessions?section=forest", "/sessions?format=csv"):
        text = get(exchange, path).text
        known = {it["session"]: it["phase"] for it in exchange.client().get("/api/v1/sessions").json()["items"]}
        at = {name: found.start() for name in known if (found := re.search(rf"\b{name}\b", text))}
        shown = [order.get(known[name], 0) for name in sorted(at, key=lambda name: at[name])]
        assert shown == sorted(shown), path
        assert {0, 1, 2} <= set(shown)


def test_a_login_that_the_demo_shows_has_a_button(exchange: Exchange) -> None:
    """By the login form and its token; and only where everything is invented."""
    config = exchange.config
    client = exchange.client()
    before = config.demo
    force_setattr(config, "demo", DemoConfig(logins=(DemoLogin("alfa", PASSWORD, "buyer"),)))
    try:
        page = client.get("/login?next=/offers", headers=BROWSER).text
        assert '<button type="submit" form="login-form" formnovalidate name="demo" value="alfa"' in page
        form = form_of(page) | {"demo": "alfa"}
        assert client.post("/login", data=form | {"csrf": "0" * 64}, headers=BROWSER).status_code == 403
        assert client.post("/login", data=form | {"demo": "beta"}, headers=BROWSER).status_code == 422
        answer = client.post("/login", data=form, headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/offers")
        force_setattr(config.exchange, "invented", False)
        again = exchange.client()
        page = again.get("/login", headers=BROWSER).text
        assert 'name="demo"' not in page
        refused = again.post("/login", data=form_of(page) | {"demo": "alfa"}, headers=BROWSER)
        assert refused.status_code == 422
    finally:
        force_setattr(config, "demo", before)
        force_setattr(config.exchange, "invented", True)


def test_names_that_cannot_be_read_now_are_no_fault_of_ours(exchange: Exchange) -> None:
    views = exchange.config.data / "views.db"
    known = exchange.site.live._catalogue._known
    kept = dict(known)
    known.clear()
    aside = views.rename(views.with_name("aside.db"))
    try:
        answer = get(exchange, "/offers", "en")
    finally:
        aside.rename(views)
        known.update(kept)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert get(exchange, "/offers", "en").status_code == 200
