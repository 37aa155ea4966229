"""The views say what the deciders' states say: orders, accounts, sessions, channels, contracts, people and goods.

The state bytes are read as EN-4 and EN-7 lay them out, so that nothing of the fold takes part in judging it.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kirmash.projections.projector import Projector
from kirmash.projections.tables import ROW_CLASSES
from kirmash.projections.times import text_from_time
from kirmash.sequencer.machine import Decided, Machine
from tests.projections.played import apply, journal_of, played_lines, played_stream, rows_of

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "src/kirmash/data/scenarios").glob("*.jsonl"))
SEEDS = range(61, 69)
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
LAST_OPEN_STATE = 2
BALANCES = ("free", "reserved", "blocked", "withdrawing")

Views = dict[str, list[Any]]


def views_of(tmp_path: Path, decided: list[Decided]) -> Views:
    journal = journal_of(tmp_path / "journal.db", decided)
    with Projector.open(tmp_path / "views.db", journal) as projector:
        apply(projector, decided, 300)
    rows = rows_of(tmp_path / "views.db")
    return {name: [ROW_CLASSES[name](*row) for row in found] for name, found in rows.items()}


def time(value: Any) -> str | None:
    return None if value is None else text_from_time(tuple(value))


def values(row: Any, *names: str) -> list[Any]:
    return [getattr(row, name) for name in names]


def check_market(state: bytes, views: Views) -> None:
    _, last_order, last_deal, participants, clients, traders, listed, sessions, orders, _, accounts, _ = (
        msgspec.msgpack.decode(state)
    )
    assert len(views["orders"]) == last_order
    assert len(views["deals"]) == last_deal
    admitted = {it.participant: bool(it.admitted) for it in views["participants"]}
    known = {it[0]: it[4] for it in participants}
    assert {name: known.get(name, False) for name in admitted} == admitted
    assert [values(it, "client", "participant", "resident", "group") for it in views["clients"]] == clients
    assert [values(it, "trader", "participant", "active") for it in views["traders"]] == traders
    terms = ("instrument", "section", "purpose", "currency", "tick", "lot", "tick_lot_value", "conditional_allowed")
    assert [values(it, *terms, "order_lots_max", "entries_max") for it in views["instruments"]] == listed
    assert [
        [it.participant, it.client or None, it.currency, *values(it, *BALANCES)] for it in views["accounts"]
    ] == accounts
    check_orders(orders, views)
    assert len(views["sessions"]) == len(sessions)
    for it in sessions:
        check_session(it, views)


def check_orders(orders: list[Any], views: Views) -> None:
    for row, it in zip(views["orders"], orders, strict=True):
        *head, trader, _, _, price, total, filled = it[:12]
        minimum, indivisible, time_in_force, until, _, state = it[12:18]
        assert values(row, "order", "session", "instrument", "side", "participant", "client") == head
        left = total - filled if state <= LAST_OPEN_STATE else 0
        assert values(row, "trader", "price", "quantity", "filled", "open") == [trader, price, total, filled, left]
        assert values(row, "minimum", "indivisible", "time_in_force") == [minimum, indivisible, time_in_force]
        assert (row.until, row.state) == (time(until), state)


def check_session(it: list[Any], views: Views) -> None:
    session, *terms, phase, halt, plan, deposit, lines, _, channel = it
    (row,) = (row for row in views["sessions"] if row.session == session)
    assert values(row, "section", "purpose", "mechanism", "self_trade", "late_entry", "names_at") == terms
    left, since, resume_at = (None, [None, None], None) if halt is None else halt
    assert values(row, "phase", "channel", "left_phase") == [phase, channel, left]
    assert values(row, "halted_seconds", "halted_nanos") == since
    assert row.resume_at == time(resume_at)
    phases = [row for row in views["session_phases"] if row.session == session]
    assert [[row.phase, [row.planned_seconds, row.planned_nanos]] for row in phases] == plan
    rates = [row for row in views["session_deposits"] if row.session == session]
    assert [values(row, "side", "resident", "currency", "rate_ppm", "floor") for row in rates] == deposit
    shown = [row for row in views["session_instruments"] if row.session == session]
    bounds = ("instrument", "reference", "lower", "upper", "down_ppm", "up_ppm", "last", "channel")
    assert [values(row, *bounds) for row in shown] == lines
    events = [row.channel for row in views["session_events"] if row.session == session]
    assert events == [*range(1, channel + 1)], "every public event of a session has a line, without gaps"


def check_office(state: bytes, views: Views) -> None:
    _, participants, clients, traders, cards, listed, withdrawals, contracts, profiles = msgspec.msgpack.decode(state)
    permissions: dict[str, list[Any]] = {}
    for row in views["permissions"]:
        permissions.setdefault(row.participant, []).append([row.section, row.side, row.purpose])
    assert [
        [
            row.participant,
            row.resident,
            [kind for kind, has in ((1, row.visitor), (2, row.broker)) if has],
            *values(row, "group", "accredited", "suspended"),
            permissions.get(row.participant, []),
        ]
        for row in views["participants"]
    ] == participants
    assert len(views["clients"]) == len(clients)
    assert [values(row, "trader", "participant", "active") for row in views["traders"]] == traders
    assert [values(row, "card", "version", "section") for row in views["cards"]] == cards
    assert [values(row, "instrument", "card", "version", "tick_lot_value") for row in views["instruments"]] == listed
    fields = ("withdrawal", "participant", "client", "currency", "amount", "state")
    assert [values(row, *fields) for row in views["withdrawals"]] == withdrawals
    terms = ("deal", "session", "instrument", "buyer", "buyer_client", "seller", "seller_client", "price", "quantity")
    assert [[values(row, *terms), row.state] for row in views["contracts"]] == contracts
    assert [values(row, "person", "profile", "trader") for row in views["profiles"]] == profiles


def check_statement(views: Views) -> None:
    """A line's changes lead from the line before to its balances, and the last line's balances are the account's."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for row in views["statement"]:
        balances = sums.setdefault((row.participant, row.client, row.currency), [0, 0, 0, 0])
        for place, name in enumerate(BALANCES):
            balances[place] += getattr(row, f"{name}_change")
        assert balances == values(row, *BALANCES)
        assert row.why
        assert any(values(row, *(f"{name}_change" for name in BALANCES))), "a line without a change"
    accounts = {(it.participant, it.client, it.currency): values(it, *BALANCES) for it in views["accounts"]}
    assert sums == accounts


def check_results(views: Views) -> None:
    """Fills are what deals say; results, totals and bars are sums over deals and orders."""
    filled: dict[int, int] = {}
    for deal in views["deals"]:
        for order in (deal.buy_order, deal.sell_order):
            filled[order] = filled.get(order, 0) + deal.quantity
    assert {row.order: row.filled for row in views["orders"] if row.filled} == filled
    for row in views["session_instruments"]:
        here = (row.session, row.instrument)
        deals = [deal for deal in views["deals"] if (deal.session, deal.instrument) == here]
        assert (row.deals, row.volume) == (len(deals), sum(deal.quantity for deal in deals))
        assert row.notional == str(sum(deal.notional for deal in deals))
        prices = [deal.price for deal in deals]
        expected = [prices[0], min(prices), max(prices), prices[-1]] if prices else [None] * 4
        assert values(row, "first", "low", "high", "last") == expected
        bars = [bar for bar in views["bars"] if (bar.session, bar.instrument) == here]
        assert (sum(bar.deals for bar in bars), sum(bar.volume for bar in bars)) == (row.deals, row.volume)
        for side, counts in ((1, ("buy_orders", "buy_participants", "buy_bidders")), (2, ("sell_orders",))):
            orders = [it for it in views["orders"] if (it.session, it.instrument, it.side) == (*here, side)]
            found = [
                len(orders),
                len({it.participant for it in orders}),
                len({(it.participant, it.client) for it in orders}),
            ]
            assert values(row, *counts) == found[: len(counts)]
    for row in views["session_totals"]:
        lines = [it for it in views["session_instruments"] if it.session == row.session]
        currency = {it.instrument: it.currency for it in views["instruments"]}
        lines = [it for it in lines if currency[it.instrument] == row.currency]
        assert row.deals == sum(it.deals for it in lines)
        assert row.notional == str(sum(int(it.notional) for it in lines))
        orders = [it for it in views["orders"] if it.session == row.session and currency[it.instrument] == row.currency]
        assert row.orders == len(orders)
        assert row.participants == len({it.participant for it in orders})
        assert (row.buyers, row.sellers) == tuple(
            len({it.participant for it in orders if it.side == side}) for side in (1, 2)
        )


def check(machine: Machine, decided: list[Decided], tmp_path: Path) -> Views:
    views = views_of(tmp_path, decided)
    check_market(machine.market.state(), views)
    check_office(machine.office.state(), views)
    check_statement(views)
    check_results(views)
    return views


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_after_a_scenario(path: Path, market: str, tmp_path: Path) -> None:
    machine, decided = played_lines(path.read_bytes().splitlines(), market)
    check(machine, decided, tmp_path)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_hostile_stream(seed: int, market: str, tmp_path: Path) -> None:
    machine, decided = played_stream(seed, 900, market)
    views = check(machine, decided, tmp_path)
    # Without these there was nothing to judge.
    assert len(views["deals"]) > 10
    assert len({row.state for row in views["orders"]}) >= 4
    assert len({row.state for row in views["contracts"]} | {row.phase for row in views["sessions"]}) >= 4
