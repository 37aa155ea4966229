"""Profiles: the latest hash of each person and the trader that he is (market-rules PS-0, record_profile)."""

from kirmash.messages import events
from kirmash.messages.codec import TIMETABLE
from kirmash.office import Office
from kirmash.office.reactors import react
from kirmash.office.registers import Profile
from tests.office.desk import COMPANIES, REACTOR, Desk, appoint, person, record_profile, trader, withdraw_trader

FIRST, SECOND = "ab" * 32, "cd" * 32


def test_a_profile_is_recorded_with_the_commands_fields() -> None:
    """PS-0: one event, and no follow-up: the market is not concerned."""
    desk = Desk(*COMPANIES, appoint())
    command = record_profile(person(), FIRST, "tom")
    made = desk.accepted(command)
    assert made == (events.ProfileRecorded(person=person(), profile=FIRST, trader="tom"),)
    assert list(react(desk.number, command, made, desk.office)) == []


def test_who_is_no_trader_may_have_a_profile() -> None:
    """PS-0: trader is null by default, for clerks and contacts of a participant."""
    desk = Desk()
    assert desk.accepted(record_profile(name=None)) == (
        events.ProfileRecorded(person=person(), profile=FIRST, trader=None),
    )


def test_a_new_version_replaces_hash_and_trader() -> None:
    """PS-0: accepted each time; what stands afterwards is what was given last, a trader left out included."""
    desk = Desk(*COMPANIES, appoint(), record_profile(person(), FIRST, "tom"), record_profile(person(2), FIRST, "tom"))
    desk.accepted(record_profile(person(), SECOND, "tom"))
    assert desk.office.registers.profiles[person()] == Profile(person(), SECOND, "tom")
    desk.accepted(record_profile(person(), SECOND, None))
    assert desk.office.registers.profiles == {
        person(): Profile(person(), SECOND, None),
        person(2): Profile(person(2), FIRST, "tom"),
    }


def test_the_same_again_is_accepted_and_changes_nothing() -> None:
    desk = Desk(*COMPANIES, appoint(), record_profile())
    before = desk.office.state()
    desk.accepted(record_profile())
    assert desk.office.state() == before


def test_a_trader_has_to_exist_and_may_have_been_withdrawn() -> None:
    """PS-0: unknown_trader for an id that was never appointed, `operator` among them."""
    desk = Desk(*COMPANIES, appoint(), withdraw_trader())
    for name in ("una", "operator"):
        assert desk.refused(record_profile(name=name)) == [("unknown_trader", "trader")]
    desk.accepted(record_profile(name="tom"))


def test_only_the_operator_records_a_profile() -> None:
    """PS-3.1: whoever else gives it is refused, together with what he named wrongly."""
    desk = Desk(*COMPANIES, appoint())
    for actor in (trader("tom"), TIMETABLE, REACTOR):
        assert desk.refused(record_profile(), actor) == [("actor_may_not", "by")]
    assert desk.refused(record_profile(name="una"), trader("zoe")) == [
        ("unknown_actor", "by"),
        ("unknown_trader", "trader"),
    ]


def test_the_profiles_outlive_a_restart() -> None:
    """EN-7: the last section of the state."""
    desk = Desk(*COMPANIES, appoint(), record_profile(), record_profile(person(2), SECOND, None))
    assert Office(desk.office.state()).registers.profiles == desk.office.registers.profiles
