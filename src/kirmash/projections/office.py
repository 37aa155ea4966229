"""What office events, and the market's answers to them, do to the views: registers of people and goods."""

from typing import Final

import msgspec

from kirmash.messages import events as e
from kirmash.messages.kinds import ParticipantKind
from kirmash.messages.units import tick_lot_value_of
from kirmash.projections import rows
from kirmash.projections.moment import Handler, Moment
from kirmash.projections.store import Views


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _registered(views: Views, now: Moment, event: e.ParticipantRegistered) -> None:
    row = rows.Participant(
        participant=event.participant,
        name=event.name,
        country=event.country,
        resident=int(event.resident),
        visitor=int(ParticipantKind.VISITOR in event.kinds),
        broker=int(ParticipantKind.BROKER in event.kinds),
        group=event.group,
        accredited=0,
        suspended=0,
        suspended_for=None,
        admitted=0,
        registered=now.number,
        registered_at=now.at,
        number=now.number,
        at=now.at,
        effective=None,
    )
    views.participants.put(row.participant, row)


def _participant(views: Views, now: Moment, participant: str) -> rows.Participant:
    """The row, to be changed by the office: the market does not know of it yet."""
    row = views.participants.get(participant)
    row.number, row.at, row.effective = now.number, now.at, None
    views.participants.put(participant, row)
    return row


def _accredited(views: Views, now: Moment, event: e.ParticipantAccredited) -> None:
    _participant(views, now, event.participant).accredited = 1


def _suspended(views: Views, now: Moment, event: e.ParticipantSuspended) -> None:
    row = _participant(views, now, event.participant)
    row.suspended, row.suspended_for = 1, event.reason


def _reinstated(views: Views, now: Moment, event: e.ParticipantReinstated) -> None:
    row = _participant(views, now, event.participant)
    row.suspended, row.suspended_for = 0, None


def _admission_set(views: Views, now: Moment, event: e.AdmissionSet) -> None:
    row = views.participants.get(event.participant)
    row.admitted = int(event.admitted)
    if row.number == now.cause:
        row.effective = now.number
    views.participants.put(row.participant, row)


def _client_registered(views: Views, now: Moment, event: e.ClientRegistered) -> None:
    row = rows.Client(
        client=event.client,
        participant=event.broker,
        name=event.name,
        country=event.country,
        resident=int(event.resident),
        group=event.group,
        number=now.number,
        at=now.at,
        effective=None,
    )
    views.clients.put(row.client, row)


def _client_set(views: Views, now: Moment, event: e.ClientSet) -> None:
    row = views.clients.get(event.client)
    row.effective = now.number
    views.clients.put(row.client, row)


def _granted(views: Views, now: Moment, event: e.PermissionGranted) -> None:
    _participant(views, now, event.participant)
    row = rows.Permission(event.participant, event.section, int(event.side), event.purpose, now.number, now.at)
    views.permissions.put((row.participant, row.section, row.side, row.purpose), row)


def _revoked(views: Views, now: Moment, event: e.PermissionRevoked) -> None:
    _participant(views, now, event.participant)
    views.permissions.delete((event.participant, event.section, int(event.side), event.purpose))


def _appointed(views: Views, now: Moment, event: e.TraderAppointed) -> None:
    row = rows.Trader(event.trader, event.participant, 1, now.number, now.at, None)
    views.traders.put(row.trader, row)


def _withdrawn(views: Views, now: Moment, event: e.TraderWithdrawn) -> None:
    row = views.traders.get(event.trader)
    row.active, row.number, row.at, row.effective = 0, now.number, now.at, None
    views.traders.put(row.trader, row)


def _authority_set(views: Views, now: Moment, event: e.AuthoritySet) -> None:
    row = views.traders.get(event.trader)
    if row.number == now.cause:
        row.effective = now.number
        views.traders.put(row.trader, row)


def _card_listed(views: Views, now: Moment, event: e.CardListed) -> None:
    row = rows.Card(
        card=event.card,
        version=str(event.version),
        section=event.section,
        name_en=event.name_en,
        name_ru=event.name_ru,
        hs_code=event.hs_code,
        unit=event.unit,
        attributes=_json(event.attributes),
        number=now.number,
        at=now.at,
    )
    views.cards.put((row.card, row.version), row)


def _instrument_listed(views: Views, now: Moment, event: e.InstrumentListed) -> None:
    value = tick_lot_value_of(event.tick, event.lot, event.currency)
    assert value is not None, "the office lists no instrument without a whole tick-lot value (PS-0.7)"
    version = str(event.version)
    row = rows.Instrument(
        instrument=event.instrument,
        card=event.card,
        version=version,
        section=views.cards.get((event.card, version)).section,
        incoterm=event.basis.incoterm,
        place=event.basis.place,
        currency=event.currency,
        payment_term=event.payment_term,
        clauses=_json(event.clauses),
        purpose=event.purpose,
        lot=event.lot,
        tick=event.tick,
        conditional_allowed=int(event.conditional_allowed),
        order_lots_max=event.order_lots_max,
        entries_max=event.entries_max,
        tick_lot_value=value,
        number=now.number,
        at=now.at,
        effective=None,
    )
    views.instruments.put(row.instrument, row)


def _instrument_added(views: Views, now: Moment, event: e.InstrumentAdded) -> None:
    row = views.instruments.get(event.instrument)
    row.effective = now.number
    views.instruments.put(row.instrument, row)


def _profile_recorded(views: Views, now: Moment, event: e.ProfileRecorded) -> None:
    views.profiles.put(event.person, rows.Profile(event.person, event.profile, event.trader, now.number, now.at))


HANDLERS: Final[dict[type, Handler]] = {
    e.ParticipantRegistered: _registered,
    e.ParticipantAccredited: _accredited,
    e.ParticipantSuspended: _suspended,
    e.ParticipantReinstated: _reinstated,
    e.AdmissionSet: _admission_set,
    e.ClientRegistered: _client_registered,
    e.ClientSet: _client_set,
    e.PermissionGranted: _granted,
    e.PermissionRevoked: _revoked,
    e.TraderAppointed: _appointed,
    e.TraderWithdrawn: _withdrawn,
    e.AuthoritySet: _authority_set,
    e.CardListed: _card_listed,
    e.InstrumentListed: _instrument_listed,
    e.InstrumentAdded: _instrument_added,
    e.ProfileRecorded: _profile_recorded,
}
