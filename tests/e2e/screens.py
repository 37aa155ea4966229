"""Pictures of the public pages for the docs: `python -m tests.e2e.screens docs/tutorial/screens [--all]`.

Without `--all` the few that the tutorial shows; with it every page on a desk and a phone, light and dark, in both
languages, to be looked at. Whatever stands on them is invented or from the scenario of December 2022.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.test_public import PAGES
from tests.web.exchange import Exchange

# Page, language, theme, width.
SHOWN = [
    ("front", "en", "light", 1280),
    ("front", "ru", "light", 390),
    ("session-over", "en", "light", 1280),
    ("session-running", "en", "light", 1280),
    ("session-running", "ru", "dark", 390),
    ("goods", "ru", "light", 1280),
    ("offers", "en", "dark", 1280),
]
ALL = [*itertools.product(PAGES, ("en", "ru"), ("light", "dark"), (1280, 390))]


def take(browser: Browser, origin: str, folder: Path, wanted: list[tuple[str, str, str, int]]) -> None:
    """Take these pictures."""
    for name, language, theme, width in wanted:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale=language,
            color_scheme="dark" if theme == "dark" else "light",
            timezone_id="Asia/Shanghai",
        )
        page = context.new_page()
        page.goto(origin + PAGES[name], wait_until="load")
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"{name}-{language}-{theme}-{width}.png", full_page=True)
        context.close()


def main() -> None:
    """Start an exchange and a browser, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, Exchange(Path(data)) as exchange, sync_playwright() as playwright:
        exchange.today(probe="", place="Brest")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        take(browser, exchange.origin, arguments.folder, ALL if arguments.all else SHOWN)
        browser.close()


if __name__ == "__main__":
    main()
