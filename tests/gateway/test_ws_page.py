"""docs/reference/websocket.md says what the WebSocket does: its transcripts are of a run, its table is the code's.

`python -m tests.gateway.test_ws_page` writes both anew. What differs from run to run is masked.
"""

import asyncio
import re
import tempfile
from pathlib import Path

import msgspec

from kirmash.gateway.sockets.connection import GOING_AWAY, NO_LONGER_SIGNED_IN, SILENT, TOO_MANY_MISTAKES
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.sockets.table import as_markdown
from kirmash.gateway.sockets.wire import TOO_SLOW
from kirmash.protocol import ws
from tests.gateway.running import INSTRUMENT, SESSION, Client, Running, order, run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "websocket.md"
MARKET = {"op": "subscribe", "channel": "market", "session": SESSION, "instrument": INSTRUMENT}

_MASKS = (
    (r'"\d{4}-\d\d-\d\dT[\d:.]+Z"', '"2026-01-15T09:00:00.000000000Z"'),
    (r'"nonce":"[^"]+"', '"nonce":"gZr0…"'),
    (r'"signature":"[^"]+"', '"signature":"ZkQ9…"'),
    (r'"created":\d+', '"created":1768467600'),
    (r"key-[0-9a-f]{16}", "key-0123456789abcdef"),
    (r'"plan":\[.*?\]', '"plan":[…]'),
)


def masked(text: str) -> str:
    """What differs from run to run, made the same."""
    for pattern, shown in _MASKS:
        text = re.sub(pattern, shown, text)
    return text


def transcript(client: Client) -> str:
    """What was said since the last time, as it stands on the page."""
    lines = [f"{sign} {msgspec.json.encode(message).decode()}" for sign, message in client.said]
    client.said.clear()
    return masked("\n".join(lines))


async def play(folder: Path) -> dict[str, str]:
    """The conversations of the page."""
    shown: dict[str, str] = {}
    async with Running(folder, limits=SocketLimits(kept_private=3)) as running:
        await running.set_the_stage()
        seller, watcher = await running.client("seller"), await running.client()
        shown["login"] = transcript(seller)
        watcher.said.clear()
        await watcher.say(MARKET)
        await watcher.next("snapshot")
        await seller.place("mill-1", "sell", "900.00", "200")
        await watcher.next("update")
        shown["order"], shown["market"] = transcript(seller), transcript(watcher)
        await seller.place("mill-2", "sell", "899.75", "50")
        await seller.place("mill-1", "sell", "901.00", "200")
        await seller.say({**order("mill-3", "sell", "900.00"), "price": 900})
        await seller.say({"op": "subscrib"})
        shown["mistakes"] = transcript(seller)
        # Checksums are told where somebody reads: without a reader there is none, however these two are committed.
        await watcher.wire.close()
        items = [order("mill-4", "sell", "910.00"), {"op": "cancel_order", "client_id": "mill-5", "order": 1}]
        await seller.say({"op": "commands", "items": items})
        shown["commands"] = transcript(seller)
        watcher = await running.client()
        watcher.said.clear()
        await watcher.say({**MARKET, "from": 1})
        await watcher.next("update", when=lambda message: message["number"] == 3)
        await watcher.say({"op": "subscribe", "channel": "session", "session": SESSION})
        await watcher.next("snapshot")
        shown["resume"] = transcript(watcher)
        await seller.say({"op": "subscribe", "channel": "private", "after": 30})
        await seller.say({"op": "unsubscribe", "channel": "private"})
        await seller.say({"op": "subscribe", "channel": "private", "after": 0})
        await seller.next("resync")
        shown["private"] = transcript(seller)
        await seller.say({"op": "cancel_on_disconnect", "on": True})
        await seller.say({"op": "cancel_after", "seconds": 1})
        await seller.next("cancelled")
        shown["guard"] = transcript(seller)
        await running.stop_gateway()
        await seller.closed()
        shown["stop"] = transcript(seller)
        await running.start_gateway()
    return shown


def written(page: str, shown: dict[str, str]) -> str:
    """The page with these transcripts and the table of messages."""
    for name, text in shown.items():
        block = re.compile(rf"(<!-- transcript {name} -->\n```text\n).*?(\n```)", re.DOTALL)
        assert block.search(page), f"the page has no transcript {name}"
        page = block.sub(lambda found, text=text: found[1] + text + found[2], page)  # type: ignore[misc]
    table = re.compile(r"(<!-- messages -->\n).*?(\n<!-- end of messages -->)", re.DOTALL)
    assert table.search(page)
    return table.sub(lambda found: found[1] + as_markdown() + found[2], page)


def test_the_page_shows_what_a_run_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written(page, run(play(tmp_path))) == page, "python -m tests.gateway.test_ws_page"


def test_the_page_names_every_message_code_and_limit() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for kind in ws.SAID:
        assert f"`{kind.__struct_config__.tag}`" in page
        for field in kind.__struct_encode_fields__:
            assert f"`{field}`" in page, (kind.__name__, field)
    for code in (GOING_AWAY, 1009, 1011, SILENT, TOO_MANY_MISTAKES, NO_LONGER_SIGNED_IN, TOO_SLOW):
        assert f"| {code} |" in page
    limits = SocketLimits()
    kept = (limits.kept_updates, limits.kept_private, limits.kept_private_of_all)
    for limit in (limits.subscriptions, limits.outbox_messages, *kept):
        assert f"{limit:,}" in page
    assert f"{limits.silence_seconds:g} s" in page


def main() -> None:
    """Write the page's transcripts anew."""
    with tempfile.TemporaryDirectory() as folder:
        shown = asyncio.run(play(Path(folder)))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), shown), encoding="utf-8")


if __name__ == "__main__":
    main()
