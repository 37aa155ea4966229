"""Numbers, the barrier for follow-ups, records and replay (market-rules PS-7, PS-8), with a market of a few lines.

The market of few_lines.py stands in for the real ones; what the machine does with its answers is all that is tested.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.messages import codec, commands, events
from kirmash.messages.codec import OPERATOR, Actor, Record
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected, Refusal
from kirmash.messages.kinds import ActorKind, Decider, OpenOrders, ParticipantKind, Side
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.office.reactors import Reaction
from kirmash.sequencer import machine as sequencer_machine
from kirmash.sequencer.machine import Decided, Machine, MachineFault
from tests.sequencer.few_lines import FewLinesMarket

TOM = Actor(ActorKind.TRADER, "tom")
NOON: Time = (1_670_000_000, 0)
LATER: Time = (1_670_000_000, 1)


REGISTER = commands.RegisterParticipant(
    participant="ant", name="Ant Timber", country="BY", resident=True, kinds=(ParticipantKind.VISITOR,)
)
ACCREDIT = commands.AccreditParticipant(participant="ant")
SUSPEND = commands.SuspendParticipant(participant="ant", open_orders=OpenOrders.KEEP, reason="fees unpaid")
APPOINT = commands.AppointTrader(trader="tom", participant="ant")
CREDIT = commands.CreditDeposit(participant="ant", currency="EUR", amount="1.00")
PERFORM = commands.PerformContract(deal=1, reason="paid")


def order(deals: int = 0) -> commands.PlaceOrder:
    return commands.PlaceOrder(
        session="s-1", instrument="pine-fob", side=Side.BUY, price=str(deals), quantity="1", client=None
    )


def request(withdrawal: str, amount: str) -> commands.RequestWithdrawal:
    return commands.RequestWithdrawal(withdrawal=withdrawal, participant="ant", currency="EUR", amount=amount)


class Floor:
    """A machine with the journal that it wrote; client ids rise."""

    def __init__(self) -> None:
        self.machine = Machine(FewLinesMarket(), Office(), "test")
        self.journal: list[Record] = []

    def keep(self, decided: list[Decided]) -> list[str]:
        self.journal += [entry.record for entry in decided]
        return [shown(entry.record) for entry in decided]

    def give(self, command: Command, clock: Time = NOON) -> list[str]:
        actor = TOM if isinstance(command, commands.PlaceOrder) else OPERATOR
        return self.keep(self.machine.submit(actor, "test", f"c-{self.machine.number}", command, clock))

    def settle(self, decider: Decider | None = None) -> list[str]:
        return self.keep(self.machine.settle(NOON, decider))

    def bytes(self) -> list[bytes]:
        return [codec.encode(record) for record in self.journal]


def shown(record: Record) -> str:
    """A record in short: number, command, and the cause of a follow-up."""
    name = codec.name_of(type(codec.decode_command(record.command)))
    return f"{record.number} {name}" + (f" after {record.cause}" if record.cause is not None else "")


def opened() -> Floor:
    """An exchange on which tom may trade for ant; nothing is pending."""
    floor = Floor()
    for command in (REGISTER, ACCREDIT, APPOINT):
        floor.give(command)
    floor.settle()
    assert floor.machine.number == 5
    return floor


def played(journal: Sequence[bytes]) -> Machine:
    """A fresh machine after the replay of these records."""
    machine = Machine(FewLinesMarket(), Office(), "test")
    for data in journal:
        machine.replay(data)
    return machine


def changed(record: Record, **values: Any) -> bytes:
    return codec.encode(msgspec.structs.replace(record, **values))


# The barrier


def test_a_suspension_is_known_to_the_market_before_the_next_order() -> None:
    """PS-7.2 example (a): n suspend_participant, n+1 is set_admission, n+2 the order: rejected."""
    floor = opened()
    assert floor.give(SUSPEND) == ["6 suspend_participant"]
    assert floor.give(order(deals=1)) == ["7 set_admission after 6", "8 place_order"]
    (rejected,) = codec.decode_events(floor.journal[-1].events)
    assert rejected == CommandRejected(reasons=(Refusal(reason=Reason.NOT_ADMITTED),))


def test_contracts_open_directly_before_the_next_office_command() -> None:
    """PS-7.2 example (c): a deal at n, 500 further orders, then an operator's office command."""
    floor = opened()
    assert floor.give(order(deals=1)) == ["6 place_order"]
    for number in range(7, 507):
        assert floor.give(order()) == [f"{number} place_order"]
    assert floor.give(PERFORM) == ["507 open_contracts after 6", "508 perform_contract"]
    assert [codec.name_of(type(e)) for e in codec.decode_events(floor.journal[-1].events)] == ["contract_performed"]


def test_follow_ups_for_the_other_decider_wait() -> None:
    """PS-7.2: what the market is owed does not hold up the office, and comes in the order of its causes."""
    floor = opened()
    assert floor.give(SUSPEND) == ["6 suspend_participant"]
    assert floor.give(ACCREDIT) == ["7 accredit_participant"]
    assert floor.give(CREDIT) == ["8 credit_deposit"]
    assert [follow_up.client_id for follow_up in floor.machine.pending] == [
        "6.admission.0",
        "7.admission.0",
        "8.credit.0",
    ]
    assert floor.give(order()) == [
        "9 set_admission after 6",
        "10 set_admission after 7",
        "11 credit after 8",
        "12 place_order",
    ]


def test_follow_ups_of_follow_ups_are_appended() -> None:
    """PS-7.2, PS-7.6: request → hold → settle, both deciders, each with its own cause, also where it is refused."""
    floor = opened()
    floor.give(request("w-1", "100.00"))
    floor.give(request("w-2", "100.01"))
    assert floor.settle() == [
        "8 hold_withdrawal after 6",
        "9 hold_withdrawal after 7",
        "10 settle_request after 8",
        "11 settle_request after 9",
    ]
    assert [codec.decode_events(record.events) for record in floor.journal[-2:]] == [
        (events.WithdrawalReady(withdrawal="w-1"),),
        (events.WithdrawalRefused(withdrawal="w-2"),),
    ]
    assert floor.machine.pending == []


def test_one_decider_is_settled_without_the_other() -> None:
    """PS-7.2: only what is addressed to the decider is numbered, and what follows from it for the same."""
    floor = opened()
    floor.give(request("w-1", "1.00"))
    assert floor.settle(Decider.OFFICE) == []
    assert floor.settle(Decider.MARKET) == ["7 hold_withdrawal after 6"]
    assert floor.settle(Decider.MARKET) == []
    assert floor.settle(Decider.OFFICE) == ["8 settle_request after 7"]


def test_parts_are_numbered_in_order() -> None:
    """PS-7.1: 10,001 deals of one command are opened by two follow-ups, part 0 first."""
    floor = opened()
    floor.give(order(deals=10_001))
    assert floor.give(PERFORM) == ["7 open_contracts after 6", "8 open_contracts after 6", "9 perform_contract"]
    assert [record.client_id for record in floor.journal[-3:-1]] == ["6.contracts.0", "6.contracts.1"]
    assert [len(codec.decode_events(record.events)) for record in floor.journal[-3:-1]] == [10_000, 1]


def test_a_follow_up_says_who_gave_it() -> None:
    """PS-7.1: actor `reactor:<name>`, client id `<cause number>.<name>.<part>`, its cause in the record."""
    floor = opened()
    floor.give(SUSPEND)
    floor.settle()
    record = floor.journal[-1]
    assert (record.actor_kind, record.actor, record.client_id) == (ActorKind.REACTOR, "admission", "6.admission.0")
    assert (record.cause, record.decider) == (6, Decider.MARKET)


def test_a_refused_command_owes_nothing() -> None:
    """PS-0: follow-ups stand after accepted commands."""
    floor = opened()
    floor.give(REGISTER)
    assert codec.decode_events(floor.journal[-1].events)[0] == CommandRejected(
        reasons=(Refusal(reason=Reason.ALREADY_EXISTS, field="participant"),)
    )
    assert floor.machine.pending == []


def test_a_chain_of_more_than_eight_follow_ups_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """PS-7.2: reactors that answer one another for ever are stopped at the ninth."""
    floor = opened()
    names: list[str] = []

    def endless(number: int, command: Command, *_: object) -> list[Reaction]:
        names.append(f"{number} {codec.name_of(type(command))}")
        assert len(names) < 20, "nothing stops the chain"
        return [("credit", 0, commands.Credit(participant="ant", currency="EUR", amount=1))]

    monkeypatch.setattr(sequencer_machine, "react", endless)
    monkeypatch.setattr(sequencer_machine, "react_to_market", endless_market(endless))
    floor.give(CREDIT)
    with pytest.raises(MachineFault, match="chain"):
        floor.settle()
    assert len(names) == 9, "the command from outside and eight follow-ups were decided"


def endless_market(endless: Any) -> Any:
    return lambda number, command, _events, _office: endless(number, codec.decode_command(command))


# Records


def test_records_are_chained_as_anybody_can_compute() -> None:
    """PS-8.3: chain₀ from the exchange's id, each next from the one before and the record; numbers without gaps."""
    floor = opened()
    chain = hashlib.sha256(b"kirmash journal 1test").digest()
    for data in floor.bytes():
        chain = hashlib.sha256(chain + data).digest()
    assert floor.machine.chain == chain
    assert [record.number for record in floor.journal] == [1, 2, 3, 4, 5]


def test_a_record_has_the_form_of_the_page() -> None:
    """PS-8.2: version, number, time, actor kind and id, origin, client id, decider, command, events, cause or nil."""
    floor = opened()
    assert msgspec.msgpack.decode(floor.bytes()[0]) == [
        1,
        1,
        [1_670_000_000, 0],
        1,
        "operator",
        "test",
        "c-0",
        2,
        [1, "ant", "Ant Timber", "BY", True, [1], None],
        [[41, "ant", "Ant Timber", "BY", True, [1], None]],
        None,
    ]


def test_the_time_of_a_record_never_falls() -> None:
    """PS-8.7: max(time of the record before, clock); equal times are legal."""
    floor = Floor()
    times: list[Time] = [NOON, LATER, NOON, (1_669_999_999, 999_999_999), (1_670_000_001, 0)]
    for clock in times:
        floor.give(REGISTER, clock)
    assert [record.time for record in floor.journal] == [NOON, LATER, LATER, LATER, (1_670_000_001, 0)]


def test_the_state_hash_is_over_the_market_and_then_the_office() -> None:
    """PS-8.5."""
    floor = opened()
    both = floor.machine.market.state() + floor.machine.office.state()
    assert floor.machine.state_hash() == hashlib.sha256(both).digest()


# Replay


def busy() -> Floor:
    """A journal with follow-ups of both deciders, three of them still pending at its head."""
    floor = opened()
    for command in (request("w-1", "5.00"), order(2), SUSPEND, order(1), CREDIT, ACCREDIT, PERFORM):
        floor.give(command)
    return floor


def test_replay_leads_to_the_same_chain_state_and_debts() -> None:
    """PS-7.4, PS-7.5: follow-ups from the journal; those that are still pending at the head are no failure."""
    floor = busy()
    machine = played(floor.bytes())
    assert (machine.number, machine.time, machine.chain) == (floor.machine.number, NOON, floor.machine.chain)
    assert machine.state_hash() == floor.machine.state_hash()
    assert machine.pending == floor.machine.pending
    assert [follow_up.client_id for follow_up in machine.pending] == ["14.credit.0", "15.admission.0", "16.deal.0"]


def test_a_restart_between_cause_and_follow_up_numbers_it_once() -> None:
    """PS-7.4 and example (b): killed after n, before n+1; on start n+1 is numbered first, and stands once."""
    floor = opened()
    floor.give(SUSPEND)
    machine = played(floor.bytes())
    (first,) = machine.settle(NOON)
    assert shown(first.record) == "7 set_admission after 6"
    assert machine.settle(NOON) == []
    floor.settle()
    assert codec.encode(floor.journal[-1]) == first.data


def test_replay_of_every_prefix_goes_on_as_the_first_run_did() -> None:
    """PS-7.4: wherever the journal ends, the debts recomputed are those that the rest of the journal pays."""
    floor = busy()
    journal = floor.bytes()
    for cut in range(len(journal) + 1):
        machine = played(journal[:cut])
        for data in journal[cut:]:
            machine.replay(data)
        assert machine.chain == floor.machine.chain


def test_a_snapshot_goes_on_as_the_machine_it_was_taken_from() -> None:
    """PS-7.4: what is pending is part of the snapshot."""
    floor = busy()
    source = floor.machine
    copy = Machine(FewLinesMarket(source.market.state()), Office(source.office.state()), "test")
    copy.restore(source.number, source.time, source.chain, reversed(source.pending))
    one = source.submit(TOM, "test", "next", order(), LATER)
    other = copy.submit(TOM, "test", "next", order(), LATER)
    assert [entry.data for entry in one] == [entry.data for entry in other]
    assert (copy.chain, copy.state_hash()) == (source.chain, source.state_hash())


def test_replay_finds_a_missing_follow_up() -> None:
    """PS-7.5: an outside command of the same decider where its follow-up was due."""
    floor = opened()
    floor.give(SUSPEND)
    floor.give(order())
    *before, _, last = floor.journal
    journal = [*map(codec.encode, before), changed(last, number=last.number - 1)]
    with pytest.raises(MachineFault, match=r"7: follow-up 6\.admission\.0 is missing"):
        played(journal)


def test_replay_finds_a_follow_up_given_twice() -> None:
    """PS-7.5: surplus, because the debt was paid."""
    floor = opened()
    floor.give(SUSPEND)
    floor.settle()
    with pytest.raises(MachineFault, match=r"8: follow-up 6\.admission\.0 is not the one that is owed"):
        played([*floor.bytes(), changed(floor.journal[-1], number=8)])


def test_replay_finds_a_follow_up_that_nothing_asked_for() -> None:
    """PS-7.5: surplus, with a cause that has none; and the same without any cause, as if it came from outside."""
    floor = opened()
    made_up = floor.journal[3]
    assert shown(made_up) == "4 set_admission after 2"
    for cause in (1, 5, None):
        with pytest.raises(MachineFault):
            played([*floor.bytes(), changed(made_up, number=6, cause=cause)])


def test_replay_finds_follow_ups_in_another_order() -> None:
    """PS-7.2: (cause number, reactor name, part) is the order, also in the journal."""
    floor = opened()
    floor.give(CREDIT)
    floor.give(SUSPEND)
    floor.settle()
    *before, credit, admission = floor.journal
    journal = [*map(codec.encode, before), changed(admission, number=8), changed(credit, number=9)]
    with pytest.raises(MachineFault, match=r"8: follow-up 7\.admission\.0 is not the one that is owed"):
        played(journal)


ADMITTED_AFTER_ALL = commands.SetAdmission(
    participant="ant", resident=True, kinds=(ParticipantKind.VISITOR,), admitted=True, permissions=()
)


@pytest.mark.parametrize(
    "values",
    [
        {
            "command": msgspec.Raw(codec.encode(ADMITTED_AFTER_ALL)),
            "events": msgspec.Raw(codec.encode((events.AdmissionSet(participant="ant", admitted=True),))),
        },
        {"cause": 5},
        {"client_id": "6.admission.1"},
        {"actor": "credit"},
        {"actor_kind": ActorKind.OPERATOR},
        {"decider": Decider.OFFICE},
        {"origin": "door"},
        {"events": msgspec.Raw(codec.encode((events.AdmissionSet(participant="ant", admitted=True),)))},
        {"version": 2},
        {"number": 8},
        {"number": 6},
        {"time": (1_669_999_999, 0)},
    ],
    ids="+".join,
)
def test_replay_finds_a_different_follow_up(values: dict[str, Any]) -> None:
    """PS-7.5: not one field of a follow-up may differ from what the reactor gives; the record as it was passes."""
    floor = opened()
    floor.give(SUSPEND)
    floor.settle()
    *before, last = floor.journal
    machine = played([*map(codec.encode, before), codec.encode(last)])
    assert machine.chain == floor.machine.chain
    with pytest.raises(MachineFault):
        played([*map(codec.encode, before), changed(last, **values)])


@pytest.mark.parametrize(
    "values",
    [
        {"events": msgspec.Raw(codec.encode((events.OrderRested(order=1, open=1),)))},
        {"decider": Decider.OFFICE},
        {"actor": "una"},
        {"version": 2},
    ],
    ids="+".join,
)
def test_replay_finds_an_outside_command_that_decides_otherwise(values: dict[str, Any]) -> None:
    """PS-8.5: the same command gives the same events, by the decider that owns it."""
    floor = opened()
    floor.give(order(1))
    *before, last = floor.journal
    with pytest.raises(MachineFault):
        played([*map(codec.encode, before), changed(last, **values)])


OUTSIDE: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from([REGISTER, ACCREDIT, SUSPEND, APPOINT, CREDIT, PERFORM]),
    st.integers(0, 3).map(order),
    st.builds(request, st.sampled_from(["w-1", "w-2", "w-3"]), st.sampled_from(["1.00", "100.01"])),
)
MOVES = st.lists(OUTSIDE | st.sampled_from(Decider) | st.none(), min_size=10, max_size=60)


@given(MOVES)
def test_whatever_comes_follow_ups_stand_once_and_before_what_they_bind(moves: list[Command | Decider | None]) -> None:
    """PS-7.2, PS-7.4, PS-7.5 over random commands and pauses, checked on the journal alone, and by replay."""
    floor = opened()
    for move in moves:
        if move is None or isinstance(move, Decider):
            floor.settle(move)
        else:
            floor.give(move)
    floor.settle()
    journal = floor.journal
    assert [record.number for record in journal] == list(range(1, len(journal) + 1))
    keys = [(record.origin, record.client_id) for record in journal]
    assert len(set(keys)) == len(keys)
    for decider in Decider:
        causes = [record.cause for record in journal if record.decider is decider]
        numbers = [record.number for record in journal if record.decider is decider]
        for at, cause in enumerate(causes):
            # Between a cause and its follow-up no outside command of the follow-up's decider is numbered.
            if cause is not None:
                between = [c for c, number in zip(causes[:at], numbers[:at], strict=True) if number > cause]
                assert None not in between
    machine = played(floor.bytes())
    assert (machine.chain, machine.state_hash()) == (floor.machine.chain, floor.machine.state_hash())
    assert machine.pending == []
