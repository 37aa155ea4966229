"""API keys and signed requests: what must be covered, the window, replay, and keys that are no longer good."""

import threading
from typing import Any

import pytest

from kirmash.identity import (
    BadSignature,
    Conflict,
    Denied,
    KeyRefused,
    NotAllowed,
    NotFound,
    OutsideWindow,
    Replayed,
    Role,
    Scope,
    Who,
)
from kirmash.identity.signatures import digest_field
from tests.identity.made import ORIGIN, SECOND, House, Signer

METHOD, TARGET, BODY = "POST", "/api/v1/commands/place_order?dry_run=true", b'{"side":"buy"}'
PARTS = ("@method", "@path", "@query", "content-digest")


@pytest.fixture
def signer(house: House) -> Signer:
    return Signer(house, house.make("anna").login.id)


def verify(house: House, headers: list[tuple[str, str]], **other: Any) -> Who:
    given = {"method": METHOD, "target": TARGET, "body": BODY} | other
    return house.identity.verify_signature(given["method"], given["target"], headers, given["body"])


def test_a_signed_request_is_from_the_keys_login(house: House, signer: Signer) -> None:
    who = verify(house, signer.headers())
    assert (who.login, who.role, who.trader, who.via, who.key) == (
        signer.row.login,
        Role.TRADER,
        "trader-anna",
        "key",
        signer.row.id,
    )
    house.identity.check_command(who, "place_order")


@pytest.mark.parametrize("components", [PARTS, ("content-digest", "@target-uri", "@method"), (*PARTS, "content-type")])
def test_either_way_to_cover_the_target_is_enough(house: House, signer: Signer, components: tuple[str, ...]) -> None:
    verify(house, signer.headers(components=components))


def test_an_absolute_target_is_taken_as_it_is(house: House, signer: Signer) -> None:
    verify(house, signer.headers(), target=ORIGIN + TARGET)
    with pytest.raises(BadSignature):
        verify(house, signer.headers(), target="https://elsewhere.example" + TARGET)


def test_a_request_without_body_needs_no_digest(house: House, signer: Signer) -> None:
    headers = signer.headers("GET", "/api/v1/orders", b"", ("@method", "@target-uri"))
    verify(house, headers, method="GET", target="/api/v1/orders", body=b"")


@pytest.mark.parametrize(
    "components, missing",
    [
        (("@target-uri", "content-digest"), "@method"),
        (("@method", "content-digest"), "@target-uri"),
        (("@method", "@path", "content-digest"), "@query"),
        (("@method", "@query", "content-digest"), "@path"),
        (("@method", "@target-uri"), "content-digest"),
        ((), "@method"),
    ],
)
def test_what_is_not_covered_is_said(house: House, signer: Signer, components: tuple[str, ...], missing: str) -> None:
    with pytest.raises(BadSignature) as refused:
        verify(house, signer.headers(components=components))
    assert missing in refused.value.cure


@pytest.mark.parametrize(
    "parameters, text",
    [
        ({"created": None}, "lacks"),
        ({"nonce": None}, "lacks"),
        ({"keyid": None}, "lacks"),
        ({"nonce": "short"}, "nonce"),
        ({"nonce": "n" * 129}, "nonce"),
        ({"alg": "rsa-pss-sha512"}, "algorithm"),
        ({"alg": "hmac-sha256"}, "algorithm"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "Ed25519"}, "algorithm"),
    ],
)
def test_what_the_parameters_lack_is_said(house: House, signer: Signer, parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(BadSignature, match=text):
        verify(house, signer.headers(**parameters))


def test_optional_parameters_may_be_given(house: House, signer: Signer) -> None:
    expires = house.clock.utc // SECOND + 5
    verify(house, signer.headers(alg="ed25519", expires=expires, tag="kirmash"))


@pytest.mark.parametrize(
    "other",
    [
        {"method": "PUT"},
        {"target": TARGET.replace("true", "false")},
        {"target": TARGET.removesuffix("?dry_run=true")},
        {"target": TARGET.replace("place_order", "amend_order")},
    ],
)
@pytest.mark.parametrize("components", [PARTS, ("@method", "@target-uri", "content-digest")])
def test_an_altered_request_is_refused(
    house: House, signer: Signer, other: dict[str, Any], components: tuple[str, ...]
) -> None:
    with pytest.raises(BadSignature, match="does not fit"):
        verify(house, signer.headers(components=components), **other)


def test_an_altered_body_is_refused_with_the_old_and_with_a_new_digest(house: House, signer: Signer) -> None:
    other = b'{"side":"sell"}'
    with pytest.raises(BadSignature, match="Content-Digest"):
        verify(house, signer.headers(), body=other)
    headers = [(name, digest_field(other) if name == "Content-Digest" else value) for name, value in signer.headers()]
    with pytest.raises(BadSignature, match="does not fit"):
        verify(house, headers, body=other)


def test_a_body_added_to_a_request_without_one_is_refused(house: House, signer: Signer) -> None:
    headers = signer.headers("POST", TARGET, b"", ("@method", "@target-uri"))
    with pytest.raises(BadSignature, match="does not cover the body"):
        verify(house, headers, body=b"{}")


def test_another_keys_signature_is_refused(house: House, signer: Signer) -> None:
    other = Signer(house, house.make("boris").login.id)
    with pytest.raises(BadSignature, match="does not fit"):
        verify(house, other.headers(keyid=signer.row.id))


@pytest.mark.parametrize("off, good", [(-31, False), (-30, True), (30, True), (31, False)])
def test_the_window_is_thirty_seconds_each_way(house: House, signer: Signer, off: int, good: bool) -> None:
    headers = signer.headers(created=house.clock.utc // SECOND + off)
    if good:
        verify(house, headers)
        return
    with pytest.raises(OutsideWindow) as refused:
        verify(house, headers)
    assert refused.value.server_time == house.clock.utc // SECOND
    assert str(refused.value.server_time) in refused.value.cure


def test_expires_is_kept(house: House, signer: Signer) -> None:
    headers = signer.headers(expires=house.clock.utc // SECOND + 3)
    house.clock.pass_seconds(3)
    with pytest.raises(OutsideWindow, match="expired"):
        verify(house, headers)


def test_a_request_is_taken_once_within_its_window_also_after_a_restart(house: House, signer: Signer) -> None:
    headers = signer.headers()
    verify(house, headers)
    for seconds in (0, 1, 29):
        house.clock.pass_seconds(seconds)
        house.restart()
        with pytest.raises(Replayed):
            verify(house, headers)
    house.clock.pass_seconds(1)
    with pytest.raises(OutsideWindow):
        verify(house, headers)


def test_a_request_from_a_fast_clock_is_remembered_for_all_its_window(house: House, signer: Signer) -> None:
    headers = signer.headers(created=house.clock.utc // SECOND + 30)
    verify(house, headers)
    for _ in range(60):
        house.clock.pass_seconds(1)
        verify(house, signer.headers())  # others come in between, and old nonces are forgotten
        with pytest.raises(Replayed):
            verify(house, headers)
    house.clock.pass_seconds(1)
    with pytest.raises(OutsideWindow):
        verify(house, headers)


def test_old_nonces_are_forgotten(house: House, signer: Signer) -> None:
    for _ in range(50):
        verify(house, signer.headers())
        house.clock.pass_seconds(10)
    with house.identity._store.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM nonces").scalar()
    assert kept is not None
    assert kept <= 5


def test_a_nonce_belongs_to_its_key(house: House, signer: Signer) -> None:
    other = Signer(house, house.make("boris").login.id)
    verify(house, signer.headers(nonce="the-same-nonce-for-both"))
    verify(house, other.headers(nonce="the-same-nonce-for-both"))


def test_a_stranger_cannot_use_up_a_nonce(house: House, signer: Signer) -> None:
    headers = signer.headers()
    with pytest.raises(BadSignature):
        verify(house, headers, method="PUT")
    verify(house, headers)


def test_of_many_threads_with_one_request_one_is_let_in(house: House, signer: Signer) -> None:
    headers, answers = signer.headers(), []

    def attempt() -> None:
        try:
            verify(house, headers)
            answers.append("in")
        except Replayed:
            answers.append("replayed")

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["in"] + ["replayed"] * 7


def test_an_expired_key_is_refused_from_its_second_on(house: House) -> None:
    login = house.make("anna").login.id
    signer = Signer(house, login, expires=house.clock.utc + 60 * SECOND)
    house.clock.pass_seconds(59)
    who = verify(house, signer.headers())
    house.identity.check_command(who, "place_order")
    house.clock.pass_seconds(1)
    with pytest.raises(KeyRefused, match="expired"):
        verify(house, signer.headers())
    with pytest.raises(KeyRefused, match="expired"):
        house.identity.check_command(who, "place_order")


def test_a_revoked_key_is_refused_at_once_also_on_an_open_connection(house: House, signer: Signer) -> None:
    who = verify(house, signer.headers())
    house.identity.check_command(who, "place_order")
    house.identity.revoke_key(signer.row.id)
    with pytest.raises(KeyRefused, match="revoked"):
        verify(house, signer.headers())
    with pytest.raises(KeyRefused, match="revoked"):
        house.identity.check_command(who, "place_order")
    with pytest.raises(NotFound):
        house.identity.revoke_key(signer.row.id)


def test_the_key_of_a_blocked_login_is_refused_until_it_is_unblocked(house: House, signer: Signer) -> None:
    who = verify(house, signer.headers())
    house.identity.check_command(who, "place_order")
    house.identity.block(signer.row.login, "a reason")
    with pytest.raises(KeyRefused, match="blocked"):
        verify(house, signer.headers())
    with pytest.raises(KeyRefused, match="blocked"):
        house.identity.check_command(who, "place_order")
    house.identity.unblock(signer.row.login, "a reason")
    verify(house, signer.headers())


def test_an_unknown_key_is_refused(house: House, signer: Signer) -> None:
    with pytest.raises(KeyRefused, match="not known"):
        verify(house, signer.headers(keyid="key-0000000000000000"))


def test_a_key_for_reading_gives_no_commands(house: House) -> None:
    signer = Signer(house, house.make("anna").login.id, scopes=(Scope.READ,))
    who = verify(house, signer.headers())
    with pytest.raises(NotAllowed, match="only read"):
        house.identity.check_command(who, "cancel_order")


def test_a_public_key_is_registered_once_and_a_login_has_at_most_twenty(house: House, signer: Signer) -> None:
    from base64 import b64encode

    again = b64encode(signer.row.public).decode()
    boris = house.make("boris").login.id
    with pytest.raises(Conflict):
        house.identity.add_key(boris, again, "stolen")
    with pytest.raises(NotFound):
        Signer(house, "login-0000000000000000")
    with pytest.raises(Denied):
        Signer(house, boris, expires=house.clock.utc)
    for _ in range(20):
        Signer(house, boris)
    with pytest.raises(Conflict):
        Signer(house, boris)
    assert len(house.identity.keys(login=boris)) == 20
    assert [row.id for row in house.identity.keys(participant="beta")] == []
    house.identity.revoke_key(house.identity.keys(login=boris)[0].id)
    Signer(house, boris)
