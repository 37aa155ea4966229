"""What the exchange tells the world and its participants of what it has decided: pure folds over committed records.

- updates: the shapes of public data; book: one instrument's levels, prices and checksum
- board: all public data of all sessions (EN-5); private: what each participant may see besides
- owners: whose an order, a deal, a withdrawal, a trader is

Who may see what is decided here and nowhere else (RULEBOOK 1.6, DESIGN §5). No I/O, clock, thread or event loop.
"""

from kirmash.publication.board import Board
from kirmash.publication.private import PrivateFeed
from kirmash.publication.updates import BookSnapshot, PublicUpdate, SessionSnapshot

__all__ = ["Board", "BookSnapshot", "PrivateFeed", "PublicUpdate", "SessionSnapshot"]
