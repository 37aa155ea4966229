"""“May I trade in this session?”: every condition of an order's way in, with yes or no, its rule, and what to do.

Judged by what the views, the board and identity say now, for people to find out before they send an order; the market
judges again when it comes. What stands here is one's own participant and public data only.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.gateway.services import Services
from kirmash.identity import Role, Who
from kirmash.identity.switches import stops
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Reason
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.room import Mine, mine_of
from kirmash.web.ticket import SIDES
from kirmash.web.timeline import Timeline, timeline_of
from kirmash.web.words import Words

PATH: Final = "/account/may-i-trade/{session}"
ALWAYS: Final = frozenset({"INTAKE"})
TRADING: Final = "TRADING"
KILL_SWITCH_RULE: Final = "TRD-04"


class Condition(Struct, frozen=True, kw_only=True):
    """One condition. `name` is its text's key; `detail` says what was found; `help` is a place of the rejects' page."""

    name: str
    met: bool
    detail: str
    rule: str
    help: str | None = None


class Found(Struct, frozen=True, kw_only=True):
    """What is known of participant and session."""

    who: Who
    mine: Mine
    traders: list[rows.Trader]
    accounts: list[rows.Account]
    session: rows.Session
    rates: list[rows.SessionDeposit]
    currencies: list[str]
    timeline: Timeline
    stopped: bool
    doors_open: bool


def conditions_of(words: Words, it: Found) -> list[Condition]:
    """In the order in which an order meets them."""
    card = it.mine.participant
    return [
        _of(Reason.NOT_ADMITTED, "doors", it.doors_open, rule="PS-9"),
        _of(Reason.NOT_ADMITTED, "accredited", card.accredited),
        _of(Reason.NOT_ADMITTED, "suspended", not card.suspended, card.suspended_for or ""),
        _of(Reason.NOT_ADMITTED, "effective", card.effective is not None, rule="PS-7.3"),
        *[_permission(words, it, side) for side in SIDES],
        _authority(words, it),
        _phase(words, it),
        *[_deposit(words, it, currency) for currency in it.currencies],
        _of(Reason.AUTHORITY_MISSING, "kill_switch", not it.stopped, rule=KILL_SWITCH_RULE),
    ]


def is_open_to(conditions: list[Condition], side: str) -> bool:
    """Whether an order of this side would find every door open; money is enough in any of the currencies."""
    money = [it.met for it in conditions if it.name == "deposit"]
    other = "permission.sell" if side == "buy" else "permission.buy"
    return (any(money) or not money) and all(it.met for it in conditions if it.name not in ("deposit", other))


def _of(reason: Reason, name: str, met: bool, detail: str = "", rule: str | None = None) -> Condition:
    return Condition(
        name=name,
        met=met,
        detail=detail,
        rule=rule or EXPLANATIONS[reason].rule,
        help=None if rule is not None else reason.text,
    )


def _permission(words: Words, it: Found, side: str) -> Condition:
    given = any(
        one.section == it.session.section and one.purpose == it.session.purpose and one.side == side
        for one in it.mine.permissions
    )
    detail = f"{words.section(it.session.section)}, {words.purpose(it.session.purpose)}, {words.text(f'side.{side}')}"
    return _of(Reason.NOT_ADMITTED, f"permission.{side}", given, detail, rule="ACC-06")


def _authority(words: Words, it: Found) -> Condition:
    """A trader's own authority; an administrator sees whether anybody can trade for the company."""
    active = [one.trader for one in it.traders if one.active]
    if it.who.role is Role.TRADER:
        return _of(Reason.AUTHORITY_MISSING, "authority", it.who.trader in active, it.who.trader or "")
    return _of(Reason.AUTHORITY_MISSING, "authority", bool(active), ", ".join(active[:10]) or words.text("common.no"))


def _phase(words: Words, it: Found) -> Condition:
    phase, session = it.timeline.phase, it.session
    takes = phase in ALWAYS or (phase == TRADING and (session.mechanism == "cdca" or session.late_entry))
    return _of(Reason.PHASE_FORBIDS, "phase", takes, words.phase(phase))


def _deposit(words: Words, it: Found, currency: str) -> Condition:
    """Whether any account of the currency has as much as the least order of either side secures."""
    accounts = [one for one in it.accounts if one.currency == currency]
    rates = [one for one in it.rates if one.currency == currency and one.resident == it.mine.participant.resident]
    needed = min((Decimal(one.floor) for one in rates), default=Decimal(0))
    asked = len({one.side for one in rates if one.rate_ppm or Decimal(one.floor) > 0}) == len(SIDES)
    met = not asked or any(Decimal(one.free) >= needed and Decimal(one.free) > 0 for one in accounts)
    free = [
        f"{words.figure(one.free)} {currency}" + (f" ({one.client})" if one.client else "") for one in accounts[:20]
    ] or [f"0 {currency}"]
    detail = words.text("may.deposit_free", free="; ".join(free))
    if needed:
        detail += "; " + words.text("may.deposit_needed", needed=f"{words.figure(f'{needed:f}')} {currency}")
    return _of(Reason.DEPOSIT_SHORT, "deposit", met, detail)


def _ask(queries: Queries, who: Who, session: str) -> dict[str, Any] | None:
    participant = who.participant or ""
    mine = mine_of(queries, participant)
    found = queries.sessions(session=session, limit=1).rows
    if mine is None or not found:
        return None
    lines = queries.session_instruments(session, limit=LIMIT_MAX).rows
    return {
        "mine": mine,
        "traders": queries.traders(scope=participant, limit=LIMIT_MAX).rows,
        "accounts": queries.accounts(scope=participant, limit=LIMIT_MAX).rows,
        "session": found[0],
        "rates": queries.session_deposits(session),
        "currencies": sorted({line.currency for line in lines}),
    }


def conditions_routes(services: Services, rendering: Rendering, common: Callable[[Who], dict[str, Any]]) -> list[Route]:
    """The page. `common`: what every page of the account is given."""

    async def page(call: Call) -> Response:
        who, session = call.caller, call.path["session"]
        if who.participant is None:
            raise missing("participant")
        try:
            timeline = timeline_of(services.feed.board.session(session))
        except KeyError:
            raise missing("session") from None
        asked = await read(lambda: _ask(services.queries, who, session))
        if asked is None:
            raise missing("session")
        on = services.identity.switches(participant=who.participant, only_on=True)
        found = Found(
            who=who,
            timeline=timeline,
            stopped=stops([(it.kind, it.subject) for it in on], who) is not None,
            doors_open=services.feed.doors.open,
            **asked,
        )
        conditions = conditions_of(rendering.words[call.language], found)
        verdicts = [(side, is_open_to(conditions, side)) for side in SIDES]
        return rendering.page(
            call, "account/may.html", it=timeline, conditions=conditions, verdicts=verdicts, **common(who)
        )

    return [
        Route(
            method="GET",
            path=PATH,
            rule=Rule.PARTICIPANT,
            handler=page,
            summary="May I trade in this session?",
            tag="pages",
            query=PageQuery,
            by_session=True,
            media_type=PAGE,
        )
    ]
