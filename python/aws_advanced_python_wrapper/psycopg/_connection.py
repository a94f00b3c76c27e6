# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection, instrumented at its one door to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import Row

from .. import _engine
from .._core.connection import AwsWrapperConnection
from .._core.waits import drive
from ._calls import Calls
from ._memory import BUSY

if TYPE_CHECKING:
    from typing_extensions import Self


class BlockingWrappedConnection(Calls):
    """Makes a subclass of ``psycopg.Connection`` survive its server.

    ``wait``, the driver's door to the network, is a watched call.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if BlockingWrappedConnection in cls.__bases__:
            driver: Any = super(AwsWrapperConnection, cls)
            wait = getattr(driver, "wait", None)
            if wait is not None:
                # libpq forgets with a link whether a transaction was open.
                cls.wait = _engine.watched(  # type: ignore[attr-defined]
                    wait, state="transaction_status", busy=BUSY
                )

    def _aws_attend(self, call: tuple[Any, ...]) -> None:
        drive(self._aws_before_wait_steps(call[1], self.pgconn.transaction_status))

    def _aws_call_failed(self, error: BaseException, call: tuple[Any, ...], status: int) -> None:
        drive(self._aws_failure_steps(error, call[1], status))

    def invalidate(self) -> None:
        """Close the connection, without telling a server that may not answer."""
        self.close()


class PsycopgConnection(BlockingWrappedConnection, psycopg.Connection[Row]):
    """A ``psycopg.Connection`` that survives its server.

    Its class, cursors, COPY, pipelines, transactions, notifications and pools
    (``connection_class=``) are psycopg's own code. When the server is lost during a call, the
    connection moves to a working host of the cluster and the call raises
    ``FailoverSuccessError``, ``TransactionResolutionUnknownError`` or ``FailoverFailedError``.

    Threads: as psycopg's; one call at a time. No wait holds the interpreter lock, Ctrl-C ends each
    of them. After a fork a connection must not be used by both processes, as with psycopg.
    """

    __module__ = "aws_advanced_python_wrapper.psycopg"

    if TYPE_CHECKING:

        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
            """Open a connection."""
