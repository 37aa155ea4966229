"""The Unix socket of a core: gateways connect to it, one connection each.

A connection is told every record from the number that it names. While it keeps step it gets each commit as it comes;
one that lags is fed from the journal in pieces, as fast as it reads, and one that does not read at all is cut off and
may come again. Who can open the socket's file may give commands as anybody: it is made for its owner alone.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import msgspec
import structlog
from typing_extensions import override

from kirmash.core.process import Core, Said
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.kinds import ActorKind
from kirmash.protocol import link
from kirmash.protocol.link import DoorsAre, Frames, FromCore, Hello, LinkError, Projected, Records, Refusal, Stored
from kirmash.sequencer.answers import Answer, IdReused, Refused
from kirmash.sequencer.machine import Decided

UNREAD_BYTES_MAX: Final = 64 * 1024 * 1024
"""What may wait for a gateway that does not read, before it is cut off."""

_log: Final = structlog.get_logger("link")


class LinkServer:
    """Listens on a Unix socket for one core."""

    def __init__(self, core: Core, path: Path) -> None:
        self._core = core
        self._path = path
        self._server: asyncio.Server
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        """Listen. A socket left by a dead process is replaced: what excludes a second core is the folder's lock."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.get_running_loop().create_unix_server(self._connect, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening and close what is open, after what was written to it."""
        self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _connect(self) -> "_Connection":
        connection = _Connection(self._core, self._connections)
        self._connections.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    """One gateway; a follower of the core."""

    def __init__(self, core: Core, connections: set["_Connection"]) -> None:
        self._core = core
        self._connections = connections
        self._frames = Frames()
        self._transport: asyncio.Transport
        self._drained = asyncio.Event()
        self._drained.set()
        # The last number sent; None until it subscribes. Live: what comes next goes straight to it.
        self._position: int | None = None
        self._live = False
        self._tasks: set[asyncio.Task[None]] = set()

    # From asyncio ------------------------------------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports by what they do, not by their class.
        self._transport = cast(asyncio.Transport, transport)
        self._send(Hello(link.LINK_VERSION, self._core.exchange_id, self._core.published))
        self._core.follow(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._core.unfollow(self)
        self._connections.discard(self)
        self._drained.set()
        for task in self._tasks:
            task.cancel()

    @override
    def pause_writing(self) -> None:
        self._drained.clear()

    @override
    def resume_writing(self) -> None:
        self._drained.set()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                self._take(link.to_core.decode(frame))
        except (LinkError, msgspec.DecodeError) as error:
            _log.error("a gateway sent what is no message", error=str(error))
            self._transport.abort()

    def close(self) -> None:
        """End after what is on its way."""
        self._transport.close()

    # From the core -----------------------------------------------------------------------------------------------

    def told(self, records: Sequence[Decided], answers: Sequence[Said]) -> None:
        frames: list[FromCore] = []
        fresh = 0
        if self._live and records:
            fresh = records[0].record.number
            self._position = records[-1].record.number
        named: list[tuple[int, int]] = []
        for request, outcome in answers:
            if isinstance(outcome, Refused):
                frames.append(_refusal(request, outcome))
            elif fresh and outcome.number >= fresh:
                named.append((request, outcome.number))
            else:
                frames.append(_stored(request, outcome))
        if fresh or named:
            frames.insert(0, Records(tuple(msgspec.Raw(entry.data) for entry in records), tuple(named)))
        if frames:
            self._transport.write(b"".join(link.frame(message) for message in frames))
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            _log.error("a gateway does not read; it is cut off")
            self._transport.abort()

    def noted(self, news: Projected | DoorsAre) -> None:
        self._send(news)

    # Its wishes --------------------------------------------------------------------------------------------------

    def _take(self, message: link.ToCore) -> None:
        match message:
            case link.Submit(request, kind, actor, origin, client_id, command):
                try:
                    given = codec.decode_command(command)
                except msgspec.DecodeError as error:
                    raise LinkError(f"no command: {error}") from None
                self._core.submit(self, request, Actor(kind, actor), origin, client_id, given)
            case link.Rehearse(request, kind, actor, origin, command):
                self._spawn(self._rehearse(request, kind, actor, origin, command))
            case link.Subscribe(after):
                self._spawn(self._subscribe(after))
            case link.AskStatus(request):
                self._send(self._core.status(request))
            case link.AskRecord(request, number, proof):
                self._spawn(self._record(request, number, proof))

    async def _rehearse(self, request: int, kind: ActorKind, actor: str, origin: str, command: msgspec.Raw) -> None:
        try:
            events = await self._core.rehearse(Actor(kind, actor), origin, codec.decode_command(command))
        except Refused as refusal:
            self._send(_refusal(request, refusal))
        else:
            self._send(link.Rehearsed(request, msgspec.Raw(events)))

    async def _record(self, request: int, number: int, proof: bool) -> None:
        self._send(await self._core.record(request, number, proof=proof))

    async def _subscribe(self, after: int | None) -> None:
        """Feed it from the journal until it has caught up; from then on `told` does it."""
        if self._position is not None:
            return
        if after is not None and after > self._core.published:
            # Its records are not ours: the data folder was replaced by an older one.
            after = None
        if after is None:
            state = await asyncio.get_running_loop().run_in_executor(None, self._core.state)
            self._send(state)
            after = state.number
        self._position = after
        while self._position < self._core.published:
            await self._drained.wait()
            records = await self._core.records(self._position)
            if not records:
                break
            self._send(Records(tuple(msgspec.Raw(data) for data in records)))
            self._position = codec.decode_record(records[-1]).number
        self._live = True

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, message: FromCore) -> None:
        if not self._transport.is_closing():
            self._transport.write(link.frame(message))


def _refusal(request: int, refused: Refused) -> Refusal:
    field = refused.field if isinstance(refused, IdReused) else None
    return Refusal(request, refused.code, str(refused), field)


def _stored(request: int, answer: Answer) -> Stored:
    return Stored(request, answer.number, answer.time, answer.events)
