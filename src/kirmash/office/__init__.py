"""The office: the pure decider of everything that is not the order path (market-rules PS-0).

It keeps the registers (participants, clients, traders, cards, instruments, withdrawals, contracts, profiles),
decides its commands one at a time and answers each with events. What its decisions mean for the market is told by
reactors.py, as follow-ups. No clock, randomness or I/O; balances and orders are the market's.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from msgspec import Struct

from kirmash.messages.codec import Actor
from kirmash.messages.commands import FOLLOW_UPS, Command
from kirmash.messages.events import CommandRejected, Event, Refusal
from kirmash.messages.kinds import ActorKind
from kirmash.messages.limits import ORDINAL_MAX
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time
from kirmash.office import accreditation, authority, contracts, listing, money, profiles
from kirmash.office.encoding import StateError, decode_state, encode_state
from kirmash.office.registers import Registers
from kirmash.office.rules import Rule, in_order, nothing, refused

__all__ = ["RULES", "Office", "StateError"]

_SUBJECTS: Final = (accreditation, authority, listing, money, contracts, profiles)
RULES: Final[dict[type[Struct], Rule[Any]]] = {rule.command: rule for subject in _SUBJECTS for rule in subject.RULES}
"""The rule of each office command."""


class Office:
    """A fold over numbered office commands. `registers` is for reading: reactors and queries never change it."""

    def __init__(self, state: bytes | None = None) -> None:
        """An empty office, or the one whose `state()` gave these bytes; raises StateError if none did."""
        self.registers: Final = Registers() if state is None else decode_state(state)

    def apply(self, number: int, time: Time, actor: Actor, command: Command) -> tuple[Event, ...]:
        """Decide one command and change the registers accordingly.

        A reject is one `command_rejected` and changes nothing (PS-3.3). TypeError for a command of the market,
        which is a fault of the caller.
        """
        assert 1 <= number <= ORDINAL_MAX
        assert time >= (0, 0)
        rule = RULES.get(type(command))
        if rule is None:
            raise TypeError(f"the office does not decide {type(command).__name__}")
        reasons = self._reasons(rule, actor, command)
        return (CommandRejected(reasons=reasons),) if reasons else rule.change(self.registers, command)

    def state(self) -> bytes:
        """The whole state in canonical bytes (EN-7)."""
        return encode_state(self.registers)

    def _reasons(self, rule: Rule[Any], actor: Actor, command: Command) -> tuple[Refusal, ...]:
        """The reasons of the first stage that finds any (PS-3.1, PS-3.2)."""
        found = in_order(chain(self._actor_reasons(actor, command), rule.existence(self.registers, command)))
        for stage in (rule.rights, rule.terms):
            if not found and stage is not nothing:
                found = in_order(stage(self.registers, command))
        return found

    def _actor_reasons(self, actor: Actor, command: Command) -> Iterator[Refusal]:
        # Whoever was ever appointed is an actor, active or not; an unknown one is not told what he may do (EN-6.5).
        if actor.kind is ActorKind.TRADER and actor.id not in self.registers.traders:
            return refused(Reason.UNKNOWN_ACTOR, "by")
        giver = ActorKind.REACTOR if type(command) in FOLLOW_UPS else ActorKind.OPERATOR
        return refused(Reason.ACTOR_MAY_NOT, "by") if actor.kind is not giver else iter(())
