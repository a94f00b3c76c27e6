# SPDX-License-Identifier: Apache-2.0
"""What a healthy PostgreSQL server says, of a statement or of its own limits, is no failover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from aurora_lab import Cluster, eventually
from psycopg_pool import ConnectionPool

from async_help import run, until
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio import psycopg as aio_face
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from lab_help import Connect

# SQLSTATEs that tell of a lost server, if it is lost.
STATES = ["08000", "08006", "57P01", "57P02", "57P03", "58030", "99001", "F0000", "25P03", "57P05"]
IDLE_IN_TRANSACTION = "SET LOCAL idle_in_transaction_session_timeout = 100"
IDLE = "SET idle_session_timeout = 100"


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'its own' USING ERRCODE = '{state}'; END $$"


@pytest.fixture
def table(aurora_cluster: Cluster) -> str:
    name = "healthy_rows"
    with aurora_cluster.connect(aurora_cluster.writer.id, dbname=aurora_cluster.database) as admin:
        admin.execute(f"DROP TABLE IF EXISTS {name}")
        admin.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        admin.execute(f"GRANT ALL ON {name} TO {aurora_cluster.user}")
    return name


def is_gone(cluster: Cluster, pid: int) -> Callable[[], bool]:
    """A condition: the writer has ended a session."""

    def check() -> bool:
        with cluster.connect(cluster.writer.id) as admin:
            rows = admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
            return rows.fetchone() is None

    return check


def terminate(cluster: Cluster, pid: int) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
    eventually(is_gone(cluster, pid), within=10)


@pytest.mark.parametrize("state", STATES)
def test_error_of_a_statement_leaves_the_session_as_it_is(connect: Connect, state: str) -> None:
    connection = connect(autocommit=True)
    connection.execute("CREATE TEMPORARY TABLE kept (id int)")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(raising(state))
    assert caught.value.sqlstate == state
    assert not isinstance(caught.value, errors.FailoverError)
    assert connection.failover_report is None
    connection.execute("SELECT * FROM kept")


def test_handler_and_savepoint_that_expect_such_an_error_work(connect: Connect, table: str) -> None:
    connection = connect()
    for number, state in enumerate(STATES):
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (%s)", [number])
            with pytest.raises(psycopg.Error), connection.transaction():
                connection.execute(raising(state))
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row == (len(STATES),)
    assert connection.failover_report is None


def test_error_of_a_statement_under_asyncio_leaves_the_session_as_it_is(
    aurora_cluster: Cluster,
) -> None:
    async def body() -> None:
        async with await aio_face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            await connection.execute("CREATE TEMPORARY TABLE kept (id int)")
            for state in STATES:
                with pytest.raises(psycopg.Error) as caught:
                    await connection.execute(raising(state))
                assert caught.value.sqlstate == state
            assert connection.failover_report is None
            await connection.execute("SELECT * FROM kept")

    run(body())


def executemany(connection: psycopg.Connection[Any]) -> None:
    connection.cursor().executemany("SELECT %s", [(1,), (2,)])


def pipeline(connection: psycopg.Connection[Any]) -> None:
    with connection.pipeline():
        connection.execute("SELECT 1")
        connection.execute("SELECT 2")


def statement(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SELECT 1")


@pytest.mark.parametrize("work", [statement, executemany, pipeline])
def test_sqlstate_of_a_lost_link_is_told(
    aurora_cluster: Cluster, connect: Connect, work: Callable[[Any], None]
) -> None:
    connection = connect(autocommit=True)
    terminate(aurora_cluster, connection.info.backend_pid)
    with pytest.raises(errors.FailoverSuccessError) as caught:
        work(connection)
    report = caught.value.failover_report
    assert report is not None
    assert report.sqlstate == "57P01"
    work(connection)


@pytest.mark.parametrize("how", ["execute", "commit", "pipeline"])
def test_idle_transaction_that_the_server_ended_is_told_in_its_own_words(
    aurora_cluster: Cluster, connect: Connect, how: str
) -> None:
    connection = connect()
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.commit()
    pid = connection.info.backend_pid
    connection.execute(IDLE_IN_TRANSACTION)
    eventually(is_gone(aurora_cluster, pid), within=10)
    work = {"execute": statement, "commit": type(connection).commit, "pipeline": pipeline}[how]
    with pytest.raises(psycopg.Error) as caught:
        work(connection)
    assert not isinstance(caught.value, errors.FailoverError)
    if how != "pipeline":  # psycopg doesn't look for the server's words there
        assert isinstance(caught.value, psycopg.errors.IdleInTransactionSessionTimeout)
    connection.rollback()
    assert connection.execute("SHOW TimeZone").fetchone() == ("Asia/Tokyo",)
    connection.commit()
    assert connection.info.backend_pid != pid
    report = connection.failover_report
    assert report is not None
    assert (report.from_host, report.to_host, report.sqlstate) == (
        aurora_cluster.writer.id,
        aurora_cluster.writer.id,
        "25P03",
    )


def test_idle_session_that_the_server_ended_moves_to_the_writer_of_now(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True, plugins="failover,host_monitoring")
    connection.execute(IDLE)
    eventually(is_gone(aurora_cluster, connection.info.backend_pid), within=10)
    aurora_cluster.failover(how="crash")
    with pytest.raises(psycopg.errors.IdleSessionTimeout) as caught:
        connection.execute("SELECT 1")
    assert not isinstance(caught.value, errors.FailoverError)
    row = connection.execute("SELECT pg_catalog.aurora_db_instance_identifier()").fetchone()
    assert row == (aurora_cluster.writer.id,)
    assert connection.current_host == aurora_cluster.writer.id


def test_idle_session_that_the_server_ended_under_asyncio(aurora_cluster: Cluster) -> None:
    async def body() -> None:
        async with await aio_face.connect(aurora_cluster.dsn(), autocommit=True) as connection:
            pid = connection.info.backend_pid
            await connection.execute(IDLE)
            await until(is_gone(aurora_cluster, pid))
            with pytest.raises(psycopg.errors.IdleSessionTimeout):
                await connection.execute("SELECT 1")
            await connection.execute("SELECT 1")
            assert connection.info.backend_pid != pid

    run(body())


def test_block_whose_session_the_server_ended_can_do_no_more(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()

    def block() -> None:
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            connection.execute(IDLE_IN_TRANSACTION)
            eventually(is_gone(aurora_cluster, connection.info.backend_pid), within=10)
            with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
                connection.execute(f"INSERT INTO {table} VALUES (2)")
            with pytest.raises(errors.TransactionResolutionUnknownError):
                connection.execute(f"INSERT INTO {table} VALUES (3)")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        block()
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == []


def test_session_that_can_not_be_replaced_is_closed_with_the_drivers_error(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(
        autocommit=True, failover_timeout_sec=1, plugins="failover,host_monitoring"
    )
    connection.execute(IDLE)
    eventually(is_gone(aurora_cluster, connection.info.backend_pid), within=10)
    for instance in aurora_cluster.instances:
        aurora_cluster.crash(instance)
    with pytest.raises(psycopg.errors.IdleSessionTimeout):
        connection.execute("SELECT 1")
    assert connection.is_closed
    report = connection.failover_report
    assert report is not None
    assert report.to_host is None


def test_pool_has_a_good_connection_after_the_server_ended_its_session(
    aurora_cluster: Cluster,
) -> None:
    with ConnectionPool(
        aurora_cluster.dsn(), connection_class=PsycopgConnection, min_size=1, max_size=1
    ) as pool:
        with pool.connection() as connection:
            connection.autocommit = True
            connection.execute(IDLE)
            pid = connection.info.backend_pid
        eventually(is_gone(aurora_cluster, pid), within=10)
        with pytest.raises(psycopg.errors.IdleSessionTimeout), pool.connection() as again:
            again.execute("SELECT 1")
        with pool.connection() as last:
            last.execute("SELECT 1")


@pytest.fixture
def engine(aurora_cluster: Cluster) -> Iterator[sa.Engine]:
    url = sa.URL.create(
        "postgresql+aws_wrapper_psycopg",
        username=aurora_cluster.user,
        password=aurora_cluster.password,
        host=aurora_cluster.writer_endpoint,
        database=aurora_cluster.database,
    )
    made = sa.create_engine(url, pool_size=1, max_overflow=0)
    yield made
    made.dispose()


def pid_of(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_ended_transaction_in_sqlalchemy_is_a_disconnect_as_with_the_stock_dialect(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    with engine.connect() as connection:
        pid = pid_of(connection)
        connection.exec_driver_sql(IDLE_IN_TRANSACTION)
        eventually(is_gone(aurora_cluster, pid), within=10)
        with pytest.raises(sa.exc.InternalError) as caught:
            connection.exec_driver_sql("SELECT 1")
        assert isinstance(caught.value.orig, psycopg.errors.IdleInTransactionSessionTimeout)
        assert caught.value.connection_invalidated
        with pytest.raises(sa.exc.PendingRollbackError):
            connection.exec_driver_sql("SELECT 1")
        connection.rollback()
        assert pid_of(connection) != pid


def test_rollback_in_sqlalchemy_of_a_transaction_that_the_server_ended(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    with engine.connect() as connection:
        pid = pid_of(connection)
        connection.exec_driver_sql(IDLE_IN_TRANSACTION)
        eventually(is_gone(aurora_cluster, pid), within=10)
        connection.rollback()
        assert pid_of(connection) != pid


def test_savepoint_in_sqlalchemy_of_a_transaction_that_the_server_ended(
    aurora_cluster: Cluster, engine: sa.Engine, table: str
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"INSERT INTO {table} VALUES (1)")

        def savepoint() -> None:
            with connection.begin_nested():
                connection.exec_driver_sql(IDLE_IN_TRANSACTION)
                eventually(is_gone(aurora_cluster, pid), within=10)
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES (2)")

        pid = pid_of(connection)
        with pytest.raises(sa.exc.InternalError):
            savepoint()
        with pytest.raises(sa.exc.PendingRollbackError):
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES (3)")
        connection.rollback()
        assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == []


def test_pre_ping_replaces_a_session_that_the_server_ended(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    pinging = sa.create_engine(engine.url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    with pinging.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        pid = pid_of(connection)
        connection.exec_driver_sql(IDLE)
    eventually(is_gone(aurora_cluster, pid), within=10)
    with pinging.connect() as connection:
        assert pid_of(connection) != pid
    pinging.dispose()
