"""The numbers of identity, each with its reason; a configuration file may set them, tests set them small.

Invariants: times are whole seconds; nothing here is a secret. Defaults in ‹› of the issue stand here and nowhere else.
"""

from typing import Final

import argon2
import argon2.profiles
from msgspec import Struct, field

PASSWORD_PARAMETERS: Final = argon2.profiles.RFC_9106_LOW_MEMORY
"""RFC 9106, the second recommended option: Argon2id, 3 passes, 64 MiB, 4 lanes, 128-bit salt, 256-bit tag."""


class Rate(Struct, frozen=True):
    """A token bucket: `tokens` come back in `seconds`, at most `burst` lie in it."""

    tokens: int
    burst: int
    seconds: int = 1


class Settings(Struct, frozen=True, kw_only=True):
    """How identity behaves.

    origin: scheme and host of the exchange as clients write it, for "@target-uri" and "@authority" where the target
    comes without them, e.g. `https://exchange.example`.
    signature_window: how far `created` may be from the server's clock, each way.
    manual: commands of a login by sessions (ORD-09); keys: commands of a login by API keys.
    login_address: tries by client address; login_name: tries on one login from addresses that never succeeded.
    operator_totp: an operator without a second factor may only set one up.
    credit_limits: by currency, as decimal text; a credit above it needs four eyes. A currency that is not named has
    the limit 0: every credit in it needs four eyes.
    """

    session_idle: int = 30 * 60
    session_absolute: int = 12 * 3600
    # A session's last use is written this seldom, so that reading a page does not write to the disk.
    session_touch: int = 20
    sessions_max: int = 20
    one_time_password: int = 72 * 3600
    password_length_min: int = 12
    # Argon2 hashes any length; a megabyte of password is only a way to keep us busy.
    password_length_max: int = 256
    password_threads: int = 2
    # Logins that wait for a thread; with some 100 ms each, whoever comes later had better come back.
    password_waiting_max: int = 32
    login_free_tries: int = 3
    login_delay_max: int = 15 * 60
    # At an address from which the login succeeded before: the owner may be sitting there beside the one who tries.
    login_delay_known_max: int = 60
    login_address: Rate = Rate(1, 30, seconds=2)
    login_name: Rate = Rate(1, 20, seconds=5)
    throttle_entries_max: int = 20_000
    operator_totp: bool = False
    manual: Rate = Rate(1, 5)
    keys: Rate = Rate(200, 400)
    origin: str = "http://localhost"
    signature_window: int = 30
    proposal: int = 24 * 3600
    keys_max: int = 20
    credit_limits: dict[str, str] = field(default_factory=dict)
    totp_issuer: str = "Kirmash"
