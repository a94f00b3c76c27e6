# SPDX-License-Identifier: Apache-2.0
"""Brings a psycopg session from one server to another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from psycopg import pq
from psycopg._connection_base import BaseConnection
from psycopg._preparing import PrepareManager

from .._core.waits import Steps
from ._link import ask, cut_off

if TYPE_CHECKING:
    import psycopg

# The settings that servers report to their clients (PostgreSQL, src/backend/utils/misc/
# guc_tables.c: GUC_REPORT) and that a session may change.
_REPORTED_SETTINGS = (
    b"client_encoding",
    b"DateStyle",
    b"IntervalStyle",
    b"TimeZone",
    b"application_name",
    b"standard_conforming_strings",
    b"default_transaction_read_only",
    b"search_path",
)

REPORTED_NAMES = {f"set {name.decode().lower()}": name for name in _REPORTED_SETTINGS}
"""The same by their names in a ``SessionRecord``."""


def reported_settings(pgconn: pq.abc.PGconn) -> dict[bytes, bytes | None]:
    """What the server has reported last of a session's settings; asks no server."""
    return {name: pgconn.parameter_status(name) for name in _REPORTED_SETTINGS}


def replay_settings(
    settings: dict[bytes, bytes | None], new: pq.abc.PGconn, timeout: float
) -> Steps[None]:
    """Make those settings of the new link that it doesn't have."""
    escaping = pq.Escaping(new)
    statements = []
    for name, value in settings.items():
        if value is not None and value != new.parameter_status(name):
            literal = escaping.escape_literal(value)
            statements.append(
                f"SELECT pg_catalog.set_config('{name.decode()}', {bytes(literal).decode()}, false)"
            )
    if statements:
        yield from ask(new, "; ".join(statements), timeout)


def put_link(connection: psycopg.Connection[Any], pgconn: pq.abc.PGconn) -> None:
    """Make ``pgconn`` the link of a connection whose old one is lost.

    The connection's own state (autocommit, isolation level, adapters, row factory, handlers)
    stays; what belonged to the old server's session is reset.
    """
    weak: ref[BaseConnection[Any]] = ref(connection)
    pgconn.notice_handler = partial(BaseConnection._notice_handler, weak)
    pgconn.notify_handler = partial(BaseConnection._notify_handler, weak)
    prepared = PrepareManager()
    prepared.prepare_threshold = connection._prepared.prepare_threshold
    prepared.prepared_max = connection._prepared.prepared_max
    connection._prepared = prepared
    pipeline = connection._pipeline
    if pipeline is not None:
        # Its block goes on, on the new link; what was queued is lost with the old one.
        pipeline.command_queue.clear()
        pipeline.result_queue.clear()
        pipeline.pgconn = pgconn
        pgconn.enter_pipeline_mode()
    connection._tpc = None  # what was prepared is ended by its id, on any link
    connection._num_transactions = 0
    connection.pgconn = pgconn


class OldLinks:
    """The links that a connection left and that something still refers to.

    A cursor remembers the link that it was made on. To keep account of all cursors would cost
    each statement a microsecond; so a cursor is looked at when it is used again.
    """

    def __init__(self) -> None:
        self._links: list[ref[pq.abc.PGconn]] = []

    def retire(self, link: pq.abc.PGconn) -> None:
        """Cut a link off from its server.

        The object stays for as long as a cursor refers to it, and asks it how its rows are
        encoded.
        """
        cut_off(link)
        self._links.append(ref(link))

    def bring_over(self, gen: Any, link: pq.abc.PGconn) -> bool:
        """Let the cursor that ``gen`` belongs to use ``link``, if its own is an old one.

        Tells whether there may be more such cursors.
        """
        frame = getattr(gen, "gi_frame", None)
        cursor = None if frame is None else frame.f_locals.get("self")
        own = getattr(cursor, "_pgconn", None)
        if own is not None and any(old() is own for old in self._links):
            cursor._pgconn = link  # type: ignore[union-attr]
            if hasattr(cursor, "_described"):
                cursor._described = False  # type: ignore[union-attr]  # the server's cursor is gone
        del own
        self._links = [old for old in self._links if old() is not None]
        return bool(self._links)
