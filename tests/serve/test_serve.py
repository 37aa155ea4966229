"""`kirmash serve` as processes: it comes up, restarts what dies, ends in time and with the right code, and leaves
nobody behind."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.sync.client import connect

from kirmash.journal.errors import JournalInUse
from kirmash.journal.folder import Folder
from kirmash.serve import Supervisor
from tests.core.hall import make_folder
from tests.serve.processes import alive, free_port, get, kill, kirmash, served

STOP_SECONDS = 5


def listening_streams(port: int) -> list[socket.socket]:
    """Connections that are open when it is told to stop: an idle one, and half a request."""
    idle = socket.create_connection(("127.0.0.1", port))
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(b"POST /api/v1/commands/place_order HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    return [idle, half]


def test_core_and_gateway_run_restart_and_stop(tmp_path: Path) -> None:
    """Each is killed once; both come again, and the stop with open connections takes less than five seconds."""
    port, data = free_port(), tmp_path / "data"
    with served(tmp_path / "log", "--data", str(data), "--port", str(port)) as exchange:
        exchange.ready(port)
        (core,), (gateway,) = exchange.pids("core"), exchange.pids("gateway")
        kill(core)
        exchange.until(lambda: len(exchange.pids("core")) == 2)
        exchange.ready(port)
        kill(gateway)
        exchange.until(lambda: len(exchange.pids("gateway")) == 2)
        exchange.ready(port)
        assert exchange.pids("core")[1:] != [core]
        streams = listening_streams(port)
        with connect(f"ws://127.0.0.1:{port}/ws/v1", compression=None) as reader:
            assert json.loads(reader.recv(10))["type"] == "hello"
            code, seconds = exchange.stop()
            closed = list(reader)
        assert (code, seconds < STOP_SECONDS) == (0, True), seconds
        assert reader.close_code is not None, closed
        assert not any(map(alive, [*exchange.pids("core"), *exchange.pids("gateway")]))
        for stream in streams:
            stream.close()
    Folder(data).close()


def test_one_process_serves_and_stops(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path / "log", "--data", str(tmp_path / "data"), "--port", str(port), "--one-process") as exchange:
        exchange.ready(port)
        status, body = get(port, "/healthz")
        assert status == 200, body
        keep = http.client.HTTPConnection("127.0.0.1", port)
        keep.request("GET", "/healthz")
        keep.getresponse().read()
        code, seconds = exchange.stop()
        assert (code, seconds < STOP_SECONDS) == (0, True), seconds
        keep.close()


@pytest.mark.parametrize("pause", [0.0, 0.3, 0.8, 1.6])
def test_a_stop_while_it_starts_ends_at_once(pause: float, tmp_path: Path) -> None:
    with served(tmp_path / "log", "--data", str(tmp_path / "data"), "--port", str(free_port())) as exchange:
        exchange.until(lambda: exchange.pids("gateway"))
        time.sleep(pause)
        code, seconds = exchange.stop()
        assert (code, seconds < STOP_SECONDS) == (0, True), seconds
        assert not any(map(alive, [*exchange.pids("core"), *exchange.pids("gateway")]))


def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """No core may stay behind and hold the folder."""
    port, data = free_port(), tmp_path / "data"
    with served(tmp_path / "log", "--data", str(data), "--port", str(port)) as exchange:
        exchange.ready(port)
        children = [*exchange.pids("core"), *exchange.pids("gateway")]
        exchange.process.kill()
        exchange.until(lambda: not any(map(alive, children)))
    Folder(data).close()


@pytest.mark.parametrize("how", [(), ("--one-process",), ("--only", "core")])
def test_a_folder_in_use_ends_with_three(how: tuple[str, ...], tmp_path: Path) -> None:
    data = make_folder(tmp_path / "data")
    with Folder(data):
        done = kirmash("serve", "--data", str(data), "--port", str(free_port()), *how)
    assert done.returncode == 3, done.stderr
    assert "in use by process" in done.stderr


def test_a_lock_that_outlives_its_process_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """A core that is killed while it rehearses leaves a fork behind, which holds the lock until it has answered."""
    data, port = make_folder(tmp_path / "data"), free_port()
    killed = (
        "import os, signal, sys, time\nfrom pathlib import Path\nfrom kirmash.journal.folder import Folder\n"
        f"held = Folder(Path({str(data)!r}))\n"
        "if os.fork() == 0:\n    time.sleep(2.5)\n    os._exit(0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -signal.SIGKILL
    with pytest.raises(JournalInUse):
        Folder(data)
    with served(tmp_path / "log", "--data", str(data), "--port", str(port), "--one-process") as exchange:
        exchange.ready(port)


@pytest.mark.parametrize("how", [(), ("--one-process",)])
def test_a_port_that_is_taken_ends_with_two(how: tuple[str, ...], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = kirmash("serve", "--data", str(tmp_path / "data"), "--port", str(port), *how)
    assert done.returncode == 2, done.stderr
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_socket_that_cannot_be_ends_with_two(tmp_path: Path) -> None:
    name = str(tmp_path / ("x" * 120))
    done = kirmash("serve", "--only", "core", "--data", str(tmp_path / "data"), KIRMASH_CORE_SOCKET=name)
    assert done.returncode == 2, done.stderr
    assert "core: socket" in done.stderr


def test_a_folder_that_lost_its_journal_is_not_begun_anew(tmp_path: Path) -> None:
    data = make_folder(tmp_path / "data")
    (data / "snapshots").mkdir()
    (data / "journal.db").unlink()
    done = kirmash("serve", "--only", "core", "--data", str(data))
    assert done.returncode == 2, done.stderr
    assert "journal.db is missing" in done.stderr


def test_another_exchanges_folder_is_refused(tmp_path: Path) -> None:
    data = make_folder(tmp_path / "data", "theirs")
    done = kirmash("serve", "--only", "core", "--data", str(data), KIRMASH_EXCHANGE_EXCHANGE_ID="ours")
    assert done.returncode == 2, done.stderr
    assert "'theirs'" in done.stderr


# The parent alone, with children of a few lines ------------------------------------------------------------------


def supervise(tmp_path: Path, child: str, stop_after: float | None = None) -> tuple[int, list[str]]:
    """Run a supervisor over children that note each start; gives its exit code and the notes."""
    script = tmp_path / "child.py"
    notes = tmp_path / "notes"
    script.write_text(
        "import os, signal, sys, time\n"
        f"part, notes = sys.argv[-1], {str(notes)!r}\n"
        "open(notes, 'a').write(f'{part} {time.monotonic()} {os.getpid()}\\n')\n"
        f"count = open(notes).read().count(part)\n{child}\n",
        encoding="utf-8",
    )

    async def scene() -> int:
        keeper = Supervisor([sys.executable, str(script)], 1.0, restart_seconds=0.2)
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, os.kill, os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            return await keeper.run()

    code = asyncio.run(scene())
    return code, notes.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("code", [1, 2, 3, 5])
@pytest.mark.parametrize("part", ["core", "gateway"])
def test_what_starting_again_cannot_help_ends_everything(part: str, code: int, tmp_path: Path) -> None:
    child = f"if part == '{part}': sys.exit({code})\ntime.sleep(60)"
    ended, notes = supervise(tmp_path, child)
    assert ended == code
    assert len([note for note in notes if note.startswith(part)]) == 1
    assert not any(alive(int(note.split()[2])) for note in notes)


def test_one_that_dies_is_started_again_later_and_later(tmp_path: Path) -> None:
    child = (
        "if part == 'core' and count < 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if part == 'core': sys.exit(5)\n"
        "time.sleep(60)"
    )
    ended, notes = supervise(tmp_path, child)
    assert ended == 5
    starts = [float(note.split()[1]) for note in notes if note.startswith("core")]
    first, second, third = (after - before for before, after in pairwise(starts))
    assert first > 0.2
    assert second > 0.4
    assert third > 0.8


def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    child = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    began = time.monotonic()
    _, notes = supervise(tmp_path, child, stop_after=2)
    assert time.monotonic() - began < 2 + STOP_SECONDS
    assert not any(alive(int(note.split()[2])) for note in notes)
