# SPDX-License-Identifier: Apache-2.0
"""``postgresql+aws_wrapper_psycopg``: SQLAlchemy's psycopg dialect over our connections."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL

from ..errors import FailoverError, FailoverFailedError


class AwsWrapperPGPsycopgDialect(PGDialect_psycopg):
    """The stock dialect; only the module that connects is ours.

    A connection that failed over goes on, on a new link: SQLAlchemy keeps it in its pool. Only
    after ``FailoverFailedError`` it is closed, and so a disconnect.
    """

    driver = "aws_wrapper_psycopg"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Our module in place of psycopg."""
        from .. import psycopg

        return psycopg

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[Any]:
        """There is no asyncio dialect yet."""
        raise NotImplementedError(
            "postgresql+aws_wrapper_psycopg has no asyncio dialect yet: use create_engine()"
        )

    @classmethod
    def load_provisioning(cls) -> None:
        """Let SQLAlchemy's own test suite prepare the database as for the stock dialect."""
        PGDialect_psycopg.load_provisioning()  # type: ignore[no-untyped-call]

    def create_connect_args(self, url: URL) -> Any:
        """Translate ``wrapper_plugins``, since ``plugins`` in an URL is SQLAlchemy's own."""
        args, kwargs = super().create_connect_args(url)  # type: ignore[no-untyped-call]
        if "wrapper_plugins" in kwargs:
            kwargs["plugins"] = kwargs.pop("wrapper_plugins")
        return args, kwargs

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether the connection is of no more use."""
        if isinstance(e, FailoverError):
            return isinstance(e, FailoverFailedError)
        stock = super().is_disconnect(e, connection, cursor)  # type: ignore[no-untyped-call]
        return bool(stock)

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is usable; a failover that succeeds makes it so."""
        try:
            return bool(super().do_ping(dbapi_connection))  # type: ignore[no-untyped-call]
        except FailoverFailedError:
            return False
        except FailoverError:
            return True


dialect = AwsWrapperPGPsycopgDialect
