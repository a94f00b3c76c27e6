# SPDX-License-Identifier: Apache-2.0
"""The pools in which the connections of a program lie idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any

import psycopg_pool
import sqlalchemy as sa
from aurora_lab import Cluster
from sqlalchemy.ext.asyncio import create_async_engine

from aws_advanced_python_wrapper import mysql_connector
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as async_face

IDENTIFIER = {
    "pg": "SELECT pg_catalog.aurora_db_instance_identifier()",
    "mysql": "SELECT @@aurora_server_id",
}


class Idle:
    """Some connections to a cluster's writer endpoint, all of them idle."""

    def __init__(self, cluster: Cluster, count: int, **same_way: Any) -> None:
        self.cluster = cluster
        self.count = count
        self.stack = ExitStack()
        self.same_way = same_way

    def open_one(self, endpoint: str) -> Any:
        """A connection to another host, by the same build of the driver; not one of the idle."""
        connect = mysql_connector.connect if self.cluster.engine == "mysql" else face.connect
        return connect(self.cluster.dsn(endpoint), **self.same_way)

    def check_out_all(self) -> list[str]:
        """Have all in hand at once, ask each server who it is, and give them back."""
        raise NotImplementedError

    def close(self) -> None:
        self.stack.close()


class PsycopgPool(Idle):
    def __init__(self, cluster: Cluster, count: int) -> None:
        super().__init__(cluster, count)
        self._pool = psycopg_pool.ConnectionPool(
            cluster.dsn(),
            connection_class=face.PsycopgConnection,
            min_size=count,
            open=True,
        )
        self.stack.callback(self._pool.close)
        self._pool.wait(60)

    def check_out_all(self) -> list[str]:
        with ExitStack() as stack:
            taken = [stack.enter_context(self._pool.connection()) for _ in range(self.count)]
            return [_ask(connection, self.cluster) for connection in taken]


class MySqlPool(Idle):
    def __init__(self, cluster: Cluster, count: int, **options: Any) -> None:
        super().__init__(cluster, count, **options)
        self._pool = mysql_connector.MySQLConnectionPool(
            pool_name=f"idle{id(self)}",
            pool_size=count,
            host=cluster.writer_endpoint,
            port=cluster.port,
            user=cluster.user,
            password=cluster.password,
            **options,
        )

    def check_out_all(self) -> list[str]:
        with ExitStack() as stack:
            taken = []
            for _ in range(self.count):
                taken.append(self._pool.get_connection())
                stack.callback(taken[-1].close)
            return [_ask(connection, self.cluster) for connection in taken]

    def close(self) -> None:
        self._pool._remove_connections()
        super().close()


class SqlAlchemyPool(Idle):
    def __init__(self, cluster: Cluster, count: int, **query: str) -> None:
        super().__init__(cluster, count, **query)
        dialect = {
            "pg": "postgresql+aws_wrapper_psycopg",
            "mysql": "mysql+aws_wrapper_mysqlconnector",
        }[cluster.engine]
        self._engine = sa.create_engine(_url(cluster, dialect, query), pool_size=count)
        self.stack.callback(self._engine.dispose)
        self.check_out_all()

    def check_out_all(self) -> list[str]:
        with ExitStack() as stack:
            taken = [stack.enter_context(self._engine.connect()) for _ in range(self.count)]
            asked = sa.text(IDENTIFIER[self.cluster.engine])
            return [str(connection.execute(asked).scalar_one()) for connection in taken]


class _Awaited(Idle):
    """What is used on an event loop of its own."""

    def __init__(self, cluster: Cluster, count: int) -> None:
        super().__init__(cluster, count)
        self._loop = asyncio.new_event_loop()
        self.stack.callback(self._loop.close)
        self.stack.callback(lambda: self._run(self.close_pool()))
        self._run(self.open_pool())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, 60))

    def check_out_all(self) -> list[str]:
        async def all_at_once() -> list[str]:
            async with AsyncExitStack() as stack:
                taken = [await self.check_out(stack) for _ in range(self.count)]
                return [await self.ask(connection) for connection in taken]

        found: list[str] = self._run(all_at_once())
        return found

    async def open_pool(self) -> None:
        raise NotImplementedError

    async def close_pool(self) -> None:
        raise NotImplementedError

    async def check_out(self, stack: AsyncExitStack) -> Any:
        raise NotImplementedError

    async def ask(self, connection: Any) -> str:
        raise NotImplementedError


class AsyncPsycopgPool(_Awaited):
    async def open_pool(self) -> None:
        self._pool: Any = psycopg_pool.AsyncConnectionPool(
            self.cluster.dsn(),
            connection_class=async_face.AsyncPsycopgConnection,
            min_size=self.count,
            open=False,
        )
        await self._pool.open(wait=True, timeout=60)

    async def close_pool(self) -> None:
        await self._pool.close()

    async def check_out(self, stack: AsyncExitStack) -> Any:
        return await stack.enter_async_context(self._pool.connection())

    async def ask(self, connection: Any) -> str:
        cursor = await connection.execute(IDENTIFIER["pg"])
        return str((await cursor.fetchone())[0])


class AsyncSqlAlchemyPool(_Awaited):
    async def open_pool(self) -> None:
        url = _url(self.cluster, "postgresql+aws_wrapper_psycopg", {})
        self._engine = create_async_engine(url, pool_size=self.count)
        async with AsyncExitStack() as stack:
            for _ in range(self.count):
                await self.check_out(stack)

    async def close_pool(self) -> None:
        await self._engine.dispose()

    async def check_out(self, stack: AsyncExitStack) -> Any:
        return await stack.enter_async_context(self._engine.connect())

    async def ask(self, connection: Any) -> str:
        return str((await connection.execute(sa.text(IDENTIFIER["pg"]))).scalar_one())


def _url(cluster: Cluster, dialect: str, query: dict[str, str]) -> sa.URL:
    return sa.URL.create(
        dialect,
        username=cluster.user,
        password=cluster.password,
        host=cluster.writer_endpoint,
        database=cluster.database,
        query=query,
    )


def _ask(connection: Any, cluster: Cluster) -> str:
    cursor = connection.cursor()
    cursor.execute(IDENTIFIER[cluster.engine])
    found = str(cursor.fetchone()[0])
    cursor.close()
    return found


POOLS: dict[str, tuple[str, Callable[[Cluster, int], Idle]]] = {
    "psycopg_pool": ("pg", PsycopgPool),
    "psycopg-sqlalchemy": ("pg", SqlAlchemyPool),
    "asyncio-psycopg_pool": ("pg", AsyncPsycopgPool),
    "asyncio-sqlalchemy": ("pg", AsyncSqlAlchemyPool),
    "mysql-pool-pure": ("mysql", partial(MySqlPool, use_pure=True)),
    "mysql-pool-C": ("mysql", partial(MySqlPool, use_pure=False)),
    "mysql-sqlalchemy-pure": ("mysql", partial(SqlAlchemyPool, use_pure="true")),
    "mysql-sqlalchemy-C": ("mysql", partial(SqlAlchemyPool, use_pure="false")),
}
"""By name: the kind of the cluster, and what opens connections to it that lie idle."""
