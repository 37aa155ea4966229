"""Nobody is told what is not his: every byte of public data, and every private line, searched for the ids of others.

The owners are found here anew, from commands and events, as far as a reader of the whole journal would find them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.kinds import ActorKind, NamesAt, Phase
from kirmash.protocol.present import Presenter
from kirmash.publication import Board, PrivateFeed
from tests.publication.exchange import SOURCES, distinct, play

Events = tuple[e.Event, ...]
SNAPSHOT_EVERY = 40
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
ID = re.compile(r"(?<!\d)7[123]0000\d{7}(?!\d)")
"""The numbers of `distinct`: records, orders, deals."""


def records(source: str | int) -> Iterator[tuple[codec.Record, Events]]:
    """The records of a source with ids from far up."""
    for group in play(source, "native"):
        for record, events in group.records:
            yield distinct(record, events)


def tokens(value: Any) -> Iterator[str | int]:
    """Every text and integer of a JSON value, keys left out."""
    if isinstance(value, dict):
        for entry in value.values():
            yield from tokens(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from tokens(entry)
    elif isinstance(value, str | int):
        yield value


@dataclass
class Known:
    """All ids, and to which participants each was ever given."""

    owners: dict[str | int, set[str]] = field(default_factory=lambda: defaultdict(set))
    numbers: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    traders: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    at_deal: set[str] = field(default_factory=set)
    deals: dict[int, e.DealMade] = field(default_factory=dict)

    def learn(self, record: codec.Record, events: Events) -> None:
        self.numbers.add(record.number)
        command = codec.decode_command(record.command)
        if isinstance(command, c.CreateSession) and command.names_at is NamesAt.DEAL:
            self.at_deal.add(command.session)
        for event in events:
            match event:
                case e.ParticipantRegistered():
                    self.owners[event.participant].add(event.participant)
                    self.names.add(event.name)
                case e.ClientRegistered():
                    self.owners[event.client].add(event.broker)
                    self.names.add(event.name)
                case e.TraderAppointed():
                    self.owners[event.trader].add(event.participant)
                    self.traders[event.trader] = event.participant
                case e.OrderAccepted():
                    self.owners[event.order].add(event.participant)
                case e.DealMade():
                    self.owners[event.deal] |= {event.buyer, event.seller}
                    self.deals[event.deal] = event
                case e.PhaseChanged() if event.to is Phase.CLOSED:
                    self.over.add(event.session)
                case e.SessionCancelled():
                    self.over.add(event.session)
                case _:
                    pass

    def foreign(self, participant: str, value: Any) -> list[str | int]:
        """The ids of others in a JSON value."""
        return [it for it in tokens(value) if it in self.owners and participant not in self.owners[it]]


@pytest.mark.parametrize("source", SOURCES)
def test_public_bytes_hold_no_id_of_anybody(source: str | int) -> None:
    """No participant, client, trader or company name as a JSON text, no order, deal or journal number anywhere."""
    board, known, public = Board(), Known(), bytearray()
    for at, (record, events) in enumerate(records(source)):
        known.learn(record, events)
        updates = board.fold_events(record, events)
        public += msgspec.json.encode(updates)
        if at % SNAPSHOT_EVERY == 0 or any(update.instrument is None for update in updates):
            public += all_snapshots(board)
    public += all_snapshots(board)
    texts = {json.loads(text) for text in TEXT.findall(public.decode())}
    assert len(texts) > 20
    assert texts.isdisjoint({*(it for it in known.owners if isinstance(it, str)), *known.names})
    # Every id that was given has this form, and so has none that stands in public.
    assert all(ID.fullmatch(str(it)) for it in (*known.numbers, *(it for it in known.owners if isinstance(it, int))))
    assert ID.search(public.decode()) is None
    assert len(known.owners) > 15


def all_snapshots(board: Board) -> bytes:
    """Everything that a stranger may ask for."""
    sessions = board.sessions()
    books = [board.snapshot(it.session, instrument) for it in sessions for instrument in it.instruments]
    return msgspec.json.encode([sessions, books])


@pytest.mark.parametrize("source", SOURCES)
def test_no_private_line_holds_an_id_of_somebody_else(source: str | int) -> None:
    """But for two things: who the other side was, when it may be said; and what the trader himself had written in a
    command that was refused."""
    feed, known, seen = PrivateFeed(Presenter().present), Known(), Counter[str]()
    for record, events in records(source):
        known.learn(record, events)
        for participant, lines in feed.fold(record).items():
            for line in lines:
                seen[line["event"]] += 1
                if line["event"] == "counterparty_named":
                    assert_may_be_named(known, participant, line)
                elif line["event"] == "command_rejected":
                    given = set(map(str, tokens(msgspec.to_builtins(codec.decode_command(record.command)))))
                    assert set(map(str, known.foreign(participant, line))) <= given
                else:
                    assert known.foreign(participant, line) == [], line
                assert "cause" not in line
    assert seen["deal_made"] == 2 * len(known.deals)
    assert seen["deal_made"] > 0


def assert_may_be_named(known: Known, participant: str, line: dict[str, Any]) -> None:
    """Named is the other side of an own deal, in a session that is over or names at the deal."""
    deal = known.deals[line["deal"]]
    assert deal.session == line["session"]
    assert deal.session in known.over | known.at_deal
    sides = {"buy": (deal.buyer, deal.seller), "sell": (deal.seller, deal.buyer)}
    assert (participant, line["counterparty"]) == sides[line["side"]]
    assert line["client"] == (deal.buyer_client if line["side"] == "buy" else deal.seller_client)


def test_each_party_of_each_deal_is_named_once_when_its_session_is_over_and_never_before() -> None:
    named: Counter[tuple[str, int, str]] = Counter()
    expected: Counter[tuple[str, int, str]] = Counter()
    early = 0
    for source in [*SOURCES, 35, 36, 37]:
        feed, known = PrivateFeed(Presenter().present), Known()
        for record, events in records(source):
            known.learn(record, events)
            for lines in feed.fold(record).values():
                for line in lines:
                    if line["event"] == "counterparty_named":
                        named[str(source), line["deal"], line["side"]] += 1
        for number, deal in known.deals.items():
            early += deal.session in known.at_deal and deal.session not in known.over
            if deal.session in known.over | known.at_deal:
                expected.update({(str(source), number, "buy"): 1, (str(source), number, "sell"): 1})
    assert named == expected
    assert len(expected) > 100


def test_a_reject_goes_to_the_participant_of_its_trader_and_to_nobody_else() -> None:
    told: Counter[str] = Counter()
    for source in SOURCES:
        feed, known = PrivateFeed(Presenter().present), Known()
        for record, events in records(source):
            known.learn(record, events)
            given = feed.fold(record)
            if not isinstance(events[0], e.CommandRejected):
                continue
            whose = known.traders.get(record.actor) if record.actor_kind is ActorKind.TRADER else None
            assert set(given) == ({whose} if whose is not None else set())
            told[record.actor_kind.name if whose is not None else "nobody"] += 1
    assert min(told["TRADER"], told["nobody"]) > 50, told


def test_of_an_order_that_is_not_his_a_trader_learns_nothing_but_that() -> None:
    """The record says of it also whether it is open and on which side it stands; the line does not."""
    hidden = 0
    for source in (31, 32, 33, 34):
        feed = PrivateFeed(Presenter().present)
        for record, events in records(source):
            given = feed.fold(record)
            reasons = events[0].reasons if isinstance(events[0], e.CommandRejected) else ()
            if record.actor_kind is ActorKind.TRADER and "not_owner" in {it.reason.text for it in reasons}:
                for (line,) in given.values():
                    assert [it["reason"] for it in line["reasons"]] == ["not_owner"]
                    assert line["client"] is None
                    hidden += len(reasons) > 1
    assert hidden > 5
