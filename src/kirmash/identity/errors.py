"""Why identity says no: one class for each kind of refusal, with a code for programs and a cure for people.

Invariants: no text here or raised with these classes holds a password, a code, a token, a login name, an address or
any other datum of a person; ids that we made ourselves may stand in them. What a stranger could learn from is the same
text for every cause (LoginFailed). Rejects of the market are no part of this: they are events, not errors.
"""

SECOND_NS = 1_000_000_000


class Denied(Exception):
    """Identity refuses; `code` is for programs, the text says what, `cure` how to mend it (may be empty)."""

    code = "denied"

    def __init__(self, text: str, cure: str = "") -> None:
        super().__init__(text)
        self.cure = cure


class LoginFailed(Denied):
    """Name, password or code are wrong, or the login is blocked: which of them is not told."""

    code = "login_failed"

    def __init__(self) -> None:
        super().__init__("the login failed", "check name, password and code; an operator can reset or unblock a login")


class SecondFactorNeeded(Denied):
    """The password is right; the code of the second factor is still to be given."""

    code = "second_factor_needed"

    def __init__(self) -> None:
        super().__init__("a code of the second factor is needed", "repeat the login with the code of your device")


class Throttled(Denied):
    """Too fast or too often; `retry_after` are whole seconds, rounded up, None where waiting does not help."""

    code = "throttled"

    def __init__(self, text: str, retry_after: int | None, headers: dict[str, str] | None = None) -> None:
        cure = "send fewer commands at once" if retry_after is None else f"try again in {retry_after} s"
        super().__init__(text, cure)
        self.retry_after = retry_after
        self.headers = headers or {}


class PoolBusy(Throttled):
    """Too many passwords wait to be checked; nothing was checked or counted."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("too many logins at once", 1)


class SessionEnded(Denied):
    """The session is unknown, expired or was revoked."""

    code = "session_ended"

    def __init__(self) -> None:
        super().__init__("the session is over", "log in again")


class CsrfFailed(Denied):
    """The form's token does not belong to the session."""

    code = "csrf_failed"

    def __init__(self) -> None:
        super().__init__(
            "the token of the form does not belong to the session",
            "a program sends the token of /api/v1/me in X-CSRF-Token; in a browser, load the page again",
        )


class BadSignature(Denied):
    """A signed request that is not in order; `base` is the signature base as the exchange built it, where it did."""

    code = "bad_signature"

    def __init__(self, text: str, cure: str, base: str | None = None) -> None:
        super().__init__(text, cure)
        self.base = base


class Replayed(BadSignature):
    """The nonce was used before."""

    code = "replayed"

    def __init__(self) -> None:
        super().__init__("the nonce was used before", "sign each request anew, with a fresh random nonce")


class OutsideWindow(BadSignature):
    """`created` or `expires` do not fit the server's clock; `server_time` is that clock in whole seconds."""

    code = "outside_window"

    def __init__(self, text: str, server_time: int) -> None:
        super().__init__(text, f"set your clock; the server's clock shows {server_time}")
        self.server_time = server_time


class KeyRefused(BadSignature):
    """The key is unknown, expired or revoked, or its login is blocked."""

    code = "key_refused"

    def __init__(self, text: str) -> None:
        super().__init__(text, "use another key, or ask the one who manages your logins for one")


class NotAllowed(Denied):
    """The login may not do this."""

    code = "not_allowed"


class MustEnrol(NotAllowed):
    """An operator needs a second factor here, and has none yet."""

    code = "must_enrol"

    def __init__(self) -> None:
        super().__init__("a second factor is to be set up first", "set one up: POST /api/v1/totp")


class Stopped(NotAllowed):
    """A kill switch is on for the participant or the trader."""

    code = "stopped"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the kill switch of the {what} is on: only cancelling is possible",
            "whoever set it can lift it: the participant's administrator, or an operator",
        )


class PasswordRefused(Denied):
    """A new password that does not meet the rules."""

    code = "password_refused"


class NotFound(Denied):
    """There is no such login, key, session or proposal."""

    code = "not_found"


class Conflict(Denied):
    """The name is taken, or the thing is no longer in the state in which this could be done."""

    code = "conflict"


class IdReused(Conflict):
    """The login gave this client id for another proposal (PS-8)."""

    code = "id_reused"


class ProposalOver(Conflict):
    """A proposal that was decided or has expired; `state` is the one it is in."""

    code = "proposal_over"

    def __init__(self, state: str) -> None:
        super().__init__(f"the proposal is {state}", "make a new proposal")
        self.state = state


class StoreFailed(Denied):
    """identity.db cannot be read or written, or is none."""

    code = "unavailable"
