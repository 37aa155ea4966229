"""Stage 2 of admission: may this participant, trader and client do this in this phase (PS-3.1, EN-3)?

Reasons of one kind are found by one function each, and put together per command. Prices and quantities are not looked
at here, except for the one phase right that depends on them (PS-1.3).
"""

from typing import Final

from kirmash.market.reference import phases
from kirmash.market.reference.auction import would_give
from kirmash.market.reference.names import BROKER, PARKED, SELLER_CORRECTION, VISITOR
from kirmash.market.reference.state import Client, Line, Order, Participant, Session, State, Trader
from kirmash.market.reference.step import refuse
from kirmash.messages.events import Refusal
from kirmash.messages.kinds import Side
from kirmash.messages.rejects import Reason

NOT_ADMITTED: Final = Refusal(reason=Reason.NOT_ADMITTED)
CLIENT_NOT_ADMITTED: Final = Refusal(reason=Reason.CLIENT_NOT_ADMITTED, field="client")
CLIENT_NOT_ADMITTED_LATER: Final = Refusal(reason=Reason.CLIENT_NOT_ADMITTED)
AUTHORITY_MISSING: Final = Refusal(reason=Reason.AUTHORITY_MISSING, field="by")
NOT_OWNER: Final = Refusal(reason=Reason.NOT_OWNER, field="order")


def phase_forbids(session: Session) -> Refusal:
    """The reason, with the phase that forbids it (EN-3)."""
    return Refusal(reason=Reason.PHASE_FORBIDS, low=session.phase)


def is_admitted(participant: Participant, session: Session, side: Side) -> bool:
    """Accredited, not suspended, and permitted for the session's section and purpose and this side (PS-3.1)."""
    return participant.admitted and (session.section, side, session.purpose) in participant.permissions


def is_client_admitted(participant: Participant, client: Client | None) -> bool:
    """A client is named by a broker, and his own; own account is for a visitor (PS-3.1)."""
    if client is None:
        return VISITOR in participant.kinds
    return BROKER in participant.kinds and client.participant == participant.id


def client_of(state: State, order: Order) -> Client | None:
    """The client that an order names."""
    return None if order.client is None else state.clients[order.client]


def of_place_order(
    state: State, trader: Trader, session: Session, line: Line, side: Side, client: Client | None
) -> None:
    """Admission, client, authority, phase, count of entries."""
    participant = state.participants[trader.participant]
    reasons = _of_person(participant, trader, session, side, client)
    if not phases.may_place(session, side):
        reasons.append(phase_forbids(session))
    reasons += _entries(session, line, participant)
    refuse(reasons)


def of_amend_order(state: State, trader: Trader, order: Order, changes: list[phases.Change], total_nano: int) -> None:
    """Everything, the participant tested being the actor's; an order that is not open or another's is still tested for
    the phase, on its own terms (PS-3.1, PS-13.3). `total_nano` is the total asked for, in units of 10^-9."""
    session, side = order.session, order.side
    participant = state.participants[trader.participant]
    reasons = _of_person(participant, trader, session, side, client_of(state, order))
    if not phases.may_amend(session, side, order.state is PARKED, changes) or (
        session.phase is SELLER_CORRECTION and _corrects_too_far(order, changes, total_nano)
    ):
        reasons.append(phase_forbids(session))
    reasons += _of_order(order, trader)
    refuse(reasons)


def of_cancel_order(trader: Trader | None, order: Order) -> None:
    """Authority, owner, state and phase only; the exchange may cancel in every phase (PS-1.2, PS-3.1)."""
    reasons: list[Refusal] = []
    if trader is not None:
        if not trader.active:
            reasons.append(AUTHORITY_MISSING)
        if not phases.may_cancel(order.session, order.side):
            reasons.append(phase_forbids(order.session))
    refuse(reasons + _of_order(order, trader))


def of_mass_cancel(trader: Trader | None) -> None:
    """Authority only: it is never refused for the phase (PS-6.6)."""
    refuse([AUTHORITY_MISSING] if trader is not None and not trader.active else [])


def of_running_session(session: Session) -> None:
    """set_band and expire_orders are possible in every phase but CLOSED and CANCELLED (PS-1.2)."""
    refuse([phase_forbids(session)] if session.phase in phases.FINAL else [])


def _of_person(
    participant: Participant, trader: Trader, session: Session, side: Side, client: Client | None
) -> list[Refusal]:
    reasons: list[Refusal] = []
    if not is_admitted(participant, session, side):
        reasons.append(NOT_ADMITTED)
    if not is_client_admitted(participant, client):
        reasons.append(CLIENT_NOT_ADMITTED)
    if not trader.active:
        reasons.append(AUTHORITY_MISSING)
    return reasons


def _of_order(order: Order, trader: Trader | None) -> list[Refusal]:
    """An order has to be open; a trader acts on the orders of his participant, whoever of it placed them (PS-3.1)."""
    reasons: list[Refusal] = []
    if not order.open:
        reasons.append(Refusal(reason=Reason.ORDER_NOT_OPEN, field="order", low=int(order.state)))
    if trader is not None and order.participant != trader.participant:
        reasons.append(NOT_OWNER)
    return reasons


def _entries(session: Session, line: Line, participant: Participant) -> list[Refusal]:
    """Accepted new orders of the participant in this session, instrument and phase are limited (PS-3.2)."""
    most = line.instrument.entries_max
    if most is None:
        return []
    made = session.entries.get((participant.id, line.instrument.id, session.phase), 0)
    if made < most:
        return []
    return [Refusal(reason=Reason.ENTRIES_EXCEEDED, field="instrument", high=most)]


def _corrects_too_far(order: Order, changes: list[phases.Change], total_nano: int) -> bool:
    """In SELLER_CORRECTION open may not fall below what the uncrossing of the book as it stands before the amend would
    give the order; that is 0 for one that is parked (PS-1.3)."""
    if phases.LESS not in changes:
        return False
    given = would_give(order.line).given.get(order.id, 0) if order.in_book else 0
    return total_nano < (order.filled + given) * order.line.instrument.lot_nano
