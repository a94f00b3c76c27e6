# SPDX-License-Identifier: Apache-2.0
"""What our dialects have in common; everything else is the stock dialect's."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    TwoPhaseTransaction,
)
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from .._core.waits import Steps
from .._core.wrapped_connection import WrappedConnection
from ..errors import (
    FailoverError,
    FailoverFailedError,
    QueryTimeoutError,
    TransactionResolutionUnknownError,
)

logger = logging.getLogger("aws_advanced_python_wrapper.sqlalchemy")

_GIVEN_UP = "the host of the connection was lost, or is not the writer now"


def give_up_if_half_is_lost(context: ExceptionContext) -> None:
    """Treat a failover that has lost a part of a transaction as a disconnect.

    What catches the error there is made for errors that the rest of the transaction survives: it
    would go on, and find at its commit only that the rest can't be committed. And to undo on the
    new link what went with the old one would fail with an error that hides the failover's. After a
    disconnect SQLAlchemy undoes nothing, and runs nothing until the whole transaction has been
    rolled back, as with the stock dialect.
    """
    connection, error = context.connection, context.original_exception
    if isinstance(error, QueryTimeoutError):
        context.invalidate_pool_on_disconnect = False  # one statement was too slow
    if connection is None or not (isinstance(error, FailoverError) or _is_replaced(error)):
        return
    has_parts = connection.in_nested_transaction() or isinstance(
        connection.get_transaction(), TwoPhaseTransaction
    )
    loses = isinstance(error, TransactionResolutionUnknownError) or _is_replaced(error)
    if has_parts or (loses and not _commits_after_loss(connection)):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False  # the others fail over by themselves


def _commits_after_loss(connection: Connection) -> bool:
    if connection.invalidated:
        return False
    return bool(getattr(connection.connection.driver_connection, "_aws_commits_after_loss", False))


def renew_when_moved(_: Any, record: ConnectionPoolEntry) -> None:
    """Let a new connection be replaced by a checkout after it has moved to another link."""
    connection = record.driver_connection
    if isinstance(connection, WrappedConnection):
        connection._aws_on_move = partial(_invalidate, weakref.ref(record))
        if connection._aws_moved:  # by a statement of the listeners before this one
            record.invalidate(soft=True)


def renew_when_given_up(_: Any, record: ConnectionPoolEntry, __: Any) -> None:
    """Let a checkout replace a connection whose host was lost while it lay in the pool."""
    session = getattr(record.driver_connection, "_aws_session", None)
    if session is not None and session.is_given_up:
        raise DisconnectionError(_GIVEN_UP)


def _invalidate(record: weakref.ref[ConnectionPoolEntry], connection: WrappedConnection) -> None:
    entry = record()
    if entry is not None and entry.driver_connection is connection:
        entry.invalidate(soft=True)


def _is_replaced(error: Any) -> bool:
    """Tell whether a driver's error is one after which the connection is on a new link."""
    if isinstance(error, FailoverError):
        return False
    report = getattr(error, "failover_report", None)
    return report is not None and report.to_host is not None


def login_by_listeners(
    dialect: Any, cargs: tuple[Any, ...], cparams: Mapping[str, Any]
) -> Steps[Mapping[str, Any]]:
    """What the listeners of "do_connect" make of the parameters now.

    One that connects by itself is none that tells a login.
    """
    yield from ()
    parameters = dict(cparams)
    for listener in dialect.dispatch.do_connect:
        connection = listener(dialect, None, list(cargs), parameters)
        if connection is not None:
            connection.close()
            return {}
    return parameters


class WrapperRules:
    """Stands before the stock dialect among the base classes.

    A connection that failed over goes on, on a new link: SQLAlchemy keeps it in its pool. A
    disconnect is ``FailoverFailedError`` and ``QueryTimeoutError``, after which it is closed, and
    what ``give_up_if_half_is_lost()`` tells.
    """

    supports_statement_cache = True
    get_driver_connection: Callable[[Any], Any]
    dispatch: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        event.listen(cls, "handle_error", give_up_if_half_is_lost)

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Let the pool renew what has moved, so that its "connect" event holds for each link."""
        super().engine_created(engine)  # type: ignore[misc]
        event.listen(engine, "connect", renew_when_moved)
        event.listen(engine, "checkout", renew_when_given_up)

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """Connect; a failover asks the listeners of "do_connect" for a login that is refused."""
        connection = super().connect(*cargs, **cparams)  # type: ignore[misc]
        if self.dispatch.do_connect:
            driver_connection = self.get_driver_connection(connection)
            if isinstance(driver_connection, WrappedConnection):
                driver_connection._aws_login_source = partial(
                    login_by_listeners, self, cargs, cparams
                )
        return connection

    def create_connect_args(self, url: URL) -> Any:
        """Translate ``wrapper_plugins``, since ``plugins`` in an URL is SQLAlchemy's own."""
        args, kwargs = super().create_connect_args(url)  # type: ignore[misc]
        if "wrapper_plugins" in kwargs:
            kwargs["plugins"] = kwargs.pop("wrapper_plugins")
        return args, kwargs

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether the connection is of no more use."""
        if isinstance(e, FailoverError):
            return isinstance(e, FailoverFailedError)
        if _is_replaced(e):
            return False
        if isinstance(e, QueryTimeoutError):
            return True
        return bool(super().is_disconnect(e, connection, cursor))  # type: ignore[misc]

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Roll back. A failover that this meets has done so: the transaction is gone."""
        with _fulfilled_by_failover():
            super().do_rollback(dbapi_connection)  # type: ignore[misc]

    def do_rollback_twophase(
        self, connection: Connection, xid: Any, is_prepared: bool = True, recover: bool = False
    ) -> None:
        """Roll back; as :meth:`do_rollback`, unless the transaction was prepared."""
        with nullcontext() if is_prepared else _fulfilled_by_failover():
            super().do_rollback_twophase(connection, xid, is_prepared, recover)  # type: ignore[misc]

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is usable.

        The server is asked only if the connection was not used in the last 5 s, or something has
        arrived on its socket: its end would have. After a failover the pool opens a new connection
        in its place, for which the listeners of its "connect" event run.
        """
        session = getattr(self.get_driver_connection(dbapi_connection), "_aws_session", None)
        if session is not None and session.is_fresh():
            return True
        if session is not None and session.is_given_up:
            raise DisconnectionError(_GIVEN_UP)
        try:
            return bool(super().do_ping(dbapi_connection))  # type: ignore[misc]
        except FailoverFailedError:
            return False
        except Exception as error:
            if isinstance(error, FailoverError) or _is_replaced(error):
                raise DisconnectionError(str(error)) from error
            raise


@contextmanager
def _fulfilled_by_failover() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        told = getattr(error, "orig", error)
        moved = isinstance(told, FailoverError) and not isinstance(told, FailoverFailedError)
        if not (moved or _is_replaced(told)):
            raise
        logger.debug("the rollback met a failover: %s", told)
