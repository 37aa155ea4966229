"""A line made late is the line that was made at once: what the gateway puts off until somebody asks (PS-0.4, EN-7)."""

import msgspec
import pytest

from kirmash.gateway.feed import Feed, Told
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import ActorKind, Decider, Side
from kirmash.messages.rejects import Reason
from kirmash.protocol.link import Records
from kirmash.protocol.present import Presenter
from kirmash.publication import PrivateFeed
from tests.publication.exchange import SOURCES, play

KEPT = 10_000
"""The feed remembers so many records."""


@pytest.mark.parametrize("source", SOURCES)
def test_lines_asked_for_at_the_end_are_those_made_with_each_record(source: str | int) -> None:
    """All lines and each participant's own, rejects of what did not exist yet among them."""
    records = [record for group in play(source, "native") for record, _ in group.records]
    feed = Feed()
    told: list[Told] = []
    feed.listen(told.append, lambda: None)
    presenter, private = Presenter(), PrivateFeed(Presenter().present)
    eager = [(record.number, list(presenter.present(record)), private.fold(record)) for record in records]
    for start in range(0, len(records), 7):
        feed.take(Records(tuple(msgspec.Raw(codec.encode(record)) for record in records[start : start + 7])))
    participants = {name for _, _, own in eager for name in own}
    assert len(participants) > 1
    for number, lines, own in eager[-KEPT:]:
        recent = feed.recent(number)
        assert recent is not None
        # What a participant gets must not depend on whether somebody has looked at all lines before.
        if number % 2:
            assert recent.lines == lines
        assert {name: recent.own(name) for name in participants if recent.own(name)} == own
        assert recent.lines == lines
    by_commit = [(name, its.number, its.count, its.lines) for commit in told for name, its in commit.private.items()]
    wanted = []
    for start in range(0, len(eager), 7):
        joined: dict[str, list[dict[str, object]]] = {}
        for _, _, own in eager[start : start + 7]:
            for name, mine in own.items():
                joined.setdefault(name, []).extend(mine)
        wanted += [(name, mine[-1]["number"], len(mine), mine) for name, mine in joined.items()]
    assert by_commit == wanted


@pytest.mark.parametrize("source", SOURCES)
def test_an_order_is_remembered_until_it_is_final(source: str | int) -> None:
    """As the board does it: who presents for days must not grow with every order that there ever was."""
    presenter = Presenter()
    open_lots: dict[int, int] = {}
    seen: set[int] = set()
    for group in play(source, "native"):
        for record, _ in group.records:
            presenter.present(record)
            for event in codec.decode_events(record.events):
                if isinstance(event, e.OrderAccepted):
                    open_lots[event.order] = event.quantity
                    seen.add(event.order)
                elif isinstance(event, e.OrderCancelled):
                    del open_lots[event.order]
                elif isinstance(event, e.DealMade):
                    for order, left in ((event.buy_order, event.buy_open), (event.sell_order, event.sell_open)):
                        open_lots[order] = left
                        if not left:
                            del open_lots[order]
            assert all(presenter.instrument_of(order) is not None for order in open_lots)
    assert len(seen) > len(open_lots)
    assert {order for order in seen if presenter.instrument_of(order) is not None} == open_lots.keys()


def test_a_reject_of_an_instrument_that_is_listed_later_keeps_its_first_words() -> None:
    """Its limits were said without a listing; asked for later, they still are."""
    place = c.PlaceOrder(session="s", instrument="i", side=Side.BUY, price="1", quantity="1")
    rejected = e.CommandRejected(reasons=(e.Refusal(reason=Reason.PRICE_OUT_OF_RANGE, field="price", low=5, high=7),))
    add = c.AddInstrument(
        instrument="i", section="m", purpose="export", currency="EUR", tick="0.01", lot="1", tick_lot_value=1
    )
    records = [
        codec.Record(
            *(codec.RECORD_VERSION, number, (number, 0), ActorKind.OPERATOR, "operator", "t", f"c-{number}"),
            Decider.MARKET,
            msgspec.Raw(codec.encode(command)),
            msgspec.Raw(codec.encode((event,))),
        )
        for number, command, event in ((1, place, rejected), (2, add, e.InstrumentAdded(instrument="i")))
    ]
    feed = Feed()
    feed.take(Records(tuple(msgspec.Raw(codec.encode(record)) for record in records)))
    recent = feed.recent(1)
    assert recent is not None
    assert recent.lines[0]["reasons"][0]["limit"] == "5…7"
