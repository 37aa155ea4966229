"""The rows of logins: making, finding, blocking, and the columns of password and second factor.

Invariants: a name is compared in one normal form and stands in no error or history line; a role has exactly the ids
that it needs. Passwords arrive here only as hashes; when a login's means of access change, the caller ends its sessions
in the same transaction.
"""

import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from kirmash.identity.errors import Conflict, Denied, NotAllowed, NotFound
from kirmash.identity.settings import Settings
from kirmash.identity.storage import Store
from kirmash.identity.tables import logins
from kirmash.identity.who import CONSOLE, OF_PARTICIPANT, Role, Who

NAME_LENGTH_MAX: Final = 64
LANGUAGES: Final = ("en", "ru")


class NewLogin(Struct, frozen=True, kw_only=True):
    """A login to be made. `person` is an id of the profiles beside the journal; names of persons never stand here."""

    name: str
    role: Role
    participant: str | None = None
    trader: str | None = None
    language: str = "en"
    person: str | None = None
    password: str | None = None
    """None: a random one-time password is made. One that is given is one-time, too, unless `keep_password`."""
    keep_password: bool = False


class LoginRow(Struct, frozen=True, kw_only=True):
    """A login as its manager sees it; times in UTC nanoseconds."""

    id: str
    name: str
    role: Role
    participant: str | None
    trader: str | None
    operator: str | None
    language: str
    person: str | None
    blocked: bool
    must_change: bool
    second_factor: bool
    created: int


def check_giver(role: Role, by: str) -> None:
    """Means of access of the exchange's own people are given on the console only: an operator who could give himself
    those of another would be both persons of four eyes. Raises NotAllowed."""
    if by != CONSOLE and role not in OF_PARTICIPANT:
        raise NotAllowed(
            "means of access of operators and auditors are not given here", "use the command line of the exchange"
        )


def normal_name(name: str) -> str:
    """The form in which names are kept and compared; cut, so that nobody fills memory with names."""
    return unicodedata.normalize("NFKC", name[: 4 * NAME_LENGTH_MAX]).casefold().strip()[: NAME_LENGTH_MAX + 1]


def check_new(new: NewLogin) -> None:
    """Raises Denied where name and ids do not make a login of this role."""
    name = normal_name(new.name)
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable() or " " in name:
        raise Denied("the login's name cannot be used", f"choose 1 to {NAME_LENGTH_MAX} characters without blanks")
    if new.language not in LANGUAGES:
        raise Denied("the language is not known", "choose one of " + ", ".join(LANGUAGES))
    if (new.participant is not None) != (new.role in OF_PARTICIPANT):
        raise Denied(
            f"a login of role {new.role} "
            + ("needs a participant" if new.participant is None else "has no participant"),
            "traders and administrators belong to one participant, operators and auditors to none",
        )
    if (new.trader is not None) != (new.role is Role.TRADER):
        raise Denied("a trader's id belongs to the role trader, and only to it", "give the id of the register")


class Logins:
    """The table of logins."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, new: Sequence[NewLogin], hashes: Iterable[str], until: int | None, by: str) -> list[LoginRow]:
        """All of them or none. `until`: how long one-time passwords are good. Raises Conflict, Denied."""
        now = self._store.clock.now()
        rows = []
        for login, kept in zip(new, hashes, strict=True):
            check_new(login)
            rows.append(
                {
                    "id": f"login-{secrets.token_hex(8)}",
                    "name": normal_name(login.name),
                    "role": str(login.role),
                    "participant": login.participant,
                    "trader": login.trader,
                    "operator": f"op-{secrets.token_hex(8)}" if login.role is Role.OPERATOR else None,
                    "language": login.language,
                    "person": login.person,
                    "blocked": False,
                    "password": kept,
                    "password_until": None if login.keep_password else until,
                    "totp_step": 0,
                    "created": now,
                }
            )
        if not rows:
            return []
        try:
            with self._store.write() as connection:
                connection.execute(insert(logins), rows)
                for row in rows:
                    self._store.note(connection, by, "login_added", str(row["id"]), str(row["role"]))
                made = connection.execute(select(logins).where(logins.c.created == now)).all()
        except IntegrityError:
            raise Conflict("a login of this name or for this trader is there already", "choose another name") from None
        by_id = {row.id: _shown(row) for row in made}
        return [by_id[str(row["id"])] for row in rows]

    def by_name(self, name: str) -> Row[Any] | None:
        """The row of a name as somebody typed it."""
        with self._store.read() as connection:
            return connection.execute(select(logins).where(logins.c.name == normal_name(name))).one_or_none()

    def get(self, connection: Connection, login: str) -> Row[Any]:
        """The row of an id, inside the caller's transaction. Raises NotFound."""
        row = connection.execute(select(logins).where(logins.c.id == login)).one_or_none()
        if row is None:
            raise NotFound(f"there is no login {login}" if login.startswith("login-") else "there is no such login")
        return row

    def find(
        self,
        *,
        login: str | None = None,
        name: str | None = None,
        participant: str | None = None,
        role: Role | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[LoginRow]:
        """Logins in the order of their making, all or those of an id, a name, a participant, a role. `after`: those
        behind a login of them, by its id; raises NotFound where it is none of them."""
        wanted = ((logins.c.id, login), (logins.c.participant, participant), (logins.c.role, role))
        chosen = [column == str(value) for column, value in wanted if value is not None]
        if name is not None:
            chosen.append(logins.c.name == normal_name(name))
        query = select(logins).where(*chosen).order_by(logins.c.created, logins.c.id).limit(limit)
        with self._store.read() as connection:
            if after is not None:
                key = select(logins.c.created, logins.c.id).where(*chosen, logins.c.id == after)
                last = connection.execute(key).one_or_none()
                if last is None:
                    raise NotFound("there is no such login")
                query = query.where(tuple_(logins.c.created, logins.c.id) > tuple_(*last))
            return [_shown(row) for row in connection.execute(query)]

    def change(self, connection: Connection, login: str, **values: object) -> None:
        """Set columns of a login inside the caller's transaction. Raises NotFound."""
        self.get(connection, login)
        connection.execute(update(logins).where(logins.c.id == login), values)

    def use_step(self, connection: Connection, login: str, step: int) -> bool:
        """Use up a step of the second factor: True once, for the first who gives it, and only forwards."""
        later = (logins.c.id == login) & (logins.c.totp_step < step)
        return connection.execute(update(logins).where(later), {"totp_step": step}).rowcount == 1


def who_of(row: Row[Any], settings: Settings, **by: Any) -> Who:
    """Who a login's row is; `by` says by which session or key."""
    return Who(
        login=row.id,
        role=Role(row.role),
        participant=row.participant,
        trader=row.trader,
        operator=row.operator,
        language=row.language,
        person=row.person,
        must_enrol=settings.operator_totp and row.role == Role.OPERATOR and row.totp_secret is None,
        **by,
    )


def _shown(row: Row[Any]) -> LoginRow:
    return LoginRow(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        participant=row.participant,
        trader=row.trader,
        operator=row.operator,
        language=row.language,
        person=row.person,
        blocked=row.blocked,
        must_change=row.password_until is not None,
        second_factor=row.totp_secret is not None,
        created=row.created,
    )
