# SPDX-License-Identifier: Apache-2.0
"""What a healthy MySQL server says, and what it is too slow for, is no failover: in all builds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import mysql.connector
import pytest
import sqlalchemy as sa
from aurora_lab import Cluster, eventually
from mysql_relay import Relay

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper.aio import mysql_connector as aio_face
from lab_help import Background

# Numbers and SQLSTATEs that tell of a lost link, if it is lost.
SIGNALS = [
    ("08000", None),
    ("08006", None),
    ("08S01", None),
    ("08S01", 1053),
    ("70100", 1927),
    ("HY000", 2006),
    ("HY000", 2013),
    ("HY000", 4031),
    ("08S01", 1153),
]


class Blocking:
    """A connection of a blocking build, by the few things that the tests do with any build."""

    def __init__(self, cluster: Cluster, arguments: dict[str, Any]) -> None:
        self.connection = face.connect(cluster.dsn(), **arguments)

    def run(self, sql: str) -> list[Any]:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []

    def query(self, sql: str) -> None:
        """Without the ping that cursor() sends."""
        self.connection.cmd_query(sql)

    def cursor(self) -> None:
        self.connection.cursor()

    def connect(self) -> None:
        self.connection.connect()

    def close(self) -> None:
        self.connection.close()


class Awaited:
    """The same of a connection for asyncio."""

    def __init__(self, cluster: Cluster, arguments: dict[str, Any]) -> None:
        self._loop = asyncio.new_event_loop()
        # Without TLS the driver for asyncio fails at a server that has none, unless it is told.
        text = f"{cluster.dsn()} ssl_disabled=true"
        self.connection = self._wait(aio_face.connect(text, **arguments))

    def run(self, sql: str) -> list[Any]:
        return self._wait(self._run(sql))

    async def _run(self, sql: str) -> list[Any]:
        cursor = await self.connection.cursor()
        await cursor.execute(sql)
        return list(await cursor.fetchall()) if cursor.description else []

    def query(self, sql: str) -> None:
        self._wait(self.connection.cmd_query(sql))

    def cursor(self) -> None:
        self._wait(self.connection.cursor())

    def connect(self) -> None:
        self._wait(self.connection.connect())

    def close(self) -> None:
        self._wait(self.connection.close())
        self._loop.close()

    def _wait(self, work: Awaitable[Any]) -> Any:
        async def body() -> Any:
            return await asyncio.wait_for(work, 60)

        made: Coroutine[Any, Any, Any] = body()
        return self._loop.run_until_complete(made)


Connect = Callable[..., Any]


@pytest.fixture(params=["pure", "c", "aio"])
def connect(mysql_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Connect]:
    opened: list[Any] = []

    def open_one(**arguments: Any) -> Any:
        arguments = {"autocommit": True, **arguments}
        if request.param == "aio":
            opened.append(Awaited(mysql_cluster, arguments))
        else:
            opened.append(
                Blocking(mysql_cluster, {**arguments, "use_pure": request.param == "pure"})
            )
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def admin(mysql_cluster: Cluster) -> Iterator[Any]:
    with mysql_cluster.connect(mysql_cluster.writer.id) as connection:
        yield connection


def ask(admin: Any, sql: str) -> list[Any]:
    cursor = admin.cursor()
    cursor.execute(sql)
    return list(cursor.fetchall()) if cursor.description else []


def session_of(made: Any) -> int:
    return int(made.run("SELECT CONNECTION_ID()")[0][0])


def is_gone(admin: Any, session: int) -> Callable[[], bool]:
    """A condition: the server has ended a session."""
    sql = f"SELECT 1 FROM information_schema.processlist WHERE id = {session}"
    return lambda: not ask(admin, sql)


@pytest.mark.parametrize(("state", "number"), SIGNALS)
def test_error_of_a_statement_leaves_the_session_as_it_is(
    connect: Connect, state: str, number: int | None
) -> None:
    made = connect()
    session = session_of(made)
    made.run("CREATE TEMPORARY TABLE kept (id INT)")
    extra = "" if number is None else f", MYSQL_ERRNO = {number}"
    with pytest.raises(mysql.connector.Error) as caught:
        made.run(f"SIGNAL SQLSTATE '{state}' SET MESSAGE_TEXT = 'its own'{extra}")
    assert caught.value.errno == (number or 1644)
    assert not isinstance(caught.value, errors.FailoverError)
    assert made.connection.failover_report is None
    made.run("SELECT * FROM kept")
    assert session_of(made) == session


def test_error_within_the_rows_of_a_result_is_no_failover(connect: Connect, admin: Any) -> None:
    ask(admin, "CREATE DATABASE IF NOT EXISTS healthy")
    ask(
        admin,
        "CREATE OR REPLACE FUNCTION healthy.fails(n INT) RETURNS INT DETERMINISTIC BEGIN "
        "IF n = 900 THEN SIGNAL SQLSTATE '08006'; END IF; RETURN n; END",
    )
    ask(admin, "GRANT EXECUTE ON healthy.* TO PUBLIC")
    made = connect()
    with pytest.raises(mysql.connector.Error, match="Unhandled"):
        made.run("SELECT healthy.fails(seq), REPEAT('x', 1000) FROM seq_1_to_1000")
    assert made.connection.failover_report is None
    assert not made.connection.is_closed


def test_killed_session_is_a_failover(connect: Connect, admin: Any) -> None:
    made = connect()
    session = session_of(made)
    ask(admin, f"KILL {session}")
    eventually(is_gone(admin, session), within=10)
    pings = not isinstance(made, Awaited)
    with pytest.raises(errors.FailoverSuccessError) as caught:
        made.cursor() if pings else made.run("SELECT 1")
    assert caught.value.outcome_known == pings, "what a ping meets had not been sent"
    assert session_of(made) != session


def test_statement_whose_answer_is_lost_has_an_unknown_outcome(
    connect: Connect, admin: Any
) -> None:
    made = connect()
    session = session_of(made)
    call = Background(lambda: made.run("SELECT SLEEP(31)"))
    running = f"SELECT info FROM information_schema.processlist WHERE id = {session}"
    eventually(lambda: ask(admin, running) == [("SELECT SLEEP(31)",)], within=10)
    ask(admin, f"KILL {session}")
    told = call.raised()
    assert isinstance(told, errors.FailoverSuccessError)
    assert not told.outcome_known


def by(relay: Relay, cluster: Cluster) -> dict[str, Any]:
    """The arguments of a connection by a relay to a cluster's writer."""
    pattern = cluster.writer.endpoint.replace(cluster.writer.id, "?")
    return {
        "host": "127.0.0.1",
        "port": relay.port,
        "wrapper_dialect": "aurora-mysql",
        "cluster_instance_host_pattern": f"{pattern}:{cluster.port}",
    }


@pytest.mark.parametrize(("code", "state"), [(4031, "HY000"), (1153, "08S01")])
def test_session_that_the_server_ended_by_a_limit_of_its_own_is_replaced(
    mysql_cluster: Cluster, connect: Connect, code: int, state: str
) -> None:
    with Relay(mysql_cluster.writer_endpoint, mysql_cluster.port) as relay:
        made = connect(**by(relay, mysql_cluster))
        made.run("SET SESSION lock_wait_timeout = 17")
        session = session_of(made)
        made.run("SELECT 1")
        relay.end_next(code, state, "the server's words")
        with pytest.raises(mysql.connector.Error) as caught:
            made.query("SELECT 2")
        assert caught.value.errno == code
        assert not isinstance(caught.value, errors.FailoverError)
        assert made.run("SELECT @@lock_wait_timeout") == [(17,)]
        assert session_of(made) != session
        report = made.connection.failover_report
        assert report.to_host == mysql_cluster.writer.id
        assert report.vendor_code == code


@pytest.mark.parametrize("connect", ["pure", "c"], indirect=True)
def test_limit_that_the_ping_of_cursor_met(mysql_cluster: Cluster, connect: Connect) -> None:
    with Relay(mysql_cluster.writer_endpoint, mysql_cluster.port) as relay:
        made = connect(**by(relay, mysql_cluster))
        made.run("SELECT 1")
        relay.end_next(4031, "HY000", "the server's words")
        with pytest.raises(mysql.connector.OperationalError) as caught:
            made.cursor()
        told = isinstance(made.connection, mysql.connector.MySQLConnection)
        # The C build's ping tells nothing of the error, so it is any loss of a link.
        assert isinstance(caught.value, errors.FailoverError) != told
        assert made.connection.failover_report.to_host == mysql_cluster.writer.id
        assert made.run("SELECT 1") == [(1,)]


def test_packet_that_is_too_large_is_the_drivers_error(connect: Connect, admin: Any) -> None:
    ((before,),) = ask(admin, "SELECT @@max_allowed_packet")
    ask(admin, "SET GLOBAL max_allowed_packet = 1048576")
    try:
        made = connect()
        with pytest.raises(mysql.connector.Error) as caught:
            made.run("SELECT LENGTH('" + "x" * 4_000_000 + "')")
        assert not isinstance(caught.value, errors.FailoverError)
        assert made.run("SELECT 1") == [(1,)]
    finally:
        ask(admin, f"SET GLOBAL max_allowed_packet = {before}")


def test_read_timeout_ends_a_slow_statement_on_a_healthy_host(connect: Connect, admin: Any) -> None:
    made = connect(read_timeout=1)
    session = session_of(made)
    with pytest.raises(errors.QueryTimeoutError) as caught:
        made.run("SELECT SLEEP(30)")
    assert isinstance(caught.value, mysql.connector.OperationalError)
    assert isinstance(caught.value.driver_error, mysql.connector.Error)
    assert made.connection.is_closed
    assert made.connection.failover_report is None
    eventually(is_gone(admin, session), within=10)
    with pytest.raises(mysql.connector.OperationalError, match="not available"):
        made.run("SELECT 1")
    made.connect()
    assert made.run("SELECT 2") == [(2,)]


@pytest.mark.parametrize("plugins", ["failover", "host_monitoring"])
def test_read_timeout_is_told_with_either_plugin(connect: Connect, plugins: str) -> None:
    made = connect(read_timeout=1, plugins=plugins)
    with pytest.raises(errors.QueryTimeoutError):
        made.run("SELECT SLEEP(30)")
    assert made.connection.is_closed


def test_read_timeout_on_a_host_that_is_gone_is_a_failover(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    made = connect(read_timeout=1, plugins="failover")
    mysql_cluster.failover(how="freeze")
    with pytest.raises(errors.FailoverSuccessError):
        made.run("SELECT 1")
    assert made.run("SELECT @@aurora_server_id") == [(mysql_cluster.writer.id,)]


def test_slow_statement_in_sqlalchemy_is_a_disconnect(mysql_cluster: Cluster) -> None:
    url = sa.URL.create(
        "mysql+aws_wrapper_mysqlconnector",
        username=mysql_cluster.user,
        password=mysql_cluster.password,
        host=mysql_cluster.writer_endpoint,
        database=mysql_cluster.database,
    )
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, connect_args={"read_timeout": 1})
    with engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.exec_driver_sql("SELECT SLEEP(30)")
        assert isinstance(caught.value.orig, errors.QueryTimeoutError)
        assert caught.value.connection_invalidated
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 2").scalar_one() == 2
    engine.dispose()
