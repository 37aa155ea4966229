"""All questions in one: what a gateway holds."""

from kirmash.queries.deals import Deals
from kirmash.queries.goods import Goods
from kirmash.queries.money import Money
from kirmash.queries.orders import Orders
from kirmash.queries.people import People
from kirmash.queries.sessions import Sessions


class Queries(People, Goods, Sessions, Orders, Deals, Money):
    """Typed reads of one views.db, from any thread. `close` when done."""
