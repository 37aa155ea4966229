"""The servers of `benchmarks.path`, each a process of its own: a core as it is served, and a gateway as it is served,
which besides answers on `/echo` with what it is sent, through the same protocol, loop and process."""

import asyncio
import gc
import logging
import signal
import sys
from typing import Final

import msgspec
import structlog
import uvloop
from typing_extensions import override
from websockets.http11 import Request

from kirmash.config import Config
from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.gateway import server as gateway_server
from kirmash.gateway.link import LinkExchange
from kirmash.gateway.sockets.wire import BINARY, TEXT, Admitted, Turned, Wire, framed
from kirmash.gateway.ws import Sockets
from kirmash.journal.folder import Folder
from kirmash.market.choice import market_loader

ECHO: Final = "/echo"


class Echo:
    """A client to whom we say what he said."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def opened(self) -> None:
        return

    def received(self, data: bytes, *, text: bool) -> None:
        self._wire.send(framed(data, TEXT if text else BINARY))

    def alive(self) -> None:
        return

    def caught_up(self) -> None:
        return

    def lost(self) -> None:
        return


class EchoingSockets(Sockets):
    """The WebSocket door with an echo beside it."""

    @override
    def admit(self, request: Request) -> Admitted | Turned:
        return Admitted(Echo, None) if request.path == ECHO else super().admit(request)


async def _serve_gateway(config: Config) -> None:
    """The gateway without the pages for people, which are not measured here."""
    gateway = gateway_server.Gateway(config, LinkExchange(config.socket))
    await gateway.start()
    await _until_signal()
    await gateway.stop()


async def _serve_core(config: Config) -> None:
    folder = Folder(config.data)
    core = Core(folder, CoreSettings(load_market=market_loader(None), views_beside=True), "chosen")
    await core.start()
    server = LinkServer(core, config.socket)
    await server.start()
    await _until_signal()
    await core.stop()
    await server.close()
    folder.close()


async def _until_signal() -> None:
    signalled = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signalled.set)
    await signalled.wait()


def main() -> None:
    """`python -m benchmarks.path_server core|gateway CONFIG.json`."""
    part, file = sys.argv[1:]
    with open(file, "rb") as opened:
        config = msgspec.json.decode(opened.read(), type=Config)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    setattr(gateway_server, "Sockets", EchoingSockets)  # noqa: B010 (the gateway makes them by this name)
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run((_serve_core if part == "core" else _serve_gateway)(config))


if __name__ == "__main__":
    main()
