"""Sessions: fixation, expiry, rotation, revocation, and the token against forged forms."""

import hashlib

import pytest

from kirmash.identity import CsrfFailed, NotFound, SessionEnded
from tests.identity.made import ADDRESS, PASSWORD, House, run


def test_a_cookie_from_before_the_login_is_worth_nothing_after_it(house: House) -> None:
    """Session fixation: what a stranger slipped in, or an older session, does not become the new one."""
    house.make("anna")
    first = house.enter("anna")
    second = run(house.identity.login("anna", PASSWORD, ADDRESS, previous=first.token))
    planted = run(house.identity.login("anna", PASSWORD, ADDRESS, previous="planted-by-a-stranger"))
    assert len({first.token, second.token, planted.token}) == 3
    for worthless in (first.token, "planted-by-a-stranger", "", second.who.session or ""):
        with pytest.raises(SessionEnded):
            house.identity.resolve(worthless)
    house.identity.resolve(second.token)


def test_the_cookie_has_256_bits_and_stands_nowhere_in_the_files(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    assert len(opened.token) == 43  # 32 bytes in base64url
    files = [path.read_bytes() for path in house.path.parent.iterdir()]
    assert not [file for file in files if opened.token.encode() in file or opened.csrf.encode() in file]
    assert [file for file in files if hashlib.sha256(opened.token.encode()).digest() in file]


def test_an_idle_session_ends_after_half_an_hour(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    for _ in range(3):
        house.clock.pass_seconds(29 * 60)
        house.identity.resolve(opened.token)
    house.clock.pass_seconds(30 * 60)
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)
    house.clock.pass_seconds(-60)  # a clock that is set back does not bring it back
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)


def test_looking_on_is_no_use(house: House) -> None:
    """A page that is left open asks for ever whether its session stands; nobody has used it since."""
    house.make("anna")
    opened = house.enter("anna")
    for _ in range(29):
        house.clock.pass_seconds(60)
        house.identity.check_standing(opened.who, use=False)
        assert house.identity.resolve(opened.token, use=False) == opened.who
    house.clock.pass_seconds(60)
    with pytest.raises(SessionEnded):
        house.identity.check_standing(opened.who, use=False)
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)


def test_who_looks_on_hears_of_use_elsewhere_and_of_the_end(house: House) -> None:
    """Used by a click in another tab it stands on for as long as from the click; revoked it ends at once."""
    house.make("anna")
    opened = house.enter("anna")
    house.clock.pass_seconds(20 * 60)
    house.identity.check_standing(opened.who, use=False)
    house.identity.resolve(opened.token)
    house.clock.pass_seconds(29 * 60)
    house.identity.check_standing(opened.who, use=False)
    house.clock.pass_seconds(60)
    with pytest.raises(SessionEnded):
        house.identity.check_standing(opened.who, use=False)
    again = house.enter("anna")
    house.identity.check_standing(again.who, use=False)
    house.identity.revoke_session(again.who.login, again.who.session or "")
    with pytest.raises(SessionEnded):
        house.identity.check_standing(again.who, use=False)


def test_who_gives_commands_uses_the_session_that_others_look_at(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    for _ in range(12):
        house.clock.pass_seconds(10 * 60)
        house.identity.check_standing(opened.who, use=False)
        house.identity.check_command(opened.who, "place_order")


def test_no_session_is_older_than_twelve_hours(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    for _ in range(12 * 6 - 1):
        house.clock.pass_seconds(600)
        house.identity.resolve(opened.token)
    house.clock.pass_seconds(600)
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)


def test_commands_on_a_long_connection_end_with_the_session(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    for _ in range(12 * 6 - 1):
        house.clock.pass_seconds(600)
        house.identity.check_command(opened.who, "place_order")
    house.clock.pass_seconds(600)
    with pytest.raises(SessionEnded):
        house.identity.check_command(opened.who, "place_order")


def test_commands_on_a_connection_that_idled_end(house: House) -> None:
    house.make("anna")
    opened = house.enter("anna")
    house.identity.check_command(opened.who, "place_order")
    house.clock.pass_seconds(30 * 60)
    with pytest.raises(SessionEnded):
        house.identity.check_command(opened.who, "place_order")


@pytest.mark.parametrize("how", ["logout", "revoke", "reset", "block", "password"])
def test_a_connection_notices_at_once_that_its_session_was_ended(house: House, how: str) -> None:
    made = house.make("anna")
    opened = house.enter("anna")
    house.identity.check_command(opened.who, "place_order")
    session = opened.who.session or ""
    match how:
        case "logout":
            house.identity.logout(opened.token)
        case "revoke":
            house.identity.revoke_session(made.login.id, session)
        case "reset":
            run(house.identity.reset(made.login.id))
        case "block":
            house.identity.block(made.login.id, "a reason")
        case _:
            run(house.identity.change_password(opened.token, PASSWORD, PASSWORD + "!", ADDRESS))
    with pytest.raises(SessionEnded):
        house.identity.check_command(opened.who, "place_order")
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened.token)


def test_a_change_of_password_ends_all_other_sessions(house: House) -> None:
    house.make("anna")
    other, mine = house.enter("anna"), house.enter("anna")
    changed = run(house.identity.change_password(mine.token, PASSWORD, "another goose, on the grey", ADDRESS))
    for old in (other, mine):
        with pytest.raises(SessionEnded):
            house.identity.resolve(old.token)
    house.identity.resolve(changed.token)


def test_sessions_are_listed_and_revoked_by_their_owner_only(house: House) -> None:
    anna, boris = house.make("anna").login.id, house.make("boris").login.id
    first, second = house.enter("anna"), house.enter("anna")
    listed = {row.id for row in house.identity.sessions(anna)}
    assert listed == {first.who.session, second.who.session}
    with pytest.raises(NotFound):
        house.identity.revoke_session(boris, first.who.session or "")
    house.identity.revoke_session(anna, first.who.session or "")
    assert [row.id for row in house.identity.sessions(anna)] == [second.who.session]
    house.clock.pass_seconds(30 * 60)
    assert house.identity.sessions(anna) == []


def test_a_login_has_at_most_twenty_sessions_the_oldest_ends(house: House) -> None:
    login = house.make("anna").login.id
    opened = []
    for _ in range(21):
        house.clock.pass_seconds(1)
        opened.append(house.enter("anna"))
    assert len(house.identity.sessions(login)) == 20
    with pytest.raises(SessionEnded):
        house.identity.resolve(opened[0].token)
    house.identity.resolve(opened[1].token)


def test_a_forms_token_belongs_to_one_session(house: House) -> None:
    house.make("anna")
    first, second = house.enter("anna"), house.enter("anna")
    house.identity.check_csrf(first.token, first.csrf)
    assert house.identity.csrf(first.token) == first.csrf
    for forged in (second.csrf, "", first.csrf[:-1], first.token, "я"):
        with pytest.raises(CsrfFailed):
            house.identity.check_csrf(first.token, forged)
