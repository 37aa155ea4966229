"""The commands that one follower gave to a core, each waiting as a future until the core has said its outcome.

Belongs to the event loop of the core. Nothing is decided or repeated here.
"""

import asyncio
from collections.abc import Sequence

from kirmash.core.process import Core, Follower, Said
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.sequencer.answers import Answer, OutcomeUnknown, Refused


class Requests:
    """What a follower asked for. `told` is to be given every outcome that the core tells the follower."""

    def __init__(self, core: Core, follower: Follower) -> None:
        self._core = core
        self._follower = follower
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    def give(self, actor: Actor, origin: str, client_id: str, command: Command) -> asyncio.Future[Answer]:
        """Hand a command in; the future gets the answer, or a Refused."""
        self._last += 1
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = answer
        self._core.submit(self._follower, self._last, actor, origin, client_id, command)
        return answer

    def told(self, answers: Sequence[Said]) -> None:
        """Outcomes; of one that nobody waits for any more nothing is done."""
        for request, outcome in answers:
            waiting = self._waiting.pop(request, None)
            if waiting is None or waiting.done():
                continue
            if isinstance(outcome, Refused):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)

    def close(self) -> None:
        """Nobody will tell what became of those that wait."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown("the exchange is stopping; retry with the same id"))
