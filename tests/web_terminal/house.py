"""A whole exchange with the pages for traders: the house of the gateway's tests, with a site over it.

The pages are posted as a browser without scripts posts them: what a form holds is read from the page.
"""

import datetime
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import argon2.profiles
import httpx

from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.gateway.routes import Route
from kirmash.gateway.server import Gateway
from kirmash.gateway.services import Services
from kirmash.market.choice import market_loader
from kirmash.sequencer.timetable import Timing
from kirmash.serve import open_folder
from kirmash.web import Site
from kirmash.web.catalogue import Catalogue
from kirmash.web.live import Live
from kirmash.web.rendering import Rendering
from kirmash.web.site import NAVIGATION
from kirmash.web.trading import NAVIGATION as OWN
from kirmash.web.trading import Trading
from tests.gateway.house import INSTRUMENT, SESSION, House, give

ROOM = f"/terminal/{SESSION}"
PRICED = "timber-2"
PRICED_ROOM = f"/terminal/{PRICED}"
PROBE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
"""A name that does harm wherever it is not escaped."""


class TradersSite:
    """The site (gateway.server.Pages) with the faces for traders, if it does not have them already."""

    def __init__(self, services: Services) -> None:
        self._site = Site(services)
        self._trading: Trading | None = None
        self.static = self._site.static
        self.problem = self._site.problem
        self.routes: Sequence[Route] = self._site.routes
        if not any(route.path == "/terminal" for route in self.routes):
            rendering = Rendering(services, (*NAVIGATION, *OWN))
            catalogue = Catalogue(services.queries)
            self._trading = Trading(services, rendering, catalogue, Live(services, rendering, catalogue))
            self.routes = [*self.routes, *self._trading.routes]

    async def close(self) -> None:
        if self._trading is not None:
            await self._trading.close()
        await self._site.close()


class TradersHouse(House):
    """Start with `with`; then `people` and `prepare`."""

    def __init__(self, path: Path, market: str = "reference", **how: Any) -> None:
        super().__init__(path, market, **how)

    async def _start(self) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        self._folder = open_folder(self.config)
        settings = CoreSettings(load_market=market_loader(self.market), timetable=Timing(10**9, 0))
        self.core = Core(self._folder, settings, self.market)
        await self.core.start()

        self.gateway = Gateway(
            self.config, LocalExchange(self.core), TradersSite, password_parameters=argon2.profiles.CHEAPEST
        )
        await self.gateway.start()

    def people(self) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        # On a thread of its own: a browser's driver may have an event loop running on this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(super().people).result()

    def priced(self) -> None:
        """A second session whose orders have to secure a tenth of their value, and 10.00 at the least; the reference
        of its instrument is 100.00."""
        operator = self.enter("olga")
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        phases = ["SCHEDULED", "INTAKE", "TRADING", "CLOSING", "CLOSED"]
        times = [(first + datetime.timedelta(hours=hour)).isoformat() for hour in range(len(phases))]
        give(
            operator,
            "create_session",
            session=PRICED,
            section="timber",
            purpose="export",
            mechanism="cdca",
            instruments=[{"instrument": INSTRUMENT, "reference": "100.00"}],
            phases=[{"phase": phase, "at": at} for phase, at in zip(phases, times, strict=True)],
            deposit=[
                {"side": side, "resident": True, "currency": "USD", "rate_ppm": 100_000, "floor": "10.00"}
                for side in ("buy", "sell")
            ],
        )
        for before, after in (("SCHEDULED", "INTAKE"), ("INTAKE", "TRADING")):
            give(operator, "change_phase", session=PRICED, **{"from": before, "to": after})

    def browser(self, name: str, language: str = "en") -> httpx.Client:
        """A client that is logged in as a browser is: by the cookie alone, forms carry their token themselves."""
        client = self.enter(name)
        del client.headers["X-CSRF-Token"]
        client.headers["Accept"] = "text/html"
        client.headers["Accept-Language"] = language
        return client


class Form:
    """A form of a page: where it goes, and its fields as they stand."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}

    def post(self, browser: httpx.Client, **changed: str | None) -> httpx.Response:
        """As a browser does, without following the way on. None takes a field out."""
        fields = {name: value for name, value in {**self.fields, **changed}.items() if value is not None}
        return browser.post(self.action, data=fields)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select: str | None = None

    def handle_starttag(  # type: ignore[explicit-override]  # typing.override came with 3.12
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action") or ""))
            return
        if not self.forms:
            return
        fields = self.forms[-1].fields
        name = given.get("name")
        if tag == "input" and name and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            fields[name] = given.get("value") or ""
        if tag == "select" and name:
            self._select = name
        if tag == "option" and self._select and (self._select not in fields or "selected" in given):
            fields[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        if tag == "select":
            self._select = None


def forms_of(page: httpx.Response | str) -> list[Form]:
    """All forms of a page."""
    parser = _Forms()
    parser.feed(page if isinstance(page, str) else page.text)
    return parser.forms


def form_to(page: httpx.Response, action: str) -> Form:
    """The form of a page that goes to this address (a regular expression)."""
    found = [form for form in forms_of(page) if re.fullmatch(action, form.action)]
    assert len(found) == 1, f"{action}: {[form.action for form in forms_of(page)]}"
    return found[0]


def text_of(page: httpx.Response | str) -> str:
    """What a reader sees, with single blanks."""
    html = page if isinstance(page, str) else page.text
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def place(
    browser: httpx.Client, side: str, price: str, quantity: str, at: str = ROOM, **more: str | None
) -> httpx.Response:
    """Give an order by the ticket of a fresh page; gives the page that the browser is led to."""
    answer = form_to(room(browser, at), f"{at}/orders").post(browser, side=side, price=price, quantity=quantity, **more)
    assert answer.status_code == 303, text_of(answer)
    return browser.get(answer.headers["location"])


def room(client: httpx.Client, at: str = ROOM, **query: str) -> httpx.Response:
    """A session's room."""
    page = client.get(at, params={"instrument": INSTRUMENT, **query})
    assert page.status_code == 200, text_of(page)
    return page


def part(page: httpx.Response, name: str) -> str:
    """The HTML of a section of the room by its id."""
    return page.text.split(f'id="{name}"')[1].split("</section>")[0]


def clear(house: TradersHouse) -> None:
    """Take all open orders back."""
    for participant in ("alfa", "beta", "gamma", "delta"):
        trader = house.enter(f"t-{participant}")
        for session in (SESSION, PRICED):
            give(trader, "mass_cancel", session=session)
    house.settled()


def open_orders(house: TradersHouse, participant: str) -> list[Any]:
    """His open orders, by REST."""
    house.settled()
    answer = house.enter(f"t-{participant}").get("/api/v1/orders", params={"open": True})
    found: list[Any] = answer.json()["items"]
    return found
