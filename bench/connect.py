# SPDX-License-Identifier: Apache-2.0
"""Connects while the cluster is known and its monitor runs: their time, and their statements."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, perf_counter_ns
from typing import Any

import psycopg
from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import psycopg as face

from .figures import Figure, median, middle, spread
from .herd import counted


def warm(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """A connect by the cluster endpoint, ours and bare in turn."""
    rounds = 600 if quick else 3000
    keeper = face.connect(cluster.dsn())
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds):
        turn: list[tuple[Any, list[float]]] = [(face.connect, ours), (psycopg.connect, bare)]
        for connect, into in turn if number % 2 else reversed(turn):
            started = perf_counter_ns()
            connection = connect(cluster.dsn())
            into.append((perf_counter_ns() - started) / 1e6)
            connection.close()
    keeper.close()
    extra = [a - b for a, b in zip(ours, bare, strict=True)]
    yield Figure("warm connect, bare", median(bare), "ms", None, spread(bare))
    yield Figure("warm connect, ours beyond bare", middle(extra), "ms", 0.2, spread(extra))


def questions(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The statements that a connect sends, counted by the servers, beyond the bare driver's."""
    rounds = 100 if quick else 1000
    keeper = face.connect(cluster.dsn())
    for kind, name in list(endpoints(cluster).items())[: 1 if quick else None]:
        asked = [_asked(cluster)]
        for connect in (face.connect, psycopg.connect):
            for _ in range(rounds):
                connect(cluster.dsn(name)).close()
            asked.append(_asked(cluster))
        extra = ((asked[1] - asked[0]) - (asked[2] - asked[1])) / rounds
        yield Figure(f"statements of a warm connect by the {kind} endpoint, beyond bare", extra, "")
    keeper.close()


def endpoints(cluster: Cluster) -> dict[str, str]:
    """The names that lead to a server of the cluster, by kind."""
    return {
        "cluster": cluster.writer_endpoint,
        "reader": cluster.reader_endpoint,
        "instance": cluster.writer.endpoint,
    }


def _asked(cluster: Cluster) -> int:
    # The servers' statistics come in a second late.
    settled = monotonic() + 2
    eventually(lambda: monotonic() > settled, within=5)
    return sum(counted(cluster, name)[1] for name in cluster.instances)
