"""What a decision of one decider means for the other: the follow-ups of PS-0, by reactor name (market-rules PS-7.1).

A reactor is pure: it reads the command, its events and the office as it is after that number, and gives at most one
follow-up a part. The machine numbers them, each before the next outside command of its decider. A refused command has
no follow-up, with one exception: the office must hear that a withdrawal could not be held.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from msgspec import Struct

from kirmash.messages import commands
from kirmash.messages.commands import Command, DealTerms, Permission
from kirmash.messages.events import CommandRejected, DealMade, Event, WithdrawalHeld
from kirmash.messages.kinds import OpenOrders
from kirmash.messages.limits import FOLLOW_UP_ITEMS_MAX
from kirmash.messages.units import minor_of
from kirmash.office import Office
from kirmash.office.contracts import Ending
from kirmash.office.money import MoneyCommand

Reaction = tuple[str, int, Command]
"""Reactor name, part, follow-up."""


class Reactor(NamedTuple):
    """The name that goes into actor and client id, and the follow-up of an accepted command of the office."""

    name: str
    follow_up: Callable[[Any, Office], Command]


def _admission(
    command: commands.AccreditParticipant
    | commands.SuspendParticipant
    | commands.ReinstateParticipant
    | commands.GrantPermission
    | commands.RevokePermission,
    office: Office,
) -> Command:
    participant = office.registers.participants[command.participant]
    return commands.SetAdmission(
        participant=participant.participant,
        resident=participant.resident,
        kinds=participant.kinds,
        group=participant.group,
        admitted=participant.admitted,
        permissions=tuple(
            Permission(section=section, side=side, purpose=purpose)
            for section, side, purpose in participant.permissions
        ),
        open_orders=command.open_orders if isinstance(command, commands.SuspendParticipant) else OpenOrders.KEEP,
    )


def _client(command: commands.RegisterClient, office: Office) -> Command:
    client = office.registers.clients[command.client]
    return commands.SetClient(
        client=client.client, participant=client.participant, resident=client.resident, group=client.group
    )


def _authority(command: commands.AppointTrader | commands.WithdrawTrader, office: Office) -> Command:
    trader = office.registers.traders[command.trader]
    participant = office.registers.participants[trader.participant]
    return commands.SetAuthority(
        trader=trader.trader,
        participant=trader.participant,
        active=trader.active,
        open_orders=command.open_orders if isinstance(command, commands.WithdrawTrader) else OpenOrders.KEEP,
        resident=participant.resident,
        kinds=participant.kinds,
        group=participant.group,
    )


def _instrument(command: commands.ListInstrument, office: Office) -> Command:
    instrument = office.registers.instruments[command.instrument]
    return commands.AddInstrument(
        instrument=instrument.instrument,
        section=office.registers.cards[instrument.card, instrument.version].section,
        purpose=command.purpose,
        currency=command.currency,
        tick=command.tick,
        lot=command.lot,
        tick_lot_value=instrument.tick_lot_value,
        conditional_allowed=command.conditional_allowed,
        order_lots_max=command.order_lots_max,
        entries_max=command.entries_max,
    )


def _credit(command: MoneyCommand, _office: Office) -> Command:
    amount = minor_of(command.amount, command.currency)
    assert amount is not None
    return commands.Credit(
        participant=command.participant, client=command.client, currency=command.currency, amount=amount
    )


WithdrawalMove = type[commands.HoldWithdrawal] | type[commands.PayWithdrawal] | type[commands.ReleaseWithdrawal]

_MOVES: Final[dict[type[Struct], WithdrawalMove]] = {
    commands.RequestWithdrawal: commands.HoldWithdrawal,
    commands.ConfirmWithdrawal: commands.PayWithdrawal,
    commands.CancelWithdrawal: commands.ReleaseWithdrawal,
}


def _withdrawal(
    command: commands.RequestWithdrawal | commands.ConfirmWithdrawal | commands.CancelWithdrawal, office: Office
) -> Command:
    withdrawal = office.registers.withdrawals[command.withdrawal]
    return _MOVES[type(command)](
        withdrawal=withdrawal.withdrawal,
        participant=withdrawal.participant,
        client=withdrawal.client,
        currency=withdrawal.currency,
        amount=withdrawal.amount,
    )


def _deal(command: Ending, _office: Office) -> Command:
    return commands.ReleaseDeal(deal=command.deal)


REACTORS: Final[dict[type[Struct], Reactor]] = {
    commands.AccreditParticipant: Reactor("admission", _admission),
    commands.SuspendParticipant: Reactor("admission", _admission),
    commands.ReinstateParticipant: Reactor("admission", _admission),
    commands.GrantPermission: Reactor("admission", _admission),
    commands.RevokePermission: Reactor("admission", _admission),
    commands.RegisterClient: Reactor("client", _client),
    commands.AppointTrader: Reactor("authority", _authority),
    commands.WithdrawTrader: Reactor("authority", _authority),
    commands.ListInstrument: Reactor("instrument", _instrument),
    commands.CreditDeposit: Reactor("credit", _credit),
    commands.RequestWithdrawal: Reactor("withdrawal", _withdrawal),
    commands.ConfirmWithdrawal: Reactor("withdrawal", _withdrawal),
    commands.CancelWithdrawal: Reactor("withdrawal", _withdrawal),
    commands.PerformContract: Reactor("deal", _deal),
    commands.TerminateContract: Reactor("deal", _deal),
    commands.AnnulDeal: Reactor("deal", _deal),
}
"""The follow-up of each office command that has one; those of market commands stand in `react`."""


def react(number: int, command: Command, events: tuple[Event, ...], office: Office) -> Iterable[Reaction]:
    """The follow-ups that this decided command is owed, ascending by (name, part).

    `office` is the office after `number`; it is read and not changed.
    """
    assert number >= 1
    if isinstance(command, commands.HoldWithdrawal):
        held = any(isinstance(event, WithdrawalHeld) for event in events)
        return (("withdrawal", 0, commands.SettleRequest(withdrawal=command.withdrawal, held=held)),)
    # A reject stands alone (PS-3.3).
    if events and isinstance(events[0], CommandRejected):
        return ()
    reactor = REACTORS.get(type(command))
    if reactor is not None:
        return ((reactor.name, 0, reactor.follow_up(command, office)),)
    return _contracts([event for event in events if isinstance(event, DealMade)])


def _contracts(deals: list[DealMade]) -> tuple[Reaction, ...]:
    """Contracts to be opened, in parts of at most FOLLOW_UP_ITEMS_MAX deals."""
    if not deals:
        return ()
    starts = range(0, len(deals), FOLLOW_UP_ITEMS_MAX)
    return tuple(
        ("contracts", part, commands.OpenContracts(deals=tuple(map(_terms, deals[at : at + FOLLOW_UP_ITEMS_MAX]))))
        for part, at in enumerate(starts)
    )


def _terms(deal: DealMade) -> DealTerms:
    return DealTerms(
        deal=deal.deal,
        session=deal.session,
        instrument=deal.instrument,
        buyer=deal.buyer,
        buyer_client=deal.buyer_client,
        seller=deal.seller,
        seller_client=deal.seller_client,
        price=deal.price,
        quantity=deal.quantity,
    )
