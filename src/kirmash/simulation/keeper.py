"""Who keeps the demo open: creates the next session of each series while the present one runs, and has contracts
performed some time after their deals, so that deposits come free again.

Pure: records and times come from outside; it answers with commands of the operator. It keeps a line for each contract
that is still to be performed and one for each series, nothing else.
"""

import datetime
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from kirmash.market.reference.encoding import StateRow
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.messages.commands import CancelSession, Command, PerformContract
from kirmash.messages.kinds import Phase
from kirmash.protocol.shapes import command_from_json
from kirmash.simulation.crowd import FINAL_PHASES, series_of, session_id
from kirmash.simulation.exhibits import BAND_PPM, RATE_PPM, SERIES, Series
from kirmash.simulation.participants import Worth
from kirmash.simulation.replay import HISTORICAL

LEAD_SECONDS: Final = 2
"""How long after its creation the first session of a series begins."""
PERFORMED_SECONDS: Final = 900
"""How long after its deal a contract is performed."""
HALTED_SECONDS: Final = 900
"""How long a visitor may leave a session halted before it is cancelled, and another one opened."""
CONTRACTS_TOGETHER: Final = 20


class Keeper:
    """Plans the sessions of all series. Tell it the records, and ask it for commands about once a second."""

    def __init__(self, worth: Mapping[str, Worth]) -> None:
        self._worth = worth
        # When the session that was created last begins, by series, in seconds.
        self._begins: dict[str, int] = {}
        self._newest: dict[str, str] = {}
        self._halted: dict[str, int] = {}
        # When each contract is to be performed, the earliest first.
        self._contracts: dict[int, int] = {}
        self._alive: set[str] = set()
        self._left_over: list[str] = []
        # Cancelled by this keeper itself: nothing has to take their place.
        self._given_up: set[str] = set()
        self.has_replayed = False
        """Whether the historical session was ever begun on this journal."""

    @property
    def contracts(self) -> int:
        """How many contracts wait to be performed."""
        return len(self._contracts)

    def restore(self, state: StateRow, now: int) -> None:
        """Learn sessions and deals from the market's state."""
        for session in state.sessions:
            self._created(session.session)
            if session.phase in FINAL_PHASES:
                self._alive.discard(session.session)
        sessions = {order.order: order.session for order in state.orders}
        for deal, buy_order, *_ in state.deals:
            if series_of(sessions[buy_order]) is not None:
                self._contracts[deal] = now + PERFORMED_SECONDS

    def take_over(self) -> None:
        """Everything so far was of earlier runs: sessions that they left open are cancelled with the next commands."""
        self._left_over = sorted(self._alive)

    def hear(self, record: Record) -> None:
        """Take the next record in."""
        for event in codec.decode_events(record.events):
            match event:
                case e.DealMade() if series_of(event.session) is not None:
                    self._contracts[event.deal] = record.time[0] + PERFORMED_SECONDS
                case e.DealReleased():
                    self._contracts.pop(event.deal, None)
                case e.SessionCreated():
                    self._created(event.session)
                case e.SessionHalted():
                    self._halted.setdefault(event.session, record.time[0])
                case e.SessionCancelled():
                    self._ended(event.session)
                    self._replace(event.session)
                case e.PhaseChanged():
                    self._halted.pop(event.session, None)
                    if event.to in FINAL_PHASES:
                        self._ended(event.session)
                case _:
                    pass

    def _created(self, session: str) -> None:
        if session.startswith(HISTORICAL):
            self.has_replayed = True
        elif series_of(session) is None:
            return
        self._alive.add(session)

    def _ended(self, session: str) -> None:
        self._alive.discard(session)
        self._halted.pop(session, None)

    def _replace(self, session: str) -> None:
        """A visitor cancelled a session: another one opens in its place."""
        series = series_of(session)
        if session in self._given_up or series is None or series.name not in self._begins:
            self._given_up.discard(session)
        elif self._newest.get(series.name) == session:
            # The one ahead: created again, a second later, because ids are not used twice.
            self._begins[series.name] -= series.seconds - 1
        else:
            del self._begins[series.name]
            self._left_over.append(self._newest[series.name])

    def commands(self, now: int) -> Iterator[Command]:
        """What is to be done at this time (UTC seconds)."""
        left_over, self._left_over = self._left_over, []
        self._given_up.update(left_over)
        for session in left_over:
            yield CancelSession(session=session, reason="another session is opened in its place")
        for session in [it for it, since in self._halted.items() if since + HALTED_SECONDS <= now and series_of(it)]:
            yield CancelSession(session=session, reason="was left halted")
        for series in SERIES:
            begin = self._begins.get(series.name)
            if begin is None:
                self._begins[series.name] = now + LEAD_SECONDS
                yield self._session(series, now + LEAD_SECONDS)
            elif begin <= now:
                # Behind a pause of the host the next one begins now, and not in the past.
                self._begins[series.name] = max(begin + series.seconds, now + LEAD_SECONDS)
                yield self._session(series, self._begins[series.name])
        due = [deal for deal, at in islice(self._contracts.items(), CONTRACTS_TOGETHER) if at <= now]
        for deal in due:
            del self._contracts[deal]
            yield PerformContract(deal=deal, reason="delivered and paid for (simulated)")

    def _session(self, series: Series, begin: int) -> Command:
        """A session that begins then."""
        phases = [{"phase": phase.name, "at": _text(begin + after)} for phase, after in series.phases]
        scheduled = {"phase": Phase.SCHEDULED.name, "at": _text(begin - LEAD_SECONDS)}
        rows = [(side, resident) for side in ("buy", "sell") for resident in (False, True)]
        name = self._newest[series.name] = session_id(series, _name(begin))
        values: dict[str, Any] = {
            "session": name,
            "section": series.section,
            "purpose": series.purpose,
            "mechanism": series.mechanism.name.lower(),
            "instruments": [
                {
                    "instrument": it.instrument,
                    "reference": it.listing.price(self._worth[it.instrument].ticks),
                    "down_ppm": BAND_PPM,
                    "up_ppm": BAND_PPM,
                }
                for it in series.exhibits
            ],
            "phases": [scheduled, *phases],
            "late_entry": True,
            "deposit": [
                {"side": side, "resident": resident, "currency": series.currency, "rate_ppm": RATE_PPM, "floor": "0.00"}
                for side, resident in rows
            ],
        }
        return command_from_json("create_session", values)


def _name(begin: int) -> str:
    return _text(begin).removesuffix("Z").replace("T", "-").replace(":", "")


def _text(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
