"""An operator's desk for tests: commands with ready values, an office to give them to, and what came out in short.

Every builder gives a command that the rules accept once the ones before it were given; a test changes one value and
says what the rule makes of it. The ids: participant `ant` (visitor), `bee` (broker), client `cat` of bee, trader `tom`,
card `pine` version 1, instrument `pine-fob`, withdrawal `w-1`, deals 1 and 2.
"""

from typing import Any

from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.commands import (
    FOLLOW_UPS,
    AccreditParticipant,
    AnnulDeal,
    AppointTrader,
    CancelWithdrawal,
    Command,
    ConfirmWithdrawal,
    CreditDeposit,
    DealTerms,
    GrantPermission,
    ListCard,
    ListInstrument,
    OpenContracts,
    PerformContract,
    RecordProfile,
    RegisterClient,
    RegisterParticipant,
    ReinstateParticipant,
    RequestWithdrawal,
    RevokePermission,
    SettleRequest,
    SuspendParticipant,
    TerminateContract,
    WithdrawTrader,
)
from kirmash.messages.events import CommandRejected, Event
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, OpenOrders, ParticipantKind, Side
from kirmash.office import Office

REACTOR = Actor(ActorKind.REACTOR, "contracts")
NOON = (1_670_000_000, 0)


def rightful(command: Command) -> Actor:
    """Who gives such a command: a reactor if it is a follow-up, else the operator."""
    return REACTOR if type(command) in FOLLOW_UPS else OPERATOR


def trader(name: str) -> Actor:
    return Actor(ActorKind.TRADER, name)


def register(participant: str = "ant", **changes: Any) -> RegisterParticipant:
    values: dict[str, Any] = {
        "name": "Ant Timber",
        "country": "BY",
        "resident": True,
        "kinds": (ParticipantKind.VISITOR,),
    }
    return RegisterParticipant(participant=participant, **{**values, **changes})


def accredit(participant: str = "ant") -> AccreditParticipant:
    return AccreditParticipant(participant=participant)


def suspend(participant: str = "ant", open_orders: OpenOrders = OpenOrders.KEEP) -> SuspendParticipant:
    return SuspendParticipant(participant=participant, open_orders=open_orders, reason="fees unpaid")


def reinstate(participant: str = "ant") -> ReinstateParticipant:
    return ReinstateParticipant(participant=participant, reason="fees paid")


def register_client(client: str = "cat", broker: str = "bee", **changes: Any) -> RegisterClient:
    values: dict[str, Any] = {"name": "Cat Furniture", "country": "CN", "resident": False}
    return RegisterClient(client=client, broker=broker, **{**values, **changes})


def grant(
    participant: str = "ant", section: str = "forest", side: Side = Side.BUY, purpose: str = "export"
) -> GrantPermission:
    return GrantPermission(participant=participant, section=section, side=side, purpose=purpose)


def revoke(
    participant: str = "ant", section: str = "forest", side: Side = Side.BUY, purpose: str = "export"
) -> RevokePermission:
    return RevokePermission(participant=participant, section=section, side=side, purpose=purpose)


def appoint(name: str = "tom", participant: str = "ant") -> AppointTrader:
    return AppointTrader(trader=name, participant=participant)


def withdraw_trader(name: str = "tom", open_orders: OpenOrders = OpenOrders.KEEP) -> WithdrawTrader:
    return WithdrawTrader(trader=name, open_orders=open_orders)


def list_card(card: str = "pine", version: int | str = 1, section: str = "forest") -> ListCard:
    return ListCard(
        card=card,
        version=version,
        section=section,
        name_en="Sawn pine",
        name_ru="Пиломатериалы сосновые",
        hs_code="440711",
        unit="MTQ",
        attributes=(("grade", "1-3"), ("moisture", "20")),
    )


def list_instrument(instrument: str = "pine-fob", **changes: Any) -> ListInstrument:
    values: dict[str, Any] = {
        "card": "pine",
        "version": 1,
        "basis": Basis(incoterm="FOB", place="Klaipeda"),
        "currency": "EUR",
        "payment_term": "prepaid",
        "purpose": "export",
        "lot": "10",
        "tick": "0.50",
    }
    return ListInstrument(instrument=instrument, **{**values, **changes})


def credit(participant: str = "ant", **changes: Any) -> CreditDeposit:
    values: dict[str, Any] = {"currency": "EUR", "amount": "200.00"}
    return CreditDeposit(participant=participant, **{**values, **changes})


def request(withdrawal: str = "w-1", participant: str = "ant", **changes: Any) -> RequestWithdrawal:
    values: dict[str, Any] = {"currency": "EUR", "amount": "150.5"}
    return RequestWithdrawal(withdrawal=withdrawal, participant=participant, **{**values, **changes})


def settle(withdrawal: str = "w-1", held: bool = True) -> SettleRequest:
    return SettleRequest(withdrawal=withdrawal, held=held)


def confirm(withdrawal: str = "w-1") -> ConfirmWithdrawal:
    return ConfirmWithdrawal(withdrawal=withdrawal)


def cancel(withdrawal: str = "w-1") -> CancelWithdrawal:
    return CancelWithdrawal(withdrawal=withdrawal)


def terms(deal: int = 1) -> DealTerms:
    return DealTerms(
        deal=deal,
        session="s-1",
        instrument="pine-fob",
        buyer="bee",
        buyer_client="cat",
        seller="ant",
        price=25_000,
        quantity=3,
    )


def open_contracts(*deals: int) -> OpenContracts:
    return OpenContracts(deals=tuple(terms(deal) for deal in deals))


def perform(deal: int = 1) -> PerformContract:
    return PerformContract(deal=deal, reason="delivered and paid")


def terminate(deal: int = 1) -> TerminateContract:
    return TerminateContract(deal=deal, reason="both sides agreed")


def annul(deal: int = 1) -> AnnulDeal:
    return AnnulDeal(deal=deal, reason="entered by error")


def person(number: int = 1) -> str:
    return f"person-{number:032x}"


def record_profile(who: str = person(), profile: str = "ab" * 32, name: str | None = "tom") -> RecordProfile:
    return RecordProfile(person=who, profile=profile, trader=name)


BEE = register("bee", kinds=(ParticipantKind.BROKER, ParticipantKind.VISITOR), resident=False, group="hive")
"""A participant with something in every field, its kinds not in order."""

COMPANIES: tuple[Command, ...] = (
    register("ant"),
    register("bee", kinds=(ParticipantKind.BROKER,), resident=False, group="hive"),
    register_client("cat", "bee"),
)
"""Two participants and a client of the second, none accredited."""

EVERY_COMMAND: tuple[Command, ...] = (
    *COMPANIES,
    accredit(),
    suspend(),
    reinstate(),
    grant(),
    revoke(),
    appoint(),
    withdraw_trader(),
    list_card(),
    list_instrument(),
    credit(),
    request("w-1"),
    settle("w-1"),
    confirm("w-1"),
    request("w-2"),
    settle("w-2"),
    cancel("w-2"),
    open_contracts(1),
    open_contracts(2, 3),
    perform(1),
    terminate(2),
    annul(3),
    record_profile(),
)
"""Every command of the office at least once, each accepted after those before it."""


class Desk:
    """Gives commands to an office under rising numbers, and knows what it gave."""

    def __init__(self, *given: Command, office: Office | None = None) -> None:
        self.office = office or Office()
        self.number = 0
        for command in given:
            self.accepted(command)

    def do(self, command: Command, by: Actor | None = None) -> tuple[Event, ...]:
        """The events of one command, given by its rightful actor unless said otherwise."""
        self.number += 1
        return self.office.apply(self.number, NOON, by or rightful(command), command)

    def accepted(self, command: Command, by: Actor | None = None) -> tuple[Event, ...]:
        """The events of a command that must not be refused."""
        events = self.do(command, by)
        assert not any(isinstance(event, CommandRejected) for event in events), events
        return events

    def refused(self, command: Command, by: Actor | None = None) -> list[tuple[str, str | None]]:
        """The reasons of a command that must be refused, with their fields; asserts that no state byte changed."""
        before = self.office.state()
        (event,) = self.do(command, by)
        assert isinstance(event, CommandRejected), event
        assert self.office.state() == before
        return [(refusal.reason.text, refusal.field) for refusal in event.reasons]
