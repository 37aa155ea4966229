"""The addresses of pages about named things. Ids are texts that operators chose, so each is quoted as a whole."""

from urllib.parse import quote


def session_path(session: str, instrument: str | None = None) -> str:
    """A session's page, or what of it is one instrument's."""
    path = f"/sessions/{quote(session, safe='')}"
    return path if instrument is None else f"{path}?instrument={quote(instrument, safe='')}"


def good_path(card: str) -> str:
    """A good's page."""
    return f"/goods/{quote(card, safe='')}"
