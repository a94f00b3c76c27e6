# SPDX-License-Identifier: Apache-2.0
"""The PEP 249 names of the package itself: errors, type objects and constructors.

A driver face (:mod:`aws_advanced_python_wrapper.psycopg`) has the driver's own names instead.
"""

from __future__ import annotations

import datetime
import time

apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"

_PACKAGE = "aws_advanced_python_wrapper"


class Warning(Exception):
    """An important warning."""

    __module__ = _PACKAGE


class Error(Exception):
    """Base of the package's errors.

    ``errno``, ``sqlstate`` and ``pgcode`` exist on each error and are None where nothing is known.
    """

    __module__ = _PACKAGE
    errno: int | None = None
    sqlstate: str | None = None
    pgcode: str | None = None


class InterfaceError(Error):
    """An error of the interface rather than the database."""

    __module__ = _PACKAGE


class DatabaseError(Error):
    """An error of the database."""

    __module__ = _PACKAGE


class DataError(DatabaseError):
    """A problem with the processed data."""

    __module__ = _PACKAGE


class OperationalError(DatabaseError):
    """An error of the database's operation, not necessarily under the programmer's control."""

    __module__ = _PACKAGE


class IntegrityError(DatabaseError):
    """The relational integrity is affected."""

    __module__ = _PACKAGE


class InternalError(DatabaseError):
    """The database met an internal error."""

    __module__ = _PACKAGE


class ProgrammingError(DatabaseError):
    """A programming error: a missing table, wrong SQL, a wrong number of parameters."""

    __module__ = _PACKAGE


class NotSupportedError(DatabaseError):
    """Something was used that the database does not support."""

    __module__ = _PACKAGE


class _TypeObject:
    """Equal to each type code that it stands for: PostgreSQL's OIDs and MySQL's field types."""

    def __init__(self, name: str, *codes: int) -> None:
        self._name = name
        self._codes = frozenset(codes)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _TypeObject):
            return self is other
        return other in self._codes

    def __hash__(self) -> int:
        return hash(self._codes)

    def __repr__(self) -> str:
        return f"<type object {self._name}>"


# PostgreSQL: src/include/catalog/pg_type.dat; MySQL: include/field_types.h.
STRING = _TypeObject("STRING", 18, 19, 25, 114, 1042, 1043, 3802, 15, 253, 254)
BINARY = _TypeObject("BINARY", 17, 249, 250, 251, 252)
NUMBER = _TypeObject("NUMBER", 20, 21, 23, 700, 701, 790, 1700, 0, 1, 2, 3, 4, 5, 8, 9, 246)
DATETIME = _TypeObject("DATETIME", 1082, 1083, 1114, 1184, 1186, 1266, 7, 10, 11, 12, 13, 14)
ROWID = _TypeObject("ROWID", 26)

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date at ``ticks`` seconds since the epoch."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day at ``ticks`` seconds since the epoch."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local time at ``ticks`` seconds since the epoch."""
    return Timestamp(*time.localtime(ticks)[:6])


def Binary(data: bytes | bytearray | memoryview) -> bytes:
    """Binary data as a parameter."""
    return bytes(data)
