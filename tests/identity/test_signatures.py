"""RFC 9421 and RFC 9530 as functions: the RFCs' own examples, and every form that is refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kirmash.identity import BadSignature, signatures
from kirmash.identity.signatures import Request

# RFC 9421, Appendix B.1.4 (test-key-ed25519, as JWK) and B.2 (test-request).
RFC_PUBLIC = base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")
RFC_PRIVATE = base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
RFC_INPUT = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"
RFC_BASE = """"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519\""""
RFC_FIELDS = (
    ("Host", "example.com"),
    ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("Content-Type", "application/json"),
    ("Content-Length", "18"),
)
RFC_TARGET = "https://example.com/foo?param=Value&Pet=dog"
RFC_BODY = b'{"hello": "world"}'


def rfc_request(signature_input: str = RFC_INPUT, signature: str = RFC_SIGNATURE) -> Request:
    fields = (*RFC_FIELDS, ("Signature-Input", signature_input), ("Signature", signature))
    return Request("POST", RFC_TARGET, fields, RFC_BODY)


def test_the_example_b_2_6_of_the_rfc_verifies() -> None:
    request = rfc_request()
    parsed = signatures.parse(request)
    assert signatures.base_of(request, parsed) == RFC_BASE
    signatures.verify(RFC_PUBLIC, request, parsed)


def test_signing_the_example_gives_the_fields_of_the_rfc() -> None:
    private = Ed25519PrivateKey.from_private_bytes(RFC_PRIVATE)
    components = ("date", "@method", "@path", "@authority", "content-type", "content-length")
    parameters: dict[str, str | int] = {"created": 1618884473, "keyid": "test-key-ed25519"}
    request = Request("POST", RFC_TARGET, RFC_FIELDS, RFC_BODY)
    assert signatures.sign(private, request, components, parameters, "sig-b26") == (
        ("Signature-Input", RFC_INPUT),
        ("Signature", RFC_SIGNATURE),
    )


OTHER_REQUESTS = {
    "method": Request("PUT", RFC_TARGET, rfc_request().headers, RFC_BODY),
    "path": Request("POST", "https://example.com/fo0", rfc_request().headers, RFC_BODY),
    "authority": Request("POST", "https://example.org/foo", rfc_request().headers, RFC_BODY),
    "field": Request("POST", RFC_TARGET, (*rfc_request().headers, ("Content-Length", "19")), RFC_BODY),
    "order": rfc_request(RFC_INPUT.replace('"date" "@method"', '"@method" "date"')),
    "parameters": rfc_request(
        RFC_INPUT.replace(
            ';created=1618884473;keyid="test-key-ed25519"', ';keyid="test-key-ed25519";created=1618884473'
        )
    ),
    "created": rfc_request(RFC_INPUT.replace("1618884473", "1618884474")),
    "fewer": rfc_request(RFC_INPUT.replace(' "content-length"', "")),
    "signature": rfc_request(signature=RFC_SIGNATURE.replace("wqcA", "wqcB")),
    "short": rfc_request(signature="sig-b26=:d3Fj:"),
}


@pytest.mark.parametrize("what", OTHER_REQUESTS)
def test_another_request_than_the_signed_one_is_refused_and_shows_our_base(what: str) -> None:
    request = OTHER_REQUESTS[what]
    parsed = signatures.parse(request)
    with pytest.raises(BadSignature, match="does not fit") as refused:
        signatures.verify(RFC_PUBLIC, request, parsed)
    assert refused.value.base == signatures.base_of(request, parsed)


REFUSED_FORMS = [
    ("a=()", "b=:AA==:", "different labels"),
    ('a=("@method"), b=("@method")', "a=:AA==:, b=:AA==:", "more than one"),
    ('a=("@method")', "a=:AA==:, b=:AA==:", "more than one"),
    ('a=("@method"), a=("@method")', "a=:AA==:", "twice"),
    ('a=("@method");created=1;created=2', "a=:AA==:", "twice"),
    ('a=("@method")', "a=:AA==:, a=:AA==:", "twice"),
    ('a=("@method" "@method")', "a=:AA==:", "covered twice"),
    ('a=("@method";req)', "a=:AA==:", "has parameters"),
    ('a=("date";bs)', "a=:AA==:", "has parameters"),
    ('a=("@query-param";name="x")', "a=:AA==:", "has parameters"),
    ('a=("@status")', "a=:AA==:", "not known here"),
    ('a=("@signature-params")', "a=:AA==:", "not known here"),
    ('a=("Date")', "a=:AA==:", "small letters"),
    ("a=(date)", "a=:AA==:", "small letters"),
    ("a=(1)", "a=:AA==:", "small letters"),
    ('a="@method"', "a=:AA==:", "no list"),
    ("a", "a=:AA==:", "no list"),
    ('a=("@method")', 'a="AA=="', "no byte sequence"),
    ('a=("@method")', "a=:AA==:;x=1", "no byte sequence"),
    ('a=("@method")', "a=AA==", "structured fields"),
    ('a=("@method"', "a=:AA==:", "structured fields"),
    ('a=("@method") é', "a=:AA==:", "structured fields"),
    ('a=("@method");created="1"', "a=:AA==:", "wrong form"),
    ('a=("@method");created=1.0', "a=:AA==:", "wrong form"),
    ('a=("@method");created=?1', "a=:AA==:", "wrong form"),
    ('a=("@method");created=@1', "a=:AA==:", "wrong form"),
    ('a=("@method");keyid=token', "a=:AA==:", "wrong form"),
    ('a=("@method");nonce=:AA==:', "a=:AA==:", "wrong form"),
    ('a=("@method");color="red"', "a=:AA==:", "not known here"),
    ("a=(" + '"x" ' * 2000 + ")", "a=:AA==:", "too long"),
    ("a=(" + " ".join(f'"x{n}"' for n in range(33)) + ")", "a=:AA==:", "too many"),
    ("", "a=:AA==:", "no Signature-Input"),
    ('a=("@method")', "", "no Signature"),
]


@pytest.mark.parametrize("signature_input, signature, text", REFUSED_FORMS)
def test_what_is_not_understood_is_refused_with_a_cure(signature_input: str, signature: str, text: str) -> None:
    with pytest.raises(BadSignature, match=text) as refused:
        signatures.parse(rfc_request(signature_input, signature))
    assert refused.value.cure


def test_a_second_signature_in_a_field_line_of_its_own_is_refused() -> None:
    request = rfc_request()
    more = Request("POST", RFC_TARGET, (*request.headers, ("signature", "other=:AA==:")), RFC_BODY)
    with pytest.raises(BadSignature, match="more than one"):
        signatures.parse(more)


def test_a_covered_field_that_is_not_there_is_named() -> None:
    request = rfc_request('sig-b26=("digest")')
    with pytest.raises(BadSignature, match='"digest" is not in the request'):
        signatures.base_of(request, signatures.parse(request))


def test_a_line_break_in_a_covered_field_cannot_pass_for_another_component() -> None:
    fields = (*rfc_request('sig-b26=("x")').headers, ("X", 'a\n"@method": GET'))
    request = Request("POST", RFC_TARGET, fields, RFC_BODY)
    with pytest.raises(BadSignature, match="cannot be signed"):
        signatures.base_of(request, signatures.parse(request))


# RFC 9421, sections 2.2.2 to 2.2.7.
DERIVED = [
    ("https://www.example.com/path?param=value", "@target-uri", "https://www.example.com/path?param=value"),
    ("https://www.EXAMPLE.com:443/path", "@authority", "www.example.com"),
    ("http://www.example.com:8080/", "@authority", "www.example.com:8080"),
    ("HTTP://www.example.com/", "@scheme", "http"),
    ("https://www.example.com", "@path", "/"),
    ("https://www.example.com/a%2Fb?x", "@path", "/a%2Fb"),
    ("https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman", "@query", "?param=value&foo=bar&baz=bat%2Dman"),
    ("https://www.example.com/path", "@query", "?"),
]


@pytest.mark.parametrize("target, component, value", DERIVED)
def test_derived_components_are_the_rfcs(target: str, component: str, value: str) -> None:
    parsed = signatures.Signature((component,), {"created": 1}, b"")
    base = signatures.base_of(Request("GET", target, ()), parsed)
    assert base == f'"{component}": {value}\n"@signature-params": ("{component}");created=1'


def test_values_of_a_field_in_several_lines_are_joined() -> None:
    """RFC 9421, section 2.1: in order, without blanks at the ends, with a comma and a blank between."""
    fields = (("X-A", " one "), ("Other", "x"), ("x-a", "two, three"), ("X-Empty", ""))
    parsed = signatures.Signature(("x-a", "x-empty"), {}, b"")
    base = signatures.base_of(Request("GET", RFC_TARGET, fields), parsed)
    assert base.splitlines()[:2] == ['"x-a": one, two, three', '"x-empty": ']


# RFC 9530, Appendix D and RFC 9421, B.2.
@pytest.mark.parametrize(
    "body, digest",
    [
        (b'{"hello": "world"}\n', "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
        (RFC_BODY, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
    ],
)
def test_digests_are_the_rfcs(body: bytes, digest: str) -> None:
    assert signatures.digest_field(body) == digest
    signatures.check_digest(Request("POST", RFC_TARGET, (("Content-Digest", digest),), body))


SHA_512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
GOOD = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"


@pytest.mark.parametrize("digest", [GOOD, f"{SHA_512}, {GOOD}", f"{GOOD}, unknown=:AA==:"])
def test_further_digests_may_stand_beside(digest: str) -> None:
    signatures.check_digest(Request("POST", RFC_TARGET, (("Content-Digest", digest),), RFC_BODY))


@pytest.mark.parametrize(
    "digest",
    [
        SHA_512,
        "sha-256=:AA==:",
        'sha-256="X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="',
        f"{GOOD}, sha-512=:AA==:",
        f"{GOOD}, {GOOD}",
        "sha-256",
        "",
    ],
)
def test_a_digest_that_is_not_the_bodys_is_refused(digest: str) -> None:
    with pytest.raises(BadSignature) as refused:
        signatures.check_digest(Request("POST", RFC_TARGET, (("Content-Digest", digest),), RFC_BODY))
    assert refused.value.cure


def test_public_keys_are_taken_as_pem_and_as_base64() -> None:
    key = Ed25519PrivateKey.from_private_bytes(RFC_PRIVATE).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert signatures.public_key(pem) == RFC_PUBLIC
    assert signatures.public_key(base64.b64encode(RFC_PUBLIC).decode()) == RFC_PUBLIC


EC_PEM = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
# The eight points of small order in the encodings that some libraries accept.
SMALL = [
    "00" * 32,
    "01" + "00" * 31,
    "00" * 31 + "80",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize(
    "text",
    ["", "AA==", "no base64!", "-----BEGIN PUBLIC KEY-----\n", EC_PEM.decode()]
    + [base64.b64encode(bytes.fromhex(point)).decode() for point in SMALL],
)
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(BadSignature, match="public key"):
        signatures.public_key(text)
