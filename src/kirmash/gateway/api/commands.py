"""Commands over HTTP: one route for each class that a door takes (market-rules PS-0), rehearsals, and what became of
a command by its number.

A route does what every door does: form, normal form of texts, client id, four eyes, `Services.give`. Nothing is decided
here; a role for which a command is never open is turned away before it would use up a number.
"""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from kirmash.gateway.api.asking import PREFIX, missing, path_number, read
from kirmash.gateway.api.shown import ProposalShown, proposal_of
from kirmash.gateway.problems import JsonObject, explanation, refused_problem, rejected_problem
from kirmash.gateway.routes import Answered, Call, Route, Rule
from kirmash.gateway.services import Given, Services, client_id_of, normal, read_command
from kirmash.identity import Role, Who
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.kinds import ActorKind
from kirmash.messages.times import text_from_time
from kirmash.protocol.present import command_json
from kirmash.protocol.schema import schema
from kirmash.protocol.shapes import COMMANDS, ShapeError, load_json
from kirmash.sequencer.answers import Refused

TAG: Final = "commands"
TRADERS: Final = frozenset({"place_order", "amend_order"})
BOTH: Final = frozenset({"cancel_order", "mass_cancel"})

PENDING: Final = "pending"
PROMISES: Final = frozenset(
    {
        "accredit_participant",
        "annul_deal",
        "appoint_trader",
        "cancel_withdrawal",
        "confirm_withdrawal",
        "credit_deposit",
        "grant_permission",
        "list_instrument",
        "perform_contract",
        "register_client",
        "reinstate_participant",
        "request_withdrawal",
        "revoke_permission",
        "suspend_participant",
        "terminate_contract",
        "withdraw_trader",
    }
)
"""Commands of the office that promise an effect in the market (PS-7): their answers say `effective: pending`."""

CLIENT_ID_HEADER: Final = "Idempotency-Key"
_ABOUT_CLIENT_ID: Final = (
    "Your id for this command, 1 to 36 letters, digits and . _ : - ; the same id with the same content gets the same "
    "answer and never a second effect (PS-8). Without it the exchange makes one and gives it back."
)


class CommandQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`dry_run`: tell what the command would give; nothing is numbered. `reason`: for a proposal (four eyes)."""

    dry_run: bool = False
    reason: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class CommandAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that was numbered and is durable. A trader's events are those that are his own.

    `effective` is "pending" where the command promises an effect in the other decider (PS-7.3): ask
    /api/v1/commands/{number} for the follow-up's number.
    """

    number: int
    at: str
    client_id: str
    command: str
    events: list[dict[str, Any]]
    effective: str | UnsetType = UNSET


class Rehearsed(Struct, frozen=True, kw_only=True):
    """What a command would give now. Ids that only numbering gives are null."""

    dry_run: bool
    command: str
    rejected: bool
    events: list[dict[str, Any]]


class Proposed(Struct, frozen=True, kw_only=True):
    """The command needs a second operator; nothing was numbered yet."""

    proposal: ProposalShown


class FollowUp(Struct, frozen=True, kw_only=True):
    number: int
    at: str
    command: str


class NumberedCommand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command by its number. `effective`: the number of the follow-up that brought its effect about in the other
    decider, or "pending"; absent where it promises none."""

    number: int
    at: str
    by: str
    client_id: str
    command: dict[str, Any]
    cause: int | None
    events: list[dict[str, Any]]
    follow_ups: list[FollowUp]
    effective: int | str | UnsetType = UNSET


def rule_of(name: str) -> Rule:
    """For whom a command is at all (market-rules PS-0, column of actors)."""
    if name in TRADERS:
        return Rule.TRADER
    return Rule.COMMAND if name in BOTH else Rule.OPERATOR


def origin_of(who: Who) -> str:
    """Where a command comes from, as its record says: ids only."""
    return f"rest/{who.key or who.session}"


def answer_of(given: Given, name: str, client_id: str, language: str) -> CommandAnswer:
    """The answer to a numbered command. Raises the problem `rejected` where the exchange rejected it."""
    at = text_from_time(given.answer.time)
    if given.rejected:
        problem = rejected_problem(given.answer.number, at, given.lines[0]["reasons"], language)
        problem.extra["client_id"] = client_id
        problem.headers[CLIENT_ID_HEADER] = client_id
        raise problem
    return CommandAnswer(
        number=given.answer.number,
        at=at,
        client_id=client_id,
        command=name,
        events=given.lines,
        effective=PENDING if name in PROMISES else UNSET,
    )


def read_body(raw: bytes) -> JsonObject:
    """The body as a JSON object. Raises ShapeError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ShapeError(None, f"not UTF-8 from byte {error.start} on", "PS-13.2") from None
    return load_json(text)


def _command_route(services: Services, name: str, described: JsonObject) -> Route:
    async def handler(call: Call) -> Any:
        values = normal(read_body(call.raw))
        client_id = client_id_of(call.request.headers.get(CLIENT_ID_HEADER))
        command = read_command(name, values)
        who = call.caller
        if call.query.dry_run:
            lines = await services.rehearse(who, name, command, origin_of(who))
            return _rehearsed(name, lines, call.language)
        if needs_second(services, who, name, values):
            reason = call.query.reason or values.get("reason") or name
            proposal = services.identity.propose(who, name, values, reason, client_id)
            return Answered(
                Proposed(proposal=proposal_of(proposal)), 202, {"Location": f"{PREFIX}/proposals/{proposal.id}"}
            )
        try:
            given = await services.give(who, client_id, name, command, origin_of(who))
        except Refused as refused:
            problem = refused_problem(refused)
            problem.extra["client_id"] = client_id
            problem.headers[CLIENT_ID_HEADER] = client_id
            raise problem from None
        return Answered(answer_of(given, name, client_id, call.language), 200, {CLIENT_ID_HEADER: client_id})

    kind = COMMANDS[name]
    text = " ".join((kind.__doc__ or "").split())
    return Route(
        method="POST",
        path=f"{PREFIX}/commands/{name}",
        rule=rule_of(name),
        handler=handler,
        summary=text.split(". ")[0].rstrip("."),
        description=text,
        tag=TAG,
        query=CommandQuery,
        body_schema=described,
        response=(CommandAnswer, Rehearsed),
        raw_body=True,
        throttled=True,
        headers={CLIENT_ID_HEADER: _ABOUT_CLIENT_ID},
        answers={202: ("The command needs a second operator and was proposed", Proposed)} if name in _FOUR_EYES else {},
        problems=(409, 503),
        example=EXAMPLES.get(name),
    )


_FOUR_EYES: Final = frozenset({"annul_deal", "cancel_session", "credit_deposit"})


def needs_second(services: Services, who: Who, name: str, values: JsonObject) -> bool:
    """Whether an operator's command has to be proposed for a second operator to approve."""
    return (
        services.config.identity.four_eyes
        and who.role is Role.OPERATOR
        and services.identity.needs_four_eyes(name, values)
    )


def _rehearsed(name: str, lines: list[JsonObject], language: str) -> Rehearsed:
    rejected = len(lines) == 1 and lines[0]["event"] == "command_rejected"
    if rejected:
        reasons = [{**reason, **explanation(reason["reason"], language)} for reason in lines[0]["reasons"]]
        lines = [{**lines[0], "reasons": reasons}]
    return Rehearsed(dry_run=True, command=name, rejected=rejected, events=lines)


def _command_schemas() -> dict[str, JsonObject]:
    """JSON Schema of each command's fields, without those that stand elsewhere over HTTP (at, by, id, command)."""
    found: dict[str, JsonObject] = {}
    for name in COMMANDS:
        described: JsonObject = schema()["$defs"][name]
        head = ("at", "by", "id", "command")
        found[name] = {
            **described,
            "properties": {key: value for key, value in described["properties"].items() if key not in head},
            "required": [key for key in described["required"] if key not in head],
        }
    return found


async def _numbered(services: Services, call: Call) -> NumberedCommand:
    found = await services.exchange.record(path_number(call, "number"))
    if not found.records:
        raise missing("command")
    record, *others = [codec.decode_record(data) for data in found.records]
    if call.own is not None and not await _is_own(services, call.own, record):
        raise missing("command")
    command = codec.decode_command(record.command)
    name = codec.name_of(type(command))
    follow_ups = [
        FollowUp(
            number=other.number,
            at=text_from_time(other.time),
            command=codec.name_of(type(codec.decode_command(other.command))),
        )
        for other in others
    ]
    lines = await services.recall.lines(record, call.own)
    rejected = bool(lines) and lines[0]["event"] == "command_rejected"
    promised = name in PROMISES and not rejected
    shown = command_json(record.time, record.actor, record.client_id, command)
    return NumberedCommand(
        number=record.number,
        at=shown.pop("at"),
        by=shown.pop("by"),
        client_id=shown.pop("id"),
        command=shown,
        cause=record.cause,
        events=lines,
        follow_ups=follow_ups,
        effective=(follow_ups[0].number if follow_ups else PENDING) if promised else UNSET,
    )


async def _is_own(services: Services, participant: str, record: Record) -> bool:
    """Whether a trader of this participant gave the command."""
    if record.actor_kind is not ActorKind.TRADER:
        return False
    traders = await read(lambda: services.queries.traders(scope=participant, trader=record.actor, limit=1))
    return bool(traders.rows)


def command_routes(services: Services) -> list[Route]:
    """A route for each command, and one that tells what became of a number."""

    async def numbered(call: Call) -> NumberedCommand:
        return await _numbered(services, call)

    described = _command_schemas()
    return [
        *(_command_route(services, name, described[name]) for name in COMMANDS),
        Route(
            method="GET",
            path=f"{PREFIX}/commands/{{number}}",
            rule=Rule.PARTICIPANT,
            handler=numbered,
            summary="What became of a command, by its number",
            description="Participants see the commands of their own traders; operators and auditors see all.",
            tag=TAG,
            response=NumberedCommand,
            problems=(404, 503),
        ),
    ]


EXAMPLES: Final[dict[str, JsonObject]] = {
    "place_order": {
        "session": "2022-12-14-wheat",
        "instrument": "wheat-3",
        "side": "buy",
        "price": "285.50",
        "quantity": "50",
    },
    "amend_order": {"order": 17, "price": "286.00"},
    "cancel_order": {"order": 17},
    "mass_cancel": {"session": "2022-12-14-wheat", "side": "buy"},
    "credit_deposit": {"participant": "alfa", "currency": "USD", "amount": "900.00"},
    "change_phase": {"session": "2022-12-14-wheat", "from": "OPENING", "to": "TRADING"},
    "halt_session": {"session": "2022-12-14-wheat", "reason": "the link to the warehouse is down"},
}
"""Bodies as they are sent, for the API's document and the reference page."""
