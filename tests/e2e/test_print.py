"""On paper: results, registers, statements and contracts on A4, whole, without what is for the screen, dark on white
whatever the screen's colours are."""

import io
import re
import unicodedata
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from tests.e2e.looking import enter, opened
from tests.gateway.house import INSTRUMENT, give
from tests.web_desk.running import PHASES, plan_session, rest, running_house
from tests.web_terminal.house import TradersHouse

pytestmark = pytest.mark.browser

SESSION = "on-paper"
DEALS = 60
WIDTH = 1031
"""What A4 on its long side has between margins of 12 mm, in the pixels of CSS (96 to the inch)."""
PAGES = {
    "result": ("olga", f"/sessions/{SESSION}?instrument={INSTRUMENT}"),
    "own-deals": ("t-alfa", f"/account/deals?session={SESSION}"),
    "own-contracts": ("t-alfa", "/account/contracts"),
    "own-statement": ("t-gamma", "/account/deposit"),
    "register": ("t-alfa", f"/account/registers/{SESSION}"),
    "contracts": ("olga", "/desk/contracts"),
    "contract": ("olga", "/desk/contracts/1"),
    "statement": ("olga", "/desk/statement/gamma"),
    "orders": ("olga", f"/desk/supervision/{SESSION}/orders"),
    "session-deals": ("olga", f"/desk/supervision/{SESSION}/deals"),
}
LONG = ("result", "own-deals", "own-contracts", "own-statement", "register", "contracts", "statement", "orders",
        "session-deals")  # fmt: skip
"""Pages whose tables do not fit on one sheet."""
SIGNS = dict.fromkeys(map(ord, "▲▼"))
"""What the style sheet sets before a side, and no text has."""
LOOKS = [("ru", "light", "dark"), ("en", "dark", "auto")]
"""Languages, what the system prefers, and what was chosen on the pages."""

SEEN = """() => [...document.querySelectorAll("nav a, button, form, input, select, textarea, .quiet-link, .exports a")]
  .filter((it) => it.getClientRects().length && getComputedStyle(it).visibility !== "hidden")
  .map((it) => it.outerHTML.slice(0, 120))"""

CUT = """(width) => [...document.querySelectorAll("body *")].filter((it) => {
  const box = it.getBoundingClientRect();
  if (!box.width || !box.height) return false;
  const clips = getComputedStyle(it).overflowX !== "visible" && it.scrollWidth > it.clientWidth + 1;
  const tall = getComputedStyle(it).overflowY !== "visible" && it.scrollHeight > it.clientHeight + 1;
  return box.right > width + 1 || box.left < -1 || clips || tall;
}).map((it) => it.outerHTML.slice(0, 120))"""

COLOURS = """() => {
  const light = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    const straight = (it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((it) => straight(it / 255));
    return { light: 0.2126 * x + 0.7152 * y + 0.0722 * z, a };
  };
  const found = [];
  for (const it of [document.documentElement, document.body, ...document.querySelectorAll("body *")]) {
    if (!it.getClientRects().length || it.closest(".skip")) continue;
    const style = getComputedStyle(it);
    const ground = light(style.backgroundColor);
    if (ground.a > 0 && ground.light < 0.8) found.push(["ground", style.backgroundColor, it.outerHTML.slice(0, 100)]);
    const says = [...it.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    // 4.5 to 1 against white, as on the screen.
    if (says && light(style.color).light > 0.183) found.push(["ink", style.color, it.outerHTML.slice(0, 100)]);
  }
  return found;
}"""

CELLS = """() => [...document.querySelectorAll("main table.data tbody td, main dd")]
  .filter((it) => it.getClientRects().length).map((it) => it.innerText)"""
HEADS = """() => [...document.querySelectorAll("main table.data")].map((it) => ({
  heads: [...it.querySelectorAll("thead tr:not(.print-only) th")].map((one) => one.innerText),
  rows: [...it.querySelectorAll("tbody tr")].map((one) => one.innerText),
}))"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("print")) as made:
        olga, alfa, gamma = made.enter("olga"), made.enter("t-alfa"), made.enter("t-gamma")
        plan_session(made, SESSION)
        for at in range(DEALS):
            line = {"session": SESSION, "instrument": INSTRUMENT, "price": f"{100 + at / 100:.2f}", "quantity": "2"}
            give(alfa, "place_order", side="sell", **line)
            give(gamma, "place_order", side="buy", client="c-gamma", **line)
        for before, after in (PHASES[3:5], PHASES[4:6]):
            give(olga, "change_phase", session=SESSION, **{"from": before, "to": after})
        assert len(rest(made, "/deals", session=SESSION, limit=200)["items"]) == DEALS
        yield made


def printed(house: TradersHouse, page: Page, name: str, theme: str) -> None:
    """A page as paper would have it."""
    login, path = PAGES[name]
    enter(page, house, login)
    page.goto(f"{house.origin}{path}{'&' if '?' in path else '?'}theme={theme}", wait_until="load")
    page.emulate_media(media="print")


def squeezed(text: str) -> str:
    """Without blanks, since on paper a line may end anywhere, and without ligatures."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def sheets_of(pdf: bytes) -> list[str]:
    """The text of each sheet."""
    return [squeezed(it.extract_text()).translate(SIGNS) for it in PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize(("language", "system", "theme"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_only_what_is_for_paper_dark_on_white_and_whole(
    house: TradersHouse, browser: Browser, name: str, language: str, system: str, theme: str
) -> None:
    with opened(browser, language, system, WIDTH) as page:
        printed(house, page, name, theme)
        assert not page.evaluate(SEEN), "what is for the screen only"
        assert not page.evaluate(CUT, WIDTH), "what paper would cut off"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.evaluate(COLOURS)
        every_cell_is_on_the_sheets_and_heads_are_on_each(page, name)


def every_cell_is_on_the_sheets_and_heads_are_on_each(page: Page, name: str) -> None:
    data = page.pdf(prefer_css_page_size=True, print_background=True)
    box = PdfReader(io.BytesIO(data)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (842, 595), "A4 on its long side, in points"
    sheets = sheets_of(data)
    together = "".join(sheets)
    cells = [squeezed(it) for it in page.evaluate(CELLS)]
    assert cells
    assert not [it for it in set(cells) if together.count(it) < cells.count(it)]
    assert (len(sheets) > 1) == (name in LONG)
    for table in page.evaluate(HEADS):
        heads = [squeezed(it) for it in table["heads"]]
        rows = [squeezed(it) for it in table["rows"]]
        assert not [row for row in rows if not any(row in sheet for sheet in sheets)]
        for sheet in sheets:
            if any(row in sheet for row in rows):
                assert not [head for head in heads if head not in sheet]


def test_a_part_of_a_list_says_on_paper_that_it_is_one(house: TradersHouse, browser: Browser) -> None:
    with opened(browser) as page:
        printed(house, page, "orders", "light")
        assert page.get_by_text("Pages: 1 of 2").is_visible()
        assert "Pages:1of2" in "".join(sheets_of(page.pdf()))
