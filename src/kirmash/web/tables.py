"""Tables as every page has them: columns with kinds, sorting, paging, and the same rows as CSV or XLSX.

A list that is whole within `WHOLE_MAX` rows is sorted here by any column; a longer one keeps the order of the views and
is paged by their cursor, because sorting a part of it would tell lies. Figures stay decimal text everywhere; a
spreadsheet gets the digits of figures as numbers and all else as text, so that nothing in a cell can be a formula.
"""

import asyncio
import csv
import datetime
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from typing import Any, Final, Literal
from urllib.parse import quote

import xlsxwriter
from markupsafe import Markup, escape
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from kirmash.gateway.api.asking import read
from kirmash.gateway.problems import Problem
from kirmash.gateway.routes import Call
from kirmash.queries import Page
from kirmash.queries.asking import EARLY, LIMIT_MAX, WholeOr
from kirmash.web.rendering import PageQuery
from kirmash.web.words import Words

Kind = Literal["text", "code", "figure", "count", "moment", "clock", "day", "phase", "side", "link"]
"""How a column's values are shown: `figure` and `count` to the right, `side` with its word and sign."""

Row = Mapping[str, Any]

Pages = Callable[[str | None, int], Page[Any]]
"""A list that is asked for page by page, by cursor and limit. From any thread."""

WHOLE_MAX: Final = WholeOr(LIMIT_MAX)
"""The limit with which a list is asked for its table: of what cannot be sorted, a page as short as those of a whole
list."""
PAGE_ROWS: Final = EARLY
EXPORT_MAX: Final = 100_000
FORMATS: Final = ("csv", "xlsx")
MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_KEPT: Final = ("moment", "clock", "day")
"""Kinds whose values are times: sorted and given out as they are kept."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FIGURE: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXACT: Final = re.compile(r"(?=(?:[^0-9]*[0-9]){1,15}[^0-9]*$)-?[0-9]+(\.[0-9]+)?")
"""A number of no more digits than a spreadsheet keeps."""


class TableQuery(PageQuery, frozen=True, kw_only=True):
    """Of pages with a table: `sort` is a column, with a minus before it for the other way round; `format` exports."""

    sort: str | None = None
    page: str | None = None
    cursor: str | None = None
    format: str | None = None


class Column(Struct, frozen=True, kw_only=True):
    """`name`: of the value in a row; `label`: key of the heading; `href`: name of the value that is its address.

    `words` gives a value's text in a language where it is not shown as it is. `short` texts take no whole line on a
    phone. `beside` is an id that stands in the same cell, small, behind the name, and in a file in a column of its own.
    `order` gives by what a value is sorted, where that is not its text. `seconds`: moments are shown with them.
    """

    name: str
    label: str
    kind: Kind = "text"
    href: str | None = None
    words: Callable[[Words, Any], str] | None = None
    sortable: bool = True
    short: bool = False
    beside: "Column | None" = None
    order: Callable[[Any], Any] | None = None
    seconds: bool = False

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
                return words.moment(value, seconds=self.seconds)
            case "day":
                return words.day(datetime.date.fromisoformat(value))
            case "clock":
                return words.clock(value, seconds=True)
            case "phase":
                return words.phase(value)
            case "side":
                return words.text(f"side.{value}")
        return str(value)

    def cell(self, words: Words, row: Row) -> Markup:
        """The cell's inside as HTML. Made here and not by a macro: a page has more of these than of anything else."""
        inside = self._inside(words, row)
        if self.beside is None or row[self.beside.name] is None:
            return inside
        behind = escape(self.beside.shown(words, row))
        if behind == escape(self.shown(words, row)):
            return inside
        return Markup(f'{inside} <span class="code quiet">{behind}</span>')  # noqa: S704 (both are escaped)

    def _inside(self, words: Words, row: Row) -> Markup:
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
        return str(value) if self.is_figure or self.kind in _KEPT else self.shown(words, row)

    def sort_key(self, words: Words, row: Row) -> Any:
        """By what a row that has a value is sorted."""
        value = row[self.name]
        if self.order is not None:
            return self.order(value)
        if self.is_figure:
            return _decimal(str(value))
        return str(value) if self.kind in _KEPT else self.shown(words, row).casefold()


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

    def lines(self, words: Words) -> Iterator[tuple[str | None, Markup]]:
        """Each row's anchor, if it has one, and its cells as HTML. Made here and not by a macro, as `Column.cell`."""
        heads = [
            f'<td class="{"figure " if column.is_figure else ""}kind-{column.kind}{" short" if column.short else ""}" '
            f'data-label="{escape(words.text(column.label))}">'
            for column in self.columns
        ]
        both = list(zip(heads, self.columns, strict=True))
        for row in self.rows:
            cells = "\n".join(f"{head}{column.cell(words, row)}</td>" for head, column in both)
            yield row.get("anchor"), Markup(cells)  # noqa: S704 (made of cells and escaped labels)

    def other(self, column: Column) -> str:
        """What the heading's link sorts by."""
        return f"-{column.name}" if self.sort == column.name else column.name


def ask_all(ask: Pages, most: int = EXPORT_MAX) -> list[Any]:
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
    column = sorting_column(columns, query.sort) if whole else None
    sort = (query.sort or "") if column is not None else ""
    total, pages, page = len(rows_found), 1, 1
    shown = slice(None)
    if whole:
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(_page_of(query.page or "1"), pages)
        shown = slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS)
    if column is None:
        # Thousands of goods are one list: only what is shown is made into rows.
        rows = [row(it) for it in rows_found[shown]]
    else:
        rows = sorted_by(words, [row(it) for it in rows_found], column, sort)[shown]
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
    return next((it for it in each_of(columns) if it.name == name and it.sortable), None)


def each_of(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns of a file: what stands beside a name has one of its own."""
    return tuple(one for it in columns for one in (it, it.beside) if one is not None)


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
    found: Sequence[Any] | Pages,
    columns: tuple[Column, ...],
    name: str,
    form: str,
    row: Callable[[Any], Row] | None = None,
) -> Response:
    """What was found, or is still to be asked for, as a file; `row` makes a row of each where they are none yet. Rows
    and file are made in a thread, since they may be a hundred thousand: neither `row` nor a column may ask what belongs
    to the event loop. Of a list that is asked for, the file is made page by page, and no further once nobody waits for
    it.

    Raises Problem for a form that we do not have, and what the first page of a list raises.
    """
    if form not in FORMATS:
        raise Problem(400, "shape", f"format is one of {', '.join(FORMATS)}", field="format")
    headers = {"Content-Disposition": attachment(f"{name}.{form}"), "X-Content-Type-Options": "nosniff"}
    file = _File(words, each_of(columns), getattr(call.query, "sort", None) or "", form, row)
    if callable(found):
        ask = found
        first = await read(lambda: ask(None, LIMIT_MAX))
        if first.next_cursor is not None:
            return StreamingResponse(_by_pages(file, ask, first), 200, headers, MEDIA_TYPES[form])
        found = first.rows
    given = found
    data = await asyncio.to_thread(lambda: file.with_rows(given) + file.end())
    return Response(data, 200, headers, MEDIA_TYPES[form])


async def _by_pages(file: "_File", ask: Pages, page: Page[Any]) -> AsyncIterator[bytes]:
    """A file as it grows, up to EXPORT_MAX rows. Who goes away ends this between two pages; where the views fail, the
    answer breaks off, so that nobody takes a part for the whole."""
    count = 0
    while True:
        rows, cursor = page.rows[: EXPORT_MAX - count], page.next_cursor
        count += len(rows)
        piece = await asyncio.to_thread(file.with_rows, rows)
        if piece:
            yield piece
        if cursor is None or count >= EXPORT_MAX:
            break
        page = await read(partial(ask, cursor, LIMIT_MAX))
    piece = await asyncio.to_thread(file.end)
    if piece:
        yield piece


def attachment(name: str) -> str:
    """Content-Disposition of a file to be kept under this name, whatever letters it has.

    A header has ASCII letters only, and a quote would end the name: where it has others, the whole name stands beside
    it in the form of RFC 6266, which every browser of today prefers.
    """
    plain = re.sub(r"""[^ -~]|["\\%/]""", "_", name)
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")


class _File:
    """A file in the making. What is sorted, and a book, can only be given out at the end; of the former all rows are
    kept until then, of the latter what its library keeps."""

    def __init__(
        self,
        words: Words,
        columns: tuple[Column, ...],
        sort: str,
        form: str,
        row: Callable[[Any], Row] | None,
    ) -> None:
        self._words: Final = words
        self._columns: Final = columns
        self._row: Final = row
        self._sort: Final = sort
        self._sorting: Final = sorting_column(columns, sort)
        self._kept: Final[list[Row]] = []
        figures = frozenset(number for number, column in enumerate(columns) if column.is_figure)
        self._form: Final[_Csv | _Xlsx] = _Csv(words.language, figures) if form == "csv" else _Xlsx(figures)
        self._head: list[list[str]] = [[words.text(column.label) for column in columns]]

    def with_rows(self, found: Sequence[Any]) -> bytes:
        """Add what was found; gives the bytes that are ready."""
        rows: Sequence[Row] = found if self._row is None else [self._row(it) for it in found]
        if self._sorting is not None:
            self._kept.extend(rows)
            return b""
        return self._written(rows)

    def end(self) -> bytes:
        """The bytes that are left."""
        if self._sorting is None:
            return self._form.end()
        return self._written(sorted_by(self._words, self._kept, self._sorting, self._sort)) + self._form.end()

    def _written(self, rows: Sequence[Row]) -> bytes:
        head, self._head = self._head, []
        lines = ([column.exported(self._words, row) for column in self._columns] for row in rows)
        return self._form.add(chain(head, lines))


class _Csv:
    """Text. The mark at the head tells spreadsheets the encoding; without it Cyrillic letters come out as others.

    Spreadsheets split lines at the sign, and know the decimal sign, of their own language: those of Russian at the
    semicolon and by the comma. `figures`: the columns whose cells are numbers.
    """

    def __init__(self, language: str, figures: frozenset[int]) -> None:
        self._encoding = "utf-8-sig"
        self._delimiter: Final = ";" if language == "ru" else ","
        self._with_comma: Final = figures if language == "ru" else frozenset[int]()

    def add(self, lines: Iterable[list[str]]) -> bytes:
        """Lines as they stand in the file."""
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self._delimiter).writerows(map(self._cells, lines))
        encoding, self._encoding = self._encoding, "utf-8"
        return out.getvalue().encode(encoding)

    def _cells(self, line: list[str]) -> list[str]:
        return [
            cell.replace(".", ",") if column in self._with_comma and _FIGURE.fullmatch(cell) else _harmless(cell)
            for column, cell in enumerate(line)
        ]

    def end(self) -> bytes:
        """Nothing stands behind the lines."""
        return b""


class _Xlsx:
    """A book of one sheet, its first line bold and always in sight. `figures`: the columns whose cells are numbers, so
    that they can be added up; a number with more digits than a spreadsheet keeps exactly stays text."""

    def __init__(self, figures: frozenset[int]) -> None:
        self._figures: Final = figures
        self._formats: Final[dict[int, Any]] = {}
        self._out: Final = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book: Final = xlsxwriter.Workbook(self._out, options)
        self._sheet: Final = self._book.add_worksheet()
        self._bold: Final = self._book.add_format({"bold": True})
        self._count = 0

    def add(self, lines: Iterable[list[str]]) -> bytes:
        """Keep lines for the end."""
        for line in lines:
            for column, cell in enumerate(line):
                if self._count and column in self._figures and _EXACT.fullmatch(cell):
                    # As a Decimal: what stands in the file are its digits, by way of no float.
                    self._sheet.write_number(self._count, column, Decimal(cell), self._with_decimals(cell))
                else:
                    self._sheet.write_string(self._count, column, cell, self._bold if self._count == 0 else None)
            self._count += 1
        return b""

    def _with_decimals(self, cell: str) -> Any:
        """The cell format that shows a number with as many decimals as it was given with."""
        decimals = len(cell.partition(".")[2])
        if decimals not in self._formats:
            shown = f"0.{'0' * decimals}" if decimals else "0"
            self._formats[decimals] = self._book.add_format({"num_format": shown})
        return self._formats[decimals]

    def end(self) -> bytes:
        """The whole book."""
        self._sheet.freeze_panes(1, 0)
        self._book.close()
        return self._out.getvalue()


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
