"""What a client is told: the answer to a numbered command, or why a command was not numbered.

A business reject is an answer, not a refusal: it has a number and its event. Only OutcomeUnknown leaves open whether
the command was numbered; all other refusals mean that it was not, and use up nothing.
"""

import msgspec
from msgspec import Struct

from kirmash.messages.codec import Record
from kirmash.messages.commands import Command
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


class RefusedFault(Refused):
    """This client id made the exchange fail more than once; the operator has to look at it first (PS-9)."""

    code = "internal_fault"


class NotFromOutside(Refused):
    """Only the exchange itself gives this command."""

    code = "actor_may_not"


def answer_of(record: Record) -> Answer:
    """The answer that a record holds."""
    return Answer(record.number, record.time, record.events)


def first_difference(given: Command, stored: Command) -> str | None:
    """The first field in which two commands differ, by its name in JSON; `command` for another one; None if none."""
    if type(given) is not type(stored):
        return "command"
    for field in given.__struct_fields__:
        if getattr(given, field) != getattr(stored, field):
            return field.removesuffix("_")
    return None
