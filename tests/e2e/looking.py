"""How tests look at a page in a browser: on a desk and on a phone, light and dark, in both languages, for findings of
axe and for what is too wide. A page is loaded once a language and then looked at in two ways, since loading takes
longer than looking."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from tests.gateway.house import House

AXE: Final = Path(__file__).parent.joinpath("vendor", "axe.min.js").read_text(encoding="utf-8")
LANGUAGES: Final = ("en", "ru")
LOOKS: Final = {"en": (("light", 1280), ("dark", 390)), "ru": (("dark", 1280), ("light", 390))}
"""By language, the colours and widths in which a page is looked at."""


@contextmanager
def opened(
    browser: Browser,
    language: str = "en",
    theme: str = "light",
    width: int = 1280,
    expected: tuple[str, ...] = (),
    **how: Any,
) -> Iterator[Page]:
    """A page in a browser of its own; what the browser complains about is an error."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
        **how,
    )
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    # The status of an error page is told there, too.
    known = ("status of 404", *expected)
    assert not [text for text in complaints if not any(it in text for it in known)]


def enter(page: Page, house: House, name: str) -> None:
    """Log in by the session that the house opened."""
    house.enter(name)
    token, _ = house.opened[name]
    page.context.add_cookies([{"name": "kirmash_session", "value": token, "url": house.origin}])


def look_at(page: Page) -> None:
    """No serious finding of axe, and nothing too wide."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (it["id"], it["help"], [node["html"][:160] for node in it["nodes"][:3]])
        for it in found["violations"]
        if it["impact"] in ("serious", "critical")
    ]
    assert not serious
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page scrolls sideways"


def look_both_ways(page: Page, language: str) -> None:
    """In the two ways that this language has: as on a desk and as on a phone, light and dark."""
    for theme, width in LOOKS[language]:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        look_at(page)
