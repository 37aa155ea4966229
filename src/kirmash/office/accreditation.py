"""Participants, their clients and what they may trade (ACC-01, ACC-06, BRK-03; market-rules PS-0).

A participant is admitted if it is accredited and not suspended: accrediting ends no suspension, reinstating accredits
nobody, and permissions are kept apart from both. Saying again what already holds is accepted.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.messages.rejects import Reason
from kirmash.office.registers import Client, Participant, Registers, Right
from kirmash.office.rules import Rule, RuleSet, participant_known, recorded, refused

ParticipantDecision = commands.AccreditParticipant | commands.SuspendParticipant | commands.ReinstateParticipant
PermissionDecision = commands.GrantPermission | commands.RevokePermission


def _is_new(registers: Registers, command: commands.RegisterParticipant) -> Iterator[Refusal]:
    if command.participant in registers.participants:
        yield from refused(Reason.ALREADY_EXISTS, "participant")


def _register_participant(registers: Registers, command: commands.RegisterParticipant) -> tuple[Event, ...]:
    registers.participants[command.participant] = Participant(
        participant=command.participant,
        resident=command.resident,
        kinds=tuple(sorted(set(command.kinds))),
        group=command.group,
        accredited=False,
        suspended=False,
        permissions=(),
    )
    return (recorded(events.ParticipantRegistered, command),)


def _is_registered(registers: Registers, command: ParticipantDecision | PermissionDecision) -> Iterator[Refusal]:
    return participant_known(registers, command.participant)


def _accredit(registers: Registers, command: commands.AccreditParticipant) -> tuple[Event, ...]:
    participant = registers.participants[command.participant]
    registers.participants[command.participant] = replace(participant, accredited=True)
    return (recorded(events.ParticipantAccredited, command),)


def _suspend(registers: Registers, command: commands.SuspendParticipant) -> tuple[Event, ...]:
    participant = registers.participants[command.participant]
    registers.participants[command.participant] = replace(participant, suspended=True)
    return (recorded(events.ParticipantSuspended, command),)


def _reinstate(registers: Registers, command: commands.ReinstateParticipant) -> tuple[Event, ...]:
    participant = registers.participants[command.participant]
    registers.participants[command.participant] = replace(participant, suspended=False)
    return (recorded(events.ParticipantReinstated, command),)


def _client_is_new_and_broker_known(registers: Registers, command: commands.RegisterClient) -> Iterator[Refusal]:
    yield from participant_known(registers, command.broker, "broker")
    if command.client in registers.clients:
        yield from refused(Reason.ALREADY_EXISTS, "client")


def _register_client(registers: Registers, command: commands.RegisterClient) -> tuple[Event, ...]:
    # Also at a participant that is no broker (PS-0): it may become one, and until then the market refuses the orders.
    registers.clients[command.client] = Client(command.client, command.broker, command.resident, command.group)
    return (recorded(events.ClientRegistered, command),)


def _right_of(command: PermissionDecision) -> Right:
    return (command.section, command.side, command.purpose)


def _grant(registers: Registers, command: commands.GrantPermission) -> tuple[Event, ...]:
    participant = registers.participants[command.participant]
    permissions = tuple(sorted({*participant.permissions, _right_of(command)}))
    registers.participants[command.participant] = replace(participant, permissions=permissions)
    return (recorded(events.PermissionGranted, command),)


def _revoke(registers: Registers, command: commands.RevokePermission) -> tuple[Event, ...]:
    participant = registers.participants[command.participant]
    permissions = tuple(right for right in participant.permissions if right != _right_of(command))
    registers.participants[command.participant] = replace(participant, permissions=permissions)
    return (recorded(events.PermissionRevoked, command),)


RULES: Final[RuleSet] = (
    Rule(commands.RegisterParticipant, _register_participant, _is_new),
    Rule(commands.AccreditParticipant, _accredit, _is_registered),
    Rule(commands.SuspendParticipant, _suspend, _is_registered),
    Rule(commands.ReinstateParticipant, _reinstate, _is_registered),
    Rule(commands.RegisterClient, _register_client, _client_is_new_and_broker_known),
    Rule(commands.GrantPermission, _grant, _is_registered),
    Rule(commands.RevokePermission, _revoke, _is_registered),
)
