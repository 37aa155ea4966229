"""Which columns the lists of the personal account have, and how a row of the views fills them.

Nothing is computed here and nothing left out that a scope shows; what a scope hides is absent already.
"""

from typing import Final
from urllib.parse import quote

from kirmash.queries import rows
from kirmash.queries.deals import SessionDeals
from kirmash.web import columns
from kirmash.web.naming import Names
from kirmash.web.paths import register_path
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
    Column(name="at", label="account.accepted", kind="moment", seconds=True),
    columns.session("room"),
    columns.GOOD,
    columns.SIDE,
    columns.PRICE,
    columns.CURRENCY,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    Column(name="filled", label="account.filled", kind="figure"),
    columns.OPEN,
    Column(name="state", label="own.state", words=_state),
    columns.named("client", "own.client"),
    columns.TRADER,
)
DEALS: Final = (
    columns.DEAL,
    columns.INSTANT,
    columns.SESSION,
    columns.GOOD,
    Column(name="side", label="common.side", kind="side", words=lambda w, value: w.text(f"account.side.{value}")),
    columns.PRICE,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    columns.NOTIONAL,
    columns.CURRENCY,
    columns.named("counterparty", "own.counterparty"),
    columns.named("client", "own.client"),
)
CONTRACTS: Final = (
    columns.DEAL,
    Column(name="state", label="own.state", words=lambda w, value: w.text(f"account.contract_state.{value}")),
    Column(name="opened_at", label="account.opened", kind="moment"),
    columns.SESSION,
    columns.GOOD,
    columns.PRICE,
    columns.CURRENCY,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    columns.named("buyer", "account.buyer"),
    columns.named("seller", "account.seller"),
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
    columns.named("client", "own.client"),
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
    columns.named("client", "own.client"),
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
    columns.SESSION,
    columns.DEALS,
    Column(name="first", label="account.first_deal", kind="moment"),
    Column(name="last", label="account.last_deal", kind="moment"),
)
REGISTER: Final = (
    columns.DEAL,
    columns.INSTANT,
    columns.GOOD,
    columns.PRICE,
    columns.QUANTITY,
    columns.GOOD_UNIT,
    columns.NOTIONAL,
    columns.CURRENCY,
    columns.named("buyer", "account.buyer"),
    columns.named("buyer_client", "account.buyer_client"),
    columns.named("seller", "account.seller"),
    columns.named("seller_client", "account.seller_client"),
    Column(name="contract", label="account.contract", words=lambda w, value: w.text(f"account.contract_state.{value}")),
)


def goods_of(instrument: str, names: Names) -> Row:
    """What of a row says which good it is about."""
    good = names.good(instrument)
    return {"instrument": instrument, "good": good, "good_unit": good}


def order_row(it: rows.Order, names: Names) -> Row:
    """An own order."""
    good = names.good(it.instrument)
    return {
        "order": it.order,
        "href": f"/account/orders/{it.order}",
        "at": it.accepted_at,
        "session": it.session,
        "session_title": names.session(it.session),
        "room": f"/terminal/{quote(it.session, safe='')}?instrument={quote(it.instrument, safe='')}",
        **goods_of(it.instrument, names),
        "side": it.side,
        "price": it.price,
        "currency": None if good is None else good.instrument.currency,
        "quantity": it.quantity,
        "filled": it.filled,
        "open": it.open,
        "state": it.state,
        "client": it.client,
        "client_name": names.client(it.client),
        "trader": it.trader,
    }


def deal_row(it: rows.Deal, names: Names) -> Row:
    """An own deal; in a scope, the side that has an order is one's own."""
    buys, sells = it.buy_order is not None, it.sell_order is not None
    both = buys and sells
    other = None if both else it.seller if buys else it.buyer
    clients = [name for name in (it.buyer_client, it.seller_client) if name]
    return {
        "deal": it.deal,
        "at": it.at,
        "session": it.session,
        "session_title": names.session(it.session),
        "href": register_path(it.session),
        **goods_of(it.instrument, names),
        "side": "both" if both else "buy" if buys else "sell",
        "price": it.price,
        "quantity": it.quantity,
        "notional": it.notional,
        "currency": it.currency,
        "counterparty": other,
        "counterparty_name": names.company(other),
        "client": ", ".join(clients) or None,
        "client_name": ", ".join(names.client(one) or one for one in clients) or None,
    }


def contract_row(it: rows.Contract, names: Names) -> Row:
    """An own contract."""
    return {
        "deal": it.deal,
        "state": it.state,
        "opened_at": it.opened_at,
        "session": it.session,
        "session_title": names.session(it.session),
        "href": register_path(it.session),
        **goods_of(it.instrument, names),
        "price": it.price,
        "quantity": it.quantity,
        "currency": it.currency,
        "buyer": it.buyer,
        "buyer_name": names.company(it.buyer),
        "seller": it.seller,
        "seller_name": names.company(it.seller),
        "reason": it.reason,
    }


def client_row(it: rows.Client, _: Names) -> Row:
    """An own client."""
    fields = ("client", "name", "country", "resident", "group", "at")
    return {name: getattr(it, name) for name in fields}


def trader_row(it: rows.Trader, _: Names) -> Row:
    """An own trader."""
    return {"trader": it.trader, "active": it.active, "at": it.at}


def account_row(it: rows.Account, names: Names) -> Row:
    """An own deposit account."""
    fields = ("client", "currency", "free", "reserved", "blocked", "withdrawing", "at")
    return {**{name: getattr(it, name) for name in fields}, "client_name": names.client(it.client)}


def statement_row(it: rows.StatementLine, names: Names) -> Row:
    """What a command did to an own account."""
    fields = ("number", "at", "why", "client", "currency", "free", "reserved", "blocked")
    changes = ("free_change", "reserved_change", "blocked_change")
    about = it.withdrawal if it.withdrawal is not None else it.order if it.order is not None else it.deal
    return {
        **{name: getattr(it, name) for name in (*fields, *changes)},
        "client_name": names.client(it.client),
        "about": None if about is None else str(about),
        "href": None if it.order is None else f"/account/orders/{it.order}",
    }


def history_row(it: rows.OrderEvent) -> Row:
    """A line of an own order's history."""
    names = ("number", "at", "event", "price", "quantity", "open", "reserved", "reason", "deal", "by")
    return {name: getattr(it, name) for name in names}


def registers_row(it: SessionDeals, names: Names) -> Row:
    """A session in which the company made deals."""
    return {**it._asdict(), "session_title": names.session(it.session), "href": register_path(it.session)}


def register_row(it: rows.RegisterLine, names: Names) -> Row:
    """A line of an own register."""
    fields = ("deal", "at", "price", "quantity", "notional", "currency", "contract")
    return {
        **{name: getattr(it, name) for name in (*fields, "buyer", "buyer_client", "seller", "seller_client")},
        **goods_of(it.instrument, names),
        "buyer_name": it.buyer_name or it.buyer,
        "buyer_client_name": names.client(it.buyer_client),
        "seller_name": it.seller_name or it.seller,
        "seller_client_name": names.client(it.seller_client),
    }
