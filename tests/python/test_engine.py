# SPDX-License-Identifier: Apache-2.0
"""What the bindings offer to faces of other drivers than psycopg."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from aws_advanced_python_wrapper import _engine


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, int]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        yield client, server.getsockname()[1]


def test_settings_of_mysql_keep_the_drivers_own_names() -> None:
    given = {"database": "d", "tcp_keepalive": "on", "wrapper_dialect": "mariadb", "passwd": "p"}
    settings = _engine.parse_settings(given, family="mysql")
    assert settings.family == "mysql"
    assert settings.driver_parameters == {"database": "d", "passwd": "p"}
    assert settings.keepalives == {"tcp_keepalive": True}
    assert _engine.parse_settings({}).family == "postgresql"


def test_settings_dialect_of_the_other_family_is_refused_with_the_possible_ones() -> None:
    with pytest.raises(_engine.EngineError, match="one of auto, mysql, mariadb, rds-mysql"):
        _engine.parse_settings({"wrapper_dialect": "aurora-pg"}, family="mysql")
    with pytest.raises(ValueError, match="family"):
        _engine.parse_settings({}, family="oracle")


def test_session_of_mysql_asks_in_statements_and_takes_errors_by_number() -> None:
    settings = _engine.parse_settings({}, family="mysql")
    session = _engine.Session(settings, "127.0.0.1", _engine.mysql_driver())
    operation = session.open()
    operation.opened("127.0.0.1", "127.0.0.1", 3306, -1, None, {"user": "u"})
    kind, link, statements, timeout = operation.request
    assert kind == "ask"
    assert len(statements) == 1
    assert statements[0].startswith("SHOW VARIABLES")
    assert timeout == 5
    operation.asked([[("version_comment", b"Debian 12"), ["report_host", None]]])
    assert operation.request == ("use", link, False)
    operation.used()
    assert operation.outcome.code == "none"
    assert operation.outcome.link == "replaced"
    assert session.dialect == "mysql"
    session.close()
    _engine.release_resources()


def test_socket_deadline_ends_a_wait() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        started = time.monotonic()
        deadline = _engine.SocketDeadline(ours.fileno(), 0.05)
        assert ours.recv(1) == b""
        assert time.monotonic() - started >= 0.05
        assert deadline.expired
        deadline.close()


def test_socket_deadline_closed_in_time_changes_nothing() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        deadline = _engine.SocketDeadline(ours.fileno(), 60.0)
        deadline.close()
        assert not deadline.expired
        peer.send(b"x")
        assert ours.recv(1) == b"x"


class _Liar(type):
    __basicsize__ = 1_000_000  # type: ignore[assignment]


class _Small(metaclass=_Liar):
    __slots__ = ()


@pytest.mark.parametrize(
    "thing",
    [None, 1, "x" * 100, b"y" * 100, object(), _Small(), sys, type, len, [], {}, 1.5],
    ids=lambda thing: type(thing).__name__,
)
def test_connector_socket_of_any_other_object_is_none(
    thing: object, connected: tuple[socket.socket, int]
) -> None:
    _, port = connected
    assert _engine.connector_socket(thing, port) is None
