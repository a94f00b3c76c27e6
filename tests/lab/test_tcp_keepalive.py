# SPDX-License-Identifier: Apache-2.0
"""TCP keep-alive with MySQL, whose drivers have no parameter for it: as the socket has it."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from aurora_lab import Cluster

from async_help import off_loop, run
from aws_advanced_python_wrapper import _engine, errors
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper.aio import mysql_connector as aio_face

_WANTED = {"tcp_keepalive_time": 31, "tcp_keepalive_interval": 7, "tcp_keepalive_probes": 4}
_OBEYED = (True, 31, 7, 4)
_PLUGINS = pytest.mark.parametrize("plugins", ["failover,host_monitoring", ""])
_BUILDS = pytest.mark.parametrize("use_pure", [True, False], ids=["pure", "c"])


def options(number: int) -> tuple[bool, int, int, int]:
    """Whether a socket sends keep-alive probes; after how long, how often, how many."""
    numbers = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    with socket.socket(fileno=os.dup(number)) as sock:
        on = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        idle, interval, probes = (sock.getsockopt(socket.IPPROTO_TCP, one) for one in numbers)
    return on, idle, interval, probes


def default_numbers() -> tuple[int, int, int]:
    with socket.socket() as sock:
        return options(sock.fileno())[1:]


def of_link(connection: Any) -> tuple[bool, int, int, int]:
    """The options of a connection's socket, as the driver has it."""
    if hasattr(connection, "_cmysql"):
        number = _engine.connector_socket(connection._cmysql, int(connection.server_port))
        assert number is not None
        return options(number)
    writer = getattr(connection._socket, "_writer", None)  # of asyncio
    sock = writer.get_extra_info("socket") if writer else connection._socket.sock
    return options(sock.fileno())


def ask(connection: Any, sql: str) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(sql)
    return list(cursor.fetchall())


@_BUILDS
@_PLUGINS
def test_tcp_keepalive_is_set_on_the_socket(
    mysql_cluster: Cluster, use_pure: bool, plugins: str
) -> None:
    for wanted in (_WANTED, {"tcp_keepalive": "on", **_WANTED}):
        with face.connect(
            mysql_cluster.dsn(), use_pure=use_pure, plugins=plugins, **wanted
        ) as connection:
            assert of_link(connection) == _OBEYED
            connection.reconnect()
            assert of_link(connection) == _OBEYED


@_BUILDS
def test_tcp_keepalive_is_set_on_the_link_of_a_failover(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    with face.connect(mysql_cluster.dsn(), use_pure=use_pure, **_WANTED) as connection:
        mysql_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            ask(connection, "SELECT 1")
        assert ask(connection, "SELECT @@aurora_server_id") == [(mysql_cluster.truth().writer,)]
        assert of_link(connection) == _OBEYED


@_BUILDS
@_PLUGINS
def test_tcp_keepalive_is_off_if_that_is_wanted(
    mysql_cluster: Cluster, use_pure: bool, plugins: str
) -> None:
    with face.connect(
        mysql_cluster.dsn(), use_pure=use_pure, plugins=plugins, tcp_keepalive=False, **_WANTED
    ) as connection:
        assert of_link(connection) == (False, *default_numbers())


@_BUILDS
def test_tcp_keepalive_of_0_is_the_systems_default(mysql_cluster: Cluster, use_pure: bool) -> None:
    with face.connect(
        mysql_cluster.dsn(), use_pure=use_pure, **dict.fromkeys(_WANTED, 0)
    ) as connection:
        assert of_link(connection) == (True, *default_numbers())


def test_tcp_keepalive_is_the_drivers_own_unless_it_is_given(mysql_cluster: Cluster) -> None:
    with face.connect(mysql_cluster.dsn(), use_pure=True) as connection:
        assert of_link(connection) == (False, *default_numbers())


@_PLUGINS
def test_tcp_keepalive_is_set_under_asyncio(mysql_cluster: Cluster, plugins: str) -> None:
    async def body() -> None:
        # Without TLS the driver for asyncio fails at a server that has none, unless it is told.
        text = f"{mysql_cluster.dsn()} ssl_disabled=true"
        async with await aio_face.connect(text, plugins=plugins, **_WANTED) as connection:
            assert of_link(connection) == _OBEYED
            if not plugins:
                return
            await off_loop(mysql_cluster.failover, how="crash")
            cursor = await connection.cursor()
            with pytest.raises(errors.FailoverSuccessError):
                await cursor.execute("SELECT 1")
            assert of_link(connection) == _OBEYED

    run(body())
