"""The parts of docs/reference/rest.md and problems.md that are made from the table of routes and of problems.

`python -m tests.gateway.pages` writes them; test_pages.py compares. What stands between the marks is the table's.
"""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from kirmash.gateway.api import routes_of
from kirmash.gateway.problems import TITLES
from kirmash.gateway.routes import Route
from kirmash.gateway.russian import CURES

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
BEGIN, END = "<!-- routes: made from the table -->", "<!-- end of routes -->"


def table_of_routes() -> list[Route]:
    """The table without an exchange behind it: only its declarations are read."""
    nothing: Any = SimpleNamespace(identity=SimpleNamespace(keys=None))
    return routes_of(nothing)


def routes_text(routes: list[Route]) -> str:
    """A section a tag, a line a route."""
    lines: list[str] = []
    for tag in dict.fromkeys(route.tag for route in routes):
        lines += ["", f"### {tag.capitalize()}", "", "| | for | query | |", "|---|---|---|---|"]
        for route in routes:
            if route.tag == tag:
                query = ", ".join(_names(route)) or "–"
                summary = route.summary.replace("|", "\\|")
                lines.append(f"| `{route.method} {route.path}` | {route.rule.name.lower()} | {query} | {summary} |")
    return "\n".join(lines[1:])


def _names(route: Route) -> list[str]:
    if route.query is None:
        return []
    window = ("limit", "cursor", "min_number")
    fields = msgspec.structs.fields(route.query)
    names = [field.encode_name for field in fields]
    own = [
        f"`{field.encode_name}`{' (needed)' if field.required else ''}"
        for field in fields
        if field.encode_name not in window
    ]
    return [*own, *(["page"] if "cursor" in names else ["`min_number`"] if "min_number" in names else [])]


def rest_page(present: str, routes: list[Route]) -> str:
    """The page with its table made anew."""
    made = f"{BEGIN}\n\n{routes_text(routes)}\n\n{END}"
    return re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: made, present, flags=re.DOTALL)


def problems_page() -> str:
    """All of problems.md."""
    lines = [
        "# Problems",
        "",
        "Every refusal over HTTP is an `application/problem+json` "
        "([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with these members:",
        "",
        "| member | |",
        "|---|---|",
        "| `code` | for programs; never changes |",
        "| `type` | where a person can read what the code means: this list, served by the exchange itself |",
        "| `title`, `detail`, `cure` | for people: what it is, what it is this time, how to mend it; in the language "
        "of `Accept-Language` or of the login, English or Russian |",
        "| `field` | the field, parameter or header concerned, where there is one |",
        "| `rule` | the rule it rests on, of [market-rules.md](market-rules.md) or [rulebook.md](rulebook.md) |",
        "| `number`, `at`, `reasons` | of a command that was numbered and rejected: its record, and every reason "
        "`{code, reason, field, given, limit, rule, text, cure}`; `GET /api/v1/reasons` lists them all |",
        "| `client_id` | under which to repeat the command |",
        "| `signature_base` | of a bad signature: what should have been signed |",
        "",
        "Made from the tables of the gateway; a test compares.",
        "",
        "| code | title | how to mend it |",
        "|---|---|---|",
    ]
    for code, titles in sorted(TITLES.items()):
        cure = CURES[code][0] if code in CURES else "each reason has its own cure"
        lines.append(f'| <a id="{code}"></a>`{code}` | {titles["en"]} / {titles["ru"]} | {cure} |')
    return "\n".join([*lines, ""])


def main() -> None:
    """Write both."""
    page = REFERENCE / "rest.md"
    page.write_text(rest_page(page.read_text(encoding="utf-8"), table_of_routes()), encoding="utf-8")
    (REFERENCE / "problems.md").write_text(problems_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
