"""Questions about orders and their history. A participant sees his own, an operator or auditor all."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, literal_column, select

from kirmash.messages.kinds import ActorKind, Side
from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX, Asking, Page, QueryError, by, code, ordinal
from kirmash.queries.names import CANCEL_REASONS, EVENTS, ORDER_STATES, REASONS, SIDES, TIMES_IN_FORCE

_OPEN = code(ORDER_STATES, "open", "state")


class BestOrders(NamedTuple):
    """The first orders of a side, and how many there are."""

    rows: list[rows.Order]
    total: int


class Orders(Asking):
    """Orders and what happened to them."""

    def order_places(self, orders: Sequence[int], *, scope: str | None) -> dict[int, tuple[str, str]]:
        """Session and instrument of these orders, asked at once; others' are left out."""
        c = t.ORDERS.c
        statement = select(c.order, c.session, c.instrument).where(c.order.in_(orders[:LIMIT_MAX]))
        if scope is not None:
            statement = statement.where(by(c.participant, index=False) == scope)
        return {order: (session, instrument) for order, session, instrument in self._all(statement, lambda row, _: row)}

    def orders(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        trader: str | None = None,
        session: str | None = None,
        instrument: str | None = None,
        side: str | None = None,
        state: str | None = None,
        open: bool | None = None,  # noqa: A002 (the name of the filter, as of the field)
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Order]:
        """Orders, the latest first. `open`: with something left, parked ones too, or without.

        `instrument` needs a session beside it, `side` and `state` whose or which session's orders they choose from.
        """
        c = t.ORDERS.c
        statement = select(t.ORDERS)
        chosen = ((c.participant, scope), (c.participant, participant), (c.client, client), (c.trader, trader))
        for column, value in chosen:
            if value is not None:
                statement = statement.where(column == value)
        of_somebody = any(value is not None for _, value in chosen)
        among = of_somebody or session is not None
        if session is not None:
            statement = statement.where(by(c.session, index=client is None and trader is None) == session)
        if instrument is not None:
            if session is None:
                raise QueryError("instrument", "needs a session")
            statement = statement.where(by(c.instrument, index=not of_somebody) == instrument)
        for field, value, names in (("side", side, SIDES), ("state", state, ORDER_STATES)):
            if value is not None:
                if not among:
                    raise QueryError(field, "needs a participant, client, trader or session")
                statement = statement.where(by(c[field], index=not of_somebody) == code(names, value, field))
        if open is not None:
            if not open and not among:
                raise QueryError("open", "false needs a participant, client, trader or session")
            # Written out, not as a parameter: only then does SQLite see that the index of open orders will do.
            statement = statement.where(c.open > literal_column("0") if open else c.open == 0)
        return self._page(
            "orders",
            statement,
            [c.order],
            self._show_order,
            limit=limit,
            cursor=cursor,
            descending=True,
            listed=True,
        )

    def best_orders(
        self,
        session: str,
        side: str,
        *,
        instrument: str | None = None,
        participant: str | None = None,
        client: str | None = None,
        trader: str | None = None,
        limit: int = LIMIT_DEFAULT,
    ) -> BestOrders:
        """The open orders of one side of a session, best first: each instrument by price and then by the order's
        number, parked ones last."""
        c = t.ORDERS.c
        conditions = [c.session == session]
        if participant is not None:
            conditions.append(c.participant == participant)
        # What is open in a session is less than what somebody ever ordered.
        for column, value in ((c.client, client), (c.trader, trader), (c.instrument, instrument)):
            if value is not None:
                conditions.append(by(column, index=False) == value)
        conditions += [by(c.side, index=False) == code(SIDES, side, "side"), c.open > literal_column("0")]
        price = c.price.desc() if side == SIDES[int(Side.BUY)] else c.price
        best = (c.instrument, by(c.state, index=False) != _OPEN, price, c.order)
        first = select(c.order).where(*conditions).order_by(*best).limit(limit)
        with self._reading() as connection:
            count = connection.execute(select(func.count()).select_from(t.ORDERS).where(*conditions)).scalar_one()
            found = connection.execute(select(t.ORDERS).where(c.order.in_(first)).order_by(*best)).all()
            self._learn([row.instrument for row in found], connection)
            return BestOrders([self._show_order(row, connection) for row in found], count)

    def order(self, order: int, *, scope: str | None) -> rows.Order | None:
        """One order; None where there is none, or it is another's."""
        c = t.ORDERS.c
        statement = select(t.ORDERS).where(c.order == ordinal(order, "order"))
        if scope is not None:
            statement = statement.where(c.participant == scope)
        return self._one(statement, self._show_order)

    def open_orders(self, session: str) -> int:
        """How many orders of a session have something left, parked ones too."""
        c = t.ORDERS.c
        # Written out as in `orders`, for the index of open orders.
        statement = select(func.count()).where(c.session == session, c.open > literal_column("0"))
        return self._one(statement, lambda row, _: int(row[0])) or 0

    def order_events(
        self,
        *,
        scope: str | None,
        order: int | None = None,
        participant: str | None = None,
        after: int | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.OrderEvent]:
        """The history of an order, or of all orders of a participant, by number; `after` a journal number."""
        c = t.ORDER_EVENTS.c
        statement = select(t.ORDER_EVENTS, t.ORDERS.c.instrument).join(t.ORDERS, t.ORDERS.c.order == c.order)
        if order is None and participant is None and scope is None:
            raise QueryError("order", "is needed, or a participant")
        if order is not None:
            statement = statement.where(c.order == ordinal(order, "order"))
        for value in (scope, participant):
            if value is not None:
                statement = statement.where(c.participant == value)
        if after is not None:
            statement = statement.where(c.number > ordinal(after, "after"))
        keys = [c.number, c.index, c.order]
        return self._page(
            "order_events", statement, keys, self._show_order_event(scope), limit=limit, cursor=cursor, listed=True
        )

    def _show_order(self, row: Any, connection: Connection) -> rows.Order:
        it = r.Order(*row)
        listing = self._listing(it.instrument, connection)
        return rows.Order(
            order=it.order,
            session=it.session,
            instrument=it.instrument,
            side=SIDES[it.side],
            participant=it.participant,
            client=it.client,
            trader=it.trader,
            price=listing.price(it.price),
            quantity=listing.quantity(it.quantity),
            filled=listing.quantity(it.filled),
            open=listing.quantity(it.open),
            minimum=listing.maybe_quantity(it.minimum),
            indivisible=bool(it.indivisible),
            time_in_force=TIMES_IN_FORCE[it.time_in_force],
            until=it.until,
            state=ORDER_STATES[it.state],
            accepted=it.accepted,
            accepted_at=it.accepted_at,
            number=it.number,
            at=it.at,
        )

    def _show_order_event(self, scope: str | None) -> Callable[[Any, Connection], rows.OrderEvent]:
        def show(row: Any, connection: Connection) -> rows.OrderEvent:
            *columns, instrument = row
            it = r.OrderEvent(*columns)
            listing = self._listing(instrument, connection)
            own = it.actor_kind == ActorKind.TRADER or scope is None
            return rows.OrderEvent(
                order=it.order,
                number=it.number,
                index=it.index,
                at=it.at,
                event=EVENTS[it.kind],
                by=it.actor if own else None,
                price=listing.maybe_price(it.price),
                quantity=listing.maybe_quantity(it.quantity),
                open=listing.maybe_quantity(it.open),
                minimum=listing.maybe_quantity(it.minimum),
                until=it.until,
                priority_kept=None if it.priority_kept is None else bool(it.priority_kept),
                reserved=None if it.reserved is None else listing.money(it.reserved),
                reason=None if it.reason is None else CANCEL_REASONS[it.reason],
                reasons=None if it.reasons is None else [REASONS[n] for n in msgspec.json.decode(it.reasons)],
                deal=it.deal,
            )

        return show
