# SPDX-License-Identifier: Apache-2.0
"""psycopg's links beneath the connection object: opening, asking and describing a ``PGconn``.

Everything here has an exact deadline, which psycopg's own connect (whole seconds, at least two)
does not offer.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import socket
import sys
from collections.abc import Callable, Generator
from time import monotonic
from typing import Any

import psycopg
from psycopg import pq

from .. import _engine
from .._core.waits import READ, WRITE, Computation, LinkGivenUp, NameLookup, SocketWait, Steps
from ._private import error_of, execute, finish, library_of_ctypes
from ._session_record import Told

_SERVER_TEXT_ENCODING = "utf-8"
_RESULT_OK = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_MOST_BUFFERS = 10_000  # far more than a socket holds


def open_pgconn(parameters: dict[str, Any], timeout: float) -> Steps[pq.abc.PGconn]:
    """Open a link to ``host``, a name, a numeric address or a socket's, within ``timeout`` seconds.

    Raises :class:`LinkGivenUp` or what psycopg raises.
    """
    deadline = monotonic() + timeout
    if "hostaddr" not in parameters and not parameters["host"].startswith(("/", "@")):
        parameters = yield from _with_addresses(parameters, deadline)
    text = _conninfo(parameters)
    pgconn: Any = pq.PGconn.connect_start(text)
    poll = _unlocked_poll()

    def step() -> int:
        # It holds the object, which a caller that is thrown away would free under a thread.
        return int(pgconn.connect_poll() if poll is None else poll(pgconn.pgconn_ptr))

    while True:
        status = yield Computation(step)
        if status == pq.PollingStatus.OK:
            pgconn.nonblocking = 1
            return pgconn  # type: ignore[no-any-return]
        if status == pq.PollingStatus.FAILED:
            raise connection_failed(pgconn)
        wanted = READ if status == pq.PollingStatus.READING else WRITE
        yield SocketWait(pgconn.socket, wanted, deadline)


def _conninfo(parameters: dict[str, Any]) -> bytes:
    # Not psycopg's: it takes nothing of an environment that isn't UTF-8.
    quoted = (
        name + "='" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
        for name, value in parameters.items()
        if value is not None
    )
    return " ".join(quoted).encode(_SERVER_TEXT_ENCODING, "surrogateescape")


def _with_addresses(parameters: dict[str, Any], deadline: float) -> Steps[dict[str, Any]]:
    # libpq would look the name up without a deadline, and psycopg holds the interpreter lock
    # meanwhile.
    name = parameters["host"]
    try:
        addresses = yield NameLookup(name, deadline)
    except (OSError, UnicodeError) as error:
        raise psycopg.OperationalError(f"failed to resolve host {name!r}: {error}") from error
    # One after the other, as libpq tries the addresses of a name.
    names = ",".join([name] * len(addresses))
    return {**parameters, "host": names, "hostaddr": ",".join(addresses)}


def connection_failed(
    pgconn: Any, encoding: str = _SERVER_TEXT_ENCODING
) -> psycopg.OperationalError:
    """Close a link that could not be opened; return the error that psycopg raises then."""
    text = f"connection failed: {pgconn.get_error_message(encoding)}"
    return psycopg.OperationalError(text, pgconn=finish(pgconn))


@functools.cache
def _unlocked_poll() -> Callable[[Any], int] | None:
    """PQconnectPoll of psycopg's own libpq, called without the interpreter lock.

    psycopg holds the lock while libpq computes the answer to a SCRAM challenge, 3 to 6 ms for each
    login, in which no other thread and no event loop runs. None if psycopg calls libpq by ctypes
    itself.
    """
    if pq.__impl__ == "python":
        return None
    # A name is looked up in what the module is linked with.
    poll = ctypes.CDLL(library()).PQconnectPoll
    poll.argtypes, poll.restype = [ctypes.c_void_p], ctypes.c_int
    return poll


def ask(pgconn: pq.abc.PGconn, sql: str, timeout: float) -> Steps[list[list[list[bytes | None]]]]:
    """Run a text of one or more statements; return the rows of each, as the server's texts.

    Raises :class:`LinkGivenUp` or what psycopg raises.
    """
    return (yield from tell(pgconn, Told(sql.encode(_SERVER_TEXT_ENCODING)), timeout))


def tell(
    pgconn: pq.abc.PGconn, told: Told, timeout: float
) -> Steps[list[list[list[bytes | None]]]]:
    """As :func:`ask`, with what an application has sent before."""
    deadline = monotonic() + timeout
    limit = _engine.AnswerLimit(pgconn.socket)
    if told.params:
        # The oldest releases take lists only.
        params, types, formats = list(told.params), list(told.types), list(told.formats)
        pgconn.send_query_params(told.text, params, types, formats)
    else:
        pgconn.send_query(told.text)
    answer = _limited(execute(pgconn), limit)
    results = yield from _steps_of(answer, pgconn.socket, deadline)
    for result in results:
        if result.status not in _RESULT_OK:
            raise error_of(result, _SERVER_TEXT_ENCODING)
        if not limit.takes_rows(result.ntuples):
            raise LinkGivenUp(limit.text)
    return [_rows(result) for result in results]


def _limited(generator: Generator[Any, Any, Any], limit: _engine.AnswerLimit) -> Any:
    try:
        wait = next(generator)
        while True:
            ready = yield wait
            if limit.exceeded():
                raise LinkGivenUp(limit.text)
            wait = generator.send(ready)
    except StopIteration as done:
        return done.value


def cut_off(pgconn: pq.abc.PGconn) -> None:
    """End a link's conversation with its server, which may not answer; keep the object.

    Its status is bad then: the driver's transaction blocks on it look at that, and end.
    """
    if pgconn.status == pq.ConnStatus.BAD:
        return
    with socket.socket(fileno=os.dup(pgconn.socket)) as link, contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)  # an error means that the peer was faster
    with contextlib.suppress(psycopg.OperationalError):
        # libpq learns of the end where it reads; what had arrived comes first, a buffer at a time.
        for _ in range(_MOST_BUFFERS):
            pgconn.consume_input()


class Notices:
    """Hears of a link's notices: so libpq calls what a server says while nothing is asked of it."""

    def __init__(self, handler: Callable[[Any], None] | None) -> None:
        self._handler = handler
        self.last_state: str | None = None
        """The SQLSTATE with which the server ended the session."""

    def __call__(self, result: Any) -> None:
        if result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) in (b"FATAL", b"PANIC"):
            state = result.error_field(pq.DiagnosticField.SQLSTATE)
            self.last_state = None if state is None else state.decode()
        if self._handler is not None:
            self._handler(result)


def last_state(pgconn: pq.abc.PGconn) -> str | None:
    """The SQLSTATE with which a server ended a link that is lost, if it gave one.

    psycopg doesn't look for it where it sends and receives at once, as pipelines do. What has not
    been fetched of the link's results is lost anyway.
    """
    if pgconn.status != pq.ConnStatus.BAD:
        return None
    heard = pgconn.notice_handler
    if isinstance(heard, Notices) and heard.last_state is not None:
        return heard.last_state
    for _ in range(_MOST_BUFFERS):
        result = pgconn.get_result()
        if result is None:
            break
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        if state is not None:
            return state.decode()
    return None


@functools.cache
def library() -> str:
    """The shared library by which psycopg's libpq can be found: the monitors speak by it, too."""
    if pq.__impl__ == "python":
        return library_of_ctypes()
    return str(sys.modules[pq.PGconn.__module__].__file__)


def monitor_driver() -> _engine.MonitorDriver:
    """What the monitors of PostgreSQL open their links by."""
    return _engine.pg_driver(library())


def facts(pgconn: pq.abc.PGconn) -> dict[str, Any]:
    """What the engine wants to know of a link that is open; asks no server."""
    return {
        "name": pgconn.host.decode(),
        "address": pgconn.hostaddr.decode(),
        "port": int(pgconn.port),
        "descriptor": pgconn.socket,
        "in_recovery": reported_recovery(pgconn),
        "options": link_options(pgconn),
    }


def reported_recovery(pgconn: pq.abc.PGconn) -> bool | None:
    """Whether the server is in recovery, as it last reported; PostgreSQL 14 and newer do."""
    reported = pgconn.parameter_status(b"in_hot_standby")
    return None if reported is None else reported == b"on"


def link_options(pgconn: Any) -> dict[str, str]:
    """All that a link was opened with, whatever it came from; asks no server.

    So that nothing that restricts it is missing where another link is opened for it.
    """
    options = _engine.libpq_options(library(), pgconn.pgconn_ptr)
    for name, value in (
        ("user", pgconn.user),
        ("password", pgconn.password),  # it may have come from a password file
        ("dbname", pgconn.db),
    ):
        options[name] = value.decode(_SERVER_TEXT_ENCODING, "surrogateescape")
    if options["password"]:
        # Keys belong to one password of one user on one server.
        options.pop("scram_client_key", None)
        options.pop("scram_server_key", None)
    return options


def _steps_of(generator: Generator[Any, Any, Any], fileno: int, deadline: float) -> Steps[Any]:
    try:
        wait = next(generator)
        while True:
            wait = generator.send((yield SocketWait(fileno, wait, deadline)))
    except StopIteration as done:
        return done.value


def _rows(result: pq.abc.PGresult) -> list[list[bytes | None]]:
    return [
        [result.get_value(row, column) for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]
