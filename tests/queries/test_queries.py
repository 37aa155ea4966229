"""Questions: what pages hold, who sees what, and what is refused. Asked of real sessions and hostile streams."""

import inspect
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kirmash.projections.projector import Projector, ViewsFailed
from kirmash.projections.rebuild import rebuild
from kirmash.protocol.present import Presenter
from kirmash.queries import Page, Queries, QueryError
from kirmash.sequencer.machine import Decided
from tests.projections.played import apply, journal_of, played_lines, played_stream

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "src/kirmash/data/scenarios/ferrous-metals-domestic.jsonl"


class Played:
    """An exchange that was played, its views, and what was printed of it."""

    def __init__(self, folder: Path, decided: list[Decided]) -> None:
        self.journal = journal_of(folder / "journal.db", decided)
        self.views = folder / "views.db"
        with Projector.open(self.views, self.journal) as projector:
            apply(projector, decided, 1_000)
        presenter = Presenter()
        self.printed = [line for entry in decided for line in presenter.present(entry.record)]
        self.queries = Queries(self.views)
        self.number = decided[-1].record.number

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.printed if line["event"] == name]


@pytest.fixture(scope="module", params=["ferrous", "stream"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "ferrous":
        decided = played_lines(SCENARIO.read_bytes().splitlines())[1]
    else:
        decided = played_stream(71, 2_000)[1]
    found = Played(folder, decided)
    yield found
    found.queries.close()


def everything(ask: Any, **given: Any) -> list[Any]:
    """All rows of a list, page by page."""
    rows, cursor = [], None
    while True:
        page: Page[Any] = ask(limit=7, cursor=cursor, **given)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows
        assert len(page.rows) == 7


def test_orders_and_deals_are_those_that_were_printed(played: Played) -> None:
    shown = {row.order: row for row in everything(played.queries.orders, scope=None)}
    accepted = played.events("order_accepted")
    assert sorted(shown) == [line["order"] for line in accepted]
    for line in accepted:
        row = shown[line["order"]]
        same = ("session", "instrument", "side", "client", "indivisible", "time_in_force", "participant")
        assert [getattr(row, name) for name in same] == [line[name] for name in same]
        assert (row.accepted, row.accepted_at) == (line["number"], line["at"])
    deals = {row.deal: row for row in everything(played.queries.deals, scope=None)}
    made = played.events("deal_made")
    assert sorted(deals) == [line["deal"] for line in made]
    for line in made:
        deal = deals[line["deal"]]
        terms = ("price", "quantity", "aggressor", "buy_order", "sell_order", "buyer", "seller", "number", "at")
        assert [getattr(deal, name) for name in terms] == [line[name] for name in terms]
        assert Fraction(deal.notional) == Fraction(deal.price) * Fraction(deal.quantity)


def test_an_order_s_history_is_every_event_that_names_it(played: Played) -> None:
    named: dict[int, list[tuple[Any, ...]]] = {}
    for line in played.printed:
        for field in ("order", "buy_order", "sell_order"):
            if field in line:
                named.setdefault(line[field], []).append((line["number"], line["index"], line["event"]))
    orders = everything(played.queries.orders, scope=None)
    assert {row.order for row in orders} == set(named)
    for row in orders[:200]:
        history = everything(played.queries.order_events, scope=None, order=row.order)
        assert [(line.number, line.index, line.event) for line in history] == named[row.order]


def test_the_statement_ends_in_the_account(played: Played) -> None:
    accounts = everything(played.queries.accounts, scope=None)
    changed = played.events("account_changed")
    assert len(accounts) == len({(line["participant"], line["client"], line["currency"]) for line in changed})
    for participant in {row.participant for row in accounts}:
        lines = everything(played.queries.statement, participant=participant, scope=participant)
        expected = [line for line in changed if line["participant"] == participant]
        assert [(row.number, row.client, row.currency, row.free, row.blocked) for row in lines] == [
            (line["number"], line["client"], line["currency"], line["free"], line["blocked"]) for line in expected
        ]
    credited = {line["number"] for line in played.events("deposit_credited")}
    held = {line["number"]: line["withdrawal"] for line in played.events("withdrawal_held")}
    for participant in {row.participant for row in accounts}:
        for row in everything(played.queries.statement, participant=participant, scope=None):
            if row.number in credited:
                assert row.why == ["deposit_credited"]
            if row.number in held:
                assert (row.why, row.withdrawal) == (["withdrawal_held"], held[row.number])
            if "deal_made" in row.why and row.deals == 1:
                assert row.deal is not None


def test_trades_and_results_say_what_deals_say(played: Played) -> None:
    made = played.events("deal_made")
    for session in everything(played.queries.sessions):
        for result in everything(played.queries.results, session=session.session):
            deals = [
                line for line in made if (line["session"], line["instrument"]) == (session.session, result.instrument)
            ]
            trades = everything(played.queries.tape, session=session.session, instrument=result.instrument)
            assert [(row.price, row.quantity, row.aggressor, row.at) for row in trades] == [
                (line["price"], line["quantity"], line["aggressor"], line["at"]) for line in deals
            ]
            assert [row.channel for row in trades] == sorted({row.channel for row in trades})
            volume = sum(Fraction(line["quantity"]) for line in deals)
            worth = sum(Fraction(line["quantity"]) * Fraction(line["price"]) for line in deals)
            assert (Fraction(result.volume), Fraction(result.notional)) == (volume, worth)
            if deals:
                assert result.weighted is not None
                step = Fraction(1, 10 ** len(result.weighted.partition(".")[2]))
                assert Fraction(result.weighted) <= worth / volume + step / 2
                assert Fraction(result.weighted) > worth / volume - step / 2
            else:
                assert result.weighted is None


def test_what_a_participant_sees_is_his_own(played: Played) -> None:
    """Every private list in a scope: no row of another's, of a deal's other side the name alone, once it is open."""
    q = played.queries
    sessions = {row.session: row for row in everything(q.sessions)}
    everyone = everything(q.participants, scope=None)
    hidden = shown = 0
    for me in [row.participant for row in everyone]:
        own = [
            *everything(q.orders, scope=me),
            *everything(q.accounts, scope=me),
            *everything(q.credits, scope=me),
            *everything(q.withdrawals, scope=me),
            *everything(q.clients, scope=me),
            *everything(q.traders, scope=me),
            *everything(q.permissions, scope=me),
            *everything(q.participants, scope=me),
            *everything(q.statement, participant=me, scope=me),
        ]
        assert {row.participant for row in own} <= {me}
        mine = {row.order for row in everything(q.orders, scope=me)}
        assert {row.order for row in everything(q.order_events, scope=me)} == mine
        deals = everything(q.deals, scope=me)
        for row in deals:
            sides = [row.buy_order in mine, row.sell_order in mine]
            assert any(sides)
            for is_mine, order, trader, client, name in (
                (sides[0], row.buy_order, row.buy_trader, row.buyer_client, row.buyer),
                (sides[1], row.sell_order, row.sell_trader, row.seller_client, row.seller),
            ):
                if is_mine:
                    assert name == me
                    continue
                assert (order, trader, client) == (None, None, None)
                session = sessions[row.session]
                named = session.names_at == "deal" or session.phase in ("CLOSED", "CANCELLED")
                assert (name is not None) == named
                hidden += not named
                shown += named
        contracts = {row.deal: row for row in everything(q.contracts, scope=me)}
        assert set(contracts) <= {row.deal for row in deals}
        for row in deals:
            contract = contracts.get(row.deal)
            if contract is not None:
                assert (contract.buyer, contract.seller) == (row.buyer, row.seller)
            assert q.deal(row.deal, scope=me) == row
        for session_id in {row.session for row in deals}:
            lines = everything(q.register, session=session_id, scope=me)
            assert [line.deal for line in lines] == sorted(row.deal for row in deals if row.session == session_id)
        for other in everyone[:3]:
            if other.participant != me:
                assert q.deals(scope=me, participant=other.participant).rows == []
                assert q.orders(scope=me, participant=other.participant).rows == []
                assert q.statement(other.participant, scope=me).rows == []
    assert shown + hidden > 0


def test_public_rows_name_nobody(played: Played) -> None:
    """Neither participant, client, trader, order nor journal number stands in what is public."""
    q = played.queries
    private = {"participant", "client", "trader", "buyer", "seller", "order", "buy_order", "sell_order", "deal"}
    for session in everything(q.sessions):
        public: list[Any] = [session, *everything(q.session_instruments, session=session.session)]
        public += [*everything(q.results, session=session.session), *q.session_totals(session.session)]
        public += [*q.session_phases(session.session), *q.session_deposits(session.session)]
        public += everything(q.session_events, session=session.session, public=True)
        for line in everything(q.session_instruments, session=session.session):
            public += everything(q.tape, session=session.session, instrument=line.instrument)
            public += everything(q.bars, session=session.session, instrument=line.instrument)
        for row in [*public, *everything(q.cards), *everything(q.instruments)]:
            assert not private & set(row.__struct_fields__), row
            assert getattr(row, "number", None) is None, row


def lists(queries: Queries) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    given = {"scope": None, "session": "s", "instrument": "i", "participant": "p", "public": True}
    for name, method in inspect.getmembers(queries, inspect.ismethod):
        parameters = inspect.signature(method).parameters
        if not name.startswith("_") and "cursor" in parameters:
            needed = {key: given[key] for key, it in parameters.items() if it.default is inspect.Parameter.empty}
            if name == "order_events":
                needed["participant"] = "p"
            yield name, method, needed


def test_every_list_refuses_what_is_no_cursor_of_its_own_and_no_limit(played: Played) -> None:
    cursor = played.queries.orders(scope=None, limit=1).next_cursor
    assert cursor is not None
    names = []
    for name, ask, needed in lists(played.queries):
        names.append(name)
        wrong = ["", "!", "AAAA", "kA", cursor + "x", "é", "gqZvcmRlcnOA"] + ([cursor] if name != "orders" else [])
        for text in wrong:
            with pytest.raises(QueryError) as refused:
                ask(cursor=text, **needed)
            assert refused.value.field == "cursor", (name, text)
        for limit in (0, -1, 501):
            with pytest.raises(QueryError) as refused:
                ask(limit=limit, **needed)
            assert refused.value.field == "limit"
        page = ask(limit=500, **needed)
        assert page.number == played.number
    assert len(names) > 20, names


def test_filters_that_choose_nothing_are_refused(played: Played) -> None:
    q = played.queries
    refused: list[tuple[str, Any]] = [
        ("side", lambda: q.orders(scope=None, side="buy")),
        ("side", lambda: q.orders(scope="p", side="left")),
        ("state", lambda: q.orders(scope="p", state="lost")),
        ("instrument", lambda: q.orders(scope="p", instrument="i")),
        ("instrument", lambda: q.deals(scope="p", instrument="i")),
        ("order", lambda: q.order_events(scope=None)),
        ("order", lambda: q.order(2**63, scope=None)),
        ("after", lambda: q.tape("s", "i", after=-1)),
        ("phase", lambda: q.sessions(phase="trading")),
    ]
    for field, ask in refused:
        with pytest.raises(QueryError) as error:
            ask()
        assert error.value.field == field


def test_a_reader_cannot_write_and_notices_a_rebuild(tmp_path: Path) -> None:
    found = Played(tmp_path, played_stream(72, 200)[1])
    with found.queries as queries:
        assert queries.number() == found.number
        with queries._reading() as connection, pytest.raises(Exception, match=r"readonly|query_only"):
            connection.exec_driver_sql("DELETE FROM orders")
        before = queries.orders(scope=None, limit=500).rows
        rebuild(found.journal, found.views)
        assert queries.orders(scope=None, limit=500).rows == before
        found.views.unlink()
        with pytest.raises(ViewsFailed):
            queries.number()
