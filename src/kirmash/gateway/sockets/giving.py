"""A connection's commands: judged, given through the services, answered in the language of the one who asked.

What comes in one turn of the event loop is given at once, whatever frames it came in, by one task. Each item of a frame
is judged by itself: a mistake in one, or a right that one of them lacks, leaves the others alone.
"""

from collections.abc import Sequence
from typing import Any, Final

import structlog

from kirmash.gateway.problems import cure_in, denied_problem, explanation, refused_problem, said_in
from kirmash.gateway.services import Given, Services
from kirmash.gateway.sockets.reading import Commands, Wanted
from kirmash.gateway.sockets.table import MESSAGES, TRADING, allows
from kirmash.identity import Denied, Throttled, Who
from kirmash.messages import commands as c
from kirmash.messages.times import text_from_time
from kirmash.protocol import ws
from kirmash.protocol.shapes import ShapeError
from kirmash.sequencer.answers import Refused

ORIGIN: Final = "ws"

JsonObject = dict[str, Any]

_log: Final = structlog.get_logger("websocket")


class Giving:
    """Gives commands in one client's name."""

    def __init__(self, services: Services, language: str) -> None:
        self._services: Final = services
        self.language = language
        """In which texts for people are said."""

    async def give(self, who: Who, frames: Sequence[Commands]) -> list[list[JsonObject]]:
        """The results of each frame's items, in their order."""
        results: list[list[JsonObject]] = []
        wanted: list[tuple[str, str, c.Command]] = []
        places: list[tuple[int, int]] = []
        judged: dict[str, JsonObject | None] = {}
        for frame in frames:
            throttled = self._throttle(who, len(frame.items))
            outcomes: list[JsonObject] = []
            for item in frame.items:
                refusal = throttled or self._judge(who, item, judged)
                outcomes.append({"client_id": item.client_id} if refusal is None else self._named(item, refusal))
                if refusal is None:
                    assert not isinstance(item.command, ShapeError)
                    assert item.client_id is not None
                    places.append((len(results), len(outcomes) - 1))
                    wanted.append((item.client_id, item.name, item.command))
            results.append(outcomes)
        if wanted:
            given = await self._give(who, wanted)
            for (frame_at, item_at), outcome in zip(places, given, strict=True):
                results[frame_at][item_at] |= outcome
        return results

    async def _give(self, who: Who, wanted: list[tuple[str, str, c.Command]]) -> list[JsonObject]:
        services = self._services
        try:
            if len(wanted) == 1:
                client_id, name, command = wanted[0]
                return [self._shown(await services.give(who, client_id, name, command, ORIGIN))]
            return [self._outcome(outcome) for outcome in await services.give_many(who, wanted, ORIGIN)]
        except Refused as refused:
            return [self._refused(refused)]
        except Denied as denied:
            # A right that ended between the judgement and the command: nothing was given.
            return [in_language(self.language, _denied(denied)) for _ in wanted]

    def _throttle(self, who: Who, count: int) -> JsonObject | None:
        allowance = self._services.identity.throttle(who, count)
        if allowance.allowed:
            return None
        return _denied(Throttled("too many commands in too short a time", allowance.retry_after))

    def _judge(self, who: Who, item: Wanted, judged: dict[str, JsonObject | None]) -> JsonObject | None:
        """Why an item is not given; None if it is."""
        if isinstance(item.command, ShapeError):
            return shape_refusal(item.command)
        if item.name not in judged:
            judged[item.name] = self._judge_name(who, item.name)
        refusal = judged[item.name]
        return refusal if refusal is not None else self._four_eyes(item.name, item.command)

    def _judge_name(self, who: Who, name: str) -> JsonObject | None:
        row = MESSAGES[name]
        if not allows(row, who):
            return {"code": "forbidden", "text": f"this is for {row.rule.value}"}
        try:
            self._services.identity.check_command(who, name)
        except Denied as denied:
            return _denied(denied)
        return None

    def _four_eyes(self, name: str, command: c.Command) -> JsonObject | None:
        services = self._services
        if not services.config.identity.four_eyes or name in TRADING:
            return None
        body = {field: getattr(command, field, None) for field in ("amount", "currency")}
        if not services.identity.needs_four_eyes(name, body):
            return None
        return {
            "code": "four_eyes_needed",
            "text": "this command takes a second operator",
            "cure": f"give it by POST /api/v1/commands/{name}, which proposes it",
        }

    def _outcome(self, outcome: Given | Refused) -> JsonObject:
        return self._refused(outcome) if isinstance(outcome, Refused) else self._shown(outcome)

    def _shown(self, given: Given) -> JsonObject:
        shown: JsonObject = {
            "status": "rejected" if given.rejected else "accepted",
            "number": given.answer.number,
            "at": text_from_time(given.answer.time),
        }
        if given.rejected:
            shown["reasons"] = [
                {**reason, **explanation(reason["reason"], self.language)} for reason in given.lines[0]["reasons"]
            ]
        else:
            shown["events"] = given.lines
        return shown

    def _refused(self, refused: Refused) -> JsonObject:
        problem = refused_problem(refused)
        shown = _without_none(code=problem.code, text=str(refused), field=problem.field)
        return {"status": "refused", **in_language(self.language, shown)}

    def _named(self, item: Wanted, refusal: JsonObject) -> JsonObject:
        return {"client_id": item.client_id, "status": "refused", **in_language(self.language, refusal)}


def answer_to(frame: Commands, outcomes: list[JsonObject]) -> ws.Answer:
    """What is said to a frame: to one command its result, to several a list."""
    if frame.op == "commands":
        return ws.Answer(id=frame.id, op=frame.op, results=outcomes)
    return ws.Answer(id=frame.id, op=frame.op, result=outcomes[0])


def shape_refusal(error: ShapeError) -> JsonObject:
    """A mistake of form: which field, what is wrong, by which rule."""
    return _without_none(code="shape", text=str(error), field=error.field, rule=error.rule)


def in_language(language: str, refusal: JsonObject) -> JsonObject:
    """A refusal with its text and cure in a language."""
    if language == "en":
        return refusal
    shown = {**refusal, "text": said_in(language, refusal["code"], refusal["text"])}
    if refusal.get("cure") is not None:
        shown["cure"] = cure_in(language, refusal["code"], refusal["cure"])
    return shown


def _denied(denied: Denied) -> JsonObject:
    retry_after = denied.retry_after if isinstance(denied, Throttled) else None
    problem = denied_problem(denied)
    shown = _without_none(code=denied.code, text=str(problem), cure=problem.cure, retry_after=retry_after)
    return {"status": "refused", **shown}


def _without_none(**values: Any) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}
