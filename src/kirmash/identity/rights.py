"""Whether a `Who` may give a command now: role, scope, kill switches, and whether his means of access still stand.

Invariants: asked before every command, also on a connection that was opened long ago, and therefore quick: what the
database says is remembered until anything in it changes, by this process or another. What is remembered never outlives
a session's or key's own end. Whether market and office allow the command is theirs to say.
"""

import threading
from typing import Final

from kirmash.identity.clock import Clock
from kirmash.identity.errors import MustEnrol, NotAllowed, SessionEnded, Stopped
from kirmash.identity.keys import Keys
from kirmash.identity.sessions import Sessions
from kirmash.identity.storage import Store
from kirmash.identity.switches import Subject, Switches, stops
from kirmash.identity.who import REDUCING, Role, Scope, Who

_FOR_EVER: Final = 2**63
REMEMBERED_MAX: Final = 10_000


class Rights:
    """The judge over commands, with its memory."""

    def __init__(self, store: Store, sessions: Sessions, keys: Keys, switches: Switches) -> None:
        self._store = store
        self._clock: Clock = store.clock
        self._sessions = sessions
        self._keys = keys
        self._switches = switches
        # A verdict found before a change must not be remembered after it.
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        # Until when a `Who` need not be looked up again, if nothing changes.
        self._good_until: dict[Who, int] = {}
        # The same for who only looks on: until when his session runs without any use.
        self._stands_until: dict[Who, int] = {}
        self._on: frozenset[tuple[Subject, str]] = frozenset()

    def check_standing(self, who: Who, *, use: bool = True) -> None:
        """Raises SessionEnded or KeyRefused where session, key or login are no longer good. Without `use` it is no use
        of the session: a stream that nobody looks at would else keep it open for ever."""
        with self._lock:
            self._refresh()
            known = self._good_until if use else self._stands_until
            if self._clock.now() < known.get(who, 0):
                return
            if who.key is not None:
                expires = self._keys.usable(who.key).expires
                until = _FOR_EVER if expires is None else expires
            elif who.session is not None:
                until = self._sessions.use(who.session) if use else self._sessions.look(who.session)
            else:
                raise SessionEnded
            if len(known) >= REMEMBERED_MAX:
                known.clear()
            known[who] = until

    def check_command(self, who: Who, command: str) -> None:
        """Raises NotAllowed, Stopped, SessionEnded, KeyRefused where this one may not give this command now."""
        if who.role not in (Role.TRADER, Role.OPERATOR):
            raise NotAllowed(f"the role {who.role} gives no commands", "use the login of a trader or operator")
        if Scope.COMMANDS not in who.scopes:
            raise NotAllowed("the key may only read", "use a key with the scope commands")
        if who.must_change:
            raise NotAllowed("the one-time password is to be changed first", "choose a password of your own")
        if who.must_enrol:
            raise MustEnrol
        self.check_standing(who)
        stopped = stops(self._on, who)
        if stopped is not None and command not in REDUCING:
            raise Stopped(stopped.value)

    def _refresh(self) -> None:
        stamp = self._store.stamp()
        if stamp == self._stamp:
            return
        self._good_until.clear()
        self._stands_until.clear()
        self._on = frozenset((found.kind, found.subject) for found in self._switches.find(only_on=True))
        self._stamp = stamp
