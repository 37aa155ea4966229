"""Records into views: each event goes to the one handler of its kind, with what its record says beside it."""

from typing import Final

from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.projections import money, office, orders, sessions
from kirmash.projections.moment import Handler, Moment
from kirmash.projections.store import Views


def _nothing(views: Views, now: Moment, event: e.Event) -> None:
    """The counts of a mass cancel or an expiry: what they count came as events of its own."""
    del views, now, event


HANDLERS: Final[dict[type, Handler]] = {
    **office.HANDLERS,
    **sessions.HANDLERS,
    **orders.HANDLERS,
    **money.HANDLERS,
    e.OrdersMassCancelled: _nothing,
    e.OrdersExpired: _nothing,
}
"""One handler for every kind of event there is; a test says so."""


def fold(views: Views, record: Record) -> None:
    """Take in one record, the next by number."""
    events = codec.decode_events(record.events)
    if len(events) == 1 and type(events[0]) is e.CommandRejected and record.cause is None:
        return
    now = Moment(record, events)
    for index, event in enumerate(events):
        now.index = index
        HANDLERS[type(event)](views, now, event)
