"""All simulated participants together: what the records say is told to those concerned, and those whose turn it is act.

Pure: records and times come from outside, chance from the seed. Nothing is kept of orders and deals that are over, nor
of other people's; so its size is bounded by seats and open orders, however long it runs.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kirmash.market.reference.encoding import StateRow
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import Actor, Record
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind, OrderState, Phase, Side
from kirmash.simulation.exhibits import SERIES, Series
from kirmash.simulation.participants import Player, Room, Worth, new_player, patience
from kirmash.simulation.population import Seat

TURN_MS: Final = (8_000, 44_000)
"""How long after a turn a participant has the next: sixty of them act two or three times a second."""
WANDER_MS: Final = 10_000
TOGETHER: Final = 5
"""How many act at most in one call; the others wait for the next."""
FINAL_PHASES: Final = (Phase.CLOSED, Phase.CANCELLED)

_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}


class Given(NamedTuple):
    """A command of a simulated participant."""

    actor: Actor
    client_id: str
    command: Command


class Crowd:
    """The simulated participants of all series."""

    def __init__(self, seats: Iterable[Seat], seed: int, run: str) -> None:
        """`run` tells the client ids of this run from those of earlier ones on the same journal."""
        self._rng = random.Random(seed)
        self._run = run
        self._given = 0
        self.worth: Final = {it.instrument: Worth(it.value) for series in SERIES for it in series.exhibits}
        """What each good is worth to people, by instrument."""
        self._series: Final = {series.name: series for series in SERIES}
        self._sessions: Final[dict[str, Phase]] = {}
        self._wandered = 0
        self._players: Final[dict[str, Player]] = {}
        self._seat_of: Final[dict[str, Series]] = {}
        self._by_account: Final[dict[tuple[str, str | None, str], Player]] = {}
        self._owner: Final[dict[int, Player]] = {}
        self._now = 0
        for seat in seats:
            series = self._series[seat.series]
            goods = {it.instrument: it for it in series.exhibits}
            sides = tuple(_SIDES[side] for side in seat.sides)
            player = new_player(seat.trader, seat.participant, seat.client, sides, goods)
            self._players[seat.trader] = player
            self._seat_of[seat.trader] = series
            self._by_account[seat.participant, seat.client, series.currency] = player

    @property
    def open_orders(self) -> int:
        """How many orders of theirs are open."""
        return len(self._owner)

    def restore(self, state: StateRow) -> None:
        """Learn phases and accounts from the market's state; the sessions of earlier runs are being cancelled, and
        their orders with them, so those are none of ours."""
        for session in state.sessions:
            if session.phase not in FINAL_PHASES:
                self._sessions[session.session] = session.phase
        for row in state.accounts:
            player = self._by_account.get((row.participant, row.client, row.currency))
            if player is not None:
                player.free = row.free
        for order in state.orders:
            owner = self._players.get(order.trader)
            if owner is not None and order.state in (OrderState.OPEN, OrderState.PARKED):
                self._owner[order.order] = owner
                open_lots = order.total - order.filled
                owner.accepted(order.order, order.instrument, order.side, order.price, open_lots, self._now)

    # Acting ----------------------------------------------------------------------------------------------------------

    def act(self, now: int) -> list[Given]:
        """What is wanted at this time (milliseconds), of those whose turn has come."""
        self._now = now
        if now - self._wandered >= WANDER_MS:
            self._wandered = now
            for worth in self.worth.values():
                worth.wander(self._rng)
        rooms = self._rooms()
        return list(self._wishes(now, rooms))

    def refused(self, trader: str) -> None:
        """A command of his was not numbered; he goes on without it."""
        self._players[trader].waiting = None

    def _wishes(self, now: int, rooms: dict[str, Room]) -> Iterator[Given]:
        given = 0
        for player in self._players.values():
            if player.turn > now:
                continue
            room = rooms.get(self._seat_of[player.trader].name)
            # Not all at once at the begin: the first turn only says when the second is.
            first = player.turn == 0
            player.turn = now + self._rng.randint(0 if first else TURN_MS[0], TURN_MS[1])
            wish = player.act(room, now, self._rng) if room is not None and not first else None
            if wish is None:
                continue
            self._given += 1
            player.waiting = f"{self._run}.{self._given}"
            yield Given(Actor(ActorKind.TRADER, player.trader), player.waiting, wish)
            given += 1
            if given == TOGETHER:
                return

    def _rooms(self) -> dict[str, Room]:
        """The session of each series in which there is something to do."""
        rooms: dict[str, Room] = {}
        for session, phase in self._sessions.items():
            series = series_of(session)
            if series is not None and phase in (Phase.INTAKE, Phase.TRADING):
                worth = {it.instrument: self.worth[it.instrument].ticks for it in series.exhibits}
                rooms[series.name] = Room(session, series.mechanism, phase, worth)
        return rooms

    # Hearing ---------------------------------------------------------------------------------------------------------

    def hear(self, record: Record) -> None:
        """Take the next record in."""
        actor = self._players.get(record.actor) if record.actor_kind is ActorKind.TRADER else None
        if actor is not None and actor.waiting == record.client_id:
            actor.waiting = None
        for event in codec.decode_events(record.events):
            match event:
                case e.OrderAccepted() if actor is not None:
                    restless = self._now + patience(self._rng)
                    actor.accepted(event.order, event.instrument, event.side, event.price, event.quantity, restless)
                    self._owner[event.order] = actor
                case e.OrderAmended() if (owner := self._owner.get(event.order)) is not None:
                    owner.amended(event.order, event.price, event.open)
                case e.OrderCancelled() if (owner := self._owner.pop(event.order, None)) is not None:
                    owner.ended(event.order)
                case e.DealMade():
                    self._deal(event)
                case e.AccountChanged():
                    player = self._by_account.get((event.participant, event.client, event.currency))
                    if player is not None:
                        player.free = event.free
                case _:
                    self._hear_session(event)

    def _deal(self, deal: e.DealMade) -> None:
        if deal.instrument in self.worth:
            self.worth[deal.instrument].drawn(deal.price)
        for number, open_lots in ((deal.buy_order, deal.buy_open), (deal.sell_order, deal.sell_open)):
            owner = self._owner.get(number)
            if owner is None:
                continue
            owner.filled(number, deal.quantity, open_lots)
            if not open_lots:
                del self._owner[number]

    def _hear_session(self, event: e.Event) -> None:
        match event:
            case e.PhaseChanged():
                self._sessions[event.session] = event.to
                if event.to in FINAL_PHASES:
                    del self._sessions[event.session]
            case e.SessionHalted():
                self._sessions[event.session] = Phase.HALTED
            case e.SessionCancelled():
                self._sessions.pop(event.session, None)
            case _:
                pass


def session_id(series: Series, name: str) -> str:
    """The id of a session of a series."""
    return f"{series.name}.{name}"


def series_of(session: str) -> Series | None:
    """The series that a session belongs to; None for one that is not the demo's."""
    name = session.partition(".")[0]
    return next((series for series in SERIES if series.name == name), None)
