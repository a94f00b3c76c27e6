# SPDX-License-Identifier: Apache-2.0
"""The face for psycopg 3 under asyncio: what the blocking face has, but ``connect`` is awaited.

What is not defined here is that of ``aws_advanced_python_wrapper.psycopg``, and so psycopg's.
"""

from __future__ import annotations

import functools
from typing import Any

import psycopg as _driver

from .. import psycopg as _blocking
from ..psycopg._connection_async import AsyncPsycopgConnection, AsyncWrappedConnection

AsyncConnection = AsyncPsycopgConnection


async def connect(conninfo: str = "", **kwargs: Any) -> AsyncPsycopgConnection[Any]:
    """Open a connection.

    ``conninfo`` (a connection string or an URI) and ``kwargs`` hold psycopg's parameters and the
    wrapper's properties, mixed; kwargs win. See :meth:`AsyncPsycopgConnection.connect`.
    """
    return await AsyncPsycopgConnection.connect(conninfo, **kwargs)


@functools.cache
def face_of(connection_class: type[Any]) -> type[Any]:
    """The wrapper's connection class for a subclass of ``psycopg.AsyncConnection``."""
    if issubclass(connection_class, AsyncWrappedConnection):
        return connection_class
    if connection_class is _driver.AsyncConnection:
        return AsyncPsycopgConnection
    name = f"AwsWrapper{connection_class.__name__}"
    return type(name, (AsyncWrappedConnection, connection_class), {"__module__": __name__})


def __getattr__(name: str) -> Any:
    return getattr(_blocking, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_blocking)})
