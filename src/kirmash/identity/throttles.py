"""Throttles: token buckets for commands, growing delays for logins. In memory, on a monotonic clock.

Invariants: whole numbers only; a bucket is one time (the generic cell rate algorithm): the moment at which it would be
full again. Nothing here locks anybody out for good: every delay has an end, and a login's owner is not delayed by
others at an address from which he came in before. The memory is bounded; a restart forgets, which costs an attacker's
victim nothing but some tries. Who asks, and what for, is the caller's business.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from msgspec import Struct

from kirmash.identity.clock import Clock
from kirmash.identity.errors import SECOND_NS, Throttled
from kirmash.identity.settings import Rate, Settings


class Allowance(Struct, frozen=True):
    """What a throttle answered: whether it is allowed, the burst, what is left, and whole seconds, rounded up.

    `reset`: until the bucket is full again. `retry_after`: until what was asked would be allowed; 0 if it was, None if
    it never is because it is more than the burst.
    """

    name: str
    allowed: bool
    limit: int
    remaining: int
    reset: int
    window: int
    retry_after: int | None

    def headers(self) -> dict[str, str]:
        """The fields RateLimit and RateLimit-Policy (IETF draft, ratelimit-headers), and Retry-After if refused."""
        fields = {
            "RateLimit-Policy": f'"{self.name}";q={self.limit};w={self.window}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset}',
        }
        if not self.allowed and self.retry_after is not None:
            fields["Retry-After"] = str(self.retry_after)
        return fields


class Buckets:
    """Many token buckets of one kind, each by its key."""

    def __init__(self, name: str, clock: Clock, entries_max: int) -> None:
        self._name = name
        self._clock = clock
        self._entries_max = entries_max
        # By key, when its bucket is full again; in the order of last use.
        self._full_at: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable, rate: Rate, count: int = 1) -> Allowance:
        """Takes `count` tokens, all or none."""
        with self._lock:
            now = self._clock.monotonic()
            interval = rate.seconds * SECOND_NS // rate.tokens
            room = interval * rate.burst
            full_at = max(self._full_at.get(key, now), now)
            wanted = full_at + interval * count
            allowed = wanted - now <= room
            if allowed:
                full_at = wanted
                self._full_at[key] = full_at
                self._full_at.move_to_end(key)
                self._forget(now)
            over = None if count > rate.burst else max(0, wanted - now - room)
            return Allowance(
                name=self._name,
                allowed=allowed,
                limit=rate.burst,
                remaining=(room - (full_at - now)) // interval,
                reset=_seconds(full_at - now),
                window=_seconds(room),
                retry_after=None if over is None else 0 if allowed else _seconds(over),
            )

    def _forget(self, now: int) -> None:
        # Those that are full again, from the one used least recently on; where all are in use, that one itself.
        while self._full_at and next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
        while len(self._full_at) > self._entries_max:
            self._full_at.popitem(last=False)


class _Tries(Struct):
    failed: int
    until: int
    seen: int


class LoginThrottle:
    """Three guards of the login: by address and name together with growing delay, by address, by name.

    A try is counted when it begins, so that many at once do not slip through; success takes it back.
    """

    FORGET_NS: Final = 24 * 3600 * SECOND_NS

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._addresses = Buckets("login-address", clock, settings.throttle_entries_max)
        self._names = Buckets("login-name", clock, settings.throttle_entries_max)
        self._pairs: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        # Where a login came in from: the address of its owner, as far as anybody can tell.
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, name: str, address: str) -> None:
        """Counts a try. Raises Throttled."""
        pair = (name, network_of(address))
        with self._lock:
            now = self._clock.monotonic()
            tries = self._pairs.get(pair)
            if tries is not None and now - tries.seen > self.FORGET_NS:
                tries = None
            if tries is not None and tries.until > now:
                raise _throttled(_seconds(tries.until - now))
            self._ask(self._addresses, pair[1], self._settings.login_address)
            if pair not in self._known:
                self._ask(self._names, name, self._settings.login_name)
            failed = (tries.failed if tries else 0) + 1
            # 1, 2, 4 … seconds after the free tries. The exponent is bounded before it is used.
            over = min(failed - self._settings.login_free_tries, 30)
            most = self._settings.login_delay_known_max if pair in self._known else self._settings.login_delay_max
            delay = 0 if over < 0 else min(2**over, most)
            self._pairs[pair] = _Tries(failed, now + delay * SECOND_NS, now)
            self._pairs.move_to_end(pair)
            _bound(self._pairs, self._settings.throttle_entries_max)

    def succeeded(self, name: str, address: str) -> None:
        """The try was the owner's: his delays end, and others' tries no longer delay him at this address."""
        pair = (name, network_of(address))
        with self._lock:
            self._pairs.pop(pair, None)
            self._known[pair] = None
            self._known.move_to_end(pair)
            _bound(self._known, self._settings.throttle_entries_max)

    def _ask(self, buckets: Buckets, key: str, rate: Rate) -> None:
        asked = buckets.take(key, rate)
        if not asked.allowed:
            raise _throttled(asked.retry_after)


def network_of(address: str) -> str:
    """What counts as one client address: an IPv4 address, or the /64 of an IPv6 one, which one customer has whole."""
    try:
        parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((parsed, 64), strict=False))


def _throttled(retry_after: int | None) -> Throttled:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Throttled("too many tries to log in", retry_after, headers)


def _bound(entries: "OrderedDict[tuple[str, str], _Tries] | OrderedDict[tuple[str, str], None]", most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // SECOND_NS)
