"""Questions about money: accounts, their statement, credits and withdrawals (DEP)."""

from typing import Any

from sqlalchemy import Select, select

from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, Asking, Page, code, money, ordinal
from kirmash.queries.names import WITHDRAWAL_STATES


class Money(Asking):
    """Accounts and what moved them."""

    def accounts(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        currency: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Account]:
        """Accounts by participant, client (none first), currency."""
        c = t.ACCOUNTS.c
        statement = _of(select(t.ACCOUNTS), c, scope, participant, client, currency)
        keys = [c.participant, c.client, c.currency]
        return self._page("accounts", statement, keys, _account, limit=limit, cursor=cursor)

    def statement(
        self,
        participant: str,
        *,
        scope: str | None,
        client: str | None = None,
        currency: str | None = None,
        after: int | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.StatementLine]:
        """What moved a participant's accounts, by number; `after` is a journal number."""
        c = t.STATEMENT.c
        statement = _of(select(t.STATEMENT), c, scope, participant, client, currency)
        if after is not None:
            statement = statement.where(c.number > ordinal(after, "after"))
        keys = [c.number, c.client, c.currency]
        return self._page("statement", statement, keys, _statement_line, limit=limit, cursor=cursor)

    def credits(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        currency: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Credit]:
        """Money that came in, the latest first."""
        c = t.CREDITS.c
        statement = _of(select(t.CREDITS), c, scope, participant, client, currency)
        return self._page("credits", statement, [c.number], _credit, limit=limit, cursor=cursor, descending=True)

    def withdrawals(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        withdrawal: str | None = None,
        state: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Withdrawal]:
        """Withdrawals, the latest request first."""
        c = t.WITHDRAWALS.c
        statement = _of(select(t.WITHDRAWALS), c, scope, participant, client, None)
        if withdrawal is not None:
            statement = statement.where(c.withdrawal == withdrawal)
        if state is not None:
            statement = statement.where(c.state == code(WITHDRAWAL_STATES, state, "state"))
        return self._page(
            "withdrawals", statement, [c.requested], _withdrawal, limit=limit, cursor=cursor, descending=True
        )


def _of(
    statement: Select[Any], c: Any, scope: str | None, participant: str | None, client: str | None, currency: str | None
) -> Select[Any]:
    for column, value in ((c.participant, scope), (c.participant, participant), (c.client, client)):
        if value is not None:
            statement = statement.where(column == value)
    return statement if currency is None else statement.where(c.currency == currency)


def _account(row: Any, _: object) -> rows.Account:
    it = r.Account(*row)
    return rows.Account(
        participant=it.participant,
        client=it.client or None,
        currency=it.currency,
        free=money(it.free, it.currency),
        reserved=money(it.reserved, it.currency),
        blocked=money(it.blocked, it.currency),
        withdrawing=money(it.withdrawing, it.currency),
        number=it.number,
        at=it.at,
    )


def _statement_line(row: Any, _: object) -> rows.StatementLine:
    it = r.StatementLine(*row)
    return rows.StatementLine(
        participant=it.participant,
        client=it.client or None,
        currency=it.currency,
        number=it.number,
        at=it.at,
        why=it.why.split(","),
        order=it.order,
        orders=it.orders,
        deal=it.deal,
        deals=it.deals,
        withdrawal=it.withdrawal,
        free_change=money(it.free_change, it.currency),
        reserved_change=money(it.reserved_change, it.currency),
        blocked_change=money(it.blocked_change, it.currency),
        withdrawing_change=money(it.withdrawing_change, it.currency),
        free=money(it.free, it.currency),
        reserved=money(it.reserved, it.currency),
        blocked=money(it.blocked, it.currency),
        withdrawing=money(it.withdrawing, it.currency),
    )


def _credit(row: Any, _: object) -> rows.Credit:
    it = r.Credit(*row)
    return rows.Credit(
        number=it.number,
        at=it.at,
        participant=it.participant,
        client=it.client,
        currency=it.currency,
        amount=money(it.amount, it.currency),
        refused=bool(it.refused),
        effective=it.effective,
    )


def _withdrawal(row: Any, _: object) -> rows.Withdrawal:
    it = r.Withdrawal(*row)
    return rows.Withdrawal(
        withdrawal=it.withdrawal,
        participant=it.participant,
        client=it.client,
        currency=it.currency,
        amount=money(it.amount, it.currency),
        state=WITHDRAWAL_STATES[it.state],
        requested_at=it.requested_at,
        number=it.number,
        at=it.at,
        effective=it.effective,
    )
