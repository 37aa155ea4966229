"""What all views have in common: the window (limit, cursor, min_number), the page, reading off the event loop.

A view is a question to `queries` in somebody's scope. Nothing of a question stands here, and no SQL.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call, Handler, Route, Rule
from kirmash.gateway.services import Services
from kirmash.messages.limits import ORDINAL_MAX
from kirmash.projections.projector import ViewsFailed, ViewsStale
from kirmash.queries import Page, Queries, QueryError
from kirmash.queries.asking import LIMIT_DEFAULT, LIMIT_MAX

PREFIX: Final = "/api/v1"
VIEWS_SECONDS: Final = 2.0
"""How long a view waits for `min_number`."""

T = TypeVar("T")

Ordinal = Annotated[int, Meta(ge=0, le=ORDINAL_MAX)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class AtNumber(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`min_number`: wait up to two seconds until the view holds this record, else 503 `views_behind`."""

    min_number: Ordinal | None = None


class Window(AtNumber, frozen=True, kw_only=True):
    """`limit` rows (1 to 500), from the `cursor` on that the page before gave as `next`."""

    limit: Limit = LIMIT_DEFAULT
    cursor: str | None = None


class Listed(Struct, Generic[T], frozen=True):
    """A page: rows, the cursor of those that follow (null at the end), and the record up to which all is in it.

    The number is only told to who is signed in.
    """

    items: list[T]
    next: str | None
    number: int | UnsetType = UNSET


Ask = Callable[[Queries, Call, dict[str, Any]], Any]
"""Asks the views, with the filters of the query; gives a Page, a list, a row, or None for what is not there."""


async def wait_for_views(services: Services, call: Call) -> None:
    """Wait for the query's `min_number`. Raises Problem views_behind."""
    wanted = call.query.min_number
    if wanted is None or await services.feed.views_at(wanted, VIEWS_SECONDS):
        return
    number = services.feed.projected
    extra = {} if call.who is None else {"number": number, "min_number": wanted}
    behind = "" if call.who is None else f": they hold record {number}, and {wanted} was asked for"
    raise Problem(
        503,
        "views_behind",
        f"the views are behind{behind}",
        rule="PS-7.3",
        headers={"Retry-After": "1"},
        extra=extra,
    )


async def read(work: Callable[[], T]) -> T:
    """Ask the views in a thread. Raises Problem for a wrong question and for views that cannot be read."""
    try:
        return await asyncio.to_thread(work)
    except QueryError as error:
        raise Problem(400, "shape", str(error), field=error.field) from None
    except (ViewsFailed, ViewsStale):
        # What is wrong with the file is for the log of the core, not for whoever asks.
        raise Problem(503, "views_unavailable", "the views cannot be read now", headers={"Retry-After": "1"}) from None


def shown(page: Any, call: Call) -> Listed[Any]:
    """A page of the queries as it is given out; a plain list is a page without an end."""
    if isinstance(page, Page):
        return Listed(page.rows, page.next_cursor, UNSET if call.who is None else page.number)
    return Listed(page, None)


def missing(what: str) -> Problem:
    """What is not there, or is another's: nobody can tell which."""
    return Problem(404, "not_found", f"there is no such {what}")


def path_number(call: Call, name: str) -> int:
    """An ordinal in the path. One that cannot be is none that there is."""
    text = call.path[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= ORDINAL_MAX):
        raise missing(name)
    return int(text)


def filters_of(query: AtNumber) -> dict[str, Any]:
    """The filters and the window, as the queries take them."""
    return {name: getattr(query, name) for name in query.__struct_fields__ if name != "min_number"}


def view(
    services: Services,
    path: str,
    rule: Rule,
    summary: str,
    ask: Ask,
    *,
    tag: str,
    row: Any,
    query: type[AtNumber],
    one: str = "",
    of: str = "session",
    description: str = "",
) -> Route:
    """A route to rows: a page of them, or, with `one` saying what it is, a single one or 404. `of` is what the page
    belongs to where the path names it: a list of what is not there is 404, too."""

    async def handler(call: Call) -> Any:
        await wait_for_views(services, call)
        found = await read(lambda: ask(services.queries, call, filters_of(call.query)))
        if not one:
            if found is None:
                raise missing(of)
            return shown(found, call)
        if isinstance(found, Page):
            found = found.rows[0] if found.rows else None
        if found is None:
            raise missing(one)
        return found

    listed: Handler = handler
    return Route(
        method="GET",
        path=PREFIX + path,
        rule=rule,
        handler=listed,
        summary=summary,
        tag=tag,
        description=description,
        query=query,
        response=row if one else Listed[row],
        problems=(404,) if one or "{" in path else (),
    )
