"""Kill switches, and who may give commands at all."""

import pytest

from kirmash.identity import Denied, Identity, NotAllowed, Role, Side, Stopped, Subject, Who
from tests.identity.made import House, Signer


@pytest.fixture
def trader(house: House) -> Who:
    return house.who("anna")


@pytest.fixture
def admin(house: House) -> Who:
    return house.who("boss", Role.PARTICIPANT_ADMIN)


@pytest.fixture
def operator(house: House) -> Who:
    return house.who("olga", Role.OPERATOR)


def stopped(identity: Identity, who: Who) -> bool:
    try:
        identity.check_command(who, "place_order")
    except Stopped:
        return True
    return False


@pytest.mark.parametrize("role", [Role.PARTICIPANT_ADMIN, Role.AUDITOR])
def test_only_traders_and_operators_give_commands(house: House, role: Role) -> None:
    who = house.who("nina", role)
    with pytest.raises(NotAllowed, match=role.value):
        house.identity.check_command(who, "place_order")


@pytest.mark.parametrize("kind, subject", [(Subject.PARTICIPANT, "alfa"), (Subject.TRADER, "trader-anna")])
def test_a_switch_stops_orders_at_once_and_lets_cancel(
    house: House, trader: Who, admin: Who, kind: Subject, subject: str
) -> None:
    house.identity.check_command(trader, "place_order")
    house.identity.set_switch(kind, subject, on=True, by=admin, reason="a robot ran wild")
    for command in ("place_order", "amend_order"):
        with pytest.raises(Stopped, match=kind.value):
            house.identity.check_command(trader, command)
    for command in ("cancel_order", "mass_cancel"):
        house.identity.check_command(trader, command)
    house.identity.set_switch(kind, subject, on=False, by=admin, reason="mended")
    house.identity.check_command(trader, "place_order")


def test_a_switch_stops_nobody_else(house: House, trader: Who, admin: Who, operator: Who) -> None:
    colleague, rival = house.who("boris"), house.who("vera", participant="beta")
    house.identity.set_switch(Subject.TRADER, "trader-anna", on=True, by=admin, reason="a reason")
    assert [stopped(house.identity, who) for who in (trader, colleague, rival, operator)] == [True, False, False, False]
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=admin, reason="a reason")
    assert [stopped(house.identity, who) for who in (trader, colleague, rival, operator)] == [True, True, False, False]


def test_ids_of_participants_and_traders_are_not_mixed_up(house: House, trader: Who, operator: Who) -> None:
    house.identity.set_switch(Subject.PARTICIPANT, "trader-anna", on=True, by=operator, reason="a reason")
    house.identity.set_switch(Subject.TRADER, "alfa", on=True, by=operator, reason="a reason")
    assert not stopped(house.identity, trader)


def test_nobody_lifts_the_other_sides_switch(house: House, trader: Who, admin: Who, operator: Who) -> None:
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=operator, reason="margin")
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=False, by=admin, reason="no")
    assert stopped(house.identity, trader)
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=admin, reason="ours, too")
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=False, by=operator, reason="paid")
    assert stopped(house.identity, trader)
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=False, by=admin, reason="yes")
    assert not stopped(house.identity, trader)


def test_an_administrator_switches_his_own_only(house: House, trader: Who, admin: Who) -> None:
    house.who("vera", participant="beta")
    for kind, subject in (
        (Subject.PARTICIPANT, "beta"),
        (Subject.TRADER, "trader-vera"),
        (Subject.TRADER, "trader-unknown"),
        (Subject.TRADER, "alfa"),
    ):
        with pytest.raises(NotAllowed):
            house.identity.set_switch(kind, subject, on=True, by=admin, reason="a reason")
    with pytest.raises(NotAllowed):
        house.identity.set_switch(Subject.TRADER, "trader-anna", on=True, by=trader, reason="a reason")
    auditor = house.who("ada", Role.AUDITOR)
    with pytest.raises(NotAllowed):
        house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=auditor, reason="a reason")


def test_who_when_and_why_are_kept(house: House, admin: Who) -> None:
    with pytest.raises(Denied):
        house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=admin, reason="")
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=True, by=admin, reason="first")
    house.clock.pass_seconds(60)
    house.identity.set_switch(Subject.PARTICIPANT, "alfa", on=False, by=admin, reason="second")
    (now,) = house.identity.switches(participant="alfa")
    assert (now.on, now.by, now.at, now.reason, now.side) == (
        False,
        admin.login,
        house.clock.utc,
        "second",
        Side.PARTICIPANT,
    )
    lines = house.identity.history(subject="participant alfa")
    assert [(line.by, line.what, line.detail) for line in lines] == [
        (admin.login, "switch_on", "participant: first"),
        (admin.login, "switch_off", "participant: second"),
    ]


def test_switches_are_seen_by_their_participant_only(house: House) -> None:
    house.who("anna")
    house.who("vera", participant="beta")
    for kind, subject in (
        (Subject.TRADER, "trader-anna"),
        (Subject.TRADER, "trader-vera"),
        (Subject.PARTICIPANT, "beta"),
    ):
        house.identity.set_switch(kind, subject, on=True, by=None, reason="a reason")
    assert [found.subject for found in house.identity.switches(participant="alfa")] == ["trader-anna"]
    assert len(house.identity.switches()) == 3


def test_a_switch_set_by_another_process_is_seen_at_once_and_after_a_restart(house: House, trader: Who) -> None:
    assert not stopped(house.identity, trader)
    console = house.another()
    console.set_switch(Subject.TRADER, "trader-anna", on=True, by=None, reason="from the console")
    assert stopped(house.identity, trader)
    console.close()
    house.restart()
    assert stopped(house.identity, trader)


def test_a_switch_stops_keys_like_sessions(house: House, admin: Who) -> None:
    signer = Signer(house, house.make("boris").login.id)
    headers = signer.headers(body=b"", components=("@method", "@target-uri"))
    who = house.identity.verify_signature("POST", "/api/v1/commands/place_order?dry_run=true", headers, b"")
    house.identity.set_switch(Subject.TRADER, "trader-boris", on=True, by=admin, reason="a reason")
    assert stopped(house.identity, who)
