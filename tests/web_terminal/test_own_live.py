"""The terminal's stream: what changes comes, who comes back loses nothing, nobody gets what is another's."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from kirmash.web.own_news import KEPT_COMMITS
from tests.gateway.house import INSTRUMENT, give, order
from tests.web_terminal.house import ROOM, TradersHouse, clear, place, room, text_of

Event = tuple[str, str, str]
"""Name, id, HTML."""


@pytest.fixture(autouse=True)
def _clean(house: TradersHouse) -> None:
    clear(house)


class Stream:
    """A stream that is read on a thread of its own."""

    def __init__(self, response: httpx.Response) -> None:
        self.events: list[Event] = []
        self._thread = threading.Thread(target=self._read, args=(response,), daemon=True)
        self._thread.start()

    def _read(self, response: httpx.Response) -> None:
        fields: dict[str, str] = {}
        try:
            for line in response.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = f"{fields.get(name, '')}\n{value}" if name == "data" else value
                else:
                    if "event" in fields:
                        self.events.append((fields["event"], fields["id"], fields["data"]))
                    fields = {}
        except (httpx.HTTPError, httpx.StreamError):
            return

    def wait(self, part: str, words: str) -> Event:
        """The next picture of a part with these words."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = [event for event in self.events if event[0] == part and words in text_of(event[2])]
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"{part} with {words!r} did not come: {[event[:2] for event in self.events]}")


@contextmanager
def streaming(house: TradersHouse, name: str, after: str | None = None) -> Iterator[Stream]:
    client = house.browser(name)
    query = {"instrument": INSTRUMENT, **({"after": after} if after else {})}
    with client.stream("GET", f"{ROOM}/events", params=query) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


def after_of(page: httpx.Response) -> str:
    """What a page says that it shows."""
    found = re.search(r"&amp;after=([^\"]+)\"", page.text)
    assert found
    return found[1]


def test_orders_deals_deposit_and_messages_come_without_reload(house: TradersHouse) -> None:
    page = room(house.browser("t-alfa"))
    with streaming(house, "t-alfa", after_of(page)) as stream:
        place(house.browser("t-alfa"), "sell", "100.00", "5")
        stream.wait("orders", "100.00")
        stream.wait("messages", "accepted: sell 5 m³ at 100.00")
        stream.wait("depth", "100.00")
        place(house.browser("t-beta"), "buy", "100.00", "2")
        stream.wait("deals", "100.00")
        stream.wait("messages", "sell 2 m³ at 100.00")


def test_nothing_is_sent_again_to_who_has_it(house: TradersHouse) -> None:
    page = room(house.browser("t-alfa"))
    with streaming(house, "t-alfa", after_of(page)) as stream:
        time.sleep(0.6)
        assert not {name for name, _, _ in stream.events} - {"sessions", "watch"}


def test_who_comes_back_gets_everything_that_he_missed(house: TradersHouse) -> None:
    seen = after_of(room(house.browser("t-alfa")))
    trader = house.enter("t-alfa")
    prices = [f"{101 + step}.00" for step in range(40)]
    for price in prices:
        give(trader, "place_order", **order("sell", price, "1"))
    house.settled()
    with streaming(house, "t-alfa", seen) as stream:
        _, number, html = stream.wait("messages", prices[-1])
        said = text_of(html)
        assert all(f"sell 1 m³ at {price}" in said for price in prices)
        assert "no longer all at hand" not in said
        assert int(number.split("-")[0]) > int(seen.split("-")[0])


def test_who_was_away_too_long_is_told_so(house: TradersHouse) -> None:
    seen = after_of(room(house.browser("t-alfa")))
    trader = house.enter("t-alfa")
    for _ in range(KEPT_COMMITS + 1):
        give(trader, "place_order", **order("sell", "109.00", "1"))
    house.settled()
    with streaming(house, "t-alfa", seen) as stream:
        stream.wait("messages", "no longer all at hand")


def test_the_other_side_sees_public_data_only(house: TradersHouse) -> None:
    page = room(house.browser("t-beta"))
    with streaming(house, "t-beta", after_of(page)) as stream:
        place(house.browser("t-alfa"), "sell", "107.00", "5")
        stream.wait("depth", "107.00")
        time.sleep(0.5)
        names = {name for name, _, _ in stream.events}
        assert not names & {"orders", "deals", "deposit", "messages"}
        assert "alfa" not in "".join(text_of(html) for _, _, html in stream.events)


def test_the_stream_is_for_traders_in_a_session_of_their_own(house: TradersHouse) -> None:
    query = {"instrument": INSTRUMENT}
    assert house.enter("a-alfa").get(f"{ROOM}/events", params=query).status_code == 403
    assert house.anonymous().get(f"{ROOM}/events", params=query).status_code == 401
    assert house.enter("t-alfa").get("/terminal/nowhere/events", params=query).status_code == 404


def test_a_stream_ends_with_its_login(house: TradersHouse) -> None:
    client = house.enter("t-gamma", fresh=True)
    with client.stream("GET", f"{ROOM}/events", params={"instrument": INSTRUMENT}) as response:
        lines = response.iter_lines()
        next(lines)
        client_out = house.anonymous()
        client_out.cookies = client.cookies
        left = client_out.post("/api/v1/logout", headers={"X-CSRF-Token": client.headers["X-CSRF-Token"]})
        assert left.status_code == 204
        give(house.enter("t-alfa"), "place_order", **order("sell", "108.00", "1"))
        began = time.monotonic()
        for _ in lines:
            assert time.monotonic() - began < 15
