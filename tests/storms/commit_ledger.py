# SPDX-License-Identifier: Apache-2.0
"""Writers that know what they were told: acknowledged, unknown, or certainly not done."""

from __future__ import annotations

import itertools
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


class Writer(threading.Thread):
    """Commits one row after the other, each under a key of its own, until it is stopped."""

    def __init__(self, cluster: Cluster, driver: Driver, **properties: Any) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.refused: set[int] = set()
        self.heard: list[float] = []
        self.failure: BaseException | None = None
        self.connection = driver.connect(cluster, **properties)
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
            self.acknowledged.add(key)
        except errors.TransactionResolutionUnknownError:
            self.heard.append(time.monotonic())
            (self.unknown if committing else self.refused).add(key)
        except errors.FailoverSuccessError:
            self.heard.append(time.monotonic())
            self.refused.add(key)
        except self._error:
            self.refused.add(key)
            self.connection.rollback()

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(60)
        assert not self.is_alive(), "a writer hangs"
        if self.failure is not None:
            raise self.failure
        self.connection.close()


def create_ledger(cluster: Cluster) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        cursor = admin.cursor()
        cursor.execute("DROP TABLE IF EXISTS ledger")
        # No primary key: a row that was written twice must be able to show.
        cursor.execute("CREATE TABLE ledger (entry bigint)")
        cursor.execute(f"GRANT ALL ON ledger TO {cluster.user}")


def check_ledger(cluster: Cluster, writers: list[Writer]) -> dict[str, int]:
    """Compare what the writers were told with what every server has."""
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    refused = set().union(*(writer.refused for writer in writers))
    lost = doubled = ghosts = 0
    for rows in cluster.committed("SELECT entry FROM ledger").values():
        found = [key for (key,) in rows]
        lost += len(acknowledged - set(found))
        doubled += len(found) - len(set(found))
        ghosts += len(refused & set(found))
    return {
        "acknowledged": len(acknowledged),
        "unknown": sum(len(writer.unknown) for writer in writers),
        "lost": lost,
        "doubled": doubled,
        "ghosts": ghosts,
    }
