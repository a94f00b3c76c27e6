# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's connection for asyncio, instrumented at its network methods."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import mysql.connector
from mysql.connector import aio as _driver

from .. import _engine
from .._core.connection import AsyncAwsWrapperConnection
from .._core.waits import LinkGivenUp, Steps, drive_async
from ..errors import FailoverError, FailoverSuccessError, TransactionResolutionUnknownError
from ._face import CLOSE_WITHIN, NETWORK_METHODS, MySqlFace
from ._link import (
    DRIVER_ERRORS,
    LOST_WHILE_SENDING,
    Answer,
    between_statements,
    deadline,
    is_closed,
    names_of,
)
from ._performer import completed_refusal, numbers, parse_arguments, parse_conninfo
from ._session_record import use
from ._socket import LinkSocket
from ._transactions import step_of_call

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

_MODULE = "aws_advanced_python_wrapper.aio.mysql_connector"
_PACKET_HEADER = 4
_ERROR_PACKET = 0xFF
# What tells a connection object of the driver where its link goes, and the defaults of that.
_DIRECTIONS = {
    name: inspect.signature(_driver.MySQLConnection).parameters[name].default
    for name in ("host", "port", "unix_socket", "connection_timeout")
}


def _watched(
    method: Callable[..., Awaitable[Any]], *, may_set: bool = False
) -> Callable[..., Awaitable[Any]]:
    """What ``_engine.watched`` is for a method that blocks."""

    @functools.wraps(method)
    async def call(self: AsyncMySqlFace, *args: Any, **kwargs: Any) -> Any:
        session = self._aws_session
        if session is None:
            return await method(self, *args, **kwargs)
        if not session.enter():
            try:
                result = await method(self, *args, **kwargs)
            except BaseException as error:
                self._aws_inner_call_failed(error)
                raise
        else:
            try:
                if session.begin_call():
                    in_transaction = self._aws_was_in_transaction((method, *args, *kwargs.values()))
                    await drive_async(self._aws_attend_steps(in_transaction))
                try:
                    result = await method(self, *args, **kwargs)
                except BaseException as error:
                    session.end_call()
                    call = (method, *args, *kwargs.values())
                    await drive_async(self._aws_failure_steps(error, call))
                    raise
                session.end_call()
            finally:
                session.leave()
        if may_set:
            statement = args[0] if args else kwargs.get("query", "")
            if _engine.may_change_session(statement):
                self._aws_note(statement)
        return result

    return call


class AsyncMySqlFace(MySqlFace, AsyncAwsWrapperConnection):
    """Makes a subclass of ``mysql.connector.aio.MySQLConnection`` survive its server."""

    cmd_query: Callable[..., Awaitable[Any]]
    _socket: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_aws_driver_class" not in cls.__dict__:
            return
        for name in NETWORK_METHODS:
            method = getattr(cls._aws_driver_class, name, None)
            if method is not None:
                setattr(cls, name, _watched(method))
        cls.cmd_query = _watched(cls._aws_driver_class.cmd_query, may_set=True)

    def __init__(self, conninfo: str = "", **kwargs: Any) -> None:
        """Take the arguments of a connection, which ``connect()`` opens.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to the driver as it is. A property that is not possible raises the face's
        ``AwsWrapperError``.
        """
        given = {**parse_conninfo(conninfo), **kwargs}
        self._aws_prepare("", given)
        _, parameters = parse_arguments("", given)
        with completed_refusal():
            self._aws_driver_class.__init__(self, **parameters)

    async def connect(self) -> None:
        """Open the connection, or open it anew; see ``MySQLConnectionAbstract.connect``.

        What the driver raises leaves unchanged. Logging in has to end within
        ``connection_timeout`` (seconds), unlike the driver's own, which has a deadline for the
        socket alone.
        """
        if not is_closed(self):
            await self.close()
        self._aws_record.forget()
        await drive_async(self._aws_opening().into(self))

    async def close(self) -> None:
        """Close the connection; see ``MySQLConnectionAbstract.close``. Waits 3 s at most."""
        self._aws_warn_of_uncommitted()
        if self._aws_closed_by_driver():
            self._aws_abandon(self)
            return
        self._aws_let_go()
        try:
            with deadline(self._aws_link_socket, CLOSE_WITHIN):
                await self._aws_driver_class.close(self)
        except LinkGivenUp:
            self._aws_abandon(self)
        except BaseException:
            self._aws_abandon(self)
            raise
        finally:
            self._aws_forget_socket()

    disconnect = close

    async def shutdown(self) -> None:
        """Close the connection, without telling the server; see ``shutdown()`` of the driver's."""
        self._aws_let_go()
        await self._aws_driver_class.shutdown(self)
        self._aws_forget_socket()

    async def is_connected(self) -> bool:
        """Tell whether the server answers; within ``socket_timeout``, or 3 s if there is none."""
        if self._aws_session is None or self._aws_session.in_call:
            return bool(await self._aws_driver_class.is_connected(self))
        try:
            with deadline(self._aws_link_socket, self._aws_answer_within):
                return self._aws_answered(bool(await self._aws_watched_is_connected()))
        except LinkGivenUp:
            return False

    @_watched
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

    @_watched
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

    @_watched
    async def _aws_next_of(self, results: AsyncIterator[Any]) -> Any:
        return await anext(results, None)

    async def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a new cursor; see ``MySQLConnectionAbstract.cursor``."""
        return self._aws_note_prepared(await self._aws_watched_cursor(*args, **kwargs))

    @_watched
    async def _aws_watched_cursor(self, *args: Any, **kwargs: Any) -> Any:
        return await self._aws_driver_class.cursor(self, *args, **kwargs)

    async def cmd_init_db(self, database: str) -> Any:
        """Choose a database; see ``MySQLConnectionAbstract.cmd_init_db``."""
        result = await self._aws_watched_init_db(database)
        self._aws_note(use(database))
        return result

    @_watched
    async def _aws_watched_init_db(self, database: str) -> Any:
        return await self._aws_driver_class.cmd_init_db(self, database)

    @_watched
    async def cmd_change_user(self, *args: Any, **kwargs: Any) -> Any:
        """Log in as another user; see ``MySQLConnectionAbstract.cmd_change_user``."""
        result = await self._aws_driver_class.cmd_change_user(self, *args, **kwargs)
        self._aws_note_user(args, kwargs)
        return result

    @_watched
    async def reset_session(self, *args: Any, **kwargs: Any) -> Any:
        """Reset the session; see ``MySQLConnectionAbstract.reset_session``."""
        self._aws_record.forget()
        return await self._aws_driver_class.reset_session(self, *args, **kwargs)

    @_watched
    async def cmd_reset_connection(self) -> Any:
        """Reset the session; see ``MySQLConnectionAbstract.cmd_reset_connection``."""
        self._aws_record.forget()  # what replaces a lost session now is as good as reset
        return await self._aws_driver_class.cmd_reset_connection(self)

    async def get_sql_mode(self) -> str:
        """The SQL mode; see ``MySQLConnectionAbstract.get_sql_mode``. Asks the server once.

        If this meets a failover, the next query raises its error.
        """
        try:
            return str(await self._aws_driver_class.get_sql_mode(self))
        except FailoverError as error:
            mode = "" if self.is_closed else str(await self._aws_driver_class.get_sql_mode(self))
            self._aws_tell_in_next_query(error)
            return mode

    @property
    def is_closed(self) -> bool:
        """True if the connection is closed. Asks no server."""
        return is_closed(self)

    def _aws_failure_steps(self, error: BaseException, call: tuple[Any, ...]) -> Steps[None]:
        if isinstance(error, FailoverError):
            return
        if isinstance(error, DRIVER_ERRORS):
            yield from self._aws_recovery_steps(error, self._aws_was_in_transaction(call))
        elif not isinstance(error, Exception):
            # Cut off in the middle, by a cancellation: the driver does not know what the server
            # will answer next.
            self.invalidate()

    def _aws_call_looked_at(self, name: str, *args: Any, **kwargs: Any) -> Any:
        of_kind = (
            self._aws_iterate_looked_at if name == "cmd_query_iter" else self._aws_await_looked_at
        )
        return of_kind(name, args, kwargs)

    async def _aws_await_looked_at(self, name: str, args: Any, kwargs: Any) -> Any:
        step = step_of_call(name, args, kwargs)
        await drive_async(self._aws_before_call_steps(step))
        try:
            return await getattr(type(self), name)(self, *args, **kwargs)
        finally:
            self._aws_after_call(step)

    async def _aws_iterate_looked_at(self, name: str, args: Any, kwargs: Any) -> AsyncIterator[Any]:
        step = step_of_call(name, args, kwargs)
        await drive_async(self._aws_before_call_steps(step))
        try:
            async for result in type(self).cmd_query_iter(self, *args, **kwargs):
                yield result
        finally:
            self._aws_after_call(step)

    async def _aws_open_link(self, parameters: dict[str, Any]) -> None:
        for name, default in _DIRECTIONS.items():
            setattr(self, f"_{name}", parameters.get(name, default))
        await self._aws_log_in(self)

    async def _aws_new_link(self, parameters: dict[str, Any]) -> Any:
        link = self._aws_driver_class(**parameters)
        await self._aws_log_in(link)
        return link

    async def _aws_log_in(self, link: Any) -> None:
        try:
            await asyncio.wait_for(self._aws_driver_class.connect(link), link._connection_timeout)
        except BaseException as error:
            self._aws_abandon(link)
            if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
                raise mysql.connector.errors.ConnectionTimeoutError(
                    errno=2003,
                    msg=f"Can't connect to MySQL server on {link._host}:{link._port} (timed out)",
                ) from error
            raise

    async def _aws_ask_link(
        self, link: Any, sock: LinkSocket | None, statements: list[str], timeout: float
    ) -> tuple[list[list[Any]], list[list[str]]]:
        answer = Answer(sock)
        get_rows = partial(self._aws_driver_class.get_rows, link, count=answer.AT_ONCE, raw=True)
        with deadline(sock, timeout):
            for statement in statements:
                result = await self._aws_driver_class.cmd_query(link, statement)
                more = answer.begin(names_of(result))
                while more:
                    more = answer.add(*await get_rows())
        return answer.sets, answer.columns

    def _aws_numbers(self, error: Any) -> tuple[str | None, int]:
        told = super()._aws_numbers(error)
        if told[1] != LOST_WHILE_SENDING or self._aws_link_socket is None:
            return told
        # What the server said before it took no more: the driver's transport reads nothing then.
        reader = getattr(self._socket, "_reader", None)
        said = bytes(getattr(reader, "_buffer", b"")) or self._aws_link_socket.unread()
        if len(said) > _PACKET_HEADER and said[_PACKET_HEADER] == _ERROR_PACKET:
            size = int.from_bytes(said[:3], "little") + _PACKET_HEADER
            return numbers(mysql.connector.errors.get_exception(said[:size]))
        return told

    async def _aws_ping_link(self, timeout: float) -> bool:
        try:
            with between_statements(self), deadline(self._aws_link_socket, timeout):
                return bool(await self._aws_driver_class.is_connected(self))
        except LinkGivenUp:
            return False

    def _aws_abandon(self, link: Any) -> None:
        channel, link._socket = link._socket, None
        writer = getattr(channel, "_writer", None)
        if writer is not None:
            with suppress(RuntimeError):  # its loop is closed, and so is its transport
                writer._loop.call_soon_threadsafe(_abort, writer)


class AsyncMySQLConnection(AsyncMySqlFace, _driver.MySQLConnection):  # type: ignore[misc]
    """A ``mysql.connector.aio.MySQLConnection`` that survives its server.

    Its class and cursors are the driver's own code. When the server is lost during a call, the
    connection moves to a working host of the cluster and the call raises
    ``FailoverSuccessError``, ``TransactionResolutionUnknownError`` or ``FailoverFailedError``.

    Tasks: as the driver's; it belongs to one event loop. What computes during a failover runs in a
    thread, but for the driver's own login. A call that is cancelled does not fail over: it leaves
    the connection closed, since the driver can't tell what the server answers next.
    """

    __module__ = _MODULE
    _aws_driver_class = _driver.MySQLConnection


def _abort(writer: Any) -> None:
    writer.transport.abort()  # the writer has to live until then: it warns at its end otherwise


@functools.cache
def face_of(driver_class: type[Any]) -> type[Any]:
    """The wrapper's connection class for a subclass of the driver's one for asyncio."""
    if issubclass(driver_class, AsyncMySqlFace):
        return driver_class
    if driver_class is _driver.MySQLConnection:
        return AsyncMySQLConnection
    name = f"AwsWrapper{driver_class.__name__}"
    contents = {"__module__": _MODULE, "_aws_driver_class": driver_class}
    return type(name, (AsyncMySqlFace, driver_class), contents)
