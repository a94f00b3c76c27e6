# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's pools, of the wrapper's connections."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from mysql.connector.errors import PoolError
from mysql.connector.pooling import MySQLConnectionPool as _DriverPool
from mysql.connector.pooling import PooledMySQLConnection

from ._connection import new_connection
from ._errors import FACE_ERRORS
from ._performer import to_bool, to_int
from ._private import (
    NAMES,
    POOL_LOCK,
    POOLS,
    arguments_to_add,
    configure_pool,
    generate_pool_name,
    mark_as_of,
)

__all__ = [
    "MySQLConnectionPool",
    "PoolError",
    "PooledMySQLConnection",
    "generate_pool_name",
    "pooled_connection",
]

_pools: dict[str, MySQLConnectionPool] = {}


class MySQLConnectionPool(_DriverPool):
    """The driver's pool; only what it opens is the wrapper's. Any thread may use it."""

    def set_config(self, **kwargs: Any) -> None:
        """Set the arguments of the pool's connections; raises ``PoolError`` for an unknown one."""
        if not kwargs:
            return
        with POOL_LOCK:
            try:
                new_connection(kwargs.get("use_pure")).config(**kwargs)
            except AttributeError as error:
                raise PoolError(f"Connection configuration not valid: {error}") from error
            configure_pool(self, kwargs, uuid4())

    def add_connection(self, cnx: Any = None) -> None:
        """Add ``cnx``, or a new connection; see the driver's."""
        with POOL_LOCK:
            arguments = arguments_to_add(self) if cnx is None else None
            if arguments is not None:
                cnx = new_connection(**arguments)
                mark_as_of(self, cnx)
            super().add_connection(cnx)


def pooled_connection(**kwargs: Any) -> PooledMySQLConnection:
    """Take a connection from the pool that ``pool_name`` names, which is made at its first use."""
    if not NAMES.have(POOLS):
        raise FACE_ERRORS["UnsupportedOperationError"](POOLS)
    if "pool_size" in kwargs:
        kwargs["pool_size"] = to_int("pool_size", kwargs["pool_size"])
    if "pool_reset_session" in kwargs:
        kwargs["pool_reset_session"] = to_bool("pool_reset_session", kwargs["pool_reset_session"])
    name = kwargs.get("pool_name") or generate_pool_name(**kwargs)
    with POOL_LOCK:
        pool = _pools.get(name)
        if pool is None:
            pool = _pools[name] = MySQLConnectionPool(**kwargs)
        elif kwargs.get("pool_size", pool.pool_size) != pool.pool_size:
            raise PoolError("Size can not be changed for active pools.")
    return pool.get_connection()
