"""State bytes both ways (EN-4) and the door (EN-2)."""

import msgspec
import pytest

from kirmash.market.reference import ReferenceMarket, StateRefused
from kirmash.messages import codec, commands
from kirmash.messages.commands import ChangePhase, DepositRate, HaltSession, ResumeSession, SetAuthority
from kirmash.messages.kinds import ActorKind, OpenOrders, ParticipantKind, Phase, TimeInForce
from tests.market.reference.desk import BUY, HOUR, SELL, Desk


def busy_desk() -> Desk:
    """Something in every list of EN-4: final, parked, resting and half filled orders, a deal, a halt, entries."""
    desk = Desk()
    desk.instrument("i", entries_max=5, order_lots_max=100)
    desk.instrument("j", currency="JPY", tick="0.05", lot="20", tick_lot_value=1, conditional_allowed=False)
    desk.participant("b", money=10**9, group="g")
    desk.participant("s", money=10**9)
    desk.client("c1", "b")
    desk.client("c2", "s", group="g", resident=False)
    desk.do(commands.Credit(participant="b", client="c1", currency="EUR", amount=10**6))
    rate = DepositRate(side=BUY, resident=True, currency="EUR", rate_ppm=2000, floor="200.00")
    desk.session(instruments=("j", "i"), deposit=(rate,))
    desk.trading()
    desk.place("s", SELL, 100, 3)
    desk.place("b", BUY, 101, 5, client="c1")
    desk.place("b", BUY, 99, 5, until=(4 * HOUR, 1), time_in_force=TimeInForce.UNTIL)
    desk.place("s", SELL, 500, 5, minimum=2)
    desk.place("s", SELL, 400, 5, client="c2", indivisible=True)
    desk.place("b", BUY, 1, 5, time_in_force=TimeInForce.IOC)
    desk.do(commands.SetBand(session="s", instrument="i", upper="450", down_ppm=500_000))
    desk.do(HaltSession(session="s", reason="x"))
    desk.do(ResumeSession(session="s", resume_at=(77, 5)))
    return desk


def test_a_market_is_loaded_from_its_own_bytes() -> None:
    """state() → load → state() gives the same bytes, and the loaded market passes every check."""
    data = busy_desk().market.state()
    loaded = ReferenceMarket(data)
    loaded.check()
    assert loaded.state() == data
    assert loaded.open_orders() == 4


def test_the_empty_state() -> None:
    """EN-4: version 1, no order, no deal, nine empty lists."""
    assert msgspec.msgpack.decode(ReferenceMarket().state()) == [1, 0, 0, [], [], [], [], [], [], [], [], []]


def test_the_rows_of_the_state() -> None:
    """EN-4 by hand for a small market."""
    rows = msgspec.msgpack.decode(busy_desk().market.state())
    assert rows[1:3] == [6, 1]
    assert rows[3][0] == [
        *("b", True, [1, 2], "g", True),
        [["metal", 1, "export"], ["metal", 2, "export"]],
    ]
    assert rows[4] == [["c1", "b", True, None], ["c2", "s", False, "g"]]
    assert rows[5] == [["t-b", "b", True], ["t-s", "s", True]]
    assert rows[6][0] == ["i", "metal", "export", "EUR", "1", "1", 100, True, 100, 5]
    (session,) = rows[7]
    assert session[:8] == ["s", "metal", "export", 1, 1, False, 1, 10]
    assert session[8] == [5, [0, 0], [77, 5]]
    assert session[9][0] == [1, [0, 0]]
    assert session[10] == [[1, True, "EUR", 2000, 20000]]
    # Seen on the channel of i: five orders rested, one deal, one band, one parked. The IOC order was never public.
    assert session[11] == [["i", None, None, 450, 500_000, None, 100, 8], ["j", *[None] * 6, 0]]
    assert session[12] == [["b", "i", 5, 3], ["s", "i", 5, 3]]
    assert session[13] == 1 + 4 + 1 + 1
    # Order 2: client c1 is his own group (2), filled 3 of 5 at 100, of which Vf = 3 × 100 × 100.
    assert rows[8][1] == [
        *(2, "s", "i", 1, "b", "c1", "t-b", 2, "c1", 101, 5, 3, None, False, 1, None),
        *(placed_number(rows, 2), 1, 2000, 20000, 30000),
    ]
    assert [row[17] for row in rows[8]] == [3, 1, 1, 2, 1, 13]
    assert rows[9] == [[1, 2, 1, 30000, 30000]]
    assert rows[10][1] == ["b", "c1", "EUR", 980_000, 0, 20_000, 0]
    assert rows[11] == [["EUR", 2 * 10**9 + 10**6, 0]]


def placed_number(rows: list[list[list[int]]], order: int) -> int:
    """Priorities rise with the orders here, since none was amended: the one between its neighbours."""
    priorities = [row[16] for row in rows[8]]
    assert priorities == list(range(priorities[0], priorities[0] + len(priorities)))
    return priorities[order - 1]


def changed(rows: list[object], path: list[int], value: object) -> bytes:
    """The rows with one value put elsewhere."""
    place: object = rows
    for step in path[:-1]:
        assert isinstance(place, list)
        place = place[step]
    assert isinstance(place, list)
    place[path[-1]] = value
    return msgspec.msgpack.encode(rows)


@pytest.mark.parametrize(
    "path,value",
    [
        ([0], 2),  # version
        ([2], 0),  # a deal above the last deal
        ([8, 1, 11], 5),  # filled whole and yet open
        ([8, 1, 20], 0),  # Vf without its deal
        ([8, 0, 17], 1),  # open with nothing left
        ([8, 0, 1], "none"),  # no such session
        ([10, 1, 4], 1),  # reserved by nobody
        ([10, 1, 3], -1),
        ([11, 0, 1], 7),  # money from nowhere
        ([7, 0, 7], 5),  # halted and yet trading
    ],
)
def test_bytes_that_break_an_invariant_are_refused(path: list[int], value: object) -> None:
    """EN-2: load refuses what breaks an invariant."""
    rows = msgspec.msgpack.decode(busy_desk().market.state())
    with pytest.raises(StateRefused):
        ReferenceMarket(changed(rows, path, value))


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_cut_bytes_are_refused(cut: int) -> None:
    """EN-2: load consumes its bytes whole."""
    data = busy_desk().market.state()
    with pytest.raises(StateRefused):
        ReferenceMarket(data[:cut])


def test_surplus_and_unsorted_bytes_are_refused() -> None:
    """EN-1, EN-4: nothing behind the end, no field too many, lists ascending."""
    data = busy_desk().market.state()
    for wrong in (data + b"\x00", data + data):
        with pytest.raises(StateRefused):
            ReferenceMarket(wrong)
    rows = msgspec.msgpack.decode(data)
    rows[5].reverse()
    with pytest.raises(StateRefused):
        ReferenceMarket(msgspec.msgpack.encode(rows))
    rows[5].reverse()
    rows[5][0].append(None)
    with pytest.raises(StateRefused):
        ReferenceMarket(msgspec.msgpack.encode(rows))


def test_numbers_have_to_rise() -> None:
    """EN-2: the same frame twice is a fault of whoever gives frames."""
    market = ReferenceMarket()
    kinds = (ParticipantKind.VISITOR,)
    command = SetAuthority(trader="t", participant="p", active=True, resident=True, kinds=kinds)
    frame = codec.Frame(5, (0, 0), ActorKind.REACTOR, "test", msgspec.Raw(codec.encode(command)))
    market.apply(codec.encode(frame))
    with pytest.raises(AssertionError):
        market.apply(codec.encode(frame))


def test_a_withdrawn_trader_takes_his_orders_with_him() -> None:
    """PS-6.6, EN-6.4: with cancel, in every phase; the participant's other orders stay."""
    desk = busy_desk()
    kinds = (ParticipantKind.VISITOR,)
    withdrawn = SetAuthority(
        trader="t-s", participant="s", active=False, resident=True, kinds=kinds, open_orders=OpenOrders.CANCEL
    )
    events = desk.do(withdrawn)
    assert [event.order for event in events if hasattr(event, "order")] == [4, 5]
    desk.do(ChangePhase(session="s", from_=Phase.HALTED, to=Phase.TRADING))
    assert desk.market.open_orders() == 2
