# SPDX-License-Identifier: Apache-2.0
"""What a session was set up with holds after a move, or the application is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from aurora_lab import Cluster, eventually
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import errors, mysql_connector
from aws_advanced_python_wrapper.aio import psycopg as aio_psycopg
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from lab_help import Connect

Lose = Callable[[Any], None]


@pytest.fixture(params=["failover", "end"])
def lose(request: pytest.FixtureRequest, aurora_cluster: Cluster) -> Lose:
    """Takes a psycopg connection's link away: by a failover, or as an idle timeout does."""

    def lose_it(connection: Any) -> None:
        if request.param == "failover":
            aurora_cluster.failover(how="crash")
            return
        with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])

    return lose_it


@pytest.fixture(params=["pure", "c"])
def open_mysql(request: pytest.FixtureRequest, mysql_cluster: Cluster) -> Iterator[Any]:
    opened: list[Any] = []

    def open_one(**kwargs: Any) -> Any:
        use_pure = request.param == "pure"
        opened.append(mysql_connector.connect(mysql_cluster.dsn(), use_pure=use_pure, **kwargs))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def role(aurora_cluster: Cluster) -> Iterator[str]:
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.execute("DROP ROLE IF EXISTS tenant")
        admin.execute(f"CREATE ROLE tenant; GRANT tenant TO {aurora_cluster.user}")
    yield "tenant"
    aurora_cluster.heal()
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.execute("DROP ROLE tenant")


def shown(connection: Any, name: str) -> str:
    return str(connection.execute(f"SELECT current_setting('{name}', true)").fetchone()[0])


def test_settings_are_told_again(
    aurora_cluster: Cluster, connect: Connect, lose: Lose, role: str
) -> None:
    connection = connect(autocommit=True)
    connection.execute("SET statement_timeout TO '7s'")
    connection.execute("/* by the framework */ SET search_path TO tenant7, public")
    connection.execute("SELECT set_config('app.tenant', %s, false)", ["it's 7"])
    connection.execute("SELECT set_config(%s, %s, %s)", ["app.later", "8", True])
    connection.execute(f"SET ROLE {role}")
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError) as told:
        connection.execute("SELECT 1")
    assert "gone" not in str(told.value)
    assert shown(connection, "statement_timeout") == "7s"
    assert shown(connection, "search_path") == "tenant7, public"
    assert shown(connection, "app.tenant") == "it's 7"
    assert shown(connection, "app.later") in ("", "None")
    assert shown(connection, "role") == role
    assert aurora_cluster.writer.id == connection.current_host


@pytest.mark.parametrize("threshold", [None, 0, 5])
def test_settings_are_seen_whether_statements_are_prepared_or_not(
    connect: Connect, lose: Lose, threshold: int | None
) -> None:
    connection = connect(autocommit=True, prepare_threshold=threshold)
    connection.execute("SET statement_timeout TO '7s'")
    connection.prepare_threshold = None
    connection.execute("SET lock_timeout TO '6s'", prepare=False)
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert shown(connection, "statement_timeout") == "7s"
    assert shown(connection, "lock_timeout") == "6s"


def test_settings_hold_as_their_transaction_does(connect: Connect, lose: Lose) -> None:
    connection = connect()
    connection.execute("SET statement_timeout TO '7s'")
    connection.commit()
    connection.execute("SET statement_timeout TO '8s'")
    connection.rollback()
    with connection.transaction():
        connection.execute("SET lock_timeout TO '6s'")
        with connection.transaction(force_rollback=True):
            connection.execute("SET lock_timeout TO '5s'")
        connection.execute("SAVEPOINT s")
        connection.execute("SET idle_in_transaction_session_timeout TO '9s'")
        connection.execute("ROLLBACK TO s")
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert shown(connection, "statement_timeout") == "7s"
    assert shown(connection, "lock_timeout") == "6s"
    assert shown(connection, "idle_in_transaction_session_timeout") == "0"


@pytest.mark.parametrize("told", ["SAVEPOINT s", "SET statement_timeout TO '7s'"])
def test_pipeline_in_a_transaction_that_told_its_session_something(
    connect: Connect, told: str
) -> None:
    connection = connect()
    connection.execute(told)
    cursor = connection.cursor()
    cursor.executemany("SELECT %s::int", [(1,), (2,)], returning=True)
    with connection.pipeline():
        connection.execute("SELECT 3")
    assert connection.execute("SELECT 4").fetchone() == (4,)
    connection.rollback()
    assert shown(connection, "statement_timeout") == "0"


def test_what_is_gone_is_named(connect: Connect, lose: Lose) -> None:
    connection = connect(autocommit=True)
    connection.execute("CREATE TEMP TABLE sums (n int)")
    connection.execute("SELECT pg_advisory_lock(7)")
    connection.execute("PREPARE by_hand AS SELECT 1")
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError) as told:
        connection.execute("SELECT 1")
    for what in ("temporary table sums", "advisory lock (7)", "prepared statement by_hand"):
        assert f"the {what} is gone" in str(told.value)
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError) as told:
        connection.execute("SELECT 1")
    assert "gone" not in str(told.value)


def test_settings_stay_behind_if_asked_for(connect: Connect, lose: Lose) -> None:
    connection = connect(autocommit=True, transfer_session_state_on_switch=False)
    connection.execute("SET statement_timeout TO '7s'")
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert shown(connection, "statement_timeout") == "0"


def test_listener_listens_again_and_the_next_to_come_is_told(connect: Connect, lose: Lose) -> None:
    connection = connect(autocommit=True)
    connection.execute("LISTEN jobs")
    lose(connection)
    with pytest.raises(errors.FailoverSuccessError):
        list(connection.notifies(timeout=5, stop_after=1))
    with pytest.raises(errors.FailoverSuccessError, match="notifications may have been lost"):
        connection.execute("SELECT 1")
    connection.execute("NOTIFY jobs, 'next'")
    heard = list(connection.notifies(timeout=5, stop_after=1))
    assert [one.payload for one in heard] == ["next"]


def test_task_beside_the_listener_is_told(aurora_cluster: Cluster) -> None:
    async def work() -> None:
        connection = await aio_psycopg.connect(aurora_cluster.dsn(), autocommit=True)
        await connection.execute("LISTEN jobs")

        async def listen() -> None:
            async for _ in connection.notifies():
                pass

        listener = asyncio.create_task(listen())
        await asyncio.to_thread(aurora_cluster.failover, how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            await listener
        with pytest.raises(errors.FailoverSuccessError, match="notifications may have been lost"):
            await connection.execute("SELECT 1")
        await connection.execute("SELECT 1")
        await connection.close()

    asyncio.run(asyncio.wait_for(work(), 60))


def test_pool_sets_a_connection_up_that_has_moved(aurora_cluster: Cluster, lose: Lose) -> None:
    def configure(connection: Any) -> None:
        connection.execute("SET app.tenant TO '7'")
        connection.execute("CREATE TEMP TABLE mine (n int)")
        connection.commit()

    with ConnectionPool(
        aurora_cluster.dsn(),
        connection_class=PsycopgConnection,
        configure=configure,
        check=ConnectionPool.check_connection,
        min_size=1,
        max_size=1,
    ) as pool:
        with pool.connection() as connection:
            connection.execute("SELECT 1")
        lose(connection)
        with pool.connection() as connection:
            assert shown(connection, "app.tenant") == "7"
            connection.execute("SELECT * FROM mine")
        lose(connection)


@pytest.mark.parametrize("pre_ping", [True, False])
def test_engine_sets_a_connection_up_that_has_moved(
    aurora_cluster: Cluster, lose: Lose, pre_ping: bool
) -> None:
    url = sa.URL.create(
        "postgresql+aws_wrapper_psycopg",
        username=aurora_cluster.user,
        password=aurora_cluster.password,
        host=aurora_cluster.writer_endpoint,
        database=aurora_cluster.database,
    )
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=pre_ping)

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        connection.execute("SET app.tenant TO '7'")
        connection.execute("CREATE TEMP TABLE mine (n int)")
        connection.commit()

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
    failovers = len(aurora_cluster.truth().failovers)
    lose(driver)
    if not pre_ping and len(aurora_cluster.truth().failovers) == failovers:
        with engine.connect() as connection, pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SHOW app.tenant")).scalar_one() == "7"
        connection.execute(sa.text("SELECT * FROM mine"))
    engine.dispose()


@pytest.mark.parametrize("how", ["failover", "end"])
def test_mysql_session_is_told_again(mysql_cluster: Cluster, open_mysql: Any, how: str) -> None:
    def run(sql: str) -> list[Any]:
        cursor = connection.cursor()
        cursor.execute(sql)
        found = list(cursor.fetchall()) if cursor.description else []
        while cursor.nextset():
            pass
        return found

    connection = open_mysql(autocommit=True)
    run("/* by the framework */ SET time_zone = '+03:00'")
    run("SET @tenant = 7, @name = 'a;b'")
    run("/*!40101 SET NAMES utf8mb4 */")
    run("SELECT 1; SET lock_wait_timeout = 7")
    run("CREATE TEMPORARY TABLE sums (n INT)")
    run("SELECT GET_LOCK('job', 1)")
    if how == "failover":
        mysql_cluster.failover(how="crash")
    else:
        admin = mysql_cluster.connect(mysql_cluster.writer.id)
        admin.cursor().execute(f"KILL {connection.connection_id}")
        eventually(lambda: not connection_is_there(admin, connection.connection_id), within=10)
    with pytest.raises(errors.FailoverSuccessError) as told:
        run("SELECT 1")
    assert "the temporary table sums is gone" in str(told.value)
    assert "the lock 'job' is gone" in str(told.value)
    assert run("SELECT @@session.time_zone, @tenant, @name") == [("+03:00", 7, "a;b")]
    assert run("SELECT @@session.character_set_client") == [("utf8mb4",)]


def connection_is_there(admin: Any, number: int) -> bool:
    cursor = admin.cursor()
    cursor.execute(f"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {number}")
    return bool(cursor.fetchone()[0])
