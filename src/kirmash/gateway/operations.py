"""How the exchange is: health, readiness and metrics, for whoever keeps it running (docs/guides/operate.md)."""

import contextlib
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kirmash.protocol.link import Status

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts and times, in the text form of Prometheus. No label ever holds who asked."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._commands = Counter(
            "kirmash_commands", "Commands that were numbered.", ("command", "outcome"), registry=self._registry
        )
        self._answer = Histogram(
            "kirmash_command_seconds",
            "From the door to the durable answer.",
            ("command",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._requests = Counter("kirmash_requests", "HTTP requests.", ("route", "status"), registry=self._registry)
        self._request = Histogram(
            "kirmash_request_seconds", "HTTP requests.", ("route",), buckets=SECONDS, registry=self._registry
        )
        self.connections = Gauge("kirmash_websockets", "Open WebSockets.", registry=self._registry)
        self.dropped = Counter(
            "kirmash_slow_readers", "Readers that were cut off or conflated.", ("what",), registry=self._registry
        )
        gauges = {
            "number": "The last record of the journal.",
            "views_lag": "Records that the views do not hold yet.",
            "feed_lag": "Records that the gateway has not folded yet.",
            "commands_waiting": "Commands that wait to be decided.",
            "doors_open": "1 while commands are taken.",
            "wal_blocked": "1 while a reader keeps the WAL from being emptied.",
            "snapshot_failed": "1 if the last snapshot could not be written.",
            "disk_free_bytes": "Free bytes on the journal's disk.",
            "disk_total_bytes": "All bytes of the journal's disk.",
            "core_reached": "1 while the core answers.",
        }
        self._gauges = {
            name: Gauge(f"kirmash_{name}", about, registry=self._registry) for name, about in gauges.items()
        }

    @contextlib.contextmanager
    def command(self, name: str) -> Iterator[Callable[[bool], None]]:
        """Time a command; call what is given with whether it was rejected."""
        began = time.perf_counter()

        def told(rejected: bool) -> None:
            self._answer.labels(name).observe(time.perf_counter() - began)
            self.counted(name, rejected=rejected)

        yield told

    def counted(self, name: str, *, rejected: bool) -> None:
        """Count a command that was numbered."""
        self._commands.labels(name, "rejected" if rejected else "accepted").inc()

    def observe_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count and time a request."""
        route = f"{method} {path}"
        self._requests.labels(route, str(status)).inc()
        self._request.labels(route).observe(seconds)

    def observe_status(self, status: Status | None, folded: int) -> None:
        """Take what the core says of itself; None if it says nothing."""
        self._gauges["core_reached"].set(0 if status is None else 1)
        if status is None:
            self._gauges["doors_open"].set(0)
            return
        values = {
            "number": status.number,
            "views_lag": max(0, status.number - status.projected),
            "feed_lag": max(0, status.number - folded),
            "commands_waiting": status.waiting,
            "doors_open": int(status.doors_open),
            "wal_blocked": int(status.wal_blocked),
            "snapshot_failed": int(status.snapshot_failure is not None),
            "disk_free_bytes": status.disk_free,
            "disk_total_bytes": status.disk_total,
        }
        for name, value in values.items():
            self._gauges[name].set(value)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)
