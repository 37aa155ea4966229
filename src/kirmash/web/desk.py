"""The operator's desk: its navigation, and the one way in which its forms give commands.

A form gives what REST would give, by the same calls: form of the command, four eyes, `Services.give`. Its client id was
made with the page, so a second click or a reload does nothing twice; a form that was rejected gets a new one, because
its id is used up, and one that was refused keeps it. Nothing is decided here, and no command is named here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.commands import PROMISES, needs_second
from kirmash.gateway.problems import denied_problem, refused_problem
from kirmash.gateway.routes import PAGE, Call, Handler, Route, Rule
from kirmash.gateway.russian import russian
from kirmash.gateway.services import Given, Services, client_id_of, normal, read_command
from kirmash.identity import Denied, Role, Who
from kirmash.identity.errors import IdReused as ProposalIdReused
from kirmash.identity.errors import SessionEnded, Throttled
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected
from kirmash.messages.kinds import ActorKind
from kirmash.protocol.present import command_json
from kirmash.protocol.shapes import COMMANDS, ShapeError, fields_of
from kirmash.sequencer.answers import IdReused, Refused
from kirmash.web.desk_names import Names
from kirmash.web.forms import FIELDS_MAX, read_fields
from kirmash.web.rendering import Rendering, here
from kirmash.web.tables import TableQuery
from kirmash.web.ticket import new_client_id
from kirmash.web.told import why_of
from kirmash.web.words import Words

JsonObject = dict[str, Any]

TAG: Final = "desk"
HOME: Final = "/desk"
CLIENT_ID: Final = "client_id"
PAGES: Final = (
    ("/desk", "desk.home"),
    ("/desk/sessions", "desk.sessions"),
    ("/desk/supervision", "desk.supervision"),
    ("/desk/participants", "desk.participants"),
    ("/desk/goods", "desk.goods"),
    ("/desk/money", "desk.money"),
    ("/desk/proposals", "desk.proposals"),
    ("/desk/notices", "desk.notices"),
    ("/desk/journal", "desk.journal"),
    ("/desk/health", "desk.health"),
)
"""The sections of the desk: address and the key of its name."""
RESERVED: Final = frozenset({".", "..", "new", "several"})
"""What stands in addresses where an id could."""
WITHIN: Final = {
    "/desk/sessions-new": "/desk/sessions",
    "/desk/orders": "/desk/supervision",
    "/desk/deals": "/desk/supervision",
    "/desk/journal-checking": "/desk/journal",
    "/desk/traders": "/desk/participants",
    "/desk/clients": "/desk/participants",
    "/desk/logins": "/desk/participants",
    "/desk/switches": "/desk/participants",
    "/desk/instruments": "/desk/goods",
    "/desk/withdrawals": "/desk/money",
    "/desk/statement": "/desk/money",
    "/desk/contracts": "/desk/money",
}
"""Pages that belong to a section with another address."""

NO_FIGURE: Final = "must be decimal text"
"""How the reason of a mistake begins where something is no figure; programs are told so, people in other words."""
EFFECT_SECONDS: Final = 1.5
"""How long a page waits for the effect of what was just done in the other decider (PS-7), before it is shown."""
VIEWS_SECONDS: Final = 2.0


class DeskQuery(TableQuery, frozen=True, kw_only=True):
    """`done`: the number of the record just made, the last of `count`; `proposed`: the proposal just made."""

    done: str | None = None
    count: str | None = None
    proposed: str | None = None


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong with a form, and with which of its fields; `anchor` is the place in the help."""

    field: str | None
    text: str
    cure: str = ""
    rule: str = ""
    anchor: str = ""


class Failed(Exception):
    """A form that was not taken. `spent`: its client id was used up, so the form has to get a new one."""

    def __init__(
        self, faults: Sequence[Fault], status: int, *, spent: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("; ".join(it.text for it in faults))
        self.faults = list(faults)
        self.status = status
        self.spent = spent
        self.headers = dict(headers or {})


class Form(Struct, frozen=True, kw_only=True):
    """A form as it is shown: its values as typed, what is wrong with them, and the client id of what it gives."""

    name: str
    values: Mapping[str, str] = {}
    faults: Sequence[Fault] = ()
    client_id: str = ""
    status: int = 200
    headers: Mapping[str, str] = {}

    def value(self, field: str) -> str:
        """What stands in a field."""
        return self.values.get(field, "")

    def of(self, field: str) -> list[Fault]:
        """What is wrong with a field."""
        return [it for it in self.faults if it.field == field]

    def focus(self, field: str, first: bool) -> bool:
        """Whether a field should have the focus: `first` says so where nothing is wrong, else the first wrong one."""
        return self.faults[0].field == field if self.faults else first

    def again(self, values: Mapping[str, str], client_id: str) -> "Form":
        """The form once more, as it was typed, with nothing wrong."""
        return Form(name=self.name, values=values, client_id=client_id or new_client_id())

    def failed(self, error: Failed, values: Mapping[str, str], client_id: str) -> "Form":
        """The form once more, as it was typed."""
        return Form(
            name=self.name,
            values=values,
            faults=error.faults,
            client_id=new_client_id() if error.spent or not client_id else client_id,
            status=error.status,
            headers=error.headers,
        )


def fresh(name: str, /, **values: str) -> Form:
    """A form that nobody has filled in yet, with what is sensible to begin with."""
    return Form(name=name, values=values, client_id=new_client_id())


class Done(Struct, frozen=True, kw_only=True):
    """What became of a form: the number of its record, or the proposal that waits for a second person."""

    number: int | None = None
    proposal: str | None = None

    def then(self, path: str, **more: str) -> str:
        """The page that tells of it."""
        proposed: dict[str, Any] = {"done": self.number, "proposed": self.proposal}
        return here(path, {}, {**more, **proposed})


class Said(Struct, frozen=True, kw_only=True):
    """What was just done, in a sentence. `effect`: there, pending or refused, for what the other decider hears of;
    `count`: of how many commands of one form it was the last."""

    number: int
    command: str
    text: str
    given: JsonObject
    effect: str
    count: int = 1


class Desk:
    """What the handlers of all sections share."""

    def __init__(self, services: Services, rendering: Rendering) -> None:
        self.services: Final = services
        self.rendering: Final = rendering
        self.names: Final = Names(services)

    def words(self, call: Call) -> Words:
        """The caller's language."""
        return self.rendering.words[call.language]

    async def page(self, call: Call, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page of the desk; tells what was just done where the address says so."""
        said = values.pop("said", None) or await self.waited(call)
        response = self.rendering.page(
            call,
            template,
            status,
            **{
                "said": said,
                "proposed": getattr(call.query, "proposed", None),
                "desk_pages": PAGES,
                "desk_section": section_of(call.request.url.path),
                "may_act": call.caller.role is Role.OPERATOR,
                "new_client_id": new_client_id,
                "actor": self.names.actor,
                "login_name": self.names.login(call.caller.login),
                **values,
            },
        )
        form = values.get("failed") or values.get("form")
        if isinstance(form, Form):
            response.headers.update(form.headers)
        response.headers["Cache-Control"] = "no-store"
        return response

    # Giving ------------------------------------------------------------------------------------------------------

    async def give(self, call: Call, name: str, values: JsonObject, client_id: str, reason: str = "") -> Done:
        """Give a command, or propose it where it takes two. Raises Failed, SessionEnded."""
        who = call.caller
        values = normal(values)
        command = self._command(call, name, values)
        client_id = self.client_id(call, client_id)
        try:
            self.throttle(who)
            if needs_second(self.services, who, name, values):
                stated = (reason or values.get("reason") or name)[:200]
                return Done(proposal=self.services.identity.propose(who, name, values, stated, client_id).id)
            given = await self.services.give(who, client_id, name, command, _origin(who))
        except (Denied, Refused) as error:
            raise self._refused(call, error) from None
        return self._done(call, given)

    async def give_many(self, call: Call, given: Sequence[tuple[str, str, JsonObject]]) -> list[Done | Failed]:
        """Several commands (client id, name, values) of one form, none of which takes two operators: one action of a
        person (ORD-09), an outcome for each. Raises Failed where none was given, SessionEnded."""
        who = call.caller
        for _, name, values in given:
            assert not needs_second(self.services, who, name, normal(values)), f"{name} takes a second operator"
        commands = [
            (self.client_id(call, client_id), name, self._command(call, name, normal(values)))
            for client_id, name, values in given
        ]
        try:
            self.throttle(who)
            outcomes = await self.services.give_many(who, commands, _origin(who))
        except (Denied, Refused) as error:
            raise self._refused(call, error) from None
        found: list[Done | Failed] = []
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                found.append(self._refused(call, outcome))
                continue
            try:
                found.append(self._done(call, outcome))
            except Failed as failed:
                found.append(failed)
        return found

    async def rehearse(self, call: Call, name: str, values: JsonObject) -> list[JsonObject]:
        """What a command would give now. Raises Failed where it would be rejected, SessionEnded."""
        who = call.caller
        command = self._command(call, name, normal(values))
        try:
            lines = await self.services.rehearse(who, name, command, _origin(who))
        except (Denied, Refused) as error:
            raise self._refused(call, error) from None
        if len(lines) == 1 and lines[0]["event"] == "command_rejected":
            raise Failed(self.faults(call, lines[0]["reasons"]), 409)
        return lines

    def _command(self, call: Call, name: str, values: JsonObject) -> Command:
        """All fields that are missing are told at once, of others the first that is wrong."""
        words = self.words(call)
        needed = [it.json_name for it in fields_of(COMMANDS[name]) if it.required]
        lacking = [it for it in needed if values.get(it) in (None, "", [])]
        if lacking:
            faults = [Fault(field=it, text=words.text("form.missing"), rule="PS-0.2") for it in lacking]
            raise Failed(faults, 400)
        try:
            return read_command(name, values)
        except ShapeError as error:
            raise Failed([self.shape_fault(call, error)], 400) from None

    def shape_fault(self, call: Call, error: ShapeError) -> Fault:
        """A mistake of form at its field."""
        if error.reason.startswith(NO_FIGURE):
            words = self.words(call)
            text, cure = words.text("desk.no_figure"), words.text("desk.no_figure.cure")
            return Fault(field=error.field, text=text, cure=cure, rule=error.rule)
        said = error.reason if call.language != "ru" else russian(error.reason) or error.reason
        text = self.words(call).text("form.missing") if error.reason == "is missing" else said[:1].upper() + said[1:]
        return Fault(field=error.field, text=text, cure=self.words(call).text("desk.cure.shape"), rule=error.rule)

    def check_id(self, call: Call, field: str, value: str) -> None:
        """A new id has to fit into the address of a page. Raises Failed."""
        if "/" in value or "\\" in value or value in RESERVED:
            raise Failed([Fault(field=field, text=self.words(call).text("desk.id_wrong"))], 422)

    def faults(self, call: Call, reasons: Sequence[JsonObject]) -> list[Fault]:
        """The reasons of a reject at their fields."""
        words = self.words(call)
        whys = [why_of(words, it) for it in reasons]
        return [
            Fault(field=it["field"], text=why.text, cure=why.cure, rule=why.rule, anchor=why.anchor)
            for it, why in zip(reasons, whys, strict=True)
        ]

    def denied(self, call: Call, error: Denied, field: str | None = None) -> Failed:
        """What identity refuses, as a form shows it. A session that is over is no form's business."""
        if isinstance(error, SessionEnded):
            raise error
        problem = denied_problem(error)
        shown = problem.value(call.language)
        fault = Fault(field=field, text=_stated(shown["detail"]), cure=_stated(shown.get("cure", "")))
        return Failed([fault], problem.status, headers=problem.headers)

    def _refused(self, call: Call, error: Denied | Refused) -> Failed:
        if isinstance(error, ProposalIdReused):
            # The form's id stays that of the proposal which it made: as it is, it could never be sent again.
            return Failed([Fault(field=None, text=self.words(call).text("desk.form_used"))], 409, spent=True)
        if isinstance(error, Denied):
            return self.denied(call, error)
        problem = refused_problem(error)
        shown = problem.value(call.language)
        rule = shown.get("rule", "")
        text = shown["detail"].removesuffix(f" ({rule})")
        fault = Fault(field=None, text=_stated(text), cure=_stated(shown.get("cure", "")), rule=rule)
        return Failed([fault], problem.status, spent=isinstance(error, IdReused), headers=problem.headers)

    def _done(self, call: Call, given: Given) -> Done:
        if given.rejected:
            raise Failed(self.faults(call, given.lines[0]["reasons"]), 409, spent=True)
        return Done(number=given.answer.number)

    def client_id(self, call: Call, client_id: str) -> str:
        """The client id that a form was given, or a new one where it came without. Raises Failed."""
        try:
            return client_id_of(client_id or None)
        except ShapeError as error:
            raise Failed([self.shape_fault(call, error)], 400, spent=True) from None

    def throttle(self, who: Who) -> None:
        """Here and not before the handler, so that who was too quick gets his form back as he typed it. Raises
        Throttled."""
        allowance = self.services.identity.throttle(who)
        if not allowance.allowed:
            raise Throttled("too many commands in too short a time", allowance.retry_after, allowance.headers())

    # Telling -----------------------------------------------------------------------------------------------------

    async def waited(self, call: Call) -> Said | None:
        """What the record of the address did, once the views hold it and, as far as it comes soon, its effect. To be
        asked before the views are."""
        text = getattr(call.query, "done", None) or ""
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            return None
        records = await self._with_effect(int(text))
        if not records or records[0].actor_kind is not ActorKind.OPERATOR:
            return None
        record, *others = records
        if _was_rejected(record):
            return None
        given = command_json(record.time, record.actor, record.client_id, codec.decode_command(record.command))
        command = given["command"]
        effect = "there"
        if command in PROMISES:
            effect = "pending" if not others else "refused" if any(map(_was_rejected, others)) else "there"
        count = getattr(call.query, "count", None) or ""
        return Said(
            number=record.number,
            command=command,
            text=_sentence(self.words(call), given),
            given=given,
            effect=effect,
            count=int(count[:4]) if count.isascii() and count.isdigit() else 1,
        )

    async def _with_effect(self, number: int) -> list[Record]:
        """The record with its follow-ups, for which is waited a moment if it promises any; and then for the views."""
        try:
            found = await self.services.exchange.record(number)
            records = [codec.decode_record(data) for data in found.records]
            if records and codec.name_of(type(codec.decode_command(records[0].command))) in PROMISES:
                waited = 0.0
                while len(records) == 1 and not _was_rejected(records[0]) and waited < EFFECT_SECONDS:
                    await asyncio.sleep(0.02)
                    waited += 0.02
                    found = await self.services.exchange.record(number)
                    records = [codec.decode_record(data) for data in found.records]
        except Refused:
            return []
        if records:
            await self.services.feed.views_at(records[-1].number, VIEWS_SECONDS)
        return records


def _stated(text: str) -> str:
    """What the doors say for programs, as a sentence among others on a page."""
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _origin(who: Who) -> str:
    return f"web/{who.session}"


def _was_rejected(record: Record) -> bool:
    return any(isinstance(it, CommandRejected) for it in codec.decode_events(record.events))


def _sentence(words: Words, given: JsonObject) -> str:
    """The command as a sentence: its texts and figures are there to be named."""
    shown = {name: str(value) for name, value in given.items() if isinstance(value, str | int)}
    shown |= {name: words.figure(shown[name]) for name in ("amount", "lot", "tick") if name in shown}
    key = f"desk.done.{given['command']}"
    if words.known("desk.done", given["command"]) == given["command"]:
        return words.text("desk.done", command=given["command"], number=shown.get("number", ""))
    return words.text(key, **shown)


def given_only(**values: Any) -> JsonObject:
    """The values that were given."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def section_of(path: str) -> str:
    """The address of the section to which a page belongs."""
    head = "/".join(path.split("/")[:3])
    return WITHIN.get(head, head)


def form_of(call: Call, most: int = FIELDS_MAX) -> tuple[dict[str, str], str]:
    """The posted fields as they were typed, and the client id that the form was given. Raises Problem."""
    fields = read_fields(call, most)
    return fields, fields.pop(CLIENT_ID, "")


def desk_page(path: str, handler: Handler, summary: str, rule: Rule = Rule.OPERATOR, **more: Any) -> Route:
    """The route of a page to be read."""
    given: dict[str, Any] = {"query": DeskQuery, **more}
    return Route(
        method="GET",
        path=f"{HOME}{path}",
        rule=rule,
        handler=handler,
        summary=summary,
        tag=TAG,
        media_type=PAGE,
        by_session=True,
        **given,
    )


def desk_form(path: str, handler: Handler, summary: str) -> Route:
    """The route of a form: for operators alone."""
    return Route(
        method="POST",
        path=f"{HOME}{path}",
        rule=Rule.OPERATOR,
        handler=handler,
        summary=summary,
        tag=TAG,
        media_type=PAGE,
        by_session=True,
        raw_body=True,
    )
