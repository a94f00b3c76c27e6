# SPDX-License-Identifier: Apache-2.0
"""The face for psycopg 3: a PEP 249 module whose connections survive their server.

What is not defined here is psycopg's: ``aws_advanced_python_wrapper.psycopg.Error is
psycopg.Error``.
"""

from __future__ import annotations

import functools
from typing import Any

import psycopg as _driver
from psycopg import (  # noqa: F401  (PEP 249)
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

from ._connection import BlockingWrappedConnection, PsycopgConnection
from ._errors import FACE_ERRORS

AwsConnectError = FACE_ERRORS["AwsConnectError"]
AwsWrapperError = FACE_ERRORS["AwsWrapperError"]
FailoverError = FACE_ERRORS["FailoverError"]
FailoverFailedError = FACE_ERRORS["FailoverFailedError"]
FailoverSuccessError = FACE_ERRORS["FailoverSuccessError"]
QueryTimeoutError = FACE_ERRORS["QueryTimeoutError"]
ReadWriteSplittingError = FACE_ERRORS["ReadWriteSplittingError"]
TransactionResolutionUnknownError = FACE_ERRORS["TransactionResolutionUnknownError"]
UnsupportedOperationError = FACE_ERRORS["UnsupportedOperationError"]

Connection = PsycopgConnection


def connect(conninfo: str = "", **kwargs: Any) -> PsycopgConnection[Any]:
    """Open a connection.

    ``conninfo`` (a connection string or an URI) and ``kwargs`` hold psycopg's parameters and the
    wrapper's properties, mixed; kwargs win. See :meth:`PsycopgConnection.connect`.
    """
    return PsycopgConnection.connect(conninfo, **kwargs)


@functools.cache
def face_of(connection_class: type[Any]) -> type[Any]:
    """The wrapper's connection class for a subclass of ``psycopg.Connection``."""
    if issubclass(connection_class, BlockingWrappedConnection):
        return connection_class
    if connection_class is _driver.Connection:
        return PsycopgConnection
    name = f"AwsWrapper{connection_class.__name__}"
    return type(name, (BlockingWrappedConnection, connection_class), {"__module__": __name__})


def __getattr__(name: str) -> Any:
    try:
        return getattr(_driver, name)
    except AttributeError:
        raise AttributeError(f"neither {__name__} nor psycopg has {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_driver)})
