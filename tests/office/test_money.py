"""Deposit in and out (market-rules PS-0, PS-0.6, PS-13.9; rulebook DEP-04)."""

import itertools

import pytest

from kirmash.messages import events
from kirmash.messages.commands import Command
from kirmash.office.money import WITHDRAWAL_LIFE
from kirmash.office.registers import WithdrawalState
from tests.office.desk import COMPANIES, Desk, cancel, confirm, credit, request, settle

# From PS-0 and PS-13.9 alone: what leads to each state, and where each step leads from it; None is withdrawal_not_open.
WAYS: dict[str, tuple[Command, ...]] = {
    "REQUESTED": (request(),),
    "READY": (request(), settle(held=True)),
    "REFUSED": (request(), settle(held=False)),
    "CONFIRMED": (request(), settle(held=True), confirm()),
    "CANCELLED": (request(), settle(held=True), cancel()),
}
STEPS: dict[str, Command] = {
    "ready": settle(held=True),
    "refused": settle(held=False),
    "confirmed": confirm(),
    "cancelled": cancel(),
}
LEGAL = {
    ("REQUESTED", "ready"): "READY",
    ("REQUESTED", "refused"): "REFUSED",
    ("READY", "confirmed"): "CONFIRMED",
    ("READY", "cancelled"): "CANCELLED",
}
RECORDS = {
    "ready": events.WithdrawalReady(withdrawal="w-1"),
    "refused": events.WithdrawalRefused(withdrawal="w-1"),
    "confirmed": events.WithdrawalConfirmed(withdrawal="w-1"),
    "cancelled": events.WithdrawalCancelled(withdrawal="w-1"),
}


@pytest.mark.parametrize("state, step", list(itertools.product(WAYS, STEPS)))
def test_every_pair_of_state_and_step(state: str, step: str) -> None:
    """PS-13.9: confirm and cancel only after withdrawal_ready and once; a request is settled once."""
    desk = Desk(*COMPANIES, *WAYS[state])
    if (state, step) in LEGAL:
        assert desk.accepted(STEPS[step]) == (RECORDS[step],)
        after = LEGAL[state, step]
    else:
        assert desk.refused(STEPS[step]) == [("withdrawal_not_open", "withdrawal")]
        after = state
    assert desk.office.registers.withdrawals["w-1"].state.name == after


def test_the_table_in_code_is_that_of_the_rules() -> None:
    """Diagrams are drawn from the table: it has to hold neither more nor less."""
    expected = {
        (WithdrawalState[state], type(RECORDS[step])): WithdrawalState[after] for (state, step), after in LEGAL.items()
    }
    assert expected == WITHDRAWAL_LIFE
    assert {state.name for state in WithdrawalState} == set(WAYS)


@pytest.mark.parametrize("state", WAYS)
def test_an_id_stays_taken(state: str) -> None:
    """PS-13.9: also that of a refused or ended withdrawal, and for every participant."""
    desk = Desk(*COMPANIES, *WAYS[state])
    assert desk.refused(request()) == [("already_exists", "withdrawal")]
    assert desk.refused(request(participant="bee", amount="1")) == [("already_exists", "withdrawal")]


def test_an_unknown_withdrawal() -> None:
    """PS-3.1: existence before state."""
    desk = Desk(*COMPANIES)
    for command in STEPS.values():
        assert desk.refused(command) == [("unknown_withdrawal", "withdrawal")]


def test_credit_and_request_are_recorded_with_their_terms() -> None:
    """PS-0: the office enters what came in; the amount stays as it was written."""
    desk = Desk(*COMPANIES)
    assert desk.accepted(credit("bee", client="cat", amount="7.5")) == (
        events.DepositCreditEntered(participant="bee", client="cat", currency="EUR", amount="7.5"),
    )
    assert desk.accepted(request(participant="bee", client="cat")) == (
        events.WithdrawalRequested(withdrawal="w-1", participant="bee", client="cat", currency="EUR", amount="150.5"),
    )


def test_a_credit_leaves_no_trace_in_the_state() -> None:
    """Balances are the market's alone (PS-5)."""
    desk = Desk(*COMPANIES)
    before = desk.office.state()
    desk.accepted(credit())
    assert desk.office.state() == before


@pytest.mark.parametrize("command", [credit("fox", client="dog"), request(participant="fox", client="dog")])
def test_an_unknown_account_gives_both_reasons(command: Command) -> None:
    """PS-3.2: 106 before 107; the amount is not looked at."""
    desk = Desk(*COMPANIES)
    assert desk.refused(command) == [("unknown_client", "client"), ("unknown_participant", "participant")]


def test_a_known_client_of_an_unknown_participant() -> None:
    """PS-3.2: whose client it is belongs to a later stage than whether the participant exists."""
    desk = Desk(*COMPANIES)
    assert desk.refused(credit("fox", client="cat")) == [("unknown_participant", "participant")]


def test_all_of_stage_one_of_a_request() -> None:
    """PS-3.2: 106, 107 and 112 together."""
    desk = Desk(*COMPANIES, request())
    assert desk.refused(request(participant="fox", client="dog")) == [
        ("unknown_client", "client"),
        ("unknown_participant", "participant"),
        ("already_exists", "withdrawal"),
    ]


@pytest.mark.parametrize(
    "command", [credit("ant", client="cat", amount="0.001"), request(client="cat", amount="0.001")]
)
def test_a_client_of_another_participant(command: Command) -> None:
    """PS-0: client_not_admitted; that the amount is wrong too is found only after it."""
    desk = Desk(*COMPANIES)
    assert desk.refused(command) == [("client_not_admitted", "client")]


@pytest.mark.parametrize(
    "amount, currency, whole",
    [
        ("0.01", "EUR", True),
        ("0.001", "EUR", False),
        ("1.000", "EUR", False),
        ("1", "JPY", True),
        ("1.0", "JPY", False),
        ("1.123", "KWD", True),
        ("1.1234", "KWD", False),
        ("1.1234", "CLF", True),
        ("1.12", "XYZ", True),
        ("1.123", "XYZ", False),
        ("999999999999999.99", "EUR", True),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: str, currency: str, whole: bool) -> None:
    """PS-0.6, EN-6.2: more decimals written than the currency has are refused, also where they are zeros."""
    for command in (credit(amount=amount, currency=currency), request(amount=amount, currency=currency)):
        desk = Desk(*COMPANIES)
        if whole:
            desk.accepted(command)
        else:
            assert desk.refused(command) == [("not_whole_minor_units", "amount")]


def test_anybody_registered_may_pay_in_and_ask_back() -> None:
    """No rule asks for accreditation, and a broker may have money of its own."""
    desk = Desk(*COMPANIES)
    desk.accepted(credit("ant"))
    desk.accepted(request(participant="bee"))
