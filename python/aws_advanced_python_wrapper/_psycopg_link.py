# SPDX-License-Identifier: Apache-2.0
"""psycopg's links beneath the connection object: opening, asking and describing a ``PGconn``.

Everything here has an exact deadline, which psycopg's own connect (whole seconds, at least two)
does not offer.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg
from psycopg import generators, pq
from psycopg.conninfo import make_conninfo
from psycopg.waiting import Ready, Wait

_SERVER_TEXT_ENCODING = "utf-8"
_RESULT_OK = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


class LinkTimeout(Exception):
    """A link did not answer before its deadline."""


def open_pgconn(parameters: dict[str, Any], timeout: float) -> pq.abc.PGconn:
    """Open a link within ``timeout`` seconds.

    Raises :class:`LinkTimeout` or what psycopg raises.
    """
    deadline = monotonic() + timeout
    steps = generators.connect(make_conninfo("", **parameters))
    try:
        wanted = next(steps)
        while True:
            fileno, wait = wanted
            ready = _poll(fileno, wait, deadline)
            wanted = steps.send(ready)
    except StopIteration as done:
        pgconn: pq.abc.PGconn = done.value
        return pgconn


def ask(pgconn: pq.abc.PGconn, sql: str, timeout: float) -> list[list[list[str | None]]]:
    """Run a text of one or more statements; return the rows of each.

    Raises :class:`LinkTimeout` or what psycopg raises.
    """
    deadline = monotonic() + timeout
    pgconn.send_query(sql.encode(_SERVER_TEXT_ENCODING))
    results = _drive(generators.execute(pgconn), pgconn.socket, deadline)
    for result in results:
        if result.status not in _RESULT_OK:
            raise psycopg.errors.error_from_result(result, encoding=_SERVER_TEXT_ENCODING)
    return [_rows(result) for result in results]


def cut_off(pgconn: pq.abc.PGconn) -> None:
    """End a link's conversation with its server, which may not answer; keep the object."""
    if pgconn.status == pq.ConnStatus.BAD:
        return
    with socket.socket(fileno=os.dup(pgconn.socket)) as link, contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)  # an error means that the peer was faster


def facts(pgconn: pq.abc.PGconn, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the engine wants to know of a link that is open; asks no server."""
    reported = pgconn.parameter_status(b"in_hot_standby")
    return {
        "name": pgconn.host.decode(),
        "address": pgconn.hostaddr.decode(),
        "port": int(pgconn.port),
        "descriptor": pgconn.socket,
        # Reported by PostgreSQL 14 and newer.
        "in_recovery": None if reported is None else reported == b"on",
        "options": _options(pgconn, parameters),
    }


def _options(pgconn: pq.abc.PGconn, parameters: dict[str, Any]) -> dict[str, str]:
    options: dict[str, str] = {}
    if "service" in parameters or "PGSERVICE" in os.environ:
        for option in pgconn.info:
            if option.val is not None:
                options[option.keyword.decode()] = option.val.decode()
    options.update({name: str(value) for name, value in parameters.items() if value is not None})
    options["user"] = pgconn.user.decode()
    options["password"] = pgconn.password.decode()
    options["dbname"] = pgconn.db.decode()
    return options


def _poll(fileno: int, wait: int, deadline: float) -> Ready:
    poll = select.poll()
    mask = (select.POLLIN if wait & Wait.R else 0) | (select.POLLOUT if wait & Wait.W else 0)
    poll.register(fileno, mask)
    remaining = deadline - monotonic()
    events = poll.poll(remaining * 1000) if remaining > 0 else []
    if not events:
        raise LinkTimeout("no answer before the deadline")
    event = events[0][1]
    ready = 0
    if event & ~select.POLLOUT:
        ready |= Ready.R
    if event & ~select.POLLIN:
        ready |= Ready.W
    return Ready(ready)


def _drive(steps: Generator[Any, Any, Any], fileno: int, deadline: float) -> Any:
    try:
        wait = next(steps)
        while True:
            wait = steps.send(_poll(fileno, wait, deadline))
    except StopIteration as done:
        return done.value


def _rows(result: pq.abc.PGresult) -> list[list[str | None]]:
    return [
        [
            None if value is None else value.decode(_SERVER_TEXT_ENCODING)
            for value in (result.get_value(row, column) for column in range(result.nfields))
        ]
        for row in range(result.ntuples)
    ]
