"""Participants on the desk: the list, the register, accreditation, permissions, suspension."""

import re
from typing import Any, Final

from starlette.responses import Response

from kirmash.gateway.api.asking import read
from kirmash.gateway.routes import Call, Route, Rule
from kirmash.queries import Page, Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.desk import (
    Desk,
    DeskQuery,
    Done,
    Failed,
    Fault,
    Form,
    desk_form,
    desk_page,
    form_of,
    fresh,
    given_only,
)
from kirmash.web.desk_company import Companies, country_choices, participant_path, state_of, terms_of
from kirmash.web.desk_lists import Filter, Listing, choices_of, list_routes
from kirmash.web.forms import go_to
from kirmash.web.tables import Column, Row
from kirmash.web.words import Words

LIST: Final = "/desk/participants"
STATES: Final[dict[str, dict[str, bool]]] = {
    "registered": {"accredited": False, "suspended": False},
    "admitted": {"admitted": True},
    "suspended": {"suspended": True},
}
KINDS: Final = ("visitor", "broker")
ID_LENGTH: Final = 40
MATRIX_FIELDS_MAX: Final = 4_000
"""A cell of the matrix of permissions has up to two fields."""

_LEGAL_FORM: Final = re.compile(
    "ао|оао|зао|пао|ооо|одо|ип|чуп|чтуп|тоо|сооо|уп|руп|куп|фх|кфх"
    "|llc|ltd|limited|inc|jsc|ojsc|cjsc|pjsc|gmbh|ag|co|plc|sa|srl|bv|oy|sarl|llp|uab|sia"
)
_LATIN: Final = str.maketrans(
    dict(
        re.findall(
            r"(\w)=(\w*)",
            "а=a б=b в=v г=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch "
            "ш=sh щ=shch ъ= ы=y ь= э=e ю=iu я=ia ў=u і=i",
        )
    )
)


class NewQuery(DeskQuery, frozen=True, kw_only=True):
    """What the last registration leaves for the next."""

    country: str | None = None
    kind: str | None = None


PARTICIPANTS: Final = (
    Column(name="name", label="desk.field.name", href="href"),
    Column(name="participant", label="desk.field.participant", kind="code"),
    Column(name="state", label="desk.field.state", words=lambda w, value: w.text(f"desk.state.{value}"), short=True),
    Column(name="country", label="account.country", words=lambda w, value: w.country(value), short=True),
    Column(name="kinds", label="desk.field.kinds", short=True),
    Column(name="resident", label="account.resident", words=lambda w, value: w.text(f"common.{value}"), short=True),
    Column(name="group", label="account.group", kind="code"),
    Column(name="registered_at", label="account.registered", kind="moment"),
)


def participant_row(words: Words, it: rows.Participant) -> Row:
    """A participant in the list."""
    return {
        "name": it.name,
        "href": participant_path(it.participant),
        "participant": it.participant,
        "state": state_of(it),
        "country": it.country,
        "kinds": ", ".join(words.text(f"desk.kind.{kind}") for kind in it.kinds),
        "resident": "yes" if it.resident else "no",
        "group": it.group,
        "registered_at": it.registered_at,
    }


def _participants(q: Queries, given: dict[str, Any], cursor: str | None, limit: int) -> Page[Any]:
    asked: dict[str, Any] = {**given, **STATES.get(given.get("state", ""), {})}
    asked.pop("state", None)
    search = asked.pop("q", None)
    return q.participants(scope=None, search=search, cursor=cursor, limit=limit, **asked)


LISTING: Final = Listing(
    name="participants",
    path=LIST,
    columns=PARTICIPANTS,
    ask=_participants,
    row=participant_row,
    filters=(
        Filter(name="q", label="desk.filter.search"),
        Filter(name="country", label="account.country", choices=country_choices),
        Filter(name="state", label="desk.field.state", choices=choices_of("desk.state", *STATES)),
    ),
    actions=(
        (f"{LIST}/new", "desk.register"),
        (f"{LIST}/several", "desk.several"),
        ("/desk/money/credit", "desk.money_in"),
    ),
    siblings=(
        (LIST, "desk.participants"),
        ("/desk/traders", "desk.traders"),
        ("/desk/clients", "desk.clients"),
        ("/desk/logins", "desk.logins"),
    ),
)


def id_from(name: str) -> str:
    """An id from a name: Latin letters and digits, without the legal form of a company. Empty if none are left."""
    words = re.findall(r"\w+", name.casefold())
    kept = [word for word in words if not _LEGAL_FORM.fullmatch(word)]
    plain = " ".join(kept or words).translate(_LATIN)
    return re.sub(r"[^a-z0-9]+", "-", plain, flags=re.ASCII).strip("-")[:ID_LENGTH].strip("-")


def resident_of(choice: str, country: str, own: str) -> bool:
    """Whether somebody is a resident; unless it is stated, whoever is of the exchange's own country is."""
    return choice == "yes" if choice in ("yes", "no") else country == own


class Participants:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._companies: Final = Companies(desk)
        self._country = desk.services.config.exchange.country

    # The register ------------------------------------------------------------------------------------------------

    async def new(self, call: Call) -> Response:
        query: NewQuery = call.query
        kind = query.kind if query.kind in KINDS else KINDS[0]
        form = fresh("register", country=query.country or self._country, resident="auto", **{kind: "on"})
        return await self._register_page(call, form)

    async def _register_page(self, call: Call, form: Form) -> Response:
        words = self._desk.words(call)
        return await self._desk.page(
            call,
            "desk/participants_new.html",
            form.status,
            form=form,
            countries=country_choices(words),
            own_country=words.country(self._country),
        )

    async def register(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        name, country = typed.get("name", ""), typed.get("country", "").strip().upper()
        participant = typed.get("participant", "").strip() or id_from(name)
        values = given_only(
            participant=participant,
            name=name,
            country=country,
            resident=resident_of(typed.get("resident", ""), country, self._country),
            kinds=[kind for kind in KINDS if typed.get(kind)],
            group=typed.get("group"),
        )
        try:
            self._desk.check_id(call, "participant", participant)
            done = await self._desk.give(call, "register_participant", values, client_id)
        except Failed as error:
            # The id that was made is shown, so that it can be mended where it is another's already.
            kept = {**typed, "participant": participant}
            return await self._register_page(call, fresh("register").failed(error, kept, client_id))
        return go_to(done.then(participant_path(participant)))

    async def show(self, call: Call) -> Response:
        return await self._companies.page(call, call.path["participant"])

    # Accreditation, suspension -----------------------------------------------------------------------------------

    async def accredit(self, call: Call) -> Response:
        participant = call.path["participant"]
        typed, client_id = form_of(call)
        try:
            done = await self._desk.give(call, "accredit_participant", {"participant": participant}, client_id)
        except Failed as error:
            return await self._companies.page(call, participant, fresh("accredit").failed(error, typed, client_id))
        return go_to(done.then(participant_path(participant)))

    async def ask_suspend(self, call: Call) -> Response:
        return await self._suspension_page(call, fresh("suspend", open_orders="keep"))

    async def ask_reinstate(self, call: Call) -> Response:
        return await self._suspension_page(call, fresh("reinstate"))

    async def _suspension_page(self, call: Call, form: Form) -> Response:
        company = await self._companies.found(call.path["participant"])
        it = company.participant
        queries = self._desk.services.queries
        orders = await read(lambda: queries.orders(scope=it.participant, open=True, limit=LIMIT_MAX))
        return await self._desk.page(
            call,
            "desk/participants_suspend.html",
            form.status,
            form=form,
            it=it,
            company=company,
            path_of=participant_path,
            open_orders=len(orders.rows),
            more_orders=orders.next_cursor is not None,
        )

    async def suspend(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        values = given_only(open_orders=typed.get("open_orders"), reason=typed.get("reason"))
        return await self._suspension(call, "suspend", values, typed, client_id)

    async def reinstate(self, call: Call) -> Response:
        typed, client_id = form_of(call)
        return await self._suspension(call, "reinstate", given_only(reason=typed.get("reason")), typed, client_id)

    async def _suspension(
        self, call: Call, what: str, values: dict[str, Any], typed: dict[str, str], client_id: str
    ) -> Response:
        participant = call.path["participant"]
        values = {"participant": participant, **values}
        try:
            done = await self._desk.give(call, f"{what}_participant", values, client_id)
        except Failed as error:
            return await self._suspension_page(call, fresh(what).failed(error, typed, client_id))
        return go_to(done.then(participant_path(participant)))

    # Permissions -------------------------------------------------------------------------------------------------

    async def permit(self, call: Call) -> Response:
        """What was ticked and is not, and the other way round, as the page showed it: so that a second click changes
        the same again, and what somebody else changed meanwhile stays."""
        participant = call.path["participant"]
        typed, client_id = form_of(call, MATRIX_FIELDS_MAX)
        ticked = {name.removeprefix("may/") for name in typed if name.startswith("may/")}
        were = {name.removeprefix("was/") for name in typed if name.startswith("was/")}
        changes = sorted(cell for cell in ticked ^ were if len(terms_of(cell)) == 3)
        commands = []
        for place, cell in enumerate(changes):
            section, purpose, side = terms_of(cell)
            values = {"participant": participant, "section": section, "side": side, "purpose": purpose}
            name = "grant_permission" if cell in ticked else "revoke_permission"
            commands.append((f"{client_id}.{place}" if client_id else "", name, values))
        try:
            if not commands:
                nothing = Fault(field=None, text=self._desk.words(call).text("desk.permit.nothing"))
                raise Failed([nothing], 422)
            outcomes = await self._desk.give_many(call, commands)
            wrong = [it for it in outcomes if isinstance(it, Failed)]
            if wrong:
                raise Failed(wrong[0].faults, wrong[0].status, spent=True, headers=wrong[0].headers)
        except Failed as error:
            return await self._companies.page(call, participant, fresh("permit").failed(error, typed, client_id))
        last = outcomes[-1]
        assert isinstance(last, Done)
        return go_to(last.then(participant_path(participant), count=str(len(outcomes))))


def participants_routes(desk: Desk) -> list[Route]:
    """The list, the register, one participant."""
    it = Participants(desk)
    one = "/participants/{participant}"
    return [
        *list_routes(desk, (LISTING,)),
        desk_page("/participants/new", it.new, "Desk: register a participant", query=NewQuery),
        desk_form("/participants/new", it.register, "Register a participant by the form"),
        desk_page(one, it.show, "Desk: one participant", Rule.AUDIT),
        desk_form(f"{one}/accredit", it.accredit, "Accredit by the form"),
        desk_form(f"{one}/permissions", it.permit, "Change permissions by the form"),
        desk_page(f"{one}/suspend", it.ask_suspend, "Desk: suspend a participant?"),
        desk_form(f"{one}/suspend", it.suspend, "Suspend by the form"),
        desk_page(f"{one}/reinstate", it.ask_reinstate, "Desk: end a suspension?"),
        desk_form(f"{one}/reinstate", it.reinstate, "End a suspension by the form"),
    ]
