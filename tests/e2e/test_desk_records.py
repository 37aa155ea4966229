"""The desk's records in a browser: a company's whole way by clicking, no finding of axe, nothing too wide."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.looking import LANGUAGES, enter, look_at, look_both_ways, opened
from tests.gateway.house import API, PASSWORD, give, order
from tests.web_desk.house import RecordsHouse

pytestmark = pytest.mark.browser

PAGES = {
    "participants": "/desk/participants",
    "participants-none": "/desk/participants?q=there-is-none",
    "register": "/desk/participants/new",
    "several": "/desk/participants/several",
    "participant-new": "/desk/participants/fresh",
    "participant-broker": "/desk/participants/gamma",
    "participant-suspended": "/desk/participants/delta",
    "suspend": "/desk/participants/alfa/suspend",
    "reinstate": "/desk/participants/delta/reinstate",
    "traders": "/desk/traders",
    "withdraw-trader": "/desk/traders/t-alfa/withdraw",
    "clients": "/desk/clients",
    "logins": "/desk/logins",
    "login": "/desk/logins/{login}",
    "switch": "/desk/switches/participant/alfa",
    "goods": "/desk/goods",
    "card": "/desk/goods/pine",
    "card-new": "/desk/goods/new?like=aluminium",
    "card-version": "/desk/goods/new?like=pine",
    "instruments": "/desk/instruments",
    "instrument-new": "/desk/goods/pine/instrument",
    "money": "/desk/money",
    "credits": "/desk/money/credits",
    "credit": "/desk/money/credit?participant=gamma",
    "withdrawals": "/desk/withdrawals",
    "withdrawal": "/desk/withdrawals/w-1",
    "withdrawal-new": "/desk/withdrawals/new",
    "contracts": "/desk/contracts",
    "contract": "/desk/contracts/{deal}",
    "statement": "/desk/statement/alfa",
    "proposals": "/desk/proposals",
    "proposal": "/desk/proposals/{proposal}",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordsHouse]:
    made = RecordsHouse(tmp_path_factory.mktemp("desk"))
    with made:
        made.people()
        made.prepare()
        olga = made.enter("olga")
        give(olga, "register_participant", participant="fresh", name="ОАО «Полесская нива» (invented)", country="BY",
             resident=True, kinds=["visitor"])  # fmt: skip
        give(olga, "suspend_participant", participant="delta", open_orders="keep", reason="the contract is not signed")
        give(olga, "request_withdrawal", withdrawal="w-1", participant="alfa", currency="USD", amount="12500.00")
        give(made.enter("t-alfa"), "place_order", **order("sell", "100.00", "10"))
        give(made.enter("t-beta"), "place_order", **order("buy", "100.00", "4"))
        body = {"participant": "beta", "currency": "USD", "amount": "2500000.00"}
        answer = olga.post(f"{API}/commands/credit_deposit", json=body, params={"reason": "payment order 4711"})
        assert answer.status_code == 202
        made.settled()
        yield made


def path_of(house: RecordsHouse, name: str) -> str:
    """The address of a page, with the ids that the house gave."""
    path = PAGES[name]
    if "{login}" in path:
        return path.format(login=house.asked("/logins", name="t-alfa")[0]["id"])
    if "{deal}" in path:
        return path.format(deal=house.asked("/contracts")[0]["deal"])
    if "{proposal}" in path:
        return path.format(proposal=house.asked("/proposals")[0]["id"])
    return path


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits(house: RecordsHouse, browser: Browser, name: str, language: str) -> None:
    with opened(browser, language) as page:
        enter(page, house, "olga")
        answer = page.goto(house.origin + path_of(house, name), wait_until="load")
        assert answer is not None
        assert answer.status == 200
        look_both_ways(page, language)


def test_a_company_from_its_name_to_its_first_payment_out(house: RecordsHouse, browser: Browser) -> None:
    """As an operator does it, by clicking; what each step needs next is offered by the page before it."""
    with opened(browser) as page:
        enter(page, house, "olga")
        page.goto(f"{house.origin}/desk/participants")
        page.get_by_role("button", name="Register a participant").click()
        expect(page.locator("#register-name")).to_be_focused()
        page.keyboard.type("ООО «Зелёный Бор»")
        page.locator("fieldset").get_by_label("broker").check()
        page.locator("main").get_by_role("button", name="Register").click()
        expect(page.locator("main [role=status]")).to_contain_text("is in the register as zelenyi-bor")
        look_at(page)
        # The next step has the focus: Enter is enough.
        expect(page.locator(".next-step button")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".next-step")).to_contain_text("Accredited; now permit")
        page.get_by_label("Forest, export, Buy").check()
        page.get_by_label("Forest, export, Sell").check()
        look_at(page)
        page.get_by_role("button", name="Save permissions").click()
        expect(page.locator("main [role=status]")).to_contain_text("2 changes are made")
        page.locator(".next-step").get_by_role("button", name="Appoint").click()
        expect(page.locator(".next-step h2")).to_have_text("Register a client")
        page.locator(".next-step").get_by_label("Name").fill("Borisov Timber LLC")
        page.locator(".next-step").get_by_role("button", name="Register the client").click()
        expect(page.locator(".next-step h2")).to_have_text("Make a login")
        look_at(page)
        page.locator(".next-step").get_by_role("button", name="Make the login").click()
        name, password = (page.locator(".secret-once").nth(at).text_content() or "" for at in (0, 1))
        assert name == "zelenyi-bor-1"
        assert len(password) >= 12
        look_at(page)
        page.get_by_role("button", name="Noted; go on").click()
        page.get_by_role("button", name="Money in").click()
        page.get_by_label("Amount").fill("250 000")
        page.get_by_label("Currency").select_option("USD")
        page.get_by_role("button", name="Check").click()
        expect(page.locator(".asked")).to_contain_text("250,000 USD")
        look_at(page)
        page.get_by_role("button", name="Enter the money").click()
        expect(page.locator("#table-money")).to_contain_text("250,000.00")
        look_at(page)

        page.goto(f"{house.origin}/desk/participants/zelenyi-bor")
        expect(page.locator(".steps")).to_have_count(0)
        page.get_by_role("link", name="Money out").click()
        page.get_by_label("Amount").fill("1 000.50")
        page.get_by_label("Currency").select_option("USD")
        page.get_by_role("button", name="Ask for it").click()
        expect(page.locator(".asked")).to_contain_text("ready to be paid")
        look_at(page)
        page.get_by_role("button", name="Paid: confirm").click()
        expect(page.locator(".asked")).to_contain_text("The money has left the exchange")
        # Going back shows what is, not what was: nothing can be confirmed twice.
        page.go_back()
        expect(page.locator(".asked")).to_contain_text("The money has left the exchange")
        expect(page.get_by_role("button", name="Paid: confirm")).to_have_count(0)
    with opened(browser) as page:
        page.goto(f"{house.origin}/login")
        page.get_by_label("Login name").fill(name)
        page.get_by_label("Password", exact=True).fill(password)
        page.locator("main").get_by_role("button", name="Log in").click()
        expect(page).to_have_url(re.compile("/password$"))
    [account] = house.asked("/accounts", participant="zelenyi-bor")
    assert (account["free"], account["withdrawing"]) == ("248999.50", "0.00")


def test_several_companies_are_pasted(house: RecordsHouse, browser: Browser) -> None:
    with opened(browser, "ru", "light", 1280) as page:
        enter(page, house, "olga")
        page.goto(f"{house.origin}/desk/participants/several")
        page.locator("#several-lines").fill("Полоцк Стекло\tБеларусь\nKazan Steel LLC\tRU\tbroker\nEast Wind\tChina")
        page.get_by_role("button", name="Проверить").click()
        expect(page.locator("main tbody tr")).to_have_count(3)
        look_at(page)
        page.get_by_role("button", name="Зарегистрировать 3 компании").click()
        expect(page.locator("#table-participants")).to_contain_text("polotsk-steklo")


def test_two_operators_and_a_large_sum(house: RecordsHouse, browser: Browser) -> None:
    with opened(browser) as page:
        enter(page, house, "olga")
        page.goto(f"{house.origin}/desk/money/credit?participant=alfa")
        page.get_by_label("Amount").fill("3 000 000")
        page.get_by_label("Currency").select_option("EUR")
        page.get_by_label("Note for the second operator").fill("payment order 4712")
        page.get_by_role("button", name="Check").click()
        look_at(page)
        page.get_by_role("button", name="Propose it").click()
        page.get_by_role("link", name="See the proposal").click()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        address = page.url
    with opened(browser, "ru", "dark", 390) as page:
        enter(page, house, "oleg")
        page.goto(address)
        look_at(page)
        page.get_by_role("button", name="Подтвердить и исполнить").dblclick()
        expect(page.locator("main [role=status]").first).to_contain_text("Зачислено")
    assert [it["free"] for it in house.asked("/accounts", participant="alfa", currency="EUR")] == ["3000000.00"]


def test_mistakes_are_shown_at_their_fields(house: RecordsHouse, browser: Browser) -> None:
    with opened(browser, "ru", "light", 390, expected=("status of 4",), java_script_enabled=True) as page:
        enter(page, house, "olga")
        page.goto(f"{house.origin}/desk/participants/new")
        page.get_by_label("Название").fill("House of alfa")
        page.get_by_label("Участник").fill("alfa")
        page.locator("main").get_by_role("button", name="Зарегистрировать").click()
        expect(page.locator("main [role=alert]")).to_contain_text("Пока не исполнено")
        expect(page.get_by_label("Участник")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Участник")).to_have_value("alfa")
        look_at(page)


def test_without_scripts_the_forms_work(house: RecordsHouse, browser: Browser) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{house.origin}/login?next=/desk/participants/new")
        page.get_by_label("Login name").fill("olga")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Log in").click()
        page.get_by_label("Name").fill("Without Scripts")
        page.locator("main").get_by_role("button", name="Register").click()
        expect(page.locator("main [role=status]")).to_contain_text("without-scripts")
