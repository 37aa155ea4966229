"""Profiles: readable with the person's key, by nobody without it, and never changed unnoticed."""

from pathlib import Path

import pytest

from kirmash.journal.backup import backup
from kirmash.journal.errors import JournalDamaged, NotAJournal
from kirmash.journal.folder import BLOBS, KEYS
from kirmash.journal.profiles import Forgotten, Profiles
from kirmash.journal.verify import verify
from tests.journal.made import make_folder, replayed

PROFILE = "Янка Купала, +375 17 000-00-00".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_folder(tmp_path / "data", (3, 3))
    return tmp_path / "data"


def all_bytes(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())


def test_a_profile_is_read_back_and_nowhere_in_clear(folder: Path) -> None:
    profiles = Profiles(folder)
    person = profiles.new_person()
    name = profiles.put(person, PROFILE)
    assert Profiles(folder).get(person, name) == PROFILE
    assert PROFILE not in all_bytes(folder)
    assert profiles.put(person, PROFILE) != name
    assert profiles.new_person() != person


def test_keys_are_for_the_owner_only(folder: Path) -> None:
    profiles = Profiles(folder)
    person = profiles.new_person()
    profiles.put(person, PROFILE)
    for path in (folder / KEYS, folder / BLOBS):
        assert path.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in path.iterdir())


def test_a_forgotten_person_cannot_be_read_and_the_journal_still_verifies(folder: Path) -> None:
    profiles = Profiles(folder)
    person, other = profiles.new_person(), profiles.new_person()
    first, second, others = (profiles.put(who, PROFILE) for who in (person, person, other))
    key = (folder / KEYS / f"{person}.key").read_bytes()
    profiles.forget(person)
    assert not profiles.knows(person)
    for name in (first, second):
        with pytest.raises(Forgotten):
            Profiles(folder).get(person, name)
    with pytest.raises(Forgotten):
        profiles.put(person, PROFILE)
    with pytest.raises(Forgotten):
        profiles.forget(person)
    assert key not in all_bytes(folder)
    assert profiles.get(other, others) == PROFILE
    verify(folder, replayed)


def test_forgetting_overwrites_before_it_removes(folder: Path, tmp_path: Path) -> None:
    profiles = Profiles(folder)
    person = profiles.new_person()
    file = folder / KEYS / f"{person}.key"
    (tmp_path / "link").hardlink_to(file)
    key = file.read_bytes()
    profiles.forget(person)
    assert not file.exists()
    assert (tmp_path / "link").read_bytes() != key


def test_one_persons_key_does_not_open_anothers_profile(folder: Path) -> None:
    profiles = Profiles(folder)
    person, other = profiles.new_person(), profiles.new_person()
    name = profiles.put(person, PROFILE)
    with pytest.raises(JournalDamaged, match="not written for"):
        profiles.get(other, name)


def test_a_changed_blob_is_damage(folder: Path) -> None:
    profiles = Profiles(folder)
    person = profiles.new_person()
    name = profiles.put(person, PROFILE)
    file = folder / BLOBS / name
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(JournalDamaged, match="not what its name says"):
        profiles.get(person, name)


@pytest.mark.parametrize("name", ["", "../lock", "0" * 64, "0" * 63 + "/"])
def test_a_name_that_is_no_blob_is_refused(folder: Path, name: str) -> None:
    profiles = Profiles(folder)
    with pytest.raises(NotAJournal):
        profiles.get(profiles.new_person(), name)


@pytest.mark.parametrize("person", ["", "person-1", "../journal", "person-" + "0" * 31 + "/"])
def test_what_is_no_persons_id_touches_no_file(folder: Path, person: str) -> None:
    before = all_bytes(folder)
    with pytest.raises(Forgotten):
        Profiles(folder).forget(person)
    assert all_bytes(folder) == before


def test_a_backup_has_the_profiles(folder: Path, tmp_path: Path) -> None:
    profiles = Profiles(folder)
    person = profiles.new_person()
    name = profiles.put(person, PROFILE)
    backup(folder, tmp_path / "copy")
    profiles.forget(person)
    assert Profiles(tmp_path / "copy").get(person, name) == PROFILE
