"""Tables: sorted by any column when they are whole, paged when not, and taken along as they are shown."""

import asyncio
import csv
import io
import threading
import zipfile
from typing import Any
from zoneinfo import ZoneInfo

import html5lib
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kirmash.gateway.routes import Call
from kirmash.queries import Page
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web import tables
from kirmash.web.tables import FORMATS, PAGE_ROWS, Column, Table, TableQuery, _harmless, ask_all, exported, table_of
from kirmash.web.words import Words
from tests.web.exchange import OVER, PROBE, RUNNING, Exchange
from tests.web.test_pages import BROWSER

WORDS = Words("en", ZoneInfo("Europe/Minsk"))
COLUMNS = (
    Column(name="name", label="good.name"),
    Column(name="price", label="common.price", kind="figure"),
    Column(name="at", label="common.time", kind="moment"),
)
ROWS: list[dict[str, Any]] = [
    {"name": "b", "price": "9.5", "at": "2022-01-02T00:00:00Z"},
    {"name": "A", "price": "10.25", "at": "2022-01-01T00:00:00Z"},
    {"name": "c", "price": None, "at": "2022-01-03T00:00:00Z"},
    {"name": "d", "price": "-100", "at": "2021-01-03T00:00:00Z"},
]


def made(query: TableQuery, found: Any = None) -> Table:
    given = ROWS if found is None else found
    return table_of(
        WORDS, query, given, lambda it: it, name="t", caption="goods.caption", columns=COLUMNS, empty="goods.empty"
    )


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (None, "bAcd"),
        ("name", "Abcd"),
        ("-name", "dcbA"),
        ("price", "dbAc"),
        ("-price", "Abdc"),
        ("at", "dAbc"),
        ("-at", "cbAd"),
        ("no-such-column", "bAcd"),
    ],
)
def test_rows_are_sorted_by_what_they_are_and_absent_ones_come_last(sort: str | None, names: str) -> None:
    assert "".join(row["name"] for row in made(TableQuery(sort=sort)).rows) == names


@pytest.mark.parametrize(("sort", "names"), [("price", "dbAc"), ("-price", "Abdc"), ("no-such-column", "bAcd")])
def test_a_file_has_the_order_of_the_page(sort: str, names: str) -> None:
    call = Call(Request({"type": "http"}), None, "en", {}, TableQuery(sort=sort), None, b"")
    made = asyncio.run(exported(WORDS, call, ROWS, COLUMNS, "t", "csv"))
    text = bytes(made.body).decode("utf-8-sig")
    assert "".join(line[0] for line in list(csv.reader(io.StringIO(text)))[1:]) == names


@pytest.mark.parametrize("form", FORMATS)
def test_while_a_file_is_made_the_loop_goes_on(form: str) -> None:
    """Rows and cells wait for what only the loop can do: made on the loop, they would wait in vain."""
    gone_on = threading.Event()

    def row(it: str) -> dict[str, str]:
        assert gone_on.wait(20), "the loop stood still"
        assert threading.current_thread() is not threading.main_thread()
        return {"name": it}

    def cell(_: Words, value: str) -> str:
        assert threading.current_thread() is not threading.main_thread()
        return value

    async def ask() -> Response:
        call = Call(Request({"type": "http"}), None, "en", {}, TableQuery(sort="name"), None, b"")
        columns = (Column(name="name", label="good.name", words=cell),)
        file = asyncio.ensure_future(exported(WORDS, call, ["b", "a"], columns, "t", form, row))
        await asyncio.sleep(0)
        gone_on.set()
        return await file

    data = bytes(asyncio.run(ask()).body)
    if form == "csv":
        assert data.decode("utf-8-sig").split() == ["Good", "a", "b"]
    else:
        assert zipfile.is_zipfile(io.BytesIO(data))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("deals-timber_1.csv", 'attachment; filename="deals-timber_1.csv"'),
        ("лес.csv", "attachment; filename=\"___.csv\"; filename*=UTF-8''%D0%BB%D0%B5%D1%81.csv"),
        ('a";x="b.csv', "attachment; filename=\"a_;x=_b.csv\"; filename*=UTF-8''a%22%3Bx%3D%22b.csv"),
        ("a\\b/c%22.csv", "attachment; filename=\"a_b_c_22.csv\"; filename*=UTF-8''a%5Cb%2Fc%2522.csv"),
        ("a\r\nX: y.csv", "attachment; filename=\"a__X: y.csv\"; filename*=UTF-8''a%0D%0AX%3A%20y.csv"),
    ],
)
def test_a_file_is_named_in_letters_that_a_header_can_hold(name: str, header: str) -> None:
    stem = name.removesuffix(".csv")
    call = Call(Request({"type": "http"}), None, "en", {}, TableQuery(), None, b"")
    assert asyncio.run(exported(WORDS, call, ROWS, COLUMNS, stem, "csv")).headers["content-disposition"] == header


def test_a_whole_list_has_pages_of_its_own() -> None:
    rows = [{"name": f"{at:03}", "price": str(at), "at": None} for at in range(PAGE_ROWS * 2 + 1)]
    first, last = made(TableQuery(), rows), made(TableQuery(page="3", sort="-price"), rows)
    assert (len(first.rows), first.page, first.pages) == (PAGE_ROWS, 1, 3)
    assert [row["name"] for row in last.rows] == ["000"]
    for odd in ("0", "-1", "99", "x", "9" * 30, "9" * 5_000, "²"):
        assert made(TableQuery(page=odd), rows).page in (1, 3)


def test_a_part_of_a_list_is_never_sorted() -> None:
    page: Page[Any] = Page(ROWS, "more", 1)
    table = made(TableQuery(sort="name"), page)
    assert not table.whole
    assert [row["name"] for row in table.rows] == ["b", "A", "c", "d"]
    assert not made(TableQuery(sort="name", cursor="from here"), Page(ROWS, None, 1)).whole


class Long:
    """A list of so many rows that is asked for page by page, and what was asked."""

    def __init__(self, count: int) -> None:
        self.rows = [{"name": f"n{at % 7}-{at}", "price": str(at), "at": None} for at in range(count)]
        self.asked: list[int] = []

    def ask(self, cursor: str | None, limit: int) -> Page[Any]:
        start = int(cursor or 0)
        self.asked.append(start)
        after = start + limit
        return Page(self.rows[start:after], str(after) if after < len(self.rows) else None, 1)


async def body_of(response: Response) -> bytes:
    """All that it sends."""
    if isinstance(response, StreamingResponse):
        return b"".join([bytes(it) async for it in response.body_iterator])  # type: ignore[arg-type]
    return bytes(response.body)


def lines_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def asking(sort: str | None = None) -> Call:
    return Call(Request({"type": "http"}), None, "en", {}, TableQuery(sort=sort), None, b"")


@pytest.mark.parametrize("count", [0, 3, LIMIT_MAX, LIMIT_MAX + 1, 4 * LIMIT_MAX + 7])
@pytest.mark.parametrize("sort", [None, "name", "-price"])
def test_a_file_made_page_by_page_is_the_one_made_at_once(count: int, sort: str | None) -> None:
    async def both() -> tuple[bytes, bytes]:
        of_rows = await exported(WORDS, asking(sort), Long(count).rows, COLUMNS, "t", "csv")
        of_pages = await exported(WORDS, asking(sort), Long(count).ask, COLUMNS, "t", "csv")
        return await body_of(of_rows), await body_of(of_pages)

    at_once, by_pages = asyncio.run(both())
    assert by_pages == at_once
    assert len(lines_of(by_pages)) == count + 1


def test_a_book_made_page_by_page_has_every_row() -> None:
    made = Long(2 * LIMIT_MAX + 3)
    data = asyncio.run(_book(made))
    sheet = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == len(made.rows) + 1


async def _book(made: Long) -> bytes:
    return await body_of(await exported(WORDS, asking(), made.ask, COLUMNS, "t", "xlsx"))


def test_a_file_has_no_more_rows_than_may_be_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "EXPORT_MAX", LIMIT_MAX + 20)
    made = Long(4 * LIMIT_MAX)

    async def file() -> bytes:
        return await body_of(await exported(WORDS, asking(), made.ask, COLUMNS, "t", "csv"))

    assert [it[0] for it in lines_of(asyncio.run(file()))[1:]] == [it["name"] for it in made.rows[: LIMIT_MAX + 20]]
    assert made.asked == [0, LIMIT_MAX]


@pytest.mark.parametrize(("form", "sort"), [("csv", None), ("csv", "name"), ("xlsx", None)])
def test_nothing_is_asked_for_once_the_reader_is_gone(form: str, sort: str | None) -> None:
    """A list of 200 pages; the reader hangs up at the second."""
    made = Long(200 * LIMIT_MAX)

    async def serve() -> None:
        gone = asyncio.Event()

        def ask(cursor: str | None, limit: int) -> Page[Any]:
            if len(made.asked) == 1:
                loop.call_soon_threadsafe(gone.set)
            return made.ask(cursor, limit)

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            return None

        loop = asyncio.get_running_loop()
        response = await exported(WORDS, asking(sort), ask, COLUMNS, "t", form)
        await response({"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}, receive, send)

    asyncio.run(serve())
    assert 2 <= len(made.asked) < 20


def test_all_rows_are_gathered_page_by_page_up_to_a_limit() -> None:
    def ask(cursor: str | None, limit: int) -> Page[int]:
        start = int(cursor or 0)
        return Page(list(range(start, start + limit)), str(start + limit) if start < 2000 else None, 1)

    assert ask_all(ask) == list(range(2500))
    assert ask_all(ask, 700) == list(range(700))


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("+x", "'+x"),
        ("-5.00", "-5.00"),
        ("-a", "'-a"),
        ("\tx", "'\tx"),
        ("x=1", "x=1"),
    ],
)
def test_no_cell_is_a_formula(cell: str, kept: str) -> None:
    assert _harmless(cell) == kept


# Over HTTP --------------------------------------------------------------------------------------------------------


def cells(text: str, table: str) -> list[list[str]]:
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    block = next(it for it in tree.iter("div") if it.get("id") == f"table-{table}")
    body = next(block.iter("tbody"))
    return [["".join(cell.itertext()).strip() for cell in row] for row in body.iter("tr")]


def test_a_heading_sorts_by_its_link(exchange: Exchange) -> None:
    client = exchange.client()
    for sort, turned in (("mechanism", False), ("-mechanism", True)):
        found = [row[3] for row in cells(client.get(f"/sessions?sort={sort}", headers=BROWSER).text, "sessions")]
        assert found == sorted(found, reverse=turned)
        assert len(found) >= 6
    text = client.get("/sessions?sort=mechanism&section=forest", headers=BROWSER).text
    assert 'aria-sort="ascending"' in text
    assert "sort=-mechanism&amp;section=forest" in text, "the filter stays"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_sessions_are_sorted_by_their_time_or_by_their_ids(exchange: Exchange, language: str) -> None:
    """A title names its day in words: sorted as text, 3 December would stand behind 14 November."""
    client = exchange.client()
    ids = [it["session"] for it in client.get("/api/v1/sessions").json()["items"]]
    begins = {}
    for name in ids:
        plan = client.get(f"/api/v1/sessions/{name}").json()["phases"]
        begins[name] = next(it["planned"] for it in plan if it["phase"] != "SCHEDULED")

    def shown(sort: str) -> list[str]:
        text = client.get(f"/sessions?sort={sort}", headers=BROWSER | {"Accept-Language": language}).text
        return [row[0].rsplit(" ", 1)[1] for row in cells(text, "sessions")]

    assert shown("session") == sorted(ids)
    by_time = shown("session_title")
    assert set(by_time) == set(ids)
    assert [begins[name] for name in by_time] == sorted(begins.values())
    assert shown("-session_title")[0] == max(begins, key=lambda name: (begins[name], name))


def test_filters_choose(exchange: Exchange) -> None:
    client = exchange.client()
    over = cells(client.get("/sessions?state=over", headers=BROWSER).text, "sessions")
    assert {row[4] for row in over} == {"Closed", "Cancelled"}
    call = cells(client.get("/sessions?mechanism=call", headers=BROWSER).text, "sessions")
    assert [row[0] for row in call] == [f"Forest, export · 14 Dec 2022, 06:00 {OVER}"]
    buys = cells(client.get("/offers?side=buy&q=fca+minsk", headers=BROWSER).text, "offers")
    assert {row[0] for row in buys} == {"Buy"}
    assert {row[2] for row in buys} == {"FCA Minsk"}
    assert "No session matches." in client.get("/sessions?section=none-such", headers=BROWSER).text


def test_what_is_taken_along_is_what_is_shown(exchange: Exchange) -> None:
    client = exchange.client()
    answer = client.get(f"/sessions/{OVER}?table=results&format=csv&sort=-notional")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="results-{OVER}.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    shown = cells(client.get(f"/sessions/{OVER}?sort=-notional", headers=BROWSER).text, "results")
    assert [line["Instrument"] for line in lines] == [row[1] for row in shown]
    assert sum(int(line["Value"].replace(".", "")) for line in lines) == 8_550_000_000
    deals = client.get(f"/sessions/{OVER}?table=deals&instrument=pine-changsha&format=csv").content.decode("utf-8-sig")
    assert sum(int(line["Quantity"]) for line in csv.DictReader(io.StringIO(deals))) == 6_220
    russian = client.get("/sessions?format=csv", headers={"Accept-Language": "ru"}).content.decode("utf-8-sig")
    assert russian.startswith("Сессия;Код сессии;"), "name and id are two columns"
    assert len({len(it) for it in csv.reader(io.StringIO(russian), delimiter=";")}) == 1


def test_russian_spreadsheets_get_their_own_signs() -> None:
    """Excel in Russian splits a line at semicolons and takes a comma for the decimal sign; English stays as it is."""
    rows = [{"name": "98.5; a=b", "price": "-1234.50", "at": "2022-01-02T00:00:00Z"}]
    call = Call(Request({"type": "http"}), None, "ru", {}, TableQuery(), None, b"")
    for words, line in (
        (Words("ru", WORDS.zone), '"98.5; a=b";-1234,50;2022-01-02T00:00:00Z'),
        (WORDS, "98.5; a=b,-1234.50,2022-01-02T00:00:00Z"),
    ):
        made = asyncio.run(exported(words, call, rows, COLUMNS, "t", "csv"))
        assert bytes(made.body).decode("utf-8-sig").splitlines()[1] == line


def test_a_sheet_holds_figures_as_numbers_and_all_else_as_text(exchange: Exchange) -> None:
    client = exchange.client()
    answer = client.get("/offers?format=xlsx")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        strings = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert 't="s"' in sheet
    assert "<v>499.50</v>" in sheet
    assert "499.50" not in strings
    assert ">Price<" in strings
    assert RUNNING in strings
    assert PROBE not in strings
