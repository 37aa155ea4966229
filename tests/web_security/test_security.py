"""What an attacker would try on the doors, tried on every route of the server's own table, so that a new route is tried
without being named here: hostile texts, forged forms, frames, foreign ways on, fixed sessions, odd requests."""

import csv
import io
import itertools
import re
import socket
from collections import Counter
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urljoin, urlsplit

import html5lib
import httpx
import pytest

from kirmash.gateway.headers import DEFAULTS
from kirmash.gateway.routes import PAGE, Route
from kirmash.identity import Role, Who
from kirmash.web.rendering import POLICY
from tests.gateway.house import API, PASSWORD
from tests.web_security.hostile import FORM, PROBE, ROLES, HostileHouse, fields_of, is_page, needed

COOKIE: Final = "kirmash_session"
STREAM: Final = "text/event-stream"
NARROWEST: Final = dict(DEFAULTS)[b"content-security-policy"].decode()
NEVER_ASKED: Final = frozenset({f"{API}/login", "/login"})
"""Nobody is signed in who could be abused by a forged form there; both have their own test."""
ELSEWHERE: Final = (
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "https://evil.test/",
    "https:evil.test",
    "HtTpS:/evil.test",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.test",
    "/\n/evil.test",
    "\t//evil.test",
    " //evil.test",
    "%2f%2fevil.test",
    "%5cevil.test",
    "evil.test",
    "@evil.test",
    "/a\r\nSet-Cookie: x=y",
    "/\u2044evil.test",
)


def callers(route: Route) -> Iterator[str]:
    """Who gets past the rule."""
    for name, role in ROLES.items():
        who = None if role is None else Who(login="", role=Role(role), via="session")
        if route.rule.allows(who):
            yield name


def ask(house: HostileHouse, visitor: httpx.Client, route: Route, **query: str) -> httpx.Response:
    """A stream is read no further than its head."""
    address = f"{house.path(route)}"
    with visitor.stream(route.method, address, params={**needed(route), **query}) as answer:
        if route.media_type != STREAM:
            answer.read()
        return answer


def get_routes(house: HostileHouse) -> list[Route]:
    return [route for route in house.routes if route.method == "GET"]


def test_every_name_in_a_path_has_a_value_here(house: HostileHouse) -> None:
    unknown = {name for route in house.routes for name in re.findall(r"{(\w+)}", route.path)} - house.names.keys()
    assert not unknown, f"add to HostileHouse.names what these are: {unknown}"


# Hostile texts ---------------------------------------------------------------------------------------------------


def harm(text: str) -> str | None:
    """What of a page an attacker wrote and a browser would take for markup, or a template for its own."""
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    for element in tree.iter():
        if element.get("src") == "x" or any(name.startswith("on") for name in element.attrib):
            return f"{element.tag} {element.attrib}"
        for name in ("href", "src", "action", "formaction"):
            if urlsplit((element.get(name) or "").strip().lower()).scheme not in ("", "http", "https"):
                return f"{element.tag} {element.attrib}"
    return "a template's braces were computed" if "49}}" in text else None


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_shows_a_hostile_text_as_markup(house: HostileHouse, language: str) -> None:
    never = {route.path for route in filter(is_page, house.routes)}
    for name in ROLES:
        visitor, seen = house.visitor(name), 0
        visitor.headers["Accept-Language"] = language
        for route in filter(is_page, house.routes):
            if name not in callers(route):
                continue
            answer = ask(house, visitor, route)
            assert answer.status_code in (200, 303, 403, 404), f"{route.path}: {answer.status_code}"
            if answer.headers.get("content-type", "").startswith(PAGE):
                assert harm(answer.text) is None, f"{name} {route.path}: {harm(answer.text)}"
            seen += "&lt;img src=x" in answer.text
            if answer.status_code == 200:
                never.discard(route.path)
        assert seen >= {"nobody": 3, "anton": 8, "olga": 8}.get(name, 4), f"{name}: shown on {seen} pages only"
    # Whatever was refused to one was shown to another; the tour is for an invented exchange.
    assert never == {"/tour", "/tour/{step}"}


def test_what_a_query_says_comes_back_escaped_or_not_at_all(house: HostileHouse) -> None:
    """Every field of every page's query, and a field that it does not have."""
    visitor, tried = {name: house.visitor(name) for name in ROLES}, 0
    for route in filter(is_page, house.routes):
        for name in list(callers(route))[-1:]:
            for field in (*fields_of(route), "there-is-no-such-field"):
                answer = ask(house, visitor[name], route, **{field: PROBE})
                tried += 1
                assert answer.status_code < 500, f"{route.path} {field}: {answer.status_code}"
                if answer.headers.get("content-type", "").startswith(PAGE):
                    assert harm(answer.text) is None, f"{route.path} {field}: {harm(answer.text)}"
    assert tried > 300


def test_a_hostile_path_is_escaped(house: HostileHouse) -> None:
    visitor = house.visitor("olga")
    for route in filter(is_page, house.routes):
        if "{" in route.path:
            address = re.sub(r"\{\w+\}", "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22%27", route.path)
            answer = visitor.get(address)
            assert answer.status_code < 500, route.path
            assert harm(answer.text) is None, route.path
    missing = visitor.get("/%3Cimg%20src%3Dx%3E")
    assert (missing.status_code, harm(missing.text)) == (404, None)


@pytest.mark.parametrize("name", ["nobody", "t-gamma", "olga"])
def test_no_export_holds_a_formula(house: HostileHouse, name: str) -> None:
    """In CSV by a mark before the cell; a plain number is none. XLSX has text cells only (tests/web/test_tables)."""
    visitor, files, marked = house.visitor(name), 0, 0
    for route in filter(is_page, house.routes):
        if "format" not in fields_of(route) or name not in callers(route):
            continue
        tables = ("", "results", "catalogue", "deals", "statement") if "table" in fields_of(route) else ("",)
        for table in tables:
            answer = ask(house, visitor, route, format="csv", **({"table": table} if table else {}))
            assert answer.status_code < 500, f"{route.path} {table}: {answer.status_code}"
            if not answer.headers.get("content-type", "").startswith("text/csv"):
                continue
            files += 1
            for line in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))):
                for cell in line:
                    number = re.fullmatch(r"[+-]?\d+(\.\d+)?", cell)
                    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), f"{route.path}: {cell!r}"
                    marked += cell.startswith(("'=", "'@", "'+"))
    assert files >= 5
    assert marked >= 1, "no file had anything of a formula in it: this tests nothing"


# Forged forms ----------------------------------------------------------------------------------------------------


def changing(house: HostileHouse) -> list[Route]:
    found = [route for route in house.routes if route.method != "GET" and route.path not in NEVER_ASKED]
    assert len(found) > 60
    return found


@pytest.mark.parametrize("token", ["none", "empty", "wrong", "another's", "in the query"])
def test_nothing_is_changed_without_the_session_s_own_token(house: HostileHouse, token: str) -> None:
    before = house.settled()
    other = house.enter("t-beta").headers["X-CSRF-Token"]
    visitors = {name: house.visitor(name) for name in ROLES}
    for route in changing(house):
        for name in callers(route):
            if name == "nobody":
                continue
            visitor, query, fields = visitors[name], dict[str, str](), {"client_id": "forged"}
            given = {"empty": "", "wrong": "0" * 64, "another's": other}.get(token)
            if token == "in the query":
                query["csrf"] = house.opened[name][1]
            elif given is not None:
                fields["csrf"] = given
            headers = {"Content-Type": FORM}
            if given:
                headers["X-CSRF-Token"] = given
            body = "&".join(f"{key}={value}" for key, value in fields.items())
            answer = visitor.request(
                route.method,
                house.path(route),
                params=query,
                content=body,
                headers=headers | {"Origin": "http://evil.test"},
            )
            assert answer.status_code == 403, f"{name} {route.method} {route.path}: {answer.status_code}"
    assert house.settled() == before, "a record was made"
    assert house.visitor("olga").get(f"{API}/me").status_code == 200, "nobody was logged out"


def test_nobody_is_logged_in_by_a_foreign_form(house: HostileHouse) -> None:
    fields = {"name": "olga", "password": PASSWORD, "next": "/"}
    for csrf in (None, "", "0" * 64):
        visitor = house.visitor("nobody")
        answer = visitor.post("/login", data=fields if csrf is None else {**fields, "csrf": csrf})
        assert answer.status_code == 403
        assert COOKIE not in visitor.cookies
    # The API's login takes what no form of another site can send without asking first.
    for kind in (FORM, "text/plain", "multipart/form-data; boundary=x", ""):
        body = b'{"name": "olga", "password": "a goose on the green"}'
        answer = house.visitor("nobody").post(f"{API}/login", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 415), kind
        assert "set-cookie" not in answer.headers


# Headers ---------------------------------------------------------------------------------------------------------


def odd_requests() -> list[tuple[str, str, dict[str, str]]]:
    page = {"Accept": "text/html"}
    return [
        ("GET", "/no-such-page", page),
        ("GET", "/no-such-page", {}),
        ("GET", "/sessions/no-such-session", page),
        ("GET", f"{API}/no-such-thing", {}),
        ("DELETE", "/", page),
        ("POST", "/sessions", {}),
        ("GET", "/sessions?cursor=none-of-ours", page),
        ("GET", "/static/nothing/kirmash.css", {}),
        ("GET", "/desk", page),
        ("GET", "/account", page),
        ("GET", "/sessions/", page),
        ("GET", "/sessions?sort=1&sort=2", page),
        ("OPTIONS", "/", {}),
        ("HEAD", "/", page),
    ]


def guarded(answer: httpx.Response, where: str) -> None:
    headers = answer.headers
    policy = headers.get("content-security-policy", "")
    assert "frame-ancestors 'none'" in policy, where
    assert "default-src 'none'" in policy, where
    assert "base-uri 'none'" in policy, where
    assert "unsafe" not in policy, where
    assert headers.get("x-frame-options") == "DENY", where
    assert headers.get("x-content-type-options") == "nosniff", where
    assert headers.get("referrer-policy") == "same-origin", where
    assert headers.get("cross-origin-resource-policy") == "same-origin", where
    assert "cache-control" in headers, where
    assert "access-control-allow-origin" not in headers, where
    assert "server" not in headers, where


def test_every_answer_has_the_headers(house: HostileHouse) -> None:
    """Pages, documents, files, exports, streams, redirects and refusals, for whoever asks."""
    visitors = {name: house.visitor(name) for name in ROLES}
    kinds = set()
    for route in get_routes(house):
        for name, visitor in visitors.items():
            answer = ask(house, visitor, route)
            where = f"{name} {route.path} {answer.status_code}"
            guarded(answer, where)
            kinds.add((answer.status_code, answer.headers.get("content-type", "").split(";")[0]))
            if (
                answer.status_code == 200
                and answer.headers["content-type"].startswith(PAGE)
                and route.media_type == PAGE
            ):
                assert answer.headers["content-security-policy"] in (POLICY, NARROWEST), where
            assert answer.headers["cache-control"] == "no-store", where
    for status, kind in (
        (200, PAGE),
        (200, STREAM),
        (200, "application/json"),
        (303, ""),
        (401, "application/problem+json"),
    ):
        assert (status, kind) in kinds, kinds
    for method, address, headers in odd_requests():
        for visitor in (visitors["nobody"], visitors["olga"]):
            guarded(visitor.request(method, address, headers=headers), f"{method} {address}")


def test_files_have_them_too_and_are_kept(house: HostileHouse) -> None:
    visitor = house.visitor("nobody")
    page = html5lib.parse(visitor.get("/").text, namespaceHTMLElements=False)
    files = [it.get("href") for it in page.iter("link")] + [it.get("src") for it in page.iter("script")]
    files = [it for it in files if it and it.startswith("/static/")]
    assert len(files) >= 3
    for file in files:
        answer = visitor.get(file)
        guarded(answer, file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in (
            *("text/css", "text/javascript", "application/javascript", "image/svg+xml", "image/x-icon"),
            *("image/vnd.microsoft.icon", "image/png"),
        )
        above = visitor.get(file.rsplit("/", 1)[0] + "/..%2f..%2fsite.py")
        assert above.status_code == 404
        guarded(above, "a path upwards")


def test_an_error_of_ours_tells_nothing_and_has_the_headers(
    house: HostileHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the exchange")

    queries = house.gateway._queries
    assert queries is not None
    monkeypatch.setattr(type(queries), "sessions", broken)
    for accept in (PAGE, "application/json"):
        answer = house.visitor("nobody").get("/sessions", headers={"Accept": accept})
        assert answer.status_code == 500
        guarded(answer, "an error")
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


# Ways on ---------------------------------------------------------------------------------------------------------


def is_ours(house: HostileHouse, location: str) -> bool:
    """As a browser would understand it: blanks are taken away, a backslash is a slash."""
    meant = re.sub(r"[\t\r\n]", "", location.strip()).replace("\\", "/")
    found = urlsplit(urljoin(f"{house.origin}/login", meant))
    return f"{found.scheme}://{found.netloc}" == house.origin


@pytest.mark.parametrize("given", ELSEWHERE, ids=ascii)
def test_no_way_on_leads_elsewhere(house: HostileHouse, given: str) -> None:
    visitor = house.visitor("t-gamma")
    referer = re.sub("[^!-~]", "", given)
    answer = visitor.get("/login", params={"next": given}, headers={"Referer": referer})
    assert is_ours(house, answer.headers.get("location", "/"))
    stranger = house.visitor("nobody")
    page = stranger.get("/login", params={"next": given})
    tree = html5lib.parse(page.text, namespaceHTMLElements=False)
    kept = [it.get("value", "") for it in tree.iter("input") if it.get("name") == "next"]
    assert kept
    assert all(is_ours(house, it) for it in kept)


def test_no_page_goes_where_its_query_or_the_referer_says(house: HostileHouse) -> None:
    visitor = house.visitor("olga")
    for route in filter(is_page, house.routes):
        asked = dict.fromkeys(("next", "back", "return", "url", "to", "done"), "//evil.test/")
        answer = visitor.get(house.path(route), params=asked, headers={"Referer": "https://evil.test/"})
        assert is_ours(house, answer.headers.get("location", "/")), route.path
        if answer.headers.get("content-type", "").startswith(PAGE):
            tree = html5lib.parse(answer.text, namespaceHTMLElements=False)
            for element in tree.iter():
                for name in ("href", "action", "src", "formaction"):
                    assert is_ours(house, element.get(name) or "/"), f"{route.path}: {element.get(name)}"


def test_the_host_header_leads_nowhere(house: HostileHouse) -> None:
    for path in ("/", "/sessions/", "/desk", "/account/", "/login?next=/sessions", "//evil.test/", "/static"):
        answer = house.visitor("nobody").get(path, headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"})
        assert "evil.test" not in answer.headers.get("location", ""), path
        assert "evil.test" not in answer.text.replace("//evil.test/", ""), path


# Sessions --------------------------------------------------------------------------------------------------------


def enter_by_form(house: HostileHouse, name: str, cookie: str | None = None) -> tuple[httpx.Client, httpx.Response]:
    visitor = house.visitor("nobody")
    if cookie is not None:
        visitor.cookies.set(COOKIE, cookie, domain="127.0.0.1", path="/")
    page = html5lib.parse(visitor.get("/login").text, namespaceHTMLElements=False)
    forms = [list(form.iter("input")) for form in page.iter("form")]
    fields = next(form for form in forms if any(it.get("type") == "password" for it in form))
    token = next(it.get("value") for it in fields if it.get("name") == "csrf")
    answer = visitor.post("/login", data={"name": name, "password": PASSWORD, "csrf": token, "next": "/"})
    assert answer.status_code == 303, answer.text[:300]
    return visitor, answer


def test_a_session_is_new_at_login_and_dead_after_logout(house: HostileHouse) -> None:
    fixed = "A" * 43
    visitor, answer = enter_by_form(house, "t-delta", fixed)
    morsels = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsels.value != fixed
    assert len(morsels.value) >= 32
    assert (morsels["httponly"], morsels["samesite"], morsels["path"], morsels["domain"]) == (True, "Lax", "/", "")
    stranger = house.visitor("nobody")
    stranger.cookies.set(COOKIE, fixed, domain="127.0.0.1", path="/")
    assert stranger.get(f"{API}/me").status_code == 401, "the value that was there before opens nothing"
    # Again, in the same browser: another session, and the one before is over.
    again, second = enter_by_form(house, "t-delta", morsels.value)
    assert SimpleCookie(second.headers["set-cookie"])[COOKIE].value != morsels.value
    stranger.cookies.set(COOKIE, morsels.value, domain="127.0.0.1", path="/")
    assert stranger.get(f"{API}/me").status_code == 401
    token = SimpleCookie(second.headers["set-cookie"])[COOKIE].value
    mine = html5lib.parse(
        again.get("/account", headers={"Cookie": f"{COOKIE}={token}"}).text, namespaceHTMLElements=False
    )
    csrf = next(it.get("value") for it in mine.iter("input") if it.get("name") == "csrf")
    left = house.anonymous().post(
        "/logout", data={"csrf": csrf}, headers={"Cookie": f"{COOKIE}={token}", "Accept": PAGE}
    )
    assert left.status_code == 303
    assert SimpleCookie(left.headers["set-cookie"])[COOKIE]["max-age"] == "0"
    assert house.anonymous().get(f"{API}/me", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401
    del visitor


def test_no_cookie_that_a_page_sets_is_without_its_flags(house: HostileHouse) -> None:
    """The theme's is read by the script that sets the colours, and is no secret."""
    for address in ("/?lang=ru", "/?theme=dark", "/login", "/tour"):
        for header in house.visitor("nobody").get(address).headers.get_list("set-cookie"):
            for cookie in SimpleCookie(header).values():
                assert cookie["samesite"].lower() in ("lax", "strict"), header
                assert cookie["httponly"] or cookie.key == "kirmash_theme", header


# Odd requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PUT", "PATCH", "PROPFIND", "FOO"])
def test_methods_that_nobody_offers(house: HostileHouse, method: str) -> None:
    """By a raw socket, since a client would not send them."""
    host, port = urlsplit(house.origin).hostname or "", urlsplit(house.origin).port
    for path in ("/", f"{API}/sessions", "/static/x"):
        with socket.create_connection((host, port or 0), 10) as connection:
            request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}=secret\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        status = int(answer.split(b" ", 2)[1]) if answer else 400
        assert status in (400, 404, 405), f"{method} {path}: {status}"
        assert b"secret" not in answer, "a request is echoed"


def test_overlong_and_broken_input_is_refused_and_not_an_error(house: HostileHouse) -> None:
    visitor = house.visitor("olga")
    long = "x" * 20_000
    values = (long, "\x00", "\ud7ff\uffff", "%00", "-1", "9" * 40)
    pages = [*filter(is_page, house.routes)]
    known = Counter(field for route in pages for field in fields_of(route))
    turn = itertools.cycle(values)
    for route in pages:
        for field in fields_of(route):
            # What nearly every page has, one class reads; there each value has its turn. What few have gets them all.
            for value in values if known[field] <= len(values) else (next(turn), next(turn)):
                answer = ask(house, visitor, route, **{field: value})
                assert answer.status_code < 500, f"{route.path} {field} {value[:10]!r}: {answer.status_code}"
    token = house.opened["olga"][1]
    for route in changing(house):
        bodies = (
            b"\xff\xfe",
            b"&" * 5_000,
            b"a=b&a=c",
            b"csrf=" + token.encode() + b"&x=" + long.encode(),
            b"{",
            b"[]",
        )
        for body in bodies:
            headers = {"Content-Type": FORM if route.media_type == PAGE else "application/json", "X-CSRF-Token": token}
            if route.path in ("/logout", f"{API}/logout", f"{API}/totp", "/account/second-factor"):
                continue
            answer = visitor.request(route.method, house.path(route), content=body, headers=headers)
            assert answer.status_code < 500, f"{route.method} {route.path} {body[:12]!r}: {answer.status_code}"
    large = visitor.post("/login", content=b"x" * (1 << 21), headers={"Content-Type": FORM})
    assert large.status_code == 413
