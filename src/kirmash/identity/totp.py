"""One-time codes of a second factor (RFC 6238: SHA-1, 6 digits, 30 s), as every authenticator makes them.

Invariants: pure functions; a code is found by its step, and a caller accepts only a step later than the last one it
accepted, durably. All steps of the window are compared in constant time. The clock is an argument.
"""

import hmac
from typing import Final

import pyotp

STEP_SECONDS: Final = 30
WINDOW: Final = 1
"""Steps before and after the present one that are still accepted (a slow hand, a clock that is off)."""


def new_secret() -> str:
    """160 random bits in base 32."""
    return pyotp.random_base32()


def uri(secret: str, name: str, issuer: str) -> str:
    """What the square code for the authenticator holds. It is a secret."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: str, code: str, now_seconds: int, last_step: int) -> int | None:
    """The step whose code this is, if it lies in the window and after `last_step`; else None."""
    present = now_seconds // STEP_SECONDS
    totp = pyotp.HOTP(secret)
    given = "".join(code.split()).encode()
    found: int | None = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(totp.at(step).encode(), given) and step > last_step:
            found = step
    return found
