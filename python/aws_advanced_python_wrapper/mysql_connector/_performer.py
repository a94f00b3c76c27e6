# SPDX-License-Identifier: Apache-2.0
"""Does, by mysql-connector, what the engine's operations ask for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import mysql.connector

from .. import _engine
from .._core.login_of_now import ask_for_login
from .._core.performer import Performer, ToAsk, ToOpen, split_arguments
from .._core.private_names import PrivateNames
from .._core.waits import DriverCall, LinkGivenUp, Steps
from ._errors import FACE_ERRORS
from ._link import (
    DRIVER_ERRORS,
    OPENING_ERRORS,
    cut_off,
    facts,
    server_session,
    to_host,
)
from ._private import DEFAULTS, NAMES, OPTION_FILES, move_link, read_option_files, reset_prepared
from ._socket import LinkSocket, SocketSearch

if TYPE_CHECKING:
    from ._wrapped_connection import WrappedMySqlConnection

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

_REPLAY_TIMEOUT = 5.0
_REPLAY_ERRORS: tuple[type[Exception], ...] = (LinkGivenUp, *DRIVER_ERRORS)
# What a server refuses a statement with (MySQL, "Server Error Message Reference"; 2000 to 2999 are
# the client's), but for its words when it ends the link: ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED.
_REFUSALS = frozenset((*range(1000, 2000), *range(3000, 6000))) - {1053, 1927}
_LOGIN_NAMES = ("user", "username", "password", "passwd", "password1")
_SAME_NAMES = (_LOGIN_NAMES[:2], _LOGIN_NAMES[2:])
# How the driver says, without a number, that a ping failed (cursor() and ping()).
_LOST_TEXTS = ("MySQL Connection not available", "Connection to MySQL is not available")
_LOST = 2055  # CR_SERVER_LOST_EXTENDED, which the driver uses itself where it gives one
_NOT_REACHED = 2003  # CR_CONN_HOST_ERROR
_REFUSED = re.compile(r"(?:Unsupported|unexpected keyword) argument '([^']+)'")
_YES = ("true", "1", "yes", "on")
_NO = ("false", "0", "no", "off")
POOL_ARGUMENTS = ("pool_name", "pool_size", "pool_reset_session")
"""The driver's arguments for pools."""
# Those without a default, and one that the driver has to be told right even if it hides its own.
_WHOLE_NUMBERS = ("connection_timeout", "read_timeout", "write_timeout", "port")


def error_codes(error: Any) -> tuple[str | None, int]:
    """The SQLSTATE and the number (0: none) of a driver's error."""
    if isinstance(error, OSError):
        return None, _NOT_REACHED  # the driver for asyncio passes it on
    number = _number(error) or (_LOST if met_by_ping(error) else 0)
    return getattr(error, "sqlstate", None), number


def _number(error: Any) -> int:
    number = getattr(error, "errno", None)
    return number if isinstance(number, int) and number > 0 else 0


def met_by_ping(error: Any) -> bool:
    """Tell whether an error says that a ping failed, before anything of a call was sent."""
    return not _number(error) and any(text in str(error) for text in _LOST_TEXTS)


def to_bool(name: str, value: Any) -> bool:
    """The truth value of an argument that may come as a word of a connection string."""
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word not in (*_YES, *_NO):
        raise FACE_ERRORS["AwsWrapperError"](
            f'{name}: the value "{value}" is not allowed; expected {", ".join((*_YES, *_NO))}'
        )
    return word in _YES


def to_int(name: str, value: Any) -> Any:
    """The number of an argument that may come as a word of a connection string."""
    if not isinstance(value, str):
        return value
    if not value.strip().isdecimal():
        raise FACE_ERRORS["AwsWrapperError"](
            f'{name}: the value "{value}" is not allowed; expected a whole number'
        )
    return int(value)


def parse_conninfo(conninfo: str) -> dict[str, Any]:
    """The arguments of a connection string, the driver's with the types that their defaults have.

    A word that does not fit raises the face's ``AwsWrapperError``.
    """
    try:
        given: dict[str, Any] = _engine.parse_conninfo(conninfo) if conninfo else {}
    except _engine.EngineError as error:
        raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
    for name, value in given.items():
        default = DEFAULTS.get(name)
        if isinstance(default, bool):
            given[name] = to_bool(name, value)
        elif isinstance(default, int) or name in _WHOLE_NUMBERS:
            given[name] = to_int(name, value)
    return given


def with_option_files(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments, and those that the option files among them hold, as the driver takes them."""
    if "read_default_file" in given:
        given["option_files"] = given.pop("read_default_file")
    if "option_files" not in given:
        return given
    if not NAMES.have(OPTION_FILES):
        raise FACE_ERRORS["UnsupportedOperationError"](OPTION_FILES)
    read: dict[str, Any] = read_option_files(**given)
    return read


@contextmanager
def completed_refusal() -> Iterator[None]:
    """Add the nearest known name to the driver's refusal of an unknown one."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        found = _REFUSED.search(str(error))
        nearest = _engine.nearest_property_name(found.group(1), "mysql") if found else None
        if nearest is not None:
            error.args = (f'{error} (did you mean "{nearest}"?)',)
        raise


def parse_arguments(
    conninfo: str, kwargs: dict[str, Any]
) -> tuple[_engine.Settings, dict[str, Any]]:
    """Part the wrapper's properties from the driver's arguments, which are not looked at."""
    simple, others = split_arguments(kwargs)
    given = {**parse_conninfo(conninfo), **simple}
    try:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("arguments of a connection: %s", _engine.masked(given))
        settings = _engine.parse_settings(given, "mysql")
    except _engine.EngineError as error:
        raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
    return settings, {**settings.driver_parameters, **others}


class Link:
    """A link that is open, and not the connection's: a connection object of the driver's own."""

    def __init__(self, driver_connection: Any, sock: LinkSocket | None) -> None:
        self.driver_connection = driver_connection
        self.sock = sock


class MySqlPerformer(Performer):
    """Asks a link what the engine wants to know; the connection knows how that is done."""

    logger = logger
    face_errors = FACE_ERRORS
    _connection: WrappedMySqlConnection

    def _ask(self, operation: _engine.Operation, wanted: ToAsk) -> Steps[None]:
        try:
            sets, columns = yield from self._answers(
                self.links[wanted.link], wanted.statements, wanted.timeout
            )
        except LinkGivenUp as error:
            self.error = error
            operation.ask_failed(None, 0, str(error))
        except DRIVER_ERRORS as error:
            self.error = error
            operation.ask_failed(*error_codes(error), str(error))
        else:
            operation.asked(sets, columns)

    def _answers(self, link: Link, statements: list[str], timeout: float) -> Steps[Any]:
        ask = self._connection._aws_ask_link
        return (
            yield DriverCall(partial(ask, link.driver_connection, link.sock, statements, timeout))
        )

    def _open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[None]:
        # Not to the address that is known: the driver looks names up by itself.
        error = yield from self._opening_steps(operation, wanted)
        if error is not None:
            self.error = error
            state, number = error_codes(error)
            operation.open_failed(state, number, str(error))

    def _opening_steps(
        self, operation: _engine.Operation, wanted: ToOpen
    ) -> Steps[Exception | None]:
        """Open a link and tell of it; or what came of trying."""
        raise NotImplementedError

    def _opened(
        self,
        operation: _engine.Operation,
        link: int,
        driver_connection: Any,
        parameters: dict[str, Any],
        search: SocketSearch,
    ) -> None:
        sock = search.socket_of(driver_connection)
        self.links[link] = Link(driver_connection, sock)
        told = facts(driver_connection, parameters, sock)
        if sock is None:
            logger.warning(
                "the socket of the connection to %s can't be told for certain: no monitor can end "
                "a call on it, no tcp_keepalive property is obeyed, and is_connected() waits as "
                "long as the server lets it",
                told["name"],
            )
        else:
            sock.keep_alive(self._connection._aws_keepalives)
        operation.opened(**told)

    def _search(self) -> SocketSearch:
        return SocketSearch(hidden=self._connection._aws_hides_socket)

    def _in_use(self, session: _engine.Session, link: Link) -> None:
        connection = self._connection
        connection._aws_link_socket = link.sock
        connection._aws_server_session = server_session(connection)
        connection._aws_watch(session)

    def close_link(self, link: int) -> None:
        """Close a link that is not in use."""
        closed = self.links.pop(link)
        cut_off(closed.sock, partial(self._connection._aws_abandon, closed.driver_connection))


class Opening(MySqlPerformer):
    """The opening of a connection object, by the driver's own connect, in place."""

    def __init__(self, conninfo: str, kwargs: dict[str, Any]) -> None:
        self.settings, self.parameters = parse_arguments(conninfo, kwargs)
        self.links = {}
        try:
            # Where there is a socket, no host is looked at.
            by_socket = bool(self.parameters.get("unix_socket"))
            host = "" if by_socket else str(self.parameters.get("host") or "")
            self.session = _engine.Session(self.settings, host, _engine.mysql_driver())
        except _engine.EngineError as error:
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from None

    def into(self, connection: WrappedMySqlConnection) -> Steps[None]:
        """Open ``connection``; it is untouched, or closed, if that fails."""
        connection._aws_parameters = self.parameters
        self._connection = connection
        if self.session.idle:
            yield from self._open_unwatched()
            return
        if (yield from self.first_link(self.session)):
            return
        if isinstance(self.error, OPENING_ERRORS):
            raise self.error
        raise mysql.connector.OperationalError(
            f"the server did not tell what it is: {self.error}"
        ) from self.error

    def _open_unwatched(self) -> Steps[None]:
        connection = self._connection
        search = self._search() if connection._aws_keepalives else None
        yield DriverCall(partial(connection._aws_open_link, self.parameters))
        if search is None:
            return
        sock = search.socket_of(connection)
        if sock is None:
            logger.warning("the connection's socket can't be told: tcp_keepalive is not obeyed")
            return
        sock.keep_alive(connection._aws_keepalives)
        sock.close()

    def _opening_steps(
        self, operation: _engine.Operation, wanted: ToOpen
    ) -> Steps[Exception | None]:
        connection = self._connection
        parameters = with_login(self.parameters, wanted.credentials)
        if wanted.host is not None:
            parameters = to_host(parameters, wanted.host, wanted.timeout)
        search = self._search()
        try:
            yield DriverCall(partial(connection._aws_open_link, parameters))
        except OPENING_ERRORS as error:
            return error
        self._opened(operation, wanted.link, connection, parameters, search)
        return None

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        yield from ()
        self._connection._aws_moved = False
        self._in_use(self.session, self.links.pop(link))
        operation.used()


class Recovery(MySqlPerformer):
    """The recovery of a connection: opens links of its own, and moves the one that proves good."""

    _login_is_new = False

    def __init__(self, connection: WrappedMySqlConnection, session: _engine.Session) -> None:
        self._connection = connection
        self._session = session
        self.links = {}

    def _opening_steps(
        self, operation: _engine.Operation, wanted: ToOpen
    ) -> Steps[Exception | None]:
        deadline = monotonic() + wanted.timeout
        error = yield from self._try_open(operation, wanted)
        if error is None or not self._session.is_refused_login(*error_codes(error), str(error)):
            return error
        if not (yield from self._renew_login()):
            return error
        left = max(deadline - monotonic(), 0.001)
        return (yield from self._try_open(operation, replace(wanted, timeout=left)))

    def _try_open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[Exception | None]:
        connection = self._connection
        parameters = with_login(connection._aws_parameters, wanted.credentials)
        if wanted.host is not None:
            parameters = to_host(parameters, wanted.host, wanted.timeout)
        search = self._search()
        try:
            opened = yield DriverCall(partial(connection._aws_new_link, parameters))
        except OPENING_ERRORS as error:
            return error
        self._opened(operation, wanted.link, opened, parameters, search)
        return None

    def _renew_login(self) -> Steps[bool]:
        """Ask, once, whoever opened the connection for a login that differs from the refused."""
        if self._login_is_new:
            return False
        self._login_is_new = True
        connection = self._connection
        had = connection._aws_parameters
        told = yield from ask_for_login(connection._aws_login_source, had, _LOGIN_NAMES)
        if told:
            connection._aws_parameters = with_login(had, told)
        return bool(told)

    def _test(self, operation: _engine.Operation, link: int, timeout: float) -> Steps[None]:  # noqa: ARG002
        answers = yield DriverCall(partial(self._connection._aws_ping_link, timeout))
        operation.tested(answers)

    def _replay(self, link: Link, statements: list[str]) -> Steps[None]:
        for statement in statements:
            try:
                yield from self._answers(link, [statement], _REPLAY_TIMEOUT)
            except DRIVER_ERRORS as error:
                if getattr(error, "errno", None) not in _REFUSALS:
                    raise
                # It would refuse it each time.
                what = statement.partition("=")[0]
                logger.warning("not set again after a failover: %s (%s)", what, error)

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        connection = self._connection
        new = self.links[link]
        if connection._aws_session is not self._session:
            raise mysql.connector.OperationalError("the connection was closed by another thread")
        try:
            if connection._aws_transfers_session_state:
                yield from self._replay(new, connection._aws_record.statements())
            if reopens := connection._aws_to_reopen():
                yield from self._answers(new, reopens, _REPLAY_TIMEOUT)
        except _REPLAY_ERRORS as error:
            self.close_link(link)
            operation.use_failed(*error_codes(error), str(error))
            return
        connection._aws_finish_link()
        move_link(self.links.pop(link).driver_connection, connection)
        connection._aws_has_moved()
        connection._aws_transaction_has_moved()
        reset_prepared(connection._aws_prepared_cursors)
        self._in_use(self._session, new)
        operation.used(connection._aws_take_gone())


def driver_arguments(
    names: PrivateNames, conninfo: str, kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    """The driver's own arguments, if its own connection is all that there can be; or None.

    That is so where the driver lacks what ours is made of. If plugins are wanted then, this raises
    ``UnsupportedOperationError``.
    """
    if not names.refusal:
        return None
    opening = Opening(conninfo, kwargs)
    if not opening.session.idle:
        raise FACE_ERRORS["UnsupportedOperationError"](names.refusal)
    return opening.parameters


def with_login(parameters: dict[str, Any], login: dict[str, str]) -> dict[str, Any]:
    """The parameters with another login, whatever the names that the given one came by."""
    old = {name for same in _SAME_NAMES if login.keys() & set(same) for name in same}
    return {**{name: value for name, value in parameters.items() if name not in old}, **login}
