"""Several orders of a session cancelled at once by an operator: all of it, or those of an instrument, side, trader or
client (PS-6.6).

The page counts what stands open and matches, as the views have it, and is not a rehearsal, which would make a line of
each of tens of thousands of orders. The command is given for the filter that was counted for.
"""

from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from kirmash.bulletin.store import REASON_MAX
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import Call, Route
from kirmash.web.desk import VIEWS_SECONDS, Desk, DeskQuery, Failed, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.desk_interventions import keep_reason, reason_of
from kirmash.web.forms import go_to
from kirmash.web.tables import ask_all
from kirmash.web.timeline import Timeline, timeline_of

FILTERS: Final = ("instrument", "side", "trader", "client")
SIDES: Final = ("buy", "sell")
COUNTED_MAX: Final = 2_000


class MassQuery(DeskQuery, frozen=True, kw_only=True):
    """Which orders; what is absent or empty is no condition."""

    instrument: str | None = None
    side: str | None = None
    trader: str | None = None
    client: str | None = None


class MassCancel:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services

    async def show(self, call: Call) -> Response:
        query = call.query
        chosen = {name: value.strip() for name in FILTERS if (value := getattr(query, name)) and value.strip()}
        if chosen.get("side") not in SIDES:
            chosen.pop("side", None)
        return await self._page(call, chosen, fresh("mass"))

    async def cancel(self, call: Call) -> Response:
        values, client_id = form_of(call)
        it = self._timeline(call)
        chosen = {name: values[name] for name in FILTERS if values.get(name)}
        try:
            # One id for the command and for its reason, also where the form came without.
            client_id = self._desk.client_id(call, client_id)
            reason = reason_of(self._desk.words(call), values)
            done = await self._desk.give(call, "mass_cancel", {"session": it.session, **chosen}, client_id)
        except Failed as failed:
            return await self._page(call, chosen, fresh("mass").failed(failed, values, client_id))
        if done.number is not None:
            await keep_reason(self._services, call, client_id, done.number, reason)
        return go_to(done.then(f"/desk/sessions/{quote(it.session, safe='')}"))

    async def _page(self, call: Call, chosen: dict[str, str], form: Form) -> Response:
        it = self._timeline(call)
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        found = await read(lambda: self._open(it.session, chosen))
        return await self._desk.page(
            call,
            "desk/sessions_mass_cancel.html",
            form.status,
            it=it,
            form=form,
            chosen=chosen,
            wanted={name: chosen.get(name, "") for name in FILTERS},
            count=found,
            more=bool(chosen) and found >= COUNTED_MAX,
            reason_max=REASON_MAX,
        )

    def _open(self, session: str, chosen: dict[str, str]) -> int:
        """How many open orders match, parked ones too; no more than COUNTED_MAX are counted one by one."""
        queries = self._services.queries
        if not chosen:
            return queries.open_orders(session)
        given: dict[str, Any] = dict(chosen)
        return len(
            ask_all(
                lambda cursor, limit: queries.orders(
                    scope=None, session=session, open=True, cursor=cursor, limit=limit, **given
                ),
                COUNTED_MAX,
            )
        )

    def _timeline(self, call: Call) -> Timeline:
        try:
            return timeline_of(self._services.feed.board.session(call.path["session"]))
        except KeyError:
            raise missing("session") from None


def mass_cancel_routes(desk: Desk) -> list[Route]:
    """For operators alone."""
    it = MassCancel(desk)
    path = "/sessions/{session}/mass-cancel"
    return [
        desk_page(path, it.show, "Which orders cancelling several would reach", query=MassQuery),
        desk_form(path, it.cancel, "Cancel several orders of a session"),
    ]
