"""The fields that an office command and the event that records it have in common.

An office event carries its command's fields (market-rules PS-0), so each set stands here once.
Their order is that of the table in PS-0; all are keyword-only, so that an optional one may stand in the middle.
Fields are only ever added at the end, with a default (PS-8.1). Nested parts are arrays without a tag.
"""

from msgspec import Struct

from kirmash.messages.kinds import (
    AmountText,
    Attributes,
    Count,
    Country,
    Currency,
    DecimalText,
    Hash,
    OpenOrders,
    Ordinal,
    ParticipantKind,
    Person,
    Side,
    Text,
    Unit,
    Version,
)


class Message(Struct, frozen=True, array_like=True, gc=False):
    """A command, an event or a part of one: an array on the wire, never changed after it was made.

    It holds nothing but plain values and other messages, so it can be part of no cycle, and the garbage collector need
    not look at the hundreds of thousands of them that a replay makes.
    """


class Part(Message, frozen=True):
    """A nested value: an array of its fields, without a tag."""


class Basis(Part, frozen=True, kw_only=True):
    """Where goods pass and who bears carriage: an Incoterms code or local term, and a place."""

    incoterm: Text
    place: Text


class ParticipantCard(Message, frozen=True, kw_only=True):
    participant: Text
    name: Text
    country: Country
    resident: bool
    kinds: tuple[ParticipantKind, ...]
    group: Text | None = None


class ParticipantOnly(Message, frozen=True, kw_only=True):
    participant: Text


class Suspension(Message, frozen=True, kw_only=True):
    participant: Text
    open_orders: OpenOrders
    reason: Text


class Reinstatement(Message, frozen=True, kw_only=True):
    participant: Text
    reason: Text


class ClientCard(Message, frozen=True, kw_only=True):
    broker: Text
    client: Text
    name: Text
    country: Country
    resident: bool
    group: Text | None = None


class PermissionTerms(Message, frozen=True, kw_only=True):
    participant: Text
    section: Text
    side: Side
    purpose: Text


class TraderAppointment(Message, frozen=True, kw_only=True):
    trader: Text
    participant: Text


class TraderWithdrawal(Message, frozen=True, kw_only=True):
    trader: Text
    open_orders: OpenOrders


class CommodityCard(Message, frozen=True, kw_only=True):
    card: Text
    version: Version
    section: Text
    name_en: Text
    name_ru: Text
    hs_code: Text
    unit: Unit
    attributes: Attributes = ()


class InstrumentTerms(Message, frozen=True, kw_only=True):
    instrument: Text
    card: Text
    version: Version
    basis: Basis
    currency: Currency
    payment_term: Text
    clauses: tuple[Text, ...] = ()
    purpose: Text
    lot: DecimalText
    tick: DecimalText
    conditional_allowed: bool = True
    order_lots_max: Count | None = None
    entries_max: Count | None = None


class DepositCreditTerms(Message, frozen=True, kw_only=True):
    participant: Text
    client: Text | None = None
    currency: Currency
    amount: AmountText


class WithdrawalTerms(Message, frozen=True, kw_only=True):
    withdrawal: Text
    participant: Text
    client: Text | None = None
    currency: Currency
    amount: AmountText


class WithdrawalOnly(Message, frozen=True, kw_only=True):
    withdrawal: Text


class DealDecision(Message, frozen=True, kw_only=True):
    deal: Ordinal
    reason: Text


class ProfileTerms(Message, frozen=True, kw_only=True):
    person: Person
    profile: Hash
    trader: Text | None = None
