"""The servers of `benchmarks.path` and `rest`, each a process of its own: a core as it is served, and a gateway as it
is served, which besides answers on `/echo` with what it is sent and on `/checked` with what it read, through the same
protocol, loop and process."""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from typing_extensions import override
from websockets.http11 import Request as SocketRequest

from kirmash.config import Config
from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.gateway.link import LinkExchange
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.server import Gateway
from kirmash.gateway.services import Services, read_command
from kirmash.gateway.sockets.wire import BINARY, TEXT, Admitted, Turned, Wire, framed
from kirmash.gateway.ws import Sockets
from kirmash.identity import Who
from kirmash.journal.folder import Folder
from kirmash.market.choice import market_loader
from kirmash.messages.commands import PlaceOrder
from kirmash.protocol.shapes import load_json
from kirmash.serve import settle_collector

ECHO: Final = "/echo"
CHECKED: Final = "/checked"


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
    def admit(self, request: SocketRequest) -> Admitted | Turned:
        return Admitted(Echo, None) if request.path == ECHO else super().admit(request)


class Checking:
    """A page (gateway.server.Pages) that reads an order, checks its form, and answers."""

    def __init__(self, services: Services) -> None:  # noqa: ARG002 (as pages are made)
        self.static: Sequence[BaseRoute] = ()
        self.routes: Sequence[Route] = [
            Route(method="POST", path=CHECKED, rule=Rule.PUBLIC, handler=self.check, summary="", tag="", raw_body=True)
        ]

    async def check(self, call: Call) -> dict[str, str]:
        command = read_command("place_order", load_json(call.raw.decode()))
        assert isinstance(command, PlaceOrder)
        return {"session": command.session, "instrument": command.instrument, "price": command.price}

    def problem(self, request: Request, problem: Problem, language: str, who: Who | None) -> Response:  # noqa: ARG002
        raise AssertionError("it has no page")

    async def close(self) -> None:
        return


async def _serve_gateway(config: Config) -> None:
    """The gateway without the pages for people, which are not measured here."""
    gateway = Gateway(config, LinkExchange(config.socket), Checking, make_sockets=EchoingSockets)
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
    settle_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run((_serve_core if part == "core" else _serve_gateway)(config))


if __name__ == "__main__":
    main()
