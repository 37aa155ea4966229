"""An exchange full of hostile texts, and its table of routes with a value for every name in a path."""

import datetime
import re
from typing import Final

import httpx
import msgspec

from kirmash.gateway.api import routes_of
from kirmash.gateway.routes import PAGE, Route
from tests.gateway.house import API, INSTRUMENT, SESSION, give, order
from tests.web_desk.house import RecordsHouse

PROBE: Final = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
"""Breaks out of text, of an attribute in either quotes, and of a template."""
FORMULA: Final = '=HYPERLINK("http://evil/","x")'
"""A spreadsheet would compute it. Formulas begin with one of = + - @ or a blank of control."""
EVIL_CARD, EVIL_INSTRUMENT, EVIL_SESSION = "evil-card", "зло-лес", "злая-сессия"
"""Ids that are legal and no header can hold as they are."""
FORM: Final = "application/x-www-form-urlencoded"

ROLES: Final = {
    "nobody": None,
    "t-gamma": "trader",
    "a-gamma": "participant-admin",
    "anton": "auditor",
    "olga": "operator",
}


class HostileHouse(RecordsHouse):
    """Start with `with`; then `people` and `hostile`."""

    def hostile(self) -> None:
        """A session of a good with a bad name, people with bad names, orders, a deal, a halt, money that goes out."""
        self.prepare()
        operator = self.enter("olga")
        give(operator, "list_card", card=EVIL_CARD, version=PROBE, section="timber", name_en=f"{FORMULA} {PROBE}",
             name_ru=f"{PROBE} {FORMULA}", hs_code="440711", unit="MTQ", attributes={"grade": PROBE})  # fmt: skip
        give(operator, "list_instrument", instrument=EVIL_INSTRUMENT, card=EVIL_CARD, version=PROBE,
             basis={"incoterm": "FCA", "place": PROBE}, currency="USD", payment_term=f"@{PROBE}", clauses=[PROBE, "+1"],
             purpose="export", lot="1", tick="0.01")  # fmt: skip
        give(operator, "register_participant", participant="evil", name=f"{FORMULA} {PROBE}", country="BY",
             resident=True, kinds=["visitor"], group=PROBE)  # fmt: skip
        give(operator, "suspend_participant", participant="evil", open_orders="keep", reason=PROBE)
        give(operator, "register_client", broker="gamma", client="c-evil", name=f"{FORMULA} {PROBE}", country="BY",
             resident=True)  # fmt: skip
        give(operator, "credit_deposit", participant="gamma", client="c-evil", currency="USD", amount="100000.00")
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        phases = ["INTAKE", "TRADING", "CLOSING", "CLOSED"]
        plan = [
            {"phase": phase, "at": (first + datetime.timedelta(hours=at)).isoformat()}
            for at, phase in enumerate(phases)
        ]
        instruments = [{"instrument": it} for it in (EVIL_INSTRUMENT, INSTRUMENT)]
        give(operator, "create_session", session=EVIL_SESSION, section="timber", purpose="export", mechanism="cdca",
             instruments=instruments, phases=plan, names_at="deal")  # fmt: skip
        give(operator, "change_phase", session=EVIL_SESSION, **{"from": "INTAKE", "to": "TRADING"})
        alfa, gamma = self.enter("t-alfa"), self.enter("t-gamma")
        evil = {"session": EVIL_SESSION, "instrument": EVIL_INSTRUMENT}
        give(alfa, "place_order", **{**order("sell", "100.00", "10"), **evil})
        placed = give(gamma, "place_order", **{**order("buy", "100.00", "4", client="c-evil"), **evil})
        resting = give(gamma, "place_order", **{**order("buy", "50.00", "4", client="c-evil"), **evil})
        self.deal = next(line["deal"] for line in placed["events"] if line["event"] == "deal_made")
        self.order, self.number = resting["events"][0]["order"], placed["number"]
        give(operator, "request_withdrawal", withdrawal="w-evil", participant="gamma", client="c-evil", currency="USD",
             amount="1.00")  # fmt: skip
        give(operator, "terminate_contract", deal=self.deal, reason=f"@{PROBE}")
        give(operator, "halt_session", session=EVIL_SESSION, reason=PROBE)
        large = {"participant": "gamma", "client": "c-evil", "currency": "USD", "amount": "2000000.00"}
        proposed = operator.post(f"{API}/commands/credit_deposit", json=large, params={"reason": PROBE})
        assert proposed.status_code == 202, proposed.text
        self.proposal = operator.get(f"{API}/proposals").json()["items"][0]["id"]
        told = {name: f"{PROBE} {name}" for name in ("title_en", "title_ru", "text_en", "text_ru")}
        assert operator.post(f"{API}/notices", json=told).status_code == 201
        self.login = operator.get(f"{API}/logins", params={"name": "t-gamma"}).json()["items"][0]["id"]

    @property
    def routes(self) -> list[Route]:
        """The table as the server has it: the API's routes and the pages'."""
        pages = self.gateway._pages
        assert pages is not None
        return [*routes_of(self.services), *pages.routes]

    @property
    def names(self) -> dict[str, str]:
        """A value for each name that stands in a path. One that nobody knows fails the tests that need it: it has to
        be added here, so that what it shows is tried, too."""
        return {
            "session": EVIL_SESSION,
            "instrument": EVIL_INSTRUMENT,
            "card": EVIL_CARD,
            "participant": "gamma",
            "client": "c-evil",
            "trader": "t-gamma",
            "order": str(self.order),
            "deal": str(self.deal),
            "number": str(self.number),
            "withdrawal": "w-evil",
            "key": "key-none",
            "login": self.login,
            "proposal": self.proposal,
            "notice": "1",
            "step": "2",
            "kind": "participant",
            "subject": "gamma",
        }

    def path(self, route: Route) -> str:
        """The route's address."""
        return re.sub(r"\{(\w+)\}", lambda found: self.names[found[1]], route.path)

    def visitor(self, name: str) -> httpx.Client:
        """Somebody with a browser: no token in any header."""
        client = self.anonymous() if name == "nobody" else self.enter(name)
        client.headers.pop("X-CSRF-Token", None)
        client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
        return client


def fields_of(route: Route) -> list[str]:
    """The names of the route's query."""
    return [] if route.query is None else [field.name for field in msgspec.structs.fields(route.query)]


def is_page(route: Route) -> bool:
    """Whether it is read by people, and ends."""
    return route.method == "GET" and route.media_type == PAGE


def needed(route: Route) -> dict[str, str]:
    """What a route cannot be asked without."""
    if route.path in (f"{API}/tape", f"{API}/bars"):
        return {"session": SESSION, "instrument": INSTRUMENT}
    return {"instrument": EVIL_INSTRUMENT} if route.path == f"{API}/bars/sessions" or "{session}" in route.path else {}
