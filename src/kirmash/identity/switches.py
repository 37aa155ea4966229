"""Kill switches: stop all commands of a participant or of one trader at once, except those that cancel.

Invariants: each side, the participant's own administrator and the exchange's operators, has a switch of its own on each
subject; a subject is stopped while either is on, and nobody lifts the other side's. What stops is durable before it is
told, and every change is a line of history with who, when and why. Which commands a switch lets pass stands in who.py.
"""

import enum
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from kirmash.identity.errors import Denied, NotAllowed
from kirmash.identity.storage import Store
from kirmash.identity.tables import logins, switches
from kirmash.identity.who import CONSOLE, Role, Who

REASON_LENGTH_MAX: Final = 200


class Subject(enum.StrEnum):
    """What a switch stops."""

    PARTICIPANT = "participant"
    TRADER = "trader"


class Side(enum.StrEnum):
    """Whose switch it is."""

    PARTICIPANT = "participant"
    OPERATOR = "operator"


class Switch(Struct, frozen=True):
    """A switch as it stands; `by` is the login's id or `console`, `at` UTC nanoseconds."""

    kind: Subject
    subject: str
    side: Side
    on: bool
    by: str
    at: int
    reason: str


class Switches:
    """The table of switches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, kind: Subject, subject: str, *, on: bool, by: Who | None, reason: str) -> Switch:
        """Set the switch of one's side. `by` None: the console. Raises NotAllowed, Denied."""
        if not 1 <= len(reason) <= REASON_LENGTH_MAX:
            raise Denied("a reason is needed", f"give 1 to {REASON_LENGTH_MAX} characters")
        side = self._side(kind, subject, by)
        actor = CONSOLE if by is None else by.login
        row = {"kind": kind.value, "subject": subject, "side": side.value}
        values = {"on": on, "by": actor, "at": self._store.clock.now(), "reason": reason}
        with self._store.write() as connection:
            written = insert(switches).values(**row, **values)
            connection.execute(written.on_conflict_do_update(index_elements=list(row), set_=values))
            what = "switch_on" if on else "switch_off"
            self._store.note(connection, actor, what, f"{kind.value} {subject}", f"{side.value}: {reason}")
        return Switch(kind, subject, side, on, actor, self._store.clock.now(), reason)

    def _side(self, kind: Subject, subject: str, by: Who | None) -> Side:
        if by is None or by.role is Role.OPERATOR:
            return Side.OPERATOR
        if by.role is Role.PARTICIPANT_ADMIN and by.participant is not None:
            if kind is Subject.PARTICIPANT and subject == by.participant:
                return Side.PARTICIPANT
            own = (logins.c.trader == subject) & (logins.c.participant == by.participant)
            with self._store.read() as connection:
                found = connection.execute(select(logins.c.id).where(own)).first()
            if kind is Subject.TRADER and found is not None:
                return Side.PARTICIPANT
        raise NotAllowed("this kill switch is another's", "an administrator switches his own participant and traders")

    def find(self, *, participant: str | None = None, only_on: bool = False) -> list[Switch]:
        """Switches that were ever set; of one participant and his traders, or all."""
        query = select(switches).order_by(switches.c.kind, switches.c.subject, switches.c.side)
        if only_on:
            query = query.where(switches.c.on)
        if participant is not None:
            traders = select(logins.c.trader).where(logins.c.participant == participant, logins.c.trader.is_not(None))
            query = query.where(
                ((switches.c.kind == Subject.PARTICIPANT.value) & (switches.c.subject == participant))
                | ((switches.c.kind == Subject.TRADER.value) & switches.c.subject.in_(traders))
            )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Switch(Subject(row.kind), row.subject, Side(row.side), row.on, row.by, row.at, row.reason) for row in rows
        ]


def stops(on: Iterable[tuple[Subject, str]], who: Who) -> Subject | None:
    """What of the two stops this one, given the switches that are on."""
    for kind, subject in ((Subject.PARTICIPANT, who.participant), (Subject.TRADER, who.trader)):
        if subject is not None and (kind, subject) in on:
            return kind
    return None
