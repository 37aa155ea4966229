"""How a page is made: the templates, what every page knows, and the headers that every page has.

Templates get ready values and words; they compute nothing. Escaping is always on and an unknown name is an error. The
content security policy has no exception: no template may hold a style, a script or a handler of its own.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kirmash.config import Config
from kirmash.gateway.app import CSRF_FIELD, LANGUAGE_COOKIE, LANGUAGE_PARAMETER, LANGUAGES, SESSION_COOKIE
from kirmash.gateway.feed import Feed
from kirmash.gateway.routes import Call
from kirmash.gateway.services import Services
from kirmash.identity import Role, Who
from kirmash.queries import Queries
from kirmash.web import static_files
from kirmash.web.naming import Names
from kirmash.web.paths import good_path, path_of, session_path
from kirmash.web.titles import Titles
from kirmash.web.words import Words

THEMES: Final = ("auto", "light", "dark")
THEME_PARAMETER: Final = "theme"
THEME_COOKIE: Final = "kirmash_theme"
TOUR_COOKIE: Final = "kirmash_tour"
TOUR_STEPS: Final = ("1", "2", "3", "4", "5")
COOKIE_SECONDS: Final = 31_536_000

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Cookie, Accept-Language",
}


class PageQuery(Struct, frozen=True, kw_only=True):
    """What every page takes: another language or theme, kept from then on. What a page does not know, it ignores."""

    lang: str | None = None
    theme: str | None = None


class NavigationEntry(Struct, frozen=True):
    """A link of the header. `roles`: whose; None is anybody's, and empty that of anybody with a login."""

    path: str
    key: str
    roles: frozenset[Role] | None = None

    def shown_to(self, who: Who | None) -> bool:
        """Whether this reader has use for it."""
        if self.roles is None:
            return True
        return who is not None and (not self.roles or who.role in self.roles)


class Rendering:
    """Makes the pages of one exchange."""

    def __init__(self, services: Services, navigation: tuple[NavigationEntry, ...]) -> None:
        self._config: Final[Config] = services.config
        self._feed: Final[Feed] = services.feed
        self._csrf: Final[Callable[[str], str]] = services.identity.csrf
        self._navigation = navigation
        self.zone: Final = ZoneInfo(self._config.exchange.time_zone)
        self.words: Final = {language: Words(language, self.zone) for language in LANGUAGES}
        self.titles: Final = Titles(services.feed, self._config.demo.historical)
        self._environments: Final = {
            language: _environment(words, self.titles) for language, words in self.words.items()
        }

    def page(self, call: Call, template: str, /, status: int = 200, **values: Any) -> Response:
        """A whole page as an answer."""
        response = self.answer(call.request, call.who, call.language, template, status, **values)
        self._keep_choices(call, response)
        return response

    def answer(
        self, request: Request, who: Who | None, language: str, template: str, status: int, /, **values: Any
    ) -> Response:
        """As `page`, where there is no call (what no route answers)."""
        html = (
            self._environments[language]
            .get_template(template)
            .render({**self._common(request, who, language), **values})
        )
        return HTMLResponse(html, status, {**HEADERS, "Content-Language": language})

    def fragment(self, language: str, template: str, /, **values: Any) -> str:
        """A piece of a page, the same for every reader of a language."""
        return self._environments[language].get_template(template).render(values)

    def names(self, queries: Queries) -> Names:
        """What gives the rows of one list their names."""
        return Names(queries, self.titles)

    def now(self) -> datetime.datetime:
        """The server's time."""
        return datetime.datetime.now(datetime.UTC)

    def _common(self, request: Request, who: Who | None, language: str) -> dict[str, Any]:
        now = self.now()
        token = request.cookies.get(SESSION_COOKIE)
        theme = request.query_params.get(THEME_PARAMETER) or request.cookies.get(THEME_COOKIE, "")
        return {
            "exchange": self._config.exchange,
            "invented": self._config.exchange.invented,
            "language": language,
            "languages": LANGUAGES,
            "theme": theme if theme in THEMES else THEMES[0],
            "themes": THEMES,
            "who": who,
            "csrf": self._csrf(token) if who is not None and token is not None else "",
            "csrf_field": CSRF_FIELD,
            "navigation": [entry for entry in self._navigation if entry.shown_to(who)],
            "path": path_of(request),
            "here": lambda **changed: here(path_of(request), request.query_params, changed),
            "now": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "zone_offset": self.words[language].zone_at(now),
            "doors": self._feed.doors,
            "touring": self._touring(request),
        }

    def _touring(self, request: Request) -> int | None:
        """The step of the guided tour that the visitor of a demo is at; 0 if he may begin it."""
        if not self._config.demo.logins:
            return None
        step = request.cookies.get(TOUR_COOKIE, "")
        return int(step) if step in TOUR_STEPS else 0

    def _keep_choices(self, call: Call, response: Response) -> None:
        query = call.request.query_params
        choices = ((LANGUAGE_PARAMETER, LANGUAGES, LANGUAGE_COOKIE), (THEME_PARAMETER, THEMES, THEME_COOKIE))
        for parameter, known, cookie in choices:
            chosen = query.get(parameter)
            if chosen is not None and chosen in known:
                response.set_cookie(
                    cookie,
                    chosen,
                    max_age=COOKIE_SECONDS,
                    secure=self._config.gateway.secure_cookies,
                    httponly=cookie == LANGUAGE_COOKIE,
                    samesite="lax",
                )


def here(path: str, query: Mapping[str, str], changed: Mapping[str, Any]) -> str:
    """The address of a page with some of its query changed; None and "" take a parameter away."""
    kept = {name: value for name, value in query.items() if name not in (LANGUAGE_PARAMETER, THEME_PARAMETER)}
    wanted = {name: str(value) for name, value in {**kept, **changed}.items() if value not in (None, "")}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def _environment(words: Words, titles: Titles) -> Environment:
    made = Environment(
        loader=PackageLoader("kirmash.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        t=words.text,
        n=words.count,
        w=words,
        static=static_files.prefix(),
        session_path=session_path,
        session_title=lambda session: titles.of(words, session),
        good_path=good_path,
    )
    # Jinja's own leaves slashes as they are, which in an id are no more than another letter.
    made.filters.update(figure=words.figure, percent=words.percent, urlencode=lambda text: quote(str(text), safe=""))
    return made
