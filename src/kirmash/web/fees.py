"""The fee table as a page, and what an order would cost by it.

This exchange charges no fees yet: everything shown here is indicative and says so. The table and its arithmetic are
`kirmash.fees`.
"""

from functools import partial
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response

from kirmash.fees import Deal, Fee, Line
from kirmash.fees.shipped import shipped_table
from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.messages.units import decimals_of, scaled_text
from kirmash.web.catalogue import Named
from kirmash.web.rendering import Rendering
from kirmash.web.tables import Column, Row, TableQuery, exported, table_of
from kirmash.web.timeline import Timeline
from kirmash.web.words import Words

PATH: Final = "/fees"


def _any(prefix: str) -> Any:
    return lambda w, value: w.text("fees.any") if value == "" else w.known(prefix, value)


def _payer(words: Words, value: str) -> str:
    return words.text("fees.any") if value == "" else words.text(f"fees.resident.{value}")


COLUMNS: Final = (
    Column(name="section", label="common.section", words=_any("section"), short=True),
    Column(name="hs", label="fees.hs", kind="code"),
    Column(name="purpose", label="common.purpose", words=_any("purpose"), short=True),
    Column(name="side", label="common.side", kind="side"),
    Column(name="resident", label="fees.residency", words=_payer, short=True),
    Column(name="kind", label="fees.kind", words=lambda w, value: w.text(f"fees.kind.{value}"), short=True),
    Column(name="amount", label="fees.amount", short=True),
    Column(name="rate", label="fees.rate", kind="figure"),
    Column(name="fixed", label="fees.fixed", kind="figure"),
    Column(name="minimum", label="fees.minimum", kind="figure"),
    Column(name="maximum", label="fees.maximum", kind="figure"),
    Column(name="currency", label="common.currency", kind="code"),
    Column(name="valid_from", label="fees.valid_from", kind="day", short=True),
    Column(name="status", label="fees.status", words=lambda w, value: w.text(f"fees.status.{value}"), short=True),
    Column(name="source", label="fees.source"),
)


class FeeShown(Struct, frozen=True, kw_only=True):
    """A fee as the ticket shows it. `amount` is None where no line fits or sums cannot be compared; `why` says which.
    `payable_in` is set where it is due in another currency than it is shown in."""

    side: str
    why: str | None = None
    amount: str | None = None
    currency: str | None = None
    rate: str | None = None
    historic: bool = False
    payable_in: str | None = None


def percent_of(ppm: int) -> str:
    """Parts per million as per cent, as decimal text."""
    text = scaled_text(ppm, 4)
    return text.rstrip("0").rstrip(".")


def amount_of(price: str, quantity: str) -> str:
    """Price times quantity, exactly."""
    value = int(price.replace(".", "")) * int(quantity.replace(".", ""))
    return scaled_text(value, decimals_of(price) + decimals_of(quantity))


def fee_shown(it: Timeline, named: Named | None, side: str, resident: bool, amount: str, day: str) -> FeeShown:
    """The fee of an order's side if it is filled whole in one deal of this amount, which is without VAT (FEE-01)."""
    if named is None or named.card is None or side not in ("buy", "sell"):
        return FeeShown(side=side, why="no_line")
    deal = Deal(
        section=it.section,
        hs=named.card.hs_code,
        purpose=it.purpose,
        side="buy" if side == "buy" else "sell",
        resident=resident,
        amount=amount,
        currency=named.instrument.currency,
        day=day,
    )
    found = shipped_table().fee(deal)
    if not isinstance(found, Fee):
        return FeeShown(side=side, why=found.why)
    return FeeShown(
        side=side,
        amount=found.amount,
        currency=found.currency,
        rate=None if found.line.rate_ppm is None else percent_of(found.line.rate_ppm),
        historic=found.line.status == "historic",
        payable_in=found.payable_in if found.payable_in != found.currency else None,
    )


def _row(words: Words, it: Line) -> Row:
    bounds = []
    if it.above is not None:
        bounds.append(words.text("fees.above", amount=words.figure(it.above)))
    if it.up_to is not None:
        bounds.append(words.text("fees.up_to", amount=words.figure(it.up_to)))
    return {
        "section": it.section or "",
        "hs": it.hs or None,
        "purpose": it.purpose or "",
        "side": it.side,
        "resident": {True: "yes", False: "no", None: ""}[it.resident],
        "kind": it.kind,
        "amount": " ".join(bounds) or words.text("fees.any"),
        "rate": None if it.rate_ppm is None else percent_of(it.rate_ppm),
        "fixed": it.fixed,
        "minimum": it.minimum,
        "maximum": it.maximum,
        "currency": it.currency,
        "valid_from": it.valid_from,
        "status": it.status,
        "source": it.source_ru if words.language == "ru" and it.source_ru else it.source,
    }


def fees_routes(rendering: Rendering) -> list[Route]:
    """The page of the table."""

    async def fees(call: Call) -> Response:
        words = rendering.words[call.language]
        lines = shipped_table().lines
        if call.query.format:
            given = [_row(words, it) for it in lines]
            return await exported(words, call, given, COLUMNS, "fees", call.query.format)
        table = table_of(
            words,
            call.query,
            lines,
            lambda it: _row(words, it),
            name="fees",
            caption="fees.caption",
            columns=COLUMNS,
            empty="fees.empty",
        )
        return rendering.page(call, "fees.html", table=table)

    page = partial(Route, method="GET", rule=Rule.PUBLIC, tag="pages", media_type=PAGE)
    return [page(path=PATH, handler=fees, summary="The fee table", query=TableQuery)]
