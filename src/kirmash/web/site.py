"""All pages together, as the gateway takes them; and what a person sees where a request is refused.

A face is added here: its routes, its entry of the navigation.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from kirmash.gateway.problems import TITLES, Problem
from kirmash.gateway.routes import STREAM, Route
from kirmash.gateway.services import Services
from kirmash.identity import Role, Who
from kirmash.web.catalogue import Catalogue
from kirmash.web.components import components_routes
from kirmash.web.desk import Desk
from kirmash.web.desk_records import records_routes
from kirmash.web.desk_running import Running
from kirmash.web.entry import PASSWORD, entry_routes, login_path, not_a_page
from kirmash.web.forms import go_to, own_path
from kirmash.web.front import front_routes
from kirmash.web.goods import goods_routes
from kirmash.web.guidance import guidance_routes
from kirmash.web.live import ENDED_EVENT, Live
from kirmash.web.notices import notices_page_routes
from kirmash.web.offers import offers_routes
from kirmash.web.own_login import LOGIN_PAGE
from kirmash.web.paths import path_of
from kirmash.web.rendering import HEADERS, NavigationEntry, Rendering
from kirmash.web.sessions import sessions_routes
from kirmash.web.static_files import static_routes
from kirmash.web.tour import tour_routes
from kirmash.web.trading import NAVIGATION as OWN_NAVIGATION
from kirmash.web.trading import Trading

NAVIGATION: Final = (
    NavigationEntry("/sessions", "nav.sessions"),
    NavigationEntry("/offers", "nav.offers"),
    NavigationEntry("/sections", "nav.sections"),
    NavigationEntry("/goods", "nav.goods"),
    NavigationEntry("/help", "nav.help"),
)
DESK_NAVIGATION: Final = (NavigationEntry("/desk", "nav.desk", frozenset({Role.OPERATOR, Role.AUDITOR})),)


class Site:
    """The pages of one exchange (gateway.server.Pages)."""

    def __init__(self, services: Services) -> None:
        self._rendering: Final = Rendering(services, (*NAVIGATION, *OWN_NAVIGATION, *DESK_NAVIGATION))
        catalogue = Catalogue(services.queries)
        self.live: Final = Live(services, self._rendering, catalogue)
        self._trading: Final = Trading(services, self._rendering, catalogue, self.live)
        desk = Desk(services, self._rendering)
        self._running: Final = Running(desk, self.live, catalogue)
        self.routes: Final[Sequence[Route]] = [
            *front_routes(services, self._rendering),
            *sessions_routes(services, self._rendering, catalogue, self.live),
            *offers_routes(services, self._rendering, catalogue),
            *goods_routes(services, self._rendering),
            *guidance_routes(self._rendering),
            *components_routes(self._rendering),
            *tour_routes(services, self._rendering),
            *entry_routes(services, self._rendering),
            *self.live.routes(),
            *notices_page_routes(services, self._rendering),
            *self._trading.routes,
            *self._running.routes,
            *records_routes(desk),
        ]
        self.static: Final[Sequence[BaseRoute]] = static_routes()

    def problem(self, request: Request, problem: Problem, language: str, who: Who | None) -> Response:
        """A refusal as a page, or the way to the login where that is what is missing; to an open page's stream, which
        can go nowhere, that its session is over."""
        if not_a_page(problem):
            if STREAM in request.headers.get("accept", ""):
                return Response(ENDED_EVENT, 200, {**HEADERS, "Cache-Control": "no-store"}, STREAM)
            why = "ended" if problem.code == "session_ended" else "needed"
            return go_to(login_path(*_wanted(request), why))
        if problem.code == "must_enrol":
            return go_to(LOGIN_PAGE)
        if problem.code == "not_allowed" and who is None:
            # The only thing that identity allows nobody before who he is was settled: a one-time password.
            return go_to(PASSWORD)
        words = self._rendering.words[language]
        # What a program is told of a missing object is no title for a page.
        code = "" if problem.status == 404 else problem.code
        title = TITLES.get(code, {}).get(language) or words.known("error.title", str(problem.status))
        text = words.known("error", problem.code)
        if text == problem.code:
            text = words.known("error.status", str(problem.status))
        if text == str(problem.status):
            text = words.text("error.status.other")
        return self._rendering.answer(
            request,
            who,
            language,
            "error.html",
            problem.status,
            title=title if title != str(problem.status) else words.text("error.title.other"),
            text=text,
            status=problem.status,
            incident=problem.extra.get("incident"),
        )

    async def close(self) -> None:
        """End all streams."""
        await self._trading.close()
        await self._running.close()
        await self.live.close()


def _wanted(request: Request) -> tuple[str, str]:
    """Path and query of the page to come back to: the one asked for; of a form, the page of ours that it stood on."""
    if request.method in ("GET", "HEAD"):
        return path_of(request), request.url.query
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/", ""
    if came_from.netloc != request.headers.get("host"):
        return "/", ""
    return own_path(came_from.path), came_from.query
