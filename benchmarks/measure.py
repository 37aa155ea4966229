"""How everything here is timed and printed: alternating runs, medians, `name value unit` and `ratio name value`."""

import statistics

RUNS = 5


def show(name: str, values: list[float], unit: str) -> float:
    """Print the median with its spread; gives the median."""
    median = statistics.median(values)
    print(f"{name} {median:.4g} {unit}  # {min(values):.4g} … {max(values):.4g}", flush=True)
    return median


def ratio(name: str, numerators: list[float], denominators: list[float]) -> None:
    """Print the median of the ratios of runs that stood side by side."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    print(f"ratio {name} {statistics.median(ratios):.3f}  # {min(ratios):.3f} … {max(ratios):.3f}", flush=True)
