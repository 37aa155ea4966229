"""A small client of a Kirmash exchange: REST and WebSocket, with and without asyncio.

It speaks to a server and shares no state with it, so it may be read as the worked example of the reference pages. What
is the same for both ways of waiting stands in `wire.py` (no I/O); `book.py` keeps a public book up to date. Needs the
extra `kirmash[client]`.
"""

from kirmash.client.book import Book, BookBroken
from kirmash.client.rest import AsyncClient, Client
from kirmash.client.signing import Key
from kirmash.client.socket import AsyncSocket, Socket
from kirmash.client.wire import Answer, Page, Problem, Proposed, Reason, Rejected, Unreachable

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncSocket",
    "Book",
    "BookBroken",
    "Client",
    "Key",
    "Page",
    "Problem",
    "Proposed",
    "Reason",
    "Rejected",
    "Socket",
    "Unreachable",
]
