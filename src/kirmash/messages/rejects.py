"""The closed, ordered list of reject reasons (market-rules PS-0, PS-3).

Numbers are never reused; a new reason takes the next number of its stage. Each has the rule that it enforces and a
text and cure in English and Russian. Which reason applies is decided by market and office, never here.
"""

import enum
from typing import NamedTuple


class Reason(enum.IntEnum):
    """Why a command was refused. The hundreds digit is the stage: existence, rights, terms, money (PS-3.1)."""

    UNKNOWN_ACTOR = 101
    ACTOR_MAY_NOT = 102
    UNKNOWN_SESSION = 103
    UNKNOWN_INSTRUMENT = 104
    UNKNOWN_ORDER = 105
    UNKNOWN_CLIENT = 106
    UNKNOWN_PARTICIPANT = 107
    UNKNOWN_TRADER = 108
    UNKNOWN_CARD = 109
    UNKNOWN_DEAL = 110
    UNKNOWN_WITHDRAWAL = 111
    ALREADY_EXISTS = 112
    NOT_ADMITTED = 201
    CLIENT_NOT_ADMITTED = 202
    AUTHORITY_MISSING = 203
    PHASE_FORBIDS = 204
    PHASE_MOVED_ON = 205
    PHASE_CHANGE_ILLEGAL = 206
    ENTRIES_EXCEEDED = 207
    ORDER_NOT_OPEN = 208
    NOT_OWNER = 209
    CONTRACT_NOT_OPEN = 210
    WITHDRAWAL_NOT_OPEN = 211
    PRICE_OUT_OF_RANGE = 301
    QUANTITY_OUT_OF_RANGE = 302
    VALUE_TOO_LARGE = 303
    PRICE_OFF_GRID = 304
    QUANTITY_OFF_GRID = 305
    BAND_EXCEEDED = 306
    ORDER_TOO_LARGE = 307
    MINIMUM_ABOVE_QUANTITY = 308
    CONDITIONAL_NOT_ALLOWED = 309
    CONDITIONAL_ORDERS_FULL = 310
    TIME_IN_FORCE_NOT_NOW = 311
    UNTIL_NOT_IN_SESSION = 312
    OWN_OPPOSITE_ORDER = 313
    TOTAL_NOT_ABOVE_FILLED = 314
    NO_CHANGE = 315
    NOT_WHOLE_MINOR_UNITS = 316
    TERMS_DISAGREE = 317
    LIMIT_EXCEEDED = 318
    DEPOSIT_SHORT = 401

    @property
    def text(self) -> str:
        """The name on the wire, e.g. `price_off_grid`."""
        return self.name.lower()

    @property
    def stage(self) -> int:
        """1 existence, 2 rights, 3 terms, 4 money."""
        return self.value // 100


class Explanation(NamedTuple):
    """What a reason means to a reader: the rule, the fact and the cure, in each language."""

    rule: str
    text_en: str
    cure_en: str
    text_ru: str
    cure_ru: str
