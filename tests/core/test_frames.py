"""Frames of the link: whole messages come out however the bytes were cut, and what is no message ends a connection.

Neither garbage nor a length beyond reason may harm the core or the connections beside it.
"""

import asyncio
import contextlib
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.messages.kinds import ActorKind
from kirmash.messages.limits import FRAME_BYTES_MAX
from kirmash.protocol import link
from tests.core.hall import Hall, credit, gateway, run


@given(st.lists(st.binary(max_size=400), max_size=20), st.randoms(use_true_random=False))
def test_messages_come_out_whole_however_the_bytes_are_cut(contents: list[bytes], chance: random.Random) -> None:
    stream = b"".join(len(content).to_bytes(4, "big") + content for content in contents)
    frames, found = link.Frames(), []
    while stream:
        size = chance.randint(1, 300)
        found += list(frames.feed(stream[:size]))
        stream = stream[size:]
    assert found == contents


def test_a_length_beyond_reason_is_an_error_before_its_bytes_come() -> None:
    frames = link.Frames(1_000)
    assert list(frames.feed((1_000).to_bytes(4, "big") + bytes(1_000))) == [bytes(1_000)]
    with pytest.raises(link.LinkError, match="1001"):
        list(frames.feed((1_001).to_bytes(4, "big")))


def test_the_largest_command_fits_into_a_frame() -> None:
    assert link.TO_CORE_MAX > FRAME_BYTES_MAX + 4 * 4096


GARBAGE = {
    "noise": b"\x00\x00\x00\x05hello",
    "an unknown tag": b"\x00\x00\x00\x02\x91\x63",
    "a frame of a gigabyte": (1 << 30).to_bytes(4, "big"),
    "no command": link.frame(link.Rehearse(1, ActorKind.OPERATOR, "x", "y", msgspec.Raw(b"\xc0"))),
    "subscribed twice": link.frame(link.Subscribe(0)) * 2,
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_a_connection_that_sends_no_message_is_cut_and_nobody_else(sent: bytes, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as beside:
            reader, writer = await asyncio.open_unix_connection(str(hall.socket))
            writer.write(sent)
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionError):
                    while await reader.read(65536):
                        pass
            writer.close()
            answer = await beside.give(credit(), "c-1")
            assert answer.number == 1
            assert not hall.core.ended.done()

    run(scene())


def test_noise_of_every_kind_does_no_harm(tmp_path: Path) -> None:
    chance = random.Random(20_061_230)

    async def scene() -> None:
        async with Hall(tmp_path / "data") as hall, gateway(hall.socket) as beside:
            whole = link.frame(link.Subscribe(None)) + link.frame(link.AskStatus(3)) + link.frame(link.AskRecord(4, 1))
            for attempt in range(150):
                _, writer = await asyncio.open_unix_connection(str(hall.socket))
                spoilt = bytearray(whole)
                for _ in range(chance.randint(1, 4)):
                    spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
                writer.write(bytes(spoilt[: chance.randint(1, len(spoilt))]))
                if attempt % 2:
                    writer.transport.abort()
                else:
                    writer.close()
            assert (await beside.give(credit(), "c-1")).number == 1
            assert not hall.core.ended.done()

    run(scene())
