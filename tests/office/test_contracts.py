"""The contract after a deal (market-rules PS-0, PS-5.6; rulebook CTR-06, CTR-08)."""

import itertools

import pytest

from kirmash.messages import events
from kirmash.messages.commands import Command
from kirmash.office.contracts import CONTRACT_LIFE
from kirmash.office.registers import ContractState
from tests.office.desk import Desk, annul, open_contracts, perform, terminate

# From PS-0 alone: DEAL → FORMING → PERFORMED, TERMINATED or ANNULLED, the three only while FORMING.
WAYS: dict[str, tuple[Command, ...]] = {
    "DEAL": (),
    "FORMING": (open_contracts(1),),
    "PERFORMED": (open_contracts(1), perform()),
    "TERMINATED": (open_contracts(1), terminate()),
    "ANNULLED": (open_contracts(1), annul()),
}
STEPS: dict[str, Command] = {
    "opened": open_contracts(1),
    "performed": perform(),
    "terminated": terminate(),
    "annulled": annul(),
}
RECORDS: dict[str, events.Event] = {
    "opened": events.ContractOpened(deal=1),
    "performed": events.ContractPerformed(deal=1, reason="delivered and paid"),
    "terminated": events.ContractTerminated(deal=1, reason="both sides agreed"),
    "annulled": events.DealAnnulled(deal=1, reason="entered by error"),
}
LEGAL = {
    ("DEAL", "opened"): "FORMING",
    ("FORMING", "performed"): "PERFORMED",
    ("FORMING", "terminated"): "TERMINATED",
    ("FORMING", "annulled"): "ANNULLED",
}


@pytest.mark.parametrize("state, step", list(itertools.product(WAYS, STEPS)))
def test_every_pair_of_state_and_step(state: str, step: str) -> None:
    """PS-0: legal pairs give their event; else already_exists, unknown_deal or contract_not_open."""
    desk = Desk(*WAYS[state])
    if (state, step) in LEGAL:
        assert desk.accepted(STEPS[step]) == (RECORDS[step],)
        assert desk.office.registers.contracts[1].state.name == LEGAL[state, step]
        return
    if step == "opened":
        expected = ("already_exists", "deals")
    else:
        expected = ("unknown_deal", "deal") if state == "DEAL" else ("contract_not_open", "deal")
    assert desk.refused(STEPS[step]) == [expected]


def test_the_table_in_code_is_that_of_the_rules() -> None:
    """Diagrams are drawn from the table: it has to hold neither more nor less."""
    expected = {
        (ContractState[state], type(RECORDS[step])): ContractState[after] for (state, step), after in LEGAL.items()
    }
    assert expected == CONTRACT_LIFE
    assert {state.name for state in ContractState} == set(WAYS)


def test_one_contract_opens_for_each_deal_in_the_order_given() -> None:
    """PS-0: contract_opened once a deal, in one command."""
    desk = Desk()
    assert desk.accepted(open_contracts(2, 1, 3)) == tuple(events.ContractOpened(deal=deal) for deal in (2, 1, 3))


@pytest.mark.parametrize("deals", [(1,), (2, 1), (2, 2)])
def test_a_deal_opened_twice_refuses_the_whole_command(deals: tuple[int, ...]) -> None:
    """A deal has one contract: none of the others is opened either."""
    desk = Desk(open_contracts(1))
    assert desk.refused(open_contracts(*deals)) == [("already_exists", "deals")]


def test_contracts_end_independently() -> None:
    """One contract's end is not another's."""
    desk = Desk(open_contracts(1, 2, 3), perform(1), terminate(2), annul(3))
    assert [contract.state.name for contract in desk.office.registers.contracts.values()] == [
        "PERFORMED",
        "TERMINATED",
        "ANNULLED",
    ]


def test_a_command_without_deals_is_a_fault() -> None:
    """Every command has an event; a reactor sends none that could not have one."""
    desk = Desk()
    with pytest.raises(AssertionError):
        desk.do(open_contracts())
