"""What is cancelled for a trader who is gone: his open orders in the sessions in which a connection placed any.

A cancellation is given until it is numbered: while the core is away or busy it is tried again with the same client id,
so that it happens once. It needs no rights any more: a session that has ended must not keep its owner's orders alive.

It passes no throttle either. So only sessions are noted in which an order may stand: those that the board has and that
have not ended. A client who names others, or names that he invents, makes no command of it.
"""

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any, Final

import structlog

from kirmash.gateway.services import Services
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Actor
from kirmash.messages.kinds import Phase
from kirmash.messages.times import text_from_time
from kirmash.sequencer.answers import Busy, OutcomeUnknown, Refused, Unavailable

RETRY_SECONDS: Final = 0.2
ENDED: Final = frozenset({Phase.CLOSED.name, Phase.CANCELLED.name})
"""Phases after which no order stands (PS-1.2)."""

_log: Final = structlog.get_logger("websocket")


class Guard:
    """Cancels for those who cannot, and remembers what is still to be done."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: set[asyncio.Task[Any]] = set()

    def cancel(self, actor: Actor, sessions: Iterable[str], why: str) -> "asyncio.Task[list[dict[str, Any]]]":
        """Cancel a trader's open orders in these sessions; the task's outcome is a line for each."""
        task = asyncio.get_running_loop().create_task(self._cancel(actor, sorted(filter(self._runs, sessions)), why))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def note(self, placed_in: set[str], commands: Iterable[object]) -> None:
        """Add the sessions in which these commands may place an order. Before they are judged, since a connection may
        end before it is known what became of them."""
        for command in commands:
            if isinstance(command, c.PlaceOrder) and command.session not in placed_in and self._runs(command.session):
                placed_in.add(command.session)

    def _runs(self, session: str) -> bool:
        try:
            return self._services.feed.board.session(session).phase not in ENDED
        except KeyError:
            return False

    async def settle(self, seconds: float) -> None:
        """Wait for what is on its way, so long; then give up on it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                _log.error("orders of a client that is gone could not be cancelled; they stand")
                task.cancel()

    async def _cancel(self, actor: Actor, sessions: list[str], why: str) -> list[dict[str, Any]]:
        return [await self._cancel_one(actor, session, why) for session in sessions]

    async def _cancel_one(self, actor: Actor, session: str, why: str) -> dict[str, Any]:
        client_id = f"ws.{secrets.token_hex(12)}"
        command = c.MassCancel(session=session, trader=actor.id)
        while True:
            try:
                answer = await self._services.exchange.submit(actor, f"ws/{why}", client_id, command)
            except (Busy, Unavailable, OutcomeUnknown):
                await asyncio.sleep(RETRY_SECONDS)
            except Refused as refused:
                _log.error("orders of a client that is gone were not cancelled", session=session, code=refused.code)
                return {"session": session, "status": "refused", "code": refused.code, "text": str(refused)}
            else:
                rejected = any(isinstance(event, e.CommandRejected) for event in codec.decode_events(answer.events))
                return {
                    "session": session,
                    "status": "rejected" if rejected else "accepted",
                    "number": answer.number,
                    "at": text_from_time(answer.time),
                }
