"""docs/reference/rest.md and problems.md say what the tables say."""

import html
import re

import msgspec
import pytest

from kirmash.gateway.problems import TITLES
from tests.gateway.house import API, House
from tests.gateway.pages import REFERENCE, problems_page, rest_page, table_of_routes


def test_rest_page_has_the_table() -> None:
    page = (REFERENCE / "rest.md").read_text(encoding="utf-8")
    routes = table_of_routes()
    assert page == rest_page(page, routes), "run python -m tests.gateway.pages"
    for route in routes:
        assert f"`{route.method} {route.path}`" in page


def test_every_path_that_the_page_speaks_of_is_there() -> None:
    page = (REFERENCE / "rest.md").read_text(encoding="utf-8")
    known = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path)) for route in table_of_routes()]
    for path in set(re.findall(r"/api/v1/[\w/{}.-]*[\w}]", page)):
        assert any(re.fullmatch(pattern, path) for pattern in known), path


def test_problems_page_is_the_tables() -> None:
    page = (REFERENCE / "problems.md").read_text(encoding="utf-8")
    assert page == problems_page(), "run python -m tests.gateway.pages"


def test_what_has_to_be_given_is_marked() -> None:
    page = (REFERENCE / "rest.md").read_text(encoding="utf-8")
    needed = {
        (route.path, field.encode_name)
        for route in table_of_routes()
        if route.query is not None
        for field in msgspec.structs.fields(route.query)
        if field.required
    }
    assert ("/api/v1/tape", "session") in needed
    for path, name in needed:
        line = next(line for line in page.splitlines() if line.startswith(f"| `GET {path}` |"))
        assert f"`{name}` (needed)" in line


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_type_of_a_problem_leads_to_a_page_that_knows_its_code(house: House, language: str) -> None:
    anybody = house.anonymous()
    anybody.headers["Accept-Language"] = language
    problem = anybody.get(f"{API}/orders").json()
    page = anybody.get(problem["type"])
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    for code, titles in TITLES.items():
        assert f'<dt id="{code}">' in page.text
        assert html.escape(titles[language]) in page.text
    assert f'id="{problem["type"].partition("#")[2]}"' in page.text


def test_sections_say_what_is_in_them(house: House) -> None:
    house.settled()
    rows = {row["section"]: row for row in house.anonymous().get(f"{API}/sections").json()["items"]}
    assert rows["timber"] == {"section": "timber", "cards": 1, "instruments": 1, "sessions": 1}
    assert rows["metal"] == {"section": "metal", "cards": 0, "instruments": 0, "sessions": 0}
