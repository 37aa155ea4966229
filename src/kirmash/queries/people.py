"""Questions about participants, their clients, traders and permissions, and about persons' profiles."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, func, or_, select

from kirmash.projections import rows as r
from kirmash.projections import tables as t
from kirmash.queries import rows
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX, Asking, Page, code
from kirmash.queries.names import SIDES


class People(Asking):
    """Registers of people."""

    def participants(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        country: str | None = None,
        group: str | None = None,
        admitted: bool | None = None,
        accredited: bool | None = None,
        suspended: bool | None = None,
        search: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Participant]:
        """Participants by id; `search` is part of the name or id, in capitals or not."""
        c = t.PARTICIPANTS.c
        statement = select(t.PARTICIPANTS)
        for column, value in ((c.participant, scope), (c.participant, participant), (c.country, country)):
            if value is not None:
                statement = statement.where(column == value)
        if group is not None:
            statement = statement.where(c.group == group)
        for column, flag in ((c.admitted, admitted), (c.accredited, accredited), (c.suspended, suspended)):
            if flag is not None:
                statement = statement.where(column == int(flag))
        if search is not None:
            statement = statement.where(_holds(search, c.participant, c.name))
        return self._page("participants", statement, [c.participant], _participant, limit=limit, cursor=cursor)

    def company_names(self, participants: Sequence[str]) -> dict[str, str]:
        """The names of these participants by id, asked at once; one that there is not is left out. For whoever may see
        the ids."""
        c = t.PARTICIPANTS.c
        return self._names(c.participant, c.name, participants)

    def client_names(self, clients: Sequence[str]) -> dict[str, str]:
        """As `company_names`, of clients."""
        c = t.CLIENTS.c
        return self._names(c.client, c.name, clients)

    def _names(self, key: Column[Any], name: Column[Any], wanted: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in (wanted[at : at + LIMIT_MAX] for at in range(0, len(wanted), LIMIT_MAX)):
            found.update(self._all(select(key, name).where(key.in_(part)), lambda row, _: (row[0], row[1])))
        return found

    def clients(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        client: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Client]:
        """Clients by id; `participant` is whose clients they are."""
        c = t.CLIENTS.c
        statement = select(t.CLIENTS)
        for column, value in ((c.participant, scope), (c.participant, participant), (c.client, client)):
            if value is not None:
                statement = statement.where(column == value)
        return self._page("clients", statement, [c.client], _client, limit=limit, cursor=cursor)

    def traders(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        trader: str | None = None,
        active: bool | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Trader]:
        """Traders by id, with the participant for whom each acts or last acted."""
        c = t.TRADERS.c
        statement = select(t.TRADERS)
        for column, value in ((c.participant, scope), (c.participant, participant), (c.trader, trader)):
            if value is not None:
                statement = statement.where(column == value)
        if active is not None:
            statement = statement.where(c.active == int(active))
        return self._page("traders", statement, [c.trader], _trader, limit=limit, cursor=cursor)

    def permissions(
        self,
        *,
        scope: str | None,
        participant: str | None = None,
        section: str | None = None,
        side: str | None = None,
        limit: int = LIMIT_DEFAULT,
        cursor: str | None = None,
    ) -> Page[rows.Permission]:
        """Permissions in force, by participant, section, side, purpose."""
        c = t.PERMISSIONS.c
        statement = select(t.PERMISSIONS)
        for column, value in ((c.participant, scope), (c.participant, participant), (c.section, section)):
            if value is not None:
                statement = statement.where(column == value)
        if side is not None:
            statement = statement.where(c.side == code(SIDES, side, "side"))
        keys = [c.participant, c.section, c.side, c.purpose]
        return self._page("permissions", statement, keys, _permission, limit=limit, cursor=cursor)

    def profiles(
        self, *, trader: str | None = None, limit: int = LIMIT_DEFAULT, cursor: str | None = None
    ) -> Page[rows.Profile]:
        """Which encrypted profile of each person is the latest; for the operator only."""
        c = t.PROFILES.c
        statement = select(t.PROFILES)
        if trader is not None:
            statement = statement.where(c.trader == trader)
        return self._page("profiles", statement, [c.person], _profile, limit=limit, cursor=cursor)


def _holds(text: str, *columns: Column[Any]) -> ColumnElement[bool]:
    """Whether a text is part of one of the columns. SQLite knows capitals of ASCII only, so the usual ways to write a
    word are tried."""
    forms = sorted({text, text.lower(), text.upper(), text.capitalize(), text.title()})
    return or_(*(func.instr(column, form) > 0 for column in columns for form in forms))


def _participant(row: Any, _: object) -> rows.Participant:
    it = r.Participant(*row)
    return rows.Participant(
        participant=it.participant,
        name=it.name,
        country=it.country,
        resident=bool(it.resident),
        kinds=[kind for kind, has in (("visitor", it.visitor), ("broker", it.broker)) if has],
        group=it.group,
        accredited=bool(it.accredited),
        suspended=bool(it.suspended),
        suspended_for=it.suspended_for,
        admitted=bool(it.admitted),
        registered_at=it.registered_at,
        number=it.number,
        at=it.at,
        effective=it.effective,
    )


def _client(row: Any, _: object) -> rows.Client:
    it = r.Client(*row)
    return rows.Client(
        client=it.client,
        participant=it.participant,
        name=it.name,
        country=it.country,
        resident=bool(it.resident),
        group=it.group,
        number=it.number,
        at=it.at,
        effective=it.effective,
    )


def _trader(row: Any, _: object) -> rows.Trader:
    it = r.Trader(*row)
    return rows.Trader(
        trader=it.trader,
        participant=it.participant,
        active=bool(it.active),
        number=it.number,
        at=it.at,
        effective=it.effective,
    )


def _permission(row: Any, _: object) -> rows.Permission:
    it = r.Permission(*row)
    return rows.Permission(
        participant=it.participant,
        section=it.section,
        side=SIDES[it.side],
        purpose=it.purpose,
        number=it.number,
        at=it.at,
    )


def _profile(row: Any, _: object) -> rows.Profile:
    it = r.Profile(*row)
    return rows.Profile(person=it.person, profile=it.profile, trader=it.trader, number=it.number, at=it.at)
