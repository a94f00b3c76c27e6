# SPDX-License-Identifier: Apache-2.0
"""``postgresql+aws_wrapper_psycopg``: SQLAlchemy's psycopg dialects over our connections."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.engine import URL

from ._rules import WrapperRules


class AwsWrapperPGPsycopgDialect(WrapperRules, PGDialect_psycopg):
    """The stock dialect; only the module that connects is ours."""

    driver = "aws_wrapper_psycopg"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Our module in place of psycopg."""
        from .. import psycopg

        return psycopg

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[Any]:  # noqa: ARG003
        """The dialect for ``create_async_engine()``."""
        return AwsWrapperPGPsycopgAsyncDialect

    @classmethod
    def load_provisioning(cls) -> None:
        """Let SQLAlchemy's own test suite prepare the database as for the stock dialect."""
        PGDialect_psycopg.load_provisioning()  # type: ignore[no-untyped-call]


class AwsWrapperPGPsycopgAsyncDialect(WrapperRules, PGDialectAsync_psycopg):
    """The stock dialect for asyncio; only what it connects by is ours."""

    driver = "aws_wrapper_psycopg"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """The stock adapter of psycopg, with our module in it for what connects."""
        from ..aio import psycopg

        adapter: Any = super().import_dbapi()  # type: ignore[no-untyped-call]
        adapter.psycopg = psycopg
        return adapter

    @classmethod
    def load_provisioning(cls) -> None:
        """Let SQLAlchemy's own test suite prepare the database as for the stock dialect."""
        PGDialect_psycopg.load_provisioning()  # type: ignore[no-untyped-call]


dialect = AwsWrapperPGPsycopgDialect
dialect_async = AwsWrapperPGPsycopgAsyncDialect
