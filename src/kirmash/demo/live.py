"""`kirmash demo` with pages: core, gateway and the demo's host in one process, until a signal ends it.

One process, because it is at work sooner and takes less memory than two, and nothing of a demo has to outlive the
other half. Logins and their passwords are public: they are printed here and shown on the login page.
"""

import asyncio
import contextlib
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import argon2.profiles

from kirmash import serve
from kirmash.config import (
    IDENTITY_FILE,
    Config,
    ConfigError,
    CoreConfig,
    DemoConfig,
    DemoLogin,
    ExchangeConfig,
    GatewayConfig,
    IdentityConfig,
    LogConfig,
)
from kirmash.core.local import LocalExchange
from kirmash.demo.host import Host
from kirmash.demo.terminal import new_folder
from kirmash.gateway.server import Gateway
from kirmash.identity import Identity, NewLogin, Role
from kirmash.simulation.population import VISITORS
from kirmash.simulation.replay import SESSION
from kirmash.web import Site

CHEAP: Final = argon2.profiles.CHEAPEST
"""The passwords are public, so hashing them dearly would only make the start slow."""

_ROLES: Final = {"operator": Role.OPERATOR, "auditor": Role.AUDITOR}


def password_of(login: str) -> str:
    """The password of a visitors' login; no secret."""
    return f"{login}-password"


def config_of(data: Path, market: str | None, seed: int, port: int) -> Config:
    """The settings of a demo."""
    logins = tuple(DemoLogin(it.login, password_of(it.login), it.part) for it in VISITORS)
    return Config(
        exchange=ExchangeConfig(name="Kirmash demo", exchange_id=f"kirmash-demo-{seed}", invented=True),
        core=CoreConfig(data=str(data), market=market or ""),  # type: ignore[arg-type]  # checked by argparse
        gateway=GatewayConfig(port=port, stop_seconds=2),
        identity=IdentityConfig(idle_minutes=240),
        log=LogConfig(level="warning", format="text"),
        demo=DemoConfig(logins=logins, historical=(SESSION,)),
    )


def run_live(data: Path | None, market: str | None, seed: int | None, port: int | None, speed_percent: int) -> None:
    """Open the demo and keep it open. Raises ConfigError, JournalError and what ends a core."""
    chosen = 1 if seed is None else seed
    config = config_of(data or new_folder(), market, chosen, 8000 if port is None else port)
    serve.run_part(lambda given: serve_demo(given, chosen, speed_percent, _say), config)


async def serve_demo(config: Config, seed: int, speed_percent: int, say: Callable[[str], None]) -> None:
    """The whole demo in this loop, until a signal or a fault."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(contextlib.closing(serve.open_folder(config)))
        core = serve.make_core(folder, config, views_beside=False)
        stack.push_async_callback(core.stop)
        await core.start()
        host = Host(core, seed, speed_percent, say)
        stack.push_async_callback(host.stop)
        await host.start()
        await add_visitors(config)
        gateway = Gateway(config, LocalExchange(core), Site, password_parameters=CHEAP)
        stack.push_async_callback(gateway.stop)
        await _open(gateway)
        running = asyncio.ensure_future(host.run())
        stack.push_async_callback(_cancel, running)
        serve.settle_collector()
        say(_welcome(config, gateway.port, replayed=host.keeper.has_replayed))
        await serve.until_signal_or(core.ended, gateway.ended, running)


async def add_visitors(config: Config) -> None:
    """The logins for visitors, where they are not there yet."""
    identity = Identity(config.data / IDENTITY_FILE, password_parameters=CHEAP)
    try:
        there = {row.name for row in identity.logins()}
        new = [
            NewLogin(
                name=it.login,
                role=_ROLES.get(it.part, Role.TRADER),
                participant=it.company.participant if it.company is not None else None,
                trader=it.company.trader if it.company is not None else None,
                password=password_of(it.login),
                keep_password=True,
            )
            for it in VISITORS
            if it.login not in there
        ]
        await identity.add_logins(new)
    finally:
        identity.close()


async def _cancel(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


async def _open(gateway: Gateway) -> None:
    """Raises ConfigError where the port is taken."""
    try:
        await gateway.start()
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ConfigError(f"demo: {error.strerror}; choose another with --port") from None


def _welcome(config: Config, port: int, *, replayed: bool) -> str:
    rows = [f"  {it.name:16} {it.password:26} {it.part}" for it in config.demo.logins]
    return "\n".join(
        (
            f"The exchange is open: http://{config.gateway.host}:{port}/",
            "Log in as one of these. All of it is invented, and the passwords are no secret:",
            *rows,
            f"{SESSION} {'was' if replayed else 'is'} replayed and takes no orders of yours. The others do.",
            f"Its journal lies in {config.data}. Ctrl-C ends the demo.",
        )
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
