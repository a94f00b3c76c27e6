# SPDX-License-Identifier: Apache-2.0
"""The calls of a connection that are no more than their driver's, with a failover in mind.

The blocking ones in ``_calls.py`` are made of these, by ``tools/make_blocking.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .._core.waits import drive_async
from ..errors import FailoverError
from ._performer import Opening
from ._private import lock_of, pool_of
from ._wrapped_connection import WrappedPsycopgConnection


class AsyncCalls(WrappedPsycopgConnection):
    """Stands before the driver's class, whose calls it extends."""

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Open a connection, as ``psycopg.AsyncConnection.connect`` does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to psycopg as it is. A property that is not possible raises the face's ``AwsWrapperError``
        before anything is sent; what psycopg raises leaves unchanged.
        """
        opening = Opening(cls, conninfo or "", kwargs)
        return await drive_async(opening.open())

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
            async with lock_of(self):
                if self._aws_lost_its_link:
                    await drive_async(self._aws_rollback_steps())

    async def __aexit__(self, *error: Any) -> None:
        """Leave the ``async with`` block; see ``psycopg.AsyncConnection``.

        A connection whose commit met a failover is closed, as by psycopg.
        """
        try:
            await super().__aexit__(*error)  # type: ignore[misc]
        except FailoverError:
            if not pool_of(self):
                await self.close()
            raise

    async def set_read_only(self, value: bool | None) -> None:
        """Set :attr:`read_only`; see ``psycopg.AsyncConnection.set_read_only``."""
        async with lock_of(self):
            await drive_async(self._aws_set_read_only_steps(bool(value)))
        await super().set_read_only(value)  # type: ignore[misc]

    async def close(self) -> None:
        """Close the connection; see ``psycopg.AsyncConnection.close``."""
        self._aws_warn_of_uncommitted()
        await super().close()  # type: ignore[misc]
        self._aws_let_go_if_closed()
