"""The API's own document (OpenAPI 3.1), made from the table of routes and from nothing else.

The same table gives the same bytes: names are sorted where order has no meaning, and nothing of the running exchange
is in it. What a route may answer follows from its declaration: rule, body, query, throttle.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from kirmash import __version__
from kirmash.gateway.api.asking import PREFIX, AtNumber
from kirmash.gateway.app import CSRF_HEADER, NUMBER_HEADER, SESSION_COOKIE
from kirmash.gateway.problems import MEDIA_TYPE
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.messages.limits import ORDINAL_MAX

JsonObject = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_NUMBERS: Final = frozenset({"number", "order", "deal"})
_PATH_NAME: Final = re.compile(r"\{(\w+)\}")

_STATUSES: Final = {
    400: "The request is not well formed",
    401: "A login is needed, or what was given is not good",
    403: "This is not open to the caller",
    404: "There is no such thing, or it is another's",
    409: "The exchange rejected it, or the state does not allow it",
    413: "The request is too large",
    415: "The body is not JSON",
    422: "The password does not meet the rules",
    429: "Too many requests; Retry-After says when to come again",
    503: "Not now; Retry-After says when to come again",
}

INTRODUCTION: Final = (
    "Prices, quantities and money are decimal text, never JSON numbers. Times are RFC 3339. Errors are "
    "`application/problem+json` with a `code` for programs; docs/reference/problems.md lists them."
)


class ProblemDocument(Struct, frozen=True, kw_only=True):
    """An error: what, where, by which rule, how to mend. `code` is for programs and never changes."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    rule: str | None = None
    cure: str | None = None
    number: Annotated[int, Meta(ge=0)] | None = None
    at: str | None = None
    client_id: str | None = None
    reasons: list[dict[str, Any]] | None = None


def document(routes: Sequence[Route], title: str = "Kirmash") -> JsonObject:
    """The document of these routes."""
    shapes: list[Any] = [ProblemDocument]
    for route in routes:
        shapes += [
            shape for shape in (*_all(route.response), route.body, *(a for _, a in route.answers.values())) if shape
        ]
    unique = list(dict.fromkeys(shapes))
    references, components = msgspec.json.schema_components(unique, ref_template=_REF)
    by_shape = dict(zip(unique, references, strict=True))
    paths: dict[str, JsonObject] = {}
    for route in sorted(routes, key=lambda it: (it.path, it.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_shape)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in routes})],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {f"Problem{status}": _problem(status, by_shape) for status in sorted(_STATUSES)},
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": f"The cookie that {PREFIX}/login sets. What changes something also needs the "
                    f"header {CSRF_HEADER} with the token that login and {PREFIX}/me give.",
                },
                "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "A request signed as RFC 9421 says, with Signature-Input and, for a body, "
                    "Content-Digest (docs/guides/sign-a-request.md).",
                },
            },
        },
    }


def _all(response: Any) -> tuple[Any, ...]:
    return response if isinstance(response, tuple) else (response,)


def operation_id(route: Route) -> str:
    """A name for generated clients: `get_orders`, `post_commands_place_order`."""
    words = _PATH_NAME.sub(r"by_\1", route.path.removeprefix(PREFIX)).replace("-", "_").strip("/").replace("/", "_")
    return f"{route.method.lower()}_{words.replace('.', '_')}"


def _operation(route: Route, by_shape: dict[Any, Any]) -> JsonObject:
    described: JsonObject = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": " ".join([route.description or f"{route.summary}.", f"For {route.rule.value}."]),
        "tags": [route.tag],
        "security": _security(route),
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, by_shape),
    }
    body = route.body_schema or (by_shape[route.body] if route.body is not None else None)
    if body is not None:
        content: JsonObject = {"schema": body}
        if route.example is not None:
            content["examples"] = {"usual": {"value": route.example}}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _security(route: Route) -> list[JsonObject]:
    if route.rule is Rule.PUBLIC:
        return [{}]
    safe = route.method == "GET"
    session: JsonObject = {"session": []} if safe else {"session": [], "csrf": []}
    found = [session] if route.by_session else [session, {"signature": []}]
    return [{}, *found] if route.rule is Rule.LOCAL else found


def _path_parameters(route: Route) -> Iterable[JsonObject]:
    for name in _PATH_NAME.findall(route.path):
        number: JsonObject = {"type": "integer", "minimum": 0, "maximum": ORDINAL_MAX}
        text: JsonObject = {"type": "string", "minLength": 1}
        schema = number if name in _NUMBERS else text
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route) -> Iterable[JsonObject]:
    if route.query is None:
        return
    described = msgspec.json.schema_components([route.query], ref_template=_REF)
    inline = described[1]
    properties: JsonObject = inline[route.query.__name__]["properties"]
    required = inline[route.query.__name__].get("required", [])
    for name, schema in properties.items():
        shown = {key: value for key, value in _without_null(schema, inline).items() if value is not None}
        yield {"name": name, "in": "query", "required": name in required, "schema": shown}


def _without_null(schema: JsonObject, inline: JsonObject) -> JsonObject:
    """A parameter is left out where a JSON field would be null."""
    if "$ref" in schema:
        return dict(inline[schema["$ref"].rsplit("/", 1)[1]])
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _without_null(options[0], inline) if options else schema


def _header_parameters(route: Route) -> Iterable[JsonObject]:
    for name, about in route.headers.items():
        schema = {"type": "string", "minLength": 1, "maxLength": 36, "pattern": "^[A-Za-z0-9._:-]+$"}
        yield {"name": name, "in": "header", "required": False, "description": about, "schema": schema}
    language = {"type": "string", "enum": ["en", "ru"]}
    yield {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "The language of texts for people.",
        "schema": language,
    }


def _responses(route: Route, by_shape: dict[Any, Any]) -> JsonObject:
    number: JsonObject = {
        "description": "The last record of the journal that this server knows; for who is signed in.",
        "schema": {"type": "integer"},
    }
    good: JsonObject = {"description": route.summary, "headers": {NUMBER_HEADER: number}}
    if route.response is not None:
        options = [by_shape[shape] for shape in _all(route.response)]
        schema = options[0] if len(options) == 1 else {"oneOf": options}
        good["content"] = {route.media_type: {"schema": schema}}
    elif route.status != 204:
        good["content"] = {route.media_type: {"schema": {"type": "string"}}}
    found: JsonObject = {str(route.status): good}
    for status, (about, shape) in route.answers.items():
        found[str(status)] = {
            "description": about,
            "content": {"application/json": {"schema": by_shape[shape]}},
        }
    for status in sorted(problem_statuses(route)):
        found.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
    return found


def problem_statuses(route: Route) -> set[int]:
    """With which statuses a route may refuse."""
    found = {400, *route.problems}
    if route.rule is not Rule.PUBLIC:
        found |= {401, 403}
    if route.method != "GET":
        found |= {401, 403, 413}
    if route.throttled:
        found |= {429}
    if route.query is not None and issubclass(route.query, AtNumber):
        found |= {503}
    if route.rule is not Rule.PUBLIC or route.method != "GET":
        # identity.db may not be there to be asked.
        found |= {503}
    return found


def _problem(status: int, by_shape: dict[Any, Any]) -> JsonObject:
    return {
        "description": _STATUSES[status],
        "content": {MEDIA_TYPE: {"schema": by_shape[ProblemDocument]}},
    }


def openapi_routes(routes: Sequence[Route]) -> list[Route]:
    """The document itself, at its two addresses; it is in its own table."""
    made: list[bytes] = []

    async def serve(_: Call) -> Response:
        return Response(made[0], 200, media_type="application/json")

    own = [
        Route(
            method="GET",
            path=path,
            rule=Rule.PUBLIC,
            handler=serve,
            summary="This document",
            tag="running",
            response=dict[str, Any],
        )
        for path in (f"{PREFIX}/openapi.json", "/schema/openapi.json")
    ]
    made.append(msgspec.json.encode(document([*routes, *own])))
    return own
