"""The exchange as the doors see it: hand in commands, follow the records. Behind it stands a core in this process, or
the Unix socket to one in another.

Nothing here knows HTTP or WebSocket, and nothing decides.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.protocol.link import DoorsAre, Projected, Recorded, Records, State, Status
from kirmash.sequencer.answers import Answer, Refused

News = State | Records | Projected | DoorsAre
"""What a follower is told: once a state, then records in number order, and how far the views and the doors are."""

Outcome = Answer | Refused


class Exchange(Protocol):
    """A core, here or elsewhere. All methods belong to the event loop that made it."""

    def follow(self, listener: Callable[[News], None]) -> None:
        """Have every piece of news handed to `listener`, from the next `start` on, in the loop's thread.

        After the link was lost and found again, records go on where they ended; a State comes again only where the
        core cannot go on from there.
        """
        ...

    async def start(self) -> None:
        """Connect, and return when the listeners have a State and all that the journal had at that moment."""
        ...

    async def close(self) -> None:
        """End; waiting requests get Unavailable or OutcomeUnknown."""
        ...

    @property
    def exchange_id(self) -> str:
        """Whose exchange it is."""
        ...

    async def submit(self, actor: Actor, origin: str, client_id: str, command: Command) -> Answer:
        """Have a command decided; returns when it is durable and its record was handed to the listeners.

        Raises a Refused: Busy, Unavailable, OutcomeUnknown (repeat with the same id), IdReused, RefusedFault …
        """
        ...

    async def submit_many(self, commands: Sequence[tuple[Actor, str, str, Command]]) -> list[Outcome]:
        """Several at once, in their order; an outcome for each."""
        ...

    async def rehearse(self, actor: Actor, origin: str, command: Command) -> bytes:
        """The events (canonical bytes) that the command would give now; nothing is numbered. Raises a Refused."""
        ...

    async def status(self) -> Status:
        """How the core is. Raises Unavailable."""
        ...

    async def record(self, number: int, *, proof: bool = False) -> Recorded:
        """A record of the journal with its follow-ups; without records where there is no such. Raises Unavailable."""
        ...
