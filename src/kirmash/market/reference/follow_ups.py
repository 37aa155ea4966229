"""What the office has decided and the market has to know: participants, traders, instruments, money, ended deals.

The commands are those of the table of follow-ups in PS-0. The event of the follow-up itself comes first, then what it
does to orders (PS-12).
"""

from collections.abc import Callable

from kirmash.market.reference import deposit
from kirmash.market.reference.deals import end_deal
from kirmash.market.reference.orders import cancel
from kirmash.market.reference.state import Client, Instrument, Order, Participant, Trader
from kirmash.market.reference.step import Step
from kirmash.messages.commands import (
    AddInstrument,
    Credit,
    HoldWithdrawal,
    PayWithdrawal,
    ReleaseDeal,
    ReleaseWithdrawal,
    SetAdmission,
    SetAuthority,
    SetClient,
)
from kirmash.messages.events import (
    AdmissionSet,
    AuthoritySet,
    ClientSet,
    DealReleased,
    DepositCredited,
    InstrumentAdded,
    WithdrawalHeld,
    WithdrawalPaid,
    WithdrawalReleased,
)
from kirmash.messages.kinds import CancelReason, OpenOrders


def set_admission(step: Step, command: SetAdmission) -> None:
    """All that the market knows of a participant, made or replaced; with cancel, its open orders go (PS-6.6)."""
    step.state.participants[command.participant] = Participant(
        id=command.participant,
        resident=command.resident,
        kinds=tuple(sorted(set(command.kinds))),
        group=command.group,
        admitted=command.admitted,
        permissions=frozenset((given.section, given.side, given.purpose) for given in command.permissions),
    )
    step.tell(AdmissionSet(participant=command.participant, admitted=command.admitted))
    if command.open_orders is OpenOrders.CANCEL:
        _withdraw(step, lambda order: order.participant == command.participant)


def set_authority(step: Step, command: SetAuthority) -> None:
    """For whom a trader acts, and whether he still does; with cancel, the open orders that he placed go (PS-6.6).

    A participant that was never accredited becomes known by its trader: not admitted, without permissions (EN-4).
    """
    step.state.traders[command.trader] = Trader(command.trader, command.participant, command.active)
    if command.participant not in step.state.participants:
        step.state.participants[command.participant] = Participant(
            id=command.participant,
            resident=command.resident,
            kinds=tuple(sorted(set(command.kinds))),
            group=command.group,
            admitted=False,
            permissions=frozenset(),
        )
    step.tell(AuthoritySet(trader=command.trader, active=command.active))
    if command.open_orders is OpenOrders.CANCEL:
        _withdraw(step, lambda order: order.trader == command.trader)


def _withdraw(step: Step, concerns: Callable[[Order], bool]) -> None:
    """Cancel open orders, parked ones too, in every phase, by ascending order id (PS-6.6, EN-6.4)."""
    for order in sorted(filter(concerns, step.state.open_orders()), key=lambda order: order.id):
        cancel(step, order, CancelReason.ADMISSION_WITHDRAWN)


def set_client(step: Step, command: SetClient) -> None:
    """A client and the participant it belongs to."""
    step.state.clients[command.client] = Client(command.client, command.participant, command.resident, command.group)
    step.tell(ClientSet(client=command.client))


def add_instrument(step: Step, command: AddInstrument) -> None:
    """An instrument's terms; the office lists each id once."""
    assert command.instrument not in step.state.instruments
    step.state.instruments[command.instrument] = Instrument(
        id=command.instrument,
        section=command.section,
        purpose=command.purpose,
        currency=command.currency,
        tick=command.tick,
        lot=command.lot,
        tick_lot_value=command.tick_lot_value,
        conditional_allowed=command.conditional_allowed,
        order_lots_max=command.order_lots_max,
        entries_max=command.entries_max,
    )
    step.tell(InstrumentAdded(instrument=command.instrument))


def credit(step: Step, command: Credit) -> None:
    """Money that came in."""
    deposit.credit(step, command.participant, command.client, command.currency, command.amount)
    step.tell(
        DepositCredited(
            participant=command.participant, client=command.client, currency=command.currency, amount=command.amount
        )
    )


def hold_withdrawal(step: Step, command: HoldWithdrawal) -> None:
    """Set money aside that is to leave."""
    deposit.hold_withdrawal(step, command.participant, command.client, command.currency, command.amount)
    step.tell(WithdrawalHeld(withdrawal=command.withdrawal))


def pay_withdrawal(step: Step, command: PayWithdrawal) -> None:
    """The money has left."""
    deposit.pay_withdrawal(step, command.participant, command.client, command.currency, command.amount)
    step.tell(WithdrawalPaid(withdrawal=command.withdrawal))


def release_withdrawal(step: Step, command: ReleaseWithdrawal) -> None:
    """The money stays."""
    deposit.release_withdrawal(step, command.participant, command.client, command.currency, command.amount)
    step.tell(WithdrawalReleased(withdrawal=command.withdrawal))


def release_deal(step: Step, command: ReleaseDeal) -> None:
    """A deal secures nothing more."""
    step.tell(DealReleased(deal=command.deal))
    end_deal(step, command.deal)
