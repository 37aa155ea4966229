"""Four eyes: what one operator proposes, another approves, and only then the command is given.

Invariants: a proposal leaves OPEN once and for ever; asked for again under its client id it is the same one; approver
and proposer are different logins and, where that is known, different persons. The id of a proposal is the client id of
its command and its proposer the actor, so giving the command again, after a crash between approval and answer, gets the
stored answer and never a second effect. An approved proposal is unsettled until its number is noted. Whether the
command is well-formed is tested by the caller before.
"""

import enum
import hashlib
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, insert, select, update

from kirmash.identity.errors import SECOND_NS, Conflict, Denied, IdReused, NotAllowed, NotFound, ProposalOver
from kirmash.identity.settings import Settings
from kirmash.identity.storage import Store
from kirmash.identity.tables import logins, proposals
from kirmash.identity.who import Role, Scope, Who

ALWAYS: Final = frozenset({"annul_deal", "cancel_session"})
ABOVE_LIMIT: Final = "credit_deposit"
REASON_LENGTH_MAX: Final = 200
_EXCHANGE: Final = "exchange"
_AMOUNT: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,12})?", re.ASCII)


class State(enum.StrEnum):
    """Where a proposal stands. All but OPEN are final."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"


class Proposal(Struct, frozen=True, kw_only=True):
    """A proposal; times in UTC nanoseconds, proposer and decider are logins' ids."""

    id: str
    command: str
    body: dict[str, Any]
    proposer: str
    proposed: int
    expires: int
    reason: str
    state: State
    decider: str | None
    decided: int | None
    decision_reason: str | None
    number: int | None
    rejected: bool | None


class Approved(Struct, frozen=True, kw_only=True):
    """The command to be given now, and again until `settle`: always with this actor and this client id.

    `operator` is the proposer's opaque id for the actor, `approver` the approver's, for the record's origin.
    """

    id: str
    client_id: str
    command: str
    body: dict[str, Any]
    operator: str
    approver: str


class Proposals:
    """The table of proposals."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def needed(self, command: str, body: Mapping[str, object]) -> bool:
        """Whether the command needs a second operator. What cannot be understood needs one."""
        if command != ABOVE_LIMIT:
            return command in ALWAYS
        amount, currency = body.get("amount"), body.get("currency")
        if not isinstance(amount, str) or not isinstance(currency, str) or not _AMOUNT.fullmatch(amount):
            return True
        return Decimal(amount) > Decimal(self._settings.credit_limits.get(currency, "0"))

    def propose(
        self, who: Who, command: str, body: Mapping[str, object], reason: str, client_id: str | None = None
    ) -> Proposal:
        """A new proposal; under a client id that this login proposed with before, the one of then, so that who had no
        answer may ask again. Raises NotAllowed, Denied, IdReused."""
        _demand_operator(who)
        if not self.needed(command, body):
            raise Denied("the command needs no second operator", "give it directly")
        if not 1 <= len(reason) <= REASON_LENGTH_MAX:
            raise Denied("a reason is needed", f"give 1 to {REASON_LENGTH_MAX} characters")
        now = self._store.clock.now()
        row = {
            "id": _id_of(who.login, client_id),
            "command": command,
            "body": msgspec.json.encode(body).decode(),
            "proposer": who.login,
            "proposed": now,
            "expires": now + self._settings.proposal * SECOND_NS,
            "reason": reason,
            "state": State.OPEN.value,
        }
        with self._store.write() as connection:
            before = connection.execute(select(proposals).where(proposals.c.id == row["id"])).one_or_none()
            if before is not None:
                if (before.command, before.body) != (row["command"], row["body"]):
                    raise IdReused("the client id was used before for another proposal", "take a new client id")
                return _shown(before)
            connection.execute(insert(proposals), row)
            self._store.note(connection, who.login, "proposed", str(row["id"]), command)
            return _shown(_get(connection, str(row["id"])))

    def check_unproposed(self, who: Who, command: str, client_id: str) -> None:
        """Before a command is given at once: under an id that became a proposal it could be given twice, where its
        amount or the limit was changed since. Raises IdReused."""
        if command != ABOVE_LIMIT and command not in ALWAYS:
            return
        with self._store.read() as connection:
            proposed = select(proposals.c.id).where(proposals.c.id == _id_of(who.login, client_id))
            if connection.execute(proposed).one_or_none() is not None:
                raise IdReused("the client id was used before for another proposal", "take a new client id")

    def approve(self, proposal: str, who: Who) -> Approved:
        """Decide for it. Of several at once one succeeds. Raises NotFound, NotAllowed, ProposalOver."""
        _demand_operator(who)
        row = self._open(proposal)
        if row.proposer == who.login:
            raise NotAllowed("who proposed cannot approve", "another operator has to look at it")
        with self._store.write() as connection:
            proposer = connection.execute(select(logins).where(logins.c.id == row.proposer)).one()
            if proposer.person is not None and proposer.person == who.person:
                raise NotAllowed("who proposed cannot approve, with no login of his", "another operator has to look")
            if proposer.blocked:
                raise NotAllowed("the proposer's login was blocked", "decline it, and propose it anew")
            self._decide(connection, row.id, State.APPROVED, who.login, "")
            return _approved(connection, row.id)

    def decline(self, proposal: str, who: Who, reason: str) -> Proposal:
        """Decide against it; the proposer may, too, to take it back. Raises NotFound, NotAllowed, ProposalOver."""
        _demand_operator(who)
        row = self._open(proposal)
        with self._store.write() as connection:
            self._decide(connection, row.id, State.DECLINED, who.login, reason[:REASON_LENGTH_MAX])
            return _shown(_get(connection, row.id))

    def _open(self, proposal: str) -> Row[Any]:
        self._expire()
        with self._store.read() as connection:
            row = _get(connection, proposal)
        if row.state != State.OPEN.value:
            raise ProposalOver(row.state)
        return row

    def _decide(self, connection: Connection, proposal: str, state: State, by: str, reason: str) -> None:
        now = self._store.clock.now()
        still = (proposals.c.id == proposal) & (proposals.c.state == State.OPEN.value)
        values = {"state": state.value, "decider": by, "decided": now, "decision_reason": reason}
        if connection.execute(update(proposals).where(still), values).rowcount != 1:
            raise ProposalOver(_get(connection, proposal).state)
        self._store.note(connection, by, state.value, proposal)

    def _expire(self) -> None:
        """Whose time is over becomes EXPIRED, durably."""
        now = self._store.clock.now()
        over = (proposals.c.state == State.OPEN.value) & (proposals.c.expires <= now)
        with self._store.read() as connection:
            found = connection.execute(select(proposals.c.id).where(over)).scalars().all()
        if not found:
            return
        with self._store.write() as connection:
            for proposal in found:
                still = over & (proposals.c.id == proposal)
                values = {"state": State.EXPIRED.value, "decided": now}
                if connection.execute(update(proposals).where(still), values).rowcount == 1:
                    self._store.note(connection, _EXCHANGE, State.EXPIRED.value, proposal)

    def find(self, *, state: State | None = None, limit: int = 200) -> list[Proposal]:
        """The newest proposals, newest first; all, or those in a state."""
        self._expire()
        query = select(proposals).order_by(proposals.c.proposed.desc(), proposals.c.id).limit(limit)
        if state is not None:
            query = query.where(proposals.c.state == state.value)
        with self._store.read() as connection:
            return [_shown(row) for row in connection.execute(query)]

    def one(self, proposal: str) -> Proposal:
        """One proposal as it stands. Raises NotFound."""
        self._expire()
        with self._store.read() as connection:
            return _shown(_get(connection, proposal))

    def unsettled(self) -> list[Approved]:
        """Approved, but not yet with a number: to be given (again) at start, in the order of approval."""
        owed = (proposals.c.state == State.APPROVED.value) & proposals.c.number.is_(None)
        query = select(proposals.c.id).where(owed).order_by(proposals.c.decided, proposals.c.id)
        with self._store.read() as connection:
            return [_approved(connection, found) for found in connection.execute(query).scalars().all()]

    def settle(self, proposal: str, number: int, *, rejected: bool) -> None:
        """Note the number that the command got; again with the same number does nothing. Raises Conflict."""
        owed = (proposals.c.id == proposal) & (proposals.c.state == State.APPROVED.value) & proposals.c.number.is_(None)
        with self._store.write() as connection:
            if (
                connection.execute(update(proposals).where(owed), {"number": number, "rejected": rejected}).rowcount
                == 1
            ):
                self._store.note(connection, _EXCHANGE, "settled", proposal, str(number))
                return
            found = _get(connection, proposal)
            if found.number != number:
                raise Conflict(f"the proposal is {found.state}, with number {found.number}")


def _id_of(login: str, client_id: str | None) -> str:
    """A proposal's id: 35 characters, because a client id has at most 36; the same for the same client id."""
    if client_id is None:
        return f"pr-{secrets.token_hex(16)}"
    return f"pr-{hashlib.sha256(f'{login} {client_id}'.encode()).hexdigest()[:32]}"


def _demand_operator(who: Who) -> None:
    if who.role is not Role.OPERATOR or who.must_change or who.must_enrol or Scope.COMMANDS not in who.scopes:
        raise NotAllowed("only an operator may do this")


def _get(connection: Connection, proposal: str) -> Row[Any]:
    row = connection.execute(select(proposals).where(proposals.c.id == proposal)).one_or_none()
    if row is None:
        raise NotFound("there is no such proposal")
    return row


def _approved(connection: Connection, proposal: str) -> Approved:
    row = _get(connection, proposal)
    names = select(logins.c.id, logins.c.operator).where(logins.c.id.in_([row.proposer, row.decider]))
    operators = {found.id: found.operator for found in connection.execute(names)}
    return Approved(
        id=row.id,
        client_id=row.id,
        command=row.command,
        body=msgspec.json.decode(row.body, type=dict[str, Any]),
        operator=operators[row.proposer],
        approver=operators[row.decider],
    )


def _shown(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        command=row.command,
        body=msgspec.json.decode(row.body, type=dict[str, Any]),
        proposer=row.proposer,
        proposed=row.proposed,
        expires=row.expires,
        reason=row.reason,
        state=State(row.state),
        decider=row.decider,
        decided=row.decided,
        decision_reason=row.decision_reason,
        number=row.number,
        rejected=row.rejected,
    )
