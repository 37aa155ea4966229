"""What all office commands have in common: actors, stages of reasons, one event (market-rules PS-0, PS-3)."""

import pytest

from kirmash.messages import codec, commands
from kirmash.messages.codec import TIMETABLE, Actor
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected, Refusal
from kirmash.messages.kinds import ActorKind, Phase
from kirmash.messages.limits import ORDINAL_MAX
from kirmash.messages.rejects import Reason
from kirmash.office import RULES, Office
from tests.office.desk import (
    COMPANIES,
    EVERY_COMMAND,
    NOON,
    REACTOR,
    Desk,
    accredit,
    annul,
    appoint,
    credit,
    open_contracts,
    register,
    register_client,
    request,
    settle,
    trader,
    withdraw_trader,
)

# PS-0: "Office commands give one event each"; open_contracts one a deal, settle_request by what the market said.
EVENT_NAMES = {
    "register_participant": "participant_registered",
    "accredit_participant": "participant_accredited",
    "suspend_participant": "participant_suspended",
    "reinstate_participant": "participant_reinstated",
    "register_client": "client_registered",
    "grant_permission": "permission_granted",
    "revoke_permission": "permission_revoked",
    "appoint_trader": "trader_appointed",
    "withdraw_trader": "trader_withdrawn",
    "list_card": "card_listed",
    "list_instrument": "instrument_listed",
    "credit_deposit": "deposit_credit_entered",
    "request_withdrawal": "withdrawal_requested",
    "confirm_withdrawal": "withdrawal_confirmed",
    "cancel_withdrawal": "withdrawal_cancelled",
    "perform_contract": "contract_performed",
    "terminate_contract": "contract_terminated",
    "annul_deal": "deal_annulled",
    "record_profile": "profile_recorded",
    "settle_request": "withdrawal_ready",
    "open_contracts": "contract_opened",
}
FOLLOW_UPS = ("settle_request", "open_contracts")


def name_of(message: object) -> str:
    return codec.name_of(type(message))  # type: ignore[arg-type]


def test_each_command_gives_its_one_event() -> None:
    """PS-0; and the desk's list leaves no command of the office out."""
    desk = Desk()
    for command in EVERY_COMMAND:
        events = desk.accepted(command)
        count = len(command.deals) if isinstance(command, commands.OpenContracts) else 1
        assert [name_of(event) for event in events] == [EVENT_NAMES[name_of(command)]] * count
    assert {name_of(command) for command in EVERY_COMMAND} == set(EVENT_NAMES)


def test_every_office_command_has_a_rule_and_no_other() -> None:
    """Each command belongs to exactly one decider."""
    assert set(RULES) == set(commands.OFFICE_COMMANDS)


def test_a_market_command_is_a_fault_of_the_caller() -> None:
    """It is not refused: whoever gives it to the office has lost the way."""
    with pytest.raises(TypeError, match="ChangePhase"):
        Desk().do(commands.ChangePhase(session="s-1", from_=Phase.INTAKE, to=Phase.TRADING))


@pytest.mark.parametrize("number", [0, -1, ORDINAL_MAX + 1])
def test_a_number_outside_the_journal_is_a_fault(number: int) -> None:
    """PS-9: numbers are below 2^53; PS-8.3: they start at 1."""
    with pytest.raises(AssertionError):
        Office().apply(number, NOON, codec.OPERATOR, register())


def test_the_last_number_of_all_is_still_decided() -> None:
    """PS-9: up to and including 2^53 − 1."""
    (event,) = Office().apply(ORDINAL_MAX, (253_402_300_799, 999_999_999), codec.OPERATOR, register())
    assert name_of(event) == "participant_registered"


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=name_of)
def test_who_may_give_a_command(command: Command) -> None:
    """PS-0, PS-3.1, EN-6.5: op means the operator; a trader may give none; a follow-up comes from a reactor alone.

    All is there that the commands name, but most were given before: only the actor's own reason is looked at.
    """
    desk = Desk(*COMPANIES, appoint("una"))
    follow_up = name_of(command) in FOLLOW_UPS
    strangers = [trader("una"), TIMETABLE, codec.OPERATOR if follow_up else REACTOR]
    for actor in strangers:
        assert desk.refused(command, actor)[0] == ("actor_may_not", "by")
    unknown = desk.refused(command, trader("zoe"))
    assert unknown[0] == ("unknown_actor", "by")
    assert "actor_may_not" not in [reason for reason, _ in unknown]
    (event,) = desk.do(command, REACTOR if follow_up else codec.OPERATOR)[:1]
    if isinstance(event, CommandRejected):
        assert {refusal.field for refusal in event.reasons}.isdisjoint({"by"})


def test_a_withdrawn_trader_is_still_known() -> None:
    """EN-6.5: known to the exchange is who was ever appointed, active or not."""
    desk = Desk(*COMPANIES, appoint("una"), withdraw_trader("una"))
    assert desk.refused(accredit(), trader("una")) == [("actor_may_not", "by")]
    assert desk.refused(accredit(), trader("operator")) == [("unknown_actor", "by")]


def test_the_actor_and_what_exists_are_one_stage() -> None:
    """PS-3.1, PS-3.2: existence of actor, participant, client, id are reported together, ascending."""
    desk = Desk(*COMPANIES, request(), appoint("una"))
    command = request(participant="fox", client="dog")
    rest = [("unknown_client", "client"), ("unknown_participant", "participant"), ("already_exists", "withdrawal")]
    assert desk.refused(command, trader("zoe")) == [("unknown_actor", "by"), *rest]
    assert desk.refused(command, trader("una")) == [("actor_may_not", "by"), *rest]


@pytest.mark.parametrize(
    "command, later",
    [
        (credit("ant", client="cat", amount="0.001"), "client_not_admitted"),
        (credit("ant", amount="0.001"), "not_whole_minor_units"),
        (annul(1), "contract_not_open"),
        (settle(), "withdrawal_not_open"),
    ],
)
def test_who_may_not_give_a_command_is_not_told_more(command: Command, later: str) -> None:
    """PS-3.2: a later stage is evaluated only if the earlier found nothing."""
    desk = Desk(*COMPANIES, appoint("una"), request(), settle(), open_contracts(1), annul(1))
    assert desk.refused(command) == [(later, desk.refused(command)[0][1])]
    assert desk.refused(command, trader("una")) == [("actor_may_not", "by")]


def test_a_reject_is_one_event_with_plain_reasons() -> None:
    """PS-3.3, EN-7: command_rejected with number and field, limits only where the reason has any."""
    desk = Desk(*COMPANIES)
    assert desk.do(register_client("cat", "fox")) == (
        CommandRejected(
            reasons=(
                Refusal(reason=Reason.UNKNOWN_PARTICIPANT, field="broker"),
                Refusal(reason=Reason.ALREADY_EXISTS, field="client"),
            )
        ),
    )


def test_a_refused_command_may_be_given_again_once_it_is_cured() -> None:
    """A reject takes no id: the same command succeeds when its reason is gone."""
    desk = Desk()
    assert desk.refused(register_client()) == [("unknown_participant", "broker")]
    desk.accepted(register("bee"))
    desk.accepted(register_client())


def test_two_offices_share_nothing() -> None:
    """Registers belong to one office: no default is shared between instances."""
    one, other = Desk(*EVERY_COMMAND), Desk()
    assert one.office.state() != other.office.state()
    assert other.office.state() == Office().state()


def test_an_actor_is_judged_by_kind_not_by_name() -> None:
    """A trader who calls himself a reactor or the timetable stays a trader."""
    desk = Desk(*COMPANIES, appoint("timetable"), appoint("contracts"))
    for name in ("timetable", "contracts"):
        assert desk.refused(open_contracts(1), Actor(ActorKind.TRADER, name)) == [("actor_may_not", "by")]
