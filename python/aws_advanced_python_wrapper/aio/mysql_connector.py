# SPDX-License-Identifier: Apache-2.0
"""The face for mysql-connector under asyncio (``mysql.connector.aio``).

What is not defined here is that of ``aws_advanced_python_wrapper.mysql_connector``, and so the
driver's; but the driver's pools for asyncio can't hold these connections, and are not there.
"""

from __future__ import annotations

from typing import Any

from .. import mysql_connector as _blocking
from ..mysql_connector._connection_async import AsyncMySQLConnection, new_connection
from ..mysql_connector._errors import FACE_ERRORS
from ..mysql_connector._performer import POOL_ARGUMENTS, parse_conninfo, with_option_files

MySQLConnection = AsyncMySQLConnection
_UNSUPPORTED = {
    "failover": "the wrapper finds the cluster's servers itself",
    "dns_srv": "the wrapper finds the cluster's servers itself",
    **dict.fromkeys(POOL_ARGUMENTS, "the driver's pools for asyncio can't hold our connections"),
}
_NOT_OF_ASYNCIO = ("CMySQLConnection", "MySQLConnectionPool", "PooledMySQLConnection", "pooling")


async def connect(conninfo: str = "", **kwargs: Any) -> Any:
    """Open a connection.

    ``conninfo`` (``"host=... database=... user=... password=..."``) and ``kwargs`` hold the
    driver's arguments and the wrapper's properties, mixed; kwargs win. Raises
    ``UnsupportedOperationError`` for the driver's arguments for pools, ``failover`` and
    ``dns_srv``.
    """
    given = {**parse_conninfo(conninfo), **kwargs}
    given = with_option_files(given)
    given.pop("use_pure", None)  # as the driver: there is no other build for asyncio
    for name, reason in _UNSUPPORTED.items():
        if name in given:
            raise FACE_ERRORS["UnsupportedOperationError"](f"{name} is not supported: {reason}")
    connection = new_connection(AsyncMySQLConnection, **given)
    await connection.connect()
    return connection


def __getattr__(name: str) -> Any:
    if name in _NOT_OF_ASYNCIO:
        raise AttributeError(f"{name} is not there for asyncio")
    return getattr(_blocking, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_blocking)} - set(_NOT_OF_ASYNCIO))
