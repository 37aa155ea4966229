"""The promises of DESIGN §7 on hostile streams, judged from outside of the market (promises 2 to 5).

That both markets agree says nothing of what they have in common; here each is held against the promises themselves.
"""

from collections import Counter
from itertools import islice

import pytest

from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.events import CommandRejected
from kirmash.office import Office
from kirmash.sequencer.machine import Decided, Machine
from kirmash.sequencer.recovery import machine_from, snapshot_of
from tests.fuzz.stream import HostileStream
from tests.fuzz.watcher import Watcher

SEEDS = range(31, 43)
LENGTH = 1_000
RESTART_EVERY = 25
MARKETS = ["reference", pytest.param("native", marks=pytest.mark.native)]


def decide(machine: Machine, stream: HostileStream, given: codec.Actor, command: object, at: int) -> list[Decided]:
    """One command of the stream with all that follows from it."""
    decided = machine.submit(given, "fuzz", f"f-{at}", command, stream.now)  # type: ignore[arg-type]
    return decided + machine.settle(stream.now)


@pytest.mark.parametrize("market", MARKETS)
def test_money_limits_bands_and_priority_hold_on_hostile_streams(market: str) -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        stream, watcher = HostileStream(seed, LENGTH), Watcher()
        machine = Machine(market_loader(market)(None), Office(), "fuzz")
        for at, (actor, command) in enumerate(stream.commands()):
            for entry in decide(machine, stream, actor, command, at):
                watcher.watch(entry)
                stream.observe(actor, codec.decode_events(entry.record.events))
        seen += watcher.seen
    # Without these there was nothing to judge, and the test would pass whatever the market did.
    assert seen["deal with others waiting"] > 100, seen
    assert min(seen["uncrossing"], seen["parked"], seen["band set"]) > 10, seen
    assert min(seen["amend"], seen["reject"], seen["account"], seen["deal of an uncrossing"]) > 50, seen


@pytest.mark.parametrize("market", MARKETS)
def test_an_exchange_that_stops_and_starts_goes_on_as_one_that_never_stopped(market: str) -> None:
    """Started from a snapshot every so often, it gives the same records to the byte, and in the end the same state."""
    load = market_loader(market)
    for seed in islice(SEEDS, 5):
        stream = HostileStream(seed, LENGTH)
        steady, restarted = (Machine(load(None), Office(), "fuzz") for _ in range(2))
        for at, (actor, command) in enumerate(stream.commands()):
            if at % RESTART_EVERY == 0:
                restarted = machine_from(snapshot_of(restarted, "fuzz"), "fuzz", load)
            decided = decide(steady, stream, actor, command, at)
            again = decide(restarted, stream, actor, command, at)
            assert [entry.data for entry in again] == [entry.data for entry in decided], f"seed {seed}, command {at}"
            for entry in decided:
                stream.observe(actor, codec.decode_events(entry.record.events))
        assert restarted.state_hash() == steady.state_hash()


@pytest.mark.parametrize("market", MARKETS)
def test_a_reject_changes_no_byte_of_the_state(market: str) -> None:
    rejects = 0
    for seed in islice(SEEDS, 2):
        stream = HostileStream(seed, LENGTH)
        machine = Machine(market_loader(market)(None), Office(), "fuzz")
        for at, (actor, command) in enumerate(stream.commands()):
            before = (machine.market.state(), machine.office.state())
            decided = decide(machine, stream, actor, command, at)
            events = [codec.decode_events(entry.record.events) for entry in decided]
            if all(isinstance(given[0], CommandRejected) for given in events):
                assert (machine.market.state(), machine.office.state()) == before, f"seed {seed}, command {at}"
                rejects += 1
            for given in events:
                stream.observe(actor, given)
    assert rejects > 100
