"""The desk's live pages: parts of a page that are sent again when they have changed, as server-sent events.

A picture is always whole and made by the page's own maker, so that page and stream cannot differ; an event's id is the
journal number that the picture holds, and who comes back with it is sent what changed since. Nothing is stored for who
reads slowly. A stream ends with the gateway, and with the reader's right to it. Belongs to the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from starlette.responses import Response, StreamingResponse

from kirmash.gateway.feed import Told
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call
from kirmash.gateway.services import Services
from kirmash.identity import Denied, SessionEnded
from kirmash.sequencer.answers import Refused
from kirmash.web.live import ENDED_EVENT, MEDIA_TYPE, RETRY_MILLISECONDS, event_of
from kirmash.web.rendering import HEADERS

STREAMS_MAX: Final = 200
STREAMS_OF_LOGIN_MAX: Final = 20
COALESCE_SECONDS: Final = 0.2
"""Between two pictures of one stream: a picture asks the views."""


class Picture(NamedTuple):
    """The parts of a page by name, and the journal number that is in them."""

    number: int
    parts: Mapping[str, str]


Make = Callable[[int | None], Awaitable[Picture]]
"""Makes the picture as it is now; told the number that the reader was shown before, None if it was none."""


Wakes = Callable[[Told], bool]
"""Whether a commit is news for a page."""


def of_session(session: str) -> Wakes:
    """Wakes for what is public of a session."""
    return lambda told: any(update.session == session for update in told.public)


def of_phases(told: Told) -> bool:
    """Wakes for what happens to any session as such."""
    return any(update.instrument is None for update in told.public)


def _never(_: Told) -> bool:
    return False


class DeskLive:
    """All streams of the desk."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._waiting: Final[dict[asyncio.Event, Wakes]] = {}
        self._logins: Final[dict[str, int]] = {}
        self._closing = False
        services.feed.listen(self._told, self._restarted)

    async def close(self) -> None:
        """End all streams."""
        self._closing = True
        self._wake_all()

    @property
    def count(self) -> int:
        """How many streams there are."""
        return len(self._waiting)

    def stream(self, call: Call, make: Make, *, every: float, wakes: Wakes | None = None) -> Response:
        """The stream of a page: a picture every so many seconds, and at once for news that wake it. Raises Problem
        where there are too many."""
        login = call.caller.login
        if self._closing or len(self._waiting) >= STREAMS_MAX:
            raise Problem(503, "busy", "too many readers of live pages", headers={"Retry-After": "5"})
        if self._logins.get(login, 0) >= STREAMS_OF_LOGIN_MAX:
            raise Problem(429, "throttled", "too many live pages of this login", headers={"Retry-After": "5"})
        seen = read_number(call.request.headers.get("last-event-id") or call.request.query_params.get("after"))
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._tell(call, make, seen, wakes or _never, every), headers=headers, media_type=MEDIA_TYPE
        )

    async def _tell(self, call: Call, make: Make, seen: int | None, wakes: Wakes, every: float) -> AsyncIterator[str]:
        news, login, after = asyncio.Event(), call.caller.login, seen
        self._waiting[news] = wakes
        self._logins[login] = self._logins.get(login, 0) + 1
        sent: dict[str, str] = {}
        try:
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
            while not self._closing:
                news.clear()
                self._services.identity.check_standing(call.caller, use=False)
                picture = await make(after)
                if seen is not None and picture.number == seen:
                    # The page was made at this very number: it shows all of it.
                    sent = dict(picture.parts)
                seen = None
                changed = {name: html for name, html in picture.parts.items() if sent.get(name) != html}
                sent.update(changed)
                if changed:
                    yield "".join(event_of(name, str(picture.number), html) for name, html in changed.items())
                try:
                    await asyncio.wait_for(news.wait(), every)
                    await asyncio.sleep(COALESCE_SECONDS)
                except TimeoutError:
                    yield ": here\n\n"
        except SessionEnded:
            yield ENDED_EVENT
        except (Denied, Problem, Refused):
            # The right to it ended, or what is shown is gone; coming back tells which.
            return
        finally:
            del self._waiting[news]
            self._logins[login] -= 1
            if not self._logins[login]:
                del self._logins[login]

    def _told(self, told: Told) -> None:
        for news, wakes in self._waiting.items():
            if not news.is_set() and wakes(told):
                news.set()

    def _restarted(self) -> None:
        self._wake_all()

    def _wake_all(self) -> None:
        for news in self._waiting:
            news.set()


def read_number(text: str | None) -> int | None:
    """A journal number as an event id; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 16 else None
