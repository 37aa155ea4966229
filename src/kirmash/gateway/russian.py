"""Refusals in Russian: the sentences that layers below write in English, by their pattern.

What `protocol.shapes`, the sequencer and identity say stands there in English, once. Here those sentences have
their Russian form; ids, fields and figures are taken over as they are. A sentence that the table does not know is shown
in English behind the Russian title, never left out.
"""

import re
from typing import Final

from kirmash.gateway.russian_doors import DOORS
from kirmash.gateway.russian_identity import IDENTITY

_ONE_OF: Final = r"must be one of (?P<names>.*), is (?P<is>.*)"

_PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    # protocol.shapes
    (r"starts with a byte order mark; .*", "текст начинается с метки порядка байтов; пришлите его без неё"),
    (r"not JSON from column (?P<n>\d+) on", "это не JSON, начиная с позиции {n}"),
    (r"not UTF-8 from byte (?P<n>\d+) on", "это не UTF-8, начиная с байта {n}"),
    (r"nested too deeply", "слишком много вложений"),
    (r"not a JSON object", "это не объект JSON"),
    (r"is given twice", "поле указано дважды"),
    (r"unknown field; did you mean (?P<near>.*)\?", "такого поля нет; может быть, {near}?"),
    (r"unknown field", "такого поля нет"),
    (r"is missing", "поле не указано"),
    (r"must not be null", "значение не может быть null"),
    (r"must be text, is (?P<is>.*)", "нужен текст, а дано {is}"),
    (r"is not valid Unicode: .*", "это не Юникод: половина суррогатной пары"),
    (r"must have 1 to (?P<most>\d+) bytes in UTF-8, has (?P<n>\d+)", "нужно от 1 до {most} байт в UTF-8, а дано {n}"),
    (r"is the number (?P<n>[^;]*); put it in quotes: .*", 'дано число {n}; возьмите его в кавычки: "{n}"'),
    (
        r"must be decimal text with up to 15 digits and 9 decimals, like \"98\.50\", is (?P<is>.*)",
        "нужно число: до 15 цифр, из них не больше 9 после запятой, например 98.50, а дано {is}",
    ),
    (r"an amount must be above 0", "сумма должна быть больше нуля"),
    (
        r"must be an integer from 0 to 2\^53 - 1, without decimals or exponent, is (?P<is>.*)",
        "нужно целое число от 0 до 2^53 - 1 без дробной части и показателя степени, а дано {is}",
    ),
    (r"must be at most 1,000,000 .*", "не больше 1 000 000 (миллионных долей)"),
    (
        r"must be an integer from 0 to 2\^53 - 1, or 1 to 16 digits in text, is (?P<is>.*)",
        "нужно целое число от 0 до 2^53 - 1 или от 1 до 16 цифр текстом, а дано {is}",
    ),
    (r"must be true or false, is (?P<is>.*)", "нужно true или false, а дано {is}"),
    (r"must be an object of texts", "нужен объект, значения которого — тексты"),
    (r"must be an object", "нужен объект"),
    (r"must be a list", "нужен список"),
    (r"must hold at least one", "нужно хотя бы одно значение"),
    (_ONE_OF, "нужно одно из значений {names}, а дано {is}"),
    (r"must be one of (?P<names>.*)", "нужно одно из значений {names}"),
    (r"must be text with an RFC 3339 time", "нужен текст со временем по RFC 3339"),
    (r"not an RFC 3339 time .*", "нужно время по RFC 3339 со смещением, например 2022-12-14T07:00:00Z"),
    (r"no such time: .*", "такого времени нет"),
    (r"times go from 1970 to 9999 \(UTC\)", "время бывает от 1970 до 9999 года (UTC)"),
    (r"goes with time_in_force \"until\", and only with it", 'указывается при time_in_force "until", и только при нём'),
    (
        r"must be some of (?P<names>.*), each once and in this order",
        "нужны фазы из {names}, каждая раз и в этом порядке",
    ),
    (r"must hold INTAKE or TRADING", "нужна фаза INTAKE или TRADING"),
    (r"must hold (?P<names>[A-Z_, ]*)", "нужны фазы {names}"),
    (
        r"planned times must not decrease: (?P<a>.*) is before (?P<b>.*)",
        "время в плане не убывает, а {a} раньше, чем {b}",
    ),
    (r"must be (?P<what>two capital letters .*), is (?P<is>.*)", "нужны две заглавные буквы (ISO 3166-1), а дано {is}"),
    (r"must be (?P<what>three capital letters .*), is (?P<is>.*)", "нужны три заглавные буквы (ISO 4217), а дано {is}"),
    (r"must be (?P<what>.*), is (?P<is>.*)", "нужно: {what}; дано {is}"),
    (r"may hold letters, digits and \. _ : - only", "можно только буквы латиницы, цифры и знаки . _ : -"),
    # queries and query parameters
    (r"is none that was given", "такого указателя страницы биржа не выдавала"),
    (r"is none of this list", "этот указатель страницы — от другого списка"),
    (r"is not from (?P<low>\d+) to (?P<high>\d+)", "нужно от {low} до {high}"),
    (r"is not one of (?P<names>.*)", "нужно одно из значений {names}"),
    (r"is out of range", "такого номера не бывает"),
    (r"needs a session", "вместе с этим нужно указать session"),
    (r"is needed, or a participant", "нужно указать это поле или participant"),
    (r"the logins cannot be read or written now", "учётные записи сейчас недоступны"),
    (r"the body is not JSON from byte (?P<n>\d+) on", "тело запроса — не JSON, начиная с байта {n}"),
    (r"the body is not JSON", "тело запроса — не JSON"),
    (r"the body has to be application/json", "тело запроса должно быть application/json"),
    (r"a query parameter is given twice", "параметр запроса указан дважды"),
    (r"this path takes no query parameters", "у этого пути нет параметров"),
    (r"a request has at most (?P<n>\d+) bytes", "в запросе не больше {n} байт"),
    # the gateway
    (r"there is no such (?P<what>.*)", "такого объекта нет"),
    (r"no such path", "такого пути нет"),
    (r"this path takes (?P<names>.*)", "этот путь принимает {names}"),
    (r"log in, or sign the request with an API key", "войдите в систему или подпишите запрос ключом API"),
    (r"this is for a person's session, not for a key", "это делают в своём сеансе, а не по ключу"),
    (r"this is for (?P<who>.*)", "это доступно не вам"),
    (r"the key's scopes are (?P<names>.*)", "у ключа есть только права {names}"),
    (
        r"the views are behind: they hold record (?P<a>\d+), and (?P<b>\d+) was asked for",
        "представления отстают: в них есть запись {a}, а нужна {b}",
    ),
    (r"the views are behind", "представления отстают"),
    (r"the views cannot be read now", "представления сейчас недоступны"),
    (r"the notices cannot be read or written now", "объявления сейчас недоступны"),
    (r"the notice is withdrawn already", "объявление уже снято"),
    (r"the id was used for other content", "идентификатор уже был у другого содержания"),
    (
        r"an error of the exchange; it is in the log as (?P<n>.*)",
        "ошибка биржи; в её журнале работы она записана как {n}",
    ),
    # sequencer.answers
    (
        r"client id (?P<id>.*) was used before with another (?P<field>.*)",
        "идентификатор {id} уже был у команды с другим полем {field}",
    ),
    (r"the exchange takes no commands.*", "биржа сейчас не принимает команды"),
    (r"the exchange's core is not reached", "нет связи с ядром биржи"),
    (r"only the exchange itself gives this command", "эту команду подаёт только сама биржа"),
    (r"the core went away; retry with the same id", "связь с ядром прервалась; повторите с тем же идентификатором"),
    (r"the command has (?P<a>\d+) bytes, (?P<b>\d+) is the most.*", "в команде {a} байт, а можно не больше {b}"),
    # identity
    (r"the login failed", "войти не удалось"),
    (r"a code of the second factor is needed", "нужен код второго фактора"),
    (r"the session is over", "сеанс завершён"),
    (r"the token of the form does not belong to the session", "токен формы не от этого сеанса"),
    (r"the nonce was used before", "такой nonce уже был"),
    (r"the client id was used before for another proposal", "этот идентификатор уже был у другого предложения"),
    (r"too many commands in too short a time", "слишком много команд за слишком короткое время"),
    (r"too many logins at once", "слишком много входов одновременно"),
    (r"the kill switch of the (?P<who>\w+) is on: .*", "включена блокировка торгов: можно только снимать заявки"),
    (r"who proposed cannot approve.*", "предложивший не может одобрить сам"),
    (r"the proposal is (?P<state>\w+).*", "предложение закрыто ({state})"),
    (r"a reason is needed", "нужна причина"),
    (r"the one-time password is to be changed first", "сначала смените одноразовый пароль"),
    (r"a second factor is to be set up first", "сначала настройте второй фактор"),
    (r"the role (?P<role>\S+) gives no commands", "роль {role} не подаёт команды"),
)

_COMPILED: Final = tuple(
    (re.compile(pattern, re.DOTALL), russian) for pattern, russian in (*IDENTITY, *DOORS, *_PATTERNS)
)


def russian(text: str) -> str | None:
    """The Russian form of a sentence; None where there is none. A field before it and a rule behind it stay."""
    for field, sentence, rule in _parts(text):
        for pattern, form in _COMPILED:
            found = pattern.fullmatch(sentence)
            if found is not None:
                return f"{field}{form.format_map(found.groupdict())}{rule}"
    return None


_RULE: Final = re.compile(r" \([A-Z]+-[0-9.]+\)$")
_FIELD: Final = re.compile(r"(?:[\w.\[\]-]{1,80}|name in \w+): ")


def _parts(text: str) -> list[tuple[str, str, str]]:
    """Ways to read a text as field, sentence and rule; the plain one first."""
    rule = _RULE.search(text)
    behind = rule.group() if rule else ""
    sentence = text.removesuffix(behind)
    parts = [("", text, ""), ("", sentence, behind)]
    field = _FIELD.match(sentence)
    if field:
        parts.append((field.group(), sentence[field.end() :], behind))
    return parts


CURES: Final[dict[str, tuple[str, str]]] = {
    "shape": (
        "mend what is named and send it again; /api/v1/openapi.json describes every body and parameter",
        "исправьте указанное и повторите; все поля описаны в /api/v1/openapi.json",
    ),
    "not_signed_in": (
        "log in at /api/v1/login, or sign the request",
        "войдите через /api/v1/login или подпишите запрос",
    ),
    "forbidden": (
        "use the login of somebody to whom it is open",
        "воспользуйтесь учётной записью, которой это доступно",
    ),
    "not_found": (
        "check the id; see /api/v1/openapi.json for the paths",
        "проверьте идентификатор; пути — в /api/v1/openapi.json",
    ),
    "method_not_allowed": ("use one of the methods named", "возьмите один из названных методов"),
    "too_large": ("send less at once", "пришлите меньше за один раз"),
    "not_json": (
        "send JSON, with the header Content-Type: application/json",
        "пришлите JSON с заголовком Content-Type: application/json",
    ),
    "throttled": ("wait as long as Retry-After says", "подождите столько, сколько указано в Retry-After"),
    "busy": ("try again with the same id", "повторите с тем же идентификатором"),
    "unavailable": ("try again with the same id", "повторите с тем же идентификатором"),
    "outcome_unknown": (
        "repeat with the same id: it is never carried out twice, and the answer tells",
        "повторите с тем же идентификатором: дважды команда не исполнится, и ответ покажет исход",
    ),
    "id_reused": ("use a new id for a new command", "для новой команды возьмите новый идентификатор"),
    "views_behind": ("ask again", "повторите запрос"),
    "views_unavailable": ("ask again", "повторите запрос"),
    "notices_unavailable": ("ask again", "повторите запрос"),
    "login_failed": ("check name, password and code", "проверьте имя, пароль и код"),
    "second_factor_needed": (
        "repeat the login with the code of your device",
        "повторите вход с кодом вашего устройства",
    ),
    "session_ended": ("log in again", "войдите снова"),
    "csrf_failed": (
        "send the token of /api/v1/me in the header X-CSRF-Token",
        "пришлите токен из /api/v1/me в заголовке X-CSRF-Token",
    ),
    "bad_signature": ("compare the signature base with yours", "сравните основу подписи со своей"),
    "replayed": (
        "sign each request anew, with a fresh random nonce",
        "подписывайте каждый запрос заново, с новым nonce",
    ),
    "outside_window": ("set your clock by /api/v1/time", "установите часы по /api/v1/time"),
    "key_refused": ("use another key", "возьмите другой ключ"),
    "not_allowed": ("ask somebody to whom it is open", "обратитесь к тому, кому это доступно"),
    "must_enrol": (
        "set one up: POST /api/v1/totp, then /api/v1/totp/confirm",
        "настройте его: POST /api/v1/totp, затем /api/v1/totp/confirm",
    ),
    "denied": ("mend what is named", "исправьте указанное"),
    "stopped": ("whoever set the switch can lift it", "снять блокировку может тот, кто её включил"),
    "password_refused": ("choose another password", "выберите другой пароль"),
    "conflict": ("look at the present state first", "сначала посмотрите нынешнее состояние"),
    "four_eyes_needed": (
        "give it by POST /api/v1/commands/{name}, which proposes it",
        "подайте её через POST /api/v1/commands/{name}: она станет предложением",
    ),
    "too_many": ("give up one of them first", "сначала откажитесь от одного из них"),
    "proposal_over": ("make a new proposal", "сделайте новое предложение"),
    "actor_may_not": ("leave it to the exchange", "оставьте это бирже"),
    "notice_too_short": ("announce a later time", "объявите более позднее время"),
    "internal_fault": ("tell the operator", "сообщите оператору"),
    "internal_error": ("tell the operator the incident named", "сообщите оператору номер ошибки"),
}
"""How to mend each refusal, by its code, in English and Russian."""
