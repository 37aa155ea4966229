"""One record's lines out of turn: an old one asked for again, or what a command would give (a rehearsal).

The feed's folds know the present only. What a past record speaks of beyond that, an order long final above all, is
looked up in the views, so that its decimals and its owner are right. What comes out for a participant is made by the
same PrivateFeed as live lines, over owners made for this one record; nothing of the other side can slip in here that
could not there.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from kirmash.gateway.feed import Feed
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.messages.kinds import ActorKind, NamesAt
from kirmash.projections.projector import ViewsFailed, ViewsStale
from kirmash.publication.owners import Owner, Owners
from kirmash.publication.private import PrivateFeed
from kirmash.queries import Queries
from kirmash.sequencer.answers import OutcomeUnknown

JsonObject = dict[str, Any]


class ViewsNeeded(OutcomeUnknown):
    """What a record speaks of is only in the views, and they cannot be read now. Whoever gave a command gives it again
    with the same id, as after every unknown outcome."""

    code = "views_unavailable"


class Known(NamedTuple):
    """What has to be known of an order of which a record speaks."""

    instrument: str
    owner: Owner


class Recall:
    """Makes lines with the help of feed and views."""

    def __init__(self, feed: Feed, queries: Queries) -> None:
        self._feed: Final = feed
        self._queries: Final = queries

    async def lines(self, record: Record, participant: str | None) -> list[JsonObject]:
        """The record's lines for people: all of them, or what a participant may see of his own trader's command.

        Raises ViewsNeeded.
        """
        recent = self._feed.recent(record.number)
        if recent is not None and participant is None:
            return recent.lines
        if recent is not None and participant is not None and (own := recent.own(participant)):
            return own
        return await self.made(record, participant)

    async def made(self, record: Record, participant: str | None) -> list[JsonObject]:
        """The same, made from the record alone: for one that the feed does not remember, or that never was.

        Raises ViewsNeeded.
        """
        events = codec.decode_events(record.events)
        deals = [event for event in events if isinstance(event, e.DealMade)]
        strange = _strange_orders(record, events)
        # Before anything is waited for: what is open now may be final, and forgotten, in a moment. The end of a session
        # speaks of tens of thousands, and not one of them has to be looked up.
        orders = self._open(strange)
        try:
            final = [it for it in strange if it not in orders]
            found, names_at = await asyncio.to_thread(self._looked_up, final, deals)
        except (ViewsFailed, ViewsStale):
            # What is wrong with the file is for the log of the core, not for whoever asks.
            raise ViewsNeeded("the views cannot be read now") from None
        orders.update(found)
        presenter = self._feed.presenter.aside({number: order.instrument for number, order in orders.items()})
        lines = list(presenter.present(record))
        if participant is None:
            return lines
        owners = self._owners(record, participant, orders, deals)
        owners.names_at.update(names_at)
        private = PrivateFeed(lambda _: lines, owners)
        return private.fold_events(record, events, lines).get(participant, [])

    def _owners(
        self, record: Record, participant: str, orders: dict[int, Known], deals: Sequence[e.DealMade]
    ) -> Owners:
        """Whose everything is that this record speaks of. It is a command of the participant's own trader, and such a
        command touches no orders but his participant's, save as the other side of deals."""
        live, made = self._feed.private.owners, Owners()
        if record.actor_kind is ActorKind.TRADER:
            made.traders[record.actor] = participant
        command = codec.decode_command(record.command)
        client = getattr(command, "client", None)
        if client is not None and client in live.clients:
            made.clients[client] = live.clients[client]
        for deal in deals:
            made.orders[deal.buy_order] = Owner(deal.buyer, deal.buyer_client)
            made.orders[deal.sell_order] = Owner(deal.seller, deal.seller_client)
        made.orders.update((number, order.owner) for number, order in orders.items())
        return made

    def _open(self, numbers: Sequence[int]) -> dict[int, Known]:
        """Those of these orders that the feed has, because they are not final."""
        owners, presenter, found = self._feed.private.owners.orders, self._feed.presenter, {}
        for number in numbers:
            owner, instrument = owners.get(number), presenter.instrument_of(number)
            if owner is not None and instrument is not None:
                found[number] = Known(instrument, owner)
        return found

    def _looked_up(
        self, numbers: Sequence[int], deals: Sequence[e.DealMade]
    ) -> tuple[dict[int, Known], dict[str, NamesAt]]:
        """What the views know of these orders, and when names are told in these deals' sessions."""
        found = ((number, self._queries.order(number, scope=None)) for number in numbers)
        orders = {
            number: Known(order.instrument, Owner(order.participant, order.client))
            for number, order in found
            if order is not None
        }
        names_at: dict[str, NamesAt] = {}
        for session in {deal.session for deal in deals}:
            live = self._feed.private.owners.names_at.get(session)
            if live is None:
                rows = self._queries.sessions(session=session).rows
                live = NamesAt[rows[0].names_at.upper()] if rows else NamesAt.CLOSE
            names_at[session] = live
        return orders, names_at


def _strange_orders(record: Record, events: Sequence[e.Event]) -> list[int]:
    """The orders of which a record speaks without saying all about them."""
    told = {event.order for event in events if isinstance(event, e.OrderAccepted)}
    named = [codec.decode_command(record.command), *events]
    numbers = {getattr(message, "order", None) for message in named}
    return sorted(number for number in numbers if isinstance(number, int) and number not in told)
