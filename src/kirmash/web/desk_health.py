"""Lag and health: a lamp for each thing that this exchange needs, what it means, and what to do where it is out.

Each lamp is a fact of the moment, judged where `/readyz` judges it; the page and its stream show the same. Colour is
never the only sign.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

import kirmash
from kirmash.gateway.readiness import Readiness
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.russian import russian
from kirmash.protocol.link import Status
from kirmash.sequencer.answers import Refused
from kirmash.web.desk import TAG, Desk, DeskQuery, desk_page
from kirmash.web.desk_live import DeskLive, Picture
from kirmash.web.live import MEDIA_TYPE
from kirmash.web.words import Words

PATH: Final = "/desk/health"
EVERY_SECONDS: Final = 2.0
FEED_LAG_MAX: Final = 1_000
_MEGABYTE: Final = 1_000_000


class LiveQuery(DeskQuery, frozen=True, kw_only=True):
    """`after`: what the page shows already."""

    after: str | None = None


class Lamp(Struct, frozen=True, kw_only=True):
    """One thing that is needed. `text` says how it is now."""

    name: str
    good: bool
    text: str


class Health(Struct, frozen=True, kw_only=True):
    """Everything that the page shows; `status` is None where the core says nothing."""

    lamps: list[Lamp]
    status: Status | None
    folded: int
    connections: int
    streams: int
    memory: int | None
    uptime: int
    version: str
    at: str

    @property
    def good(self) -> bool:
        """Whether every lamp is on."""
        return all(it.good for it in self.lamps)


class Watch:
    """Looks at everything when asked."""

    def __init__(self, desk: Desk, streams: DeskLive) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._streams: Final = streams
        self._readiness: Final = Readiness(desk.services)
        self._began: Final = time.monotonic()

    async def look(self, words: Words) -> Health:
        """How everything is now."""
        try:
            status: Status | Refused = await self._services.exchange.status()
        except Refused as refused:
            status = refused
        looks = self._readiness.looks(status, await self._readiness.unread())
        lamps = [_lamp(words, it.check.name, it.check.good, it.why, **it.figures) for it in looks]
        folded = self._services.feed.number
        if isinstance(status, Status):
            behind = max(0, status.number - folded)
            lamps.append(_lamp(words, "feed", behind <= FEED_LAG_MAX, behind=behind, most=FEED_LAG_MAX))
            lamps.append(_lamp(words, "snapshot", status.snapshot_failure is None))
            lamps.append(_lamp(words, "wal", not status.wal_blocked))
        gauge = self._services.metrics.connections
        return Health(
            lamps=lamps,
            status=status if isinstance(status, Status) else None,
            folded=folded,
            connections=int(next(iter(gauge.collect())).samples[0].value),
            streams=self._streams.count,
            memory=await asyncio.to_thread(_memory),
            uptime=int(time.monotonic() - self._began),
            version=kirmash.__version__,
            at=self._desk.rendering.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    async def page(self, call: Call) -> Response:
        picture = await self._picture(call)
        return await self._desk.page(
            call, "desk/health.html", parts=picture.parts, stream=f"{PATH}/events?lang={call.language}"
        )

    async def events(self, call: Call) -> Response:
        async def make(_: int | None) -> Picture:
            return await self._picture(call)

        return self._streams.stream(call, make, every=EVERY_SECONDS)

    async def _picture(self, call: Call) -> Picture:
        health = await self.look(self._desk.words(call))
        said = "" if health.status is None else health.status.recovered
        recovered = (russian(said) or said) if call.language == "ru" else said
        html = self._desk.rendering.fragment(
            call.language, "desk/health_lamps.html", health=health, recovered=recovered
        )
        return Picture(health.folded, {"health": html})


def _lamp(words: Words, name: str, good: bool, why: str = "", **figures: int) -> Lamp:
    """`why` chooses among the texts of what is not good."""
    given = {key: words.figure(value) for key, value in figures.items()}
    return Lamp(name=name, good=good, text=words.text(f"run.lamp.{name}.{'good' if good else why or 'bad'}", **given))


def _memory() -> int | None:
    """Megabytes of this process that are in memory; None where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // _MEGABYTE


def health_routes(watch: Watch) -> list[Route]:
    """Health, for operators and auditors."""
    reading: dict[str, Any] = {"rule": Rule.AUDIT, "query": LiveQuery}
    return [
        desk_page("/health", watch.page, "Lag and health", **reading),
        Route(
            method="GET",
            path=f"{PATH}/events",
            handler=watch.events,
            summary="Lag and health as they change",
            tag=TAG,
            by_session=True,
            media_type=MEDIA_TYPE,
            **reading,
        ),
    ]
