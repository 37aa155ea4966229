"""Errors as `application/problem+json` (RFC 9457): what, where, why and how to mend, in the reader's language.

Every refusal that leaves the gateway passes through here, so that each has a stable `code` for programs, the rule it
rests on where there is one, and a text for people. A business reject is one too, with the number of its record and all
its reasons; the record stands in the journal like any other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from kirmash.gateway.russian import CURES, russian
from kirmash.identity.errors import (
    BadSignature,
    Conflict,
    CsrfFailed,
    Denied,
    LoginFailed,
    NotAllowed,
    NotFound,
    PasswordRefused,
    SecondFactorNeeded,
    SessionEnded,
    StoreFailed,
    Throttled,
)
from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Reason
from kirmash.protocol.shapes import ShapeError
from kirmash.sequencer.answers import Busy, IdReused, NotFromOutside, OutcomeUnknown, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
PROBLEMS_PATH: Final = "/docs/problems"
"""Where a person can read what a code means; the gateway serves it (api/problem_page.py)."""

JsonObject = dict[str, Any]


class Problem(Exception):
    """An answer that is an error. `code` is for programs and never changes; `extra` are further members."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        rule: str | None = None,
        cure: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: JsonObject | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.field = field
        self.rule = rule
        self.cure = cure
        self.headers = dict(headers or {})
        self.extra = extra or {}

    def value(self, language: str) -> JsonObject:
        """The document: `type` is a link to the reference page, relative to the exchange's own."""
        shown: JsonObject = {
            "type": f"{PROBLEMS_PATH}#{self.code}",
            "title": TITLES.get(self.code, {}).get(language) or TITLES.get(self.code, {}).get("en") or self.code,
            "status": self.status,
            "code": self.code,
            "detail": self._said(str(self), language),
        }
        cure = self._cure(language)
        for name, value in (("field", self.field), ("rule", self.rule), ("cure", cure)):
            if value is not None:
                shown[name] = value
        return shown | self.extra

    def _said(self, text: str, language: str) -> str:
        # The texts of a reject come in the reader's language already.
        return text if "reasons" in self.extra else said_in(language, self.code, text)

    def _cure(self, language: str) -> str | None:
        return self.cure if "reasons" in self.extra else cure_in(language, self.code, self.cure)

    def response(self, language: str, headers: Mapping[str, str] | None = None) -> Response:
        """The document as an HTTP answer."""
        return Response(
            msgspec.json.encode(self.value(language)), self.status, {**(headers or {}), **self.headers}, MEDIA_TYPE
        )


def said_in(language: str, code: str, text: str) -> str:
    """A sentence of a refusal in a language; one that has no Russian form stands behind the Russian title."""
    if language != "ru":
        return text
    found = russian(text)
    return found if found is not None else f"{TITLES.get(code, {}).get('ru', code)}: {text}"


def cure_in(language: str, code: str, cure: str | None) -> str | None:
    """How to mend a refusal, in a language: what is said of this one, else what is said of its code."""
    english, translated = CURES.get(code, (None, None))
    if language != "ru":
        return english if cure is None else cure
    return (None if cure is None else russian(cure)) or translated or cure


def shape_problem(error: ShapeError) -> Problem:
    """The sender's mistake of form (PS-0.2): refused before a number is given."""
    return Problem(400, "shape", str(error), field=error.field, rule=error.rule)


def refused_problem(refused: Refused) -> Problem:
    """A command that was not numbered, or of which nobody knows."""
    status, headers = 503, {"Retry-After": "1"}
    field = rule = None
    if isinstance(refused, IdReused):
        status, headers, field = 409, {}, refused.field
    elif isinstance(refused, NotFromOutside):
        status, headers = 403, {}
    elif not isinstance(refused, Busy | Unavailable | OutcomeUnknown):
        status, headers, rule = 409, {}, getattr(refused, "rule", None)
        if refused.code == "too_large":
            status = 413
        elif refused.code == "internal_fault":
            status = 503
    return Problem(status, refused.code, str(refused), field=field, rule=rule, headers=headers)


_DENIED: Final[tuple[tuple[type[Denied], int], ...]] = (
    (LoginFailed, 401),
    (SecondFactorNeeded, 401),
    (SessionEnded, 401),
    (BadSignature, 401),
    (CsrfFailed, 403),
    (NotAllowed, 403),
    (PasswordRefused, 422),
    (NotFound, 404),
    (Conflict, 409),
    (StoreFailed, 503),
)


def denied_problem(denied: Denied) -> Problem:
    """What identity refuses."""
    if isinstance(denied, Throttled):
        return Problem(429, denied.code, str(denied), cure=denied.cure or None, headers=denied.headers)
    if isinstance(denied, StoreFailed):
        # Which file it is and what is wrong with it is for the log.
        return Problem(503, denied.code, "the logins cannot be read or written now", headers={"Retry-After": "1"})
    status = next((status for kind, status in _DENIED if isinstance(denied, kind)), 403)
    extra: JsonObject = {}
    if isinstance(denied, BadSignature) and denied.base is not None:
        extra["signature_base"] = denied.base
    return Problem(status, denied.code, str(denied), cure=denied.cure or None, extra=extra)


def rejected_problem(number: int, at: str, reasons: Sequence[JsonObject], language: str) -> Problem:
    """A business reject: numbered and journaled, and nothing was changed by it (PS-3.3)."""
    explained = [{**reason, **explanation(reason["reason"], language)} for reason in reasons]
    detail = " ".join(reason["text"] for reason in explained)
    extra: JsonObject = {"number": number, "at": at, "reasons": explained}
    return Problem(409, "rejected", detail, rule=explained[0]["rule"], cure=explained[0]["cure"], extra=extra)


def explanation(reason: str, language: str) -> JsonObject:
    """Number, text and cure of a reject reason in a language."""
    found = _BY_TEXT[reason]
    said = EXPLANATIONS[found]
    russian = language == "ru"
    return {
        "code": int(found),
        "text": said.text_ru if russian else said.text_en,
        "cure": said.cure_ru if russian else said.cure_en,
    }


_BY_TEXT: Final = {reason.text: reason for reason in Reason}

TITLES: Final[dict[str, dict[str, str]]] = {
    "shape": {"en": "The request is not well formed", "ru": "Запрос составлен неверно"},
    "rejected": {"en": "The exchange rejected the command", "ru": "Биржа отклонила команду"},
    "not_signed_in": {"en": "A login is needed", "ru": "Нужно войти в систему"},
    "forbidden": {"en": "This is not open to you", "ru": "Это вам недоступно"},
    "not_found": {"en": "There is no such thing", "ru": "Такого объекта нет"},
    "method_not_allowed": {"en": "This path does not take that method", "ru": "Этот метод здесь не применим"},
    "too_large": {"en": "The request is too large", "ru": "Запрос слишком велик"},
    "throttled": {"en": "Too many requests", "ru": "Слишком много запросов"},
    "busy": {"en": "Too many commands are waiting", "ru": "Очередь команд заполнена"},
    "unavailable": {"en": "The exchange takes no commands now", "ru": "Биржа сейчас не принимает команды"},
    "outcome_unknown": {"en": "The outcome is not known", "ru": "Исход команды неизвестен"},
    "id_reused": {"en": "The client id was used before", "ru": "Идентификатор команды уже использован"},
    "actor_may_not": {"en": "Only the exchange itself gives this", "ru": "Это подаёт только сама биржа"},
    "notice_too_short": {"en": "The notice is too short", "ru": "Срок уведомления слишком мал"},
    "internal_fault": {"en": "This command made the exchange fail", "ru": "Эта команда вызвала сбой биржи"},
    "views_behind": {"en": "The views are behind", "ru": "Представления отстают от журнала"},
    "views_unavailable": {"en": "The views cannot be read", "ru": "Представления недоступны"},
    "notices_unavailable": {"en": "The notices cannot be read", "ru": "Объявления недоступны"},
    "not_json": {"en": "The body is not JSON", "ru": "Тело запроса — не JSON"},
    "internal_error": {"en": "An error of the exchange", "ru": "Ошибка биржи"},
    "login_failed": {"en": "The login failed", "ru": "Войти не удалось"},
    "second_factor_needed": {"en": "A second factor is needed", "ru": "Нужен второй фактор"},
    "session_ended": {"en": "The session is over", "ru": "Сеанс завершён"},
    "csrf_failed": {"en": "The form's token is wrong", "ru": "Неверный токен формы"},
    "bad_signature": {"en": "The signature is not in order", "ru": "Подпись неверна"},
    "replayed": {"en": "The request was sent before", "ru": "Запрос уже был отправлен"},
    "outside_window": {"en": "The clocks differ too much", "ru": "Часы расходятся слишком сильно"},
    "key_refused": {"en": "The key is refused", "ru": "Ключ отклонён"},
    "not_allowed": {"en": "This is not open to you", "ru": "Это вам недоступно"},
    "must_enrol": {"en": "A second factor is to be set up", "ru": "Нужно настроить второй фактор"},
    "denied": {"en": "This was refused", "ru": "Отказано"},
    "stopped": {"en": "The kill switch is on", "ru": "Включена блокировка торгов"},
    "password_refused": {"en": "The password does not meet the rules", "ru": "Пароль не отвечает правилам"},
    "four_eyes_needed": {"en": "A second operator is needed", "ru": "Нужен второй оператор"},
    "too_many": {"en": "There are too many of these", "ru": "Их слишком много"},
    "conflict": {"en": "The state does not allow it", "ru": "Состояние этого не допускает"},
    "proposal_over": {"en": "The proposal is over", "ru": "Предложение закрыто"},
}
"""What stands at the head of each problem, by its code."""
