# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection for asyncio, instrumented at its one door to the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import Row

from .._core.connection import AsyncAwsWrapperConnection, AwsWrapperConnection
from .._core.waits import drive_async
from ._calls_async import AsyncCalls
from ._memory import BUSY
from ._private import wait_interval

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._engine import Session

_WAIT_INTERVAL = wait_interval()


class AsyncWrappedConnection(AsyncCalls, AsyncAwsWrapperConnection):
    """Makes a subclass of ``psycopg.AsyncConnection`` survive its server."""

    _aws_begin_call: Callable[[], bool] | None = None
    _aws_end_call: Callable[[], None]
    _aws_driver_wait: Callable[..., Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        driver: Any = super(AwsWrapperConnection, cls)
        cls._aws_driver_wait = getattr(driver, "wait", None)  # type: ignore[assignment]

    def _aws_watch(self, session: Session) -> None:
        super()._aws_watch(session)
        self._aws_end_call = session.end_call
        self._aws_begin_call = session.begin_call

    def _aws_let_go(self) -> None:
        self._aws_begin_call = None
        super()._aws_let_go()

    async def wait(
        self, gen: Any, interval: float = _WAIT_INTERVAL, timeout: float | None = None
    ) -> Any:
        """The driver's door to the network; see ``psycopg.AsyncConnection.wait``.

        ``timeout`` needs psycopg 3.3.
        """
        # The path of every statement: what is not done here saves a tenth of a microsecond each.
        begin_call = self._aws_begin_call
        if begin_call is not None:
            status = self.pgconn.transaction_status
            if status != BUSY:
                self._aws_state = status
            if begin_call():
                await drive_async(self._aws_before_wait_steps(gen, status))
        try:
            if timeout is None:
                result = await self._aws_driver_wait(gen, interval)
            else:
                result = await self._aws_driver_wait(gen, interval, timeout)
        except BaseException as error:
            if begin_call is not None:
                self._aws_end_call()
                await drive_async(self._aws_failure_steps(error, gen, status))
            raise
        if begin_call is not None:
            self._aws_end_call()
        return result

    def invalidate(self) -> None:
        """Close the connection at once, without telling a server that may not answer."""
        self._aws_finish_link()
        self._aws_let_go_if_closed()


class AsyncPsycopgConnection(AsyncWrappedConnection, psycopg.AsyncConnection[Row]):
    """A ``psycopg.AsyncConnection`` that survives its server.

    Its class, cursors, COPY, pipelines, transactions, notifications and pools
    (``connection_class=``) are psycopg's own code. When the server is lost during a call, the
    connection moves to a working host of the cluster and the call raises
    ``FailoverSuccessError``, ``TransactionResolutionUnknownError`` or ``FailoverFailedError``.

    Tasks: as psycopg's; it belongs to one event loop. Nothing blocks the loop: what computes during
    a failover runs in a thread. A call that is cancelled does not fail over; a failover that is
    cancelled closes the connection.
    """

    __module__ = "aws_advanced_python_wrapper.aio.psycopg"

    if TYPE_CHECKING:

        @classmethod
        async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
            """Open a connection."""
