"""What the tests of identity share: clocks that are turned by hand, cheap hashing, and logins of each role."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import argon2.profiles
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kirmash.identity import Identity, KeyRow, NewLogin, Opened, Provisioned, Role, Settings, Who
from kirmash.identity.signatures import Request, digest_field, sign

T = TypeVar("T")
SECOND = 1_000_000_000
START = 1_700_000_000
ADDRESS = "192.0.2.7"
PASSWORD = "a goose on the green"
ORIGIN = "https://exchange.example"


class HandClock:
    """Both clocks, turned together."""

    def __init__(self) -> None:
        self.utc = START * SECOND
        self.steady = 5 * SECOND

    def now(self) -> int:
        return self.utc

    def monotonic(self) -> int:
        return self.steady

    def pass_seconds(self, seconds: int) -> None:
        self.utc += seconds * SECOND
        self.steady += seconds * SECOND


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class House:
    """An identity with its clock and ways to get logins quickly."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.clock = HandClock()
        self.path = folder / "identity.db"
        self.settings = settings or Settings(origin=ORIGIN)
        self.identity = self.another()

    def another(self) -> Identity:
        """The same file opened once more."""
        return Identity(self.path, self.clock, self.settings, password_parameters=argon2.profiles.CHEAPEST)

    def restart(self) -> None:
        self.identity.close()
        self.identity = self.another()

    def make(
        self, name: str, role: Role = Role.TRADER, participant: str | None = "alfa", person: str | None = None
    ) -> Provisioned:
        """A login with the password of all tests, not to be changed first."""
        of_one = role in (Role.TRADER, Role.PARTICIPANT_ADMIN)
        new = NewLogin(
            name=name,
            role=role,
            participant=participant if of_one else None,
            trader=f"trader-{name}" if role is Role.TRADER else None,
            person=person,
            password=PASSWORD,
            keep_password=True,
        )
        return run(self.identity.add_login(new))

    def enter(self, name: str, code: str | None = None, address: str = ADDRESS, password: str = PASSWORD) -> Opened:
        return run(self.identity.login(name, password, address, code))

    def who(self, name: str, role: Role = Role.TRADER, participant: str = "alfa", person: str | None = None) -> Who:
        self.make(name, role, participant, person)
        return self.enter(name).who


class Signer:
    """A program with a key, that signs rightly unless told otherwise."""

    def __init__(self, house: House, login: str, **how: Any) -> None:
        self.private = Ed25519PrivateKey.generate()
        pem = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.row: KeyRow = house.identity.add_key(login, pem, "program", **how)
        self.house = house
        self.count = 0

    def headers(
        self,
        method: str = "POST",
        target: str = "/api/v1/commands/place_order?dry_run=true",
        body: bytes = b'{"side":"buy"}',
        components: tuple[str, ...] = ("@method", "@target-uri", "content-digest"),
        **parameters: Any,
    ) -> list[tuple[str, str]]:
        """The header fields of a request; a parameter given as None is left out."""
        self.count += 1
        chosen: dict[str, Any] = {
            "created": self.house.clock.utc // SECOND,
            "nonce": f"nonce-{self.count:012}",
            "keyid": self.row.id,
        } | parameters
        given = {name: value for name, value in chosen.items() if value is not None}
        fields = (("Content-Type", "application/json"),) + ((("Content-Digest", digest_field(body)),) if body else ())
        request = Request(method, ORIGIN + target, fields, body)
        return [*fields, *sign(self.private, request, components, given)]
