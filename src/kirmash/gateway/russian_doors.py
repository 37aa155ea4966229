"""What the doors say when they refuse, in Russian: WebSocket, shapes of queries and bodies, the way to the core.

By their English pattern (see russian.py); a test takes every sentence out of the sources and demands its Russian form.
"""

from typing import Final

DOORS: Final[tuple[tuple[str, str], ...]] = (
    # The WebSocket
    (r"the exchange's gateway stops", "шлюз биржи останавливается"),
    (
        r"connect again in a moment and resume by number",
        "подключитесь снова через мгновение и продолжите с вашего номера",
    ),
    (r"going away", "шлюз биржи останавливается"),
    (r"no sign of life for (?P<n>\S+) s", "от вас ничего не было {n} с"),
    (r"answer pings, or send some", "отвечайте на ping или шлите свои"),
    (r"too slow: connect again and resume by number", "слишком медленно: подключитесь снова и продолжите с номера"),
    (r"too many mistakes", "слишком много ошибок"),
    (r"see docs/reference/websocket\.md", "см. docs/reference/websocket.md"),
    (r"an error of the exchange; it is in the log", "ошибка биржи; она записана в журнале работы"),
    (r"sign in first", "сначала войдите"),
    (r"log in by an API key, or connect with a session", "войдите по ключу API или подключитесь с сеансом"),
    (r"this connection is signed in", "в этом соединении вход уже сделан"),
    (r"open another( one| connection)", "откройте другое соединение"),
    (r"signature is not base64", "signature — не base64"),
    (r"after and participant go with the private channel", "after и participant бывают у канала private"),
    (r"the list of sessions has no number to resume from", "у списка торгов нет номера, с которого продолжать"),
    (r"the list of sessions is one", "список торгов один на всех"),
    (r"this channel is followed already", "этот канал уже подписан"),
    (r"this channel is not followed", "этот канал не подписан"),
    (r"the private channel takes after, and participant", "у канала private есть только after и participant"),
    (r"say of which participant", "укажите, какого участника"),
    (r"these lines are another participant's", "это строки другого участника"),
    (r"a connection follows at most (?P<n>\d+) channels", "у соединения не больше {n} каналов"),
    (r"the session has no such instrument", "в этих торгах нет такого инструмента"),
    (r"a session's own channel has no instrument", "у канала самих торгов нет инструмента"),
    (r"this command takes a second operator", "для этой команды нужен второй оператор"),
    (
        r"give it by POST (?P<path>/api/v1/commands/\S+), which proposes it",
        "подайте её через POST {path}: она станет предложением",
    ),
    (r"(?P<form>\S+) has (?P<kind>text|binary) frames", "в {form} кадры другого вида ({kind})"),
    (r"holds (?P<kind>.*): put it into text", "здесь {kind}: дайте это текстом"),
    (r'there is no message "(?P<op>.*)"; did you mean (?P<near>.*)\?', 'сообщения "{op}" нет; может быть, {near}?'),
    (r'there is no message "(?P<op>.*)"', 'сообщения "{op}" нет'),
    (r"must be a list of 1 to (?P<n>\d+) commands", "нужен список, от 1 до {n} команд"),
    (
        r"is missing: it is what makes it safe to send a command again",
        "не указано: без него команду нельзя безопасно повторить",
    ),
    (r"a form has at most (?P<n>\S+) fields", "в форме не больше {n} полей"),
    (r"must be text", "нужен текст"),
    (r"not an object", "это не объект"),
    (r"a key is not text", "ключ объекта — не текст"),
    (r"not UTF-8", "это не UTF-8"),
    (r"not MessagePack", "это не MessagePack"),
    (r"the WebSocket is at (?P<path>.*)", "WebSocket находится по пути {path}"),
    (
        r"too many connections, or the gateway stops",
        "слишком много соединений, или шлюз биржи останавливается",
    ),
    (r"subprotocols are (?P<names>.*) and (?P<last>.*)", "подпротоколы: {names} и {last}"),
    (r"a session is good for the exchange's own pages only", "сеанс годится только для страниц самой биржи"),
    (
        r"connect without the session's cookie, and log in by an API key",
        "подключитесь без cookie сеанса и войдите по ключу API",
    ),
    # Forms of queries and bodies
    (r"must be a whole number(, is .*)?", "нужно целое число"),
    (r"must be true or false(, is .*)?", "нужно true или false"),
    (r"must be a number(, is .*)?", "нужно число"),
    (r"must be an object(, is .*)?", "нужен объект"),
    (r"must be a list(, is .*)?", "нужен список"),
    (r"must be text, is (a whole number|true or false|a number|an object|a list|null)", "нужен текст"),
    (r"must be of another kind", "нужно значение другого вида"),
    (r"must be at least (?P<n>\d+)", "нужно не меньше {n}"),
    (r"must be at most (?P<n>\d+)", "нужно не больше {n}"),
    (r"must have at least (?P<n>\d+) characters", "нужно не меньше {n} знаков"),
    (r"must have at most (?P<n>\d+) characters", "нужно не больше {n} знаков"),
    (r"must have at least (?P<n>\d+) entries", "нужно не меньше {n} строк"),
    (r"must have at most (?P<n>\d+) entries", "нужно не больше {n} строк"),
    (r"has not the form that it must have", "значение не того вида"),
    (r"is none of the values that it can have", "такого значения не бывает"),
    (
        r"false needs a participant, client, trader or session",
        "для false укажите participant, client, trader или session",
    ),
    (
        r"needs a participant, client, trader or session",
        "вместе с этим укажите participant, client, trader или session",
    ),
    (r"no such command", "такой команды нет"),
    (r"did you mean (?P<near>.*)\?", "может быть, {near}?"),
    (r"the commands stand in /api/v1/openapi\.json", "команды описаны в /api/v1/openapi.json"),
    (r"see /api/v1/openapi\.json", "см. /api/v1/openapi.json"),
    # protocol.shapes
    (r"(?P<name>\S+) is a follow-up: only the exchange itself gives it", "{name} подаёт только сама биржа"),
    (r"unknown command (?P<name>.*); did you mean (?P<near>.*)\?", "команды {name} нет; может быть, {near}?"),
    (r"unknown command (?P<name>.*)", "команды {name} нет"),
    (r"must hold (?P<what>.*)", "должно быть: {what}"),
    (r"# starts a comment in column 1 only", "комментарий с # начинается только в первой позиции"),
    # sequencer.recovery
    (
        r"started from the journal's beginning, (?P<n>\d+) records replayed, at record (?P<m>\d+)",
        "с начала журнала; повторено записей: {n}, до записи {m}",
    ),
    (
        r"started from snapshot (?P<file>[^;]+), (?P<n>\d+) records replayed, at record (?P<m>\d+)",
        "со снимка {file}; повторено записей: {n}, до записи {m}",
    ),
    # The way to the core
    (r"the exchange's core does not answer", "ядро биржи не отвечает"),
    (r"too many requests wait for the core; try again", "слишком много запросов ждут ядра; повторите"),
    (
        r"resume_at has to be (?P<n>\d+) seconds after the announcement or later",
        "время возобновления (resume_at) должно быть не раньше чем через {n} с после объявления",
    ),
    (
        r"client id (?P<id>\S+) made the exchange fail; ask the operator",
        "команда {id} вызвала сбой биржи; обратитесь к оператору",
    ),
    (r"unavailable: outcome unknown, retry with the same id", "исход неизвестен; повторите с тем же идентификатором"),
    (r"no process can be made for it: .*", "для пробной команды сейчас нет места"),
    (r"the exchange (is stopping|has stopped).*", "биржа останавливается"),
    (r"too many (commands|rehearsals) are waiting; try again", "очередь команд заполнена; повторите"),
    (r"the journal cannot be read: .*", "журнал сейчас нельзя прочесть"),
)
