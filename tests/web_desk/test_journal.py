"""The journal browser: any record readably and as it stands, its neighbours, its hashes and a proof that holds."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.house import SESSION, give, order
from tests.web_desk.running import PROBE, place, plan_session, rest, running_house, shown
from tests.web_terminal.house import TradersHouse, text_of

PATH = "/desk/journal"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-journal")) as made:
        yield made


def test_a_record_says_who_what_and_what_came_of_it(house: TradersHouse) -> None:
    place(house, "alfa", SESSION, "sell", "100.00", "7")
    given = give(house.enter("t-gamma"), "place_order", **order("buy", "100.00", "4", client="c-gamma"))
    house.settled()
    page = shown(house.browser("olga"), f"{PATH}/{given['number']}")
    text = text_of(page)
    for part in ("t-gamma", "New order", "place_order", "c-gamma", "order_accepted", "deal_made"):
        assert part in text, part
    assert re.search(r"Deal \d+: gamma \(c-gamma\) buys 4 of timber from alfa at 100\.00", text)
    record = rest(house, f"/journal/{given['number']}")
    assert record["chain"] in page.text
    assert record["head"]["hash"] in page.text
    assert record["record"] in page.text
    for beside in (given["number"] - 1, given["number"] + 1):
        assert f'href="{PATH}/{beside}"' in page.text
    followed = record["follow_ups"][0]
    assert f'href="{PATH}/{followed}"' in page.text
    assert f'href="{PATH}/{given["number"]}"' in shown(house.browser("olga"), f"{PATH}/{followed}").text


def test_a_rejected_command_says_why_with_the_rule(house: TradersHouse) -> None:
    answer = house.enter("t-beta").post(
        "/api/v1/commands/place_order", json={**order("buy", "100.00", "3"), "instrument": "none-such"}
    )
    assert answer.status_code == 409
    reason = answer.json()["reasons"][0]
    text = text_of(shown(house.browser("olga"), f"{PATH}/{answer.json()['number']}"))
    assert reason["text"] in text
    assert reason["rule"] in text


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_record_of_the_journal_can_be_shown(house: TradersHouse, language: str) -> None:
    plan_session(house, f"every-{language}", "CLOSED")
    browser = house.browser("anton", language)
    last = house.settled()
    for number in range(1, last + 1):
        page = shown(browser, f"{PATH}/{number}")
        assert (f'href="{PATH}/{number + 1}"' in page.text) == (number < last)
        assert (f'href="{PATH}/{number - 1}"' in page.text) == (number > 1)
    for number in (0, last + 1, 10**15, 10**18):
        assert browser.get(f"{PATH}/{number}").status_code == 404, number
    assert browser.get(f"{PATH}/abc").status_code == 404


def test_a_number_leads_to_its_record_or_says_how_far_they_go(house: TradersHouse) -> None:
    olga = house.browser("olga")
    answer = olga.get(f"{PATH}?number=3")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}/3")
    last = house.settled()
    for wrong in ("0", str(last + 1), "three", "9" * 30, "-1", "²", "0" * 16 + "1" * 5_000):
        page = shown(olga, f"{PATH}?number={wrong}")
        assert f"from 1 to {last}" in text_of(page)
        assert f'value="{wrong}"' in page.text
    for wrong in ("order", "deal"):
        assert "digits only" in text_of(shown(olga, f"{PATH}?{wrong}=x"))


def test_search_by_order_deal_command_actor_and_client_id(house: TradersHouse) -> None:
    sold = place(house, "alfa", SESSION, "sell", "110.00", "5")
    made = house.enter("t-beta").post(
        "/api/v1/commands/place_order", json=order("buy", "110.00", "5"), headers={"Idempotency-Key": "look-for-me"}
    )
    deal = next(it["deal"] for it in made.json()["events"] if it["event"] == "deal_made")
    olga = house.browser("olga")

    def numbers(query: str) -> set[int]:
        return {int(it) for it in re.findall(rf'href="{PATH}/(\d+)"', shown(olga, f"{PATH}?{query}").text)}

    number = made.json()["number"]
    accepted = rest(house, f"/orders/{sold}")["accepted"]
    assert numbers(f"order={sold}") == {accepted, number}
    assert number in numbers(f"deal={deal}")
    assert numbers("client_id=look-for-me") == {number}
    assert numbers("actor=t-beta&command=place_order") >= {number}
    assert accepted not in numbers("actor=t-beta")
    assert number not in numbers("outcome=rejected")
    assert numbers("command=no_such_command") == set()
    probed = olga.get(PATH, params={"client_id": PROBE, "actor": PROBE})
    assert probed.status_code == 200
    assert "<img src=x" not in probed.text
    assert "&lt;img src=x" in probed.text
    assert str(number) in olga.get(f"{PATH}?actor=t-beta&format=csv").text


def test_the_proof_holds_without_the_exchange(house: TradersHouse, tmp_path: Path) -> None:
    number = rest(house, f"/sessions/{SESSION}/events")["items"][0]["number"]
    answer = house.browser("anton").get(f"{PATH}/{number}/proof")
    assert answer.status_code == 200
    file = tmp_path / f"record-{number}.proof"
    file.write_bytes(answer.content)

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kirmash", "verify", "--proof", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )

    good = check()
    assert good.returncode == 0, good.stderr
    assert answer.json()["head"]["hash"] in good.stdout
    file.write_text(answer.text.replace(answer.json()["record"][:40], "0" * 40))
    assert check().returncode != 0
    assert house.browser("anton").get(f"{PATH}/999999/proof").status_code == 404
    assert "kirmash verify --proof" in text_of(shown(house.browser("anton"), "/desk/journal-checking"))


def test_it_is_closed_to_participants(house: TradersHouse) -> None:
    for name in ("t-alfa", "a-alfa"):
        browser = house.browser(name)
        for path in (PATH, f"{PATH}/1", f"{PATH}/1/proof", "/desk/journal-checking"):
            assert browser.get(path).status_code == 403
    assert house.anonymous().get(f"{PATH}/1", headers={"Accept": "text/html"}).status_code == 303
