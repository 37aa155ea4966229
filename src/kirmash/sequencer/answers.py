"""What a client is told: the answer to a numbered command, or why a command was not numbered.

A business reject is an answer, not a refusal: it has a number and its event. Only OutcomeUnknown leaves open whether
the command was numbered; all other refusals mean that it was not, and use up nothing.
"""

import typing
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.messages.codec import Record
from kirmash.messages.commands import MARKET_COMMANDS, OFFICE_COMMANDS, Command
from kirmash.messages.limits import COMMAND_BYTES_MAX, FRAME_BYTES_MAX
from kirmash.messages.units import Time


class Answer(Struct, frozen=True):
    """A command's number and time, and its events in canonical bytes; durable. A repeated command gets the same."""

    number: int
    time: Time
    events: msgspec.Raw


class Refused(Exception):
    """The command was not numbered; `code` is for programs, the text for people."""

    code = "refused"


class Busy(Refused):
    """Too many commands are waiting; try again with the same id."""

    code = "busy"


class Unavailable(Refused):
    """The doors are closed: starting, stopping, or the storage does not take writes."""

    code = "unavailable"


class OutcomeUnknown(Refused):
    """The command may or may not be durable; repeating it with the same id is safe and tells."""

    code = "outcome_unknown"


class IdReused(Refused):
    """The actor used this client id for another command; `field` is the first field that differs."""

    code = "id_reused"

    def __init__(self, client_id: str, field: str) -> None:
        super().__init__(f"client id {client_id} was used before with another {field}")
        self.field = field

    @classmethod
    def of(cls, text: str, field: str) -> "IdReused":
        """One that another process made."""
        made = cls("", field)
        made.args = (text,)
        return made


class RefusedFault(Refused):
    """This client id made the exchange fail more than once; the operator has to look at it first (PS-9)."""

    code = "internal_fault"


class TooLarge(Refused):
    """The command has more bytes than one may have (PS-9); `size` and `limit` count its canonical encoding."""

    code = "too_large"
    rule = "PS-9"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the command has {size} bytes, {limit} is the most ({self.rule})")
        self.size = size
        self.limit = limit


class NoticeTooShort(Refused):
    """A session's return is announced later than the exchange's notice asks for (PS-11.3); `earliest` is the first
    `resume_at` that would be taken at the time of this command."""

    code = "notice_too_short"
    rule = "PS-11.3"

    def __init__(self, earliest: Time, notice_seconds: int) -> None:
        super().__init__(f"resume_at has to be {notice_seconds} seconds after the announcement or later ({self.rule})")
        self.earliest = earliest


class NotFromOutside(Refused):
    """Only the exchange itself gives this command."""

    code = "actor_may_not"


def _holds_list(kind: type[Struct]) -> bool:
    hints = typing.get_type_hints(kind).values()
    return any(typing.get_origin(hint) is tuple and typing.get_args(hint)[-1] is ... for hint in hints)


_WITH_LISTS: Final = frozenset(kind for kind in (*OFFICE_COMMANDS, *MARKET_COMMANDS) if _holds_list(kind))


def answer_of(record: Record) -> Answer:
    """The answer that a record holds."""
    return Answer(record.number, record.time, record.events)


def too_large(kind: type[Struct], size: int) -> TooLarge | None:
    """Why a command of this class and of so many bytes is not taken: one with a list may fill a frame, any other has
    4 KiB, which only text beyond its own limit can exceed (PS-9, PS-13.24)."""
    limit = FRAME_BYTES_MAX if kind in _WITH_LISTS else COMMAND_BYTES_MAX
    return TooLarge(size, limit) if size > limit else None


def first_difference(given: Command, stored: Command) -> str | None:
    """The first field in which two commands differ, by its name in JSON; `command` for another one; None if none."""
    if type(given) is not type(stored):
        return "command"
    for field in given.__struct_fields__:
        if getattr(given, field) != getattr(stored, field):
            return field.removesuffix("_")
    return None


def refusal_of(code: str, text: str, field: str | None) -> Refused:
    """A refusal that came from another process; what is known of it is its code, its text and the field."""
    if code == IdReused.code and field is not None:
        return IdReused.of(text, field)
    kind = _REFUSALS.get(code, Refused)
    refused = kind.__new__(kind)
    Exception.__init__(refused, text)
    refused.code = code
    return refused


_REFUSALS: Final[dict[str, type[Refused]]] = {
    kind.code: kind
    for kind in (Busy, Unavailable, OutcomeUnknown, RefusedFault, NotFromOutside, TooLarge, NoticeTooShort)
}
