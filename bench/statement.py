# SPDX-License-Identifier: Apache-2.0
"""A statement and a connect, ours beside the bare drivers', in turn in one process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import psycopg
from aurora_lab import Cluster

from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as async_face

from .contender import Batch, batch_of, in_turn
from .figures import Figure, median, middle, spread

_TURNS = 30
_STATEMENTS = 100


def statement(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """``SELECT 1``, executed and fetched, in turn by our class and by psycopg's, on one link."""
    bounds = (1.0, 1.02)
    yield from in_processes("statement", ["psycopg", cluster.dsn()], quick, bounds)
    if not quick:  # the default plugins are all that there are
        without = f"{cluster.dsn()} plugins=''"
        yield from in_processes("statement without plugins", ["psycopg", without], quick, bounds)


def mysql_statement(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The same with mysql-connector, in both builds."""
    for build in ("pure", "c"):
        name = f"mysql-connector {build}: statement"
        yield from in_processes(name, [build, cluster.dsn()], quick, (2.0, 1.03))


def in_processes(
    name: str, arguments: list[str], quick: bool, bounds: tuple[float, float]
) -> Iterator[Figure]:
    """Compare in several processes: where their memory lies makes half a microsecond.

    ``bounds`` are of the difference, in microseconds, and of the ratio.
    """
    runs = []
    for _ in range(3 if quick else 41):
        done = subprocess.run(
            [sys.executable, "-m", "bench.statement", *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        runs.append(json.loads(done.stdout))
    extra, ratio = ([run[key] for run in runs] for key in ("extra", "ratio"))
    for which in ("bare", "ours"):
        yield Figure(f"{name}, {which}", median([run[which] for run in runs]), "us")
    yield Figure(f"{name}, ours beyond bare", median(extra), "us", bounds[0], spread(extra))
    p99, cpu = (median([run[key] for run in runs]) for key in ("p99", "cpu"))
    detail = f"{spread(ratio)}; p99 {p99:.2f}, processor {cpu:.2f}"
    yield Figure(f"{name}, ours / bare", median(ratio), "", bounds[1], detail, samples=ratio)


def async_statement(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The same with psycopg's asyncio class."""
    yield from in_processes("asyncio: statement", ["asyncio", cluster.dsn()], quick, (3.0, 1.03))


def interleaved(ours: Batch, bare: Batch) -> dict[str, float]:
    """The figures of this process, in microseconds.

    The two share one link: two connections to the same server differ by more than what is
    measured here. Each turn is the median of its statements: some of them meet an interruption
    that has nothing to do with either.
    """
    samples = in_turn({"ours": ours, "bare": bare}, _STATEMENTS, _TURNS)
    pairs = list(zip(samples["ours"], samples["bare"], strict=True))
    return {
        "bare": median(samples["bare"]),
        "ours": median(samples["ours"]),
        "extra": middle([a - b for a, b in pairs]),
        "ratio": middle([a / b for a, b in pairs]),
        "p99": samples["ours p99"][0] / samples["bare p99"][0],
        "cpu": median(samples["ours cpu"]) / median(samples["bare cpu"]),
    }


Pair = tuple[Any, Any]
"""Our connection, and the bare driver's class on the same link, both in autocommit mode."""


def psycopg_pair(dsn: str) -> Pair:
    """A pair of psycopg's."""
    # Not prepared: each class would count and name its prepared statements by itself.
    connection = face.connect(dsn, autocommit=True, prepare_threshold=None)
    stock: psycopg.Connection[Any] = psycopg.Connection(connection.pgconn)
    stock.autocommit = True
    stock.prepare_threshold = None
    return connection, stock


async def async_pair(dsn: str) -> Pair:
    """A pair of psycopg's asyncio classes."""
    connection = await async_face.connect(dsn, autocommit=True, prepare_threshold=None)
    stock: psycopg.AsyncConnection[Any] = psycopg.AsyncConnection(connection.pgconn)
    await stock.set_autocommit(True)
    stock.prepare_threshold = None
    return connection, stock


def mysql_pair(build: str, dsn: str) -> Pair:
    """A pair of mysql-connector's, in its build ``pure`` or ``c``."""
    from aws_advanced_python_wrapper import mysql_connector

    connection = mysql_connector.connect(dsn, autocommit=True, use_pure=build == "pure")
    stock = connection._aws_driver_class()
    stock.__dict__.update(
        {name: value for name, value in connection.__dict__.items() if name in stock.__dict__}
    )
    return connection, stock


def psycopg_in_this_process(dsn: str) -> dict[str, float]:
    """psycopg's figures."""
    connection, stock = psycopg_pair(dsn)
    return interleaved(
        batch_of(lambda: ask_psycopg(connection)), batch_of(lambda: ask_psycopg(stock))
    )


def ask_psycopg(connection: Any) -> None:
    """The statement of psycopg."""
    connection.execute("SELECT 1").fetchone()


def ask_mysql(cursor: Any) -> None:
    """The statement of mysql-connector."""
    cursor.execute("SELECT 1")
    cursor.fetchall()


def asyncio_in_this_process(dsn: str) -> dict[str, float]:
    """The figures of psycopg's asyncio class."""
    loop = asyncio.new_event_loop()

    async def ask(connection: Any, count: int) -> list[int]:
        times: list[int] = []
        for _ in range(count):
            started = perf_counter_ns()
            cursor = await connection.execute("SELECT 1")
            await cursor.fetchone()
            times.append(perf_counter_ns() - started)
        return times

    connection, stock = loop.run_until_complete(async_pair(dsn))
    found = interleaved(
        lambda count: loop.run_until_complete(ask(connection, count)),
        lambda count: loop.run_until_complete(ask(stock, count)),
    )
    loop.run_until_complete(connection.close())
    loop.close()
    return found


def mysql_in_this_process(build: str, dsn: str) -> dict[str, float]:
    """mysql-connector's figures."""
    connection, stock = mysql_pair(build, dsn)
    cursor, stock_cursor = connection.cursor(), stock.cursor()
    return interleaved(
        batch_of(lambda: ask_mysql(cursor)), batch_of(lambda: ask_mysql(stock_cursor))
    )


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


if __name__ == "__main__":
    driver, where = sys.argv[1:]
    if driver == "psycopg":
        found = psycopg_in_this_process(where)
    elif driver == "asyncio":
        found = asyncio_in_this_process(where)
    else:
        found = mysql_in_this_process(driver, where)
    print(json.dumps(found))
