"""Tests with a real browser: Debian's Chromium, driven by Playwright. Without one they are skipped, or, where REQUIRE
names `browser`, they fail."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import required
from tests.web.conftest import exchange

__all__ = ["exchange"]

CHROMIUM = shutil.which("chromium") or ""
# No sandbox of its own: in a container it cannot make one, and it meets only pages of ours.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No wider than a module: while Playwright is open its event loop is this thread's, and tests of other modules that
    # run in the same process have loops of their own.
    if not Path(CHROMIUM).is_file():
        if required("browser"):
            pytest.fail("a browser is required (REQUIRE) and there is no chromium")
        pytest.skip("needs Debian's chromium (tools/ensure-system.sh installs it)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()
