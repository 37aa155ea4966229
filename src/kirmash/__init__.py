"""Kirmash: an open electronic commodity exchange.

The package is laid out along the way that an order takes: `messages` (the shared language), `market` and `office`
(the two deciders), `journal` (the only truth), `sequencer` (the only writer), `cli` (the door). ARCHITECTURE.md has
the map.

Nothing is imported here: `kirmash --help` must start at once, and whoever needs a part names it.
"""

__version__ = "0.1.0"
