"""The one door of the reference market: `apply(frame) -> events` (EN-2).

A pure fold: what a command gives depends on the state, the command, its number, time and actor, and on nothing else. It
is decided first and changed then; a refused command leaves every byte of the state as it was (PS-3.3).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from kirmash.market.reference import amend, cancel, encoding, entry, follow_ups, invariants, sessions
from kirmash.market.reference.state import Account, State
from kirmash.market.reference.step import Refused, Step
from kirmash.messages import commands
from kirmash.messages.events import AccountChanged, CommandRejected
from kirmash.messages.kinds import ActorKind

DECIDE: Final[dict[type[Struct], Callable[[Step, Any], None]]] = {
    commands.CreateSession: sessions.create_session,
    commands.ChangePhase: sessions.change_phase,
    commands.HaltSession: sessions.halt_session,
    commands.CancelSession: sessions.cancel_session,
    commands.ResumeSession: sessions.resume_session,
    commands.SetBand: sessions.set_band,
    commands.PlaceOrder: entry.place_order,
    commands.AmendOrder: amend.amend_order,
    commands.CancelOrder: cancel.cancel_order,
    commands.MassCancel: cancel.mass_cancel,
    commands.ExpireOrders: cancel.expire_orders,
    commands.SetAdmission: follow_ups.set_admission,
    commands.SetClient: follow_ups.set_client,
    commands.SetAuthority: follow_ups.set_authority,
    commands.AddInstrument: follow_ups.add_instrument,
    commands.Credit: follow_ups.credit,
    commands.HoldWithdrawal: follow_ups.hold_withdrawal,
    commands.PayWithdrawal: follow_ups.pay_withdrawal,
    commands.ReleaseWithdrawal: follow_ups.release_withdrawal,
    commands.ReleaseDeal: follow_ups.release_deal,
}


class ReferenceMarket:
    """The market in plain Python."""

    def __init__(self, state: bytes | None = None) -> None:
        """An empty market, or the one that `state()` gave these bytes for. Raises StateRefused for any others."""
        self._state = State() if state is None else encoding.load(state)
        self._number = max((order.priority for order in self._state.orders.values()), default=0)

    def apply(self, frame: bytes) -> bytes:
        """Decide one command: a frame in, its events out, both as EN-2 says. The events are never empty.

        Raises msgspec.DecodeError (or its ValidationError) for bytes that are no frame of a market command, and
        AssertionError where an invariant does not hold: a fault after which this market is of no use (PS-9).
        """
        given = encoding.decode_frame(frame)
        kind = type(given.command)
        assert given.number > self._number, "numbers rise (EN-2)"
        assert kind not in commands.FOLLOW_UPS or given.actor_kind is ActorKind.REACTOR
        self._number = given.number
        step = Step(self._state, given.number, given.time, given.actor_kind, given.actor)
        try:
            DECIDE[kind](step, given.command)
        except Refused as refused:
            assert not any((step.events, step.accounts, step.orders)), "a refused command changes nothing"
            return encoding.encode([CommandRejected(reasons=refused.reasons)])
        step.events += map(account_changed, invariants.after_step(step))
        assert step.events
        return encoding.encode(step.events)

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        """Decide commands one after another."""
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        """The whole state in canonical bytes (EN-4)."""
        return encoding.dump(self._state)

    def open_orders(self) -> int:
        """How many orders are open, parked ones included."""
        return self._state.open_count

    def check(self) -> None:
        """Assert every invariant over the whole state."""
        invariants.check(self._state)


def account_changed(account: Account) -> AccountChanged:
    """What an account holds now: the last events of a command, once an account whose balances changed (PS-0, PS-12)."""
    return AccountChanged(
        participant=account.participant,
        client=account.client,
        currency=account.currency,
        free=account.free,
        reserved=account.reserved,
        blocked=account.blocked,
        withdrawing=account.withdrawing,
    )
