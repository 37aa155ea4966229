"""Commands over HTTP: repetition, rehearsal, refusals in the reader's language, four eyes, what is whose."""

import base64
import secrets
from typing import Any

import httpx
import pytest

from kirmash.gateway.api.commands import PROMISES
from kirmash.identity import Allowance
from kirmash.messages import codec, commands
from kirmash.office import reactors
from tests.gateway.house import API, INSTRUMENT, SESSION, House, give, order

PLACE = f"{API}/commands/place_order"


@pytest.fixture(scope="module")
def alfa(house: House) -> httpx.Client:
    return house.enter("t-alfa")


@pytest.fixture(scope="module")
def beta(house: House) -> httpx.Client:
    return house.enter("t-beta")


@pytest.fixture(scope="module")
def olga(house: House) -> httpx.Client:
    return house.enter("olga")


def state_of(house: House) -> tuple[int, str]:
    """Number and chain head: what any numbered command changes."""
    status = house.run(house.gateway._exchange.status())
    return status.number, status.head


def test_same_id_same_answer(house: House, alfa: httpx.Client) -> None:
    """PS-8: the same id with the same content gets the stored answer and no second effect."""
    body, head = order("sell", "120.00", "3"), {"Idempotency-Key": "repeat-1"}
    first = alfa.post(PLACE, json=body, headers=head)
    number = house.settled()
    second = alfa.post(PLACE, json=body, headers=head)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.headers["Idempotency-Key"] == "repeat-1"
    assert house.core.published == number


def test_repeated_answer_is_the_same_once_the_gateway_has_forgotten(house: House, alfa: httpx.Client) -> None:
    """What the feed no longer remembers is made again from record and views: byte for byte the same."""
    placed = give(alfa, "place_order", **order("sell", "121.00", "2"))["events"][0]["order"]
    head = {"Idempotency-Key": "repeat-2"}
    first = alfa.post(f"{API}/commands/cancel_order", json={"order": placed}, headers=head)
    house.settled()
    house.gateway.feed._recent.clear()
    second = alfa.post(f"{API}/commands/cancel_order", json={"order": placed}, headers=head)
    assert first.json()["events"][0]["quantity"] == "2"
    assert first.json() == second.json()


def test_what_needs_views_that_cannot_be_read_is_asked_again(house: House, alfa: httpx.Client) -> None:
    """No order's decimals are known without them; the command's effect is not in doubt, and the same id shows it."""
    placed = give(alfa, "place_order", **order("sell", "122.00", "2"))["events"][0]["order"]
    head, body = {"Idempotency-Key": "repeat-3"}, {"order": placed}
    first = alfa.post(f"{API}/commands/cancel_order", json=body, headers=head)
    number = house.settled()
    house.gateway.feed._recent.clear()
    views = house.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        refused = [
            alfa.post(f"{API}/commands/cancel_order", json=body, headers=head),
            alfa.post(f"{API}/commands/cancel_order", params={"dry_run": "true"}, json=body),
            house.enter("olga").get(f"{API}/commands/{number}"),
        ]
    finally:
        aside.rename(views)
    assert [(it.status_code, it.json()["code"]) for it in refused] == [(503, "views_unavailable")] * 3
    assert all(it.headers["Retry-After"] == "1" for it in refused)
    assert alfa.post(f"{API}/commands/cancel_order", json=body, headers=head).json() == first.json()


def test_what_is_open_is_known_without_the_views(house: House, alfa: httpx.Client) -> None:
    """The end of a session speaks of tens of thousands of orders, each of which is open until then."""
    placed = give(alfa, "place_order", **order("sell", "123.00", "2"))["events"][0]["order"]
    house.settled()
    asked = [(alfa, "cancel_order", {"order": placed}),
             (house.enter("olga"), "cancel_session", {"session": SESSION, "reason": "r"})]  # fmt: skip
    path, dry = f"{API}/commands", {"dry_run": "true"}
    views = house.config.data / "views.db"
    aside = views.rename(views.with_name("aside.db"))
    try:
        told = [who.post(f"{path}/{name}", params=dry, json=body) for who, name, body in asked]
    finally:
        aside.rename(views)
    assert [it.status_code for it in told] == [200, 200]
    for answer, (who, name, body) in zip(told, asked, strict=True):
        lines = [it for it in answer.json()["events"] if it["event"] == "order_cancelled"]
        assert ("2", placed) in [(it["quantity"], it["order"]) for it in lines]
        assert answer.json() == who.post(f"{path}/{name}", params=dry, json=body).json()


def test_id_reused_names_the_field(alfa: httpx.Client) -> None:
    head = {"Idempotency-Key": "reused-1"}
    assert alfa.post(PLACE, json=order("sell", "122.00", "1"), headers=head).status_code == 200
    again = alfa.post(PLACE, json=order("sell", "123.00", "1"), headers=head)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "id_reused", "price")


def test_dry_run_changes_nothing(house: House, alfa: httpx.Client, beta: httpx.Client) -> None:
    give(alfa, "place_order", **order("sell", "90.00", "5"))
    house.settled()
    before = state_of(house)
    told = beta.post(PLACE, params={"dry_run": "true"}, json=order("buy", "90.00", "2")).json()
    assert [line["event"] for line in told["events"]][:2] == ["order_accepted", "deal_made"]
    assert told["events"][1]["quantity"] == "2"
    assert told["events"][0]["order"] is None
    assert state_of(house) == before
    real = give(beta, "place_order", **order("buy", "90.00", "2"))
    names = [line["event"] for line in real["events"]]
    assert names == [line["event"] for line in told["events"]]


def test_dry_run_of_a_reject_explains(house: House, beta: httpx.Client) -> None:
    before = state_of(house)
    answer = beta.post(
        PLACE, params={"dry_run": "true"}, json=order("buy", "90.001", "2"), headers={"Accept-Language": "ru"}
    ).json()
    assert answer["rejected"] is True
    reason = answer["events"][0]["reasons"][0]
    assert (reason["reason"], reason["limit"]) == ("price_off_grid", "0.01")
    assert "шаг" in reason["text"].lower()
    assert state_of(house) == before


def test_a_deal_never_shows_the_other_side(house: House, alfa: httpx.Client, beta: httpx.Client) -> None:
    """DESIGN: anonymity. Neither answer, nor what is asked later, nor the rehearsal names the rival."""
    resting = give(alfa, "place_order", **order("sell", "80.00", "4"))
    dry = beta.post(PLACE, params={"dry_run": "true"}, json=order("buy", "80.00", "4"))
    taken = beta.post(PLACE, json=order("buy", "80.00", "4"))
    number = taken.json()["number"]
    house.settled()
    later = beta.get(f"{API}/commands/{number}")
    house.gateway.feed._recent.clear()
    much_later = beta.get(f"{API}/commands/{number}")
    for answer in (dry, taken, later, much_later):
        assert answer.status_code == 200
        assert b"alfa" not in answer.content
        for line in answer.json()["events"]:
            assert resting["events"][0]["order"] not in (line.get("order"), line.get("sell_order"))
    assert later.json()["events"] == much_later.json()["events"] == taken.json()["events"]


def test_reject_is_a_numbered_answer(house: House, beta: httpx.Client) -> None:
    answer = beta.post(PLACE, json=order("buy", "90.001", "1.5"), headers={"Idempotency-Key": "reject-1"})
    shown = answer.json()
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (shown["code"], shown["client_id"]) == ("rejected", "reject-1")
    assert shown["number"] == house.settled()
    assert {reason["reason"] for reason in shown["reasons"]} >= {"price_off_grid", "quantity_off_grid"}
    assert all(reason["rule"] and reason["cure"] and reason["text"] for reason in shown["reasons"])


BAD: list[tuple[str, bytes, int, str, str | None]] = [
    ("not JSON", b"{", 400, "shape", None),
    ("not an object", b"[]", 400, "shape", None),
    ("not UTF-8", b'{"session":"\xff"}', 400, "shape", None),
    ("twice", b'{"session":"a","session":"b"}', 400, "shape", "session"),
    ("unknown field", b'{"prise":"1"}', 400, "shape", "prise"),
    ("number for decimal", b'{"session":"s","instrument":"i","side":"buy","price":1.5}', 400, "shape", "price"),
    ("unknown enum", b'{"session":"s","instrument":"i","side":"bye"}', 400, "shape", "side"),
    ("missing", b"{}", 400, "shape", "session"),
    ("null", b'{"session":null}', 400, "shape", "session"),
    ("empty text", b'{"session":""}', 400, "shape", "session"),
]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("what", "body", "status", "code", "field"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_says_what_where_why_and_how(
    alfa: httpx.Client, what: str, body: bytes, status: int, code: str, field: str | None, language: str
) -> None:
    del what
    answer = alfa.post(PLACE, content=body, headers={"Accept-Language": language})
    shown = answer.json()
    assert (answer.status_code, shown["code"], shown.get("field")) == (status, code, field)
    assert answer.headers["Content-Language"] == language
    assert shown["rule"].startswith("PS-")
    for name in ("title", "detail", "cure"):
        assert is_russian(shown[name]) == (language == "ru"), (name, shown[name])


def is_russian(text: str) -> bool:
    return any("а" <= letter <= "я" for letter in text.lower())


@pytest.mark.parametrize("bad", ["x" * 37, "two words", "ключ".encode().decode("latin-1"), ""])
def test_bad_client_id(alfa: httpx.Client, bad: str) -> None:
    answer = alfa.post(PLACE, json=order("sell", "1.00", "1"), headers=[(b"Idempotency-Key", bad.encode("latin-1"))])
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_body_above_a_frame_is_refused(alfa: httpx.Client) -> None:
    """PS-9: a frame has at most 1 MiB."""
    answer = alfa.post(PLACE, content=b" " * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert alfa.post(PLACE, content=b" " * (1024 * 1024)).status_code == 400


def test_texts_are_taken_in_normal_form(house: House, olga: httpx.Client) -> None:
    """PS-8.6: doors normalise to NFC and trim."""
    give(olga, "register_participant", participant="e\u0301poque", name="  Maison  ", country="FR", resident=False,
         kinds=["visitor"])  # fmt: skip
    house.settled()
    found = olga.get(f"{API}/participants/\u00e9poque").json()
    assert (found["participant"], found["name"]) == ("\u00e9poque", "Maison")


def test_effective_is_pending_and_then_the_follow_up(house: House, olga: httpx.Client) -> None:
    """PS-7.3."""
    answer = give(olga, "credit_deposit", participant="alfa", currency="USD", amount="5.00")
    assert answer["effective"] == "pending"
    house.settled()
    found = olga.get(f"{API}/commands/{answer['number']}").json()
    follow_up = found["follow_ups"][0]
    assert (follow_up["command"], found["effective"]) == ("credit", follow_up["number"])
    assert follow_up["number"] > answer["number"]


def test_promises_are_those_of_the_reactors() -> None:
    """Every office command with a reactor promises an effect in the market, and no other does."""
    reacting: set[str] = set()
    for name in dir(reactors):
        table = getattr(reactors, name)
        if isinstance(table, dict):
            reacting |= {codec.name_of(kind) for kind in table if kind in commands.OFFICE_COMMANDS}
    assert reacting - {"open_contracts", "settle_request"} == PROMISES


def test_four_eyes(house: House, olga: httpx.Client) -> None:
    oleg = house.enter("oleg")
    before = house.settled()
    body = {"participant": "alfa", "currency": "USD", "amount": "1000000.01"}
    proposed = olga.post(f"{API}/commands/credit_deposit", json=body, params={"reason": "a bank transfer"})
    assert proposed.status_code == 202
    assert house.core.published == before
    proposal = proposed.json()["proposal"]["id"]
    own = olga.post(f"{API}/proposals/{proposal}/approve")
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")
    approved = oleg.post(f"{API}/proposals/{proposal}/approve")
    assert approved.status_code == 200
    number = approved.json()["number"]
    assert number == before + 1
    assert oleg.post(f"{API}/proposals/{proposal}/approve").status_code == 409
    house.settled()
    record = olga.get(f"{API}/journal/{number}").json()
    assert record["origin"].startswith("four-eyes/")
    listed = olga.get(f"{API}/proposals").json()["items"]
    assert next(it for it in listed if it["id"] == proposal)["number"] == number
    dry = olga.post(f"{API}/commands/credit_deposit", json=body, params={"dry_run": "true"})
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)


def test_a_proposal_asked_for_again_is_the_same_one(olga: httpx.Client) -> None:
    """PS-8: who had no answer repeats his command with its id; two proposals would be two credits."""
    path, head = f"{API}/commands/credit_deposit", {"Idempotency-Key": "big-1"}
    body = {"participant": "alfa", "currency": "USD", "amount": "2000000.00"}
    first, again = (olga.post(path, json=body, headers=head) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    other = olga.post(path, json=body | {"amount": "3000000.00"}, headers=head)
    assert (other.status_code, other.json()["code"]) == (409, "id_reused")
    proposal = first.json()["proposal"]["id"]
    assert olga.post(f"{API}/proposals/{proposal}/decline", json={"reason": "a trial"}).status_code == 200
    assert olga.post(path, json=body, headers=head).json()["proposal"]["state"] == "declined"
    without = [olga.post(path, json=body).json()["proposal"]["id"] for _ in range(2)]
    assert len({proposal, *without}) == 3


def test_what_was_proposed_is_not_given_at_once_under_the_same_id(house: House, olga: httpx.Client) -> None:
    """The proposal stays open: approved later, the credit would be entered a second time."""
    path, head = f"{API}/commands/credit_deposit", {"Idempotency-Key": "big-2"}
    body = {"participant": "alfa", "currency": "USD", "amount": "2000000.00"}
    assert olga.post(path, json=body, headers=head).status_code == 202
    before = house.settled()
    smaller = olga.post(path, json=body | {"amount": "1.00"}, headers=head)
    assert (smaller.status_code, smaller.json()["code"]) == (409, "id_reused")
    assert house.core.published == before
    assert olga.post(path, json=body | {"amount": "1.00"}).status_code == 200


def test_one_operator_cannot_be_both(house: House, olga: httpx.Client) -> None:
    """Four eyes is worth nothing if one of the two can give himself the other's means of access, or make a third."""
    oleg, anton = (house.enter(name).get(f"{API}/me").json()["login"] for name in ("oleg", "anton"))
    mine = olga.get(f"{API}/me").json()["login"]
    public = base64.b64encode(secrets.token_bytes(31) + bytes(1)).decode()
    tried = [
        *(olga.post(f"{API}/logins/{it}/reset", json={"second_factor": True}) for it in (oleg, anton, mine)),
        *(olga.post(f"{API}/logins", json={"name": "third", "role": role}) for role in ("operator", "auditor")),
        *(olga.post(f"{API}/keys", json={"public": public, "label": "x", "login": it}) for it in (oleg, anton)),
    ]
    assert [(it.status_code, it.json()["code"]) for it in tried] == [(403, "not_allowed")] * len(tried)
    assert all("command line" in it.json()["cure"] and "password" not in it.json() for it in tried)
    assert olga.get(f"{API}/logins", params={"name": "third"}).json()["items"] == []
    assert house.enter("oleg").get(f"{API}/me").json()["login"] == oleg, "his session goes on"
    trader = house.enter("t-delta").get(f"{API}/me").json()["login"]
    assert olga.post(f"{API}/logins/{trader}/reset", json={}).status_code == 200


def test_a_kill_switch_gives_its_cancellations_together(house: House, olga: httpx.Client) -> None:
    """One command at a time, each waits for the disk: the last of many is cancelled late."""
    give(house.enter("t-gamma"), "place_order", **order("buy", "11.00", "1", client="c-gamma"))
    for n in range(3):
        give(olga, "appoint_trader", trader=f"gamma-{n}", participant="gamma")
    house.settled()
    exchange = house.gateway._exchange
    with pytest.MonkeyPatch.context() as seen:
        together: list[int] = []
        submit_many = exchange.submit_many

        async def counted(commands: Any) -> Any:
            together.append(len(commands))
            return await submit_many(commands)

        seen.setattr(exchange, "submit_many", counted)
        switch = {"kind": "participant", "subject": "gamma", "on": True, "reason": "too fast"}
        switched = olga.post(f"{API}/switches", json=switch).json()
    assert together == [4]
    assert {it["trader"]: it["cancelled"] for it in switched["cancellations"]} == {
        "gamma-0": 0, "gamma-1": 0, "gamma-2": 0, "t-gamma": 1}  # fmt: skip
    numbers = [it["number"] for it in switched["cancellations"]]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert olga.post(f"{API}/switches", json=switch | {"on": False}).status_code == 200


def test_a_kill_switch_counts_as_a_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be many records."""
    before = house.settled()
    never = Allowance(name="commands", allowed=False, limit=1, remaining=0, reset=9, window=9, retry_after=9)
    monkeypatch.setattr(house.gateway._identity, "throttle", lambda _: never)
    switch = {"kind": "trader", "subject": "t-alfa", "on": True, "reason": "to and fro"}
    answer = house.enter("a-alfa").post(f"{API}/switches", json=switch)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, "throttled", "9")
    assert house.settled() == before
    assert "to and fro" not in house.enter("olga").get(f"{API}/switches").text


def test_declined_proposal_gives_nothing(house: House, olga: httpx.Client) -> None:
    body = {"session": SESSION, "reason": "a test"}
    proposed = olga.post(f"{API}/commands/cancel_session", json=body)
    before = house.settled()
    proposal = proposed.json()["proposal"]["id"]
    declined = olga.post(f"{API}/proposals/{proposal}/decline", json={"reason": "not today"})
    assert declined.json()["state"] == "declined"
    assert house.core.published == before


def test_others_commands_are_not_there(house: House, alfa: httpx.Client, beta: httpx.Client) -> None:
    number = give(alfa, "place_order", **order("sell", "140.00", "1"))["number"]
    mine = alfa.get(f"{API}/commands/{number}")
    assert mine.json()["by"] == "t-alfa"
    other, nothing = beta.get(f"{API}/commands/{number}"), beta.get(f"{API}/commands/999999999")
    assert other.status_code == nothing.status_code == 404
    assert without_type(other) == without_type(nothing)
    assert house.enter("a-alfa").get(f"{API}/commands/{number}").status_code == 200
    assert house.enter("anton").get(f"{API}/commands/{number}").status_code == 200


def without_type(answer: httpx.Response) -> Any:
    return answer.json()


def test_only_own_order_is_cancelled_and_nothing_is_told_of_it(alfa: httpx.Client, beta: httpx.Client) -> None:
    placed = give(alfa, "place_order", **order("sell", "141.00", "1"))["events"][0]["order"]
    answer = beta.post(f"{API}/commands/cancel_order", json={"order": placed})
    assert [reason["reason"] for reason in answer.json()["reasons"]] == ["not_owner"]
    assert b"alfa" not in answer.content


def test_shown_instrument(house: House, alfa: httpx.Client) -> None:
    assert alfa.get(f"{API}/instruments/{INSTRUMENT}").json()["tick"] == "0.01"
    del house


def test_a_misspelt_command_is_told_its_neighbour(house: House) -> None:
    answer = house.enter("olga").post(f"{API}/commands/grant_permision", json={})
    assert answer.status_code == 404
    assert "grant_permission" in answer.json()["cure"]
