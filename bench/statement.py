# SPDX-License-Identifier: Apache-2.0
"""A statement and a connect, ours beside the bare driver's, in turn in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import psycopg
from aurora_lab import Cluster

from aws_advanced_python_wrapper import psycopg as face

from .figures import Figure, median, spread


def statement(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """``SELECT 1``, executed and fetched, on connections that are opened anew for each block.

    Anew, because two connections to the same server differ by more than what is measured here:
    each has a server process of its own, on a processor of its own.
    """
    blocks, statements = (20, 400) if quick else (60, 1000)
    ours: list[float] = []
    bare: list[float] = []
    for number in range(blocks):
        pair: list[tuple[Callable[..., Any], list[float]]] = [
            (face.connect, ours),
            (psycopg.connect, bare),
        ]
        for connect, into in pair if number % 2 else reversed(pair):
            with connect(cluster.dsn(), autocommit=True) as connection:
                _statements(connection, 50)
                into.append(_statements(connection, statements))
    extra = [a - b for a, b in zip(ours, bare, strict=True)]
    yield Figure("statement, bare", median(bare), "us", None, spread(bare))
    yield Figure("statement, ours", median(ours), "us", None, spread(ours))
    yield Figure("statement, ours beyond bare", min(ours) - min(bare), "us", 1.0, spread(extra))
    yield Figure("statement, ours / bare", median(ours) / median(bare), "", 1.02)


def _statements(connection: Any, count: int) -> float:
    started = perf_counter_ns()
    for _ in range(count):
        connection.execute("SELECT 1").fetchone()
    return (perf_counter_ns() - started) / count / 1000


def door(cluster: Cluster) -> Iterator[Figure]:
    """What our code adds on the path of a statement, without any server."""

    def nothing() -> Iterator[None]:
        return
        yield

    def timed(function: Callable[[], Any], count: int = 20_000) -> float:
        started = perf_counter_ns()
        for _ in range(count):
            function()
        return (perf_counter_ns() - started) / count / 1000

    with (
        face.connect(cluster.dsn(), autocommit=True) as ours,
        psycopg.connect(cluster.dsn(), autocommit=True) as bare,
    ):
        waits = [
            timed(lambda: ours.wait(nothing())) - timed(lambda: bare.wait(nothing()))
            for _ in range(15)
        ]
        cursors = [timed(ours.cursor) - timed(bare.cursor) for _ in range(15)]
    yield Figure("door: wait() beyond bare", median(waits), "us", None, spread(waits))
    yield Figure("door: cursor() beyond bare", median(cursors), "us", None, spread(cursors))
    yield Figure(
        "door: a statement's wait() and cursor()", median(waits) + median(cursors), "us", 1
    )


def connects(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """A warm connect by the cluster endpoint: the cluster is known and its monitor runs."""
    rounds = 60 if quick else 300
    keeper = face.connect(cluster.dsn())
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        for connect, into in ((face.connect, ours), (psycopg.connect, bare)):
            started = perf_counter_ns()
            connection = connect(cluster.dsn())
            into.append((perf_counter_ns() - started) / 1e6)
            connection.close()
    keeper.close()
    extra = [a - b for a, b in zip(ours, bare, strict=True)]
    yield Figure("warm connect, bare", median(bare), "ms", None, spread(bare))
    yield Figure("warm connect, ours beyond bare", median(extra), "ms", 0.2, spread(extra))
