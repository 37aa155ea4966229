"""Limits of PS-9 that take many commands to reach, at and beyond, on both markets.

The 16,000,000 open orders of the whole exchange are out of reach of a test suite on the native market; on the reference
market the same test of the same rule is run with a small limit.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kirmash.market.reference import terms
from kirmash.messages import limits
from kirmash.simulation.scenario import run_lines

PRELUDES = Path(__file__).parents[1] / "vectors" / "preludes"
AT = "2022-12-14T07:00:00Z"
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
