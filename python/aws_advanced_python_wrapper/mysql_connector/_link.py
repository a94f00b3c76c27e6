# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's links beneath the connection object: opening, asking and describing them.

A link is a connection object of the driver's own class, of the pure build (``MySQLConnection``), of
the C build (``CMySQLConnection``) or for asyncio (``aio.MySQLConnection``), which need not be the
application's.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import mysql.connector

from .. import _engine
from .._core.waits import LinkGivenUp
from ._private import DEFAULTS, ERRORS_OF_C_BUILD, is_pure
from ._socket import LinkSocket

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

DRIVER_ERRORS: tuple[type[Exception], ...] = (mysql.connector.Error, *ERRORS_OF_C_BUILD)
"""What the driver raises. Its C build lets errors of its library through in commit(), rollback()
and next_result()."""

TIMEOUTS = (mysql.connector.errors.ReadTimeoutError, mysql.connector.errors.WriteTimeoutError)
"""What the pure builds raise when ``read_timeout`` or ``write_timeout`` has passed."""
LOST_WHILE_SENDING = 2055
"""What the pure build raises when its server takes nothing more."""
LOST_WHILE_WAITING = (2006, 2013)
"""What the C build raises then, as it does of any link that is lost."""

OPENING_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError)
"""What the driver raises when it opens a link; for asyncio also what the loop raised."""


def to_host(parameters: dict[str, Any], host: Any, timeout: float) -> dict[str, Any]:
    """The parameters of a link to one of the cluster's hosts.

    The driver counts in whole seconds: it gets ``timeout`` (seconds) rounded up.
    """
    directed = {
        **parameters,
        "host": host.name,
        "port": host.port,
        "connection_timeout": max(1, math.ceil(timeout)),
    }
    directed.pop("unix_socket", None)
    directed.pop("connect_timeout", None)
    return directed


@contextmanager
def deadline(sock: LinkSocket | None, seconds: float) -> Iterator[None]:
    """Shut a link down if what is done with it takes longer; then raises :class:`LinkGivenUp`.

    Without a limit where none can be set: at the end of the process, without a free descriptor.
    """
    limit = None
    if sock is not None:
        with suppress(_engine.EngineError):
            limit = _engine.SocketDeadline(sock.fileno(), seconds)
    if limit is None:
        yield
        return
    try:
        yield
    except DRIVER_ERRORS as error:
        if limit.expired:
            raise LinkGivenUp("no answer before the deadline") from error
        raise
    finally:
        limit.close()


def ask(
    link: Any, sock: LinkSocket | None, statements: list[str], timeout: float
) -> tuple[list[list[Any]], list[list[str]]]:
    """Run statements one by one; return the rows of each, and the names of their columns.

    Raises :class:`LinkGivenUp` or what the driver raises.
    """
    answer = Answer(sock)
    with deadline(sock, timeout):
        for statement in statements:
            more = answer.begin(names_of(link.cmd_query(statement)))
            while more:
                more = answer.add(*link.get_rows(count=answer.AT_ONCE, raw=True))
    return answer.sets, answer.columns


class Answer:
    """The rows that a server has for some statements, as far as they are taken."""

    AT_ONCE = 100
    """So many rows are read between two looks at the limit; one row has none but the deadline."""

    def __init__(self, sock: LinkSocket | None) -> None:
        self.sets: list[list[Any]] = []
        """For each statement its rows, as the server's texts."""
        self.columns: list[list[str]] = []
        """For each statement the names of its columns."""
        self._limit = _engine.AnswerLimit(-1 if sock is None else sock.fileno())

    def begin(self, columns: list[str]) -> bool:
        """Begin with the next statement's result; tell whether it has rows to be read."""
        self.columns.append(columns)
        self.sets.append([])
        return bool(columns)

    def add(self, rows: Any, end: Any) -> bool:
        """Take rows, as the driver gives them; tell whether there may be more.

        Raises :class:`LinkGivenUp` if they are too many; then the link is of no more use.
        """
        if not self._limit.takes_rows(len(rows)) or self._limit.exceeded():
            raise LinkGivenUp(self._limit.text)
        self.sets[-1].extend(
            tuple(None if value is None else bytes(value) for value in row) for row in rows
        )
        return bool(rows) and end is None


def names_of(result: dict[str, Any]) -> list[str]:
    """The names of a result's columns; none if it has no rows to be read."""
    return [str(column[0]) for column in result.get("columns") or ()]


def facts(link: Any, parameters: dict[str, Any], sock: LinkSocket | None) -> dict[str, Any]:
    """What the engine wants to know of a link that is open, and has this socket."""
    options = {name: option(name, value) for name, value in parameters.items()}
    # Of which build it is: they don't restrict the same.
    options["use_pure"] = "1" if is_pure(link) else "0"
    # The path as it is for a monitor, too, if the application changes its folder.
    path = link.unix_socket
    return {
        "name": os.path.abspath(path) if path else str(link.server_host),
        "address": "" if sock is None else sock.peer_address(),
        "port": int(link.server_port),
        "descriptor": -1 if sock is None else sock.fileno(),
        "in_recovery": None,  # MySQL does not tell at the start
        "options": options,
    }


def option(name: str, value: Any) -> str:
    """A driver's argument as a text for the engine's monitors, which takes it for the same.

    No value is left out: a restriction would go with it.
    """
    if isinstance(DEFAULTS.get(name), bool):
        return "1" if value else "0"  # the driver goes by the truth, even of "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(str(one) for one in value)
    if isinstance(value, (bytes, os.PathLike)):
        return os.fsdecode(value)
    return str(value)


def server_session(link: Any) -> int | None:
    """What the server calls the session on a link, by which another one can end it."""
    number = link.connection_id
    return None if number is None else int(number)


def cut_off(sock: LinkSocket | None, close: Callable[[], None]) -> None:
    """Close a link by ``close``, without waiting for a server that may not answer."""
    if sock is not None:
        sock.shut_down()
        sock.close()
    try:
        close()
    except DRIVER_ERRORS as error:
        logger.debug("a lost link closed with an error: %s", error)
