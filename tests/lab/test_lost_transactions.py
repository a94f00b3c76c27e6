# SPDX-License-Identifier: Apache-2.0
"""What has lost a part of a transaction can't commit the rest, whatever way it takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import mysql.connector
import psycopg
import pytest
from aurora_lab import Cluster
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import mysql_connector as mysql_face
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from lab_help import Connect

Open = Callable[..., Any]
INTRANS = psycopg.pq.TransactionStatus.INTRANS


@pytest.fixture
def halves(aurora_cluster: Cluster) -> None:
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.execute("DROP TABLE IF EXISTS halves")
        admin.execute("CREATE TABLE halves (n int)")
        admin.execute(f"GRANT ALL ON halves TO {aurora_cluster.user}")


@pytest.fixture(params=["pure", "c"])
def open_mysql(request: pytest.FixtureRequest, mysql_cluster: Cluster) -> Iterator[Open]:
    opened: list[Any] = []

    def open_one(**kwargs: Any) -> Any:
        use_pure = request.param == "pure"
        opened.append(mysql_face.connect(mysql_cluster.dsn(), use_pure=use_pure, **kwargs))
        return opened[-1]

    run(mysql_cluster.connect(mysql_cluster.writer.id), "CREATE OR REPLACE TABLE halves (n INT)")
    yield open_one
    for connection in opened:
        connection.close()


def run(connection: Any, sql: str) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(sql)
    found = list(cursor.fetchall()) if cursor.description else []
    cursor.close()
    return found


def lose(cluster: Cluster, connection: Any) -> None:
    """Lose the server within a transaction, and catch the error."""
    cluster.failover(how="crash")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        run(connection, "SELECT count(*) FROM halves")


def left(cluster: Cluster) -> list[int]:
    """What every server has."""
    found = cluster.committed("SELECT n FROM halves ORDER BY n")
    rows = {server: [n for (n,) in rows] for server, rows in found.items()}
    assert len({str(one) for one in rows.values()}) == 1
    return next(iter(rows.values()))


COMMITS: dict[str, Callable[[Any], Any]] = {
    "commit()": lambda connection: connection.commit(),
    "COMMIT": lambda connection: run(connection, "COMMIT"),
    "with a comment": lambda connection: run(connection, "/* well */ -- done\n commit"),
}


@pytest.mark.parametrize("how", [*COMMITS, "END", "several"])
@pytest.mark.usefixtures("halves")
def test_first_commit_raises_and_all_is_well_again(
    aurora_cluster: Cluster, connect: Connect, how: str
) -> None:
    others: dict[str, Callable[[Any], Any]] = {
        "END": lambda connection: connection.execute("END"),
        "several": lambda connection: connection.execute("INSERT INTO halves VALUES (3); COMMIT"),
    }
    commit = {**COMMITS, **others}[how]
    connection = connect()
    run(connection, "INSERT INTO halves VALUES (1)")
    lose(aurora_cluster, connection)
    run(connection, "INSERT INTO halves VALUES (2)")
    with pytest.raises(errors.TransactionResolutionUnknownError) as told:
        commit(connection)
    assert told.value.outcome_known
    assert told.value.failover_report is connection.failover_report
    assert isinstance(told.value, psycopg.OperationalError)
    run(connection, "INSERT INTO halves VALUES (4)")
    commit(connection)
    assert set(left(aurora_cluster)) <= {3, 4}
    assert left(aurora_cluster)[-1] == 4


@pytest.mark.usefixtures("halves")
def test_rollback_ends_the_lost_transaction(aurora_cluster: Cluster, connect: Connect) -> None:
    for end in ("rollback", "ROLLBACK"):
        connection = connect()
        run(connection, "INSERT INTO halves VALUES (1)")
        lose(aurora_cluster, connection)
        run(connection, "INSERT INTO halves VALUES (2)")
        connection.rollback() if end == "rollback" else run(connection, end)
        run(connection, "INSERT INTO halves VALUES (3)")
        connection.commit()
        aurora_cluster.heal()
    assert left(aurora_cluster) == [3, 3]


@pytest.mark.usefixtures("halves")
def test_transaction_begun_by_sql_in_autocommit_mode_stays_one(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO halves VALUES (1)")
    lose(aurora_cluster, connection)
    assert connection.info.transaction_status == INTRANS
    with pytest.raises(psycopg.ProgrammingError, match="autocommit"):
        connection.autocommit = False
    connection.execute("INSERT INTO halves VALUES (2)")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute("COMMIT")
    connection.execute("INSERT INTO halves VALUES (3)")
    assert left(aurora_cluster) == [3]


@pytest.mark.parametrize("way", ["executemany", "COPY", "stream", "named cursor", "pipeline"])
@pytest.mark.usefixtures("halves")
def test_whatever_meets_the_failover(aurora_cluster: Cluster, connect: Connect, way: str) -> None:
    def copy(connection: Any) -> None:
        with connection.cursor().copy("COPY halves FROM STDIN") as rows:
            rows.write_row((5,))

    def pipeline(connection: Any) -> None:
        with connection.pipeline():
            connection.execute("INSERT INTO halves VALUES (5)")
            connection.execute("INSERT INTO halves VALUES (6)")

    def named(connection: Any) -> None:
        with connection.cursor("named") as cursor:
            cursor.execute("SELECT 1")

    ways: dict[str, Callable[[Any], Any]] = {
        "executemany": lambda c: c.cursor().executemany("INSERT INTO halves VALUES (%s)", [(5,)]),
        "COPY": copy,
        "stream": lambda c: list(c.cursor().stream("SELECT 1")),
        "named cursor": named,
        "pipeline": pipeline,
    }
    for autocommit in (True, False):
        connection = connect(autocommit=autocommit)
        if autocommit:
            connection.execute("BEGIN")
        connection.execute("INSERT INTO halves VALUES (1)")
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.TransactionResolutionUnknownError):
            ways[way](connection)
        connection.execute("INSERT INTO halves VALUES (2)")
        with pytest.raises(errors.TransactionResolutionUnknownError):
            connection.execute("COMMIT")
        aurora_cluster.heal()
    assert left(aurora_cluster) == []


@pytest.mark.usefixtures("halves")
def test_commit_that_is_lost_itself_ends_the_transaction(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    for name, commit in COMMITS.items():
        connection = connect()
        run(connection, "INSERT INTO halves VALUES (1)")
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.TransactionResolutionUnknownError):
            commit(connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE, name
        run(connection, "INSERT INTO halves VALUES (2)")
        connection.commit()
        aurora_cluster.heal()
    assert left(aurora_cluster) == [2] * len(COMMITS)


@pytest.mark.usefixtures("halves")
def test_with_block_commits_nothing_and_closes_its_connection(aurora_cluster: Cluster) -> None:
    def work() -> None:
        with connection:
            connection.execute("INSERT INTO halves VALUES (1)")
            lose(aurora_cluster, connection)
            connection.execute("INSERT INTO halves VALUES (2)")

    connection = PsycopgConnection.connect(aurora_cluster.dsn())
    with pytest.raises(errors.TransactionResolutionUnknownError):
        work()
    assert connection.closed
    assert left(aurora_cluster) == []


def test_with_block_whose_commit_meets_the_failover_closes_its_connection(
    aurora_cluster: Cluster,
) -> None:
    def work() -> None:
        with connection:
            connection.execute("SELECT 1")
            aurora_cluster.failover(how="crash")

    connection = PsycopgConnection.connect(aurora_cluster.dsn())
    with pytest.raises(errors.TransactionResolutionUnknownError):
        work()
    assert connection.closed


@pytest.mark.usefixtures("halves")
def test_block_of_a_pool_commits_nothing_and_gives_a_good_connection_back(
    aurora_cluster: Cluster,
) -> None:
    def work() -> None:
        with pool.connection() as connection:
            connection.execute("INSERT INTO halves VALUES (1)")
            lose(aurora_cluster, connection)
            connection.execute("INSERT INTO halves VALUES (2)")

    with ConnectionPool(
        aurora_cluster.dsn(), connection_class=PsycopgConnection, min_size=1, max_size=1
    ) as pool:
        with pytest.raises(errors.TransactionResolutionUnknownError):
            work()
        with pool.connection() as connection:
            connection.execute("INSERT INTO halves VALUES (3)")
    assert left(aurora_cluster) == [3]


@pytest.mark.usefixtures("halves")
def test_connection_that_a_pool_takes_back_is_rolled_back(aurora_cluster: Cluster) -> None:
    with ConnectionPool(
        aurora_cluster.dsn(), connection_class=PsycopgConnection, min_size=1, max_size=1
    ) as pool:
        borrowed = pool.getconn()
        borrowed.execute("INSERT INTO halves VALUES (1)")
        lose(aurora_cluster, borrowed)
        pool.putconn(borrowed)
        with pool.connection() as connection:
            connection.execute("INSERT INTO halves VALUES (2)")
    assert left(aurora_cluster) == [2]


@pytest.mark.usefixtures("halves")
def test_close_tells_of_what_is_not_committed(
    aurora_cluster: Cluster, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(autocommit=True)
    connection.execute("BEGIN")
    lose(aurora_cluster, connection)
    connection.execute("INSERT INTO halves VALUES (2)")
    with caplog.at_level(logging.WARNING, "aws_advanced_python_wrapper"):
        connection.close()
    assert "not committed" in caplog.text
    assert left(aurora_cluster) == []


@pytest.mark.usefixtures("halves")
def test_upstreams_behaviour_can_be_chosen(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(commit_after_lost_transaction=True)
    connection.execute("INSERT INTO halves VALUES (1)")
    lose(aurora_cluster, connection)
    connection.execute("INSERT INTO halves VALUES (2)")
    connection.commit()
    assert left(aurora_cluster) == [2]


@pytest.mark.parametrize("how", COMMITS)
@pytest.mark.parametrize("autocommit", [True, False])
def test_first_commit_raises_on_mysql(
    mysql_cluster: Cluster, open_mysql: Open, autocommit: bool, how: str
) -> None:
    connection = open_mysql(autocommit=autocommit)
    if autocommit:
        connection.start_transaction()
    run(connection, "INSERT INTO halves VALUES (1)")
    lose(mysql_cluster, connection)
    assert connection.in_transaction
    run(connection, "INSERT INTO halves VALUES (2)")
    with pytest.raises(errors.TransactionResolutionUnknownError) as told:
        COMMITS[how](connection)
    assert told.value.outcome_known
    assert isinstance(told.value, mysql.connector.OperationalError)
    assert not connection.in_transaction
    run(connection, "INSERT INTO halves VALUES (3)")
    connection.commit()
    assert left(mysql_cluster) == [3]


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE IF NOT EXISTS another (n INT)", "SET autocommit = 1", "LOCK TABLES halves READ"],
)
def test_what_commits_without_a_word_is_refused_on_mysql(
    mysql_cluster: Cluster, open_mysql: Open, statement: str
) -> None:
    connection = open_mysql()
    run(connection, "INSERT INTO halves VALUES (1)")
    lose(mysql_cluster, connection)
    run(connection, "INSERT INTO halves VALUES (2)")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        run(connection, statement)
    connection.rollback()
    assert left(mysql_cluster) == []


def test_autocommit_that_is_switched_on_is_refused_on_mysql(
    mysql_cluster: Cluster, open_mysql: Open
) -> None:
    connection = open_mysql()
    run(connection, "INSERT INTO halves VALUES (1)")
    lose(mysql_cluster, connection)
    run(connection, "INSERT INTO halves VALUES (2)")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.autocommit = True
    connection.autocommit = True
    assert left(mysql_cluster) == []


def test_transaction_is_begun_again_without_a_rollback_on_mysql(
    mysql_cluster: Cluster, open_mysql: Open
) -> None:
    def transaction() -> None:
        connection.start_transaction()
        run(connection, "INSERT INTO halves VALUES (1)")
        if not faults:
            faults.append(mysql_cluster.failover(how="crash"))
        run(connection, "INSERT INTO halves VALUES (2)")
        connection.commit()

    faults: list[Any] = []
    connection = open_mysql(autocommit=True)
    for _ in range(2):
        with pytest.raises(errors.TransactionResolutionUnknownError):
            transaction()
    transaction()
    assert left(mysql_cluster) == [1, 2]


def test_savepoint_before_all_work_is_a_part_on_mysql(
    mysql_cluster: Cluster, open_mysql: Open
) -> None:
    connection = open_mysql()
    run(connection, "SAVEPOINT s")
    lose(mysql_cluster, connection)
    run(connection, "INSERT INTO halves VALUES (1)")
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.commit()
    run(connection, "SAVEPOINT s")
    run(connection, "INSERT INTO halves VALUES (2)")
    connection.commit()
    assert left(mysql_cluster) == [2]
