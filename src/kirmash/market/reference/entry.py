"""place_order: from the command to an accepted order (PS-3), which then walks or rests."""

from kirmash.market.reference import existence, rights, terms
from kirmash.market.reference.bands import effective_band
from kirmash.market.reference.deposit import deposit_terms, required, revalue, stage_money
from kirmash.market.reference.matching import enter
from kirmash.market.reference.names import FOK, IOC, OPEN
from kirmash.market.reference.orders import enroll
from kirmash.market.reference.phases import is_continuous
from kirmash.market.reference.state import Client, Group, Line, Order, Participant, Session, account_key
from kirmash.market.reference.step import Step, refuse
from kirmash.messages.commands import PlaceOrder
from kirmash.messages.events import OrderAccepted, Refusal


def place_order(step: Step, command: PlaceOrder) -> None:
    """Admit a new order by the four stages, then let it in."""
    state = step.state
    trader, session, line, client = existence.of_place_order(step, command)
    rights.of_place_order(state, trader, session, line, command.side, client)
    participant = state.participants[trader.participant]
    wanted = terms.Wanted(
        price=terms.exact(command.price),
        total=terms.exact(command.quantity),
        minimum=None if command.minimum is None else terms.exact(command.minimum),
        indivisible=command.indivisible,
    )
    _stage_terms(step, command, session, line, wanted, participant, client)
    order = _make_order(step, command, session, line, wanted, participant, client)
    needed = required(order.price * order.total * line.instrument.tick_lot_value, order.rate_ppm, order.floor)
    stage_money(order.account.free if order.account is not None else 0, needed)
    assert order.account is not None or needed == 0
    _accept(step, order)
    enter(step, order)


def _stage_terms(
    step: Step,
    command: PlaceOrder,
    session: Session,
    line: Line,
    wanted: terms.Wanted,
    participant: Participant,
    client: Client | None,
) -> None:
    """Stage 3 of a new order (PS-3.2)."""
    reasons: list[Refusal] = terms.of_terms(line, wanted, effective_band(line))
    reasons += terms.conditional_orders_full(line, wanted)
    if command.time_in_force in (IOC, FOK) and not is_continuous(session):
        reasons.append(terms.TIME_IN_FORCE_NOT_NOW)
    if command.until is not None:
        reasons += terms.until_not_in_session(session, step.time, command.until)
    reasons += terms.own_opposite_order(session, line, command.side, group_of(participant, client), wanted.price)
    key = account_key(participant.id, command.client, line.instrument.currency)
    reasons += terms.open_orders_full(step.state, session, key)
    refuse(reasons)


def group_of(participant: Participant, client: Client | None) -> Group:
    """The self-trade group: the affiliation group of the client if one is named, else of the participant; without one,
    a group of its own (PS-2.8)."""
    if client is not None:
        return (2, client.id) if client.group is None else (1, client.group)
    return (3, participant.id) if participant.group is None else (1, participant.group)


def _make_order(
    step: Step,
    command: PlaceOrder,
    session: Session,
    line: Line,
    wanted: terms.Wanted,
    participant: Participant,
    client: Client | None,
) -> Order:
    """The order with all that is stamped on it at entry: group, rate and floor of the deposit, priority (PS-5.1)."""
    instrument = line.instrument
    resident = participant.resident if client is None else client.resident
    rate_ppm, floor = deposit_terms(session, command.side, resident, instrument.currency)
    key = account_key(participant.id, command.client, instrument.currency)
    total = wanted.total // instrument.lot_nano
    return Order(
        id=step.state.last_order + 1,
        session=session,
        line=line,
        side=command.side,
        participant=participant.id,
        client=command.client,
        trader=step.actor,
        group=group_of(participant, client),
        price=wanted.price // instrument.tick_nano,
        total=total,
        filled=0,
        minimum=None if wanted.minimum is None else wanted.minimum // instrument.lot_nano,
        indivisible=wanted.indivisible,
        time_in_force=command.time_in_force,
        until=command.until,
        priority=step.number,
        state=OPEN,
        rate_ppm=rate_ppm,
        floor=floor,
        deal_value=0,
        account=step.state.accounts.get(key) if rate_ppm or floor else None,
        account_key=key,
        open=total,
    )


def _accept(step: Step, order: Order) -> None:
    """Enter the order into the state: nothing is refused from here on."""
    state, session, instrument = step.state, order.session, order.line.instrument
    state.last_order = order.id
    state.orders[order.id] = order
    enroll(state, order)
    if instrument.entries_max is not None:
        entry = (order.participant, instrument.id, session.phase)
        session.entries[entry] = session.entries.get(entry, 0) + 1
    revalue(step, order)
    step.tell(
        OrderAccepted(
            order=order.id,
            session=session.id,
            instrument=instrument.id,
            side=order.side,
            price=order.price,
            quantity=order.total,
            client=order.client,
            minimum=order.minimum,
            indivisible=order.indivisible,
            time_in_force=order.time_in_force,
            until=order.until,
            reserved=order.reserved,
            participant=order.participant,
        )
    )
