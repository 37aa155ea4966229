"""Money on the desk: in, out, statements, contracts that end, and what takes a second person."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from kirmash.identity import State
from kirmash.web.desk import Desk
from kirmash.web.desk_proposals import FOUND_MAX
from kirmash.web.rendering import Rendering
from kirmash.web.site import NAVIGATION
from tests.gateway.house import API, SESSION, give, order
from tests.web_desk.house import Form, RecordsHouse, done, form_to, forms_of, post, text_of

CREDIT = "/desk/money/credit"
OUT = "/desk/withdrawals/new"


@pytest.fixture
def olga(records: RecordsHouse) -> httpx.Client:
    return records.browser("olga")


def asked(olga: httpx.Client, **fields: str) -> httpx.Response:
    """The page that shows what is about to be entered."""
    return post(olga, CREDIT, CREDIT, **{"participant": "alfa", "currency": "EUR", **fields})


def account(records: RecordsHouse, participant: str, currency: str, client: str | None = None) -> dict[str, str]:
    found = records.asked("/accounts", participant=participant, currency=currency)
    return next((it for it in found if it["client"] == client), {"free": "0"})


def test_money_is_shown_once_more_and_then_entered(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    page = asked(olga, amount=" 12 500.5 ")
    assert page.status_code == 200
    assert "12,500.5" in text_of(page)
    assert "House of alfa" in text_of(page)
    assert records.published() == before
    form = form_to(page, CREDIT)
    one, two = form.post(olga), form.post(olga)
    shown = done(olga, one)
    assert one.headers["location"] == two.headers["location"]
    assert "12,500.5 EUR entered for alfa" in text_of(shown)
    # The money is there on the very page that tells of it.
    assert "12,500.50" in text_of(shown)
    assert account(records, "alfa", "EUR")["free"] == "12500.50"


def test_a_sum_as_people_of_the_language_write_it(records: RecordsHouse) -> None:
    olga = records.browser("olga", "ru")
    page = asked(olga, amount="1 234 567,89".replace("1 234 567", "234\u00a0567"), currency="CNY")
    done(olga, form_to(page, CREDIT).post(olga))
    assert account(records, "alfa", "CNY")["free"] == "234567.89"


@pytest.mark.parametrize(
    ("fields", "status", "field", "says"),
    [
        ({"amount": ""}, 400, "amount", "This is needed"),
        ({"amount": "much"}, 400, "amount", "cannot be read as a figure"),
        ({"amount": "0"}, 400, "amount", "above 0"),
        ({"amount": "-5"}, 400, "amount", "cannot be read as a figure"),
        ({"amount": "12.500,50"}, 400, "amount", "in one way only"),
        ({"amount": "1.005"}, 409, "amount", "minor"),
        ({"amount": "5", "participant": "nobody"}, 409, "participant", "No participant is registered"),
        ({"amount": "5", "client": "c-gamma"}, 409, "client", "client"),
        ({"amount": "5", "currency": "euro"}, 400, "currency", "three capital letters"),
    ],
)
def test_wrong_sums_are_told_before_anything_is_numbered(
    records: RecordsHouse, olga: httpx.Client, fields: dict[str, str], status: int, field: str, says: str
) -> None:
    before = records.published()
    page = asked(olga, **fields)
    assert page.status_code == status
    assert f'href="#credit-{field}"' in page.text
    assert says.casefold() in text_of(page).casefold()
    kept = form_to(page, CREDIT).fields
    assert kept["amount"] == fields["amount"]
    assert records.published() == before


def test_a_brokers_client_has_money_of_his_own(records: RecordsHouse, olga: httpx.Client) -> None:
    page = asked(olga, participant="gamma", client="c-gamma", amount="77", currency="EUR")
    done(olga, form_to(page, CREDIT).post(olga))
    assert account(records, "gamma", "EUR", "c-gamma")["free"] == "77.00"


def proposed(olga: httpx.Client, amount: str = "1000000.01") -> tuple[Form, httpx.Response]:
    page = asked(olga, amount=amount, reason="payment 4711")
    assert "second operator" in text_of(page)
    form = form_to(page, CREDIT)
    return form, form.post(olga)


def test_above_the_limit_it_takes_a_second_person(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    free = account(records, "alfa", "EUR")["free"]
    form, answer = proposed(olga)
    again = form.post(olga)
    assert answer.headers["location"] == again.headers["location"]
    other = form.post(olga, amount="2000000")
    assert other.status_code == 409
    assert "sent before with other content" in text_of(other)
    listed = done(olga, answer)
    assert "waits for a second operator" in text_of(listed)
    [proposal] = records.asked("/proposals", state="open")
    assert proposal["reason"] == "payment 4711"
    path = f"/desk/proposals/{proposal['id']}"
    mine = olga.get(path)
    assert "somebody else has to approve it" in text_of(mine)
    assert not [it for it in forms_of(mine) if it.action.endswith("/approve")]
    token = forms_of(mine)[0].fields["csrf"]
    own = olga.post(f"{path}/approve", data={"csrf": token})
    assert own.status_code == 403
    assert records.published() == before
    oleg = records.browser("oleg")
    seen = oleg.get(path)
    assert "1,000,000.01" in text_of(seen)
    approve = form_to(seen, f"{path}/approve")
    one, two = approve.post(oleg), approve.post(oleg)
    assert one.headers["location"] == two.headers["location"]
    assert "1,000,000.01 EUR entered for alfa" in text_of(done(oleg, one))
    records.settled()
    assert account(records, "alfa", "EUR")["free"] == f"{int(free.split('.')[0]) + 1_000_000}.{int(free[-2:]) + 1:02}"


def test_a_form_proposes_once_whatever_the_process_remembers(records: RecordsHouse, olga: httpx.Client) -> None:
    """A page loaded again after a restart of the gateway sends the form again; two proposals would be two credits."""
    form, answer = proposed(olga)
    [proposal] = records.asked("/proposals", state="open")
    records.restart()
    olga = records.browser("olga")
    again = form.post(olga)
    assert again.headers["location"] == answer.headers["location"]
    assert [it["id"] for it in records.asked("/proposals", state="open")] == [proposal["id"]]
    other = form.post(olga, amount="2000000")
    assert other.status_code == 409
    assert form_to(other, CREDIT).fields["client_id"] != form.fields["client_id"], "the id is used up"
    body = {"reason": "a trial"}
    assert records.enter("olga").post(f"{API}/proposals/{proposal['id']}/decline", json=body).status_code == 200


def test_an_old_proposal_is_found(records: RecordsHouse, olga: httpx.Client) -> None:
    """Also behind more newer ones than a list shows."""
    proposed(olga)
    [first] = records.asked("/proposals", state="open")
    identity, decline = records.services.identity, {"reason": "a trial"}
    who = identity.resolve(olga.cookies["kirmash_session"])
    for n in range(FOUND_MAX):
        identity.propose(who, "annul_deal", {"deal": n, "reason": "r"}, "r")
    page = olga.get(f"/desk/proposals/{first['id']}")
    assert page.status_code == 200
    assert "1,000,000.01" in text_of(page)
    for it in identity.proposals(state=State.OPEN, limit=FOUND_MAX + 1):
        identity.decline(it.id, who, decline["reason"])


def test_several_at_once_are_never_what_takes_two(records: RecordsHouse) -> None:
    """`give_many` proposes nothing: a form that gave such a command by it would go round the second operator."""
    services = records.services
    desk = Desk(services, Rendering(services, NAVIGATION))
    who = services.identity.resolve(records.browser("olga").cookies["kirmash_session"])
    values = {"participant": "alfa", "currency": "EUR", "amount": "1000000.01"}
    before = records.published()
    call: Any = SimpleNamespace(caller=who, language="en")
    with pytest.raises(AssertionError, match="credit_deposit takes a second operator"):
        records.run(desk.give_many(call, [("several-1", "credit_deposit", values)]))
    assert records.published() == before


def test_a_proposal_is_declined_or_taken_back_with_a_reason(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    oleg = records.browser("oleg")
    path = ""
    for who in (oleg, olga):
        proposed(olga)
        [proposal] = records.asked("/proposals", state="open")
        path = f"/desk/proposals/{proposal['id']}"
        lacking = form_to(who.get(path), f"{path}/decline").post(who, reason="")
        assert lacking.status_code == 422
        decline = form_to(lacking, f"{path}/decline")
        shown = done(who, decline.post(who, reason="not arrived"))
        assert "not arrived" in text_of(shown)
        assert decline.post(who, reason="not arrived").status_code == 303
        found = [it for it in records.asked("/proposals") if it["id"] == proposal["id"]]
        assert found[0]["state"] == "declined"
    approve = oleg.post(f"{path}/approve", data={"csrf": forms_of(oleg.get(path))[0].fields["csrf"]})
    assert approve.status_code == 409
    assert records.published() == before
    assert olga.get("/desk/proposals/pr-none").status_code == 404


def withdraw(olga: httpx.Client, **fields: str) -> httpx.Response:
    return post(olga, OUT, OUT, **{"participant": "beta", "currency": "USD", **fields})


def test_a_withdrawal_is_asked_for_held_and_confirmed(records: RecordsHouse, olga: httpx.Client) -> None:
    page = done(olga, withdraw(olga, amount="1000", withdrawal="w-one"))
    assert "ready to be paid" in text_of(page)
    assert account(records, "beta", "USD")["withdrawing"] == "1000.00"
    queue = olga.get("/desk/withdrawals")
    assert "w-one" in text_of(queue)
    form = form_to(page, "/desk/withdrawals/w-one")
    one, two = form.post(olga, decision="confirm"), form.post(olga, decision="confirm")
    assert one.headers["location"] == two.headers["location"]
    shown = done(olga, one)
    assert "The money has left the exchange" in text_of(shown)
    assert "w-one" not in text_of(olga.get("/desk/withdrawals"))
    assert "w-one" in text_of(olga.get("/desk/withdrawals", params={"state": "confirmed"}))
    assert account(records, "beta", "USD")["withdrawing"] == "0.00"
    # Whoever still has the old page open cannot do the other thing.
    late = form.post(olga, decision="cancel", client_id="web.another-one")
    assert late.status_code == 409
    assert "withdrawal_not_open" in late.text


def test_a_withdrawal_is_cancelled_or_refused(records: RecordsHouse, olga: httpx.Client) -> None:
    free = account(records, "beta", "USD")["free"]
    page = done(olga, withdraw(olga, amount="500.25", withdrawal="w-two"))
    shown = done(olga, form_to(page, "/desk/withdrawals/w-two").post(olga, decision="cancel"))
    assert "The money is free again" in text_of(shown)
    assert account(records, "beta", "USD")["free"] == free
    refused = done(olga, withdraw(olga, amount="99999999", withdrawal="w-three"))
    assert "There was not enough free deposit" in text_of(refused)
    assert not [it for it in forms_of(refused) if it.action.startswith("/desk/withdrawals")]
    taken = withdraw(olga, amount="1", withdrawal="w-two")
    assert taken.status_code == 409
    assert 'href="#withdrawal-withdrawal"' in taken.text
    assert form_to(taken, OUT).fields["amount"] == "1"
    assert olga.get("/desk/withdrawals/w-none").status_code == 404


def test_a_statement_of_any_participant(records: RecordsHouse, olga: httpx.Client) -> None:
    page = olga.get("/desk/statement/gamma")
    assert "House of gamma" in text_of(page)
    assert "100,000.00" in text_of(page)
    lines = olga.get("/desk/statement/gamma", params={"format": "csv", "currency": "USD"}).text.splitlines()
    assert len(lines) == 1 + len(records.asked("/statement", participant="gamma", currency="USD"))
    assert olga.get("/desk/statement/nobody").status_code == 404


def deal(records: RecordsHouse) -> int:
    give(records.enter("t-alfa"), "place_order", **order("sell", "100.00", "2"))
    made = give(records.enter("t-beta"), "place_order", **order("buy", "100.00", "2"))
    records.settled()
    number: int = next(line["deal"] for line in made["events"] if line["event"] == "deal_made")
    return number


@pytest.mark.parametrize(("how", "state"), [("perform", "performed"), ("terminate", "terminated")])
def test_a_contract_ends_and_its_deposit_is_released(
    records: RecordsHouse, olga: httpx.Client, how: str, state: str
) -> None:
    number = deal(records)
    path = f"/desk/contracts/{number}"
    page = olga.get(path)
    assert SESSION in text_of(page)
    lacking = form_to(page, path).post(olga, how=how, reason="")
    assert lacking.status_code == 400
    assert 'href="#end-reason"' in lacking.text
    unsaid = form_to(page, path).post(olga, how=None, reason="act 7")
    assert unsaid.status_code == 422
    assert form_to(unsaid, path).fields["reason"] == "act 7"
    form = form_to(unsaid, path)
    one, two = form.post(olga, how=how, reason="act 7"), form.post(olga, how=how, reason="act 7")
    assert one.headers["location"] == two.headers["location"]
    shown = done(olga, one)
    assert f"The contract of deal {number} is {state}; its deposit is released." in text_of(shown)
    [contract] = [it for it in records.asked("/contracts") if it["deal"] == number]
    assert (contract["state"], contract["reason"]) == (state, "act 7")
    # The release is the market's follow-up (PS-5.6), told by its own record.
    assert contract["effective"] is not None
    over = form.post(olga, how="perform", reason="again", client_id=f"web.second-{number}")
    assert over.status_code == 409
    assert "contract_not_open" in over.text
    assert olga.get("/desk/contracts/999999").status_code == 404
    assert olga.get("/desk/contracts/x").status_code == 404


def test_a_list_of_ones_money_leads_to_forms_with_him_in_them(olga: httpx.Client) -> None:
    page = olga.get("/desk/money", params={"participant": "alfa"}).text
    for form in ("/desk/money/credit", "/desk/withdrawals/new"):
        assert f'href="{form}?participant=alfa"' in page
        assert f'href="{form}"' in olga.get("/desk/money").text


def test_lists_of_money(olga: httpx.Client) -> None:
    for path in ("/desk/money", "/desk/money/credits", "/desk/withdrawals", "/desk/contracts", "/desk/proposals"):
        assert olga.get(path).status_code == 200
        assert olga.get(path, params={"format": "csv"}).headers["content-type"].startswith("text/csv")
        assert olga.get(path, params={"sort": "-at"}).status_code == 200
    found = text_of(olga.get("/desk/money", params={"participant": "delta"}))
    assert "c-delta" in found
    assert "c-gamma" not in found


def test_who_is_too_quick_gets_his_form_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = RecordsHouse(tmp_path_factory.mktemp("slow"))
    # One action a second, and none saved up: the second one comes too soon.
    slowly = replace(made.config.identity, manual_per_second=1, manual_burst=1)
    made.config = replace(made.config, identity=slowly)
    with made:
        made.people()
        olga = made.browser("olga")
        new = "/desk/participants/new"
        forms = [form_to(olga.get(new), new) for _ in range(2)]
        first, second = [form.post(olga, name=f"Quick {n}") for n, form in enumerate(forms)]
        assert (first.status_code, second.status_code) == (303, 429)
        assert int(second.headers["retry-after"]) >= 1
        kept = form_to(second, new)
        assert kept.fields["name"] == "Quick 1"
        assert kept.fields["client_id"] == forms[1].fields["client_id"]


def test_only_operators_move_money_and_auditors_read(records: RecordsHouse, olga: httpx.Client) -> None:
    number = deal(records)
    before = records.published()
    paths = ("/desk/money", "/desk/money/credits", "/desk/withdrawals", "/desk/statement/alfa", "/desk/proposals",
             "/desk/contracts", f"/desk/contracts/{number}")  # fmt: skip
    auditor = records.browser("anton")
    for path in paths:
        shown = auditor.get(path)
        assert shown.status_code == 200, path
        assert [it for it in forms_of(shown) if "client_id" in it.fields] == []
        assert records.browser("t-alfa").get(path).status_code == 403
        assert records.browser("a-alfa").get(path).status_code == 403
    fields = form_to(olga.get(CREDIT), CREDIT).fields
    for name in ("anton", "t-alfa", "a-alfa"):
        client = records.browser(name)
        token = forms_of(client.get("/account/login"))[0].fields["csrf"]
        for path in (CREDIT, OUT, f"/desk/contracts/{number}", "/desk/proposals/pr-none/approve"):
            sent = {**fields, "csrf": token, "participant": "alfa", "amount": "1", "step": "enter"}
            assert client.post(path, data=sent).status_code == 403, (name, path)
    assert records.published() == before
    assert records.anonymous().get(f"{API}/proposals").status_code == 401
