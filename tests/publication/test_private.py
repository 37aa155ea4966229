"""The private feed tells each participant all that is his, in order, also when it was started from states."""

from collections import Counter, defaultdict
from typing import Any

import pytest

from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase
from kirmash.office import Office
from kirmash.protocol.present import Presenter
from kirmash.publication import PrivateFeed
from kirmash.sequencer.machine import Machine
from tests.publication.exchange import SOURCES, Seams, play

SEAM_EVERY = 301
LONG = "ferrous-metals-domestic"


class Expected:
    """To whom each event belongs, found by the plainest rule: the ids that stand in the journal."""

    def __init__(self) -> None:
        self.orders: dict[int, str] = {}
        self.deals: dict[int, tuple[str, str]] = {}
        self.withdrawals: dict[str, str] = {}
        self.traders: dict[str, str] = {}
        self.clients: dict[str, str] = {}

    def recipients(self, record: codec.Record, event: Any) -> tuple[str, ...]:
        """The participants that are to be told of an event; twice if it is on both sides of a deal."""
        if isinstance(event, e.CommandRejected | e.OrdersMassCancelled):
            by_trader = record.actor_kind is ActorKind.TRADER and record.actor in self.traders
            return (self.traders[record.actor],) if by_trader else ()
        if isinstance(event, e.OrderAccepted):
            self.orders[event.order] = event.participant
        elif isinstance(event, e.DealMade):
            self.deals[event.deal] = (event.buyer, event.seller)
        elif isinstance(event, e.WithdrawalRequested):
            self.withdrawals[event.withdrawal] = event.participant
        elif isinstance(event, e.TraderAppointed):
            self.traders[event.trader] = event.participant
        elif isinstance(event, e.ClientRegistered):
            self.clients[event.client] = event.broker
        fields = event.__struct_fields__
        if "deal" in fields:
            return self.deals[event.deal]
        if "participant" in fields:
            return (event.participant,)
        if isinstance(event, e.ProfileRecorded):
            return ()
        for name in ("order", "withdrawal", "trader", "client"):
            if name in fields:
                owners: dict[Any, str] = getattr(self, f"{name}s")
                return (owners[getattr(event, name)],)
        return ()


@pytest.mark.parametrize("source", SOURCES)
def test_each_participant_is_told_of_every_event_of_his_in_order(source: str | int) -> None:
    feed, expected = PrivateFeed(Presenter().present), Expected()
    kinds: Counter[str] = Counter()
    for group in play(source, "native"):
        for record, events in group.records:
            wanted: dict[str, list[str]] = defaultdict(list)
            for event in events:
                for participant in expected.recipients(record, event):
                    wanted[participant].append(codec.name_of(type(event)))
            told = feed.fold(record)
            assert {
                participant: [line["event"] for line in lines if line["event"] != "counterparty_named"]
                for participant, lines in told.items()
                if lines[0]["event"] != "counterparty_named"
            } == wanted, record.number
            for lines in told.values():
                names = [line["event"] for line in lines]
                assert names == sorted(names, key=lambda name: name == "counterparty_named")
                assert [(line["number"], line["index"]) for line in lines] == [
                    (record.number, index) for index in range(len(lines))
                ]
                kinds.update(names)
    assert min(kinds["account_changed"], kinds["deal_made"], kinds["order_rested"]) > 1


@pytest.mark.parametrize("source", SOURCES)
def test_a_feed_made_from_states_goes_on_as_one_that_saw_everything(source: str | int) -> None:
    """Also behind a command whose follow-ups are owed: a deal without a contract, a trader not yet in the market."""
    seams = Seams(4_001 if source == LONG else SEAM_EVERY)
    feed = PrivateFeed(Presenter().present)
    later: list[PrivateFeed] = []
    named: Counter[str] = Counter()
    for group in play(source, "native"):
        for record, _ in group.records:
            told = feed.fold(record)
            for one in later:
                assert one.fold(record) == told
            named.update(line["event"] for lines in told.values() for line in lines)
        if seams.has(group):
            market, office = group.machine.market.state(), group.machine.office.state()
            later.append(PrivateFeed.from_state(market, office, Presenter.from_state(market).present))
    assert seams.kinds >= 6
    assert len(later) >= seams.kinds - 2
    assert named["deal_made"] > 0


def test_a_brokers_lines_name_the_client_and_a_visitors_none() -> None:
    """Every line of an order, a deal, an account, a contract is of that client for whom the order was placed."""
    clients: dict[int, str | None] = {}
    deals: dict[tuple[int, str], str | None] = {}
    seen: dict[str, set[str | None]] = defaultdict(set)
    feed = PrivateFeed(Presenter().present)
    for group in play(32, "native"):
        for record, events in group.records:
            command = codec.decode_command(record.command)
            for event in events:
                if isinstance(event, e.OrderAccepted):
                    assert isinstance(command, c.PlaceOrder)
                    clients[event.order] = command.client
                if isinstance(event, e.DealMade):
                    deals[event.deal, "buy"] = clients[event.buy_order]
                    deals[event.deal, "sell"] = clients[event.sell_order]
            for lines in feed.fold(record).values():
                for line in lines:
                    if line["event"] == "command_rejected":
                        continue
                    if "deal" in line:
                        assert line["client"] == deals[line["deal"], line["side"]]
                    elif "order" in line:
                        assert line["client"] == clients[line["order"]]
                    seen[line["event"]].add(line["client"])
    for kind in ("order_rested", "deal_made", "account_changed", "contract_opened"):
        assert None in seen[kind]
        assert len(seen[kind]) > 1


def test_an_operator_whose_id_is_also_a_traders_tells_the_traders_participant_nothing() -> None:
    """Ids of operators and of reactors are of another kind than traders' and may be the same text."""
    machine, feed = Machine(market_loader("reference")(None), Office(), "same"), PrivateFeed(Presenter().present)
    at = (1_731_400_000, 0)
    register = c.RegisterParticipant(
        participant="oil", name="Oil", country="BY", resident=True, kinds=(ParticipantKind.VISITOR,)
    )
    plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
    session = c.CreateSession(
        session="s",
        section="metal",
        purpose="export",
        mechanism=Mechanism.CDCA,
        instruments=(),
        phases=tuple(c.PlannedPhase(phase=phase, at=at) for phase in plan),
    )
    told: dict[str, list[str]] = {}
    given: list[tuple[Actor, c.Command]] = [
        (OPERATOR, register),
        (OPERATOR, c.AppointTrader(trader="desk", participant="oil")),
        (OPERATOR, session),
        (Actor(ActorKind.OPERATOR, "desk"), c.MassCancel(session="s")),
        (Actor(ActorKind.OPERATOR, "desk"), c.CancelOrder(order=1)),
        (Actor(ActorKind.TRADER, "desk"), c.MassCancel(session="s")),
        (Actor(ActorKind.TRADER, "desk"), c.CancelOrder(order=1)),
    ]
    for place, (actor, command) in enumerate(given):
        for decided in machine.submit(actor, "test", str(place), command, at) + machine.settle(at):
            lines = feed.fold(decided.record)
            told[f"{place} {actor.kind.name}"] = [line["event"] for line in lines.get("oil", ())]
    assert told["3 OPERATOR"] == told["4 OPERATOR"] == []
    assert told["5 TRADER"] == ["orders_mass_cancelled"]
    assert told["6 TRADER"] == ["command_rejected"]
