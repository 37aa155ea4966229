"""Whose an order, a deal, a withdrawal, a client, a trader is: what the private feed has to know to address a line.

Folded beside the feed, or read from both deciders' states. Final orders, ended deals and withdrawals are forgotten, so
that this does not grow with the journal. It judges nothing: an id that nobody owns is a KeyError, since then records
are missing.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from kirmash.market.reference.encoding import OrderRow, StateRow
from kirmash.market.reference.encoding import decode_state as decode_market
from kirmash.messages.kinds import NamesAt, OrderState, Phase, Side
from kirmash.office.encoding import decode_state as decode_office
from kirmash.office.registers import ContractState, WithdrawalState


class Owner(NamedTuple):
    """A participant, and the client for whom it acts, if any."""

    participant: str
    client: str | None


class Party(NamedTuple):
    """A side of a deal with its owner and the participant on the other side."""

    side: Side
    owner: Owner
    counterparty: str


class Deal:
    """A deal whose parties may still hear of it. `released`: its contract has ended, and it secures nothing more."""

    __slots__ = ("buyer", "number", "released", "seller", "session")

    def __init__(self, number: int, session: str, buyer: Owner, seller: Owner) -> None:
        self.number: Final = number
        self.session: Final = session
        self.buyer: Final = buyer
        self.seller: Final = seller
        self.released = False

    def parties(self) -> tuple[Party, Party]:
        """Buyer, then seller. A participant that deals with itself (two clients of a broker) is both."""
        return (
            Party(Side.BUY, self.buyer, self.seller.participant),
            Party(Side.SELL, self.seller, self.buyer.participant),
        )


_FINAL: Final = (Phase.CLOSED, Phase.CANCELLED)
_OPEN: Final = (OrderState.OPEN, OrderState.PARKED)
_ENDED: Final = (WithdrawalState.REFUSED,)


class Owners:
    """All owners of one exchange at one number."""

    def __init__(self) -> None:
        """Of an exchange without records."""
        self.orders: Final[dict[int, Owner]] = {}
        self.withdrawals: Final[dict[str, Owner]] = {}
        self.traders: Final[dict[str, str]] = {}
        self.clients: Final[dict[str, str]] = {}
        self.names_at: Final[dict[str, NamesAt]] = {}
        self._deals: Final[dict[int, Deal]] = {}
        self._unnamed: Final[dict[str, dict[int, Deal]]] = {}

    @classmethod
    def from_states(cls, market_state: bytes, office_state: bytes) -> "Owners":
        """Right after the record that left the deciders in these states (EN-4, EN-7).

        A deal that is released already, in a session still open, is the office's to remember; one whose contract is
        not opened yet, the market's. Raises DecodeError or StateError for other bytes.
        """
        owners = cls()
        market, office = decode_market(market_state), decode_office(office_state)
        owners.traders.update((it.trader, it.participant) for it in office.traders.values())
        owners.clients.update((it.client, it.participant) for it in office.clients.values())
        for withdrawal in office.withdrawals.values():
            if withdrawal.state not in _ENDED:
                owners.withdrawals[withdrawal.withdrawal] = Owner(withdrawal.participant, withdrawal.client)
        unfinished = {it.session for it in market.sessions if it.phase not in _FINAL}
        for it in market.sessions:
            if it.session in unfinished:
                owners.names_at[it.session] = it.names_at
        secured = {deal for deal, *_ in market.deals}
        for contract in office.contracts.values():
            terms = contract.terms
            deal = Deal(
                terms.deal,
                terms.session,
                Owner(terms.buyer, terms.buyer_client),
                Owner(terms.seller, terms.seller_client),
            )
            deal.released = contract.state is not ContractState.FORMING and terms.deal not in secured
            owners._remember(deal)
        for deal in _unopened(market, owners._deals):
            owners._remember(deal)
        owners.orders.update((it.order, Owner(it.participant, it.client)) for it in market.orders if it.state in _OPEN)
        return owners

    def _remember(self, deal: Deal) -> None:
        is_unnamed = self.names_at.get(deal.session) is NamesAt.CLOSE
        if is_unnamed:
            self._unnamed.setdefault(deal.session, {})[deal.number] = deal
        if is_unnamed or not deal.released:
            self._deals[deal.number] = deal

    def deal_made(self, deal: Deal) -> bool:
        """Keep a new deal; whether its parties are named to each other at once."""
        self._remember(deal)
        return self.names_at[deal.session] is NamesAt.DEAL

    def deal(self, number: int) -> Deal:
        """A deal that has not ended."""
        return self._deals[number]

    def deal_released(self, number: int) -> Deal:
        """A deal that ends; it is kept on until its parties are named to each other."""
        deal = self._deals[number]
        deal.released = True
        if number not in self._unnamed.get(deal.session, ()):
            del self._deals[number]
        return deal

    def session_ended(self, session: str) -> list[Deal]:
        """The deals whose parties are to be named now, by ascending number."""
        self.names_at.pop(session)
        named = [deal for _, deal in sorted(self._unnamed.pop(session, {}).items())]
        for deal in named:
            if deal.released:
                del self._deals[deal.number]
        return named


def _unopened(market: StateRow, known: dict[int, Deal]) -> Iterator[Deal]:
    """The deals of the market that the office has not heard of yet."""
    unknown = [(deal, buy, sell) for deal, buy, sell, _, _ in market.deals if deal not in known]
    wanted = {order for _, *orders in unknown for order in orders}
    rows: dict[int, OrderRow] = {it.order: it for it in market.orders if it.order in wanted} if wanted else {}
    for deal, buy, sell in unknown:
        buyer, seller = rows[buy], rows[sell]
        yield Deal(
            deal, buyer.session, Owner(buyer.participant, buyer.client), Owner(seller.participant, seller.client)
        )
