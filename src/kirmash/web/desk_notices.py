"""Notices of the desk: written in both languages, published, withdrawn with a reason; never changed.

They stand in the gateway's own file (bulletin), since the journal has no command for them; the calls are those of REST.
"""

from typing import Any, Final

from starlette.responses import Response

from kirmash.bulletin import Notice, Refusal, Unfit
from kirmash.bulletin.store import REASON_MAX, TEXT_MAX, TITLE_MAX
from kirmash.gateway.api.asking import missing, path_number
from kirmash.gateway.api.notices import kept, notice_of
from kirmash.gateway.api.shown import text_of
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import client_id_of
from kirmash.protocol.shapes import ShapeError
from kirmash.web.desk import Desk, DeskQuery, Failed, Fault, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Row, exported, table_of

PATH: Final = "/desk/notices"
FIELDS: Final = ("title_en", "title_ru", "text_en", "text_ru")
DONE: Final = frozenset({"published", "withdrawn"})
LIST_MAX: Final = 500

NOTICES: Final = (
    Column(name="notice", label="run.notice", kind="count", href="href"),
    Column(name="at", label="run.notice.at", kind="moment"),
    Column(name="title", label="run.notice.title", href="href"),
    Column(name="by", label="run.notice.by", kind="code"),
    Column(name="state", label="own.state", words=lambda w, value: w.text(f"run.notice.state.{value}"), short=True),
    Column(name="withdrawn_at", label="run.notice.withdrawn_at", kind="moment"),
    Column(name="reason", label="account.reason"),
)


class NoticesQuery(DeskQuery, frozen=True, kw_only=True):
    """`told`: what was done just now."""

    told: str | None = None


class Notices:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._bulletin: Final = desk.services.bulletin

    async def listed(self, call: Call) -> Response:
        return await self._list_page(call, fresh("notice"))

    async def publish(self, call: Call) -> Response:
        values, entry = form_of(call)
        texts = {name: values.get(name, "") for name in FIELDS}
        by = call.caller.operator or ""
        try:
            entry = self._entry(entry)
            await kept(lambda: self._bulletin.publish(entry, by, **texts))
        except Unfit as unfit:
            return await self._list_page(call, fresh("notice").failed(self._failed(call, unfit), values, entry))
        return go_to(f"{PATH}?told=published")

    async def _list_page(self, call: Call, form: Form) -> Response:
        words, query = self._desk.words(call), call.query
        found = await kept(lambda: self._bulletin.notices(withdrawn=True, limit=LIST_MAX))
        listed = [{**_row(it, call.language), "by": self._desk.names.actor(it.by)} for it in found]
        if getattr(query, "format", None):
            return await exported(words, call, listed, NOTICES, "notices", query.format)
        table = table_of(
            words,
            query or NoticesQuery(),
            listed,
            lambda it: it,
            name="notices",
            caption="run.notices",
            columns=NOTICES,
            empty="run.notices.empty",
        )
        told = getattr(query, "told", None)
        return await self._desk.page(
            call,
            "desk/notices.html",
            form.status,
            form=form,
            table=table,
            title_max=TITLE_MAX,
            text_max=TEXT_MAX,
            told=told if told in DONE else None,
        )

    async def one(self, call: Call) -> Response:
        return await self._one_page(call, fresh("withdraw"))

    async def withdraw(self, call: Call) -> Response:
        number, (values, entry), by = path_number(call, "notice"), form_of(call), call.caller.operator or ""
        reason = values.get("reason", "")
        try:
            entry = self._entry(entry)
            await kept(lambda: self._bulletin.withdraw(entry, by, number, reason))
        except Unfit as unfit:
            return await self._one_page(call, fresh("withdraw").failed(self._failed(call, unfit), values, entry))
        return go_to(f"{PATH}?told=withdrawn")

    async def _one_page(self, call: Call, form: Form) -> Response:
        number = path_number(call, "notice")
        found = await kept(lambda: self._bulletin.notice(number))
        if found is None:
            raise missing("notice")
        return await self._desk.page(
            call,
            "desk/notices_one.html",
            form.status,
            notice=found,
            shown=notice_of(found, inside=True),
            withdrawn_at=None if found.withdrawn_at is None else text_of(found.withdrawn_at),
            form=form,
            reason_max=REASON_MAX,
        )

    def _entry(self, entry: str) -> str:
        """The id that came with the form. Raises Unfit for one that is none of ours."""
        try:
            return client_id_of(entry or None)
        except ShapeError:
            raise Unfit((Refusal("entry", "reused"),)) from None

    def _failed(self, call: Call, unfit: Unfit) -> Failed:
        words = self._desk.words(call)
        faults = []
        for it in unfit.refusals:
            most = "" if it.most is None else words.figure(it.most)
            field = it.field if it.field in (*FIELDS, "reason") else None
            faults.append(Fault(field=field, text=words.text(f"run.unfit.{it.why}", most=most)))
        spent = any(it.why == "reused" for it in unfit.refusals)
        return Failed(faults, 409 if any(it.field is None for it in faults) else 422, spent=spent)


def _row(it: Notice, language: str) -> Row:
    return {
        "notice": it.notice,
        "href": f"{PATH}/{it.notice}",
        "at": text_of(it.at),
        "title": it.title_ru if language == "ru" else it.title_en,
        "by": it.by,
        "state": "stands" if it.withdrawn_at is None else "withdrawn",
        "withdrawn_at": None if it.withdrawn_at is None else text_of(it.withdrawn_at),
        "reason": it.reason,
    }


def notice_routes(desk: Desk) -> list[Route]:
    """Notices of the desk; auditors read."""
    it = Notices(desk)
    reading: dict[str, Any] = {"rule": Rule.AUDIT, "query": NoticesQuery}
    return [
        desk_page("/notices", it.listed, "Notices, and the form of a new one", **reading),
        desk_form("/notices", it.publish, "Publish a notice"),
        desk_page("/notices/{notice}", it.one, "One notice", **reading),
        desk_form("/notices/{notice}/withdraw", it.withdraw, "Withdraw a notice"),
    ]
