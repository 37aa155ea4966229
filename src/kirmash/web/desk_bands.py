"""Bands on the desk: what prices the instruments of a session may have, and the form that sets them anew (PS-10).

A band parks every open order outside it, and a parked order does not come back by itself: so the form tells first what
would happen, by a rehearsal, and sets only the bounds that were told about. Nothing is decided here.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.gateway.services import read_command
from kirmash.messages.commands import SetBand
from kirmash.publication.updates import PublicBand
from kirmash.queries import rows
from kirmash.web import columns
from kirmash.web.desk import VIEWS_SECONDS, Desk, DeskQuery, Failed, Fault, Form, desk_form, desk_page, form_of, fresh
from kirmash.web.desk_plan import percent_of, ppm_of
from kirmash.web.forms import go_to
from kirmash.web.tables import WHOLE_MAX, Column, Row, ask_all, exported, table_of
from kirmash.web.ticket import figure_in
from kirmash.web.timeline import Timeline, timeline_of
from kirmash.web.words import Words

FIELDS: Final = ("lower", "upper", "down", "up")
PARKED_SHOWN: Final = 20
_PLACES: Final = {"down_ppm": "down", "up_ppm": "up"}

BANDS: Final = (
    Column(name="good", label="good.name", words=lambda w, it: it.full(w), href="href", beside=columns.INSTRUMENT),
    Column(name="reference", label="run.line_of.reference", kind="figure"),
    Column(name="last", label="market.last", kind="figure"),
    Column(name="lower", label="run.line_of.lower", kind="figure"),
    Column(name="upper", label="run.line_of.upper", kind="figure"),
    Column(name="down", label="run.line_of.down", kind="figure"),
    Column(name="up", label="run.line_of.up", kind="figure"),
    Column(name="from", label="run.band.from", kind="figure"),
    Column(name="to", label="run.band.to", kind="figure"),
    Column(name="currency", label="common.currency", kind="code"),
)


class BandQuery(DeskQuery, frozen=True, kw_only=True):
    """`instrument`: whose band."""

    instrument: str | None = None


class Effect(Struct, frozen=True):
    """What a rehearsal told: the band that would hold, how many orders it would park, and the first of them."""

    band: PublicBand | None
    parked: int
    orders: list[rows.Order]

    @property
    def empty(self) -> bool:
        """Whether no price at all would be allowed (PS-10.1)."""
        if self.band is None or self.band.lower is None or self.band.upper is None:
            return False
        return Decimal(self.band.lower) > Decimal(self.band.upper)


class Bands:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._services: Final = desk.services
        self._queries: Final = desk.services.queries

    async def listed(self, call: Call) -> Response:
        """All instruments of a session with their bounds, and the prices allowed now."""
        it, query, words = self._timeline(call), call.query, self._desk.words(call)
        names = self._desk.rendering.names(self._queries)
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)

        def ask(cursor: str | None, limit: int) -> Any:
            return self._queries.session_instruments(it.session, cursor=cursor, limit=limit)

        def row(line: rows.SessionInstrument) -> Row:
            return {**self._row(line), "good": names.good(line.instrument)}

        if query.format:
            found = await read(lambda: ask_all(ask))
            await read(lambda: names.learn(found))
            lines = [row(line) for line in found]
            return await exported(words, call, lines, BANDS, f"bands-{it.session}", query.format)
        page = await read(lambda: names.page(ask(query.cursor, WHOLE_MAX)))
        table = table_of(
            words, query, page, row, name="bands", caption="run.bands", columns=BANDS, empty="run.bands.empty"
        )
        return await self._desk.page(call, "desk/sessions_bands.html", it=it, table=table)

    def _row(self, line: rows.SessionInstrument) -> Row:
        band = self._services.feed.board.glance(line.session, line.instrument).band
        names = ("instrument", "reference", "last", "lower", "upper", "currency")
        return {
            **{name: getattr(line, name) for name in names},
            "down": percent_of(line.down_ppm) or None,
            "up": percent_of(line.up_ppm) or None,
            "from": None if band is None else band.lower,
            "to": None if band is None else band.upper,
            "href": band_href(line.session, line.instrument),
        }

    async def show(self, call: Call) -> Response:
        line = await self._line(call, call.query.instrument)
        given = (line.lower, line.upper, percent_of(line.down_ppm), percent_of(line.up_ppm))
        values = {name: value or "" for name, value in zip(FIELDS, given, strict=True)}
        return await self._page(call, line, fresh("band", **values))

    async def set(self, call: Call) -> Response:
        """Tell what the bounds would do; or set them, where it is these that were told about."""
        typed, client_id = form_of(call)
        line = await self._line(call, typed.get("instrument"))
        action, asked = typed.pop("action", ""), typed.pop("asked", "")
        given, faults = read_bounds(self._desk.words(call), typed)
        values = {"session": line.session, "instrument": line.instrument, **given}
        form = fresh("band")
        try:
            if faults:
                raise Failed(faults, 422)
            if action == "set" and asked == _stamp(typed):
                done = await self._desk.give(call, "set_band", values, client_id)
                return go_to(done.then(band_path(line.session), instrument=line.instrument))
            effect = await self._effect(call, values)
        except Failed as failed:
            return await self._page(call, line, form.failed(_at_fields(failed), typed, client_id))
        return await self._page(call, line, form.again(typed, client_id), effect)

    async def _effect(self, call: Call, values: dict[str, Any]) -> Effect:
        """Ask the market. Raises Failed where it would refuse."""
        lines = await self._desk.rehearse(call, "set_band", values)
        parked = [line["order"] for line in lines if line["event"] == "order_parked"]
        first = parked[:PARKED_SHOWN]
        found = await read(lambda: [self._queries.order(number, scope=None) for number in first])
        command = read_command("set_band", values)
        assert isinstance(command, SetBand)
        band = self._services.feed.board.band_after(command)
        return Effect(band, len(parked), [order for order in found if order is not None])

    async def _page(
        self, call: Call, line: rows.SessionInstrument, form: Form, effect: Effect | None = None
    ) -> Response:
        it = self._timeline(call)
        return await self._desk.page(
            call,
            "desk/sessions_band.html",
            form.status,
            it=it,
            line=line,
            form=form,
            effect=effect,
            asked=_stamp(form.values),
            band=self._services.feed.board.glance(line.session, line.instrument).band,
            possible=not it.ended,
        )

    async def _line(self, call: Call, instrument: str | None) -> rows.SessionInstrument:
        session = self._timeline(call).session
        await self._services.feed.views_at(self._services.feed.number, VIEWS_SECONDS)
        found = await read(lambda: self._queries.session_instruments(session, instrument=instrument or "", limit=1))
        if not found.rows:
            raise missing("instrument")
        line: rows.SessionInstrument = found.rows[0]
        return line

    def _timeline(self, call: Call) -> Timeline:
        try:
            return timeline_of(self._services.feed.board.session(call.path["session"]))
        except KeyError:
            raise missing("session") from None


def read_bounds(words: Words, typed: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """The bounds as fields of set_band; an empty one is none. Per cent become parts per million, or a fault."""
    given: dict[str, Any] = {}
    faults: list[Fault] = []
    for name in ("lower", "upper"):
        if typed.get(name, "").strip():
            given[name] = figure_in(typed[name].strip(), words.language)
    for name in ("down", "up"):
        if not typed.get(name, "").strip():
            continue
        ppm = ppm_of(figure_in(typed[name].strip().removesuffix("%").strip(), words.language))
        if ppm is None:
            faults.append(Fault(field=name, text=words.text("run.bad_percent"), rule="PS-0.2"))
        else:
            given[f"{name}_ppm"] = ppm
    return given, faults


def band_path(session: str) -> str:
    """Where bands of a session are set, one by one."""
    return f"/desk/sessions/{quote(session, safe='')}/band"


def band_href(session: str, instrument: str) -> str:
    """Where an instrument's band is set."""
    return f"{band_path(session)}?instrument={quote(instrument, safe='')}"


def _stamp(typed: Mapping[str, str]) -> str:
    """The bounds that were told about, as the form brings them back."""
    return "|".join(typed.get(name, "").strip() for name in FIELDS)


def _at_fields(failed: Failed) -> Failed:
    faults = [
        Fault(field=_PLACES.get(it.field or "", it.field), text=it.text, cure=it.cure, rule=it.rule, anchor=it.anchor)
        for it in failed.faults
    ]
    return Failed(faults, failed.status, spent=failed.spent, headers=failed.headers)


def band_routes(desk: Desk) -> list[Route]:
    """Bands of a session; auditors read them."""
    it = Bands(desk)
    one = "/sessions/{session}"
    return [
        desk_page(f"{one}/bands", it.listed, "The bands of a session", rule=Rule.AUDIT),
        desk_page(f"{one}/band", it.show, "An instrument's band and its form", rule=Rule.AUDIT, query=BandQuery),
        desk_form(f"{one}/band", it.set, "Tell what a band would do, or set it"),
    ]
