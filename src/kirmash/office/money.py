"""Deposit that comes in and goes out (DEP-01, DEP-04; market-rules PS-0, PS-13.9).

The office enters and asks; balances are the market's. A withdrawal is asked for here, held there, and only then
confirmed or cancelled, once. No balance and no limit of an account belongs here.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.messages.rejects import Reason
from kirmash.messages.units import minor_of
from kirmash.office.registers import Registers, Withdrawal, WithdrawalState
from kirmash.office.rules import Rule, RuleSet, client_is_of, client_known, participant_known, recorded, refused

WithdrawalEvent = (
    events.WithdrawalReady | events.WithdrawalRefused | events.WithdrawalConfirmed | events.WithdrawalCancelled
)

WITHDRAWAL_LIFE: Final[dict[tuple[WithdrawalState, type[WithdrawalEvent]], WithdrawalState]] = {
    (WithdrawalState.REQUESTED, events.WithdrawalReady): WithdrawalState.READY,
    (WithdrawalState.REQUESTED, events.WithdrawalRefused): WithdrawalState.REFUSED,
    (WithdrawalState.READY, events.WithdrawalConfirmed): WithdrawalState.CONFIRMED,
    (WithdrawalState.READY, events.WithdrawalCancelled): WithdrawalState.CANCELLED,
}
"""The life of a withdrawal. withdrawal_requested begins it as REQUESTED; pairs not here are withdrawal_not_open."""

MoneyCommand = commands.CreditDeposit | commands.RequestWithdrawal
WithdrawalStep = commands.ConfirmWithdrawal | commands.CancelWithdrawal | commands.SettleRequest


def _account_known(registers: Registers, command: MoneyCommand) -> Iterator[Refusal]:
    yield from participant_known(registers, command.participant)
    yield from client_known(registers, command.client)


def _client_is_theirs(registers: Registers, command: MoneyCommand) -> Iterator[Refusal]:
    return client_is_of(registers, command.client, command.participant)


def _counts_in_minor_units(_registers: Registers, command: MoneyCommand) -> Iterator[Refusal]:
    if minor_of(command.amount, command.currency) is None:
        yield from refused(Reason.NOT_WHOLE_MINOR_UNITS, "amount")


def _credit(_registers: Registers, command: commands.CreditDeposit) -> tuple[Event, ...]:
    # The market alone keeps balances: nothing changes here.
    return (recorded(events.DepositCreditEntered, command),)


def _may_be_requested(registers: Registers, command: commands.RequestWithdrawal) -> Iterator[Refusal]:
    yield from _account_known(registers, command)
    if command.withdrawal in registers.withdrawals:
        yield from refused(Reason.ALREADY_EXISTS, "withdrawal")


def _request(registers: Registers, command: commands.RequestWithdrawal) -> tuple[Event, ...]:
    amount = minor_of(command.amount, command.currency)
    assert amount is not None
    registers.withdrawals[command.withdrawal] = Withdrawal(
        withdrawal=command.withdrawal,
        participant=command.participant,
        client=command.client,
        currency=command.currency,
        amount=amount,
        state=WithdrawalState.REQUESTED,
    )
    return (recorded(events.WithdrawalRequested, command),)


def _event_of(command: WithdrawalStep) -> WithdrawalEvent:
    match command:
        case commands.ConfirmWithdrawal():
            return recorded(events.WithdrawalConfirmed, command)
        case commands.CancelWithdrawal():
            return recorded(events.WithdrawalCancelled, command)
        case commands.SettleRequest(held=True):
            return events.WithdrawalReady(withdrawal=command.withdrawal)
        case commands.SettleRequest():
            return events.WithdrawalRefused(withdrawal=command.withdrawal)


def _is_known(registers: Registers, command: WithdrawalStep) -> Iterator[Refusal]:
    if command.withdrawal not in registers.withdrawals:
        yield from refused(Reason.UNKNOWN_WITHDRAWAL, "withdrawal")


def _is_open(registers: Registers, command: WithdrawalStep) -> Iterator[Refusal]:
    state = registers.withdrawals[command.withdrawal].state
    if (state, type(_event_of(command))) not in WITHDRAWAL_LIFE:
        yield from refused(Reason.WITHDRAWAL_NOT_OPEN, "withdrawal")


def _move_on(registers: Registers, command: WithdrawalStep) -> tuple[Event, ...]:
    event = _event_of(command)
    withdrawal = registers.withdrawals[command.withdrawal]
    state = WITHDRAWAL_LIFE[withdrawal.state, type(event)]
    registers.withdrawals[command.withdrawal] = replace(withdrawal, state=state)
    return (event,)


RULES: Final[RuleSet] = (
    Rule(commands.CreditDeposit, _credit, _account_known, _client_is_theirs, _counts_in_minor_units),
    Rule(commands.RequestWithdrawal, _request, _may_be_requested, _client_is_theirs, _counts_in_minor_units),
    Rule(commands.ConfirmWithdrawal, _move_on, _is_known, _is_open),
    Rule(commands.CancelWithdrawal, _move_on, _is_known, _is_open),
    Rule(commands.SettleRequest, _move_on, _is_known, _is_open),
)
