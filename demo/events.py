# SPDX-License-Identifier: Apache-2.0
"""What the ledger application and its judge agree on; first of all events, one per line."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal, TextIO

Role = Literal["write", "read"]
Kind = Literal[
    "committed",  # COMMIT returned
    "landed",  # after an unknown outcome: the key is in the journal
    "absent",  # after an unknown outcome: the key is not in the journal
    "failed",  # an attempt failed before its COMMIT was sent, or is known to have had no effect
    "unknown",  # an attempt failed after its COMMIT had been sent
    "refused",  # the journal has the key already: the order would have been carried out twice
    "read",  # an audit succeeded
    "wrong",  # an audit saw a sum that can't be
    "error",  # a look or an audit failed; it is tried again
]
ACCOUNTS = 50
OPENING_BALANCE = 1_000
THREADS: dict[Role, int] = {"write": 4, "read": 2}
"""How many threads of each role the application has, and as many connections for it."""
TASKS: dict[Role, int] = {"write": 40, "read": 4}
"""How many tasks of each role the application for asyncio has, on as many connections as above."""
ACKNOWLEDGED: frozenset[Kind] = frozenset({"committed", "landed"})
SUCCESSES: frozenset[Kind] = ACKNOWLEDGED | {"read"}


@dataclass(frozen=True)
class Event:
    """One thing that happened to one thread of the application."""

    at: float
    """``time.monotonic()`` in seconds, which all processes of a machine share."""
    kind: Kind
    thread: str
    """``write-1``, ``read-2``, ..."""
    key: str = ""
    """The order's idempotency key."""
    attempt: int = 0
    """1 for the first."""
    server: str = ""
    """Id of the instance that did it."""
    error: str = ""
    """The driver's error class."""

    @property
    def role(self) -> Role:
        """What the thread is there for."""
        return "write" if self.thread.startswith("write") else "read"

    @classmethod
    def parse(cls, line: str) -> Event:
        """Make one of a line."""
        return cls(**json.loads(line))


class EventLog:
    """Writes events as lines, each at once. Safe to use from several threads."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, kind: Kind, **fields: Any) -> None:
        """Write an event of this thread, or of the task that runs in it, that happened now."""
        event = Event(time.monotonic(), kind, _own_name(), **fields)
        line = json.dumps({name: value for name, value in asdict(event).items() if value})
        with self._lock:
            print(line, file=self._out, flush=True)


def _own_name() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None  # no event loop runs in this thread
    return threading.current_thread().name if task is None else task.get_name()
