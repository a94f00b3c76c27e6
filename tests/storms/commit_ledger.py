# SPDX-License-Identifier: Apache-2.0
"""Writers that know what they were told: acknowledged, unknown, or certainly not done."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import psycopg
from aurora_lab import Cluster

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.psycopg import PsycopgConnection

_keys = itertools.count(1)


class Writer(threading.Thread):
    """Commits one row after the other, each under a key of its own, until it is stopped."""

    def __init__(self, cluster: Cluster, **properties: Any) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.refused: set[int] = set()
        self.heard: list[float] = []
        self.failure: BaseException | None = None
        self.connection = PsycopgConnection.connect(cluster.dsn(), **properties)
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
            self.connection.execute("INSERT INTO ledger VALUES (%s)", [key])
            committing = True
            self.connection.commit()
            self.acknowledged.add(key)
        except errors.TransactionResolutionUnknownError:
            self.heard.append(time.monotonic())
            (self.unknown if committing else self.refused).add(key)
        except errors.FailoverSuccessError:
            self.heard.append(time.monotonic())
            self.refused.add(key)
        except psycopg.Error:
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
    with cluster.connect(cluster.writer.id, dbname=cluster.database) as admin:
        admin.execute("DROP TABLE IF EXISTS ledger")
        # No primary key: a row that was written twice must be able to show.
        admin.execute("CREATE TABLE ledger (key bigint)")
        admin.execute(f"GRANT ALL ON ledger TO {cluster.user}")


def check_ledger(cluster: Cluster, writers: list[Writer]) -> dict[str, int]:
    """Compare what the writers were told with what every server has."""
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    refused = set().union(*(writer.refused for writer in writers))
    lost = doubled = ghosts = 0
    for rows in cluster.committed(f"SELECT key FROM {'ledger'}").values():
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
