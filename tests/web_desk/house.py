"""A whole exchange with the operator's desk: the house of the gateway's tests with a site over it.

The pages are posted as a browser without scripts posts them (`tests.web_terminal.house.Form`).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
from kirmash.web.desk import Desk
from kirmash.web.desk_records import records_routes
from kirmash.web.rendering import Rendering
from kirmash.web.site import NAVIGATION
from tests.gateway.house import House
from tests.web_terminal.house import Form, form_to, forms_of, text_of

__all__ = ["Form", "RecordsHouse", "form_to", "forms_of", "text_of"]

Json = dict[str, Any]


class RecordsSite:
    """The site (gateway.server.Pages) with the desk's records, if it does not have them already."""

    def __init__(self, services: Services) -> None:
        self._site = Site(services)
        self.static = self._site.static
        self.problem = self._site.problem
        self.close = self._site.close
        self.routes: Sequence[Route] = self._site.routes
        if not any(route.path == "/desk/participants" for route in self.routes):
            self.routes = [*self.routes, *records_routes(Desk(services, Rendering(services, NAVIGATION)))]


class RecordsHouse(House):
    """Start with `with`; then `people`, and `prepare` for goods, participants, money and a session."""

    async def _start(self) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        self._folder = open_folder(self.config)
        settings = CoreSettings(load_market=market_loader(self.market), timetable=Timing(10**9, 0))
        self.core = Core(self._folder, settings, self.market)
        await self.core.start()
        await self._open_doors()

    async def _open_doors(self) -> None:
        self.gateway = Gateway(
            self.config, LocalExchange(self.core), RecordsSite, password_parameters=argon2.profiles.CHEAPEST
        )
        await self.gateway.start()

    def restart(self) -> None:
        """The gateway anew, with nothing in its memory; clients from before do not find it, cookies stay good."""
        self.run(self.gateway.stop())
        self.run(self._open_doors())
        self.origin = f"http://127.0.0.1:{self.gateway.port}"

    def people(self) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        # On a thread of its own: a browser's driver may have an event loop running on this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(super().people).result()

    def browser(self, name: str, language: str = "en") -> httpx.Client:
        """A client that is logged in as a browser is: by the cookie alone, forms carry their token themselves."""
        client = self.enter(name)
        del client.headers["X-CSRF-Token"]
        client.headers["Accept"] = "text/html"
        client.headers["Accept-Language"] = language
        return client

    def published(self) -> int:
        """The number of the last record, once everything has settled."""
        return self.settled()

    def asked(self, path: str, /, **query: str) -> list[Json]:
        """Rows by REST, once the views hold everything."""
        self.settled()
        answer = self.enter("olga").get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        rows: list[Json] = answer.json()["items"]
        return rows


def post(browser: httpx.Client, page: str, action: str, **fields: str | None) -> httpx.Response:
    """The form of a page that goes to this address, filled in and sent; the way on is not followed."""
    shown = browser.get(page)
    assert shown.status_code == 200, text_of(shown)
    return form_to(shown, action).post(browser, **fields)


def done(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The page to which a form that was taken leads."""
    assert answer.status_code == 303, f"{answer.status_code}: {text_of(answer)[:1500]}"
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200, text_of(page)
    return page
