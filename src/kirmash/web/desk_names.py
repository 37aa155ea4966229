"""Names for the desk, where journal and views have ids: operators by their logins, participants by the register.

An id that nobody knows is shown as it is. Nothing here says who may see a name: the desk is for the exchange's own
people.
"""

from collections.abc import Iterable
from typing import Final

from kirmash.gateway.api.asking import read
from kirmash.gateway.services import Services
from kirmash.identity import Role

OPERATOR_PREFIX: Final = "op-"
"""How identity's ids of operators begin; any other actor is no login's, so nobody is asked for it."""


class Names:
    """Belongs to the event loop. A login keeps its name, so what was found once is kept."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._actors: Final[dict[str, str]] = {}
        self._logins: Final[dict[str, str]] = {}

    def actor(self, actor: str) -> str:
        """Who gave a command: the login's name where an operator did, else his id."""
        if actor not in self._actors and actor.startswith(OPERATOR_PREFIX):
            self._actors[actor] = actor
            logins = self._services.identity.logins(role=Role.OPERATOR)
            self._actors.update({it.operator: it.name for it in logins if it.operator is not None})
        return self._actors.get(actor, actor)

    def login(self, login: str) -> str:
        """The name of a login by its id."""
        if login not in self._logins:
            found = self._services.identity.logins(login=login)
            self._logins[login] = found[0].name if found else login
        return self._logins[login]

    async def participants(self, participants: Iterable[str]) -> dict[str, str]:
        """The names of participants by id; one that the views do not have is left out. Raises Problem."""
        wanted = tuple(dict.fromkeys(participants))
        return await read(lambda: self._services.queries.company_names(wanted))
