"""Questions about deals, contracts and registers (both sides), and about the tape and bars (public).

In a participant's scope a deal shows his own side. The other side's name is shown once it may be known: when the
session is over (CLOSED, or CANCELLED, after which deals stand), or with the deal where the session says so; its order,
client and trader never.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, union_all

from kirmash.messages.kinds import NamesAt, Phase
from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, Asking, Page, QueryError, beyond, by, code, ordinal, read_cursor
from kirmash.queries.names import AGGRESSORS, CONTRACT_STATES

_NAMED = or_(
    t.SESSIONS.c.names_at == int(NamesAt.DEAL),
    t.SESSIONS.c.phase.in_((int(Phase.CLOSED), int(Phase.CANCELLED))),
)
"""Whether the parties of a session's deals may know each other."""

_BUYER = t.PARTICIPANTS.alias("buyer_card")
_SELLER = t.PARTICIPANTS.alias("seller_card")
_SIDES = (("buyer", "buyer_client"), ("seller", "seller_client"))


class Window(NamedTuple):
    """Which page of a list is asked for."""

    name: str
    limit: int
    cursor: str | None
    descending: bool


def _of_parties(
    table: Table,
    among: list[ColumnElement[bool]],
    scope: str | None,
    participant: str | None,
    client: str | None,
    window: Window,
) -> list[ColumnElement[bool]]:
    """The conditions `among`, for the rows of these parties, who are on either side.

    Each side has an index of its own: the page is chosen from the first rows of both. A scope and a client or
    participant beside it have to be on the same side, so that nobody can ask who stands on the other.
    """
    if scope is None and participant is None and client is None:
        return among
    key = table.c.deal
    branches = []
    for side, side_client in _SIDES:
        given = ((side, scope), (side, participant), (side_client, client))
        branch = select(key).where(*among, *(table.c[name] == value for name, value in given if value is not None))
        if window.cursor is not None:
            branch = branch.where(beyond([key], read_cursor(window.cursor, window.name, [key]), window.descending))
        first = branch.order_by(key.desc() if window.descending else key).limit(window.limit + 1).subquery()
        branches.append(select(first.c.deal))
    return [key.in_(union_all(*branches))]


class SessionDeals(NamedTuple):
    """How many deals a participant has in a session, and when the first and the last were made."""

    session: str
    deals: int
    first: str
    last: str


class Deals(Asking):
    """Deals, contracts, registers; tape and bars."""

    def sessions_of(
        self, participant: str, *, limit: int = LIMIT_DEFAULT, cursor: str | None = None
    ) -> Page[SessionDeals]:
        """The sessions in which a participant made deals, on either side; that of the latest deal first."""
        c = t.DEALS.c
        sides = union_all(
            select(c.session, func.count().label("n"), func.min(c.deal).label("lo"), func.max(c.deal).label("hi"))
            .where(c.buyer == participant)
            .group_by(c.session),
            # Who deals with itself, for two clients, has one deal of it.
            select(c.session, func.count(), func.min(c.deal), func.max(c.deal))
            .where(c.seller == participant, by(c.buyer, index=False) != participant)
            .group_by(c.session),
        ).subquery()
        lo, hi, many = func.min(sides.c.lo), func.max(sides.c.hi), func.sum(sides.c.n)
        whole = select(sides.c.session, many.label("n"), lo.label("lo"), hi.label("hi")).group_by(sides.c.session)
        first, last = t.DEALS.alias("first_deal"), t.DEALS.alias("last_deal")
        if cursor is not None:
            whole = whole.having(hi < read_cursor(cursor, "sessions_of", [last.c.deal])[0])
        # The page is chosen before its deals are read: a company may have thousands of sessions.
        found = whole.order_by(hi.desc()).limit(limit + 1).subquery()
        statement = (
            select(found.c.session, found.c.n, first.c.at, last.c.at, last.c.deal)
            .join(first, first.c.deal == found.c.lo)
            .join(last, last.c.deal == found.c.hi)
        )
        return self._page(
            "sessions_of",
            statement,
            [last.c.deal],
            lambda row, _: SessionDeals(*row[:4]),
            limit=limit,
            cursor=cursor,
            descending=True,
        )

    def deals(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        session: str | None = None,
        instrument: str | None = None,
        order: int | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Deal]:
        """Deals, the latest first; `participant` and `client` are on either side. `instrument` needs a session."""
        c = t.DEALS.c
        statement = select(t.DEALS, _NAMED).join(t.SESSIONS, t.SESSIONS.c.session == c.session)
        among: list[ColumnElement[bool]] = []
        of_somebody = any(value is not None for value in (scope, participant, client))
        if session is not None:
            among.append(by(c.session, index=client is None) == session)
        if instrument is not None:
            if session is None:
                raise QueryError("instrument", "needs a session")
            among.append(by(c.instrument, index=not of_somebody) == instrument)
        if order is not None:
            events = select(t.ORDER_EVENTS.c.deal).where(t.ORDER_EVENTS.c.order == ordinal(order, "order"))
            if scope is not None:
                events = events.where(t.ORDER_EVENTS.c.participant == scope)
            among.append(c.deal.in_(events.where(t.ORDER_EVENTS.c.deal.is_not(None))))
        window = Window("deals", limit, cursor, True)
        statement = statement.where(*_of_parties(t.DEALS, among, scope, participant, client, window))
        return self._page(
            "deals",
            statement,
            [c.deal],
            self._show_deal(scope),
            limit=limit,
            cursor=cursor,
            descending=True,
            listed=True,
        )

    def deal(self, deal: int, *, scope: str | None) -> rows.Deal | None:
        """One deal; None where there is none, or it is others'."""
        c = t.DEALS.c
        statement = select(t.DEALS, _NAMED).join(t.SESSIONS, t.SESSIONS.c.session == c.session)
        statement = statement.where(c.deal == ordinal(deal, "deal"))
        if scope is not None:
            statement = statement.where(or_(c.buyer == scope, c.seller == scope))
        return self._one(statement, self._show_deal(scope))

    def contracts(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        session: str | None = None,
        state: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Contract]:
        """Contracts, those of the latest deals first; `participant` and `client` are on either side."""
        c = t.CONTRACTS.c
        statement = select(t.CONTRACTS, _NAMED).join(t.SESSIONS, t.SESSIONS.c.session == c.session)
        among: list[ColumnElement[bool]] = []
        of_somebody = any(value is not None for value in (scope, participant, client))
        if session is not None:
            among.append(by(c.session, index=not of_somebody) == session)
        if state is not None:
            among.append(by(c.state, index=client is None) == code(CONTRACT_STATES, state, "state"))
        window = Window("contracts", limit, cursor, True)
        statement = statement.where(*_of_parties(t.CONTRACTS, among, scope, participant, client, window))
        return self._page(
            "contracts",
            statement,
            [c.deal],
            self._show_contract(scope),
            limit=limit,
            cursor=cursor,
            descending=True,
            listed=True,
        )

    def contract_states(self, deals: Sequence[int]) -> dict[int, str]:
        """The states of the contracts of these deals, for who may see all; a deal without one is left out."""
        c = t.CONTRACTS.c
        found = self._all(select(c.deal, c.state).where(c.deal.in_(deals)), lambda row, _: (row[0], row[1]))
        return {deal: CONTRACT_STATES[state] for deal, state in found}

    def contract(self, deal: int, *, scope: str | None) -> rows.Contract | None:
        """The contract of a deal; None where there is none, or it is others'."""
        c = t.CONTRACTS.c
        statement = select(t.CONTRACTS, _NAMED).join(t.SESSIONS, t.SESSIONS.c.session == c.session)
        statement = statement.where(c.deal == ordinal(deal, "deal"))
        if scope is not None:
            statement = statement.where(or_(c.buyer == scope, c.seller == scope))
        return self._one(statement, self._show_contract(scope))

    def register(
        self,
        session: str,
        *,
        scope: str | None,
        participant: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.RegisterLine]:
        """The register of a session (CTR-02): its deals in their order, all or one participant's, with names."""
        c = t.DEALS.c
        statement = (
            select(t.DEALS, _NAMED, _BUYER.c.name, _SELLER.c.name, t.CONTRACTS.c.state)
            .join(t.SESSIONS, t.SESSIONS.c.session == c.session)
            .join(_BUYER, _BUYER.c.participant == c.buyer)
            .join(_SELLER, _SELLER.c.participant == c.seller)
            .outerjoin(t.CONTRACTS, t.CONTRACTS.c.deal == c.deal)
        )
        among: list[ColumnElement[bool]] = [c.session == session]
        window = Window("register", limit, cursor, False)
        statement = statement.where(*_of_parties(t.DEALS, among, scope, participant, None, window))
        return self._page(
            "register", statement, [c.deal], self._show_line_of(scope), limit=limit, cursor=cursor, listed=True
        )

    def tape(
        self,
        session: str,
        instrument: str,
        *,
        after: int = 0,
        newest_first: bool = False,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.TapeLine]:
        """Deals as the public sees them, by the instrument's channel number; `after` is one of those."""
        c = t.DEALS.c
        columns = (c.session, c.instrument, c.channel, c.at, c.price, c.quantity, c.aggressor)
        statement = select(*columns).where(
            c.session == session, c.instrument == instrument, c.channel > ordinal(after, "after")
        )

        def show(row: Any, connection: Connection) -> rows.TapeLine:
            listing = self._listing(instrument, connection)
            return rows.TapeLine(
                session=row[0],
                instrument=row[1],
                channel=row[2],
                at=row[3],
                price=listing.price(row[4]),
                quantity=listing.quantity(row[5]),
                aggressor=AGGRESSORS[row[6]],
            )

        name = "tape back" if newest_first else "tape"
        return self._page(name, statement, [c.channel], show, limit=limit, cursor=cursor, descending=newest_first)

    def bars(
        self,
        session: str,
        instrument: str,
        *,
        since: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Bar]:
        """Bars of a minute, those without deals left out; `since` is a minute in the form that bars have."""
        c = t.BARS.c
        statement = select(t.BARS).where(c.session == session, c.instrument == instrument)
        if since is not None:
            statement = statement.where(c.minute >= since)

        def show(row: Any, connection: Connection) -> rows.Bar:
            it = r.Bar(*row)
            listing = self._listing(it.instrument, connection)
            return rows.Bar(
                session=it.session,
                instrument=it.instrument,
                minute=it.minute,
                first=listing.price(it.first),
                high=listing.price(it.high),
                low=listing.price(it.low),
                last=listing.price(it.last),
                volume=listing.quantity(it.volume),
                notional=listing.money(int(it.notional)),
                deals=it.deals,
            )

        return self._page("bars", statement, [c.minute], show, limit=limit, cursor=cursor)

    def _show_deal(self, scope: str | None) -> Callable[[Any, Connection], rows.Deal]:
        def show(row: Any, connection: Connection) -> rows.Deal:
            *columns, named = row
            it = r.Deal(*columns)
            listing = self._listing(it.instrument, connection)
            buys, sells = scope in (None, it.buyer), scope in (None, it.seller)
            return rows.Deal(
                deal=it.deal,
                session=it.session,
                instrument=it.instrument,
                price=listing.price(it.price),
                quantity=listing.quantity(it.quantity),
                notional=listing.money(it.notional),
                currency=listing.currency,
                aggressor=AGGRESSORS[it.aggressor],
                number=it.number,
                at=it.at,
                buy_order=it.buy_order if buys else None,
                buyer=it.buyer if buys or named else None,
                buyer_client=it.buyer_client if buys else None,
                buy_trader=it.buy_trader if buys else None,
                sell_order=it.sell_order if sells else None,
                seller=it.seller if sells or named else None,
                seller_client=it.seller_client if sells else None,
                sell_trader=it.sell_trader if sells else None,
            )

        return show

    def _show_contract(self, scope: str | None) -> Callable[[Any, Connection], rows.Contract]:
        def show(row: Any, connection: Connection) -> rows.Contract:
            *columns, named = row
            it = r.Contract(*columns)
            listing = self._listing(it.instrument, connection)
            buys, sells = scope in (None, it.buyer), scope in (None, it.seller)
            return rows.Contract(
                deal=it.deal,
                state=CONTRACT_STATES[it.state],
                session=it.session,
                instrument=it.instrument,
                price=listing.price(it.price),
                quantity=listing.quantity(it.quantity),
                currency=listing.currency,
                buyer=it.buyer if buys or named else None,
                buyer_client=it.buyer_client if buys else None,
                seller=it.seller if sells or named else None,
                seller_client=it.seller_client if sells else None,
                reason=it.reason,
                opened_at=it.opened_at,
                number=it.number,
                at=it.at,
                effective=it.effective,
            )

        return show

    def _show_line_of(self, scope: str | None) -> Callable[[Any, Connection], rows.RegisterLine]:
        def show(row: Any, connection: Connection) -> rows.RegisterLine:
            *columns, named, buyer_name, seller_name, state = row
            it = r.Deal(*columns)
            listing = self._listing(it.instrument, connection)
            buys, sells = scope in (None, it.buyer), scope in (None, it.seller)
            return rows.RegisterLine(
                deal=it.deal,
                at=it.at,
                instrument=it.instrument,
                price=listing.price(it.price),
                quantity=listing.quantity(it.quantity),
                notional=listing.money(it.notional),
                currency=listing.currency,
                buyer=it.buyer if buys or named else None,
                buyer_name=buyer_name if buys or named else None,
                buyer_client=it.buyer_client if buys else None,
                seller=it.seller if sells or named else None,
                seller_name=seller_name if sells or named else None,
                seller_client=it.seller_client if sells else None,
                contract=None if state is None else CONTRACT_STATES[state],
            )

        return show
