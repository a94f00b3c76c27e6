# SPDX-License-Identifier: Apache-2.0
"""What keeps the engine from a host, or from protecting a connection, is told."""

from __future__ import annotations

import asyncio
import logging
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

import psycopg
import psycopg_pool
import pytest
import sqlalchemy as sa
from aurora_lab import Cluster
from sqlalchemy.ext.asyncio import create_async_engine

from aws_advanced_python_wrapper import errors, statistics
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as aio_face
from lab_help import user_environment

LOGGER = "aws_advanced_python_wrapper"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One of its own, whose functions and users may be spoiled."""
    with Cluster(1, domain="refusals.us-east-1.rds.amazonaws.com") as made:
        yield made


def refusals() -> dict[str, str]:
    """What ``statistics()`` tells of hosts that could not be asked."""
    return {k: v for told in statistics()["clusters"] for k, v in told["refusals"].items()}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_failover_that_finds_nobody_names_each_refusal(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, LOGGER)
    connection = face.connect(cluster.dsn(), autocommit=True, failover_timeout_sec=4)
    with cluster.connect(cluster.writer.id) as admin:
        admin.execute(f"ALTER ROLE {Cluster.user} PASSWORD 'another'")
    cluster.failover(how="crash")

    with pytest.raises(errors.FailoverFailedError) as raised:
        connection.execute("SELECT 1")

    refused = 'password authentication failed for user "john"'
    report = raised.value.failover_report
    assert report is not None
    told = dict(report.refusals)
    names = {one.id: f"{one.endpoint}:{cluster.port}" for one in cluster.instances.values()}
    assert set(told) == set(names.values())
    assert all(reason in str(raised.value) for reason in told.values())
    writer = names[cluster.truth().writer]
    assert refused in told[writer]
    assert sum(writer in text and refused in text for text in warnings(caplog)) == 1
    assert refused in report.failed_because
    assert report.failed_because in str(raised.value)
    assert "pwd" not in str(raised.value)


def test_host_that_answers_again_is_no_longer_refused(cluster: Cluster) -> None:
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        lost = cluster.writer
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert f"{lost.endpoint}:{cluster.port}" in refusals()
        cluster.heal()
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert f"{lost.endpoint}:{cluster.port}" not in refusals()


def test_environment_that_is_not_utf8_hinders_no_failover(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGAPPNAME", "caf\udce9")  # a byte of Latin-1
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_notices_to_a_monitor_are_heard_at_debug_and_cut(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, LOGGER)
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text "
            "LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING '%', chr(27) || repeat('no', 1000); "
            "RETURN pg_catalog.current_setting('cluster_name'); END $$"
        )
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        # Of a lost writer every host is asked.
        cluster.failover()
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
    statistics()
    told = [record for record in caplog.records if "told its monitor: WARNING" in record.message]
    assert told
    assert {record.levelno for record in told} == {logging.DEBUG}
    assert max(len(record.getMessage()) for record in told) <= 1010
    assert not any("\x1b" in record.getMessage() for record in told)
    assert "nonono" not in capfd.readouterr().err


def test_topology_that_may_not_be_read_is_a_warning_and_asked_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    function = "FUNCTION pg_catalog.aurora_replica_status()"
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(f"REVOKE EXECUTE ON {function} FROM PUBLIC")
        with face.connect(cluster.dsn(), autocommit=True) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        told = warnings(caplog)
        assert len(told) == 1
        assert "no failover for this connection" in told[0]
        assert "the wrapper's own question" in told[0]
        assert "permission denied for function aurora_replica_status" in told[0]

        admin.execute(f"GRANT EXECUTE ON {function} TO PUBLIC")
        with face.connect(cluster.dsn(), autocommit=True) as connection:
            assert connection.topology is not None
            assert len(connection.topology.hosts) == 2
        assert len(warnings(caplog)) == 1


def test_topology_that_fails_on_a_healthy_server_is_a_warning(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text "
            "LANGUAGE sql AS $$ SELECT (1/0)::text $$"
        )
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "division by zero" in warnings(caplog)[0]


def test_rows_that_can_be_no_host_are_told_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION aurora_lab.instances() RETURNS TABLE (server_id text, "
            "resource_id text, endpoint text, port int, session_id text, down_since float8) "
            "LANGUAGE sql VOLATILE AS $$ SELECT r.* FROM pg_catalog.jsonb_to_recordset("
            "aurora_lab.topology() -> 'instances') AS r (server_id text, resource_id text, "
            "endpoint text, port int, session_id text, down_since float8) "
            "UNION ALL SELECT '/tmp/x', NULL, NULL, 5432, 'reader', NULL $$"
        )
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        assert connection.topology is not None
        assert len(connection.topology.hosts) == 2
        connection.execute("SELECT 1")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
    assert sum("/tmp/x" in text for text in warnings(caplog)) == 1
    assert statistics()["clusters"][0]["rows_left_out"] > 1


LONG_TOPOLOGY = (
    "CREATE OR REPLACE FUNCTION aurora_lab.instances() RETURNS TABLE (server_id text, "
    "resource_id text, endpoint text, port int, session_id text, down_since float8) "
    "LANGUAGE sql VOLATILE AS $$ SELECT CASE WHEN n = 1 THEN current_setting('cluster_name') "
    "ELSE 'reader-' || n END, NULL, NULL, 5432, CASE WHEN n = 1 THEN 'MASTER_SESSION_ID' ELSE '' "
    "END, NULL::float8 FROM generate_series(1, {count}) n $$"
)


def test_long_topology_is_cut_and_told(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(LONG_TOPOLOGY.format(count=5000))
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        assert connection.topology is not None
        assert len(connection.topology.hosts) == 256
        assert connection.topology.writer.id == cluster.writer.id
        assert any("256" in text for text in warnings(caplog))


def test_topology_without_end_is_an_error_of_the_driver(cluster: Cluster) -> None:
    with cluster.connect(cluster.writer.id, dbname=Cluster.database) as admin:
        admin.execute(LONG_TOPOLOGY.format(count=50_000))
    with pytest.raises(psycopg.OperationalError, match="1048576 bytes or 10000 rows"):
        face.connect(cluster.dsn(), autocommit=True)


def run_program(body: str, cluster: Cluster, *, stack_bytes: int | None = None) -> str:
    def limit() -> None:
        if stack_bytes is not None:
            resource.setrlimit(resource.RLIMIT_STACK, (stack_bytes, resource.RLIM_INFINITY))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(body), cluster.dsn()],
        env=user_environment(),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_process_at_its_limit_of_threads_connects_unprotected_with_one_warning(
    aurora_cluster: Cluster,
) -> None:
    # A thread needs a stack as large as the limit of the process says.
    said = run_program(
        """
        import logging, resource, sys
        from aws_advanced_python_wrapper import psycopg, statistics
        logging.basicConfig(level=logging.WARNING)
        gigabyte = 1024**3
        resource.setrlimit(resource.RLIMIT_AS, (2 * gigabyte, -1))
        connection = psycopg.connect(sys.argv[1], autocommit=True)
        print(connection.execute("SELECT 1").fetchone(), connection.current_host)
        print(statistics()["counters"]["threads_not_started"] > 0, statistics()["threads"])
        connection.close()
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        """,
        aurora_cluster,
        stack_bytes=4 * 1024**3,
    )
    assert "(1,)" in said
    assert "True 0" in said
    assert said.count("WARNING") == 1
    assert "no failover for this connection: no thread could be started" in said


def test_limit_of_descriptors_is_named_and_no_verdict_about_a_host(
    aurora_cluster: Cluster,
) -> None:
    said = run_program(
        """
        import os, resource, sys
        from aws_advanced_python_wrapper import psycopg, release_resources, statistics
        rule = dict(failure_detection_time_ms=200, failure_detection_interval_ms=100)
        rule["failure_detection_count"] = 2
        connection = psycopg.connect(sys.argv[1], autocommit=True, suspect_after_ms=200, **rule)
        connection.execute("SELECT 1")
        release_resources()  # the monitor has no link now, and begins anew with the next call
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        kept = []
        try:
            while True:
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        print(connection.execute("SELECT 'went on' FROM pg_sleep(3)").fetchone())
        print(statistics()["clusters"][0]["refusals"])
        connection.close()
        """,
        aurora_cluster,
    )
    assert "('went on',)" in said
    assert "no socket can be made in this process: Too many open files" in said


def rotate(cluster: Cluster) -> str:
    """Change the user's password, as a secret's rotation does; return the new one."""
    with cluster.connect(cluster.writer.id) as admin:
        admin.execute(f"ALTER ROLE {cluster.user} PASSWORD 'rotated'")
    return "rotated"


def test_failover_with_a_password_of_yesterday_ends_with_the_servers_words(
    cluster: Cluster,
) -> None:
    with face.connect(cluster.dsn(), autocommit=True, failover_timeout_sec=120) as connection:
        rotate(cluster)
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverFailedError) as told:
            connection.execute("SELECT 1")
        assert connection.closed
    report = told.value.failover_report
    assert report is not None
    assert "password authentication failed" in str(report.failed_because)
    assert report.total_ms < 120_000


def test_pool_of_sqlalchemy_goes_on_with_the_password_of_now(cluster: Cluster) -> None:
    url = f"postgresql+aws_wrapper_psycopg://{cluster.user}@{cluster.writer_endpoint}"
    engine = sa.create_engine(f"{url}/{cluster.database}", pool_pre_ping=True)
    passwords = [cluster.password]

    @sa.event.listens_for(engine, "do_connect")
    def secret_of_now(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = passwords[-1]

    def look() -> int:
        with engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT 1")).scalar_one())

    assert look() == 1
    passwords.append(rotate(cluster))
    cluster.failover(how="crash")
    assert look() == 1
    engine.dispose()


def sqlalchemy_failover(cluster: Cluster, drivername: str, rotated: Callable[[], str]) -> Any:
    """Fail over a connection in use, after its password was rotated; return the error."""
    passwords = [cluster.password]
    url = sa.URL.create(
        drivername, cluster.user, None, cluster.writer_endpoint, cluster.port, cluster.database
    )
    engine = sa.create_engine(url)

    @sa.event.listens_for(engine, "do_connect")
    def secret_of_now(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = passwords[-1]

    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
            connection.commit()
            passwords.append(rotated())
            cluster.failover(how="crash")
            with pytest.raises(sa.exc.OperationalError) as told:
                connection.execute(sa.text("SELECT 1"))
            connection.rollback()
            assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    finally:
        engine.dispose()
    return told.value.orig


def test_failover_asks_the_listeners_of_sqlalchemy_for_the_password_of_now(
    cluster: Cluster,
) -> None:
    error = sqlalchemy_failover(cluster, "postgresql+aws_wrapper_psycopg", lambda: rotate(cluster))
    assert isinstance(error, errors.FailoverSuccessError)


def test_failover_of_mysql_asks_the_listeners_of_sqlalchemy_for_the_password_of_now() -> None:
    with Cluster(1, engine="mysql", domain="rotated.us-east-1.rds.amazonaws.com") as cluster:

        def rotated() -> str:
            admin = cluster.connect(cluster.writer.id)
            admin.cmd_query(f"ALTER USER {cluster.user}@'%' IDENTIFIED BY 'rotated'")
            admin.close()
            return "rotated"

        error = sqlalchemy_failover(cluster, "mysql+aws_wrapper_mysqlconnector", rotated)
        assert isinstance(error, errors.FailoverSuccessError)


def test_failover_asks_a_pool_of_psycopg_for_the_password_of_now(cluster: Cluster) -> None:
    passwords = [cluster.password]
    pool = psycopg_pool.ConnectionPool(
        kwargs=lambda: {
            "host": cluster.writer_endpoint,
            "port": cluster.port,
            "dbname": cluster.database,
            "user": cluster.user,
            "password": passwords[-1],
        },
        connection_class=face.PsycopgConnection,
        min_size=1,
        open=True,
    )
    with pool, pool.connection() as connection:
        connection.execute("SELECT 1")
        connection.commit()
        passwords.append(rotate(cluster))
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_failover_asks_an_async_pool_of_psycopg_for_the_password_of_now(
    cluster: Cluster,
) -> None:
    async def lose_the_writer() -> None:
        passwords = [cluster.password]

        async def secret_of_now() -> dict[str, Any]:
            return {"password": passwords[-1]}

        pool: Any = psycopg_pool.AsyncConnectionPool(
            f"host={cluster.writer_endpoint} port={cluster.port} dbname={cluster.database} "
            f"user={cluster.user}",
            kwargs=secret_of_now,
            connection_class=aio_face.AsyncPsycopgConnection,
            min_size=1,
            open=False,
        )
        async with pool, pool.connection() as connection:
            await connection.execute("SELECT 1")
            await connection.commit()
            passwords.append(rotate(cluster))
            cluster.failover(how="crash")
            with pytest.raises(errors.FailoverSuccessError):
                await connection.execute("SELECT 1")
            await connection.rollback()

    asyncio.run(lose_the_writer())


def test_failover_of_async_sqlalchemy_asks_its_listeners_for_the_password_of_now(
    cluster: Cluster,
) -> None:
    async def lose_the_writer() -> None:
        passwords = [cluster.password]
        engine = create_async_engine(
            f"postgresql+aws_wrapper_psycopg://{cluster.user}@{cluster.writer_endpoint}"
            f"/{cluster.database}"
        )

        @sa.event.listens_for(engine.sync_engine, "do_connect")
        def secret_of_now(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
            parameters["password"] = passwords[-1]

        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))
            await connection.commit()
            passwords.append(rotate(cluster))
            cluster.failover(how="crash")
            with pytest.raises(sa.exc.OperationalError) as told:
                await connection.execute(sa.text("SELECT 1"))
            await connection.rollback()
        await engine.dispose()
        assert isinstance(told.value.orig, errors.FailoverSuccessError)

    asyncio.run(lose_the_writer())


def test_new_login_that_nobody_can_tell_leaves_the_servers_words(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def secret_of_now() -> dict[str, Any]:
        if len(passwords) > 1:
            raise RuntimeError("the secrets are out of reach")
        return {"password": passwords[-1]}

    passwords = [cluster.password]
    pool = psycopg_pool.ConnectionPool(
        f"host={cluster.writer_endpoint} port={cluster.port} dbname={cluster.database} "
        f"user={cluster.user}",
        kwargs=secret_of_now,
        connection_class=face.PsycopgConnection,
        min_size=1,
        open=True,
    )
    with pool:
        connection = pool.getconn()
        passwords.append(rotate(cluster))
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverFailedError, match="password authentication failed"):
            connection.execute("SELECT 1")
        assert any("the secrets are out of reach" in text for text in warnings(caplog))
