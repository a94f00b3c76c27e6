# SPDX-License-Identifier: Apache-2.0
"""How soon the application hears: crash, freeze, and the detection table at a tenth."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import mysql_connector
from aws_advanced_python_wrapper import psycopg as face

from .figures import Figure, median, percentile

# Rows of upstream's published table (docs/benchmark of its repository), T/I/C and the delays of
# the fault, with what the detection rule promises, all in ms. Two numbers are a range.
_DETECTION = [
    ((30000, 5000, 3), 5000, (36000, 36000)),
    ((30000, 5000, 3), 10000, (31000, 31000)),
    ((30000, 5000, 3), 15000, (26000, 26000)),
    ((30000, 5000, 3), 20000, (21000, 21000)),
    ((30000, 5000, 3), 25000, (16000, 16000)),
    ((30000, 5000, 3), 30000, (11000, 16000)),
    ((30000, 5000, 3), 35000, (11000, 16000)),
    ((30000, 5000, 3), 40000, (11000, 16000)),
    ((30000, 5000, 3), 50000, (11000, 16000)),
    ((30000, 5000, 3), 60000, (11000, 16000)),
    ((6000, 1000, 1), 1000, (5450, 5450)),
    ((6000, 1000, 1), 2000, (4450, 4450)),
    ((6000, 1000, 1), 3000, (3450, 3450)),
    ((6000, 1000, 1), 4000, (2450, 2450)),
    ((6000, 1000, 1), 5000, (1450, 1450)),
    ((6000, 1000, 1), 6000, (450, 1450)),
    ((6000, 1000, 1), 7000, (450, 1450)),
    ((6000, 1000, 1), 8000, (450, 1450)),
    ((6000, 1000, 1), 9000, (450, 1450)),
    ((6000, 1000, 1), 10000, (450, 1450)),
]
_SCALE = 10
_SLEEP = {"pg": "SELECT pg_sleep(600)", "mysql": "SELECT SLEEP(600)"}


class _Call(threading.Thread):
    """A statement that waits on the server; remembers when it ended."""

    def __init__(self, connection: Any, sql: str) -> None:
        super().__init__(daemon=True)
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self._cursor = connection.cursor()
        self._sql = sql
        self.start()

    def run(self) -> None:
        try:
            self._cursor.execute(self._sql)
            self._cursor.fetchall()
        except (face.Error, mysql_connector.Error):
            self.ended_at = time.monotonic()

    def heard(self, within: float = 60) -> float:
        self.join(within)
        if self.ended_at is None:
            raise TimeoutError(f"the call did not end within {within} s")
        return self.ended_at


def faults(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Crash and freeze of the writer while a statement runs."""
    yield from _faults("", cluster, quick, face.connect)


def mysql_faults(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The same with mysql-connector, in both builds."""
    for build in ("pure", "c"):
        connect = functools.partial(mysql_connector.connect, use_pure=build == "pure")
        yield from _faults(f"mysql-connector {build}: ", cluster, quick, connect)


def _faults(
    prefix: str, cluster: Cluster, quick: bool, connect: Callable[..., Any]
) -> Iterator[Figure]:
    for how, name, stamp, bounds, rounds in (
        (
            "crash",
            "crash: heard after the topology told",
            "topology_published",
            (30, 100),
            3 if quick else 50,
        ),
        ("freeze", "freeze: heard after the fault", "fault", (2000, 2000), 1 if quick else 10),
    ):
        delays = heard_after(cluster, connect, how, stamp, rounds)
        yield Figure(f"{prefix}{name}, median", median(delays), "ms", bounds[0])
        yield Figure(f"{prefix}{name}, 95th percentile", percentile(delays, 0.95), "ms", bounds[1])


def heard_after(
    cluster: Cluster, connect: Callable[..., Any], how: str, stamp: str, rounds: int
) -> list[float]:
    """How long after a moment of a failover a running statement heard of it, in ms."""
    delays = []
    for _ in range(rounds):
        with connect(cluster.dsn(), autocommit=True) as connection:
            call = _Call(connection, _SLEEP[cluster.engine])
            eventually(lambda c=call: time.monotonic() > c.started_at + 0.3, within=5)
            failover = cluster.failover(how=how)
            delays.append((call.heard() - getattr(failover, stamp)) * 1000)
        cluster.heal()
    return delays


def detection(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The detection table at a tenth: how far each row is from what the rule promises."""
    gate = cluster.gate(cluster.writer.id)
    rows = _DETECTION[10::5] if quick else _DETECTION
    for (time_ms, interval, count), delay, (least, most) in rows:
        properties = {
            "failure_detection_time_ms": time_ms // _SCALE,
            "failure_detection_interval_ms": interval // _SCALE,
            "failure_detection_count": count,
            "monitoring-connect_timeout": 1 / _SCALE,
        }
        connection = face.connect(
            cluster.dsn(), plugins="host_monitoring_v2", autocommit=True, **properties
        )
        call = _Call(connection, _SLEEP["pg"])
        begin = call.started_at + delay / _SCALE / 1000
        eventually(lambda b=begin: time.monotonic() >= b, within=30)
        gate.freeze()
        frozen = time.monotonic()
        latency = (call.heard() - frozen) * 1000
        connection.close()
        gate.heal()
        beyond = max(least / _SCALE - latency, latency - most / _SCALE, 0.0)
        name = f"detection {time_ms}/{interval}/{count}, fault at {delay} ms, off by"
        yield Figure(name, beyond, "ms", 50, f"{latency:.0f} ms")
