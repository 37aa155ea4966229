"""Every page of the desk's running part, in both languages: well formed, within the policy, Russian throughout, and
with a text for each name that an event, a state or a command can have."""

import re
from collections.abc import Iterator

import html5lib
import pytest

from kirmash.gateway.readiness import Readiness
from kirmash.messages import codec
from kirmash.messages.commands import FOLLOW_UPS
from kirmash.messages.kinds import ActorKind, CancelReason, Decider, OrderState
from kirmash.protocol.shapes import COMMANDS
from kirmash.web.rendering import POLICY
from kirmash.web.texts import catalog
from tests.gateway.house import SESSION, give, order
from tests.web_desk.running import place, plan_session, running_house, shown
from tests.web_terminal.house import TradersHouse

PAGES = (
    "/desk",
    "/desk/sessions",
    "/desk/sessions-new",
    f"/desk/sessions-new?copy={SESSION}",
    f"/desk/sessions/{SESSION}",
    "/desk/sessions/halted-1",
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
    r"Kirmash|Europe/Minsk|UTC|English|API|CSV|XLSX|JSON|WebSocket|USD|timber|House of|kirmash (?:verify|backup)"
    r"|[a-z]+-[a-z0-9-]+|alfa|beta|gamma|delta|FCA|Minsk|kirmash rebuild|(?:PS|ACC|TRD|BND|DEP|BRK|ORD)-[\d.]+|Pine"
    r"|docs/guides/check-a-journal\.md|journal\.db|--[a-z]+(?:-[a-z]+)?|reference"
)


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
