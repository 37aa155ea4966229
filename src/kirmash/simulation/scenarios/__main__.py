"""`python -m kirmash.simulation.scenarios NAME [--seed N]`: prints the lines of one scenario file."""

from __future__ import annotations

import argparse
import sys

from kirmash.simulation.scenarios import NAMES, SHIPPED_SEED, lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m kirmash.simulation.scenarios", description="Print the lines of one scenario file."
    )
    parser.add_argument("name", choices=NAMES, help="name of the scenario")
    parser.add_argument("--seed", type=int, default=SHIPPED_SEED, help="seed of the generator (default: %(default)s)")
    arguments = parser.parse_args()
    # Written as bytes, so that neither locale nor platform can change a line.
    for line in lines(arguments.name, arguments.seed):
        sys.stdout.buffer.write(line.encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
