"""The journal browser: any record by its number, what it says for people and as it stands, its hashes and its proof.

What the core answers is shown as it is. Looking for a record by kind, client id or actor goes through the records that
the gateway has at hand, and says so; by order or deal through the views, which hold all of them.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, path_number, read
from kirmash.gateway.api.journal import shown_record
from kirmash.gateway.api.notices import kept
from kirmash.gateway.feed import RECENT_RECORDS, JsonObject, Recent
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.times import text_from_time
from kirmash.protocol.present import command_json
from kirmash.protocol.schema import schema
from kirmash.web.desk import TAG, Desk, DeskQuery, desk_page
from kirmash.web.desk_lines import actor_of, fields_of, reasons_of, sentence_of
from kirmash.web.desk_names import Names
from kirmash.web.forms import go_to
from kirmash.web.rendering import HEADERS
from kirmash.web.tables import Column, Row, exported, table_of
from kirmash.web.told import Why
from kirmash.web.words import Words

PATH: Final = "/desk/journal"
FOUND_MAX: Final = 500
ORDER_RECORDS_MAX: Final = 500
NUMBER_DIGITS_MAX: Final = 15

RECORDS: Final = (
    Column(name="number", label="account.number", kind="count", href="href"),
    Column(name="at", label="common.time", kind="moment"),
    Column(name="command", label="run.record.command", words=lambda w, value: w.known("run.command", value)),
    Column(name="by", label="run.record.by", kind="code"),
    Column(name="outcome", label="run.record.outcome", words=lambda w, it: w.text(f"run.outcome.{it}"), short=True),
    Column(name="events", label="run.record.events", kind="count"),
    Column(name="cause", label="run.record.cause", kind="count"),
    Column(name="client_id", label="run.record.client_id", kind="code"),
)


class JournalQuery(DeskQuery, frozen=True, kw_only=True):
    """`number` goes to that record. The others choose: an order's or deal's records from the views; by command, actor,
    client id or outcome among the records at hand."""

    number: str | None = None
    order: str | None = None
    deal: str | None = None
    command: str | None = None
    actor: str | None = None
    client_id: str | None = None
    outcome: str | None = None


class Line(Struct, frozen=True):
    """An event of a record: its sentence, and what it says field by field."""

    event: str
    text: str
    fields: list[tuple[str, str]]
    reasons: list[Why]


class Journal:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._queries: Final = desk.services.queries

    async def listed(self, call: Call) -> Response:
        query: JournalQuery = call.query
        words = self._desk.words(call)
        number = (query.number or "").strip()
        wrong = None
        if number:
            if _is_number(number) and 1 <= int(number) <= self._services.feed.number:
                return go_to(f"{PATH}/{int(number)}")
            wrong = "number"
        found, wrong = await self._found(query, wrong)
        listed = [{**_row(record), "by": self._desk.names.actor(record.actor)} for record in found]
        if query.format:
            return await exported(words, call, listed, RECORDS, "records", query.format)
        table = table_of(
            words,
            query,
            listed,
            lambda it: it,
            name="records",
            caption="run.records",
            columns=RECORDS,
            empty="run.records.empty",
        )
        feed = self._services.feed
        return await self._desk.page(
            call,
            "desk/journal.html",
            table=table,
            query=query,
            wrong=wrong,
            last=feed.number,
            first_at_hand=max(1, feed.number - RECENT_RECORDS + 1),
            commands=sorted(schema()["$defs"].keys() & _COMMANDS),
            most=FOUND_MAX,
            whole=bool(query.order or query.deal),
        )

    async def _found(self, query: JournalQuery, wrong: str | None) -> tuple[list[Record], str | None]:
        if wrong is not None:
            return [], wrong
        for name, value in (("order", query.order), ("deal", query.deal)):
            if value:
                number = value.strip()
                if not _is_number(number):
                    return [], name
                return await self._of(name, int(number)), None
        found = []
        for recent in self._recent():
            if _fits(recent, query, self._desk.names):
                found.append(recent.record)
                if len(found) == FOUND_MAX:
                    break
        return found, None

    def _recent(self) -> Iterator[Recent]:
        """The records at hand, the newest first."""
        feed = self._services.feed
        for number in range(feed.number, max(0, feed.number - RECENT_RECORDS), -1):
            recent = feed.recent(number)
            if recent is None:
                return
            yield recent

    async def _of(self, name: str, number: int) -> list[Record]:
        """The records that touched an order, or made and moved a deal, the newest first."""
        q = self._queries
        await self._services.feed.views_at(self._services.feed.number, 2.0)
        if name == "order":
            events = await read(lambda: q.order_events(scope=None, order=number, limit=ORDER_RECORDS_MAX).rows)
            numbers = {it.number for it in events}
        else:
            deal, contract = await read(lambda: (q.deal(number, scope=None), q.contract(number, scope=None)))
            numbers = {it.number for it in (deal, contract) if it is not None}
        return [record for it in sorted(numbers, reverse=True) if (record := await self._record(it)) is not None]

    async def _record(self, number: int) -> Record | None:
        recent = self._services.feed.recent(number)
        if recent is not None:
            return recent.record
        found = await self._services.exchange.record(number)
        return codec.decode_record(found.records[0]) if found.records else None

    async def one(self, call: Call) -> Response:
        number, words = path_number(call, "number"), self._desk.words(call)
        found = await self._services.exchange.record(number)
        if not found.records:
            raise missing("record")
        record = codec.decode_record(found.records[0])
        shown = shown_record(found)
        lines = await self._services.recall.lines(record, None)
        given = command_json(record.time, record.actor, record.client_id, codec.decode_command(record.command))
        command = given.pop("command")
        for name in ("at", "by", "id"):
            given.pop(name)
        remarks = await _remarks(self._desk, number)
        return await self._desk.page(
            call,
            "desk/journal_record.html",
            record=shown,
            command=command,
            by=actor_of(words, shown.actor_kind, self._desk.names.actor(shown.actor)),
            fields=fields_of(given),
            lines=[_line(words, it, command) for it in lines],
            raw_json=msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(),
            follow_ups=[codec.decode_record(data).number for data in found.records[1:]],
            previous=number - 1 if number > 1 else None,
            following=number + 1 if number < found.head_number else None,
            remark=remarks.get(number),
        )

    async def proof(self, call: Call) -> Response:
        """The inclusion proof as a file, as `kirmash verify --proof` takes it."""
        number = path_number(call, "number")
        found = await self._services.exchange.record(number, proof=True)
        if not found.records:
            raise missing("record")
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="record-{number}.proof"'}
        return Response(bytes(found.proof), 200, headers, "application/json")

    async def checking(self, call: Call) -> Response:
        return await self._desk.page(call, "desk/journal_checking.html", last=self._services.feed.number)


_COMMANDS: Final = frozenset(name for name, it in schema()["$defs"].items() if "command" in it.get("properties", {}))


async def _remarks(desk: Desk, number: int) -> dict[int, Any]:
    try:
        return {**await kept(lambda: desk.services.bulletin.remarks([number]))}
    except Problem:
        # The record is the matter here; what was written on it is beside it.
        return {}


def _is_number(text: str) -> bool:
    """Whether somebody typed a number that a record, an order or a deal may have. Bounded, because Python refuses to
    make a number of thousands of digits."""
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


def _line(words: Words, line: JsonObject, command: str) -> Line:
    text = sentence_of(words, line, None, command)
    said = [] if text == line["event"] else [text]
    return Line(line["event"], "".join(said), fields_of(line), reasons_of(words, line))


def _row(record: Record) -> Row:
    command = codec.name_of(type(codec.decode_command(record.command)))
    events = codec.decode_events(record.events)
    rejected = len(events) == 1 and codec.name_of(type(events[0])) == "command_rejected"
    return {
        "number": record.number,
        "href": f"{PATH}/{record.number}",
        "at": text_from_time(record.time),
        "command": command,
        "by": record.actor,
        "outcome": "rejected" if rejected else "taken",
        "events": len(events),
        "cause": record.cause,
        "client_id": record.client_id,
    }


def _fits(recent: Recent, query: JournalQuery, names: Names) -> bool:
    record = recent.record
    if query.client_id and record.client_id != query.client_id.strip():
        return False
    if query.actor and query.actor.strip() not in (record.actor, names.actor(record.actor)):
        return False
    row: Row | None = None
    if query.command or query.outcome:
        row = _row(record)
    if query.command and row is not None and row["command"] != query.command:
        return False
    return not (query.outcome and row is not None and row["outcome"] != query.outcome)


def journal_browser_routes(desk: Desk) -> list[Route]:
    """The journal for operators and auditors."""
    it = Journal(desk)
    reading: dict[str, Any] = {"rule": Rule.AUDIT}
    return [
        desk_page("/journal", it.listed, "Records of the journal", query=JournalQuery, **reading),
        desk_page("/journal-checking", it.checking, "How to check the journal yourself", **reading),
        desk_page("/journal/{number}", it.one, "One record of the journal", **reading),
        Route(
            method="GET",
            path=f"{PATH}/{{number}}/proof",
            handler=it.proof,
            summary="The proof of a record as a file",
            tag=TAG,
            media_type="application/json",
            by_session=True,
            **reading,
        ),
    ]
