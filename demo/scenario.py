# SPDX-License-Identifier: Apache-2.0
"""The faults, and the course of events around each of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from aurora_lab import Cluster, eventually
from events import Role
from recorder import Client

CRASH_BOUND = 2.0
"""Seconds that a thread may go without a commit when the writer is killed.

The connection is reset, so a client hears at once; what remains is the promotion of a reader and
one connect: about 0.1 s. The rest is room for a machine that does something else as well.
"""
FREEZE_BOUND = 3.0
"""Seconds that a thread may go without a commit when the writer stops answering.

Nobody is told. The wrapper suspects a call after 1 s (``suspect_after_ms``), and acts when the
probe of its host has failed and another host names a new writer: about 1.3 s.
"""
PLANNED_BOUND = 2.0
"""Seconds that a thread may go without a commit when the writer hands over: about 0.1 s.

It includes the old writer's shutdown, which ends when its readers have everything.
"""
READER_BOUND = 2.0
"""Seconds that a thread may go without a read when its reader is killed: about 0.1 s."""

WATCH_AT_LEAST = 3.0
"""Seconds to watch after a fault, however quickly all have recovered."""
_JUST_NOW = 0.3
_COMMON_READER_WITHIN = 6.0
_STUCK_AFTER = 3.0
_READY_WITHIN = 20.0
_EVERY = 0.02


@dataclass(frozen=True)
class Fault:
    """One way in which servers fail. Times are in seconds."""

    name: str
    title: str
    role: Role
    """Who feels it."""
    bound: float
    """How long a thread of the wrapped client may wait for its next success."""
    inject: Callable[[Cluster, Sequence[Client]], tuple[float, str]]
    """Do it; return the ``time.monotonic()`` stamp, and the id of the instance."""


@dataclass(frozen=True)
class Episode:
    """A fault as it happened. Stamps are ``time.monotonic()`` seconds."""

    fault: Fault
    server: str
    """Id of the instance that failed."""
    at: float
    until: float
    """When the watch ended and the cluster was healed."""


def _crash(cluster: Cluster, _: Sequence[Client]) -> tuple[float, str]:
    record = cluster.failover(how="crash")
    return record.fault, record.old


def _freeze(cluster: Cluster, _: Sequence[Client]) -> tuple[float, str]:
    record = cluster.failover(how="freeze")
    return record.fault, record.old


def _switch_over(cluster: Cluster, _: Sequence[Client]) -> tuple[float, str]:
    record = cluster.failover(how="planned")
    return record.fault, record.old


def _lose_reader(cluster: Cluster, clients: Sequence[Client]) -> tuple[float, str]:
    """Lose a reader that all clients use just now, so that all have something to notice."""

    def used_by_all() -> set[str]:
        since = time.monotonic() - _JUST_NOW
        common = {reader.id for reader in cluster.readers}
        for client in clients:
            common &= client.servers("read", since)
        return common

    with contextlib.suppress(TimeoutError):  # else any reader will do
        eventually(used_by_all, _COMMON_READER_WITHIN)
    victim = next(iter(used_by_all()), cluster.readers[0].id)
    at = time.monotonic()
    cluster.lose_reader(victim)
    return at, victim


FAULTS = (
    Fault("crash", "crash of the writer", "write", CRASH_BOUND, _crash),
    Fault("freeze", "freeze of the writer", "write", FREEZE_BOUND, _freeze),
    Fault("planned", "planned switchover", "write", PLANNED_BOUND, _switch_over),
    Fault("reader", "loss of a reader", "read", READER_BOUND, _lose_reader),
)


@final
class Scenario:
    """Puts a cluster under load through faults, one after the other.

    ``calm`` and ``patience`` are seconds: of undisturbed work before each fault, and for which
    recovery is awaited after it. ``say`` takes a line for the user.
    """

    def __init__(
        self,
        cluster: Cluster,
        clients: Sequence[Client],
        *,
        calm: float,
        patience: float,
        say: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._clients = clients
        self._calm = calm
        self._patience = patience
        self._say = say

    def run(self, faults: Sequence[Fault]) -> list[Episode]:
        """Inject the faults; the last thing is a calm time again."""
        self._await_work()
        episodes = []
        for fault in faults:
            self._wait(self._calm)
            episodes.append(self._live_through(fault))
        self._wait(self._calm)
        return episodes

    def _await_work(self) -> None:
        since = time.monotonic()
        if not self._wait(_READY_WITHIN, lambda: all(self._works(c, since) for c in self._clients)):
            raise RuntimeError(f"the applications don't work within {_READY_WITHIN:g} s")

    def _live_through(self, fault: Fault) -> Episode:
        self._say(f"{fault.title} ...")
        at, server = fault.inject(self._cluster, self._clients)
        waiting = list(self._clients)

        def all_recovered() -> bool:
            for client in list(waiting):
                if self._recovered(client, fault, at, server):
                    waiting.remove(client)
                    self._say(f"  {client.title}: at work again")
            return not waiting

        self._wait(self._patience - (time.monotonic() - at), all_recovered)
        for client in waiting:
            self._say(f"  {client.title}: not within {self._patience:g} s")
        self._wait(WATCH_AT_LEAST - (time.monotonic() - at))
        episode = Episode(fault, server, at, until=time.monotonic())
        self._say("  healing the cluster")
        self._cluster.heal()
        self._unstick()
        return episode

    def _unstick(self) -> None:
        healed = time.monotonic()
        self._wait(_STUCK_AFTER, lambda: all(self._works(c, healed) for c in self._clients))
        for client in self._clients:
            if not self._works(client, healed):
                self._say(f"  {client.title}: still stuck on a healthy cluster, started anew")
                client.restart()
        self._await_work()

    def _works(self, client: Client, since: float) -> bool:
        roles: tuple[Role, Role] = ("write", "read")
        return all(len(client.active(role, since)) == client.workers[role] for role in roles)

    def _recovered(self, client: Client, fault: Fault, at: float, server: str) -> bool:
        return len(client.active(fault.role, at, without=server)) == client.workers[fault.role]

    def _wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait for a condition, at most so long; tell whether it was met."""
        deadline = time.monotonic() + seconds
        while not (met := until()) and time.monotonic() < deadline:
            for client in self._clients:
                client.check()
            time.sleep(_EVERY)
        return met
