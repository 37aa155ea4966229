"""The desk's part that runs the exchange: home, sessions, supervision, notices, journal, health; and its live streams.

The site takes the routes from here and closes the streams by it.
"""

from collections.abc import Sequence
from typing import Final

from kirmash.gateway.routes import Route
from kirmash.web.catalogue import Catalogue
from kirmash.web.desk import Desk
from kirmash.web.desk_bands import band_routes
from kirmash.web.desk_health import Watch, health_routes
from kirmash.web.desk_home import home_routes
from kirmash.web.desk_interventions import intervention_routes
from kirmash.web.desk_journal import journal_browser_routes
from kirmash.web.desk_live import DeskLive
from kirmash.web.desk_mass_cancel import mass_cancel_routes
from kirmash.web.desk_notices import notice_routes
from kirmash.web.desk_sessions import session_routes
from kirmash.web.desk_supervision import supervision_routes
from kirmash.web.live import Live


class Running:
    """Routes and streams."""

    def __init__(self, desk: Desk, live: Live, catalogue: Catalogue) -> None:
        self.live: Final = DeskLive(desk.services)
        watch = Watch(desk, self.live)
        self.routes: Final[Sequence[Route]] = [
            *home_routes(desk, self.live, watch),
            *session_routes(desk),
            *band_routes(desk),
            *mass_cancel_routes(desk),
            *supervision_routes(desk, live, self.live, catalogue),
            *intervention_routes(desk, catalogue),
            *notice_routes(desk),
            *journal_browser_routes(desk),
            *health_routes(watch),
        ]

    async def close(self) -> None:
        """End all streams."""
        await self.live.close()
