"""What the office knows: its registers, one frozen entry a line.

An entry holds what a decision or a follow-up asks for and nothing else; names, countries and card attributes stand in
the journal's events, and nothing about a natural person stands in either: a trader and a person are ids, a profile is a
hash. Registers grow and their entries are replaced, never deleted. Changed by the `change` functions of the subjects
only; no rule belongs here.
"""

import enum
from typing import Final

from msgspec import Struct

from kirmash.messages.commands import DealTerms
from kirmash.messages.kinds import Count, Currency, Hash, MoneyMinor, Ordinal, ParticipantKind, Person, Side, Text

OPERATOR_ID: Final = "operator"
"""Reserved as a trader's id (PS-0, PS-13.8): `by` could not tell the two apart."""

Right = tuple[Text, Side, Text]
"""A permission: section, side, purpose (ACC-06)."""


class WithdrawalState(enum.IntEnum):
    """Where a withdrawal of deposit stands; the ways between stand in money.py."""

    REQUESTED = 1
    READY = 2
    REFUSED = 3
    CONFIRMED = 4
    CANCELLED = 5


class ContractState(enum.IntEnum):
    """Where a contract stands (CTR-06); the ways between stand in contracts.py.

    DEAL is the state of a deal that has not reached the office yet; no entry has it.
    """

    DEAL = 1
    FORMING = 2
    PERFORMED = 3
    TERMINATED = 4
    ANNULLED = 5


class Participant(Struct, frozen=True, array_like=True):
    """A company in the register; kinds and permissions ascending, each once."""

    participant: Text
    resident: bool
    kinds: tuple[ParticipantKind, ...]
    group: Text | None
    accredited: bool
    suspended: bool
    permissions: tuple[Right, ...]

    @property
    def admitted(self) -> bool:
        """Whether it may enter orders at all; permissions do not matter (PS-0)."""
        return self.accredited and not self.suspended


class Client(Struct, frozen=True, array_like=True):
    """For whom a participant acts as broker."""

    client: Text
    participant: Text
    resident: bool
    group: Text | None


class Trader(Struct, frozen=True, array_like=True):
    """Who acts, or last acted, for a participant."""

    trader: Text
    participant: Text
    active: bool


class Card(Struct, frozen=True, array_like=True):
    """A version of a commodity card; the version as text, as it is compared (PS-0.6)."""

    card: Text
    version: Text
    section: Text


class Instrument(Struct, frozen=True, array_like=True):
    """A listed instrument with k, the value of one tick for one lot in minor units (PS-0.7)."""

    instrument: Text
    card: Text
    version: Text
    tick_lot_value: Count


class Withdrawal(Struct, frozen=True, array_like=True):
    """A withdrawal of deposit, ended ones too: their ids stay taken (PS-13.9)."""

    withdrawal: Text
    participant: Text
    client: Text | None
    currency: Currency
    amount: MoneyMinor
    state: WithdrawalState


class Contract(Struct, frozen=True, array_like=True):
    """The contract of a deal with the deal's terms."""

    terms: DealTerms
    state: ContractState


class Profile(Struct, frozen=True, array_like=True):
    """The latest version of a person's encrypted profile, and the trader that he is, if any."""

    person: Person
    profile: Hash
    trader: Text | None


class Registers(Struct):
    """All registers of the office, each by its key."""

    participants: dict[str, Participant] = {}
    clients: dict[str, Client] = {}
    traders: dict[str, Trader] = {}
    cards: dict[tuple[str, str], Card] = {}
    instruments: dict[str, Instrument] = {}
    withdrawals: dict[str, Withdrawal] = {}
    contracts: dict[Ordinal, Contract] = {}
    profiles: dict[str, Profile] = {}
