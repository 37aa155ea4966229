"""Sessions: who holds a cookie, since when, how long still; and the token against forged forms.

Invariants: the cookie's value has 256 random bits and is kept only as its SHA-256; it is made anew at login and at
every change of what the login can do, and the old one is worth nothing from the same transaction on. A session ends by
idling, by age, by revocation, whichever comes first. The form's token is derived from the cookie, so nobody who reads
the database can make one.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from kirmash.identity.errors import SECOND_NS, CsrfFailed, NotFound, SessionEnded
from kirmash.identity.logins import who_of
from kirmash.identity.settings import Settings
from kirmash.identity.storage import Store
from kirmash.identity.tables import logins, sessions
from kirmash.identity.who import Who

_TOKEN_BYTES: Final = 32
_CSRF: Final = b"kirmash form token 1"


class Opened(Struct, frozen=True):
    """A new session: the cookie's value, the form's token, and who it is. The first two are secrets."""

    token: str
    csrf: str
    who: Who

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing.override came with 3.12
        return f"Opened({self.who!r})"


class SessionRow(Struct, frozen=True):
    """A session as its owner sees it in his list; times in UTC nanoseconds."""

    id: str
    login: str
    created: int
    seen: int
    ends: int


def csrf_of(token: str) -> str:
    """The form's token of a session, by its cookie."""
    return base64.urlsafe_b64encode(hmac.digest(token.encode(), _CSRF, "sha256")).decode().rstrip("=")


def check_csrf(token: str, given: str) -> None:
    """Raises CsrfFailed where a form's token is not the session's. Compares in constant time."""
    if not hmac.compare_digest(csrf_of(token).encode(), given.encode()):
        raise CsrfFailed


class Sessions:
    """The table of sessions."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def open(self, connection: Connection, login: Row[Any]) -> Opened:
        """A new session inside the caller's transaction; the oldest beyond the limit end."""
        now = self._store.clock.now()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        row = {
            "hash": _hash(token),
            "id": f"session-{secrets.token_hex(8)}",
            "login": login.id,
            "created": now,
            "seen": now,
        }
        connection.execute(delete(sessions).where(or_(*self._over(now))))
        connection.execute(insert(sessions), row)
        newest = (
            select(sessions.c.hash)
            .where(sessions.c.login == login.id)
            .order_by(sessions.c.created.desc(), sessions.c.id)
            .limit(self._settings.sessions_max)
        )
        kept = set(connection.execute(newest).scalars()) | {row["hash"]}
        mine = connection.execute(select(sessions.c.hash).where(sessions.c.login == login.id)).scalars().all()
        for extra in (found for found in mine if found not in kept):
            connection.execute(delete(sessions).where(sessions.c.hash == extra))
        return Opened(token, csrf_of(token), self._who(login, str(row["id"])))

    def resolve(self, token: str, *, use: bool = True) -> Who:
        """Whose cookie it is; `use` says whether this counts as use. Raises SessionEnded."""
        query = select(logins, sessions.c.id.label("session"), sessions.c.created.label("opened"), sessions.c.seen)
        with self._store.read() as connection:
            row = connection.execute(query.join(sessions).where(sessions.c.hash == _hash(token))).one_or_none()
        if row is None or row.blocked:
            raise SessionEnded
        self._use(row.session, row.opened, row.seen, touch=use)
        return self._who(row, row.session)

    def use(self, session: str) -> int:
        """Counts as use of a session by its public id; gives when it is to be asked for again. Raises SessionEnded."""
        created, seen = self._times(session)
        seen = self._use(session, created, seen, touch=True)
        ends = created + self._settings.session_absolute * SECOND_NS
        return min(seen + self._settings.session_touch * SECOND_NS, ends)

    def look(self, session: str) -> int:
        """Whether a session still runs, which is no use of it; gives until when it does if nobody uses it. Raises
        SessionEnded."""
        created, seen = self._times(session)
        self._use(session, created, seen, touch=False)
        return self._ends(created, seen)

    def _times(self, session: str) -> tuple[int, int]:
        query = select(sessions.c.created, sessions.c.seen).where(sessions.c.id == session)
        with self._store.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise SessionEnded
        return row.created, row.seen

    def _use(self, session: str, created: int, seen: int, *, touch: bool) -> int:
        now = self._store.clock.now()
        if now >= self._ends(created, seen):
            with self._store.write() as connection:
                connection.execute(delete(sessions).where(sessions.c.id == session))
            raise SessionEnded
        if not touch or now - seen < self._settings.session_touch * SECOND_NS:
            return seen
        with self._store.write(quiet=True) as connection:
            connection.execute(update(sessions).where(sessions.c.id == session), {"seen": now})
        return now

    def end(self, connection: Connection, token: str) -> None:
        """The cookie is worth nothing any more; nothing happens if it was not."""
        connection.execute(delete(sessions).where(sessions.c.hash == _hash(token)))

    def end_all(self, connection: Connection, login: str) -> None:
        """All sessions of a login end."""
        connection.execute(delete(sessions).where(sessions.c.login == login))

    def revoke(self, login: str, session: str) -> None:
        """End one of a login's sessions by its public id. Raises NotFound."""
        with self._store.write() as connection:
            mine = (sessions.c.login == login) & (sessions.c.id == session)
            if connection.execute(delete(sessions).where(mine)).rowcount != 1:
                raise NotFound("the login has no such session")

    def list(self, login: str) -> list[SessionRow]:
        """The running sessions of a login, newest first."""
        now = self._store.clock.now()
        query = select(sessions).where(sessions.c.login == login).order_by(sessions.c.created.desc(), sessions.c.id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        shown = (
            SessionRow(row.id, row.login, row.created, row.seen, self._ends(row.created, row.seen)) for row in rows
        )
        return [row for row in shown if row.ends > now]

    def _who(self, login: Row[Any], session: str) -> Who:
        must_change = login.password_until is not None
        return who_of(login, self._settings, via="session", session=session, must_change=must_change)

    def _ends(self, created: int, seen: int) -> int:
        idle, absolute = self._settings.session_idle, self._settings.session_absolute
        return min(created + absolute * SECOND_NS, seen + idle * SECOND_NS)

    def _over(self, now: int) -> tuple[Any, Any]:
        idle, absolute = self._settings.session_idle, self._settings.session_absolute
        return sessions.c.created <= now - absolute * SECOND_NS, sessions.c.seen <= now - idle * SECOND_NS


def _hash(token: str) -> bytes:
    # No slow hash is needed: the value has 256 random bits.
    return hashlib.sha256(token.encode()).digest()
