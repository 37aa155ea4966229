"""A participant's page on the desk: all that is known of him, and which step comes next until he can trade.

The forms of the page are handled elsewhere (`desk_participants`, `desk_people`); here it is put together, with one of
them as it was typed where it was not taken.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from msgspec import Struct
from starlette.responses import Response

from kirmash.data import SECTIONS, countries
from kirmash.gateway.api.asking import missing, read
from kirmash.gateway.api.shown import LoginShown, SwitchShown, login_of, switch_of
from kirmash.gateway.routes import Call
from kirmash.identity import Role
from kirmash.queries import Queries, rows
from kirmash.queries.asking import LIMIT_MAX
from kirmash.web.desk import Desk, Form, fresh
from kirmash.web.words import Words

PURPOSES: Final = ("domestic", "export", "import", "transit")
SIDES: Final = ("buy", "sell")
SHOWN_MAX: Final = 20
"""How many of a broker's clients and of a participant's traders stand on his page; the rest is on lists."""
BROKER: Final = "broker"


class Step(Struct, frozen=True):
    """A step on the way to trading. `state`: done, next or later."""

    name: str
    state: str
    detail: str = ""


class Company(Struct, frozen=True, kw_only=True):
    """What is known of a participant. Lists of traders and clients hold the first page of them."""

    participant: rows.Participant
    permissions: list[rows.Permission]
    traders: list[rows.Trader]
    clients: list[rows.Client]
    accounts: list[rows.Account]
    logins: list[LoginShown]
    switches: list[SwitchShown]

    @property
    def is_broker(self) -> bool:
        """Whether he has clients."""
        return BROKER in self.participant.kinds

    @property
    def state(self) -> str:
        """registered, admitted or suspended."""
        return state_of(self.participant)

    def cells(self) -> set[tuple[str, str, str]]:
        """What is permitted: section, purpose, side."""
        return {(it.section, it.purpose, it.side) for it in self.permissions}


def state_of(it: rows.Participant) -> str:
    """Where a participant stands."""
    if it.suspended:
        return "suspended"
    return "admitted" if it.accredited else "registered"


def participant_path(participant: str, rest: str = "") -> str:
    """The page of a participant."""
    return f"/desk/participants/{quote(participant, safe='')}{rest}"


def cell_of(section: str, purpose: str, side: str) -> str:
    """A cell of the matrix of permissions, as its tick is called."""
    return "/".join(quote(it, safe="") for it in (section, purpose, side))


def terms_of(cell: str) -> list[str]:
    """Section, purpose and side of a cell; something else for what is none."""
    return [unquote(it) for it in cell.split("/")]


def steps_of(company: Company, words: Words) -> list[Step]:
    """The way to trading; the first that is not done is the next."""
    it = company
    active = [trader for trader in it.traders if trader.active]
    done = [
        ("register", True, ""),
        ("accredit", it.participant.accredited, ""),
        ("permit", bool(it.permissions), words.figure(len(it.permissions)) if it.permissions else ""),
        ("trader", bool(active), words.figure(len(active)) if active else ""),
    ]
    if it.is_broker:
        done.append(("client", bool(it.clients), words.figure(len(it.clients)) if it.clients else ""))
    done.append(("login", bool(it.logins), words.figure(len(it.logins)) if it.logins else ""))
    done.append(("money", bool(it.accounts), ", ".join(sorted({one.currency for one in it.accounts}))))
    following = next((name for name, there, _ in done if not there), None)
    return [
        Step(name, "done" if there else "next" if name == following else "later", detail)
        for name, there, detail in done
    ]


def country_choices(words: Words) -> list[tuple[str, str]]:
    """All countries by their names."""
    found = [(it.country, words.country(it.country)) for it in countries()]
    return sorted(found, key=lambda it: it[1].casefold())


class Companies:
    """Finds participants and shows their page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._queries: Final[Queries] = desk.services.queries
        self._identity = desk.services.identity

    async def found(self, participant: str) -> Company:
        """A participant with all that belongs to him. Raises Problem."""
        return await read(lambda: self._found(participant))

    def _found(self, participant: str) -> Company:
        q = self._queries
        cards = q.participants(scope=None, participant=participant, limit=1).rows
        if not cards:
            raise missing("participant")
        return Company(
            participant=cards[0],
            permissions=q.permissions(scope=None, participant=participant, limit=LIMIT_MAX).rows,
            traders=q.traders(scope=None, participant=participant, limit=LIMIT_MAX).rows,
            clients=q.clients(scope=None, participant=participant, limit=LIMIT_MAX).rows,
            accounts=q.accounts(scope=None, participant=participant, limit=LIMIT_MAX).rows,
            logins=[login_of(it) for it in self._identity.logins(participant=participant)],
            switches=[switch_of(it) for it in self._identity.switches(participant=participant) if it.on],
        )

    async def page(self, call: Call, participant: str, failed: Form | None = None) -> Response:
        """The page, with a form as it was typed where one was not taken."""
        said = await self._desk.waited(call)
        company = await self.found(participant)
        words = self._desk.words(call)
        forms = self._forms(company, call.language)
        if failed is not None:
            forms[failed.name] = failed
        sections, purposes = await read(lambda: self._matrix(company))
        steps = steps_of(company, words)
        return await self._desk.page(
            call,
            "desk/participants_page.html",
            200 if failed is None else failed.status,
            said=said,
            company=company,
            client_names={it.client: it.name for it in company.clients},
            it=company.participant,
            steps=steps,
            following=next((step.name for step in steps if step.state == "next"), None),
            forms=forms,
            failed=failed,
            sections=sections,
            purposes=purposes,
            sides=SIDES,
            cells=company.cells(),
            cell_of=cell_of,
            countries=country_choices(words),
            logins_of={it.trader: it for it in company.logins if it.trader},
            stopped={(it.kind, it.subject) for it in company.switches},
            shown_max=SHOWN_MAX,
            path_of=participant_path,
        )

    def _forms(self, company: Company, language: str) -> dict[str, Form]:
        it = company.participant
        taken = {trader.trader for trader in company.traders}
        suggested = next(name for n in range(1, LIMIT_MAX + 2) if (name := f"{it.participant}-{n}") not in taken)
        with_login = {one.trader for one in company.logins}
        free = [trader.trader for trader in company.traders if trader.active and trader.trader not in with_login]
        login: Mapping[str, str] = {
            "role": Role.TRADER.value if free or company.logins else Role.PARTICIPANT_ADMIN.value,
            "trader": free[0] if free else "",
            "name": free[0] if free else f"{it.participant}-admin",
            "language": language,
        }
        return {
            "permit": fresh("permit"),
            "trader": fresh("trader", trader=suggested[:200]),
            "client": fresh("client", country=it.country, resident="auto"),
            "login": fresh("login", **login),
            "accredit": fresh("accredit"),
        }

    def _matrix(self, company: Company) -> tuple[list[str], list[str]]:
        """Sections and purposes that can be permitted: the known ones, those of sessions, those permitted already."""
        sessions = self._queries.sessions(ended=False, limit=LIMIT_MAX).rows
        more: list[Any] = [*sessions, *company.permissions]
        sections = [*SECTIONS, *sorted({it.section for it in more} - set(SECTIONS))]
        return sections, [*PURPOSES, *sorted({it.purpose for it in more} - set(PURPOSES))]
