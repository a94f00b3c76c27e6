# SPDX-License-Identifier: Apache-2.0
"""What the faces use of mysql-connector beyond what its documentation promises.

Nothing else spells it. Importing this loads the driver's C build first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from weakref import WeakSet

_c_build: ModuleType | None = None
with contextlib.suppress(ImportError):
    # Before anything that loads Python's ssl module: the C build brings an OpenSSL that is often
    # newer than the system's and has its name, so that the first one to be loaded serves both.
    import _mysql_connector  # type: ignore[import-not-found]

    _c_build = _mysql_connector

import mysql.connector  # noqa: E402

from .._core.private_names import PrivateName, PrivateNames, look_up  # noqa: E402

C_ERRORS = "an error of the C build in commit(), rollback() or next_result() starts no failover"
C_TIMEOUTS = "a timeout of the C build's own (read_timeout, write_timeout) is taken for a lost link"
LAST_WORDS = "what a server said as it ended a link is not told if it took nothing more"
PREPARED_CURSORS = "a prepared cursor that was made before a failover can't be used after it"
POOLS = "there are no pools (pool_name, pool_size)"
OPTION_FILES = "no option files are read (option_files, read_default_file)"

# What belongs to a link rather than to the application's connection object, in all builds and in
# each alone.
_LINK_STATE = ("_handshake", "_client_flags", "_ssl_active")
_OF_PURE = ("_socket", "_protocol", "_authenticator")
_OF_C = ("_cmysql",)
_OF_BLOCKING = ("_server_version", "_character_set")
_OF_ASYNCIO = ("_server_info", "_MySQLConnectionAbstract__charset")
# What is unread on it, and where it stands in a transaction.
_PROGRESS = ("_unread_result", "_have_next_result", "_in_transaction")
_COLUMNS = ("_columns", "_columns_desc")
_FILES = "_local_infile_filenames"
_OF_PREPARED_CURSORS = ("_prepared", "_stmt", "_executed")


DIRECTIONS = ("host", "port", "unix_socket", "connection_timeout")
"""The arguments that tell where a link for asyncio goes."""


def _names(owner: str, *names: str, feature: str = "") -> list[PrivateName]:
    return [PrivateName(owner, name, feature) for name in names]


def _owners() -> dict[str, Any]:
    # Objects without arguments open nothing.
    owners = {
        "MySQLConnection": mysql.connector.MySQLConnection(),
        "network.MySQLTCPSocket": look_up("mysql.connector.network", "MySQLTCPSocket", object)(),
        _PREPARED: look_up("mysql.connector.cursor", "MySQLCursorPrepared", object)(),
        "constants": look_up("mysql.connector", "constants"),
        "errors": mysql.connector.errors,
        "optionfiles": look_up("mysql.connector", "optionfiles"),
        "pooling": mysql.connector.pooling,
        "pooling.MySQLConnectionPool.__init__()": _begin(
            mysql.connector.pooling.MySQLConnectionPool
        ),
    }
    if _HAS_C_BUILD:
        prepared = look_up("mysql.connector.cursor_cext", "CMySQLCursorPrepared")
        owners |= {
            "_mysql_connector": _c_build,
            "CMySQLConnection": mysql.connector.CMySQLConnection(),
            _C_PREPARED: _begin(prepared),
        }
    return owners


def _begin(made: Any) -> Any:
    return getattr(made, "__init__", None)


def _owners_for_asyncio() -> dict[str, Any]:
    return {
        "constants": look_up("mysql.connector", "constants"),
        "errors": mysql.connector.errors,
        "aio.MySQLConnection": look_up("mysql.connector.aio", "MySQLConnection", object)(),
        "aio.network.MySQLTcpSocket": look_up(
            "mysql.connector.aio.network", "MySQLTcpSocket", object
        )(),
    }


_HAS_C_BUILD = _c_build is not None and mysql.connector.HAVE_CEXT
_OF_ALL = (*_LINK_STATE, *_PROGRESS, _FILES)
_PREPARED = "cursor.MySQLCursorPrepared"
_POOL = "pooling.MySQLConnectionPool.__init__()"
_C_PREPARED = "cursor_cext.CMySQLCursorPrepared.__init__()"

NAMES = PrivateNames(
    "mysql-connector",
    mysql.connector.__version__,
    [
        *_names("constants", "DEFAULT_CONFIGURATION"),
        *_names("MySQLConnection", *_OF_ALL, *_OF_PURE, *_OF_BLOCKING, "_columns_desc"),
        *_names("network.MySQLTCPSocket", "sock"),
        *_names("network.MySQLTCPSocket", "recv", feature=LAST_WORDS),
        *_names("errors", "get_exception", feature=LAST_WORDS),
        *_names(_PREPARED, "_prepared", "_executed", feature=PREPARED_CURSORS),
        *_names("pooling", "CONNECTION_POOL_LOCK", "generate_pool_name", feature=POOLS),
        *_names(_POOL, "_cnx_config", "_cnx_queue", "_config_version", feature=POOLS),
        *_names("MySQLConnection", "pool_config_version", feature=POOLS),
        *_names("optionfiles", "read_option_files", feature=OPTION_FILES),
    ],
    _owners,
)
"""Of the blocking connections."""

if _HAS_C_BUILD:
    NAMES.table += (
        *_names("CMySQLConnection", *_OF_ALL, *_OF_C, *_OF_BLOCKING, "_columns"),
        *_names("CMySQLConnection", "_read_timeout", "_write_timeout", feature=C_TIMEOUTS),
        *_names("_mysql_connector", "MySQLInterfaceError", feature=C_ERRORS),
        *_names(_C_PREPARED, "_stmt", feature=PREPARED_CURSORS),
    )

NAMES_FOR_ASYNCIO = PrivateNames(
    "mysql-connector",
    mysql.connector.__version__,
    [
        *_names("constants", "DEFAULT_CONFIGURATION"),
        *_names("aio.MySQLConnection", *_OF_ALL, *_OF_PURE, *_OF_ASYNCIO, "_columns_desc"),
        *_names("aio.MySQLConnection", *(f"_{name}" for name in DIRECTIONS)),
        *_names("aio.network.MySQLTcpSocket", "is_connected", "_writer"),
        *_names("aio.network.MySQLTcpSocket", "_reader", feature=LAST_WORDS),
        *_names("errors", "get_exception", feature=LAST_WORDS),
    ],
    _owners_for_asyncio,
)
"""Of the connections for asyncio."""

ERRORS_OF_C_BUILD: tuple[type[Exception], ...] = ()
"""What the C build's library raises itself."""
if hasattr(_c_build, "MySQLInterfaceError"):
    ERRORS_OF_C_BUILD = (_c_build.MySQLInterfaceError,)  # type: ignore[union-attr]

DEFAULTS: dict[str, Any] = look_up("mysql.connector.constants", "DEFAULT_CONFIGURATION", {})
"""The driver's arguments and their defaults."""
POOL_LOCK = look_up("mysql.connector.pooling", "CONNECTION_POOL_LOCK", contextlib.nullcontext())
"""What whoever changes a pool holds."""
generate_pool_name = look_up("mysql.connector.pooling", "generate_pool_name")
read_option_files = look_up("mysql.connector.optionfiles", "read_option_files")


# Links.


def is_pure(link: Any) -> bool:
    """Whether a link is of a pure build, blocking or for asyncio."""
    return hasattr(link, "_socket")


def is_closed(link: Any) -> bool:
    """Tell whether a link is closed. Asks no server."""
    if is_pure(link):
        sock = socket_of(link)
        return link._handshake is None or sock is None or sock.fileno() < 0
    return link._cmysql is None or not link._cmysql.connected()


def socket_of(link: Any) -> Any:
    """The driver's own socket of a link of a pure build, blocking or for asyncio, or None."""
    writer = getattr(link._socket, "_writer", None)
    if writer is None:
        return getattr(link._socket, "sock", None)
    return writer.get_extra_info("socket") if link._socket.is_connected() else None


def hidden_link(link: Any) -> Any:
    """The C library's object of a link of the C build."""
    return link._cmysql


@contextlib.contextmanager
def between_statements(link: Any) -> Iterator[None]:
    """Let a link be used after an error within a result: the server said nothing after it."""
    unread = link.__dict__.get("_unread_result")
    if unread is None:
        yield
        return
    link._unread_result = False
    try:
        yield
    finally:
        link._unread_result = unread


def has_unread_result(link: Any) -> bool:
    """Whether a result was not read to its end."""
    return bool(link._unread_result)


def has_timeouts(link: Any) -> bool:
    """Whether ``read_timeout`` or ``write_timeout`` is set."""
    return bool(getattr(link, "_read_timeout", None) or getattr(link, "_write_timeout", None))


def move_link(source: Any, target: Any) -> None:
    """Make the link of ``source`` that of ``target``; what was unread on the old one is lost."""
    for name in (*_LINK_STATE, *_OF_PURE, *_OF_C, *_OF_BLOCKING, *_OF_ASYNCIO):
        if name in source.__dict__:
            setattr(target, name, source.__dict__.pop(name))
    for name in _PROGRESS:
        if name in target.__dict__:
            setattr(target, name, getattr(source, name, False))
    for name in _COLUMNS:
        if name in target.__dict__:
            setattr(target, name, [])
    setattr(target, _FILES, None)


def last_words(link: Any, within: int) -> bytes:
    """The next packet on a link of the pure build, which blocks for so many seconds at most."""
    return bytes(link._socket.recv(within)) if NAMES.have(LAST_WORDS) else b""


def error_in(packet: bytes) -> Any:
    """The driver's error of a server's packet that tells one."""
    return mysql.connector.errors.get_exception(packet)


# Cursors.


def remember_prepared(cursor: Any, known: WeakSet[Any]) -> None:
    """Add a cursor to those that are known, if it may prepare statements."""
    if hasattr(cursor, "_prepared") or hasattr(cursor, "_stmt"):
        known.add(cursor)


def reset_prepared(cursors: WeakSet[Any]) -> None:
    """Let prepared cursors prepare their statements anew: the old server's are gone."""
    for cursor in list(cursors):
        for name in _OF_PREPARED_CURSORS:
            if hasattr(cursor, name):
                setattr(cursor, name, None)


# Connections for asyncio.


def direct(connection: Any, parameters: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Set where a connection's next link goes."""
    for name in DIRECTIONS:
        setattr(connection, f"_{name}", parameters.get(name, defaults[name]))


def login_timeout(connection: Any) -> float | None:
    """Seconds that logging in may take, or None."""
    seconds: float | None = connection._connection_timeout
    return seconds


def place_of(connection: Any) -> str:
    """Where a connection's link goes, as ``host:port``."""
    return f"{connection._host}:{connection._port}"


def unread_of(connection: Any) -> bytes:
    """What the transport of a connection's link has taken and nobody has read."""
    # The buffer is asyncio's own secret; without it there is nothing to tell.
    reader = getattr(connection._socket, "_reader", None)
    return bytes(getattr(reader, "_buffer", b""))


def abandon(link: Any) -> None:
    """Close a link for asyncio, from any thread, without awaiting anything."""
    channel, link._socket = link._socket, None
    writer = getattr(channel, "_writer", None)
    if writer is not None:
        with contextlib.suppress(RuntimeError):  # its loop is closed, and so is its transport
            writer._loop.call_soon_threadsafe(_abort, writer)


def _abort(writer: Any) -> None:
    writer.transport.abort()  # the writer has to live until then: it warns at its end otherwise


# Pools.


def configure_pool(pool: Any, arguments: dict[str, Any], version: object) -> None:
    """Set the arguments of a pool's connections, and their version."""
    pool._cnx_config = arguments
    pool._config_version = version


def arguments_to_add(pool: Any) -> dict[str, Any] | None:
    """The arguments of another connection of a pool; None if it is full, or has none."""
    return pool._cnx_config if pool._cnx_config and not pool._cnx_queue.full() else None


def mark_as_of(pool: Any, connection: Any) -> None:
    """Mark a connection as opened with the pool's arguments of now."""
    connection.pool_config_version = pool._config_version
