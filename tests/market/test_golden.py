"""Golden bytes that both markets have to reproduce: frames in, events out, the state in the end (EN-1, EN-2, EN-4).

A change of any of them would orphan journals and snapshots that exist. The files are made anew on purpose only:
`python -m tests.market.golden` after the page docs/reference/encoding.md says what changed and why.
"""

import json
from pathlib import Path

import msgspec
import pytest

from kirmash.market.choice import market_loader
from kirmash.messages import codec, commands
from kirmash.messages.codec import Frame
from kirmash.messages.kinds import ActorKind, Decider
from tests.market.golden import SESSIONS, golden_file

MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]
COMMANDS = Path(__file__).parents[1] / "vectors" / "encoding" / "commands.jsonl"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", SESSIONS)
def test_a_market_gives_the_golden_bytes(market: str, name: str) -> None:
    """Every event byte and every state byte of a recorded session, and a market loaded half-way gives the same."""
    golden = [json.loads(line) for line in golden_file(name).read_text().splitlines()]
    *steps, end = golden
    load = market_loader(market)
    subject = load(None)
    for position, step in enumerate(steps):
        if position == len(steps) // 2:
            subject = load(subject.state())
        assert subject.apply(bytes.fromhex(step["frame"])).hex() == step["events"], f"frame {position + 1}"
    assert subject.state().hex() == end["state"]


@pytest.mark.parametrize("market", MARKETS)
def test_a_market_reads_every_golden_command(market: str) -> None:
    """Each market command is decided (refused, on an empty market); a command of the office is no frame of a market."""
    subject = market_loader(market)(None)
    for number, line in enumerate(COMMANDS.read_text().splitlines(), start=1):
        golden = json.loads(line)
        data = bytes.fromhex(golden["hex"])
        frame = codec.encode(Frame(number, (1, 0), ActorKind.OPERATOR, "operator", msgspec.Raw(data)))
        if commands.decider_of(type(codec.decode_command(data))) is Decider.MARKET:
            assert codec.decode_events(subject.apply(frame)), golden
        else:
            with pytest.raises((ValueError, msgspec.DecodeError)):
                subject.apply(frame)
