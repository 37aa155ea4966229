"""Help: how a session runs, what the words mean, why an order may be rejected and what to do then.

The reasons come from `messages.explanations`, the words from the catalog; nothing is said twice.
"""

from functools import partial
from typing import Final

from starlette.responses import Response

from kirmash.gateway.routes import PAGE, Call, Route, Rule
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Reason
from kirmash.web.fees import fees_routes
from kirmash.web.rendering import PageQuery, Rendering
from kirmash.web.tables import Column, Row, TableQuery, exported, table_of
from kirmash.web.texts import catalog
from kirmash.web.words import Words

TAG: Final = "pages"
PHASE_ORDER: Final = (
    "SCHEDULED",
    "INTAKE",
    "ADMISSION",
    "OPENING",
    "TRADING",
    "SELLER_CORRECTION",
    "DEAL_MAKING",
    "CLOSING",
    "CLOSED",
    "HALTED",
    "CANCELLED",
)
TOPICS: Final = ("session", "price", "deposit", "public", "taking_part")

REASONS: Final = (
    Column(name="code", label="reject.code", kind="count"),
    Column(name="stage", label="reject.stage", words=lambda w, value: w.text(f"reject.stage.{value}"), short=True),
    Column(name="text", label="reject.text"),
    Column(name="cure", label="reject.cure"),
    Column(name="rule", label="reject.rule", kind="code", short=True),
    Column(name="reason", label="reject.name", kind="code"),
)


def glossary_of(words: Words) -> list[tuple[str, str, str]]:
    """Each word with its anchor and meaning, by the alphabet of the language."""
    keys = [
        key.removesuffix(".word")
        for key in catalog(words.language)
        if key.startswith("word.") and key.endswith(".word")
    ]
    found = [(key.removeprefix("word."), words.text(f"{key}.word"), words.text(f"{key}.meaning")) for key in keys]
    return sorted(found, key=lambda it: it[1].casefold())


def _reason(words: Words, reason: Reason) -> Row:
    text, cure = words.reason(reason)
    return {
        "code": int(reason),
        "stage": reason.stage,
        "text": text,
        "cure": cure,
        "rule": EXPLANATIONS[reason].rule,
        "reason": reason.text,
        "anchor": reason.text,
    }


def guidance_routes(rendering: Rendering) -> list[Route]:
    """Help, glossary, reasons of rejects."""

    async def guide(call: Call) -> Response:
        return rendering.page(call, "help.html", phases=PHASE_ORDER, topics=TOPICS)

    async def glossary(call: Call) -> Response:
        return rendering.page(call, "glossary.html", entries=glossary_of(rendering.words[call.language]))

    async def rejects(call: Call) -> Response:
        words = rendering.words[call.language]
        query: TableQuery = call.query
        if query.format:
            given = [_reason(words, reason) for reason in Reason]
            return await exported(words, call, given, REASONS, "rejects", query.format)
        table = table_of(
            words,
            query,
            list(Reason),
            lambda reason: _reason(words, reason),
            name="rejects",
            caption="rejects.caption",
            columns=REASONS,
            empty="rejects.caption",
        )
        return rendering.page(call, "rejects.html", table=table)

    page = partial(Route, method="GET", rule=Rule.PUBLIC, tag=TAG, media_type=PAGE)
    return [
        page(path="/help", handler=guide, summary="Help", query=PageQuery),
        page(path="/help/glossary", handler=glossary, summary="The words", query=PageQuery),
        page(path="/help/rejects", handler=rejects, summary="Why orders are rejected", query=TableQuery),
        *fees_routes(rendering),
    ]
