"""The live stream: the newest picture, resumed by number, one rendering for all, and an end when the gateway stops."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kirmash.web.live import PARTS, Stamp, event_of, read_stamp, rungs_of
from tests.web.exchange import BEAM, BOARD, INTAKE, OVER, RUNNING, Exchange

Event = dict[str, str]


def events(answer: httpx.Response) -> Iterator[Event]:
    """The events of a stream; heartbeats and the retry line left out."""
    event: Event = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = f"{event[name]}\n{value}" if name in event else value
        elif event:
            if "event" in event:
                yield event
            event = {}


def address(session: str, instrument: str, **query: str) -> str:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"/live/sessions/{session}?instrument={instrument}{more}"


def stamp(exchange: Exchange, session: str, instrument: str) -> str:
    return exchange.site.live.stamp(session, instrument).id()


def take(stream: Iterator[Event], count: int) -> list[Event]:
    return [next(stream) for _ in range(count)]


def test_a_new_reader_gets_the_whole_picture(exchange: Exchange) -> None:
    with exchange.client().stream("GET", address(RUNNING, BOARD)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        found = take(events(answer), len(PARTS))
    assert tuple(it["event"] for it in found) == PARTS
    assert {it["id"] for it in found} == {stamp(exchange, RUNNING, BOARD)}
    assert "499.50" in found[2]["data"]
    assert "phase-trading" in found[0]["data"]


def test_the_page_already_holds_the_picture(exchange: Exchange) -> None:
    page = exchange.client().get(f"/sessions/{RUNNING}?instrument={BOARD}", headers={"Accept": "text/html"}).text
    assert f"after={stamp(exchange, RUNNING, BOARD)}" in page
    assert page.count("sse-swap=") == len(PARTS)


def test_an_order_is_seen_within_a_second_by_everybody(exchange: Exchange) -> None:
    begun = stamp(exchange, INTAKE, BEAM)
    with (
        exchange.client().stream("GET", address(INTAKE, BEAM, after=begun)) as first,
        exchange.client().stream("GET", address(INTAKE, BEAM, after=begun, lang="ru")) as second,
    ):
        streams = [events(first), events(second)]
        for stream in streams:
            assert next(stream)["event"] == "market", "what the page cannot name is sent once"
        began = time.monotonic()
        exchange.order("alfa", INTAKE, BEAM, "sell", "699.50", "77")
        for stream in streams:
            found = take(stream, 3)
            assert [it["event"] for it in found] == ["market", "book", "deals"]
            assert "699" in found[1]["data"]
            assert found[0]["id"] == stamp(exchange, INTAKE, BEAM)
        assert time.monotonic() - began < 1


def test_who_comes_back_gets_what_he_missed_and_nothing_twice(exchange: Exchange) -> None:
    client = exchange.client()
    with client.stream("GET", address(INTAKE, BEAM)) as answer:
        last = take(events(answer), len(PARTS))[-1]["id"]
    with client.stream("GET", address(INTAKE, BEAM), headers={"Last-Event-ID": last}) as answer:
        assert [it["event"] for it in take(events(answer), 1)] == ["market"]
    exchange.order("beta", INTAKE, BEAM, "buy", "640.00", "3")
    with client.stream("GET", address(INTAKE, BEAM), headers={"Last-Event-ID": last}) as answer:
        found = take(events(answer), len(PARTS))
    assert "640.00" in found[2]["data"]
    assert found[2]["id"] != last


def test_deals_from_before_the_gateway_started_are_shown(exchange: Exchange) -> None:
    with exchange.client().stream("GET", address(OVER, "pine-changsha")) as answer:
        found = take(events(answer), len(PARTS))
    assert found[3]["data"].count("<tr>") == 1 + 6
    assert "1,395" in found[3]["data"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (address("nothing", BOARD), 404),
        (address(RUNNING, "nothing"), 404),
        (f"/live/sessions/{RUNNING}", 400),
        (address(RUNNING, BOARD, after="x"), 200),
        (address(RUNNING, BOARD, after="9" * 40 + ".1"), 200),
    ],
)
def test_odd_questions(exchange: Exchange, path: str, status: int) -> None:
    with exchange.client().stream("GET", path) as answer:
        assert answer.status_code == status


def test_readers_are_forgotten_and_with_them_what_was_rendered(exchange: Exchange) -> None:
    live: Any = exchange.site.live
    with exchange.client().stream("GET", address(RUNNING, BEAM)) as answer:
        stream = events(answer)
        take(stream, len(PARTS))
        assert live.count >= 1
        # To forget the stream would close it.
        del stream
    deadline = time.monotonic() + 15
    exchange.order("alfa", RUNNING, BEAM, "sell", "900.00", "1")
    while live._readers.get(RUNNING):
        assert time.monotonic() < deadline, "a reader that has gone is still counted"
        time.sleep(0.05)
    assert not [key for key in live._rendered if key[0] == RUNNING]


def test_a_picture_is_rendered_once_for_all_readers(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    rendering: Any = exchange.site.live._rendering
    fragment = rendering.fragment

    def counted(language: str, template: str, **values: Any) -> str:
        rendered.append(template)
        made: str = fragment(language, template, **values)
        return made

    monkeypatch.setattr(rendering, "fragment", counted)
    clients = [exchange.client() for _ in range(5)]
    answers = [client.send(client.build_request("GET", address(INTAKE, BOARD)), stream=True) for client in clients]
    try:
        streams = [events(answer) for answer in answers]
        for stream in streams:
            take(stream, len(PARTS))
        rendered.clear()
        exchange.order("alfa", INTAKE, BOARD, "sell", "555.00", "1")
        for stream in streams:
            take(stream, 3)
        assert sorted(rendered) == ["live/book.html", "live/deals.html", "live/market.html"]
    finally:
        for answer in answers:
            answer.close()


def test_streams_end_when_the_gateway_stops(tmp_path: Path) -> None:
    with Exchange(tmp_path) as own:
        client = httpx.Client(base_url=own.origin, timeout=30)
        answer = client.send(client.build_request("GET", address(OVER, "pine-changsha")), stream=True)
        stream = events(answer)
        take(stream, len(PARTS))
        began = time.monotonic()
        own.run(own.gateway.stop())
        assert not list(stream)
        assert time.monotonic() - began < 2
        client.close()


def test_event_ids_are_read_back() -> None:
    assert read_stamp(Stamp(3, 14).id()) == Stamp(3, 14)
    for odd in (None, "", "1", "1.2.3", "a.b", "-1.2", "1.²"):
        assert read_stamp(odd) is None


def test_an_event_holds_its_lines_whatever_stands_in_them() -> None:
    made = event_of("book", "1.2", "<p>\n a: b\n\n</p>\n")
    assert made == "event: book\nid: 1.2\ndata: <p>\ndata:  a: b\ndata: \ndata: </p>\n\n"


def test_the_bars_of_a_book_reach_as_far_as_its_quantities() -> None:
    rungs = rungs_of([("10", "100.5", 1, "0"), ("9", "0.001", 1, "0")], [("11", "50.25", 1, "0")])
    assert [(it.bid_reach, it.ask_reach) for it in rungs] == [(20, 10), (1, 0)]
    assert rungs[1].ask is None
    assert rungs_of([], []) == []
