"""The guided tour of the demo: five steps, each a page of the exchange with a line above it that says what to do there.

There is a tour where visitors have logins of their own (`config.demo.logins`), and nowhere else. Where a visitor is in
it stands in a cookie and decides nothing but that line.
"""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct
from starlette.responses import Response

from kirmash.config import Config, DemoLogin
from kirmash.gateway.api.asking import missing
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Role, Who
from kirmash.web.entry import LOGIN
from kirmash.web.forms import go_to
from kirmash.web.paths import session_path
from kirmash.web.rendering import TOUR_COOKIE, PageQuery, Rendering

TAG: Final = "pages"
TOUR: Final = "/tour"
END: Final = "end"
OPEN: Final = ("TRADING", "DEAL_MAKING", "SELLER_CORRECTION", "INTAKE")
"""Where there is most to see, first."""


class Step(Struct, frozen=True):
    """A step: the page it is on, None for that of a session that is open now, and the login that it takes, if any."""

    number: int
    path: str | None
    role: Role | None = None
    part: str = ""


STEPS: Final = (
    Step(1, "/"),
    Step(2, None),
    Step(3, "/terminal", Role.TRADER, "buyer"),
    Step(4, "/account/deals", Role.TRADER, "buyer"),
    Step(5, "/desk", Role.OPERATOR, "operator"),
)


def login_of(config: Config, step: Step) -> DemoLogin | None:
    """The visitors' login for a step; None where it takes none."""
    return next((it for it in config.demo.logins if it.part == step.part), None)


def _page_of(services: Services, step: Step, who: Who | None) -> str:
    """The page of a step, or where a visitor becomes who he has to be for it."""
    if step.path is None:
        historical = services.config.demo.historical
        found = [it for it in services.feed.board.sessions() if it.phase in OPEN and it.session not in historical]
        found.sort(key=lambda it: OPEN.index(it.phase))
        return session_path(found[0].session) if found else "/sessions"
    if step.role is None or (who is not None and who.role is step.role):
        return step.path
    # Somebody else is signed in: the tour's own page says whom it takes, and has the way out.
    return TOUR if who is not None else f"{LOGIN}?{urlencode({'next': step.path})}"


def tour_routes(services: Services, rendering: Rendering) -> list[Route]:
    """The tour's own page, its steps, its end."""
    config = services.config
    secure = config.gateway.secure_cookies

    async def overview(call: Call) -> Response:
        if not config.demo.logins:
            raise missing("page")
        return rendering.page(call, "tour.html", steps=[(step, login_of(config, step)) for step in STEPS])

    async def go(call: Call) -> Response:
        name = call.path["step"]
        step = next((it for it in STEPS if str(it.number) == name), None)
        if not config.demo.logins or (step is None and name != END):
            raise missing("page")
        if step is None:
            response = go_to("/")
            response.delete_cookie(TOUR_COOKIE, secure=secure, httponly=True, samesite="lax")
        else:
            response = go_to(_page_of(services, step, call.who))
            response.set_cookie(TOUR_COOKIE, name, secure=secure, httponly=True, samesite="lax")
        return response

    page = partial(Route, method="GET", rule=Rule.PUBLIC, tag=TAG, media_type=PAGE, query=PageQuery)
    return [
        page(path=TOUR, handler=overview, summary="The guided tour of a demo"),
        page(path=f"{TOUR}/{{step}}", handler=go, summary="A step of the tour, 1 to 5, or its end"),
    ]
