"""Logging: structured lines, no identity in any of them, configured once by whoever starts a process."""

from __future__ import annotations

import logging
import sys

import structlog

from sinks.faults import where

__all__ = ["configure", "where"]


def configure(level: str) -> None:
    """One line of key=value pairs a message, to standard error; libraries from warning up."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)
