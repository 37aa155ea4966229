"""Follow-ups, one each and always sent, in the form of the table (market-rules PS-0, PS-7.1)."""

from collections.abc import Iterable

import pytest

from kirmash.messages import codec, commands, events
from kirmash.messages.codec import Actor
from kirmash.messages.commands import Command, Permission
from kirmash.messages.events import CommandRejected, Event, Refusal
from kirmash.messages.kinds import Aggressor, CancelReason, OpenOrders, ParticipantKind, Side
from kirmash.messages.rejects import Reason
from kirmash.office import Office
from kirmash.office.reactors import Reaction, react
from tests.office.desk import (
    BEE,
    COMPANIES,
    EVERY_COMMAND,
    Desk,
    accredit,
    annul,
    appoint,
    cancel,
    confirm,
    credit,
    grant,
    list_card,
    list_instrument,
    open_contracts,
    perform,
    register,
    register_client,
    reinstate,
    request,
    revoke,
    settle,
    suspend,
    terminate,
    terms,
    trader,
    withdraw_trader,
)

KEEP, CANCEL = OpenOrders.KEEP, OpenOrders.CANCEL
BOTH = (ParticipantKind.VISITOR, ParticipantKind.BROKER)


def reactions(desk: Desk, command: Command, by: Actor | None = None) -> list[Reaction]:
    """What the command asks of the other decider, after the desk has given it."""
    made = desk.do(command, by)
    before = desk.office.state()
    found = list(react(desk.number, command, made, desk.office))
    assert desk.office.state() == before, "a reactor changes nothing"
    return found


def only(found: Iterable[Reaction], name: str) -> Command:
    """The one follow-up, by the reactor of this name, after a way through its canonical bytes."""
    ((reactor, part, follow_up),) = found
    assert (reactor, part) == (name, 0)
    read = codec.decode_command(codec.encode(follow_up))
    assert read == follow_up
    return read


def admission(open_orders: OpenOrders = KEEP, *, admitted: bool, rights: str = "") -> commands.SetAdmission:
    sides = {"b": Side.BUY, "s": Side.SELL}
    return commands.SetAdmission(
        participant="bee",
        resident=False,
        kinds=BOTH,
        group="hive",
        admitted=admitted,
        permissions=tuple(
            Permission(section=section, side=sides[side], purpose=purpose)
            for section, side, purpose in (right.split(":") for right in rights.split())
        ),
        open_orders=open_orders,
    )


def test_admission_carries_the_whole_participant_after_the_command() -> None:
    """PS-0: five commands, kinds and permissions ascending, open_orders only from suspend (else keep)."""
    desk = Desk(BEE)
    expected: list[tuple[Command, commands.SetAdmission]] = [
        (grant("bee", "metal"), admission(admitted=False, rights="metal:b:export")),
        (accredit("bee"), admission(admitted=True, rights="metal:b:export")),
        (grant("bee", "forest", Side.SELL), admission(admitted=True, rights="forest:s:export metal:b:export")),
        (
            grant("bee", "forest", Side.BUY, "transit"),
            admission(admitted=True, rights="forest:b:transit forest:s:export metal:b:export"),
        ),
        (
            suspend("bee", CANCEL),
            admission(CANCEL, admitted=False, rights="forest:b:transit forest:s:export metal:b:export"),
        ),
        (
            revoke("bee", "forest", Side.SELL),
            admission(admitted=False, rights="forest:b:transit metal:b:export"),
        ),
        (suspend("bee", KEEP), admission(admitted=False, rights="forest:b:transit metal:b:export")),
        (accredit("bee"), admission(admitted=False, rights="forest:b:transit metal:b:export")),
        (reinstate("bee"), admission(admitted=True, rights="forest:b:transit metal:b:export")),
    ]
    for command, follow_up in expected:
        assert only(reactions(desk, command), "admission") == follow_up


def test_repeats_are_sent_and_act_again() -> None:
    """PS-0: saying again what already holds sends the follow-up again, cancel included."""
    desk = Desk(BEE, suspend("bee", CANCEL), appoint("tom", "bee"), withdraw_trader("tom", CANCEL))
    assert only(reactions(desk, suspend("bee", CANCEL)), "admission") == admission(CANCEL, admitted=False)
    again = only(reactions(desk, withdraw_trader("tom", CANCEL)), "authority")
    assert isinstance(again, commands.SetAuthority)
    assert (again.active, again.open_orders) == (False, CANCEL)


def test_a_client_is_told_with_its_own_residency_and_group() -> None:
    """PS-0: register_client → set_client."""
    desk = Desk(BEE)
    assert only(reactions(desk, register_client("cat", "bee", resident=True)), "client") == commands.SetClient(
        client="cat", participant="bee", resident=True, group=None
    )
    assert only(reactions(desk, register_client("dog", "bee", group="kennel")), "client") == commands.SetClient(
        client="dog", participant="bee", resident=False, group="kennel"
    )


def authority(participant: str, *, active: bool, open_orders: OpenOrders = KEEP) -> commands.SetAuthority:
    known = {"ant": (True, BOTH[:1], None), "bee": (False, BOTH, "hive")}
    resident, kinds, group = known[participant]
    return commands.SetAuthority(
        trader="tom",
        participant=participant,
        active=active,
        open_orders=open_orders,
        resident=resident,
        kinds=kinds,
        group=group,
    )


def test_authority_carries_the_participant_that_the_trader_acts_or_acted_for() -> None:
    """PS-0: appoint_trader, withdraw_trader → set_authority; open_orders only from withdraw."""
    desk = Desk(register("ant"), BEE)
    steps: list[tuple[Command, commands.SetAuthority]] = [
        (appoint("tom", "ant"), authority("ant", active=True)),
        (withdraw_trader("tom", CANCEL), authority("ant", active=False, open_orders=CANCEL)),
        (appoint("tom", "bee"), authority("bee", active=True)),
        (withdraw_trader("tom", KEEP), authority("bee", active=False)),
    ]
    for command, follow_up in steps:
        assert only(reactions(desk, command), "authority") == follow_up


def test_an_instrument_goes_to_the_market_with_its_cards_section_and_k() -> None:
    """PS-0: list_instrument → add_instrument; the section is that of the card version named."""
    desk = Desk(list_card("pine", 1, "metal"), list_card("pine", 2, "forest"))
    full = list_instrument(version="2", purpose="transit", conditional_allowed=False, order_lots_max=70, entries_max=5)
    assert only(reactions(desk, full), "instrument") == commands.AddInstrument(
        instrument="pine-fob",
        section="forest",
        purpose="transit",
        currency="EUR",
        tick="0.50",
        lot="10",
        tick_lot_value=500,
        conditional_allowed=False,
        order_lots_max=70,
        entries_max=5,
    )


def test_a_credit_goes_to_the_market_in_minor_units() -> None:
    """PS-0: credit_deposit → credit; 7.5 EUR are 750 cents, 7 JPY are 7 yen."""
    desk = Desk(*COMPANIES)
    assert only(reactions(desk, credit("bee", client="cat", amount="7.5")), "credit") == commands.Credit(
        participant="bee", client="cat", currency="EUR", amount=750
    )
    assert only(reactions(desk, credit("ant", currency="JPY", amount="7")), "credit") == commands.Credit(
        participant="ant", currency="JPY", amount=7
    )


@pytest.mark.parametrize(
    "last, follow_up",
    [
        (confirm(), commands.PayWithdrawal),
        (cancel(), commands.ReleaseWithdrawal),
    ],
)
def test_a_withdrawal_moves_with_its_whole_account_at_every_step(
    last: Command, follow_up: type[commands.PayWithdrawal] | type[commands.ReleaseWithdrawal]
) -> None:
    """PS-0: request → hold_withdrawal; confirm → pay_withdrawal; cancel → release_withdrawal."""
    desk = Desk(*COMPANIES)
    first = reactions(desk, request("w-1", "bee", client="cat", amount="150.5"))
    assert only(first, "withdrawal") == commands.HoldWithdrawal(
        withdrawal="w-1", participant="bee", client="cat", currency="EUR", amount=15_050
    )
    assert reactions(desk, settle()) == []
    assert only(reactions(desk, last), "withdrawal") == follow_up(
        withdrawal="w-1", participant="bee", client="cat", currency="EUR", amount=15_050
    )


HELD: tuple[Event, ...] = (
    events.WithdrawalHeld(withdrawal="w-1"),
    events.AccountChanged(participant="ant", currency="EUR", free=0, reserved=0, blocked=0, withdrawing=15_050),
)
SHORT: tuple[Event, ...] = (CommandRejected(reasons=(Refusal(reason=Reason.DEPOSIT_SHORT, low=0, high=15_050),)),)


@pytest.mark.parametrize("made, held", [(HELD, True), (SHORT, False)])
def test_the_office_hears_whether_the_money_is_held(made: tuple[Event, ...], held: bool) -> None:
    """PS-0: hold_withdrawal, also when rejected → settle_request."""
    command = commands.HoldWithdrawal(withdrawal="w-1", participant="ant", currency="EUR", amount=15_050)
    assert only(react(7, command, made, Office()), "withdrawal") == commands.SettleRequest(withdrawal="w-1", held=held)


@pytest.mark.parametrize("command", [perform(2), terminate(2), annul(2)])
def test_each_end_of_a_contract_releases_the_deal(command: Command) -> None:
    """PS-0, PS-5.6: release_deal with the deal's number."""
    desk = Desk(open_contracts(1, 2))
    assert only(reactions(desk, command), "deal") == commands.ReleaseDeal(deal=2)


WITHOUT = {"register_participant", "list_card", "record_profile", "settle_request", "open_contracts"}


def test_the_table_is_whole() -> None:
    """PS-0: registering, list_card, record_profile and the office's own follow-ups have none, all others one."""
    desk = Desk()
    for command in EVERY_COMMAND:
        name = codec.name_of(type(command))
        assert len(reactions(desk, command)) == (0 if name in WITHOUT else 1), name


def test_a_refused_office_command_has_no_follow_up() -> None:
    """The table holds for accepted commands; here each command is refused for its actor."""
    desk = Desk(*COMPANIES, appoint("una"))
    for command in EVERY_COMMAND:
        assert reactions(desk, command, trader("una")) == []


def deal_made(deal: int) -> events.DealMade:
    return events.DealMade(
        deal=deal,
        session="s-1",
        instrument="pine-fob",
        buy_order=1,
        sell_order=2,
        price=25_000,
        quantity=3,
        aggressor=Aggressor.BUY,
        buy_open=0,
        sell_open=4,
        buyer="bee",
        buyer_client="cat",
        seller="ant",
    )


ORDER = commands.PlaceOrder(session="s-1", instrument="pine-fob", side=Side.BUY, price="1", quantity="1")


def test_deals_become_contracts_in_the_order_of_the_deals() -> None:
    """PS-0: a market command that made deals → open_contracts, with each deal's own terms."""
    made: tuple[Event, ...] = (
        events.OrderRested(order=1, open=3),
        deal_made(4),
        events.OrderCancelled(order=9, quantity=1, reason=CancelReason.SELF_TRADE),
        deal_made(5),
    )
    assert only(react(9, ORDER, made, Office()), "contracts") == commands.OpenContracts(deals=(terms(4), terms(5)))


def test_a_market_command_without_deals_asks_for_nothing() -> None:
    """PS-0: the table has no other line for the market."""
    assert list(react(9, ORDER, (events.OrderRested(order=1, open=3),), Office())) == []
    assert list(react(9, ORDER, SHORT, Office())) == []


@pytest.mark.parametrize("count, parts", [(1, [1]), (10_000, [10_000]), (10_001, [10_000, 1]), (20_000, [10_000] * 2)])
def test_more_than_ten_thousand_deals_go_in_parts(count: int, parts: list[int]) -> None:
    """PS-7.1: at most 10,000 items, then a chain of commands with part 0, 1, …, none left out or doubled."""
    found = list(react(9, ORDER, tuple(map(deal_made, range(1, count + 1))), Office()))
    assert [(name, part) for name, part, _ in found] == [("contracts", part) for part in range(len(parts))]
    chains = [command.deals for _, _, command in found if isinstance(command, commands.OpenContracts)]
    assert [len(deals) for deals in chains] == parts
    assert [deal.deal for deals in chains for deal in deals] == list(range(1, count + 1))


def test_the_same_decision_gives_the_same_follow_ups() -> None:
    """PS-7.1: pure; an office loaded from its bytes gives the same bytes."""
    desk = Desk()
    for command in EVERY_COMMAND:
        made = desk.do(command)
        loaded = Office(desk.office.state())
        here = [(name, part, codec.encode(follow_up)) for name, part, follow_up in react(9, command, made, desk.office)]
        there = [(name, part, codec.encode(follow_up)) for name, part, follow_up in react(9, command, made, loaded)]
        assert here == there


def test_follow_ups_belong_to_the_other_decider() -> None:
    """PS-0: m and o say who decides them; every one is given by a reactor only."""
    desk = Desk()
    for command in EVERY_COMMAND:
        for _, _, follow_up in reactions(desk, command):
            assert type(follow_up) in commands.FOLLOW_UPS
            assert commands.decider_of(type(follow_up)) is not commands.decider_of(type(command))
