"""Tables as every page has them: columns with kinds, sorting, paging, and the same rows as CSV or XLSX.

A list that is whole within `WHOLE_MAX` rows is sorted here by any column; a longer one keeps the order of the views and
is paged by their cursor, because sorting a part of it would tell lies. Figures stay decimal text everywhere; a
spreadsheet gets texts only, so that nothing in a cell can be taken for a formula.
"""

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal
from urllib.parse import quote

import xlsxwriter
from markupsafe import Markup, escape
from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call
from kirmash.queries import Page
from kirmash.queries.asking import EARLY, LIMIT_MAX
from kirmash.web.rendering import PageQuery
from kirmash.web.words import Words

Kind = Literal["text", "code", "figure", "count", "moment", "clock", "phase", "side", "link"]
"""How a column's values are shown: `figure` and `count` to the right, `side` with its word and sign."""

Row = Mapping[str, Any]

WHOLE_MAX: Final = LIMIT_MAX
PAGE_ROWS: Final = EARLY
EXPORT_MAX: Final = 100_000
FORMATS: Final = ("csv", "xlsx")
MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class TableQuery(PageQuery, frozen=True, kw_only=True):
    """Of pages with a table: `sort` is a column, with a minus before it for the other way round; `format` exports."""

    sort: str | None = None
    page: str | None = None
    cursor: str | None = None
    format: str | None = None


class Column(Struct, frozen=True, kw_only=True):
    """`name`: of the value in a row; `label`: key of the heading; `href`: name of the value that is its address.

    `words` gives a value's text in a language where it is not shown as it is. `short` texts take no whole line on a
    phone.
    """

    name: str
    label: str
    kind: Kind = "text"
    href: str | None = None
    words: Callable[[Words, Any], str] | None = None
    sortable: bool = True
    short: bool = False

    @property
    def is_figure(self) -> bool:
        """Whether it stands to the right."""
        return self.kind in ("figure", "count")

    def shown(self, words: Words, row: Row) -> str:
        """The cell's text."""
        value = row[self.name]
        if value is None:
            return words.figure(None)
        if self.words is not None:
            return self.words(words, value)
        match self.kind:
            case "figure" | "count":
                return words.figure(value)
            case "moment":
                return words.moment(value)
            case "clock":
                return words.clock(value, seconds=True)
            case "phase":
                return words.phase(value)
            case "side":
                return words.text(f"side.{value}")
        return str(value)

    def cell(self, words: Words, row: Row) -> Markup:
        """The cell's inside as HTML. Made here and not by a macro: a page has more of these than of anything else."""
        value, shown = row[self.name], escape(self.shown(words, row))
        href = row[self.href] if self.href is not None and value is not None else None
        if href:
            return Markup(f'<a href="{escape(href)}">{shown}</a>')  # noqa: S704 (both are escaped)
        if self.kind == "moment" and value is not None:
            return Markup(f'<time datetime="{escape(value)}" data-when>{shown}</time>')  # noqa: S704 (escaped)
        named = {"phase": f"phase phase-{str(value).lower()}", "side": f"side side-{value}", "code": "code"}
        name = "absent" if value is None else named.get(self.kind, "")
        return Markup(f'<span class="{escape(name)}">{shown}</span>' if name else f"<span>{shown}</span>")  # noqa: S704

    def exported(self, words: Words, row: Row) -> str:
        """The cell's text in a file: figures and times as they are kept, so that programs can read them."""
        value = row[self.name]
        if value is None:
            return ""
        return str(value) if self.is_figure or self.kind in ("moment", "clock") else self.shown(words, row)

    def sort_key(self, words: Words, row: Row) -> Any:
        """By what a row that has a value is sorted."""
        value = row[self.name]
        if self.is_figure:
            return _decimal(str(value))
        return str(value) if self.kind in ("moment", "clock") else self.shown(words, row).casefold()


class Table(Struct, frozen=True, kw_only=True):
    """A table ready for its macro."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    empty: str
    sort: str = ""
    whole: bool = True
    total: int = 0
    page: int = 1
    pages: int = 1
    next_cursor: str | None = None
    first_page: bool = True

    def direction(self, column: Column) -> str:
        """For aria-sort."""
        if self.sort.removeprefix("-") != column.name:
            return "none"
        return "descending" if self.sort.startswith("-") else "ascending"

    def other(self, column: Column) -> str:
        """What the heading's link sorts by."""
        return f"-{column.name}" if self.sort == column.name else column.name


def ask_all(ask: Callable[[str | None, int], Page[Any]], most: int = EXPORT_MAX) -> list[Any]:
    """All rows of a question, page by page, up to a number."""
    rows: list[Any] = []
    cursor: str | None = None
    while len(rows) < most:
        page = ask(cursor, LIMIT_MAX)
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    return rows[:most]


def table_of(
    words: Words,
    query: TableQuery,
    found: Page[Any] | Sequence[Any],
    row: Callable[[Any], Row],
    *,
    name: str,
    caption: str,
    columns: tuple[Column, ...],
    empty: str,
) -> Table:
    """The rows found (asked for with `cursor` of the query and WHOLE_MAX rows), sorted and paged as the query says."""
    rows_found = found.rows if isinstance(found, Page) else found
    next_cursor = found.next_cursor if isinstance(found, Page) else None
    whole = next_cursor is None and query.cursor is None
    if isinstance(found, Page) and not whole and found.early is not None:
        # What cannot be sorted need not be read to its end: a page as short as those of a whole list.
        rows_found, next_cursor = found.rows[:EARLY], found.early
    rows = [row(it) for it in rows_found]
    column = sorting_column(columns, query.sort) if whole else None
    sort = (query.sort or "") if column is not None else ""
    if column is not None:
        rows = sorted_by(words, rows, column, sort)
    total, pages, page = len(rows), 1, 1
    if whole:
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(_page_of(query.page or "1"), pages)
        rows = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return Table(
        name=name,
        caption=caption,
        columns=columns,
        rows=rows,
        empty=empty,
        sort=sort,
        whole=whole,
        total=total,
        page=page,
        pages=pages,
        next_cursor=next_cursor,
        first_page=query.cursor is None,
    )


def sorting_column(columns: tuple[Column, ...], sort: str | None) -> Column | None:
    """The column that `sort` names; None for one that there is not, or that nothing is sorted by."""
    name = (sort or "").removeprefix("-")
    return next((it for it in columns if it.name == name and it.sortable), None)


def sorted_by(words: Words, rows: Sequence[Row], column: Column, sort: str) -> list[Row]:
    """Rows by a column, the other way round for a minus; where it is absent comes last either way."""
    there = [it for it in rows if it[column.name] is not None]
    there.sort(key=lambda it: column.sort_key(words, it), reverse=sort.startswith("-"))
    return there + [it for it in rows if it[column.name] is None]


def _page_of(text: str) -> int:
    """A page's number as somebody typed it; the first for what is none."""
    return max(1, int(text[:9])) if text.isascii() and text.isdigit() else 1


async def exported(
    words: Words,
    call: Call,
    found: Sequence[Any],
    columns: tuple[Column, ...],
    name: str,
    form: str,
    row: Callable[[Any], Row] | None = None,
) -> Response:
    """What was found as a file; `row` makes a row of each where they are none yet. Rows and file are made in a thread,
    since they may be a hundred thousand: neither `row` nor a column may ask what belongs to the event loop.

    Raises Problem for a form that we do not have.
    """
    if form not in FORMATS:
        raise Problem(400, "shape", f"format is one of {', '.join(FORMATS)}", field="format")
    sort = getattr(call.query, "sort", None) or ""
    data = await asyncio.to_thread(_file, words, found, row, columns, sort, form)
    headers = {"Content-Disposition": attachment(f"{name}.{form}"), "X-Content-Type-Options": "nosniff"}
    return Response(data, 200, headers, MEDIA_TYPES[form])


def attachment(name: str) -> str:
    """Content-Disposition of a file to be kept under this name, whatever letters it has.

    A header has ASCII letters only, and a quote would end the name: where it has others, the whole name stands beside
    it in the form of RFC 6266, which every browser of today prefers.
    """
    plain = re.sub(r"""[^ -~]|["\\%/]""", "_", name)
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")


def _file(
    words: Words,
    found: Sequence[Any],
    row: Callable[[Any], Row] | None,
    columns: tuple[Column, ...],
    sort: str,
    form: str,
) -> bytes:
    rows: Sequence[Row] = found if row is None else [row(it) for it in found]
    column = sorting_column(columns, sort)
    if column is not None:
        rows = sorted_by(words, rows, column, sort)
    lines = _lines(words, rows, columns)
    return _csv(lines) if form == "csv" else _xlsx(lines)


def _lines(words: Words, rows: Sequence[Row], columns: tuple[Column, ...]) -> Iterator[list[str]]:
    yield [words.text(column.label) for column in columns]
    for row in rows:
        yield [column.exported(words, row) for column in columns]


def _csv(lines: Iterator[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    # The mark at the head tells spreadsheets the encoding; without it Cyrillic letters come out as others.
    return out.getvalue().encode("utf-8-sig")


def _xlsx(lines: Iterator[list[str]]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    for at, line in enumerate(lines):
        for column, cell in enumerate(line):
            sheet.write_string(at, column, cell, bold if at == 0 else None)
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would compute gets a mark before it; a negative number is none."""
    if cell.startswith(_FORMULA) and _is_no_number(cell):
        return f"'{cell}"
    return cell


def _is_no_number(text: str) -> bool:
    try:
        Decimal(text)
    except InvalidOperation:
        return True
    return False


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)
