"""A backup of a running exchange under load, and a start from the copy: all that was acknowledged up to its number is
there, nobody has to be registered again, and the copy goes on as the same exchange."""

import asyncio
import http.client
import json
import re
import stat
from pathlib import Path

from kirmash.config import IDENTITY_FILE
from kirmash.sequencer.answers import Busy
from tests.core.hall import SELLER, Hall, gateway, order, run
from tests.serve.processes import KIRMASH, free_port, kirmash, served


def sign_in(port: int, name: str, password: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps({"name": name, "password": password})
    origin = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
    connection.request("POST", "/api/v1/login", body, origin)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_copy_of_a_running_exchange_starts_and_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    added = kirmash("operator", "add", "Olga", "--data", str(data))
    assert added.returncode == 0, added.stderr
    (password,) = re.findall(r"(?m)^password +(\S+)$", added.stdout)
    (data / "kirmash.toml").write_text("plan_days = 3\n", encoding="utf-8")
    acknowledged: dict[str, int] = {}

    async def under_load() -> str:
        """Gives what the backup printed."""
        async with gateway(data / "core.sock") as heard:
            await heard.set_the_stage()
            stop = asyncio.Event()

            async def client(name: str) -> None:
                at = 0
                while not stop.is_set():
                    at += 1
                    try:
                        answer = await heard.give(order(), f"{name}-{at}", SELLER)
                    except Busy:
                        continue
                    acknowledged[f"{name}-{at}"] = answer.number

            clients = [asyncio.create_task(client(f"c{at}")) for at in range(10)]
            while len(acknowledged) < 200:
                await asyncio.sleep(0.01)
            before = len(acknowledged)
            backup = await asyncio.create_subprocess_exec(
                *KIRMASH, "backup", str(data), str(copy), stdout=asyncio.subprocess.PIPE
            )
            out, _ = await backup.communicate()
            assert backup.returncode == 0
            assert len(acknowledged) > before, "the exchange stood still while it was copied"
            stop.set()
            await asyncio.gather(*clients)
            return out.decode()

    port = free_port()
    with served(tmp_path / "log", "--data", str(data), "--port", str(port)) as exchange:
        exchange.ready(port)
        printed = run(under_load(), 120)
        assert sign_in(port, "olga", password) == 200
        assert exchange.stop()[0] == 0
    (number,) = map(int, re.findall(r"records to (\d+)", printed))
    assert (copy / "kirmash.toml").read_bytes() == (data / "kirmash.toml").read_bytes()
    assert stat.S_IMODE((copy / IDENTITY_FILE).stat().st_mode) == 0o600
    # Restored on another port; it is the same exchange and takes commands.
    with served(tmp_path / "log-2", "--data", str(copy), "--port", str(port)) as restored:
        restored.ready(port)
        assert sign_in(port, "olga", "not the password") == 401
        assert sign_in(port, "olga", password) == 200

        async def go_on() -> None:
            async with gateway(copy / "core.sock") as heard:
                assert (await heard.exchange.status()).number == number
                # What was acknowledged before the copy was made is known by its id; the rest is new.
                for client_id, before in list(acknowledged.items())[:: max(1, len(acknowledged) // 20)]:
                    answer = await heard.give(order(), client_id, SELLER)
                    assert (answer.number == before) == (before <= number)

        run(go_on())
        assert restored.stop()[0] == 0
    hall = Hall(copy)
    there = {record.client_id: record.number for record in hall.journal() if record.number <= number}
    kept = {client_id: at for client_id, at in acknowledged.items() if at <= number}
    assert len(kept) >= 200
    assert {client_id: there.get(client_id) for client_id in kept} == kept
    hall.verify()


def test_logins_are_added_while_the_exchange_runs_and_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    words = ("login", "add", "anton", "--role", "auditor", "--data", str(data))
    assert kirmash(*words).returncode == 0
    again = kirmash(*words)
    assert (again.returncode, "already" in again.stderr) == (2, True)
    without = kirmash("login", "add", "mill", "--role", "trader", "--data", str(data))
    assert (without.returncode, "needs a participant" in without.stderr) == (2, True)


def test_views_are_rebuilt_only_of_a_folder_at_rest(tmp_path: Path) -> None:
    """While it runs, it is in use (exit code 3); at rest the views hold the whole journal."""

    async def scene() -> int:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            busy = kirmash("rebuild", str(hall.path))
            assert busy.returncode == 3, busy.stderr
            return last

    last = run(scene())
    done = kirmash("rebuild", str(tmp_path / "data"))
    assert (done.returncode, f"views of {last} records" in done.stdout) == (0, True), done.stderr
