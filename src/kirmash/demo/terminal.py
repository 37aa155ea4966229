"""`kirmash demo --terminal`: a historical session before your eyes, its result, and its journal checked.

The session is a scenario file; the exchange that runs it is the real one. What is shown comes from events only. On a
terminal the book is live and market time is compressed; elsewhere (a pipe, a test) the same is printed as plain lines.
"""

import io
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kirmash.bootstrap import DemoExchange, verify_journal
from kirmash.data import scenario_bytes
from kirmash.market.choice import native_is_installed
from kirmash.messages import codec
from kirmash.messages.commands import AmendOrder, CancelOrder, ChangePhase, PerformContract, PlaceOrder
from kirmash.messages.kinds import Phase, Side
from kirmash.messages.units import currency_digits, multiple_text, scaled_text
from kirmash.protocol.present import Presenter, encode_json
from kirmash.protocol.times import text_from_time
from kirmash.sequencer.machine import Decided
from kirmash.simulation.board import Board, Line
from kirmash.simulation.scenario import ScenarioLine, read_scenario
from kirmash.simulation.scenarios import generate

SCENARIO: Final = "lumber-china-2022-12"
SESSION_PHASES: Final = tuple(phase for phase in Phase if phase not in (Phase.HALTED, Phase.CANCELLED))
PAUSE_MOST_SECONDS: Final = 0.6
LEVELS_SHOWN: Final = 3
FEED_LINES: Final = 9
COMPACT_FEED_LINES: Final = 4
FULL_HEIGHT: Final = 38
"""Lines of a terminal on which the whole room fits; on a smaller one it is shown shorter."""


class Room:
    """The live picture of a session: phase clock, book by instrument, last events, totals."""

    def __init__(self, title: str, market: str, height: int = FULL_HEIGHT) -> None:
        self.board = Board()
        self._compact = height < FULL_HEIGHT
        self._presenter = Presenter()
        self._title = title
        self._market = market
        self._feed: list[Text] = []

    def take(self, decided: Iterable[Decided]) -> None:
        """Take the records of one command in."""
        for entry in decided:
            for shown in self._presenter.present(entry.record):
                self._say(shown)
            for event in codec.decode_events(entry.record.events):
                self.board.observe(entry.record.time, event)

    def picture(self) -> RenderableType:
        """The whole room."""
        board = self.board
        books = Table(expand=True, box=None, pad_edge=False)
        books.add_column("instrument", header_style="bold")
        books.add_column("buy: quantity × price", justify="right", header_style="bold")
        books.add_column("sell", header_style="bold")
        books.add_column("would uncross", justify="right", header_style="bold")
        books.add_column("sold", justify="right", header_style="bold")
        for instrument, line in board.lines.items():
            books.add_row(*_row(instrument, line, self._compact))
        lines = COMPACT_FEED_LINES if self._compact else FEED_LINES
        feed = Panel(Group(*self._feed[-lines:]), title="last events", height=lines + 2)
        return Panel(
            Group(self._clock(), Text(), books, Text(), feed, _totals(board)),
            title=f"{self._title} · {self._market} market",
            width=118,
        )

    def _clock(self) -> Text:
        clock = Text(text_from_time(self.board.time)[:16].replace("T", " ") + " UTC ")
        for phase in SESSION_PHASES:
            style = "bold reverse" if phase is self.board.phase else "dim"
            clock.append(f" {phase.name.lower().removeprefix('seller_').replace('_', ' ')} ", style)
        return clock

    def _say(self, shown: dict[str, object]) -> None:
        text = _sentence(shown)
        if text:
            self._feed = [*self._feed[-40:], Text(text, no_wrap=True, overflow="ellipsis")]


def _row(instrument: str, line: Line, compact: bool) -> tuple[Text, Text, Text, str, str]:
    def level(price: int, quantity: int) -> str:
        return f"{multiple_text(quantity, line.listing.lot)} × {multiple_text(price, line.listing.tick)}"

    buys, sells = (
        Text("\n".join(level(*entry) for entry in line.book(side)[: 1 if compact else LEVELS_SHOWN]) or "–", style)
        for side, style in ((Side.BUY, "green"), (Side.SELL, "yellow"))
    )
    would = line.indicative()
    name = Text.assemble((instrument, "bold"), "" if compact else f"\n{line.name}\n{line.listing.currency}")
    sold = level(line.price, line.volume) if line.price is not None else "–"
    return name, buys, sells, level(would.price, would.volume) if would and would.volume else "–", sold


def _totals(board: Board) -> Text:
    parts = [f"{len(board.orders)} orders", f"{board.refused} refused", f"{len(board.deals)} deals"]
    parts += [f"{count} contracts {what}" for what, count in board.contracts.items()]
    return Text(" · ".join(parts), style="bold")


def _sentence(shown: dict[str, object]) -> str | None:
    match shown["event"]:
        case "order_accepted":
            wish = f"{shown['side']} {shown['quantity']} at {shown['price']}"
            return f"order {shown['order']}: {wish} · {shown['instrument']}"
        case "order_amended":
            return f"order {shown['order']}: now {shown['open']} at {shown['price']}"
        case "order_cancelled" if shown["reason"] != "closing":
            return f"order {shown['order']}: cancelled ({shown['reason']})"
        case "command_rejected":
            reasons = shown["reasons"]
            assert isinstance(reasons, list)
            return "refused: " + ", ".join(f"{r['reason']} ({r['rule']})" for r in reasons)
        case "deal_made":
            return f"deal {shown['deal']}: {shown['quantity']} at {shown['price']} · {shown['instrument']}"
        case "uncrossed":
            return f"{shown['instrument']}: {shown['volume']} uncross at {shown['price']}"
        case "paradoxically_rejected":
            return f"order {shown['order']}: indivisible, left out though its price was better"
        case "phase_changed":
            return f"— {shown['to']} —"
        case "contract_performed":
            return f"contract of deal {shown['deal']} performed, deposits released"
        case _:
            return None


_SHOWN: Final = (PlaceOrder, AmendOrder, CancelOrder, ChangePhase, PerformContract)


def play(
    console: Console,
    room: Room,
    lines: Sequence[ScenarioLine],
    apply: Callable[[ScenarioLine], Sequence[Decided]],
    seconds: float,
) -> None:
    """Apply the lines and show the session, in about `seconds` on a terminal. A pipe gets no pauses."""
    if not console.is_terminal:
        for line in lines:
            room.take(apply(line))
        console.print(room.picture())
        return
    # A new phase gets the time of eight orders, so that it is seen.
    weights = [8 if isinstance(line.command, ChangePhase) else int(isinstance(line.command, _SHOWN)) for line in lines]
    pause = min(PAUSE_MOST_SECONDS, seconds / max(1, sum(weights)))
    with Live(room.picture(), console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for line, weight in zip(lines, weights, strict=True):
            room.take(apply(line))
            if weight:
                live.update(room.picture(), refresh=True)
                time.sleep(pause * weight)


def result(board: Board) -> Table:
    """The session result: sold by instrument, and the sum; from the deals of the journal alone."""
    table = Table(title=f"Session result: {board.session}", title_justify="left")
    for heading in ("instrument", "basis"):
        table.add_column(heading)
    for heading in ("deals", "price", "sold", "notional"):
        table.add_column(heading, justify="right")
    totals: dict[str, int] = {}
    for instrument, line in board.lines.items():
        currency = line.listing.currency
        totals[currency] = totals.get(currency, 0) + line.value
        price = "–" if line.price is None else multiple_text(line.price, line.listing.tick)
        sold = multiple_text(line.volume, line.listing.lot)
        table.add_row(instrument, line.name, str(line.deals), price, sold, _money(line.value, currency))
    table.add_section()
    for currency, value in totals.items():
        table.add_row("", "", str(len(board.deals)), "", "", f"{_money(value, currency)} {currency}")
    return table


def _money(minor: int, currency: str) -> str:
    whole, point, fraction = scaled_text(minor, currency_digits(currency)).partition(".")
    return f"{int(whole):,}{point}{fraction}"


def run_demo(data: Path | None, market: str | None, seed: int | None, seconds: int) -> None:
    """Play the session into a data folder, show its result, check the journal, say what to try next."""
    console = Console(highlight=False)
    chosen = market or ("native" if native_is_installed() else "reference")
    if market is None and chosen == "reference":
        console.print("The native market is not installed (cargo is needed to build it): the reference market decides.")
    folder = data or new_folder()
    scenario = scenario_bytes(SCENARIO) if seed is None else _invented(seed)
    lines = read_scenario(io.BytesIO(scenario), f"{SCENARIO}.jsonl")
    height = console.height if console.is_terminal else FULL_HEIGHT
    room = Room("Lumber to China, December 2022", chosen, height)
    try:
        with DemoExchange(folder, chosen) as exchange:
            play(console, room, lines, exchange.apply, seconds)
            person = _a_profile(exchange)
            head = exchange.stop()
    except KeyboardInterrupt:
        console.print(f"\nStopped. The session so far lies in {folder}.", soft_wrap=True)
        raise
    console.print(result(room.board))
    console.print(_what_else(room.board))
    verified = verify_journal(folder, chosen, head.hash, None)
    console.print(f"\nJournal checked: {verified.head.number} records, every event computed again, all as recorded.")
    console.print(f"head {head.hash}", soft_wrap=True)
    console.print(_next_steps(folder, person, head.hash), soft_wrap=True)


def new_folder() -> Path:
    """The first of kirmash-demo, kirmash-demo-2, … that is not there yet."""
    ordinal = 1
    while (folder := Path("kirmash-demo" if ordinal == 1 else f"kirmash-demo-{ordinal}")).exists():
        ordinal += 1
    return folder


def _invented(seed: int) -> bytes:
    return b"".join(encode_json(line) + b"\n" for line in generate(SCENARIO, seed))


def _a_profile(exchange: DemoExchange) -> str:
    """One invented person's profile, so that there is something to forget."""
    person = exchange.profiles.new_person()
    exchange.profiles.put(person, encode_json({"name": "Alesia Invented", "phone": "+375 17 000 00 00"}))
    return person


def _what_else(board: Board) -> str:
    countries = ", ".join(f"{count} of {country}" for country, count in board.participants.most_common())
    return (
        f"{sum(board.participants.values())} participants ({countries}); {len(board.orders)} orders, "
        f"{board.unfilled} unfilled to the end, {len(board.paradoxical)} rejected paradoxically; "
        f"{board.contracts['opened']} contracts opened, {board.contracts['performed']} performed.\n"
        "Known of the real session: ten of twenty sale lots, 62,200 m³, 85,500,000.00 CNY. "
        "Orders and names are invented."
    )


def _next_steps(folder: Path, person: str, head: str) -> str:
    word = f"{Path(sys.argv[0]).parent.joinpath('kirmash')}" if Path(sys.argv[0]).name == "kirmash" else "kirmash"
    return "\n".join(
        (
            f"\nIt lies in {folder}. Try next:",
            f"  {word} verify {folder} --expect-head {head}",
            f"  {word} prove {folder} 300 > deal.proof && {word} verify --proof deal.proof",
            f"  {word} forget {folder} {person}",
            f"  {word} demo --terminal --seed 7        another session that ends in the same sum",
            f"  {word} run docs/tutorial/first-session.jsonl        a session written by hand: docs/tutorial",
        )
    )
