"""Rows of identity as they are given out: times as text (a nanosecond count does not fit a JSON reader's integers),
public keys in base64, no secret and no hash."""

import base64
from typing import Any

from msgspec import Struct

from kirmash.identity import KeyRow, LoginRow, Proposal, SessionRow, Switch, Who
from kirmash.messages.times import text_from_time
from kirmash.messages.units import time_of


def text_of(nanoseconds: int) -> str:
    """RFC 3339 of UTC nanoseconds."""
    return text_from_time(time_of(nanoseconds))


def _text_or_none(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else text_of(nanoseconds)


class Me(Struct, frozen=True, kw_only=True):
    """Who is signed in. `csrf` goes into the header X-CSRF-Token of every request that changes something; a program
    that signs its requests needs none, and gets null. With `must_change` only the password can be changed, with
    `must_enrol` only a second factor be set up."""

    login: str
    role: str
    participant: str | None
    trader: str | None
    operator: str | None
    language: str
    via: str
    scopes: list[str]
    must_change: bool
    must_enrol: bool
    csrf: str | None


def me_of(who: Who, csrf: str | None) -> Me:
    """A `Who` for its owner."""
    return Me(
        login=who.login,
        role=who.role.value,
        participant=who.participant,
        trader=who.trader,
        operator=who.operator,
        language=who.language,
        via=who.via,
        scopes=[scope.value for scope in who.scopes],
        must_change=who.must_change,
        must_enrol=who.must_enrol,
        csrf=csrf,
    )


class SessionShown(Struct, frozen=True, kw_only=True):
    """A session of a login; `current` is the one that asks."""

    id: str
    created: str
    seen: str
    ends: str
    current: bool


def session_of(row: SessionRow, who: Who) -> SessionShown:
    """A session for its owner."""
    return SessionShown(
        id=row.id,
        created=text_of(row.created),
        seen=text_of(row.seen),
        ends=text_of(row.ends),
        current=row.id == who.session,
    )


class KeyShown(Struct, frozen=True, kw_only=True):
    """An API key; `public` is the raw Ed25519 public key in base64."""

    id: str
    login: str
    label: str
    public: str
    scopes: list[str]
    created: str
    expires: str | None
    revoked: str | None


def key_of(row: KeyRow) -> KeyShown:
    """A key for its manager."""
    return KeyShown(
        id=row.id,
        login=row.login,
        label=row.label,
        public=base64.b64encode(row.public).decode(),
        scopes=[scope.value for scope in row.scopes],
        created=text_of(row.created),
        expires=_text_or_none(row.expires),
        revoked=_text_or_none(row.revoked),
    )


class LoginShown(Struct, frozen=True, kw_only=True):
    """A login for its manager."""

    id: str
    name: str
    role: str
    participant: str | None
    trader: str | None
    operator: str | None
    language: str
    blocked: bool
    must_change: bool
    second_factor: bool
    created: str


def login_of(row: LoginRow) -> LoginShown:
    """A login for its manager."""
    return LoginShown(
        id=row.id,
        name=row.name,
        role=row.role.value,
        participant=row.participant,
        trader=row.trader,
        operator=row.operator,
        language=row.language,
        blocked=row.blocked,
        must_change=row.must_change,
        second_factor=row.second_factor,
        created=text_of(row.created),
    )


class ProvisionedShown(Struct, frozen=True):
    """A login and its one-time password, which is shown this once."""

    login: LoginShown
    password: str


class SwitchShown(Struct, frozen=True, kw_only=True):
    """A kill switch of one side; a subject is stopped while either side's is on. `by` is a login's id."""

    kind: str
    subject: str
    side: str
    on: bool
    by: str
    at: str
    reason: str


def switch_of(row: Switch) -> SwitchShown:
    """A switch as it stands."""
    return SwitchShown(
        kind=row.kind.value,
        subject=row.subject,
        side=row.side.value,
        on=row.on,
        by=row.by,
        at=text_of(row.at),
        reason=row.reason,
    )


class ProposalShown(Struct, frozen=True, kw_only=True):
    """What one operator proposed for another to decide. `number` is the record of the command once it was given."""

    id: str
    command: str
    body: dict[str, Any]
    proposer: str
    proposed: str
    expires: str
    reason: str
    state: str
    decider: str | None
    decided: str | None
    decision_reason: str | None
    number: int | None
    rejected: bool | None


def proposal_of(row: Proposal) -> ProposalShown:
    """A proposal as it stands."""
    return ProposalShown(
        id=row.id,
        command=row.command,
        body=row.body,
        proposer=row.proposer,
        proposed=text_of(row.proposed),
        expires=text_of(row.expires),
        reason=row.reason,
        state=row.state.value,
        decider=row.decider,
        decided=_text_or_none(row.decided),
        decision_reason=row.decision_reason,
        number=row.number,
        rejected=row.rejected,
    )
