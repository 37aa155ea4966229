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
CONTRACTS_TOGETHER: Final = 20


class Keeper:
    """Plans the sessions of all series. Tell it the records, and ask it for commands about once a second."""

    def __init__(self, worth: Mapping[str, Worth]) -> None:
        self._worth = worth
        # When the session that was created last begins, by series, in seconds.
        self._begins: dict[str, int] = {}
        # When each contract is to be performed, the earliest first.
        self._contracts: dict[int, int] = {}
        self._alive: set[str] = set()
        self._left_over: list[str] = []
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
                case e.SessionCancelled():
                    self._alive.discard(event.session)
                case e.PhaseChanged() if event.to in FINAL_PHASES:
                    self._alive.discard(event.session)
                case _:
                    pass

    def _created(self, session: str) -> None:
        if session.startswith(HISTORICAL):
            self.has_replayed = True
        elif series_of(session) is None:
            return
        self._alive.add(session)

    def commands(self, now: int) -> Iterator[Command]:
        """What is to be done at this time (UTC seconds)."""
        for session in self._left_over:
            yield CancelSession(session=session, reason="the demo was started again")
        self._left_over.clear()
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
        values: dict[str, Any] = {
            "session": session_id(series, _text(begin).removesuffix("Z").replace("T", "-").replace(":", "")),
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


def _text(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
