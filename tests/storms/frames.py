# SPDX-License-Identifier: Apache-2.0
"""What random programs run in: the drivers, and what their users put on them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django.db
import mysql.connector
import psycopg
import psycopg_pool
import sqlalchemy as sa
from aurora_lab import Cluster
from sqlalchemy import orm
from sqlalchemy.ext import asyncio as sa_asyncio

from aws_advanced_python_wrapper import mysql_connector
from aws_advanced_python_wrapper.aio import mysql_connector as aio_mysql_connector
from aws_advanced_python_wrapper.aio import psycopg as aio_psycopg
from aws_advanced_python_wrapper.aio import release_resources_async
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from django_help import BACKEND, database
from half_programs import Frame, PlannedEnd

INSERT = "INSERT INTO halves VALUES ({})"
READ = "SELECT count(*) FROM halves"
_names = (f"part_{number}" for number in itertools.count(1))


class _Psycopg:
    """A connection of psycopg, by commit() and rollback()."""

    errors: type[Exception] = psycopg.Error
    autocommit = False

    def __init__(self, cluster: Cluster) -> None:
        self.connection = PsycopgConnection.connect(cluster.dsn(), autocommit=self.autocommit)

    @contextmanager
    def unit(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    @contextmanager
    def part(self) -> Iterator[None]:
        if self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self.read(raw=False)  # or the block would be the whole transaction
        with self._block():
            yield

    def _block(self) -> Any:
        return self.connection.transaction()

    def write(self, row: int, raw: bool) -> None:
        if raw:
            self.connection.cursor().executemany("INSERT INTO halves VALUES (%s)", [(row,)])
        else:
            self.connection.execute(INSERT.format(row))

    def read(self, raw: bool) -> None:
        self.connection.execute(READ, prepare=raw).fetchall()

    def backend(self) -> int | None:
        return None if self.connection.closed else self.connection.info.backend_pid

    def close(self) -> None:
        self.connection.close()


class _PsycopgBySavepoint(_Psycopg):
    """The same; parts by SQL, whose errors the program doesn't answer by ROLLBACK TO alone."""

    @contextmanager
    def part(self) -> Iterator[None]:
        name = next(_names)
        self.connection.execute(f"SAVEPOINT {name}")
        try:
            yield
            self.connection.execute(f"RELEASE {name}")
        except BaseException:
            self.connection.execute(f"ROLLBACK TO {name}")
            raise


class _PsycopgBySql(_PsycopgBySavepoint):
    """A connection that commits by itself; transactions by SQL."""

    autocommit = True

    @contextmanager
    def unit(self) -> Iterator[None]:
        self.connection.execute("/* by SQL */ BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("-- the end\nCOMMIT")


class _PsycopgBlocks(_Psycopg):
    """Blocks."""

    autocommit = True

    def unit(self) -> Any:
        return self.connection.transaction()


class _PsycopgWith(_Psycopg):
    """A connection for each transaction, by "with"."""

    def __init__(self, cluster: Cluster) -> None:
        self._dsn = cluster.dsn()
        super().__init__(cluster)

    @contextmanager
    def unit(self) -> Iterator[None]:
        self.connection.close()
        with PsycopgConnection.connect(self._dsn) as self.connection:
            yield


class _PsycopgPool(_Psycopg):
    """A pool of psycopg's."""

    def __init__(self, cluster: Cluster) -> None:
        self._pool = psycopg_pool.ConnectionPool(
            cluster.dsn(),
            connection_class=PsycopgConnection,
            min_size=1,
            max_size=1,
            open=True,
        )

    @contextmanager
    def unit(self) -> Iterator[None]:
        with self._pool.connection() as self.connection:
            yield

    def close(self) -> None:
        self._pool.close()


class _Loop:
    """An event loop that waits for one thing at a time."""

    def __init__(self) -> None:
        self._runner = asyncio.new_event_loop()

    def wait(self, awaitable: Any) -> Any:
        return self._runner.run_until_complete(awaitable)

    @contextmanager
    def within(self, block: Any) -> Iterator[Any]:
        stack = contextlib.AsyncExitStack()
        self.wait(stack.__aenter__())
        entered = self.wait(stack.enter_async_context(block))
        try:
            yield entered
        except BaseException as error:
            if not self.wait(stack.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self.wait(stack.__aexit__(None, None, None))

    def close(self) -> None:
        self.wait(release_resources_async())
        self._runner.close()


class _PsycopgAsync(_Psycopg):
    """psycopg's connection for asyncio."""

    def __init__(self, cluster: Cluster) -> None:
        self._loop = _Loop()
        self.connection = self._loop.wait(aio_psycopg.connect(cluster.dsn()))

    @contextmanager
    def unit(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._loop.wait(self.connection.rollback())
            raise
        self._loop.wait(self.connection.commit())

    def _block(self) -> Any:
        return self._loop.within(self.connection.transaction())

    def write(self, row: int, raw: bool) -> None:
        if raw:
            cursor = self.connection.cursor()
            self._loop.wait(cursor.executemany("INSERT INTO halves VALUES (%s)", [(row,)]))
        else:
            self._loop.wait(self.connection.execute(INSERT.format(row)))

    def read(self, raw: bool) -> None:
        self._loop.wait(self.connection.execute(READ, prepare=raw))

    def close(self) -> None:
        self._loop.wait(self.connection.close())
        self._loop.close()


class _MySql:
    """A connection of mysql-connector, by commit() and rollback()."""

    errors: type[Exception] = mysql.connector.Error
    use_pure = True
    autocommit = False

    def __init__(self, cluster: Cluster) -> None:
        self.connection = mysql_connector.connect(
            cluster.dsn(), use_pure=self.use_pure, autocommit=self.autocommit
        )

    def run(self, sql: str, raw: bool = False) -> None:
        cursor = self.connection.cursor(prepared=True) if raw else self.connection.cursor()
        cursor.execute(sql)
        if cursor.description:
            cursor.fetchall()
        cursor.close()

    @contextmanager
    def unit(self) -> Iterator[None]:
        if self.autocommit:
            self.connection.start_transaction()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    @contextmanager
    def part(self) -> Iterator[None]:
        name = next(_names)
        self.run(f"SAVEPOINT {name}")
        try:
            yield
            self.run(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            self.run(f"ROLLBACK TO SAVEPOINT {name}")
            raise

    def write(self, row: int, raw: bool) -> None:
        self.run(INSERT.format(row), raw)

    def read(self, raw: bool) -> None:
        self.run(READ, raw)

    def backend(self) -> int | None:
        return None if self.connection.closed else int(self.connection.connection_id)

    def close(self) -> None:
        self.connection.close()


class _MySqlPureByMethod(_MySql):
    autocommit = True


class _MySqlC(_MySql):
    use_pure = False


class _MySqlCBySql(_MySqlC):
    """A connection that commits by itself; transactions by SQL."""

    autocommit = True

    @contextmanager
    def unit(self) -> Iterator[None]:
        self.run("begin")
        try:
            yield
        except BaseException:
            self.run("rollback")
            raise
        self.run("/* the end */ commit")


class _MySqlAsync(_MySql):
    """mysql-connector's connection for asyncio."""

    def __init__(self, cluster: Cluster) -> None:
        self._loop = _Loop()
        self.connection = self._loop.wait(
            aio_mysql_connector.connect(cluster.dsn(), ssl_disabled=True)
        )

    def run(self, sql: str, raw: bool = False) -> None:
        self._loop.wait(self._run(sql, raw))

    async def _run(self, sql: str, raw: bool) -> None:
        cursor = await self.connection.cursor(prepared=raw)
        await cursor.execute(sql)
        if cursor.description:
            await cursor.fetchall()
        await cursor.close()

    @contextmanager
    def unit(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._loop.wait(self.connection.rollback())
            raise
        self._loop.wait(self.connection.commit())

    def close(self) -> None:
        self._loop.wait(self.connection.close())
        self._loop.close()


class _SqlAlchemy:
    """engine.begin()."""

    errors: type[Exception] = sa.exc.SQLAlchemyError

    def __init__(self, url: sa.URL) -> None:
        self.engine = sa.create_engine(url, pool_size=1, max_overflow=0)
        self.connection: Any = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        with self.engine.begin() as self.connection:
            yield

    def part(self) -> Any:
        return self.connection.begin_nested()

    def write(self, row: int, raw: bool) -> None:
        self.run(INSERT.format(row), raw)

    def read(self, raw: bool) -> None:
        self.run(READ, raw)

    def run(self, sql: str, raw: bool) -> None:
        if raw:
            self.connection.exec_driver_sql(sql)
        else:
            self.connection.execute(sa.text(sql))

    def backend(self) -> int | None:
        return _backend_of(self.connection)

    def close(self) -> None:
        self.engine.dispose()


class _SqlAlchemySession(_SqlAlchemy):
    """Session.begin()."""

    @contextmanager
    def unit(self) -> Iterator[None]:
        with orm.Session(self.engine) as self.session, self.session.begin():
            yield

    def part(self) -> Any:
        return self.session.begin_nested()

    def run(self, sql: str, raw: bool) -> None:
        if raw:
            self.session.connection().exec_driver_sql(sql)
        else:
            self.session.execute(sa.text(sql))

    def backend(self) -> int | None:
        return _backend_of(self.session.connection())


class _SqlAlchemyAsync(_SqlAlchemy):
    """AsyncEngine.begin()."""

    def __init__(self, url: sa.URL) -> None:
        self._loop = _Loop()
        self.engine: Any = sa_asyncio.create_async_engine(url, pool_size=1, max_overflow=0)

    @contextmanager
    def unit(self) -> Iterator[None]:
        with self._loop.within(self.engine.begin()) as self.connection:
            yield

    def part(self) -> Any:
        return self._loop.within(self.connection.begin_nested())

    def run(self, sql: str, raw: bool) -> None:
        how = self.connection.exec_driver_sql if raw else self.connection.execute
        self._loop.wait(how(sql if raw else sa.text(sql)))

    def backend(self) -> int | None:
        return _backend_of(self.connection.sync_connection)

    def close(self) -> None:
        self._loop.wait(self.engine.dispose())
        self._loop.close()


def _backend_of(connection: Any) -> int | None:
    if connection.invalidated:
        return None
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg._connection_base.BaseConnection):
        return driver.info.backend_pid
    return int(driver.connection_id)


class _Django:
    """Django's atomic(), on MySQL."""

    errors = (django.db.Error, mysql.connector.Error)

    def __init__(self, cluster: Cluster, backend: str = BACKEND) -> None:
        self.connection = database(cluster, backend, use_pure=True)

    @contextmanager
    def unit(self) -> Iterator[None]:
        with django.db.transaction.atomic():
            yield
            if self.connection.needs_rollback:
                raise PlannedEnd  # atomic() would roll back without a word

    def part(self) -> Any:
        return django.db.transaction.atomic()

    def write(self, row: int, raw: bool) -> None:
        self.run(INSERT.format(row), raw)

    def read(self, raw: bool) -> None:
        self.run(READ, raw)

    def run(self, sql: str, raw: bool) -> None:
        with self.connection.cursor() as cursor:
            (cursor.cursor if raw else cursor).execute(sql)
            if cursor.description:
                cursor.fetchall()

    def backend(self) -> int | None:
        driver = self.connection.connection
        return int(driver.connection_id) if driver and driver.is_connected() else None

    def close(self) -> None:
        self.connection.close()


def _url(dialect: str, cluster: Cluster, **query: str) -> sa.URL:
    return sa.URL.create(
        dialect,
        username=cluster.user,
        password=cluster.password,
        host=cluster.writer_endpoint,
        database=cluster.database,
        query=query,
    )


def _on_sqlalchemy(kind: Any, dialect: str, **query: str) -> Callable[[Cluster], Frame]:
    return lambda cluster: kind(_url(dialect, cluster, **query))


_PG = "postgresql+aws_wrapper_psycopg"
_MYSQL = "mysql+aws_wrapper_mysqlconnector"

ON_POSTGRESQL: dict[str, Callable[[Cluster], Frame]] = {
    "psycopg": _Psycopg,
    "psycopg-savepoint": _PsycopgBySavepoint,
    "psycopg-sql": _PsycopgBySql,
    "psycopg-blocks": _PsycopgBlocks,
    "psycopg-with": _PsycopgWith,
    "psycopg-pool": _PsycopgPool,
    "psycopg-async": _PsycopgAsync,
    "sqlalchemy-psycopg": _on_sqlalchemy(_SqlAlchemy, _PG),
    "session-psycopg": _on_sqlalchemy(_SqlAlchemySession, _PG),
    "sqlalchemy-psycopg-async": _on_sqlalchemy(_SqlAlchemyAsync, _PG),
}
ON_MYSQL: dict[str, Callable[[Cluster], Frame]] = {
    "mysql-pure": _MySql,
    "mysql-pure-autocommit": _MySqlPureByMethod,
    "mysql-c": _MySqlC,
    "mysql-c-sql": _MySqlCBySql,
    "mysql-async": _MySqlAsync,
    "sqlalchemy-mysql-pure": _on_sqlalchemy(_SqlAlchemy, _MYSQL, use_pure="True"),
    "session-mysql-c": _on_sqlalchemy(_SqlAlchemySession, _MYSQL, use_pure="False"),
    "django": _Django,
}

# The frames that refuse work themselves: ours and the stock one.
BESIDE_STOCK_ON_POSTGRESQL: dict[str, tuple[Callable[[Cluster], Frame], ...]] = {
    "engine": (_on_sqlalchemy(_SqlAlchemy, _PG), _on_sqlalchemy(_SqlAlchemy, "postgresql+psycopg")),
    "session": (
        _on_sqlalchemy(_SqlAlchemySession, _PG),
        _on_sqlalchemy(_SqlAlchemySession, "postgresql+psycopg"),
    ),
    "async": (
        _on_sqlalchemy(_SqlAlchemyAsync, _PG),
        _on_sqlalchemy(_SqlAlchemyAsync, "postgresql+psycopg"),
    ),
}
BESIDE_STOCK_ON_MYSQL: dict[str, tuple[Callable[[Cluster], Frame], ...]] = {
    "engine": (
        _on_sqlalchemy(_SqlAlchemy, _MYSQL, use_pure="True"),
        _on_sqlalchemy(_SqlAlchemy, "mysql+mysqlconnector", use_pure="True"),
    ),
    "session": (
        _on_sqlalchemy(_SqlAlchemySession, _MYSQL, use_pure="True"),
        _on_sqlalchemy(_SqlAlchemySession, "mysql+mysqlconnector", use_pure="True"),
    ),
    "django": (_Django, lambda cluster: _Django(cluster, "mysql.connector.django")),
}
