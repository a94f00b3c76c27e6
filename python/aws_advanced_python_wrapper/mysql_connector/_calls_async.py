# SPDX-License-Identifier: Apache-2.0
"""The calls of a connection that are no more than their driver's, with a failover in mind.

The blocking ones in ``_calls.py`` are made of these, by ``tools/make_blocking.py``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import mysql.connector

from .._core.waits import LinkGivenUp
from ..errors import FailoverSuccessError, TransactionResolutionUnknownError
from ._link import deadline
from ._private import between_statements
from ._session_record import use
from ._watched_async import watched
from ._wrapped_connection import WrappedMySqlConnection

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")


class AsyncCalls(WrappedMySqlConnection):
    """Stands before the driver's class, whose calls it extends."""

    cmd_query: Any

    async def shutdown(self) -> None:
        """Close the connection, without telling the server; see ``shutdown()`` of the driver's."""
        self._aws_let_go()
        await self._aws_driver_class.shutdown(self)
        self._aws_forget_socket()

    async def is_connected(self) -> bool:
        """Tell whether the server answers; within ``socket_timeout``, or 3 s if there is none."""
        if self._aws_session is None or self._aws_session.in_call:
            return bool(await self._aws_driver_class.is_connected(self))
        if self._aws_session.is_given_up:
            return False
        try:
            with deadline(self._aws_link_socket, self._aws_answer_within):
                return self._aws_answered(bool(await self._aws_watched_is_connected()))
        except LinkGivenUp:
            return False

    @watched
    async def _aws_watched_is_connected(self) -> Any:
        return await self._aws_driver_class.is_connected(self)

    async def ping(self, reconnect: bool = False, attempts: int = 1, delay: int = 0) -> None:
        """Ask the server whether it is there; see ``MySQLConnectionAbstract.ping``.

        With ``reconnect`` a connection that was lost moves as it does for a query, with what was
        set; then nothing is raised, unless a transaction, or something that can't be set again, was
        lost.
        """
        if not reconnect or self._aws_session is None or self._aws_session.in_call:
            await self._aws_watched_ping(reconnect, attempts, delay)
            return
        try:
            await self._aws_watched_ping()
        except FailoverSuccessError as moved:
            self._aws_check_mended(moved)
        except TransactionResolutionUnknownError:
            raise
        except mysql.connector.Error:
            await self.reconnect(attempts, delay)

    @watched
    async def _aws_watched_ping(self, *args: Any) -> Any:
        return await self._aws_driver_class.ping(self, *args)

    async def reconnect(self, attempts: int = 1, delay: int = 0) -> None:
        """Open the connection anew, with what was set; see ``MySQLConnectionAbstract.reconnect``.

        If the server was lost, this is a failover first.
        """
        if self._aws_session is not None and not self._aws_session.in_call:
            try:
                await self._aws_watched_ping()
            except FailoverSuccessError as moved:
                logger.info("reconnect() met a failover: %s", moved)
                return
            except TransactionResolutionUnknownError as moved:
                logger.info("reconnect() met a failover: %s", moved)
                await self.rollback()  # type: ignore[attr-defined]
                return
            except mysql.connector.Error as error:
                logger.debug("reconnect() found the connection lost: %s", error)
        kept = self._aws_record.statements()
        await self._aws_driver_class.reconnect(self, attempts, delay)
        for statement in kept:
            await self.cmd_query(statement)

    async def cmd_query_iter(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Send several statements; see ``MySQLConnectionAbstract.cmd_query_iter``."""
        results = self._aws_driver_class.cmd_query_iter(self, *args, **kwargs)
        while (result := await self._aws_next_of(results)) is not None:
            yield result

    @watched
    async def _aws_next_of(self, results: AsyncIterator[Any]) -> Any:
        return await anext(results, None)

    async def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a new cursor; see ``MySQLConnectionAbstract.cursor``."""
        cursor = await self._aws_watched_cursor(*args, **kwargs)
        return self._aws_note_prepared(cursor) if args or kwargs else cursor

    @watched
    async def _aws_watched_cursor(self, *args: Any, **kwargs: Any) -> Any:
        return await self._aws_driver_class.cursor(self, *args, **kwargs)

    async def cmd_init_db(self, database: str) -> Any:
        """Choose a database; see ``MySQLConnectionAbstract.cmd_init_db``."""
        result = await self._aws_watched_init_db(database)
        self._aws_note(use(database))
        return result

    @watched
    async def _aws_watched_init_db(self, database: str) -> Any:
        return await self._aws_driver_class.cmd_init_db(self, database)

    @watched
    async def cmd_change_user(self, *args: Any, **kwargs: Any) -> Any:
        """Log in as another user; see ``MySQLConnectionAbstract.cmd_change_user``."""
        result = await self._aws_driver_class.cmd_change_user(self, *args, **kwargs)
        self._aws_note_user(args, kwargs)
        return result

    @watched
    async def reset_session(self, *args: Any, **kwargs: Any) -> Any:
        """Reset the session; see ``MySQLConnectionAbstract.reset_session``."""
        self._aws_record.forget()
        return await self._aws_driver_class.reset_session(self, *args, **kwargs)

    @watched
    async def cmd_reset_connection(self) -> Any:
        """Reset the session; see ``MySQLConnectionAbstract.cmd_reset_connection``."""
        self._aws_record.forget()  # what replaces a lost session now is as good as reset
        return await self._aws_driver_class.cmd_reset_connection(self)

    async def _aws_ping_link(self, timeout: float) -> bool:
        try:
            with between_statements(self), deadline(self._aws_link_socket, timeout):
                return bool(await self._aws_driver_class.is_connected(self))
        except LinkGivenUp:
            return False
