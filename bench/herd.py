# SPDX-License-Identifier: Apache-2.0
"""Many processes that lose the same writer at once: what the new writer has to bear."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from aurora_lab import Cluster, eventually

from .figures import Figure, median, percentile

_PROGRAM = """
import sys, time
from aws_advanced_python_wrapper import errors, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
print("ready", flush=True)
try:
    connection.execute("SELECT pg_sleep(600)")
except errors.FailoverSuccessError:
    connection.execute("SELECT 1")
    print(time.monotonic(), flush=True)
connection.close()
"""
# Sessions of the database so far, and transactions, each of which is a question here.
_COUNT = "SELECT sessions, xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"


def herd(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """A crash of the writer under one connection of each process."""
    count = 20 if quick else 200
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, cluster.dsn()],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    for child in children:
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            raise RuntimeError("a process of the herd could not connect")
    target = cluster.readers[0].id
    before = counted(cluster, target)
    failover = cluster.failover(to=target, how="crash")
    told = failover.topology_published
    assert told is not None
    answers = [child.communicate(timeout=120)[0].strip() for child in children]
    resumed = [float(answer) for answer in answers if answer]
    wait_for_statistics()
    after = counted(cluster, target)
    delays = [(at - told) * 1000 for at in resumed]
    name = f"{count} processes lose their writer at once"
    yield Figure(f"{name}: those that did not go on", count - len(resumed), "", 0)
    yield Figure(f"{name}: next statement after the topology told, median", median(delays), "ms")
    yield Figure(f"{name}: the last one", percentile(delays, 1), "ms", samples=delays)
    sessions, questions = (b - a for a, b in zip(before, after, strict=True))
    yield Figure(f"{name}: connections to the new writer, for each", sessions / count, "", 3)
    yield Figure(f"{name}: questions to the new writer, for each", questions / count, "")
    cluster.heal()


def wait_for_statistics() -> None:
    """The servers' statistics come in a second late."""
    settled = time.monotonic() + 2
    eventually(lambda: time.monotonic() > settled, within=5)


def counted(cluster: Cluster, instance_id: str) -> tuple[int, int]:
    """Sessions and transactions of the application's database on one server."""
    with cluster.connect(instance_id) as connection:
        row = connection.execute(_COUNT, [cluster.database]).fetchone()
        assert row is not None
        return row[0], row[1]
