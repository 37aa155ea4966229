"""`Identity`: everything that the doors ask about who somebody is, in one object over one identity.db.

Invariants: one a process; calls may come from an event loop: what hashes a password is a coroutine and works in a pool,
everything else is a short transaction. Errors are subclasses of `Denied`, without data of persons. Routes, cookies and
status codes are the gateway's; what a role may see is the gateway's rule for each route.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import argon2
from msgspec import Struct
from sqlalchemy import select

from kirmash.identity import sessions
from kirmash.identity.access import Access, Provisioned
from kirmash.identity.clock import Clock, SystemClock
from kirmash.identity.errors import MustEnrol, NotAllowed
from kirmash.identity.keys import KeyRow, Keys
from kirmash.identity.logins import LoginRow, Logins, NewLogin
from kirmash.identity.passwords import Passwords
from kirmash.identity.proposals import Approved, Proposal, Proposals, State
from kirmash.identity.rights import Rights
from kirmash.identity.sessions import Opened, SessionRow, Sessions
from kirmash.identity.settings import PASSWORD_PARAMETERS, Settings
from kirmash.identity.signatures import Request
from kirmash.identity.storage import Store
from kirmash.identity.switches import Subject, Switch, Switches
from kirmash.identity.tables import history
from kirmash.identity.throttles import Allowance, Buckets
from kirmash.identity.who import ALL_SCOPES, CONSOLE, Role, Scope, Who


class HistoryLine(Struct, frozen=True):
    """Who changed what, and when (UTC nanoseconds); ids only."""

    number: int
    at: int
    by: str
    what: str
    subject: str
    detail: str


class Identity:
    """Logins, sessions, keys, throttles, kill switches and four eyes. `by` is a login's id, or `console`."""

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        settings: Settings | None = None,
        *,
        password_parameters: argon2.Parameters = PASSWORD_PARAMETERS,
    ) -> None:
        """Opens or makes the file. Weaker `password_parameters` are for tests and demos only. Raises StoreFailed."""
        self.clock = clock or SystemClock()
        self.settings = settings or Settings()
        self._store = Store(path, self.clock)
        self._hashes = Passwords(password_parameters, self.settings)
        self._logins = Logins(self._store)
        self._sessions = Sessions(self._store, self.settings)
        self._access = Access(self._store, self.settings, self._hashes, self._logins, self._sessions)
        self._keys = Keys(self._store, self.settings)
        self._switches = Switches(self._store)
        self._proposals = Proposals(self._store, self.settings)
        self._rights = Rights(self._store, self._sessions, self._keys, self._switches)
        self._commands = Buckets("commands", self.clock, self.settings.throttle_entries_max)

    def close(self) -> None:
        """Ends the pool and closes the file."""
        self._hashes.close()
        self._store.close()

    # Sessions

    async def login(
        self, name: str, password: str, address: str, code: str | None = None, previous: str | None = None
    ) -> Opened:
        """A new session; `previous` is the cookie that came with the request and is worth nothing afterwards.

        Raises Throttled, PoolBusy, LoginFailed, SecondFactorNeeded.
        """
        return await self._access.login(name, password, address, code, previous)

    def logout(self, token: str) -> None:
        """The session ends."""
        self._access.logout(token)

    def resolve(self, token: str, *, changing_password: bool = False, enrolling: bool = False, use: bool = True) -> Who:
        """Whose cookie it is; without `use` the session idles on. Raises SessionEnded; NotAllowed with a one-time
        password, unless it is being changed; MustEnrol where a second factor is needed and missing, unless one is being
        set up."""
        who = self._sessions.resolve(token, use=use)
        if who.must_change and not changing_password:
            raise NotAllowed("the one-time password is to be changed first", "choose a password of your own")
        if who.must_enrol and not enrolling and not changing_password:
            raise MustEnrol
        return who

    def csrf(self, token: str) -> str:
        """The form's token of a session."""
        return sessions.csrf_of(token)

    def check_csrf(self, token: str, given: str) -> None:
        """Raises CsrfFailed."""
        sessions.check_csrf(token, given)

    def sessions(self, login: str) -> list[SessionRow]:
        """The running sessions of a login, newest first."""
        return self._sessions.list(login)

    def revoke_session(self, login: str, session: str) -> None:
        """End one session by its public id. Raises NotFound."""
        self._sessions.revoke(login, session)

    async def change_password(self, token: str, old: str, new: str, address: str) -> Opened:
        """The owner's own change; all his sessions end, a new one opens.

        Raises SessionEnded, Throttled, LoginFailed, PasswordRefused, Conflict, PoolBusy.
        """
        return await self._access.change_password(token, old, new, address)

    def start_totp(self, token: str) -> str:
        """Begin the owner's second factor: its URI, a secret. Raises SessionEnded, Conflict."""
        return self._access.start_totp(token)

    def confirm_totp(self, token: str, code: str, address: str) -> Opened:
        """The first code of it; rotates the session. Raises SessionEnded, LoginFailed, Conflict, Throttled."""
        return self._access.confirm_totp(token, code, address)

    # Signed requests

    def verify_signature(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Who:
        """Who signed the request. `target`: path and query as they stand in the request line, or an absolute URI.

        Raises BadSignature, OutsideWindow, KeyRefused, Replayed, each with its cure.
        """
        absolute = self.settings.origin + target if target.startswith("/") else target
        return self._keys.verify(Request(method, absolute, tuple(headers), body))

    def verify_challenge(self, nonce: str, key: str, created: int, text: bytes, signature: bytes) -> Who:
        """Who signed a login on a connection. `text` holds the connection's nonce, `created` (seconds), the key's id.

        Raises BadSignature, OutsideWindow, KeyRefused, Replayed, each with its cure.
        """
        return self._keys.verify_challenge(nonce, key, created, text, signature)

    def add_key(
        self,
        login: str,
        public: str,
        label: str,
        scopes: tuple[Scope, ...] = ALL_SCOPES,
        expires: int | None = None,
        by: str = CONSOLE,
    ) -> KeyRow:
        """A new API key, given as PEM or base64. Raises BadSignature, NotFound, Denied, NotAllowed,
        Conflict."""
        return self._keys.add(login, public, label, scopes, expires, by)

    def revoke_key(self, key: str, by: str = CONSOLE) -> None:
        """Raises NotFound."""
        self._keys.revoke(key, by)

    def keys(self, *, login: str | None = None, participant: str | None = None) -> list[KeyRow]:
        """Keys, revoked ones too."""
        return self._keys.find(login=login, participant=participant)

    # Commands

    def check_standing(self, who: Who, *, use: bool = True) -> None:
        """Raises SessionEnded or KeyRefused once session, key or login are no longer good. Long connections ask without
        `use`, which leaves the session idling: not they use it, but what comes by them."""
        self._rights.check_standing(who, use=use)

    def check_command(self, who: Who, command: str) -> None:
        """Before every command (its wire name, `place_order`). Raises NotAllowed, Stopped, SessionEnded, KeyRefused."""
        self._rights.check_command(who, command)

    def throttle(self, who: Who, count: int = 1) -> Allowance:
        """Takes `count` commands from the login's allowance by sessions (ORD-09) or by keys."""
        rate = self.settings.manual if who.via == "session" else self.settings.keys
        return self._commands.take((who.login, who.via), rate, count)

    # Kill switches

    def set_switch(self, kind: Subject, subject: str, *, on: bool, by: Who | None, reason: str) -> Switch:
        """Raises NotAllowed, Denied, SessionEnded, KeyRefused. `by` None: the console."""
        if by is not None:
            self._rights.check_standing(by)
        return self._switches.set(kind, subject, on=on, by=by, reason=reason)

    def switches(self, *, participant: str | None = None, only_on: bool = False) -> list[Switch]:
        """Switches that were ever set; of one participant and his traders, or all."""
        return self._switches.find(participant=participant, only_on=only_on)

    # Four eyes

    def needs_four_eyes(self, command: str, body: Mapping[str, object]) -> bool:
        """Whether an operator's command, as JSON, must be proposed."""
        return self._proposals.needed(command, body)

    def propose(
        self, who: Who, command: str, body: Mapping[str, object], reason: str, client_id: str | None = None
    ) -> Proposal:
        """The caller has tested the command's form; the same `client_id` with the same command gives the same proposal.

        Raises NotAllowed, Denied, IdReused, SessionEnded, KeyRefused.
        """
        self._rights.check_command(who, command)
        return self._proposals.propose(who, command, body, reason, client_id)

    def check_unproposed(self, who: Who, command: str, client_id: str) -> None:
        """Whether this id is free of a proposal, for a command that is given at once. Raises IdReused."""
        self._proposals.check_unproposed(who, command, client_id)

    def approve(self, proposal: str, who: Who) -> Approved:
        """The command to be given now. Raises NotFound, NotAllowed, ProposalOver, SessionEnded, KeyRefused."""
        self._rights.check_standing(who)
        return self._proposals.approve(proposal, who)

    def decline(self, proposal: str, who: Who, reason: str) -> Proposal:
        """Raises NotFound, NotAllowed, ProposalOver, SessionEnded, KeyRefused."""
        self._rights.check_standing(who)
        return self._proposals.decline(proposal, who, reason)

    def proposals(self, *, state: State | None = None, limit: int = 200) -> list[Proposal]:
        """The newest first. What nobody decided in time is closed by this look, as by every other."""
        return self._proposals.find(state=state, limit=limit)

    def proposal(self, proposal: str) -> Proposal:
        """One of them, however old. Raises NotFound."""
        return self._proposals.one(proposal)

    def unsettled(self) -> list[Approved]:
        """Approved commands whose number is not noted: give each again with its client id, then `settle`."""
        return self._proposals.unsettled()

    def settle(self, proposal: str, number: int, *, rejected: bool) -> None:
        """Note the number of an approved command. Raises NotFound, Conflict."""
        self._proposals.settle(proposal, number, rejected=rejected)

    # Provisioning

    async def add_login(self, new: NewLogin, by: str = CONSOLE) -> Provisioned:
        """A login with a one-time password; those of operators and auditors by the console only. Raises Conflict,
        Denied, NotAllowed."""
        return (await self._access.add([new], by))[0]

    async def add_logins(self, new: Sequence[NewLogin], by: str = CONSOLE) -> list[Provisioned]:
        """Many at once, all or none. Raises Conflict, Denied, NotAllowed."""
        return await self._access.add(new, by)

    async def reset(self, login: str, by: str = CONSOLE, *, second_factor: bool = False) -> Provisioned:
        """A new one-time password; with `second_factor` that one is dropped, too. All sessions end. An
        operator's or auditor's by the console only. Raises NotFound, NotAllowed."""
        return await self._access.reset(login, by, second_factor=second_factor)

    def block(self, login: str, reason: str, by: str = CONSOLE) -> None:
        """Sessions end, keys are refused. Raises NotFound, Denied."""
        self._access.block(login, by, reason, blocked=True)

    def unblock(self, login: str, reason: str, by: str = CONSOLE) -> None:
        """Keys are good again, sessions stay ended. Raises NotFound, Denied."""
        self._access.block(login, by, reason, blocked=False)

    def set_totp(self, login: str, by: str = CONSOLE) -> str:
        """A second factor that is asked for at once: its URI, a secret. Raises NotFound."""
        return self._access.set_totp(login, by)

    def logins(
        self,
        *,
        login: str | None = None,
        name: str | None = None,
        participant: str | None = None,
        role: Role | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[LoginRow]:
        """Logins in the order of their making; so many, behind the one with the id `after`. Raises NotFound where
        that is none of those asked for."""
        return self._logins.find(login=login, name=name, participant=participant, role=role, after=after, limit=limit)

    def history(self, *, subject: str | None = None, after: int = 0, limit: int = 1000) -> list[HistoryLine]:
        """Lines after a number, oldest first; all, or those about one id."""
        query = select(history).where(history.c.number > after).order_by(history.c.number).limit(limit)
        if subject is not None:
            query = query.where(history.c.subject == subject)
        with self._store.read() as connection:
            return [HistoryLine(*row) for row in connection.execute(query)]
