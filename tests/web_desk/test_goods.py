"""Goods on the desk: cards from the reference list or one's own, versions, instruments on them."""

import httpx
import pytest

from kirmash.web.desk_goods import attributes_in, following_version
from tests.gateway.house import INSTRUMENT
from tests.web_desk.house import Json, RecordsHouse, done, form_to, forms_of, post, text_of

NEW = "/desk/goods/new"


@pytest.fixture
def olga(records: RecordsHouse) -> httpx.Client:
    return records.browser("olga")


def test_a_card_from_the_reference_list_then_an_instrument_on_it(records: RecordsHouse, olga: httpx.Client) -> None:
    page = olga.get(NEW, params={"like": "aluminium"})
    begun = [it for it in forms_of(page) if it.action == NEW and "client_id" in it.fields]
    assert len(begun) == 1
    filled = begun[0]
    assert (filled.fields["hs_code"], filled.fields["unit"], filled.fields["section"]) == ("7601", "TNE", "metal")
    # What is left open of the attributes is not stated.
    shown = done(olga, filled.post(olga, attributes="grade: A7\nform:\n"))
    assert "Card aluminium is listed in version 1" in text_of(shown)
    assert "Listed; now an instrument" in text_of(shown)
    [card] = records.asked("/cards", card="aluminium")
    assert card["attributes"] == {"grade": "A7"}
    path = "/desk/goods/aluminium/instrument"
    shown = done(olga, post(olga, path, path, place="Minsk", tick="0.5", lot="25"))
    assert "Instrument aluminium-fca-minsk is listed" in text_of(shown)
    instrument = instrument_of(records, "aluminium-fca-minsk")
    assert {
        name: instrument[name] for name in ("tick", "lot", "currency", "place", "listed", "conditional_allowed")
    } == {
        "tick": "0.5",
        "lot": "25",
        "currency": "USD",
        "place": "Minsk",
        "listed": True,
        "conditional_allowed": True,
    }


def instrument_of(records: RecordsHouse, name: str) -> Json:
    return next(it for it in records.asked("/instruments", limit="500") if it["instrument"] == name)


def fields(**more: str) -> dict[str, str]:
    return {"name_en": "Flax fibre", "name_ru": "Льноволокно", "hs_code": "5301 30", "unit": "TNE",
            "section": "agricultural", "version": "1", **more}  # fmt: skip


def posted(olga: httpx.Client, **more: str) -> httpx.Response:
    page = olga.get(NEW)
    form = next(it for it in forms_of(page) if "client_id" in it.fields)
    return form.post(olga, **fields(**more))


def test_a_new_version_begins_as_the_last_one(records: RecordsHouse, olga: httpx.Client) -> None:
    done(olga, posted(olga, attributes="grade\t8\nlength = 70 cm"))
    [first] = records.asked("/cards", card="flax-fibre")
    assert (first["hs_code"], first["attributes"]) == ("530130", {"grade": "8", "length": "70 cm"})
    page = olga.get(NEW, params={"like": "flax-fibre"})
    form = next(it for it in forms_of(page) if "client_id" in it.fields)
    assert form.fields["version"] == "2"
    assert "grade: 8\nlength: 70 cm" in page.text
    shown = done(olga, form.post(olga, attributes="grade: 9"))
    assert "version 2" in text_of(shown)
    assert {it["version"] for it in records.asked("/cards", card="flax-fibre")} == {"1", "2"}
    instrument = form_to(olga.get("/desk/goods/flax-fibre/instrument"), "/desk/goods/flax-fibre/instrument")
    assert instrument.fields["version"] == "2"


def test_wrong_cards_are_told_and_kept(records: RecordsHouse, olga: httpx.Client) -> None:
    before = records.published()
    lacking = posted(olga, name_en="", name_ru="", attributes="kept: yes")
    assert lacking.status_code == 400
    assert 'href="#card-name_en"' in lacking.text
    assert 'href="#card-name_ru"' in lacking.text
    assert "kept: yes" in lacking.text
    broken = posted(olga, attributes="grade: 8\nwhat is this")
    assert broken.status_code == 422
    assert "what is this" in text_of(broken)
    unit = posted(olga, unit="tonnes")
    assert unit.status_code == 400
    assert "one to three capital letters" in text_of(unit)
    assert records.published() == before
    taken = posted(olga, card="pine")
    assert taken.status_code == 409
    assert 'href="/help/rejects#already_exists"' in taken.text


def test_wrong_instruments_are_told_at_their_fields(records: RecordsHouse, olga: httpx.Client) -> None:
    path = "/desk/goods/pine/instrument"
    lacking = post(olga, path, path, place="", incoterm="", tick="0.01")
    assert lacking.status_code == 400
    assert 'href="#instrument-place"' in lacking.text
    assert 'href="#instrument-incoterm"' in lacking.text
    words = post(olga, path, path, place="Brest", tick="a penny")
    assert words.status_code == 400
    assert 'href="#instrument-tick"' in words.text
    assert form_to(words, path).fields["tick"] == "a penny"
    # A lot of one and a tick of a thousandth are no whole cents (PS-0.7).
    off = post(olga, path, path, place="Brest", tick="0.001", lot="1")
    assert off.status_code == 409
    assert "not_whole_minor_units" in off.text
    limit = post(olga, path, path, place="Brest", tick="0.01", entries_max="many")
    assert limit.status_code == 400
    assert 'href="#instrument-entries_max"' in limit.text
    assert olga.get("/desk/goods/nothing/instrument").status_code == 404
    done(olga, form_to(off, path).post(olga, tick="0.01", entries_max="20", order_lots_max="1 000", clauses="a\n\nb"))
    made = instrument_of(records, "pine-fca-brest")
    assert (made["entries_max"], made["order_lots_max"], made["clauses"]) == (20, 1000, ["a", "b"])
    taken = post(olga, path, path, instrument=INSTRUMENT, place="Minsk")
    assert taken.status_code == 409


def test_a_double_click_lists_once(records: RecordsHouse, olga: httpx.Client) -> None:
    form = next(it for it in forms_of(olga.get(NEW)) if "client_id" in it.fields)
    given = fields(card="once", name_en="Once")
    one, two = form.post(olga, **given), form.post(olga, **given)
    assert one.status_code == 303
    assert one.headers["location"] == two.headers["location"]
    assert len(records.asked("/cards", card="once")) == 1


def test_lists_filter_and_export(olga: httpx.Client) -> None:
    assert "Pine" in text_of(olga.get("/desk/goods", params={"q": "сосна"}))
    assert "Pine" not in text_of(olga.get("/desk/goods", params={"q": "no such"}))
    lines = olga.get("/desk/instruments", params={"card": "pine", "format": "csv"}).text.splitlines()
    assert any(line.startswith(f"{INSTRUMENT},pine,1") for line in lines)
    assert olga.get("/desk/goods", params={"format": "xlsx"}).content[:2] == b"PK"


def test_only_operators_list_and_auditors_read(records: RecordsHouse, olga: httpx.Client) -> None:
    auditor = records.browser("anton")
    for page in ("/desk/goods", "/desk/goods/pine", "/desk/instruments"):
        shown = auditor.get(page)
        assert shown.status_code == 200
        assert "List an instrument" not in text_of(shown)
        assert "List a new card" not in text_of(shown)
    for name in ("anton", "t-alfa"):
        client = records.browser(name)
        assert client.get(NEW).status_code == 403
        assert client.get("/desk/goods/pine/instrument").status_code == 403
        token = forms_of(client.get("/account/login"))[0].fields["csrf"]
        assert client.post(NEW, data={**fields(), "csrf": token}).status_code == 403
    assert records.browser("t-alfa").get("/desk/goods").status_code == 403
    assert olga.get("/desk/goods/nothing").status_code == 404


def test_pasted_attributes() -> None:
    assert attributes_in("a: 1\r\n b\t 2 \n\nc = x: y") == ({"a": "1", "b": "2", "c": "x: y"}, None)
    assert attributes_in("a: 1\na: 2") == ({"a": "1"}, "a: 2")
    assert attributes_in("a:\nb: 2") == ({"b": "2"}, None)
    assert attributes_in("alone") == ({}, "alone")
    assert [following_version(it) for it in ("1", "9", "2b")] == ["2", "10", "2b-2"]
