"""The terminal's stream: what moves in a session's room, for one trader, as server-sent events.

An event id is `journal-session.instrument`: the last journal number of his own that the reader was shown, and the
numbers of the public channels. Who comes back with one is sent the parts that changed since, and all messages above
that number; where some of them are no longer at hand he is told so. Nothing is stored for who reads slowly: each part
is a whole picture. A stream ends with the gateway, and with the login's right to it.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from starlette.responses import Response, StreamingResponse

from kirmash.gateway.app import SESSION_COOKIE
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Denied, SessionEnded
from kirmash.web.live import (
    COALESCE_SECONDS,
    ENDED_EVENT,
    HEARTBEAT_SECONDS,
    MEDIA_TYPE,
    READERS_MAX,
    RETRY_MILLISECONDS,
    LiveQuery,
    Stamp,
    event_of,
    read_stamp,
)
from kirmash.web.rendering import HEADERS
from kirmash.web.room import PARTS, Room, Rooms

PATH: Final = "/terminal/{session}/events"
STREAMS_OF_LOGIN_MAX: Final = 20
_ID: Final = re.compile(r"(\d{1,16})-(\d+\.\d+)", re.ASCII)


class Seen(NamedTuple):
    """What a reader was shown."""

    number: int
    public: Stamp


class OwnLive:
    """All streams of terminals."""

    def __init__(self, services: Services, rooms: Rooms) -> None:
        self._services: Final = services
        self._rooms: Final = rooms
        self._readers: Final[dict[str, int]] = {}
        self._waiting: Final[set[asyncio.Event]] = set()
        self._closing = False

    def routes(self) -> list[Route]:
        """The stream's route."""
        return [
            Route(
                method="GET",
                path=PATH,
                rule=Rule.TRADER,
                handler=self._stream,
                summary="What moves in a trader's room",
                tag="pages",
                query=LiveQuery,
                by_session=True,
                media_type=MEDIA_TYPE,
            )
        ]

    async def close(self) -> None:
        """End all streams."""
        self._closing = True
        for news in self._waiting:
            news.set()

    async def _stream(self, call: Call) -> Response:
        who, session = call.caller, call.path["session"]
        if self._closing or len(self._waiting) >= READERS_MAX:
            raise Problem(503, "busy", "too many readers of live pages", headers={"Retry-After": "5"})
        if self._readers.get(who.login, 0) >= STREAMS_OF_LOGIN_MAX:
            raise Problem(429, "throttled", "too many terminals of this login", headers={"Retry-After": "5"})
        csrf = self._services.identity.csrf(call.request.cookies[SESSION_COOKIE])
        room = await self._rooms.enter(who, csrf, session, call.query.instrument)
        seen = read_seen(call.request.headers.get("last-event-id") or call.query.after)
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._tell(room, call.language, seen), headers=headers, media_type=MEDIA_TYPE)

    async def _tell(self, room: Room, language: str, seen: Seen | None) -> AsyncIterator[str]:
        who, news = room.who, asyncio.Event()
        participant, session = who.participant or "", room.it.session
        self._readers[who.login] = self._readers.get(who.login, 0) + 1
        self._waiting.add(news)
        self._rooms.news.follow(participant, session, news)
        try:
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
            sent = self._as_sent(room, seen)
            after = None if seen is None else seen.number
            while not self._closing:
                news.clear()
                self._services.identity.check_standing(who, use=False)
                room = await self._rooms.enter(who, room.csrf, session, room.instrument)
                changed = await self._changed(room, language, sent, after)
                if changed:
                    yield changed
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT_SECONDS)
                    await asyncio.sleep(COALESCE_SECONDS)
                except TimeoutError:
                    yield ": here\n\n"
        except SessionEnded:
            yield ENDED_EVENT
        except (Denied, Problem):
            # His session ended, or this one is gone; coming back tells him which.
            return
        finally:
            self._rooms.news.unfollow(participant, session, news)
            self._waiting.discard(news)
            left = self._readers[who.login] - 1
            if left:
                self._readers[who.login] = left
            else:
                del self._readers[who.login]

    def _as_sent(self, room: Room, seen: Seen | None) -> dict[str, object]:
        """What the reader's page shows already, by part."""
        sent: dict[str, object] = {}
        if seen is None:
            return sent
        is_own, public = seen.number == room.number, Stamp(room.it.number, room.book.number)
        for part in ("orders", "deals", "deposit", "messages"):
            if is_own:
                sent[part] = self._rooms.stamp(part, room)
        if seen.public == public:
            for part in ("clock", "tape", "depth") if is_own else ("clock", "tape"):
                sent[part] = self._rooms.stamp(part, room)
        return sent

    async def _changed(self, room: Room, language: str, sent: dict[str, object], after: int | None) -> str:
        events = []
        for part in PARTS:
            stamp = self._rooms.stamp(part, room)
            if part not in sent or sent[part] != stamp:
                events.append((part, await self._rooms.part(part, room, language, after)))
                sent[part] = stamp
        number = self._rooms.event_id(room)
        return "".join(event_of(part, number, html) for part, html in events)


def read_seen(text: str | None) -> Seen | None:
    """An event id of ours; None for anything else."""
    found = _ID.fullmatch(text or "")
    public = None if found is None else read_stamp(found[2])
    return None if found is None or public is None else Seen(int(found[1]), public)
