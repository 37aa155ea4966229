"""What interrupts the ferrous day: refused commands, halts, a narrowed band, mass cancels, bars, and the last deals."""

from __future__ import annotations

from collections.abc import Callable

from kirmash.simulation.scenarios import call_book
from kirmash.simulation.scenarios.ferrous_day import Day, other
from kirmash.simulation.scenarios.ferrous_market import GOODS, QUIET
from kirmash.simulation.scenarios.planned_book import Expected

# Refused commands ------------------------------------------------------------------------------------------------


def refused_order(day: Day) -> None:
    """One order that breaks one rule: grid, band, range, condition, end, right or deposit."""
    rng = day.rng
    good = rng.randrange(len(GOODS))
    item, anchor = GOODS[good].listing, day.books[good].last or GOODS[good].reference
    trader, fine = day.someone("buy").trader(), item.price(anchor - 60)
    choices: list[Callable[[], None]] = [
        lambda: day.script.offer(trader, item, "buy", fine + ".5", "1.0"),
        lambda: day.script.offer(trader, item, "buy", fine, "1.25"),
        lambda: day.script.offer(trader, item, "buy", item.price(anchor * 6 // 5), "1.0"),
        lambda: day.script.offer(trader, item, "buy", fine, "0"),
        lambda: day.script.offer(trader, item, "buy", fine, "1.0", minimum="2.0"),
        lambda: day.script.offer(trader, item, "buy", fine, "1.0", time_in_force="until", until=day.script.now),
        lambda: day.script.offer(_only_buyer(day), item, "sell", item.price(anchor + 60), "1.0"),
        lambda: day.script.offer(day.market.poor.trader(), item, "buy", fine, "3.0"),
        lambda: day.script.offer("t-nobody", item, "buy", fine, "1.0"),
    ]
    rng.choice(choices)()


def _only_buyer(day: Day) -> str:
    while True:
        company = day.rng.choice(day.market.companies)
        if company.sides == ("buy",):
            return company.trader()


def refused_change(day: Day) -> None:
    """One amend or cancel that is too late, of nothing, of somebody else's order, or of an order that never was."""
    rng = day.rng
    order = rng.choice(day.alive)
    past = rng.choice(day.gone)
    plain = not (order.parked or order.minimum or order.indivisible)
    choices: list[Callable[[], None]] = [
        lambda: day.script.cancel(past.trader, past.order),
        lambda: day.script.cancel(_stranger(day, order), order.order),
        lambda: day.script.cancel(order.trader, 900_000 + rng.randrange(1_000)),
    ]
    if plain:
        price = GOODS[order.instrument].listing.price(order.ticks)
        choices.append(lambda: day.script.add(order.trader, "amend_order", order=order.order, price=price))
    if plain and order.filled:
        total = GOODS[order.instrument].listing.quantity(order.filled)
        choices.append(lambda: day.script.add(order.trader, "amend_order", order=order.order, quantity=total))
    rng.choice(choices)()


def _stranger(day: Day, order: Expected) -> str:
    while True:
        company = day.someone(order.side)
        if company.participant != order.participant:
            return company.trader()


# Interruptions ---------------------------------------------------------------------------------------------------


def halt(day: Day, reason: str, minutes: int, doubt: bool) -> None:
    """The session stops; orders may be cancelled, none placed; it returns when announced.

    With `doubt` the announcement is withdrawn once by a second halt.
    """
    script, rng = day.script, day.rng
    session = script.session
    script.add("operator", "halt_session", session=session, reason=reason)
    for _ in range(rng.randint(10, 20)):
        day.wait(rng.randint(1, 10))
        day.cancel()
        if rng.randrange(4) == 0:
            good = GOODS[rng.randrange(len(GOODS))]
            script.offer(day.someone("buy").trader(), good.listing, "buy", good.listing.price(good.reference), "1.0")
    script.add("operator", "resume_session", session=session, resume_at=script.after(minutes * 60))
    if doubt:
        day.wait(120)
        script.add("operator", "halt_session", session=session, reason="the first announcement was too early")
        day.wait(60)
        script.add("operator", "resume_session", session=session, resume_at=script.after(minutes * 60))
    day.wait(minutes * 60)
    script.phase("HALTED", "TRADING")


def narrow_band(day: Day, good: int) -> None:
    """The operator narrows the band of a good around its last price; orders outside are parked (PS-10.4)."""
    last = day.books[good].last or GOODS[good].reference
    day.fixed[good] = (last - 30, last + 30)
    _set_band(day, good)
    lower, upper = day.band(good)
    for order in [o for o in day.alive if o.instrument == good and not o.parked and not lower <= o.ticks <= upper]:
        day.books[good].take_out(order)
        order.parked = True


def _set_band(day: Day, good: int) -> None:
    item = GOODS[good].listing
    lower, upper = day.fixed.get(good, (None, None))
    day.script.add(
        "operator",
        "set_band",
        session=day.script.session,
        instrument=item.instrument,
        lower=None if lower is None else item.price(lower),
        upper=None if upper is None else item.price(upper),
        down_ppm=50_000,
        up_ppm=50_000,
    )


def return_parked(day: Day, good: int) -> None:
    """Some owners of parked orders bring them back at a price inside the band; the others leave them."""
    for order in [o for o in day.alive if o.instrument == good and o.parked]:
        day.wait(day.rng.randint(0, 5))
        ticks = day.passive_price(good, order.side)
        if order.open == 0 or day.rng.randrange(2) or ticks is None or ticks == order.ticks:
            continue
        order.ticks, order.parked = ticks, False
        day.script.amend(order.trader, order.order, ticks)
        day.replace(order)


def widen_band(day: Day, good: int) -> None:
    """The fixed bounds fall away; what the relative band leaves outside is parked, parked orders stay so."""
    del day.fixed[good]
    _set_band(day, good)
    lower, upper = day.band(good)
    for order in [o for o in day.alive if o.instrument == good and not o.parked and not lower <= o.ticks <= upper]:
        day.books[good].take_out(order)
        order.parked = True


def mass_cancel(day: Day) -> None:
    """A trader takes back all orders of his company, in one good or in all; or the operator those of one trader."""
    order = day.rng.choice(day.alive)
    kind = day.rng.randrange(3)
    session = day.script.session
    if kind == 0:
        name = GOODS[order.instrument].listing.instrument
        day.script.add(order.trader, "mass_cancel", session=session, instrument=name)
        hit = [o for o in day.alive if o.participant == order.participant and o.instrument == order.instrument]
    elif kind == 1:
        day.script.add(order.trader, "mass_cancel", session=session, side=order.side)
        hit = [o for o in day.alive if o.participant == order.participant and o.side == order.side]
    else:
        day.script.add("operator", "mass_cancel", session=session, trader=order.trader)
        hit = [o for o in day.alive if o.trader == order.trader]
    for gone in hit:
        day.drop(gone)


def bar(day: Day, withdraw: bool) -> None:
    """A company is suspended, or the only trader of one loses his authority; open orders are cancelled."""
    while True:
        order = day.rng.choice(day.alive)
        if day.company[order.participant].traders == 1:
            break
    if withdraw:
        day.script.add("operator", "withdraw_trader", trader=order.trader, open_orders="cancel")
    else:
        day.script.add(
            "operator",
            "suspend_participant",
            participant=order.participant,
            open_orders="cancel",
            reason="register of the last session not signed",
        )
    day.barred.add(order.participant)
    for gone in [o for o in day.alive if o.participant == order.participant]:
        day.drop(gone)
    # He tries again and learns why not.
    item = GOODS[order.instrument].listing
    day.wait(20)
    day.script.offer(order.trader, item, order.side, item.price(order.ticks), "1.0")


# The end ---------------------------------------------------------------------------------------------------------


def last_deals(day: Day) -> None:
    """One purchase in the quiet good makes the sum of the day exact: Q lots at p and p + 1 ticks."""
    rng, missing = day.rng, day.total - day.value
    lots = missing // GOODS[QUIET].reference
    price, dearer = divmod(missing, lots)
    parts = _shares(day, price, lots - dearer) + _shares(day, price + 1, dearer)
    for ticks, share in parts:
        day.wait(rng.randint(5, 40))
        _last_order(day, "sell", ticks, share)
    day.wait(rng.randint(30, 90))
    _last_order(day, "buy", price + 1, lots)
    if day.value != day.total:
        raise ValueError(f"the day comes to {day.value} ticks times lots instead of {day.total}")


def _shares(day: Day, ticks: int, lots: int) -> list[tuple[int, int]]:
    """Divides lots at one price among at most four sellers, none with much more than half."""
    parts = min(4, lots)
    return [(ticks, share) for share in call_book.split(day.rng, lots, parts, max(1, lots // 8))] if lots else []


def _last_order(day: Day, side: str, ticks: int, lots: int) -> None:
    """Places one of the last orders for a company without sisters; the buy must fill the sells and nothing else."""
    book = day.books[QUIET]
    while True:
        company = day.someone(side)
        if company.group is None and company.sides == (side,):
            break
    order = day.expected(company, QUIET, side, ticks, lots)
    outcome = book.foresee(order)
    best = book.best(other(side))
    crossing = best is not None and (ticks >= best if side == "buy" else ticks <= best)
    if crossing != (side == "buy") or outcome.end != ("filled" if side == "buy" else "rests"):
        raise ValueError("the quiet good is not quiet enough for the last deals")
    day.write(order)
    day.carry_out(order, outcome)
    if outcome.end == "rests":
        day.alive.append(order)
