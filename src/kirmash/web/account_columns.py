"""Which columns the lists of the personal account have, and how a row of the views fills them.

Nothing is computed here and nothing left out that a scope shows; what a scope hides is absent already.
"""

from typing import Final

from kirmash.queries import rows
from kirmash.queries.deals import SessionDeals
from kirmash.web import columns
from kirmash.web.tables import Column, Row
from kirmash.web.words import Words


def _state(words: Words, value: str) -> str:
    return words.text(f"own.state.{value}")


def _yes_no(words: Words, value: bool) -> str:
    return words.text("common.yes" if value else "common.no")


def _why(words: Words, value: list[str]) -> str:
    return "; ".join(words.known("account.event", it) for it in value)


ORDERS: Final = (
    Column(name="order", label="own.order", kind="count", href="href"),
    Column(name="at", label="account.accepted", kind="moment"),
    Column(name="session", label="common.session", href="room"),
    columns.INSTRUMENT,
    columns.SIDE,
    columns.PRICE,
    columns.QUANTITY,
    Column(name="filled", label="account.filled", kind="figure"),
    columns.OPEN,
    Column(name="state", label="own.state", words=_state),
    columns.CLIENT,
    columns.TRADER,
)
DEALS: Final = (
    columns.DEAL,
    columns.TIME,
    Column(name="session", label="common.session", href="register"),
    columns.INSTRUMENT,
    Column(name="side", label="common.side", words=lambda w, value: w.text(f"account.side.{value}")),
    columns.PRICE,
    columns.QUANTITY,
    columns.NOTIONAL,
    columns.CURRENCY,
    Column(name="counterparty", label="own.counterparty", kind="code"),
    columns.CLIENT,
)
CONTRACTS: Final = (
    columns.DEAL,
    Column(name="state", label="own.state", words=lambda w, value: w.text(f"account.contract_state.{value}")),
    Column(name="opened_at", label="account.opened", kind="moment"),
    Column(name="session", label="common.session", href="register"),
    columns.INSTRUMENT,
    columns.PRICE,
    columns.QUANTITY,
    columns.CURRENCY,
    Column(name="buyer", label="account.buyer", kind="code"),
    Column(name="seller", label="account.seller", kind="code"),
    Column(name="reason", label="account.reason"),
)
CLIENTS: Final = (
    columns.CLIENT,
    Column(name="name", label="account.name"),
    Column(name="country", label="account.country", words=lambda w, value: w.country(value)),
    Column(name="resident", label="account.resident", words=_yes_no),
    Column(name="group", label="account.group", kind="code"),
    columns.SINCE,
)
TRADERS: Final = (
    columns.TRADER,
    Column(name="active", label="account.active", words=_yes_no),
    columns.SINCE,
)
ACCOUNTS: Final = (
    columns.CLIENT,
    columns.CURRENCY,
    Column(name="free", label="own.free", kind="figure"),
    Column(name="reserved", label="own.reserved", kind="figure"),
    Column(name="blocked", label="own.blocked", kind="figure"),
    Column(name="withdrawing", label="account.withdrawing", kind="figure"),
    Column(name="at", label="account.changed", kind="moment"),
)
STATEMENT: Final = (
    columns.NUMBER,
    columns.TIME,
    Column(name="why", label="account.what", words=_why),
    Column(name="about", label="account.about", href="href"),
    columns.CLIENT,
    columns.CURRENCY,
    Column(name="free_change", label="account.free_change", kind="figure"),
    Column(name="reserved_change", label="account.reserved_change", kind="figure"),
    Column(name="blocked_change", label="account.blocked_change", kind="figure"),
    Column(name="free", label="own.free", kind="figure"),
    Column(name="reserved", label="own.reserved", kind="figure"),
    Column(name="blocked", label="own.blocked", kind="figure"),
)
HISTORY: Final = (
    columns.NUMBER,
    columns.TIME,
    Column(name="event", label="account.what", words=lambda w, value: w.known("account.event", value)),
    columns.PRICE,
    columns.QUANTITY,
    columns.OPEN,
    Column(name="reserved", label="own.reserved", kind="figure"),
    Column(name="reason", label="account.reason", words=_state),
    columns.DEAL,
    Column(name="by", label="account.trader", kind="code"),
)
REGISTERS: Final = (
    Column(name="session", label="common.session", href="href"),
    columns.DEALS,
    Column(name="first", label="account.first_deal", kind="moment"),
    Column(name="last", label="account.last_deal", kind="moment"),
)
REGISTER: Final = (
    columns.DEAL,
    columns.TIME,
    columns.INSTRUMENT,
    columns.PRICE,
    columns.QUANTITY,
    columns.NOTIONAL,
    columns.CURRENCY,
    Column(name="buyer", label="account.buyer"),
    Column(name="buyer_client", label="account.buyer_client", kind="code"),
    Column(name="seller", label="account.seller"),
    Column(name="seller_client", label="account.seller_client", kind="code"),
    Column(name="contract", label="account.contract", words=lambda w, value: w.text(f"account.contract_state.{value}")),
)


def order_row(it: rows.Order) -> Row:
    """An own order."""
    return {
        "order": it.order,
        "href": f"/account/orders/{it.order}",
        "at": it.accepted_at,
        "session": it.session,
        "room": f"/terminal/{it.session}?instrument={it.instrument}",
        "instrument": it.instrument,
        "side": it.side,
        "price": it.price,
        "quantity": it.quantity,
        "filled": it.filled,
        "open": it.open,
        "state": it.state,
        "client": it.client,
        "trader": it.trader,
    }


def deal_row(it: rows.Deal) -> Row:
    """An own deal; in a scope, the side that has an order is one's own."""
    buys, sells = it.buy_order is not None, it.sell_order is not None
    both = buys and sells
    return {
        "deal": it.deal,
        "at": it.at,
        "session": it.session,
        "register": f"/account/registers/{it.session}",
        "instrument": it.instrument,
        "side": "both" if both else "buy" if buys else "sell",
        "price": it.price,
        "quantity": it.quantity,
        "notional": it.notional,
        "currency": it.currency,
        "counterparty": None if both else it.seller if buys else it.buyer,
        "client": ", ".join(name for name in (it.buyer_client, it.seller_client) if name) or None,
    }


def contract_row(it: rows.Contract) -> Row:
    """An own contract."""
    return {
        "deal": it.deal,
        "state": it.state,
        "opened_at": it.opened_at,
        "session": it.session,
        "register": f"/account/registers/{it.session}",
        "instrument": it.instrument,
        "price": it.price,
        "quantity": it.quantity,
        "currency": it.currency,
        "buyer": it.buyer,
        "seller": it.seller,
        "reason": it.reason,
    }


def client_row(it: rows.Client) -> Row:
    """An own client."""
    names = ("client", "name", "country", "resident", "group", "at")
    return {name: getattr(it, name) for name in names}


def trader_row(it: rows.Trader) -> Row:
    """An own trader."""
    return {"trader": it.trader, "active": it.active, "at": it.at}


def account_row(it: rows.Account) -> Row:
    """An own deposit account."""
    names = ("client", "currency", "free", "reserved", "blocked", "withdrawing", "at")
    return {name: getattr(it, name) for name in names}


def statement_row(it: rows.StatementLine) -> Row:
    """What a command did to an own account."""
    names = ("number", "at", "why", "client", "currency", "free", "reserved", "blocked")
    changes = ("free_change", "reserved_change", "blocked_change")
    about = it.withdrawal if it.withdrawal is not None else it.order if it.order is not None else it.deal
    return {
        **{name: getattr(it, name) for name in (*names, *changes)},
        "about": None if about is None else str(about),
        "href": None if it.order is None else f"/account/orders/{it.order}",
    }


def history_row(it: rows.OrderEvent) -> Row:
    """A line of an own order's history."""
    names = ("number", "at", "event", "price", "quantity", "open", "reserved", "reason", "deal", "by")
    return {name: getattr(it, name) for name in names}


def registers_row(it: SessionDeals) -> Row:
    """A session in which the company made deals."""
    return {**it._asdict(), "href": f"/account/registers/{it.session}"}


def register_row(it: rows.RegisterLine) -> Row:
    """A line of an own register."""
    names = ("deal", "at", "instrument", "price", "quantity", "notional", "currency", "contract")
    return {
        **{name: getattr(it, name) for name in (*names, "buyer_client", "seller_client")},
        "buyer": it.buyer_name or it.buyer,
        "seller": it.seller_name or it.seller,
    }
