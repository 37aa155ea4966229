"""The few pictures of public pages that the tutorial shows: `python -m tests.e2e.screens docs/tutorial/screens`.

Whatever stands on them is invented or from the scenario of December 2022. Pictures of every page are the atlas's.
"""

import argparse
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
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, Exchange(Path(data)) as exchange, sync_playwright() as playwright:
        exchange.today(probe="", place="Brest")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        take(browser, exchange.origin, arguments.folder, SHOWN)
        browser.close()


if __name__ == "__main__":
    main()
