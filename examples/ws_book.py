"""Follow a public book over the WebSocket, checking every number and checksum.

python examples/ws_book.py --url http://127.0.0.1:8000 --session S --instrument I
"""

import argparse
import sys

from kirmash.client import Book, BookBroken, Socket

DEPTH = 5


def show(book: Book) -> None:
    """The best levels of either side."""
    print(f"--- {book.session} {book.instrument} after update {book.number}, last price {book.last_price}")
    for price, quantity, orders, _ in reversed(book.asks[:DEPTH]):
        print(f"  sell {price:>12} {quantity:>12} ({orders})")
    for price, quantity, orders, _ in book.bids[:DEPTH]:
        print(f"  buy  {price:>12} {quantity:>12} ({orders})")


def main() -> int:
    """Run the example until the exchange closes the connection, or so many updates were seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--session", required=True)
    parser.add_argument("--instrument", required=True)
    parser.add_argument("--updates", type=int, default=0, help="end after so many updates (default: never)")
    given = parser.parse_args()

    channel = {"session": given.session, "instrument": given.instrument}
    with Socket(given.url) as socket:
        socket.subscribe("market", **channel)
        book: Book | None = None
        seen = 0
        for message in socket.messages():
            if message["type"] == "snapshot":
                book = Book(message["snapshot"])
            elif message["type"] == "update" and book is not None:
                seen += 1
                try:
                    book.apply(message)
                except BookBroken as broken:
                    print(f"{broken}; a new snapshot is asked for")
                    socket.ask({"op": "unsubscribe", "channel": "market", **channel})
                    socket.subscribe("market", **channel)
                    continue
            else:
                continue
            if book is not None:
                show(book)
            if given.updates and seen >= given.updates:
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
