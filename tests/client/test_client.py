"""The client package and the examples against a whole exchange over real sockets: what a participant's program does."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kirmash.client import (
    AsyncClient,
    AsyncSocket,
    Book,
    BookBroken,
    Client,
    Key,
    Problem,
    Proposed,
    Rejected,
    Socket,
    Unreachable,
    wire,
)
from tests.gateway.conftest import MARKETS
from tests.gateway.house import INSTRUMENT, PASSWORD, SESSION, House

EXAMPLES = Path(__file__).parents[2] / "examples"


class Programs:
    """A house, and a key file for a trader of each company."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.url = house.origin
        self.files: dict[str, tuple[str, Path]] = {}
        for name in ("alfa", "beta"):
            private = Ed25519PrivateKey.generate()
            public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            with Client(self.url) as client:
                client.login(f"t-{name}", PASSWORD)
                made = client.send(_keys({"public": public, "label": "a program"}))
            file = folder / f"{name}.pem"
            file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            self.files[name] = (made["id"], file)

    def key(self, name: str) -> Key:
        key_id, file = self.files[name]
        return Key.from_pem(key_id, file)

    def arguments(self, name: str) -> list[str]:
        key_id, file = self.files[name]
        return [
            "--url",
            self.url,
            "--key",
            key_id,
            "--pem",
            str(file),
            "--session",
            SESSION,
            "--instrument",
            INSTRUMENT,
        ]


def _keys(body: dict[str, str]) -> wire.Request:
    return wire.request("POST", "/keys", body=body)


@pytest.fixture(scope="module", params=MARKETS)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with House(tmp_path_factory.mktemp("house"), request.param) as house:
        house.people()
        house.prepare()
        yield Programs(house, tmp_path_factory.mktemp("keys"))


def test_two_programs_make_a_deal_and_each_finds_its_own_side(programs: Programs) -> None:
    with Client(programs.url, programs.key("alfa")) as seller, Client(programs.url, programs.key("beta")) as buyer:
        offer = seller.place_order(SESSION, INSTRUMENT, "sell", "105.00", "4")
        bought = buyer.place_order(SESSION, INSTRUMENT, "buy", "105.00", "4", time_in_force="fok")
        deal = bought.event("deal_made")
        assert deal is not None
        assert (deal["price"], deal["quantity"], deal["side"]) == ("105.00", "4", "buy")
        own = seller.get(f"/orders/{offer.order}", min_number=bought.number)
        assert (own["state"], own["open"]) == ("filled", "0")
        deals = list(seller.rows("/deals", min_number=bought.number, limit=1))
        assert deal["deal"] in [row["deal"] for row in deals]


def test_a_reject_says_rule_and_cure_in_the_readers_language(programs: Programs) -> None:
    with Client(programs.url, programs.key("beta"), language="ru") as buyer, pytest.raises(Rejected) as caught:
        buyer.place_order(SESSION, INSTRUMENT, "buy", "100.005", "1")
    reasons = {reason.reason: reason for reason in caught.value.reasons}
    assert reasons["price_off_grid"].rule
    assert any("а" <= letter <= "я" for letter in reasons["price_off_grid"].text)
    assert caught.value.number > 0


def test_the_same_id_gives_the_same_answer_and_another_content_is_refused(programs: Programs) -> None:
    with Client(programs.url, programs.key("beta")) as buyer:
        first = buyer.place_order(SESSION, INSTRUMENT, "buy", "50.00", "1", client_id="mine-1")
        again = buyer.place_order(SESSION, INSTRUMENT, "buy", "50.00", "1", client_id="mine-1")
        assert (again.number, again.order) == (first.number, first.order)
        with pytest.raises(Problem) as caught:
            buyer.place_order(SESSION, INSTRUMENT, "buy", "50.00", "2", client_id="mine-1")
        assert (caught.value.code, caught.value.field) == ("id_reused", "quantity")


def test_a_rehearsal_tells_and_changes_nothing(programs: Programs) -> None:
    with Client(programs.url, programs.key("beta")) as buyer:
        before = programs.house.settled()
        events = buyer.rehearse("place_order", session=SESSION, instrument=INSTRUMENT, side="buy", price="50.00",
                                quantity="3")  # fmt: skip
        assert [event["event"] for event in events][:2] == ["order_accepted", "order_rested"]
        assert programs.house.settled() == before


def test_nobody_at_the_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kirmash.client.wire.RETRY_SECONDS", (0, 0))
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable):
        client.get("/sessions")


_TURNED = json.dumps({"title": "Too busy", "status": 503, "code": "busy", "detail": "too many connections"}).encode()


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        (b"", Unreachable),
        (b"HTTP/1.1 101 Swi", Unreachable),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Problem),
        (b"HTTP/1.1 503 No\r\nContent-Length: %d\r\n\r\n%s" % (len(_TURNED), _TURNED), Problem),
    ],
)
def test_an_exchange_that_dies_or_turns_away_while_one_connects(said: bytes, raised: type[Exception]) -> None:
    """Unreachable, so that the caller tries again; or the exchange's own reason."""

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(dies, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(raised) as caught:
            await AsyncSocket.open(url)
        with pytest.raises(raised):
            await asyncio.to_thread(Socket, url)
        if isinstance(caught.value, Problem):
            assert caught.value.code in ("busy", "")
            assert caught.value.status in (502, 503)
        server.close()
        await server.wait_closed()

    asyncio.run(work())


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    private = generate_private_key(65537, 2048)
    file = tmp_path / "rsa.pem"
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError, match="no Ed25519 key"):
        Key.from_pem("key-0", file)


def test_the_client_for_asyncio_does_the_same(programs: Programs) -> None:
    async def work() -> None:
        async with AsyncClient(programs.url, programs.key("beta")) as buyer:
            placed = await buyer.place_order(SESSION, INSTRUMENT, "buy", "51.00", "1")
            found = [row["order"] async for row in buyer.rows("/orders", min_number=placed.number, session=SESSION)]
            assert placed.order in found
            assert "51.00" in [level[0] for level in (await buyer.book(SESSION, INSTRUMENT))["bids"]]
            assert placed.order is not None
            taken_back = await buyer.cancel_order(placed.order)
            assert taken_back.event("order_cancelled") is not None

    asyncio.run(work())


def test_what_needs_a_second_operator_is_told_apart_from_an_answer(programs: Programs) -> None:
    with Client(programs.url) as operator:
        operator.login("olga", PASSWORD)
        with pytest.raises(Proposed) as caught:
            operator.command("cancel_session", session=SESSION, reason="a reason")
        assert caught.value.proposal["state"] == "open"
        listed = operator.page("/proposals", state="open").items
    assert caught.value.proposal["id"] in [it["id"] for it in listed]


def test_a_book_over_the_socket_equals_the_exchanges(programs: Programs) -> None:
    with Socket(programs.url, programs.key("alfa")) as socket, Client(programs.url, programs.key("alfa")) as rest:
        socket.subscribe("market", session=SESSION, instrument=INSTRUMENT)
        messages = socket.messages(5)
        book = next(Book(message["snapshot"]) for message in messages if message["type"] == "snapshot")
        for price in ("110.00", "111.00", "112.00"):
            socket.command(
                "place_order", session=SESSION, instrument=INSTRUMENT, side="sell", price=price, quantity="2"
            )
        wanted = book.number + 3
        for message in messages:
            if message["type"] == "update":
                book.apply(message)
            if book.number >= wanted:
                break
        shown = rest.book(SESSION, INSTRUMENT)
        assert (shown["number"], shown["checksum"]) == (book.number, book.checksum())
        assert [list(level) for level in book.asks] == shown["asks"]
        with pytest.raises(BookBroken, match="was expected"):
            book.apply({"number": book.number + 2, "fields": {}})


def test_a_snapshot_with_a_wrong_checksum_is_no_book(programs: Programs) -> None:
    with Client(programs.url) as client:
        shown = client.book(SESSION, INSTRUMENT)
    with pytest.raises(BookBroken, match="checksum"):
        Book({**shown, "checksum": shown["checksum"] ^ 1})


def test_private_messages_reach_the_socket_for_asyncio(programs: Programs) -> None:
    async def work() -> None:
        async with await AsyncSocket.open(programs.url, programs.key("beta")) as socket:
            await socket.subscribe("private")
            answer = await socket.command("place_order", session=SESSION, instrument=INSTRUMENT, side="buy",
                                          price="52.00", quantity="1")  # fmt: skip
            async with asyncio.timeout(10):
                while True:
                    message = await socket.next_message()
                    if message["type"] == "private" and message["number"] >= answer["number"]:
                        break
            assert "order_accepted" in [line["event"] for line in message["lines"]]
            with pytest.raises(Problem):
                await socket.ask({"op": "no_such_thing"})

    asyncio.run(work())


def run(example: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / example), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_example_places_an_order_and_takes_it_back(programs: Programs) -> None:
    terms = ("--side", "buy", "--price", "40.00", "--quantity", "1")
    done = run("rest_order.py", *programs.arguments("beta"), *terms)
    assert done.returncode == 0, done.stderr
    assert "taken back" in done.stdout
    told = run("rest_order.py", *programs.arguments("beta"), *terms, "--dry-run")
    assert "would give" in told.stdout
    refused = run("rest_order.py", *programs.arguments("beta"), "--side", "buy", "--price", "40.001", "--quantity", "1")
    assert refused.returncode == 1
    assert "rejected:" in refused.stdout


def test_the_example_trades_and_the_other_follows_the_book(programs: Programs) -> None:
    book = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "ws_book.py"), "--url", programs.url, "--session", SESSION, "--instrument",
         INSTRUMENT, "--updates", "2"], stdout=subprocess.PIPE, text=True)  # fmt: skip
    done = run("ws_trader.py", *programs.arguments("alfa"), "--price", "500.00", "--step", "100.00", "--quantity", "1",
               "--seconds", "3")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "sell 1 at 600.00" in done.stdout
    shown, _ = book.communicate(timeout=30)
    assert "after update" in shown
