# SPDX-License-Identifier: Apache-2.0
"""Other statements than ``SELECT 1``, ours beside the bare driver's class on one link.

The module is also the program of the process in which each driver is measured.
"""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aurora_lab import Cluster

from .contender import Samples, batch_of, in_turn
from .figures import Figure, median
from .statement import Pair, async_pair, mysql_pair, psycopg_pair

_COUNT = 5
_COPIED = 100_000_000

Shapes = dict[str, Callable[[Any], Any]]


def shapes(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Statements of psycopg; in the full form also of its asyncio class, and COPY of 100 MB."""
    for driver in ("psycopg",) if quick else ("psycopg", "asyncio", "copy"):
        yield from _beside_bare(driver, cluster, 10 if quick else 30)


def mysql_shapes(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Statements of mysql-connector, in both builds; not in the quick form."""
    for driver in () if quick else ("pure", "c"):
        yield from _beside_bare(driver, cluster, 30)


def _beside_bare(driver: str, cluster: Cluster, turns: int) -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.shapes", driver, cluster.dsn(), str(turns)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    samples: Samples = json.loads(done.stdout)
    title = {"copy": "psycopg", "pure": "mysql-connector pure", "c": "mysql-connector c"}
    for name in [name for name in samples if name.endswith(" ours")]:
        bare = name.removesuffix("ours") + "bare"
        runs = [a / b for a, b in zip(samples[name], samples[bare], strict=True)]
        p99 = samples[f"{name} p99"][0] / samples[f"{bare} p99"][0]
        cpu = median(samples[f"{name} cpu"]) / median(samples[f"{bare} cpu"])
        detail = f"of {median(samples[bare]):.0f} us; p99 {p99:.2f}, processor {cpu:.2f}"
        shape = name.removesuffix(" ours")
        name = f"{title.get(driver, driver)}: {shape}, ours / bare"
        yield Figure(name, median(runs), "", None, detail, samples=runs)


def thousand_rows(connection: Any) -> None:
    connection.execute("SELECT n, 'text ' || n FROM generate_series(1, 1000) AS n").fetchall()


def thousand_parameters(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO numbers VALUES (%s)", [(n,) for n in range(1000)])
    connection.execute("TRUNCATE numbers")


def prepared(connection: Any) -> None:
    connection.execute("SELECT %s::int", (1,), prepare=True).fetchone()


def pipeline_of_ten(connection: Any) -> None:
    with connection.pipeline():
        for _ in range(10):
            connection.execute("SELECT 1")


def server_side_cursor(connection: Any) -> None:
    with connection.transaction(), connection.cursor("bench") as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 1000) AS n")
        cursor.fetchall()


_PSYCOPG: Shapes = {
    "1,000 rows": thousand_rows,
    "executemany of 1,000": thousand_parameters,
    "prepared": prepared,
    "pipeline of 10": pipeline_of_ten,
    "server-side cursor, 1,000 rows": server_side_cursor,
}


async def async_rows(connection: Any) -> None:
    cursor = await connection.execute("SELECT n, 'text ' || n FROM generate_series(1, 1000) AS n")
    await cursor.fetchall()


async def async_parameters(connection: Any) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany("INSERT INTO numbers VALUES (%s)", [(n,) for n in range(1000)])
    await connection.execute("TRUNCATE numbers")


async def async_prepared(connection: Any) -> None:
    cursor = await connection.execute("SELECT %s::int", (1,), prepare=True)
    await cursor.fetchone()


async def async_pipeline(connection: Any) -> None:
    async with connection.pipeline():
        for _ in range(10):
            await connection.execute("SELECT 1")


async def async_server_side(connection: Any) -> None:
    async with connection.transaction(), connection.cursor("bench") as cursor:
        await cursor.execute("SELECT n FROM generate_series(1, 1000) AS n")
        await cursor.fetchall()


_ASYNCIO: dict[str, Callable[[Any], Awaitable[None]]] = dict(
    zip(
        _PSYCOPG,
        (async_rows, async_parameters, async_prepared, async_pipeline, async_server_side),
        strict=True,
    )
)


def mysql_rows(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM thousand")
        cursor.fetchall()


def mysql_parameters(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO numbers VALUES (%s)", [(n,) for n in range(1000)])
        cursor.execute("DELETE FROM numbers")


def mysql_prepared(connection: Any) -> None:
    with connection.cursor(prepared=True) as cursor:
        for number in range(10):
            cursor.execute("SELECT %s", (number,))
            cursor.fetchall()


_MYSQL: Shapes = {
    "1,000 rows": mysql_rows,
    "executemany of 1,000": mysql_parameters,
    "prepared, 10 times": mysql_prepared,
}


def copy_in(connection: Any) -> None:
    block = b"".join(b"%d\tsome text that is copied\n" % n for n in range(30_000))
    connection.execute("TRUNCATE copied")
    with connection.cursor().copy("COPY copied FROM STDIN") as one:
        for _ in range(_COPIED // len(block)):
            one.write(block)


def copy_out(connection: Any) -> None:
    with connection.cursor().copy("COPY copied TO STDOUT") as one:
        for _ in one:
            pass


_COPY: Shapes = {"COPY 100 MB in": copy_in, "COPY 100 MB out": copy_out}


def _measured(pair: Pair, shapes: Shapes, turns: int, count: int = _COUNT) -> Samples:
    connections = {"ours": pair[0], "bare": pair[1]}
    batches = {
        f"{shape} {name}": batch_of(lambda c=connection, p=part: p(c))
        for name, connection in connections.items()
        for shape, part in shapes.items()
    }
    return in_turn(batches, count, turns)


def _psycopg(dsn: str, turns: int) -> Samples:
    pair = psycopg_pair(dsn)
    pair[0].execute("CREATE TEMPORARY TABLE numbers (n INT)")
    return _measured(pair, _PSYCOPG, turns)


def _copy(dsn: str, _: int) -> Samples:
    pair = psycopg_pair(dsn)
    pair[0].execute("CREATE TEMPORARY TABLE copied (n INT, t TEXT)")
    return _measured(pair, _COPY, turns=3, count=1)


def _asyncio(dsn: str, turns: int) -> Samples:
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    pair = run(async_pair(dsn))
    run(pair[0].execute("CREATE TEMPORARY TABLE numbers (n INT)"))
    blocking: Shapes = {
        name: (lambda c, p=part: run(p(c)))  # type: ignore[misc]
        for name, part in _ASYNCIO.items()
    }
    return _measured(pair, blocking, turns)


def _mysql(build: str, dsn: str, turns: int) -> Samples:
    pair = mysql_pair(build, dsn)
    with pair[0].cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (n INT)")
        cursor.execute("CREATE TEMPORARY TABLE thousand (n INT)")
        cursor.executemany("INSERT INTO thousand VALUES (%s)", [(n,) for n in range(1000)])
    return _measured(pair, _MYSQL, turns)


if __name__ == "__main__":
    driver, where = sys.argv[1:3]
    found = {
        "psycopg": _psycopg,
        "copy": _copy,
        "asyncio": _asyncio,
        "pure": functools.partial(_mysql, "pure"),
        "c": functools.partial(_mysql, "c"),
    }[driver](where, int(sys.argv[3]))
    print(json.dumps(found))
