"""The atlas knows every page, and the docs show what it knows."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from kirmash.gateway.routes import PAGE as PAGE_TYPE
from tests.e2e import atlas
from tests.e2e.atlas import LOOKS, Eyes, sheet
from tests.e2e.atlas_entries import ENTRIES, LEFT_OUT
from tests.e2e.atlas_world import EmptyWorld
from tests.web.exchange import Exchange

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "atlas"
SHEET_BYTES_MAX = 110_000
ATLAS_BYTES_MAX = 8_000_000


def test_every_page_is_in_the_atlas_or_left_out_with_a_reason(exchange: Exchange) -> None:
    routes = {it.path for it in exchange.site.routes if it.method == "GET" and it.media_type == PAGE_TYPE}
    shown = {entry.route for entry in ENTRIES if entry.route}
    assert len(routes) > 70
    assert routes - shown - LEFT_OUT.keys() == set(), "add these to tests/e2e/atlas_entries.py"
    assert shown | LEFT_OUT.keys() <= routes, "there are no such pages"
    assert not shown & LEFT_OUT.keys()
    assert all(LEFT_OUT.values())


def test_each_sheet_has_a_name_of_its_own() -> None:
    names = [entry.name for entry in ENTRIES]
    assert sorted(set(names)) == sorted(names)
    assert sum(entry.empty for entry in ENTRIES) >= 12


def test_the_docs_show_the_sheets_of_the_atlas_and_no_other() -> None:
    kept = {path.stem: path.stat().st_size for path in IMAGES.glob("*")}
    assert kept.keys() == {entry.name for entry in ENTRIES}
    assert max(kept.values()) < SHEET_BYTES_MAX
    assert sum(kept.values()) < ATLAS_BYTES_MAX
    assert atlas.PAGE.read_text(encoding="utf-8") == atlas.page_text(), "python -m tests.e2e.atlas docs/images/atlas"


@pytest.mark.browser
def test_a_sheet_shows_a_page_in_four_looks(tmp_path: Path, browser: Browser) -> None:
    """By day and by night, on a desk and on a phone, in both languages: read off the pages and off their colours."""
    entry = next(it for it in ENTRIES if it.name == "empty-goods")
    world = EmptyWorld(tmp_path)
    try:
        eyes = Eyes(browser)
        for look in LOOKS:
            with eyes.page(entry, look, world) as page:
                assert page.evaluate("document.documentElement.lang") == look.language
        pictures = [eyes.picture(entry, look, world) for look in LOOKS]
    finally:
        world.stop()
    assert [it.width for it in pictures] == [1280, 1280, 390, 390]
    assert [sum(it.getpixel((4, it.height - 4))) > 380 for it in pictures] == [True, False, True, False]  # type: ignore[arg-type]
    made = sheet(pictures)
    assert made.width == 1670 + 50
    assert made.height == max(it.height for it in pictures) // 2 + 20
