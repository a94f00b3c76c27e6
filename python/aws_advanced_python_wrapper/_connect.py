# SPDX-License-Identifier: Apache-2.0
"""Finds the face for the driver that a program connects by, and imports it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core.connection import AsyncAwsWrapperConnection, AwsWrapperConnection
from .errors import AwsWrapperError, UnsupportedOperationError

_MYSQL = "mysql.connector"
_MYSQL_AIO = "mysql.connector.aio"


def connect(target: Callable[..., Any] | None = None, conninfo: str = "", /, **kwargs: Any) -> Any:
    """Open a connection by a driver's connect function.

    ``target`` is ``psycopg.Connection.connect``, ``psycopg.connect``, or the ``connect`` of
    your own subclass of ``psycopg.Connection``; or ``mysql.connector.connect``, or one of its
    connection classes. ``conninfo`` and ``kwargs`` hold the driver's parameters and the
    wrapper's properties, mixed.

    Raises :class:`AwsWrapperError` for a target or a property that is not possible (nothing
    was sent then), and what the driver raises.
    """
    if target is None:
        raise AwsWrapperError(
            "the target driver is required: pass the driver's connect function as the first "
            "argument, for example psycopg.Connection.connect"
        )
    if not callable(target):
        raise AwsWrapperError(
            f"the target driver must be the driver's connect function, not {target!r}"
        )
    connection_class = getattr(target, "__self__", None)
    if isinstance(connection_class, type) and _has_base(connection_class, "Connection", "psycopg"):
        from .psycopg import face_of

        return face_of(connection_class).connect(conninfo, **kwargs)
    if (
        isinstance(target, type)
        and _has_base(target, "MySQLConnectionAbstract", _MYSQL)
        and not _has_base(target, "MySQLConnection", _MYSQL_AIO)
    ):
        from .mysql_connector._connection import open_connection

        return open_connection(target, conninfo, **kwargs)
    module = f"{getattr(target, '__module__', '')}."
    if module.startswith(_MYSQL + ".") and not module.startswith(_MYSQL_AIO + "."):
        from . import mysql_connector

        return mysql_connector.connect(conninfo, **kwargs)
    raise UnsupportedOperationError(
        f"connections by {target!r} are not supported; supported are "
        "psycopg.Connection.connect, the connect of its subclasses, mysql.connector.connect, "
        "and mysql-connector's connection classes; for asyncio there is "
        "AsyncAwsWrapperConnection"
    )


async def connect_async(
    target: Callable[..., Any] | None = None, conninfo: str = "", /, **kwargs: Any
) -> Any:
    """Open a connection by a driver's connect function.

    ``target`` is ``psycopg.AsyncConnection.connect``, or the ``connect`` of your own subclass
    of it; or ``mysql.connector.aio.connect``, or ``mysql.connector.aio.MySQLConnection`` or
    your own subclass of it. The rest is as for :func:`connect`.
    """
    connection_class = getattr(target, "__self__", None)
    if isinstance(connection_class, type) and _has_base(
        connection_class, "AsyncConnection", "psycopg"
    ):
        from .aio.psycopg import face_of

        return await face_of(connection_class).connect(conninfo, **kwargs)
    if isinstance(target, type) and _has_base(target, "MySQLConnection", _MYSQL_AIO):
        from .mysql_connector._connection_async import new_connection

        connection = new_connection(target, conninfo, **kwargs)
        await connection.connect()
        return connection
    if f"{getattr(target, '__module__', '')}.".startswith(_MYSQL_AIO + "."):
        from .aio import mysql_connector

        return await mysql_connector.connect(conninfo, **kwargs)
    raise UnsupportedOperationError(
        f"connections by {target!r} are not supported; supported are "
        "psycopg.AsyncConnection.connect, the connect of its subclasses, "
        "mysql.connector.aio.connect, and its connection class"
    )


def _has_base(connection_class: type, name: str, package: str) -> bool:
    return any(
        base.__name__ == name and f"{base.__module__}.".startswith(f"{package}.")
        for base in connection_class.__mro__
    )


# Here, since the faces derive from these classes.
AwsWrapperConnection.connect = staticmethod(connect)
AsyncAwsWrapperConnection.connect = staticmethod(connect_async)
