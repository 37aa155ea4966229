"""The desk's records together: participants, people, goods, money, proposals."""

from kirmash.gateway.routes import Route
from kirmash.web.desk import Desk
from kirmash.web.desk_goods import goods_of_desk_routes
from kirmash.web.desk_money import money_routes
from kirmash.web.desk_participants import participants_routes
from kirmash.web.desk_paste import paste_routes
from kirmash.web.desk_people import people_routes
from kirmash.web.desk_proposals import proposals_routes


def records_routes(desk: Desk) -> list[Route]:
    """All of them."""
    return [
        # Before the page of one: `several` is no participant's id.
        *paste_routes(desk),
        *participants_routes(desk),
        *people_routes(desk),
        *goods_of_desk_routes(desk),
        *money_routes(desk),
        *proposals_routes(desk),
    ]
