# SPDX-License-Identifier: Apache-2.0
"""``mysql+aws_wrapper_mysqlconnector``: the stock dialect over our connections."""

from __future__ import annotations

from types import ModuleType

from sqlalchemy.dialects.mysql.mysqlconnector import MySQLDialect_mysqlconnector

from ._rules import WrapperRules


class AwsWrapperMySQLConnectorDialect(WrapperRules, MySQLDialect_mysqlconnector):
    """The stock dialect; only the module that connects is ours."""

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


dialect = AwsWrapperMySQLConnectorDialect
