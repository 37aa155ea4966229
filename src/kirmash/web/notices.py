"""Notices to everybody: what operators wrote, in the reader's language, on the front page and on a page of its own.

Plain text, escaped like all text; line breaks are kept by the style sheet. Who wrote it is not told.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.bulletin import Notice
from kirmash.gateway.api.notices import kept
from kirmash.gateway.api.shown import text_of
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.web.rendering import PageQuery, Rendering

TAG: Final = "pages"
PATH: Final = "/notices"
ON_FRONT: Final = 4
ON_PAGE: Final = 200


class Written(Struct, frozen=True):
    """A notice in one language."""

    notice: int
    at: str
    title: str
    text: str


def written(notices: Sequence[Notice], language: str) -> list[Written]:
    """Notices as a reader of a language sees them."""
    ru = language == "ru"
    return [
        Written(it.notice, text_of(it.at), it.title_ru if ru else it.title_en, it.text_ru if ru else it.text_en)
        for it in notices
    ]


async def latest(services: Services, language: str) -> list[Written]:
    """The newest notices for the front page; none where they cannot be read, since that page has more to say."""
    try:
        found = await kept(services.bulletin.present)
    except Problem:
        return []
    return written(found[:ON_FRONT], language)


def notices_page_routes(services: Services, rendering: Rendering) -> list[Route]:
    """The page of all notices that stand."""

    async def page(call: Call) -> Response:
        found = await kept(services.bulletin.present)
        return rendering.page(call, "notices.html", notices=written(found[:ON_PAGE], call.language))

    return [
        Route(
            method="GET",
            path=PATH,
            rule=Rule.PUBLIC,
            handler=page,
            summary="Notices",
            tag=TAG,
            query=PageQuery,
            media_type=PAGE,
        )
    ]
