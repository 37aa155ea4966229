"""Deals: how two orders become one, and how a deal ends securing anything (PS-2.4, PS-5.3, PS-5.6).

The price and the quantity come from matching or uncrossing.
"""

from kirmash.market.reference.deposit import deal_value, revalue
from kirmash.market.reference.names import BUY, SELL
from kirmash.market.reference.orders import fill
from kirmash.market.reference.state import Deal, Order
from kirmash.market.reference.step import Step
from kirmash.messages.events import DealMade
from kirmash.messages.kinds import Aggressor


def make_deal(step: Step, buy: Order, sell: Order, price: int, quantity: int, aggressor: Aggressor) -> None:
    """One deal at a price within both limits; it sets the last price and moves both orders' money (PS-12)."""
    assert buy.side is BUY
    assert sell.side is SELL
    assert buy.line is sell.line
    assert sell.price <= price <= buy.price
    state, line = step.state, buy.line
    state.last_deal += 1
    deal = Deal(state.last_deal, buy, sell, deal_value(buy, price, quantity), deal_value(sell, price, quantity))
    state.deals[deal.id] = deal
    line.last_price = price
    fill(step, buy, quantity, deal.buy_value)
    fill(step, sell, quantity, deal.sell_value)
    step.tell_line(
        line,
        DealMade(
            deal=deal.id,
            session=buy.session.id,
            instrument=line.instrument.id,
            buy_order=buy.id,
            sell_order=sell.id,
            price=price,
            quantity=quantity,
            aggressor=aggressor,
            buy_open=buy.open,
            sell_open=sell.open,
            buyer=buy.participant,
            buyer_client=buy.client,
            seller=sell.participant,
            seller_client=sell.client,
        ),
    )


def end_deal(step: Step, deal_id: int) -> None:
    """A deal was performed, terminated or annulled: its value leaves Vf of both orders, and what they require falls by
    goes to FREE; while an order is open, Blocked may turn into Reserved (PS-5.6). Last price and anchor stand."""
    deal = step.state.deals.pop(deal_id)
    for order, value in ((deal.buy, deal.buy_value), (deal.sell, deal.sell_value)):
        order.deal_value -= value
        before = order.reserved + order.blocked
        revalue(step, order)
        assert order.reserved + order.blocked <= before
