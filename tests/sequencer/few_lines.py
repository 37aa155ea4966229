"""A market of a few lines for tests of what stands around a market.

It knows who is admitted and for whom a trader acts, holds at most 100.00 a withdrawal, and makes as many deals as an
order's price says. No rule of the real market is to be looked for here.
"""

from collections.abc import Sequence

import msgspec

from kirmash.messages import codec, commands, events
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected, Event, Refusal
from kirmash.messages.kinds import Aggressor
from kirmash.messages.rejects import Reason

HELD_MOST = 10_000


class FewLinesMarket:
    """A pure fold with a state of admissions, traders, instruments and counts, enough to be wrong in each of them."""

    def __init__(self, state: bytes | None = None) -> None:
        self.admitted: dict[str, bool] = {}
        self.participant_of: dict[str, str] = {}
        self.deals = 0
        self.seen = 0
        if state is not None:
            self.admitted, self.participant_of, self.deals, self.seen = msgspec.msgpack.decode(state)

    def apply(self, frame: bytes) -> bytes:
        read = codec.decode_frame(frame)
        self.seen += 1
        return codec.encode(tuple(self._decide(read.actor, codec.decode_command(read.command))))

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        return msgspec.msgpack.encode([self.admitted, self.participant_of, self.deals, self.seen])

    def open_orders(self) -> int:
        return 0

    def _decide(self, actor: str, command: Command) -> list[Event]:
        match command:
            case commands.SetAdmission():
                self.admitted[command.participant] = command.admitted
                return [events.AdmissionSet(participant=command.participant, admitted=command.admitted)]
            case commands.SetAuthority():
                self.participant_of[command.trader] = command.participant
                return [events.AuthoritySet(trader=command.trader, active=command.active)]
            case commands.HoldWithdrawal(amount=amount) if amount > HELD_MOST:
                return [CommandRejected(reasons=(Refusal(reason=Reason.DEPOSIT_SHORT, high=amount),))]
            case commands.HoldWithdrawal():
                return [events.WithdrawalHeld(withdrawal=command.withdrawal)]
            case commands.PlaceOrder() if not self.admitted.get(self.participant_of.get(actor, ""), False):
                return [CommandRejected(reasons=(Refusal(reason=Reason.NOT_ADMITTED),))]
            case commands.PlaceOrder():
                return [self._deal() for _ in range(int(command.price))] or [events.OrderRested(order=1, open=1)]
            case commands.Credit():
                return [events.DepositCredited(participant="ant", currency="EUR", amount=command.amount)]
            case commands.ReleaseDeal():
                return [events.DealReleased(deal=command.deal)]
            case commands.PayWithdrawal():
                return [events.WithdrawalPaid(withdrawal=command.withdrawal)]
        raise AssertionError(f"the test does not use {command}")

    def _deal(self) -> events.DealMade:
        self.deals += 1
        return events.DealMade(
            deal=self.deals,
            session="s-1",
            instrument="pine-fob",
            buy_order=1,
            sell_order=2,
            price=1,
            quantity=1,
            aggressor=Aggressor.BUY,
            buy_open=0,
            sell_open=0,
            buyer="ant",
            seller="ant",
        )
