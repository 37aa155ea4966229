"""What the tests of the running of sessions share: a house that trades, with its own session for each test that
changes one."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from argon2.profiles import CHEAPEST

from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.gateway.server import Gateway
from kirmash.market.choice import market_loader
from kirmash.sequencer.timetable import Timing
from kirmash.serve import open_folder
from kirmash.web import Site
from tests.gateway.house import INSTRUMENT, give
from tests.web_terminal.house import Form, TradersHouse, forms_of, text_of

PHASES = ("SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED")
PROBE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


class RunningHouse(TradersHouse):
    """Start with `with`; returns have to be announced five minutes before, as by default."""

    async def _start(self) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        self._folder = open_folder(self.config)
        settings = CoreSettings(load_market=market_loader(self.market), timetable=Timing(10**9, 300))
        self.core = Core(self._folder, settings, self.market)
        await self.core.start()
        self.gateway = Gateway(self.config, LocalExchange(self.core), Site, password_parameters=CHEAPEST)
        await self.gateway.start()


@contextmanager
def running_house(folder: Path, market: str = "reference") -> Iterator[RunningHouse]:
    """Participants, people, money, an instrument and the session `timber-1` in trading."""
    house = RunningHouse(folder, market)
    with house:
        house.people()
        house.prepare()
        house.settled()
        yield house


def plan_session(house: TradersHouse, session: str, phase: str = "TRADING", hours: int = 24) -> None:
    """A session of its own for a test, brought to a phase."""
    operator = house.enter("olga")
    first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    times = [(first + datetime.timedelta(hours=at)).isoformat() for at in range(len(PHASES))]
    give(operator, "create_session", session=session, section="timber", purpose="export", mechanism="cdca",
         instruments=[{"instrument": INSTRUMENT, "reference": "100.00", "down_ppm": 200_000, "up_ppm": 200_000}],
         phases=[{"phase": name, "at": at} for name, at in zip(PHASES, times, strict=True)],
         deposit=[{"side": "buy", "resident": True, "currency": "USD", "rate_ppm": 50_000, "floor": "1.00"}],
         )  # fmt: skip
    for before, after in pairwise(PHASES[: PHASES.index(phase) + 1]):
        give(operator, "change_phase", session=session, **{"from": before, "to": after})
    house.settled()


def place(
    house: TradersHouse, participant: str, session: str, side: str, price: str, quantity: str, **more: Any
) -> int:
    """An order by REST; gives its number."""
    trader = house.enter(f"t-{participant}")
    made = give(trader, "place_order", session=session, instrument=INSTRUMENT, side=side, price=price,
                quantity=quantity, **more)  # fmt: skip
    house.settled()
    number: int = made["events"][0]["order"]
    return number


def shown(browser: httpx.Client, path: str) -> httpx.Response:
    """A page that has to answer."""
    page = browser.get(path)
    assert page.status_code == 200, f"{path}: {page.status_code} {text_of(page)[:600]}"
    return page


def form_at(page: httpx.Response, action: str) -> Form:
    """The form that posts to this address: the last one, behind a filter of the same address."""
    found = [form for form in forms_of(page) if form.action == action]
    assert found, f"{action}: {[form.action for form in forms_of(page)]}"
    return found[-1]


def send(browser: httpx.Client, page: str, action: str, **fields: str | None) -> httpx.Response:
    """The form of a page that goes to this address, filled in and sent; the way on is not followed."""
    return form_at(shown(browser, page), action).post(browser, **fields)


def followed(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The page to which a form that was taken leads."""
    assert answer.status_code == 303, f"{answer.status_code}: {text_of(answer)[:1500]}"
    return shown(browser, answer.headers["location"])


def rest(house: TradersHouse, path: str, name: str = "olga", **query: Any) -> Any:
    """What REST says, once the views hold everything."""
    house.settled()
    answer = house.enter(name).get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()
