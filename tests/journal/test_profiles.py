"""Profiles: readable with the person's key, by nobody without it, and never changed unnoticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kirmash.journal.backup import backup
from kirmash.journal.errors import JournalDamaged, NotAJournal
from kirmash.journal.folder import BLOBS, JOURNAL_FILE, KEYS, Folder
from kirmash.journal.profiles import Forgotten, Profiles
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import CheckFailed, ProfilesFound, verify
from kirmash.market.choice import market_loader
from kirmash.messages import codec, events
from kirmash.messages.codec import OPERATOR
from kirmash.messages.commands import AppointTrader, Command, RecordProfile
from kirmash.sequencer.recovery import Replayed
from kirmash.sequencer.writer import Writer
from tests.journal.made import make_folder, replayed
from tests.journal.stand_ins import register

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


# Profiles that the journal names ---------------------------------------------------------------------------------


def give(folder: Path, *commands: Command) -> list[events.Event]:
    """The first event of each command, given to a writer over the reference market."""
    with Folder(folder) as locked:
        writer = Writer(locked, market_loader("reference"), clock=lambda: (1_700_000_000, 0))
        at = writer.start().machine.number
        answers = [
            writer.submit(OPERATOR, "test", f"c-{at}-{position}", command).result(60)
            for position, command in enumerate(commands)
        ]
        writer.stop()
    return [codec.decode_events(answer.events)[0] for answer in answers]


@pytest.fixture
def named(tmp_path: Path) -> tuple[Path, list[str], list[str]]:
    """A folder whose journal names two versions of one person's profile and one of another's; persons and hashes."""
    path = tmp_path / "named"
    with Folder.create(path) as created:
        Journal.create(created.journal, "tested").close()
    profiles = Profiles(path)
    persons = [profiles.new_person(), profiles.new_person()]
    hashes = [profiles.put(who, PROFILE) for who in (persons[0], persons[0], persons[1])]
    made = give(
        path,
        register("ant"),
        AppointTrader(trader="tom", participant="ant"),
        RecordProfile(person=persons[0], profile=hashes[0], trader="tom"),
        RecordProfile(person=persons[0], profile=hashes[1], trader="tom"),
        RecordProfile(person=persons[1], profile=hashes[2]),
    )
    assert made[2:] == [
        events.ProfileRecorded(person=persons[0], profile=hashes[0], trader="tom"),
        events.ProfileRecorded(person=persons[0], profile=hashes[1], trader="tom"),
        events.ProfileRecorded(person=persons[1], profile=hashes[2], trader=None),
    ]
    return path, persons, hashes


def found_in(path: Path, *, again: bool = True) -> ProfilesFound | None:
    """What verify says of the profiles."""
    load = market_loader("reference")
    return verify(path, (lambda exchange_id: Replayed(exchange_id, load)) if again else None).profiles


def kirmash(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """One word of the command line in a process of its own."""
    start = "import sys; from kirmash.cli import main; sys.exit(main())"
    env = {**os.environ, "KIRMASH_MARKET": "reference"}
    command = [sys.executable, "-c", start, *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, env=env, text=True)


def test_the_journal_verifies_after_a_person_was_forgotten(named: tuple[Path, list[str], list[str]]) -> None:
    """The real words over a real folder: the counts change, the hashes do not, and the exchange starts again."""
    path, persons, hashes = named
    before = kirmash("verify", path)
    assert before.returncode == 0, before.stderr
    assert "profiles    3 recorded: 3 files as recorded, 0 missing; 0 forgotten\n" in before.stdout
    assert kirmash("forget", path, persons[0]).returncode == 0
    after = kirmash("verify", path)
    assert after.returncode == 0, after.stderr
    assert "profiles    3 recorded: 3 files as recorded, 0 missing; 2 forgotten\n" in after.stdout
    assert after.stdout.replace("2 forgotten", "0 forgotten") == before.stdout
    with pytest.raises(Forgotten):
        Profiles(path).get(persons[0], hashes[0])
    assert Profiles(path).get(persons[1], hashes[2]) == PROFILE
    (again,) = give(path, RecordProfile(person=persons[1], profile=hashes[2], trader="tom"))
    assert isinstance(again, events.ProfileRecorded)
    assert kirmash("verify", path).returncode == 0


def test_nothing_of_a_person_is_in_the_journal_but_id_and_hash(named: tuple[Path, list[str], list[str]]) -> None:
    path, persons, hashes = named
    files = [file for file in path.iterdir() if file.name.startswith(JOURNAL_FILE)]
    data = b"".join(file.read_bytes() for file in files)
    assert PROFILE not in data
    for text in (*persons, *hashes):
        assert text.encode() in data
    for file in [*(path / BLOBS).iterdir(), *(path / KEYS).iterdir()]:
        assert file.read_bytes() not in data


@pytest.mark.parametrize("change", ["last", "first", "cut", "longer", "empty"])
@pytest.mark.parametrize("again", [True, False], ids=["replayed", "hashes-only"])
def test_a_changed_file_fails_the_check_and_is_named(
    named: tuple[Path, list[str], list[str]], change: str, again: bool
) -> None:
    """The older version of a profile, too, and also when the person was forgotten."""
    path, persons, hashes = named
    file = path / BLOBS / hashes[0]
    data = file.read_bytes()
    changed = {
        "last": data[:-1] + bytes([data[-1] ^ 1]),
        "first": bytes([data[0] ^ 1]) + data[1:],
        "cut": data[:-1],
        "longer": data + b"\0",
        "empty": b"",
    }
    file.write_bytes(changed[change])
    Profiles(path).forget(persons[0])
    with pytest.raises(CheckFailed, match="not what its name says") as failed:
        found_in(path, again=again)
    assert failed.value.file == file
    assert (failed.value.exit_code, failed.value.number) == (1, number_of(path, hashes[0]))


def number_of(path: Path, profile: str) -> int:
    """The number of the first record that holds this hash."""
    with Reader(path / JOURNAL_FILE) as reader:
        return next(number for number, data, _ in reader.records() if profile.encode() in data)


def test_a_changed_file_ends_the_word_with_1(named: tuple[Path, list[str], list[str]]) -> None:
    path, _, hashes = named
    (path / BLOBS / hashes[2]).write_bytes(b"forged")
    done = kirmash("verify", path)
    assert done.returncode == 1
    assert hashes[2] in done.stderr
    assert f"record {number_of(path, hashes[2])}" in done.stderr


def test_a_missing_file_is_counted_and_no_damage(named: tuple[Path, list[str], list[str]]) -> None:
    path, persons, hashes = named
    (path / BLOBS / hashes[1]).unlink()
    assert found_in(path) == ProfilesFound(recorded=3, present=2, forgotten=0)
    Profiles(path).forget(persons[1])
    found = found_in(path)
    assert found == ProfilesFound(recorded=3, present=2, forgotten=1)
    assert found.missing == 1


def test_a_folder_without_blobs_and_keys_verifies(named: tuple[Path, list[str], list[str]], tmp_path: Path) -> None:
    """What an auditor is given; of a journal file alone nothing is said about profiles."""
    path, _, _ = named
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / JOURNAL_FILE).write_bytes((path / JOURNAL_FILE).read_bytes())
    assert found_in(bare) == ProfilesFound(recorded=3, present=0, forgotten=3)
    assert found_in(bare / JOURNAL_FILE) is None


def test_a_profile_named_twice_is_counted_once(named: tuple[Path, list[str], list[str]]) -> None:
    path, persons, hashes = named
    give(path, RecordProfile(person=persons[0], profile=hashes[0]))
    assert found_in(path) == ProfilesFound(recorded=3, present=3, forgotten=0)


def test_a_file_that_no_record_names_is_not_looked_at(named: tuple[Path, list[str], list[str]]) -> None:
    """A profile is put before its command is given, and the command may never come."""
    path, persons, _ = named
    name = Profiles(path).put(persons[1], PROFILE)
    (path / BLOBS / name).write_bytes(b"torn")
    assert found_in(path) == ProfilesFound(recorded=3, present=3, forgotten=0)


def test_a_name_from_the_journal_leads_out_of_no_folder(named: tuple[Path, list[str], list[str]]) -> None:
    """Doors refuse such names; a program that gives commands by itself is no door, and verify opens nothing for it."""
    path, _, _ = named
    give(path, RecordProfile(person="../journal", profile=f"../{JOURNAL_FILE}"))
    assert found_in(path) == ProfilesFound(recorded=4, present=3, forgotten=1)


def test_a_backup_checks_the_profiles_that_it_copies(named: tuple[Path, list[str], list[str]], tmp_path: Path) -> None:
    path, _, hashes = named
    assert backup(path, tmp_path / "good").profiles == ProfilesFound(recorded=3, present=3, forgotten=0)
    (path / BLOBS / hashes[0]).write_bytes(b"forged")
    with pytest.raises(CheckFailed, match="not what its name says"):
        backup(path, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
