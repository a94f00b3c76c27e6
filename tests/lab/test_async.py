# SPDX-License-Identifier: Apache-2.0
"""psycopg's connections under asyncio: what survives, and what a cancellation leaves."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import psycopg
import pytest
import uvloop
from aurora_lab import Cluster
from psycopg_pool import AsyncConnectionPool

from async_help import connected_sockets, nothing_is_left, off_loop, run, until
from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from aws_advanced_python_wrapper.aio import (
    AsyncAwsWrapperConnection,
    register_shutdown_hook,
    release_resources_async,
)
from aws_advanced_python_wrapper.aio import psycopg as face
from lab_help import busy, engine_threads

IDENTIFIER = "SELECT pg_catalog.aurora_db_instance_identifier()"


async def where(connection: Any) -> str:
    cursor = await connection.execute(IDENTIFIER)
    row = await cursor.fetchone()
    return str(row[0])


def test_connection_is_the_drivers_and_ours(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        for opening in (
            face.connect(aurora_cluster.dsn()),
            AsyncAwsWrapperConnection.connect(
                psycopg.AsyncConnection.connect, aurora_cluster.dsn(), plugins="failover"
            ),
        ):
            async with await opening as connection:
                assert isinstance(connection, psycopg.AsyncConnection)
                assert isinstance(connection, AsyncAwsWrapperConnection)
                assert isinstance(connection, AwsWrapperConnection)
                assert connection.current_host == await where(connection)
            assert connection.is_closed
        assert 1 <= engine_threads() <= 2
        await release_resources_async()
        assert engine_threads() == 0

    run(body())


def test_shutdown_hooks_are_awaited_once_even_if_one_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    called: list[str] = []

    async def hook() -> None:
        called.append("hook")

    async def failing_hook() -> None:
        raise OSError("it is gone")

    async def body() -> None:
        register_shutdown_hook(failing_hook)
        register_shutdown_hook(hook)
        await release_resources_async()
        await release_resources_async()

    run(body())
    assert called == ["hook"]
    assert "failing_hook" in caplog.text
    assert "it is gone" in caplog.text


def test_targets_that_are_not_possible_are_refused() -> None:
    async def body() -> None:
        for target in (None, 1, psycopg.Connection.connect):
            with pytest.raises(errors.UnsupportedOperationError, match=r"psycopg\.AsyncConnection"):
                await AsyncAwsWrapperConnection.connect(target)
        with pytest.raises(errors.AwsWrapperError, match="failover_timeout_sec"):
            await face.connect("host=127.0.0.1", failover_timeout_sec="soon")
        with pytest.raises(psycopg.OperationalError):
            await face.connect("host=127.0.0.1 port=1")

    run(body())


@pytest.mark.parametrize("how", ["crash", "freeze", "planned"])
def test_lost_writer_is_replaced(aurora_cluster: Cluster, how: str) -> None:
    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            cursor = await connection.execute(IDENTIFIER)
            await connection.set_isolation_level(psycopg.IsolationLevel.SERIALIZABLE)
            await connection.execute("SET TimeZone = 'Asia/Tokyo'")
            call = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
            await until(busy(aurora_cluster, "pg_sleep(30)"))
            await off_loop(aurora_cluster.failover, how=how)
            with pytest.raises(errors.FailoverSuccessError) as caught:
                await call
            assert isinstance(caught.value, face.FailoverSuccessError)
            assert isinstance(caught.value.__cause__, psycopg.OperationalError)
            await cursor.execute(IDENTIFIER)
            assert await cursor.fetchone() == (aurora_cluster.truth().writer,)
            shown = await connection.execute("SHOW TimeZone")
            assert await shown.fetchone() == ("Asia/Tokyo",)
            assert connection.isolation_level is psycopg.IsolationLevel.SERIALIZABLE

    run(body())


def test_open_transaction_is_told(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn()) as connection:

            async def transaction() -> None:
                async with connection.transaction():
                    await connection.execute("SELECT 1")
                    await off_loop(aurora_cluster.failover, how="crash")
                    await connection.execute("SELECT 1")

            with pytest.raises(errors.TransactionResolutionUnknownError):
                await transaction()
            assert await where(connection) == aurora_cluster.truth().writer

    run(body())


def test_block_that_caught_the_failover_can_do_no_more(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:

            async def transaction() -> None:
                async with connection.transaction():
                    await connection.execute("SET TimeZone = 'Asia/Seoul'")
                    await off_loop(aurora_cluster.failover, how="crash")
                    for _ in range(2):
                        with pytest.raises(errors.TransactionResolutionUnknownError):
                            await connection.execute("SELECT 1")

            with pytest.raises(errors.TransactionResolutionUnknownError):
                await transaction()
            assert await where(connection) == aurora_cluster.truth().writer
            assert connection.info.parameter_status("TimeZone") != "Asia/Seoul"

    run(body())


def test_block_that_is_cancelled_while_its_server_dies_closes_the_connection(
    aurora_cluster: Cluster,
) -> None:
    async def body() -> None:
        connection = await face.connect(aurora_cluster.dsn(), autocommit=True)
        begun = asyncio.Event()

        async def transaction() -> None:
            async with connection.transaction():
                await connection.execute("SELECT 1")
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(transaction())
        await begun.wait()
        await off_loop(aurora_cluster.failover, how="crash")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError, match="the connection is lost"):
                async with connection.transaction():
                    pass
        assert connection.closed
        await connection.close()

    run(body())


def test_failed_failover_closes_the_connection(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        connection = await face.connect(aurora_cluster.dsn(), failover_timeout_sec=1)
        for instance in aurora_cluster.instances.values():
            await off_loop(aurora_cluster.crash, instance.id)
        with pytest.raises(errors.FailoverFailedError):
            await where(connection)
        assert connection.closed

    run(body())


def test_error_of_the_server_is_the_drivers_own(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.DivisionByZero) as caught:
                await connection.execute("SELECT 1/0")
            assert type(caught.value) is psycopg.errors.DivisionByZero
            assert await where(connection) == aurora_cluster.writer.id

    run(body())


def test_cancelled_statement_is_no_failover(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            call = asyncio.create_task(connection.execute("SELECT pg_sleep(31)"))
            await until(busy(aurora_cluster, "pg_sleep(31)"))
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert connection.failover_report is None
            assert await where(connection) == aurora_cluster.writer.id

    run(body())


def test_cancelled_failover_closes_the_connection(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        connection = await face.connect(aurora_cluster.dsn(), autocommit=True)
        await off_loop(aurora_cluster.crash, aurora_cluster.writer.id)  # nobody is promoted
        call = asyncio.create_task(where(connection))
        done, _ = await asyncio.wait([call], timeout=0.2)
        assert not done
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert connection.closed
        assert connection.current_host is None
        with pytest.raises(psycopg.OperationalError, match="closed"):
            await where(connection)

    run(body())


def test_cancelled_connect_leaves_nothing(aurora_cluster: Cluster) -> None:
    async def cancelled(connect: Callable[[str], Coroutine[Any, Any, Any]]) -> None:
        opening = asyncio.create_task(connect(aurora_cluster.dsn()))
        done, _ = await asyncio.wait([opening], timeout=0.2)
        assert not done
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    async def body() -> None:
        # Nothing may wait for a collection: a link would stay open until it comes.
        gc.collect()
        gc.disable()
        before = connected_sockets()
        await off_loop(aurora_cluster.freeze, aurora_cluster.writer.id)
        # psycopg 3.2.1 leaves a socket to the collection by itself.
        await cancelled(psycopg.AsyncConnection.connect)
        left_by_driver = connected_sockets() - before
        await cancelled(face.connect)
        await nothing_is_left(before + 2 * left_by_driver)

    try:
        run(body())
    finally:
        gc.enable()


def test_pool_of_the_driver_lives_through_a_failover(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with AsyncConnectionPool(
            aurora_cluster.dsn(),
            connection_class=face.AsyncConnection,
            kwargs={"autocommit": True},
            min_size=3,
            max_size=3,
            open=False,
        ) as pool:
            await pool.wait(10)
            async with pool.connection() as connection:
                assert await where(connection) == aurora_cluster.writer.id
            await off_loop(aurora_cluster.failover, how="crash")

            async def work() -> str:
                while True:
                    try:
                        async with pool.connection() as connection:
                            return await where(connection)
                    except errors.FailoverSuccessError:
                        continue

            places = await asyncio.gather(*(work() for _ in range(20)))
            assert set(places) == {aurora_cluster.truth().writer}

    run(body())


def test_each_loop_of_a_process_has_its_connections(aurora_cluster: Cluster) -> None:
    seen: list[str] = []
    both = threading.Barrier(3)

    async def body() -> None:
        async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            await where(connection)
            await off_loop(both.wait, 30)
            await off_loop(both.wait, 30)
            with pytest.raises(errors.FailoverSuccessError):
                await where(connection)
            seen.append(await where(connection))

    threads = [threading.Thread(target=run, args=(body(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait(30)
    aurora_cluster.failover(how="crash")
    both.wait(30)
    for thread in threads:
        thread.join(60)
    assert seen == [aurora_cluster.truth().writer] * 2


def on_uvloop(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = uvloop.new_event_loop()
    loop.run_until_complete(body())
    loop.close()


@pytest.mark.parametrize("start", [on_uvloop, anyio.run])
def test_loops_of_others_cancel_and_fail_over_the_same(
    aurora_cluster: Cluster, start: Callable[[Callable[[], Any]], None]
) -> None:
    async def body() -> None:
        with anyio.fail_after(60):
            connection = await face.connect(aurora_cluster.dsn(), autocommit=True)
            with anyio.move_on_after(0.2) as scope:
                await connection.execute("SELECT pg_sleep(32)")
            assert scope.cancelled_caught
            assert connection.failover_report is None
            # anyio cancels again and again: psycopg can't ask the server for an end.
            connection.invalidate()
            async with await face.connect(aurora_cluster.dsn(), autocommit=True) as connection:

                async def told() -> None:
                    with pytest.raises(errors.FailoverSuccessError):
                        await connection.execute("SELECT pg_sleep(33)")

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(told)
                    await until(busy(aurora_cluster, "pg_sleep(33)"))
                    await off_loop(aurora_cluster.failover, how="crash")
                assert await where(connection) == aurora_cluster.truth().writer

    start(body)
