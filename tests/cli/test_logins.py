"""`kirmash login reset`: who lost his password or telephone gets in again, as the same person, and nobody else does."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from argon2.profiles import CHEAPEST

from kirmash.cli import main
from kirmash.config import IDENTITY_FILE
from kirmash.identity import (
    Identity,
    LoginFailed,
    NewLogin,
    NotAllowed,
    Role,
    SecondFactorNeeded,
    SessionEnded,
)
from kirmash.identity.errors import ProposalOver

OWN = "a hare behind the barn"
ADDRESS = "192.0.2.7"


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """One word in this process: its code and what it printed."""
    try:
        code = main(["login", *words])
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr()
    return code, said.out, said.err


def password_of(out: str) -> str:
    (found,) = re.findall(r"(?m)^password +(\S+)$", out)
    return str(found)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the operators olga and oleg, who chose passwords of their own."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    new = [NewLogin(name=name, role=Role.OPERATOR, password=OWN, keep_password=True) for name in ("olga", "oleg")]
    with_identity(folder, lambda it: it.add_logins(new))
    return folder


def opened_again(folder: Path) -> Identity:
    """The file as another process has it open, whose own hashes are cheap."""
    return Identity(folder / IDENTITY_FILE, password_parameters=CHEAPEST)


def with_identity(folder: Path, work: Callable[[Identity], object]) -> object:
    """A piece of work of another process."""
    identity = opened_again(folder)
    try:
        found = work(identity)
        return asyncio.run(found) if asyncio.iscoroutine(found) else found
    finally:
        identity.close()


def test_a_lost_password_is_replaced_and_sessions_end(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = opened_again(data)
    before = asyncio.run(running.login("olga", OWN, ADDRESS))
    other = asyncio.run(running.login("oleg", OWN, ADDRESS))
    code, out, err = typed(capsys, "reset", "Olga", "--data", str(data))
    assert code == 0, err
    # Seen at once by the process that has the file open, as a running gateway has.
    with pytest.raises(SessionEnded):
        running.resolve(before.token)
    assert running.resolve(other.token) == other.who
    with pytest.raises(LoginFailed):
        asyncio.run(running.login("olga", OWN, ADDRESS))
    again = asyncio.run(running.login("olga", password_of(out), ADDRESS))
    with pytest.raises(NotAllowed):
        running.resolve(again.token)
    assert (again.who.login, again.who.operator) == (before.who.login, before.who.operator)
    [line] = [it for it in running.history(subject=before.who.login) if it.what == "reset"]
    assert (line.by, line.detail) == ("console", "")
    assert password_of(out) not in str(running.history())
    running.close()


def test_a_lost_telephone_is_forgotten_only_where_that_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = opened_again(data)
    login = running.logins(name="olga")[0].id
    parsed = pyotp.parse_uri(running.set_totp(login))
    assert isinstance(parsed, pyotp.TOTP)
    _, out, _ = typed(capsys, "reset", "olga", "--data", str(data))
    with pytest.raises(SecondFactorNeeded):
        asyncio.run(running.login("olga", password_of(out), ADDRESS))
    _, out, _ = typed(capsys, "reset", "olga", "--data", str(data), "--second-factor")
    opened = asyncio.run(running.login("olga", password_of(out), ADDRESS))
    assert opened.who.login == login
    assert not running.logins(login=login)[0].second_factor
    details = [it.detail for it in running.history(subject=login) if it.what == "reset"]
    assert details == ["", "with second factor"]
    running.close()


def test_who_was_reset_is_no_second_person(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four eyes: whoever proposed cannot approve, before a reset and after it; another still can."""
    running = opened_again(data)
    olga = asyncio.run(running.login("olga", OWN, ADDRESS))
    body = {"session": "timber", "reason": "the seller withdrew"}
    proposal = running.propose(olga.who, "cancel_session", body, "the seller withdrew")
    _, out, _ = typed(capsys, "reset", "olga", "--data", str(data))

    async def again() -> str:
        opened = await running.login("olga", password_of(out), ADDRESS)
        return (await running.change_password(opened.token, password_of(out), f"{OWN} again", ADDRESS)).token

    who = running.resolve(asyncio.run(again()))
    with pytest.raises(NotAllowed):
        running.approve(proposal.id, who)
    oleg = asyncio.run(running.login("oleg", OWN, ADDRESS))
    assert running.approve(proposal.id, oleg.who).command == "cancel_session"
    with pytest.raises(ProposalOver):
        running.approve(proposal.id, oleg.who)
    running.close()


def test_a_blocked_login_stays_blocked_and_that_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_identity(data, lambda it: it.block(it.logins(name="olga")[0].id, "left"))
    code, out, err = typed(capsys, "reset", "olga", "--data", str(data))
    assert code == 0
    assert "blocked" in err
    with pytest.raises(LoginFailed):
        with_identity(data, lambda it: it.login("olga", password_of(out), ADDRESS))


@pytest.mark.parametrize(
    "words",
    [
        ("reset", "nobody"),
        ("reset", "olga", "--role", "operator"),
        ("reset", "olga", "--participant", "alfa"),
        ("reset", "olga", "--trader", "t"),
        ("add", "new"),
        ("add", "new", "--role", "auditor", "--second-factor"),
        ("forget", "olga"),
    ],
)
def test_what_makes_no_sense_is_wrong_input_and_changes_nothing(
    data: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    before = with_identity(data, lambda it: (it.logins(), it.history()))
    code, out, err = typed(capsys, *words, "--data", str(data))
    assert (code, out) == (2, "")
    assert err
    assert with_identity(data, lambda it: (it.logins(), it.history())) == before


def test_a_reset_makes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = typed(capsys, "reset", "olga", "--data", str(tmp_path / "typo"))
    assert code == 2
    assert "no logins" in err
    assert not list(tmp_path.iterdir())
