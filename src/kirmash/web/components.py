"""The components page: every component of the pages in every state, so that a change of style is seen at once.

All values on it are invented. It is made of the same macros and fragments as the pages, never of copies.
"""

from typing import Final

from starlette.responses import Response

from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.publication.updates import BookSnapshot, Indicative, PublicBand
from kirmash.web import columns
from kirmash.web.guidance import PHASE_ORDER
from kirmash.web.live import LEVELS_SHOWN, TapeDeal, rungs_of
from kirmash.web.rendering import Rendering
from kirmash.web.tables import Column, Row, TableQuery, table_of
from kirmash.web.timeline import Step, Timeline

TAG: Final = "pages"

SAMPLE: Final = (
    columns.TIME,
    columns.SIDE,
    Column(name="instrument", label="instrument.id", kind="code", href="href"),
    columns.PRICE,
    columns.QUANTITY,
    columns.PHASE,
)
_BIDS: Final = [("1383.00", "1240", 3, "0"), ("1382.50", "80", 1, "0"), ("1380.00", "12640", 7, "600")]
_ASKS: Final = [("1384.50", "300", 2, "0"), ("1385.00", "9100", 4, "0")]


def sample_timeline(phase: str, resume_at: str | None = None) -> Timeline:
    """An invented session in this phase."""
    names = ("SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED")
    at_phase = "TRADING" if phase == "HALTED" else phase
    position = names.index(at_phase)
    steps = [
        Step(
            name,
            f"2031-03-05T{8 + hour:02}:00:00Z",
            "done" if hour < position else "now" if hour == position else "ahead",
        )
        for hour, name in enumerate(names)
    ]
    following = steps[position + 1] if position + 1 < len(steps) and phase != "HALTED" else None
    return Timeline(
        session="invented-1",
        path="/components",
        section="forest",
        purpose="export",
        mechanism="cdca",
        phase=phase,
        left="TRADING" if phase == "HALTED" else None,
        resume_at=resume_at,
        steps=steps,
        next_phase="TRADING" if resume_at else None if following is None else following.phase,
        next_at=resume_at or (None if following is None else following.at),
        begins=steps[1].at,
        ends=steps[-1].at,
        instruments=["invented-board"],
        number=1,
    )


def sample_book(*, empty: bool = False) -> BookSnapshot:
    """An invented book."""
    return BookSnapshot(
        session="invented-1",
        instrument="invented-board",
        number=1,
        phase="OPENING",
        bids=[] if empty else list(_BIDS),
        asks=[] if empty else list(_ASKS),
        last_price=None if empty else "1383.50",
        band=None if empty else PublicBand("1300.00", "1450.00"),
        indicative=None if empty else Indicative("1384.00", "2600", "-140"),
        checksum=0,
    )


def sample_rows() -> list[Row]:
    """Invented rows with what is long, what is absent and what is negative."""
    return [
        {
            "at": f"2031-03-05T09:{minute:02}:07Z",
            "side": "buy" if minute % 2 else "sell",
            "instrument": "invented-board" if minute else "an-instrument-with-a-rather-long-name-that-wraps",
            "href": "/components" if minute else None,
            "price": None if minute == 2 else f"{1383 + minute}.50",
            "quantity": f"{minute * 125_000 - 125_000}",
            "phase": "TRADING" if minute % 3 else "INTAKE",
        }
        for minute in range(6)
    ]


def components_routes(rendering: Rendering) -> list[Route]:
    """The page."""

    async def components(call: Call) -> Response:
        words = rendering.words[call.language]
        query: TableQuery = call.query
        full, blank = (
            table_of(
                words,
                query,
                given,
                lambda it: it,
                name=name,
                caption="components.table",
                columns=SAMPLE,
                empty="components.table_empty",
            )
            for name, given in (("sample", sample_rows()), ("sample-empty", []))
        )
        deals = [TapeDeal(3, "2031-03-05T09:03:07Z", "1383.50", "1240", "buy"),
                 TapeDeal(2, "2031-03-05T09:02:07Z", "1383.00", "80", "sell"),
                 TapeDeal(1, "2031-03-05T09:00:00Z", "1382.00", "2600", "none")]  # fmt: skip
        return rendering.page(
            call,
            "components.html",
            phases=PHASE_ORDER,
            full=full,
            blank=blank,
            timelines=[
                sample_timeline("SCHEDULED"),
                sample_timeline("TRADING"),
                sample_timeline("HALTED"),
                sample_timeline("HALTED", "2031-03-05T12:05:00Z"),
                sample_timeline("CLOSED"),
            ],
            books=[(sample_book(), rungs_of(_BIDS, _ASKS)), (sample_book(empty=True), [])],
            session=sample_timeline("TRADING"),
            deals=deals,
            levels=LEVELS_SHOWN,
        )

    return [
        Route(
            method="GET",
            path="/components",
            rule=Rule.PUBLIC,
            handler=components,
            summary="Every component in every state",
            tag=TAG,
            query=TableQuery,
            media_type=PAGE,
        )
    ]
