"""Place an order by REST, see what became of it, and take it back.

    python examples/rest_order.py --url http://127.0.0.1:8000 --key key-… --pem key.pem \\
        --session S --instrument I --side buy --price 100.00 --quantity 20
"""

import argparse
import sys
from pathlib import Path

from kirmash.client import Client, Key, Rejected


def main() -> int:
    """Run the example; 1 if the exchange rejected the order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True, help="the id of your API key, key-…")
    parser.add_argument("--pem", required=True, type=Path, help="its private half")
    parser.add_argument("--dry-run", action="store_true", help="only tell what it would give")
    for name in ("session", "instrument", "side", "price", "quantity"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    terms = {name: getattr(given, name) for name in ("session", "instrument", "side", "price", "quantity")}

    with Client(given.url, Key.from_pem(given.key, given.pem)) as exchange:
        try:
            if given.dry_run:
                for event in exchange.rehearse("place_order", **terms):
                    print("would give", event)
                return 0
            placed = exchange.place_order(**terms)
        except Rejected as rejected:
            for reason in rejected.reasons:
                print(f"rejected: {reason.text} {reason.cure} ({reason.rule})")
            return 1
        print(f"number {placed.number} at {placed.at}: order {placed.order}")
        for event in placed.events:
            if event["event"] == "deal_made":
                print(f"  deal {event['deal']}: {event['quantity']} at {event['price']}")
        # The views follow the journal; asking for at least this number makes sure that they hold the order.
        order = exchange.get(f"/orders/{placed.order}", min_number=placed.number)
        print(f"  open {order['open']}, state {order['state']}")
        if order["state"] == "open":
            cancelled = exchange.cancel_order(order["order"])
            print(f"number {cancelled.number}: taken back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
