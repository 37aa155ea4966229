"""Profiles: what is known of natural persons, encrypted under a key per person beside the journal (DESIGN: flow).

Invariants: the journal has only a person's random id and the hash of a ciphertext; destroying the one key file makes
all of a person's profiles unreadable, and nothing in the journal changes. Profiles are opaque bytes here.
"""

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kirmash.journal.errors import JournalDamaged, NotAJournal, StorageFailed
from kirmash.journal.folder import BLOBS, KEYS, sync_directory, write_durably
from kirmash.messages.kinds import HASH_PATTERN, PERSON_PATTERN

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BITS: Final = 256
_PERSON: Final = re.compile(PERSON_PATTERN, re.ASCII)
_HASH: Final = re.compile(HASH_PATTERN, re.ASCII)
_CHANGED: Final = "is not what its name says; take it from a backup"


class Forgotten(Exception):
    """The person's key was destroyed, or there never was one."""

    exit_code = 2


class Profiles:
    """The profiles of a data folder: ciphertexts in `blobs/`, named by their SHA-256, keys in `keys/`."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotAJournal(f"{folder}: no such data folder")
        self._blobs = folder.joinpath(BLOBS)
        self._keys = folder.joinpath(KEYS)

    def new_person(self) -> str:
        """A random id with a key of its own, durable."""
        person = f"person-{secrets.token_hex(16)}"
        _make_directory(self._keys)
        write_durably(self._key_file(person), AESGCM.generate_key(_KEY_BITS), mode=0o600)
        return person

    def put(self, person: str, profile: bytes) -> str:
        """Keep a profile; gives the hash (hex) by which the journal may name it. Durable when it returns.

        Raises Forgotten.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key(person)).encrypt(nonce, profile, person.encode())
        blob = _VERSION + nonce + sealed
        name = hashlib.sha256(blob).hexdigest()
        _make_directory(self._blobs)
        write_durably(self._blobs.joinpath(name), blob, mode=0o600)
        return name

    def get(self, person: str, blob_hash: str) -> bytes:
        """A profile by the hash that `put` gave. Raises Forgotten, and JournalDamaged where the file was changed."""
        key = self._key(person)
        file = self._blobs.joinpath(blob_hash)
        if not _HASH.fullmatch(blob_hash) or not file.is_file():
            raise NotAJournal(f"{self._blobs}: there is no {blob_hash}")
        blob = file.read_bytes()
        if hashlib.sha256(blob).hexdigest() != blob_hash or blob[:1] != _VERSION:
            raise JournalDamaged(file, None, _CHANGED)
        nonce, sealed = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, sealed, person.encode())
        except InvalidTag:
            raise JournalDamaged(file, None, f"was not written for {person}") from None

    def has(self, blob_hash: str) -> bool:
        """Whether the profile that the journal names so is there, as it was put. Needs no key.

        Raises JournalDamaged where the file was changed, StorageFailed where it cannot be read.
        """
        if not _HASH.fullmatch(blob_hash):
            return False
        file = self._blobs.joinpath(blob_hash)
        try:
            with file.open("rb") as blob:
                found = hashlib.file_digest(blob, "sha256").hexdigest()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageFailed(f"{file}: {error.strerror}") from error
        if found != blob_hash:
            raise JournalDamaged(file, None, _CHANGED)
        return True

    def knows(self, person: str) -> bool:
        """Whether the person's key is there."""
        return _PERSON.fullmatch(person) is not None and self._key_file(person).is_file()

    def forget(self, person: str) -> None:
        """Destroy the person's key for good: overwritten, then removed, durably. Raises Forgotten if it is gone."""
        file = self._key_file(person)
        try:
            handle = os.open(file, os.O_WRONLY)
        except FileNotFoundError:
            raise Forgotten(f"{person}: there is no key; the person was forgotten or never known") from None
        try:
            with contextlib.closing(os.fdopen(handle, "wb", buffering=0)) as key:
                key.write(secrets.token_bytes(os.fstat(handle).st_size))
                os.fsync(handle)
            file.unlink()
            sync_directory(self._keys)
        except OSError as error:
            raise StorageFailed(f"{file}: {error.strerror}") from error

    def _key(self, person: str) -> bytes:
        try:
            return self._key_file(person).read_bytes()
        except FileNotFoundError:
            raise Forgotten(f"{person}: there is no key; the person was forgotten or never known") from None

    def _key_file(self, person: str) -> Path:
        if not _PERSON.fullmatch(person):
            raise Forgotten(f"{person!r} is no person's id")
        return self._keys / f"{person}.key"


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}") from error
    sync_directory(path.parent)
