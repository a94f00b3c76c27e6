# SPDX-License-Identifier: Apache-2.0
"""SCRAM keys, which spare the logins of a failover the computing.

To answer a server's SCRAM challenge, libpq hashes the password 4,096 times: 5 ms of a processor for
each login, and in a failover all connections of a process log in at the same time. The outcome
depends on the password and on the salt and the count that the server stores with it, which all
hosts of a cluster share. libpq 18 takes it in place of the password (``scram_client_key`` and
``scram_server_key``, in PostgreSQL's "Database Connection Control Functions"); how it is made of
them is in RFC 5802, section 3.

Salt and count are learned from the first login of an endpoint, a user and a password. Only the
links of a failover are opened with keys. If that fails, as where the password was set anew or the
salt is another one each time, the password is used again. Keys are as secret as a password, are
held in memory only, and ``Connection.info`` does not show them.
"""

from __future__ import annotations

import base64
import ctypes
import functools
import hashlib
import hmac
import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from ._link import connection_failed
from ._private import LOGIN_KEYS, NAMES, encoding_of

_MOST = 100  # of each that are remembered
_CHALLENGE = re.compile(rb"AuthenticationSASLContinue\t.*?,s=([A-Za-z0-9+/=]+),i=(\d{1,7})[',]")
_REFUSALS = ("authentication failed", "SCRAM", "server signature")  # of a server and of libpq
_NAMES = ("scram_client_key", "scram_server_key")

Scope = tuple[str, str, str, str]
Key = TypeVar("Key")
Value = TypeVar("Value")
_known: dict[Scope, dict[str, str]] = {}  # without keys: don't use any, don't learn any
_settled: dict[str, None] = {}  # connection strings with nothing to learn


class LoginKeys:
    """The keys for the logins with some parameters: an endpoint, a user and a password."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._scope = _scope_of(parameters)
        self._have_failed = False

    def known(self) -> dict[str, str]:
        """Return the keys as libpq's parameters; empty if there are none, or if they failed."""
        if self._scope is None or self._have_failed:
            return {}
        return _known.get(self._scope, {})

    def failed(self, reason: str) -> None:
        """Use them no more; in the whole process, if it was a server that refused them."""
        self._have_failed = True
        if self._scope is not None and any(text in reason for text in _REFUSALS):
            _remember(_known, self._scope, {})


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
    if conninfo in _settled or "password=" not in conninfo or _Trace.functions() is None:
        return None
    if not NAMES.have(LOGIN_KEYS):
        return None
    parameters = conninfo_to_dict(conninfo)
    scope = _scope_of(parameters)
    if scope is None or scope in _known or _without_scram(scope) in _known:
        _remember(_settled, conninfo, None)
        return None
    try:
        trace = _Trace()
    except OSError:  # the system does not allow it; nothing is lost but the speed of a failover
        return None
    return _connect(conninfo, scope, str(parameters["password"]), trace)


def _connect(
    conninfo: str, scope: Scope, password: str, trace: _Trace
) -> Generator[tuple[int, Any], Any, pq.abc.PGconn]:
    encoding = encoding_of(conninfo)
    with trace:
        pgconn: Any = pq.PGconn.connect_start(conninfo.encode())
        trace.follow(pgconn)
        while True:
            if pgconn.status == pq.ConnStatus.BAD:
                text = f"connection is bad: {pgconn.get_error_message(encoding)}"
                raise psycopg.OperationalError(text, pgconn=pgconn)
            status = pgconn.connect_poll()
            if status == pq.PollingStatus.OK:
                break
            if status == pq.PollingStatus.FAILED:
                raise connection_failed(pgconn, encoding)
            while not (yield pgconn.socket, status):
                pass
        # Nothing that the trace holds may spoil a login that succeeded.
        with suppress(ValueError, OSError):
            _learn(scope, password, trace.text())
    pgconn.nonblocking = 1
    return pgconn  # type: ignore[no-any-return]


def _learn(scope: Scope, password: str, trace: bytes) -> None:
    # The same one twice if libpq tried without TLS, too. Others come from a parameter's text.
    challenges = set(_CHALLENGE.findall(trace))
    if len(challenges) != 1:
        _remember(_known, _without_scram(scope), {})
    elif scope not in _known:
        _remember(_known, scope, _keys(password, *challenges.pop()))


class _Trace:
    """What libpq tells of a link, in memory.

    By ctypes: psycopg's ``PGconn.trace()`` would leave its C stream open, with all that it holds.
    """

    def __init__(self) -> None:
        self._libc, self._libpq = self.functions()
        self._link: Any = None
        self._file = os.memfd_create("trace of a login")
        self._stream = self._libc.fdopen(self._file, b"w")
        if not self._stream:
            os.close(self._file)
            raise OSError("no stream for the trace of a login")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._end()
        self._libc.fclose(self._stream)

    def follow(self, pgconn: Any) -> None:
        self._link = pgconn
        if pgconn.pgconn_ptr is not None:
            self._libpq.PQtrace(pgconn.pgconn_ptr, self._stream)

    def text(self) -> bytes:
        """Return all, and follow no longer."""
        self._end()
        self._libc.fflush(self._stream)
        return os.pread(self._file, 1 << 16, 0)

    def _end(self) -> None:
        if self._link is not None and self._link.pgconn_ptr is not None:
            self._libpq.PQuntrace(self._link.pgconn_ptr)
        self._link = None

    @staticmethod
    @functools.cache
    def functions() -> Any:
        """The C library and psycopg's own libpq; None if it is too old, or the system can't."""
        if pq.version() < 180000 or not hasattr(os, "memfd_create"):
            return None
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            # A name is looked up in what psycopg's module is linked with.
            libpq = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
            libc.fdopen.argtypes = [ctypes.c_int, ctypes.c_char_p]
            libc.fdopen.restype = ctypes.c_void_p
            libc.fflush.argtypes = libc.fclose.argtypes = [ctypes.c_void_p]
            libpq.PQtrace.argtypes, libpq.PQtrace.restype = [ctypes.c_void_p] * 2, None
            libpq.PQuntrace.argtypes, libpq.PQuntrace.restype = [ctypes.c_void_p], None
            return libc, libpq
        return None


def _remember(place: dict[Key, Value], key: Key, value: Value) -> None:
    while len(place) >= _MOST:
        with suppress(KeyError, RuntimeError):  # another thread does the same
            del place[next(iter(place))]
    place[key] = value


def _keys(password: str, salt: bytes, count: bytes) -> dict[str, str]:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(count))
    made = (hmac.digest(salted, text, "sha256") for text in (b"Client Key", b"Server Key"))
    return {name: base64.b64encode(key).decode() for name, key in zip(_NAMES, made, strict=True)}


def _without_scram(scope: Scope) -> Scope:
    # Whatever the password: tokens in place of one are new each time.
    return (*scope[:3], "")


def _scope_of(parameters: Mapping[str, Any]) -> Scope | None:
    if "PGSERVICE" in os.environ or any(name in parameters for name in ("service", *_NAMES)):
        return None
    password = str(parameters.get("password") or "")
    host = str(parameters.get("host") or "")
    # Other passwords are normalized by rules of their own (RFC 4013).
    if not (password.isascii() and password.isprintable() and password and host):
        return None
    if "," in host:  # of several clusters, perhaps
        return None
    return host, str(parameters.get("port") or ""), str(parameters.get("user") or ""), password
