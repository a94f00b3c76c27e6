# SPDX-License-Identifier: Apache-2.0
"""Connects while the cluster is known and its monitor runs: their time, and their statements."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any

import psycopg
from aurora_lab import Cluster

from aws_advanced_python_wrapper import psycopg as face

from .figures import Figure, median, middle, spread
from .herd import counted, wait_for_statistics


def warm(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """A connect by each kind of endpoint, ours and bare in turn; in the quick form by one kind."""
    keeper = face.connect(cluster.dsn())
    for kind, name in list(endpoints(cluster).items())[: 1 if quick else None]:
        rounds = 600 if quick else 3000 if kind == "cluster" else 1000
        bare, extra = _in_turn(cluster.dsn(name), rounds)
        title = f"warm connect by the {kind} endpoint"
        bound = 0.2 if kind == "cluster" else None
        yield Figure(f"{title}, bare", median(bare), "ms", None, spread(bare))
        yield Figure(f"{title}, ours beyond bare", middle(extra), "ms", bound, spread(extra))
    keeper.close()


def _in_turn(dsn: str, rounds: int) -> tuple[list[float], list[float]]:
    """The times of psycopg's connects, and how much longer each of ours took; milliseconds."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds):
        turn: list[tuple[Any, list[float]]] = [(face.connect, ours), (psycopg.connect, bare)]
        for connect, into in turn if number % 2 else reversed(turn):
            started = perf_counter_ns()
            connection = connect(dsn)
            into.append((perf_counter_ns() - started) / 1e6)
            connection.close()
    return bare, [a - b for a, b in zip(ours, bare, strict=True)]


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
    wait_for_statistics()
    return sum(counted(cluster, name)[1] for name in cluster.instances)
