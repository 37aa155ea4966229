"""How the office decides: each command has one rule, and a rule tests everything before it changes anything.

Tests come in the stages of PS-3: existence, rights, terms. All reasons of a stage are reported together, ascending,
each once; a later stage is tested only if the earlier ones found nothing. (Stage 4, money, is the market's alone.)
Tests shared by several subjects stand here; a test of one subject stands with it.
"""

from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from kirmash.messages.events import Event, Refusal
from kirmash.messages.rejects import Reason
from kirmash.office.registers import Registers

C = TypeVar("C", bound=Struct)
E = TypeVar("E", bound=Struct)


def nothing(_registers: Registers, _command: Struct) -> Iterator[Refusal]:
    """The test of a stage in which a command has nothing to fail."""
    return iter(())


class Rule(NamedTuple, Generic[C]):
    """What the office does with one class of command.

    `change` is called only when no test found a reason, and cannot fail; it gives the command's events.
    """

    command: type[C]
    change: Callable[[Registers, C], tuple[Event, ...]]
    existence: Callable[[Registers, C], Iterator[Refusal]]
    rights: Callable[[Registers, C], Iterator[Refusal]] = nothing
    terms: Callable[[Registers, C], Iterator[Refusal]] = nothing


RuleSet = tuple[Rule[Any], ...]


def refused(reason: Reason, field: str, low: int | None = None, high: int | None = None) -> Iterator[Refusal]:
    """One reason with the command's field concerned (EN-7)."""
    yield Refusal(reason=reason, field=field, low=low, high=high)


def in_order(reasons: Iterator[Refusal]) -> tuple[Refusal, ...]:
    """The reasons of a stage ascending, each once; of two for the same reason the first found stands."""
    first = next(reasons, None)
    if first is None:
        return ()
    found = {first.reason: first}
    for refusal in reasons:
        found.setdefault(refusal.reason, refusal)
    return tuple(found[reason] for reason in sorted(found))


def recorded(event: type[E], command: Struct) -> E:
    """The office event that carries its command's fields (PS-0, PS-13.6)."""
    return event(**msgspec.structs.asdict(command))


def participant_known(registers: Registers, participant: str, field: str = "participant") -> Iterator[Refusal]:
    """unknown_participant unless it is registered."""
    if participant not in registers.participants:
        yield from refused(Reason.UNKNOWN_PARTICIPANT, field)


def trader_known(registers: Registers, trader: str) -> Iterator[Refusal]:
    """unknown_trader unless he was ever appointed, active or not."""
    if trader not in registers.traders:
        yield from refused(Reason.UNKNOWN_TRADER, "trader")


def client_known(registers: Registers, client: str | None) -> Iterator[Refusal]:
    """unknown_client if one is named and is not registered."""
    if client is not None and client not in registers.clients:
        yield from refused(Reason.UNKNOWN_CLIENT, "client")


def client_is_of(registers: Registers, client: str | None, participant: str) -> Iterator[Refusal]:
    """client_not_admitted if one is named and is another participant's (PS-0)."""
    if client is not None and registers.clients[client].participant != participant:
        yield from refused(Reason.CLIENT_NOT_ADMITTED, "client")
