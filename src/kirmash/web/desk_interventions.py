"""One order and one deal with all their names, and the two things an operator may do to them: cancel the order for its
participant, annul the deal with a second operator.

Each has a page of its own that says what will happen, by a rehearsal where that tells something. The journal has no
field for the reason of an operator's cancellation; it is kept beside it, on the record's number (bulletin).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec import Struct
from starlette.responses import Response

from kirmash.bulletin import Unfit
from kirmash.bulletin.store import REASON_MAX, check_reason
from kirmash.gateway.api.asking import missing, path_number, read
from kirmash.gateway.api.notices import kept
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import State
from kirmash.queries import rows
from kirmash.web.account_columns import HISTORY, history_row
from kirmash.web.catalogue import Catalogue
from kirmash.web.desk import Desk, Failed, Fault, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.desk_proposals import FOUND_MAX
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Table, ask_all, exported, table_of
from kirmash.web.words import Words

_log: Final = structlog.get_logger("desk")

_HISTORY: Final = (
    *(it for it in HISTORY if it.name != "reason"),
    Column(name="reason", label="account.reason", words=lambda w, value: w.known("run.state", value)),
)


class Effect(Struct, frozen=True):
    """What a rehearsal told: the quantity that leaves the book and the deposit that becomes free."""

    quantity: str
    participant: str
    client: str | None
    currency: str | None
    free: str | None


class Interventions:
    """The handlers."""

    def __init__(self, desk: Desk, catalogue: Catalogue) -> None:
        self._desk: Final = desk
        self._catalogue: Final = catalogue
        self._services: Final = desk.services
        self._queries: Final = desk.services.queries

    # Orders ------------------------------------------------------------------------------------------------------

    async def order(self, call: Call) -> Response:
        order, words = await self._order(call), self._desk.words(call)
        history = await read(
            lambda: ask_all(
                lambda cursor, limit: self._queries.order_events(
                    scope=None, order=order.order, cursor=cursor, limit=limit
                )
            )
        )
        if call.query.format:
            name = f"order-{order.order}"
            return await exported(words, call, history, _HISTORY, name, call.query.format, _event_row)
        remarks = await kept(lambda: self._services.bulletin.remarks([it.number for it in history]))
        return await self._desk.page(
            call,
            "desk/supervision_order.html",
            order=order,
            **await self._named(order.instrument, [order.participant], [order.client]),
            table=self._history(call, words, history),
            remarks=[remarks[number] for number in sorted(remarks)],
        )

    def _history(self, call: Call, words: Words, history: list[rows.OrderEvent]) -> Table:
        return table_of(
            words, call.query, history, _event_row, name="history", caption="account.history", columns=_HISTORY,
            empty="account.history",
        )  # fmt: skip

    async def show_cancel(self, call: Call) -> Response:
        return await self._cancel_page(call, await self._order(call), fresh("cancel"))

    async def cancel(self, call: Call) -> Response:
        order = await self._order(call)
        values, client_id = form_of(call)
        shown = fresh("cancel")
        try:
            # One id for the command and for its reason, also where the form came without.
            client_id = self._desk.client_id(call, client_id)
            reason = reason_of(self._desk.words(call), values)
            done = await self._desk.give(call, "cancel_order", {"order": order.order}, client_id)
        except Failed as failed:
            return await self._cancel_page(call, order, shown.failed(failed, values, client_id))
        if done.number is not None:
            await keep_reason(self._services, call, client_id, done.number, reason)
        return go_to(done.then(f"/desk/orders/{order.order}"))

    async def _cancel_page(self, call: Call, order: rows.Order, form: Form) -> Response:
        """What the cancellation would do, asked of the market now; where it would be rejected, why."""
        effect, refused = None, None
        try:
            effect = _effect(await self._desk.rehearse(call, "cancel_order", {"order": order.order}), order)
        except Failed as failed:
            refused = Form(name="cancel", faults=failed.faults, client_id=form.client_id, values=form.values)
        return await self._desk.page(
            call,
            "desk/supervision_cancel.html",
            form.status,
            order=order,
            **await self._named(order.instrument, [order.participant], [order.client]),
            form=refused if refused is not None and not form.faults else form,
            effect=effect,
            possible=refused is None,
            reason_max=REASON_MAX,
        )

    async def _order(self, call: Call) -> rows.Order:
        number = path_number(call, "order")
        await self._services.feed.views_at(self._services.feed.number, 2.0)
        found = await read(lambda: self._queries.order(number, scope=None))
        if found is None:
            raise missing("order")
        return found

    # Deals -------------------------------------------------------------------------------------------------------

    async def deal(self, call: Call) -> Response:
        deal, contract = await self._deal(call)
        return await self._desk.page(
            call,
            "desk/supervision_deal.html",
            deal=deal,
            contract=contract,
            waiting=self._waiting(deal.deal),
            **await self._named(deal.instrument, [deal.buyer, deal.seller], [deal.buyer_client, deal.seller_client]),
        )

    def _waiting(self, deal: int) -> list[str]:
        """Proposals to annul the deal that nobody has decided yet."""
        found = self._services.identity.proposals(state=State.OPEN, limit=FOUND_MAX)
        return [it.id for it in found if it.command == "annul_deal" and str(it.body.get("deal")) == str(deal)]

    async def _named(
        self, instrument: str, participants: Sequence[str | None], clients: Sequence[str | None]
    ) -> dict[str, Any]:
        """What a page shows beside ids: the names of participants and clients, and what the instrument is."""
        named = await self._catalogue.names([instrument])
        acting = [it for it in clients if it]
        return {
            "named": named.get(instrument),
            "names": await self._desk.names.participants(it for it in participants if it),
            "clients": await read(lambda: self._queries.client_names(acting)),
        }

    async def show_annul(self, call: Call) -> Response:
        return await self._annul_page(call, fresh("annul"))

    async def annul(self, call: Call) -> Response:
        deal, _ = await self._deal(call)
        values, client_id = form_of(call)
        try:
            given: dict[str, Any] = {"deal": deal.deal, "reason": reason_of(self._desk.words(call), values)}
            done = await self._desk.give(call, "annul_deal", given, client_id)
        except Failed as failed:
            return await self._annul_page(call, fresh("annul").failed(failed, values, client_id))
        return go_to(done.then(f"/desk/deals/{deal.deal}"))

    async def _annul_page(self, call: Call, form: Form) -> Response:
        deal, contract = await self._deal(call)
        refused = None
        try:
            await self._desk.rehearse(call, "annul_deal", {"deal": deal.deal, "reason": "?"})
        except Failed as failed:
            refused = Form(name="annul", faults=failed.faults, client_id=form.client_id, values=form.values)
        return await self._desk.page(
            call,
            "desk/supervision_annul.html",
            form.status,
            deal=deal,
            contract=contract,
            **await self._named(deal.instrument, [deal.buyer, deal.seller], [deal.buyer_client, deal.seller_client]),
            form=refused if refused is not None and not form.faults else form,
            possible=refused is None,
            reason_max=REASON_MAX,
            four_eyes=self._services.config.identity.four_eyes,
        )

    async def _deal(self, call: Call) -> tuple[rows.Deal, rows.Contract | None]:
        number = path_number(call, "deal")
        await self._services.feed.views_at(self._services.feed.number, 2.0)
        found = await read(lambda: (self._queries.deal(number, scope=None), self._queries.contract(number, scope=None)))
        if found[0] is None:
            raise missing("deal")
        return found[0], found[1]


def reason_of(words: Words, values: Mapping[str, str]) -> str:
    """The reason as it is kept. Raises Failed."""
    try:
        return check_reason(values.get("reason", ""))
    except Unfit as unfit:
        why = unfit.refusals[0]
        text = words.text(f"run.unfit.{why.why}", most=words.figure(REASON_MAX))
        raise Failed([Fault(field="reason", text=text)], 422) from None


async def keep_reason(services: Services, call: Call, client_id: str, number: int, reason: str) -> None:
    """Keep why an operator cancelled, beside the journal: under the id and the number of his command."""
    by = call.caller.operator or ""
    try:
        await kept(lambda: services.bulletin.remark(client_id, by, number, reason))
    except (Problem, Unfit) as error:
        # The orders are cancelled, and a second click must not say otherwise.
        _log.warning("the reason of a cancellation was not kept", number=number, error=str(error))


def _effect(lines: list[dict[str, Any]], order: rows.Order) -> Effect:
    taken = next((it["quantity"] for it in lines if it["event"] == "order_cancelled"), order.open)
    account = next((it for it in lines if it["event"] == "account_changed"), None)
    return Effect(
        taken,
        order.participant,
        order.client,
        None if account is None else account["currency"],
        None if account is None else account["free"],
    )


def _event_row(it: rows.OrderEvent) -> dict[str, Any]:
    return dict(history_row(it))


def intervention_routes(desk: Desk, catalogue: Catalogue) -> list[Route]:
    """Orders and deals of the desk; auditors read, operators act."""
    it = Interventions(desk, catalogue)
    reading: dict[str, Any] = {"rule": Rule.AUDIT}
    return [
        desk_page("/orders/{order}", it.order, "One order with its names", **reading),
        desk_page("/orders/{order}/cancel", it.show_cancel, "What cancelling an order would do"),
        desk_form("/orders/{order}/cancel", it.cancel, "Cancel an order for its participant"),
        desk_page("/deals/{deal}", it.deal, "One deal with its names", **reading),
        desk_page("/deals/{deal}/annul", it.show_annul, "What annulling a deal would do"),
        desk_form("/deals/{deal}/annul", it.annul, "Propose to annul a deal"),
    ]
