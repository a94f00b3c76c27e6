# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's connections under asyncio: what survives, and what a cancellation leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import mysql.connector
import pytest
import uvloop
from aurora_lab import Cluster
from mysql.connector import aio as driver

from async_help import nothing_is_left, off_loop, run, until
from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from aws_advanced_python_wrapper.aio import mysql_connector as face


def text_of(cluster: Cluster, endpoint: str | None = None) -> str:
    # Without TLS the driver for asyncio fails at a server that has none, unless it is told.
    return f"{cluster.dsn(endpoint)} ssl_disabled=true"


async def rows(connection: Any, sql: str) -> list[Any]:
    cursor = await connection.cursor()
    await cursor.execute(sql)
    found = await cursor.fetchall()
    await cursor.close()
    return list(found)


async def where(connection: Any) -> str:
    return str((await rows(connection, "SELECT @@aurora_server_id"))[0][0])


def sleeps(cluster: Cluster, seconds: int) -> Callable[[], bool]:
    """A condition: some server of the cluster runs SELECT SLEEP(seconds)."""

    def check() -> bool:
        writer = cluster.writer
        with mysql.connector.connect(
            host=cluster.writer_endpoint,
            port=writer.port,
            user=cluster.user,
            password=cluster.password,
        ) as observer:
            cursor = observer.cursor()
            cursor.execute(
                "SELECT count(*) FROM information_schema.processlist WHERE info = %s",
                (f"SELECT SLEEP({seconds})",),
            )
            return bool(cursor.fetchone()[0])

    return check


def test_connection_is_the_drivers_and_ours(mysql_cluster: Cluster) -> None:
    class Mine(driver.MySQLConnection):
        pass

    async def body() -> None:
        text = f"{text_of(mysql_cluster)} autocommit=true connection_timeout=7"
        for opening in (
            face.connect(text),
            AsyncAwsWrapperConnection.connect(driver.connect, text, plugins="failover"),
            AsyncAwsWrapperConnection.connect(driver.MySQLConnection, text),
            AsyncAwsWrapperConnection.connect(Mine, text),
        ):
            async with await opening as connection:
                assert isinstance(connection, driver.MySQLConnection)
                assert isinstance(connection, AsyncAwsWrapperConnection)
                assert connection.current_host == await where(connection)
                assert await connection.get_autocommit()
                assert await connection.is_connected()
                assert not connection.is_closed
            assert connection.is_closed
            assert not await connection.is_connected()
        assert isinstance(connection, Mine)

    run(body())


def test_connection_object_opens_when_it_is_entered(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        async with face.MySQLConnection(text_of(mysql_cluster)) as connection:
            assert await where(connection) == mysql_cluster.writer.id
            await connection.reconnect()
            assert await where(connection) == mysql_cluster.writer.id

    run(body())


def test_what_is_not_possible_is_refused_before_anything_is_sent() -> None:
    async def body() -> None:
        for arguments, text in (
            ({"failover_timeout_sec": "soon"}, "failover_timeout_sec"),
            ({"plugins": "failover,iam"}, "there are: execute_time"),
            ({"pool_name": "pool"}, "pool_name is not supported"),
            ({"dns_srv": True}, "dns_srv is not supported"),
        ):
            with pytest.raises(face.Error, match=text):
                await face.connect(host="127.0.0.1", port=1, **arguments)  # type: ignore[arg-type]
        for conninfo, text in (("port=first", "port.*whole number"), ("autocommit=so", "true")):
            with pytest.raises(face.AwsWrapperError, match=text):
                await face.connect(f"host=127.0.0.1 {conninfo}")
        with pytest.raises(TypeError, match=r"'plugs' \(did you mean \"plugins\"\?\)"):
            await face.connect(host="127.0.0.1", port=1, plugs="")
        for target in (driver.connect, driver.MySQLConnection):
            with pytest.raises(errors.UnsupportedOperationError, match="AsyncAwsWrapperConnection"):
                AwsWrapperConnection.connect(target, "host=127.0.0.1 port=1")
        with pytest.raises(errors.UnsupportedOperationError, match=r"mysql\.connector\.aio"):
            await AsyncAwsWrapperConnection.connect(mysql.connector.connect)
        for plugins in ("", "failover"):  # what the loop raises, as it is
            with pytest.raises(ConnectionRefusedError):
                await face.connect(host="127.0.0.1", port=1, plugins=plugins)
        with pytest.raises(AttributeError):
            _ = face.MySQLConnectionPool

    run(body())


async def survive(cluster: Cluster, how: str) -> None:
    async with await face.connect(text_of(cluster)) as connection:
        await connection.set_autocommit(True)
        await connection.set_time_zone("+03:00")
        cursor = await connection.cursor(prepared=True)
        await cursor.execute("SELECT @@aurora_server_id, %s", (1,))
        assert (await cursor.fetchall())[0][0] == cluster.writer.id
        call = asyncio.create_task(rows(connection, "SELECT SLEEP(30)"))
        await until(sleeps(cluster, 30))
        await off_loop(cluster.failover, how=how)
        with pytest.raises(errors.FailoverSuccessError) as caught:
            await call
        assert isinstance(caught.value, mysql.connector.OperationalError)
        assert isinstance(caught.value.__cause__, mysql.connector.Error)
        new = cluster.truth().writer
        await cursor.execute("SELECT @@aurora_server_id, %s", (2,))
        assert await cursor.fetchall() == [(new, 2)]
        assert connection.current_host == new
        assert await rows(connection, "SELECT @@autocommit, @@time_zone") == [(1, "+03:00")]


@pytest.mark.parametrize("how", ["crash", "freeze", "planned"])
def test_lost_writer_is_replaced(mysql_cluster: Cluster, how: str) -> None:
    run(survive(mysql_cluster, how))


def test_lost_writer_is_replaced_on_uvloop(mysql_cluster: Cluster) -> None:
    loop = uvloop.new_event_loop()
    loop.run_until_complete(asyncio.wait_for(survive(mysql_cluster, "crash"), 60))
    loop.close()


def test_lost_writer_is_replaced_over_tls(mysql_tls_cluster: Cluster) -> None:
    cluster = mysql_tls_cluster

    async def body() -> None:
        async with await face.connect(cluster.dsn(), autocommit=True) as connection:
            assert connection.is_secure
            await off_loop(cluster.failover, how="crash")
            with pytest.raises(errors.FailoverSuccessError):
                await where(connection)
            assert await where(connection) == cluster.truth().writer

    run(body())


def test_ping_that_reconnects_moves_the_connection_with_what_was_set(
    mysql_cluster: Cluster,
) -> None:
    async def work() -> None:
        connection = await face.connect(text_of(mysql_cluster), autocommit=True)
        await connection.cmd_query("SET SESSION sql_mode = 'ANSI'")
        await off_loop(mysql_cluster.failover, how="crash")
        await connection.ping(reconnect=True)
        assert connection.current_host == mysql_cluster.writer.id
        await connection.reconnect()
        assert "ANSI" in (await rows(connection, "SELECT @@session.sql_mode"))[0][0]
        await connection.close()

    run(work())


def test_open_transaction_is_told(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(text_of(mysql_cluster)) as connection:
            await connection.start_transaction()
            await rows(connection, "SELECT 1")
            await off_loop(mysql_cluster.failover, how="crash")
            with pytest.raises(errors.TransactionResolutionUnknownError):
                await connection.commit()
            assert await where(connection) == mysql_cluster.truth().writer

    run(body())


def test_first_statement_with_parameters_hears_of_the_failover(mysql_cluster: Cluster) -> None:
    """Before it the driver asks for the SQL mode, and makes another error of what that raises."""

    async def body() -> None:
        async with await face.connect(text_of(mysql_cluster), autocommit=True) as connection:
            cursor = await connection.cursor()
            await off_loop(mysql_cluster.failover, how="crash")
            with pytest.raises(errors.FailoverSuccessError):
                await cursor.execute("SELECT %s", [1])
            await cursor.execute("SELECT %s", [2])
            assert await cursor.fetchall() == [(2,)]

    run(body())


def test_failovers_leave_no_sockets(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(text_of(mysql_cluster), autocommit=True) as connection:
            for _ in range(5):
                await off_loop(mysql_cluster.failover, how="planned")
                with pytest.raises(errors.FailoverSuccessError):
                    await where(connection)
                assert await where(connection) == mysql_cluster.truth().writer
        await nothing_is_left()

    run(body())


def test_several_statements_are_watched(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(text_of(mysql_cluster), autocommit=True) as connection:
            seen = []
            async for result in connection.cmd_query_iter("SELECT 1; SET @a = 2; SELECT @a"):
                if "columns" in result:
                    seen.append((await connection.get_rows())[0])
            assert len(seen) == 2
            call = asyncio.create_task(
                anext(connection.cmd_query_iter("SELECT SLEEP(31); SELECT 1"))
            )
            await until(sleeps(mysql_cluster, 31))
            await off_loop(mysql_cluster.failover, how="crash")
            with pytest.raises(errors.FailoverSuccessError):
                await call

    run(body())


def test_socket_timeout_and_frozen_server_are_bounded(mysql_gated_cluster: Cluster) -> None:
    cluster = mysql_gated_cluster

    async def body() -> None:
        connection = await face.connect(text_of(cluster), plugins="", socket_timeout=0.3)
        with pytest.raises(errors.QueryTimeoutError):
            await rows(connection, "SELECT SLEEP(30)")
        await connection.close()
        connection = await face.connect(text_of(cluster), plugins="", socket_timeout=0.5)
        cluster.gate(cluster.writer.id).freeze()
        assert not await connection.is_connected()
        await connection.close()
        for plugins in ("", "host_monitoring"):
            with pytest.raises(mysql.connector.errors.ConnectionTimeoutError):
                await face.connect(text_of(cluster), plugins=plugins, connection_timeout=1)

    run(body())


def test_cancelled_statement_closes_the_connection(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        connection = await face.connect(text_of(mysql_cluster))
        call = asyncio.create_task(rows(connection, "SELECT SLEEP(32)"))
        await until(sleeps(mysql_cluster, 32))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert connection.failover_report is None
        assert connection.is_closed
        with pytest.raises(mysql.connector.OperationalError, match="not available"):
            await where(connection)
        await connection.connect()
        assert await where(connection) == mysql_cluster.writer.id
        await connection.close()
        await nothing_is_left()

    run(body())


async def cancel(task: Awaitable[Any], within: float) -> None:
    started = asyncio.ensure_future(task)
    done, _ = await asyncio.wait([started], timeout=within)
    assert not done
    started.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started


def test_cancelled_connect_and_failover_leave_nothing(mysql_cluster: Cluster) -> None:
    async def body() -> None:
        connection = await face.connect(text_of(mysql_cluster), autocommit=True)
        await off_loop(mysql_cluster.crash, mysql_cluster.writer.id)  # nobody is promoted
        await cancel(where(connection), 0.5)
        assert connection.is_closed
        assert connection.current_host is None
        reader = mysql_cluster.reader_endpoint
        for instance in mysql_cluster.instances.values():
            if instance.state == "up":
                await off_loop(mysql_cluster.freeze, instance.id)
        await cancel(face.connect(text_of(mysql_cluster, reader)), 0.3)
        await nothing_is_left()

    run(body())
