"""Views over HTTP: pages, filters, min_number, market data; and how the exchange itself is."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from kirmash.projections.projector import Projector
from tests.gateway.house import API, INSTRUMENT, SESSION, House, Json, give, order


@pytest.fixture(scope="module")
def alfa(house: House) -> httpx.Client:
    client = house.enter("t-alfa")
    for price in range(100, 112):
        give(client, "place_order", **order("sell", f"{price}.00", "1"))
    house.settled()
    return client


def test_pages_hold_each_row_once(alfa: httpx.Client) -> None:
    whole = [row["order"] for row in alfa.get(f"{API}/orders").json()["items"]]
    paged, cursor, pages = [], None, 0
    while True:
        params = {"limit": "5"} | ({"cursor": cursor} if cursor else {})
        page = alfa.get(f"{API}/orders", params=params).json()
        assert len(page["items"]) <= 5
        paged += [row["order"] for row in page["items"]]
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    assert (paged, pages) == (whole, 3)


def test_rows_that_come_between_pages_shift_nothing(house: House, alfa: httpx.Client) -> None:
    first = alfa.get(f"{API}/orders", params={"limit": "5"}).json()
    give(alfa, "place_order", **order("sell", "150.00", "1"))
    house.settled()
    second = alfa.get(f"{API}/orders", params={"limit": "5", "cursor": first["next"]}).json()
    assert not {row["order"] for row in first["items"]} & {row["order"] for row in second["items"]}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "!!"}, "cursor"),
        ({"min_number": "-1"}, "min_number"),
        ({"min_number": "9007199254740992"}, "min_number"),
        ({"side": "up"}, "side"),
        ({"open": "perhaps"}, "open"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_questions_name_the_parameter(alfa: httpx.Client, params: dict[str, str], field: str) -> None:
    answer = alfa.get(f"{API}/orders", params=params)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (400, "shape", field)


def test_a_cursor_of_another_list_is_refused(alfa: httpx.Client) -> None:
    cursor = alfa.get(f"{API}/orders", params={"limit": "1"}).json()["next"]
    assert alfa.get(f"{API}/deals", params={"cursor": cursor}).status_code == 400


def test_min_number_waits_for_ones_own_command(alfa: httpx.Client) -> None:
    """PS-7.3: whoever asks with the number of his answer sees its effect."""
    for price in range(300, 310):
        placed = give(alfa, "place_order", **order("sell", f"{price}.00", "1"))
        page = alfa.get(f"{API}/orders", params={"min_number": placed["number"], "limit": "1"}).json()
        assert page["items"][0]["order"] == placed["events"][0]["order"]
        assert page["number"] >= placed["number"]


def test_views_behind_say_both_numbers(house: House, alfa: httpx.Client) -> None:
    number = house.settled()
    answer = alfa.get(f"{API}/orders", params={"min_number": number + 1000})
    shown = answer.json()
    assert (answer.status_code, shown["code"]) == (503, "views_behind")
    assert (shown["number"], shown["min_number"]) == (number, number + 1000)
    assert answer.headers["Retry-After"] == "1"


def test_book_and_depth(house: House, alfa: httpx.Client) -> None:
    anybody = house.anonymous()
    book = anybody.get(f"{API}/sessions/{SESSION}/book/{INSTRUMENT}").json()
    best = min(float(row["price"]) for row in alfa.get(f"{API}/orders", params={"limit": "500"}).json()["items"])
    assert float(book["asks"][0][0]) == best
    cut = anybody.get(f"{API}/sessions/{SESSION}/book/{INSTRUMENT}", params={"depth": "2"}).json()
    assert cut["asks"] == book["asks"][:2]
    assert cut["checksum"] == book["checksum"]
    assert anybody.get(f"{API}/sessions/none/book/{INSTRUMENT}").status_code == 404


def test_results_tape_and_bars(house: House, alfa: httpx.Client) -> None:
    beta = house.enter("t-beta")
    give(beta, "place_order", **order("buy", "100.00", "1"))
    house.settled()
    anybody = house.anonymous()
    where = {"session": SESSION, "instrument": INSTRUMENT}
    tape = anybody.get(f"{API}/tape", params=where).json()["items"]
    assert [(line["price"], line["quantity"], line["aggressor"]) for line in tape] == [("100.00", "1", "buy")]
    result = anybody.get(f"{API}/sessions/{SESSION}/results").json()["items"][0]
    assert (result["deals"], result["volume"], result["weighted"]) == (1, "1", "100.00")
    bars = anybody.get(f"{API}/bars", params=where).json()["items"]
    assert [(bar["first"], bar["volume"]) for bar in bars] == [("100.00", "1")]
    assert anybody.get(f"{API}/sessions/none/results").status_code == 404
    mine = alfa.get(f"{API}/sessions/{SESSION}/register").json()["items"]
    assert [(line["seller"], line["buyer"]) for line in mine] == [("alfa", None)]


def test_statement_tells_why(house: House) -> None:
    beta = house.enter("a-beta")
    lines = beta.get(f"{API}/statement").json()["items"]
    assert lines[0]["free_change"] == "100000.00"
    operator = house.enter("olga")
    assert operator.get(f"{API}/statement").status_code == 400
    assert operator.get(f"{API}/statement", params={"participant": "beta"}).json()["items"] == lines


def test_order_history(house: House, alfa: httpx.Client) -> None:
    placed = give(alfa, "place_order", **order("sell", "160.00", "2"))["events"][0]["order"]
    give(alfa, "cancel_order", order=placed)
    house.settled()
    lines = alfa.get(f"{API}/orders/{placed}/history").json()["items"]
    assert [line["event"] for line in lines] == ["order_accepted", "order_rested", "order_cancelled"]


def test_journal_record_and_proof(house: House, alfa: httpx.Client) -> None:
    from kirmash.journal.proof import check_proof

    number = give(alfa, "place_order", **order("sell", "161.00", "2"))["number"]
    auditor = house.enter("anton")
    record = auditor.get(f"{API}/journal/{number}").json()
    assert (record["number"], record["actor"], record["command"]["command"]) == (number, "t-alfa", "place_order")
    proof = auditor.get(f"{API}/journal/{number}/proof")
    proved = check_proof(proof.content)
    assert proved.record.number == number
    assert proved.head == proof.json()["head"]["hash"]
    assert auditor.get(f"{API}/journal/999999").status_code == 404
    assert alfa.get(f"{API}/journal/{number}").status_code == 403


def test_reasons_in_both_languages(house: House) -> None:
    anybody = house.anonymous()
    english = anybody.get(f"{API}/reasons").json()["items"]
    russian = anybody.get(f"{API}/reasons", headers={"Accept-Language": "ru"}).json()["items"]
    assert [it["code"] for it in english] == [it["code"] for it in russian]
    assert all(a["text"] != b["text"] and a["cure"] != b["cure"] for a, b in zip(english, russian, strict=True))


# How the exchange is ---------------------------------------------------------------------------------------------


def test_health_and_readiness(house: House) -> None:
    anybody = house.anonymous()
    assert anybody.get("/healthz").json() == {"status": "alive"}
    ready = anybody.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert {check["name"] for check in ready.json()["checks"]} == {"core", "doors", "views", "clock", "disk"}


def views_check(house: House) -> tuple[int, Json]:
    ready = house.anonymous().get("/readyz")
    return ready.status_code, next(check for check in ready.json()["checks"] if check["name"] == "views")


def test_not_ready_while_no_view_can_be_read_or_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, as whoever keeps it running needs it."""
    house.settled()
    views = house.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        status, check = views_check(house)
    finally:
        aside.rename(views)
    assert (status, check["good"]) == (503, False)
    assert "cannot be read" in check["says"]
    with monkeypatch.context() as full:
        full.setattr(house.core._projecting, "failure", "database or disk is full")
        status, check = views_check(house)
    assert (status, check["good"]) == (503, False)
    assert "database or disk is full" in check["says"]
    assert views_check(house)[0] == 200


def test_not_ready_before_the_views_hold_what_the_core_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that was just started, on a folder whose views are still to be made: few records, so the lag is small."""
    with House(tmp_path) as before:
        before.people()
        before.prepare()
        number = before.settled()
    for file in before.config.data.glob("views.db*"):
        file.unlink()
    held, apply = threading.Event(), Projector.apply

    def waiting(self: Projector, entries: Sequence[Any]) -> None:
        held.wait(30)
        apply(self, entries)

    monkeypatch.setattr(Projector, "apply", waiting)
    with House(tmp_path) as after:
        try:
            status, check = views_check(after)
            assert (status, check["good"]) == (503, False), check
        finally:
            held.set()
        after.settled()
        assert after.core.published >= number
        status, check = views_check(after)
        assert (status, check["good"]) == (200, True), check
        assert after.anonymous().get(f"{API}/sessions").json()["items"]


def test_not_ready_while_the_doors_are_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # The disk is looked at every second; what it says has to stay.
    monkeypatch.setattr(house.core._disk, "look", lambda: "less than 2 % of the disk is free")
    house.core._closed_for = "less than 2 % of the disk is free"
    try:
        ready = house.anonymous().get("/readyz")
        assert ready.status_code == 503
        doors = next(check for check in ready.json()["checks"] if check["name"] == "doors")
        assert doors["good"] is False
        assert "disk" in doors["says"]
        refused = house.enter("t-alfa").post(f"{API}/commands/cancel_order", json={"order": 1})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Idempotency-Key"]
    finally:
        monkeypatch.undo()
        house.core._closed_for = None


def test_metrics_are_for_the_machine_itself_and_operators(house: House) -> None:
    anybody = house.anonymous()
    local = anybody.get("/metrics")
    assert local.status_code == 200
    assert b"kirmash_number" in local.content
    assert b"alfa" not in local.content
    behind_proxy = {"X-Forwarded-For": "192.0.2.1"}
    assert anybody.get("/metrics", headers=behind_proxy).status_code == 401
    assert house.enter("t-alfa").get("/metrics", headers=behind_proxy).status_code == 403
    assert house.enter("anton").get("/metrics", headers=behind_proxy).status_code == 200


def test_status_tells_more_to_auditors(house: House) -> None:
    assert house.anonymous().get(f"{API}/status").json().keys() == {"name", "exchange_id", "open", "reason"}
    assert house.enter("anton").get(f"{API}/status").json()["market"] == house.market


def test_unknown_path_and_method(house: House) -> None:
    anybody = house.anonymous()
    assert anybody.get(f"{API}/nothing").json()["code"] == "not_found"
    wrong = anybody.delete(f"{API}/time")
    assert (wrong.status_code, wrong.json()["code"], "GET" in wrong.headers["Allow"]) == (
        405,
        "method_not_allowed",
        True,
    )


def test_how_many_bid_is_told_to_nobody_before_the_end(tmp_path: Path) -> None:
    """MKD-01: names never, and numbers of bidders with the results. Oversight sees them at once."""
    counts = ("buy_participants", "sell_participants", "buy_bidders", "sell_bidders")
    heads = ("buyers", "sellers", "participants")
    with House(tmp_path) as house:
        house.people()
        house.prepare()
        give(house.enter("t-alfa"), "place_order", **order("sell", "100.00", "2"))
        give(house.enter("t-beta"), "place_order", **order("buy", "100.00", "1"))
        readers = [house.anonymous(), house.enter("t-alfa"), house.enter("a-beta")]

        def told(client: httpx.Client) -> tuple[list[Any], list[Any], list[Any]]:
            number = {"min_number": str(house.settled())}
            (result,) = client.get(f"{API}/sessions/{SESSION}/results", params=number).json()["items"]
            (bar,) = client.get(f"{API}/bars/sessions", params={"instrument": INSTRUMENT, **number}).json()["items"]
            (total,) = client.get(f"{API}/sessions/{SESSION}", params=number).json()["totals"]
            assert (result["deals"], bar["volume"], total["deals"]) == (1, "1", 1)
            return [result[it] for it in counts], [bar[it] for it in counts], [total[it] for it in heads]

        for reader in readers:
            assert told(reader) == ([None] * 4, [None] * 4, [None] * 3)
        assert told(house.enter("anton")) == ([1] * 4, [1] * 4, [1, 1, 2])
        house.advance(house.enter("olga"), ["TRADING", "CLOSING", "CLOSED"])
        for reader in readers:
            assert told(reader) == ([1] * 4, [1] * 4, [1, 1, 2])
