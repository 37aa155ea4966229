"""Every page of the desk's running part, in both languages: well formed, within the policy, Russian throughout, and
with a text for each name that an event, a state or a command can have."""

import re
from collections.abc import Iterator

import html5lib
import pytest

from kirmash.gateway.readiness import Readiness
from kirmash.gateway.routes import PAGE
from kirmash.messages import codec
from kirmash.messages.commands import FOLLOW_UPS
from kirmash.messages.kinds import ActorKind, CancelReason, Decider, OrderState
from kirmash.protocol.shapes import COMMANDS
from kirmash.web import Site
from kirmash.web.desk import PAGES as SECTIONS
from kirmash.web.desk import section_of
from kirmash.web.rendering import POLICY
from kirmash.web.texts import catalog
from tests.gateway.house import INSTRUMENT, SESSION, give, order
from tests.web_desk.running import place, plan_session, running_house, shown
from tests.web_desk.test_records_language import PAGES as RECORDS_PAGES
from tests.web_terminal.house import TradersHouse

PAGES = (
    "/desk",
    "/desk/sessions",
    "/desk/sessions-new",
    f"/desk/sessions-new?copy={SESSION}",
    f"/desk/sessions/{SESSION}",
    "/desk/sessions/halted-1",
    f"/desk/sessions/{SESSION}/bands",
    f"/desk/sessions/{SESSION}/band?instrument={INSTRUMENT}",
    f"/desk/sessions/{SESSION}/mass-cancel",
    f"/desk/sessions/{SESSION}/mass-cancel?side=sell",
    f"/desk/sessions/{SESSION}/phase",
    f"/desk/sessions/{SESSION}/cancel",
    "/desk/supervision",
    f"/desk/supervision/{SESSION}",
    f"/desk/supervision/{SESSION}/orders",
    f"/desk/supervision/{SESSION}/deals",
    "/desk/orders/1",
    "/desk/orders/1/cancel",
    "/desk/orders/2/cancel",
    "/desk/deals/1",
    "/desk/deals/1/annul",
    "/desk/notices",
    "/desk/notices/1",
    "/desk/journal",
    "/desk/journal?number=0",
    "/desk/journal/{rejected}",
    "/desk/journal-checking",
    "/desk/health",
    "/notices",
)
KNOWN = (
    r"Kirmash|Europe/Minsk|UTC|English|API|CSV|XLSX|JSON|WebSocket|USD|timber|House of|Client|kirmash (?:verify|backup)"
    r"|[a-z]+-[a-z0-9-]+|alfa|beta|gamma|delta|FCA|Minsk|kirmash rebuild|(?:PS|ACC|TRD|BND|DEP|BRK|ORD)-[\d.]+|Pine"
    r"|docs/guides/check-a-journal\.md|journal\.db|--[a-z]+(?:-[a-z]+)?|reference"
)


SECTION_OF = {
    **{name: name for name in ("sessions", "supervision", "participants", "goods", "money", "proposals", "notices")},
    **{name: name for name in ("journal", "health")},
    "sessions-new": "sessions",
    "orders": "supervision",
    "deals": "supervision",
    "journal-checking": "journal",
    **dict.fromkeys(("traders", "clients", "logins", "switches"), "participants"),
    "instruments": "goods",
    **dict.fromkeys(("withdrawals", "statement", "contracts"), "money"),
}
"""To which section a page belongs, by the word behind /desk/."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    with running_house(tmp_path_factory.mktemp("desk-pages")) as made:
        place(made, "alfa", SESSION, "sell", "100.00", "5")
        place(made, "gamma", SESSION, "buy", "100.00", "3", client="c-gamma")
        olga = made.enter("olga")
        plan_session(made, "halted-1")
        give(olga, "halt_session", session="halted-1", reason="причина")
        texts = {"title_en": "A notice", "title_ru": "Объявление", "text_en": "Text.", "text_ru": "Текст."}
        assert olga.post("/api/v1/notices", json=texts).status_code == 201
        answer = made.enter("t-beta").post(
            "/api/v1/commands/place_order", json={**order("buy", "100.00", "3"), "instrument": "none-such"}
        )
        made.rejected = str(answer.json()["number"])  # type: ignore[attr-defined]
        made.settled()
        yield made


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_well_formed_and_keeps_the_policy(house: TradersHouse, path: str, language: str) -> None:
    path = path.format(rejected=house.rejected)  # type: ignore[attr-defined]
    page = shown(house.browser("olga", language), path)
    assert page.headers["content-security-policy"] == POLICY
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert not re.search(r"<[^>]*\s(style|on[a-z]+)\s*=", page.text), "an inline style or handler"
    tree = html5lib.parse(page.text, namespaceHTMLElements=False)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids)), "an id stands twice"
    for element in tree.iter():
        for attribute in ("aria-labelledby", "aria-describedby", "for", "list"):
            if (wanted := element.get(attribute)) is not None:
                assert set(wanted.split()) <= set(ids), f"{attribute} {wanted}"


@pytest.mark.parametrize("path", PAGES)
def test_a_russian_page_has_no_english_text(house: TradersHouse, path: str) -> None:
    """Latin letters stand only in ids, codes, and what was written in English on purpose."""
    path = path.format(rejected=house.rejected)  # type: ignore[attr-defined]
    tree = html5lib.parse(shown(house.browser("olga", "ru"), path).text, namespaceHTMLElements=False)
    for element in [*tree.iter("script"), *tree.iter("option")]:
        element.clear()
    for element in tree.iter():
        if "code" in (element.get("class") or "").split() or element.tag in ("q", "kbd", "code"):
            element.text = ""
        if element.get("lang") == "en":
            element.clear()
    body = tree.find("body")
    assert body is not None
    labels = [element.get(name, "") for element in tree.iter() for name in ("aria-label", "title", "data-label")]
    left = re.sub(KNOWN, " ", " ".join([*body.itertext(), *labels]))
    assert not re.findall(r"[A-Za-z]{3,}", left)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_name_that_can_come_has_a_text(language: str) -> None:
    texts = catalog(language)
    commands = {*COMMANDS, *(codec.name_of(it) for it in FOLLOW_UPS)}
    assert not {it for it in commands if f"run.command.{it}" not in texts}
    assert not {it for it in OrderState if f"run.state.{it.name.lower()}" not in texts}
    assert not {it for it in CancelReason if f"run.cancel.{it.name.lower()}" not in texts}
    assert not {it for it in ActorKind if f"run.kind.{it.name.lower()}" not in texts}
    assert not {it for it in Decider if f"run.decider.{it.name.lower()}" not in texts}
    lamps = {name.removeprefix("_") for name in vars(Readiness) if name in ("_doors", "_views", "_clock", "_disk")}
    assert len(lamps) == 4
    for name in (*lamps, "core", "feed", "snapshot", "wal"):
        assert all(f"run.lamp.{name}.{part}" in texts for part in ("good", "bad", "means", "do"))


def desk_pages(house: TradersHouse) -> list[str]:
    routes = [it for it in Site(house.services).routes if it.method == "GET" and it.media_type == PAGE]
    found = [it.path for it in routes if it.path.split("/")[1] == "desk"]
    assert len(found) > 40
    return found


def test_every_page_of_the_desk_is_tried_here_or_with_the_records(house: TradersHouse) -> None:
    tried = [it.split("?")[0] for it in (*PAGES, *RECORDS_PAGES)]
    for path in desk_pages(house):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        assert any(re.fullmatch(pattern, it) for it in tried), path


def test_every_page_of_the_desk_belongs_to_a_section(house: TradersHouse) -> None:
    for path in desk_pages(house):
        word = [*path.split("/"), ""][2]
        wanted = f"/desk/{SECTION_OF[word]}" if word else "/desk"
        assert section_of(path) == wanted
        assert wanted in dict(SECTIONS)


@pytest.mark.parametrize("path", PAGES)
def test_the_section_of_a_page_is_marked_and_no_other(house: TradersHouse, path: str) -> None:
    page = shown(house.browser("olga"), path.format(rejected=house.rejected))  # type: ignore[attr-defined]
    tabs = page.text.rpartition("desk-nav")[2].partition("</nav>")[0]
    marked = re.findall(r'<a href="([^"]+)" aria-current="true">', tabs)
    word = [*path.partition("?")[0].split("/"), ""][2]
    assert marked == ([] if path == "/notices" else [f"/desk/{SECTION_OF[word]}" if word else "/desk"])


@pytest.mark.parametrize(("language", "word"), [("en", "Fill in the form from it"), ("ru", "Заполнить форму по ней")])
def test_the_button_of_a_copy_says_what_it_does(house: TradersHouse, language: str, word: str) -> None:
    text = shown(house.browser("olga", language), "/desk/sessions-new").text
    assert re.findall(r"<button[^>]*>([^<]*)</button>", text.split('class="filters"')[1])[0] == word
