"""Four eyes: what needs them, who may decide, and that a decision is given to the exchange exactly once in effect."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kirmash.identity import Conflict, Denied, NotAllowed, NotFound, ProposalOver, Role, Settings, State, Who
from kirmash.messages.limits import CLIENT_ID_BYTES_MAX
from tests.identity.made import ORIGIN, House

ANNUL = {"deal": 7, "reason": "a wrong lot"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, Settings(origin=ORIGIN, credit_limits={"EUR": "100000.00"}))
    yield made
    made.identity.close()


@pytest.fixture
def first(house: House) -> Who:
    return house.who("olga", Role.OPERATOR)


@pytest.fixture
def second(house: House) -> Who:
    return house.who("otto", Role.OPERATOR)


NEEDS: list[tuple[str, dict[str, Any], bool]] = [
    ("annul_deal", ANNUL, True),
    ("cancel_session", {"session": "s", "reason": "r"}, True),
    ("halt_session", {"session": "s"}, False),
    ("credit_deposit", {"currency": "EUR", "amount": "99999.99"}, False),
    ("credit_deposit", {"currency": "EUR", "amount": "100000"}, False),
    ("credit_deposit", {"currency": "EUR", "amount": "100000.01"}, True),
    ("credit_deposit", {"currency": "USD", "amount": "0.01"}, True),
    ("credit_deposit", {"currency": "EUR", "amount": "NaN"}, True),
    ("credit_deposit", {"currency": "EUR", "amount": "-5"}, True),
    ("credit_deposit", {"currency": "EUR", "amount": 5}, True),
    ("credit_deposit", {"amount": "5"}, True),
]


@pytest.mark.parametrize("command, body, needed", NEEDS)
def test_what_needs_a_second_operator(house: House, command: str, body: dict[str, Any], needed: bool) -> None:
    assert house.identity.needs_four_eyes(command, body) is needed


def test_approval_by_another_gives_the_command(house: House, first: Who, second: Who) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "see the call of 10:14")
    assert (proposal.state, proposal.proposer, proposal.body) == (State.OPEN, first.login, ANNUL)
    approved = house.identity.approve(proposal.id, second)
    assert (approved.command, approved.body) == ("annul_deal", ANNUL)
    assert (approved.operator, approved.approver) == (first.operator, second.operator)
    assert len(approved.client_id.encode()) <= CLIENT_ID_BYTES_MAX
    (now,) = house.identity.proposals()
    assert (now.state, now.decider, now.decided) == (State.APPROVED, second.login, house.clock.utc)


def test_the_proposer_cannot_approve_not_with_another_session_or_login_either(house: House, first: Who) -> None:
    person = "person-" + "1" * 32
    mine = house.who("oskar", Role.OPERATOR, person=person)
    twin = house.who("oskar2", Role.OPERATOR, person=person)
    proposal = house.identity.propose(mine, "annul_deal", ANNUL, "a reason")
    for same in (mine, house.enter("oskar").who, twin):
        with pytest.raises(NotAllowed):
            house.identity.approve(proposal.id, same)
    unknown = house.identity.propose(first, "annul_deal", ANNUL, "by a login without a person's id")
    for same in (first, house.enter("olga").who):
        with pytest.raises(NotAllowed):
            house.identity.approve(unknown.id, same)
    assert house.identity.unsettled() == []
    house.identity.approve(proposal.id, first)


@pytest.mark.parametrize("role", [Role.TRADER, Role.PARTICIPANT_ADMIN, Role.AUDITOR])
def test_only_operators_propose_and_decide(house: House, first: Who, role: Role) -> None:
    other = house.who("nina", role)
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    with pytest.raises(NotAllowed):
        house.identity.propose(other, "annul_deal", ANNUL, "a reason")
    with pytest.raises(NotAllowed):
        house.identity.approve(proposal.id, other)
    with pytest.raises(NotAllowed):
        house.identity.decline(proposal.id, other, "no")


def test_what_needs_no_second_operator_is_not_proposed(house: House, first: Who) -> None:
    with pytest.raises(Denied):
        house.identity.propose(first, "halt_session", {"session": "s"}, "a reason")
    with pytest.raises(Denied):
        house.identity.propose(first, "annul_deal", ANNUL, "")


@pytest.mark.parametrize("how", ["approved", "declined", "taken back", "expired"])
def test_a_decision_is_once_and_for_ever(house: House, first: Who, second: Who, how: str) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    match how:
        case "approved":
            house.identity.approve(proposal.id, second)
        case "declined":
            house.identity.decline(proposal.id, second, "no")
        case "taken back":
            house.identity.decline(proposal.id, first, "a slip")
        case _:
            house.clock.pass_seconds(24 * 3600)
            first, second = house.enter("olga").who, house.enter("otto").who
    state = {"taken back": "declined"}.get(how, how)
    with pytest.raises(ProposalOver, match=state):
        house.identity.approve(proposal.id, second)
    with pytest.raises(ProposalOver, match=state):
        house.identity.decline(proposal.id, second, "no")
    assert [found.state.value for found in house.identity.proposals()] == [state]
    assert len(house.identity.unsettled()) == (1 if how == "approved" else 0)


@pytest.mark.usefixtures("second")
def test_a_proposal_lasts_a_day(house: House, first: Who) -> None:
    early = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    house.clock.pass_seconds(1)
    late = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    house.clock.pass_seconds(24 * 3600 - 1)
    assert [found.id for found in house.identity.proposals(state=State.EXPIRED)] == [early.id]
    approver = house.enter("otto").who
    house.identity.approve(late.id, approver)
    house.clock.pass_seconds(-3600)  # a clock set back opens nothing again
    with pytest.raises(ProposalOver, match="expired"):
        house.identity.approve(early.id, approver)


def test_the_proposal_of_a_blocked_operator_is_not_approved(house: House, first: Who, second: Who) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    house.identity.block(first.login, "under suspicion")
    with pytest.raises(NotAllowed, match="blocked"):
        house.identity.approve(proposal.id, second)


def test_a_revoked_session_decides_nothing(house: House, first: Who, second: Who) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    assert second.session is not None
    house.identity.revoke_session(second.login, second.session)
    with pytest.raises(Denied, match="over"):
        house.identity.approve(proposal.id, second)


def test_of_many_approvals_at_once_one_wins(house: House, first: Who) -> None:
    approvers = [house.who(f"op{number}", Role.OPERATOR) for number in range(6)]
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    answers: list[str] = []
    barrier = threading.Barrier(len(approvers))

    def decide(who: Who) -> None:
        identity = house.another()
        barrier.wait()
        try:
            answers.append(identity.approve(proposal.id, who).approver)
        except ProposalOver:
            answers.append("over")
        identity.close()

    threads = [threading.Thread(target=decide, args=(who,)) for who in approvers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("over") == 5
    (winner,) = [answer for answer in answers if answer != "over"]
    assert [approved.approver for approved in house.identity.unsettled()] == [winner]


DIE = """
import os, sys
from pathlib import Path
from tests.identity.made import House
house = House(Path(sys.argv[1]))
house.identity.approve(sys.argv[2], house.enter("otto").who)
os.kill(os.getpid(), 9)
"""


def test_a_kill_between_approval_and_submission_neither_loses_nor_doubles_it(
    house: House, first: Who, second: Who
) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    done = subprocess.run([sys.executable, "-c", DIE, str(house.path.parent), proposal.id], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    house.restart()
    (owed,) = house.identity.unsettled()
    house.restart()
    assert house.identity.unsettled() == [owed]  # the same client id and actor: the exchange answers what it answered
    assert (owed.client_id, owed.operator, owed.approver) == (proposal.id, first.operator, second.operator)
    house.identity.settle(proposal.id, 4711, rejected=False)
    unknown = house.identity.propose(first, "annul_deal", ANNUL, "by a login without a person's id")
    for same in (first, house.enter("olga").who):
        with pytest.raises(NotAllowed):
            house.identity.approve(unknown.id, same)
    assert house.identity.unsettled() == []
    house.identity.settle(proposal.id, 4711, rejected=False)
    with pytest.raises(Conflict):
        house.identity.settle(proposal.id, 4712, rejected=False)
    (now,) = house.identity.proposals(state=State.APPROVED)
    assert (now.number, now.rejected) == (4711, False)


def test_only_what_was_approved_is_settled(house: House, first: Who) -> None:
    proposal = house.identity.propose(first, "annul_deal", ANNUL, "a reason")
    with pytest.raises(Conflict):
        house.identity.settle(proposal.id, 1, rejected=False)
    with pytest.raises(NotFound):
        house.identity.settle("pr-0", 1, rejected=False)
