# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's connections, of both builds, instrumented at their network methods."""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from typing import Any

import mysql.connector

from .. import _engine
from .._core.transaction_steps import Step
from .._core.waits import LinkGivenUp, drive
from ..errors import FailoverError
from ._calls import Calls
from ._link import (
    DRIVER_ERRORS,
    LOST_WHILE_SENDING,
    ask,
    deadline,
)
from ._performer import (
    completed_refusal,
    driver_arguments,
    error_codes,
    parse_arguments,
    to_bool,
)
from ._private import NAMES, error_in, is_closed, last_words
from ._session_record import use
from ._transactions import Gate, step_of_call
from ._wrapped_connection import CLOSE_WITHIN, NETWORK_METHODS

_LAST_WORDS_WITHIN = 1  # seconds; on a link that takes nothing more they are there, or never come
_ERROR_PACKET = b"\xff"
logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

_MODULE = "aws_advanced_python_wrapper.mysql_connector"


class BlockingWrappedConnection(Calls):
    """Makes a blocking connection class of mysql-connector survive its server."""

    charset: str
    collation: str
    _aws_opens_link: bool = False
    _aws_read_only: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_aws_driver_class" in cls.__dict__:
            _instrument(cls)

    def __init__(self, conninfo: str = "", **kwargs: Any) -> None:
        """Open a connection, as the driver's class does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to the driver as it is. A property that is not possible raises the face's
        ``AwsWrapperError`` before anything is sent; what the driver raises leaves unchanged.
        """
        self._aws_prepare(conninfo, kwargs)
        self._aws_driver_class.__init__(self)
        if conninfo or kwargs:
            self._aws_open()

    def connect(self, **kwargs: Any) -> None:
        """Open the connection anew; see ``MySQLConnectionAbstract.connect``."""
        self._aws_given = {**self._aws_given, **kwargs}
        self.close()
        self._aws_record.forget()
        self._aws_open()

    def config(self, **kwargs: Any) -> None:
        """Change the arguments of the next connect(); see ``MySQLConnectionAbstract.config``."""
        if self._aws_opens_link:
            self._aws_driver_class.config(self, **kwargs)
            return
        given = {**self._aws_given, **kwargs}
        _, parameters = parse_arguments(self._aws_conninfo, given)
        with completed_refusal():
            self._aws_driver_class.config(self, **parameters)
        self._aws_given = given

    def close(self) -> None:
        """Close the connection; see ``MySQLConnectionAbstract.close``. Waits 3 s at most."""
        self._aws_warn_of_uncommitted()
        if self._aws_closed_by_driver():
            self._aws_abandon(self)
            return
        watched = self._aws_session is not None
        try:
            with deadline(self._aws_link_socket if watched else None, CLOSE_WITHIN):
                self._aws_driver_class.close(self)
        except LinkGivenUp:
            pass  # the socket is shut down: the server learns of it when it is there again
        finally:
            self._aws_forget_socket()
            self._aws_let_go()

    disconnect = close

    def set_charset_collation(self, *args: Any, **kwargs: Any) -> None:
        """Set the character set; see ``MySQLConnectionAbstract.set_charset_collation``."""
        self._aws_watched_set_charset_collation(*args, **kwargs)
        self._aws_note(f"SET NAMES '{self.charset}' COLLATE '{self.collation}'")

    @_engine.watched
    def _aws_watched_set_charset_collation(self, *args: Any, **kwargs: Any) -> Any:
        return self._aws_driver_class.set_charset_collation(self, *args, **kwargs)

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own. Asks the server."""
        return bool(self._aws_driver_class.autocommit.fget(self))

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value and self._aws_gate is Gate.LOST:
            drive(self._aws_before_call_steps(Step.MAY_COMMIT))
        self._aws_set("autocommit", value)
        self._aws_note(f"SET @@session.autocommit = {'ON' if value else 'OFF'}")

    @property
    def database(self) -> Any:
        """The current database. Asks the server."""
        return self._aws_driver_class.database.fget(self)

    @database.setter
    def database(self, value: str) -> None:
        self._aws_set("database", value)
        self._aws_note(use(value))

    @property
    def sql_mode(self) -> Any:
        """The SQL mode; see ``MySQLConnectionAbstract.sql_mode``. Asks the server once.

        If this meets a failover, the next query raises its error.
        """
        try:
            return self._aws_driver_class.sql_mode.fget(self)
        except FailoverError as error:
            mode = "" if self.is_closed else self._aws_driver_class.sql_mode.fget(self)
            self._aws_tell_in_next_query(error)
            return mode

    @sql_mode.setter
    def sql_mode(self, value: Any) -> None:
        self._aws_driver_class.sql_mode.fset(self, value)

    @_engine.watched
    def _aws_set(self, name: str, value: Any) -> None:
        getattr(self._aws_driver_class, name).fset(self, value)

    @property
    def read_only(self) -> bool:
        """Whether the session's transactions are read-only, as it was set here."""
        return self._aws_read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        drive(self._aws_set_read_only_steps(value))
        self.cmd_query(f"SET SESSION TRANSACTION READ {'ONLY' if value else 'WRITE'}")
        self._aws_read_only = value

    def set_read_only(self, value: bool) -> None:
        """Set :attr:`read_only`."""
        self.read_only = value

    def set_autocommit(self, value: bool) -> None:
        """Set :attr:`autocommit`."""
        self.autocommit = value

    def execute(self, query: Any, params: Any = None) -> Any:
        """Execute a statement on a new cursor, and return the cursor."""
        cursor = self.cursor()
        cursor.execute(query) if params is None else cursor.execute(query, params)
        return cursor

    @property
    def is_closed(self) -> Closed:  # type: ignore[override]
        """True if the connection is closed. Asks no server."""
        return _CLOSED if is_closed(self) else _OPEN

    def _aws_attend(self, call: tuple[Any, ...]) -> None:
        drive(self._aws_attend_steps(call, self._aws_was_in_transaction(call)))

    def _aws_call_failed(self, error: BaseException, call: tuple[Any, ...]) -> None:
        if isinstance(error, DRIVER_ERRORS) and not isinstance(error, FailoverError):
            drive(self._aws_recovery_steps(error, self._aws_was_in_transaction(call)))

    def _aws_call_looked_at(self, name: str, *args: Any, **kwargs: Any) -> Any:
        step = step_of_call(name, args, kwargs)
        drive(self._aws_before_call_steps(step))
        try:
            return getattr(type(self), name)(self, *args, **kwargs)
        finally:
            self._aws_after_call(step)

    def _aws_open(self) -> None:
        drive(self._aws_opening().into(self))

    def _aws_open_link(self, parameters: dict[str, Any]) -> None:
        self._aws_opens_link = True
        try:
            with completed_refusal():
                self._aws_driver_class.connect(self, **parameters)
        except BaseException:
            self._aws_finish_link()
            raise
        finally:
            self._aws_opens_link = False

    def _aws_new_link(self, parameters: dict[str, Any]) -> Any:
        return self._aws_driver_class(**parameters)

    _aws_ask_link = staticmethod(ask)

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:
        told = super()._aws_error_codes(error)
        if self._aws_hides_socket or told[1] != LOST_WHILE_SENDING or is_closed(self):
            return told
        # The pure build doesn't look for what the server said before it took no more.
        with suppress(*DRIVER_ERRORS):
            packet = last_words(self, _LAST_WORDS_WITHIN)
            if packet[4:5] == _ERROR_PACKET:
                return error_codes(error_in(packet))
        return told

    def _aws_abandon(self, link: Any) -> None:
        self._aws_driver_class.close(link)


class Closed(int):
    """A truth value that may be called, since the C build has ``is_closed()`` as a method."""

    def __repr__(self) -> str:
        return repr(bool(self))


# Without a function in Python: the C build's cursors ask before each statement.
_OPEN: Closed = type("Open", (Closed,), {"__call__": False.__bool__})(False)
_CLOSED: Closed = type("Closed", (Closed,), {"__call__": True.__bool__})(True)


def _instrument(face: type[BlockingWrappedConnection]) -> None:
    for name in NETWORK_METHODS:
        method = getattr(face._aws_driver_class, name, None)
        if method is not None:
            setattr(face, name, _engine.watched(method))
    if hasattr(face._aws_driver_class, "is_closed"):
        face._aws_hides_socket = True  # it is the C build
        face.is_closed = property(_engine.open_or_closed(_OPEN, _CLOSED))  # type: ignore[assignment]
    face.cmd_query = _engine.watched(face._aws_driver_class.cmd_query, may_set=True)


@functools.cache
def _make_face(driver_class: Any) -> type[Any]:
    return type(
        f"AwsWrapper{driver_class.__name__}",
        (BlockingWrappedConnection, driver_class),
        {"__module__": _MODULE, "_aws_driver_class": driver_class},
    )


def face_of(driver_class: Any) -> type[Any]:
    """The wrapper's connection class for a class of mysql-connector, or a subclass of one."""
    return (
        driver_class
        if issubclass(driver_class, BlockingWrappedConnection)
        else _make_face(driver_class)
    )


def new_connection(use_pure: Any = None, **kwargs: Any) -> Any:
    """Open a connection of the build that ``use_pure`` chooses, as the driver does.

    Without any other argument it isn't opened, as the driver's classes aren't.
    """
    return open_connection(_build(use_pure), **kwargs)


def open_connection(driver_class: Any, conninfo: str = "", **kwargs: Any) -> Any:
    """Open a connection of a class of mysql-connector."""
    arguments = driver_arguments(NAMES, conninfo, kwargs)
    if arguments is not None:
        return getattr(driver_class, "_aws_driver_class", driver_class)(**arguments)
    return face_of(driver_class)(conninfo, **kwargs)


def _build(use_pure: Any) -> type[Any]:
    use_pure = not mysql.connector.HAVE_CEXT if use_pure is None else to_bool("use_pure", use_pure)
    if not use_pure and not mysql.connector.HAVE_CEXT:
        raise ImportError("MySQL Connector/Python C Extension not available")
    return mysql.connector.MySQLConnection if use_pure else mysql.connector.CMySQLConnection
