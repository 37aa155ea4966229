"""Bands set at the desk, told before what they will park (PS-10); several orders cancelled at once (PS-6.6)."""

from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.house import INSTRUMENT, give
from tests.web_desk.running import PHASES, followed, form_at, place, plan_session, rest, running_house, send, shown
from tests.web_terminal.house import TradersHouse, text_of


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-bands")) as made:
        yield made


def page_of(session: str) -> str:
    return f"/desk/sessions/{session}/band?instrument={INSTRUMENT}"


def action_of(session: str) -> str:
    return f"/desk/sessions/{session}/band"


def posted(browser: httpx.Client, session: str, **fields: str | None) -> httpx.Response:
    """The form of the band, as its page has it and with these fields changed."""
    return form_at(shown(browser, page_of(session)), action_of(session)).post(browser, **fields)


def asked(browser: httpx.Client, session: str, **bounds: str | None) -> httpx.Response:
    """What the bounds would do."""
    answer = posted(browser, session, action="ask", **bounds)
    assert answer.status_code == 200, text_of(answer)
    return answer


def states(house: TradersHouse, session: str) -> dict[str, str]:
    return {it["price"]: it["state"] for it in rest(house, "/orders", session=session)["items"]}


def test_the_present_band_is_shown(house: TradersHouse) -> None:
    """20 % around a reference of 100.00 (PS-10.2)."""
    plan_session(house, "band-shown")
    olga = house.browser("olga")
    table = text_of(shown(olga, "/desk/sessions/band-shown/bands"))
    assert "80.00 120.00" in table
    assert f'href="{page_of("band-shown")}"' in shown(olga, "/desk/sessions/band-shown/bands").text
    page = shown(olga, page_of("band-shown"))
    assert "80.00 … 120.00" in text_of(page)
    fields = form_at(page, action_of("band-shown")).fields
    assert [fields[name] for name in ("lower", "upper", "down", "up")] == ["", "", "20", "20"]
    for path in ("/desk/sessions/band-shown", "/desk/supervision/band-shown"):
        assert 'href="/desk/sessions/band-shown/bands"' in shown(olga, path).text, path
    assert "80.00,120.00" in olga.get("/desk/sessions/band-shown/bands?format=csv").text


def test_the_effect_is_told_before_and_nothing_is_set_by_telling(house: TradersHouse) -> None:
    session = "band-asked"
    plan_session(house, session)
    for price in ("100.00", "115.00", "118.00"):
        place(house, "alfa", session, "sell", price, "3")
    olga = house.browser("olga")
    answer = asked(olga, session, upper="110")
    text = text_of(answer)
    assert "2 open orders are parked" in text
    assert "80.00 … 110.00" in text
    assert "3 × 115.00" in text
    assert "3 × 118.00" in text
    assert "3 × 100.00" not in text
    assert states(house, session) == {"100.00": "open", "115.00": "open", "118.00": "open"}
    assert rest(house, f"/sessions/{session}/instruments")["items"][0]["upper"] is None


def test_it_is_set_once_and_only_as_it_was_told(house: TradersHouse) -> None:
    session = "band-set"
    plan_session(house, session)
    for price in ("100.00", "115.00"):
        place(house, "alfa", session, "sell", price, "3")
    olga = house.browser("olga")
    # Sent with the button of setting, but nobody was told what it does.
    unasked = posted(olga, session, action="set", upper="110")
    assert "1 open order is parked" in text_of(unasked)
    form = form_at(asked(olga, session, upper="110"), action_of(session))
    other = form.post(olga, action="set", upper="90")
    assert other.status_code == 200
    assert "2 open orders are parked" in text_of(other)
    assert states(house, session) == {"100.00": "open", "115.00": "open"}
    first, second = (form.post(olga, action="set") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    page = followed(olga, first)
    assert "The band of timber is set." in text_of(page)
    assert "80.00 … 110.00" in text_of(page)
    assert states(house, session) == {"100.00": "open", "115.00": "parked"}
    line = rest(house, f"/sessions/{session}/instruments")["items"][0]
    assert (line["lower"], line["upper"], line["down_ppm"], line["up_ppm"]) == (None, "110.00", 200_000, 200_000)


def test_bounds_come_to_the_grid_and_an_empty_one_is_none(house: TradersHouse) -> None:
    """PS-0.7: lower up, upper down. PS-10.4: what is absent means none."""
    session = "band-grid"
    plan_session(house, session)
    olga = house.browser("olga")
    told = text_of(asked(olga, session, lower="90.001", upper="110.009", down="", up=""))
    assert "90.01 … 110.00" in told
    form = form_at(asked(olga, session, lower="", upper="", down="", up="12.5"), action_of(session))
    followed(olga, form.post(olga, action="set"))
    line = rest(house, f"/sessions/{session}/instruments")["items"][0]
    assert (line["lower"], line["upper"], line["down_ppm"], line["up_ppm"]) == (None, None, None, 125_000)


def test_the_band_told_is_that_of_the_last_price(house: TradersHouse) -> None:
    """PS-10.2: the anchor is the last deal price of the instrument in the session, else the reference."""
    session = "band-anchor"
    plan_session(house, session)
    place(house, "alfa", session, "sell", "110.00", "3")
    place(house, "gamma", session, "buy", "110.00", "3", client="c-gamma")
    told = text_of(asked(house.browser("olga"), session, down="10", up="10"))
    assert "99.00 … 121.00" in told


def test_a_band_without_a_price_is_warned_of(house: TradersHouse) -> None:
    session = "band-empty"
    plan_session(house, session)
    place(house, "alfa", session, "sell", "100.00", "3")
    told = text_of(asked(house.browser("olga"), session, lower="110", upper="105", down="", up=""))
    assert "No price at all would be allowed" in told
    assert "1 open order is parked" in told
    usual = text_of(asked(house.browser("olga"), session, lower="105", upper="110", down="", up=""))
    assert "No price at all would be allowed" not in usual


def test_what_is_wrong_stands_at_its_field(house: TradersHouse) -> None:
    session = "band-wrong"
    plan_session(house, session)
    olga = house.browser("olga")
    for field, value, status in (("lower", "cheap", 400), ("upper", "-1", 400), ("down", "200", 422), ("up", "x", 422)):
        answer = posted(olga, session, action="ask", **{field: value})
        assert answer.status_code == status, field
        assert f'href="#band-{field}"' in answer.text
        assert f'id="help-band-{field}" class="field-error"' in answer.text
        assert form_at(answer, action_of(session)).fields[field] == value
        assert "PS-0." in text_of(answer)


def test_a_closed_session_has_no_form_and_refuses(house: TradersHouse) -> None:
    """PS-1.2: set_band not in CLOSED and CANCELLED."""
    session = "band-closed"
    plan_session(house, session)
    olga = house.browser("olga")
    late = form_at(asked(olga, session, upper="110"), action_of(session))
    for before, after in (PHASES[3:5], PHASES[4:6]):
        give(house.enter("olga"), "change_phase", session=session, **{"from": before, "to": after})
    house.settled()
    refused = late.post(olga, action="set")
    assert refused.status_code == 409
    assert "PS-1.2" in text_of(refused)
    page = shown(olga, page_of(session))
    assert f'action="{action_of(session)}"' not in page.text
    assert "not possible now" in text_of(page)


def test_a_russian_figure_is_read(house: TradersHouse) -> None:
    session = "band-russian"
    plan_session(house, session)
    olga = house.browser("olga", "ru")
    form = form_at(asked(olga, session, upper="110,50", down="12,5", up="12,5"), action_of(session))
    followed(olga, form.post(olga, action="set"))
    line = rest(house, f"/sessions/{session}/instruments")["items"][0]
    assert (line["upper"], line["down_ppm"]) == ("110.50", 125_000)


def test_an_auditor_reads_and_a_participant_does_not(house: TradersHouse) -> None:
    session = "band-who"
    plan_session(house, session)
    anton = house.browser("anton")
    for path in (f"/desk/sessions/{session}/bands", page_of(session)):
        assert 'method="post" action="/desk' not in shown(anton, path).text
        assert house.browser("t-alfa").get(path).status_code == 403
    token = form_at(shown(anton, page_of(session)), "/logout").fields["csrf"]
    for path in (action_of(session), f"/desk/sessions/{session}/mass-cancel"):
        assert anton.post(path, data={"csrf": token, "reason": "x"}).status_code == 403
    assert anton.get(f"/desk/sessions/{session}/mass-cancel").status_code == 403


def test_what_is_not_there_is_not_found(house: TradersHouse) -> None:
    plan_session(house, "band-none", "SCHEDULED")
    olga = house.browser("olga")
    for path in ("none/bands", f"none/band?instrument={INSTRUMENT}", "band-none/band", "band-none/band?instrument=x",
                 "none/mass-cancel"):  # fmt: skip
        assert olga.get(f"/desk/sessions/{path}").status_code == 404, path


# Several orders ------------------------------------------------------------------------------------------------------


def test_several_orders_are_counted_and_cancelled(house: TradersHouse) -> None:
    session = "several"
    plan_session(house, session)
    mine = [place(house, "alfa", session, "sell", price, "3") for price in ("100.00", "101.00", "119.00")]
    others = place(house, "gamma", session, "buy", "90.00", "3", client="c-gamma")
    give(house.enter("olga"), "set_band", session=session, instrument=INSTRUMENT, upper="110.00")
    olga, path = house.browser("olga"), f"/desk/sessions/{session}/mass-cancel"
    assert f'href="{path}"' in shown(olga, f"/desk/sessions/{session}").text
    assert "4 open orders are cancelled" in text_of(shown(olga, path))
    assert "1 open order is cancelled" in text_of(shown(olga, f"{path}?client=c-gamma"))
    assert "No open order matches" in text_of(shown(olga, f"{path}?trader=nobody"))
    page = shown(olga, f"{path}?trader=t-alfa&side=sell")
    assert "3 open orders are cancelled" in text_of(page)
    form = form_at(page, path)
    empty = form.post(olga, reason="")
    assert empty.status_code == 422
    assert 'id="help-mass-reason" class="field-error"' in empty.text
    form = form_at(empty, path)
    first, second = (form.post(olga, reason="he asked by telephone") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert f"The orders of session {session} are cancelled." in text_of(followed(olga, first))
    left = rest(house, "/orders", session=session, open="true")["items"]
    assert [it["order"] for it in left] == [others]
    assert "he asked by telephone" in text_of(shown(olga, f"/desk/orders/{mine[2]}"))


def test_the_phase_keeps_nothing_from_the_operator(house: TradersHouse) -> None:
    """PS-1.2: the exchange may cancel an open order in every phase; the trader may not in OPENING."""
    session = "several-opening"
    plan_session(house, session, "INTAKE")
    place(house, "alfa", session, "sell", "100.00", "3")
    give(house.enter("olga"), "change_phase", session=session, **{"from": "INTAKE", "to": "OPENING"})
    olga, path = house.browser("olga"), f"/desk/sessions/{session}/mass-cancel"
    followed(olga, send(olga, path, path, reason="a wrong lot"))
    assert rest(house, "/orders", session=session, open="true")["items"] == []
