"""What each reject reason says to a person: the rule, the fact and the cure, in English and in Russian.

Written for traders and for the operator's desk, in whole sentences without placeholders: the field concerned, the value
given and the limit are printed beside the text. When a reason applies is decided by market and office, never here.
A rule is named as in docs/reference/market-rules.md (PS-…) or docs/reference/rulebook.md (ACC-…, BND-…, …).
"""

from typing import Final

from kirmash.messages.rejects import Explanation, Reason

_EXISTENCE: Final[dict[Reason, Explanation]] = {
    Reason.UNKNOWN_ACTOR: Explanation(
        rule="PS-3.1",
        text_en="The exchange does not know who gave this command.",
        cure_en="Have your participant appoint you as its trader, then send the command again.",
        text_ru="Бирже неизвестно лицо, подавшее эту команду.",
        cure_ru="Попросите участника назначить вас своим трейдером и повторите команду.",
    ),
    Reason.ACTOR_MAY_NOT: Explanation(
        rule="PS-3.1",
        text_en="This command is not open to whoever gave it: some are for traders, some for the exchange alone.",
        cure_en="Ask the operator of the exchange to give it for you; orders are entered by the participant's trader.",
        text_ru="Эта команда недоступна тому, кто её подал: одни команды подают трейдеры, другие — только биржа.",
        cure_ru="Обратитесь к оператору биржи; заявки на покупку и продажу подаёт трейдер участника.",
    ),
    Reason.UNKNOWN_SESSION: Explanation(
        rule="PS-3.1",
        text_en="There is no session with this id.",
        cure_en="Take the id of the session from the timetable.",
        text_ru="Торговой сессии с таким идентификатором нет.",
        cure_ru="Возьмите идентификатор сессии из расписания торгов.",
    ),
    Reason.UNKNOWN_INSTRUMENT: Explanation(
        rule="PS-3.1",
        text_en="The instrument is not listed, or it is not traded in this session.",
        cure_en="Choose an instrument from the session's list.",
        text_ru="Инструмент не допущен к торгам или не торгуется в этой сессии.",
        cure_ru="Выберите инструмент из списка инструментов сессии.",
    ),
    Reason.UNKNOWN_ORDER: Explanation(
        rule="PS-3.1",
        text_en="No order with this number was ever accepted.",
        cure_en="Take the number from your list of orders.",
        text_ru="Заявка с таким номером не принималась.",
        cure_ru="Возьмите номер из списка своих заявок.",
    ),
    Reason.UNKNOWN_CLIENT: Explanation(
        rule="BRK-03",
        text_en="No client is registered under this id.",
        cure_en="Check the id, or have the broker register the client first.",
        text_ru="Клиент с таким идентификатором не зарегистрирован.",
        cure_ru="Проверьте идентификатор; нового клиента сначала регистрирует брокер.",
    ),
    Reason.UNKNOWN_PARTICIPANT: Explanation(
        rule="ACC-01",
        text_en="No participant is registered under this id.",
        cure_en="Check the id, or register the participant first.",
        text_ru="Участник с таким идентификатором не зарегистрирован.",
        cure_ru="Проверьте идентификатор или сначала зарегистрируйте участника.",
    ),
    Reason.UNKNOWN_TRADER: Explanation(
        rule="TRD-03",
        text_en="Nobody was ever appointed as a trader under this id.",
        cure_en="Check the id; a trader exists from his first appointment on.",
        text_ru="Трейдер с таким идентификатором никогда не назначался.",
        cure_ru="Проверьте идентификатор: трейдер появляется в системе с первым назначением.",
    ),
    Reason.UNKNOWN_CARD: Explanation(
        rule="COM-04",
        text_en="There is no commodity card with this id and version.",
        cure_en="Check both, or list the card in this version first; 1 and 01 are two versions.",
        text_ru="Карточки товара с таким идентификатором и версией нет.",
        cure_ru="Проверьте и то и другое или сначала внесите карточку этой версии; 1 и 01 — разные версии.",
    ),
    Reason.UNKNOWN_DEAL: Explanation(
        rule="CTR-01",
        text_en="There is no deal with this number.",
        cure_en="Take the number from the register of deals.",
        text_ru="Сделки с таким номером нет.",
        cure_ru="Возьмите номер из реестра сделок.",
    ),
    Reason.UNKNOWN_WITHDRAWAL: Explanation(
        rule="DEP-04",
        text_en="No withdrawal of deposit was requested under this id.",
        cure_en="Check the id, or request the withdrawal first.",
        text_ru="Вывод средств с таким номером не запрашивался.",
        cure_ru="Проверьте номер или сначала подайте заявление на вывод.",
    ),
    Reason.ALREADY_EXISTS: Explanation(
        rule="PS-0",
        text_en="This id is taken, reserved, or, for a trader, in use: he still acts for another participant.",
        cure_en="Choose an id that was never used; withdraw the trader where he acts before you appoint him elsewhere.",
        text_ru="Идентификатор уже занят или зарезервирован, либо трейдер ещё действует от имени другого участника.",
        cure_ru="Укажите новый идентификатор; трейдера сначала отзовите у прежнего участника, затем назначайте.",
    ),
}

_RIGHTS: Final[dict[Reason, Explanation]] = {
    Reason.NOT_ADMITTED: Explanation(
        rule="ACC-06",
        text_en="The participant is not accredited, or suspended, or not permitted this section, side and purpose.",
        cure_en="See the participant's list of admissions and apply to the exchange for what is missing.",
        text_ru="Участник не аккредитован, приостановлен или не имеет допуска к этой секции, стороне или направлению.",
        cure_ru="Проверьте допуски участника и обратитесь на биржу за недостающим.",
    ),
    Reason.CLIENT_NOT_ADMITTED: Explanation(
        rule="BRK-04",
        text_en="The account does not fit the participant: a broker names a client of its own, a visitor names none.",
        cure_en="Name one of your own clients, or leave the client out where you act for yourself.",
        text_ru="Клиент не подходит: брокер указывает своего клиента, посетитель торгов — никакого.",
        cure_ru="Выберите своего клиента; действуя за свой счёт, не указывайте никого.",
    ),
    Reason.AUTHORITY_MISSING: Explanation(
        rule="TRD-04",
        text_en="The trader's authority has ended.",
        cure_en="Let another trader of the participant act, or have this one appointed again.",
        text_ru="Полномочия трейдера прекращены.",
        cure_ru="Передайте действие другому трейдеру участника или назначьте этого трейдера снова.",
    ),
    Reason.PHASE_FORBIDS: Explanation(
        rule="PS-1.2",
        text_en="The session's present phase does not allow this.",
        cure_en="See the table of phases and wait for one that allows it.",
        text_ru="На текущем этапе сессии это действие не разрешено.",
        cure_ru="Посмотрите план этапов сессии и дождитесь того, на котором действие разрешено.",
    ),
    Reason.PHASE_MOVED_ON: Explanation(
        rule="PS-11.1",
        text_en="The session is no longer in the phase that the command names as present.",
        cure_en="Look at the session's present phase; somebody or the timetable may have changed it just before.",
        text_ru="Сессия уже не на том этапе, который указан в команде как текущий.",
        cure_ru="Проверьте текущий этап: его мог только что сменить оператор или расписание.",
    ),
    Reason.PHASE_CHANGE_ILLEGAL: Explanation(
        rule="PS-1.1",
        text_en="The session cannot go this way from its present phase.",
        cure_en="Go to the next phase of its plan; from a halt, return to the phase left, at no earlier time than now.",
        text_ru="Такой переход из текущего этапа сессии невозможен.",
        cure_ru="Переходите к следующему этапу плана, после приостановки — к прерванному и не ранее текущего времени.",
    ),
    Reason.ENTRIES_EXCEEDED: Explanation(
        rule="PS-3.2",
        text_en="The participant has used up the number of orders that it may enter in this instrument and phase.",
        cure_en="Amend an open order instead, or wait for the next phase; a cancelled order gives no entry back.",
        text_ru="Участник исчерпал число заявок, которое может подать по этому инструменту на этом этапе.",
        cure_ru="Измените открытую заявку или дождитесь следующего этапа; снятие заявки попытку не возвращает.",
    ),
    Reason.ORDER_NOT_OPEN: Explanation(
        rule="PS-6.2",
        text_en="The order is already filled, cancelled or expired.",
        cure_en="Place a new order if you still want to trade.",
        text_ru="Заявка уже исполнена, снята или истекла.",
        cure_ru="Если вы по-прежнему хотите торговать, подайте новую заявку.",
    ),
    Reason.NOT_OWNER: Explanation(
        rule="PS-3.1",
        text_en="The order belongs to another participant.",
        cure_en="Check the order's number; you can change only the orders of the participant for whom you act.",
        text_ru="Заявка принадлежит другому участнику.",
        cure_ru="Проверьте номер: менять можно только заявки участника, от имени которого вы действуете.",
    ),
    Reason.CONTRACT_NOT_OPEN: Explanation(
        rule="CTR-06",
        text_en="The contract of this deal was already performed, terminated or annulled.",
        cure_en="Look at the contract's state; such an end is final.",
        text_ru="Договор по этой сделке уже исполнен, расторгнут или сделка аннулирована.",
        cure_ru="Проверьте состояние договора: такое завершение окончательно.",
    ),
    Reason.WITHDRAWAL_NOT_OPEN: Explanation(
        rule="PS-13.9",
        text_en="The withdrawal is not ready: the money is not set aside yet, or it was refused, or has ended.",
        cure_en="Wait until it is ready; after its refusal or end request a new one under a new id.",
        text_ru="Вывод средств не готов: деньги ещё не отложены, в выводе отказано либо он уже завершён.",
        cure_ru="Дождитесь готовности; после отказа или завершения подайте новое заявление под новым номером.",
    ),
}

_TERMS: Final[dict[Reason, Explanation]] = {
    Reason.PRICE_OUT_OF_RANGE: Explanation(
        rule="PS-9",
        text_en="The price is below one tick or above the greatest price of the exchange.",
        cure_en="Give a price between the limits shown.",
        text_ru="Цена меньше одного шага цены или больше наибольшей цены, допустимой на бирже.",
        cure_ru="Укажите цену в показанных пределах.",
    ),
    Reason.QUANTITY_OUT_OF_RANGE: Explanation(
        rule="PS-9",
        text_en="The quantity, or the minimum quantity, is below one lot or above the exchange's greatest quantity.",
        cure_en="Give a quantity between the limits shown.",
        text_ru="Количество или минимальное количество меньше одного лота либо больше допустимого на бирже.",
        cure_ru="Укажите количество в показанных пределах.",
    ),
    Reason.VALUE_TOO_LARGE: Explanation(
        rule="PS-9",
        text_en="Price times quantity is more than one order may be worth.",
        cure_en="Split the quantity over several orders.",
        text_ru="Стоимость заявки (цена × количество) больше допустимой для одной заявки.",
        cure_ru="Разделите количество на несколько заявок.",
    ),
    Reason.PRICE_OFF_GRID: Explanation(
        rule="ORD-04",
        text_en="The price is no multiple of the instrument's tick. Prices are never rounded for you.",
        cure_en="Choose the nearest price on the grid that suits you.",
        text_ru="Цена не кратна шагу цены инструмента. Биржа не округляет цены за вас.",
        cure_ru="Выберите подходящую вам ближайшую цену, кратную шагу.",
    ),
    Reason.QUANTITY_OFF_GRID: Explanation(
        rule="ORD-04",
        text_en="The quantity, or the minimum quantity, is no multiple of the instrument's lot.",
        cure_en="Give whole lots.",
        text_ru="Количество или минимальное количество не кратно лоту инструмента.",
        cure_ru="Укажите целое число лотов.",
    ),
    Reason.BAND_EXCEEDED: Explanation(
        rule="BND-04",
        text_en="The price lies outside the price band that is in force for the instrument.",
        cure_en="Give a price inside the band shown, or wait until the band moves.",
        text_ru="Цена выходит за пределы, действующие для инструмента.",
        cure_ru="Укажите цену в показанных пределах или дождитесь их изменения.",
    ),
    Reason.ORDER_TOO_LARGE: Explanation(
        rule="PS-3.2",
        text_en="The quantity, or the minimum quantity, is above the greatest order listed for this instrument.",
        cure_en="Split it into orders of at most the quantity shown.",
        text_ru="Количество или минимальное количество больше наибольшей заявки, установленной для инструмента.",
        cure_ru="Разделите заявку на части не больше показанного количества.",
    ),
    Reason.MINIMUM_ABOVE_QUANTITY: Explanation(
        rule="PS-3.2",
        text_en="The minimum quantity is above the whole quantity of the order.",
        cure_en="Lower the minimum or raise the quantity.",
        text_ru="Минимальное количество больше всего количества заявки.",
        cure_ru="Уменьшите минимум или увеличьте количество.",
    ),
    Reason.CONDITIONAL_NOT_ALLOWED: Explanation(
        rule="PS-3.2",
        text_en="The instrument takes no indivisible orders and none with a minimum quantity.",
        cure_en="Leave out both conditions.",
        text_ru="По этому инструменту не принимаются неделимые заявки и заявки с минимальным количеством.",
        cure_ru="Уберите оба условия.",
    ),
    Reason.CONDITIONAL_ORDERS_FULL: Explanation(
        rule="PS-4.7",
        text_en="The instrument holds as many open indivisible orders and orders with a minimum as one session allows.",
        cure_en="Place the order without such a condition, or try again when some of them are gone.",
        text_ru="По инструменту открыто наибольшее допустимое в сессии число неделимых заявок и заявок с минимумом.",
        cure_ru="Подайте заявку без такого условия или повторите позже, когда часть из них уйдёт.",
    ),
    Reason.TIME_IN_FORCE_NOT_NOW: Explanation(
        rule="PS-1.2",
        text_en="Immediate-or-cancel and fill-or-kill orders are taken only while a continuous session trades.",
        cure_en="Place the order for the session or until a time, or wait for continuous trading.",
        text_ru="Заявки IOC и FOK принимаются только во время непрерывных торгов.",
        cure_ru="Подайте заявку на всю сессию или до указанного времени либо дождитесь непрерывных торгов.",
    ),
    Reason.UNTIL_NOT_IN_SESSION: Explanation(
        rule="PS-3.2",
        text_en="The order's end is past, or after the planned closing, or not for an order of this kind.",
        cure_en="Give a time between now and the planned closing, only for an order placed until a time.",
        text_ru="Срок заявки уже прошёл, наступает после планового закрытия или для такой заявки не указывается.",
        cure_ru="Укажите время между текущим и плановым закрытием и только для заявки со сроком действия.",
    ),
    Reason.OWN_OPPOSITE_ORDER: Explanation(
        rule="PS-2.8",
        text_en="The price would cross an open order of the same group on the other side.",
        cure_en="Cancel or amend that order first, or choose a price that does not cross it.",
        text_ru="Цена пересекается с открытой встречной заявкой той же группы лиц.",
        cure_ru="Сначала снимите или измените ту заявку либо выберите цену без пересечения.",
    ),
    Reason.TOTAL_NOT_ABOVE_FILLED: Explanation(
        rule="PS-6.2",
        text_en="The new total quantity is not above what has been filled already.",
        cure_en="Give a total above the filled part, or cancel the order to give up its rest.",
        text_ru="Новое общее количество не больше уже исполненной части.",
        cure_ru="Укажите количество больше исполненного или снимите заявку, чтобы отказаться от остатка.",
    ),
    Reason.NO_CHANGE: Explanation(
        rule="PS-6.2",
        text_en="The amendment leaves the order as it is.",
        cure_en="Change at least one of price, quantity, minimum and end.",
        text_ru="Изменение оставляет заявку прежней.",
        cure_ru="Измените хотя бы одно: цену, количество, минимум или срок.",
    ),
    Reason.NOT_WHOLE_MINOR_UNITS: Explanation(
        rule="PS-0.7",
        text_en="The sum has more decimals than its currency, or one tick for one lot is not worth a whole number of "
        "minor units within the limits.",
        cure_en="Give the sum with the currency's decimals; choose tick and lot so that their product fits.",
        text_ru="В сумме больше знаков после запятой, чем у валюты, или стоимость шага цены за лот не равна целому "
        "числу её наименьших единиц в допустимых пределах.",
        cure_ru="Укажите сумму с точностью валюты; подберите шаг цены и лот с подходящим произведением.",
    ),
    Reason.TERMS_DISAGREE: Explanation(
        rule="PS-3.2",
        text_en="The session's terms disagree: an instrument of another section or purpose, or a line given twice.",
        cure_en="List each instrument once, all of the session's section and purpose, and each deposit row once.",
        text_ru="Условия сессии противоречивы: инструмент другой секции или направления либо повтор строки.",
        cure_ru="Укажите инструменты секции и направления сессии, каждый один раз, и строки обеспечения без повторов.",
    ),
    Reason.LIMIT_EXCEEDED: Explanation(
        rule="PS-9",
        text_en="A limit of the exchange is reached: length of a list, number of open orders, or sum of deposit.",
        cure_en="Shorten the list, cancel orders that you no longer need, or enter a smaller sum.",
        text_ru="Достигнут предел биржи: по длине списка, числу открытых заявок или сумме обеспечения.",
        cure_ru="Сократите список, снимите ненужные заявки или внесите меньшую сумму.",
    ),
}

_MONEY: Final[dict[Reason, Explanation]] = {
    Reason.DEPOSIT_SHORT: Explanation(
        rule="PS-5.4",
        text_en="The free deposit of the account does not cover what is asked.",
        cure_en="Pay in deposit in this currency, free some by cancelling orders, or ask for less.",
        text_ru="Свободного обеспечения недостаточно.",
        cure_ru="Пополните обеспечение в этой валюте, снимите часть заявок либо уменьшите количество или сумму.",
    ),
}

EXPLANATIONS: Final[dict[Reason, Explanation]] = {**_EXISTENCE, **_RIGHTS, **_TERMS, **_MONEY}
"""One explanation for every reason, in the order of their numbers."""
