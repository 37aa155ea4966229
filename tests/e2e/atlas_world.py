"""The two exchanges of the atlas: the demo, filled up until every page has something to show, and an empty one.

What is done here is done over HTTP as people do it. All companies, orders and prices are invented.
"""

import base64
import datetime
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e.walk import API, HISTORICAL, Demo
from tests.gateway.house import give
from tests.web_desk.house import RecordsHouse

PHASES: Final = ("SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED")
METALS: Final = ("demo-rebar-12", "demo-angle-50")
REBAR: Final = "demo-rebar-12"
ONE_TIME: Final = "seller-office"
ADMIN: Final = "buyer-office"
KEY: Final = base64.b64encode(bytes(range(32))).decode()
HALTED: Final = "The scale at the mill is checked; the return is announced an hour before"


class FullWorld:
    """The demo with sessions in each state, one day's business of `demo-buyer` and `demo-broker`, and work waiting at
    the desk. `values` are the ids that stand in addresses, `cookies` the sessions of those who are logged in."""

    def __init__(self, data: Path, demo: Demo | None = None) -> None:
        self._demo: Final = demo or Demo(data)
        self.origin: Final = self._demo.origin
        self.values: Final[dict[str, str]] = {"session": self._demo.session, "historical": HISTORICAL}
        self.cookies: Final[dict[str, str]] = {}
        self._clients: Final[dict[str, httpx.Client]] = {}
        for name in ("operator", "operator-2", "auditor", "buyer", "seller", "broker"):
            self._enter(f"demo-{name}", f"demo-{name}-password")
        self._companies()
        self._sessions()
        self._trade()
        self._money()
        self._people()
        self._notices()
        self._settled()

    def stop(self) -> None:
        """End it."""
        for client in self._clients.values():
            client.close()
        self._demo.stop()

    # How -------------------------------------------------------------------------------------------------------------

    def _enter(self, name: str, password: str) -> httpx.Client:
        client = httpx.Client(base_url=self.origin, timeout=30)
        answer = client.post(f"{API}/login", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        self._clients[name] = client
        self.cookies[name] = client.cookies["kirmash_session"]
        return client

    def _post(self, who: str, path: str, body: dict[str, Any], **query: str) -> Any:
        """As somebody does by hand: no quicker than a hand may be."""
        while True:
            answer = self._clients[who].post(f"{API}{path}", json=body, params=query)
            if answer.status_code != 429:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        assert answer.status_code in (200, 201, 202), f"{who} {path} {body}: {answer.text}"
        return answer.json()

    def _give(self, command: str, who: str = "demo-operator", /, **fields: Any) -> Any:
        return self._post(who, f"/commands/{command}", fields)

    def _rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self._clients["demo-operator"].get(f"{API}{path}", params=query)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["items"]
        return rows

    def _settled(self) -> None:
        """The demo's views follow at once; a moment for the last record."""
        time.sleep(1)

    def _order(self, who: str, session: str, instrument: str, side: str, price: str, quantity: str, **more: Any) -> Any:
        terms = {"session": session, "instrument": instrument, "side": side, "price": price, "quantity": quantity}
        return self._give("place_order", who, **terms, **more)

    # What ------------------------------------------------------------------------------------------------------------

    def _companies(self) -> None:
        """One at its beginning, one suspended."""
        self._give("register_participant", participant="fresh-mill", name="ОАО «Полесская нива» (invented)",
                   country="BY", resident=True, kinds=["visitor"])  # fmt: skip
        companies = self._rows("/participants", limit=500)
        self.values["suspended"] = next(it["participant"] for it in companies if it["participant"] == "by-demo-030")
        self._give("suspend_participant", participant=self.values["suspended"], open_orders="keep",
                   reason="the contract with the exchange is not signed")  # fmt: skip
        self.values["broker"] = next(
            it["participant"] for it in companies if "broker" in it["kinds"] and "demo" in it["participant"]
        )

    def _plan(self, session: str, phase: str, minutes: int = 2) -> None:
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
        times = [(first + datetime.timedelta(minutes=30 * at)).isoformat() for at in range(len(PHASES))]
        bands = {"reference": "2400", "down_ppm": 150_000, "up_ppm": 150_000}
        self._give(
            "create_session",
            session=session,
            section="metal",
            purpose="domestic",
            mechanism="cdca",
            instruments=[{"instrument": it, **bands} for it in METALS],
            phases=[{"phase": name, "at": at} for name, at in zip(PHASES, times, strict=True)],
            deposit=[{"side": "buy", "resident": True, "currency": "BYN", "rate_ppm": 20_000, "floor": "50.00"}],
        )
        self._advance(session, PHASES[: PHASES.index(phase) + 1])

    def _advance(self, session: str, phases: tuple[str, ...]) -> None:
        for before, after in pairwise(phases):
            self._give("change_phase", session=session, **{"from": before, "to": after})

    def _sessions(self) -> None:
        """Planned, halted, cancelled, one of the morning that is over, one whose bands let a price be far off."""
        self._plan("metals-tomorrow", "SCHEDULED", 24 * 60)
        self._plan("metals-wide", "TRADING")
        self._order("demo-seller", "metals-wide", REBAR, "sell", "2420", "20")
        self._plan("metals-halted", "TRADING")
        self._order("demo-seller", "metals-halted", REBAR, "sell", "2420", "20")
        self._order("demo-buyer", "metals-halted", REBAR, "buy", "2390", "15")
        self._give("halt_session", session="metals-halted", reason=HALTED)
        self._plan("metals-cancelled", "INTAKE")
        self._order("demo-seller", "metals-cancelled", REBAR, "sell", "2420", "20")
        self._approved("cancel_session", session="metals-cancelled", reason="the warehouse is under water")
        self._plan("metals-morning", "TRADING")
        for price, quantity in (("2395", "12.5"), ("2400", "30"), ("2410", "8")):
            self._order("demo-seller", "metals-morning", REBAR, "sell", price, quantity)
            self._order("demo-buyer", "metals-morning", REBAR, "buy", price, quantity)
        self._order("demo-buyer", "metals-morning", METALS[1], "buy", "2350", "5")
        self._advance("metals-morning", ("TRADING", "CLOSING", "CLOSED"))
        found = self._rows("/sessions", ended=False)
        self.values["intake"] = next(
            it["session"] for it in found if it["phase"] == "INTAKE" and it["session"].startswith(("food", "timber"))
        )

    def _approved(self, command: str, **fields: Any) -> None:
        """Proposed by one operator, approved by another."""
        self._give(command, **fields)
        for proposal in self._rows("/proposals"):
            self._post("demo-operator-2", f"/proposals/{proposal['id']}/approve", {})

    def _trade(self) -> None:
        """In the session of metals: open orders, deals, an order taken back; the broker for both of his clients."""
        session = self.values["session"]
        for price, quantity in (("2300", "10"), ("2290", "25"), ("2280", "40")):
            self.values["order"] = str(
                self._order("demo-buyer", session, REBAR, "buy", price, quantity)["events"][0]["order"]
            )
        self._order("demo-buyer", session, REBAR, "buy", "2270", "7", indivisible=True)
        self._order("demo-seller", session, METALS[1], "sell", "2700", "12", minimum="2")
        self._order("demo-buyer", session, METALS[1], "buy", "2700", "4")
        for client, price in (("demo-client-a", "2310"), ("demo-client-b", "2295")):
            self._order("demo-broker", session, REBAR, "buy", price, "6", client=client)
        self._order("demo-broker", session, REBAR, "sell", "2480", "3", client="demo-client-a")
        self._order("demo-buyer", session, REBAR, "buy", "2480", "3")
        mine = self._rows("/deals", session=session, limit=1)
        self.values["deal"] = str(mine[0]["deal"])
        self.values["number"] = str(mine[0]["number"])

    def _money(self) -> None:
        """Money in, a large credit that waits for a second person, a withdrawal, two contracts that went on."""
        self._post("demo-operator", "/commands/credit_deposit",
                   {"participant": "demo-buyer", "currency": "BYN", "amount": "250000.00"},
                   reason="payment order 4711 of 20 November")  # fmt: skip
        self._post("demo-operator", "/commands/credit_deposit",
                   {"participant": "demo-seller", "currency": "BYN", "amount": "2500000.00"},
                   reason="payment order 4712 of 20 November")  # fmt: skip
        self._give("request_withdrawal", withdrawal="w-2", participant="demo-buyer", currency="BYN", amount="12500.00")
        contracts = self._rows("/contracts", session="metals-morning")
        self._give("perform_contract", deal=contracts[0]["deal"], reason="paid and shipped")
        self._give("terminate_contract", deal=contracts[1]["deal"], reason="both sides agreed to part")
        self.values["contract"] = str(contracts[2]["deal"])
        self._give("annul_deal", deal=contracts[2]["deal"], reason="entered twice by mistake, both sides confirm")
        self.values["proposal"] = self._rows("/proposals")[0]["id"]

    def _people(self) -> None:
        """An administrator with a one-time password, another one, a key, a switch that stops somebody."""
        made = self._post("demo-operator", "/logins",
                          {"name": ONE_TIME, "role": "participant-admin", "participant": "demo-seller"})  # fmt: skip
        self._enter(ONE_TIME, made["password"])
        made = self._post("demo-operator", "/logins",
                          {"name": ADMIN, "role": "participant-admin", "participant": "demo-buyer"})  # fmt: skip
        client = self._enter(ADMIN, made["password"])
        changed = client.post(f"{API}/password", json={"old": made["password"], "new": f"{ADMIN}-password"})
        assert changed.status_code == 200, changed.text
        self._enter(ADMIN, f"{ADMIN}-password")
        self._post("demo-buyer", "/keys", {"public": KEY, "label": "Night robot (invented)"})
        why = "a program sent the same order again and again"
        body = {"kind": "trader", "subject": "t-by-demo-012", "on": True, "reason": why}
        self._post("demo-operator", "/switches", body)
        self.values["login"] = next(it["id"] for it in self._rows("/logins", name="demo-buyer"))
        self.values["trader"] = "t-by-demo-012"

    def _notices(self) -> None:
        for english, russian, more_en, more_ru in (
            ("No session on 7 January", "7 января торгов нет",
             "Christmas is a public holiday.\nOrders of 6 January stay.",
             "Рождество — нерабочий день.\nЗаявки от 6 января остаются в книге."),
            ("A new basis of delivery: FCA Orsha", "Новый базис поставки: FCA Орша",
             "From 1 December steel may be offered on this basis, too.",
             "С 1 декабря прокат можно предлагать и на этом базисе."),
        ):  # fmt: skip
            body = {"title_en": english, "title_ru": russian, "text_en": more_en, "text_ru": more_ru}
            self._post("demo-operator", "/notices", body)
        self._post("demo-operator", "/notices/2/withdraw", {"reason": "the warehouse is not ready"})


class EmptyWorld:
    """An exchange on its first morning: its people, one company that has just been registered, nothing else."""

    def __init__(self, data: Path) -> None:
        self._house = RecordsHouse(data)
        self._house.__enter__()
        self._house.people()
        operator = self._house.enter("olga")
        for participant, kind in (("alfa", "visitor"), ("gamma", "broker")):
            give(operator, "register_participant", participant=participant, name=f"House of {participant} (invented)",
                 country="BY", resident=True, kinds=[kind])  # fmt: skip
            give(operator, "appoint_trader", trader=f"t-{participant}", participant=participant)
        self._house.settled()
        self.origin: Final = self._house.origin
        self.values: Final[dict[str, str]] = {"participant": "alfa"}
        self.cookies: Final = {}
        for name in ("olga", "t-alfa", "t-gamma"):
            self._house.enter(name)
            self.cookies[name] = self._house.opened[name][0]

    def stop(self) -> None:
        """End it."""
        self._house.__exit__()


World = FullWorld | EmptyWorld
