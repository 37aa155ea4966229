"""The two deciders behind one number: what `run`, the writer, recovery and verify all do to a command.

Numbers, times, the barrier for follow-ups (PS-7.2), records and the hash chain (PS-8) come from here and nowhere else.
Pure: no clock, file or thread; durability and answers are the writer's.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.journal.hashes import genesis, link
from kirmash.market import Market
from kirmash.messages import codec
from kirmash.messages.codec import RECORD_VERSION, Actor, Frame, Record
from kirmash.messages.commands import (
    FOLLOW_UPS,
    MARKET_COMMANDS,
    OFFICE_COMMANDS,
    Command,
    HoldWithdrawal,
    decider_of,
)
from kirmash.messages.events import DealMade
from kirmash.messages.fields import Message
from kirmash.messages.kinds import ActorKind, Decider
from kirmash.messages.limits import FOLLOW_UP_CHAIN_MAX
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.office.reactors import Reaction, react

REACTOR_ORIGIN: Final = "reactor"


class MachineFault(Exception):
    """Our own error: an assertion of the exchange does not hold. Nothing of the batch may be committed (PS-9)."""


class FollowUp(Message, frozen=True):
    """A command that the exchange owes itself. Ordered by (cause, reactor, part), its place in the barrier."""

    cause: int
    reactor: str
    part: int
    depth: int
    decider: Decider
    command: msgspec.Raw

    @property
    def key(self) -> tuple[int, str, int]:
        """Its order in the barrier and, together, its identity."""
        return (self.cause, self.reactor, self.part)

    @property
    def client_id(self) -> str:
        """`<cause number>.<name>.<part>`: submitting twice is harmless (PS-7.1)."""
        return f"{self.cause}.{self.reactor}.{self.part}"


class Decided(Struct, frozen=True, gc=False):
    """A numbered command with its events: the record, its bytes, and the chain hash after it."""

    record: Record
    data: bytes
    chain: bytes


class Machine:
    """Market and office as one fold over numbered commands.

    `number`, `time` and `chain` are those of the last record.
    """

    def __init__(self, market: Market, office: Office, exchange_id: str) -> None:
        self.market = market
        self.office = office
        self.number = 0
        self.time: Time = (0, 0)
        self.chain = genesis(exchange_id)
        self._pending: dict[Decider, deque[FollowUp]] = {decider: deque() for decider in Decider}

    @property
    def pending(self) -> list[FollowUp]:
        """The follow-ups not yet numbered, in the order of the barrier (PS-7.2, PS-7.4)."""
        return sorted((f for owed in self._pending.values() for f in owed), key=lambda f: f.key)

    def restore(self, number: int, time: Time, chain: bytes, pending: Iterable[FollowUp]) -> None:
        """Go on from a snapshot: market and office were made from the same one."""
        self.number, self.time, self.chain = number, time, chain
        for follow_up in sorted(pending, key=lambda f: f.key):
            self._pending[follow_up.decider].append(follow_up)

    def submit(self, actor: Actor, origin: str, client_id: str, command: Command, clock: Time) -> list[Decided]:
        """Number a command from outside behind the follow-ups that its decider still owes (PS-7.2).

        Gives the records in number order; the last is the command's own.
        """
        decider = decider_of(type(command))
        decided = self.settle(clock, decider) if self._pending[decider] else []
        decided.append(
            self._number(actor, origin, client_id, decider, msgspec.Raw(codec.encode(command)), clock, None, 0)
        )
        return decided

    def settle(self, clock: Time, decider: Decider | None = None) -> list[Decided]:
        """Number every pending follow-up of one decider, or of both, and what follows from them for the same."""
        decided: list[Decided] = []
        while due := self._next_due(decider):
            self._pending[due.decider].popleft()
            actor = Actor(ActorKind.REACTOR, due.reactor)
            decided.append(
                self._number(
                    actor, REACTOR_ORIGIN, due.client_id, due.decider, due.command, clock, due.cause, due.depth
                )
            )
        return decided

    def state_hash(self) -> bytes:
        """SHA-256 over the market's state bytes followed by the office's (PS-8.5)."""
        digest = hashlib.sha256(self.market.state())
        digest.update(self.office.state())
        return digest.digest()

    def replay(self, data: bytes) -> Decided:
        """Apply a record of the journal again; raises MachineFault where number, time or events come out otherwise.

        Follow-ups are taken from the journal (PS-7.5); what the reactors would give is kept in `pending` until it
        appears there, so that a missing, surplus or different one is found.
        """
        record = codec.decode_record(data)
        depth = self._expect(record, self.number, self.time)
        actor = Actor(record.actor_kind, record.actor)
        decided = self._number(
            actor, record.origin, record.client_id, record.decider, record.command, record.time, record.cause, depth
        )
        if decided.data != data:
            raise MachineFault(f"record {record.number}: {_OTHERWISE}")
        return decided

    def replay_whole(self, rows: Sequence[bytes], chain: bytes) -> None:
        """Apply many records again, the quick way of recovery: `rows` are known to lead to this chain hash.

        As `replay`, but a record's own bytes are not made anew, and whether one that its chain vouches for should ever
        have been written is not asked. All market commands are decided in one batch: each decider is a fold over its
        own commands, and what they owe each other stands in the journal.
        """
        records = [codec.decode_record(data) for data in rows]
        _in_places(records, self.number, self.time)
        market, office, encode = Decider.MARKET, self.office, codec.encode
        given = [record for record in records if record.decider is market]
        # A frame is the array of its fields; a tuple is made quicker than a Frame and has the same bytes.
        decided = self.market.apply_batch([encode((r.number, r.time, r.actor_kind, r.actor, r.command)) for r in given])
        _compare(given, decided)
        # Most records come from outside to the market and owe nothing; only the others are looked at one by one.
        stirring: list[tuple[Record, bytes | None]] = [
            (record, events)
            for record, events in zip(given, decided, strict=True)
            if _DEAL_MADE in events or record.cause is not None
        ]
        stirring += [(record, None) for record in records if record.decider is not market]
        stirring.sort(key=_number_of)
        number, first, owed_by = self.number, self.number + 1, self._pending
        for record, events in stirring:
            if owed_by[market] and record.number > number + 1:
                self._expect(records[number + 1 - first], number, self.time)
            number, cause = record.number, record.cause
            if cause is None and owed_by[record.decider]:
                self._expect(record, number - 1, self.time)
            depth = 0 if cause is None else self._take_pending(record)
            if events is None:
                command = codec.decode_command(record.command)
                made = office.apply(number, record.time, Actor(record.actor_kind, record.actor), command)
                if bytes(record.events) != encode(made):
                    raise MachineFault(f"record {number}: {_OTHERWISE}")
                reactions = react(number, command, made, office)
            else:
                reactions = react_to_market(number, record.command, events, office)
            if reactions:
                self._owe(number, depth + 1, reactions)
        if owed_by[market] and number != records[-1].number:
            self._expect(records[number + 1 - first], number, self.time)
        self.number, self.time, self.chain = records[-1].number, records[-1].time, chain

    def _expect(self, record: Record, number: int, time: Time) -> int:
        """Whether a record may follow this number and time; gives its depth in a chain of follow-ups."""
        _in_places([record], number, time)
        tag = _tag_of(record.command)
        if record.version != RECORD_VERSION:
            raise MachineFault(f"record {record.number}: version {record.version} is not {RECORD_VERSION}")
        if record.decider is not _DECIDERS.get(tag):
            raise MachineFault(f"record {record.number}: its command is not the {record.decider.name.lower()}'s")
        if (record.cause is not None) != (tag in _FOLLOW_UP_TAGS):
            raise MachineFault(f"record {record.number}: a follow-up without a cause, or the reverse")
        if record.cause is not None:
            return self._take_pending(record)
        if record.actor_kind is ActorKind.REACTOR:
            raise MachineFault(f"record {record.number}: a command from outside given by a reactor")
        owed = self._pending[record.decider]
        if owed:
            raise MachineFault(f"record {record.number}: follow-up {owed[0].client_id} is missing before it")
        return 0

    def _next_due(self, decider: Decider | None) -> FollowUp | None:
        owed = [self._pending[decider]] if decider is not None else self._pending.values()
        return min((queue[0] for queue in owed if queue), key=lambda f: f.key, default=None)

    def _take_pending(self, record: Record) -> int:
        owed = self._pending[record.decider]
        due = owed[0] if owed else None
        if (
            due is None
            or due.client_id != record.client_id
            or due.command != record.command
            or due.cause != record.cause
        ):
            raise MachineFault(f"record {record.number}: follow-up {record.client_id} is not the one that is owed")
        given_by = (record.actor_kind, record.actor, record.origin)
        if given_by != (ActorKind.REACTOR, due.reactor, REACTOR_ORIGIN):
            raise MachineFault(f"record {record.number}: a follow-up not given by its reactor")
        owed.popleft()
        return due.depth

    def _number(
        self,
        actor: Actor,
        origin: str,
        client_id: str,
        decider: Decider,
        command: msgspec.Raw,
        clock: Time,
        cause: int | None,
        depth: int,
    ) -> Decided:
        number, time = self.number + 1, max(self.time, clock)
        if decider is Decider.MARKET:
            events = self.market.apply(codec.encode(Frame(number, time, actor.kind, actor.id, command)))
            reactions = react_to_market(number, command, events, self.office)
        else:
            given = codec.decode_command(command)
            made = self.office.apply(number, time, actor, given)
            events = codec.encode(made)
            reactions = react(number, given, made, self.office)
        record = Record(
            RECORD_VERSION,
            number,
            time,
            actor.kind,
            actor.id,
            origin,
            client_id,
            decider,
            command,
            msgspec.Raw(events),
            cause,
        )
        data = codec.encode(record)
        self.number, self.time, self.chain = number, time, link(self.chain, data)
        self._owe(number, depth + 1, reactions)
        return Decided(record, data, self.chain)

    def _owe(self, cause: int, depth: int, reactions: Iterable[Reaction]) -> None:
        for name, part, command in reactions:
            if depth > FOLLOW_UP_CHAIN_MAX:
                raise MachineFault(
                    f"follow-up {cause}.{name}.{part}: the chain of follow-ups is longer than {FOLLOW_UP_CHAIN_MAX}"
                )
            decider = decider_of(type(command))
            self._pending[decider].append(
                FollowUp(cause, name, part, depth, decider, msgspec.Raw(codec.encode(command)))
            )


def _number_of(decided: tuple[Record, bytes | None]) -> int:
    return decided[0].number


def _in_places(records: Sequence[Record], number: int, time: Time) -> None:
    """MachineFault at the first record that may not follow the number and time before it."""
    numbers = [record.number for record in records]
    times = [time, *[record.time for record in records]]
    if numbers == list(range(number + 1, number + 1 + len(records))) and times == sorted(times):
        return
    for record in records:
        if record.number != number + 1:
            raise MachineFault(f"record {record.number} where {number + 1} was expected")
        if record.time < time:
            raise MachineFault(f"record {record.number}: its time is before that of the record before it")
        number, time = record.number, record.time


def _compare(records: Sequence[Record], decided: Sequence[bytes]) -> None:
    """MachineFault at the first record that has other events than were decided now."""
    if [record.events for record in records] != list(map(msgspec.Raw, decided)):
        unequal = (r.number for r, events in zip(records, decided, strict=True) if bytes(r.events) != events)
        raise MachineFault(f"record {next(unequal)}: {_OTHERWISE}")


_OTHERWISE: Final = "the command gives other events than those recorded"
_COMMANDS: Final = (*OFFICE_COMMANDS, *MARKET_COMMANDS)
_DECIDERS: Final = {kind.__struct_config__.tag: decider_of(kind) for kind in _COMMANDS}
_FOLLOW_UP_TAGS: Final = frozenset(kind.__struct_config__.tag for kind in FOLLOW_UPS)
_SHORT_ARRAY_MAX: Final = 0x9F


def _tag_of(message: msgspec.Raw) -> int:
    """The tag of a canonical message: the byte after the array's header (tags are below 128)."""
    data = memoryview(message)
    return data[1] if data[0] <= _SHORT_ARRAY_MAX else data[3]


# A market command asks for a follow-up only if it made deals or is the holding of a withdrawal. Looking for the bytes
# with which such messages begin spares decoding the rest; finding them by chance inside a text does no harm.
def _beginning(kind: type[Struct]) -> bytes:
    length, tag = 1 + len(kind.__struct_fields__), kind.__struct_config__.tag
    assert length < 16, "a short array's header is one byte"
    assert isinstance(tag, int)
    assert tag < 128, "a small tag is one byte"
    return bytes((0x90 | length, tag))


_DEAL_MADE: Final = _beginning(DealMade)
_HOLD_WITHDRAWAL: Final = _beginning(HoldWithdrawal)


def may_react(command: msgspec.Raw, events: bytes) -> bool:
    """Whether a market command may have follow-ups; never wrong when it says no."""
    return _DEAL_MADE in events or bytes(command).startswith(_HOLD_WITHDRAWAL)


def react_to_market(number: int, command: msgspec.Raw, events: bytes, office: Office) -> Iterable[Reaction]:
    """The follow-ups of a market command; decodes only what can have any."""
    if not may_react(command, events):
        return ()
    return react(number, codec.decode_command(command), codec.decode_events(events), office)
