"""A core that is killed under load, again and again, with a gateway's end of the link at work: what was acknowledged
is there once, what was under way is unknown and settled by repeating it, and the link comes back by itself.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from kirmash.sequencer.answers import Busy, OutcomeUnknown, Unavailable
from tests.core.hall import MARKETS, SELLER, Hall, Heard, make_folder, order, run, until

KILLS = 3


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_by_kills(market: str, tmp_path: Path) -> None:
    data = make_folder(tmp_path / "data")
    socket = tmp_path / "core.sock"
    acknowledged: dict[str, int] = {}
    unknown: set[str] = set()

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "kirmash", "serve", "--only", "core", "--data", str(data), "--market", market),
            env={**os.environ, "KIRMASH_CORE_SOCKET": str(socket), "KIRMASH_LOG_LEVEL": "error"},
        )

    async def client(heard: Heard, name: str, stop: asyncio.Event) -> None:
        at = 0
        while not stop.is_set():
            at += 1
            client_id = f"{name}-{at}"
            while client_id not in acknowledged:
                try:
                    acknowledged[client_id] = (await heard.give(order(), client_id, SELLER)).number
                except OutcomeUnknown:
                    unknown.add(client_id)
                except (Unavailable, Busy):
                    await asyncio.sleep(0.02)

    async def scene() -> None:
        core = await start()
        heard = Heard(socket)
        await heard.exchange.start()
        await heard.set_the_stage()
        stop = asyncio.Event()
        clients = [asyncio.create_task(client(heard, f"c{at}", stop)) for at in range(20)]
        for _ in range(KILLS):
            reached = len(acknowledged) + 100
            await until(lambda reached=reached: len(acknowledged) >= reached)
            core.kill()
            assert await core.wait() == -signal.SIGKILL
            core = await start()
        reached = len(acknowledged) + 100
        await until(lambda: len(acknowledged) >= reached)
        stop.set()
        await asyncio.gather(*clients)
        core.terminate()
        assert await core.wait() == 0
        assert heard.numbers == list(range(1, heard.numbers[-1] + 1))
        await heard.exchange.close()

    run(scene(), 200)
    hall = Hall(data, market)
    journal = {record.client_id: record.number for record in hall.journal() if record.client_id in acknowledged}
    assert len(journal) == sum(record.client_id in acknowledged for record in hall.journal())
    assert journal == acknowledged
    assert unknown, "no command was under way at any kill: the load is too small"
    hall.verify()
