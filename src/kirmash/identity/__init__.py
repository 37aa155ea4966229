"""Who somebody is: logins, sessions, signed requests, throttles, kill switches and four eyes, over identity.db.

Invariants: nothing of the market or the office is known or decided here, and nothing of the journal is read; names of
persons and ways to reach them are never kept here. Public are the names below; docs/internals/identity.md has the plan.
"""

from kirmash.identity.access import Provisioned
from kirmash.identity.clock import Clock, SystemClock
from kirmash.identity.errors import (
    BadSignature,
    Conflict,
    CsrfFailed,
    Denied,
    KeyRefused,
    LoginFailed,
    NotAllowed,
    NotFound,
    OutsideWindow,
    PasswordRefused,
    PoolBusy,
    ProposalOver,
    Replayed,
    SecondFactorNeeded,
    SessionEnded,
    Stopped,
    StoreFailed,
    Throttled,
)
from kirmash.identity.facade import HistoryLine, Identity
from kirmash.identity.keys import KeyRow
from kirmash.identity.logins import LoginRow, NewLogin
from kirmash.identity.proposals import Approved, Proposal, State
from kirmash.identity.sessions import Opened, SessionRow
from kirmash.identity.settings import PASSWORD_PARAMETERS, Rate, Settings
from kirmash.identity.switches import Side, Subject, Switch
from kirmash.identity.throttles import Allowance
from kirmash.identity.who import Role, Scope, Who

__all__ = [
    "PASSWORD_PARAMETERS",
    "Allowance",
    "Approved",
    "BadSignature",
    "Clock",
    "Conflict",
    "CsrfFailed",
    "Denied",
    "HistoryLine",
    "Identity",
    "KeyRefused",
    "KeyRow",
    "LoginFailed",
    "LoginRow",
    "NewLogin",
    "NotAllowed",
    "NotFound",
    "Opened",
    "OutsideWindow",
    "PasswordRefused",
    "PoolBusy",
    "Proposal",
    "ProposalOver",
    "Provisioned",
    "Rate",
    "Replayed",
    "Role",
    "Scope",
    "SecondFactorNeeded",
    "SessionEnded",
    "SessionRow",
    "Settings",
    "Side",
    "State",
    "Stopped",
    "StoreFailed",
    "Subject",
    "Switch",
    "SystemClock",
    "Throttled",
    "Who",
]
