# SPDX-License-Identifier: Apache-2.0
"""Connections to a MySQL cluster as its ordinary user."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import mysql.connector
from aurora_lab import Cluster


def connect(cluster: Cluster, endpoint: str | None = None, **params: Any) -> Any:
    """Open a connection of the pure build, in autocommit mode unless told otherwise."""
    given = {"autocommit": True, "connection_timeout": 5, "use_pure": True, **params}
    return mysql.connector.connect(
        host=endpoint or cluster.writer_endpoint,
        port=cluster.port,
        user=cluster.user,
        password=cluster.password,
        database=cluster.database,
        **given,
    )


def run(connection: Any, sql: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def ask(cluster: Cluster, endpoint: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own."""
    with connect(cluster, endpoint) as connection:
        return run(connection, sql)


def socket_of(connection: Any) -> int:
    """Return the descriptor of a connection's socket."""
    return connection._socket.sock.fileno()
