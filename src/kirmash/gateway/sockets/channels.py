"""What is told to many: public channels with their last updates, and the recent private lines of each participant.

Each update is encoded once for each format, when somebody reads it, and framed once; subscribers get the same bytes.
Channel numbers are the board's (EN-5) and have no gaps; who was left out gets a snapshot. Belongs to the event loop.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, Protocol

from msgspec import UNSET
from msgspec.structs import replace

from kirmash.gateway.feed import Feed, Told
from kirmash.gateway.feed import Own as OwnLines
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.sockets.wire import BINARY, TEXT, framed
from kirmash.messages.kinds import Phase
from kirmash.messages.times import text_from_time
from kirmash.protocol import ws
from kirmash.protocol.ws import Format
from kirmash.publication.updates import PublicUpdate

FORMATS: Final = tuple(Format)
PIECE_LINES: Final = 100
"""Private lines that go out as one message at most, unless they are of one record."""
ENDS: Final = frozenset({"phase_changed", "session_cancelled"})
"""Updates with which a session may end."""
_OPCODES: Final = {Format.JSON: TEXT, Format.MSGPACK: BINARY}


def frame_of(message: ws.Said, form: Format) -> bytes:
    """A message as it goes over a wire."""
    return framed(ws.encode(message, form), _OPCODES[form])


class Prepared:
    """A message for many: its frame in each format, made when it is first wanted; so is a message given as a function.

    `count` is how many lines it has.
    """

    __slots__ = ("_frames", "_message", "count", "number")

    def __init__(self, number: int, message: ws.Said | Callable[[], ws.Said], count: int = 1) -> None:
        self.number: Final = number
        self.count: Final = count
        self._message = message
        self._frames: dict[Format, bytes] = {}

    @property
    def message(self) -> ws.Said:
        """The message itself."""
        if not isinstance(self._message, ws.Said):
            self._message = self._message()
        return self._message

    @message.setter
    def message(self, message: ws.Said) -> None:
        self._message = message

    def frame(self, form: Format) -> bytes:
        """The frame in a format."""
        made = self._frames.get(form)
        if made is None:
            made = self._frames[form] = frame_of(self.message, form)
        return made


class Key(NamedTuple):
    """A public channel: a session's own without an instrument; that of all sessions without either."""

    session: str | None
    instrument: str | None


ALL_SESSIONS: Final = Key(None, None)


class Reader(Protocol):
    """Who follows a channel."""

    def updated(self, key: Key, frames: bytes, count: int) -> None:
        """New updates, in one piece."""
        ...

    def told(self, participant: str, message: Prepared) -> None:
        """New private lines."""
        ...

    def restarted(self) -> None:
        """All was made anew: numbers may have jumped."""
        ...


class _Keeper(Protocol):
    """Who keeps what may be asked for again, by rising numbers."""

    def forget(self, number: int) -> None:
        """What was kept with this number, if it still is, and is the oldest."""
        ...


class _Order:
    """The order in which many kept something, so that of all together the oldest is forgotten first."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._entries: Final[deque[tuple[_Keeper, int]]] = deque()

    def kept(self, keeper: _Keeper, number: int) -> None:
        """One thing more; the oldest of all is forgotten where they are too many. Who forgot by himself is passed."""
        self._entries.append((keeper, number))
        if len(self._entries) > self._most:
            oldest, its_number = self._entries.popleft()
            oldest.forget(its_number)

    def clear(self) -> None:
        """Nothing is kept any more."""
        self._entries.clear()


class _Channel:
    __slots__ = ("kept", "key", "number", "readers", "snapshot", "snapshot_at")

    def __init__(self, key: Key, number: int) -> None:
        self.key: Final = key
        self.number = number
        self.kept: Final[deque[Prepared]] = deque()
        # By format, in the order in which they came.
        self.readers: Final[dict[Format, dict[Reader, None]]] = {form: {} for form in FORMATS}
        self.snapshot: Prepared | None = None
        self.snapshot_at: tuple[int, int] = (-1, -1)

    @property
    def is_read(self) -> bool:
        return any(self.readers.values())

    def forget(self, number: int) -> None:
        if self.kept and self.kept[0].number == number:
            self.kept.popleft()


class PublicChannels:
    """All public channels of the board."""

    def __init__(self, feed: Feed, limits: SocketLimits) -> None:
        self._feed: Final = feed
        self._limits: Final = limits
        self._channels: Final[dict[Key, _Channel]] = {}
        self._order: Final = _Order(limits.kept_updates_of_all)
        # The channels of each session with updates; the sessions that ended last.
        self._of_session: Final[dict[str, list[_Channel]]] = {}
        self._ended: Final[deque[str]] = deque()

    def follow(self, key: Key, form: Format, reader: Reader) -> None:
        """From now on. Raises KeyError for a channel that the board does not have."""
        self._channel(key).readers[form][reader] = None

    def unfollow(self, key: Key, form: Format, reader: Reader) -> None:
        """Not any more."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.readers[form].pop(reader, None)

    def since(self, key: Key, number: int, form: Format) -> bytes | None:
        """The frames of the updates above a number; None if they are no longer, or not yet, at hand."""
        channel = self._channel(key)
        if number == channel.number:
            return b""
        if key == ALL_SESSIONS or not channel.kept or not channel.kept[0].number - 1 <= number < channel.number:
            return None
        return b"".join(kept.frame(form) for kept in channel.kept if kept.number > number)

    def number(self, key: Key) -> int:
        """The channel's last number; 0 for that of all sessions. Raises KeyError."""
        return self._channel(key).number

    def snapshot(self, key: Key, form: Format, *, conflated: bool = False) -> bytes:
        """The frame of the channel as it stands. Raises KeyError."""
        if conflated:
            return frame_of(self._made(key, conflated=True), form)
        channel = self._channel(key)
        own = 0 if key.session is None else self._feed.board.session(key.session).number
        stands_at = (self._feed.number if key.session is None else channel.number, own)
        if channel.snapshot is None or channel.snapshot_at != stands_at:
            channel.snapshot = Prepared(channel.number, self._made(key, conflated=False))
            channel.snapshot_at = stands_at
        return channel.snapshot.frame(form)

    def publish(self, updates: Iterable[PublicUpdate]) -> None:
        """Tell a commit's updates."""
        fresh: dict[_Channel, list[Prepared]] = {}
        for update in updates:
            key = Key(update.session, update.instrument)
            channel = self._channels.get(key)
            if channel is None:
                channel = self._new(key, update.number)
            prepared = Prepared(update.number, _message(update))
            channel.number = update.number
            channel.kept.append(prepared)
            self._order.kept(channel, update.number)
            if len(channel.kept) > self._limits.kept_updates:
                channel.kept.popleft()
            if update.event in ENDS and _has_ended(update):
                self._ended.append(update.session)
            fresh.setdefault(channel, []).append(prepared)
            if update.instrument is None and ALL_SESSIONS in self._channels:
                fresh.setdefault(self._channels[ALL_SESSIONS], []).append(prepared)
        for channel, prepared_ones in fresh.items():
            if channel.is_read:
                self._tell(channel, prepared_ones)
        while len(self._ended) > self._limits.kept_ended:
            self._forget_session(self._ended.popleft())

    def restart(self) -> None:
        """Forget what was kept, because numbers may have jumped; readers stay."""
        self._order.clear()
        self._ended.clear()
        for key, channel in tuple(self._channels.items()):
            channel.kept.clear()
            channel.snapshot = None
            try:
                channel.number = self._number_now(key)
            except KeyError:
                del self._channels[key]
        self._of_session.clear()
        for key, channel in self._channels.items():
            if key.session is not None:
                self._of_session.setdefault(key.session, []).append(channel)

    def _tell(self, channel: _Channel, updates: list[Prepared]) -> None:
        key = channel.key
        if key.session is not None and key.instrument is not None:
            checksum = self._feed.board.checksum(key.session, key.instrument)
            updates[-1].message = replace(updates[-1].message, checksum=checksum)
        for form, readers in channel.readers.items():
            if readers:
                frames = b"".join(update.frame(form) for update in updates)
                for reader in tuple(readers):
                    reader.updated(key, frames, len(updates))

    def _forget_session(self, session: str) -> None:
        """Nothing more happens there: who still reads keeps his place, and who comes gets a snapshot."""
        read = []
        for channel in self._of_session.pop(session, ()):
            channel.kept.clear()
            if channel.is_read:
                read.append(channel)
            else:
                self._channels.pop(channel.key, None)
        if read:
            self._of_session[session] = read

    def _channel(self, key: Key) -> _Channel:
        channel = self._channels.get(key)
        return self._new(key, self._number_now(key)) if channel is None else channel

    def _new(self, key: Key, number: int) -> _Channel:
        channel = self._channels[key] = _Channel(key, number)
        if key.session is not None:
            self._of_session.setdefault(key.session, []).append(channel)
        return channel

    def _number_now(self, key: Key) -> int:
        if key.session is None:
            return 0
        if key.instrument is None:
            return self._feed.board.session(key.session).number
        return self._feed.board.snapshot(key.session, key.instrument).number

    def _made(self, key: Key, *, conflated: bool) -> ws.Said:
        board = self._feed.board
        if key.session is None:
            return ws.Sessions(sessions=board.sessions(), conflated=conflated)
        if key.instrument is None:
            session = board.session(key.session)
            return ws.Snapshot(
                channel="session",
                session=key.session,
                number=session.number,
                conflated=conflated,
                snapshot=session,
            )
        book = board.snapshot(key.session, key.instrument)
        return ws.Snapshot(
            channel="market",
            session=key.session,
            instrument=key.instrument,
            number=book.number,
            conflated=conflated,
            snapshot=book,
        )


def _has_ended(update: PublicUpdate) -> bool:
    """Whether this is the end of a session."""
    return update.event == "session_cancelled" or update.fields["to"] == Phase.CLOSED.name


def _message(update: PublicUpdate) -> ws.Update:
    return ws.Update(
        channel="session" if update.instrument is None else "market",
        session=update.session,
        instrument=UNSET if update.instrument is None else update.instrument,
        number=update.number,
        at=text_from_time(update.at),
        event=update.event,
        fields=update.fields,
    )


class _Own:
    __slots__ = ("floor", "kept", "lines", "readers")

    def __init__(self, floor: int) -> None:
        # Lines at or below it are no longer at hand.
        self.floor = floor
        self.kept: Final[deque[Prepared]] = deque()
        self.lines = 0
        self.readers: Final[dict[Reader, None]] = {}

    def forget(self, number: int) -> None:
        if self.kept and self.kept[0].number == number:
            self.forget_oldest()

    def forget_oldest(self) -> None:
        oldest = self.kept.popleft()
        self.floor = oldest.number
        self.lines -= oldest.count


class PrivateChannels:
    """The recent private lines of every participant."""

    def __init__(self, feed: Feed, limits: SocketLimits) -> None:
        self._feed: Final = feed
        self._limits: Final = limits
        self._began = feed.number
        self._own: Final[dict[str, _Own]] = {}
        self._order: Final = _Order(limits.kept_private_of_all)

    def follow(self, participant: str, reader: Reader) -> None:
        """From now on."""
        self._of(participant).readers[reader] = None

    def unfollow(self, participant: str, reader: Reader) -> None:
        """Not any more."""
        if participant in self._own:
            self._own[participant].readers.pop(reader, None)

    def since(self, participant: str, after: int) -> list[Prepared] | None:
        """What was told above a journal number; None if some of it is no longer at hand."""
        own = self._of(participant)
        if after < own.floor:
            return None
        return [_above(kept, after) for kept in own.kept if kept.number > after]

    def publish(self, told: Told) -> None:
        """Tell a commit's lines."""
        for participant, lines in told.private.items():
            own = self._of(participant)
            # What is read from the journal comes by the thousand; kept as one, it would be forgotten as one.
            for piece in lines.split() if lines.count > PIECE_LINES else (lines,):
                prepared = Prepared(piece.number, _private(participant, piece), piece.count)
                own.kept.append(prepared)
                own.lines += piece.count
                self._order.kept(own, piece.number)
                while own.lines > self._limits.kept_private:
                    own.forget_oldest()
                for reader in tuple(own.readers):
                    reader.told(participant, prepared)

    def restart(self) -> None:
        """Forget what was kept; readers stay."""
        self._began = self._feed.number
        self._order.clear()
        for own in self._own.values():
            own.kept.clear()
            own.lines = 0
            own.floor = self._began

    def _of(self, participant: str) -> _Own:
        own = self._own.get(participant)
        if own is None:
            own = self._own[participant] = _Own(self._began)
        return own


def _private(participant: str, own: OwnLines) -> Callable[[], ws.Said]:
    return lambda: ws.Private(participant=participant, number=own.number, lines=own.lines)


def _above(prepared: Prepared, after: int) -> Prepared:
    """What of a commit's lines is above a number, if the client has some of them already."""
    message: Any = prepared.message
    if message.lines[0]["number"] > after:
        return prepared
    lines = [line for line in message.lines if line["number"] > after]
    return Prepared(prepared.number, ws.Private(participant=message.participant, number=prepared.number, lines=lines))
