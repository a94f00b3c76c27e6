# SPDX-License-Identifier: Apache-2.0
"""Links over Unix sockets are watched by the way they came."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mysql.connector
import psycopg
import pytest
from aurora_lab import eventually

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import mysql_connector as mysql_face
from aws_advanced_python_wrapper import psycopg as psycopg_face
from aws_advanced_python_wrapper.aio import mysql_connector as aio_mysql_face
from aws_advanced_python_wrapper.aio import psycopg as aio_psycopg_face
from lab_help import Background, counter
from local_servers import LocalMariadb, LocalPostgres, LocalServer

# A host that could not be asked is given up after about a third of a second.
_QUICK = {
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 100,
    "failure_detection_count": 2,
    "suspect_after_ms": 100,
}

Run = Callable[[LocalServer, dict[str, Any], str], list[Any]]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[LocalServer]:
    with LocalMariadb() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalServer]:
    with LocalPostgres() as server:
        yield server


def by_blocking_build(
    server: LocalServer, arguments: dict[str, Any], sql: str, *, pure: bool
) -> list[Any]:
    with mysql_face.connect(
        user="root", use_pure=pure, **{"unix_socket": str(server.socket), **arguments}
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())


def by_pure_build(server: LocalServer, arguments: dict[str, Any], sql: str) -> list[Any]:
    return by_blocking_build(server, arguments, sql, pure=True)


def by_c_build(server: LocalServer, arguments: dict[str, Any], sql: str) -> list[Any]:
    return by_blocking_build(server, arguments, sql, pure=False)


def by_mysql_aio(server: LocalServer, arguments: dict[str, Any], sql: str) -> list[Any]:
    async def body() -> list[Any]:
        connection = await aio_mysql_face.connect(
            user="root", **{"unix_socket": str(server.socket), **arguments}
        )
        cursor = await connection.cursor()
        await cursor.execute(sql)
        rows = list(await cursor.fetchall())
        await connection.close()
        return rows

    return asyncio.run(body())


def by_psycopg(server: LocalServer, arguments: dict[str, Any], sql: str) -> list[Any]:
    with psycopg_face.connect(
        host=str(server.folder), user="postgres", dbname="postgres", **arguments
    ) as connection:
        return list(connection.execute(sql).fetchall())


def by_psycopg_aio(server: LocalServer, arguments: dict[str, Any], sql: str) -> list[Any]:
    async def body() -> list[Any]:
        async with await aio_psycopg_face.connect(
            host=str(server.folder), user="postgres", dbname="postgres", **arguments
        ) as connection:
            return list(await (await connection.execute(sql)).fetchall())

    return asyncio.run(body())


MYSQL = pytest.mark.parametrize("run", [by_pure_build, by_c_build, by_mysql_aio])
PSYCOPG = pytest.mark.parametrize("run", [by_psycopg, by_psycopg_aio])


def was_asked_where_it_is() -> None:
    """The monitor of the only host was on it, and nowhere else."""
    assert counter("links_opened") >= 1
    assert counter("probes") >= 1
    assert counter("probes_failed") == 0
    assert counter("calls_aborted") == 0
    (cluster,) = aws_advanced_python_wrapper.statistics()["clusters"]
    assert not cluster["refusals"]


@MYSQL
def test_slow_query_over_mysql_socket_runs_to_its_end(mariadb: LocalServer, run: Run) -> None:
    assert run(mariadb, _QUICK, "SELECT SLEEP(1.5)") == [(0,)]
    was_asked_where_it_is()


@PSYCOPG
def test_slow_query_over_postgres_socket_runs_to_its_end(postgres: LocalServer, run: Run) -> None:
    assert run(postgres, _QUICK, "SELECT 1 FROM pg_sleep(1.5)") == [(1,)]
    was_asked_where_it_is()


@MYSQL
def test_tcp_keepalive_is_nothing_for_a_mysql_socket(mariadb: LocalServer, run: Run) -> None:
    for plugins in ("", "host_monitoring"):
        wanted = {"plugins": plugins, "tcp_keepalive": True, "tcp_keepalive_time": 30}
        assert run(mariadb, wanted, "SELECT 1") == [(1,)]


def test_socket_goes_before_a_host_that_is_given_as_well(mariadb: LocalServer) -> None:
    """As in the driver; a name of RDS would be taken for a cluster's otherwise."""
    host = "database.cluster-sock.us-east-1.rds.amazonaws.com"
    rows = by_pure_build(mariadb, {**_QUICK, "host": host}, "SELECT SLEEP(1.5)")
    assert rows == [(0,)]
    was_asked_where_it_is()


def test_relative_path_is_watched_wherever_the_application_goes(
    mariadb: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mariadb.folder)
    connection = mysql_face.connect(
        unix_socket=os.path.relpath(mariadb.socket), user="root", use_pure=True, **_QUICK
    )
    monkeypatch.chdir(tmp_path)
    cursor = connection.cursor()
    cursor.execute("SELECT SLEEP(1.5)")
    assert cursor.fetchall() == [(0,)]
    was_asked_where_it_is()
    connection.close()


@pytest.mark.parametrize("run", [by_pure_build, by_c_build])
def test_frozen_mysql_is_noticed_over_its_socket(run: Run) -> None:
    with LocalMariadb() as server:
        call = Background(lambda: run(server, _QUICK, "SELECT SLEEP(600)"))
        eventually(lambda: counter("probes") > 0, within=10)
        server.freeze()
        assert isinstance(call.raised(), mysql.connector.Error)
        assert counter("calls_aborted") == 1


def test_frozen_postgres_is_noticed_over_its_socket() -> None:
    with LocalPostgres() as server:
        call = Background(lambda: by_psycopg(server, _QUICK, "SELECT pg_sleep(600)"))
        eventually(lambda: counter("probes") > 0, within=10)
        server.freeze()
        assert isinstance(call.raised(), psycopg.OperationalError)
        assert counter("calls_aborted") == 1
