"""The columns that several tables have: a price is headed and shown the same way wherever it stands.

Only what is alike in name, heading and form; a column that one table alone has, or has otherwise, stands beside it.
"""

from typing import Final

from kirmash.web.tables import Column

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
SESSION: Final = Column(name="session", label="common.session", href="href", short=True)
SIDE: Final = Column(name="side", label="common.side", kind="side")
SINCE: Final = Column(name="at", label="account.since", kind="moment")
TICK: Final = Column(name="tick", label="instrument.tick", kind="figure")
TIME: Final = Column(name="at", label="common.time", kind="moment")
TITLE: Final = Column(name="title", label="good.name", href="href")
TRADER: Final = Column(name="trader", label="account.trader", kind="code")
