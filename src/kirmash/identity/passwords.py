"""Passwords: hashing and checking in a pool of few threads, with a bounded queue.

Invariants: a password is in memory only for the call and in no text that is raised; checking costs the same for a
login that does not exist. The hash that is kept names its parameters, so that they can be raised later. Whose password
it is, and what follows from it, is not known here.
"""

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from kirmash.identity.errors import PasswordRefused, PoolBusy
from kirmash.identity.settings import Settings

T = TypeVar("T")

# Without those that look alike on paper; 20 of 30 are 98 bits.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz2346789"
_GROUPS: Final = 5
_GROUP: Final = 4


def one_time() -> str:
    """A random password to be read out and typed once, with hyphens between groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


class Passwords:
    """Argon2 behind a bounded pool; made once a process."""

    def __init__(self, parameters: argon2.Parameters, settings: Settings) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.password_threads, thread_name_prefix="password")
        self._waiting = 0
        self._lock = threading.Lock()
        # What an unknown login is checked against: same parameters, a password that nobody knows.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def check_rules(self, password: str) -> None:
        """Raises PasswordRefused for a new password that is too short or too long."""
        least, most = self._settings.password_length_min, self._settings.password_length_max
        if not least <= len(password) <= most:
            raise PasswordRefused("the password is too short or too long", f"choose {least} to {most} characters")
        if len(set(password)) < 5:
            raise PasswordRefused("the password repeats few characters", "choose at least five different ones")

    async def hash(self, password: str) -> str:
        """The text to be kept. Raises PoolBusy."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def hash_all(self, passwords: Sequence[str]) -> list[str]:
        """Many at once, for the one who sets up a demo or an exchange; the queue's bound is not applied."""
        loop = asyncio.get_running_loop()
        hashed = (loop.run_in_executor(self._pool, self._hasher.hash, _normal(password)) for password in passwords)
        return list(await asyncio.gather(*hashed))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the password of the hash; None, for a login that does not exist, takes as long and is False.

        Raises PoolBusy.
        """
        if len(password) > self._settings.password_length_max:
            password = ""
        matches = await self._run(lambda: self._matches(self._nobody if kept is None else kept, _normal(password)))
        return matches and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._waiting >= self._settings.password_threads + self._settings.password_waiting_max:
                raise PoolBusy
            self._waiting += 1
        future = self._pool.submit(work)
        # Counted until the thread is free again, even if the one who asked went away.
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """Lets running work end and stops the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _normal(password: str) -> str:
    # The same password typed on two keyboards may come as different code points.
    return unicodedata.normalize("NFKC", password)
