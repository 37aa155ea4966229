"""`python -m kirmash` is `kirmash`: how one process of ours starts another."""

import sys

from kirmash.cli import main

if __name__ == "__main__":
    sys.exit(main())
