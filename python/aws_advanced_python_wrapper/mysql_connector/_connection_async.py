# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's connection for asyncio, instrumented at its network methods."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import mysql.connector
from mysql.connector import aio as _driver

from .._core.connection import AsyncAwsWrapperConnection
from .._core.waits import LinkGivenUp, Steps, drive_async
from ..errors import FailoverError
from ._calls_async import AsyncCalls
from ._link import (
    DRIVER_ERRORS,
    LOST_WHILE_SENDING,
    Answer,
    deadline,
    names_of,
)
from ._performer import (
    completed_refusal,
    driver_arguments,
    error_codes,
    parse_arguments,
    parse_conninfo,
)
from ._private import (
    DIRECTIONS,
    LAST_WORDS,
    NAMES_FOR_ASYNCIO,
    abandon,
    direct,
    error_in,
    is_closed,
    login_timeout,
    place_of,
    unread_of,
)
from ._socket import LinkSocket
from ._transactions import step_of_call
from ._watched_async import watched
from ._wrapped_connection import CLOSE_WITHIN, NETWORK_METHODS

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

_MODULE = "aws_advanced_python_wrapper.aio.mysql_connector"
_PACKET_HEADER = 4
_ERROR_PACKET = 0xFF
# What tells a connection object of the driver where its link goes, and the defaults of that.
_DIRECTIONS = {
    name: inspect.signature(_driver.MySQLConnection).parameters[name].default for name in DIRECTIONS
}


class AsyncWrappedConnection(AsyncCalls, AsyncAwsWrapperConnection):
    """Makes a subclass of ``mysql.connector.aio.MySQLConnection`` survive its server."""

    _aws_names = NAMES_FOR_ASYNCIO
    cmd_query: Callable[..., Awaitable[Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_aws_driver_class" not in cls.__dict__:
            return
        for name in NETWORK_METHODS:
            method = getattr(cls._aws_driver_class, name, None)
            if method is not None:
                setattr(cls, name, watched(method))
        cls.cmd_query = watched(cls._aws_driver_class.cmd_query, may_set=True)

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
        direct(self, parameters, _DIRECTIONS)
        await self._aws_log_in(self)

    async def _aws_new_link(self, parameters: dict[str, Any]) -> Any:
        link = self._aws_driver_class(**parameters)
        await self._aws_log_in(link)
        return link

    async def _aws_log_in(self, link: Any) -> None:
        try:
            await asyncio.wait_for(self._aws_driver_class.connect(link), login_timeout(link))
        except BaseException as error:
            self._aws_abandon(link)
            if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
                raise mysql.connector.errors.ConnectionTimeoutError(
                    errno=2003,
                    msg=f"Can't connect to MySQL server on {place_of(link)} (timed out)",
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

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:
        told = super()._aws_error_codes(error)
        if (
            told[1] != LOST_WHILE_SENDING
            or self._aws_link_socket is None
            or not NAMES_FOR_ASYNCIO.have(LAST_WORDS)
        ):
            return told
        # What the server said before it took no more: the driver's transport reads nothing then.
        said = unread_of(self) or self._aws_link_socket.unread()
        if len(said) > _PACKET_HEADER and said[_PACKET_HEADER] == _ERROR_PACKET:
            size = int.from_bytes(said[:3], "little") + _PACKET_HEADER
            return error_codes(error_in(said[:size]))
        return told

    def _aws_abandon(self, link: Any) -> None:
        abandon(link)


class AsyncMySQLConnection(AsyncWrappedConnection, _driver.MySQLConnection):  # type: ignore[misc]
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


@functools.cache
def face_of(driver_class: type[Any]) -> type[Any]:
    """The wrapper's connection class for a subclass of the driver's one for asyncio."""
    if issubclass(driver_class, AsyncWrappedConnection):
        return driver_class
    if driver_class is _driver.MySQLConnection:
        return AsyncMySQLConnection
    name = f"AwsWrapper{driver_class.__name__}"
    contents = {"__module__": _MODULE, "_aws_driver_class": driver_class}
    return type(name, (AsyncWrappedConnection, driver_class), contents)


def new_connection(driver_class: Any, conninfo: str = "", **kwargs: Any) -> Any:
    """A connection of a class of the driver's for asyncio, which ``connect()`` opens."""
    arguments = driver_arguments(NAMES_FOR_ASYNCIO, conninfo, kwargs)
    if arguments is None:
        return face_of(driver_class)(conninfo, **kwargs)
    own = getattr(driver_class, "_aws_driver_class", driver_class)
    return own(**arguments)
