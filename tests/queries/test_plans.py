"""The pages' questions on a small exchange of real records: no big table is read from end to end (benchmarks/pages.py
measures the same questions on a large one).

The plan of a question does not depend on how many rows there are, since nothing is analysed: what is a search here is
one among a million rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from benchmarks import large
from benchmarks.pages import Ask, Client, Server, asks, logins, samples
from kirmash.config import VIEWS_FILE
from kirmash.queries import Page, Queries
from kirmash.queries.asking import EARLY, LIMIT_MAX, WholeOr
from kirmash.queries.goods import _EMPTY, _added
from kirmash.web.tables import ask_all

BIG = {
    *("clients", "traders", "permissions", "instruments", "orders", "order_events", "deals", "contracts", "accounts"),
    *("statement", "credits", "withdrawals", "bars", "session_instruments", "session_phases", "session_events"),
}
"""A scan of these reads what grows with the years. Participants are searched by a part of their name, which is a scan
of 36,000 short rows; cards and sessions are thousands."""

NOT_BY_INDEX = ("instr(", "orders.open > ")
"""Part of a name is searched among few thousand clients; all open orders are the latest ones, and so the first."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "exchange"
    large.build(path, large.SMALL)
    logins(path, large.SMALL)
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(folder) as made:
        yield made


@pytest.mark.native
def test_no_page_reads_a_big_table_from_end_to_end(folder: Path, server: Server) -> None:
    """Every GET route of the server's table, with every filter, for each who may."""
    queries = server.queries
    queries.number()
    assert queries._engine is not None
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    event.listen(queries._engine, "before_cursor_execute", note)
    client, seen, bad = Client(server.port), set[str](), set[str]()
    for it in asks(server.routes, samples(folder)):
        if it.who == "admin" or "format=" in it.target:
            continue
        told.clear()
        assert client.ask(it)[0] < 500, it.target
        seen.add(it.route.path)
        for statement, parameters in list(told):
            if statement.lstrip().startswith("SELECT"):
                bad |= {f"{it.who} {it.target}: {step}" for step in scans(queries._engine, statement, parameters)}
    client.close()
    assert len(seen) > 90
    assert not bad, "\n".join(sorted(bad))


def is_filtered(statement: str) -> bool:
    """Of what has no condition, the first rows are taken in the order of the key."""
    return " WHERE " in " ".join(statement.split()) and not any(it in statement for it in NOT_BY_INDEX)


def scans(engine: Any, statement: str, parameters: Any) -> Iterator[str]:
    """The steps of the plan that read a big table whole, or sort what they found in one."""
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters)).all()
    for row in plan:
        step = str(row[3])
        if step.startswith("SCAN") and step.split()[1] in BIG and is_filtered(statement):
            yield step


def test_the_shelf_is_what_is_listed(folder: Path) -> None:
    """Made at once, and made bit by bit, as it grows."""
    with Queries(folder / VIEWS_FILE) as queries:
        shelf = queries.shelf()
        cards = {it.card for it in queries.cards(limit=500).rows}
        assert shelf.cards.keys() == cards
        assert sum(shelf.of_section.values()) == sum(shelf.of_card.values()) == large.SMALL.instruments
        counted = len(queries.instruments(card=large.LARGE_CARD, limit=500).rows)
        assert shelf.of_card[large.LARGE_CARD] == counted > 10
        assert [it.card for it in shelf.find(wanted="CARD-0")] == [large.LARGE_CARD]
        assert {it.section for it in shelf.find("metal")} == {"metal"}
        with queries._reading() as connection:
            early = _added(_EMPTY, shelf.number, connection)
        assert early == shelf
        assert queries.shelf() is shelf, "nothing was listed, so nothing is made anew"


def test_a_company_s_sessions_are_those_of_its_deals(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        for participant in (large.HEAVY, "p-1"):
            deals = ask_all(
                lambda cursor, limit, who=participant: queries.deals(scope=who, cursor=cursor, limit=limit)  # type: ignore[misc]
            )
            found = ask_all(lambda cursor, _, who=participant: queries.sessions_of(who, cursor=cursor, limit=7))  # type: ignore[misc]
            assert len(deals) > 5
            assert {it.session: it.deals for it in found} == Counter(it.session for it in deals)
            assert [it.session for it in found] == list(dict.fromkeys(it.session for it in deals))
            for it in found:
                times = [deal.at for deal in deals if deal.session == it.session]
                assert (it.first, it.last) == (min(times), max(times))


def test_of_a_list_that_is_not_whole_a_page_is_short(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        page = queries.deals(scope=None, limit=WholeOr(500))
        everything = queries.deals(scope=None, limit=500)
        assert page.rows == everything.rows[:EARLY]
        assert page.next_cursor is not None
        following = queries.deals(scope=None, limit=WholeOr(500), cursor=page.next_cursor)
        assert following.rows == everything.rows[EARLY : 2 * EARLY]


def test_a_list_within_the_limit_is_given_whole(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        page = queries.participants(scope=None, limit=WholeOr(500))
        assert len(page.rows) == large.SMALL.participants > EARLY
        assert page.next_cursor is None


LISTS_BY_INSTRUMENT: dict[str, Callable[[Queries, int], Page[Any]]] = {
    "results": lambda q, limit: q.results(large.LARGE_OVER, limit=limit),
    "results of a session that runs": lambda q, limit: q.results(large.LARGE_RUNNING, limit=limit),
    "instruments of a session": lambda q, limit: q.session_instruments(large.LARGE_OVER, limit=limit),
    "bars by session": lambda q, limit: q.session_bars(large.FIRST_INSTRUMENT, limit=limit),
    "orders": lambda q, limit: q.orders(scope=None, limit=limit),
    "order events": lambda q, limit: q.order_events(scope=large.HEAVY, limit=limit),
    "deals": lambda q, limit: q.deals(scope=None, limit=limit),
    "contracts": lambda q, limit: q.contracts(scope=None, limit=limit),
    "register": lambda q, limit: q.register(large.LARGE_OVER, scope=None, limit=limit),
}


def statements_of(queries: Queries, ask: Callable[[], object]) -> int:
    """How many statements a question takes."""
    queries.number()
    assert queries._engine is not None
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            told.append(statement)

    event.listen(queries._engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(queries._engine, "before_cursor_execute", note)
    return len(told)


@pytest.mark.parametrize("name", LISTS_BY_INSTRUMENT)
def test_more_rows_take_no_more_statements(name: str, folder: Path) -> None:
    """Not even of instruments that nobody asked for before."""
    ask = LISTS_BY_INSTRUMENT[name]
    counts = []
    for limit in (2, 500):
        with Queries(folder / VIEWS_FILE) as queries:
            counts.append(statements_of(queries, lambda q=queries, n=limit: ask(q, n)))  # type: ignore[misc]
    with Queries(folder / VIEWS_FILE) as queries:
        assert len(ask(queries, 500).rows) > 2
    assert counts[0] == counts[1]


def test_instruments_are_named_at_once(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        names = [f"i-{number}" for number in range(LIMIT_MAX)]
        assert statements_of(queries, lambda: queries.named(names)) == 1
        found = queries.named([*names, "i-599", "no-such"])
        assert {it.instrument for it, _ in found} == {*names, "i-599"}
        for it, card in found[::100]:
            assert queries.instruments(instrument=it.instrument).rows == [it]
            assert card in queries.cards(card=it.card).rows
            assert card is not None
            assert card.version == it.version


@pytest.mark.native
def test_a_page_of_many_instruments_takes_no_more_statements(server: Server) -> None:
    """A session of 75 instruments and one of 12, over and running; what names cost is paid by the first reader."""
    client, queries = Client(server.port), server.queries
    route = next(it for it in server.routes if it.path == "/sessions/{session}")

    def counted(session: str) -> int:
        def ask() -> None:
            assert client.ask(Ask(route, "nobody", f"/sessions/{session}"))[0] == 200

        ask()
        return statements_of(queries, ask)

    assert counted("s-0") == counted(large.LARGE_OVER)
    assert counted("running-1") == counted(large.LARGE_RUNNING)
    client.close()


@pytest.mark.parametrize("whose", [{}, {"participant": large.HEAVY}, {"trader": "t-1"}, {"instrument": "i-0"}])
def test_the_best_orders_are_those_of_all(whose: dict[str, Any], folder: Path) -> None:
    """Each instrument by price (the highest purchase, the lowest sale) and then by number, parked orders last."""
    session = large.LARGE_RUNNING
    with Queries(folder / VIEWS_FILE) as queries:
        found = ask_all(
            lambda cursor, limit: queries.orders(
                scope=None, session=session, open=True, cursor=cursor, limit=limit, **whose
            )
        )
        for side, sign in (("buy", -1), ("sell", 1)):
            of_side = [it for it in found if it.side == side]
            of_side.sort(key=lambda it, n=sign: (it.instrument, it.state != "open", n * Decimal(it.price), it.order))  # type: ignore[misc]
            best = queries.best_orders(session, side, limit=40, **whose)
            assert best.rows == of_side[:40]
            assert best.total == len(of_side)
        assert whose or len(found) == large.SMALL.resting


def test_states_of_contracts_are_those_of_the_contracts(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        contracts = ask_all(lambda cursor, limit: queries.contracts(scope=None, cursor=cursor, limit=limit))
        some = contracts[::7]
        assert len({it.state for it in some}) > 1
        assert queries.contract_states([it.deal for it in some]) == {it.deal: it.state for it in some}
        assert queries.contract_states([]) == {}


def test_names_are_asked_at_once_however_many_ids_there_are(folder: Path) -> None:
    """One statement a kind for a page of any size; who is not there is left out."""
    with Queries(folder / VIEWS_FILE) as queries:
        deals = queries.deals(scope=None, limit=LIMIT_MAX).rows
        orders = queries.orders(scope=None, limit=LIMIT_MAX).rows
        companies = sorted({it.buyer for it in deals if it.buyer} | {it.participant for it in orders})
        sessions = sorted({it.session for it in orders})
        assert len(companies) > 5
        assert queries._engine is not None
        told: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.lstrip().startswith("SELECT"):
                told.append(statement)

        event.listen(queries._engine, "before_cursor_execute", note)
        names = queries.company_names([*companies, "nobody"])
        kinds = queries.session_kinds([*sessions, "none"])
        places = queries.order_places([it.order for it in orders], scope=None)
        assert len(told) == 3
        assert names.keys() == set(companies)
        for it in kinds:
            plan = queries.session_phases(it.session)
            assert it.begins == next(phase.planned for phase in plan if phase.phase != "SCHEDULED")
        assert {it.session for it in kinds} == set(sessions)
        assert places == {it.order: (it.session, it.instrument) for it in orders}
        mine = orders[0].participant
        own = queries.order_places([it.order for it in orders], scope=mine)
        assert own.keys() == {it.order for it in orders if it.participant == mine}
