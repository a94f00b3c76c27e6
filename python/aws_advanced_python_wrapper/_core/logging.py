# SPDX-License-Identifier: Apache-2.0
"""Turning the package's log on."""

from __future__ import annotations

import logging
import sys

from .. import _engine

logger = logging.getLogger("aws_advanced_python_wrapper")

_FORMAT = (
    "%(asctime)s.%(msecs)03d %(name)-12s:%(funcName)s [%(levelname)-8s] - %(threadName)s - "
    "%(message)s"
)


_told: set[str] = set()
_MOST_TOLD = 100  # what names hosts and users may have no end


def warn_once(logger: logging.Logger, text: str) -> None:
    """Log a warning; the same text again, before :func:`forget_warnings`, at DEBUG."""
    logger.log(logging.DEBUG if text in _told else logging.WARNING, "%s", text)
    if len(_told) < _MOST_TOLD:
        _told.add(text)


def forget_warnings() -> None:
    """Let what was warned of be warned of again."""
    _told.clear()


def log_events() -> None:
    """Log what has happened in the engine since the last call.

    Each record has an ``event`` (its kind: ``monitor_refused``...) and its ``fields`` (a dict of
    texts by name) beside its text.
    """
    if _engine.has_events():
        for level, kind, text, fields in _engine.take_events():
            logger.log(level, "%s", text, extra={"event": kind, "fields": fields})


def set_logger(
    name: str = "aws_advanced_python_wrapper",
    level: int = logging.DEBUG,
    format_string: str | None = None,
) -> None:
    """Send a logger's records to standard output.

    Does nothing if the logger already has a stream handler.
    """
    logger = logging.getLogger(name)
    if any(isinstance(handler, logging.StreamHandler) for handler in logger.handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(format_string or _FORMAT))
    logger.setLevel(level)
    logger.addHandler(handler)
