"""Tables as every page has them: columns with kinds, sorting, paging, and the same rows as CSV or XLSX.

A list that is whole within `WHOLE_MAX` rows is sorted here by any column; a longer one keeps the order of the views and
is paged by their cursor, because sorting a part of it would tell lies. Figures stay decimal text everywhere; a
spreadsheet gets texts only, so that nothing in a cell can be taken for a formula.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

import xlsxwriter
from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call
from kirmash.queries import Page
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.rendering import PageQuery
from kirmash.web.words import Words

Kind = Literal["text", "code", "figure", "count", "moment", "clock", "phase", "side", "link"]
"""How a column's values are shown: `figure` and `count` to the right, `side` with its word and sign."""

Row = Mapping[str, Any]

WHOLE_MAX: Final = LIMIT_MAX
PAGE_ROWS: Final = 100
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

    def exported(self, words: Words, row: Row) -> str:
        """The cell's text in a file: figures and times as they are kept, so that programs can read them."""
        value = row[self.name]
        if value is None:
            return ""
        return str(value) if self.is_figure or self.kind in ("moment", "clock") else self.shown(words, row)

    def sort_key(self, words: Words, row: Row) -> tuple[bool, Any]:
        """What is absent comes last."""
        value = row[self.name]
        if value is None:
            return True, ""
        if self.is_figure:
            return False, _decimal(str(value))
        return False, str(value) if self.kind in ("moment", "clock") else self.shown(words, row).casefold()


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
    rows = [row(it) for it in rows_found]
    sort = query.sort or ""
    column = next((it for it in columns if it.name == sort.removeprefix("-") and it.sortable), None)
    if not whole or column is None:
        sort = ""
    else:
        there = [it for it in rows if it[column.name] is not None]
        there.sort(key=lambda it: column.sort_key(words, it), reverse=sort.startswith("-"))
        rows = there + [it for it in rows if it[column.name] is None]
    total, pages, page = len(rows), 1, 1
    if whole:
        pages = max(1, -(-total // PAGE_ROWS))
        asked = query.page or "1"
        page = min(int(asked), pages) if asked.isascii() and asked.isdigit() and int(asked[:9]) > 0 else 1
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


def exported(
    words: Words, call: Call, rows: Sequence[Row], columns: tuple[Column, ...], name: str, form: str
) -> Response:
    """The rows as a file. Raises Problem for a form that we do not have."""
    if form not in FORMATS:
        raise Problem(400, "shape", f"format is one of {', '.join(FORMATS)}", field="format")
    sort = getattr(call.query, "sort", None) or ""
    column = next((it for it in columns if it.name == sort.removeprefix("-") and it.sortable), None)
    if column is not None:
        rows = sorted(rows, key=lambda it: column.sort_key(words, it), reverse=sort.startswith("-"))
    lines = _lines(words, rows, columns)
    data = _csv(lines) if form == "csv" else _xlsx(lines)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "X-Content-Type-Options": "nosniff"}
    return Response(data, 200, headers, MEDIA_TYPES[form])


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
