"""The board against the market's own state: channel numbers, levels, plans; and the indicative price."""

from collections import Counter, defaultdict
from fractions import Fraction
from zlib import crc32

import msgspec
import pytest

from kirmash.market.reference.encoding import SessionRow, StateRow, decode_state
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import OrderState, Phase, Side
from kirmash.messages.units import decimals_of
from kirmash.protocol.present import JsonObject, Presenter
from kirmash.protocol.times import text_from_time
from kirmash.publication import Board, BookSnapshot, PublicUpdate
from kirmash.publication.updates import Level
from tests.publication.exchange import MARKETS, SOURCES, Group, Seams, play

LONG = "ferrous-metals-domestic"
COMPARED_EVERY = 500
"""Groups of a long scenario between two comparisons; short ones are compared after every group."""
SEAM_EVERY = 301
"""Groups of a short source between two boards made from a state."""

Channel = tuple[str, str | None]


def is_compared(source: str | int, at: int, group: Group) -> bool:
    """Whether the state is compared behind this group."""
    changes = any(isinstance(event, e.PhaseChanged | e.BandSet) for _, events in group.records for event in events)
    return bool(group.records) and (source != LONG or changes or at % COMPARED_EVERY == 0)


def fold(board: Board, group: Group) -> list[PublicUpdate]:
    return [update for record, events in group.records for update in board.fold_events(record, events)]


def levels_of(state: StateRow) -> dict[tuple[str, str, Side], dict[int, tuple[int, int, int]]]:
    """Lots, orders, lots of conditional orders by price, counted from the open orders that are not parked."""
    books: dict[tuple[str, str, Side], dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for order in state.orders:
        if order.state is OrderState.OPEN:
            book = books[order.session, order.instrument, order.side]
            lots, orders, conditional = book.get(order.price, (0, 0, 0))
            rest = order.total - order.filled
            is_conditional = order.indivisible or order.minimum is not None
            book[order.price] = (lots + rest, orders + 1, conditional + rest * is_conditional)
    return books


def assert_side(shown: list[Level], levels: dict[int, tuple[int, int, int]], tick: str, lot: str, side: Side) -> None:
    counted = [
        (Fraction(tick) * price, Fraction(lot) * lots, orders, Fraction(lot) * conditional)
        for price, (lots, orders, conditional) in sorted(levels.items(), reverse=side is Side.BUY)
    ]
    assert [(Fraction(p), Fraction(q), orders, Fraction(k)) for p, q, orders, k in shown] == counted
    for price, quantity, *_ in shown:
        assert decimals_of(price) == decimals_of(tick)
        assert decimals_of(quantity) == decimals_of(lot)


def assert_session(board: Board, row: SessionRow) -> None:
    session = board.session(row.session)
    halt = row.halt or (None, None, None)
    assert session.number == row.channel
    assert (session.phase, session.left) == (row.phase.name, halt[0] and halt[0].name)
    assert session.resume_at == (halt[2] and text_from_time(halt[2]))
    assert [(it.phase, it.at) for it in session.plan] == [(phase.name, text_from_time(at)) for phase, at in row.plan]
    assert session.instruments == [it.instrument for it in row.instruments]


def assert_equal_to_state(board: Board, state: StateRow) -> int:
    """Everything that the board shows against the state; gives how many levels there were to compare."""
    books, compared_levels = levels_of(state), 0
    steps = {it.instrument: (it.tick, it.lot) for it in state.instruments}
    assert [it.session for it in board.sessions()] == [it.session for it in state.sessions]
    for row in state.sessions:
        assert_session(board, row)
        for line in row.instruments:
            tick, lot = steps[line.instrument]
            shown = board.snapshot(row.session, line.instrument)
            assert (shown.number, shown.phase) == (line.channel, row.phase.name)
            assert shown.last_price is None or line.last_price is not None
            if line.last_price is not None:
                assert shown.last_price is not None
                assert Fraction(shown.last_price) == Fraction(tick) * line.last_price
            for side, levels in ((Side.BUY, shown.bids), (Side.SELL, shown.asks)):
                assert_side(levels, books[row.session, line.instrument, side], tick, lot, side)
                compared_levels += len(levels)
    return compared_levels


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("source", SOURCES)
def test_numbers_and_levels_equal_those_of_the_state_after_every_command(source: str | int, market: str) -> None:
    board, levels, machine = Board(), 0, None
    for at, group in enumerate(play(source, market)):
        fold(board, group)
        machine = group.machine
        if is_compared(source, at, group):
            levels += assert_equal_to_state(board, decode_state(machine.market.state()))
    assert machine is not None
    assert_equal_to_state(board, decode_state(machine.market.state()))
    assert levels > 10


@pytest.mark.parametrize("source", SOURCES)
def test_a_board_made_from_a_state_goes_on_as_one_that_saw_everything(source: str | int) -> None:
    """Made behind a command whose follow-ups are still owed as well as behind them, and from a state of its own."""
    seams, board = Seams(4_001 if source == LONG else SEAM_EVERY), Board()
    later: list[Board] = []
    for group in play(source, "native"):
        updates = fold(board, group)
        for one in later:
            assert fold(one, group) == updates
        if seams.has(group):
            later.append(Board.from_state(group.machine.market.state()))
            assert_same(later[-1], board)
    assert len(later) > 3
    for one in later:
        assert_same(one, board)


def assert_same(one: Board, other: Board) -> None:
    assert one.sessions() == other.sessions()
    for session in other.sessions():
        for instrument in session.instruments:
            assert one.snapshot(session.session, instrument) == other.snapshot(session.session, instrument)


@pytest.mark.parametrize("source", SOURCES)
def test_a_reader_who_applies_the_updates_has_the_book_of_the_snapshot(source: str | int) -> None:
    """Numbers begin at 1 and have no gaps; the changed levels and nothing else make the book, last price and band."""
    board = Board()
    numbers: Counter[Channel] = Counter()
    books: dict[Channel, dict[tuple[str, str], Level]] = defaultdict(dict)
    last: dict[Channel, str] = {}
    for group in play(source, "native"):
        for update in fold(board, group):
            channel = (update.session, update.instrument)
            numbers[channel] += 1
            assert update.number == numbers[channel]
            if "deal" in update.fields:
                last[channel] = update.fields["deal"]["price"]
            for side, *level in update.fields.get("levels", ()):
                if level[1] == "0":
                    del books[channel][side, level[0]]
                else:
                    books[channel][side, level[0]] = tuple(level)
    for session in board.sessions():
        assert numbers[session.session, None] == session.number
        for instrument in session.instruments:
            shown = board.snapshot(session.session, instrument)
            book = books[session.session, instrument]
            assert (shown.number, shown.last_price) == (
                numbers[session.session, instrument],
                last.get((session.session, instrument)),
            )
            bids = [level for (side, _), level in book.items() if side == "buy"]
            asks = [level for (side, _), level in book.items() if side == "sell"]
            assert shown.bids == sorted(bids, key=lambda level: -Fraction(level[0]))
            assert shown.asks == sorted(asks, key=lambda level: Fraction(level[0]))
            assert shown.checksum == board.checksum(session.session, instrument) == crc_of(shown)


def crc_of(shown: BookSnapshot) -> int:
    """The checksum as docs/reference/market-data.md has it."""
    lines = [["buy", *map(str, level)] for level in shown.bids[:10]]
    lines += [["sell", *map(str, level)] for level in shown.asks[:10]]
    return crc32("".join(" ".join(line) + "\n" for line in lines).encode("ascii"))


def uncrosses(record: codec.Record) -> str | None:
    """The session that a record brings to its uncrossing, if it changes a phase at all."""
    command = codec.decode_command(record.command)
    if isinstance(command, c.ChangePhase) and command.to in (Phase.TRADING, Phase.DEAL_MAKING):
        return command.session
    return None


def test_the_indicative_price_is_what_the_uncrossing_then_gives() -> None:
    """Where no order of the book is conditional: price, volume and surplus. With conditional orders the price rule over
    the book is only where the uncrossing starts from; its volume is never exceeded."""
    seen: Counter[str] = Counter()
    for source in (*SOURCES, *range(60, 90)):
        board, presenter = Board(), Presenter()
        for group in play(source, "native"):
            for record, events in group.records:
                session = uncrosses(record)
                before: dict[str, BookSnapshot] = {}
                if session is not None and session in {it.session for it in board.sessions()}:
                    before = {name: board.snapshot(session, name) for name in board.session(session).instruments}
                board.fold_events(record, events)
                uncrossed = [line for line in presenter.present(record) if line["event"].startswith("uncrossed")]
                for line in uncrossed:
                    assert board.snapshot(line["session"], line["instrument"]).indicative is None
                    seen[judged(before.pop(line["instrument"]), line)] += 1
                if uncrossed:
                    assert not any(book.bids or book.asks for book in before.values())
    assert seen["priced"] > 20, seen
    assert seen["without price"] > 20, seen
    assert seen["conditional"] > 10, seen


def judged(before: BookSnapshot, line: JsonObject) -> str:
    """Holds what was indicated against what came."""
    if any(level[3] != "0" for level in (*before.bids, *before.asks)):
        volume = Fraction(before.indicative.volume) if before.indicative is not None else 0
        assert volume >= Fraction(line.get("volume", 0))
        return "conditional"
    if line["event"] == "uncrossed_without_price":
        assert before.indicative is None
        return "without price"
    assert before.indicative is not None
    assert msgspec.to_builtins(before.indicative) == {key: line[key] for key in ("price", "volume", "surplus")}
    return "priced"
