"""The Unix socket of a core: gateways connect to it, one connection each.

A connection is told every record from the number that it names. While it keeps step it gets each commit as it comes;
one that lags is fed from the journal in pieces, as fast as it reads, until it keeps step again; answers go on in the
meantime, and one that does not even read those is cut off and may come again. Who can open the socket's file may give
commands as anybody: it is made for its owner alone.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import msgspec
import structlog
from typing_extensions import override

from kirmash.core.process import Core, Said
from kirmash.journal.errors import JournalError
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.protocol import link
from kirmash.protocol.link import DoorsAre, Frames, FromCore, Hello, LinkError, Projected, Records, Refusal, Stored
from kirmash.sequencer.answers import Answer, IdReused, Refused, Unavailable
from kirmash.sequencer.machine import Decided

UNREAD_BYTES_MAX: Final = 64 * 1024 * 1024
"""What may wait for a gateway that does not read, before it is cut off; a state that was sent to it comes on top."""
LIVE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Above this it is no longer told commits as they come, but fed from the journal when it has read them."""
CLOSE_SECONDS: Final = 1.0

_log: Final = structlog.get_logger("link")


class LinkServer:
    """Listens on a Unix socket for one core."""

    def __init__(self, core: Core, path: Path) -> None:
        self._core = core
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        """Listen. A socket left by a dead process is replaced: what excludes a second core is the folder's lock.

        Raises OSError where there can be no socket of this name.
        """
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(self._path))
            # Nobody can connect before it listens; the umask is the whole process's and stays as it is.
            self._path.chmod(0o600)
            self._server = await asyncio.get_running_loop().create_unix_server(self._connect, sock=listening)
        except OSError:
            listening.close()
            raise

    async def close(self) -> None:
        """Stop listening and close what is open, after what was written to it was read, or a second."""
        if self._server is None:
            return
        self._server.close()
        open_ones = tuple(self._connections)
        for connection in open_ones:
            connection.close()
        if open_ones:
            await asyncio.wait({connection.lost for connection in open_ones}, timeout=CLOSE_SECONDS)
        for connection in open_ones:
            connection.abort()
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
        self._frames = Frames(link.TO_CORE_MAX)
        self._transport: asyncio.Transport
        self._drained = asyncio.Event()
        self._drained.set()
        # The last number sent; None until it subscribes. Live: what comes next goes straight to it.
        self._position: int | None = None
        self._live = False
        self._unread_max = UNREAD_BYTES_MAX
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # From asyncio ------------------------------------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports by what they do, not by their class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=LIVE_BYTES_MAX)
        self._send(Hello(link.LINK_VERSION, self._core.exchange_id, self._core.published))
        self._core.follow(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._core.unfollow(self)
        self._connections.discard(self)
        self._drained.set()
        for task in self._tasks:
            task.cancel()
        if not self.lost.done():
            self.lost.set_result(None)

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

    def abort(self) -> None:
        """End now."""
        self._transport.abort()

    # From the core -----------------------------------------------------------------------------------------------

    def told(self, records: Sequence[Decided], answers: Sequence[Said]) -> None:
        if self._transport.is_closing():
            return
        fresh = self._fresh(records)
        first = fresh[0].record.number if fresh else 0
        frames: list[FromCore] = []
        named: list[tuple[int, int]] = []
        for request, outcome in answers:
            if isinstance(outcome, Refused):
                frames.append(_refusal(request, outcome))
            elif first and outcome.number >= first:
                named.append((request, outcome.number))
            else:
                frames.append(_stored(request, outcome))
        if fresh:
            frames.insert(0, Records(tuple(msgspec.Raw(entry.data) for entry in fresh), tuple(named)))
        if not frames:
            return
        self._transport.write(b"".join(link.frame(message) for message in frames))
        if self._transport.get_write_buffer_size() > self._unread_max:
            _log.error("a gateway does not read; it is cut off")
            self._transport.abort()

    def _fresh(self, records: Sequence[Decided]) -> Sequence[Decided]:
        """Those of these records that are to be sent as they come; none to one that lags."""
        if not self._live or self._position is None or not records:
            return ()
        skipped = self._position + 1 - records[0].record.number
        if skipped < 0 or not self._drained.is_set():
            self._live = False
            self._spawn(self._catch_up())
            return ()
        fresh = records[skipped:]
        if fresh:
            self._position = fresh[-1].record.number
        return fresh

    def noted(self, news: Projected | DoorsAre) -> None:
        self._send(news)

    # Its wishes --------------------------------------------------------------------------------------------------

    def _take(self, message: link.ToCore) -> None:
        match message:
            case link.Submit(request, kind, actor, origin, client_id, command):
                self._core.submit(self, request, Actor(kind, actor), origin, client_id, codec.decode_command(command))
            case link.Rehearse(request, kind, actor, origin, command):
                self._spawn(self._rehearse(request, Actor(kind, actor), origin, codec.decode_command(command)))
            case link.Subscribe(after):
                self._subscribe(after)
            case link.AskStatus(request):
                self._send(self._core.status(request))
            case link.AskRecord(request, number, proof):
                self._spawn(self._record(request, number, proof))

    async def _rehearse(self, request: int, actor: Actor, origin: str, command: Command) -> None:
        try:
            events = await self._core.rehearse(actor, origin, command)
        except Refused as refusal:
            self._send(_refusal(request, refusal))
        else:
            self._send(link.Rehearsed(request, msgspec.Raw(events)))

    async def _record(self, request: int, number: int, proof: bool) -> None:
        try:
            self._send(await self._core.record(request, number, proof=proof))
        except JournalError as error:
            self._send(_refusal(request, Unavailable(f"the journal cannot be read: {error}")))

    def _subscribe(self, after: int | None) -> None:
        if self._position is not None:
            raise LinkError("subscribed twice")
        if after is not None and after > self._core.published:
            # Its records are not ours: the data folder was replaced by an older one.
            after = None
        self._position = after or 0
        self._spawn(self._catch_up() if after is not None else self._begin())

    async def _begin(self) -> None:
        """Send a state, then what follows it."""
        state = await asyncio.get_running_loop().run_in_executor(None, self._core.state)
        frame = link.frame(state)
        self._unread_max += len(frame)
        if not self._transport.is_closing():
            self._transport.write(frame)
        self._position = state.number
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Feed it from the journal until it is where the followers are; from then on `told` does it."""
        assert self._position is not None
        while self._position < self._core.published:
            await self._drained.wait()
            try:
                records = await self._core.records(self._position)
            except JournalError as error:
                _log.error("the journal cannot be read for a gateway; it is cut off", error=str(error))
                self._transport.abort()
                return
            self._send(Records(tuple(msgspec.Raw(data) for data in records)))
            self._position = codec.decode_record(records[-1]).number
        self._live = True

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of ours: the connection is of no use any more, and the gateway comes again.
            _log.error("a connection failed", error=f"{type(error).__name__}: {error}")
            self._transport.abort()

    def _send(self, message: FromCore) -> None:
        if not self._transport.is_closing():
            self._transport.write(link.frame(message))


def _refusal(request: int, refused: Refused) -> Refusal:
    field = refused.field if isinstance(refused, IdReused) else None
    return Refusal(request, refused.code, str(refused), field)


def _stored(request: int, answer: Answer) -> Stored:
    return Stored(request, answer.number, answer.time, answer.events)
