# SPDX-License-Identifier: Apache-2.0
"""Writers that keep book of what the cluster acknowledged."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import uuid
from types import TracebackType
from typing import Any, final

import mysql.connector
import psycopg
from aurora_lab import Cluster

import mysql_help


@final
class Ledger:
    """Inserts rows through the writer endpoint from several threads until it is left."""

    def __init__(self, cluster: Cluster, threads: int = 4) -> None:
        self.acknowledged: set[str] = set()
        self.unknown: set[str] = set()
        self._cluster = cluster
        self._ended = threading.Event()
        self._links: dict[int, socket.socket] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(threads)]
        with self._connect() as connection, contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("DROP TABLE IF EXISTS ledger")
            cursor.execute("CREATE TABLE ledger (entry varchar(36) PRIMARY KEY)")

    def __enter__(self) -> Ledger:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self.cut()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def cut(self) -> None:
        """End every connection from this side, as a client does that gave up waiting."""
        with self._lock:
            for link in self._links.values():
                with contextlib.suppress(OSError):  # the server ended it first
                    link.shutdown(socket.SHUT_RDWR)

    def _write(self, number: int) -> None:
        while not self._ended.is_set():
            # The next round connects anew.
            with contextlib.suppress(psycopg.Error, mysql.connector.Error):
                self._write_on_one_connection(number)

    def _write_on_one_connection(self, number: int) -> None:
        with self._connect() as connection, contextlib.closing(connection.cursor()) as cursor:
            with self._lock:
                self._links[number] = socket.socket(fileno=os.dup(_socket_of(connection)))
            try:
                while not self._ended.is_set():
                    entry = str(uuid.uuid4())
                    self.unknown.add(entry)
                    cursor.execute("INSERT INTO ledger VALUES (%s)", [entry])
                    self.acknowledged.add(entry)
                    self.unknown.discard(entry)
            finally:
                with self._lock:
                    self._links.pop(number).close()

    def _connect(self) -> Any:
        if self._cluster.engine == "mysql":
            return mysql_help.connect(self._cluster, connection_timeout=2)
        return psycopg.connect(self._cluster.dsn(connect_timeout=2), autocommit=True)


def check(cluster: Cluster, ledger: Ledger) -> None:
    """Compare what every server has with what was acknowledged."""
    answers = cluster.committed("SELECT entry FROM ledger")
    assert set(answers) == set(cluster.instances)
    for name, rows in answers.items():
        entries = {row[0] for row in rows}
        assert not ledger.acknowledged - entries, f"{name} lost acknowledged commits"
        assert entries <= ledger.acknowledged | ledger.unknown, f"{name} has rows of nobody"


def _socket_of(connection: Any) -> int:
    if isinstance(connection, psycopg.Connection):
        return connection.fileno()
    return mysql_help.socket_of(connection)
