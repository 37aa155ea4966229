"""Limits of PS-9 that take many commands to reach, at and beyond, on both markets.

The 16,000,000 open orders of the whole exchange are reached on the native market (`make fuzz`); on the reference market
they would take tens of GiB, and the same rule is tested with a small limit.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw, Struct

from kirmash.market import Market
from kirmash.market.choice import market_loader
from kirmash.market.reference import terms
from kirmash.messages import codec, limits
from kirmash.messages.commands import (
    FOLLOW_UPS,
    AddInstrument,
    CancelOrder,
    CreateSession,
    Permission,
    PlaceOrder,
    PlannedPhase,
    SessionInstrument,
    SetAdmission,
    SetAuthority,
)
from kirmash.messages.events import CommandRejected, Event
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, Side
from kirmash.messages.rejects import Reason
from kirmash.simulation.scenario import run_lines

PRELUDES = Path(__file__).parents[1] / "vectors" / "preludes"
AT = "2022-12-14T07:00:00Z"
BUY = Side.BUY
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]


def _prelude(name: str) -> list[bytes]:
    return (PRELUDES / f"{name}.jsonl").read_bytes().splitlines()


def _line(number: int, by: str, command: str, **fields: Any) -> bytes:
    return json.dumps({"at": AT, "by": by, "id": f"l-{number}", "command": command, **fields}).encode()


def _orders(first: int, count: int, by: str = "t-b1") -> Iterator[bytes]:
    wish = {"session": "cd", "instrument": "i-eur", "side": "buy", "price": "1", "quantity": "1"}
    return (_line(number, by, "place_order", **wish) for number in range(first, first + count))


def _outcomes(lines: list[bytes], market: str) -> list[str]:
    """The first event of each command from outside, or the reason of its reject."""
    shown = [e for e in run_lines(lines, market).output[:-1] if e["index"] == 0 and e["cause"] is None]
    return [e["reasons"][0]["reason"] if e["event"] == "command_rejected" else e["event"] for e in shown]


@pytest.mark.parametrize("market", MARKETS)
def test_an_account_has_100_000_open_orders_in_a_session_and_no_more(market: str) -> None:
    """The last one in is accepted, the next refused with limit_exceeded; a cancel makes room for one."""
    most = limits.ACCOUNT_SESSION_OPEN_ORDERS_MAX
    lines = [*_prelude("cdca-intake"), *_orders(1, most + 1)]
    lines += [_line(most + 2, "t-b1", "cancel_order", order=1), *_orders(most + 3, 2)]
    outcomes = _outcomes(lines, market)[-(most + 4) :]
    assert outcomes[:most] == ["order_accepted"] * most
    assert outcomes[most:] == ["limit_exceeded", "order_cancelled", "order_accepted", "limit_exceeded"]


@pytest.mark.parametrize("market", MARKETS)
def test_a_session_has_10_000_instruments_and_no_more(market: str) -> None:
    """10,000 distinct instruments make a session, 10,001 do not."""
    most = limits.SESSION_INSTRUMENTS_MAX
    (listed,) = (json.loads(line) for line in _prelude("base") if b'"instrument":"i-eur"' in line and b"list_" in line)
    (made,) = (json.loads(line) for line in _prelude("cdca-intake") if b"create_session" in line)
    names = [f"n-{number}" for number in range(most + 1)]
    lines = _prelude("cdca-intake")
    lines += [json.dumps({**listed, "at": AT, "id": name, "instrument": name}).encode() for name in names]
    for session, count in (("most", most), ("more", most + 1)):
        instruments = [{"instrument": name} for name in names[:count]]
        plan = [{**phase, "at": "2022-12-15T07:00:00Z"} for phase in made["phases"]]
        fields = {**made, "at": AT, "id": session, "session": session, "instruments": instruments, "phases": plan}
        lines.append(json.dumps(fields).encode())
    assert _outcomes(lines, market)[-2:] == ["session_created", "limit_exceeded"]


def test_the_exchange_has_a_limit_of_open_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """PS-9 with a limit of 20 in place of 16,000,000: over all accounts and sessions, and room again after a cancel."""
    monkeypatch.setattr(terms, "OPEN_ORDERS_MAX", 20)
    lines = [*_prelude("cdca-intake"), *_orders(1, 12), *_orders(20, 9, by="t-b2")]
    lines += [_line(40, "t-b1", "cancel_order", order=1), *_orders(41, 1)]
    outcomes = _outcomes(lines, "reference")[-23:]
    assert outcomes == ["order_accepted"] * 20 + ["limit_exceeded", "order_cancelled", "order_accepted"]


# In make test this would take half a minute and five GiB: make fuzz reaches the limit.
@pytest.mark.native
@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.skipif(os.environ.get("KIRMASH_LIMITS") != "all", reason="16,000,000 orders: `make fuzz` reaches them")
def test_the_native_market_has_16_000_000_open_orders_and_no_more() -> None:
    """PS-9 for real: 160 accounts with 100,000 orders each. One more of another account is refused; a cancel makes room
    for one; and a market loaded from these bytes has the same number, and refuses and takes likewise."""
    crowd = Crowd(market_loader("native")(None))
    seats = limits.OPEN_ORDERS_MAX // limits.ACCOUNT_SESSION_OPEN_ORDERS_MAX
    crowd.open_session(seats + 1)
    for seat in range(seats):
        crowd.fill(seat, limits.ACCOUNT_SESSION_OPEN_ORDERS_MAX)
    assert crowd.market.open_orders() == limits.OPEN_ORDERS_MAX == 16_000_000
    crowd.is_full_and_takes_one_for_one(seats, cancelled=1)
    written = crowd.market.state()
    crowd.market = market_loader("native")(written)
    assert crowd.market.open_orders() == limits.OPEN_ORDERS_MAX
    crowd.is_full_and_takes_one_for_one(seats, cancelled=2)


class Crowd:
    """Many participants p0, p1 ... with traders t0, t1 ... before one market, by bare frames: a journal is too slow."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._number = 0
        self._orders = [
            Raw(codec.encode(PlaceOrder(session="s", instrument="i", side=BUY, price=str(price), quantity="1")))
            for price in range(1, 1_001)
        ]

    def give(self, command: Struct, by: str | None = None) -> tuple[Event, ...]:
        """Apply a command of a trader, the operator (None) or, for follow-ups, a reactor."""
        kind, actor = (ActorKind.OPERATOR, "operator") if by is None else (ActorKind.TRADER, by)
        if type(command) in FOLLOW_UPS:
            kind, actor = ActorKind.REACTOR, "test"
        return codec.decode_events(self.market.apply(self._frame(kind, actor, Raw(codec.encode(command)))))

    def _frame(self, kind: ActorKind, actor: str, command: Raw) -> bytes:
        self._number += 1
        return codec.encode(codec.Frame(self._number, (0, 0), kind, actor, command))

    def open_session(self, seats: int) -> None:
        """So many participants and session s in INTAKE, where nothing trades."""
        terms: dict[str, Any] = {"section": "metal", "purpose": "export"}
        kinds = (ParticipantKind.VISITOR,)
        permissions = (Permission(side=BUY, **terms),)
        given: list[Struct] = [
            AddInstrument(instrument="i", currency="EUR", tick="1", lot="1", tick_lot_value=100, **terms)
        ]
        for seat in range(seats):
            name = f"p{seat}"
            standing: dict[str, Any] = {"participant": name, "resident": True, "kinds": kinds}
            given.append(SetAdmission(admitted=True, permissions=permissions, group=None, **standing))
            given.append(SetAuthority(trader=f"t{seat}", active=True, **standing))
        plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
        phases = tuple(PlannedPhase(phase=phase, at=(60 * place, 0)) for place, phase in enumerate(plan))
        lines = (SessionInstrument(instrument="i"),)
        given.append(CreateSession(session="s", mechanism=Mechanism.CDCA, instruments=lines, phases=phases, **terms))
        for command in given:
            assert not isinstance(self.give(command)[0], CommandRejected), command

    def fill(self, seat: int, count: int) -> None:
        """So many orders of one trader over a thousand prices, all accepted."""
        size = len(self._orders)
        for _ in range(count // size):
            frames = [self._frame(ActorKind.TRADER, f"t{seat}", order) for order in self._orders]
            before = self.market.open_orders()
            self.market.apply_batch(frames)
            assert self.market.open_orders() == before + size

    def is_full_and_takes_one_for_one(self, seat: int, cancelled: int) -> None:
        """The trader of a seat without orders is refused, but for one order after one cancel of somebody else."""
        order = PlaceOrder(session="s", instrument="i", side=BUY, price="1", quantity="1")
        full = [Reason.LIMIT_EXCEEDED]
        assert self.reasons(order, f"t{seat}") == full
        assert self.reasons(CancelOrder(order=cancelled), "t0") == []
        assert self.reasons(order, f"t{seat}") == []
        assert self.reasons(order, f"t{seat}") == full

    def reasons(self, command: Struct, by: str) -> list[Reason]:
        first = self.give(command, by)[0]
        return [it.reason for it in first.reasons] if isinstance(first, CommandRejected) else []
