"""docs/guides/sign-a-request.md does what it says: its blocks run against a server that checks signatures."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import argon2.profiles
import pytest

from kirmash.identity import Denied, Identity, NewLogin, Role, Settings, Who
from tests.identity.made import run

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/sign-a-request.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


class Door:
    """An HTTP server on the loopback that lets signed requests in and notes who came with what."""

    def __init__(self, folder: Path) -> None:
        self.came: list[tuple[Who, str, bytes]] = []
        self.refused: list[str] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                try:
                    who = door.identity.verify_signature(self.command, self.path, self.headers.items(), body)
                    door.came.append((who, f"{self.command} {self.path}", body))
                    status = 200
                except Denied as refused:
                    door.refused.append(refused.code)
                    status = 401
                self.send_response(status)
                self.end_headers()

            # The names by which the base class finds them.
            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]  # override came with 3.12
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.identity = Identity(
            folder / "identity.db",
            settings=Settings(origin=self.origin),
            password_parameters=argon2.profiles.CHEAPEST,
        )
        new = NewLogin(name="anna", role=Role.TRADER, participant="alfa", trader="anna-1")
        self.login = run(self.identity.add_login(new)).login.id
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.identity.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.close()


def do(command: list[str], folder: Path, door: Door, key: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ORIGIN": door.origin, "KEY_ID": key}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_examples_of_the_guide_are_let_in(door: Door, tmp_path: Path) -> None:
    make_keys, with_curl = blocks("sh")
    (with_python,) = blocks("python")
    made = do(["bash", "-euo", "pipefail", "-c", make_keys], tmp_path, door)
    assert made.returncode == 0, made.stderr
    key = door.identity.add_key(door.login, (tmp_path / "public.pem").read_text(), "guide").id

    asked = do([sys.executable, "-c", with_python], tmp_path, door, key)
    assert (asked.returncode, asked.stdout) == (0, "200\n200\n"), asked.stderr
    called = do(["bash", "-euo", "pipefail", "-c", with_curl], tmp_path, door, key)
    assert called.returncode == 0, called.stderr

    order = b'{"session":"2022-12-14-wheat","instrument":"wheat-3","side":"buy","price":"285.50","quantity":"50"}'
    assert [(target, body) for _, target, body in door.came] == [
        ("POST /api/v1/commands/place_order", order),
        ("GET /api/v1/orders?limit=10", b""),
        ("POST /api/v1/commands/place_order", order),
    ]
    assert {who.key for who, _, _ in door.came} == {key}
    assert door.refused == []


def test_the_examples_are_refused_with_a_key_that_was_revoked(door: Door, tmp_path: Path) -> None:
    make_keys, with_curl = blocks("sh")
    do(["bash", "-euo", "pipefail", "-c", make_keys], tmp_path, door)
    key = door.identity.add_key(door.login, (tmp_path / "public.pem").read_text(), "guide").id
    door.identity.revoke_key(key)
    called = do(["bash", "-euo", "pipefail", "-c", with_curl], tmp_path, door, key)
    assert called.returncode != 0
    assert (door.came, door.refused) == ([], ["key_refused"])


def test_the_guide_tells_every_code_of_a_refused_request() -> None:
    from kirmash.identity import BadSignature, KeyRefused, OutsideWindow, Replayed

    told = set(re.findall(r"(?m)^\| `(\w+)` \|", GUIDE.read_text(encoding="utf-8")))
    assert {kind.code for kind in (BadSignature, KeyRefused, OutsideWindow, Replayed)} <= told
