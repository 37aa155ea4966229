"""Golden bytes that both markets have to reproduce: frames in, events out, the state in the end (EN-1, EN-2, EN-4).

A change of any of them would orphan journals and snapshots that exist. The files are made anew on purpose only:
`python -m tests.market.golden` after the page docs/reference/encoding.md says what changed and why.
"""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from kirmash.market.choice import market_loader
from kirmash.messages import codec, commands
from kirmash.messages import events as e
from kirmash.messages.codec import Frame
from kirmash.messages.kinds import ActorKind, CancelReason, Decider
from tests.market.golden import SESSIONS, golden_file

MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
COMMANDS = Path(__file__).parents[1] / "vectors" / "encoding" / "commands.jsonl"


def golden(name: str) -> list[dict[str, str]]:
    """The lines of a golden session."""
    return [json.loads(line) for line in golden_file(name).read_text().splitlines()]


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", SESSIONS)
def test_a_market_gives_the_golden_bytes(market: str, name: str) -> None:
    """Every event byte and every state of a recorded session."""
    subject = market_loader(market)(None)
    for position, line in enumerate(golden(name), start=1):
        if "frame" in line:
            assert subject.apply(bytes.fromhex(line["frame"])).hex() == line["events"], f"line {position}"
            assert hashlib.sha256(subject.state()).hexdigest() == line["state_hash"], f"line {position}"
        else:
            assert subject.state().hex() == line["state"], f"line {position}"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", SESSIONS)
def test_a_market_loaded_anywhere_goes_on_with_the_golden_bytes(market: str, name: str) -> None:
    """Loaded from golden state bytes, and from its own after every third command."""
    load = market_loader(market)
    subject = load(None)
    for position, line in enumerate(golden(name), start=1):
        if "frame" not in line:
            subject = load(bytes.fromhex(line["state"]))
            continue
        assert subject.apply(bytes.fromhex(line["frame"])).hex() == line["events"], f"line {position}"
        assert hashlib.sha256(subject.state()).hexdigest() == line["state_hash"], f"line {position}"
        if position % 3 == 0:
            subject = load(subject.state())


def test_the_golden_sessions_hold_what_they_are_for() -> None:
    """Each session of golden_sessions/ has in it what its first line promises, by the commands and events recorded."""
    commands_of, events_of = {}, {}
    for name in ("call", "continuous"):
        lines = [line for line in golden(name) if "frame" in line]
        frames = [codec.decode_frame(bytes.fromhex(line["frame"])) for line in lines]
        commands_of[name] = {type(codec.decode_command(frame.command)) for frame in frames}
        events_of[name] = [event for line in lines for event in codec.decode_events(bytes.fromhex(line["events"]))]
    kinds = {name: {type(event) for event in given} for name, given in events_of.items()}
    both = {commands.SetBand, commands.MassCancel, commands.ExpireOrders, commands.HaltSession, commands.ResumeSession}
    both |= {commands.PayWithdrawal, commands.ReleaseDeal}
    assert both <= commands_of["call"] & commands_of["continuous"]
    assert {e.Uncrossed, e.UncrossedWithoutPrice, e.ParadoxicallyRejected, e.OrderParked} <= kinds["call"]
    assert {e.Uncrossed, e.SessionCancelled, e.OrderParked, e.SessionResuming} <= kinds["continuous"]
    ended = {event.reason for given in events_of.values() for event in given if isinstance(event, e.OrderCancelled)}
    assert ended == set(CancelReason)
    parked = {event.order for event in events_of["continuous"] if isinstance(event, e.OrderParked)}
    back = {event.order for event in events_of["continuous"] if isinstance(event, e.OrderAmended)} & parked
    dealt = {
        order for it in events_of["continuous"] if isinstance(it, e.DealMade) for order in (it.buy_order, it.sell_order)
    }
    assert back - dealt, "an order that was parked rests again"
    assert back & dealt, "an order that was parked trades"


def test_the_call_uncrosses_as_the_rule_says() -> None:
    """By hand from PS-4. Buys 1: 102×5, 2: 101×4 indivisible, 3 and 12: 100×3; sells 5: 98×4, 6: 99×3, 13: 102×2.

    First 101 with 7 lots: order 2 would get 2 of 4 and is set aside. Then 100, volume 7, D − S = 11 − 7; order 3 is
    before order 12 and gets the last 2. Paired by price and time.
    """
    events = [
        event
        for line in golden("call")
        if "frame" in line
        for event in codec.decode_events(bytes.fromhex(line["events"]))
    ]
    (uncrossed,) = (event for event in events if isinstance(event, e.Uncrossed))
    assert (uncrossed.price, uncrossed.volume, uncrossed.surplus) == (100, 7, 4)
    assert [event.order for event in events if isinstance(event, e.ParadoxicallyRejected)] == [2]
    deals = [(it.buy_order, it.sell_order, it.quantity) for it in events if isinstance(it, e.DealMade)]
    assert deals == [(1, 5, 4), (1, 6, 1), (3, 6, 2)]


@pytest.mark.parametrize("market", MARKETS)
def test_a_market_reads_every_golden_command(market: str) -> None:
    """Each market command is decided (refused, on an empty market); a command of the office is no frame of a market."""
    subject = market_loader(market)(None)
    for number, line in enumerate(COMMANDS.read_text().splitlines(), start=1):
        kept = json.loads(line)
        data = bytes.fromhex(kept["hex"])
        frame = codec.encode(Frame(number, (1, 0), ActorKind.OPERATOR, "operator", msgspec.Raw(data)))
        if commands.decider_of(type(codec.decode_command(data))) is Decider.MARKET:
            assert codec.decode_events(subject.apply(frame)), kept
        else:
            with pytest.raises((ValueError, msgspec.DecodeError)):
                subject.apply(frame)
