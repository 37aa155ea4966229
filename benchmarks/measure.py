"""How everything here is timed and printed: alternating runs, medians, `name value unit` and `ratio name value`."""

import statistics
import time
from collections.abc import Callable, Mapping

RUNS = 5


def alternate(subjects: Mapping[str, Callable[[], int]], runs: int = RUNS) -> dict[str, list[float]]:
    """Run all subjects in turn, `runs` times; each gives how many things it did. Things per second, by subject."""
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, subject in subjects.items():
            started = time.perf_counter()
            done = subject()
            rates[name].append(done / (time.perf_counter() - started))
    return rates


def timed(subject: Callable[[], int]) -> float:
    """Things per second of one run."""
    started = time.perf_counter()
    return subject() / (time.perf_counter() - started)


def show(name: str, values: list[float], unit: str) -> float:
    """Print the median with its spread; gives the median."""
    median = statistics.median(values)
    print(f"{name} {median:.4g} {unit}  # {min(values):.4g} … {max(values):.4g}", flush=True)
    return median


def ratio(name: str, numerators: list[float], denominators: list[float]) -> None:
    """Print the median of the ratios of runs that stood side by side."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    print(f"ratio {name} {statistics.median(ratios):.3f}  # {min(ratios):.3f} … {max(ratios):.3f}", flush=True)
