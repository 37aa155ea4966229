"""Several participants at once, pasted from a spreadsheet: checked line by line, shown as a table, then registered.

A line is name, country, what it acts as, group, id; all but the name may be missing. Nothing is registered before every
line is in order; what the exchange rejects nevertheless comes back alone, to be mended. Entering rehearses nothing:
what the same form has registered already would be found taken, and a second click has to end like the first.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.responses import Response

from kirmash.data import countries
from kirmash.gateway.routes import Call, Route
from kirmash.web.desk import Desk, Done, Failed, Fault, Form, desk_form, desk_page, form_of, fresh, given_only
from kirmash.web.desk_participants import KINDS, id_from, resident_of
from kirmash.web.forms import go_to

PATH: Final = "/desk/participants/several"
LINES_MAX: Final = 50
_KINDS: Final = {"посетитель": "visitor", "брокер": "broker", **{kind: kind for kind in KINDS}}
_COUNTRY: Final = re.compile("[A-Z]{2}")


class Line(Struct, frozen=True, kw_only=True):
    """A line as it is understood; `number` counts from 1, `wrong` is what is wrong with it."""

    number: int
    text: str
    participant: str
    name: str
    country: str
    kinds: list[str]
    group: str
    resident: bool
    wrong: list[Fault] = []

    def with_wrong(self, wrong: list[Fault]) -> "Line":
        """The line with what is wrong with it."""
        return msgspec.structs.replace(self, wrong=wrong)

    def values(self) -> dict[str, Any]:
        """The fields of register_participant."""
        return given_only(
            participant=self.participant,
            name=self.name,
            country=self.country,
            resident=self.resident,
            kinds=self.kinds,
            group=self.group,
        )


def country_of(text: str) -> str:
    """A country's code, by its code or name in either language; what is none is left as it is."""
    wanted = text.strip().casefold()
    found = next((it.country for it in countries() if wanted in (it.name_en.casefold(), it.name_ru.casefold())), None)
    return found or text.strip().upper()


def lines_of(text: str, own: str) -> list[Line]:
    """The lines of a paste, columns parted by tabs or semicolons. `own`: the country where none is given."""
    found = []
    for number, given in enumerate((it for it in text.splitlines() if it.strip()), start=1):
        cells = [cell.strip() for cell in given.split("\t" if "\t" in given else ";")]
        name, country, kinds, group, participant = (*cells[:5], *[""] * (5 - len(cells[:5])))
        code = country_of(country) if country else own
        found.append(
            Line(
                number=number,
                text=given,
                participant=participant or id_from(name),
                name=name,
                country=code,
                kinds=[_KINDS.get(kind, kind) for kind in kinds.casefold().replace(",", " ").split()] or [KINDS[0]],
                group=group,
                resident=resident_of("auto", code, own),
            )
        )
    return found


class Several:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._country = desk.services.config.exchange.country

    async def new(self, call: Call) -> Response:
        return await self._page(call, fresh("several"), [])

    async def _page(self, call: Call, form: Form, lines: list[Line]) -> Response:
        return await self._desk.page(
            call,
            "desk/participants_several.html",
            form.status,
            form=form,
            lines=lines,
            ready=bool(lines) and not form.faults and not any(it.wrong for it in lines),
            most=LINES_MAX,
            own_country=self._desk.words(call).country(self._country),
        )

    async def register(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        lines = lines_of(typed.get("lines", ""), self._country)
        form = fresh("several").again(typed, client_id)
        try:
            self._countable(call, lines)
            entered = typed.get("step") == "enter"
            checked = [await self._checked(call, line, lines, rehearsed=not entered) for line in lines]
            if any(it.wrong for it in checked):
                wrong = self._desk.words(call).text("desk.several.wrong")
                failed = form.failed(Failed([Fault(field="lines", text=wrong)], 422), typed, client_id)
                return await self._page(call, failed, checked)
            if not entered:
                return await self._page(call, form, checked)
            outcomes = await self._desk.give_many(
                call, [(f"{client_id}.{it.number}", "register_participant", it.values()) for it in lines]
            )
        except Failed as error:
            return await self._page(call, form.failed(error, typed, client_id), [])
        return await self._told(call, lines, outcomes)

    def _countable(self, call: Call, lines: list[Line]) -> None:
        if not 1 <= len(lines) <= LINES_MAX:
            text = self._desk.words(call).text("desk.several.count" if lines else "form.missing", most=LINES_MAX)
            raise Failed([Fault(field="lines", text=text)], 422)

    async def _checked(self, call: Call, line: Line, lines: list[Line], *, rehearsed: bool) -> Line:
        """The line with what is wrong with it by itself and among the others; rehearsed, as the exchange would say."""
        words = self._desk.words(call)
        if not line.name:
            # The id is made of the name, so what else is wrong would only follow from this.
            return line.with_wrong([Fault(field="name", text=words.text("form.missing"))])
        wrong: list[Fault] = []
        if not _COUNTRY.fullmatch(line.country):
            wrong.append(Fault(field="country", text=words.text("desk.several.no_country")))
        if any(it.participant == line.participant for it in lines if it.number < line.number):
            wrong.append(Fault(field="participant", text=words.text("desk.several.twice")))
        try:
            self._desk.check_id(call, "participant", line.participant)
            if rehearsed and not wrong:
                await self._desk.rehearse(call, "register_participant", line.values())
        except Failed as error:
            wrong += error.faults
        return line.with_wrong(wrong)

    async def _told(self, call: Call, lines: list[Line], outcomes: list[Done | Failed]) -> Response:
        """The list with those that are new; the lines that were rejected come back alone."""
        failed = [(line, it) for line, it in zip(lines, outcomes, strict=True) if isinstance(it, Failed)]
        done = [it for it in outcomes if isinstance(it, Done)]
        if not failed:
            return go_to(done[-1].then("/desk/participants", state="registered", count=str(len(done))))
        back = "\n".join(line.text for line, _ in failed)
        shown = [line.with_wrong(it.faults) for line, it in failed]
        text = self._desk.words(call).text("desk.several.left", done=len(done), left=len(failed))
        form = fresh("several").failed(Failed([Fault(field="lines", text=text)], 409, spent=True), {"lines": back}, "")
        return await self._page(call, form, shown)


def paste_routes(desk: Desk) -> list[Route]:
    """Several participants at once."""
    it = Several(desk)
    return [
        desk_page("/participants/several", it.new, "Desk: several participants at once"),
        desk_form("/participants/several", it.register, "Register several participants by the form"),
    ]
