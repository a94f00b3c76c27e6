# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's connections on a MySQL cluster, in both builds of the driver."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mysql.connector
import pytest
from aurora_lab import Cluster, Resolver, eventually
from mysql.connector.conversion import MySQLConverter

from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper._core.waits import LinkGivenUp
from aws_advanced_python_wrapper.mysql_connector._link import ask, cut_off
from aws_advanced_python_wrapper.mysql_connector._socket import SocketSearch
from lab_help import Background, counter, user_environment

PROGRAMS = Path(__file__).parents[2] / "examples"
FIRST = Path(__file__).parents[1] / "first"
Connect = Callable[..., Any]


@pytest.fixture(params=["pure", "c"])
def use_pure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "pure")


@pytest.fixture
def connect(mysql_cluster: Cluster, use_pure: bool) -> Iterator[Connect]:
    opened: list[Any] = []

    def open_one(**kwargs: Any) -> Any:
        opened.append(face.connect(mysql_cluster.dsn(), use_pure=use_pure, **kwargs))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def table(mysql_cluster: Cluster) -> str:
    with mysql.connector.connect(**login(mysql_cluster), autocommit=True) as admin:
        admin.cursor().execute("CREATE OR REPLACE TABLE marks (n INT PRIMARY KEY)")
    return "marks"


def test_instances_endpoint_leads_to_its_cluster_where_nothing_is_known_yet(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    name, instance = list(mysql_cluster.instances.items())[-1]
    with face.connect(mysql_cluster.dsn(instance.endpoint), use_pure=use_pure) as connection:
        assert connection.current_host == name
        assert len(connection.topology.hosts) == len(mysql_cluster.instances)


def login(cluster: Cluster) -> dict[str, Any]:
    return {
        "host": cluster.writer_endpoint,
        "user": cluster.user,
        "password": cluster.password,
        "database": cluster.database,
        "use_pure": True,
    }


def rows(connection: Any, sql: str) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(sql)
    found = list(cursor.fetchall())
    cursor.close()
    return found


def where(connection: Any) -> str:
    return str(rows(connection, "SELECT @@aurora_server_id")[0][0])


@pytest.mark.parametrize(
    "statement", ["SELECT seq FROM seq_1_to_20000", "SELECT REPEAT('x', 3000000)"]
)
def test_answer_without_end_to_a_question_of_the_engine_is_given_up(
    mysql_cluster: Cluster, use_pure: bool, statement: str
) -> None:
    given = {**login(mysql_cluster), "use_pure": use_pure}
    search = SocketSearch(hidden=not use_pure)
    with mysql.connector.connect(**given) as link:
        sock = search.socket_of(link)
        with pytest.raises(LinkGivenUp, match="1048576 bytes or 10000 rows"):
            ask(link, sock, [statement], 10)
        cut_off(sock, link._socket.close_connection if use_pure else link._cmysql.close)


def test_documented_programs_run_verbatim() -> None:
    # Their cluster has the name of the PostgreSQL tests' one: it gets a view of its own.
    resolver = Resolver()
    try:
        with Cluster(engine="mysql", readers=1, resolver=resolver) as cluster:
            writer = cluster.writer.id
            of_user = {**user_environment(), **resolver.environment()}
            c_build_first = {**of_user, "PYTHONPATH": str(FIRST)}
            for program in ("mysql_creator.py", "mysql_url.py"):
                text = (PROGRAMS / program).read_text()
                without = text.replace("        use_pure=True,\n", "").replace("&use_pure=True", "")
                by_c = text.replace("use_pure=True", "use_pure=False")
                for variant, environment in (
                    (text, of_user),
                    (without, of_user),
                    (without, c_build_first),
                    (by_c, c_build_first),
                ):
                    assert "use_pure=True" not in variant or variant is text
                    done = subprocess.run(
                        [sys.executable, "-W", "error", "-c", variant],
                        capture_output=True,
                        text=True,
                        timeout=60,
                        check=False,
                        env=environment,
                    )
                    expected = f"('{writer}',)\n" if "creator" in program else ""
                    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)
    finally:
        resolver.close()


def test_connection_is_the_drivers_and_ours(connect: Connect, use_pure: bool) -> None:
    connection = connect()
    driver = mysql.connector.MySQLConnection if use_pure else mysql.connector.CMySQLConnection
    assert isinstance(connection, driver)
    assert isinstance(connection, AwsWrapperConnection)
    assert connection.topology.writer.id == connection.current_host
    assert not connection.is_closed
    assert connection.is_connected()
    connection.close()
    assert connection.is_closed
    assert not connection.is_connected()


def test_any_form_of_the_target_is_taken(mysql_cluster: Cluster) -> None:
    for target in (mysql.connector.connect, mysql.connector.MySQLConnection):
        with AwsWrapperConnection.connect(target, mysql_cluster.dsn()) as connection:
            assert where(connection) == mysql_cluster.writer.id


@pytest.mark.parametrize("how", ["crash", "planned"])
def test_lost_writer_is_replaced(mysql_cluster: Cluster, connect: Connect, how: Any) -> None:
    connection = connect()
    old = where(connection)
    connection.commit()
    mysql_cluster.failover(how=how)
    with pytest.raises(errors.FailoverSuccessError) as caught:
        where(connection)
    assert isinstance(caught.value, mysql.connector.OperationalError)
    assert caught.value.sqlstate == "08S02"
    assert isinstance(caught.value.__cause__, mysql.connector.Error)
    assert caught.value.failover_report.from_host == old
    report = caught.value.failover_report
    assert report.trigger == "retired" or report.vendor_code in (2006, 2013, 2055)
    assert where(connection) == mysql_cluster.truth().writer != old


def test_first_statement_with_parameters_hears_of_the_failover(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    """Before it the driver asks for the SQL mode, and makes another error of what that raises."""
    connection = connect(autocommit=True)
    connection.start_transaction()
    where(connection)
    cursor = connection.cursor()

    mysql_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        cursor.execute("SELECT %s", [1])
    cursor.execute("SELECT %s", [2])
    assert cursor.fetchall() == [(2,)]
    assert where(connection) == mysql_cluster.writer.id


def test_lost_reader_is_replaced_by_another(mysql_cluster: Cluster, use_pure: bool) -> None:
    endpoint = mysql_cluster.reader_endpoint
    with face.connect(
        mysql_cluster.dsn(endpoint), use_pure=use_pure, autocommit=True
    ) as connection:
        lost = where(connection)
        assert lost != mysql_cluster.writer.id
        mysql_cluster.lose_reader(lost)
        with pytest.raises(errors.FailoverSuccessError):
            where(connection)
        assert where(connection) not in (lost, mysql_cluster.writer.id)


def test_frozen_writer_is_left_by_default_settings(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    connection = connect()
    old = where(connection)
    connection.commit()
    call = Background(lambda: rows(connection, "SELECT SLEEP(60)"))
    began = time.monotonic()
    eventually(lambda: time.monotonic() > began + 0.3, within=5)
    mysql_cluster.failover(how="freeze")
    assert isinstance(call.raised(), errors.FailoverSuccessError)
    assert where(connection) == mysql_cluster.truth().writer != old


def test_open_transaction_is_told(mysql_cluster: Cluster, connect: Connect, table: str) -> None:
    connection = connect()
    rows(connection, "SELECT 1")
    connection.commit()
    connection.cursor().execute(f"INSERT INTO {table} VALUES (1)")
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.commit()
    assert rows(connection, f"SELECT count(*) FROM {table}") == [(0,)]


def test_session_state_is_brought_over(mysql_cluster: Cluster, connect: Connect) -> None:
    connection = connect()
    connection.autocommit = True
    connection.time_zone = "+03:00"
    connection.sql_mode = "ANSI_QUOTES"
    connection.set_charset_collation("latin1")
    for sql in (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION lock_wait_timeout = 5, time_zone = '+01:00'",
        "\n SET SESSION lock_wait_timeout = 17",
        "SET @old = 16",
        "SET SESSION max_statement_time = @old",
        "USE information_schema",
    ):
        connection.cursor().execute(sql)
    question = (
        "SELECT @@autocommit, @@time_zone, @@sql_mode, @@character_set_client, @@tx_isolation, "
        "@@tx_read_only, @@lock_wait_timeout, DATABASE()"
    )
    before = rows(connection, question)
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        where(connection)
    assert rows(connection, question) == before
    assert before == [
        (1, "+01:00", "ANSI_QUOTES", "latin1", "READ-COMMITTED", 1, 17, "information_schema")
    ]


def test_what_the_drivers_own_methods_set_is_brought_over(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    connection.reset_session(session_variables={"lock_wait_timeout": 17})
    connection.cmd_init_db("information_schema")
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        where(connection)
    assert rows(connection, "SELECT @@lock_wait_timeout, DATABASE()") == [
        (17, "information_schema")
    ]


def test_a_setting_that_is_refused_on_the_new_server_is_left_out(
    mysql_cluster: Cluster, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(autocommit=True)
    with mysql_cluster.connect(mysql_cluster.writer.id) as admin:
        admin.cursor().execute("CREATE DATABASE passing")
        admin.cursor().execute(f"GRANT ALL ON passing.* TO {mysql_cluster.user}")
        connection.database = "passing"
        admin.cursor().execute("DROP DATABASE passing")
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        where(connection)
    assert rows(connection, "SELECT DATABASE()") == [(mysql_cluster.database,)]
    assert "USE `passing`" in caplog.text


def test_a_reset_that_meets_a_failover_is_a_reset(mysql_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True)
    connection.cursor().execute("SET SESSION lock_wait_timeout = 17")
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.reset_session()
    assert rows(connection, "SELECT @@lock_wait_timeout") != [(17,)]


def test_only_the_settings_of_several_statements_run_again(
    mysql_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect(autocommit=True)
    text = f"SET SESSION lock_wait_timeout = 17; INSERT INTO {table} VALUES (1)"
    cursor = connection.cursor()
    cursor.execute(text)
    while cursor.nextset():
        pass
    cursor.close()
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        where(connection)
    assert rows(connection, "SELECT @@lock_wait_timeout") == [(17,)]
    assert rows(connection, f"SELECT count(*) FROM {table}") == [(1,)]


@pytest.mark.parametrize("way", ["ping", "reconnect"])
def test_ping_that_reconnects_moves_the_connection_with_what_was_set(
    mysql_cluster: Cluster, connect: Connect, way: str
) -> None:
    connection = connect(autocommit=True)
    connection.cmd_query("SET SESSION sql_mode = 'ANSI'")
    mysql_cluster.failover(how="crash")
    if way == "ping":
        connection.ping(reconnect=True)
    else:
        connection.reconnect()
    assert where(connection) == mysql_cluster.writer.id
    assert "ANSI" in rows(connection, "SELECT @@session.sql_mode")[0][0]
    before = connection.connection_id
    connection.reconnect()
    assert connection.connection_id != before
    assert "ANSI" in rows(connection, "SELECT @@session.sql_mode")[0][0]


def test_ping_that_reconnects_tells_of_a_lost_transaction(
    mysql_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()
    connection.cmd_query(f"INSERT INTO {table} VALUES (1)")
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.ping(reconnect=True)
    connection.rollback()
    assert rows(connection, f"SELECT * FROM {table}") == []


def test_config_changes_the_next_connect(mysql_cluster: Cluster, connect: Connect) -> None:
    connection = connect()
    connection.config(plugins="", database="information_schema")
    connection.reconnect()
    assert rows(connection, "SELECT DATABASE()") == [("information_schema",)]
    assert connection.current_host is None
    with pytest.raises(AttributeError, match="plugs"):
        connection.config(plugs="")
    with pytest.raises(face.AwsWrapperError, match="soon"):
        connection.config(failover_timeout_sec="soon")
    connection.config(plugins="failover")
    connection.connect(database=mysql_cluster.database)
    assert connection.current_host == mysql_cluster.truth().writer


def test_pool_of_the_driver_holds_our_connections(mysql_cluster: Cluster, use_pure: bool) -> None:
    arguments = {"pool_name": f"marks-{use_pure}", "pool_size": 2, "use_pure": use_pure}

    def take() -> Any:
        return face.connect(mysql_cluster.dsn(), plugins="failover", **arguments)

    first, second = take(), take()
    assert isinstance(first, face.pooling.PooledMySQLConnection)
    assert isinstance(first._cnx, AwsWrapperConnection)
    with pytest.raises(face.pooling.PoolError, match="exhausted"):
        take()
    server = first.connection_id
    first.close()
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        where(second)
    second.close()
    # The idle one is found dead as it is taken, and opened anew.
    taken = [take(), take()]
    assert server not in [one.connection_id for one in taken]
    assert [where(one) for one in taken] == [mysql_cluster.truth().writer] * 2
    pool = first._cnx_pool
    for one in taken:
        one.close()
    with pytest.raises(face.pooling.PoolError, match="Size can not be changed"):
        face.connect(mysql_cluster.dsn(), **{**arguments, "pool_size": "3"})
    with pytest.raises(face.AwsWrapperError, match='pool_size: the value "many"'):
        face.connect(mysql_cluster.dsn(), **{**arguments, "pool_size": "many"})
    assert pool._remove_connections() == 2
    pool = face.MySQLConnectionPool(pool_name="own", pool_size=1, **login(mysql_cluster))
    with pool.get_connection() as one:
        assert isinstance(one._cnx, AwsWrapperConnection)
    with pytest.raises(face.pooling.PoolError, match="plugs"):
        pool.set_config(plugs="")
    assert pool._remove_connections() == 1


def test_every_kind_of_cursor_lives_on(mysql_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True)
    kinds: list[dict[str, Any]] = [
        {},
        {"buffered": True},
        {"dictionary": True},
        {"raw": True},
        {"prepared": True},
    ]
    cursors = [connection.cursor(**kind) for kind in kinds]
    for cursor in cursors:
        cursor.execute("SELECT 1 AS one")
        cursor.fetchall()
    mysql_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        cursors[0].execute("SELECT 1 AS one")
    for cursor in cursors:
        cursor.execute("SELECT 1 AS one")
        assert len(cursor.fetchall()) == 1


def test_failover_within_a_fetch_a_procedure_and_several_statements(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    connection.cursor().execute(
        "CREATE OR REPLACE PROCEDURE twice(n INT) BEGIN SELECT n; SELECT 2 * n; END"
    )

    def fetch() -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT repeat('x', 1000) FROM seq_1_to_200000")
        cursor.fetchone()
        mysql_cluster.failover(how="crash")
        cursor.fetchall()

    def procedure() -> None:
        mysql_cluster.failover(how="crash")
        connection.cursor().callproc("twice", (7,))

    for work in (fetch, procedure):
        with pytest.raises(errors.FailoverError) as caught:
            work()
        assert not isinstance(caught.value, errors.FailoverFailedError)
        mysql_cluster.heal()
    cursor = connection.cursor()
    cursor.callproc("twice", (7,))
    with pytest.warns(DeprecationWarning, match="stored_results"):
        found = [list(result.fetchall()) for result in cursor.stored_results()]
    assert found == [[(7,)], [(14,)]]


def test_many_failovers_work_like_the_first(mysql_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True)
    for _ in range(4):
        mysql_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            where(connection)
        assert where(connection) == mysql_cluster.truth().writer
        mysql_cluster.heal()


def slow_converter() -> type[MySQLConverter]:
    """Keeps a call busy, with its result there, until a monitor has given it up."""
    aborted = counter("calls_aborted")

    class SlowConverter(MySQLConverter):
        def row_to_python(self, row: Any, fields: Any) -> Any:
            eventually(lambda: counter("calls_aborted") > aborted, within=10)
            return super().row_to_python(row, fields)

        def to_python(self, vtype: Any, value: Any) -> Any:
            eventually(lambda: counter("calls_aborted") > aborted, within=10)
            return super().to_python(vtype, value)

    return SlowConverter


def test_a_link_that_a_monitor_gave_up_is_left_once(connect: Connect) -> None:
    connection = connect(autocommit=True, socket_timeout=0.1, converter_class=slow_converter())
    assert rows(connection, "SELECT 1") == [(1,)]
    with pytest.raises(errors.FailoverSuccessError) as caught:
        where(connection)
    assert not isinstance(caught.value.__cause__, errors.FailoverError)
    assert caught.value.outcome_known
    assert where(connection) == connection.current_host


def test_a_link_that_a_monitor_gave_up_is_closed_where_nothing_replaces_it(
    connect: Connect,
) -> None:
    connection = connect(
        plugins="host_monitoring",
        autocommit=True,
        socket_timeout=0.1,
        converter_class=slow_converter(),
    )
    assert rows(connection, "SELECT 1") == [(1,)]
    with pytest.raises(errors.QueryTimeoutError):
        rows(connection, "SELECT 1")
    assert connection.is_closed
    assert not connection.is_connected()


def test_is_connected_never_hangs(mysql_gated_cluster: Cluster, use_pure: bool) -> None:
    cluster = mysql_gated_cluster
    connection = face.connect(
        cluster.dsn(), use_pure=use_pure, plugins="host_monitoring", socket_timeout=0.5
    )
    assert connection.is_connected()
    cluster.gate(cluster.writer.id).freeze()
    call = Background(connection.is_connected)
    call.join(within=10)
    assert call.value is False
    connection.invalidate()


def test_socket_timeout_ends_a_call(connect: Connect) -> None:
    connection = connect(plugins="", socket_timeout=0.3)
    with pytest.raises(errors.QueryTimeoutError):
        rows(connection, "SELECT SLEEP(30)")


def test_settings_that_are_not_possible_are_refused_before_anything_is_sent() -> None:
    for arguments, text in (
        ({"failover_timeout_sec": "soon"}, "failover_timeout_sec"),
        ({"plugins": "failover,iam"}, "there are: execute_time"),
        ({"wrapper_dialect": "aurora-pg"}, "aurora-mysql"),
        ({"use_pure": "perhaps"}, "use_pure"),
        ({"dns_srv": True}, "dns_srv"),
        ({"conninfo": "autocommit=perhaps"}, "autocommit"),
        ({"conninfo": "connection_timeout=soon"}, "connection_timeout"),
    ):
        with pytest.raises(face.Error, match=text):
            face.connect(**{"host": "127.0.0.1", "port": 1, **arguments})
    for use_pure in (True, False):
        with pytest.raises(AttributeError, match=r"'plugs' \(did you mean \"plugins\"\?\)"):
            face.connect(host="127.0.0.1", port=1, use_pure=use_pure, plugs="")


def test_words_of_a_connection_string_are_typed_as_the_drivers_defaults(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    text = f"{mysql_cluster.dsn()} autocommit=false connection_timeout=7 buffered=on"
    with face.connect(text, use_pure=use_pure) as connection:
        assert rows(connection, "SELECT @@autocommit") == [(0,)]
        assert connection._connection_timeout == 7
        assert connection._buffered is True


def test_shutdown_of_the_user_is_no_failover(mysql_cluster: Cluster) -> None:
    connection = face.connect(mysql_cluster.dsn(), use_pure=True)
    connection.shutdown()
    with pytest.raises(mysql.connector.Error) as caught:
        where(connection)
    assert not isinstance(caught.value, errors.FailoverError)
    assert connection.is_closed


def test_a_lost_link_never_costs_another_its_socket(
    mysql_cluster: Cluster, connect: Connect
) -> None:
    """The driver closes its socket by itself; by then its number may be another socket's."""
    connection = connect(autocommit=True)
    mysql_cluster.failover(how="crash")
    mine, theirs = socket.socketpair()
    with mine, theirs:
        with pytest.raises(errors.FailoverSuccessError):
            where(connection)
        others = [socket.socketpair() for _ in range(20)]
        connection.invalidate()
        for left, right in [(mine, theirs), *others]:
            left.sendall(b"x")
            assert right.recv(1) == b"x"
            left.close()
            right.close()


@pytest.mark.parametrize(
    "first", ["aws_advanced_python_wrapper.mysql_connector", "_mysql_connector"]
)
def test_c_build_works_in_either_order_of_imports(first: str) -> None:
    program = (
        f"import {first}, ssl, psycopg, _mysql_connector\n"
        "from aws_advanced_python_wrapper import mysql_connector\n"
        "assert mysql_connector.HAVE_CEXT\n"
        "print(type(mysql_connector.new_connection()).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=user_environment(),
    )
    assert (done.stdout, done.stderr) == ("AwsWrapperCMySQLConnection\n", "")
