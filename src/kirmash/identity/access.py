"""How somebody becomes a `Who` by a password, and how his means of access change.

Invariants: a try is counted before anything is compared; an unknown name costs the same hash as a known one; a wrong
password, a wrong code and a blocked login are one answer. What was true before a password was hashed is looked at again
in the transaction that opens the session, because a reset or a block may have come in between. Every change of the
means of access ends all sessions of the login, and opens a new one only for its owner.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row

from kirmash.identity import passwords, totp
from kirmash.identity.errors import SECOND_NS, Conflict, Denied, LoginFailed, NotFound, SecondFactorNeeded
from kirmash.identity.logins import LoginRow, Logins, NewLogin, check_giver, check_new, normal_name
from kirmash.identity.passwords import Passwords
from kirmash.identity.sessions import Opened, Sessions
from kirmash.identity.settings import Settings
from kirmash.identity.storage import Store
from kirmash.identity.throttles import LoginThrottle
from kirmash.identity.who import Role


class Provisioned(Struct, frozen=True):
    """A login that was made or reset, and its one-time password, to be told to its owner and nobody else."""

    login: LoginRow
    password: str

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing.override came with 3.12
        return f"Provisioned({self.login.id})"


class Access:
    """Logins, passwords, second factors and sessions together."""

    def __init__(self, store: Store, settings: Settings, hashes: Passwords, logins: Logins, sessions: Sessions) -> None:
        self._store = store
        self._settings = settings
        self._hashes = hashes
        self._logins = logins
        self._sessions = sessions
        self._throttle = LoginThrottle(store.clock, settings)

    async def login(
        self, name: str, password: str, address: str, code: str | None = None, previous: str | None = None
    ) -> Opened:
        """A new session. `previous`: the cookie that came with the request, worth nothing afterwards.

        Raises Throttled, PoolBusy, LoginFailed, SecondFactorNeeded.
        """
        name = normal_name(name)
        self._throttle.begin(name, address)
        row = self._logins.by_name(name)
        matches = await self._hashes.verify(row.password if row else None, password)
        if row is None or not matches:
            raise LoginFailed
        renewed = await self._hashes.hash(password) if self._hashes.outdated(row.password) else None
        with self._store.write() as connection:
            now_row = self._still(connection, row)
            self._check_code(connection, now_row, code)
            if renewed is not None:
                self._logins.change(connection, row.id, password=renewed)
            if previous is not None:
                self._sessions.end(connection, previous)
            opened = self._sessions.open(connection, now_row)
        self._throttle.succeeded(name, address)
        return opened

    def _still(self, connection: Connection, seen: Row[Any]) -> Row[Any]:
        """The row as it stands now, if what was checked against the one seen before still holds."""
        row = self._logins.get(connection, seen.id)
        over = row.password_until is not None and row.password_until <= self._store.clock.now()
        if row.blocked or over or row.password != seen.password:
            raise LoginFailed
        return row

    def _check_code(self, connection: Connection, row: Row[Any], code: str | None) -> None:
        if row.totp_secret is None:
            return
        if not code:
            raise SecondFactorNeeded
        self._use_code(connection, row, row.totp_secret, code)

    def _use_code(self, connection: Connection, row: Row[Any], secret: str, code: str) -> None:
        step = totp.step_of(secret, code, self._store.clock.now() // SECOND_NS, row.totp_step)
        if step is None or not self._logins.use_step(connection, row.id, step):
            raise LoginFailed

    def logout(self, token: str) -> None:
        """The session ends; nothing happens if it had ended."""
        with self._store.write() as connection:
            self._sessions.end(connection, token)

    async def change_password(self, token: str, old: str, new: str, address: str) -> Opened:
        """The owner's own change. All his sessions end, a new one opens.

        Raises SessionEnded, Throttled, LoginFailed, PasswordRefused, PoolBusy.
        """
        who = self._sessions.resolve(token)
        with self._store.read() as connection:
            row = self._logins.get(connection, who.login)
        self._hashes.check_rules(new)
        self._throttle.begin(row.name, address)
        if not await self._hashes.verify(row.password, old):
            raise LoginFailed
        if new == old:
            raise Conflict("the new password is the old one", "choose another")
        kept = await self._hashes.hash(new)
        with self._store.write() as connection:
            self._still(connection, row)
            self._logins.change(connection, row.id, password=kept, password_until=None)
            self._store.note(connection, row.id, "password_changed", row.id)
            opened = self._reopen(connection, row.id)
        self._throttle.succeeded(row.name, address)
        return opened

    def start_totp(self, token: str) -> str:
        """A new second factor for the owner, good once `confirm_totp` saw a code of it; the URI is a secret."""
        who = self._sessions.resolve(token)
        secret = totp.new_secret()
        with self._store.write() as connection:
            row = self._logins.get(connection, who.login)
            if row.totp_secret is not None:
                raise Conflict("the login has a second factor", "an operator resets it")
            self._logins.change(connection, row.id, totp_pending=secret)
        return totp.uri(secret, row.name, self._settings.totp_issuer)

    def confirm_totp(self, token: str, code: str, address: str) -> Opened:
        """The second factor works, and is asked for from now on. Raises LoginFailed, Conflict, Throttled."""
        who = self._sessions.resolve(token)
        with self._store.read() as connection:
            name = self._logins.get(connection, who.login).name
        self._throttle.begin(name, address)
        with self._store.write() as connection:
            row = self._logins.get(connection, who.login)
            if row.totp_pending is None:
                raise Conflict("no second factor was begun", "begin it again")
            self._use_code(connection, row, row.totp_pending, code)
            self._logins.change(connection, row.id, totp_secret=row.totp_pending, totp_pending=None)
            self._store.note(connection, row.id, "second_factor_set", row.id)
            opened = self._reopen(connection, row.id)
        self._throttle.succeeded(name, address)
        return opened

    def _reopen(self, connection: Connection, login: str) -> Opened:
        self._sessions.end_all(connection, login)
        return self._sessions.open(connection, self._logins.get(connection, login))

    async def add(self, new: Sequence[NewLogin], by: str) -> list[Provisioned]:
        """Logins with one-time passwords; all or none. Raises Conflict, Denied, NotAllowed, PasswordRefused."""
        for login in new:
            check_giver(login.role, by)
            check_new(login)
            if login.password is not None:
                self._hashes.check_rules(login.password)
        chosen = [passwords.one_time() if login.password is None else login.password for login in new]
        hashes = await self._hashes.hash_all(chosen)
        rows = self._logins.add(new, hashes, self._one_time_until(), by)
        return [Provisioned(row, password) for row, password in zip(rows, chosen, strict=True)]

    async def reset(self, login: str, by: str, *, second_factor: bool) -> Provisioned:
        """A new one-time password; with `second_factor` that one is dropped, too. All sessions end. Raises NotFound,
        NotAllowed."""
        check_giver(self._one(login).role, by)
        password = passwords.one_time()
        kept = (await self._hashes.hash_all([password]))[0]
        with self._store.write() as connection:
            values: dict[str, object] = {"password": kept, "password_until": self._one_time_until()}
            if second_factor:
                values |= {"totp_secret": None, "totp_pending": None}
            self._logins.change(connection, login, **values)
            self._sessions.end_all(connection, login)
            self._store.note(connection, by, "reset", login, "with second factor" if second_factor else "")
        return Provisioned(self._one(login), password)

    def set_totp(self, login: str, by: str) -> str:
        """A second factor that is asked for at once, for whoever sets up a login; the URI is a secret."""
        secret = totp.new_secret()
        with self._store.write() as connection:
            row = self._logins.get(connection, login)
            check_giver(Role(row.role), by)
            self._logins.change(connection, login, totp_secret=secret, totp_pending=None)
            self._sessions.end_all(connection, login)
            self._store.note(connection, by, "second_factor_set", login)
        return totp.uri(secret, row.name, self._settings.totp_issuer)

    def block(self, login: str, by: str, reason: str, *, blocked: bool) -> None:
        """Block or unblock. A blocked login's sessions end and its keys are refused. Raises NotFound, Denied."""
        if not 1 <= len(reason) <= 200:
            raise Denied("a reason is needed", "give 1 to 200 characters")
        with self._store.write() as connection:
            self._logins.change(connection, login, blocked=blocked)
            if blocked:
                self._sessions.end_all(connection, login)
            self._store.note(connection, by, "blocked" if blocked else "unblocked", login, reason)

    def _one(self, login: str) -> LoginRow:
        found = self._logins.find(login=login)
        if not found:
            raise NotFound("there is no such login")
        return found[0]

    def _one_time_until(self) -> int:
        return self._store.clock.now() + self._settings.one_time_password * SECOND_NS
