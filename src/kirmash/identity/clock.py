"""The two clocks of identity, injected so that tests can turn them.

Invariants: `now` is UTC in nanoseconds and is what stands in the database; `monotonic` never goes back and is used only
for throttles, so that setting the machine's clock gives nobody more tries. Nothing else here reads a clock.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Both in nanoseconds."""

    def now(self) -> int:
        """UTC since 1970."""
        ...

    def monotonic(self) -> int:
        """Since some moment; never goes back."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def now(self) -> int:
        """UTC since 1970, in nanoseconds."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Since some moment, in nanoseconds."""
        return time.monotonic_ns()
