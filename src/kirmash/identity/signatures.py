"""HTTP message signatures (RFC 9421) and content digests (RFC 9530) as pure functions: parse, build the base, check.

Invariants: no clock, no database, no policy beyond what a request of ours can mean: one signature, plain components, no
component parameters, no field twice. Whatever the parser does not understand is refused, never ignored. Which
components and parameters the exchange demands, whose key it is and what was replayed stands in keys.py.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import http_sf
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from kirmash.identity.errors import BadSignature

Headers = Iterable[tuple[str, str]]
"""Field lines in the order received, a repeated field as often as it came."""

ALGORITHM: Final = "ed25519"
DERIVED: Final = ("@method", "@target-uri", "@authority", "@scheme", "@path", "@query")
PARAMETERS: Final = ("created", "expires", "nonce", "keyid", "alg", "tag")
_WHOLE: Final = frozenset({"created", "expires"})
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
COMPONENTS_MAX: Final = 32
FIELD_LENGTH_MAX: Final = 4096


class Request(Struct, frozen=True):
    """What is signed: method, target as an absolute URI with raw path and query, field lines, body as received."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def lines(self, name: str) -> list[str]:
        """All lines of a field, without the blanks round them."""
        return [value.strip(" \t") for field, value in self.headers if field.lower() == name]


class Signature(Struct, frozen=True):
    """The one signature of a request, parsed; `created` and `expires` in whole seconds."""

    components: tuple[str, ...]
    parameters: dict[str, str | int]
    signature: bytes

    def text(self, name: str) -> str | None:
        """A parameter that is text."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """A parameter that is an integer."""
        value = self.parameters.get(name)
        return value if isinstance(value, int) else None


def parse(request: Request) -> Signature:
    """The request's signature. Raises BadSignature where there is none, more than one, or one in a form not taken."""
    inputs, signatures = _dictionary(request, "signature-input"), _dictionary(request, "signature")
    if len(inputs) != 1 or len(signatures) != 1:
        _refuse("the request has more than one signature", "send exactly one member in Signature-Input and Signature")
    ((label, described),) = inputs.items()
    ((signed_label, signature),) = signatures.items()
    if label != signed_label:
        _refuse("Signature-Input and Signature have different labels", "give both the same label")
    if not isinstance(described[0], list):
        _refuse("Signature-Input is no list of components", 'write it as sig=("@method" …);created=…;keyid="…"')
    if not isinstance(signature[0], bytes) or signature[1]:
        _refuse("Signature is no byte sequence", "write it as sig=:BASE64:, without parameters")
    return Signature(_components(described[0]), _parameters(described[1]), signature[0])


def _refuse(text: str, cure: str) -> NoReturn:
    raise BadSignature(text, cure)


def _dictionary(request: Request, name: str) -> dict[str, Any]:
    shown = "-".join(part.capitalize() for part in name.split("-"))
    field = ", ".join(request.lines(name))
    if not field:
        _refuse(f"the request has no {shown}", "sign the request; the guide on signed requests shows how")
    if len(field) > FIELD_LENGTH_MAX:
        _refuse(f"{shown} is too long", f"send at most {FIELD_LENGTH_MAX} characters")

    def twice(_key: str, _context: str) -> NoReturn:
        _refuse(f"{shown} names something twice", "give each label and parameter once")

    try:
        parsed = http_sf.parse(field.encode("ascii"), tltype="dictionary", on_duplicate_key=twice)
    except (http_sf.StructuredFieldError, UnicodeEncodeError):
        raise BadSignature(f"{shown} is no dictionary of structured fields", "see RFC 9651, section 3.2") from None
    assert isinstance(parsed, dict)
    return parsed


def _components(given: list[Any]) -> tuple[str, ...]:
    names: list[str] = []
    if len(given) > COMPONENTS_MAX:
        _refuse("too many components are covered", f"cover at most {COMPONENTS_MAX}")
    for name, parameters in given:
        if not isinstance(name, str) or name != name.lower() or not name.isascii():
            _refuse("a component's name is no text in small letters", 'write names as "content-digest"')
        if parameters:
            _refuse(f'component "{name}" has parameters', "cover components without parameters")
        if name.startswith("@") and name not in DERIVED:
            _refuse(f'component "{name}" is not known here', "of derived components, cover " + ", ".join(DERIVED))
        if name in names:
            _refuse(f'component "{name}" is covered twice', "name each component once")
        names.append(name)
    return tuple(names)


def _parameters(given: dict[str, Any]) -> dict[str, str | int]:
    for name, value in given.items():
        if name not in PARAMETERS:
            _refuse(f"parameter {name} is not known here", "of parameters, use " + ", ".join(PARAMETERS))
        wanted = int if name in _WHOLE else str
        # By exact type: a boolean is an int to Python, a token or a date are neither text nor number here.
        if type(value) is not wanted:
            form = "a whole number of seconds" if wanted is int else "text in quotation marks"
            _refuse(f"parameter {name} is in the wrong form", f"give {name} as {form}")
    return given


def base_of(request: Request, signature: Signature) -> str:
    """The signature base (RFC 9421, section 2.5). Raises BadSignature where a covered component is not there."""
    lines = [f'"{name}": {_value(request, name)}' for name in signature.components]
    params: Any = [([(name, {}) for name in signature.components], signature.parameters)]
    return "\n".join([*lines, f'"@signature-params": {http_sf.ser(params)}'])


def _value(request: Request, name: str) -> str:
    if name.startswith("@"):
        value = _derived(request, name)
    else:
        lines = request.lines(name)
        if not lines:
            _refuse(f'the covered field "{name}" is not in the request', "send the field, or do not cover it")
        value = ", ".join(lines)
    # A line break would let one value pass for two components.
    if not value.isascii() or any(ord(letter) < 32 and letter != "\t" for letter in value):
        _refuse(
            f'component "{name}" holds characters that cannot be signed', "use visible ASCII, percent-encode the rest"
        )
    return value


def _derived(request: Request, name: str) -> str:
    target = urlsplit(request.target)
    match name:
        case "@method":
            return request.method
        case "@target-uri":
            return request.target
        case "@authority":
            return target.netloc.lower().removesuffix(_DEFAULT_PORTS.get(target.scheme.lower(), "\0"))
        case "@scheme":
            return target.scheme.lower()
        case "@path":
            return target.path or "/"
        case _:
            return "?" + target.query


def verify(public: bytes, request: Request, signature: Signature) -> None:
    """Raises BadSignature where the signature is not this key's over this request."""
    base = base_of(request, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature.signature, base.encode("ascii"))
    except InvalidSignature:
        raise BadSignature(
            "the signature does not fit the request",
            "build the signature base of RFC 9421, section 2.5, with components and parameters in the order of "
            "Signature-Input and the request exactly as it is sent, and sign it with the key that keyid names",
            base,
        ) from None


def digest_field(body: bytes) -> str:
    """The Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_digest(request: Request) -> None:
    """Raises BadSignature where Content-Digest is not there with sha-256, or any digest of ours is not the body's."""
    found = _dictionary(request, "content-digest")
    if "sha-256" not in found:
        _refuse("Content-Digest has no sha-256", "send Content-Digest: sha-256=:BASE64:")
    for name, made in (("sha-256", hashlib.sha256), ("sha-512", hashlib.sha512)):
        if name not in found:
            continue
        given = found[name][0]
        if not isinstance(given, bytes) or not hmac.compare_digest(given, made(request.body).digest()):
            _refuse(
                f"Content-Digest's {name} is not that of the body",
                "compute it over the bytes of the body as they are sent, and encode it in base 64",
            )


# Points of small order, by their y (the sign bit is no part of it), canonical or not: under such a "key" one signature
# fits many messages, so its owner could deny what he signed.
_P: Final = 2**255 - 19
_Y8: Final = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _P, _P + 1, _Y8, _P - _Y8})


def public_key(text: str) -> bytes:
    """The 32 bytes of an Ed25519 public key given as PEM, or as base64 of the bytes. Raises BadSignature."""
    cure = "give the output of `openssl pkey -in key.pem -pubout`"
    if "-----BEGIN" in text:
        try:
            key = load_pem_public_key(text.encode())
        except ValueError:
            raise BadSignature("this is no public key", cure) from None
        if not isinstance(key, Ed25519PublicKey):
            raise BadSignature("this is a public key of another kind than Ed25519", cure)
        raw = key.public_bytes_raw()
    else:
        try:
            raw = base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            raise BadSignature("this is no public key", cure) from None
    if len(raw) != 32 or int.from_bytes(raw, "little") % 2**255 in _SMALL_ORDER:
        raise BadSignature("this is no Ed25519 public key that can be used", cure)
    return raw


def sign(
    private: Any, request: Request, components: Sequence[str], parameters: dict[str, str | int], label: str = "sig"
) -> tuple[tuple[str, str], tuple[str, str]]:
    """The fields Signature-Input and Signature for a request, by an Ed25519 private key; for clients and tests."""
    unsigned = Signature(tuple(components), parameters, b"")
    params: Any = [([(name, {}) for name in components], parameters)]
    made = base64.b64encode(private.sign(base_of(request, unsigned).encode("ascii"))).decode()
    return ("Signature-Input", f"{label}={http_sf.ser(params)}"), ("Signature", f"{label}=:{made}:")
