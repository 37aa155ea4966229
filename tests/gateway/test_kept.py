"""What is kept for those who resume is bounded: of each, of all together, and of sessions that are over."""

from typing import Any, cast

from kirmash.gateway.feed import Feed, Own, Told
from kirmash.gateway.sockets.channels import Key, Prepared, PrivateChannels, PublicChannels
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.protocol.ws import Format
from kirmash.publication.updates import PublicUpdate


def update(session: str, number: int, instrument: str | None = "oak", event: str = "order_rested") -> PublicUpdate:
    fields: dict[str, Any] = {"from": "TRADING", "to": "CLOSED"} if event == "phase_changed" else {"levels": []}
    return PublicUpdate(session, instrument, number, (1, 0), event, fields)


def many(session: str, first: int, last: int, instrument: str | None = "oak") -> list[PublicUpdate]:
    return [update(session, number, instrument) for number in range(first, last + 1)]


class Reads:
    """Somebody who follows."""

    def updated(self, key: Key, frames: bytes, count: int) -> None: ...

    def told(self, participant: str, message: Prepared) -> None: ...

    def restarted(self) -> None: ...


def at_hand(channels: PublicChannels, session: str, number: int, instrument: str | None = "oak") -> bool:
    """Whether what follows this number can be told."""
    return channels.since(Key(session, instrument), number, Format.JSON) is not None


def test_of_all_channels_the_oldest_update_is_forgotten_first() -> None:
    channels = PublicChannels(Feed(), SocketLimits(kept_updates_of_all=4))
    channels.publish(many("a", 1, 3))
    channels.publish(many("b", 1, 3))
    assert [at_hand(channels, "a", number) for number in (0, 1, 2)] == [False, False, True]
    assert at_hand(channels, "b", 0)


def test_a_channel_that_forgot_by_itself_need_not_forget_the_same_again() -> None:
    channels = PublicChannels(Feed(), SocketLimits(kept_updates=2, kept_updates_of_all=6))
    channels.publish(many("a", 1, 4))
    channels.publish(many("b", 1, 2))
    channels.publish(many("c", 1, 2))
    assert at_hand(channels, "a", 2), "the two oldest entries were of what it had forgotten already"
    channels.publish(many("d", 1, 1))
    assert [at_hand(channels, "a", number) for number in (2, 3)] == [False, True]


def test_of_sessions_that_ended_the_last_ones_are_kept() -> None:
    channels = PublicChannels(Feed(), SocketLimits(kept_ended=1))
    reader = Reads()
    for session in ("a", "b"):
        channels.publish(many(session, 1, 3))
        channels.publish(many(session, 1, 2, None))
    channels.follow(Key("a", None), Format.JSON, reader)
    channels.publish([update("a", 3, None, "phase_changed")])
    assert at_hand(channels, "a", 0)
    assert at_hand(channels, "a", 0, None)
    channels.publish([update("b", 3, None, "session_cancelled")])
    assert not at_hand(channels, "a", 2, None), "who comes with a number gets a snapshot"
    assert at_hand(channels, "a", 3, None), "who has all of it misses nothing"
    assert channels._channels.keys() == {Key("a", None), Key("b", "oak"), Key("b", None)}
    assert at_hand(channels, "b", 0, None)
    channels.publish([update("a", 4, None, "deal_annulled")])
    assert at_hand(channels, "a", 3, None), "whoever reads on has no gap"


class Lines:
    """Private lines of one record."""

    count = 1

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [{"number": number}]


def told(channels: PrivateChannels, number: int, *participants: str) -> None:
    private = {name: cast(Own, Lines(number)) for name in participants}
    channels.publish(Told(number, (1, 0), [], private))


def resumed(channels: PrivateChannels, participant: str, after: int) -> list[int] | None:
    found = channels.since(participant, after)
    return None if found is None else [it.number for it in found]


def test_of_all_participants_the_oldest_lines_are_forgotten_first() -> None:
    channels = PrivateChannels(Feed(), SocketLimits(kept_private=2, kept_private_of_all=5))
    for number in (1, 2, 3):
        told(channels, number, "alfa")
    told(channels, 4, "beta")
    told(channels, 5, "beta")
    assert resumed(channels, "alfa", 1) == [2, 3]
    told(channels, 6, "gamma")
    assert resumed(channels, "alfa", 1) == [2, 3], "the oldest entry was of what is forgotten already"
    told(channels, 7, "gamma")
    assert resumed(channels, "alfa", 1) is None
    assert resumed(channels, "alfa", 2) == [3]
    assert resumed(channels, "beta", 0) == [4, 5]
