"""Logins, passwords and the second factor: who gets in, who does not, and what a stranger can learn from it."""

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from pathlib import Path

import argon2
import argon2.profiles
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kirmash.identity import (
    PASSWORD_PARAMETERS,
    Conflict,
    Denied,
    Identity,
    LoginFailed,
    NewLogin,
    NotAllowed,
    NotFound,
    PasswordRefused,
    PoolBusy,
    Role,
    SecondFactorNeeded,
    SessionEnded,
    Settings,
)
from tests.identity.made import ADDRESS, PASSWORD, SECOND, HandClock, House, run


def secret_of(uri: str) -> str:
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    return parsed.secret


def test_the_right_password_opens_a_session_as_who_it_is(house: House) -> None:
    made = house.make("anna")
    opened = house.enter("anna")
    assert (opened.who.login, opened.who.role, opened.who.trader) == (made.login.id, Role.TRADER, "trader-anna")
    assert house.identity.resolve(opened.token) == opened.who


def test_a_name_is_the_same_however_it_is_typed(house: House) -> None:
    login = house.make("Straße").login.id
    for typed in ("straße", "  STRASSE ", "Strasse"):
        assert house.enter(typed).who.login == login


@pytest.mark.parametrize("name, password", [("anna", "a goose on the grey"), ("nobody", PASSWORD), ("", "")])
def test_wrong_names_and_wrong_passwords_are_one_answer(house: House, name: str, password: str) -> None:
    house.make("anna")
    with pytest.raises(LoginFailed) as refused:
        house.enter(name, password=password)
    assert str(refused.value) == "the login failed"


def test_a_blocked_login_gets_the_same_answer_and_its_sessions_end(house: House) -> None:
    made = house.make("anna")
    opened = house.enter("anna")
    house.identity.block(made.login.id, "left the firm")
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)
    with pytest.raises(LoginFailed, match=r"^the login failed$"):
        house.enter("anna")
    house.identity.unblock(made.login.id, "came back")
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)
    house.enter("anna")


def test_an_unknown_login_is_hashed_like_a_known_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function, once, with a hash of the same parameters: so the time tells nothing."""
    house.make("anna")
    seen: list[str] = []
    real = argon2.PasswordHasher.verify

    def watched(self: argon2.PasswordHasher, kept: str, password: str) -> bool:
        seen.append(kept)
        return bool(real(self, kept, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    for name in ("anna", "nobody"):
        with pytest.raises(LoginFailed):
            house.enter(name, password="wrong")
    known, unknown = (argon2.extract_parameters(kept) for kept in seen)
    assert known == unknown


def test_a_block_during_the_hashing_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = house.make("anna")
    real = argon2.PasswordHasher.verify

    def blocks_meanwhile(self: argon2.PasswordHasher, kept: str, password: str) -> bool:
        house.identity.block(made.login.id, "at this very moment")
        return bool(real(self, kept, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", blocks_meanwhile)
    with pytest.raises(LoginFailed):
        house.enter("anna")
    assert house.identity.sessions(made.login.id) == []


def test_passwords_cost_what_rfc_9106_asks_by_default() -> None:
    """RFC 9106, section 4, second option: t=3, p=4, m=2^16 KiB, 128-bit salt, 256-bit tag."""
    p = PASSWORD_PARAMETERS
    assert (p.type, p.time_cost, p.parallelism, p.memory_cost, p.salt_len, p.hash_len) == (
        argon2.Type.ID,
        3,
        4,
        65536,
        16,
        32,
    )


def test_a_hash_with_old_parameters_is_renewed_at_the_next_login(house: House) -> None:
    house.make("anna")
    house.identity.close()
    dearer = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 64, 1)
    later = Identity(house.path, house.clock, house.settings, password_parameters=dearer)
    kept = later._logins.by_name("anna")
    assert kept is not None
    assert argon2.extract_parameters(kept.password) == argon2.profiles.CHEAPEST
    run(later.login("anna", PASSWORD, ADDRESS))
    renewed = later._logins.by_name("anna")
    assert renewed is not None
    assert argon2.extract_parameters(renewed.password) == dearer
    run(later.login("anna", PASSWORD, ADDRESS))
    later.close()
    house.identity = house.another()


def test_too_many_logins_at_once_are_sent_away_and_the_loop_stays_free(tmp_path: Path) -> None:
    settings = Settings(password_threads=1, password_waiting_max=2)
    slow = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 32768, 1)
    identity = Identity(tmp_path / "identity.db", HandClock(), settings, password_parameters=slow)

    async def rush() -> tuple[list[object], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.002)
                ticks += 1

        ticking = asyncio.create_task(tick())
        tries = (identity.login(f"n{number}", "wrong", f"192.0.2.{number}") for number in range(8))
        answers = await asyncio.gather(*tries, return_exceptions=True)
        ticking.cancel()
        return list(answers), ticks

    answers, ticks = run(rush())
    assert sorted(type(answer).__name__ for answer in answers) == ["LoginFailed"] * 3 + ["PoolBusy"] * 5
    assert ticks >= 3
    assert issubclass(PoolBusy, Denied)
    identity.close()


def test_a_one_time_password_is_only_good_for_choosing_another(house: House) -> None:
    made = run(house.identity.add_login(NewLogin(name="olga", role=Role.OPERATOR)))
    opened = house.enter("olga", password=made.password)
    with pytest.raises(NotAllowed, match="one-time"):
        house.identity.resolve(opened.token)
    with pytest.raises(NotAllowed, match="one-time"):
        house.identity.check_command(opened.who, "annul_deal")
    assert house.identity.resolve(opened.token, changing_password=True).must_change
    changed = run(house.identity.change_password(opened.token, made.password, PASSWORD, ADDRESS))
    assert not house.identity.resolve(changed.token).must_change
    with pytest.raises(LoginFailed):
        house.enter("olga", password=made.password)


def test_a_one_time_password_lasts_three_days(house: House) -> None:
    made = run(house.identity.add_login(NewLogin(name="olga", role=Role.OPERATOR)))
    house.clock.pass_seconds(72 * 3600 - 1)
    house.enter("olga", password=made.password)
    house.clock.pass_seconds(1)
    with pytest.raises(LoginFailed):
        house.enter("olga", password=made.password)
    again = run(house.identity.reset(made.login.id))
    house.enter("olga", password=again.password)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 257, "the old one!"])
def test_new_passwords_meet_the_rules(house: House, password: str) -> None:
    house.make("anna")
    opened = house.enter("anna")
    old = PASSWORD
    if password == "the old one!":
        password = old
    with pytest.raises((PasswordRefused, Conflict)):
        run(house.identity.change_password(opened.token, old, password, ADDRESS))
    house.identity.resolve(opened.token)


def test_a_reset_ends_sessions_and_the_old_password(house: House) -> None:
    made = house.make("anna")
    opened = house.enter("anna")
    again = run(house.identity.reset(made.login.id))
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)
    with pytest.raises(LoginFailed):
        house.enter("anna")
    assert house.enter("anna", password=again.password).who.must_change


def test_the_second_factor_is_asked_for_after_the_password_only(house: House) -> None:
    made = house.make("anna")
    secret = secret_of(house.identity.set_totp(made.login.id))
    with pytest.raises(LoginFailed):
        house.enter("anna", password="wrong", code="000000")
    with pytest.raises(SecondFactorNeeded):
        house.enter("anna")
    right = pyotp.TOTP(secret).at(house.clock.utc // SECOND)
    with pytest.raises(LoginFailed):
        house.enter("anna", code=f"{(int(right) + 1) % 1_000_000:06}")
    house.clock.pass_seconds(10)
    house.enter("anna", code=right)


@pytest.mark.parametrize("steps, good", [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_of_one_step_before_and_after_are_taken(house: House, steps: int, good: bool) -> None:
    made = house.make("anna")
    secret = secret_of(house.identity.set_totp(made.login.id))
    code = pyotp.TOTP(secret).at(house.clock.utc // SECOND + 30 * steps)
    if good:
        house.enter("anna", code=code)
    else:
        with pytest.raises(LoginFailed):
            house.enter("anna", code=code)


def test_a_code_is_never_taken_twice_not_even_after_a_restart(house: House) -> None:
    made = house.make("anna")
    totp = pyotp.TOTP(secret_of(house.identity.set_totp(made.login.id)))
    now = house.clock.utc // SECOND
    house.enter("anna", code=totp.at(now))
    with pytest.raises(LoginFailed):
        house.enter("anna", code=totp.at(now))
    house.restart()
    with pytest.raises(LoginFailed):
        house.enter("anna", code=totp.at(now))
    with pytest.raises(LoginFailed):  # an earlier step than one that was used
        house.enter("anna", code=totp.at(now - 30))
    house.clock.pass_seconds(30)
    house.enter("anna", code=totp.at(now + 30))


def test_two_at_once_with_one_code_are_one_login(house: House) -> None:
    made = house.make("anna")
    totp = pyotp.TOTP(secret_of(house.identity.set_totp(made.login.id)))
    code = totp.at(house.clock.utc // SECOND)

    async def both() -> list[object]:
        tries = (house.identity.login("anna", PASSWORD, f"192.0.2.{n}", code) for n in range(4))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    assert sorted(type(answer).__name__ for answer in run(both())) == ["LoginFailed"] * 3 + ["Opened"]


def test_an_owner_sets_a_second_factor_and_it_counts_from_its_first_code_on(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    totp = pyotp.TOTP(secret_of(house.identity.start_totp(opened.token)))
    house.enter("anna")
    with pytest.raises(LoginFailed):
        house.identity.confirm_totp(opened.token, "12345", ADDRESS)
    confirmed = house.identity.confirm_totp(opened.token, totp.at(house.clock.utc // SECOND), ADDRESS)
    house.identity.resolve(confirmed.token)
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)
    with pytest.raises(SecondFactorNeeded):
        house.enter("anna")
    with pytest.raises(Conflict):
        house.identity.start_totp(confirmed.token)


WRONG_LOGINS = [
    NewLogin(name="x", role=Role.TRADER, participant="alfa"),
    NewLogin(name="x", role=Role.TRADER, trader="t"),
    NewLogin(name="x", role=Role.PARTICIPANT_ADMIN),
    NewLogin(name="x", role=Role.OPERATOR, participant="alfa"),
    NewLogin(name="x", role=Role.AUDITOR, trader="t"),
    NewLogin(name="two words", role=Role.AUDITOR),
    NewLogin(name="", role=Role.AUDITOR),
    NewLogin(name="x" * 65, role=Role.AUDITOR),
    NewLogin(name="x", role=Role.AUDITOR, language="la"),
]


@pytest.mark.parametrize("new", WRONG_LOGINS)
def test_a_login_has_exactly_the_ids_of_its_role(house: House, new: NewLogin) -> None:
    with pytest.raises(Denied):
        run(house.identity.add_login(new))
    assert house.identity.logins() == []


def test_names_and_traders_are_there_once_and_a_batch_is_all_or_nothing(house: House) -> None:
    house.make("anna")
    again = NewLogin(name="ANNA", role=Role.AUDITOR)
    fresh = NewLogin(name="boris", role=Role.AUDITOR)
    with pytest.raises(Conflict):
        run(house.identity.add_logins([fresh, again]))
    with pytest.raises(Conflict):
        run(house.identity.add_login(NewLogin(name="c", role=Role.TRADER, participant="b", trader="trader-anna")))
    assert [row.name for row in house.identity.logins()] == ["anna"]


def test_logins_are_given_out_in_parts(house: House) -> None:
    """Those of one batch are of one moment: their ids tell them apart."""
    new = [NewLogin(name=f"n{at}", role=Role.AUDITOR) for at in range(5)]
    run(house.identity.add_logins(new))
    house.make("anna")
    whole = [row.id for row in house.identity.logins()]
    assert len(whole) == 6
    found: list[str] = []
    while part := house.identity.logins(after=found[-1] if found else None, limit=4):
        assert len(part) <= 4
        found += [row.id for row in part]
    assert found == whole
    [anna] = house.identity.logins(role=Role.TRADER)
    assert anna.name == "anna"
    for none in ("login-unknown", anna.id):
        with pytest.raises(NotFound):
            house.identity.logins(role=Role.AUDITOR, after=none)


def test_a_thousand_logins_for_a_demo_take_seconds(house: House) -> None:
    new = [NewLogin(name=f"n{n}", role=Role.TRADER, participant="alfa", trader=f"t{n}") for n in range(1000)]
    start = time.perf_counter()
    made = run(house.identity.add_logins(new))
    assert time.perf_counter() - start < 10
    assert [one.login.name for one in made] == [one.name for one in new]
    assert house.enter("n999", password=made[999].password).who.trader == "t999"


def test_nothing_personal_is_logged_or_raised(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    new = NewLogin(name="anna.petrova", role=Role.AUDITOR, password=PASSWORD, keep_password=True)
    made = run(house.identity.add_login(new))
    opened = house.enter("anna.petrova")
    texts = [repr(made), repr(opened), repr(opened.who)]
    calls: list[Callable[[], object]] = [
        lambda: run(house.identity.add_login(new)),
        lambda: house.enter("anna.petrova", password="not-the-password"),
        lambda: house.identity.block("anna.petrova", "why"),
        lambda: [house.enter("anna.petrova", password="not-the-password") for _ in range(9)],
    ]
    for call in calls:
        with pytest.raises(Denied) as refused:
            call()
        texts.append(f"{refused.value!r} {refused.value.cure} {refused.value.__cause__!r}")
    texts += [str(line) for line in house.identity.history()] + [caplog.text]
    for secret in ("petrova", PASSWORD, "not-the-password", opened.token, opened.csrf, ADDRESS):
        assert not [text for text in texts if secret in text]


def test_history_says_who_did_what(house: House) -> None:
    made = house.make("anna")
    house.identity.block(made.login.id, "a reason", by="login-1")
    lines = [(line.by, line.what, line.subject, line.detail) for line in house.identity.history()]
    assert lines == [
        ("console", "login_added", made.login.id, "trader"),
        ("login-1", "blocked", made.login.id, "a reason"),
    ]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_means_of_access_of_the_exchanges_people_are_the_consoles_to_give(house: House, role: Role) -> None:
    """Who gives himself another operator's is both persons of four eyes."""
    by, other = house.make("olga", Role.OPERATOR).login.id, house.make("other", role)
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = base64.b64encode(raw).decode()
    for given in (
        lambda: run(house.identity.add_login(NewLogin(name="more", role=role), by)),
        lambda: run(house.identity.reset(other.login.id, by)),
        lambda: house.identity.set_totp(other.login.id, by),
        lambda: house.identity.add_key(other.login.id, public, "foisted", by=by),
    ):
        with pytest.raises(NotAllowed):
            given()
    assert house.enter("other").who.login == other.login.id, "the password is still good"
    assert house.identity.keys(login=other.login.id) == []
    assert house.identity.logins(name="more") == []
    assert run(house.identity.reset(other.login.id)).login.must_change
