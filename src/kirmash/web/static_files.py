"""The files that pages load: our own layer of style, small scripts, and what is vendored (static/vendor/VENDORED.md).

Their address holds a digest over all of them, so that a browser may keep each for a year and still never mixes two
versions: a module's relative import inherits the digest.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

FOLDER: Final = Path(__file__).parent / "static"
YEAR_SECONDS: Final = 31_536_000
DIGITS: Final = 12


@cache
def prefix() -> str:
    """Where the files are served, without a slash at the end."""
    digest = hashlib.sha256()
    for file in sorted(it for it in FOLDER.rglob("*") if it.is_file()):
        digest.update(f"{file.relative_to(FOLDER).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"/static/{digest.hexdigest()[:DIGITS]}"


class _Files(StaticFiles):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[explicit-override]  # typing.override came with 3.12
        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = f"public, max-age={YEAR_SECONDS}, immutable" if message["status"] in (200, 304) else "no-store"
                own = [(b"cache-control", kept.encode()), (b"x-content-type-options", b"nosniff")]
                raw = Headers(raw=message["headers"]).raw
                message["headers"] = [*raw, *own]
            await send(message)

        await super().__call__(scope, receive, send_kept)


def static_routes() -> Sequence[BaseRoute]:
    """Where the application finds the files."""
    return [Mount(prefix(), _Files(directory=FOLDER))]
