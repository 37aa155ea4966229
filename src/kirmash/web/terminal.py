"""The terminal: the rooms of sessions in which a trader gives, changes and cancels orders by forms.

Every form carries the client id made when it was rendered, so that a double click or a retry after a lost connection
gets the stored answer and never a second effect (PS-8). What was numbered, rejects too, is answered by the way to the
room, which shows the record by its number; what was not numbered is answered by the form as it was typed. Commands go
through `Services.give` as at every door; nothing is decided here.
"""

import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import HTMLResponse, Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.app import SESSION_COOKIE
from kirmash.gateway.problems import Problem, denied_problem, refused_problem, shape_problem
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services, client_id_of, read_command
from kirmash.identity import Denied, Throttled, Who
from kirmash.identity.errors import SessionEnded
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.kinds import ActorKind
from kirmash.protocol.present import command_json
from kirmash.protocol.shapes import ShapeError
from kirmash.queries import rows
from kirmash.sequencer.answers import IdReused, Refused
from kirmash.web.fees import FeeShown, amount_of, fee_shown
from kirmash.web.forms import go_to, read_form
from kirmash.web.holdings import holdings_of
from kirmash.web.naming import CLIENTS, ids_of
from kirmash.web.rendering import HEADERS, PageQuery, Rendering, here
from kirmash.web.room import PARTS, Room, Rooms
from kirmash.web.ticket import (
    SIDES,
    Amendment,
    Far,
    JsonObject,
    Simple,
    Ticket,
    amend_values,
    anchor_of,
    far_off,
    moment_out,
    new_client_id,
    order_values,
    times_of,
)
from kirmash.web.timeline import TAKES_ORDERS
from kirmash.web.told import Message, Why, why_of

TAG: Final = "pages"
HOME: Final = "/terminal"
FIGURES: Final = frozenset({"price", "quantity", "minimum"})
PREVIEW_SECONDS: Final = 1.0
PREVIEWS_REMEMBERED: Final = 10_000


class RoomQuery(PageQuery, frozen=True, kw_only=True):
    """`answer`: the number of a command just given; `amend`: an order to change; the rest fills the ticket."""

    instrument: str | None = None
    answer: str | None = None
    amend: str | None = None
    side: str | None = None
    price: str | None = None
    quantity: str | None = None


class Preview(Struct, frozen=True, kw_only=True):
    """What an order would do now. `deals`: pairs of price and quantity."""

    reasons: list[Why]
    reserved: str | None
    free: str | None
    currency: str
    deals: list[tuple[str, str]]
    cancelled: bool
    fee: FeeShown | None = None


class Shown(Struct, frozen=True, kw_only=True):
    """What the page shows besides the room: the answer to a command, or why a form was not handed on."""

    answer: Sequence[Message] = ()
    error: JsonObject | None = None
    far: Far | None = None
    preview: Preview | None = None
    ticket: Ticket = Ticket()
    amended: rows.Order | None = None
    status: int = 200


class Terminal:
    """The handlers."""

    def __init__(self, services: Services, rendering: Rendering, rooms: Rooms) -> None:
        self._services = services
        self._queries = services.queries
        self._identity = services.identity
        self._rendering = rendering
        self._rooms = rooms
        self._previews: dict[str, float] = {}

    # Pages -------------------------------------------------------------------------------------------------------

    async def home(self, call: Call) -> Response:
        who = call.caller
        mine = await self._rooms.mine(who)
        holdings = await read(lambda: holdings_of(self._queries, mine.participant.participant, None))
        counts: dict[str, int] = {}
        for order in holdings.orders:
            counts[order.session] = counts.get(order.session, 0) + 1
        names = self._rendering.names(self._queries)
        clients = ids_of(holdings.accounts, CLIENTS)
        if clients:
            await read(lambda: names.learn_ids((), clients))
        sessions = self._rooms.sessions()
        return self._rendering.page(
            call,
            "terminal/home.html",
            mine=mine,
            holdings=holdings,
            counts=counts,
            clients=names.clients,
            sessions=[it for it in sessions if mine.permitted(it) or it.session in counts],
            others=[it for it in sessions if not mine.permitted(it) and it.session not in counts],
        )

    async def room(self, call: Call) -> Response:
        query: RoomQuery = call.query
        room = await self._enter(call, query.instrument)
        ticket = Ticket(
            side=query.side if query.side in SIDES else "buy",
            price=(query.price or "")[:60],
            quantity=(query.quantity or "")[:60],
        )
        shown = Shown(ticket=ticket)
        if query.answer is not None:
            shown = await self._answered(call, query.answer, ticket)
        if query.amend is not None:
            shown = replace(shown, amended=await self._own_order(call, query.amend, room))
        return await self._page(call, room, shown)

    async def _page(self, call: Call, room: Room, shown: Shown) -> Response:
        language = call.language
        mine = await self._rooms.mine(call.caller)
        line = await self._line(room)
        parts = {part: await self._rooms.part(part, room, language) for part in PARTS}
        it = room.it
        return self._rendering.page(
            call,
            "terminal/room.html",
            shown.status,
            it=it,
            room=room,
            chosen=room.instrument,
            named=room.names.get(room.instrument),
            mine=mine,
            permitted=mine.permitted(it),
            line=line,
            anchor=anchor_of(room.book, line),
            times=times_of(it.mechanism, it.phase),
            takes_orders=it.phase in TAKES_ORDERS,
            historical=it.session in self._services.config.demo.historical,
            parts=parts,
            after=self._rooms.event_id(room),
            shown=shown,
            ticket=shown.ticket,
            client_id=shown.ticket.client_id or new_client_id(),
            new_client_id=new_client_id,
            amended=shown.amended,
            until_of=lambda at: "" if at is None else moment_out(at, self._rendering.zone),
            room_path=self._path(room),
        )

    async def _enter(self, call: Call, instrument: str | None) -> Room:
        csrf = self._identity.csrf(call.request.cookies[SESSION_COOKIE])
        return await self._rooms.enter(call.caller, csrf, call.path["session"], instrument or None)

    async def _line(self, room: Room) -> rows.SessionInstrument:
        found = await read(
            lambda: self._queries.session_instruments(room.it.session, instrument=room.instrument, limit=1).rows
        )
        if not found:
            raise missing("instrument")
        return found[0]

    async def _own_order(self, call: Call, number: str, room: Room | None) -> rows.Order:
        """An order of the caller's participant. Another's is none (404), whatever the market knows of it."""
        if not (number.isascii() and number.isdigit() and len(number) <= 15):
            raise missing("order")
        await self._services.feed.views_at(self._services.feed.number, 2.0)
        found = await read(lambda: self._queries.order(int(number), scope=call.caller.participant or ""))
        if found is None or (room is not None and found.session != room.it.session):
            raise missing("order")
        return found

    async def _answered(self, call: Call, answer: str, ticket: Ticket) -> Shown:
        """What became of a command of the caller's participant; a rejected ticket comes back as it was typed."""
        if not (answer.isascii() and answer.isdigit() and len(answer) <= 15):
            return Shown(ticket=ticket)
        found = await self._services.exchange.record(int(answer))
        if not found.records:
            return Shown(ticket=ticket)
        record = codec.decode_record(found.records[0])
        participant = call.caller.participant or ""
        if not await self._is_own(record, participant):
            return Shown(ticket=ticket)
        lines = await self._services.recall.lines(record, participant)
        rejected = len(lines) == 1 and lines[0]["event"] == "command_rejected"
        words = self._rendering.words[call.language]
        given = command_json(record.time, record.actor, record.client_id, codec.decode_command(record.command))
        if given["command"] == "place_order":
            ticket = self._typed(given) if rejected else replace(ticket, side=given["side"])
        told = await self._rooms.told(call.caller, words, lines, call.path["session"])
        return Shown(answer=told, ticket=ticket)

    async def _is_own(self, record: Record, participant: str) -> bool:
        if record.actor_kind is not ActorKind.TRADER:
            return False
        found = await read(lambda: self._queries.traders(scope=participant, trader=record.actor, limit=1).rows)
        return bool(found)

    def _typed(self, given: JsonObject) -> Ticket:
        until = given.get("until")
        return Ticket(
            side=given["side"],
            price=given["price"],
            quantity=given["quantity"],
            client=given.get("client") or "",
            minimum=given.get("minimum") or "",
            indivisible="on" if given.get("indivisible") else "",
            time_in_force=given["time_in_force"],
            until="" if until is None else moment_out(until, self._rendering.zone),
        )

    # Commands ----------------------------------------------------------------------------------------------------

    async def place(self, call: Call) -> Response:
        form = read_form(call, Ticket)
        room = await self._enter(call, form.instrument)
        values = order_values(form, room.it.session, call.language, self._rendering.zone)
        shown = Shown(ticket=form)
        if form.action == "check":
            return await self._checked(call, room, "place_order", values, shown)
        asked = await self._asked(call, room, form.confirmed, "place_order", values, shown)
        return asked or await self._give(call, room, form.client_id, "place_order", values, shown)

    async def amend(self, call: Call) -> Response:
        form = read_form(call, Amendment)
        room = await self._enter(call, form.instrument)
        order = await self._own_order(call, call.path["order"], room)
        values = amend_values(form, order, call.language, self._rendering.zone)
        typed = Ticket(
            client_id=form.client_id,
            price=form.price,
            quantity=form.quantity,
            minimum=form.minimum,
            until=form.until,
            order=str(order.order),
        )
        shown = Shown(ticket=typed, amended=order)
        if form.action == "check":
            return await self._checked(call, room, "amend_order", values, shown)
        asked = await self._asked(call, room, form.confirmed, "amend_order", values, shown)
        return asked or await self._give(call, room, form.client_id, "amend_order", values, shown)

    async def cancel(self, call: Call) -> Response:
        form = read_form(call, Simple)
        room = await self._enter(call, form.instrument)
        order = await self._own_order(call, call.path["order"], room)
        return await self._give(call, room, form.client_id, "cancel_order", {"order": order.order}, Shown())

    async def cancel_all(self, call: Call) -> Response:
        form = read_form(call, Simple)
        room = await self._enter(call, form.instrument)
        values = {"session": room.it.session}
        return await self._give(call, room, form.client_id, "mass_cancel", values, Shown())

    async def preview(self, call: Call) -> Response:
        """The ticket's preview alone, for the script; at most one a second of a login, besides its commands."""
        form = read_form(call, Ticket)
        room = await self._enter(call, form.instrument)
        now = time.monotonic()
        if now - self._previews.get(call.caller.login, now - PREVIEW_SECONDS) < PREVIEW_SECONDS:
            raise Problem(429, "throttled", "one preview a second", headers={"Retry-After": "1"})
        if len(self._previews) >= PREVIEWS_REMEMBERED:
            self._previews.clear()
        self._previews[call.caller.login] = now
        if form.order:
            order = await self._own_order(call, form.order, room)
            given = Amendment(price=form.price, quantity=form.quantity, minimum=form.minimum, until=form.until)
            name, values = "amend_order", amend_values(given, order, call.language, self._rendering.zone)
        else:
            name, values = "place_order", order_values(form, room.it.session, call.language, self._rendering.zone)
        made, mistyped = None, None
        try:
            made = await self._rehearsed(call, room, name, values)
        except ShapeError as error:
            mistyped = self._mistyped(call.language, error)
        except (Denied, Refused):
            pass
        html = self._rendering.fragment(
            call.language, "terminal/preview.html", preview=made, mistyped=mistyped, session=room.it.session
        )
        return HTMLResponse(html, 200, {**HEADERS, "Content-Language": call.language})

    async def _asked(
        self, call: Call, room: Room, confirmed: str, name: str, values: JsonObject, shown: Shown
    ) -> Response | None:
        """The question about a far price, unless it was answered for this very price. Nobody is asked about a price
        that would be rejected as things stand: he is told so instead, and nothing is sent either way."""
        price = values.get("price")
        far = None
        if price is not None and price != confirmed:
            far = far_off(price, anchor_of(room.book, await self._line(room)))
        if far is None:
            return None
        try:
            self._throttle(call.caller)
            preview = await self._rehearsed(call, room, name, values)
        except (ShapeError, Denied, Refused) as error:
            return await self._refused(call, room, error, shown)
        if preview.reasons:
            return await self._page(call, room, replace(shown, preview=preview, status=422))
        return await self._page(call, room, replace(shown, far=far, status=422))

    async def _checked(self, call: Call, room: Room, name: str, values: JsonObject, shown: Shown) -> Response:
        try:
            self._throttle(call.caller)
            preview = await self._rehearsed(call, room, name, values)
        except (ShapeError, Denied, Refused) as error:
            return await self._refused(call, room, error, shown)
        # A price that would be rejected is no question.
        asked = "price" in values and not preview.reasons
        far = far_off(values["price"], anchor_of(room.book, await self._line(room))) if asked else None
        return await self._page(call, room, replace(shown, preview=preview, far=far))

    async def _give(
        self, call: Call, room: Room, client_id: str, name: str, values: JsonObject, shown: Shown
    ) -> Response:
        who = call.caller
        try:
            client_id = client_id_of(client_id)
        except ShapeError as error:
            raise shape_problem(error) from None
        try:
            command = read_command(name, values)
            self._throttle(who)
            given = await self._services.give(who, client_id, name, command, f"web/{who.session}")
        except (ShapeError, Denied, Refused) as error:
            return await self._refused(call, room, error, shown)
        chosen = {"instrument": room.instrument, "answer": given.answer.number}
        return go_to(f"{here(self._path(room), {}, chosen)}#answer")

    def _path(self, room: Room) -> str:
        return f"{HOME}/{quote(room.it.session, safe='')}"

    async def _rehearsed(self, call: Call, room: Room, name: str, values: JsonObject) -> Preview:
        who = call.caller
        lines = await self._services.rehearse(who, name, read_command(name, values), f"web/{who.session}")
        named = room.names.get(room.instrument)
        currency = "" if named is None else named.instrument.currency
        words = self._rendering.words[call.language]
        if len(lines) == 1 and lines[0]["event"] == "command_rejected":
            reasons = [why_of(words, it) for it in lines[0]["reasons"]]
            return Preview(reasons=reasons, reserved=None, free=None, currency=currency, deals=[], cancelled=False)
        first = next(line for line in lines if line["event"] in ("order_accepted", "order_amended"))
        client = first.get("client")
        account = [it for it in lines if it["event"] == "account_changed" and it["client"] == client]
        free = [it.free for it in room.holdings.accounts if it.client == client and it.currency == currency]
        return Preview(
            reasons=[],
            reserved=first["reserved"],
            free=account[0]["free"] if account else free[0] if free else "0",
            currency=currency,
            deals=[(it["price"], it["quantity"]) for it in lines if it["event"] == "deal_made"],
            cancelled=any(it["event"] == "order_cancelled" for it in lines),
            fee=await self._fee(who, room, values) if name == "place_order" else None,
        )

    async def _fee(self, who: Who, room: Room, values: JsonObject) -> FeeShown:
        """What the side of an order that would be accepted would pay, filled whole at its price."""
        mine, client = await self._rooms.mine(who), values.get("client")
        resident = mine.participant.resident
        if client is not None:
            of_client = next((it.resident for it in mine.clients if it.client == client), None)
            if of_client is None:
                found = await read(lambda: self._queries.clients(scope=who.participant, client=client, limit=1).rows)
                of_client = found[0].resident if found else resident
            resident = of_client
        day = self._rendering.now().astimezone(self._rendering.zone).date().isoformat()
        amount = amount_of(values["price"], values["quantity"])
        return fee_shown(room.it, room.names.get(room.instrument), values["side"], resident, amount, day)

    def _mistyped(self, language: str, error: ShapeError) -> str | None:
        """What is wrong with a figure as it was typed, in words; None for any other mistake of form."""
        if error.field not in FIGURES:
            return None
        words = self._rendering.words[language]
        return words.text("terminal.mistyped.figure", field=words.text(f"told.field.{error.field}"))

    def _throttle(self, who: Who) -> None:
        """Here and not before the handler, so that who was too quick gets his ticket back as he typed it."""
        allowance = self._identity.throttle(who)
        if not allowance.allowed:
            raise Throttled("too many commands in too short a time", allowance.retry_after, allowance.headers())

    async def _refused(self, call: Call, room: Room, error: ShapeError | Denied | Refused, shown: Shown) -> Response:
        """The form once more, with what was wrong. It keeps its client id, unless that one was used for another."""
        if isinstance(error, SessionEnded):
            raise error
        if isinstance(error, ShapeError):
            problem = shape_problem(error)
        else:
            problem = denied_problem(error) if isinstance(error, Denied) else refused_problem(error)
        if isinstance(error, IdReused):
            shown = replace(shown, ticket=replace(shown.ticket, client_id=""))
        told = problem.value(call.language)
        if isinstance(error, ShapeError):
            words = self._rendering.words[call.language]
            told["title"], told["cure"] = words.text("terminal.mistyped"), words.text("terminal.mistyped.cure")
            told["detail"] = self._mistyped(call.language, error) or told["detail"]
        shown = replace(shown, error=told, status=problem.status)
        response = await self._page(call, room, shown)
        response.headers.update(problem.headers)
        return response


def terminal_routes(services: Services, rendering: Rendering, rooms: Rooms) -> list[Route]:
    """The terminal's pages and forms."""
    it = Terminal(services, rendering, rooms)
    page: dict[str, Any] = {"rule": Rule.TRADER, "tag": TAG, "media_type": PAGE, "by_session": True}
    form: dict[str, Any] = {**page, "method": "POST", "raw_body": True}
    room = f"{HOME}/{{session}}"
    return [
        Route(method="GET", path=HOME, handler=it.home, summary="The terminal", query=PageQuery, **page),
        Route(method="GET", path=room, handler=it.room, summary="A session's room", query=RoomQuery, **page),
        Route(path=f"{room}/orders", handler=it.place, summary="Give an order by the form", **form),
        Route(path=f"{room}/preview", handler=it.preview, summary="What an order would do", **form),
        Route(path=f"{room}/cancel-all", handler=it.cancel_all, summary="Cancel all orders by the form", **form),
        Route(path=f"{room}/orders/{{order}}/amend", handler=it.amend, summary="Change an order by the form", **form),
        Route(path=f"{room}/orders/{{order}}/cancel", handler=it.cancel, summary="Cancel an order by the form", **form),
    ]
