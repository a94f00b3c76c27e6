# SPDX-License-Identifier: Apache-2.0
"""A statement and a connect, ours beside the bare driver's, in turn in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import psycopg
from aurora_lab import Cluster

from aws_advanced_python_wrapper import psycopg as face

from .figures import Figure, median, middle, spread


def statement(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """``SELECT 1``, executed and fetched, in turn by our class and by psycopg's, on one link.

    One link, because two connections to the same server differ by more than what is measured
    here. And several processes, because the same holds for two processes: where their memory lies
    makes half a microsecond.
    """
    runs = []
    for _ in range(5 if quick else 21):
        done = subprocess.run(
            [sys.executable, "-m", "bench.statement", cluster.dsn(), "60"],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        runs.append(json.loads(done.stdout))
    extra, ratio = ([run[key] for run in runs] for key in ("extra", "ratio"))
    for which in ("bare", "ours"):
        yield Figure(f"statement, {which}", median([run[which] for run in runs]), "us")
    yield Figure("statement, ours beyond bare", median(extra), "us", 1.0, spread(extra))
    yield Figure("statement, ours / bare", median(ratio), "", 1.02, spread(ratio))


def one_process(dsn: str, pairs: int) -> dict[str, float]:
    """The figures of this process, in microseconds."""
    ours: list[float] = []
    bare: list[float] = []
    # Not prepared: each class would count and name its prepared statements by itself.
    with face.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        stock: psycopg.Connection[Any] = psycopg.Connection(connection.pgconn)
        stock.autocommit = True
        stock.prepare_threshold = None
        for number in range(pairs + 10):
            turn: list[tuple[Any, list[float]]] = [(connection, ours), (stock, bare)]
            for one, into in turn if number % 2 else reversed(turn):
                into.append(_statements(one, 100))
    del ours[:10], bare[:10]
    return {
        "bare": median(bare),
        "ours": median(ours),
        "extra": middle([a - b for a, b in zip(ours, bare, strict=True)]),
        "ratio": middle([a / b for a, b in zip(ours, bare, strict=True)]),
    }


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
    yield Figure("door: wait() beyond bare", median(waits), "us", 1, spread(waits))


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


if __name__ == "__main__":
    print(json.dumps(one_process(sys.argv[1], int(sys.argv[2]))))
