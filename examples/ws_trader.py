"""Quote both sides of a book over the WebSocket: a very small market maker.

It keeps one order on each side around a price, replaces an order that was filled, and arms the dead man's switch, so
that the exchange cancels its orders if it falls silent.

    python examples/ws_trader.py --url http://127.0.0.1:8000 --key key-… --pem key.pem \\
        --session S --instrument I --price 100 --step 1 --quantity 20 --seconds 30
"""

import argparse
import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from kirmash.client import AsyncSocket, Key

SWITCH_SECONDS = 20


class Quoter:
    """Keeps one open order on each side."""

    def __init__(self, socket: AsyncSocket, terms: argparse.Namespace) -> None:
        self._socket = socket
        self._terms = terms
        self._orders: dict[int, str] = {}
        self.deals = 0

    async def start(self) -> None:
        """Quote both sides."""
        await self._socket.ask({"op": "cancel_on_disconnect", "on": True})
        await self._socket.ask({"op": "cancel_after", "seconds": SWITCH_SECONDS})
        await self._socket.subscribe("private", after=self._socket.hello.get("number", 0))
        for side in ("buy", "sell"):
            await self._quote(side)

    async def take(self, message: dict[str, Any]) -> None:
        """React to what the exchange says."""
        if message["type"] == "heartbeat":
            await self._socket.ask({"op": "cancel_after", "seconds": SWITCH_SECONDS})
        if message["type"] != "private":
            return
        for line in message["lines"]:
            if line["event"] == "deal_made" and line["order"] in self._orders:
                self.deals += 1
                print(f"deal {line['deal']}: {line['side']} {line['quantity']} at {line['price']}")
                if line["open"] in ("0", 0):
                    await self._quote(self._orders.pop(line["order"]))

    async def _quote(self, side: str) -> None:
        price = Decimal(self._terms.price) + Decimal(self._terms.step) * (1 if side == "sell" else -1)
        answer = await self._socket.command(
            "place_order",
            session=self._terms.session,
            instrument=self._terms.instrument,
            side=side,
            price=str(price),
            quantity=self._terms.quantity,
        )
        for event in answer.get("events", ()):
            if event["event"] == "order_accepted":
                self._orders[event["order"]] = side
                print(f"{side} {event['quantity']} at {event['price']}: order {event['order']}")
        for reason in answer.get("reasons", ()):
            print(f"{side}: rejected: {reason['text']} {reason['cure']}")


async def trade(terms: argparse.Namespace) -> int:
    """Quote for so many seconds; gives how many deals were made."""
    async with await AsyncSocket.open(terms.url, Key.from_pem(terms.key, terms.pem)) as socket:
        quoter = Quoter(socket, terms)
        await quoter.start()
        try:
            async with asyncio.timeout(terms.seconds):
                while True:
                    await quoter.take(await socket.next_message())
        except TimeoutError:
            pass
        await socket.command("mass_cancel", session=terms.session)
        return quoter.deals


def main() -> int:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--pem", required=True, type=Path)
    for name in ("session", "instrument", "price", "step", "quantity"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    print(f"{asyncio.run(trade(parser.parse_args()))} deals")
    return 0


if __name__ == "__main__":
    sys.exit(main())
