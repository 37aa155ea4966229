"""How the exchange is, what time it has, which refusals there are: for whoever runs it and whoever programs against it.

`/healthz` says that this process lives, `/readyz` that it can do its work, `/metrics` is for Prometheus. Nothing here
is private to a participant.
"""

import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from kirmash.gateway.api.asking import PREFIX
from kirmash.gateway.api.problem_page import problem_page_route
from kirmash.gateway.problems import explanation
from kirmash.gateway.readiness import Check, Readiness
from kirmash.gateway.routes import Answered, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Reason
from kirmash.messages.times import text_from_time
from kirmash.messages.units import time_of
from kirmash.sequencer.answers import Refused

TAG: Final = "running"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health(Struct, frozen=True):
    status: str


class Ready(Struct, frozen=True):
    """`ready` is true while every check is."""

    ready: bool
    checks: list[Check]


class Now(Struct, frozen=True):
    """The server's time in UTC, and in the exchange's own zone with its offset."""

    time: str
    local: str
    zone: str


class ExchangeStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether commands are taken, and why not. What concerns the machine is told to operators and auditors."""

    name: str
    exchange_id: str
    open: bool
    reason: str
    number: int | UnsetType = UNSET
    projected: int | UnsetType = UNSET
    head: str | UnsetType = UNSET
    waiting: int | UnsetType = UNSET
    market: str | UnsetType = UNSET
    recovered: str | UnsetType = UNSET
    wal_blocked: bool | UnsetType = UNSET
    snapshot_failure: str | UnsetType | None = UNSET
    disk_free: int | UnsetType = UNSET
    disk_total: int | UnsetType = UNSET


class RejectReason(Struct, frozen=True, kw_only=True):
    """A reason of a business reject: its number, its stage (1 existence, 2 rights, 3 terms, 4 money), what it says."""

    code: int
    reason: str
    stage: int
    rule: str
    text: str
    cure: str


class Reasons(Struct, frozen=True):
    items: list[RejectReason]


class Running:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._readiness = Readiness(services)

    async def health(self, _: Call) -> Health:
        return Health("alive")

    async def ready(self, _: Call) -> Answered:
        checks = await self._readiness.checks()
        ready = all(check.good for check in checks)
        return Answered(Ready(ready, checks), 200 if ready else 503)

    async def metrics(self, _: Call) -> Response:
        services = self._services
        try:
            services.metrics.observe_status(await services.exchange.status(), services.feed.number)
        except Refused:
            services.metrics.observe_status(None, services.feed.number)
        return Response(services.metrics.text(), 200, media_type=METRICS_TYPE)

    async def time(self, _: Call) -> Now:
        now = self._services.identity.clock.now()
        zone = self._services.config.exchange.time_zone
        local = datetime.datetime.fromtimestamp(now // 1_000_000_000, ZoneInfo(zone))
        return Now(text_from_time(time_of(now)), local.isoformat(), zone)

    async def status(self, call: Call) -> ExchangeStatus:
        services = self._services
        doors = services.feed.doors
        named: dict[str, Any] = {
            "name": services.config.exchange.name,
            "exchange_id": services.exchange.exchange_id,
            "open": doors.open,
            "reason": doors.reason,
        }
        if call.who is None or not Rule.AUDIT.allows(call.who):
            return ExchangeStatus(**named)
        found = await services.exchange.status()
        return ExchangeStatus(
            **named,
            number=found.number,
            projected=found.projected,
            head=found.head,
            waiting=found.waiting,
            market=found.market,
            recovered=found.recovered,
            wal_blocked=found.wal_blocked,
            snapshot_failure=found.snapshot_failure,
            disk_free=found.disk_free,
            disk_total=found.disk_total,
        )

    async def reasons(self, call: Call) -> Reasons:
        return Reasons(
            [
                RejectReason(
                    reason=reason.text,
                    stage=reason.stage,
                    rule=EXPLANATIONS[reason].rule,
                    **explanation(reason.text, call.language),
                )
                for reason in Reason
            ]
        )


def running_routes(services: Services) -> list[Route]:
    """Health, readiness, metrics, time, status, reasons."""
    it = Running(services)
    public = partial(Route, method="GET", rule=Rule.PUBLIC, tag=TAG)
    return [
        public(path="/healthz", handler=it.health, summary="This process lives", response=Health),
        public(
            path="/readyz",
            handler=it.ready,
            summary="The exchange can do its work",
            response=Ready,
            answers={503: ("Not every check is good", Ready)},
        ),
        Route(
            method="GET",
            path="/metrics",
            rule=Rule.LOCAL,
            handler=it.metrics,
            summary="Counts and times, as Prometheus reads them",
            tag=TAG,
            media_type="text/plain",
        ),
        problem_page_route(TAG),
        public(path=f"{PREFIX}/time", handler=it.time, summary="The server's time", response=Now),
        public(
            path=f"{PREFIX}/status",
            handler=it.status,
            summary="Whether commands are taken",
            response=ExchangeStatus,
            problems=(503,),
        ),
        public(
            path=f"{PREFIX}/reasons",
            handler=it.reasons,
            summary="Every reason for which the exchange rejects a command",
            response=Reasons,
        ),
    ]
