"""docs/reference/rest.md and problems.md say what the tables say."""

import re

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
