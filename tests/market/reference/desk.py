"""A market with a desk in front of it: frames are made, every answer is checked as far as that holds for all commands.

After each command all invariants are checked over the whole state; a refused command has to leave the bytes of the
state as they were (PS-3.3). Nothing here says what a rule demands: that is the tests' own.
"""

from typing import Any

from msgspec import Raw, Struct

from kirmash.market.reference import ReferenceMarket
from kirmash.messages import codec, commands
from kirmash.messages.commands import (
    AddInstrument,
    AmendOrder,
    CancelOrder,
    ChangePhase,
    CreateSession,
    Credit,
    Permission,
    PlaceOrder,
    PlannedPhase,
    SessionInstrument,
    SetAdmission,
    SetAuthority,
    SetClient,
)
from kirmash.messages.events import AccountChanged, CommandRejected, Event
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, Side

BUY, SELL = Side.BUY, Side.SELL
PLANS = {
    Mechanism.CDCA: "SCHEDULED INTAKE ADMISSION OPENING TRADING CLOSING CLOSED",
    Mechanism.CALL: "SCHEDULED INTAKE ADMISSION OPENING TRADING SELLER_CORRECTION DEAL_MAKING CLOSING CLOSED",
}
HOUR = 3600


class Desk:
    """Makes frames for a market and keeps its answers. Time stands still unless a test moves `now` (seconds)."""

    def __init__(self) -> None:
        self.market = ReferenceMarket()
        self.number = 0
        self.now = 0

    def give(self, command: Struct, by: str | None = None) -> tuple[Event, ...]:
        """Apply a command by a trader, the operator (None) or, for follow-ups, a reactor; account_changed included."""
        self.number += 1
        kind, actor = ActorKind.OPERATOR, "operator"
        if by is not None:
            kind, actor = ActorKind.TRADER, by
        elif type(command) in commands.FOLLOW_UPS:
            kind, actor = ActorKind.REACTOR, "test"
        frame = codec.Frame(self.number, (self.now, 0), kind, actor, Raw(codec.encode(command)))
        before = self.market.state()
        events = codec.decode_events(self.market.apply(codec.encode(frame)))
        self.market.check()
        if isinstance(events[0], CommandRejected):
            assert len(events) == 1
            assert self.market.state() == before
        return events

    def do(self, command: Struct, by: str | None = None) -> list[Event]:
        """Apply a command that must not be refused; without account_changed."""
        events = self.give(command, by)
        assert not isinstance(events[0], CommandRejected), events
        return [event for event in events if not isinstance(event, AccountChanged)]

    def refused(self, command: Struct, by: str | None = None) -> list[str]:
        """Apply a command that must be refused; the names of the reasons."""
        (event,) = self.give(command, by)
        assert isinstance(event, CommandRejected), event
        return [refusal.reason.text for refusal in event.reasons]

    def participant(self, name: str, money: int = 0, group: str | None = None, **terms: Any) -> None:
        """A visitor and broker that may do everything in metal/export, with a trader t-<name> and so much EUR."""
        kinds = terms.pop("kinds", (ParticipantKind.VISITOR, ParticipantKind.BROKER))
        permissions = tuple(Permission(section="metal", side=side, purpose="export") for side in (BUY, SELL))
        given = {"resident": True, "admitted": True, "permissions": permissions, **terms}
        self.do(SetAdmission(participant=name, kinds=kinds, group=group, **given))
        self.do(SetAuthority(trader=f"t-{name}", participant=name, active=True, resident=True, kinds=kinds))
        if money:
            self.do(Credit(participant=name, currency="EUR", amount=money))

    def client(self, name: str, participant: str, group: str | None = None, resident: bool = True) -> None:
        self.do(SetClient(client=name, participant=participant, resident=resident, group=group))

    def instrument(self, name: str = "i", **terms: Any) -> None:
        """An instrument of tick 1, lot 1 and k 100 in EUR, unless the terms say otherwise."""
        given = {"section": "metal", "purpose": "export", "currency": "EUR", "tick": "1", "lot": "1"}
        self.do(AddInstrument(instrument=name, **{**given, "tick_lot_value": 100, **terms}))

    def session(self, mechanism: Mechanism = Mechanism.CDCA, instruments: Any = ("i",), **terms: Any) -> None:
        """Session s with the whole plan of its mechanism, a phase an hour from hour 0 on."""
        lines = tuple(
            it if isinstance(it, SessionInstrument) else SessionInstrument(instrument=it) for it in instruments
        )
        names = terms.pop("plan", PLANS[mechanism]).split()
        plan = tuple(PlannedPhase(phase=Phase[name], at=(place * HOUR, 0)) for place, name in enumerate(names))
        given = {"session": "s", "section": "metal", "purpose": "export", "mechanism": mechanism}
        self.do(CreateSession(**{**given, "instruments": lines, "phases": plan, **terms}))

    def go(self, *phases: str, start: str = "SCHEDULED") -> list[Event]:
        """Through these phases one after another; the events of the last change."""
        events: list[Event] = []
        for phase in phases:
            events = self.do(ChangePhase(session="s", from_=Phase[start], to=Phase[phase]))
            start = phase
        return events

    def trading(self) -> None:
        """Into TRADING of CDCA."""
        self.go("INTAKE", "ADMISSION", "OPENING", "TRADING")

    def place(self, by: str, side: Side, price: object, quantity: object, **terms: Any) -> list[Event]:
        """An order of participant `by` that must be accepted."""
        return self.do(order(side, price, quantity, **terms), f"t-{by}")

    def amend(self, by: str, order_id: int, **terms: Any) -> list[Event]:
        """An amend that must be accepted."""
        return self.do(AmendOrder(order=order_id, **texts(terms)), f"t-{by}")

    def cancel(self, by: str, order_id: int) -> list[Event]:
        return self.do(CancelOrder(order=order_id), f"t-{by}")


def texts(terms: dict[str, Any]) -> dict[str, Any]:
    """Numbers of price, quantity and minimum as decimal text."""
    decimals = ("price", "quantity", "minimum")
    return {name: str(value) if name in decimals and value is not None else value for name, value in terms.items()}


def order(side: Side, price: object, quantity: object, **terms: Any) -> PlaceOrder:
    """A place_order in session s for instrument i, unless the terms say otherwise."""
    given = {"session": "s", "instrument": "i", "side": side, "price": price, "quantity": quantity, **terms}
    return PlaceOrder(**texts(given))
