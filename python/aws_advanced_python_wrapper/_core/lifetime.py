# SPDX-License-Identifier: Apache-2.0
"""The engine's life within the interpreter's: it ends before the interpreter does."""

from __future__ import annotations

import atexit
from typing import Any

from .. import _engine
from .logging import forget_warnings, log_events

# Runs before the interpreter begins to take threads away, and lets waiting threads go first.
atexit.register(_engine.close_engine)


def release_resources() -> None:
    """Stop all monitors and the engine's thread.

    Optional and repeatable: connections stay usable, the next one that needs the engine starts it
    again, and the interpreter's exit does the same by itself. Takes at most about half a second.
    """
    _engine.release_resources()
    forget_warnings()
    log_events()


def statistics() -> dict[str, Any]:
    """What the engine is doing, for diagnosis.

    ``threads`` is the number of engine threads (0 or 1). ``counters`` tells what went wrong in this
    process without an error: ``threads_not_started``, ``threads_left_behind`` (by a release or an
    exit, in a call of a library that didn't come back), ``calls_not_watched`` (connections whose
    calls no monitor can end; why, is logged), ``deadlines_not_armed``, ``handler_errors``,
    ``events_lost`` (of more than 1,000 that nobody logged); all are 0 unless the process is at a
    limit of its threads, descriptors or memory, or exits. ``clusters`` has for each watched cluster
    its dialect, its writer, the number of its hosts and of our connections to them, ``refusals``
    (for each host, as ``name:port``, that the monitors could not ask when they last tried: why),
    and counters: links opened and refused, probes, surveys, ``questions_unasked`` (those of both
    that failed on our own side, and say nothing of the host), calls aborted, moves of the writer,
    claims of its role that were not believed, rows of topologies that were left out, loop errors.

    Logs what has happened in the engine since it was last logged.
    """
    log_events()
    return _engine.statistics()
