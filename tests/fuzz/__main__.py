"""`make fuzz`: a million hostile commands on both markets, then the long forms of the fault and defect tests.

    python -m tests.fuzz [--commands N] [--first-seed N] [--length N] [--processes N] [--only streams|long]
    python -m tests.fuzz --seed N     one stream, played twice: the same hash both times (`make sim`)

Ends with 1 at the first difference, after writing the cut-down stream to tests/fuzz/failures/, from where the test
suite plays it ever after.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from kirmash.market.choice import native_is_installed
from tests.fuzz.mix import check_mix
from tests.fuzz.play import EMPTY_MIX, Difference, Mix, minimised, play_stream, write_scenario

FAILURES = Path(__file__).parent / "failures"

LONG_RUNS = {
    "KIRMASH_KILL_ROUNDS": "50",
    "KIRMASH_MUTATIONS": "200",
    "KIRMASH_WAL_CUTS": "0",  # at every byte
    "KIRMASH_SEEDS": "100",
    "KIRMASH_DEFECTS": "all",
}
"""What the ordinary test suite does a slice of, in full."""


def main() -> int:
    """Parse, play, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=2_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=("streams", "long"))
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return twice(arguments.seed, arguments.length)
    code = 0
    if arguments.only != "long":
        code = streams(arguments.commands, arguments.first_seed, arguments.length, arguments.processes)
    if code == 0 and arguments.only != "streams":
        command = [sys.executable, "-m", "pytest", "-q", "tests/journal", "tests/data", "tests/defects"]
        code = subprocess.run(command, env={**os.environ, **LONG_RUNS}, check=False).returncode
    return code


def streams(commands: int, first_seed: int, length: int, processes: int) -> int:
    """Play streams until so many commands were compared; 0 if the twins agree and the mix is rich."""
    total, started = EMPTY_MIX, time.monotonic()
    count = -(-commands // length)
    with ProcessPoolExecutor(processes) as pool:
        for done, outcome in enumerate(pool.map(_play, range(first_seed, first_seed + count), [length] * count), 1):
            if isinstance(outcome, Path):
                pool.shutdown(cancel_futures=True)
                print(f"the twins differ: {outcome}", file=sys.stderr)
                return 1
            total = total.plus(outcome)
            if done % 10 == 0 or done == count:
                rate = total.commands / (time.monotonic() - started)
                print(f"{done}/{count} streams, {total.commands:,} commands, {rate:,.0f} a second", flush=True)
    print(report(total))
    problems = check_mix(total)
    for problem in problems:
        print(f"mix: {problem}", file=sys.stderr)
    return 1 if problems or total.commands < commands else 0


def twice(seed: int, length: int) -> int:
    """Play one stream two times; 0 if both end in the same state."""
    market = "both" if native_is_installed() else "reference"
    hashes = []
    for _ in range(2):
        mix, state = play_stream(seed, length, market)
        hashes.append(state)
        print(f"seed {seed}, {mix.commands} commands, market {market}: state hash {state}")
    return 0 if hashes[0] == hashes[1] else 1


def _play(seed: int, length: int) -> Mix | Path:
    try:
        return play_stream(seed, length)[0]
    except Difference as difference:
        path = FAILURES / f"seed-{seed}.jsonl"
        write_scenario(minimised(difference.steps), path)
        return path


def report(mix: Mix) -> str:
    """The mix for people."""
    share = 100 * mix.accepted // max(1, mix.commands)
    lines = [f"{mix.commands:,} commands, {share} % accepted, no difference between the markets"]
    lines += [f"  {count:>9,} {name}" for name, count in mix.events.most_common()]
    lines += [f"  {count:>9,} rejected: {name}" for name, count in sorted(mix.reasons.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
