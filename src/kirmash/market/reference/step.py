"""One command while it is being decided: who gave it, when, what it has made so far, and how it is refused.

Decide first, then change: a refusal is raised as `Refused` before anything is changed, and the door asserts that.
Public channel numbers rise here and nowhere else (EN-5).
"""

from collections.abc import Sequence

from msgspec import Struct

from kirmash.market.reference.state import Account, Line, Order, Session, State
from kirmash.messages.events import MarketEvent, Refusal
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time


class Refused(Exception):
    """The command is refused for these reasons, all of one stage; nothing has been changed."""

    def __init__(self, reasons: Sequence[Refusal]) -> None:
        super().__init__(reasons)
        self.reasons = tuple(reasons)


class Step(Struct, eq=False):
    """A command under decision, and what came of it.

    `accounts` holds each account that was touched, with its balances before; `orders` the orders whose money may have
    changed, maybe more than once; `outside` the account that money came into from outside of the exchange, or
    (negative) left from, and how much.
    """

    state: State
    number: int
    time: Time
    kind: ActorKind
    actor: str
    events: list[MarketEvent] = []
    accounts: dict[Account, tuple[int, int, int, int]] = {}
    orders: list[Order] = []
    outside: tuple[Account | None, int] = (None, 0)

    def tell(self, event: MarketEvent) -> None:
        """An event that no public channel carries."""
        self.events.append(event)

    def tell_line(self, line: Line, event: MarketEvent) -> None:
        """An event of the line's public channel (EN-5)."""
        line.channel += 1
        self.events.append(event)

    def tell_session(self, session: Session, event: MarketEvent) -> None:
        """An event of the session's public channel (EN-5)."""
        session.channel += 1
        self.events.append(event)

    def touch(self, account: Account) -> None:
        """Note an account's balances before the first change."""
        if account not in self.accounts:
            self.accounts[account] = (account.free, account.reserved, account.blocked, account.withdrawing)


def refuse(reasons: Sequence[Refusal]) -> None:
    """End a stage (PS-3.2): refuse with all its reasons by ascending reject number, each at most once; or go on."""
    if reasons:
        found = sorted(reasons, key=_number)
        assert len({refusal.reason for refusal in found}) == len(found)
        raise Refused(found)


def _number(refusal: Refusal) -> int:
    return refusal.reason
