"""`kirmash` in processes of their own, as an operator starts it, and always ended. No test stands here."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60
KIRMASH = [sys.executable, "-m", "kirmash"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def kirmash(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A word that ends by itself."""
    env = {**os.environ, **environment}
    return subprocess.run([*KIRMASH, *words], capture_output=True, text=True, timeout=PATIENCE, check=False, env=env)


class Served:
    """`kirmash serve` in a process group of its own."""

    def __init__(self, log: Path, *words: str, **environment: str) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*KIRMASH, "serve", *words],
                stdout=out,
                stderr=out,
                env={**os.environ, "KIRMASH_LOG_FORMAT": "json", **environment},
            )

    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def pids(self, part: str) -> list[int]:
        """The children of this part that were started, in order."""
        return [
            line["pid"] for line in self.lines() if line["event"] == "a process is started" and line["part"] == part
        ]

    def until(self, true: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8", errors="replace")
            time.sleep(0.05)

    def ready(self, port: int) -> None:
        """Wait until it says so."""
        self.until(lambda: get(port, "/readyz")[0] == 200)

    def wait(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code and how long it took."""
        began = time.monotonic()
        self.process.terminate()
        return self.wait(), time.monotonic() - began


@contextmanager
def served(log: Path, *words: str, **environment: str) -> Iterator[Served]:
    """Ended whatever becomes of the test; its children end with it."""
    it = Served(log, *words, **environment)
    try:
        yield it
    finally:
        if it.process.poll() is None:
            it.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                it.process.wait(15)
        if it.process.poll() is None:
            it.process.kill()
            it.process.wait()


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
