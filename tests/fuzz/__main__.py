"""`make fuzz`: a million hostile commands on both markets, deep books, then the long forms of tests of the suite.

    python -m tests.fuzz [--commands N] [--deep N] [--first-seed N] [--length N] [--processes N]
                         [--only streams|deep|long]
    python -m tests.fuzz --seed N     one stream, played twice: the same hash both times (`make sim`)

Ends with 1 at the first difference, after writing the cut-down stream to tests/fuzz/failures/, from where the test
suite plays it ever after.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from kirmash.market.choice import native_is_installed
from tests.fuzz.deep import DeepStream
from tests.fuzz.mix import check_deep, check_mix
from tests.fuzz.play import EMPTY_MIX, Difference, Mix, Stream, minimised, play_stream, write_scenario
from tests.fuzz.stream import HostileStream

DEEP_LENGTH = 4_000

LONG_TESTS = (
    "tests/journal",
    "tests/data",
    "tests/market/test_drawn_sessions.py",
    "tests/market/test_large_limits.py",
    "tests/defects",
    "tests/serve/test_killed_under_load.py",
)
FAILURES = Path(__file__).parent / "failures"

LONG_RUNS = {
    "KIRMASH_KILL_ROUNDS": "50",
    "KIRMASH_SERVE_KILLS": "10",
    "KIRMASH_MUTATIONS": "200",
    "KIRMASH_WAL_CUTS": "0",  # at every byte
    "KIRMASH_SEEDS": "100",
    "KIRMASH_DEFECTS": "all",
    "KIRMASH_EXAMPLES": "20",  # times as many drawn sessions, other ones in every run
    "KIRMASH_LIMITS": "all",  # 16,000,000 open orders
}
"""What the ordinary test suite does a slice of, in full."""


def main() -> int:
    """Parse, play, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--deep", type=int, default=200_000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=2_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=("streams", "deep", "long"))
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return twice(arguments.seed, arguments.length)
    bodies = (
        Body("streams", HostileStream, arguments.commands, arguments.length, check_mix),
        Body("deep", DeepStream, arguments.deep, DEEP_LENGTH, check_deep),
    )
    for body in bodies:
        if arguments.only in (None, body.name) and not is_played(body, arguments.first_seed, arguments.processes):
            return 1
    if arguments.only in (None, "long"):
        command = [sys.executable, "-m", "pytest", "-q", *LONG_TESTS]
        return subprocess.run(command, env={**os.environ, **LONG_RUNS}, check=False).returncode
    return 0


class Body(NamedTuple):
    """So many commands at least, in streams of one kind, each of this length, and what must be in them."""

    name: str
    kind: Callable[[int, int], Stream]
    commands: int
    length: int
    check: Callable[[Mix], list[str]]


def is_played(body: Body, first_seed: int, processes: int) -> bool:
    """Play a body of streams and report; whether the twins agree and the mix is rich."""
    total, started = EMPTY_MIX, time.monotonic()
    count = -(-body.commands // body.length)
    with ProcessPoolExecutor(processes) as pool:
        played = pool.map(_play, [body.kind] * count, range(first_seed, first_seed + count), [body.length] * count)
        for done, outcome in enumerate(played, 1):
            if isinstance(outcome, Path):
                pool.shutdown(cancel_futures=True)
                print(f"the twins differ: {outcome}", file=sys.stderr)
                return False
            total = total.plus(outcome)
            if done % 10 == 0 or done == count:
                rate = total.commands / (time.monotonic() - started)
                print(f"{body.name}: {done}/{count}, {total.commands:,} commands, {rate:,.0f} a second", flush=True)
    print(report(total))
    problems = body.check(total)
    for problem in problems:
        print(f"mix of {body.name}: {problem}", file=sys.stderr)
    return not problems and total.commands >= body.commands


def twice(seed: int, length: int) -> int:
    """Play one stream two times; 0 if both end in the same state."""
    market = "both" if native_is_installed() else "reference"
    hashes = []
    for _ in range(2):
        mix, state = play_stream(HostileStream(seed, length), market)
        hashes.append(state)
        print(f"seed {seed}, {mix.commands} commands, market {market}: state hash {state}")
    return 0 if hashes[0] == hashes[1] else 1


def _play(kind: Callable[[int, int], Stream], seed: int, length: int) -> Mix | Path:
    try:
        return play_stream(kind(seed, length))[0]
    except Difference as difference:
        path = FAILURES / f"{kind.__name__.lower()}-{seed}.jsonl"
        write_scenario(minimised(difference.steps), path)
        return path


def report(mix: Mix) -> str:
    """The mix for people."""
    share = 100 * mix.accepted // max(1, mix.commands)
    lines = [f"{mix.commands:,} commands, {share} % accepted, no difference between the markets"]
    lines += [f"  {count:>9,} {name}" for name, count in mix.events.most_common()]
    lines += [f"  {mix.most_open:>9,} orders open at most, more than 2,000 after {mix.deep_commands:,} commands"]
    lines += [f"  {count:>9,} rejected: {name}" for name, count in sorted(mix.reasons.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
