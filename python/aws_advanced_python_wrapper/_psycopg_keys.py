# SPDX-License-Identifier: Apache-2.0
"""SCRAM keys of logins that succeeded, which spare the next ones the computing.

To answer a server's SCRAM challenge, libpq hashes the password 4,096 times: 5 ms of a processor for
each login, and in a failover all connections of a process log in at the same time. The outcome
depends on the password and on the salt and the count that the server stores with it, which all
hosts of a cluster share. libpq 18 takes it in place of the password (``scram_client_key`` and
``scram_server_key``, in PostgreSQL's "Database Connection Control Functions"); how it is made of
them is in RFC 5802, section 3.

Keys are as secret as a password, are held in memory only, and are not in ``Connection.info``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Generator, Mapping
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from ._psycopg_link import connection_failed, why

_IS_SUPPORTED = pq.version() >= 180000 and hasattr(os, "memfd_create")
_MOST = 100  # logins that are remembered: a token that renews itself would fill the memory
_CHALLENGE = re.compile(rb"AuthenticationSASLContinue\t.*?,s=([A-Za-z0-9+/=]+),i=(\d+)")
_NAMES = ("scram_client_key", "scram_server_key")

Scope = tuple[str, str, str, str]
_known: dict[Scope, dict[str, str]] = {}


class LoginKeys:
    """The keys for the logins with some parameters: an endpoint, a user and a password."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._scope = _scope_of(parameters)
        self._used = False

    def add_to(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with the keys, if any are known."""
        keys = None if self._scope is None else _known.get(self._scope)
        self._used = bool(keys)
        return {**parameters, **keys} if keys else parameters

    def were_refused(self, error: psycopg.Error) -> bool:
        """Whether a login failed that had keys and was asked for them; they are forgotten then.

        The password may be good for all that: the server makes a new salt whenever it is set.
        """
        if not self._used or self._scope is None:
            return False
        if error.pgconn is None or not error.pgconn.used_password:
            return False
        _known.pop(self._scope, None)
        return True


class ConnectionInfo(psycopg.ConnectionInfo):
    """psycopg's, without the keys."""

    def get_parameters(self) -> dict[str, str]:
        """Return the parameters that are not secret; see ``psycopg.ConnectionInfo``."""
        given = super().get_parameters()
        return {name: value for name, value in given.items() if name not in _NAMES}


def connect_and_learn(conninfo: str) -> Generator[tuple[int, Any], Any, pq.abc.PGconn] | None:
    """Return psycopg's generator of a connection that also learns the keys, or None.

    None if they are known, or can't be: then connect as ever.
    """
    if not _IS_SUPPORTED or "password=" not in conninfo:
        return None
    parameters = conninfo_to_dict(conninfo)
    scope = _scope_of(parameters)
    if scope is None or scope in _known:
        return None
    return _connect(conninfo, scope, str(parameters["password"]))


def _connect(
    conninfo: str, scope: Scope, password: str
) -> Generator[tuple[int, Any], Any, pq.abc.PGconn]:
    pgconn: Any = pq.PGconn.connect_start(conninfo.encode())
    trace = os.memfd_create("login")
    try:
        pgconn.trace(os.dup(trace))  # libpq's from here on
        while True:
            if pgconn.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError(f"connection is bad: {why(pgconn)}", pgconn=pgconn)
            status = pgconn.connect_poll()
            if status == pq.PollingStatus.OK:
                break
            if status == pq.PollingStatus.FAILED:
                raise connection_failed(pgconn)
            while not (yield pgconn.socket, status):
                pass
        pgconn.untrace()
        challenge = _CHALLENGE.search(os.pread(trace, 65536, 0))
    finally:
        os.close(trace)
    while len(_known) >= _MOST:
        _known.pop(next(iter(_known)), None)
    _known[scope] = _keys(password, challenge) if challenge else {}
    pgconn.nonblocking = 1
    return pgconn  # type: ignore[no-any-return]


def _keys(password: str, challenge: re.Match[bytes]) -> dict[str, str]:
    salt, count = base64.b64decode(challenge[1]), int(challenge[2])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, count)
    made = (hmac.digest(salted, text, "sha256") for text in (b"Client Key", b"Server Key"))
    return {name: base64.b64encode(key).decode() for name, key in zip(_NAMES, made, strict=True)}


def _scope_of(parameters: Mapping[str, Any]) -> Scope | None:
    if not _IS_SUPPORTED or "PGSERVICE" in os.environ:
        return None
    if any(name in parameters for name in ("service", *_NAMES)):
        return None
    password = str(parameters.get("password") or "")
    host = str(parameters.get("host") or "")
    # Other passwords are normalized by rules of their own (RFC 4013).
    if not (password.isascii() and password.isprintable() and password and host):
        return None
    if "," in host:  # of several clusters, perhaps
        return None
    return host, str(parameters.get("port") or ""), str(parameters.get("user") or ""), password
