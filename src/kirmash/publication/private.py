"""What each participant may see of a record besides public data: its own orders, deals, contracts, money, refusals.

A line is a JSON object: `number` (journal number, the participant's cursor), `index` (0, 1, … among his own lines of
that record: the event's place in the record would say how much there was for others before it, and by the order of
accounts even whose), `at`, `event`, the event's fields, and `client`, for whom it is (None: the participant itself), so
that a broker's lines can be told apart. Decimals come from the presenter that the feed is given, which alone knows how
numbers become text.

Never in a line: the other side of a deal (order, participant, client, open rest), with one exception. Who the other
side was is said by `counterparty_named {deal, session, side, counterparty}`, a line of its own: once the session is
over (CLOSED, or CANCELLED, after which deals stand and have to be performed), or with the deal where names_at says so.
Such lines follow those of the record's events. What an order that is not his is like, a trader is not told either: his
reject has the one reason not_owner, whatever else the record says of that order.

Rejects go to the participant of the trader whose command it was; those of operator, timetable and reactors to nobody.

Whose a line is has to be found while the record is folded, since owners of what is final are forgotten. What stands in
it need not: most lines nobody reads. So `address` gives entries, and `lines_of` makes one participant's lines of them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import Record
from kirmash.messages.kinds import ActorKind, Phase, Side
from kirmash.messages.rejects import Reason
from kirmash.messages.times import text_from_time
from kirmash.publication.book import SIDE_NAMES
from kirmash.publication.owners import Deal, Owner, Owners

JsonObject = dict[str, Any]
Present = Callable[[Record], Iterable[JsonObject]]
"""What gives the JSON lines of a record, one an event in their order; it is handed every record once."""

Line = Callable[[int], JsonObject]
"""What gives the line of one event of a record by its place there; it stays untouched."""

_DEAL_FIELDS: Final = ("number", "index", "at", "event", "deal", "session", "instrument")
_DEAL_PUBLIC: Final = ("price", "quantity", "aggressor")


def _plain(line: JsonObject) -> JsonObject:
    """The whole event. Its cause is left out: mostly it is another's number."""
    mine = line.copy()
    del mine["cause"]
    return mine


def _not_owned(line: JsonObject) -> JsonObject:
    """A reject that says of another's order no more than that it is another's."""
    mine, not_owner = _plain(line), Reason.NOT_OWNER.text
    mine["reasons"] = [reason for reason in line["reasons"] if reason["reason"] == not_owner]
    return mine


def _of_side(name: str) -> Callable[[JsonObject], JsonObject]:
    """One side's own of a deal: made of named fields, so that nothing of the other side slips in."""
    order, rest = f"{name}_order", f"{name}_open"

    def own(line: JsonObject) -> JsonObject:
        mine = {key: line[key] for key in _DEAL_FIELDS}
        mine["side"], mine["order"] = name, line[order]
        for key in _DEAL_PUBLIC:
            mine[key] = line[key]
        mine["open"] = line[rest]
        return mine

    return own


_SIDES: Final = tuple((side, _of_side(name)) for side, name in SIDE_NAMES.items())

Entry = tuple[int, Callable[[JsonObject], JsonObject], JsonObject]
"""A line to be made: the event's place in its record, what of its line is told, and what is said besides.

A place below 0 is that of no event: all that is told stands in the last part.
"""
Addressed = dict[str, list[Entry]]
"""The entries of one record by participant, each participant's in order."""


def lines_of(entries: Sequence[Entry], line: Line) -> list[JsonObject]:
    """One participant's lines of one record; new objects, whose `index` counts them."""
    made: list[JsonObject] = []
    for index, (place, tell, more) in enumerate(entries):
        mine = {} if place < 0 else tell(line(place))
        mine.update(more)
        mine["index"] = index
        made.append(mine)
    return made


class _Fold:
    """One record while it is folded: the present event's place, and who is told what so far."""

    __slots__ = ("named", "place", "record", "told")

    def __init__(self, record: Record) -> None:
        self.record: Final = record
        self.place = 0
        self.told: Final[Addressed] = {}
        self.named: Final[list[Deal]] = []

    def tell(self, owner: Owner, tell: Callable[[JsonObject], JsonObject] = _plain, **more: Any) -> None:
        """The present event to one participant."""
        more["client"] = owner.client
        self.add(owner.participant, (self.place, tell, more))

    def add(self, participant: str, entry: Entry) -> None:
        """A new line to a participant."""
        entries = self.told.get(participant)
        if entries is None:
            self.told[participant] = [entry]
        else:
            entries.append(entry)


class PrivateFeed:
    """The private lines of all participants. `fold` takes the next record in; records come in number order."""

    def __init__(self, present: Present, owners: Owners | None = None) -> None:
        """Of an exchange without records, or with these owners. `present` is a presenter at the same number, of the
        feed's own; not needed by who calls `fold_events` only."""
        self._present: Final = present
        self._owners: Final = Owners() if owners is None else owners
        self._folds: Final[dict[type[Struct], Callable[[_Fold, Any], None]]] = {
            e.CommandRejected: self._command_rejected,
            e.OrderAccepted: self._order_accepted,
            **dict.fromkeys((e.OrderAmended, e.OrderRested, e.OrderParked, e.ParadoxicallyRejected), self._order),
            e.OrderCancelled: self._order_cancelled,
            e.DealMade: self._deal_made,
            e.OrdersMassCancelled: self._orders_mass_cancelled,
            **dict.fromkeys((e.AccountChanged, e.DepositCredited, e.DepositCreditEntered), self._account),
            e.SessionCreated: self._session_created,
            e.PhaseChanged: self._phase_changed,
            e.SessionCancelled: self._session_cancelled,
            **dict.fromkeys(
                (e.ContractOpened, e.ContractPerformed, e.ContractTerminated, e.DealAnnulled), self._contract
            ),
            e.DealReleased: self._deal_released,
            e.WithdrawalRequested: self._withdrawal_requested,
            **dict.fromkeys(
                (e.WithdrawalHeld, e.WithdrawalReady, e.WithdrawalConfirmed, e.WithdrawalCancelled), self._withdrawal
            ),
            **dict.fromkeys((e.WithdrawalPaid, e.WithdrawalReleased, e.WithdrawalRefused), self._withdrawal_ended),
            **dict.fromkeys(
                (
                    *(e.ParticipantRegistered, e.ParticipantAccredited, e.ParticipantSuspended),
                    *(e.ParticipantReinstated, e.PermissionGranted, e.PermissionRevoked, e.AdmissionSet),
                ),
                self._participant,
            ),
            e.TraderAppointed: self._trader_appointed,
            **dict.fromkeys((e.TraderWithdrawn, e.AuthoritySet), self._trader),
            e.ClientRegistered: self._client_registered,
            e.ClientSet: self._client_set,
        }

    @classmethod
    def from_state(cls, market_state: bytes, office_state: bytes, present: Present) -> "PrivateFeed":
        """The feed right after the record that left the deciders in these states (EN-4, EN-7). Raises as
        `Owners.from_states`."""
        return cls(present, Owners.from_states(market_state, office_state))

    @property
    def owners(self) -> Owners:
        """Whose everything is, as of the last record; to be read only."""
        return self._owners

    def fold(self, record: Record) -> dict[str, list[JsonObject]]:
        """Take the next record in; gives the lines of each participant that has any, in order."""
        return self.fold_events(record, codec.decode_events(record.events), list(self._present(record)))

    def fold_events(
        self, record: Record, events: Sequence[e.Event], lines: Sequence[JsonObject]
    ) -> dict[str, list[JsonObject]]:
        """As `fold`, for who has decoded the record's events and has their lines already. The lines stay untouched."""
        addressed = self.address(record, events)
        return {participant: lines_of(entries, lines.__getitem__) for participant, entries in addressed.items()}

    def address(self, record: Record, events: Sequence[e.Event]) -> Addressed:
        """Take the next record in; gives what is told to whom, for `lines_of`, which may be asked late or never."""
        fold, folds = _Fold(record), self._folds
        for place, event in enumerate(events):
            handler = folds.get(type(event))
            if handler is not None:
                fold.place = place
                handler(fold, event)
        if fold.named:
            self._name(fold)
        return fold.told

    # Orders and deals --------------------------------------------------------------------------------------------

    def _order_accepted(self, fold: _Fold, event: e.OrderAccepted) -> None:
        owner = self._owners.orders[event.order] = Owner(event.participant, event.client)
        fold.tell(owner, by=fold.record.actor, id=fold.record.client_id)

    def _order(
        self, fold: _Fold, event: e.OrderAmended | e.OrderRested | e.OrderParked | e.ParadoxicallyRejected
    ) -> None:
        fold.tell(self._owners.orders[event.order])

    def _order_cancelled(self, fold: _Fold, event: e.OrderCancelled) -> None:
        fold.tell(self._owners.orders.pop(event.order))

    def _deal_made(self, fold: _Fold, event: e.DealMade) -> None:
        """To each side its own."""
        buyer, seller = Owner(event.buyer, event.buyer_client), Owner(event.seller, event.seller_client)
        for side, own in _SIDES:
            fold.tell(buyer if side is Side.BUY else seller, own)
        for order, open_lots in ((event.buy_order, event.buy_open), (event.sell_order, event.sell_open)):
            if not open_lots:
                del self._owners.orders[order]
        deal = Deal(event.deal, event.session, buyer, seller)
        if self._owners.deal_made(deal):
            fold.named.append(deal)

    def _orders_mass_cancelled(self, fold: _Fold, _: e.OrdersMassCancelled) -> None:
        """A trader's counts are of his participant's orders; those of the operator are of everybody's."""
        if fold.record.actor_kind is ActorKind.TRADER:
            fold.tell(Owner(self._owners.traders[fold.record.actor], None))

    def _command_rejected(self, fold: _Fold, event: e.CommandRejected) -> None:
        record = fold.record
        participant = self._owners.traders.get(record.actor)
        if record.actor_kind is not ActorKind.TRADER or participant is None:
            return
        command = codec.decode_command(record.command)
        more: JsonObject = {"by": record.actor, "id": record.client_id, "command": codec.name_of(type(command))}
        is_other = any(refusal.reason is Reason.NOT_OWNER for refusal in event.reasons)
        owner = Owner(participant, self._client_of(command, participant))
        fold.tell(owner, _not_owned if is_other else _plain, **more)

    def _client_of(self, command: c.Command, participant: str) -> str | None:
        """The client whom a refused command concerns, if he is the participant's own."""
        if isinstance(command, c.PlaceOrder | c.MassCancel) and command.client is not None:
            return command.client if self._owners.clients.get(command.client) == participant else None
        if isinstance(command, c.AmendOrder | c.CancelOrder):
            owner = self._owners.orders.get(command.order)
            return owner.client if owner is not None and owner.participant == participant else None
        return None

    # Sessions and names ------------------------------------------------------------------------------------------

    def _session_created(self, fold: _Fold, event: e.SessionCreated) -> None:
        command = codec.decode_command(fold.record.command)
        assert isinstance(command, c.CreateSession)
        self._owners.names_at[event.session] = command.names_at

    def _phase_changed(self, fold: _Fold, event: e.PhaseChanged) -> None:
        if event.to is Phase.CLOSED:
            fold.named.extend(self._owners.session_ended(event.session))

    def _session_cancelled(self, fold: _Fold, event: e.SessionCancelled) -> None:
        fold.named.extend(self._owners.session_ended(event.session))

    def _name(self, fold: _Fold) -> None:
        """Tell the parties of deals who the other was, behind the record's events."""
        record = fold.record
        for deal in fold.named:
            for party in deal.parties():
                line: JsonObject = {
                    "number": record.number,
                    "index": 0,
                    "at": text_from_time(record.time),
                    "event": "counterparty_named",
                    "deal": deal.number,
                    "session": deal.session,
                    "side": SIDE_NAMES[party.side],
                    "counterparty": party.counterparty,
                    "client": party.owner.client,
                }
                fold.add(party.owner.participant, (-1, _plain, line))

    # Contracts ---------------------------------------------------------------------------------------------------

    def _contract(
        self, fold: _Fold, event: e.ContractOpened | e.ContractPerformed | e.ContractTerminated | e.DealAnnulled
    ) -> None:
        self._tell_parties(fold, self._owners.deal(event.deal))

    def _deal_released(self, fold: _Fold, event: e.DealReleased) -> None:
        self._tell_parties(fold, self._owners.deal_released(event.deal))

    def _tell_parties(self, fold: _Fold, deal: Deal) -> None:
        for party in deal.parties():
            fold.tell(party.owner, side=SIDE_NAMES[party.side])

    # Money -------------------------------------------------------------------------------------------------------

    def _account(self, fold: _Fold, event: e.AccountChanged | e.DepositCredited | e.DepositCreditEntered) -> None:
        fold.tell(Owner(event.participant, event.client))

    def _withdrawal_requested(self, fold: _Fold, event: e.WithdrawalRequested) -> None:
        owner = self._owners.withdrawals[event.withdrawal] = Owner(event.participant, event.client)
        fold.tell(owner)

    def _withdrawal(
        self,
        fold: _Fold,
        event: e.WithdrawalHeld | e.WithdrawalReady | e.WithdrawalConfirmed | e.WithdrawalCancelled,
    ) -> None:
        fold.tell(self._owners.withdrawals[event.withdrawal])

    def _withdrawal_ended(
        self, fold: _Fold, event: e.WithdrawalPaid | e.WithdrawalReleased | e.WithdrawalRefused
    ) -> None:
        fold.tell(self._owners.withdrawals.pop(event.withdrawal))

    # The participant itself --------------------------------------------------------------------------------------

    def _participant(
        self,
        fold: _Fold,
        event: e.ParticipantRegistered
        | e.ParticipantAccredited
        | e.ParticipantSuspended
        | e.ParticipantReinstated
        | e.PermissionGranted
        | e.PermissionRevoked
        | e.AdmissionSet,
    ) -> None:
        fold.tell(Owner(event.participant, None))

    def _trader_appointed(self, fold: _Fold, event: e.TraderAppointed) -> None:
        self._owners.traders[event.trader] = event.participant
        fold.tell(Owner(event.participant, None))

    def _trader(self, fold: _Fold, event: e.TraderWithdrawn | e.AuthoritySet) -> None:
        fold.tell(Owner(self._owners.traders[event.trader], None))

    def _client_registered(self, fold: _Fold, event: e.ClientRegistered) -> None:
        self._owners.clients[event.client] = event.broker
        fold.tell(Owner(event.broker, event.client))

    def _client_set(self, fold: _Fold, event: e.ClientSet) -> None:
        fold.tell(Owner(self._owners.clients[event.client], event.client))
