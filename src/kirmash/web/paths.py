"""The addresses of pages about named things. Ids are texts that operators chose, so each is quoted as a whole."""

from urllib.parse import quote

from starlette.requests import Request


def path_of(request: Request) -> str:
    """The path that was asked for as it stands in an address: an id's own slash stays quoted, and is none of ours."""
    raw: bytes = request.scope.get("raw_path") or b""
    return raw.decode("ascii", "replace").partition("?")[0] or request.url.path


def session_path(session: str, instrument: str | None = None) -> str:
    """A session's page, or what of it is one instrument's."""
    path = f"/sessions/{quote(session, safe='')}"
    return path if instrument is None else f"{path}?instrument={quote(instrument, safe='')}"


def register_path(session: str) -> str:
    """A participant's own register of a session."""
    return f"/account/registers/{quote(session, safe='')}"


def good_path(card: str) -> str:
    """A good's page."""
    return f"/goods/{quote(card, safe='')}"
