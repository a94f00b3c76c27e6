# SPDX-License-Identifier: Apache-2.0
"""The rules of our SQLAlchemy dialects over :mod:`file_driver`: an engine without a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from aws_advanced_python_wrapper._core.waits import drive
from aws_advanced_python_wrapper.sqlalchemy_dialects._rules import WrapperRules
from file_driver import Cluster, FileConnection


class Cursor:
    """A cursor of PEP 249 over whatever link its connection has."""

    def __init__(self, connection: BlockingFileConnection) -> None:
        self._connection = connection
        self._found: sqlite3.Cursor | None = None

    def execute(self, sql: str, parameters: Any = ()) -> None:
        self._found = self._connection.call(sql, parameters)

    def close(self) -> None:
        self._found = None

    def __getattr__(self, name: str) -> Any:
        if self._found is None:
            raise AttributeError(name)
        return getattr(self._found, name)


class BlockingFileConnection(FileConnection):
    """A connection of PEP 249."""

    def call(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        drive(self.attend_steps())
        try:
            found = self.run(sql, parameters)
        except sqlite3.Error as error:
            drive(self.failure_steps(error))
            raise
        self.end_call()
        return found

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        if self.in_transaction:
            self.call("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.call("ROLLBACK")


class FileDialect(WrapperRules, SQLiteDialect_pysqlite):
    """SQLite's stock dialect, whose connections survive the loss of their links."""

    driver = "files"
    supports_statement_cache = True
    cluster: Cluster

    @classmethod
    def import_dbapi(cls) -> Any:
        def connect(*_: Any, **__: Any) -> BlockingFileConnection:
            connection = BlockingFileConnection(cls.cluster, failover_timeout_sec=0.5)
            drive(connection.opening_steps())
            return connection

        return SimpleNamespace(**{**vars(sqlite3), "connect": connect})

    def on_connect(self) -> Callable[[Any], None] | None:
        return None  # the stock one adds functions to SQLite

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:  # noqa: ARG002
        return "SERIALIZABLE"


registry.register("sqlite.files", __name__, "FileDialect")


def engine_of(cluster: Cluster, **arguments: Any) -> Engine:
    FileDialect.cluster = cluster
    return create_engine("sqlite+files://", pool_size=1, max_overflow=0, **arguments)
