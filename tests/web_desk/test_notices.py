"""Notices: written at the desk in both languages, public at once, withdrawn with a reason; the same by REST."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kirmash.bootstrap import backup_exchange
from kirmash.bulletin import Bulletin
from tests.gateway.house import SESSION
from tests.web_desk.running import PROBE, followed, form_at, place, rest, running_house, send, shown
from tests.web_terminal.house import TradersHouse, text_of

PATH = "/desk/notices"
TEXTS = {"title_en": "No session on 3 July", "title_ru": "3 июля торгов нет", "text_en": "A public holiday.\nSee you.",
         "text_ru": "Нерабочий день.\nДо встречи."}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-notices")) as made:
        yield made


def titles(house: TradersHouse, path: str, language: str) -> str:
    """What everybody reads there."""
    return text_of(house.anonymous().get(path, headers={"Accept": "text/html", "Accept-Language": language}))


def test_a_notice_is_public_at_once_in_both_languages(house: TradersHouse) -> None:
    olga = house.browser("olga")
    page = followed(olga, send(olga, PATH, PATH, **TEXTS))
    assert "The notice is public" in text_of(page)
    for path in ("/", "/notices"):
        assert TEXTS["title_en"] in titles(house, path, "en")
        assert TEXTS["title_ru"] in titles(house, path, "ru")
        assert TEXTS["title_ru"] not in titles(house, path, "en")
    said = house.anonymous().get("/api/v1/notices").json()["items"][0]
    assert {name: said[name] for name in TEXTS} == TEXTS
    assert not {"by", "reason", "withdrawn_by"} & said.keys()
    assert rest(house, "/notices")["items"][0]["by"].startswith("op-")


def test_a_double_click_publishes_once(house: TradersHouse) -> None:
    olga = house.browser("olga")
    before = len(rest(house, "/notices")["items"])
    form = form_at(shown(olga, PATH), PATH)
    for _ in range(2):
        followed(olga, form.post(olga, **{**TEXTS, "title_en": "Once"}))
    assert len(rest(house, "/notices")["items"]) == before + 1
    other = form.post(olga, **{**TEXTS, "title_en": "Another with the old id"})
    assert other.status_code == 409
    assert form_at(other, PATH).fields["title_en"] == "Another with the old id"
    followed(olga, form_at(other, PATH).post(olga, text_en="x", text_ru="x"))


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(house: TradersHouse) -> None:
    olga = house.browser("olga")
    answer = send(olga, PATH, PATH, **{**TEXTS, "title_ru": "", "text_en": "x" * 2_001})
    assert answer.status_code == 422
    assert 'id="help-notice-title_ru"' in answer.text
    assert "At most 2,000 characters" in text_of(answer)
    assert form_at(answer, PATH).fields["title_en"] == TEXTS["title_en"]
    assert "x" * 2_001 in answer.text


def test_markup_stays_text(house: TradersHouse) -> None:
    olga = house.browser("olga")
    followed(olga, send(olga, PATH, PATH, **{name: f"{text} {PROBE}" for name, text in TEXTS.items()}))
    for path in ("/", "/notices"):
        page = house.anonymous().get(path)
        assert "<img src=x" not in page.text
        assert "&lt;img src=x" in page.text
        # As it was typed: a template that computed it would have put another text there.
        assert "{{7*7}}" in page.text


def test_a_notice_is_withdrawn_with_a_reason(house: TradersHouse) -> None:
    olga = house.browser("olga")
    followed(olga, send(olga, PATH, PATH, **{**TEXTS, "title_en": "A wrong one", "title_ru": "Ошибочное"}))
    number = rest(house, "/notices")["items"][0]["notice"]
    path = f"{PATH}/{number}"
    empty = send(olga, path, f"{path}/withdraw", reason="")
    assert empty.status_code == 422
    assert "is needed" in text_of(empty)
    followed(olga, send(olga, path, f"{path}/withdraw", reason="a wrong day"))
    for language, title in (("en", "A wrong one"), ("ru", "Ошибочное")):
        assert title not in titles(house, "/", language)
        assert title not in titles(house, "/notices", language)
    page = shown(olga, path)
    assert "a wrong day" in text_of(page)
    assert f'action="{path}/withdraw"' not in page.text
    assert number not in [it["notice"] for it in house.anonymous().get("/api/v1/notices").json()["items"]]
    assert number in [it["notice"] for it in rest(house, "/notices", "anton", withdrawn=True)["items"]]
    assert house.anonymous().get("/api/v1/notices?withdrawn=true").status_code == 403
    assert house.enter("t-alfa").get("/api/v1/notices?withdrawn=true").status_code == 403


def test_what_an_operator_notes_on_a_record_makes_no_gap_in_the_numbers(house: TradersHouse) -> None:
    olga = house.browser("olga")

    def published() -> int:
        followed(olga, send(olga, PATH, PATH, **TEXTS))
        number: int = house.anonymous().get("/api/v1/notices").json()["items"][0]["notice"]
        return number

    before = published()
    order = place(house, "alfa", SESSION, "sell", "100.00", "7")
    path = f"/desk/orders/{order}/cancel"
    followed(olga, send(olga, path, path, reason="he asked by telephone"))
    assert published() == before + 1


def test_by_rest(house: TradersHouse) -> None:
    olga = house.enter("olga")
    made = olga.post("/api/v1/notices", json=TEXTS, headers={"Idempotency-Key": "rest-1"})
    assert made.status_code == 201, made.text
    again = olga.post("/api/v1/notices", json=TEXTS, headers={"Idempotency-Key": "rest-1"})
    assert again.json() == made.json()
    other = olga.post("/api/v1/notices", json={**TEXTS, "text_en": "x"}, headers={"Idempotency-Key": "rest-1"})
    assert (other.status_code, other.json()["code"]) == (409, "id_reused")
    assert olga.post("/api/v1/notices", json={**TEXTS, "title_en": ""}).status_code == 400
    assert olga.post("/api/v1/notices", json={**TEXTS, "html": "<b>"}).status_code == 400
    number = made.json()["notice"]
    gone = olga.post(f"/api/v1/notices/{number}/withdraw", json={"reason": "a test"})
    assert (gone.status_code, gone.json()["reason"]) == (200, "a test")
    twice = olga.post(f"/api/v1/notices/{number}/withdraw", json={"reason": "a test"})
    assert (twice.status_code, twice.json()["code"]) == (409, "conflict")
    assert olga.post("/api/v1/notices/999999/withdraw", json={"reason": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["anton", "t-alfa", "a-alfa"])
def test_nobody_else_writes(house: TradersHouse, name: str) -> None:
    client = house.enter(name)
    assert client.post("/api/v1/notices", json=TEXTS).status_code == 403
    assert client.post("/api/v1/notices/1/withdraw", json={"reason": "x"}).status_code == 403
    token = client.headers["X-CSRF-Token"]
    for path in (PATH, f"{PATH}/1/withdraw"):
        assert client.post(path, data={"csrf": token, **TEXTS, "reason": "x"}).status_code == 403


def test_an_auditor_reads_them_without_a_form(house: TradersHouse) -> None:
    anton = house.browser("anton")
    for path in (PATH, f"{PATH}/1"):
        assert 'method="post" action="/desk' not in shown(anton, path).text
    assert anton.get(f"{PATH}/999").status_code == 404
    exported = anton.get(f"{PATH}?format=csv").text
    assert ",olga," in exported, "who wrote it, by the name of his login"
    assert "op-" not in exported


def test_a_backup_holds_them(house: TradersHouse, tmp_path: Path) -> None:
    expected = rest(house, "/notices", withdrawn=True)["items"]
    backup_exchange(house.config.data, tmp_path / "copy")
    copy = Bulletin(tmp_path / "copy" / "notices.db")
    assert [it.notice for it in copy.notices(withdrawn=True)] == [it["notice"] for it in expected]
    copy.close()
