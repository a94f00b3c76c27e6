# SPDX-License-Identifier: Apache-2.0
"""Brings a psycopg session from one server to another."""

from __future__ import annotations

from typing import Any
from weakref import ref

from psycopg import pq

from .._core.waits import Steps
from ._link import ask, cut_off
from ._private import bring_cursor_over

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
        bring_cursor_over(gen, link, lambda own: any(old() is own for old in self._links))
        self._links = [old for old in self._links if old() is not None]
        return bool(self._links)
