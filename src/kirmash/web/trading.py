"""The faces for traders and their companies together: the terminal, its stream, the personal account.

The site takes the routes and the entries of the navigation from here, and closes the streams by it.
"""

from collections.abc import Sequence
from typing import Final

from kirmash.gateway.routes import Route
from kirmash.gateway.services import Services
from kirmash.identity import Role
from kirmash.web.account import account_routes
from kirmash.web.catalogue import Catalogue
from kirmash.web.live import Live
from kirmash.web.own_live import OwnLive
from kirmash.web.own_login import own_login_routes
from kirmash.web.rendering import NavigationEntry, Rendering
from kirmash.web.room import Rooms
from kirmash.web.terminal import terminal_routes

NAVIGATION: Final = (
    NavigationEntry("/terminal", "nav.terminal", frozenset({Role.TRADER})),
    NavigationEntry("/account", "nav.account", frozenset()),
)


class Trading:
    """Routes and streams."""

    def __init__(self, services: Services, rendering: Rendering, catalogue: Catalogue, live: Live) -> None:
        rooms = Rooms(services, rendering, catalogue, live)
        self.live: Final = OwnLive(services, rooms)
        self.routes: Final[Sequence[Route]] = [
            *terminal_routes(services, rendering, rooms),
            *self.live.routes(),
            *account_routes(services, rendering),
            *own_login_routes(services, rendering),
        ]

    async def close(self) -> None:
        """End all streams."""
        await self.live.close()
