"""Lists of the desk: one kind of page for all of them, with filters, sorting, paging and files of the same rows.

A list is described by `Listing`; what it asks and how its rows look stands with the subject.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.queries import Page, Queries
from kirmash.web.desk import TAG, Desk, DeskQuery
from kirmash.web.naming import Names
from kirmash.web.tables import WHOLE_MAX, Column, Pages, Row, Table, exported, table_of
from kirmash.web.words import Words


class ListQuery(DeskQuery, frozen=True, kw_only=True):
    """Filters of the lists; each knows some of them. `q`: part of a name or id."""

    q: str | None = None
    participant: str | None = None
    client: str | None = None
    trader: str | None = None
    name: str | None = None
    country: str | None = None
    kind: str | None = None
    state: str | None = None
    section: str | None = None
    purpose: str | None = None
    card: str | None = None
    currency: str | None = None
    session: str | None = None
    command: str | None = None


Ask = Callable[[Queries, dict[str, Any], str | None, int], Page[Any] | list[Any]]
"""Queries, filters, cursor, limit."""

Choices = Callable[[Words], list[tuple[str, str]]]


class Filter(Struct, frozen=True, kw_only=True):
    """A filter of a list: a text, or a choice among pairs of value and name. `first` holds where none was chosen."""

    name: str
    label: str
    choices: Choices | None = None
    first: str = ""

    def given(self, query: ListQuery) -> str:
        """What is asked for."""
        value = getattr(query, self.name)
        return self.first if value is None else str(value).strip()


class Listing(Struct, frozen=True, kw_only=True):
    """A list. `name` is the beginning of its texts' keys (desk.withdrawals); `actions` are links for operators, each
    with the key of its text; `siblings` are lists that stand beside it. `row` is given the words and what was found,
    and where the list is `named` the names of all that it names."""

    name: str
    path: str
    columns: tuple[Column, ...]
    ask: Ask
    row: Callable[..., Row]
    filters: tuple[Filter, ...] = ()
    actions: tuple[tuple[str, str], ...] = ()
    siblings: tuple[tuple[str, str], ...] = ()
    named: bool = False
    rule: Rule = Rule.AUDIT


def choices_of(prefix: str, *values: str) -> Choices:
    """A choice among values whose names stand under a prefix."""
    return lambda words: [(value, words.known(prefix, value)) for value in values]


class Lists:
    """The one handler."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._queries: Final = desk.services.queries

    async def show(self, call: Call, it: Listing, subject: str = "") -> Response:
        """The list's page, or its file; `subject` stands behind its heading."""
        query: ListQuery = call.query
        words = self._desk.words(call)
        given = self._given(it, words, query)
        if query.format:
            names = self._desk.rendering.names(self._queries)
            found = await read(lambda: self._found(it, given, names))
            row = _row_of(it, words, names)
            return await exported(words, call, found, it.columns, it.name, query.format, row)
        said = await self._desk.waited(call)
        return await self._desk.page(
            call,
            "desk/listing.html",
            said=said,
            subject=subject,
            listing=it,
            query=query,
            table=await self.table(it, words, query, given),
            filters=[(one, one.given(query), one.choices(words) if one.choices else []) for one in it.filters],
        )

    async def table(self, it: Listing, words: Words, query: DeskQuery, given: dict[str, Any]) -> Table:
        """The rows of a list."""
        names = self._desk.rendering.names(self._queries)
        page = await read(lambda: _learnt(it, names, it.ask(self._queries, dict(given), query.cursor, WHOLE_MAX)))
        return table_of(
            words,
            query,
            page,
            _row_of(it, words, names),
            name=it.name,
            caption=f"desk.{it.name}",
            columns=it.columns,
            empty=f"desk.{it.name}.empty",
        )

    def _found(self, it: Listing, given: dict[str, Any], names: Names) -> Sequence[Any] | Pages:
        """The list where it is answered at once, else how it is asked for page by page."""
        first = it.ask(self._queries, dict(given), None, 1)
        if not isinstance(first, Page):
            return first
        return lambda cursor, limit: _as_page(_learnt(it, names, it.ask(self._queries, dict(given), cursor, limit)))

    def _given(self, it: Listing, words: Words, query: ListQuery) -> dict[str, Any]:
        """The filters that the list knows; a choice that is none counts as none."""
        given: dict[str, Any] = {}
        for one in it.filters:
            value = one.given(query)
            if value and (one.choices is None or value in dict(one.choices(words))):
                given[one.name] = value
        return given


def _row_of(it: Listing, words: Words, names: Names) -> Callable[[Any], Row]:
    """What makes a row of one that was found."""
    return (lambda one: it.row(words, one, names)) if it.named else lambda one: it.row(words, one)


def _learnt(it: Listing, names: Names, found: Page[Any] | list[Any]) -> Page[Any] | list[Any]:
    """What was found, once its names are known where the list shows any."""
    if it.named:
        names.learn(found.rows if isinstance(found, Page) else found)
    return found


def _as_page(found: Page[Any] | list[Any]) -> Page[Any]:
    assert isinstance(found, Page)
    return found


def list_routes(desk: Desk, listings: tuple[Listing, ...]) -> list[Route]:
    """A route to each list."""
    lists = Lists(desk)

    def handler(it: Listing) -> Callable[[Call], Awaitable[Response]]:
        async def show(call: Call) -> Response:
            return await lists.show(call, it)

        return show

    return [
        Route(
            method="GET",
            path=it.path,
            rule=it.rule,
            handler=handler(it),
            summary=f"Desk: {it.name}",
            tag=TAG,
            query=ListQuery,
            media_type=PAGE,
            by_session=True,
        )
        for it in listings
    ]
