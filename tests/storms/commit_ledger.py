# SPDX-License-Identifier: Apache-2.0
"""Writers that know what they were told: acknowledged, unknown, or certainly not done."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aurora_lab import Cluster

from aws_advanced_python_wrapper import errors, mysql_connector, psycopg

_keys = itertools.count(1)


@dataclass(frozen=True)
class Driver:
    """A driver whose connections go through a storm."""

    name: str
    fixture: str
    """Gives the cluster."""
    face: ModuleType
    """The wrapper's module for it."""
    arguments: dict[str, Any] = field(default_factory=dict)

    def connect(self, cluster: Cluster, **properties: Any) -> Any:
        return self.face.connect(cluster.dsn(), **self.arguments, **properties)

    def __str__(self) -> str:
        return self.name


DRIVERS = (
    Driver("psycopg", "aurora_cluster", psycopg),
    Driver("mysql-pure", "mysql_cluster", mysql_connector, {"use_pure": True}),
    Driver("mysql-c", "mysql_cluster", mysql_connector, {"use_pure": False}),
)


class Ledger:
    """What writers were told of their keys, to be compared with what every server has."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.refused: set[int] = set()

    def check(self, cluster: Cluster) -> dict[str, Any]:
        """What became of the keys; ``lost`` are some of those that a server lacks, by server."""
        doubled = ghosts = 0
        lost = {}
        for server, rows in cluster.committed("SELECT entry FROM ledger").items():
            found = [key for (key,) in rows]
            if missing := self.acknowledged - set(found):
                lost[server] = sorted(missing)[:10]
            doubled += len(found) - len(set(found))
            ghosts += len(self.refused & set(found))
        return {
            "acknowledged": len(self.acknowledged),
            "unknown": len(self.unknown),
            "lost": lost,
            "doubled": doubled,
            "ghosts": ghosts,
        }


class Writer(threading.Thread):
    """Commits one row after the other, each under a key of its own, until it is stopped."""

    def __init__(self, cluster: Cluster, driver: Driver, ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self.acknowledged = 0
        self._ledger = ledger
        self.heard: list[float] = []
        self.failure: BaseException | None = None
        self.connection = driver.connect(cluster)
        self._error = driver.face.Error
        self._stop_asked = threading.Event()

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._write(next(_keys))
        except BaseException as failure:  # handed to the test, by stop()
            self.failure = failure

    def _write(self, key: int) -> None:
        committing = False
        try:
            self.connection.cursor().execute("INSERT INTO ledger VALUES (%s)", [key])
            committing = True
            self.connection.commit()
            self._ledger.acknowledged.add(key)
            self.acknowledged += 1
        except errors.TransactionResolutionUnknownError:
            self.heard.append(time.monotonic())
            (self._ledger.unknown if committing else self._ledger.refused).add(key)
        except errors.FailoverSuccessError:
            self.heard.append(time.monotonic())
            self._ledger.refused.add(key)
        except self._error:
            self._ledger.refused.add(key)
            self.connection.rollback()

    def has_heard(self, faults: int) -> bool:
        """Whether it heard of more faults than these."""
        self.check()
        return len(self.heard) > faults

    def has_committed(self, rows: int) -> bool:
        """Whether more rows than these were acknowledged."""
        self.check()
        return self.acknowledged > rows

    def check(self) -> None:
        """Raise what ended the writer, if something did."""
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(60)
        assert not self.is_alive(), "a writer hangs"
        self.check()
        self.connection.close()


def create_ledger(cluster: Cluster) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        cursor = admin.cursor()
        cursor.execute("DROP TABLE IF EXISTS ledger")
        # No primary key: a row that was written twice must be able to show.
        cursor.execute("CREATE TABLE ledger (entry bigint)")
        cursor.execute(f"GRANT ALL ON ledger TO {cluster.user}")


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(1000 * value for value in seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"p50 {statistics.median(ordered):.1f} p95 {p95:.1f} max {ordered[-1]:.1f}"
