"""One client on the WebSocket: who he is, what he follows, what he wants, and what becomes of it all when he goes.

Messages are taken in the order in which they came. Whatever is not a command is answered at once; commands are gathered
for a turn of the event loop and given by one task. What a client may say stands in `table`, and is judged here, once.
"""

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import structlog
from msgspec import UNSET

from kirmash.gateway.app import language_for
from kirmash.gateway.problems import cure_in, said_in
from kirmash.gateway.routes import Rule
from kirmash.gateway.services import Services
from kirmash.gateway.sockets.channels import ALL_SESSIONS, Key, Prepared, PrivateChannels, PublicChannels, frame_of
from kirmash.gateway.sockets.giving import Giving, answer_to, in_language, shape_refusal
from kirmash.gateway.sockets.guard import Guard
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.sockets.reading import BadMessage, Commands, read
from kirmash.gateway.sockets.table import MESSAGES, Row, allows, row_of
from kirmash.gateway.sockets.wire import Wire
from kirmash.identity import Denied, Who
from kirmash.messages.times import text_from_time
from kirmash.protocol import ws
from kirmash.protocol.shapes import ShapeError
from kirmash.protocol.ws import Format

SILENT: Final = 4000
TOO_MANY_MISTAKES: Final = 4001
NO_LONGER_SIGNED_IN: Final = 4003
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011

MISSED_QUERIES: Final = ("order-events", "statement")
"""The views that give the lines above a number which are no longer at hand here: what befell orders and accounts."""
RESYNC_QUERIES: Final = ("orders", "deals", "contracts", "accounts", "withdrawals")
"""The views that give the state after them, for who needs no more."""

_log: Final = structlog.get_logger("websocket")


class Shared(NamedTuple):
    """What all connections have in common."""

    services: Services
    limits: SocketLimits
    public: PublicChannels
    private: PrivateChannels
    guard: Guard
    gone: Callable[["Connection"], None]
    armed: set["Connection"]
    """Whose dead man's switch runs; it goes on running when the connection is over."""


class _Mistake(Exception):
    """A message that is not taken: code, text, field, rule, cure."""

    def __init__(self, code: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.shown: dict[str, Any] = {"code": code, "text": text, **more}


class Connection:
    """A client behind a wire."""

    def __init__(self, shared: Shared, wire: Wire, form: Format, who: Who | None, asked: str | None) -> None:
        """`asked`: the language that the upgrade asked for, if it did; else it is the login's."""
        self._shared = shared
        self._wire = wire
        self._form = form
        self.who = who
        self._nonce = secrets.token_urlsafe(24)
        self._asked = asked
        self._giving = Giving(shared.services, language_for(asked, who))
        self._loop = asyncio.get_running_loop()
        self._subscriptions: set[Key] = set()
        # By participant, the last journal number that the client is known to have.
        self._followed: dict[str, int] = {}
        self._mistakes = 0
        self._frames: list[Commands] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._placed_in: set[str] = set()
        self._cancels_on_disconnect = False
        self._switch: asyncio.TimerHandle | None = None
        self.heard_at = self.sent_at = self._pinged_at = self._loop.time()

    # From the wire -------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Say who we are, and what is to be signed for a login."""
        services, limits = self._shared.services, self._shared.limits
        self._say(
            ws.Hello(
                version=ws.VERSION,
                exchange=services.exchange.exchange_id,
                time=time_now(),
                nonce=self._nonce,
                heartbeat_seconds=max(1, round(limits.heartbeat_seconds)),
                silence_seconds=max(1, round(limits.silence_seconds)),
                who=None if self.who is None else shown_who(self.who),
                number=UNSET if self.who is None else services.feed.number,
            )
        )

    def received(self, data: bytes, *, text: bool) -> None:
        """Take a message."""
        self.heard_at = self._loop.time()
        wish: ws.AnyWish | Commands | None = None
        try:
            if text is not (self._form is Format.JSON):
                kind = "text" if self._form is Format.JSON else "binary"
                raise BadMessage(ShapeError(None, f"{self._form.value} has {kind} frames", "PS-0.2"))
            wish = read(data, self._form)
            if isinstance(wish, Commands):
                self._take_commands(wish)
            else:
                self._take(wish)
        except BadMessage as bad:
            self._refuse(bad.id, bad.op, shape_refusal(bad.error))
        except _Mistake as mistake:
            assert wish is not None
            self._refuse(wish.id, _op_of(wish), mistake.shown)
        else:
            self._mistakes = max(0, self._mistakes - 1)

    def alive(self) -> None:
        """A sign of life without a message."""
        self.heard_at = self._loop.time()

    def caught_up(self) -> None:
        """The reader has read what waited: tell him anew what was left out."""
        wire = self._wire
        for key in sorted(wire.stale, key=str):
            wire.stale.discard(key)
            if isinstance(key, Key) and key in self._subscriptions:
                self._send_snapshot(key, conflated=True)

    def lost(self) -> None:
        """The connection is over, however that came."""
        for key in self._subscriptions:
            self._shared.public.unfollow(key, self._form, self)
        for participant in self._followed:
            self._shared.private.unfollow(participant, self)
        self._frames.clear()
        if self._cancels_on_disconnect:
            self._disarm()
            self._cancel("cancel_on_disconnect")
        self._shared.gone(self)

    # From the keeper -----------------------------------------------------------------------------------------------

    def sweep(self, now: float, heartbeat: Callable[[Format, bool], bytes]) -> None:
        """A moment has passed: see whether the client is still there, and show him that we are."""
        limits = self._shared.limits
        if self._wire.closing:
            return
        if now - self.heard_at > limits.silence_seconds:
            self.close(SILENT, f"no sign of life for {limits.silence_seconds:g} s", "answer pings, or send some")
            return
        if now - self.heard_at > limits.ping_seconds and now - self._pinged_at > limits.ping_seconds:
            self._pinged_at = now
            self._wire.ping()
        if now - self.sent_at >= limits.heartbeat_seconds and self._wire.is_free:
            self._send(heartbeat(self._form, self.who is not None))

    def check_standing(self) -> None:
        """Close the connection if its session or key is no longer good."""
        if self.who is None or self._wire.closing:
            return
        try:
            self._shared.services.identity.check_standing(self.who, use=False)
        except Denied as denied:
            self.close(NO_LONGER_SIGNED_IN, str(denied), denied.cure or None)

    def close(self, code: int, text: str, cure: str | None = None) -> None:
        """Say why, and close."""
        language = self._giving.language
        said = said_in(language, "", text)
        self._say(ws.Closing(code=code, text=said, cure=None if cure is None else cure_in(language, "", cure)))
        self._wire.close(code, text)

    def stop(self) -> None:
        """The gateway ends; a switch that is armed, also by a client that is gone, could not act later: it acts now."""
        if self._switch is not None:
            self._disarm()
            self._cancel("cancel_after")
        self.close(GOING_AWAY, "the exchange's gateway stops", "connect again in a moment and resume by number")

    def abort(self) -> None:
        """End at once."""
        self._wire.abort_if_open()

    # From the channels ---------------------------------------------------------------------------------------------

    def updated(self, key: Key, frames: bytes, count: int) -> None:
        """New updates of a channel."""
        self.sent_at = self._loop.time()
        self._wire.send_public(key, frames, count)

    def told(self, participant: str, message: Prepared) -> None:
        """New private lines; those that the client said to have already are not told again."""
        if message.number > self._followed[participant]:
            self._followed[participant] = message.number
            self._send(message.frame(self._form))

    def restarted(self) -> None:
        """The exchange told its state anew: so do we."""
        for key in sorted(self._subscriptions, key=str):
            self._send_snapshot(key, conflated=True)
        for participant, after in tuple(self._followed.items()):
            self._resync(participant, after)

    # Wishes --------------------------------------------------------------------------------------------------------

    def _take(self, wish: ws.AnyWish) -> None:
        self._judge(row_of(wish))
        match wish:
            case ws.Ping() | ws.AskTime():
                self._answer(wish, {"time": time_now()})
            case ws.Subscribe():
                self._subscribe(wish)
            case ws.Unsubscribe():
                self._unsubscribe(wish)
            case ws.Login():
                self._login(wish)
            case ws.CancelOnDisconnect(on=on):
                self._cancels_on_disconnect = on
                self._answer(wish, {"on": on})
            case ws.CancelAfter(seconds=seconds):
                self._disarm()
                if seconds:
                    self._switch = self._loop.call_later(seconds, self._switched)
                    self._shared.armed.add(self)
                self._answer(wish, {"seconds": seconds})

    def _judge(self, row: Row) -> None:
        if allows(row, self.who):
            return
        if self.who is None:
            raise _Mistake("not_signed_in", "sign in first", cure="log in by an API key, or connect with a session")
        raise _Mistake("forbidden", f"this is for {row.rule.value}")

    def _login(self, wish: ws.Login) -> None:
        if self.who is not None:
            raise _Mistake("conflict", "this connection is signed in", cure="open another one")
        try:
            signature = base64.b64decode(wish.signature, validate=True)
        except binascii.Error:
            raise _Mistake("shape", "signature is not base64", field="signature") from None
        try:
            self.who = self._shared.services.identity.verify_challenge(
                self._nonce, wish.key, wish.created, ws.login_text(self._nonce, wish.created, wish.key), signature
            )
        except Denied as denied:
            raise _Mistake(denied.code, str(denied), cure=denied.cure or None) from None
        self._giving.language = language_for(self._asked, self.who)
        self._answer(wish, {"who": shown_who(self.who), "number": self._shared.services.feed.number})

    # Subscriptions -------------------------------------------------------------------------------------------------

    def _subscribe(self, wish: ws.Subscribe) -> None:
        if wish.channel == "private":
            self._subscribe_private(wish)
            return
        key = _key(wish, self._shared.services)
        if wish.after is not None or wish.participant is not None:
            raise _Mistake("shape", "after and participant go with the private channel", field="after")
        if wish.from_ is not None and key == ALL_SESSIONS:
            raise _Mistake("shape", "the list of sessions has no number to resume from", field="from")
        if key in self._subscriptions:
            raise _Mistake("conflict", "this channel is followed already")
        self._bound_subscriptions()
        public = self._shared.public
        missed = None if wish.from_ is None else public.since(key, wish.from_, self._form)
        self._subscriptions.add(key)
        result: dict[str, Any] = {"channel": wish.channel, "resumed": missed is not None}
        if key != ALL_SESSIONS:
            result["number"] = public.number(key)
        self._answer(wish, result)
        if missed is None:
            self._send_snapshot(key, conflated=False)
        elif missed:
            self._send(missed)
        public.follow(key, self._form, self)

    def _subscribe_private(self, wish: ws.Subscribe) -> None:
        if wish.from_ is not None or wish.session is not None or wish.instrument is not None:
            raise _Mistake("shape", "the private channel takes after, and participant", field="channel")
        participant = self._participant(wish)
        if participant in self._followed:
            raise _Mistake("conflict", "this channel is followed already")
        self._bound_subscriptions()
        now = self._shared.services.feed.number
        after = now if wish.after is None else wish.after
        missed = self._shared.private.since(participant, after)
        self._followed[participant] = after
        self._answer(
            wish,
            {"channel": "private", "participant": participant, "resumed": missed is not None, "number": now},
        )
        if missed is None:
            self._resync(participant, after)
        else:
            # In one piece: what was missed must not be too much for a reader who has only just come.
            if missed:
                self._followed[participant] = missed[-1].number
                self._send(b"".join(message.frame(self._form) for message in missed))
        self._shared.private.follow(participant, self)

    def _resync(self, participant: str, after: int) -> None:
        number = self._shared.services.feed.number
        self._followed[participant] = number
        whose = "" if self.who is not None and self.who.participant else f"participant={quote(participant, safe='')}&"
        missed = [f"/api/v1/{view}?{whose}after={after}&min_number={number}" for view in MISSED_QUERIES]
        states = [f"/api/v1/{view}?{whose}min_number={number}" for view in RESYNC_QUERIES]
        self._say(
            ws.Resync(
                channel="private",
                participant=participant,
                after=after,
                number=number,
                queries=[*missed, *states],
            )
        )

    def _unsubscribe(self, wish: ws.Unsubscribe) -> None:
        if wish.channel == "private":
            participant = self._participant(wish)
            if self._followed.pop(participant, None) is None:
                raise _Mistake("not_found", "this channel is not followed")
            self._shared.private.unfollow(participant, self)
        else:
            key = _key(wish, self._shared.services)
            if key not in self._subscriptions:
                raise _Mistake("not_found", "this channel is not followed")
            self._subscriptions.discard(key)
            self._shared.public.unfollow(key, self._form, self)
        self._answer(wish, {"channel": wish.channel})

    def _participant(self, wish: ws.Subscribe | ws.Unsubscribe) -> str:
        """Whose lines: a participant's own; operators and auditors say whose."""
        who = self.who
        if who is None:
            raise _Mistake("not_signed_in", "sign in first")
        if Rule.AUDIT.allows(who):
            if wish.participant is None:
                raise _Mistake("shape", "say of which participant", field="participant")
            return wish.participant
        if who.participant is None or wish.participant not in (None, who.participant):
            raise _Mistake("forbidden", "these lines are another participant's")
        return who.participant

    def _bound_subscriptions(self) -> None:
        most = self._shared.limits.subscriptions
        if len(self._subscriptions) + len(self._followed) >= most:
            raise _Mistake("too_many", f"a connection follows at most {most} channels", cure="open another connection")

    def _send_snapshot(self, key: Key, *, conflated: bool) -> None:
        try:
            frame = self._shared.public.snapshot(key, self._form, conflated=conflated)
        except KeyError:
            # Only after a restart from older data: there is no such channel any more.
            self._subscriptions.discard(key)
            return
        self.sent_at = self._loop.time()
        self._wire.send_public(key, frame, 1)

    # Commands ------------------------------------------------------------------------------------------------------

    def _take_commands(self, frame: Commands) -> None:
        self._judge(MESSAGES[frame.op])
        self._shared.guard.note(self._placed_in, (item.command for item in frame.items))
        self._waiting += len(frame.items)
        if self._waiting > self._shared.limits.commands_waiting:
            self._wire.take_in(more=False)
        self._frames.append(frame)
        if len(self._frames) == 1:
            task = self._loop.create_task(self._give())
            self._tasks.add(task)
            task.add_done_callback(self._given)

    def _given(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("unforeseen", error=repr(error), exc_info=error)
            self.close(INTERNAL_ERROR, "an error of the exchange; it is in the log")

    async def _give(self) -> None:
        """Give what has gathered since the loop's last turn."""
        frames, self._frames = self._frames, []
        who = self.who
        if not frames or who is None:
            return
        results = await self._giving.give(who, frames)
        answered = list(zip(frames, results, strict=True))
        self._send(b"".join(frame_of(answer_to(*each), self._form) for each in answered))
        for _, outcomes in answered:
            self._waiting -= len(outcomes)
            if all(outcome.get("code") == "shape" for outcome in outcomes):
                self._count_mistake()
        if self._waiting <= self._shared.limits.commands_waiting:
            self._wire.take_in(more=True)

    # The dead man's switch -----------------------------------------------------------------------------------------

    def _disarm(self) -> None:
        if self._switch is not None:
            self._switch.cancel()
            self._switch = None
            self._shared.armed.discard(self)

    def _switched(self) -> None:
        self._disarm()
        task = self._cancel("cancel_after")
        if task is not None:
            task.add_done_callback(self._tell_cancelled)

    def _cancel(self, why: str) -> "asyncio.Task[list[dict[str, Any]]] | None":
        if self.who is None or not self._placed_in:
            return None
        actor = self._shared.services.actor(self.who)
        sessions, self._placed_in = self._placed_in, set()
        return self._shared.guard.cancel(actor, sessions, why)

    def _tell_cancelled(self, task: "asyncio.Task[list[dict[str, Any]]]") -> None:
        if not task.cancelled():
            self._say(ws.Cancelled(why="cancel_after", sessions=task.result()))

    # Saying --------------------------------------------------------------------------------------------------------

    def _answer(self, wish: ws.AnyWish, result: dict[str, Any]) -> None:
        self._say(ws.Answer(id=wish.id, op=_op_of(wish), result=result))

    def _refuse(self, mark: int | str | None, op: str | None, shown: dict[str, Any]) -> None:
        self._say(ws.Error(id=mark, op=op, **in_language(self._giving.language, shown)))
        self._count_mistake()

    def _count_mistake(self) -> None:
        self._mistakes += 1
        if self._mistakes >= self._shared.limits.mistakes:
            self.close(TOO_MANY_MISTAKES, "too many mistakes", "see docs/reference/websocket.md")

    def _say(self, message: ws.Said) -> None:
        self._send(frame_of(message, self._form))

    def _send(self, frame: bytes) -> None:
        self.sent_at = self._loop.time()
        self._wire.send(frame)


def _op_of(wish: ws.AnyWish | Commands) -> str:
    return wish.op if isinstance(wish, Commands) else str(type(wish).__struct_config__.tag)


def _key(wish: ws.Subscribe | ws.Unsubscribe, services: Services) -> Key:
    """The public channel of a wish, which the board has."""
    if wish.channel == "sessions":
        if wish.session is not None or wish.instrument is not None:
            raise _Mistake("shape", "the list of sessions is one", field="session")
        return ALL_SESSIONS
    if wish.session is None:
        raise _Mistake("shape", "is missing", field="session")
    if (wish.instrument is None) is (wish.channel == "market"):
        text = "is missing" if wish.instrument is None else "a session's own channel has no instrument"
        raise _Mistake("shape", text, field="instrument")
    key = Key(wish.session, wish.instrument)
    try:
        instruments = services.feed.board.session(wish.session).instruments
    except KeyError:
        raise _Mistake("not_found", "there is no such session", field="session") from None
    if wish.instrument is not None and wish.instrument not in instruments:
        raise _Mistake("not_found", "the session has no such instrument", field="instrument")
    return key


def time_now() -> str:
    """The clock of the gateway."""
    return text_from_time(divmod(time.time_ns(), 1_000_000_000))


def shown_who(who: Who) -> dict[str, Any]:
    """Who is signed in, by ids only."""
    shown: dict[str, Any] = {"role": str(who.role), "via": who.via, "language": who.language}
    own = {"participant": who.participant, "trader": who.trader, "key": who.key}
    return shown | {name: value for name, value in own.items() if value is not None}
