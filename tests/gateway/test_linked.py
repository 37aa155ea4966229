"""The same doors over the Unix socket to a core: commands, rehearsals, records, and what happens when the core goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kirmash.journal.proof import check_proof
from tests.gateway.house import API, House, give, order


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    path: Path = tmp_path_factory.mktemp("l")
    with House(path, linked=True) as made:
        made.people()
        made.prepare()
        yield made


def test_a_command_its_record_and_its_proof(linked: House) -> None:
    alfa, auditor = linked.enter("t-alfa"), linked.enter("anton")
    head = {"Idempotency-Key": "linked-1"}
    body = order("sell", "100.00", "2")
    first = alfa.post(f"{API}/commands/place_order", json=body, headers=head)
    assert first.status_code == 200, first.text
    number = first.json()["number"]
    linked.settled()
    again = alfa.post(f"{API}/commands/place_order", json=body, headers=head)
    assert again.json() == first.json()
    assert alfa.get(f"{API}/commands/{number}").json()["events"] == first.json()["events"]
    assert check_proof(auditor.get(f"{API}/journal/{number}/proof").content).record.number == number
    assert auditor.get(f"{API}/journal/999999").status_code == 404


def test_a_rehearsal(linked: House) -> None:
    beta = linked.enter("t-beta")
    before = linked.settled()
    told = beta.post(f"{API}/commands/place_order", params={"dry_run": "true"}, json=order("buy", "1.00", "1"))
    assert told.json()["events"][0]["event"] == "order_accepted"
    assert linked.settled() == before


def test_refusals_keep_their_code_and_field(linked: House) -> None:
    alfa = linked.enter("t-alfa")
    head = {"Idempotency-Key": "linked-2"}
    alfa.post(f"{API}/commands/place_order", json=order("sell", "101.00", "2"), headers=head)
    reused = alfa.post(f"{API}/commands/place_order", json=order("sell", "101.00", "3"), headers=head)
    assert (reused.json()["code"], reused.json()["field"]) == ("id_reused", "quantity")


def test_follow_ups_are_found(linked: House) -> None:
    answer = give(linked.enter("olga"), "credit_deposit", participant="alfa", currency="USD", amount="2.00")
    linked.settled()
    found = linked.enter("olga").get(f"{API}/commands/{answer['number']}").json()
    assert isinstance(found["effective"], int)


def test_without_a_core_nothing_is_taken_and_the_doors_say_so(linked: House) -> None:
    """The last test: the socket is closed under the gateway."""
    alfa = linked.enter("t-alfa")

    async def cut() -> None:
        assert linked._link is not None
        await linked._link.close()

    linked.run(cut())
    answer = alfa.post(f"{API}/commands/place_order", json=order("sell", "100.00", "2"))
    assert answer.status_code == 503
    assert answer.json()["code"] in ("unavailable", "outcome_unknown")
    ready = alfa.get("/readyz")
    assert ready.status_code == 503
    assert [check["name"] for check in ready.json()["checks"] if not check["good"]] == ["core"]
    assert alfa.get("/healthz").status_code == 200
    assert alfa.get(f"{API}/orders").status_code == 200


def test_an_approved_proposal_that_could_not_be_given_is_given_by_approving_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash or closed doors between approval and answer: no second effect, and it is not lost."""
    with House(tmp_path) as house:
        house.people()
        house.prepare()
        olga, oleg = house.enter("olga"), house.enter("oleg")
        body = {"participant": "alfa", "currency": "USD", "amount": "2000000.00"}
        proposal = olga.post(f"{API}/commands/credit_deposit", json=body).json()["proposal"]["id"]
        before = house.settled()
        monkeypatch.setattr(house.core._disk, "look", lambda: "a test")
        house.core._closed_for = "a test"
        refused = oleg.post(f"{API}/proposals/{proposal}/approve")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        house.run(house.services.settle_proposals())
        assert house.core.published == before
        monkeypatch.undo()
        house.core._closed_for = None
        given = oleg.post(f"{API}/proposals/{proposal}/approve")
        assert (given.status_code, given.json()["number"]) == (200, before + 1)
