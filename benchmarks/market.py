"""How fast do the markets decide? The workload of docs/internals/benchmarks.md, deposits on, events encoded.

Native from Rust (crates/market/examples/replay.rs), native from Python one command a call and in batches of 100, the
reference market, and a careful book without any check as the peer in plain Python. Trades, quantity and what is left
have to be the same in all of them.
"""

import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.careful_book import CarefulBook
from benchmarks.measure import RUNS, ratio, show
from benchmarks.workload import CANCEL, IMMEDIATE, MOVE, Step, Workload, frames, make_workload, setting
from kirmash.market import Market
from kirmash.market.choice import market_loader, native_is_installed
from kirmash.messages import codec, events
from kirmash.messages.kinds import SelfTrade

SEED: Final = 2
BATCH: Final = 100
ROOT: Final = Path(__file__).parents[1]


def run(messages: int) -> None:
    """Print the rates and ratios."""
    work = make_workload(messages, SEED)
    data = frames(work)
    opened = list(setting(SelfTrade.ALLOW))
    print(f"# seed {SEED}: {len(data)} commands, {work.trades} trades, quantity {work.quantity}, {work.left} left")
    subjects: dict[str, Callable[[], float]] = {
        "market careful-book": lambda: _careful(work),
        "market reference": lambda: _single("reference", opened, data, work),
    }
    if native_is_installed():
        subjects["market native-python-1"] = lambda: _single("native", opened, data, work)
        subjects["market native-python-100"] = lambda: _batched(opened, data, work)
        if (replay := _build_replay()) is not None:
            subjects["market native"] = lambda: _rust(replay, opened, data)
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(RUNS):
        for name, subject in subjects.items():
            rates[name].append(subject())
    for name, values in rates.items():
        show(name, values, "commands/s")
    ratio("market reference/careful-book", rates["market reference"], rates["market careful-book"])
    if "market native" in rates:
        ratio("market native-python-100/native", rates["market native-python-100"], rates["market native"])
        ratio("market native-python-1/native", rates["market native-python-1"], rates["market native"])
    if native_is_installed():
        ratio("market native-python-100/reference", rates["market native-python-100"], rates["market reference"])


def _careful(work: Workload) -> float:
    book = CarefulBook()
    started = time.perf_counter()
    for step in work.steps:
        _step(book, step)
    elapsed = time.perf_counter() - started
    assert (book.trades, book.quantity, len(book.live)) == (work.trades, work.quantity, work.left)
    return len(work.steps) / elapsed


def _step(book: CarefulBook, step: Step) -> None:
    if step.kind == MOVE:
        book.move(step.order, step.price)
    elif step.kind == CANCEL:
        book.cancel(step.order)
    else:
        book.place(step.order, step.side, step.price, step.quantity, step.kind != IMMEDIATE)


def _open(market: str, opened: list[bytes]) -> Market:
    fresh = market_loader(market)(None)
    for frame in opened:
        made = codec.decode_events(fresh.apply(frame))
        assert not any(isinstance(event, events.CommandRejected) for event in made), made
    return fresh


def _single(market: str, opened: list[bytes], data: list[bytes], work: Workload) -> float:
    subject = _open(market, opened)
    apply, answers = subject.apply, []
    started = time.perf_counter()
    for frame in data:
        answers.append(apply(frame))
    elapsed = time.perf_counter() - started
    _check(subject, answers, work)
    return len(data) / elapsed


def _batched(opened: list[bytes], data: list[bytes], work: Workload) -> float:
    subject = _open("native", opened)
    batches = [data[start : start + BATCH] for start in range(0, len(data), BATCH)]
    answers: list[bytes] = []
    started = time.perf_counter()
    for batch in batches:
        answers += subject.apply_batch(batch)
    elapsed = time.perf_counter() - started
    _check(subject, answers, work)
    return len(data) / elapsed


def _check(market: Market, answers: list[bytes], work: Workload) -> None:
    trades = quantity = 0
    for answer in answers:
        for event in codec.decode_events(answer):
            assert not isinstance(event, events.CommandRejected), event
            if isinstance(event, events.DealMade):
                trades += 1
                quantity += event.quantity
    assert (trades, quantity, market.open_orders()) == (work.trades, work.quantity, work.left)


def _build_replay() -> Path | None:
    if not (ROOT / "crates/market/examples/replay.rs").exists():
        return None
    command = ["cargo", "build", "--release", "--quiet", "-p", "market", "--example", "replay"]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / "target/release/examples/replay"


def _rust(replay: Path, opened: list[bytes], data: list[bytes]) -> float:
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack("<I", len(opened)))
        for frame in (*opened, *data):
            file.write(struct.pack("<I", len(frame)) + frame)
        file.flush()
        printed = subprocess.run([replay, file.name], check=True, capture_output=True, text=True).stdout
    name, value, *_ = printed.splitlines()[0].split()
    assert name == "commands_per_second", printed
    return float(value)
