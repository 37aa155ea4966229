"""What the doors share: the exchange, what is known of it, who asks, and how a command is given in somebody's name.

REST and WebSocket give commands through `give` and `give_many` and nowhere else, so that rights, kill switches and
texts in normal form are the same whichever door was used. Nothing of HTTP or WebSocket stands here.
"""

import secrets
import unicodedata
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from kirmash.bulletin import Bulletin
from kirmash.config import Config
from kirmash.gateway.exchange import Exchange
from kirmash.gateway.feed import Feed, JsonObject
from kirmash.gateway.operations import Metrics
from kirmash.gateway.recall import Recall
from kirmash.identity import Approved, Identity, NotAllowed, Role, Who
from kirmash.messages import codec
from kirmash.messages.codec import RECORD_VERSION, Actor, Record
from kirmash.messages.commands import Command, decider_of
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time
from kirmash.protocol.shapes import ShapeError, command_from_json, read_client_id
from kirmash.queries import Queries
from kirmash.sequencer.answers import Answer, Refused

_log: Final = structlog.get_logger("gateway")

NO_TIME: Final[Time] = (0, 0)
CLIENT_ID_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


class Given(Struct, frozen=True):
    """A command that was numbered: its answer, what its giver may see of its events, and whether it was rejected."""

    answer: Answer
    lines: list[JsonObject]

    @property
    def rejected(self) -> bool:
        """A business reject: numbered, and nothing was changed."""
        return len(self.lines) == 1 and self.lines[0]["event"] == "command_rejected"


class Services:
    """Everything that a door needs."""

    def __init__(
        self,
        config: Config,
        exchange: Exchange,
        feed: Feed,
        identity: Identity,
        queries: Queries,
        metrics: Metrics,
        bulletin: Bulletin,
    ) -> None:
        self.config = config
        self.exchange = exchange
        self.feed = feed
        self.identity = identity
        self.queries = queries
        self.metrics = metrics
        self.bulletin = bulletin
        self.recall = Recall(feed, queries)

    def actor(self, who: Who) -> Actor:
        """In whose name a caller's commands are given. Raises NotAllowed for a role that gives none."""
        if who.role is Role.TRADER and who.trader is not None:
            return Actor(ActorKind.TRADER, who.trader)
        if who.role is Role.OPERATOR and who.operator is not None:
            return Actor(ActorKind.OPERATOR, who.operator)
        raise NotAllowed(f"the role {who.role} gives no commands", "use the login of a trader or operator")

    async def give(self, who: Who, client_id: str, name: str, command: Command, origin: str) -> Given:
        """Give a command in the caller's name. Raises Denied and Refused."""
        self.identity.check_command(who, name)
        self.identity.check_unproposed(who, name, client_id)
        actor = self.actor(who)
        with self.metrics.command(name) as told:
            answer = await self.exchange.submit(actor, origin, client_id, command)
            given = Given(answer, await self.lines(answer, actor, command, who.participant))
            told(given.rejected)
        return given

    async def rehearse(self, who: Who, name: str, command: Command, origin: str) -> list[JsonObject]:
        """What the command would give now, as its giver would see it; nothing is numbered, and ids that only numbering
        gives are None. Raises Denied and Refused."""
        self.identity.check_command(who, name)
        actor = self.actor(who)
        events = await self.exchange.rehearse(actor, origin, command)
        # No record has this number yet, so that no line of another one is taken for it.
        answer = Answer(self.feed.number + 1, NO_TIME, msgspec.Raw(events))
        lines = await self.recall.made(_record(answer, actor, command), who.participant)
        accepted = {line["order"] for line in lines if line["event"] == "order_accepted"}
        return [_unnumbered(line, accepted) for line in lines]

    async def lines(self, answer: Answer, actor: Actor, command: Command, participant: str | None) -> list[JsonObject]:
        """An answer's events for people: a participant's own, or all (None). `command` is what was asked."""
        return await self.recall.lines(_record(answer, actor, command), participant)

    async def give_many(self, who: Who, commands: list[tuple[str, str, Command]], origin: str) -> list[Given | Refused]:
        """Several commands (client id, name, command) at once, in order. Raises Denied for the first not allowed."""
        for name in dict.fromkeys(name for _, name, _ in commands):
            self.identity.check_command(who, name)
        for client_id, name, _ in commands:
            self.identity.check_unproposed(who, name, client_id)
        actor = self.actor(who)
        outcomes = await self.exchange.submit_many(
            [(actor, origin, client_id, command) for client_id, _, command in commands]
        )
        given: list[Given | Refused] = []
        for outcome, (_, name, command) in zip(outcomes, commands, strict=True):
            if isinstance(outcome, Refused):
                given.append(outcome)
                continue
            try:
                made = Given(outcome, await self.lines(outcome, actor, command, who.participant))
            except Refused as unshown:
                given.append(unshown)
                continue
            self.metrics.counted(name, rejected=made.rejected)
            given.append(made)
        return given

    async def settle_proposals(self) -> None:
        """Give again what two operators approved and of which nobody noted the number (a crash came in between)."""
        for approved in self.identity.unsettled():
            try:
                await self.settle(approved)
            except Refused as refused:
                # The doors are to open all the same; approving it again gives it again.
                _log.warning("an approved proposal is not given yet", proposal=approved.id, reason=refused.code)

    async def settle(self, approved: Approved) -> Given:
        """Give an approved command; the client id made of the proposal keeps it from being given twice. The proposer is
        the record's actor, the approver stands in its origin. Raises Refused; then it is given again at the next start.
        """
        actor = Actor(ActorKind.OPERATOR, approved.operator)
        command = read_command(approved.command, approved.body)
        answer = await self.exchange.submit(actor, f"four-eyes/{approved.approver}", approved.client_id, command)
        given = Given(answer, await self.lines(answer, actor, command, None))
        self.metrics.counted(approved.command, rejected=given.rejected)
        self.identity.settle(approved.id, answer.number, rejected=given.rejected)
        return given


def _record(answer: Answer, actor: Actor, command: Command) -> Record:
    """The record of an answer. A repeated command has the content of the stored one, else it were id_reused."""
    return Record(
        RECORD_VERSION,
        answer.number,
        answer.time,
        actor.kind,
        actor.id,
        "",
        "",
        decider_of(type(command)),
        msgspec.Raw(codec.encode(command)),
        answer.events,
    )


def _unnumbered(line: JsonObject, accepted: set[Any]) -> JsonObject:
    """A line of what was only rehearsed."""
    shown = {name: value for name, value in line.items() if name not in ("number", "at", "cause", "id")}
    if shown.get("order") in accepted:
        shown["order"] = None
    if "deal" in shown:
        shown["deal"] = None
    return shown


def read_command(name: Any, values: JsonObject) -> Command:
    """A command from JSON, its texts in normal form NFC and trimmed, as a door has to hand them in (PS-8.6).

    Raises ShapeError.
    """
    return command_from_json(name, normal(values))


def normal(value: Any) -> Any:
    """JSON with every text in NFC and without blanks at its ends."""
    if isinstance(value, str):
        return value.strip() if value.isascii() else unicodedata.normalize("NFC", value).strip()
    # Of a subclass is an object in which a key stands twice: left as it is, to be refused.
    if type(value) is dict:
        return {normal(key): normal(entry) for key, entry in value.items()}
    return [normal(entry) for entry in value] if isinstance(value, list) else value


def client_id_of(given: str | None) -> str:
    """A client id as sent, or one of our own where there is none. Raises ShapeError."""
    if given is None:
        return secrets.token_hex(16)
    read_client_id(given, "Idempotency-Key")
    if not CLIENT_ID_CHARACTERS.issuperset(given):
        raise ShapeError("Idempotency-Key", "may hold letters, digits and . _ : - only", "PS-9")
    return given
