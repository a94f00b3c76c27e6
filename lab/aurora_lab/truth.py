# SPDX-License-Identifier: Apache-2.0
"""What really happened: the record that a client's belief is compared with."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from .instance import State

How = Literal["planned", "crash", "freeze"]
Phase = Literal["requested", "promoted", "topology_published", "dns_published", "rejoined"]


@dataclass(frozen=True)
class Failover:
    """One failover. Stamps are ``time.monotonic()`` seconds; ``None`` is "not yet".

    ``fault``: the old writer is about to be stopped; ``requested``: the promotion was asked for;
    ``promoted``: the new writer says that it takes writes; ``topology_published`` and
    ``dns_published``: the functions and the names tell it; ``rejoined``: the old writer is a
    reader again.
    """

    old: str
    new: str | None
    how: How
    fault: float
    requested: float | None = None
    promoted: float | None = None
    topology_published: float | None = None
    dns_published: float | None = None
    rejoined: float | None = None


@dataclass(frozen=True)
class Truth:
    """The cluster as it is, at one moment.

    ``topology_writer`` and ``dns_writer`` are whom the SQL functions and the writer endpoint name,
    which differs from ``writer`` while their lags last.
    """

    writer: str
    instances: Mapping[str, State]
    topology_writer: str
    dns_writer: str
    failovers: tuple[Failover, ...]


class History:
    """The failovers of a cluster, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[Failover] = []

    def begin(self, old: str, how: How) -> int:
        """Note that the writer is about to be stopped; return the number of the record."""
        with self._lock:
            self._records.append(Failover(old=old, new=None, how=how, fault=time.monotonic()))
            return len(self._records) - 1

    def chosen(self, number: int, new: str) -> None:
        """Note who is to be promoted."""
        with self._lock:
            self._records[number] = replace(self._records[number], new=new)

    def stamp(self, number: int, phase: Phase) -> None:
        """Note that a phase is reached now; only the first time counts."""
        now = time.monotonic()
        with self._lock:
            record = self._records[number]
            if getattr(record, phase) is None:
                change: dict[str, Any] = {phase: now}
                self._records[number] = replace(record, **change)

    def returned(self, instance_id: str) -> None:
        """Note that an old writer is a reader again."""
        with self._lock:
            numbers = [n for n, r in enumerate(self._records) if r.old == instance_id]
        if numbers:
            self.stamp(numbers[-1], "rejoined")

    def records(self) -> tuple[Failover, ...]:
        """Return the records so far."""
        with self._lock:
            return tuple(self._records)
