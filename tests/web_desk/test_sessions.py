"""Sessions at the desk: planned by the form, moved on, halted, resumed, cancelled by two; and who may not."""

import datetime
import html
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from kirmash.web.desk_plan import id_of_copy, percent_of, ppm_of
from tests.gateway.house import INSTRUMENT, SESSION, give
from tests.web_desk.running import (
    PHASES,
    PROBE,
    followed,
    form_at,
    place,
    plan_session,
    rest,
    running_house,
    send,
    shown,
)
from tests.web_terminal.house import TradersHouse, forms_of, text_of

MINSK = ZoneInfo("Europe/Minsk")
NEW = "/desk/sessions-new"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-sessions")) as made:
        yield made


def typed(day: datetime.date, **more: str | None) -> dict[str, str | None]:
    """A plan as somebody types it."""
    hours = {"SCHEDULED": "08:00", "INTAKE": "09:00", "OPENING": "09:45:30", "TRADING": "10:00", "CLOSING": "12:00"}
    times = {f"at_{phase}": f"{day.isoformat()}T{hour}" for phase, hour in {**hours, "CLOSED": "12:05"}.items()}
    line = {"i1_instrument": INSTRUMENT, "i1_reference": "1,100.00", "i1_down": "12.5", "i1_up": "20"}
    rate = {"d1_side": "buy", "d1_resident": "yes", "d1_currency": "usd", "d1_rate": "5", "d1_floor": "100.00"}
    return {"section": "timber", "purpose": "export", "mechanism": "cdca", **times, **line, **rate, **more}


TOMORROW = datetime.datetime.now(MINSK).date() + datetime.timedelta(days=1)


def test_a_session_is_planned_by_the_form(house: TradersHouse) -> None:
    olga = house.browser("olga")
    page = followed(olga, send(olga, NEW, NEW, **typed(TOMORROW, session="planned-1")))
    assert "planned-1" in text_of(page)
    made = rest(house, "/sessions/planned-1")
    assert [it["phase"] for it in made["phases"]] == list(PHASES)
    opening = datetime.datetime.combine(TOMORROW, datetime.time(9, 45, 30), MINSK).astimezone(datetime.UTC)
    assert made["phases"][2]["planned"].startswith(opening.strftime("%Y-%m-%dT%H:%M:%S"))
    assert made["deposit"] == [
        {"side": "buy", "resident": True, "currency": "USD", "rate_ppm": 50_000, "floor": "100.00"}
    ]
    line = rest(house, "/sessions/planned-1/instruments")["items"][0]
    assert (line["reference"], line["down_ppm"], line["up_ppm"]) == ("1100.00", 125_000, 200_000)


def test_a_session_is_planned_once_however_often_it_is_sent(house: TradersHouse) -> None:
    olga = house.browser("olga")
    form = form_at(shown(olga, NEW), NEW)
    first, second = (form.post(olga, **typed(TOMORROW, session="planned-twice")) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert second.status_code == 303
    number = int(first.headers["location"].split("done=")[1])
    assert rest(house, f"/journal/{number}")["command"]["command"] == "create_session"


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(house: TradersHouse) -> None:
    olga = house.browser("olga")
    answer = send(olga, NEW, NEW, **typed(TOMORROW, session="wrong", i1_reference="a lot", d1_rate="5.123456"))
    assert answer.status_code == 422
    form = form_at(answer, NEW)
    assert form.fields["i1_reference"] == "a lot"
    assert form.fields["session"] == "wrong"
    assert 'id="help-plan-d1_rate"' in answer.text
    answer = form.post(olga, **typed(TOMORROW, session="wrong", i1_reference="a lot"))
    assert answer.status_code == 400
    assert 'id="help-plan-i1_reference"' in answer.text
    assert "PS-0.6" in text_of(answer)
    answer = form_at(answer, NEW).post(olga, **typed(TOMORROW, session="wrong", i1_instrument="no-such-thing"))
    assert answer.status_code == 409
    assert "/help/rejects#" in answer.text
    house.settled()
    assert house.enter("olga").get("/api/v1/sessions/wrong").status_code == 404


def test_times_that_decrease_are_refused_with_the_rule(house: TradersHouse) -> None:
    olga = house.browser("olga")
    early = f"{TOMORROW.isoformat()}T06:00"
    answer = send(olga, NEW, NEW, **typed(TOMORROW, session="wrong-2", at_TRADING=early))
    assert answer.status_code == 400
    assert "PS-0.2" in text_of(answer)
    assert form_at(answer, NEW).fields["at_TRADING"] == early


def test_an_earlier_session_is_held_again(house: TradersHouse) -> None:
    plan_session(house, "weekly-2026-01-05", "SCHEDULED")
    olga = house.browser("olga")
    day = TOMORROW + datetime.timedelta(days=30)
    fields = form_at(shown(olga, f"{NEW}?copy=weekly-2026-01-05&day={day.isoformat()}"), NEW).fields
    assert fields["session"] == f"weekly-{day.isoformat()}"
    assert fields["at_SCHEDULED"].startswith(day.isoformat())
    assert (fields["i1_instrument"], fields["i1_down"], fields["i1_reference"]) == (INSTRUMENT, "20", "100.00")
    assert (fields["d1_currency"], fields["d1_rate"], fields["d1_floor"]) == ("USD", "5", "1.00")
    followed(olga, send(olga, f"{NEW}?copy=weekly-2026-01-05&day={day.isoformat()}", NEW))
    both = [rest(house, f"/sessions/{name}")["phases"] for name in ("weekly-2026-01-05", fields["session"])]
    clocks = [
        [datetime.datetime.fromisoformat(it["planned"][:19] + "+00:00").astimezone(MINSK).time() for it in phases]
        for phases in both
    ]
    assert clocks[0] == clocks[1]


@pytest.mark.parametrize(
    ("earlier", "series"),
    [
        ("weekly-2026-01-05", "weekly"),
        ("metals-2026-11-21-195132", "metals"),
        ("metals-20261121-195132", "metals"),
        ("metals-195132-2026-11-22", "metals-195132"),
        ("grade-2", "grade-2"),
        ("plain", "plain"),
    ],
)
def test_a_session_held_again_is_called_by_its_series_and_day(earlier: str, series: str) -> None:
    assert id_of_copy(earlier, datetime.date(2026, 12, 1)) == f"{series}-2026-12-01"


def test_the_form_grows_and_checks_without_planning(house: TradersHouse) -> None:
    olga = house.browser("olga")
    form = form_at(shown(olga, NEW), NEW)
    longer = form.post(olga, **typed(TOMORROW, session="checked", action="more"))
    assert int(form_at(longer, NEW).fields["lines"]) > int(form.fields["lines"])
    assert form_at(longer, NEW).fields["session"] == "checked"
    checked = form.post(olga, **typed(TOMORROW, session="checked", action="check"))
    assert checked.status_code == 200
    assert "would take this plan" in text_of(checked)
    house.settled()
    assert house.enter("olga").get("/api/v1/sessions/checked").status_code == 404


def test_a_session_goes_on_from_the_phase_that_was_seen(house: TradersHouse) -> None:
    plan_session(house, "moving", "SCHEDULED")
    olga, path = house.browser("olga"), "/desk/sessions/moving"
    form = form_at(shown(olga, f"{path}/phase"), f"{path}/phase")
    assert (form.fields["from"], form.fields["to"]) == ("SCHEDULED", "INTAKE")
    followed(olga, form.post(olga))
    assert rest(house, "/sessions/moving")["session"]["phase"] == "INTAKE"
    # The same page once more, as an old tab has it, with a new client id: somebody was quicker.
    late = form.post(olga, client_id="web.an-old-tab")
    assert late.status_code == 409
    assert "PS-11.1" in text_of(late)
    assert rest(house, "/sessions/moving")["session"]["phase"] == "INTAKE"


def test_a_phase_by_hand_takes_a_page_that_says_what_will_happen(house: TradersHouse) -> None:
    plan_session(house, "asking", "TRADING")
    place(house, "alfa", "asking", "sell", "100.00", "3")
    olga, path = house.browser("olga"), "/desk/sessions/asking"
    page = shown(olga, path)
    assert f'href="{path}/phase"' in page.text
    assert not [form for form in forms_of(page) if form.action == f"{path}/phase"]
    asked = shown(olga, f"{path}/phase")
    text = text_of(asked)
    # On entering CLOSING every open order expires (PS-1.6).
    assert "1 open order is cancelled" in text
    assert "no way back" in text
    assert rest(house, "/sessions/asking")["session"]["phase"] == "TRADING"
    assert "будет снята 1 открытая заявка" in text_of(shown(house.browser("olga", "ru"), f"{path}/phase"))
    followed(olga, form_at(asked, f"{path}/phase").post(olga))
    assert rest(house, "/sessions/asking")["session"]["phase"] == "CLOSING"


def test_what_the_timetable_will_do_is_told(house: TradersHouse) -> None:
    plan_session(house, "told", "INTAKE")
    text = text_of(shown(house.browser("olga"), "/desk/sessions/told"))
    for phase in ("Opening", "Trading", "Closing", "Closed"):
        assert f"begins “{phase}”" in text
    assert "begins “Intake”" not in text


def test_halt_and_resume_with_the_notice(house: TradersHouse) -> None:
    plan_session(house, "halting")
    olga, path = house.browser("olga"), "/desk/sessions/halting"
    empty = send(olga, path, f"{path}/halt", reason="")
    assert empty.status_code == 400
    assert "is needed" in text_of(empty)
    page = followed(olga, send(olga, path, f"{path}/halt", reason=f"the link is down {PROBE}"))
    assert html.escape(PROBE, quote=False)[:12] in page.text
    assert "<img src=x" not in page.text
    session = rest(house, "/sessions/halting")["session"]
    assert (session["phase"], session["left_phase"]) == ("HALTED", "TRADING")
    now = datetime.datetime.now(MINSK)
    soon = (now + datetime.timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    refused = send(olga, path, f"{path}/resume", resume_at=soon)
    assert refused.status_code == 409
    assert form_at(refused, f"{path}/resume").fields["resume_at"] == soon
    later = (now + datetime.timedelta(minutes=20)).replace(second=0, microsecond=0)
    followed(olga, send(olga, path, f"{path}/resume", resume_at=later.strftime("%Y-%m-%dT%H:%M")))
    announced = rest(house, "/sessions/halting")["session"]["resume_at"]
    assert announced.startswith(later.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:00"))
    # What is proposed at first is a time that keeps the notice.
    followed(olga, send(olga, path, f"{path}/halt", reason="not yet"))
    followed(olga, send(olga, path, f"{path}/resume"))
    followed(olga, send(olga, f"{path}/phase", f"{path}/phase"))
    assert rest(house, "/sessions/halting")["session"]["phase"] == "TRADING"


def test_a_session_is_cancelled_by_two(house: TradersHouse) -> None:
    plan_session(house, "cancelling")
    place(house, "alfa", "cancelling", "sell", "100.00", "3")
    place(house, "alfa", "cancelling", "sell", "101.00", "3")
    olga, path = house.browser("olga"), "/desk/sessions/cancelling"
    asked = shown(olga, f"{path}/cancel")
    assert "2 open orders are cancelled" in text_of(asked)
    form = form_at(asked, f"{path}/cancel")
    first, second = (form.post(olga, reason="the seller withdrew") for _ in range(2))
    assert first.headers["location"] == second.headers["location"], "a double click proposes once"
    assert "waits for a second operator" in text_of(followed(olga, first))
    assert rest(house, "/sessions/cancelling")["session"]["phase"] == "TRADING"
    waiting = [
        it for it in rest(house, "/proposals", state="open")["items"] if it["body"].get("session") == "cancelling"
    ]
    assert len(waiting) == 1
    assert waiting[0]["id"] in shown(olga, "/desk").text
    answer = house.enter("oleg").post(f"/api/v1/proposals/{waiting[0]['id']}/approve")
    assert answer.status_code == 200, answer.text
    assert rest(house, "/sessions/cancelling")["session"]["phase"] == "CANCELLED"
    gone = shown(olga, f"{path}/cancel")
    assert "not possible now" in text_of(gone)
    assert not [it for it in gone.text.split("<form") if f'action="{path}/cancel"' in it]


def test_a_waiting_cancellation_is_told_behind_many_decided_ones(house: TradersHouse) -> None:
    plan_session(house, "waiting")
    olga, path = house.browser("olga"), "/desk/sessions/waiting"
    followed(olga, send(olga, f"{path}/cancel", f"{path}/cancel", reason="the seller withdrew"))
    [proposal] = [it for it in rest(house, "/proposals", state="open")["items"] if it["body"]["session"] == "waiting"]
    identity = house.services.identity
    who = identity.resolve(olga.cookies["kirmash_session"])
    for n in range(200):
        identity.decline(identity.propose(who, "annul_deal", {"deal": n, "reason": "r"}, "r").id, who, "a trial")
    assert proposal["id"] in shown(olga, path).text
    identity.decline(proposal["id"], who, "a trial")
    assert proposal["id"] not in shown(olga, path).text


def test_reasons_of_forms_without_an_id_are_all_kept(house: TradersHouse) -> None:
    plan_session(house, "without-id")
    olga = house.browser("olga")
    for price, reason in (("100.00", "he asked by telephone"), ("101.00", "she asked by letter")):
        number = place(house, "alfa", "without-id", "sell", price, "3")
        path = f"/desk/orders/{number}/cancel"
        followed(olga, send(olga, path, path, client_id=None, reason=reason))
        cancelled = rest(house, f"/orders/{number}")["number"]
        assert reason in text_of(shown(olga, f"/desk/journal/{cancelled}"))


def test_what_a_cancellation_would_do_is_counted_and_not_rehearsed(
    house: TradersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PS-1.6: all open orders go, parked ones and the rest of what was partly filled too. A rehearsal would make a line
    of each, of which a real session has tens of thousands."""
    session = "counting"
    plan_session(house, session)
    for price in ("100.00", "101.00", "115.00"):
        place(house, "alfa", session, "sell", price, "3")
    place(house, "gamma", session, "buy", "100.00", "1", client="c-gamma")
    gone = place(house, "alfa", session, "sell", "102.00", "3")
    give(house.enter("t-alfa"), "cancel_order", order=gone)
    olga, oleg, path = house.browser("olga"), house.browser("oleg"), f"/desk/sessions/{session}/cancel"
    give(house.enter("olga"), "set_band", session=session, instrument=INSTRUMENT, upper="110.00")
    parked = [it["state"] for it in rest(house, "/orders", session=session, open="true")["items"]]
    assert sorted(parked) == ["open", "open", "parked"]

    async def rehearse(*_: object) -> bytes:
        raise AssertionError("nothing is to be rehearsed")

    with monkeypatch.context() as watched:
        watched.setattr(type(house.services.exchange), "rehearse", rehearse)
        asked = shown(olga, path)
        assert "3 open orders are cancelled" in text_of(asked)
        proposed = followed(olga, form_at(asked, path).post(olga, reason="the seller withdrew"))
        assert "waits for a second operator" in text_of(proposed)
        proposal = rest(house, "/proposals", state="open")["items"][0]["id"]
        assert "It would cancel 3 open orders." in text_of(shown(oleg, f"/desk/proposals/{proposal}"))
    made = house.enter("oleg").post(f"/api/v1/proposals/{proposal}/approve").json()
    assert sum(it["event"] == "order_cancelled" for it in made["events"]) == 3
    assert "0 open orders are cancelled" not in text_of(shown(olga, path)), "it has ended"


def test_the_list_has_days_and_files(house: TradersHouse) -> None:
    olga = house.browser("olga")
    page = shown(olga, "/desk/sessions")
    assert "timber-1" in text_of(page)
    day = rest(house, f"/sessions/{SESSION}")["phases"][1]["planned"]
    local = datetime.datetime.fromisoformat(day[:19] + "+00:00").astimezone(MINSK).date()
    assert SESSION in text_of(shown(olga, f"/desk/sessions?day={local.isoformat()}"))
    far = (local + datetime.timedelta(days=400)).isoformat()
    assert SESSION not in text_of(shown(olga, f"/desk/sessions?day={far}"))
    assert SESSION in olga.get("/desk/sessions?format=csv").text
    assert SESSION in text_of(shown(olga, "/desk/sessions?day=never")), "what is no day is no filter"


@pytest.mark.parametrize("name", ["t-alfa", "a-alfa"])
def test_it_is_closed_to_participants(house: TradersHouse, name: str) -> None:
    browser = house.browser(name)
    for path in ("/desk", "/desk/sessions", NEW, f"/desk/sessions/{SESSION}", "/desk/supervision", "/desk/journal/1"):
        assert browser.get(path).status_code == 403, path
    assert "/desk" not in shown(browser, "/").text


def test_an_auditor_reads_and_changes_nothing(house: TradersHouse) -> None:
    anton = house.browser("anton")
    page = shown(anton, f"/desk/sessions/{SESSION}")
    assert 'method="post" action="/desk' not in page.text
    assert anton.get(NEW).status_code == 403
    assert anton.get(f"/desk/sessions/{SESSION}/cancel").status_code == 403
    token = form_at(page, "/logout").fields["csrf"]
    for path in (NEW, *(f"/desk/sessions/{SESSION}/{act}" for act in ("phase", "halt", "resume", "cancel"))):
        assert anton.post(path, data={"csrf": token, "reason": "x"}).status_code == 403, path


def test_without_the_token_nothing_is_done(house: TradersHouse) -> None:
    olga = house.browser("olga")
    answer = olga.post(f"/desk/sessions/{SESSION}/halt", data={"reason": "x"})
    assert answer.status_code == 403
    assert rest(house, f"/sessions/{SESSION}")["session"]["phase"] == "TRADING"


def test_what_is_not_there_is_not_found(house: TradersHouse) -> None:
    olga = house.browser("olga")
    for path in ("/desk/sessions/none", f"{NEW}?copy=none", "/desk/sessions/none/cancel", "/desk/supervision/none"):
        assert olga.get(path).status_code == 404, path


def test_home_tells_what_is_halted(house: TradersHouse) -> None:
    plan_session(house, "stuck")
    give(house.enter("olga"), "halt_session", session="stuck", reason="power cut")
    house.settled()
    text = text_of(shown(house.browser("olga"), "/desk"))
    assert "stuck : halted, and no return is announced" in text
    assert "Something needs attention" not in text
    assert "остановлен" in text_of(shown(house.browser("olga", "ru"), "/desk")) or "приостановлен" in text_of(
        shown(house.browser("olga", "ru"), "/desk")
    )


@pytest.mark.parametrize(("percent", "ppm"), [("5", 50_000), ("0.0001", 1), ("100", 1_000_000), ("12.5", 125_000)])
def test_per_cent_become_parts_per_million_exactly(percent: str, ppm: int) -> None:
    assert ppm_of(percent) == ppm
    assert percent_of(ppm) == percent


@pytest.mark.parametrize("percent", ["", "x", "-1", "100.0001", "0.00001", "NaN", "1e400"])
def test_what_is_no_share_is_refused(percent: str) -> None:
    assert ppm_of(percent) is None
