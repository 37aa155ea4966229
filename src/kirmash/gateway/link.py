"""The exchange behind a Unix socket: the gateway's side of the link to the core.

When the link breaks, requests on their way get OutcomeUnknown (repeating them with the same client id is safe), new
ones Unavailable, and the link is tried again for as long as the gateway lives; records go on where they ended. A core
that says nothing for some time, although it is asked, is taken for lost. An answer is given out when the listeners have
its record, also where the gateway lags.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

import msgspec
import structlog
from typing_extensions import override

from kirmash.gateway.exchange import News, Outcome
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.protocol import link
from kirmash.protocol.link import (
    AskRecord,
    AskStatus,
    DoorsAre,
    Frames,
    Projected,
    Recorded,
    Records,
    Rehearse,
    State,
    Status,
    Submit,
)
from kirmash.sequencer.answers import Answer, Busy, OutcomeUnknown, Refused, Unavailable, refusal_of

RETRY_SECONDS: Final = 0.2
REQUESTS_MAX: Final = 50_000
PING_SECONDS: Final = 2.0
SILENCE_SECONDS: Final = 10.0
"""A core that says nothing for so long, although it was asked, is taken for lost."""
STATUS_SECONDS: Final = 2.0
_NOBODY: Final = 0
"""The request number of what nobody waits for."""

_log: Final = structlog.get_logger("link")

_Result = Answer | bytes | Status | Recorded


class LinkFault(Exception):
    """News from the core could not be taken in; the gateway would have a gap, and has to end."""

    exit_code = 5


class LinkExchange:
    """An Exchange (see exchange.py) in another process. Made in the loop in which it is used."""

    def __init__(self, path: Path, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._path = path
        self._silence_seconds = silence_seconds
        self._listeners: list[Callable[[News], None]] = []
        self._position: int | None = None
        self._connection: _Link | None = None
        self._started = asyncio.Event()
        # Where the journal ended at the connection: who starts waits until the listeners have all of it.
        self._wanted = 0
        self._keeper: asyncio.Task[None] | None = None
        self._exchange_id = ""
        self._request = _NOBODY
        self._waiting: dict[int, asyncio.Future[_Result]] = {}
        # Frames of this turn of the loop: many clients' commands go to the core in one write.
        self._outgoing: list[bytes] = []
        # Answers whose records have not come yet, because we lag: (number, request, answer).
        self._early: list[tuple[int, int, Answer]] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises LinkFault when this gateway cannot go on; else it is never done."""

    @property
    def exchange_id(self) -> str:
        return self._exchange_id

    def follow(self, listener: Callable[[News], None]) -> None:
        self._listeners.append(listener)

    async def start(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep_connected())
        started = asyncio.ensure_future(self._started.wait())
        either: set[asyncio.Future[Any]] = {started, self.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self.ended.done():
            self.ended.result()

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._connection is not None:
            self._connection.transport.abort()
        self._lost()

    async def submit(self, actor: Actor, origin: str, client_id: str, command: Command) -> Answer:
        data = msgspec.Raw(codec.encode(command))
        request, answer = self._ask()
        self._write(Submit(request, actor.kind, actor.id, origin, client_id, data), request)
        result = await answer
        assert isinstance(result, Answer)
        return result

    async def submit_many(self, commands: Sequence[tuple[Actor, str, str, Command]]) -> list[Outcome]:
        asked: list[asyncio.Future[_Result]] = []
        for actor, origin, client_id, command in commands:
            data = msgspec.Raw(codec.encode(command))
            request, answer = self._ask()
            asked.append(answer)
            self._write(Submit(request, actor.kind, actor.id, origin, client_id, data), request)
        outcomes: list[Outcome] = []
        try:
            for answer in asked:
                try:
                    result = await answer
                except Refused as refused:
                    outcomes.append(refused)
                else:
                    assert isinstance(result, Answer)
                    outcomes.append(result)
        finally:
            # Where the caller gave up: nobody looks at the others' outcomes.
            for answer in asked[len(outcomes) :]:
                answer.cancel()
        return outcomes

    async def rehearse(self, actor: Actor, origin: str, command: Command) -> bytes:
        data = msgspec.Raw(codec.encode(command))
        request, answer = self._ask()
        self._write(Rehearse(request, actor.kind, actor.id, origin, data), request)
        result = await answer
        assert isinstance(result, bytes)
        return result

    async def status(self) -> Status:
        request, answer = self._ask()
        self._write(AskStatus(request), request)
        try:
            result = await asyncio.wait_for(answer, STATUS_SECONDS)
        except TimeoutError:
            self._waiting.pop(request, None)
            raise Unavailable("the exchange's core does not answer") from None
        assert isinstance(result, Status)
        return result

    async def record(self, number: int, *, proof: bool = False) -> Recorded:
        request, answer = self._ask()
        self._write(AskRecord(request, number, proof), request)
        result = await answer
        assert isinstance(result, Recorded)
        return result

    # The connection ----------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, connection = await loop.create_unix_connection(lambda: _Link(self), str(self._path))
            except OSError:
                with _Guard(self):
                    self._tell(DoorsAre(False, _NO_CORE))
            else:
                await self._watch(connection)
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch(self, connection: "_Link") -> None:
        """Wait until the connection is lost; a silent core is asked how it is, and given up if it stays silent."""
        loop = asyncio.get_running_loop()
        while True:
            done, _ = await asyncio.wait({connection.lost}, timeout=min(PING_SECONDS, self._silence_seconds / 2))
            if done:
                return
            if loop.time() - connection.heard > self._silence_seconds:
                # If it was this loop that stood still, what the core said is taken in now.
                await asyncio.sleep(RETRY_SECONDS)
            if loop.time() - connection.heard > self._silence_seconds:
                _log.error("the core is silent; the link is given up", seconds=self._silence_seconds)
                connection.transport.abort()
            elif not connection.transport.is_closing():
                connection.transport.write(link.frame(AskStatus(_NOBODY)))

    def lost(self, connection: "_Link") -> None:
        """A connection is gone."""
        if connection is self._connection:
            self._lost()

    def _lost(self) -> None:
        """Nobody knows what became of the requests on their way; of those with an early answer it is known."""
        self._connection = None
        self._outgoing.clear()
        for _, request, answer in self._early:
            self._give(request, answer)
        self._early.clear()
        waiting, self._waiting = self._waiting, {}
        for unknown in waiting.values():
            if not unknown.done():
                unknown.set_exception(OutcomeUnknown("the core went away; retry with the same id"))
        with _Guard(self):
            self._tell(DoorsAre(False, _NO_CORE))

    def _ask(self) -> tuple[int, asyncio.Future[_Result]]:
        self._request += 1
        answer: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting[self._request] = answer
        return self._request, answer

    def _may_ask(self, request: int) -> bool:
        """Whether the request can be sent; else it has its outcome now."""
        refused: Refused
        if self._connection is None:
            refused = Unavailable(_NO_CORE)
        elif len(self._waiting) > REQUESTS_MAX:
            refused = Busy("too many requests wait for the core; try again")
        else:
            return True
        self._waiting.pop(request).set_exception(refused)
        return False

    def _write(self, message: link.ToCore, request: int) -> None:
        if self._may_ask(request):
            if not self._outgoing:
                asyncio.get_running_loop().call_soon(self._flush)
            self._outgoing.append(link.frame(message))

    def _flush(self) -> None:
        frames, self._outgoing = self._outgoing, []
        if self._connection is not None and frames:
            self._connection.transport.write(b"".join(frames))

    def take(self, connection: "_Link", message: link.FromCore) -> None:
        """A message from the core. Raises LinkError where it speaks another version."""
        if isinstance(message, link.Hello):
            self._greeted(connection, message)
            return
        with _Guard(self):
            self._take(message)

    def _greeted(self, connection: "_Link", hello: link.Hello) -> None:
        if hello.version != link.LINK_VERSION:
            raise link.LinkError(f"the core speaks version {hello.version}, this gateway {link.LINK_VERSION}")
        if hello.exchange_id != self._exchange_id:
            # Another exchange's records do not go on where these ended.
            self._exchange_id, self._position = hello.exchange_id, None
        self._wanted = hello.number
        connection.transport.write(link.frame(link.Subscribe(self._position)))
        self._connection = connection

    def _take(self, message: link.FromCore) -> None:
        match message:
            case Records(records, answers):
                self._take_records(message, records, answers)
            case link.Stored(request, number, time, events):
                answered = Answer(number, time, events)
                if number <= (self._position or 0):
                    self._give(request, answered)
                else:
                    heapq.heappush(self._early, (number, request, answered))
            case link.Refusal(request, code, text, field):
                refused = self._waiting.pop(request, None)
                if refused is not None and not refused.done():
                    refused.set_exception(refusal_of(code, text, field))
            case link.Rehearsed(request, events):
                self._give(request, bytes(events))
            case Status() | Recorded():
                self._give(message.request, message)
            case State():
                self._position = message.number
                self._tell(message)
                self._look_whether_started()
            case Projected() | DoorsAre():
                self._tell(message)
            case link.Hello():
                return

    def _take_records(
        self, message: Records, records: tuple[msgspec.Raw, ...], answers: tuple[tuple[int, int], ...]
    ) -> None:
        self._tell(message)
        first = 0
        if records:
            last = codec.decode_record(records[-1]).number
            self._position = last
            first = last - len(records) + 1
            if not self._started.is_set():
                self._look_whether_started()
        for request, number in answers:
            record = codec.decode_record(records[number - first])
            self._give(request, Answer(number, record.time, record.events))
        while self._early and self._early[0][0] <= (self._position or 0):
            _, request, answer = heapq.heappop(self._early)
            self._give(request, answer)

    def _look_whether_started(self) -> None:
        if self._position is not None and self._position >= self._wanted:
            self._started.set()

    def _give(self, request: int, result: _Result) -> None:
        answer = self._waiting.pop(request, None)
        if answer is not None and not answer.done():
            answer.set_result(result)

    def _tell(self, news: News) -> None:
        for listener in self._listeners:
            listener(news)


_NO_CORE: Final = "the exchange's core is not reached"


class _Guard:
    """What fails while news is taken in leaves a gap, so it ends the gateway; the error itself goes its way."""

    def __init__(self, exchange: LinkExchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, msgspec.DecodeError) or self._exchange.ended.done():
            return
        fault = LinkFault(f"news could not be taken in: {type(error).__name__}: {error}")
        fault.__cause__ = error
        self._exchange.ended.set_exception(fault)


class _Link(asyncio.Protocol):
    """One connection to the core."""

    def __init__(self, exchange: LinkExchange) -> None:
        self._exchange = exchange
        self._frames = Frames()
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.heard = self._loop.time()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports by what they do, not by their class.
        self.transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        try:
            for frame in self._frames.feed(data):
                self._exchange.take(self, link.from_core.decode(frame))
        except (link.LinkError, msgspec.DecodeError) as error:
            _log.error("the core sent what is no message", error=str(error))
            self.transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        # At once, not when the keeper looks: in between, requests would be written to nowhere.
        self._exchange.lost(self)
        if not self.lost.done():
            self.lost.set_result(None)
