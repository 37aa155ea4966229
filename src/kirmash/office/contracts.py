"""The contract that follows a deal: DEAL → FORMING → PERFORMED, TERMINATED or ANNULLED.

Source: market-rules PS-0, the rulebook's CTR-06 and CTR-08 in short form. Each end releases the deal's deposit in the
market (PS-5.6). What was annulled changes no price.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.messages.kinds import Ordinal
from kirmash.messages.rejects import Reason
from kirmash.office.registers import Contract, ContractState, Registers
from kirmash.office.rules import Rule, RuleSet, recorded, refused

EndingEvent = events.ContractPerformed | events.ContractTerminated | events.DealAnnulled
ContractEvent = events.ContractOpened | EndingEvent

CONTRACT_LIFE: Final[dict[tuple[ContractState, type[ContractEvent]], ContractState]] = {
    (ContractState.DEAL, events.ContractOpened): ContractState.FORMING,
    (ContractState.FORMING, events.ContractPerformed): ContractState.PERFORMED,
    (ContractState.FORMING, events.ContractTerminated): ContractState.TERMINATED,
    (ContractState.FORMING, events.DealAnnulled): ContractState.ANNULLED,
}
"""The life of a contract. Of pairs that are not here, opening again is already_exists and ending contract_not_open."""

Ending = commands.PerformContract | commands.TerminateContract | commands.AnnulDeal

_EVENTS: Final[dict[type[Ending], type[EndingEvent]]] = {
    commands.PerformContract: events.ContractPerformed,
    commands.TerminateContract: events.ContractTerminated,
    commands.AnnulDeal: events.DealAnnulled,
}


def _state_of(registers: Registers, deal: Ordinal) -> ContractState:
    contract = registers.contracts.get(deal)
    return ContractState.DEAL if contract is None else contract.state


def _are_new(registers: Registers, command: commands.OpenContracts) -> Iterator[Refusal]:
    deals = [terms.deal for terms in command.deals]
    opens = all((_state_of(registers, deal), events.ContractOpened) in CONTRACT_LIFE for deal in deals)
    if not opens or len(set(deals)) < len(deals):
        yield from refused(Reason.ALREADY_EXISTS, "deals")


def _open(registers: Registers, command: commands.OpenContracts) -> tuple[Event, ...]:
    # A command without deals would leave no event; the reactor sends none (PS-7.1).
    assert command.deals
    for terms in command.deals:
        registers.contracts[terms.deal] = Contract(terms, CONTRACT_LIFE[ContractState.DEAL, events.ContractOpened])
    return tuple(events.ContractOpened(deal=terms.deal) for terms in command.deals)


def _is_known(registers: Registers, command: Ending) -> Iterator[Refusal]:
    if command.deal not in registers.contracts:
        yield from refused(Reason.UNKNOWN_DEAL, "deal")


def _is_open(registers: Registers, command: Ending) -> Iterator[Refusal]:
    if (_state_of(registers, command.deal), _EVENTS[type(command)]) not in CONTRACT_LIFE:
        yield from refused(Reason.CONTRACT_NOT_OPEN, "deal")


def _end(registers: Registers, command: Ending) -> tuple[Event, ...]:
    event = _EVENTS[type(command)]
    contract = registers.contracts[command.deal]
    registers.contracts[command.deal] = replace(contract, state=CONTRACT_LIFE[contract.state, event])
    return (recorded(event, command),)


RULES: Final[RuleSet] = (
    Rule(commands.OpenContracts, _open, _are_new),
    Rule(commands.PerformContract, _end, _is_known, _is_open),
    Rule(commands.TerminateContract, _end, _is_known, _is_open),
    Rule(commands.AnnulDeal, _end, _is_known, _is_open),
)
