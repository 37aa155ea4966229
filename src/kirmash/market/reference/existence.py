"""Stage 1 of admission: do actor, session, instrument, order and client exist, and may this kind of actor give this
command (PS-3.1, EN-3, EN-6.5)?

Each function ends the stage (all its reasons together) and gives what it found. What it found may still be closed to
the actor: that is stage 2.
"""

from typing import Final

from kirmash.market.reference.state import Client, Line, Order, Session, Trader
from kirmash.market.reference.step import Step, refuse
from kirmash.messages.commands import AmendOrder, CancelOrder, CreateSession, MassCancel, PlaceOrder
from kirmash.messages.events import Refusal
from kirmash.messages.kinds import ActorKind
from kirmash.messages.rejects import Reason

UNKNOWN_ACTOR: Final = Refusal(reason=Reason.UNKNOWN_ACTOR, field="by")
ACTOR_MAY_NOT: Final = Refusal(reason=Reason.ACTOR_MAY_NOT, field="by")
UNKNOWN_SESSION: Final = Refusal(reason=Reason.UNKNOWN_SESSION, field="session")
UNKNOWN_INSTRUMENT: Final = Refusal(reason=Reason.UNKNOWN_INSTRUMENT, field="instrument")
UNKNOWN_INSTRUMENTS: Final = Refusal(reason=Reason.UNKNOWN_INSTRUMENT, field="instruments")
UNKNOWN_ORDER: Final = Refusal(reason=Reason.UNKNOWN_ORDER, field="order")
UNKNOWN_CLIENT: Final = Refusal(reason=Reason.UNKNOWN_CLIENT, field="client")
SESSION_EXISTS: Final = Refusal(reason=Reason.ALREADY_EXISTS, field="session")


def _actor(step: Step, *, traders: bool, exchange: bool) -> list[Refusal]:
    """A trader whom the market knows, active or not, is an actor; the exchange itself is never unknown (EN-6.5).

    Only an actor who is known can be one who may not.
    """
    if step.kind is ActorKind.TRADER:
        if step.actor not in step.state.traders:
            return [UNKNOWN_ACTOR]
        return [] if traders else [ACTOR_MAY_NOT]
    return [] if exchange else [ACTOR_MAY_NOT]


def _line(step: Step, session: Session | None, instrument: str) -> Refusal | None:
    """An instrument has to be in the session; under an unknown session, to be listed anywhere (PS-3.1)."""
    where = step.state.instruments if session is None else session.lines
    return None if instrument in where else UNKNOWN_INSTRUMENT


def _client(step: Step, client: str | None) -> Refusal | None:
    return UNKNOWN_CLIENT if client is not None and client not in step.state.clients else None


def of_place_order(step: Step, command: PlaceOrder) -> tuple[Trader, Session, Line, Client | None]:
    """Trader, session, line and the client named."""
    state = step.state
    session = state.sessions.get(command.session)
    reasons = _actor(step, traders=True, exchange=False)
    if session is None:
        reasons.append(UNKNOWN_SESSION)
    reasons += filter(None, (_line(step, session, command.instrument), _client(step, command.client)))
    refuse(reasons)
    assert session is not None
    client = None if command.client is None else state.clients[command.client]
    return state.traders[step.actor], session, session.lines[command.instrument], client


def of_amend_order(step: Step, command: AmendOrder) -> tuple[Trader, Order]:
    """Trader and order."""
    reasons = _actor(step, traders=True, exchange=False)
    order = step.state.orders.get(command.order)
    if order is None:
        reasons.append(UNKNOWN_ORDER)
    refuse(reasons)
    assert order is not None
    return step.state.traders[step.actor], order


def of_cancel_order(step: Step, command: CancelOrder) -> tuple[Trader | None, Order]:
    """The trader, or None for the exchange, and the order."""
    reasons = _actor(step, traders=True, exchange=True)
    order = step.state.orders.get(command.order)
    if order is None:
        reasons.append(UNKNOWN_ORDER)
    refuse(reasons)
    assert order is not None
    return trader_of(step), order


def of_mass_cancel(step: Step, command: MassCancel) -> tuple[Trader | None, Session]:
    """The trader, or None for the exchange, and the session. An unknown trader in the filter matches nothing and is no
    reason (PS-6.6, EN-6.6)."""
    session = step.state.sessions.get(command.session)
    reasons = _actor(step, traders=True, exchange=True)
    if session is None:
        reasons.append(UNKNOWN_SESSION)
    if command.instrument is not None:
        reasons += filter(None, (_line(step, session, command.instrument),))
    reasons += filter(None, (_client(step, command.client),))
    refuse(reasons)
    assert session is not None
    return trader_of(step), session


def of_create_session(step: Step, command: CreateSession) -> None:
    """The id is free and every instrument is listed."""
    reasons = _actor(step, traders=False, exchange=True)
    if any(given.instrument not in step.state.instruments for given in command.instruments):
        reasons.append(UNKNOWN_INSTRUMENTS)
    if command.session in step.state.sessions:
        reasons.append(SESSION_EXISTS)
    refuse(reasons)


def of_session_command(step: Step, session_id: str) -> Session:
    """The session, for a command that only the exchange gives."""
    session = step.state.sessions.get(session_id)
    reasons = _actor(step, traders=False, exchange=True)
    if session is None:
        reasons.append(UNKNOWN_SESSION)
    refuse(reasons)
    assert session is not None
    return session


def of_set_band(step: Step, session_id: str, instrument: str) -> tuple[Session, Line]:
    """Session and line, for a command that only the exchange gives."""
    session = step.state.sessions.get(session_id)
    reasons = _actor(step, traders=False, exchange=True)
    if session is None:
        reasons.append(UNKNOWN_SESSION)
    reasons += filter(None, (_line(step, session, instrument),))
    refuse(reasons)
    assert session is not None
    return session, session.lines[instrument]


def trader_of(step: Step) -> Trader | None:
    """The trader who gives the command; None for the exchange."""
    return step.state.traders[step.actor] if step.kind is ActorKind.TRADER else None
