"""Refusals in the reader's language: no code lacks its Russian title and cure, no sentence in the sources its Russian
form; on the WebSocket and over REST; and none in the words of a library."""

import ast
import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from kirmash.gateway.problems import TITLES
from kirmash.gateway.russian import CURES, russian
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.identity import errors
from kirmash.sequencer import answers
from tests.gateway.house import API, House, Program
from tests.gateway.running import LOGINS, MARKETS, SESSION, Running, order, run

SOURCES = Path(__file__).parents[2] / "src" / "kirmash"
CYRILLIC = re.compile("[а-яА-Я]")
FILES = ("identity/*.py", "gateway/**/*.py", "queries/*.py", "protocol/shapes.py", "sequencer/answers.py",
         "sequencer/writer.py", "sequencer/intake.py", "core/process.py", "core/local.py")  # fmt: skip

REASONS: dict[str, tuple[int, ...]] = {"_Mistake": (1,), "Problem": (2,), "ShapeError": (1,), "QueryError": (1,),
                                       "close": (1, 2)}  # fmt: skip
"""Which arguments of a call are sentences for people, besides `cure=`."""
REASONS |= {kind.__name__: (0, 1) for kind in vars(errors).values() if isinstance(kind, type)}
REASONS |= {kind.__name__: (0,) for kind in vars(answers).values() if isinstance(kind, type)}

HOLE = "7"
COMPOSED = {
    "subprotocols are 7": "subprotocols are kirmash.v1.json and kirmash.v1.msgpack",
    "7 has 7 frames": "kirmash.v1.json has text frames",
    'there is no message "7"7': 'there is no message "pin"; did you mean ping?',
    "the views are behind7": "the views are behind: they hold record 1, and 2 was asked for",
    "resume_at has to be 7 seconds after the announcement or later (7)": (
        "resume_at has to be 7 seconds after the announcement or later (PS-11.3)"
    ),
    "7: 7": "limit: must be at most 500",
    "7, is 7": "must be an integer from 0 to 2^53 - 1, or 1 to 16 digits in text, is x",
    "unknown field7": "unknown field; did you mean price?",
    "planned times must not decrease: 7": "planned times must not decrease: 2026-01-01 is before 2026-01-02",
    "the body is not JSON7": "the body is not JSON from byte 7 on",
}
"""Sentences of which a hole holds a part of the sentence, as they are really said."""
NEVER_SHOWN = ("identity/storage.py",)
"""What is wrong with the file of logins is for the log."""


def _sentences(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from _sentences(one)
            yield from _sentences(other)


def _said(file: Path) -> Iterator[tuple[int, str]]:
    """Sentences that this file says when it refuses, with their line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        places = REASONS.get(name, ())
        if name == "__init__" and file.name in ("errors.py", "answers.py"):
            places = (0, 1)
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        said = [] if starred else [node.args[place] for place in places if place < len(node.args)]
        said += [keyword.value for keyword in node.keywords if keyword.arg == "cure"]
        for expression in said:
            yield from ((node.lineno, sentence) for sentence in _sentences(expression))


def test_every_sentence_has_its_russian_form() -> None:
    lacking, count = [], 0
    for pattern in FILES:
        for file in sorted(SOURCES.glob(pattern)):
            if str(file.relative_to(SOURCES)) in NEVER_SHOWN:
                continue
            for line, sentence in _said(file):
                count += 1
                if russian(COMPOSED.get(sentence, sentence)) is None:
                    lacking.append(f"{file.relative_to(SOURCES)}:{line}: {sentence}")
    assert not lacking, "\n".join(lacking)
    assert count > 150, "the sentences were not found"


def test_every_code_has_a_title_and_a_cure_in_both_languages() -> None:
    kinds = [kind for module in (errors, answers) for kind in vars(module).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.Denied | answers.Refused)} - {"refused"}
    assert codes | set(CURES) <= set(TITLES)
    assert set(TITLES) - set(CURES) == {"rejected"}, "each reason of a reject has its own cure"
    for code, title in TITLES.items():
        assert CYRILLIC.search(title["ru"]), code
        assert not CYRILLIC.search(title["en"]), code
    for code, (english, translated) in CURES.items():
        assert CYRILLIC.search(translated), code
        assert not CYRILLIC.search(english), code


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("limit: must be at most 500", "limit: нужно не больше 500"),
        ("limit: must be at least 1", "limit: нужно не меньше 1"),
        ("set your clock; the server's clock shows 1768467600", "1768467600"),
        ("resume_at has to be 300 seconds after the announcement or later (PS-11.3)", "через 300 с"),
        ("started from the journal's beginning, 0 records replayed, at record 77", "до записи 77"),
        ("started from snapshot 12.snapshot, 3 records replayed, at record 77", "со снимка 12.snapshot"),
        ('add "@target-uri", or "@path" and "@query"', '"@path"'),
    ],
)
def test_figures_and_names_are_kept(english: str, said: str) -> None:
    assert said in (russian(english) or "")


# Over REST -------------------------------------------------------------------------------------------------------


RUSSIAN = {"Accept-Language": "ru"}


def test_a_signature_that_is_not_in_order_is_explained_in_russian(house: House) -> None:
    program = Program(house, house.enter("t-alfa"))
    fields = dict(program.signed("GET", f"{API}/orders"))
    for name in ("signature-input", "Signature-Input"):
        if name in fields:
            fields[name] = fields[name].replace('"@target-uri"', "")
    told = house.anonymous().get(f"{API}/orders", headers={**fields, **RUSSIAN}).json()
    assert told["code"] == "bad_signature"
    assert "@target-uri" in told["cure"]
    assert all(CYRILLIC.search(told[name]) for name in ("title", "detail", "cure"))


@pytest.mark.parametrize("target", ["/orders?limit=501", "/orders?limit=0", "/orders?limit=x", "/orders?what=1",
                                    "/tape", "/orders?open=perhaps"])  # fmt: skip
def test_bounds_of_queries_are_told_in_our_words(house: House, target: str) -> None:
    client = house.enter("t-alfa")
    for headers in ({}, RUSSIAN):
        answer = client.get(f"{API}{target}", headers=headers)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (400, "shape")
        assert told["field"] in ("limit", "what", "session", "open")
        assert told["detail"].startswith(f"{told['field']}: ")
        assert bool(CYRILLIC.search(told["detail"])) is bool(headers)
        _in_our_words(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/login", b"{}"),
        ("/login", b"[]"),
        ("/login", b'{"name": 7, "password": "x"}'),
        ("/login", b'{"name": "x", "password": "x", "and": 1}'),
        ("/login", b"{"),
        ("/login", b"\xff"),
        ("/logins", b'{"name": "x", "role": "king"}'),
        ("/keys", b'{"public": "x", "label": ""}'),
        ("/switches", b'{"kind": "all", "subject": "x", "on": 1, "reason": "x"}'),
    ],
)
def test_mistakes_of_bodies_are_told_in_our_words(house: House, path: str, body: bytes) -> None:
    answer = house.enter("olga").post(f"{API}{path}", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "shape")
    _in_our_words(answer)


def _in_our_words(answer: httpx.Response) -> None:
    told = answer.json()["detail"]
    assert not re.search(r"`|\$\.|Expected|Object |int\b|\bstr\b|enum|malformed|truncated", told), told


# On the WebSocket ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", MARKETS)
def test_the_websocket_speaks_the_language_that_was_asked_for(tmp_path: Path, market: str) -> None:
    async def play() -> None:
        limits = SocketLimits(mistakes=6)
        async with Running(tmp_path, market, limits=limits) as running:
            await running.set_the_stage()
            seller = await running.client("seller", additional_headers=RUSSIAN)
            first = order("a-1", "sell", "900.00")
            assert (await seller.say(first))["result"]["status"] == "accepted"
            for message in (
                {**first, "price": "901.00"},
                {**first, "client_id": "a-2", "price": 900},
                {"op": "suspend_participant", "client_id": "a-3", "participant": "brest-oil"},
            ):
                _russian((await seller.say(message)).get("result") or (await seller.say(message)))
            other = await running.client(additional_headers=RUSSIAN)
            for message in (
                first,
                {"op": "subscrib"},
                {"op": "subscribe", "channel": "market", "session": "none", "instrument": "x"},
                {"op": "subscribe", "channel": "fish"},
                {"op": "cancel_after", "seconds": "soon"},
                {"op": "login", "key": "key-0", "created": 1, "signature": base64.b64encode(b"x" * 64).decode()},
            ):
                error = await other.say(message)
                assert error["type"] == "error"
                _russian(error)
            closing = await other.next("closing")
            _russian(closing)
            assert closing["code"] == 4001

    run(play())


def _russian(said: dict[str, Any]) -> None:
    assert CYRILLIC.search(said["text"]), said
    assert not re.search(r"Expected|`|Object ", said["text"]), said
    if said.get("cure") is not None:
        assert CYRILLIC.search(said["cure"]), said


def test_without_a_wish_it_is_the_logins_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOGINS, "seller", replace(LOGINS["seller"], language="ru"))

    async def play() -> None:
        async with Running(tmp_path) as running:
            await running.set_the_stage()
            seller = await running.client("seller")
            _russian(await seller.say({"op": "subscrib"}))
            english = await running.client("seller", additional_headers={"Accept-Language": "en"})
            assert not CYRILLIC.search((await english.say({"op": "subscrib"}))["text"])
            nobody = await running.client()
            assert not CYRILLIC.search((await nobody.say({"op": "subscrib"}))["text"])
            refused = await nobody.say({"op": "subscribe", "channel": "session", "session": SESSION, "after": 1})
            assert not CYRILLIC.search(refused["text"])

    run(play())
