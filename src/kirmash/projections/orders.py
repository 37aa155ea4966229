"""What orders and deals do to the views: orders with their history, deals, results, bars, contracts.

An instrument's public channel number rises here as in the market (EN-5): whether an order stands in the book when an
event of it comes is told by its state, save for those that the present command brought in and has not rested yet.
"""

from typing import Final

import msgspec

from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import OrderState, Side
from kirmash.projections import rows
from kirmash.projections.moment import KINDS, AccountKey, Handler, Moment
from kirmash.projections.sessions import line_of
from kirmash.projections.store import Views
from kirmash.projections.times import minute_of, text_from_time

OPEN: Final = int(OrderState.OPEN)
PARKED: Final = int(OrderState.PARKED)
FILLED: Final = int(OrderState.FILLED)
CANCELLED: Final = 10
"""A cancelled order's state is this and the reason (EN-4)."""
BUY: Final = int(Side.BUY)
SELL: Final = int(Side.SELL)
NO_SIDE: Final = 0

FORMING: Final = 2
"""States of a contract as in EN-7."""
ENDED: Final[dict[type, int]] = {e.ContractPerformed: 3, e.ContractTerminated: 4, e.DealAnnulled: 5}

_ACCEPTED: Final = KINDS[e.OrderAccepted]
_AMENDED: Final = KINDS[e.OrderAmended]
_RESTED: Final = KINDS[e.OrderRested]
_CANCELLED: Final = KINDS[e.OrderCancelled]
_PARKED: Final = KINDS[e.OrderParked]
_PARADOX: Final = KINDS[e.ParadoxicallyRejected]
_DEAL: Final = KINDS[e.DealMade]


def _accepted(views: Views, now: Moment, event: e.OrderAccepted) -> None:
    order, side = event.order, int(event.side)
    until = None if event.until is None else text_from_time(event.until)
    row = rows.Order(
        order,
        event.session,
        event.instrument,
        side,
        event.participant,
        event.client,
        now.actor,
        event.price,
        event.quantity,
        0,
        event.quantity,
        event.minimum,
        int(event.indivisible),
        int(event.time_in_force),
        until,
        OPEN,
        now.number,
        now.at,
        now.number,
        now.at,
    )
    views.orders.put(order, row)
    now.walking.add(order)
    views.order_events.add(
        rows.OrderEvent(
            order,
            now.number,
            now.index,
            now.at,
            _ACCEPTED,
            row.participant,
            now.actor_kind,
            now.actor,
            row.price,
            row.quantity,
            row.open,
            row.minimum,
            until,
            None,
            event.reserved,
            None,
            None,
            None,
        )
    )
    _count_order(views, row)
    if now.moves:
        now.moves_account(_account(views, row), e.OrderAccepted, order, None)


def _account(views: Views, row: rows.Order) -> AccountKey:
    return row.participant, row.client or "", views.instruments.get(row.instrument).currency


def _count_order(views: Views, row: rows.Order) -> None:
    """An order more in the results, and whoever was not yet among those who entered one."""
    line = line_of(views, row.session, row.instrument)
    if row.side == BUY:
        line.buy_orders += 1
    else:
        line.sell_orders += 1
    total_key = (row.session, views.instruments.get(row.instrument).currency)
    total = views.session_totals.get(total_key)
    total.orders += 1
    views.session_totals.put(total_key, total)
    account = 1 if row.client is None else 2
    if not _is_new(views, row, account, row.client or ""):
        return
    if row.side == BUY:
        line.buy_bidders += 1
    else:
        line.sell_bidders += 1
    if not _is_new(views, row, 0, ""):
        return
    if row.side == BUY:
        line.buy_participants += 1
    else:
        line.sell_participants += 1
    _count_in_session(views, row, total)


def _is_new(views: Views, row: rows.Order, account: int, client: str) -> bool:
    key = (row.session, row.instrument, row.side, row.participant, account, client)
    if views.bidders.find(key) is not None:
        return False
    views.bidders.put(key, rows.Bidder(*key))
    return True


def _count_in_session(views: Views, row: rows.Order, total: rows.SessionTotal) -> None:
    for side in (row.side, NO_SIDE):
        key = (row.session, total.currency, side, row.participant)
        if views.session_bidders.find(key) is None:
            views.session_bidders.put(key, rows.SessionBidder(*key))
            if side == BUY:
                total.buyers += 1
            elif side == SELL:
                total.sellers += 1
            else:
                total.participants += 1


def _history(
    views: Views,
    now: Moment,
    row: rows.Order,
    kind: int,
    *,
    price: int | None = None,
    quantity: int | None = None,
    reason: int | None = None,
    reasons: str | None = None,
) -> None:
    """Put the changed order and add a line that says no more than this."""
    row.number, row.at = now.number, now.at
    views.orders.put(row.order, row)
    views.order_events.add(
        rows.OrderEvent(
            row.order,
            now.number,
            now.index,
            now.at,
            kind,
            row.participant,
            now.actor_kind,
            now.actor,
            price,
            quantity,
            row.open,
            None,
            None,
            None,
            None,
            reason,
            reasons,
            None,
        )
    )


def _amended(views: Views, now: Moment, event: e.OrderAmended) -> None:
    row = views.orders.get(event.order)
    if row.state == OPEN:
        line_of(views, row.session, row.instrument).channel += 1
    if not event.priority_kept:
        now.walking.add(row.order)
    row.price, row.quantity, row.open, row.minimum = event.price, event.quantity, event.open, event.minimum
    row.until = None if event.until is None else text_from_time(event.until)
    row.state, row.number, row.at = OPEN, now.number, now.at
    views.orders.put(row.order, row)
    views.order_events.add(
        rows.OrderEvent(
            row.order,
            now.number,
            now.index,
            now.at,
            _AMENDED,
            row.participant,
            now.actor_kind,
            now.actor,
            row.price,
            row.quantity,
            row.open,
            row.minimum,
            row.until,
            int(event.priority_kept),
            event.reserved,
            None,
            None,
            None,
        )
    )
    if now.moves:
        now.moves_account(_account(views, row), e.OrderAmended, row.order, None)


def _rested(views: Views, now: Moment, event: e.OrderRested) -> None:
    row = views.orders.get(event.order)
    now.walking.discard(event.order)
    line_of(views, row.session, row.instrument).channel += 1
    _history(views, now, row, _RESTED)


def _cancelled(views: Views, now: Moment, event: e.OrderCancelled) -> None:
    row = views.orders.get(event.order)
    if row.state == OPEN and event.order not in now.walking:
        line_of(views, row.session, row.instrument).channel += 1
    row.open, row.state = 0, CANCELLED + int(event.reason)
    refusals = None
    if event.reasons is not None:
        refusals = msgspec.json.encode([int(refusal.reason) for refusal in event.reasons]).decode()
    _history(views, now, row, _CANCELLED, quantity=event.quantity, reason=int(event.reason), reasons=refusals)
    if now.moves:
        now.moves_account(_account(views, row), e.OrderCancelled, row.order, None)


def _parked(views: Views, now: Moment, event: e.OrderParked) -> None:
    row = views.orders.get(event.order)
    line_of(views, row.session, row.instrument).channel += 1
    row.state = PARKED
    _history(views, now, row, _PARKED)


def _paradoxically_rejected(views: Views, now: Moment, event: e.ParadoxicallyRejected) -> None:
    _history(views, now, views.orders.get(event.order), _PARADOX)


def _deal_made(views: Views, now: Moment, event: e.DealMade) -> None:
    line = line_of(views, event.session, event.instrument)
    line.channel += 1
    buy, sell = views.orders.get(event.buy_order), views.orders.get(event.sell_order)
    listed = views.instruments.get(event.instrument)
    notional = event.price * event.quantity * listed.tick_lot_value
    views.deals.add(
        rows.Deal(
            event.deal,
            event.session,
            event.instrument,
            line.channel,
            event.price,
            event.quantity,
            notional,
            int(event.aggressor),
            now.number,
            now.index,
            now.at,
            event.buy_order,
            event.buyer,
            event.buyer_client,
            buy.trader,
            event.sell_order,
            event.seller,
            event.seller_client,
            sell.trader,
        )
    )
    _fill(views, now, buy, event, event.buy_open)
    _fill(views, now, sell, event, event.sell_open)
    _count_deal(views, now, line, event, notional, listed.currency)
    if now.moves:
        currency = listed.currency
        now.moves_account((event.buyer, event.buyer_client or "", currency), e.DealMade, buy.order, event.deal)
        now.moves_account((event.seller, event.seller_client or "", currency), e.DealMade, sell.order, event.deal)


def _fill(views: Views, now: Moment, row: rows.Order, event: e.DealMade, left: int) -> None:
    row.filled += event.quantity
    row.open = left
    if left == 0:
        row.state = FILLED
    row.number, row.at = now.number, now.at
    views.orders.put(row.order, row)
    views.order_events.add(
        rows.OrderEvent(
            row.order,
            now.number,
            now.index,
            now.at,
            _DEAL,
            row.participant,
            None,
            None,
            event.price,
            event.quantity,
            left,
            None,
            None,
            None,
            None,
            None,
            None,
            event.deal,
        )
    )


def _count_deal(
    views: Views, now: Moment, line: rows.SessionInstrument, event: e.DealMade, notional: int, currency: str
) -> None:
    """A deal more in the results of the instrument, of the session, and in its minute."""
    price, quantity = event.price, event.quantity
    line.deals += 1
    line.volume += quantity
    line.notional = str(int(line.notional) + notional)
    if line.first is None or line.low is None or line.high is None:
        line.first = line.low = line.high = price
    elif price < line.low:
        line.low = price
    elif price > line.high:
        line.high = price
    line.last = price
    total_key = (event.session, currency)
    total = views.session_totals.get(total_key)
    total.deals += 1
    total.notional = str(int(total.notional) + notional)
    views.session_totals.put(total_key, total)
    key = (event.session, event.instrument, minute_of(now.at))
    bar = views.bars.find(key)
    if bar is None:
        bar = rows.Bar(*key, price, price, price, price, quantity, str(notional), 1)
    else:
        bar.high, bar.low, bar.last = max(bar.high, price), min(bar.low, price), price
        bar.volume += quantity
        bar.notional = str(int(bar.notional) + notional)
        bar.deals += 1
    views.bars.put(key, bar)


def _contract_opened(views: Views, now: Moment, event: e.ContractOpened) -> None:
    """The event names the deal, the command its terms; both go in the same order."""
    if now.opening is None:
        command = now.command()
        assert isinstance(command, c.OpenContracts)
        now.opening = command
    terms = now.opening.deals[now.index]
    assert terms.deal == event.deal
    row = rows.Contract(
        deal=terms.deal,
        state=FORMING,
        session=terms.session,
        instrument=terms.instrument,
        price=terms.price,
        quantity=terms.quantity,
        buyer=terms.buyer,
        buyer_client=terms.buyer_client,
        seller=terms.seller,
        seller_client=terms.seller_client,
        reason=None,
        opened=now.number,
        opened_at=now.at,
        number=now.number,
        at=now.at,
        effective=None,
    )
    views.contracts.put(row.deal, row)


def _contract_ended(
    views: Views, now: Moment, event: e.ContractPerformed | e.ContractTerminated | e.DealAnnulled
) -> None:
    row = views.contracts.get(event.deal)
    row.state, row.reason = ENDED[type(event)], event.reason
    row.number, row.at, row.effective = now.number, now.at, None
    views.contracts.put(row.deal, row)
    if isinstance(event, e.DealAnnulled):
        line_of(views, row.session, row.instrument).annulled += 1


def _deal_released(views: Views, now: Moment, event: e.DealReleased) -> None:
    row = views.contracts.get(event.deal)
    row.effective = now.number
    views.contracts.put(row.deal, row)
    if now.moves:
        currency = views.instruments.get(row.instrument).currency
        for participant, client in ((row.buyer, row.buyer_client), (row.seller, row.seller_client)):
            now.moves_account((participant, client or "", currency), e.DealReleased, None, row.deal)


HANDLERS: Final[dict[type, Handler]] = {
    e.OrderAccepted: _accepted,
    e.OrderAmended: _amended,
    e.OrderRested: _rested,
    e.OrderCancelled: _cancelled,
    e.OrderParked: _parked,
    e.ParadoxicallyRejected: _paradoxically_rejected,
    e.DealMade: _deal_made,
    e.ContractOpened: _contract_opened,
    e.ContractPerformed: _contract_ended,
    e.ContractTerminated: _contract_ended,
    e.DealAnnulled: _contract_ended,
    e.DealReleased: _deal_released,
}
