"""The register on the desk: a company from its name to trading, people and logins, suspension, the kill switch."""

import re

import httpx
import pytest

from kirmash.identity import Allowance
from kirmash.web.desk_participants import id_from
from tests.gateway.house import API, INSTRUMENT, SESSION, give, order
from tests.web_desk.house import RecordsHouse, done, form_to, forms_of, post, text_of

NEW = "/desk/participants/new"
PROBE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


@pytest.fixture
def olga(records: RecordsHouse) -> httpx.Client:
    return records.browser("olga")


def register(client: httpx.Client, name: str, **more: str | None) -> httpx.Response:
    """Register a company by the form; gives its page."""
    return done(client, post(client, NEW, NEW, name=name, **more))


def participant(records: RecordsHouse, name: str) -> dict[str, object]:
    return records.asked("/participants", participant=name)[0]


def test_the_whole_way_of_a_broker_to_trading(records: RecordsHouse, olga: httpx.Client) -> None:
    page = register(olga, "ООО «Лесной двор»", visitor=None, broker="on", group="owl")
    path = "/desk/participants/lesnoi-dvor"
    assert str(page.url).split("?")[0].endswith(path)
    assert "Registered; now accredit" in text_of(page)
    card = participant(records, "lesnoi-dvor")
    # The country of the exchange is offered, and who is of it is a resident.
    assert {key: card[key] for key in ("name", "country", "resident", "kinds", "group", "accredited")} == {
        "name": "ООО «Лесной двор»",
        "country": "BY",
        "resident": True,
        "kinds": ["broker"],
        "group": "owl",
        "accredited": False,
    }

    page = done(olga, form_to(page, f"{path}/accredit").post(olga))
    assert "now permit" in text_of(page)
    ticks = {"may/forest/export/buy": "on", "may/forest/export/sell": "on", "may/metal/domestic/buy": "on"}
    page = done(olga, form_to(page, f"{path}/permissions").post(olga, **ticks))
    assert "3 changes are made" in text_of(page)
    assert "Appoint a trader" in text_of(page)
    granted = records.asked("/permissions", participant="lesnoi-dvor")
    assert {(it["section"], it["purpose"], it["side"]) for it in granted} == {
        ("forest", "export", "buy"),
        ("forest", "export", "sell"),
        ("metal", "domestic", "buy"),
    }

    page = done(olga, form_to(page, f"{path}/traders").post(olga))
    assert "Register a client" in text_of(page)
    page = done(olga, form_to(page, f"{path}/clients").post(olga, name="Borisov Timber LLC", country="KZ"))
    [client] = records.asked("/clients", participant="lesnoi-dvor")
    assert (client["client"], client["country"], client["resident"]) == ("borisov-timber", "KZ", False)

    made = form_to(page, f"{path}/logins").post(olga, name="lesnoi.trader")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    password = re.findall(r'<span class="secret-once code">([^<]+)</span>', made.text)[1]
    entered = records.anonymous().post(f"{API}/login", json={"name": "lesnoi.trader", "password": password})
    assert entered.json()["must_change"] is True
    assert entered.json()["trader"] == "lesnoi-dvor-1"
    assert password not in olga.get(path).text

    page = olga.get(path)
    assert "Enter the deposit" in text_of(page)
    assert "/desk/money/credit?participant=lesnoi-dvor" in page.text


def test_wrong_forms_say_what_is_wrong_and_keep_what_was_typed(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    empty = post(olga, NEW, NEW, visitor=None, name="", country="BY", group="kept")
    assert empty.status_code == 400
    assert 'href="#register-name"' in empty.text
    assert 'href="#register-kinds"' in empty.text
    assert forms_of(empty)[-1].fields["group"] == "kept"
    long = post(olga, NEW, NEW, name="я" * 101)
    assert long.status_code == 400
    assert "must have 1 to 200 bytes in UTF-8, has 202" in text_of(long).lower() or "Must have 1 to 200" in text_of(
        long
    )
    assert "PS-0.6" in text_of(long)
    assert "я" * 101 in long.text
    assert records.published() == before


def test_an_id_that_is_taken_is_rejected_and_may_be_mended(records: RecordsHouse, olga: httpx.Client) -> None:
    register(olga, "Beaver Mill")
    rejected = post(olga, NEW, NEW, name="Beaver Mill", country="PL")
    assert rejected.status_code == 409
    form = form_to(rejected, NEW)
    assert (form.fields["participant"], form.fields["country"]) == ("beaver-mill", "PL")
    assert 'href="/help/rejects#already_exists"' in rejected.text
    page = done(olga, form.post(olga, participant="beaver-mill-2"))
    assert "beaver-mill-2" in text_of(page)
    assert participant(records, "beaver-mill-2")["country"] == "PL"


def test_a_double_click_does_nothing_twice(records: RecordsHouse, olga: httpx.Client) -> None:
    form = form_to(olga.get(NEW), NEW)
    first = form.post(olga, name="Twice Sent")
    number = records.published()
    second = form.post(olga, name="Twice Sent")
    assert (first.status_code, first.headers["location"]) == (303, second.headers["location"])
    assert records.published() == number
    page = olga.get("/desk/participants/twice-sent")
    accredit = form_to(page, ".*/accredit")
    assert accredit.post(olga).headers["location"] == accredit.post(olga).headers["location"]
    matrix = form_to(olga.get("/desk/participants/twice-sent"), ".*/permissions")
    ticks = {"may/forest/export/buy": "on", "may/forest/export/sell": "on"}
    one, two = matrix.post(olga, **ticks), matrix.post(olga, **ticks)
    assert one.headers["location"] == two.headers["location"]
    assert len(records.asked("/permissions", participant="twice-sent")) == 2


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_login_is_first_offered_in_the_language_of_the_page(records: RecordsHouse, language: str) -> None:
    page = records.browser("olga", language).get("/desk/participants/alfa")
    assert form_to(page, "/desk/participants/alfa/logins").fields["language"] == language


def test_the_same_click_shows_the_same_password(records: RecordsHouse, olga: httpx.Client) -> None:
    path = "/desk/participants/alfa"
    form = form_to(olga.get(path), f"{path}/logins")
    fields = {"name": "alfa.second", "role": "participant-admin", "trader": ""}
    one, two = form.post(olga, **fields), form.post(olga, **fields)
    secret = r'<span class="secret-once code">([^<]+)</span>'
    assert re.findall(secret, one.text) == re.findall(secret, two.text) != []
    taken = form_to(olga.get(path), f"{path}/logins").post(olga, **fields)
    assert taken.status_code == 409
    assert forms_of(taken)[0] is not None
    assert form_to(taken, f"{path}/logins").fields["name"] == "alfa.second"
    for wrong in ({"name": ""}, {"name": "x" * 300}, {"role": "operator"}, {"role": "trader", "trader": "t-beta"}):
        answer = form_to(olga.get(path), f"{path}/logins").post(olga, **{**fields, "name": "alfa.third", **wrong})
        assert answer.status_code in (403, 422), wrong
    assert len(records.asked("/logins", name="alfa.third")) == 0


def test_permissions_change_only_what_was_changed(records: RecordsHouse, olga: httpx.Client) -> None:
    register(olga, "Matrix House")
    path = "/desk/participants/matrix-house"
    opened = form_to(olga.get(path), f"{path}/accredit").post(olga)
    page = done(olga, opened)
    done(olga, form_to(page, f"{path}/permissions").post(olga, **{"may/forest/export/buy": "on"}))
    stale = form_to(olga.get(path), f"{path}/permissions")
    # Meanwhile another operator permits something else.
    give(records.enter("oleg"), "grant_permission", participant="matrix-house", section="metal", side="sell",
         purpose="export")  # fmt: skip
    records.settled()
    done(olga, stale.post(olga, **{"may/forest/export/buy": None, "may/forest/export/sell": "on"}))
    left = records.asked("/permissions", participant="matrix-house")
    assert {(it["section"], it["side"]) for it in left} == {("forest", "sell"), ("metal", "sell")}
    nothing = form_to(olga.get(path), f"{path}/permissions").post(olga)
    assert nothing.status_code == 422
    assert "Nothing was changed" in text_of(nothing)


def test_a_suspension_says_what_will_happen_and_ends_again(records: RecordsHouse, olga: httpx.Client) -> None:
    trader = records.enter("t-beta")
    give(trader, "place_order", **order("sell", "120.00", "3"))
    records.settled()
    path = "/desk/participants/beta"
    asked = olga.get(f"{path}/suspend")
    assert "It has 1 open order." in text_of(asked)
    lacking = form_to(asked, f"{path}/suspend").post(olga, reason="", open_orders="cancel")
    assert lacking.status_code == 400
    assert '<input type="radio" name="open_orders" value="cancel" checked' in lacking.text.replace("  ", " ")
    page = done(olga, form_to(lacking, f"{path}/suspend").post(olga, reason="no contract", open_orders="cancel"))
    assert "beta is suspended" in text_of(page)
    assert "no contract" in text_of(page)
    assert participant(records, "beta")["suspended"] is True
    assert records.asked("/orders", participant="beta", open="true") == []
    back = done(olga, post(olga, f"{path}/reinstate", f"{path}/reinstate", reason="contract signed"))
    assert "suspension of beta is over" in text_of(back)
    assert participant(records, "beta")["admitted"] is True


def test_a_trader_is_withdrawn(records: RecordsHouse, olga: httpx.Client) -> None:
    path = "/desk/participants/delta"
    done(olga, form_to(olga.get(path), f"{path}/traders").post(olga, trader="delta-extra"))
    page = done(olga, post(olga, "/desk/traders/delta-extra/withdraw", "/desk/traders/delta-extra/withdraw"))
    assert "authority of trader delta-extra is withdrawn" in text_of(page)
    [trader] = records.asked("/traders", trader="delta-extra")
    assert trader["active"] is False
    assert olga.get("/desk/traders/nobody/withdraw").status_code == 404


def test_the_name_of_a_person_is_not_taken_for_a_traders_id(records: RecordsHouse, olga: httpx.Client) -> None:
    path, before = "/desk/participants/delta", records.published()
    answer = form_to(olga.get(path), f"{path}/traders").post(olga, trader="Иванов И. И.")
    assert answer.status_code == 422
    assert "stays in the journal for ever" in text_of(answer)
    assert 'value="Иванов И. И."' in answer.text, "kept as it was typed"
    assert records.published() == before


def test_the_kill_switch_stops_and_lets_go_on(records: RecordsHouse, olga: httpx.Client) -> None:
    give(records.enter("t-gamma"), "place_order", **order("sell", "130.00", "2", client="c-gamma"))
    records.settled()
    path = "/desk/switches/participant/gamma"
    lacking = post(olga, path, path, reason="")
    assert lacking.status_code == 422
    page = form_to(lacking, path).post(olga, reason="runs wild")
    assert page.status_code == 200
    assert "Orders cancelled: 1" in text_of(page)
    refused = records.enter("t-gamma").post(f"{API}/commands/place_order", json=order("sell", "130.00", "2"))
    assert refused.status_code == 403
    assert "runs wild" in text_of(olga.get("/desk/participants/gamma"))
    off = form_to(page, path).post(olga, reason="mended")
    assert "The stop is lifted" in text_of(off)
    assert "runs wild" not in text_of(olga.get("/desk/participants/gamma"))
    assert olga.get("/desk/switches/participant/nobody").status_code == 404
    assert olga.get("/desk/switches/house/gamma").status_code == 404


def test_a_login_is_blocked_unblocked_and_reset(records: RecordsHouse, olga: httpx.Client) -> None:
    path = "/desk/participants/alfa"
    form_to(olga.get(path), f"{path}/logins").post(olga, name="alfa.blocked", role="participant-admin", trader="")
    [login] = records.asked("/logins", name="alfa.blocked")
    page = f"/desk/logins/{login['id']}"
    lacking = post(olga, page, f"{page}/block", reason="")
    assert lacking.status_code == 422
    shown = done(olga, post(olga, page, f"{page}/block", reason="left the company"))
    assert "blocked" in text_of(shown)
    assert records.asked("/logins", name="alfa.blocked")[0]["blocked"] is True
    done(olga, post(olga, page, f"{page}/unblock", reason="came back"))
    assert records.asked("/logins", name="alfa.blocked")[0]["blocked"] is False
    reset = post(olga, page, f"{page}/reset")
    assert "One-time password" in text_of(reset)
    assert olga.get("/desk/logins/login-none").status_code == 404


def test_an_operators_means_of_access_are_not_given_here(records: RecordsHouse, olga: httpx.Client) -> None:
    """One operator with the other's password is both persons of four eyes."""
    for name in ("oleg", "olga", "anton"):
        [login] = records.asked("/logins", name=name)
        path = f"/desk/logins/{login['id']}"
        page = olga.get(path)
        assert "by the command line" in text_of(page)
        assert f"{path}/reset" not in [it.action for it in forms_of(page)]
        token = form_to(page, f"{path}/block").fields["csrf"]
        answer = olga.post(f"{path}/reset", data={"csrf": token, "client_id": f"r-{name}", "second_factor": "on"})
        assert answer.status_code == 403
        assert "use the command line" in text_of(answer).casefold()
        assert "secret-once" not in answer.text
        assert records.asked("/logins", name=name) == [login]


def test_the_kill_switch_is_throttled_as_a_command(
    records: RecordsHouse, olga: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/desk/switches/participant/delta"
    form = form_to(olga.get(path), path)
    before = records.published()
    identity = records.services.identity
    never = Allowance(name="commands", allowed=False, limit=1, remaining=0, reset=9, window=9, retry_after=9)
    monkeypatch.setattr(identity, "throttle", lambda _: never)
    answer = form.post(olga, reason="runs wild")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    assert "runs wild" in answer.text, "the form comes back as it was typed"
    assert records.published() == before
    assert [it for it in identity.switches() if it.subject == "delta"] == []


def test_lists_are_found_by_part_of_a_name_and_exported(olga: httpx.Client) -> None:
    register(olga, "Гомельский Комбинат", country="RU")
    for wanted in ("гомельский", "КОМБИНАТ", "gomelskii"):
        found = text_of(olga.get("/desk/participants", params={"q": wanted}))
        assert "Гомельский Комбинат" in found, wanted
        assert "House of alfa" not in found
    registered = olga.get("/desk/participants", params={"state": "registered", "country": "RU", "format": "csv"})
    lines = registered.text.splitlines()
    assert len(lines) == 2
    assert "gomelskii-kombinat" in lines[1]
    for path in ("/desk/participants", "/desk/traders", "/desk/clients", "/desk/logins"):
        assert olga.get(path).status_code == 200
        assert olga.get(path, params={"format": "xlsx"}).content[:2] == b"PK"
    logins = olga.get("/desk/logins", params={"format": "csv"}).text
    assert [name for name in ("t-alfa", "a-beta", "olga") if f"\n{name}," in logins] == ["t-alfa", "a-beta", "olga"]
    assert olga.get("/desk/logins", params={"cursor": "login-none"}).status_code == 400
    assert "Clear the filters" in text_of(olga.get("/desk/participants", params={"q": "there is no such"}))


def test_names_that_would_do_harm_are_text(records: RecordsHouse, olga: httpx.Client) -> None:
    slash = post(olga, NEW, NEW, name="Slash", participant="a/b")
    assert slash.status_code == 422
    assert "cannot hold a slash" in text_of(slash)
    page = register(olga, PROBE, participant="probe..?#<b>")
    assert "<img src=x" not in page.text
    assert "{{7*7}}" in page.text
    assert "<img src=x" not in olga.get("/desk/participants").text
    opened = olga.get(str(page.url).split("?")[0])
    assert opened.status_code == 200
    done(olga, form_to(opened, ".*/accredit").post(olga))
    assert participant(records, "probe..?#<b>")["accredited"] is True


def test_views_that_cannot_be_read_are_said(records: RecordsHouse, olga: httpx.Client) -> None:
    records.settled()
    views = records.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        for path in ("/desk/traders/t-alfa/withdraw", "/desk/switches/trader/t-alfa"):
            page = olga.get(path)
            assert (page.status_code, page.headers["Retry-After"]) == (503, "1"), path
            assert "views cannot be read" in text_of(page)
    finally:
        aside.rename(views)
    assert olga.get("/desk/traders/t-alfa/withdraw").status_code == 200


def test_who_may_come_in(records: RecordsHouse) -> None:
    path = "/desk/participants/alfa"
    for name in ("t-alfa", "a-alfa"):
        for page in ("/desk/participants", path, NEW, "/desk/logins", f"{path}/suspend"):
            assert records.browser(name).get(page).status_code == 403, (name, page)
    stranger = records.anonymous().get("/desk/participants")
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/login?")
    auditor = records.browser("anton")
    for page in ("/desk/participants", path, "/desk/traders", "/desk/clients", "/desk/logins"):
        shown = auditor.get(page)
        assert shown.status_code == 200
        assert [
            form.action for form in forms_of(shown) if form.action.startswith("/desk") and form.fields
        ] == [] or all("csrf" not in form.fields for form in forms_of(shown) if form.action.startswith("/desk"))
    assert auditor.get(NEW).status_code == 403


def test_an_auditor_who_posts_anyway_changes_nothing(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    fields = form_to(olga.get(NEW), NEW).fields
    for name in ("anton", "t-alfa", "a-alfa"):
        client = records.browser(name)
        token = forms_of(client.get("/account/login"))[0].fields["csrf"]
        answer = client.post(NEW, data={**fields, "csrf": token, "name": "Smuggled"})
        assert answer.status_code == 403, name
    without = olga.post(NEW, data={**fields, "csrf": "wrong", "name": "Smuggled"})
    assert without.status_code == 403
    assert records.published() == before


def test_russian_answers_are_russian(records: RecordsHouse) -> None:
    olga = records.browser("olga", "ru")
    wrong = post(olga, NEW, NEW, name="я" * 101, group="x")
    assert "Нужно от 1 до 200 байт" in text_of(wrong)
    register(olga, "Русский Лес")
    taken = post(olga, NEW, NEW, name="Русский Лес")
    assert "Пока не исполнено" in text_of(taken)
    assert "уже" in text_of(taken)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ОАО «Щучинский маслосырзавод»", "shchuchinskii-maslosyrzavod"),
        ("Müller & Söhne GmbH", "m-ller-s-hne"),
        ("  OOO  ", "ooo"),
        ("ООО", "ooo"),
        ("木材", ""),
        ("x" * 90, "x" * 40),
    ],
)
def test_an_id_is_made_from_a_name(name: str, expected: str) -> None:
    assert id_from(name) == expected


SEVERAL = "/desk/participants/several"


def test_several_companies_are_pasted_checked_and_registered(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    pasted = (
        "Нафтан Плюс\tБеларусь\tпосетитель\tnaft\nKazan Steel LLC;RU;broker, visitor\n\nEast Wind\tchina\t\t\teast-1"
    )
    checked = post(olga, SEVERAL, SEVERAL, lines=pasted)
    assert checked.status_code == 200
    assert records.published() == before
    form = form_to(checked, SEVERAL)
    one, two = form.post(olga), form.post(olga)
    assert one.headers["location"] == two.headers["location"]
    assert "3 changes are made" in text_of(done(olga, one))
    assert records.published() == before + 3
    found = {name: participant(records, name) for name in ("naftan-plius", "kazan-steel", "east-1")}
    assert [(it["country"], it["resident"], it["kinds"], it["group"]) for it in found.values()] == [
        ("BY", True, ["visitor"], "naft"),
        ("RU", False, ["visitor", "broker"], None),
        ("CN", False, ["visitor"], None),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("", "This is needed"),
        ("Good One\nHouse of alfa;BY;visitor;;alfa", "taken"),
        ("Good One\nGood One", "stands in a line above"),
        ("Good One;Atlantis", "Country: There is no such country"),
        ("Good One;BY;pirate", "must be one of"),
        ("Good One;BY;visitor;;a/b", "cannot hold a slash"),
        ("Good One;BY;visitor;;new", "cannot hold a slash"),
        (";BY", "✕ Name: This is needed"),
        ("\n".join(f"Company {n}" for n in range(51)), "at most 50"),
    ],
)
def test_of_several_none_is_registered_while_one_is_wrong(
    records: RecordsHouse, olga: httpx.Client, lines: str, says: str
) -> None:
    before = records.published()
    answer = post(olga, SEVERAL, SEVERAL, lines=lines)
    assert answer.status_code == 422
    assert says.casefold() in text_of(answer).casefold()
    assert lines.splitlines()[:1] == [] or lines.splitlines()[0] in text_of(answer)
    assert records.published() == before


def test_what_was_taken_meanwhile_comes_back_alone(records: RecordsHouse, olga: httpx.Client) -> None:
    form = form_to(post(olga, SEVERAL, SEVERAL, lines="First Of Two\nSecond Of Two"), SEVERAL)
    register(olga, "Second Of Two")
    answer = form.post(olga)
    assert answer.status_code == 409
    assert "Registered: 1. Left to be mended: 1." in text_of(answer)
    assert ">Second Of Two</textarea>" in answer.text
    assert participant(records, "first-of-two")["accredited"] is False


def test_the_session_goes_on(records: RecordsHouse) -> None:
    """What the desk changed did not disturb those whom it did not concern."""
    taken = give(records.enter("t-alfa"), "place_order", **order("sell", "140.00", "1"))
    assert taken["events"][0]["instrument"] == INSTRUMENT
    assert taken["events"][0]["session"] == SESSION


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("Entered Two;BY;visitor;;new", "cannot hold a slash"),
        ("Entered Two;BY;visitor;;a/b", "cannot hold a slash"),
        ("Entered One", "stands in a line above"),
    ],
)
def test_of_several_none_is_entered_while_one_is_wrong(
    records: RecordsHouse, olga: httpx.Client, wrong: str, says: str
) -> None:
    """Also where the step that checks them was left out."""
    before = records.published()
    answer = post(olga, SEVERAL, SEVERAL, lines=f"Entered One\n{wrong}", step="enter")
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert records.published() == before
