"""All public market data, folded from committed records: sessions, books by price, channel numbers (EN-5, DESIGN §5).

The board knows orders by their ids, because events name them so, and gives none away: what leaves it are the shapes of
`updates`. Its channel numbers are counted by the rule of EN-5 and equal those in the market's state. Records come in
number order, each once, from the first or from right behind the state that the board was made of; an order that it
has never heard of is a KeyError, since then records are missing.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from kirmash.market.reference import bands
from kirmash.market.reference.encoding import InstrumentRow, LineRow, SessionRow, decode_state
from kirmash.market.reference.sessions import moved_plan
from kirmash.market.reference.state import Halt, Instrument, Line, Session
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.messages.kinds import Aggressor, Mechanism, OrderState, Phase, Side
from kirmash.messages.times import text_from_time
from kirmash.messages.units import Time, multiple
from kirmash.publication.book import PublicBook
from kirmash.publication.updates import (
    BookSnapshot,
    LevelChange,
    PlannedPhase,
    PublicBand,
    PublicUpdate,
    SessionSnapshot,
)

_AGGRESSORS: Final = {kind: kind.name.lower() for kind in Aggressor}

_UNCROSSED_FROM: Final = {Mechanism.CDCA: Phase.TRADING, Mechanism.CALL: Phase.DEAL_MAKING}
"""The phase that begins with the uncrossing of every instrument (PS-1.2). Phases are numbered in the order of plans."""


class _Order:
    """An open order as far as the book needs it; `stands` while it is in the book, not while it walks or is parked."""

    __slots__ = ("book", "conditional", "open", "price", "side", "stands")

    def __init__(self, book: PublicBook, side: Side, price: int, open_lots: int, conditional: bool) -> None:
        self.book: Final = book
        self.side: Final = side
        self.price = price
        self.open = open_lots
        self.conditional = conditional
        self.stands = False

    def enter(self) -> LevelChange:
        """Into the book."""
        self.stands = True
        return self.book.change(self.side, self.price, self.open, 1, self.conditional)

    def leave(self) -> LevelChange:
        """Out of the book."""
        self.stands = False
        return self.book.change(self.side, self.price, -self.open, -1, self.conditional)

    def shrink(self, open_lots: int) -> LevelChange:
        """A smaller open quantity in its place."""
        taken, self.open = self.open - open_lots, open_lots
        return self.book.change(self.side, self.price, -taken, 0, self.conditional)


class _Fold:
    """One record while it is folded: its time, its command's bytes, and the updates so far."""

    __slots__ = ("at", "record", "updates")

    def __init__(self, record: Record) -> None:
        self.record: Final = record
        self.at: Final[Time] = record.time
        self.updates: Final[list[PublicUpdate]] = []

    def of_book(self, book: PublicBook, event: str, fields: dict[str, Any]) -> None:
        """An event of an instrument's channel."""
        book.number += 1
        self.updates.append(PublicUpdate(book.session, book.instrument, book.number, self.at, event, fields))

    def of_session(self, session: Session, event: str, fields: dict[str, Any]) -> None:
        """An event of a session's own channel."""
        session.channel += 1
        self.updates.append(PublicUpdate(session.id, None, session.channel, self.at, event, fields))


class Board:
    """Every public channel of the exchange. `fold` takes the next record in; the rest only reads."""

    def __init__(self) -> None:
        """The board of an exchange without records."""
        self._instruments: Final[dict[str, Instrument]] = {}
        self._sessions: Final[dict[str, Session]] = {}
        # Kept until the session's channel has news: there are thousands of sessions, most of them over.
        self._shown: Final[dict[str, SessionSnapshot]] = {}
        self._books: Final[dict[tuple[str, str], PublicBook]] = {}
        self._orders: Final[dict[int, _Order]] = {}
        self._folds: Final[dict[type[Struct], Callable[[_Fold, Any], None]]] = {
            e.OrderAccepted: self._order_accepted,
            e.OrderAmended: self._order_amended,
            e.OrderRested: self._order_rested,
            e.OrderCancelled: self._order_cancelled,
            e.OrderParked: self._order_parked,
            e.DealMade: self._deal_made,
            e.Uncrossed: self._uncrossed,
            e.UncrossedWithoutPrice: self._uncrossed_without_price,
            e.BandSet: self._band_set,
            e.SessionCreated: self._session_created,
            e.PhaseChanged: self._phase_changed,
            e.SessionHalted: self._session_halted,
            e.SessionResuming: self._session_resuming,
            e.SessionCancelled: self._session_cancelled,
            e.InstrumentAdded: self._instrument_added,
        }

    @classmethod
    def from_state(cls, market_state: bytes) -> "Board":
        """The board right after the record whose market state this is (EN-4); from either market.

        The state's own loader has tested it; here only its form is. Raises msgspec.DecodeError for other bytes.
        """
        row = decode_state(market_state)
        board = cls()
        board._instruments.update((it.instrument, _instrument_of(it)) for it in row.instruments)
        for it in row.sessions:
            lines = [_line_of(board._instruments[line.instrument], line) for line in it.instruments]
            halt = None if it.halt is None else Halt(*it.halt)
            board._add_session(_session_of(it, lines, it.phase, it.plan, it.channel, halt))
        for order in row.orders:
            if order.state in (OrderState.OPEN, OrderState.PARKED):
                book = board._books[order.session, order.instrument]
                conditional = order.minimum is not None or order.indivisible
                held = _Order(book, order.side, order.price, order.total - order.filled, conditional)
                board._orders[order.order] = held
                if order.state is OrderState.OPEN:
                    held.enter()
        return board

    def fold(self, record: Record) -> list[PublicUpdate]:
        """Take the next record in; gives what of it is public, in the order of its events."""
        return self.fold_events(record, codec.decode_events(record.events))

    def fold_events(self, record: Record, events: Iterable[e.Event]) -> list[PublicUpdate]:
        """As `fold`, for who has decoded the record's events already."""
        fold, folds = _Fold(record), self._folds
        for event in events:
            handler = folds.get(type(event))
            if handler is not None:
                handler(fold, event)
        return fold.updates

    # Reading -----------------------------------------------------------------------------------------------------

    def snapshot(self, session: str, instrument: str) -> BookSnapshot:
        """The public book as it stands. Raises KeyError where the session does not have the instrument."""
        book, of = self._books[session, instrument], self._sessions[session]
        return book.snapshot(of.phase.name, _uncrossing_is_ahead(of))

    def glance(self, session: str, instrument: str) -> BookSnapshot:
        """As `snapshot` with no more than the levels that the checksum covers; made once for as long as nothing
        changes, for who looks at many books at once. Raises KeyError as `snapshot`."""
        book, of = self._books[session, instrument], self._sessions[session]
        return book.glance(of.phase.name, _uncrossing_is_ahead(of))

    def band_after(self, command: c.SetBand) -> PublicBand | None:
        """The effective band that this command would leave; nothing changes. Raises KeyError as `snapshot`."""
        book = self._books[command.session, command.instrument]
        terms = dataclasses.replace(book.terms)
        _set_bounds(terms, command)
        return book.band_by(terms)

    def number(self, session: str, instrument: str) -> int:
        """The channel number of an instrument's book. Raises KeyError as `snapshot`."""
        return self._books[session, instrument].number

    def checksum(self, session: str, instrument: str) -> int:
        """The checksum of the book as it stands; what its snapshot would say. Raises KeyError as `snapshot`."""
        return self._books[session, instrument].checksum()

    def session(self, session: str) -> SessionSnapshot:
        """A session as it stands. Raises KeyError for an unknown one."""
        it = self._sessions[session]
        shown = self._shown.get(session)
        if shown is not None and shown.number == it.channel:
            return shown
        shown = self._shown[session] = self._session_snapshot(it)
        return shown

    @staticmethod
    def _session_snapshot(it: Session) -> SessionSnapshot:
        resume_at = None if it.halt is None else it.halt.resume_at
        return SessionSnapshot(
            session=it.id,
            number=it.channel,
            section=it.section,
            purpose=it.purpose,
            mechanism=it.mechanism.name.lower(),
            phase=it.phase.name,
            left=None if it.halt is None else it.halt.left.name,
            resume_at=None if resume_at is None else text_from_time(resume_at),
            plan=[PlannedPhase(phase.name, text_from_time(at)) for phase, at in it.plan],
            instruments=sorted(it.lines),
        )

    def sessions(self) -> list[SessionSnapshot]:
        """Every session, ended ones too, by ascending id."""
        return [self.session(session) for session in sorted(self._sessions)]

    # Orders ------------------------------------------------------------------------------------------------------

    def _order_accepted(self, _: _Fold, event: e.OrderAccepted) -> None:
        book = self._books[event.session, event.instrument]
        conditional = event.indivisible or event.minimum is not None
        self._orders[event.order] = _Order(book, event.side, event.price, event.quantity, conditional)

    def _order_amended(self, fold: _Fold, event: e.OrderAmended) -> None:
        """Public if it stood in the book: it shrinks in place, or leaves the book to come in as the newest. Only
        another end (`until`) changes no level, and none is named, lest one see whose level it was."""
        order = self._orders[event.order]
        if order.stands:
            if not event.priority_kept:
                levels = [order.leave()]
            else:
                levels = [order.shrink(event.open)] if event.open != order.open else []
            fold.of_book(order.book, "order_amended", {"levels": levels})
        order.price, order.open = event.price, event.open
        order.conditional = order.conditional or event.minimum is not None

    def _order_rested(self, fold: _Fold, event: e.OrderRested) -> None:
        order = self._orders[event.order]
        order.open = event.open
        fold.of_book(order.book, "order_rested", {"levels": [order.enter()]})

    def _order_cancelled(self, fold: _Fold, event: e.OrderCancelled) -> None:
        order = self._orders.pop(event.order)
        if order.stands:
            fold.of_book(order.book, "order_cancelled", {"levels": [order.leave()]})

    def _order_parked(self, fold: _Fold, event: e.OrderParked) -> None:
        order = self._orders[event.order]
        fold.of_book(order.book, "order_parked", {"levels": [order.leave()]})

    def _deal_made(self, fold: _Fold, event: e.DealMade) -> None:
        """Takes from each order that stands in the book; one that walks was never public."""
        levels: list[LevelChange] = []
        for number, open_lots in ((event.buy_order, event.buy_open), (event.sell_order, event.sell_open)):
            order = self._orders[number]
            if order.stands:
                levels.append(order.shrink(open_lots) if open_lots else order.leave())
            order.open = open_lots
            if not open_lots:
                del self._orders[number]
        book = self._books[event.session, event.instrument]
        moves = event.price != book.terms.last_price and book.moves_its_band
        book.terms.last_price = event.price
        deal = {
            "price": multiple(event.price, book.tick),
            "quantity": multiple(event.quantity, book.lot),
            "aggressor": _AGGRESSORS[event.aggressor],
        }
        fields: dict[str, Any] = {"deal": deal, "levels": levels}
        if moves:
            fields["band"] = msgspec.to_builtins(book.band())
        fold.of_book(book, "deal_made", fields)

    # Instruments -------------------------------------------------------------------------------------------------

    def _uncrossed(self, fold: _Fold, event: e.Uncrossed) -> None:
        book = self._books[event.session, event.instrument]
        fold.of_book(book, "uncrossed", {"uncross": book.shown(event.price, event.volume, event.surplus)})

    def _uncrossed_without_price(self, fold: _Fold, event: e.UncrossedWithoutPrice) -> None:
        fold.of_book(self._books[event.session, event.instrument], "uncrossed_without_price", {})

    def _band_set(self, fold: _Fold, event: e.BandSet) -> None:
        """The bounds stand in the command, which set them all anew (PS-10)."""
        command = codec.decode_command(fold.record.command)
        assert isinstance(command, c.SetBand)
        book = self._books[event.session, event.instrument]
        _set_bounds(book.terms, command)
        fold.of_book(book, "band_set", {"band": msgspec.to_builtins(book.band())})

    def _instrument_added(self, fold: _Fold, _: e.InstrumentAdded) -> None:
        command = codec.decode_command(fold.record.command)
        assert isinstance(command, c.AddInstrument)
        self._instruments[command.instrument] = _instrument_of(command)

    # Sessions ----------------------------------------------------------------------------------------------------

    def _session_created(self, fold: _Fold, _: e.SessionCreated) -> None:
        """The event names the session only; all the rest stands in the command."""
        command = codec.decode_command(fold.record.command)
        assert isinstance(command, c.CreateSession)
        lines = [_new_line(self._instruments[given.instrument], given) for given in command.instruments]
        plan = [(planned.phase, planned.at) for planned in command.phases]
        session = _session_of(command, lines, plan[0][0], plan, 0)
        self._add_session(session)
        fold.of_session(session, "session_created", {"phase": session.phase.name})

    def _phase_changed(self, fold: _Fold, event: e.PhaseChanged) -> None:
        """The return from a halt moves the rest of the plan (PS-11.3), which is said then."""
        session = self._sessions[event.session]
        fields: dict[str, Any] = {"from": event.from_.name, "to": event.to.name}
        session.phase = event.to
        if session.halt is not None:
            session.plan, session.halt = moved_plan(session, session.halt, fold.at), None
            fields["plan"] = [{"phase": phase.name, "at": text_from_time(at)} for phase, at in session.plan]
        fold.of_session(session, "phase_changed", fields)

    def _session_halted(self, fold: _Fold, event: e.SessionHalted) -> None:
        """A halt of a halted session withdraws the announcement of its return (PS-11.3)."""
        session = self._sessions[event.session]
        if session.halt is None:
            session.phase, session.halt = Phase.HALTED, Halt(event.from_, fold.at)
        else:
            session.halt.resume_at = None
        fold.of_session(session, "session_halted", {"from": event.from_.name, "reason": event.reason})

    def _session_resuming(self, fold: _Fold, event: e.SessionResuming) -> None:
        session = self._sessions[event.session]
        assert session.halt is not None
        session.halt.resume_at = event.resume_at
        fold.of_session(session, "session_resuming", {"resume_at": text_from_time(event.resume_at)})

    def _session_cancelled(self, fold: _Fold, event: e.SessionCancelled) -> None:
        session = self._sessions[event.session]
        session.phase, session.halt = Phase.CANCELLED, None
        fold.of_session(session, "session_cancelled", {"from": event.from_.name, "reason": event.reason})

    def _add_session(self, session: Session) -> None:
        self._sessions[session.id] = session
        for instrument, line in session.lines.items():
            self._books[session.id, instrument] = PublicBook(session.id, line)


def _uncrossing_is_ahead(session: Session) -> bool:
    """Whether the session has not come to its uncrossing yet; while halted, the phase left decides."""
    phase = session.phase if session.halt is None else session.halt.left
    return phase < _UNCROSSED_FROM[session.mechanism]


def _instrument_of(it: InstrumentRow | c.AddInstrument) -> Instrument:
    return Instrument(
        id=it.instrument,
        section=it.section,
        purpose=it.purpose,
        currency=it.currency,
        tick=it.tick,
        lot=it.lot,
        tick_lot_value=it.tick_lot_value,
        conditional_allowed=it.conditional_allowed,
        order_lots_max=it.order_lots_max,
        entries_max=it.entries_max,
    )


def _line_of(instrument: Instrument, row: LineRow) -> Line:
    return Line(instrument, *row[1:])


def _new_line(instrument: Instrument, given: c.SessionInstrument) -> Line:
    return Line(
        instrument=instrument,
        reference=bands.reference_ticks(given.reference, instrument),
        lower=bands.lower_ticks(given.lower, instrument),
        upper=bands.upper_ticks(given.upper, instrument),
        down_ppm=given.down_ppm,
        up_ppm=given.up_ppm,
    )


def _set_bounds(line: Line, given: c.SetBand) -> None:
    """All four bounds anew, as `set_band` does it (PS-0.7, PS-10)."""
    line.lower = bands.lower_ticks(given.lower, line.instrument)
    line.upper = bands.upper_ticks(given.upper, line.instrument)
    line.down_ppm, line.up_ppm = given.down_ppm, given.up_ppm


def _session_of(
    it: SessionRow | c.CreateSession,
    lines: Sequence[Line],
    phase: Phase,
    plan: list[tuple[Phase, Time]],
    channel: int,
    halt: Halt | None = None,
) -> Session:
    """A session without what is nobody's business here: deposit terms, counts, orders."""
    return Session(
        id=it.session,
        section=it.section,
        purpose=it.purpose,
        mechanism=it.mechanism,
        self_trade=it.self_trade,
        late_entry=it.late_entry,
        names_at=it.names_at,
        phase=phase,
        halt=halt,
        plan=plan,
        deposit=(),
        floors=(),
        lines={line.instrument.id: line for line in lines},
        channel=channel,
    )
