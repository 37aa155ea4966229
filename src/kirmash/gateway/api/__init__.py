"""The REST API of a gateway as one table of routes (docs/reference/rest.md).

A module for each subject; none decides.
"""

from kirmash.gateway.api.account import account_routes
from kirmash.gateway.api.commands import command_routes
from kirmash.gateway.api.journal import journal_routes
from kirmash.gateway.api.managing import managing_routes
from kirmash.gateway.api.market import market_routes
from kirmash.gateway.api.notices import notices_routes
from kirmash.gateway.api.openapi import openapi_routes
from kirmash.gateway.api.registers import register_routes
from kirmash.gateway.api.running import running_routes
from kirmash.gateway.routes import Route
from kirmash.gateway.services import Services


def routes_of(services: Services) -> list[Route]:
    """Every route of the API, with the API's own document as the last."""
    routes = [
        *running_routes(services),
        *account_routes(services),
        *command_routes(services),
        *market_routes(services),
        *register_routes(services),
        *managing_routes(services),
        *journal_routes(services),
        *notices_routes(services),
    ]
    return [*routes, *openapi_routes(routes)]
