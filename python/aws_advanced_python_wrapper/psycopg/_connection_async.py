# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection for asyncio, instrumented at its one door to the network."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import Row

from .._core.connection import AsyncAwsWrapperConnection, AwsWrapperConnection
from .._core.waits import drive_async
from ..errors import FailoverError
from ._connection import PsycopgFace
from ._memory import BUSY
from ._performer import Opening

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._engine import Session

_WAIT_INTERVAL: float = (
    inspect.signature(psycopg.AsyncConnection.wait).parameters["interval"].default
)


class AsyncPsycopgFace(PsycopgFace, AsyncAwsWrapperConnection):
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

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Open a connection, as ``psycopg.AsyncConnection.connect`` does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to psycopg as it is. A property that is not possible raises the face's ``AwsWrapperError``
        before anything is sent; what psycopg raises leaves unchanged.
        """
        opening = Opening(cls, conninfo or "", kwargs)
        return await drive_async(opening.open())

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
                in_transaction = self._aws_was_in_transaction(status, gen, None)
                await drive_async(self._aws_attend_steps(in_transaction))
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

    @asynccontextmanager
    async def transaction(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Begin a transaction or a savepoint; see ``psycopg.AsyncConnection.transaction``.

        A block whose work a failover lost can't go on: after the failover's error each query within
        it raises one, too, and so does its end, even if these errors are caught.
        """
        block = None
        with self._aws_in_block():
            try:
                async with super().transaction(*args, **kwargs) as block:  # type: ignore[misc]
                    yield self._aws_has_begun(block)
            except BaseException as error:
                if isinstance(error, Exception):
                    await self._aws_end_rollback()
                if not self._aws_is_rolled_back(error, block):
                    raise
            else:
                await self._aws_end_rollback()
                self._aws_check_end_of(block)

    async def _aws_end_rollback(self) -> None:
        if self._aws_lost_its_link:
            async with self.lock:
                if self._aws_lost_its_link:
                    await drive_async(self._aws_rollback_steps())

    async def __aexit__(self, *error: Any) -> None:
        """Leave the ``async with`` block; see ``psycopg.AsyncConnection``.

        A connection whose commit met a failover is closed, as by psycopg.
        """
        try:
            await super().__aexit__(*error)  # type: ignore[misc]
        except FailoverError:
            if not getattr(self, "_pool", None):
                await self.close()
            raise

    async def set_read_only(self, value: bool | None) -> None:
        """Set :attr:`read_only`; see ``psycopg.AsyncConnection.set_read_only``."""
        async with self.lock:
            await drive_async(self._aws_set_read_only_steps(bool(value)))
        await super().set_read_only(value)  # type: ignore[misc]

    async def close(self) -> None:
        """Close the connection; see ``psycopg.AsyncConnection.close``."""
        self._aws_warn_of_uncommitted()
        await super().close()  # type: ignore[misc]
        self._aws_let_go_if_closed()

    def invalidate(self) -> None:
        """Close the connection at once, without telling a server that may not answer."""
        self._aws_finish_link()
        self._aws_let_go_if_closed()


class AsyncPsycopgConnection(AsyncPsycopgFace, psycopg.AsyncConnection[Row]):
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
