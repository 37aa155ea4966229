"""The exchange in this process (`--one-process`): the same door as the socket's, without the socket.

It stands in `core` because it holds one; it has the shape of `gateway.exchange.Exchange`, which is a Protocol, so that
neither package imports the other.
"""

from collections.abc import Callable, Sequence

import msgspec

from kirmash.core.process import Core, Said
from kirmash.core.requests import Requests
from kirmash.journal.errors import JournalError
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.protocol.link import DoorsAre, Projected, Recorded, Records, State, Status
from kirmash.sequencer.answers import Answer, Refused, Unavailable
from kirmash.sequencer.machine import Decided

_News = State | Records | Projected | DoorsAre


class LocalExchange:
    """An Exchange over a core that was started in this loop."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._listeners: list[Callable[[_News], None]] = []
        self._requests = Requests(core, self)
        self._exchange_id = ""
        self._live = False

    @property
    def exchange_id(self) -> str:
        return self._exchange_id

    def follow(self, listener: Callable[[_News], None]) -> None:
        self._listeners.append(listener)

    async def start(self) -> None:
        self._exchange_id = self._core.exchange_id
        state = self._core.state()
        self._tell(state)
        self._core.follow(self)
        position = state.number
        while position < self._core.published:
            records = await self._core.records(position)
            self._tell(Records(tuple(msgspec.Raw(data) for data in records)))
            position = codec.decode_record(records[-1]).number
        # Nothing is awaited since the last look: the next `told` has the record after `position`.
        self._live = True

    async def close(self) -> None:
        self._core.unfollow(self)
        self._requests.close()

    async def submit(self, actor: Actor, origin: str, client_id: str, command: Command) -> Answer:
        return await self._requests.give(actor, origin, client_id, command)

    async def submit_many(self, commands: Sequence[tuple[Actor, str, str, Command]]) -> list[Answer | Refused]:
        asked = [self._requests.give(*command) for command in commands]
        outcomes: list[Answer | Refused] = []
        try:
            for answer in asked:
                try:
                    outcomes.append(await answer)
                except Refused as refused:
                    outcomes.append(refused)
        finally:
            for answer in asked[len(outcomes) :]:
                answer.cancel()
        return outcomes

    async def rehearse(self, actor: Actor, origin: str, command: Command) -> bytes:
        return await self._core.rehearse(actor, origin, command)

    async def status(self) -> Status:
        return self._core.status(0)

    async def record(self, number: int, *, proof: bool = False) -> Recorded:
        try:
            return await self._core.record(0, number, proof=proof)
        except JournalError as error:
            raise Unavailable(f"the journal cannot be read: {error}") from error

    # From the core -----------------------------------------------------------------------------------------------

    def told(self, records: Sequence[Decided], answers: Sequence[Said]) -> None:
        if records and self._live:
            self._tell(Records(tuple(msgspec.Raw(entry.data) for entry in records)))
        self._requests.told(answers)

    def noted(self, news: Projected | DoorsAre) -> None:
        self._tell(news)

    def _tell(self, news: _News) -> None:
        for listener in self._listeners:
            listener(news)
