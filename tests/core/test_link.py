"""The link between core and gateway: every record once and in order, answers behind what they rest on, refusals with
their codes, whatever is restarted or lags.
"""

import asyncio
import os
import socket as sockets
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from kirmash.core import server as core_server
from kirmash.core.local import LocalExchange
from kirmash.gateway.exchange import News
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.events import OrderAccepted
from kirmash.messages.kinds import ActorKind, Phase, Side
from kirmash.protocol import link
from kirmash.protocol.link import Records, State
from kirmash.publication.board import Board
from kirmash.sequencer.answers import (
    IdReused,
    NotFromOutside,
    NoticeTooShort,
    OutcomeUnknown,
    Refused,
    TooLarge,
    Unavailable,
)
from kirmash.sequencer.timetable import Timing
from tests.core.hall import (
    BUYER,
    INSTRUMENT,
    MARKETS,
    SELLER,
    SESSION,
    Hall,
    Heard,
    credit,
    gateway,
    order,
    run,
    until,
)


def consecutive(numbers: list[int]) -> bool:
    return all(after == before + 1 for before, after in pairwise(numbers))


@pytest.mark.parametrize("market", MARKETS)
def test_an_answer_comes_behind_its_record_and_a_repeated_id_gets_the_same(market: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data", market) as hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            answer = await heard.give(order(), "o-1", SELLER)
            assert answer.number == last + 1
            # In the loop's same turn: what the answer speaks of was handed out before it.
            assert heard.numbers[-1] == answer.number
            again = await heard.give(order(), "o-1", SELLER)
            assert again == answer
            with pytest.raises(IdReused) as other:
                await heard.give(order(price="901.00"), "o-1", SELLER)
            assert (other.value.code, other.value.field) == ("id_reused", "price")
            assert heard.numbers == list(range(1, last + 2))
        hall.verify()

    run(scene())


def test_refusals_arrive_with_their_codes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data", timetable=Timing(notice_seconds=300)) as hall, gateway(hall.socket) as heard:
            reactor = Actor(ActorKind.REACTOR, "r")
            long = c.CreditDeposit(participant="x" * 5_000, currency="EUR", amount="1.00")
            early = c.ResumeSession(session=SESSION, resume_at=(1, 0))
            found: list[str] = []
            for command, actor, kind in (
                (credit(), reactor, NotFromOutside),
                (long, BUYER, TooLarge),
                (early, Actor(ActorKind.OPERATOR, "op"), NoticeTooShort),
            ):
                with pytest.raises(Refused) as refused:
                    await heard.give(command, "r-1", actor)
                assert type(refused.value) is kind
                found.append(refused.value.code)
            assert found == ["actor_may_not", "too_large", "notice_too_short"]
            assert heard.numbers == []

    run(scene())


def test_many_commands_at_once_have_an_outcome_each(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            given = [(SELLER, "test", f"m-{at % 99}", order()) for at in range(100)]
            given[50] = (Actor(ActorKind.REACTOR, "r"), "test", "m", order())
            outcomes = await heard.exchange.submit_many(given)
            assert isinstance(outcomes[50], NotFromOutside)
            numbers = [outcome.number for outcome in outcomes if not isinstance(outcome, Refused)]
            # The hundredth repeats the first's id.
            assert numbers == [*range(last + 1, last + 99), last + 1]

    run(scene())


def test_what_would_be_is_told_and_not_numbered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as heard:
            last = await heard.set_the_stage()
            first, *_ = link_events(await heard.exchange.rehearse(SELLER, "test", order()))
            assert isinstance(first, OrderAccepted)
            status = await heard.exchange.status()
            assert (status.number, status.doors_open, status.views_failure) == (last, True, None)
            # A credit and, behind it, what the market made of it.
            shown = await heard.exchange.record(last - 1)
            every = [bytes(raw) for news in heard.news if isinstance(news, Records) for raw in news.records]
            assert [bytes(record) for record in shown.records] == every[last - 2 :]
            assert (await heard.exchange.record(last + 1)).records == ()

    run(scene())


def link_events(data: bytes) -> tuple[object, ...]:
    from kirmash.messages import codec

    return codec.decode_events(data)


def test_a_gateway_goes_on_where_it_was_when_the_core_comes_again(tmp_path: Path) -> None:
    """No record twice, none missing, no new state; in between the doors are closed and commands are refused."""

    async def scene() -> None:
        heard = Heard(tmp_path / "core.sock")
        async with Hall(tmp_path / "data"):
            await heard.exchange.start()
            last = await heard.set_the_stage()
        await until(lambda: heard.doors[-1] is False)
        with pytest.raises(Unavailable):
            await heard.give(credit(), "between")
        several = [(OPERATOR, "test", f"between-{at}", credit()) for at in range(2)]
        assert [type(gone) for gone in await heard.exchange.submit_many(several)] == [Unavailable] * 2
        async with Hall(tmp_path / "data") as hall:
            async with gateway(hall.socket) as other:
                await other.give(order(), "by-another", SELLER)
            await until(lambda: heard.doors[-1] is True)
            answer = await heard.give(order(), "between", SELLER)
            assert answer.number == last + 2
        assert heard.numbers == list(range(1, last + 3))
        assert len(heard.states) == 1
        await heard.exchange.close()

    run(scene())


def test_a_gateway_that_knows_more_than_the_core_begins_anew(tmp_path: Path) -> None:
    """The folder was replaced by an older one, or by another exchange's."""

    async def scene() -> None:
        heard = Heard(tmp_path / "core.sock")
        async with Hall(tmp_path / "data"):
            await heard.exchange.start()
            await heard.set_the_stage()
        async with Hall(tmp_path / "older", socket=heard.exchange._path) as hall:
            await until(lambda: len(heard.states) == 2)
            assert heard.states[1].number == 0
            assert (await heard.give(credit(), "c-1")).number == 1
            assert hall.core.published == 1
        await heard.exchange.close()

    run(scene())


@pytest.mark.parametrize("market", MARKETS)
def test_a_state_and_what_follows_equal_the_whole_journal(market: str, tmp_path: Path) -> None:
    """A board that started from a snapshot shows what one shows that folded everything."""

    async def scene() -> None:
        async with (
            Hall(tmp_path / "data", market, snapshot_every=20, resumable_records=0, beginning_records=0) as hall,
            gateway(hall.socket) as first,
        ):
            await first.set_the_stage()
            for at in range(30):
                side, actor = ((Side.BUY, BUYER), (Side.SELL, SELLER))[at % 2]
                await first.give(order(side, f"{880 + at % 7}.00"), f"o-{at}", actor)
            move = c.ChangePhase(session=SESSION, from_=Phase.INTAKE, to=Phase.TRADING)
            await first.give(move, "move")
            await until(lambda: list((hall.path / "snapshots").glob("*")))
            async with gateway(hall.socket) as second:
                await first.give(order(Side.SELL, "870.00"), "last", SELLER)
                await until(lambda: second.numbers and second.numbers[-1] == first.numbers[-1])
                (state,) = second.states
                assert 0 < state.number < first.numbers[-1]
                assert second.numbers == list(range(state.number + 1, first.numbers[-1] + 1))
                whole, resumed = Board(), Board.from_state(state.market)
                for record in first.records:
                    whole.fold(record)
                for record in second.records:
                    resumed.fold(record)
                assert whole.snapshot(SESSION, INSTRUMENT) == resumed.snapshot(SESSION, INSTRUMENT)
                assert whole.snapshot(SESSION, INSTRUMENT).number > 0
        hall.verify()

    run(scene())


def test_a_snapshot_of_another_journal_is_no_beginning(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "one") as hall, gateway(hall.socket) as heard:
            await heard.set_the_stage()
        async with Hall(tmp_path / "two") as hall, gateway(hall.socket) as heard:
            for at in range(40):
                await heard.give(credit(), f"c-{at}")
            snapshots = hall.path / "snapshots"
            snapshots.mkdir(exist_ok=True)
            (foreign,) = (tmp_path / "one" / "snapshots").iterdir()
            (snapshots / foreign.name).write_bytes(foreign.read_bytes())
            (snapshots / f"9{foreign.name[1:]}").write_bytes(b"damaged")
            assert hall.core.state().number == 0

    run(scene())


def test_one_that_lags_is_fed_from_the_journal_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_server, "LIVE_BYTES_MAX", 4_096)

    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as busy:
            await busy.set_the_stage()
            reader, writer = await _reluctant(hall.socket)
            writer.write(link.frame(link.Subscribe(0)))
            for at in range(40):
                await busy.exchange.submit_many([(SELLER, "test", f"o-{at}-{n}", order()) for n in range(50)])
            connection = next(it for it in hall.server._connections if not it._drained.is_set())
            assert connection._transport.get_write_buffer_size() < 1 << 20, "it is not fed more than it reads"
            frames, numbers, last = link.Frames(), list[int](), busy.numbers[-1]
            while not numbers or numbers[-1] < last:
                for data in frames.feed(await reader.read(1 << 16)):
                    message = link.from_core.decode(data)
                    if isinstance(message, Records):
                        numbers += [_number(raw) for raw in message.records]
            assert numbers == list(range(1, last + 1))
            # It keeps step again: the next commit comes at once.
            await until(lambda: connection._live)
            answer = await busy.give(order(), "later", SELLER)
            assert _number(await _next_records(reader, frames)) == answer.number
            writer.close()

    run(scene(), 120)


def test_an_answer_waits_for_its_record_where_the_gateway_lags(tmp_path: Path) -> None:
    """A core that answers first and sends the record later; the gateway keeps the promise of its Exchange."""

    async def scene() -> None:
        heard, path = Heard(tmp_path / "core.sock"), tmp_path / "core.sock"
        server = await asyncio.start_unix_server(_lagging_core(tmp_path), str(path))
        await heard.exchange.start()
        giving = asyncio.ensure_future(heard.give(credit(), "c-1"))
        done, _ = await asyncio.wait({giving}, timeout=0.3)
        assert not done, "answered before the record was there"
        heard.exchange._connection.transport.write(link.frame(link.AskStatus(9)))  # type: ignore[union-attr]
        assert (await giving).number == 1
        assert heard.numbers == [1]
        await heard.exchange.close()
        server.close()

    run(scene())


def _lagging_core(tmp_path: Path) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def core(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(link.frame(link.Hello(link.LINK_VERSION, "lag", 0)))
        frames = link.Frames()
        record = await _some_record(tmp_path)
        while data := await reader.read(65536):
            for frame in frames.feed(data):
                match link.to_core.decode(frame):
                    case link.Subscribe():
                        writer.write(link.frame(State(0, (0, 0), b"", b"")))
                    case link.Submit(request=request):
                        writer.write(link.frame(link.Stored(request, 1, (1, 0), msgspec.Raw(b"\x90"))))
                    case link.AskStatus(request=9):
                        writer.write(link.frame(Records((record,))))
        writer.close()

    return core


async def _some_record(tmp_path: Path) -> msgspec.Raw:
    async with Hall(tmp_path / "elsewhere", socket=tmp_path / "e.sock") as hall, gateway(hall.socket) as heard:
        await heard.give(credit(), "c-1")
        return msgspec.Raw(next(bytes(news.records[0]) for news in heard.news if isinstance(news, Records)))


def test_one_that_reads_nothing_at_all_is_cut_off_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own answers pile up; the bound is on bytes."""
    monkeypatch.setattr(core_server, "UNREAD_BYTES_MAX", 200_000)

    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as beside:
            await beside.set_the_stage()
            _, writer = await _reluctant(hall.socket)
            data = msgspec.Raw(msgspec.msgpack.encode(order()))
            at = 0
            while len(hall.server._connections) > 1:
                for _ in range(200):
                    at += 1
                    writer.write(link.frame(link.Submit(at, SELLER.kind, SELLER.id, "test", f"s-{at}", data)))
                await asyncio.sleep(0.01)
                assert at < 20_000
            assert (await beside.give(order(), "o-1", SELLER)).number > 0
            writer.transport.abort()

    run(scene(), 120)


def test_two_gateways_see_the_same_and_only_their_own_answers(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as one, gateway(hall.socket) as two:
            last = await one.set_the_stage()
            await asyncio.gather(
                *(one.give(order(), f"one-{at}", SELLER) for at in range(100)),
                *(two.give(order(Side.BUY, "100.00"), f"two-{at}", BUYER) for at in range(100)),
                # The same id from both doors is one command.
                one.give(credit(), "both"),
                two.give(credit(), "both"),
            )
            # 200 orders, and one credit with its follow-up.
            await until(lambda: one.numbers[-1:] == two.numbers[-1:] == [last + 202])
            assert one.numbers == two.numbers == list(range(1, last + 203))
        hall.verify()

    run(scene())


def test_a_core_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """It hangs, its socket stays open: the outcome is unknown, and the gateway tries again by itself."""

    async def scene() -> None:
        path = tmp_path / "core.sock"
        silent = sockets.socket(sockets.AF_UNIX)
        async with Hall(tmp_path / "data", socket=path) as hall:
            heard = Heard(path, silence_seconds=0.6)
            await heard.exchange.start()
            # From now on nothing is read from it, as with a stopped process.
            connection = next(iter(hall.server._connections))
            connection._transport.pause_reading()
            with pytest.raises(OutcomeUnknown):
                await heard.give(credit(), "c-1")
            await until(lambda: heard.doors[-1] is True)
            assert (await heard.give(credit(), "c-1")).number == 1
            await heard.exchange.close()
        silent.close()

    run(scene())


def test_a_listener_that_fails_ends_the_gateway_and_not_the_core(tmp_path: Path) -> None:
    """A gap in what it knows would be worse than none (exit code 5)."""

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as heard:

            def fail(news: News) -> None:
                if isinstance(news, Records):
                    raise ZeroDivisionError

            heard.exchange.follow(fail)
            giving = asyncio.ensure_future(heard.give(credit(), "c-1"))
            with pytest.raises(Exception, match="ZeroDivisionError") as fault:
                await asyncio.wait_for(heard.exchange.ended, 10)
            assert getattr(fault.value, "exit_code", None) == 5
            giving.cancel()
            async with gateway(hall.socket) as other:
                assert (await other.give(credit(), "c-2")).number == 2

    run(scene())


def test_a_follower_that_fails_ends_the_core(tmp_path: Path) -> None:
    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with Hall(tmp_path / "data") as hall:
            local = LocalExchange(hall.core)

            def fail(news: News) -> None:
                if isinstance(news, Records):
                    raise ZeroDivisionError

            local.follow(fail)
            await local.start()
            giving = asyncio.ensure_future(local.submit(SELLER, "test", "c-1", order()))
            with pytest.raises(Exception, match="ZeroDivisionError") as fault:
                await asyncio.wait_for(hall.core.ended, 10)
            assert getattr(fault.value, "exit_code", None) == 5
            await local.close()
            with pytest.raises(OutcomeUnknown):
                await giving

    run(scene())


def test_the_socket_is_its_owners_alone_and_a_dead_ones_is_replaced(tmp_path: Path) -> None:
    async def scene() -> None:
        left = sockets.socket(sockets.AF_UNIX)
        left.bind(str(tmp_path / "core.sock"))
        left.close()
        before = os.umask(0)
        os.umask(before)
        async with Hall(tmp_path / "data") as hall:
            assert hall.socket.stat().st_mode & 0o777 == 0o600
            async with gateway(hall.socket):
                pass
        assert not hall.socket.exists()

    run(scene())


async def _reluctant(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection with room for few bytes, read by hand."""
    raw = sockets.socket(sockets.AF_UNIX)
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    raw.connect(str(path))
    raw.setblocking(False)
    return await asyncio.open_unix_connection(sock=raw, limit=1_024)


def _number(raw: msgspec.Raw) -> int:
    from kirmash.messages import codec

    return codec.decode_record(raw).number


async def _next_records(reader: asyncio.StreamReader, frames: link.Frames) -> msgspec.Raw:
    async with asyncio.timeout(10):
        while True:
            for data in frames.feed(await reader.read(1 << 16)):
                message = link.from_core.decode(data)
                if isinstance(message, Records):
                    return message.records[0]
