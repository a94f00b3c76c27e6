# SPDX-License-Identifier: Apache-2.0
"""A connection to Amazon Aurora and RDS that survives its writer.

Importing starts no thread, opens no connection and needs no driver. For PostgreSQL use
:func:`aws_advanced_python_wrapper.psycopg.connect`, or with SQLAlchemy an URL that begins with
``postgresql+aws_wrapper_psycopg://``.
"""

from __future__ import annotations

from ._conflict import refuse_upstream

refuse_upstream()

from ._connect import connect  # noqa: E402
from ._core.connection import AwsWrapperConnection  # noqa: E402
from ._core.lifetime import release_resources, statistics  # noqa: E402
from ._core.logging import set_logger  # noqa: E402
from ._version import __version__  # noqa: E402
from .errors import (  # noqa: E402
    AwsConnectError,
    AwsWrapperError,
    FailoverAttempt,
    FailoverError,
    FailoverFailedError,
    FailoverReport,
    FailoverSuccessError,
    QueryTimeoutError,
    ReadWriteSplittingError,
    TransactionResolutionUnknownError,
    UnsupportedOperationError,
)
from .pep249 import (  # noqa: E402
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

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AwsConnectError",
    "AwsWrapperConnection",
    "AwsWrapperError",
    "Binary",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "FailoverAttempt",
    "FailoverError",
    "FailoverFailedError",
    "FailoverReport",
    "FailoverSuccessError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryTimeoutError",
    "ReadWriteSplittingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TransactionResolutionUnknownError",
    "UnsupportedOperationError",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "paramstyle",
    "release_resources",
    "set_logger",
    "statistics",
    "threadsafety",
]
