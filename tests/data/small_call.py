"""A second, very small reading of the CALL rules, for scenario files only.

It judges the generators before and beside the real markets: it replays the commands of one CALL session, refuses what
PS-1 to PS-5 refuse among the things that the scenarios do, and uncrosses by PS-4. Numbers are exact fractions. What
the scenarios never do (amended minima, halts, performance before the uncrossing) is not here, and asserted where cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Order = dict[str, Any]


def demand_and_supply(book: list[Order], price: Fraction) -> tuple[Fraction, Fraction]:
    demand = sum((o["open"] for o in book if o["side"] == "buy" and o["price"] >= price), Fraction(0))
    supply = sum((o["open"] for o in book if o["side"] == "sell" and o["price"] <= price), Fraction(0))
    return demand, supply


def price_of(book: list[Order], reference: Fraction | None, tick: Fraction) -> tuple[Fraction | None, Fraction]:
    """PS-4.1: the price and the volume of a book; None if nothing crosses."""
    points = {p: demand_and_supply(book, p) for p in {o["price"] for o in book}}
    most = max((min(d, s) for d, s in points.values()), default=Fraction(0))
    if most == 0:
        return None, most
    surplus = {p: d - s for p, (d, s) in points.items() if min(d, s) == most}
    least = min(abs(x) for x in surplus.values())
    left = {p: x for p, x in surplus.items() if abs(x) == least}
    if all(x > 0 for x in left.values()):
        return max(left), most
    if all(x < 0 for x in left.values()):
        return min(left), most
    low = min(left) if least == 0 else max(p for p, x in left.items() if x > 0)
    high = max(left) if least == 0 else min(p for p, x in left.items() if x < 0)
    if reference is not None:
        return min(max(reference, low), high), most
    return ((low + high) / 2 // tick) * tick, most


def allot(book: list[Order], price: Fraction, volume: Fraction) -> tuple[dict[int, Fraction], Order | None]:
    """PS-4.2: what each order is given, and the order whose cut PS-4.3 forbids."""
    given: dict[int, Fraction] = {}
    forbidden = None
    for side, sign in (("buy", -1), ("sell", 1)):
        left = volume
        fitting = [o for o in book if o["side"] == side and (price - o["price"]) * sign >= 0]
        for order in sorted(fitting, key=lambda o: (sign * o["price"], o["priority"])):
            share = min(order["open"], left)
            left -= share
            if share == 0:
                continue
            given[order["order"]] = share
            needed = order["open"] if order["indivisible"] else min(order["minimum"] or 0, order["open"])
            if share < order["open"] and share < needed:
                forbidden = order
    return given, forbidden


def uncross(book: list[Order], reference: Fraction | None, tick: Fraction) -> dict[str, Any]:
    """PS-4.1 to 4.5: price, volume, what each order gets, and who is rejected paradoxically."""
    book, aside = list(book), []
    while True:
        price, volume = price_of(book, reference, tick)
        given, forbidden = allot(book, price, volume) if price is not None else ({}, None)
        if forbidden is None:
            break
        book.remove(forbidden)
        aside.append(forbidden)
    for order in sorted(aside, key=lambda o: o["priority"]):
        again, more = price_of([*book, order], reference, tick)
        if again is None or more <= volume:
            continue
        shares, forbidden = allot([*book, order], again, more)
        if forbidden is None:
            book.append(order)
            price, volume, given = again, more, shares
    out = [o for o in sorted(aside, key=lambda o: o["priority"]) if o not in book]
    paradox = [o["order"] for o in out if price is not None and _strictly_better(o, price)]
    return {"price": price, "volume": volume, "given": given, "paradox": paradox}


def _strictly_better(order: Order, price: Fraction) -> bool:
    return bool(order["price"] > price) if order["side"] == "buy" else bool(order["price"] < price)


@dataclass
class SmallCall:
    """One CALL session, replayed."""

    phase: str = ""
    number: int = 0
    session: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    participants: dict[str, dict[str, Any]] = field(default_factory=dict)
    traders: dict[str, str] = field(default_factory=dict)
    allowed: set[tuple[str, str]] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    deposits: dict[tuple[str, str | None], Fraction] = field(default_factory=dict)
    rates: dict[tuple[str, bool], tuple[Fraction, Fraction]] = field(default_factory=dict)

    def run(self, commands: Iterable[dict[str, Any]]) -> SmallCall:
        for self.number, command in enumerate(commands, 1):
            handler = getattr(self, "_" + command["command"], None)
            if handler is not None:
                why = handler(command)
                if why:
                    self.refused.append((command["command"], why))
        return self

    def _register_participant(self, c: dict[str, Any]) -> None:
        self.participants[c["participant"]] = c

    def _appoint_trader(self, c: dict[str, Any]) -> None:
        self.traders[c["trader"]] = c["participant"]

    def _grant_permission(self, c: dict[str, Any]) -> None:
        self.allowed.add((c["participant"], c["side"]))

    def _suspend_participant(self, c: dict[str, Any]) -> None:
        self.suspended.add(c["participant"])

    def _credit_deposit(self, c: dict[str, Any]) -> None:
        account = (c["participant"], c.get("client"))
        self.deposits[account] = self.deposits.get(account, Fraction(0)) + Fraction(c["amount"])

    def _list_instrument(self, c: dict[str, Any]) -> None:
        self.instruments[c["instrument"]] = c

    def _create_session(self, c: dict[str, Any]) -> None:
        assert c["mechanism"] == "call"
        assert not c.get("late_entry")
        self.phase = c["phases"][0]["phase"]
        self.session = {i["instrument"]: i for i in c["instruments"]}
        for row in c["deposit"]:
            self.rates[row["side"], row["resident"]] = (Fraction(row["rate_ppm"], 10**6), Fraction(row["floor"]))

    def _change_phase(self, c: dict[str, Any]) -> str:
        if c["from"] != self.phase:
            return "phase_moved_on"
        self.phase = c["to"]
        if self.phase == "ADMISSION":
            for order in self.orders.values():
                if order["participant"] in self.suspended:
                    order["open"] = Fraction(0)
        if self.phase == "DEAL_MAKING":
            self.results = {name: self.result(name) for name in sorted(self.session)}
        return ""

    def result(self, name: str) -> dict[str, Any]:
        book = [o for o in self.orders.values() if o["instrument"] == name and o["open"]]
        return uncross(book, self._reference(name), Fraction(self.instruments[name]["tick"]))

    def _reference(self, name: str) -> Fraction | None:
        text = self.session[name].get("reference")
        return None if text is None else Fraction(text)

    def _wrong_terms(self, name: str, price: Fraction, quantity: Fraction) -> str:
        listed, terms = self.instruments[name], self.session[name]
        if price % Fraction(listed["tick"]):
            return "price_off_grid"
        if quantity % Fraction(listed["lot"]):
            return "quantity_off_grid"
        reference = self._reference(name)
        if reference is not None and "down_ppm" in terms:
            down, up = Fraction(terms["down_ppm"], 10**6), Fraction(terms["up_ppm"], 10**6)
            if not reference * (1 - down) <= price <= reference * (1 + up):
                return "band_exceeded"
        if quantity > (listed.get("order_lots_max") or 10**9) * Fraction(listed["lot"]):
            return "order_too_large"
        return ""

    def _needed(self, order: Order) -> Fraction:
        rate, floor = self.rates[order["side"], self.participants[order["participant"]]["resident"]]
        value = order["price"] * order["open"]
        minor = -(-value * rate * 100 // 1) / Fraction(100)
        return max(minor, floor) if value else Fraction(0)

    def _short(self, order: Order) -> bool:
        account = (order["participant"], order["client"])
        others = [o for o in self.orders.values() if (o["participant"], o["client"]) == account and o is not order]
        used = sum((self._needed(o) for o in others if o["order"] != order["order"]), Fraction(0))
        return self.deposits.get(account, Fraction(0)) < used + self._needed(order)

    def _place_order(self, c: dict[str, Any]) -> str:
        participant = self.traders[c["by"]]
        if (participant, c["side"]) not in self.allowed or participant in self.suspended:
            return "not_admitted"
        if self.phase != "INTAKE":
            return "phase_forbids"
        name, price, quantity = c["instrument"], Fraction(c["price"]), Fraction(c["quantity"])
        wrong = self._wrong_terms(name, price, quantity)
        conditional = c.get("indivisible") or "minimum" in c
        if wrong:
            return wrong
        if conditional and self.instruments[name].get("conditional_allowed") is False:
            return "conditional_not_allowed"
        order = {
            "order": len(self.orders) + 1,
            "priority": self.number,
            "participant": participant,
            "instrument": name,
            "side": c["side"],
            "price": price,
            "open": quantity,
            "client": c.get("client"),
            "indivisible": c.get("indivisible", False),
            "minimum": Fraction(c["minimum"]) if "minimum" in c else None,
        }
        if self._short(order):
            return "deposit_short"
        self.orders[order["order"]] = order
        return ""

    def _amend_order(self, c: dict[str, Any]) -> str:
        old = self.orders[c["order"]]
        assert self.traders[c["by"]] == old["participant"]
        new = {
            **old,
            "price": Fraction(c.get("price") or old["price"]),
            "open": Fraction(c.get("quantity") or old["open"]),
        }
        if not old["open"]:
            return "order_not_open"
        buyer = old["side"] == "buy"
        better = new["price"] > old["price"] if buyer else new["price"] < old["price"]
        worse, more = new["price"] != old["price"] and not better, new["open"] > old["open"]
        less = new["open"] < old["open"]
        if self.phase == "TRADING":
            right = not worse and not less and (buyer or not more)
        elif self.phase == "SELLER_CORRECTION":
            given = self.result(old["instrument"])["given"].get(old["order"], Fraction(0)) if less else Fraction(0)
            right = not buyer and not worse and not more and (not less or new["open"] >= given)
        else:
            right = self.phase == "INTAKE"
        if not right:
            return "phase_forbids"
        wrong = self._wrong_terms(old["instrument"], new["price"], new["open"])
        if wrong:
            return wrong
        if self._short(new):
            return "deposit_short"
        if new["price"] != old["price"] or more:
            new["priority"] = self.number
        self.orders[old["order"]] = new
        return ""

    def _cancel_order(self, c: dict[str, Any]) -> str:
        if self.phase != "INTAKE":
            return "phase_forbids"
        self.orders[c["order"]]["open"] = Fraction(0)
        return ""
