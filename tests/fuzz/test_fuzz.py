"""A slice of `make fuzz`, and proof that its parts would find what they look for."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from kirmash.market.choice import MarketsDiffer
from kirmash.market.reference import ReferenceMarket
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR
from kirmash.simulation.scenario import run_lines
from tests.fuzz.deep import DeepStream
from tests.fuzz.mix import check_deep, check_mix
from tests.fuzz.play import EMPTY_MIX, Difference, Mix, Player, Step, minimised, play_stream, write_scenario
from tests.fuzz.stream import HostileStream

FAILURES = sorted((Path(__file__).parent / "failures").glob("*.jsonl"))
SLICE = range(20, 40)
LENGTH = 1_200


@pytest.mark.native
@pytest.mark.parametrize("seed", SLICE)
def test_the_markets_agree_on_a_hostile_stream(seed: int) -> None:
    """Events after every command and state bytes as PS-8.5 says."""
    mix, _ = play_stream(HostileStream(seed, LENGTH))
    assert mix.commands >= LENGTH


@pytest.mark.native
def test_the_markets_agree_on_deep_books() -> None:
    """With more than 2,000 open orders state bytes are compared now and then only (PS-8.5), and events always."""
    mix, _ = play_stream(DeepStream(2, 1_000))
    assert check_deep(mix) == []
    assert mix.deep_commands > 1_000


def test_a_shallow_mix_is_reported() -> None:
    """Hostile streams are no deep ones, and a number of open orders that was reached once is not enough."""
    assert any(
        "orders were open" in problem for problem in check_deep(play_stream(HostileStream(5, 300), "reference")[0])
    )
    briefly = Mix(100, 0, Counter(order_cancelled=9), Counter(), 2_001, 5)
    problems = check_deep(briefly)
    assert any("5 of 100 commands" in problem for problem in problems)
    assert any("deal_made" in problem for problem in problems)


@pytest.mark.native
@pytest.mark.parametrize("file", FAILURES, ids=lambda file: file.stem)
def test_streams_that_once_made_a_difference_make_none(file: Path) -> None:
    """Each was cut down from a stream at which the twins differed."""
    assert run_lines(file.read_bytes().splitlines(), "both").output[-1]["event"] == "end"


def test_the_slice_is_rich() -> None:
    """At least 40 % accepted, every wanted event and every reject reason: on the reference market alone, so that a
    change of the generator is noticed where no native market is."""
    total = EMPTY_MIX
    for seed in SLICE:
        total = total.plus(play_stream(HostileStream(seed, LENGTH), "reference")[0])
    assert check_mix(total) == []


def test_a_poor_mix_is_reported() -> None:
    """Too few accepted, and everything else missing."""
    problems = check_mix(Mix(39, 61, EMPTY_MIX.events, EMPTY_MIX.reasons))
    assert any("39 of 100" in problem for problem in problems)
    assert any("deal_made" in problem for problem in problems)
    assert any("deposit_short" in problem for problem in problems)


def test_a_stream_is_its_seed() -> None:
    """The same seed gives the same state twice; another one another."""
    first = play_stream(HostileStream(5, 300), "reference")
    assert first == play_stream(HostileStream(5, 300), "reference")
    assert first[1] != play_stream(HostileStream(6, 300), "reference")[1]


def test_a_replay_that_ends_elsewhere_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that gives the right events and keeps nothing of them is told with the whole stream."""
    real = ReferenceMarket.apply_batch

    def apply_batch(self: ReferenceMarket, frames: Sequence[bytes]) -> list[bytes]:
        return real(ReferenceMarket(self.state()), frames)

    monkeypatch.setattr(ReferenceMarket, "apply_batch", apply_batch)
    with pytest.raises(Difference, match="replay") as caught:
        play_stream(HostileStream(5, 300), "reference")
    assert len(caught.value.steps) > 300


def test_a_difference_is_found_and_cut_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A market that fails at the third suspension after a withdrawn trader: three suspensions and one withdrawal are
    what is left of the stream, and they are a scenario that can be run again."""

    def fails(steps: list[Step]) -> str | None:
        armed, count = False, 0
        for _, _, command in steps:
            armed = armed or isinstance(command, c.WithdrawTrader)
            count += armed and isinstance(command, c.SuspendParticipant)
        return "fails" if count >= 3 else None

    real = Player.play

    def play(self: Player, step: Step) -> object:
        self.__dict__.setdefault("seen", []).append(step)
        if fails(self.__dict__["seen"]) is not None:
            raise MarketsDiffer("fails")
        return real(self, step)

    monkeypatch.setattr(Player, "play", play)
    with pytest.raises(Difference) as caught:
        _play_until_it_differs()
    kept = minimised(caught.value.steps, fails)  # type: ignore[arg-type]
    kinds = [type(command) for _, _, command in kept]
    assert kinds == [c.WithdrawTrader, *[c.SuspendParticipant] * 3]
    monkeypatch.undo()
    write_scenario(kept, tmp_path / "f.jsonl")
    output = run_lines((tmp_path / "f.jsonl").read_bytes().splitlines(), "reference").output
    assert [line["event"] for line in output[:-1]] == ["command_rejected"] * 4


def _play_until_it_differs() -> None:
    for seed in range(1, 40):
        play_stream(HostileStream(seed, 800), "reference")


def test_every_kind_of_door_command_can_come() -> None:
    """The generator knows every command of the doors."""
    seen: set[type] = set()
    for seed in range(1, 9):
        stream, player = HostileStream(seed, 900), Player("reference")
        for actor, command in stream.commands():
            seen.add(type(command))
            stream.observe(actor, player.play((stream.now, actor, command)))
    doors = set(c.OFFICE_COMMANDS) | set(c.MARKET_COMMANDS)
    assert doors - seen - c.FOLLOW_UPS == set()
    assert OPERATOR.id == "operator"
