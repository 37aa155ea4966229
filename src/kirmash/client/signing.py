"""Requests signed by an API key (docs/guides/sign-a-request.md): Ed25519 over the signature base of RFC 9421."""

import base64
import hashlib
import secrets
import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_LABEL: Final = "sig"
_NONCE_BYTES: Final = 16


class Key:
    """An API key: its id at the exchange and its private half, which never leaves this object."""

    def __init__(self, key_id: str, private: Ed25519PrivateKey) -> None:
        self.id = key_id
        self._private = private

    @classmethod
    def from_pem(cls, key_id: str, file: Path, password: bytes | None = None) -> "Key":
        """The key of a PEM file, as `openssl genpkey -algorithm ed25519` makes it. Raises ValueError for another."""
        private = load_pem_private_key(file.read_bytes(), password)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"{file}: no Ed25519 key")
        return cls(key_id, private)

    def sign(self, data: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(data)).decode()

    def headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """The header fields that sign this request, once: each call takes a new nonce and the present time."""
        components = {"@method": method, "@target-uri": url}
        headers: dict[str, str] = {}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            components["content-digest"] = headers["Content-Digest"] = f"sha-256=:{digest}:"
        names = " ".join(f'"{name}"' for name in components)
        nonce = secrets.token_hex(_NONCE_BYTES)
        parameters = f'({names});created={int(time.time())};nonce="{nonce}";keyid="{self.id}"'
        lines = [f'"{name}": {value}' for name, value in components.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        headers["Signature-Input"] = f"{_LABEL}={parameters}"
        headers["Signature"] = f"{_LABEL}=:{self.sign(base.encode())}:"
        return headers
