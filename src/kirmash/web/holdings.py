"""What a trader's terminal shows of his participant: open orders, deals and deposit, read from the views in one scope.

Rows only; the scope is always a participant's id, never absent, so that nothing of another can be read through here.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec import Struct

from kirmash.publication.updates import BookSnapshot, Level
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.tables import ask_all

ORDERS_SHOWN: Final = 100
DEALS_SHOWN: Final = 50
ORDERS_MARKED: Final = 2_000
"""Up to how many open orders the depth marks as own."""


class Holdings(Struct, frozen=True, kw_only=True):
    """A participant in a session; without one, in all. `orders` are the open ones, the latest first."""

    orders: list[rows.Order]
    more_orders: bool
    deals: list[rows.Deal]
    more_deals: bool
    accounts: list[rows.Account]


class Depth(Struct, frozen=True):
    """A level with what of it is one's own, and how far its bar reaches (as in the public book)."""

    price: str
    quantity: str
    orders: int
    own: str | None


def holdings_of(queries: Queries, participant: str, session: str | None) -> Holdings:
    """Ask the views."""
    found = ask_all(
        lambda cursor, limit: queries.orders(scope=participant, session=session, open=True, cursor=cursor, limit=limit),
        ORDERS_MARKED,
    )
    accounts = ask_all(lambda cursor, limit: queries.accounts(scope=participant, cursor=cursor, limit=limit), LIMIT_MAX)
    deals = queries.deals(scope=participant, session=session, limit=DEALS_SHOWN)
    return Holdings(
        orders=found,
        more_orders=len(found) > ORDERS_SHOWN,
        deals=deals.rows,
        more_deals=deals.next_cursor is not None,
        accounts=accounts,
    )


def depth_of(levels: Iterable[Level], orders: Iterable[rows.Order], instrument: str, side: str) -> list[Depth]:
    """A side of the public book, with the quantity of one's own open orders at each price."""
    own: dict[Decimal, Decimal] = {}
    for order in orders:
        if order.instrument == instrument and order.side == side and order.state == "open":
            price = Decimal(order.price)
            own[price] = own.get(price, Decimal(0)) + Decimal(order.open)
    shown = []
    for price_text, quantity, count, _ in levels:
        mine = own.get(Decimal(price_text))
        shown.append(Depth(price_text, quantity, count, None if mine is None else f"{mine:f}"))
    return shown


def best_of(book: BookSnapshot) -> tuple[Level | None, Level | None]:
    """The best level of each side."""
    return (book.bids[0] if book.bids else None, book.asks[0] if book.asks else None)
