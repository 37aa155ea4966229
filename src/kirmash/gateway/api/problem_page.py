"""What the `type` of every problem document links to: all codes with their titles and cures, as one plain page.

It is made from the tables from which problems are made, and served by the gateway itself, with or without pages for
people, so that the link holds wherever an exchange runs.
"""

from html import escape
from typing import Final

from starlette.responses import Response

from kirmash.gateway.api.asking import PREFIX
from kirmash.gateway.problems import PROBLEMS_PATH, TITLES
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.russian import CURES

_HEADS: Final = {
    "en": ("Problems", "Why a request was refused, by its code, and how to mend it."),
    "ru": ("Отказы", "Почему запрос отклонён, по коду, и что с этим делать."),
}
_OF_REASONS: Final = {
    "en": "each of its reasons has its own cure",
    "ru": "у каждой причины есть свой совет",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def problem_page(language: str) -> str:
    """The page in a language."""
    title, about = _HEADS[language]
    lines = [
        "<!doctype html>",
        f'<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width"></head><body>',
        f"<h1>{title}</h1><p>{about}</p><dl>",
    ]
    for code, titles in sorted(TITLES.items()):
        cure = CURES[code][language == "ru"] if code in CURES else _OF_REASONS[language]
        link = f' (<a href="{PREFIX}/reasons">{PREFIX}/reasons</a>)' if code not in CURES else ""
        lines.append(
            f'<dt id="{code}"><code>{code}</code> {escape(titles[language])}</dt><dd>{escape(cure)}{link}</dd>'
        )
    return "\n".join([*lines, "</dl></body></html>", ""])


async def _show(call: Call) -> Response:
    return Response(problem_page(call.language), 200, _HEADERS, PAGE)


def problem_page_route(tag: str) -> Route:
    """The route of it."""
    return Route(
        method="GET",
        path=PROBLEMS_PATH,
        rule=Rule.PUBLIC,
        handler=_show,
        summary="All problems by their code, with how to mend them, for people",
        tag=tag,
        media_type=PAGE,
    )
