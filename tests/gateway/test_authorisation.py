"""Who may use which route, and see what: made from the table of routes, for every kind of caller."""

import re
from typing import Any

import httpx
import pytest

from kirmash.gateway.api import routes_of
from kirmash.gateway.routes import Route, Rule
from tests.gateway.house import API, INSTRUMENT, SESSION, House, give, order

CALLERS = ("nobody", "t-gamma", "a-gamma", "t-beta", "t-delta", "a-delta", "anton", "olga")
"""`gamma` owns what is asked for; `beta` is another participant, `delta` another broker with a client."""

ROLES = {"t": "trader", "a": "participant-admin", "anton": "auditor", "olga": "operator", "nobody": "nobody"}
PEOPLE = {"trader", "participant-admin", "auditor", "operator"}

# Written from the issue, not from the code: who may knock at all.
OPEN_TO: dict[str, set[str]] = {
    "PUBLIC": PEOPLE | {"nobody"},
    "SIGNED_IN": PEOPLE,
    "PARTICIPANT": PEOPLE,
    "TRADER": {"trader"},
    "ADMIN": {"participant-admin", "operator"},
    "OPERATOR": {"operator"},
    "AUDIT": {"operator", "auditor"},
    "OVERSIGHT": {"participant-admin", "operator", "auditor"},
    "COMMAND": {"trader", "operator"},
    # The tests come from the machine itself.
    "LOCAL": PEOPLE | {"nobody"},
}


def role_of(caller: str) -> str:
    return ROLES.get(caller) or ROLES[caller.split("-", maxsplit=1)[0]]


class Scene:
    """Everything that gamma owns, and a client for each caller."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.routes: list[Route] = routes_of(house.services)
        self.clients = {name: house.anonymous() if name == "nobody" else house.enter(name) for name in CALLERS}
        gamma, alfa = self.clients["t-gamma"], house.enter("t-alfa")
        give(alfa, "place_order", **order("sell", "100.00", "10"))
        placed = give(gamma, "place_order", **order("buy", "100.00", "4", client="c-gamma"))
        resting = give(gamma, "place_order", **order("buy", "50.00", "4", client="c-gamma"))
        give(self.clients["olga"], "request_withdrawal", withdrawal="w-gamma", participant="gamma", client="c-gamma",
             currency="USD", amount="1.00")  # fmt: skip
        house.settled()
        deal = next(line["deal"] for line in placed["events"] if line["event"] == "deal_made")
        self.owned: dict[str, Any] = {
            "participant": "gamma",
            "client": "c-gamma",
            "trader": "t-gamma",
            "order": resting["events"][0]["order"],
            "deal": deal,
            "withdrawal": "w-gamma",
            "number": placed["number"],
        }
        self.free = {"session": SESSION, "instrument": INSTRUMENT, "key": "key-none", "login": "login-none",
                     "notice": 1, "proposal": "pr-none"}  # fmt: skip

    def url(self, route: Route) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: str((self.owned | self.free)[found[1]]), route.path)

    def ask(self, caller: str, route: Route) -> httpx.Response:
        """Without the form's token: whatever changes something is stopped there, behind the rule."""
        client = self.clients[caller]
        headers = {"X-CSRF-Token": ""}
        params = {"session": SESSION, "instrument": INSTRUMENT} if needs_instrument(route) else {}
        if route.path == f"{API}/bars/sessions":
            params = {"instrument": INSTRUMENT}
        return client.request(route.method, self.url(route), headers=headers, params=params)


def needs_instrument(route: Route) -> bool:
    return route.path in (f"{API}/tape", f"{API}/bars")


@pytest.fixture(scope="module")
def scene(house: House) -> Scene:
    return Scene(house)


def test_every_rule_is_known() -> None:
    assert {rule.name for rule in Rule} == OPEN_TO.keys()


def test_a_route_without_a_rule_does_not_build() -> None:
    async def handler(_: Any) -> None: ...

    with pytest.raises((AssertionError, TypeError)):
        Route(method="GET", path="/x", rule=None, handler=handler, summary="", tag="")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Route(method="GET", path="/x", handler=handler, summary="", tag="")  # type: ignore[call-arg]


@pytest.mark.parametrize("caller", CALLERS)
def test_rules(scene: Scene, caller: str) -> None:
    """Who is not meant is turned away by the rule; who is meant gets as far as the form's token."""
    role = role_of(caller)
    for route in scene.routes:
        answer = scene.ask(caller, route)
        where = f"{caller}: {route.method} {route.path}: {answer.status_code} {answer.text[:200]}"
        code = answer.json().get("code") if answer.status_code >= 400 else None
        if role not in OPEN_TO[route.rule.name]:
            assert (answer.status_code, code) in ((401, "not_signed_in"), (403, "forbidden")), where
            assert (answer.status_code == 401) == (role == "nobody"), where
        elif route.method != "GET" and route.rule is not Rule.PUBLIC:
            assert (answer.status_code, code) == (403, "csrf_failed"), where
        else:
            assert answer.status_code in (200, 400, 404, 415), where


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_anothers_is_not_there(scene: Scene, caller: str) -> None:
    """Owner, operator and auditor find it; anybody else gets 404, and the same words as for what never was."""
    role = role_of(caller)
    if role == "nobody":
        return
    sees = role in ("operator", "auditor") or caller.endswith("gamma")
    asked = 0
    for route in scene.routes:
        names = set(re.findall(r"\{(\w+)\}", route.path)) & scene.owned.keys()
        if route.method != "GET" or route.rule is not Rule.PARTICIPANT or not names:
            continue
        asked += 1
        answer = scene.ask(caller, route)
        assert (answer.status_code == 200) == sees, f"{caller}: {route.path}: {answer.text[:300]}"
        if not sees:
            assert answer.status_code == 404
            never = scene.clients[caller].get(re.sub(r"\{\w+\}", "99999999", route.path))
            assert answer.json() == never.json()
    assert asked >= 8


@pytest.mark.parametrize("caller", ["nobody", "t-beta", "t-delta", "a-delta"])
def test_nobody_elses_name_in_any_byte(scene: Scene, caller: str) -> None:
    """Every route that can be read, read by strangers and rivals: no id, no name, no client of those who trade."""
    words = (b"gamma", b"alfa", b"w-gamma")
    asked = 0
    for route in scene.routes:
        if route.method != "GET" or role_of(caller) not in OPEN_TO[route.rule.name]:
            continue
        # Asking with an id in the path may repeat it; those are covered above.
        if set(re.findall(r"\{(\w+)\}", route.path)) & scene.owned.keys() or "openapi" in route.path:
            continue
        answer = scene.ask(caller, route)
        asked += 1
        for word in words:
            assert word not in answer.content, f"{caller}: {route.path}"
    assert asked >= 15


@pytest.mark.parametrize("resource", ["orders", "deals", "accounts", "clients", "participants", "contracts"])
def test_a_filter_cannot_widen_the_scope(scene: Scene, resource: str) -> None:
    answer = scene.clients["t-delta"].get(f"{API}/{resource}", params={"participant": "gamma"})
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    statement = scene.clients["t-delta"].get(f"{API}/statement", params={"participant": "gamma"})
    assert statement.json()["items"] == []


def test_a_broker_sees_his_clients(scene: Scene) -> None:
    mine = scene.clients["t-gamma"].get(f"{API}/orders", params={"client": "c-gamma"}).json()["items"]
    assert {row["client"] for row in mine} == {"c-gamma"}
    accounts = scene.clients["a-gamma"].get(f"{API}/accounts").json()["items"]
    assert "c-gamma" in {row["client"] for row in accounts}


def test_the_public_is_told_no_journal_number(scene: Scene) -> None:
    """DESIGN: public channels carry no journal numbers; by them one could tell whose order is whose."""
    for path in ("/sessions", "/instruments", "/status", "/time"):
        answer = scene.clients["nobody"].get(API + path)
        assert "X-Kirmash-Number" not in answer.headers
        assert "number" not in answer.json()
    assert scene.clients["t-beta"].get(f"{API}/sessions").headers["X-Kirmash-Number"].isdigit()
