"""Proposals on the desk: what one operator proposed and another has to look at (four eyes).

Decided by the same handlers as REST. Whoever approves sees before what the command would give now.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.api.managing import Managing, ReasonBody
from kirmash.gateway.api.shown import ProposalShown, proposal_of
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.identity import Denied, NotFound, ProposalOver, Role, State
from kirmash.queries import Queries
from kirmash.web.desk import VIEWS_SECONDS, Desk, Failed, Fault, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.desk_lists import Filter, Listing, choices_of, list_routes
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Row
from kirmash.web.timeline import ENDED
from kirmash.web.titles import Titles
from kirmash.web.words import Words

LIST: Final = "/desk/proposals"
FOUND_MAX: Final = 500
_ABOUT: Final = ("participant", "client", "amount", "currency", "deal", "session", "reason")

PROPOSALS: Final = (
    Column(name="what", label="desk.field.what", href="href"),
    Column(name="about", label="account.about"),
    Column(name="state", label="desk.field.state", words=lambda w, value: w.text(f"desk.proposal.{value}"), short=True),
    Column(name="reason", label="account.reason"),
    Column(name="proposer", label="desk.field.proposer", kind="code"),
    Column(name="proposed", label="desk.field.proposed", kind="moment"),
    Column(name="expires", label="desk.field.expires", kind="moment"),
    Column(name="decider", label="desk.field.decider", kind="code"),
    Column(name="number", label="account.number", kind="count"),
)


def proposal_path(proposal: str) -> str:
    """A proposal's page."""
    return f"{LIST}/{quote(proposal, safe='')}"


def command_text(words: Words, command: str) -> str:
    """What a command does, in a few words."""
    return words.known("desk.command", command)


def about_of(words: Words, body: dict[str, Any], companies: Mapping[str, str], titles: Titles) -> str:
    """What a proposed command is about: whom, how much, which; ids behind their names."""
    given = {**body}
    if isinstance(given.get("amount"), str):
        given["amount"] = words.figure(given["amount"])
    if given.get("participant") in companies:
        given["participant"] = f"{companies[given['participant']]} ({given['participant']})"
    if isinstance(given.get("session"), str):
        given["session"] = f"{titles.of(words, given['session'])} ({given['session']})"
    return " ".join(str(given[name]) for name in _ABOUT[:-1] if given.get(name) is not None)


class ProposalsOfDesk:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._identity = desk.services.identity
        self._managing: Final = Managing(desk.services)

    def found(self, state: str | None = None) -> list[ProposalShown]:
        """Proposals, the newest first."""
        wanted = None if state is None else State(state)
        return [proposal_of(it) for it in self._identity.proposals(state=wanted, limit=FOUND_MAX)]

    def names(self) -> dict[str, str]:
        """The names of operators' logins by id."""
        return {it.id: it.name for it in self._identity.logins(role=Role.OPERATOR)}

    def companies(self, found: Sequence[ProposalShown]) -> dict[str, str]:
        """The names of the participants whom proposals are about, by id. Raises as the views do."""
        wanted = [who for it in found if isinstance(who := it.body.get("participant"), str)]
        return self._desk.services.queries.company_names(wanted)

    def row(self, words: Words, found: tuple[ProposalShown, dict[str, str], dict[str, str]]) -> Row:
        """A proposal in the list, with the names of operators and participants."""
        it, names, companies = found
        return {
            "what": command_text(words, it.command),
            "href": proposal_path(it.id),
            "about": about_of(words, it.body, companies, self._desk.rendering.titles),
            "state": it.state,
            "reason": it.reason,
            "proposer": names.get(it.proposer, it.proposer),
            "proposed": it.proposed,
            "expires": it.expires,
            "decider": None if it.decider is None else names.get(it.decider, it.decider),
            "number": it.number,
        }

    async def show(self, call: Call) -> Response:
        return await self._page(call, fresh("decide"))

    async def _page(self, call: Call, form: Form) -> Response:
        it = self._one(call)
        words = self._desk.words(call)
        orders: int | None = None
        objections: list[Fault] = []
        mine = it.proposer == call.caller.login
        if it.state == State.OPEN.value and call.caller.role is Role.OPERATOR:
            try:
                orders = await self._orders_gone(call, it)
            except Failed as error:
                objections = error.faults
        companies = await read(lambda: self.companies([it]))
        return await self._desk.page(
            call,
            "desk/proposals_one.html",
            form.status,
            form=form,
            it=it,
            what=command_text(words, it.command),
            companies=companies,
            body={name: value for name, value in it.body.items() if value is not None},
            names=self.names(),
            mine=mine,
            orders=orders,
            objections=objections,
            unsettled=it.state == State.APPROVED.value and it.number is None,
        )

    async def _orders_gone(self, call: Call, it: ProposalShown) -> int | None:
        """How many orders the command would cancel now; None where it touches nobody's orders nor money. Raises Failed
        where it would be rejected. A session's open orders are counted: there may be tens of thousands (PS-1.6)."""
        services, session = self._desk.services, str(it.body.get("session"))
        if it.command == "cancel_session" and self._goes_on(session):
            await services.feed.views_at(services.feed.number, VIEWS_SECONDS)
            return await read(lambda: services.queries.open_orders(session))
        lines = await self._desk.rehearse(call, it.command, it.body)
        told = [line["event"] for line in lines if line["event"] in ("order_cancelled", "account_changed")]
        return told.count("order_cancelled") if told else None

    def _goes_on(self, session: str) -> bool:
        """Whether a session is there and has not ended, so that it can be cancelled (PS-1.1)."""
        try:
            return self._desk.services.feed.board.session(session).phase not in ENDED
        except KeyError:
            return False

    def _one(self, call: Call) -> ProposalShown:
        """Raises Problem for one that there is not."""
        try:
            return proposal_of(self._identity.proposal(call.path["proposal"]))
        except NotFound:
            raise missing("proposal") from None

    async def approve(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        it = self._one(call)
        try:
            given = await self._managing.approve(call)
        except ProposalOver as error:
            if it.decider != call.caller.login or it.number is None or it.rejected:
                failed = self._desk.denied(call, error)
                return await self._page(call, fresh("decide").failed(failed, typed, client_id))
            # The second of two clicks: what the first one did is told again.
            return go_to(f"{proposal_path(it.id)}?done={it.number}")
        except Denied as error:
            return await self._page(call, fresh("decide").failed(self._desk.denied(call, error), typed, client_id))
        except Problem as problem:
            return await self._page(call, fresh("decide").failed(self._of(call, problem), typed, client_id))
        return go_to(f"{proposal_path(it.id)}?done={given.number}")

    def _of(self, call: Call, problem: Problem) -> Failed:
        """A command that was approved and then rejected, or could not be given yet."""
        if "reasons" in problem.extra:
            return Failed(self._desk.faults(call, problem.extra["reasons"]), problem.status)
        shown = problem.value(call.language)
        fault = Fault(field=None, text=shown["detail"], cure=shown.get("cure", ""), rule=shown.get("rule", ""))
        return Failed([fault], problem.status, headers=problem.headers)

    async def decline(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        it = self._one(call)
        reason = typed.get("reason", "").strip()[:200]
        try:
            if not reason:
                raise Failed([Fault(field="reason", text=self._desk.words(call).text("form.missing"))], 422)
            body = ReasonBody(reason=reason)
            await self._managing.decline(
                Call(call.request, call.who, call.language, call.path, call.query, body, call.raw)
            )
        except ProposalOver as error:
            if it.state == State.DECLINED.value and it.decider == call.caller.login:
                return go_to(proposal_path(it.id))
            failed = self._desk.denied(call, error)
            return await self._page(call, fresh("decide").failed(failed, typed, client_id))
        except Denied as error:
            return await self._page(call, fresh("decide").failed(self._desk.denied(call, error), typed, client_id))
        except Failed as error:
            return await self._page(call, fresh("decide").failed(error, typed, client_id))
        return go_to(proposal_path(it.id))


def proposals_routes(desk: Desk) -> list[Route]:
    """The list and one proposal."""
    it = ProposalsOfDesk(desk)

    def ask(_: Queries, given: dict[str, Any], __: str | None, ___: int) -> list[Any]:
        names = it.names()
        found = it.found(given.get("state"))
        companies = it.companies(found)
        return [(one, names, companies) for one in found]

    listing = Listing(
        name="proposals",
        path=LIST,
        columns=PROPOSALS,
        ask=ask,
        row=it.row,
        filters=(
            Filter(
                name="state",
                label="desk.field.state",
                choices=choices_of("desk.proposal", *(state.value for state in State)),
                first=State.OPEN.value,
            ),
        ),
    )
    return [
        *list_routes(desk, (listing,)),
        desk_page("/proposals/{proposal}", it.show, "Desk: one proposal", Rule.AUDIT),
        desk_form("/proposals/{proposal}/approve", it.approve, "Approve by the form"),
        desk_form("/proposals/{proposal}/decline", it.decline, "Decline by the form"),
    ]
