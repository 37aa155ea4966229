"""The walk of the tutorial through the demo, as a visitor, a trader, a broker, an operator and an auditor take it.

`python -m tests.e2e.walk docs/tutorial/screens` takes the tutorial's pictures, in both languages; `test_walk` walks the
same way and sees that each page shows what the tutorial says. It finds its way by what does not depend on language.
"""

import argparse
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.conftest import ARGUMENTS, CHROMIUM

API: Final = "/api/v1"
HISTORICAL: Final = "historical-china-lumber-2022-12"
SERIES: Final = "metals-domestic"
DEAL_SECONDS: Final = 60
Shot = Callable[[Page, str], None]
SHOWN: Final = (
    *("front", "session", "result", "may-i-trade", "ticket", "deal", "deposit", "broker"),
    *("desk", "supervision", "halted", "registered", "all-deals", "record"),
)
"""The pictures that the tutorial shows."""


class Demo:
    """`kirmash demo` in a process of its own, its historical session replayed, the metals' session in TRADING."""

    def __init__(self, data: Path) -> None:
        words = ["demo", "--port", "0", "--data", str(data), "--speed", "10000"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kirmash", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            said += line
            if "is over" in line:
                break
        # Nobody reads on what it says; a full pipe would stop it.
        self._listening: Final = threading.Thread(target=self._listen, name="demo's words", daemon=True)
        self._listening.start()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        self.origin: Final = found[0]
        self.session = self._open_metals()

    def _open_metals(self) -> str:
        """The operator need not wait for the timetable: from INTAKE on to TRADING at once."""
        with self.entered("demo-operator") as client:
            phases: dict[str, str] = {}
            deadline = time.monotonic() + 20
            while "INTAKE" not in phases.values():
                assert time.monotonic() < deadline, phases
                found = client.get(f"{API}/sessions?ended=false").json()["items"]
                phases = {it["session"]: it["phase"] for it in found if it["session"].startswith(SERIES)}
            session = next(name for name, phase in phases.items() if phase == "INTAKE")
            for at, to in (("INTAKE", "OPENING"), ("OPENING", "TRADING")):
                body = {"session": session, "from": at, "to": to}
                answer = client.post(f"{API}/commands/change_phase", json=body)
                assert answer.status_code == 200, answer.text
        return session

    def offer(self, instrument: str, price: str, quantity: str) -> None:
        """Somebody sells, so that nobody who walks has to wait for it; more than others there would take first."""
        body = {"session": self.session, "instrument": instrument, "side": "sell", "price": price, "quantity": quantity}
        with self.entered("demo-seller") as client:
            answer = client.post(f"{API}/commands/place_order", json=body)
            assert answer.status_code == 200, answer.text

    @contextlib.contextmanager
    def entered(self, name: str) -> Iterator[httpx.Client]:
        """A visitor's client."""
        with httpx.Client(base_url=self.origin, timeout=30) as client:
            answer = client.post(f"{API}/login", json={"name": name, "password": f"{name}-password"})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            yield client

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)
        self._listening.join(60)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as words:
            words.read()


@contextlib.contextmanager
def browsing(browser: Browser, language: str, width: int = 1280, theme: str = "light") -> Iterator[Page]:
    """A browser of its own; an error of a script, or a breach of the policy, is an error of the walk."""
    look: dict[str, Any] = {"color_scheme": theme}
    context = browser.new_context(viewport={"width": width, "height": 860}, locale=language, **look)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert not errors


def enter(page: Page, demo: Demo, name: str) -> None:
    """Log in by the form."""
    page.goto(f"{demo.origin}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", f"{name}-password")
    page.click("main button[type=submit]")
    expect(page.locator('form[action="/logout"]')).to_be_visible()


def band(page: Page) -> tuple[str, str]:
    """The lowest and highest price that the ticket names, as they are typed: without groups, with a point."""
    shown = page.locator("#help-price .figure").nth(1).inner_text()
    if page.evaluate("document.documentElement.lang") == "ru":
        shown = shown.replace(",", ".")
    else:
        shown = shown.replace(",", "")
    lowest, highest = (re.sub(r"[^\d.]", "", part) for part in shown.split("…"))
    return lowest, highest


def send(page: Page) -> None:
    """Send the ticket, once more where the price is so far off that it asks."""
    answer = page.locator("#answer .notice-success")
    confirming = page.locator('#ticket-form input[name="confirmed"]')
    page.locator("button.send").click()
    expect(answer.or_(confirming).first).to_be_attached()
    if confirming.count():
        page.locator("button.send").click()
    expect(answer.first).to_be_visible()


def visitor(page: Page, demo: Demo, shot: Shot) -> None:
    """Looks around without a login, led by the tour."""
    page.goto(f"{demo.origin}/")
    shot(page, "front")
    page.locator("a.tour-begin").click()
    shot(page, "tour")
    page.locator("main .lead-links a").first.click()
    expect(page.locator(".tour-strip")).to_be_visible()
    page.locator("a.tour-next").click()
    expect(page.locator(".tour-strip")).to_contain_text("2")
    page.goto(f"{demo.origin}/sessions/{demo.session}")
    expect(page.locator("[data-live-state]")).to_be_visible()
    shot(page, "session")
    page.goto(f"{demo.origin}/sessions/{HISTORICAL}")
    expect(page.locator("main")).to_contain_text(re.compile(r"85.500.000.00"))
    shot(page, "result")
    page.goto(f"{demo.origin}/goods")
    page.locator("main input[type=search]").fill("4407")
    page.locator("main form button[type=submit]").first.click()
    shot(page, "goods")


def trader(page: Page, demo: Demo, shot: Shot) -> None:
    """Buys rebar, sees what it blocks of the deposit, and what became of the order."""
    enter(page, demo, "demo-buyer")
    page.goto(f"{demo.origin}/terminal")
    expect(page.locator("main")).to_contain_text(demo.session)
    shot(page, "terminal")
    page.goto(f"{demo.origin}/account/may-i-trade/{demo.session}")
    shot(page, "may-i-trade")
    page.goto(f"{demo.origin}/terminal/{demo.session}")
    expect(page.locator("[data-live-state]")).to_be_visible()
    # The middle of the band stays inside of it, also where a deal has just moved it.
    instrument = page.locator("#ticket-form [name=instrument]").input_value()
    lowest, highest = band(page)
    price = str((int(lowest) + int(highest)) // 2)
    demo.offer(instrument, price, "1000")
    page.locator('input[name="side"][value="buy"]').check()
    page.fill("#field-price", price)
    page.fill("#field-quantity", "10")
    expect(page.locator("#preview dl, #preview .notice").first).to_be_visible()
    shot(page, "ticket")
    send(page)
    expect(page.locator("#part-deals tbody tr").first).to_be_visible(timeout=DEAL_SECONDS * 1_000)
    shot(page, "deal")
    page.goto(f"{demo.origin}/account/deals")
    expect(page.locator("main tbody")).to_contain_text(demo.session)
    shot(page, "deals")
    page.goto(f"{demo.origin}/account/deposit")
    expect(page.locator("main tbody tr").first).to_be_visible()
    shot(page, "deposit")


def broker(page: Page, demo: Demo, shot: Shot) -> None:
    """Orders for a client, on that client's deposit."""
    enter(page, demo, "demo-broker")
    page.goto(f"{demo.origin}/account/clients")
    expect(page.locator("main tbody tr")).to_have_count(2)
    shot(page, "clients")
    page.goto(f"{demo.origin}/terminal/{demo.session}")
    page.locator('input[name="side"][value="buy"]').check()
    page.locator("#field-client").select_option(index=1)
    page.fill("#field-price", band(page)[0])
    page.fill("#field-quantity", "10")
    send(page)
    expect(page.locator("#part-orders tbody tr").first).to_be_visible()
    shot(page, "broker")


def operator(page: Page, demo: Demo, shot: Shot) -> None:
    """Watches the session with all names, halts it, tells everybody why, has it go on, and takes a company in."""
    language = page.evaluate("navigator.language")
    enter(page, demo, "demo-operator")
    page.goto(f"{demo.origin}/desk")
    expect(page.locator("[data-live-state]").first).to_be_visible()
    shot(page, "desk")
    page.goto(f"{demo.origin}/desk/supervision/{demo.session}")
    expect(page.locator("main")).to_contain_text("by-demo-")
    shot(page, "supervision")
    path = f"{demo.origin}/desk/sessions/{demo.session}"
    page.goto(path)
    page.fill('form[action$="/halt"] [name=reason]', "A scale at the mill is checked (invented)")
    shot(page, "halting")
    page.click('form[action$="/halt"] button[type=submit]')
    expect(page.locator('form[action$="/resume"]')).to_be_visible()
    shot(page, "halted")
    page.click('main a[href$="/phase"]')
    page.click('form[action$="/phase"] button[type=submit]')
    expect(page.locator('form[action$="/resume"]')).to_have_count(0)
    page.goto(f"{demo.origin}/desk/participants/new")
    page.fill("[name=participant]", f"walk-mill-{language}")
    page.fill("[name=name]", "Walk Mill (invented)")
    shot(page, "registering")
    page.click("main form button[type=submit]")
    expect(page.locator("main .notice-success").first).to_be_visible()
    shot(page, "registered")
    page.goto(f"{demo.origin}/desk/health")
    shot(page, "health")


def auditor(page: Page, demo: Demo, shot: Shot) -> None:
    """Reads everything, changes nothing: the deal of the walk, its record, the proof of it."""
    enter(page, demo, "demo-auditor")
    page.goto(f"{demo.origin}/desk/supervision/{demo.session}/deals")
    expect(page.locator("main tbody tr").first).to_be_visible()
    shot(page, "all-deals")
    with demo.entered("demo-auditor") as client:
        deal = client.get(f"{API}/deals", params={"session": demo.session, "limit": 1}).json()["items"][0]
    page.goto(f"{demo.origin}/desk/journal/{deal['number']}")
    expect(page.locator("main")).to_contain_text("deal_made")
    shot(page, "record")


Chapter = Callable[[Page, Demo, Shot], None]
CHAPTERS: Final[tuple[Chapter, ...]] = (visitor, trader, broker, operator, auditor)


def take(browser: Browser, demo: Demo, folder: Path, languages: tuple[str, ...], wanted: Callable[[str], bool]) -> None:
    """The pictures of all chapters, as far as they are wanted."""
    for language in languages:

        def shot(page: Page, name: str, language: str = language) -> None:
            if not wanted(name):
                return
            page.wait_for_timeout(300)
            page.screenshot(path=folder / f"walk-{name}-{language}.png")

        for chapter in CHAPTERS:
            with browsing(browser, language) as page:
                chapter(page, demo, shot)


def main() -> None:
    """Start a demo and a browser, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every page of the walk, not only what the tutorial shows")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        demo = Demo(Path(data) / "data")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            take(browser, demo, arguments.folder, ("en", "ru"), lambda name: arguments.all or name in SHOWN)
        finally:
            browser.close()
            demo.stop()


if __name__ == "__main__":
    main()
