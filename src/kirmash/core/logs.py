"""Where every process of the exchange is told how to log: structured lines on standard error, as `[log]` says.

No personal data is ever given to a logger; of an error the traceback is told, but never the values of variables, which
may be passwords.
"""

import logging
import sys
from typing import Any

import structlog

from kirmash.config import LogConfig


def set_up(log: LogConfig) -> None:
    """Level and form of this process's log."""
    level = logging.getLevelNamesMapping().get(log.level.upper(), logging.INFO)
    last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if log.format == "text":
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
