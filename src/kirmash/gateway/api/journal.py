"""The journal for operators and auditors: a record as it stands, its hashes, the proof that it is in the journal.

Numbers are shown as the record has them (ticks, lots, minor units): what an auditor recomputes is bytes, not text.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from kirmash.gateway.api.asking import PREFIX, missing, path_number
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.messages import codec
from kirmash.messages.times import text_from_time
from kirmash.protocol.link import Recorded
from kirmash.protocol.present import show_record

TAG: Final = "journal"


class JournalHead(Struct, frozen=True):
    """Where the journal ended when it was asked."""

    number: int
    hash: str


class JournalRecord(Struct, frozen=True, kw_only=True):
    """A record: `record` is its canonical bytes in hex, `chain` the chain hash at it (docs/reference/journal.md).

    `command` and `events` are its content as the record has it: prices in ticks, quantities in lots, money in minor
    units.
    """

    number: int
    at: str
    actor_kind: str
    actor: str
    origin: str
    client_id: str
    decider: str
    cause: int | None
    command: dict[str, Any]
    events: list[dict[str, Any]]
    follow_ups: list[int]
    record: str
    chain: str
    head: JournalHead


class JournalProof(Struct, frozen=True, kw_only=True):
    """As `kirmash prove` writes it; `kirmash check-proof` needs nothing else."""

    format: str
    number: int
    record: str
    batch: dict[str, Any]
    tree: dict[str, Any]
    head: dict[str, Any]


def shown_record(found: Recorded) -> JournalRecord:
    """What the core answered, as it is given out; there has to be a record."""
    record = codec.decode_record(found.records[0])
    command, *events = [msgspec.json.decode(line, type=dict[str, Any]) for line in show_record(record)]
    for name in ("at", "by", "id"):
        del command[name]
    return JournalRecord(
        number=record.number,
        at=text_from_time(record.time),
        actor_kind=record.actor_kind.name.lower(),
        actor=record.actor,
        origin=record.origin,
        client_id=record.client_id,
        decider=record.decider.name.lower(),
        cause=record.cause,
        command=command,
        events=events,
        follow_ups=[codec.decode_record(data).number for data in found.records[1:]],
        record=bytes(found.records[0]).hex(),
        chain=found.chain,
        head=JournalHead(found.head_number, found.head),
    )


def journal_routes(services: Services) -> list[Route]:
    """A record, and its proof."""

    async def record(call: Call) -> JournalRecord:
        found = await services.exchange.record(path_number(call, "number"))
        if not found.records:
            raise missing("record")
        return shown_record(found)

    async def proof(call: Call) -> JournalProof:
        found = await services.exchange.record(path_number(call, "number"), proof=True)
        if not found.records:
            raise missing("record")
        return msgspec.json.decode(found.proof, type=JournalProof)

    common: dict[str, Any] = {"method": "GET", "rule": Rule.AUDIT, "tag": TAG, "problems": (404, 503)}
    return [
        Route(
            path=f"{PREFIX}/journal/{{number}}",
            handler=record,
            summary="A record of the journal with its hashes",
            response=JournalRecord,
            **common,
        ),
        Route(
            path=f"{PREFIX}/journal/{{number}}/proof",
            handler=proof,
            summary="The proof that a record is in the journal",
            response=JournalProof,
            **common,
        ),
    ]
