"""The columns that several tables have: a price is headed and shown the same way wherever it stands.

Only what is alike in name, heading and form; a column that one table alone has, or has otherwise, stands beside it.
"""

from typing import Final

from kirmash.web.tables import Column


def session(href: str) -> Column:
    """A session's title, a `titles.SessionName` of the row under `session_title`, and its id beside it."""
    return Column(
        name="session_title",
        label="common.session",
        href=href,
        words=lambda w, it: it.title(w),
        order=lambda it: it.order,
        beside=Column(name="session", label="common.session_id", kind="code"),
    )


BASIS: Final = Column(name="basis", label="instrument.basis", short=True)
CLIENT: Final = Column(name="client", label="own.client", kind="code")
CURRENCY: Final = Column(name="currency", label="common.currency", kind="code")
DEAL: Final = Column(name="deal", label="own.deal", kind="count")
DEALS: Final = Column(name="deals", label="result.deals", kind="count")
INSTRUMENT: Final = Column(name="instrument", label="instrument.id", kind="code")
INSTRUMENTS: Final = Column(name="instruments", label="good.instruments", kind="count")
LOT: Final = Column(name="lot", label="instrument.lot", kind="figure")
NOTIONAL: Final = Column(name="notional", label="result.notional", kind="figure")
NUMBER: Final = Column(name="number", label="account.number", kind="count")
OPEN: Final = Column(name="open", label="own.open", kind="figure")
PHASE: Final = Column(name="phase", label="common.phase", kind="phase")
PRICE: Final = Column(name="price", label="common.price", kind="figure")
PURPOSE: Final = Column(name="purpose", label="common.purpose", words=lambda w, value: w.purpose(value), short=True)
QUANTITY: Final = Column(name="quantity", label="common.quantity", kind="figure")
SECTION: Final = Column(name="section", label="common.section", words=lambda w, value: w.section(value), short=True)
SESSION: Final = session("href")
SIDE: Final = Column(name="side", label="common.side", kind="side")
SINCE: Final = Column(name="at", label="account.since", kind="moment")
TICK: Final = Column(name="tick", label="instrument.tick", kind="figure")
INSTANT: Final = Column(name="at", label="common.time", kind="moment", seconds=True)
"""A time with its seconds, where many happen in a minute."""
TIME: Final = Column(name="at", label="common.time", kind="moment")
TITLE: Final = Column(name="title", label="good.name", href="href")
TRADER: Final = Column(name="trader", label="account.trader", kind="code")
UNIT: Final = Column(name="unit", label="common.unit", short=True)

GOOD: Final = Column(name="good", label="good.name", words=lambda w, it: it.full(w), beside=INSTRUMENT)
"""A good at its basis, with the instrument's id; the value is `catalogue.Named`."""
GOOD_UNIT: Final = Column(name="good_unit", label="common.unit", words=lambda w, it: it.unit(w), short=True)
"""The unit of the same."""


def named(name: str, label: str, href: str | None = None) -> Column:
    """Somebody's name, which stands in the row under `<name>_name`, and his id beside it."""
    return Column(
        name=f"{name}_name", label=label, href=href, beside=Column(name=name, label=f"id.{name}", kind="code")
    )
