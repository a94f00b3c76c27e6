# SPDX-License-Identifier: Apache-2.0
"""The face for mysql-connector: a PEP 249 module whose connections survive their server.

What is not defined here is mysql-connector's: ``aws_advanced_python_wrapper.mysql_connector.Error
is mysql.connector.Error``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _private  # noqa: F401  # isort: skip  # it loads the C build

import mysql.connector as _driver
from mysql.connector import (  # noqa: F401  (PEP 249)
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    Warning,
    apilevel,
    paramstyle,
    threadsafety,
)

from . import pooling
from ._connection import new_connection
from ._errors import FACE_ERRORS
from ._performer import POOL_ARGUMENTS, parse_conninfo, with_option_files

AwsConnectError = FACE_ERRORS["AwsConnectError"]
AwsWrapperError = FACE_ERRORS["AwsWrapperError"]
FailoverError = FACE_ERRORS["FailoverError"]
FailoverFailedError = FACE_ERRORS["FailoverFailedError"]
FailoverSuccessError = FACE_ERRORS["FailoverSuccessError"]
MySQLConnectionPool = pooling.MySQLConnectionPool
QueryTimeoutError = FACE_ERRORS["QueryTimeoutError"]
ReadWriteSplittingError = FACE_ERRORS["ReadWriteSplittingError"]
TransactionResolutionUnknownError = FACE_ERRORS["TransactionResolutionUnknownError"]
UnsupportedOperationError = FACE_ERRORS["UnsupportedOperationError"]


def connect(conninfo: str = "", **kwargs: Any) -> Any:
    """Open a connection.

    ``conninfo`` (``"host=... database=... user=... password=..."``) and ``kwargs`` hold
    mysql-connector's arguments and the wrapper's properties, mixed; kwargs win. ``use_pure``
    chooses the driver's build, as with the driver. The result is a ``MySQLConnection`` or a
    ``CMySQLConnection``, and an ``AwsWrapperConnection``; with ``pool_name`` or another of the
    driver's arguments for pools, a ``PooledMySQLConnection`` around one.

    What instrumentations have wrapped around ``mysql.connector.connect`` by wrapt is around this,
    too; the result may be their proxy of the connection.
    """
    arguments = (conninfo,) if conninfo else ()
    return _as_wrapped(_driver.connect, _connect)(*arguments, **kwargs)


def _as_wrapped(target: Any, connect: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what wrapt has wrapped around the target around another function."""
    wrapper = getattr(target, "_self_wrapper", None)
    if wrapper is None:
        return connect
    inner = _as_wrapped(target.__wrapped__, connect)
    enabled = target._self_enabled
    if not (enabled is None or (enabled() if callable(enabled) else enabled)):
        return inner
    return lambda *args, **kwargs: wrapper(inner, None, args, kwargs)


def _connect(conninfo: str = "", **kwargs: Any) -> Any:
    given = {**parse_conninfo(conninfo), **kwargs}
    given = with_option_files(given)
    for name in ("failover", "dns_srv"):
        if name in given:
            raise UnsupportedOperationError(
                f"{name} is not supported: the wrapper finds the cluster's servers itself"
            )
    if any(name in given for name in POOL_ARGUMENTS):
        return pooling.pooled_connection(**given)
    return new_connection(**given)


def __getattr__(name: str) -> Any:
    try:
        return getattr(_driver, name)
    except AttributeError:
        raise AttributeError(f"neither {__name__} nor mysql.connector has {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_driver)})
