"""The pages' questions on a small exchange of real records: no big table is read from end to end (benchmarks/pages.py
measures the same questions on a large one).

The plan of a question does not depend on how many rows there are, since nothing is analysed: what is a search here is
one among a million rows.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from benchmarks import large
from benchmarks.pages import Client, Server, asks, logins, samples
from kirmash.config import VIEWS_FILE
from kirmash.queries import Queries
from kirmash.queries.asking import EARLY
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


def test_the_early_cursor_leads_to_the_hundred_and_first_row(folder: Path) -> None:
    with Queries(folder / VIEWS_FILE) as queries:
        page = queries.deals(scope=None, limit=500)
        assert page.early is not None
        assert queries.deals(scope=None, limit=400, cursor=page.early).rows == page.rows[EARLY:]
        assert queries.deals(scope=None, limit=50).early is None
