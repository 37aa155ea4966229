"""How long does a page take at the size of a real exchange? Every GET route of the server's own table, pages and REST,
is asked over loopback by one client at a time, in each role that may, with each filter and with the largest page.

The exchange (`benchmarks.large`) is made once and kept in `build/large`; its records went through the writer and the
projector. A time is from the request's first byte to the answer's last, so it is the server's and the loopback's;
beside it stands the processor's time of the process, client included, which a busy machine lengthens less. The goal is
100 ms at the median for each. Files (`format`) are told apart, for they have up to 100,000 rows; a stream counts until
its head.
"""

import asyncio
import http.client
import re
import shutil
import statistics
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import argon2.profiles
import msgspec
import structlog
from pysqlite3 import dbapi2

from benchmarks import large
from kirmash.config import VIEWS_FILE, Config, CoreConfig, ExchangeConfig, GatewayConfig, IdentityConfig
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.gateway.api import routes_of
from kirmash.gateway.routes import PAGE, Route, Rule
from kirmash.gateway.server import Gateway
from kirmash.gateway.services import Services
from kirmash.identity import Identity, NewLogin, Role, Who
from kirmash.market.choice import market_loader
from kirmash.queries import Queries
from kirmash.sequencer.timetable import Timing
from kirmash.serve import open_folder, settle_collector
from kirmash.web import Site

T = TypeVar("T")

FOLDER: Final = Path("build/large")
GOAL_MS: Final = 100
RUNS: Final = 5
SECONDS_EACH: Final = 0.6
"""A slow page is not asked as often as a quick one."""
PASSWORD: Final = "a goose on the green"
STREAM: Final = "text/event-stream"
TRADER: Final = large.HEAVY.replace("p-", "t-")
LOGINS: Final = {"operator": Role.OPERATOR, "trader": Role.TRADER, "admin": Role.PARTICIPANT_ADMIN}
"""Who asks, besides the public. An auditor sees what an operator sees."""

WHERE: Final = {"session": large.LARGE_OVER, "instrument": large.FIRST_INSTRUMENT}
REQUIRED: Final = {
    "/api/v1/tape": WHERE,
    "/api/v1/bars": WHERE,
    "/api/v1/bars/sessions": {"instrument": large.FIRST_INSTRUMENT},
    "/api/v1/statement": {"participant": large.HEAVY},
    "/live/sessions/{session}": {"instrument": large.FIRST_INSTRUMENT},
    "/terminal/{session}/events": {"instrument": large.FIRST_INSTRUMENT},
}
FILTERS: Final[dict[str, tuple[str, ...]]] = {
    "section": ("metal", "forest"),
    "purpose": ("export", "domestic"),
    "mechanism": ("cdca", "call"),
    "phase": ("TRADING", "CLOSED", "HALTED"),
    "ended": ("true", "false"),
    "state": ("open", "over", "filled", "killed", "forming", "annulled", "ready"),
    "open": ("true", "yes", "no"),
    "side": ("buy", "sell"),
    "country": ("BY", "CN", "ZZ"),
    "group": ("none-such",),
    "admitted": ("true", "false"),
    "active": ("true", "false"),
    "currency": ("EUR", "USD"),
    "card": (large.LARGE_CARD,),
    "client": ("c-1",),
    "participant": (large.HEAVY, "p-20000"),
    "trader": (TRADER,),
    "session": (large.LARGE_OVER, large.LARGE_RUNNING),
    "instrument": (large.FIRST_INSTRUMENT,),
    "withdrawal": ("w-7",),
    "q": ("a", "steel", "нет такого"),
    "table": ("deals", "catalogue", "statement"),
    "sort": ("session", "-at"),
    "limit": ("500",),
    "after": ("100000",),
    "since": ("2026-01-01T00:00",),
    "name": ("login-5",),
    "depth": ("1000",),
    "all": ("true",),
}
BESIDE: Final = {"instrument": {"session": large.LARGE_OVER}, "side": {"session": large.LARGE_OVER}}
"""What a filter of REST's orders and deals cannot go without."""


class Ask(NamedTuple):
    """A question: the route, who asks, its address."""

    route: Route
    who: str
    target: str


class Server:
    """Core and gateway of a data folder in one loop on a thread of this process, which waits while they work."""

    def __init__(self, data: Path) -> None:
        self._config = Config(
            exchange=ExchangeConfig(name="Large", invented=True),
            core=CoreConfig(data=str(data), market="native"),
            gateway=GatewayConfig(port=0, stop_seconds=1),
            identity=IdentityConfig(manual_per_second=1_000, manual_burst=100_000),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server", daemon=True)
        self._gateway: Gateway
        self._core: Core
        self._services: Services
        self.routes: list[Route] = []

    def __enter__(self) -> "Server":
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self._gateway.port

    @property
    def queries(self) -> Queries:
        """The views as the pages ask them."""
        return self._services.queries

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(300)

    async def _start(self) -> None:
        self._folder = open_folder(self._config)
        settings = CoreSettings(load_market=market_loader(None), timetable=Timing(10**9, 0))
        self._core = Core(self._folder, settings, "native")
        await self._core.start()

        def site(services: Services) -> Site:
            self._services = services
            made = Site(services)
            self.routes = [*routes_of(services), *made.routes]
            return made

        self._gateway = Gateway(
            self._config, LocalExchange(self._core), site, password_parameters=argon2.profiles.CHEAPEST
        )
        await self._gateway.start()

    async def _stop(self) -> None:
        await self._gateway.stop()
        await self._core.stop()
        self._folder.close()


def logins(data: Path, size: large.Size) -> None:
    """Who asks, and a login for each trader of the exchange."""
    identity = Identity(data / "identity.db", password_parameters=argon2.profiles.CHEAPEST)
    new = [
        _login("operator", Role.OPERATOR),
        _login("trader", Role.TRADER, large.HEAVY, TRADER),
        _login("admin", Role.PARTICIPANT_ADMIN, large.HEAVY),
    ]
    new += [
        NewLogin(name=f"login-{n}", role=Role.TRADER, participant=f"p-{n}", trader=f"t-{n}", password=PASSWORD)
        for n in range(1, size.traders)
    ]
    asyncio.run(identity.add_logins(new))
    identity.close()


def _login(name: str, role: Role, participant: str | None = None, trader: str | None = None) -> NewLogin:
    return NewLogin(name=name, role=role, participant=participant, trader=trader, password=PASSWORD, keep_password=True)


def told(data: Path) -> str:
    """How large the exchange is, counted in its views."""
    connection = dbapi2.connect(f"file:{data / VIEWS_FILE}?mode=ro", uri=True)
    tables = ("participants", "cards", "instruments", "sessions", "orders", "deals", "contracts", "statement")
    counts = [(table, connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables]
    connection.close()
    return ", ".join(f"{count:,} {table}" for table, count in counts)


def samples(data: Path) -> dict[str, str]:
    """A value for each name that stands in a path, taken from the views where it has to be one that is there."""
    with Queries(data / VIEWS_FILE) as queries:
        order = queries.orders(scope=large.HEAVY, limit=1).rows[0]
        deal = queries.deals(scope=large.HEAVY, limit=1).rows[0]
        number = order.number
    identity = Identity(data / "identity.db", password_parameters=argon2.profiles.CHEAPEST)
    login = identity.logins(name="trader")[0].id
    identity.close()
    return {
        "login": login,
        "kind": "participant",
        "subject": large.HEAVY,
        "step": "2",
        "session": large.LARGE_RUNNING,
        "instrument": large.FIRST_INSTRUMENT,
        "card": large.LARGE_CARD,
        "participant": large.HEAVY,
        "client": "c-1",
        "trader": TRADER,
        "withdrawal": "w-0",
        "order": str(order.order),
        "deal": str(deal.deal),
        "number": str(number),
    }


def asks(routes: list[Route], values: dict[str, str]) -> Iterator[Ask]:
    """Every GET route, with its filters one by one, for each who may use it. A new route is asked without being named
    here; one with a name in its path that nobody knows is told."""
    for route in routes:
        if route.method != "GET":
            continue
        unknown = set(re.findall(r"{(\w+)}", route.path)) - values.keys()
        if unknown:
            print(f"pages not-asked {route.path}  # nothing is known for {', '.join(sorted(unknown))}", flush=True)
            continue
        sessions = [large.LARGE_RUNNING, large.LARGE_OVER] if "{session}" in route.path else [""]
        for who in _callers(route):
            for session in sessions:
                path = re.sub(r"\{(\w+)\}", lambda it, s=session: quote(_value(values, it[1], s)), route.path)  # type: ignore[misc]
                for query in _queries(route):
                    yield Ask(route, who, f"{path}?{urlencode(query)}" if query else path)


def _value(values: dict[str, str], name: str, session: str) -> str:
    return session if name == "session" and session else values[name]


def _callers(route: Route) -> list[str]:
    if route.rule is Rule.PUBLIC:
        return ["nobody"]
    found = [name for name, role in LOGINS.items() if route.rule.allows(Who(login="", role=role, via="session"))]
    # Pages of the account are a company's own; an operator has none.
    return [name for name in found if not (route.path.startswith("/account/") and name == "operator")]


def _queries(route: Route) -> Iterator[dict[str, str]]:
    required = dict(REQUIRED.get(route.path, {}))
    yield required
    if route.query is None or route.media_type == STREAM:
        return
    for field in msgspec.structs.fields(route.query):
        for value in FILTERS.get(field.name, ()):
            if field.name in required:
                continue
            beside = BESIDE.get(field.name, {}) if route.path in ("/api/v1/orders", "/api/v1/deals") else {}
            yield {**required, **beside, field.name: value}
        if field.name == "format":
            yield {**required, "format": "csv"}


class Client:
    """One connection a caller, kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies = {"nobody": ""}
        for name in LOGINS:
            made = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            made.request(
                "POST",
                "/api/v1/login",
                msgspec.json.encode({"name": name, "password": PASSWORD}),
                {"Content-Type": "application/json"},
            )
            answer = made.getresponse()
            assert answer.status == 200, answer.read()
            self._cookies[name] = (answer.headers["Set-Cookie"] or "").split(";")[0]
            made.close()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, it: Ask) -> tuple[int, float, float, int]:
        """Status, milliseconds, milliseconds of this process's processor time, bytes."""
        headers = {"Accept": "text/html" if it.route.media_type == PAGE else "*/*", "Cookie": self._cookies[it.who]}
        began, started = time.process_time(), time.perf_counter()
        self._connection.request("GET", it.target, headers=headers)
        answer = self._connection.getresponse()
        stream = answer.status == 200 and it.route.media_type == STREAM
        data = b"" if stream else answer.read()
        taken = (time.perf_counter() - started) * 1_000
        busy = (time.process_time() - began) * 1_000
        if stream or answer.status >= 500:
            # A stream has no end, and behind what nobody foresaw the server hangs up.
            answer.close()
            self._connection.close()
        return answer.status, taken, busy, len(data)


def run(messages: int) -> None:
    """Print the worst median of each route, slowest last. Fewer `messages` than usual make a small exchange, to try
    this out."""
    size = large.FULL if messages >= 200_000 else large.SMALL
    data = FOLDER if size is large.FULL else FOLDER.with_name("small")
    if not (data / VIEWS_FILE).exists():
        shutil.rmtree(data, ignore_errors=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        records = large.build(data, size)
        print(f"pages building {time.perf_counter() - started:.0f} s  # {records:,} records", flush=True)
    if not (data / "identity.db").exists():
        logins(data, size)
    print(f"# {told(data)}", flush=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    worst: dict[tuple[str, str], tuple[float, float]] = {}
    with Server(data) as server:
        # As it is served: otherwise the collector looks at all that the core holds every few pages.
        settle_collector()
        client = Client(server.port)
        for it in asks(server.routes, samples(data)):
            kind = "file" if "format=" in it.target else "page"
            found = _measured(client, it, 1 if kind == "file" else RUNS)
            worst[it.route.path, kind] = max(found, worst.get((it.route.path, kind), (0, 0)))
        client.close()
    for (path, kind), (busy, median) in sorted(worst.items(), key=lambda it: it[1]):
        print(f"pages {path}{' (file)' if kind == 'file' else ''} p50 {median:.1f} ms  # processor {busy:.1f} ms")
    for name, place in (("by-processor", 0), ("by-clock", 1)):
        over = [path for (path, kind), found in worst.items() if kind == "page" and found[place] >= GOAL_MS]
        print(f"pages slower-than-goal-{name} {len(over)} pages  # of {len(worst)}; goal {GOAL_MS} ms")


def _measured(client: Client, it: Ask, times: int) -> tuple[float, float]:
    """The medians of processor time and clock in milliseconds; told at once where half of the goal or more. What is
    refused is asked once: a filter's values are tried on every route, and not each has a meaning on each."""
    status, first, busy, length = client.ask(it)
    if status >= 500:
        print(f"# {status} {it.who} {it.target}", flush=True)
    if status >= 400:
        return busy, first
    began = time.perf_counter()
    runs: list[tuple[int, float, float, int]] = []
    while len(runs) < times and (not runs or time.perf_counter() - began < SECONDS_EACH):
        runs.append(client.ask(it))
    median = statistics.median(run[1] for run in runs)
    busy = statistics.median(run[2] for run in runs)
    if busy >= GOAL_MS / 2:
        print(
            f"# {median:.0f} ms, processor {busy:.0f} ms, first {first:.0f} ms, {length:,} bytes: {it.who} {it.target}",
            flush=True,
        )
    return busy, median
