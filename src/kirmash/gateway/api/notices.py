"""Notices to everybody: what operators write in English and Russian, outside the journal (docs/internals/pages.md).

Who wrote one is told to operators and auditors only. A notice is never changed: a wrong one is withdrawn, and another
written.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from kirmash.bulletin import BulletinFailed, Notice, Unfit
from kirmash.gateway.api.asking import PREFIX, missing, path_number
from kirmash.gateway.api.commands import CLIENT_ID_HEADER
from kirmash.gateway.api.shown import text_of
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import Services, client_id_of

TAG: Final = "notices"
T = TypeVar("T")

Title = Annotated[str, Meta(min_length=1, max_length=120)]
Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Reason = Annotated[str, Meta(min_length=1, max_length=200)]
_ABOUT_ID: Final = "Your id for what you write, 1 to 36 characters; the same id with the same content is written once."


class NoticesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`withdrawn`: those withdrawn, too (operators and auditors); `before`: only those with a smaller number."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    before: Annotated[int, Meta(ge=1)] | None = None
    withdrawn: bool = False


class NoticeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plain text in both languages."""

    title_en: Title
    title_ru: Title
    text_en: Text
    text_ru: Text


class WithdrawBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class NoticeShown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A notice. `by`, `withdrawn_by` and `reason` are told to operators and auditors only."""

    notice: int
    at: str
    title_en: str
    title_ru: str
    text_en: str
    text_ru: str
    withdrawn_at: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    withdrawn_by: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class NoticeList(Struct, frozen=True):
    """The newest first."""

    items: list[NoticeShown]


def notice_of(it: Notice, *, inside: bool) -> NoticeShown:
    """A notice for the public, or for those who run the exchange."""
    withdrawn = it.withdrawn_at is not None
    return NoticeShown(
        notice=it.notice,
        at=text_of(it.at),
        title_en=it.title_en,
        title_ru=it.title_ru,
        text_en=it.text_en,
        text_ru=it.text_ru,
        withdrawn_at=text_of(it.withdrawn_at) if it.withdrawn_at is not None else UNSET,
        by=it.by if inside else UNSET,
        withdrawn_by=it.withdrawn_by or "" if inside and withdrawn else UNSET,
        reason=it.reason or "" if inside and withdrawn else UNSET,
    )


async def kept(work: Callable[[], T]) -> T:
    """Ask the notices' file in a thread. Raises Problem where it cannot be read or written, and Unfit."""
    try:
        return await asyncio.to_thread(work)
    except BulletinFailed:
        raise Problem(
            503, "notices_unavailable", "the notices cannot be read or written now", headers={"Retry-After": "5"}
        ) from None


def unfit_problem(unfit: Unfit) -> Problem:
    """What cannot be kept, as a refusal."""
    first = unfit.refusals[0]
    if first.why == "reused":
        return Problem(409, "id_reused", "the id was used for other content", field=CLIENT_ID_HEADER)
    if first.why == "withdrawn":
        return Problem(409, "conflict", "the notice is withdrawn already")
    if first.why == "unknown":
        return missing("notice")
    return Problem(400, "shape", str(unfit), field=first.field)


class Notices:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def listed(self, call: Call) -> NoticeList:
        query: NoticesQuery = call.query
        inside = call.who is not None and Rule.AUDIT.allows(call.who)
        if query.withdrawn and not inside:
            raise Problem(403, "forbidden", f"this is for {Rule.AUDIT.value}", field="withdrawn")
        found = await kept(
            lambda: self._services.bulletin.notices(withdrawn=query.withdrawn, limit=query.limit, before=query.before)
        )
        return NoticeList([notice_of(it, inside=inside) for it in found])

    async def publish(self, call: Call) -> NoticeShown:
        body: NoticeBody = call.body
        entry = client_id_of(call.request.headers.get(CLIENT_ID_HEADER))
        by = call.caller.operator or ""
        try:
            made = await kept(
                lambda: self._services.bulletin.publish(
                    entry,
                    by,
                    title_en=body.title_en,
                    title_ru=body.title_ru,
                    text_en=body.text_en,
                    text_ru=body.text_ru,
                )
            )
        except Unfit as unfit:
            raise unfit_problem(unfit) from None
        return notice_of(made, inside=True)

    async def withdraw(self, call: Call) -> NoticeShown:
        number, reason = path_number(call, "notice"), call.body.reason
        entry = client_id_of(call.request.headers.get(CLIENT_ID_HEADER))
        by = call.caller.operator or ""
        try:
            made = await kept(lambda: self._services.bulletin.withdraw(entry, by, number, reason))
        except Unfit as unfit:
            raise unfit_problem(unfit) from None
        return notice_of(made, inside=True)


def notices_routes(services: Services) -> list[Route]:
    """Notices to everybody."""
    it = Notices(services)
    write: dict[str, Any] = {
        "method": "POST",
        "rule": Rule.OPERATOR,
        "tag": TAG,
        "response": NoticeShown,
        "headers": {CLIENT_ID_HEADER: _ABOUT_ID},
        "problems": (404, 409, 503),
    }
    return [
        Route(
            method="GET",
            path=f"{PREFIX}/notices",
            rule=Rule.PUBLIC,
            handler=it.listed,
            summary="Notices of the exchange, the newest first",
            tag=TAG,
            query=NoticesQuery,
            response=NoticeList,
            problems=(503,),
        ),
        Route(
            path=f"{PREFIX}/notices",
            handler=it.publish,
            summary="Publish a notice",
            body=NoticeBody,
            status=201,
            example={
                "title_en": "No session on 3 July",
                "title_ru": "3 июля торгов нет",
                "text_en": "Independence Day is a public holiday.",
                "text_ru": "День Независимости — нерабочий день.",
            },
            **write,
        ),
        Route(
            path=f"{PREFIX}/notices/{{notice}}/withdraw",
            handler=it.withdraw,
            summary="Withdraw a notice; it stays readable for operators and auditors",
            body=WithdrawBody,
            **write,
        ),
    ]
