"""Commands at and beyond their greatest size at the writer's door (PS-9, PS-13.24)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.messages import codec, commands
from kirmash.messages.commands import Command
from kirmash.messages.limits import COMMAND_BYTES_MAX, FRAME_BYTES_MAX
from kirmash.sequencer.answers import TooLarge
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE
from tests.journal.stand_ins import large_card, stand_in

PATIENCE_SECONDS = 30


def card(size: int) -> Command:
    """A card whose attributes fill the command up to so many bytes. The last is longer than doors let through."""

    texts = size // 210 - 4
    return large_card(texts, last=300 + size - len(codec.encode(large_card(texts, last=300))))


def reason(size: int) -> Command:
    """A command without a list, of so many bytes, such as no door lets through."""

    def made(length: int) -> Command:
        return commands.ReinstateParticipant(participant="p", reason="r" * length)

    return made(1_000 + size - len(codec.encode(made(1_000))))


@pytest.mark.parametrize(("made", "most"), [(card, FRAME_BYTES_MAX), (reason, COMMAND_BYTES_MAX)])
def test_a_command_at_its_limit_is_taken_and_beyond_it_uses_up_nothing(
    tmp_path: Path, made: Callable[[int], Command], most: int
) -> None:
    fits, beyond = made(most), made(most + 1)
    assert [len(codec.encode(it)) for it in (fits, beyond)] == [most, most + 1]
    with Folder.create(tmp_path / "data") as folder:
        Journal.create(folder.journal, EXCHANGE).close()
        with Writer(folder, stand_in) as writer:
            refused = writer.submit(codec.OPERATOR, "test", "c-1", beyond).exception(PATIENCE_SECONDS)
            assert isinstance(refused, TooLarge)
            assert (refused.code, refused.rule, refused.size, refused.limit) == ("too_large", "PS-9", most + 1, most)
            assert writer.submit(codec.OPERATOR, "test", "c-1", fits).result(PATIENCE_SECONDS).number == 1
