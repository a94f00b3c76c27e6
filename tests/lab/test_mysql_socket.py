# SPDX-License-Identifier: Apache-2.0
"""The C build hides its socket: what is taken for it, and that it is never another's."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aurora_lab import Cluster

from aws_advanced_python_wrapper import _engine, errors
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper.mysql_connector._socket import SocketSearch

Dial = Callable[[], socket.socket]


@pytest.fixture(autouse=True)
def layout_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SocketSearch, "_layout_is_proved", False)


@pytest.fixture
def dial(mysql_cluster: Cluster) -> Iterator[Dial]:
    """Opens a socket to the writer, which is nobody's business but the test's."""
    opened: list[socket.socket] = []

    def open_one() -> socket.socket:
        opened.append(
            socket.create_connection((mysql_cluster.writer_endpoint, mysql_cluster.port), timeout=5)
        )
        assert opened[-1].recv(1000), "the server's greeting"
        return opened[-1]

    yield open_one
    for sock in opened:
        sock.close()


def is_untouched(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True


def connect(cluster: Cluster, **kwargs: Any) -> Any:
    return face.connect(cluster.dsn(), use_pure=False, **kwargs)


def run(connection: Any, sql: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(sql)
    return cursor.fetchall()


def call_is_ended_in_time(cluster: Cluster) -> bool:
    with connect(cluster, socket_timeout=0.3) as connection:
        with pytest.raises(errors.FailoverSuccessError) as told:
            run(connection, "SELECT SLEEP(20)")
        return isinstance(told.value.__cause__, errors.QueryTimeoutError)


def test_layout_is_proved_by_the_first_connection(mysql_cluster: Cluster, dial: Dial) -> None:
    others = [dial() for _ in range(3)]
    assert call_is_ended_in_time(mysql_cluster)
    assert SocketSearch._layout_is_proved
    assert all(map(is_untouched, others))


@pytest.mark.parametrize("told", ["nothing", "another socket to the server", "a closed number"])
def test_wrong_layout_never_costs_another_its_socket(
    mysql_cluster: Cluster, dial: Dial, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    other = dial()
    closed = os.dup2(other.fileno(), 900)  # a number that is not taken again soon
    os.close(closed)
    numbers = {"nothing": None, "another socket to the server": other.fileno()}
    number = numbers.get(told, closed)
    monkeypatch.setattr(_engine, "connector_socket", lambda *_: number)
    assert call_is_ended_in_time(mysql_cluster), "the one new socket was the link's"
    assert not SocketSearch._layout_is_proved
    assert is_untouched(other)


def test_where_no_socket_is_certain_none_is_taken(
    mysql_cluster: Cluster,
    dial: Dial,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    others: list[socket.socket] = []

    def tell_nothing_while_another_opens(*_: Any) -> None:
        others.append(dial())

    monkeypatch.setattr(_engine, "connector_socket", tell_nothing_while_another_opens)
    with (
        caplog.at_level(logging.WARNING),
        connect(mysql_cluster, socket_timeout=0.3, autocommit=True) as connection,
    ):
        assert "no monitor can end a call on it" in caplog.text
        assert run(connection, "SELECT SLEEP(1)") == [(0,)], "nobody could end it"
        assert is_untouched(others[0])
        mysql_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            run(connection, "SELECT 1")
        assert run(connection, "SELECT 1") == [(1,)]
