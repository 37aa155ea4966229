"""What the gateway knows by following the records: the public board, whose record is whose, and how to show either.

One fold serves everybody who is connected: each record is decoded once, and each update made once, whoever reads it.
Lines for people are made when an answer or a subscriber first wants them, and kept with their record; a line made late
is the line that would have been made at once. Belongs to the event loop; nothing here waits.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from kirmash.gateway.exchange import News
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.events import CommandRejected, Event
from kirmash.messages.units import Time
from kirmash.protocol.link import DoorsAre, Projected, Records, State
from kirmash.protocol.present import Presenter
from kirmash.publication.board import Board
from kirmash.publication.private import Addressed, PrivateFeed, lines_of
from kirmash.publication.updates import PublicUpdate

JsonObject = dict[str, Any]

RECENT_RECORDS: Final = 10_000


class Recent:
    """A record's lines: all of them, and each participant's own. They are made once; who reads them changes nothing."""

    __slots__ = ("_addressed", "_events", "_lines", "_own", "_presenter", "_record", "_told")

    def __init__(
        self,
        record: Record,
        events: Sequence[Event],
        presenter: Presenter,
        told: Mapping[int, str],
        addressed: Addressed,
    ) -> None:
        """Of a record that `presenter` has just learned and told of."""
        self._record: Final = record
        self._events: Final = events
        self._presenter: Final = presenter
        self._told: Final = told
        self._addressed: Final = addressed
        self._lines: Final[list[JsonObject | None]] = [None] * len(events)
        self._own: Final[dict[str, list[JsonObject]]] = {}
        if events and type(events[0]) is CommandRejected:
            # It may name what is made by a later record: how its numbers are shown is settled now.
            self._line(0)

    @property
    def number(self) -> int:
        """The record's number."""
        return self._record.number

    @property
    def record(self) -> Record:
        """The record itself."""
        return self._record

    @property
    def events(self) -> Sequence[Event]:
        """Its events, decoded."""
        return self._events

    @property
    def lines(self) -> list[JsonObject]:
        """All of them, one an event."""
        return [self._line(place) for place in range(len(self._lines))]

    def count(self, participant: str) -> int:
        """How many lines this participant is told."""
        return len(self._addressed.get(participant, ()))

    def own(self, participant: str) -> list[JsonObject]:
        """What this participant is told; nothing for most."""
        own = self._own.get(participant)
        if own is None:
            own = self._own[participant] = lines_of(self._addressed.get(participant, ()), self._line)
        return own

    def _line(self, place: int) -> JsonObject:
        line = self._lines[place]
        if line is None:
            line = self._lines[place] = self._presenter.line(self._record, place, self._events[place], self._told)
        return line


class Own:
    """A participant's lines of one commit; `count` of them, the last of record `number`. Made when asked for."""

    __slots__ = ("_participant", "_parts", "count", "number")

    def __init__(self, participant: str) -> None:
        self._participant: Final = participant
        self._parts: Final[list[Recent]] = []
        self.count = 0
        self.number = 0

    def add(self, recent: Recent, count: int) -> None:
        """The next record with lines of his."""
        self._parts.append(recent)
        self.count += count
        self.number = recent.number

    def split(self) -> "list[Own]":
        """The same, record by record."""
        pieces: list[Own] = []
        for part in self._parts:
            piece = Own(self._participant)
            piece.add(part, part.count(self._participant))
            pieces.append(piece)
        return pieces

    @property
    def lines(self) -> list[JsonObject]:
        """In order."""
        return [line for part in self._parts for line in part.own(self._participant)]


class Told(Struct, frozen=True):
    """One commit as subscribers need it: public updates in order, private lines by participant, the last number."""

    number: int
    at: Time
    public: list[PublicUpdate]
    private: dict[str, Own]


class Feed:
    """Follows an Exchange (`exchange.follow(feed.take)`)."""

    def __init__(self) -> None:
        self.number: int = 0
        """The last record that was folded."""
        self.time: Time = (0, 0)
        """The time of that record."""
        self.projected: int = 0
        """The views hold all records up to this one."""
        self.doors: DoorsAre = DoorsAre(False, "starting")
        self.board: Board = Board()
        self.presenter: Presenter = Presenter()
        self.private: PrivateFeed = PrivateFeed(self.presenter.present)
        # The lines of the last records by number, for the answers that are about to speak of them.
        self._recent: OrderedDict[int, Recent] = OrderedDict()
        self._listeners: Final[list[Callable[[Told], None]]] = []
        self._restarts: Final[list[Callable[[], None]]] = []
        self._waiting: Final[list[tuple[int, asyncio.Future[None]]]] = []

    def listen(self, listener: Callable[[Told], None], restarted: Callable[[], None]) -> None:
        """Have each commit told to `listener`; `restarted` when all was made anew and numbers may have jumped."""
        self._listeners.append(listener)
        self._restarts.append(restarted)

    def take(self, news: News) -> None:
        """Take the next piece of news in."""
        match news:
            case Records(records):
                self._fold([codec.decode_record(record) for record in records])
            case Projected(number):
                self.projected = number
                self._release()
            case DoorsAre():
                self.doors = news
            case State():
                self._begin(news)

    def recent(self, number: int) -> Recent | None:
        """The lines of one of the last records; None for one that was folded long ago, or before our time."""
        return self._recent.get(number)

    async def views_at(self, number: int, seconds: float) -> bool:
        """Wait until the views hold this number; False if they do not in time."""
        if self.projected >= number:
            return True
        there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((number, there))
        try:
            async with asyncio.timeout(seconds):
                await there
        except TimeoutError:
            return False
        finally:
            self._waiting[:] = [entry for entry in self._waiting if entry[1] is not there]
        return True

    def _begin(self, state: State) -> None:
        self.number, self.time = state.number, state.time
        self._recent.clear()
        if state.market:
            self.presenter = Presenter.from_state(state.market)
            self.board = Board.from_state(state.market)
            self.private = PrivateFeed.from_state(state.market, state.office, self.presenter.present)
        else:
            self.presenter, self.board = Presenter(), Board()
            self.private = PrivateFeed(self.presenter.present)
        for restarted in self._restarts:
            restarted()

    def _fold(self, records: Sequence[Record]) -> None:
        public: list[PublicUpdate] = []
        private: dict[str, Own] = {}
        presenter, decode = self.presenter, codec.decode_events
        fold, address = self.board.fold_events, self.private.address
        for record in records:
            events = decode(record.events)
            told_of = presenter.learn(record, events)
            public += fold(record, events)
            addressed = address(record, events)
            recent = self._recent[record.number] = Recent(record, events, presenter, told_of, addressed)
            for participant, entries in addressed.items():
                own = private.get(participant)
                if own is None:
                    own = private[participant] = Own(participant)
                own.add(recent, len(entries))
        while len(self._recent) > RECENT_RECORDS:
            self._recent.popitem(last=False)
        last = records[-1]
        self.number, self.time = last.number, last.time
        told = Told(last.number, last.time, public, private)
        for listener in self._listeners:
            listener(told)

    def _release(self) -> None:
        for number, there in self._waiting:
            if number <= self.projected and not there.done():
                there.set_result(None)
