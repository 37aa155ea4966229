"""Participants, clients and permissions (market-rules PS-0, rulebook ACC-01, ACC-06, BRK-03)."""

from kirmash.messages import events
from kirmash.messages.commands import SetAdmission
from kirmash.messages.kinds import ParticipantKind, Side
from kirmash.office.reactors import react
from tests.office.desk import (
    COMPANIES,
    Desk,
    accredit,
    grant,
    register,
    register_client,
    reinstate,
    revoke,
    suspend,
)

BOTH = (ParticipantKind.BROKER, ParticipantKind.VISITOR)


def admitted(desk: Desk, participant: str = "ant") -> bool:
    """What the market will be told, by the follow-up of a permission taken that was never there."""
    command = revoke(participant, "none")
    ((_, _, follow_up),) = react(desk.number, command, desk.accepted(command), desk.office)
    assert isinstance(follow_up, SetAdmission)
    return follow_up.admitted


def test_a_registered_participant_is_recorded_as_it_was_given() -> None:
    """PS-0: the event has the command's fields, a kind given twice included; nobody is admitted by it."""
    desk = Desk()
    kinds = (ParticipantKind.BROKER, ParticipantKind.VISITOR, ParticipantKind.BROKER)
    (event,) = desk.accepted(register("ant", kinds=kinds, group="hill"))
    assert event == events.ParticipantRegistered(
        participant="ant", name="Ant Timber", country="BY", resident=True, kinds=kinds, group="hill"
    )
    assert not admitted(desk)


def test_a_participant_is_registered_once() -> None:
    """PS-0: registering an id that exists is already_exists, whatever else is given."""
    desk = Desk(register("ant"))
    assert desk.refused(register("ant", kinds=BOTH)) == [("already_exists", "participant")]


def test_participants_clients_and_traders_do_not_share_ids() -> None:
    """PS-13.8: only as a trader's id is `operator` reserved; a client may be called as a participant is."""
    desk = Desk(register("operator"), register("bee"))
    desk.accepted(register_client("bee", "bee"))
    desk.accepted(register_client("operator", "operator"))


def test_admitted_is_accredited_and_not_suspended() -> None:
    """PS-0: accredit ends no suspension, reinstate accredits nobody; all ways through the four states."""
    for accredited in (False, True):
        for suspended in (False, True):
            desk = Desk(register(), *[accredit()] * accredited, *[suspend()] * suspended)
            assert admitted(desk) == (accredited and not suspended)
            desk.accepted(accredit())
            assert admitted(desk) == (not suspended)
            desk.accepted(reinstate())
            assert admitted(desk)
    desk = Desk(register(), suspend(), reinstate())
    assert not admitted(desk)


def test_saying_again_what_holds_is_accepted() -> None:
    """PS-0: accredit, suspend, reinstate, grant and revoke may be repeated, each with its event, and change nothing."""
    for command in (accredit(), suspend(), reinstate(), grant(), revoke()):
        desk = Desk(register(), accredit(), command)
        before = desk.office.state()
        first = desk.accepted(command)
        assert len(first) == 1
        assert desk.accepted(command) == first
        assert desk.office.state() == before


def test_permissions_are_per_section_side_and_purpose() -> None:
    """ACC-06: revoking one leaves those that differ in a single term."""
    desk = Desk(
        register(),
        grant(section="forest"),
        grant(section="metal"),
        grant(side=Side.SELL),
        grant(purpose="domestic"),
        revoke(),
    )
    assert desk.office.registers.participants["ant"].permissions == (
        ("forest", Side.BUY, "domestic"),
        ("forest", Side.SELL, "export"),
        ("metal", Side.BUY, "export"),
    )


def test_an_unknown_participant_is_named_by_every_command_about_it() -> None:
    """PS-3.1: existence comes first; registering a client names its broker."""
    desk = Desk()
    for command in (accredit("fox"), suspend("fox"), reinstate("fox"), grant("fox"), revoke("fox")):
        assert desk.refused(command) == [("unknown_participant", "participant")]
    assert desk.refused(register_client("cat", "fox")) == [("unknown_participant", "broker")]


def test_a_client_belongs_to_one_broker_over_the_whole_exchange() -> None:
    """PS-0: clients have global ids, so another broker cannot register the same one."""
    desk = Desk(*COMPANIES)
    assert desk.refused(register_client("cat", "bee")) == [("already_exists", "client")]
    assert desk.refused(register_client("cat", "ant")) == [("already_exists", "client")]


def test_both_reasons_of_a_stage_are_given_at_once() -> None:
    """PS-3.2: all reasons of a stage together, ascending by number: 107 before 112."""
    desk = Desk(*COMPANIES)
    assert desk.refused(register_client("cat", "fox")) == [
        ("unknown_participant", "broker"),
        ("already_exists", "client"),
    ]


def test_a_client_may_be_registered_at_a_participant_that_is_no_broker() -> None:
    """PS-0 accepts it: the market refuses orders that name the client."""
    desk = Desk(register("ant", kinds=(ParticipantKind.VISITOR,)))
    (event,) = desk.accepted(register_client("cat", "ant", group="den"))
    assert event == events.ClientRegistered(
        broker="ant", client="cat", name="Cat Furniture", country="CN", resident=False, group="den"
    )


def test_suspension_keeps_its_words() -> None:
    """PS-0: reason and open_orders stand in the event."""
    desk = Desk(register())
    assert desk.accepted(suspend()) == (
        events.ParticipantSuspended(participant="ant", open_orders=suspend().open_orders, reason="fees unpaid"),
    )
    assert desk.accepted(reinstate()) == (events.ParticipantReinstated(participant="ant", reason="fees paid"),)
