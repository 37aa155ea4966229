"""Who keeps order: logins (operators), kill switches (administrators and operators), proposals of two (operators).

A kill switch that goes on also cancels what is open: each cancellation is a mass_cancel of the market, given in the
trader's own name where one trader is stopped, else by the operator; what the phase keeps is reported. Whose orders are
to be cancelled is never asked of the views, which may lag, nor of the feed, to which an order on its way through the
sequencer is not known yet: every trader of the participant is gone through in every session that may hold orders.
"""

import secrets
from functools import partial
from typing import Annotated, Final

from msgspec import Meta, Struct

from kirmash.gateway.api.account import Word
from kirmash.gateway.api.asking import PREFIX, VIEWS_SECONDS, Limit, Listed, missing, read
from kirmash.gateway.api.commands import CommandAnswer, answer_of
from kirmash.gateway.api.shown import (
    LoginShown,
    ProposalShown,
    ProvisionedShown,
    SwitchShown,
    login_of,
    proposal_of,
    switch_of,
)
from kirmash.gateway.exchange import Outcome
from kirmash.gateway.problems import JsonObject, Problem, refused_problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Approved, Identity, NewLogin, NotAllowed, NotFound, ProposalOver, Role, State, Subject, Who
from kirmash.messages.codec import Actor
from kirmash.messages.commands import MassCancel
from kirmash.messages.kinds import ActorKind, Phase
from kirmash.queries import Page, QueryError, rows
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX, WholeOr
from kirmash.sequencer.answers import Refused

LOGINS: Final = "logins"
SWITCHES: Final = "kill switches"
PROPOSALS: Final = "four eyes"
KILL_SWITCH: Final = Actor(ActorKind.OPERATOR, "kill-switch")
"""In whose name a participant's orders are cancelled where no operator, but its own administrator, stopped it."""

TOGETHER: Final = 100
"""How many mass cancels of a switch are given at once: as many as a frame may hold, so that they are decided in few
writes and leave the queue of commands to others."""

_WITHOUT_ORDERS: Final = frozenset({Phase.SCHEDULED.name, Phase.CLOSED.name, Phase.CANCELLED.name})

Why = Annotated[str, Meta(min_length=1, max_length=200)]


class LoginsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`limit` logins (1 to 500), from the `cursor` on that the page before gave as `next`."""

    participant: Word | None = None
    name: Word | None = None
    limit: Limit = LIMIT_DEFAULT
    cursor: Word | None = None


class NewLoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`participant`: for administrators and traders; `trader`: the id in the register, for traders."""

    name: Word
    role: Role
    participant: Word | None = None
    trader: Word | None = None
    language: str = "en"
    person: Word | None = None


class ReasonBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Why


class ResetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`second_factor`: drop that one, too."""

    second_factor: bool = False


class SwitchBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`subject`: a participant's or trader's id."""

    kind: Subject
    subject: Word
    on: bool
    reason: Why


class Cancelled(Struct, frozen=True, kw_only=True):
    """What one mass cancel did; `problem` is why it could not be given."""

    session: str
    trader: str
    number: int | None
    cancelled: int
    kept: int
    problem: str | None


class Switched(Struct, frozen=True, kw_only=True):
    """The switch, what was cancelled by it, and the orders that stay because the phase lets nobody cancel them; null
    where the views lag too far to say which."""

    switch: SwitchShown
    cancellations: list[Cancelled]
    still_open: list[rows.Order] | None


class SwitchList(Struct, frozen=True):
    items: list[SwitchShown]


class ProposalsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: State | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 200


class ProposalList(Struct, frozen=True):
    items: list[ProposalShown]


def page_of_logins(
    identity: Identity, *, name: str | None = None, participant: str | None, cursor: str | None, limit: int
) -> Page[LoginShown]:
    """Logins by their making, as a page of no record; a cursor is the id of the last login before it. Raises
    QueryError."""
    try:
        found = identity.logins(name=name, participant=participant, after=cursor, limit=limit + 1)
    except NotFound:
        raise QueryError("cursor", "is none of this list") from None
    count = limit.given(len(found), cursor) if isinstance(limit, WholeOr) else limit
    shown = [login_of(row) for row in found[:count]]
    return Page(shown, shown[-1].id if len(found) > count else None, 0)


class Managing:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._identity = services.identity

    # Logins ------------------------------------------------------------------------------------------------------

    async def logins(self, call: Call) -> Listed[LoginShown]:
        query: LoginsQuery = call.query
        participant = query.participant if call.own is None else call.own
        if call.own is not None and query.participant not in (None, call.own):
            return Listed([], None)
        page = await read(
            lambda: page_of_logins(
                self._identity, name=query.name, participant=participant, cursor=query.cursor, limit=query.limit
            )
        )
        return Listed(page.rows, page.next_cursor)

    async def add(self, call: Call) -> ProvisionedShown:
        body: NewLoginBody = call.body
        new = NewLogin(
            name=body.name,
            role=body.role,
            participant=body.participant,
            trader=body.trader,
            language=body.language,
            person=body.person,
        )
        made = await self._identity.add_login(new, by=call.caller.login)
        return ProvisionedShown(login_of(made.login), made.password)

    async def block(self, call: Call) -> LoginShown:
        self._identity.block(call.path["login"], call.body.reason, by=call.caller.login)
        return self._login(call)

    async def unblock(self, call: Call) -> LoginShown:
        self._identity.unblock(call.path["login"], call.body.reason, by=call.caller.login)
        return self._login(call)

    async def reset(self, call: Call) -> ProvisionedShown:
        made = await self._identity.reset(
            call.path["login"], by=call.caller.login, second_factor=call.body.second_factor
        )
        return ProvisionedShown(login_of(made.login), made.password)

    def _login(self, call: Call) -> LoginShown:
        return login_of(self._identity.logins(login=call.path["login"])[0])

    # Kill switches -----------------------------------------------------------------------------------------------

    async def switches(self, call: Call) -> SwitchList:
        return SwitchList([switch_of(row) for row in self._identity.switches(participant=call.own)])

    async def switch(self, call: Call) -> Switched:
        body: SwitchBody = call.body
        who = call.caller
        try:
            made = self._identity.set_switch(body.kind, body.subject, on=body.on, by=who, reason=body.reason)
        except NotAllowed:
            if who.role is Role.PARTICIPANT_ADMIN:
                raise missing(body.kind.value) from None
            raise
        if not body.on:
            return Switched(switch=switch_of(made), cancellations=[], still_open=[])
        cancellations = await self._cancel(who, body.kind, body.subject)
        still_open = await self._still_open(body.kind, body.subject, call.own)
        return Switched(switch=switch_of(made), cancellations=cancellations, still_open=still_open)

    async def _cancel(self, who: Who, kind: Subject, subject: str) -> list[Cancelled]:
        """Cancel what is open, session by session and trader by trader."""
        if kind is Subject.TRADER:
            traders, actor = [subject], Actor(ActorKind.TRADER, subject)
        else:
            owners = self._services.feed.private.owners.traders
            traders = sorted(trader for trader, participant in owners.items() if participant == subject)
            actor = KILL_SWITCH if who.operator is None else Actor(ActorKind.OPERATOR, who.operator)
        sessions = [it.session for it in self._services.feed.board.sessions() if it.phase not in _WITHOUT_ORDERS]
        wanted = [(session, trader) for session in sessions for trader in traders]
        done: list[Cancelled] = []
        for at in range(0, len(wanted), TOGETHER):
            commands = [MassCancel(session=session, trader=trader) for session, trader in wanted[at : at + TOGETHER]]
            outcomes = await self._services.exchange.submit_many(
                [(actor, "kill-switch", f"kill.{secrets.token_hex(12)}", command) for command in commands]
            )
            done += [
                await self._cancelled(actor, command, outcome)
                for command, outcome in zip(commands, outcomes, strict=True)
            ]
        return done

    async def _cancelled(self, actor: Actor, command: MassCancel, outcome: Outcome) -> Cancelled:
        session, trader = command.session, command.trader or ""
        try:
            if isinstance(outcome, Refused):
                raise outcome
            lines = await self._services.lines(outcome, actor, command, None)
        except Refused as refused:
            return Cancelled(session=session, trader=trader, number=None, cancelled=0, kept=0, problem=refused.code)
        last: JsonObject = lines[-1]
        rejected = last["event"] == "command_rejected"
        return Cancelled(
            session=session,
            trader=trader,
            number=outcome.number,
            cancelled=0 if rejected else last["cancelled"],
            kept=0 if rejected else last["kept"],
            problem=last["reasons"][0]["reason"] if rejected else None,
        )

    async def _still_open(self, kind: Subject, subject: str, scope: str | None) -> list[rows.Order] | None:
        """What is open now, after the cancellations; None where the views cannot say it."""
        feed = self._services.feed
        if not await feed.views_at(feed.number, VIEWS_SECONDS):
            return None
        try:
            return await read(lambda: self._open_orders(kind, subject, scope))
        except Problem:
            # The orders are cancelled; that the views cannot be read must not hide it.
            return None

    def _open_orders(self, kind: Subject, subject: str, scope: str | None) -> list[rows.Order]:
        """The open orders of a subject, as far as `scope` may know of them."""
        queries = self._services.queries
        whose = {"participant": subject} if kind is Subject.PARTICIPANT else {"trader": subject}
        found: list[rows.Order] = []
        cursor: str | None = None
        while True:
            page = queries.orders(scope=scope, open=True, limit=LIMIT_MAX, cursor=cursor, **whose)
            found += page.rows
            cursor = page.next_cursor
            if cursor is None:
                return found

    # Four eyes ---------------------------------------------------------------------------------------------------

    async def proposals(self, call: Call) -> ProposalList:
        query: ProposalsQuery = call.query
        found = self._identity.proposals(state=query.state, limit=query.limit)
        return ProposalList([proposal_of(row) for row in found])

    async def approve(self, call: Call) -> CommandAnswer:
        approved = self._approved(call)
        try:
            given = await self._services.settle(approved)
        except Refused as refused:
            raise refused_problem(refused) from None
        return answer_of(given, approved.command, approved.client_id, call.language)

    def _approved(self, call: Call) -> Approved:
        proposal = call.path["proposal"]
        try:
            return self._identity.approve(proposal, call.caller)
        except ProposalOver:
            # Approved before, but the exchange took no commands then: approving again gives it again.
            owed = [entry for entry in self._identity.unsettled() if entry.id == proposal]
            if owed:
                return owed[0]
            raise

    async def decline(self, call: Call) -> ProposalShown:
        return proposal_of(self._identity.decline(call.path["proposal"], call.caller, call.body.reason))


def managing_routes(services: Services) -> list[Route]:
    """Logins, kill switches, proposals."""
    it = Managing(services)
    return [*_login_routes(it), *_switch_routes(it), *_proposal_routes(it)]


def _login_routes(it: Managing) -> list[Route]:
    change = partial(Route, method="POST", rule=Rule.OPERATOR, tag=LOGINS, by_session=True, problems=(404, 409))
    return [
        Route(
            method="GET",
            path=f"{PREFIX}/logins",
            rule=Rule.OVERSIGHT,
            handler=it.logins,
            summary="Logins",
            tag=LOGINS,
            query=LoginsQuery,
            response=Listed[LoginShown],
        ),
        change(
            path=f"{PREFIX}/logins",
            handler=it.add,
            summary="Make a login of a participant's people with a one-time password",
            body=NewLoginBody,
            response=ProvisionedShown,
            status=201,
            example={"name": "anna", "role": "trader", "participant": "alfa", "trader": "anna-1"},
        ),
        change(
            path=f"{PREFIX}/logins/{{login}}/block",
            handler=it.block,
            summary="Block a login: its sessions end, its keys are refused",
            body=ReasonBody,
            response=LoginShown,
        ),
        change(
            path=f"{PREFIX}/logins/{{login}}/unblock",
            handler=it.unblock,
            summary="Unblock a login",
            body=ReasonBody,
            response=LoginShown,
        ),
        change(
            path=f"{PREFIX}/logins/{{login}}/reset",
            handler=it.reset,
            summary="A new one-time password for a participant's people; all sessions end",
            body=ResetBody,
            response=ProvisionedShown,
        ),
    ]


def _switch_routes(it: Managing) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{PREFIX}/switches",
            rule=Rule.OVERSIGHT,
            handler=it.switches,
            summary="Kill switches that were ever set",
            tag=SWITCHES,
            response=SwitchList,
        ),
        Route(
            method="POST",
            path=f"{PREFIX}/switches",
            rule=Rule.ADMIN,
            handler=it.switch,
            summary="Stop a participant or a trader, or let him go on",
            description="While a switch is on, only cancelling is possible. Switching on also cancels the open orders "
            "in every session, as far as the phase lets it.",
            tag=SWITCHES,
            body=SwitchBody,
            response=Switched,
            problems=(404, 503),
            throttled=True,
            example={"kind": "trader", "subject": "anna-1", "on": True, "reason": "the program runs wild"},
        ),
    ]


def _proposal_routes(it: Managing) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{PREFIX}/proposals",
            rule=Rule.AUDIT,
            handler=it.proposals,
            summary="Proposals, the newest first",
            tag=PROPOSALS,
            query=ProposalsQuery,
            response=ProposalList,
        ),
        Route(
            method="POST",
            path=f"{PREFIX}/proposals/{{proposal}}/approve",
            rule=Rule.OPERATOR,
            handler=it.approve,
            summary="Approve what another operator proposed: the command is given now",
            tag=PROPOSALS,
            response=CommandAnswer,
            problems=(404, 409, 503),
        ),
        Route(
            method="POST",
            path=f"{PREFIX}/proposals/{{proposal}}/decline",
            rule=Rule.OPERATOR,
            handler=it.decline,
            summary="Decline a proposal, or take one's own back",
            tag=PROPOSALS,
            body=ReasonBody,
            response=ProposalShown,
            problems=(404, 409),
        ),
    ]
