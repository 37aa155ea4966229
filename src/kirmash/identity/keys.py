"""API keys, and what the exchange demands of a signed request beyond that its signature is right.

Invariants: only public keys are kept; a key that is revoked or expired, or whose login is blocked, is good for nothing
from the same transaction on. A nonce is used up only by a request whose signature is right, so strangers cannot use up
another's; it is remembered, also over a restart, for as long as its request could be sent again. How signatures are
built and checked stands in signatures.py.
"""

import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kirmash.identity import signatures
from kirmash.identity.errors import (
    SECOND_NS,
    BadSignature,
    Conflict,
    Denied,
    KeyRefused,
    MustEnrol,
    NotFound,
    OutsideWindow,
    Replayed,
)
from kirmash.identity.logins import check_giver, who_of
from kirmash.identity.settings import Settings
from kirmash.identity.signatures import Request, Signature
from kirmash.identity.storage import Store
from kirmash.identity.tables import keys, logins, nonces
from kirmash.identity.who import ALL_SCOPES, Role, Scope, Who

NONCE_LENGTH_MIN: Final = 16
NONCE_LENGTH_MAX: Final = 128
LABEL_LENGTH_MAX: Final = 64
_FORGET_EVERY_NS: Final = 5 * SECOND_NS


class KeyRow(Struct, frozen=True, kw_only=True):
    """An API key as its owner sees it; times in UTC nanoseconds, None for never."""

    id: str
    login: str
    label: str
    public: bytes
    scopes: tuple[Scope, ...]
    created: int
    expires: int | None
    revoked: int | None


class Keys:
    """The tables of keys and nonces."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._forgotten_at = 0

    def add(
        self, login: str, public: str, label: str, scopes: tuple[Scope, ...], expires: int | None, by: str
    ) -> KeyRow:
        """A new key of a login. `public`: PEM or base64 of 32 bytes. Raises NotFound, Denied, NotAllowed,
        Conflict."""
        raw = signatures.public_key(public)
        if not scopes or not 1 <= len(label) <= LABEL_LENGTH_MAX:
            raise Denied("a key needs a scope and a label", f"name it with 1 to {LABEL_LENGTH_MAX} characters")
        now = self._store.clock.now()
        if expires is not None and expires <= now:
            raise Denied("the key would have expired already", "choose a later time")
        row = {
            "id": f"key-{secrets.token_hex(8)}",
            "login": login,
            "label": label,
            "public": raw,
            "scopes": " ".join(scope for scope in ALL_SCOPES if scope in scopes),
            "created": now,
            "expires": expires,
        }
        live = (keys.c.login == login) & keys.c.revoked.is_(None)
        with self._store.write() as connection:
            role = connection.execute(select(logins.c.role).where(logins.c.id == login)).scalar()
            if role is None:
                raise NotFound("there is no such login")
            if by != login:
                check_giver(Role(role), by)
            if connection.execute(select(keys.c.id).where(keys.c.public == raw)).first() is not None:
                raise Conflict("this public key is or was in use", "make a new pair of keys")
            if (connection.execute(select(func.count()).where(live)).scalar() or 0) >= self._settings.keys_max:
                raise Conflict(f"the login has {self._settings.keys_max} keys", "revoke one of them first")
            connection.execute(insert(keys), row)
            self._store.note(connection, by, "key_added", str(row["id"]), login)
            return _shown(connection.execute(select(keys).where(keys.c.id == row["id"])).one())

    def revoke(self, key: str, by: str) -> None:
        """A key is good for nothing from now on. Raises NotFound."""
        live = (keys.c.id == key) & keys.c.revoked.is_(None)
        with self._store.write() as connection:
            if connection.execute(update(keys).where(live), {"revoked": self._store.clock.now()}).rowcount != 1:
                raise NotFound("there is no such key in use")
            self._store.note(connection, by, "key_revoked", key)

    def find(self, *, login: str | None = None, participant: str | None = None) -> list[KeyRow]:
        """Keys in the order of their making, revoked ones too; all, or those of a login or a participant's logins."""
        query = select(keys).join(logins).order_by(keys.c.created, keys.c.id)
        if login is not None:
            query = query.where(keys.c.login == login)
        if participant is not None:
            query = query.where(logins.c.participant == participant)
        with self._store.read() as connection:
            return [_shown(row) for row in connection.execute(query)]

    def verify(self, request: Request) -> Who:
        """Who signed the request. Raises BadSignature and its kinds: form, window, key, digest, signature, nonce."""
        signature = signatures.parse(request)
        key_id, nonce, created = self._demand(request, signature)
        self._check_window(signature, created)
        row = self.usable(key_id)
        if request.body or request.lines("content-digest"):
            signatures.check_digest(request)
        signatures.verify(row.public, request, signature)
        self._use_nonce(key_id, nonce, created)
        return self._who(row)

    def _who(self, row: Row[Any]) -> Who:
        who = who_of(row, self._settings, via="key", key=row.key, scopes=_scopes(row.scopes))
        if who.must_enrol:
            raise MustEnrol
        return who

    def verify_challenge(self, nonce: str, key: str, created: int, text: bytes, signature: bytes) -> Who:
        """Who signed the text of a login on a connection, which holds its nonce, when, and by which key.

        Raises BadSignature and its kinds: window, key, signature, nonce.
        """
        self._check_age(created)
        row = self.usable(key)
        try:
            Ed25519PublicKey.from_public_bytes(row.public).verify(signature, text)
        except InvalidSignature:
            raise BadSignature(
                "the signature does not fit the login", "sign the login text with the key that is named"
            ) from None
        self._use_nonce(key, nonce, created)
        return self._who(row)

    def usable(self, key: str) -> Row[Any]:
        """A key that may sign now, with its login. Raises KeyRefused."""
        query = select(logins, keys.c.id.label("key"), keys.c.public, keys.c.scopes, keys.c.expires, keys.c.revoked)
        with self._store.read() as connection:
            row = connection.execute(query.join(keys).where(keys.c.id == key)).one_or_none()
        if row is None:
            raise KeyRefused("the key is not known")
        if row.revoked is not None:
            raise KeyRefused("the key was revoked")
        if row.expires is not None and row.expires <= self._store.clock.now():
            raise KeyRefused("the key has expired")
        if row.blocked:
            raise KeyRefused("the login of the key is blocked")
        return row

    def _demand(self, request: Request, signature: Signature) -> tuple[str, str, int]:
        covered = set(signature.components)
        if "@method" not in covered:
            raise BadSignature("the signature does not cover @method", 'add "@method" to the components')
        if "@target-uri" not in covered and not {"@path", "@query"} <= covered:
            raise BadSignature(
                "the signature does not cover where the request goes", 'add "@target-uri", or "@path" and "@query"'
            )
        if request.body and "content-digest" not in covered:
            raise BadSignature("the signature does not cover the body", 'send and cover "content-digest"')
        key_id, nonce, created = signature.text("keyid"), signature.text("nonce"), signature.whole("created")
        if key_id is None or nonce is None or created is None:
            raise BadSignature("the signature lacks created, nonce or keyid", "give all three as parameters")
        if not NONCE_LENGTH_MIN <= len(nonce) <= NONCE_LENGTH_MAX:
            raise BadSignature(
                "the nonce is too short or too long",
                f"use {NONCE_LENGTH_MIN} to {NONCE_LENGTH_MAX} random characters",
            )
        if signature.text("alg") not in (None, signatures.ALGORITHM):
            raise BadSignature("the algorithm is not known here", f'leave alg out or give alg="{signatures.ALGORITHM}"')
        return key_id, nonce, created

    def _check_window(self, signature: Signature, created: int) -> None:
        seconds = self._check_age(created)
        expires = signature.whole("expires")
        if expires is not None and expires <= seconds:
            raise OutsideWindow("the signature has expired", seconds)

    def _check_age(self, created: int) -> int:
        """Gives the server's time in whole seconds."""
        seconds, window = self._store.clock.now() // SECOND_NS, self._settings.signature_window
        if created < seconds - window:
            raise OutsideWindow(f"the signature is older than {window} s", seconds)
        if created > seconds + window:
            raise OutsideWindow(f"the signature is more than {window} s in the future", seconds)
        return seconds

    def _use_nonce(self, key: str, nonce: str, created: int) -> None:
        now = self._store.clock.now()
        # One second more than the window: the clock is compared in whole seconds.
        until = (created + self._settings.signature_window + 1) * SECOND_NS
        try:
            with self._store.write(quiet=True) as connection:
                connection.execute(insert(nonces), {"key": key, "nonce": nonce, "until": until})
                if abs(now - self._forgotten_at) > _FORGET_EVERY_NS:
                    connection.execute(delete(nonces).where(nonces.c.until <= now))
                    self._forgotten_at = now
        except IntegrityError:
            raise Replayed from None


def _shown(row: Row[Any]) -> KeyRow:
    return KeyRow(
        id=row.id,
        login=row.login,
        label=row.label,
        public=row.public,
        scopes=_scopes(row.scopes),
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
    )


def _scopes(text: str) -> tuple[Scope, ...]:
    return tuple(Scope(word) for word in text.split())
