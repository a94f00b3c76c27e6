# SPDX-License-Identifier: Apache-2.0
"""``mysql+aws_wrapper_mysqlconnector``: the stock dialect over our connections."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy.dialects.mysql.mysqlconnector import MySQLDialect_mysqlconnector
from sqlalchemy.engine import URL

from ..errors import FailoverError, FailoverFailedError


class AwsWrapperMySQLConnectorDialect(MySQLDialect_mysqlconnector):
    """The stock dialect; only the module that connects is ours.

    A connection that failed over goes on, on a new link: SQLAlchemy keeps it in its pool. Only
    after ``FailoverFailedError`` it is closed, and so a disconnect.
    """

    driver = "aws_wrapper_mysqlconnector"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Our module in place of mysql.connector."""
        from .. import mysql_connector

        return mysql_connector

    @classmethod
    def load_provisioning(cls) -> None:
        """Let SQLAlchemy's own test suite prepare the database as for the stock dialect."""
        MySQLDialect_mysqlconnector.load_provisioning()  # type: ignore[no-untyped-call]

    def create_connect_args(self, url: URL) -> Any:
        """Translate ``wrapper_plugins``, since ``plugins`` in an URL is SQLAlchemy's own."""
        args, kwargs = super().create_connect_args(url)
        if "wrapper_plugins" in kwargs:
            kwargs["plugins"] = kwargs.pop("wrapper_plugins")
        return args, kwargs

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether the connection is of no more use."""
        if isinstance(e, FailoverError):
            return isinstance(e, FailoverFailedError)
        return bool(super().is_disconnect(e, connection, cursor))

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is usable; a failover that succeeds makes it so."""
        try:
            return bool(super().do_ping(dbapi_connection))
        except FailoverFailedError:
            return False
        except FailoverError:
            return True


dialect = AwsWrapperMySQLConnectorDialect
