"""Who somebody is, once identity has found out: what every door, route and message is judged by.

Invariants: a `Who` holds opaque ids only, never a login name or a datum of a person, so it may be logged. It is what
was true when it was made: whoever keeps one over several commands (a WebSocket) asks `Identity.check_command` each
time.
"""

import enum
from typing import Final, Literal

from msgspec import Struct

CONSOLE: Final = "console"
"""Who acts where there is no login: whoever may read and write the data folder itself."""


class Role(enum.StrEnum):
    """What a login is for. Only traders and operators give commands to market and office."""

    PARTICIPANT_ADMIN = "participant-admin"
    TRADER = "trader"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class Scope(enum.StrEnum):
    """What an API key may be used for. A session has all of them."""

    READ = "read"
    COMMANDS = "commands"


ALL_SCOPES: Final = (Scope.READ, Scope.COMMANDS)

OF_PARTICIPANT: Final = frozenset({Role.PARTICIPANT_ADMIN, Role.TRADER})
"""The roles that belong to one participant and see only what is his."""

REDUCING: Final = frozenset({"cancel_order", "mass_cancel"})
"""Commands that a kill switch leaves possible: they can only take risk away."""


class Who(Struct, frozen=True, kw_only=True):
    """A login as one request or connection uses it.

    `trader` is the id in the journal's register for role trader, `operator` the opaque id for role operator. `via` says
    by what; `session` is the public id of the session (not the cookie), `key` the id of the API key. With `must_change`
    only the own password can be changed, with `must_enrol` only a second factor be set up.
    """

    login: str
    role: Role
    participant: str | None = None
    trader: str | None = None
    operator: str | None = None
    language: str = "en"
    person: str | None = None
    via: Literal["session", "key"]
    session: str | None = None
    key: str | None = None
    scopes: tuple[Scope, ...] = ALL_SCOPES
    must_change: bool = False
    must_enrol: bool = False
