"""What moves the demo's exchange: population, replay, keeper and crowd as tasks over a core in this loop.

Everything goes in as commands of the operator or of traders, by the same door as everybody's, and stands in the
journal. What is wanted is decided in `kirmash.simulation`, which is pure; here are only clock, waiting and retrying.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from kirmash.config import ConfigError
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.market.reference.encoding import decode_state
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import NANOSECONDS, nanoseconds, time_of
from kirmash.protocol.link import DoorsAre, Projected, Records, State
from kirmash.sequencer.answers import Answer, IdReused, Refused
from kirmash.simulation.crowd import Crowd
from kirmash.simulation.keeper import Keeper
from kirmash.simulation.population import populate
from kirmash.simulation.replay import SESSION, Replay, ReplayHeldUp

ORIGIN: Final = "demo"
HOST: Final = Actor(ActorKind.OPERATOR, "demo-host")
TURN_SECONDS: Final = 0.25
KEEPER_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.5
LEAD_SECONDS: Final = 10
"""How long after the start the replay's intake opens, at speed 1, so that a browser can be there."""

_log: Final = structlog.get_logger("demo")


class Host:
    """The demo over a started core. `start` fills the exchange, `run` moves it until it is cancelled."""

    def __init__(
        self, core: Core, seed: int, speed_percent: int = 100, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """`speed_percent`: how fast the historical session runs, 100 for two minutes. `say` is told what a person
        in front of a console would like to know."""
        self._core = core
        self._exchange = LocalExchange(core)
        self._exchange.follow(self._take)
        self._speed_percent = speed_percent
        self._say = say
        self._run = f"r{core.published}"
        self._given = 0
        self.population: Final = populate(seed)
        self.crowd: Final = Crowd(self.population.seats, seed, self._run)
        self.keeper: Final = Keeper(self.crowd.worth)
        self.replay: Replay | None = None

    async def start(self) -> None:
        """Follow the records, and give the population; what an earlier run gave of it is there already.

        Raises ConfigError where the folder holds another version's population, and a Refused.
        """
        await self._exchange.start()
        self.keeper.take_over()
        # One by one: so a batch is a command with what follows from it, and a seed has one journal head.
        for ordinal, command in enumerate(self.population.commands(), 1):
            try:
                await self._exchange.submit(HOST, ORIGIN, f"population.{ordinal}", command)
            except IdReused as refused:
                raise ConfigError("demo: the folder holds the people of another version; name another one") from refused

    async def stop(self) -> None:
        """Hear nothing more."""
        await self._exchange.close()

    async def run(self) -> None:
        """Keep sessions open, let the crowd act, replay the historical session once. Ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.keep, KEEPER_SECONDS))
            tasks.create_task(self._repeat(self.turn, TURN_SECONDS))
            if not self.keeper.has_replayed:
                tasks.create_task(self.replay_session())

    async def keep(self) -> None:
        """What the keeper wants now."""
        for command in self.keeper.commands(self._now() // NANOSECONDS):
            self._given += 1
            await self._insist(HOST, f"{self._run}.k{self._given}", command)

    async def turn(self) -> None:
        """What the crowd wants now."""
        given = self.crowd.act(self._now() // 1_000_000)
        if not given:
            return
        outcomes = await self._exchange.submit_many([(it.actor, ORIGIN, it.client_id, it.command) for it in given])
        for it, outcome in zip(given, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self.crowd.refused(it.actor.id)

    async def replay_session(self) -> None:
        """Give the historical session step by step; where it is held up, it is left as it is."""
        begin = self._now() + LEAD_SECONDS * NANOSECONDS * 100 // self._speed_percent
        replay = self.replay = Replay(time_of(begin), self._speed_percent)
        try:
            for step in replay.steps:
                if step.after is not None:
                    await asyncio.sleep(max(0, begin + step.after - self._now()) / NANOSECONDS)
                command = replay.command(step)
                answer = await self._insist(replay.actor(step), replay.client_id(step), command)
                if answer is not None:
                    replay.told(answer.events)
        except ReplayHeldUp:
            self._say(f"The replay of {SESSION} was held up and goes no further.")
            return
        self._say(f"The replay of {SESSION} is over: {replay.deals} deals, {replay.value} CNY.")

    async def _repeat(self, what: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await what()
            await asyncio.sleep(seconds)

    async def _insist(self, actor: Actor, client_id: str, command: Command) -> Answer | None:
        """Give a command until it is numbered, under one id, so that it is numbered once."""
        while True:
            try:
                return await self._exchange.submit(actor, ORIGIN, client_id, command)
            except IdReused:
                return None
            except Refused as refused:
                _log.info("a command of the demo waits", reason=refused.code)
                await asyncio.sleep(RETRY_SECONDS)

    def _take(self, news: State | Records | Projected | DoorsAre) -> None:
        match news:
            case State() if news.market:
                state = decode_state(news.market)
                self.crowd.restore(state)
                self.keeper.restore(state, self._now() // NANOSECONDS)
            case Records():
                for data in news.records:
                    record = codec.decode_record(data)
                    self.crowd.hear(record)
                    self.keeper.hear(record)
            case _:
                pass

    def _now(self) -> int:
        return nanoseconds(self._core.clock())
