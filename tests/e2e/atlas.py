"""The atlas: one sheet for every page, made of four looks: `python -m tests.e2e.atlas docs/images/atlas`.

A sheet shows a page on a desk and on a phone, light and dark, in both languages, side by side: English by day and
Russian by night on the desk, the other way round on the phone. What is longer than a few screens is cut. With all
sheets the page `docs/reference/atlas.md` is written. `--only NAME...` makes some, `--png DIR` also leaves the four
pictures of each as they were taken.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.atlas_entries import ENTRIES, GROUPS, LEFT_OUT, PATIENCE, Entry
from tests.e2e.atlas_world import EmptyWorld, FullWorld, World
from tests.e2e.conftest import ARGUMENTS, CHROMIUM


class Look(NamedTuple):
    """How a page is looked at."""

    language: str
    theme: str
    width: int

    @property
    def name(self) -> str:
        """For a file."""
        return f"{self.language}-{self.theme}-{self.width}"


LOOKS: Final = (
    Look("en", "light", 1280),
    Look("ru", "dark", 1280),
    Look("ru", "light", 390),
    Look("en", "dark", 390),
)
HEIGHT_MAX: Final = 1400
"""What is below is cut, in CSS pixels."""
SCALE: Final = 0.5
GAP: Final = 20
TABLE: Final = (128, 128, 136)
"""The colour between the pictures: neither of the themes has it."""
QUALITY: Final = 25
PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "atlas.md"


def address(entry: Entry, world: World) -> str:
    """Where the page of an entry is in this world."""
    values = {name: value.removeprefix("@") for name, value in entry.values.items()}
    named = {name: world.values[value] for name, value in values.items() if entry.values[name].startswith("@")}
    path = entry.route.format_map({**world.values, **values, **named})
    query = entry.query
    for name, value in world.values.items():
        query = query.replace(f"@{name}", value)
    return f"{world.origin}{path}{'?' if query and path else ''}{query}"


class Eyes:
    """A browser with one context for each look, reader and world, kept from page to page."""

    def __init__(self, browser: Browser) -> None:
        self._browser: Final = browser
        self._contexts: Final[dict[tuple[Look, str, str], BrowserContext]] = {}

    def _context(self, look: Look, who: str, world: World) -> BrowserContext:
        key = (look, who, world.origin)
        if key not in self._contexts:
            made = self._browser.new_context(
                viewport={"width": look.width, "height": 900},
                locale=look.language,
                color_scheme="dark" if look.theme == "dark" else "light",
            )
            made.set_default_timeout(PATIENCE)
            if who:
                made.add_cookies([{"name": "kirmash_session", "value": world.cookies[who], "url": world.origin}])
            self._contexts[key] = made
        return self._contexts[key]

    @contextmanager
    def page(self, entry: Entry, look: Look, world: World) -> Iterator[Page]:
        """The page of an entry as it is seen, ready for a picture."""
        page = self._context(look, entry.who, world).new_page()
        page.goto(address(entry, world), wait_until="load")
        if entry.act is not None:
            entry.act(page)
        page.wait_for_timeout(300)
        yield page
        page.close()

    def picture(self, entry: Entry, look: Look, world: World) -> Image.Image:
        """The page from its top."""
        with self.page(entry, look, world) as page:
            height = page.evaluate("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": look.width, "height": min(height, HEIGHT_MAX)}
            taken = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]  # a TypedDict of the driver
        return Image.open(io.BytesIO(taken)).convert("RGB")


def sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """The four side by side, at the sheet's scale."""
    small = [
        it.resize((round(it.width * SCALE), round(it.height * SCALE)), Image.Resampling.LANCZOS) for it in pictures
    ]
    width = sum(it.width for it in small) + GAP // 2 * (len(small) + 1)
    made = Image.new("RGB", (width, max(it.height for it in small) + GAP), TABLE)
    left = GAP // 2
    for it in small:
        made.paste(it, (left, GAP // 2))
        left += it.width + GAP // 2
    return made


def page_text(entries: Sequence[Entry] = ENTRIES) -> str:
    """The page of the docs that shows all sheets."""
    lines = [
        "# Atlas of the pages",
        "",
        "Every page of the exchange, as a desk and a phone show it, by day and by night: from the left English and",
        "Russian on 1280 pixels, Russian and English on 390. A long page is cut. All companies, orders and prices are",
        "invented, but for the goods and the sum of the historical session. The sheets are made by",
        "`python -m tests.e2e.atlas docs/images/atlas`, which also writes this page; a test sees that none is missing.",
    ]
    lines += [f"`{route}` has no sheet: it {why}." for route, why in LEFT_OUT.items()]
    for group, heading in GROUPS.items():
        lines += ["", f"## {heading}"]
        for entry in entries:
            if entry.group == group:
                path = f"`{entry.route}`" if entry.route else "any address that is none"
                lines += ["", f"**{entry.title}**: {path}", "", f"![{entry.title}](../images/atlas/{entry.name}.webp)"]
    return "\n".join(lines) + "\n"


def take(eyes: Eyes, worlds: dict[bool, World], entries: Sequence[Entry], folder: Path, raw: Path | None) -> None:
    """Make the sheets of these entries; says how large each is."""
    total = 0
    for entry in entries:
        pictures = []
        for look in LOOKS:
            pictures.append(eyes.picture(entry, look, worlds[entry.empty]))
            if raw is not None:
                pictures[-1].save(raw / f"{entry.name}-{look.name}.png")
        path = folder / f"{entry.name}.webp"
        sheet(pictures).save(path, "WEBP", quality=QUALITY, method=6)
        total += path.stat().st_size
        print(f"{entry.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    print(f"{len(entries)} sheets, {total / 1_000_000:.2f} MB")


def main() -> None:
    """Start the exchanges that are needed and a browser, and make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=[], choices=[it.name for it in ENTRIES], metavar="NAME")
    parser.add_argument("--png", type=Path)
    arguments = parser.parse_args()
    wanted = [it for it in ENTRIES if not arguments.only or it.name in arguments.only]
    for folder in (arguments.folder, arguments.png):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, ExitStack() as stack:
        worlds: dict[bool, World] = {}
        for empty in {it.empty for it in wanted}:
            worlds[empty] = EmptyWorld(Path(data) / "empty") if empty else FullWorld(Path(data) / "full")
            stack.callback(worlds[empty].stop)
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.callback(browser.close)
        take(Eyes(browser), worlds, wanted, arguments.folder, arguments.png)
    if not arguments.only:
        PAGE.write_text(page_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
